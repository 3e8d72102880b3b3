/* T31 of access.md section 12, and what guardians are there for, on real
 * replicas with real keys. */
#include "sync/guardian.h"
#include "sync/pairing.h"
#include "tests/unit/sync/group.h"

#define GUARDIANS 3
#define NEEDED 2

/* ann makes a document with three guardians; fay writes in it, mal has only
 * been met by fay, who knows ann too. */
struct scene {
	struct device ann, fay, mal;
	uint32_t in_ann, in_fay;
	struct arena arena;
	struct guard_request q;
};

/* The phrase of a guardian, who has no device here. */
static void
phrase(uint8_t entropy[16], uint8_t who)
{
	memset(entropy, 0, 16);
	entropy[15] = (uint8_t)(who + 1);
}

static void
introduce(struct device *to, struct device *whom)
{
	BUF_SCOPED card = { .max = CARD_MAX };
	bool is_new;

	device_begin(whom);
	ok(person_card(whom->r, &card));
	device_commit(whom);
	device_begin(to);
	ok(person_keep_card(to->r, buf_bytes(&card), &is_new));
	device_commit(to);
}

static void
scene_make(struct scene *s)
{
	struct guardians guardians = { .len = GUARDIANS, .needed = NEEDED };
	const struct creation plan = {
		.name = "plan", .type = "map", .guardians = &guardians
	};

	memset(s, 0, sizeof(*s));
	s->arena.max = REVOKE_MEMORY_MAX;
	device_make(&s->ann, 1, "ann");
	device_make(&s->fay, 2, "fay");
	device_make(&s->mal, 3, "mal");
	for (uint8_t i = 0; i < GUARDIANS; i++) {
		uint8_t entropy[16];
		struct sign_key root;

		phrase(entropy, i);
		ok(recover_root(&root, entropy));
		memcpy(guardians.keys[i], root.pk, SIGN_PK_LEN);
		sign_key_clear(&root);
	}
	device_begin(&s->ann);
	ok(replica_create_as(s->ann.r, &plan, &s->in_ann));
	device_commit(&s->ann);
	ok(share_try(&s->ann, s->in_ann, &s->fay, ROLE_WRITE));
	s->in_fay = welcome(&s->fay, &s->ann, s->in_ann);
	carry(&s->ann, s->in_ann, &s->fay, s->in_fay);
	introduce(&s->fay, &s->ann);
	introduce(&s->fay, &s->mal);
}

static void
scene_clear(struct scene *s)
{
	arena_clear(&s->arena);
	device_remove(&s->ann);
	device_remove(&s->fay);
	device_remove(&s->mal);
}

static lk_err
ask_try(struct scene *s, bool revoke, const uint8_t *key, enum role role)
{
	const struct guard_order order = {
		.revoke = revoke, .key = key, .role = role
	};
	lk_err err;

	device_begin(&s->fay);
	err = replica_guard_ask(s->fay.r, s->in_fay, &order, &s->arena, &s->q);
	device_commit(&s->fay);
	return err;
}

static struct guard_signature
signed_by(const struct guard_request *q, uint8_t who)
{
	struct guard_signature sig;
	uint8_t entropy[16];

	phrase(entropy, who);
	ok(guardian_sign(&sig, q, entropy));
	return sig;
}

static lk_err
apply(struct device *d, uint32_t docno, const struct guard_request *q,
    const struct guard_signature *sigs, size_t n, size_t *have)
{
	const struct guard_answer answer = { .list = sigs, .len = n };
	lk_err err;

	device_begin(d);
	ok(replica_nest(d->r));
	err = replica_guard_apply(d->r, docno, q, &answer, have);
	ok(replica_unnest(d->r, err.code == LK_OK));
	device_commit(d);
	return err;
}

static void
t31_k_guardians_let_in_and_fewer_or_one_twice_do_not(void **state)
{
	struct guard_signature sigs[4];
	uint32_t in_mal;
	struct scene s;
	size_t have;

	(void)state;
	scene_make(&s);
	ok(ask_try(&s, false, s.mal.identity.root_pk, ROLE_ADMIN));
	/* He goes on meanwhile. */
	edit(&s.fay, s.in_fay, "by", "fay");
	sigs[0] = sigs[1] = signed_by(&s.q, 2);
	assert_int_equal(
	    apply(&s.fay, s.in_fay, &s.q, sigs, 1, &have).code, LK_E_DENIED);
	assert_int_equal(
	    apply(&s.fay, s.in_fay, &s.q, sigs, 2, &have).code, LK_E_DENIED);
	assert_int_equal(have, 1);
	assert_int_equal(role_of(&s.fay, s.in_fay, pk(&s.mal)), ROLE_NONE);
	sigs[2] = signed_by(&s.q, 0);
	sigs[3] = signed_by(&s.q, 1);
	ok(apply(&s.fay, s.in_fay, &s.q, sigs, 4, &have));
	assert_int_equal(have, 3);
	assert_int_equal(
	    apply(&s.fay, s.in_fay, &s.q, sigs, 4, &have).code, LK_E_EXISTS);
	/* Everybody believes it, and the new admin can do what admins do. */
	carry(&s.fay, s.in_fay, &s.ann, s.in_ann);
	assert_int_equal(role_of(&s.ann, s.in_ann, pk(&s.mal)), ROLE_ADMIN);
	in_mal = welcome(&s.mal, &s.fay, s.in_fay);
	carry(&s.fay, s.in_fay, &s.mal, in_mal);
	assert_true(shows(&s.mal, in_mal, "by"));
	edit(&s.mal, in_mal, "back", "mal");
	evict(&s.mal, in_mal, s.fay.identity.root_pk, ROLE_NONE);
	carry(&s.mal, in_mal, &s.ann, s.in_ann);
	assert_true(shows(&s.ann, s.in_ann, "back"));
	assert_int_equal(role_of(&s.ann, s.in_ann, pk(&s.fay)), ROLE_NONE);
	scene_clear(&s);
}

static void
guardians_remove_who_made_the_document(void **state)
{
	struct guard_signature sigs[2];
	struct bag b = { .len = 0 };
	struct scene s;
	size_t have;

	(void)state;
	scene_make(&s);
	ok(ask_try(&s, true, s.ann.identity.root_pk, ROLE_NONE));
	assert_int_equal(s.q.said.op->revoke.entries_len, 2);
	sigs[0] = signed_by(&s.q, 0);
	sigs[1] = signed_by(&s.q, 1);
	ok(apply(&s.fay, s.in_fay, &s.q, sigs, 2, &have));
	assert_int_equal(
	    role_of(&s.fay, s.in_fay, s.ann.identity.root_pk), ROLE_NONE);
	assert_int_equal(role_of(&s.fay, s.in_fay, pk(&s.ann)), ROLE_NONE);
	edit(&s.ann, s.in_ann, "late", "unseen");
	(void)bag_take(&b, &s.ann, s.in_ann, 1);
	give_all(&s.fay, s.in_fay, &b);
	bag_clear(&b);
	assert_false(shows(&s.fay, s.in_fay, "late"));
	assert_true(shows(&s.ann, s.in_ann, "late"));
	carry(&s.fay, s.in_fay, &s.ann, s.in_ann);
	assert_false(shows(&s.ann, s.in_ann, "late"));
	scene_clear(&s);
}

static void
what_does_not_fit_is_refused(void **state)
{
	struct guard_signature sigs[2], strange;
	struct guard_request first;
	struct scene s;
	uint8_t entropy[16];
	size_t have;

	(void)state;
	scene_make(&s);
	assert_int_equal(ask_try(&s, false, (uint8_t[32]){ 9 }, ROLE_READ).code,
	    LK_E_NOTFOUND);
	assert_int_equal(ask_try(&s, true, (uint8_t[32]){ 9 }, ROLE_NONE).code,
	    LK_E_NOTFOUND);
	assert_int_equal(
	    ask_try(&s, false, pk(&s.fay), ROLE_WRITE).code, LK_E_EXISTS);
	ok(ask_try(&s, false, pk(&s.fay), ROLE_ADMIN));
	first = s.q;
	sigs[0] = signed_by(&first, 0);
	sigs[1] = signed_by(&first, 1);
	ok(ask_try(&s, false, s.mal.identity.root_pk, ROLE_ADMIN));
	/* Another request, another device, a changed signature, a stranger. */
	assert_int_equal(
	    apply(&s.fay, s.in_fay, &s.q, sigs, 2, &have).code, LK_E_DATA);
	assert_int_equal(
	    apply(&s.ann, s.in_ann, &first, sigs, 2, &have).code, LK_E_DENIED);
	sigs[1].sig[0] ^= 1;
	assert_int_equal(
	    apply(&s.fay, s.in_fay, &first, sigs, 2, &have).code, LK_E_DATA);
	phrase(entropy, GUARDIANS);
	assert_int_equal(
	    guardian_sign(&strange, &first, entropy).code, LK_E_DENIED);
	strange = sigs[0];
	memcpy(strange.guardian, pk(&s.mal), SIGN_PK_LEN);
	assert_int_equal(
	    apply(&s.fay, s.in_fay, &first, &strange, 1, &have).code,
	    LK_E_DENIED);
	assert_int_equal(role_of(&s.fay, s.in_fay, pk(&s.fay)), ROLE_WRITE);
	scene_clear(&s);
}

/* A guardian who has not the document believes the request about whom a grant
 * is of; if it lied, what he signed is worth nothing. */
static void
a_request_that_names_somebody_else_gets_signatures_worth_nothing(void **state)
{
	uint8_t targets[2][ACCESS_KEY_LEN];
	struct guard_signature sigs[2];
	struct scene s;
	size_t have;

	(void)state;
	scene_make(&s);
	ok(ask_try(&s, true, s.ann.identity.root_pk, ROLE_NONE));
	memcpy(targets[0], pk(&s.mal), ACCESS_KEY_LEN);
	memcpy(targets[1], pk(&s.mal), ACCESS_KEY_LEN);
	s.q.said.targets = targets[0];
	sigs[0] = signed_by(&s.q, 0);
	sigs[1] = signed_by(&s.q, 1);
	assert_int_equal(
	    apply(&s.fay, s.in_fay, &s.q, sigs, 2, &have).code, LK_E_DATA);
	assert_int_equal(role_of(&s.fay, s.in_fay, pk(&s.ann)), ROLE_ADMIN);
	scene_clear(&s);
}

static void
guardians_are_different_people_and_enough(void **state)
{
	struct guardians g = {
		.keys = { { 1 }, { 1 } }, .len = 2, .needed = 3
	};
	const struct creation plan = {
		.name = "x", .type = "map", .guardians = &g
	};
	struct device ann;
	uint32_t docno;

	(void)state;
	device_make(&ann, 1, "ann");
	device_begin(&ann);
	ok(replica_nest(ann.r));
	assert_int_equal(
	    replica_create_as(ann.r, &plan, &docno).code, LK_E_USAGE);
	g.needed = 0;
	assert_int_equal(
	    replica_create_as(ann.r, &plan, &docno).code, LK_E_USAGE);
	g.needed = 1;
	assert_int_equal(
	    replica_create_as(ann.r, &plan, &docno).code, LK_E_USAGE);
	g.len = GENESIS_GUARDIANS_MAX + 1;
	assert_int_equal(
	    replica_create_as(ann.r, &plan, &docno).code, LK_E_USAGE);
	/* No key at all. */
	memset(g.keys, 0xff, sizeof(g.keys));
	g.len = 1;
	assert_int_not_equal(
	    replica_create_as(ann.r, &plan, &docno).code, LK_OK);
	ok(replica_unnest(ann.r, false));
	device_commit(&ann);
	device_remove(&ann);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    t31_k_guardians_let_in_and_fewer_or_one_twice_do_not),
		cmocka_unit_test(guardians_remove_who_made_the_document),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(
		    a_request_that_names_somebody_else_gets_signatures_worth_nothing),
		cmocka_unit_test(guardians_are_different_people_and_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
