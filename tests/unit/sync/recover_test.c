/* A device made of the recovery phrase alone. */
#include "sync/pairing.h"
#include "tests/unit/sync/pair.h"

#define ANN 1
#define LAPTOP 2
#define PHONE 3
#define SERVER 4
#define NEW 5

/* Ann is a contact; the laptop, the phone and the server are one person's. */
struct scene {
	struct wires w;
	struct host ann, laptop, phone, server, fresh;
	uint32_t plan, mine; /* ann's document and the laptop's own */
};

/* An identity and no home: what a recovery begins with. */
static void
homeless_make(struct wires *w, struct host *h, uint8_t seed)
{
	struct device *d = &h->d;

	memset(h, 0, sizeof(*h));
	(void)strlcpy(d->dir, "/tmp/lk-member-XXXXXX", sizeof(d->dir));
	assert_non_null(mkdtemp(d->dir));
	d->now.wall.ms = START_MS;
	d->random = random_from_seed(&d->seed, seed);
	ok(identity_create(&d->identity, &d->random, "new"));
	device_open(d);
	(void)snprintf(h->address, sizeof(h->address), "10.0.0.%u:1000", seed);
	host_engine(h);
	w->hosts[w->hosts_len++] = h;
}

static void
scene_make(struct scene *s)
{
	char text[TICKET_TEXT_MAX + 1];
	uint32_t there;

	memset(s, 0, sizeof(*s));
	host_make(&s->w, &s->ann, ANN, "ann");
	host_make(&s->w, &s->laptop, LAPTOP, "laptop");
	host_make(&s->w, &s->phone, PHONE, "phone");
	host_make(&s->w, &s->server, SERVER, "server");
	s->mine = document(&s->laptop.d, "mine");
	pair(&s->w, &s->laptop, &s->phone);
	pair(&s->w, &s->laptop, &s->server);
	s->plan = document(&s->ann.d, "plan");
	host_edit(&s->ann, s->plan, "by", "ann");
	host_edit(&s->laptop, s->mine, "by", "me");
	ticket_make(&s->ann, s->plan, ROLE_WRITE, 1, text);
	there = redeemed(&s->laptop, redeem(&s->w, &s->laptop, text));
	assert_true(there != 0);
	host_edit(&s->laptop, there, "also", "me");
	wires_run(&s->w, 20000);
	s->laptop.cut = s->phone.cut = true;
	wires_cut(&s->w);
	homeless_make(&s->w, &s->fresh, NEW);
}

static void
scene_clear(struct scene *s)
{
	host_remove(&s->ann);
	host_remove(&s->laptop);
	host_remove(&s->phone);
	host_remove(&s->server);
	host_remove(&s->fresh);
}

/* Of the person whose phrase the host of this seed made at first. */
static struct redeem_status
recover(struct scene *s, uint8_t seed)
{
	uint8_t entropy[16] = { seed };
	struct recovery from = { .entropy = entropy,
		.noise_pk = s->server.d.identity.noise.pk,
		.address = s->server.address };
	struct redeem_status status;
	uint64_t handle;

	device_begin(&s->fresh.d);
	ok(engine_recover(s->fresh.e, &from, s->fresh.d.now, &handle));
	host_commit(&s->fresh);
	wires_run(&s->w, 10000);
	device_begin(&s->fresh.d);
	ok(engine_redeemed(s->fresh.e, handle, &status));
	host_commit(&s->fresh);
	return status;
}

static void
assert_word(struct device *d, uint32_t docno, const char *key, const char *want)
{
	struct item item;
	struct doc *doc;

	device_begin(d);
	ok(replica_open_doc(d->r, docno, &doc));
	ok(doc_get(doc, DOC_ROOT, prop(key), &item));
	assert_int_equal(item.value.bytes.len, strlen(want));
	assert_memory_equal(item.value.bytes.ptr, want, strlen(want));
	doc_free(doc);
	device_commit(d);
}

static uint32_t
named(struct device *d, const char *name)
{
	uint32_t docno;

	device_begin(d);
	ok(home_find(d->r, name, &docno));
	device_commit(d);
	return docno;
}

static enum lk_code
end_by_phrase(struct host *h, uint8_t seed, const struct host *target)
{
	uint8_t entropy[16] = { seed };
	lk_err err;

	device_begin(&h->d);
	ok(replica_nest(h->d.r));
	err = engine_device_revoke_by_phrase(h->e, entropy,
	    target->d.identity.sign.pk, (struct wall){ 0 }, h->d.now);
	ok(replica_unnest(h->d.r, err.code == LK_OK));
	host_commit(h);
	return err.code;
}

static void
the_phrase_and_one_address_bring_everything_back(void **state)
{
	struct scene s;
	struct device *d = &s.fresh.d;
	struct cert cert, above;

	(void)state;
	scene_make(&s);
	assert_int_equal(recover(&s, LAPTOP).state, REDEEM_DONE);
	wires_run(&s.w, 10000);
	assert_memory_equal(
	    d->identity.root_pk, s.laptop.d.identity.root_pk, 32);
	assert_word(d, named(d, "mine"), "by", "me");
	assert_word(d, named(d, "plan"), "by", "ann");
	assert_word(d, named(d, "plan"), "also", "me");
	/* What it writes counts, at the contact too. */
	host_edit(&s.fresh, named(d, "plan"), "back", "again");
	wires_run(&s.w, 20000);
	assert_word(&s.ann.d, s.plan, "back", "again");
	/* It stands below the one that took it in, which can end it. */
	ok(cert_decode(&cert, BYTES(d->identity.cert, d->identity.cert_len)));
	ok(cert_decode(&above,
	    BYTES(s.server.d.identity.cert, s.server.d.identity.cert_len)));
	assert_memory_equal(
	    cert.issuer_pk, s.server.d.identity.sign.pk, SIGN_PK_LEN);
	assert_int_equal(cert.rank, above.rank + 1);
	device_begin(&s.server.d);
	ok(engine_device_revoke(s.server.e, d->identity.sign.pk,
	    (struct wall){ 0 }, s.server.d.now));
	host_commit(&s.server);
	wires_run(&s.w, 20000);
	assert_int_equal(
	    role_of(&s.ann.d, s.plan, d->identity.sign.pk), ROLE_NONE);
	scene_clear(&s);
}

static void
the_phrase_ends_lost_devices_in_others_documents_too(void **state)
{
	struct scene s;
	const uint8_t *laptop = s.laptop.d.identity.sign.pk,
		      *phone = s.phone.d.identity.sign.pk;
	struct host *h = &s.fresh;

	(void)state;
	scene_make(&s);
	assert_int_equal(recover(&s, LAPTOP).state, REDEEM_DONE);
	assert_int_equal(role_of(&s.ann.d, s.plan, laptop), ROLE_WRITE);
	assert_int_equal(end_by_phrase(h, ANN, &s.laptop), LK_E_DENIED);
	assert_int_equal(
	    role_of(&h->d, named(&h->d, "mine"), laptop), ROLE_ADMIN);
	assert_int_equal(end_by_phrase(h, LAPTOP, &s.fresh), LK_E_DENIED);
	assert_int_equal(end_by_phrase(h, LAPTOP, &s.ann), LK_E_NOTFOUND);
	assert_int_equal(end_by_phrase(h, LAPTOP, &s.laptop), LK_OK);
	assert_int_equal(end_by_phrase(h, LAPTOP, &s.phone), LK_OK);
	assert_int_equal(end_by_phrase(h, LAPTOP, &s.phone), LK_E_EXISTS);
	wires_run(&s.w, 20000);
	for (int i = 0; i < 2; i++) {
		const uint8_t *pk = i == 0 ? laptop : phone;

		assert_int_equal(role_of(&s.ann.d, s.plan, pk), ROLE_NONE);
		assert_int_equal(
		    role_of(&h->d, named(&h->d, "mine"), pk), ROLE_NONE);
		assert_int_equal(
		    role_of(&s.server.d, named(&s.server.d, "mine"), pk),
		    ROLE_NONE);
	}
	/* The one made of the phrase stays, and writes. */
	host_edit(h, named(&h->d, "plan"), "back", "again");
	wires_run(&s.w, 20000);
	assert_word(&s.ann.d, s.plan, "back", "again");
	scene_clear(&s);
}

static void
the_phrase_ends_the_device_that_took_this_one_in(void **state)
{
	struct scene s;
	struct host *h = &s.fresh;
	const struct identity *me = &h->d.identity;
	struct cert cert;

	(void)state;
	scene_make(&s);
	assert_int_equal(recover(&s, LAPTOP).state, REDEEM_DONE);
	wires_run(&s.w, 20000);
	/* Ann is connected, and told at once: of this one alone, at last. */
	assert_int_equal(end_by_phrase(h, LAPTOP, &s.laptop), LK_OK);
	assert_int_equal(end_by_phrase(h, LAPTOP, &s.phone), LK_OK);
	assert_int_equal(end_by_phrase(h, LAPTOP, &s.server), LK_OK);
	ok(cert_decode(&cert, BYTES(me->cert, me->cert_len)));
	assert_memory_equal(cert.issuer_pk, me->root_pk, SIGN_PK_LEN);
	host_edit(h, named(&h->d, "plan"), "back", "again");
	wires_run(&s.w, 20000);
	assert_word(&s.ann.d, s.plan, "back", "again");
	assert_int_equal(
	    role_of(&s.ann.d, s.plan, s.server.d.identity.sign.pk), ROLE_NONE);
	scene_clear(&s);
}

static void
the_phrase_of_somebody_else_is_told_and_changes_nothing(void **state)
{
	struct scene s;
	struct redeem_status status;
	uint32_t docno;
	struct home_device device;

	(void)state;
	scene_make(&s);
	status = recover(&s, ANN);
	assert_int_equal(status.state, REDEEM_REFUSED);
	assert_non_null(status.why);
	device_begin(&s.fresh.d);
	assert_int_equal(replica_home(s.fresh.d.r, &docno).code, LK_E_NOTFOUND);
	device_commit(&s.fresh.d);
	assert_int_equal(s.fresh.d.identity.cert_len, 0);
	device_begin(&s.server.d);
	assert_int_equal(
	    home_device(s.server.d.r, 3, &device).code, LK_E_NOTFOUND);
	device_commit(&s.server.d);
	scene_clear(&s);
}

/* The root's certificate is still good: the statement that it is gone counts.
 */
static void
a_device_that_is_gone_is_not_taken_in_again(void **state)
{
	struct scene s;
	struct redeem q = { .recovers = true };
	struct link l = { .state = LINK_OPEN };
	struct sign_key root;
	const uint8_t entropy[16] = { LAPTOP };
	BUF_SCOPED hello = { .max = 1024 };

	(void)state;
	scene_make(&s);
	assert_int_equal(recover(&s, LAPTOP).state, REDEEM_DONE);
	assert_int_equal(end_by_phrase(&s.server, LAPTOP, &s.fresh), LK_OK);
	ok(recover_root(&root, entropy));
	ok(cert_decode(&q.cert,
	    BYTES(s.fresh.d.identity.cert, s.fresh.d.identity.cert_len)));
	cert_sign(&q.cert, &root);
	sign_key_clear(&root);
	ok(recover_hello(s.fresh.e, &q, &hello));
	device_begin(&s.server.d);
	ok(recover_joined(
	    s.server.e, &l, s.fresh.d.identity.noise.pk, buf_bytes(&hello)));
	assert_true(l.known);
	ok(recover_answer(s.server.e, &l));
	host_commit(&s.server);
	assert_int_equal(l.state, LINK_CLOSED);
	free((void *)(uintptr_t)l.payload.ptr);
	wires_run(&s.w, 5000);
	assert_int_equal(role_of(&s.server.d, named(&s.server.d, "mine"),
			     s.fresh.d.identity.sign.pk),
	    ROLE_NONE);
	scene_clear(&s);
}

/* What recover_joined says of the first `len` bytes, copied to their own place;
 * with a bit of them wrong, when `flip` is less than their bits. */
static enum lk_code
joined(struct host *h, struct bytes all, size_t len, size_t flip, bool *known)
{
	uint8_t *copy = malloc(len + 1);
	struct link l = { .known = false };
	lk_err err;

	assert_non_null(copy);
	memcpy(copy, all.ptr, len);
	if (flip < 8 * len)
		copy[flip / 8] ^= (uint8_t)(1 << flip % 8);
	err =
	    recover_joined(h->e, &l, h->d.identity.noise.pk, BYTES(copy, len));
	*known = l.known;
	free((void *)(uintptr_t)l.payload.ptr);
	free(copy);
	return err.code;
}

static void
what_shows_less_than_the_root_s_certificate_is_nobody(void **state)
{
	struct wires w = { .len = 0 };
	struct host h;
	struct sign_key root;
	struct redeem q = { .recovers = true };
	uint8_t entropy[16] = { ANN };
	bool known;
	BUF_SCOPED hello = { .max = 1024 };

	(void)state;
	host_make(&w, &h, ANN, "ann");
	ok(recover_root(&root, entropy));
	q.cert = (struct cert){ .rank = 1000, .serial = 1 };
	memcpy(q.cert.root_pk, root.pk, 32);
	device_block_make(&q.cert.block, &h.d.identity.sign,
	    h.d.identity.noise.pk, h.d.identity.box.pk, 0);
	cert_sign(&q.cert, &h.d.identity.sign);
	ok(recover_hello(h.e, &q, &hello));
	assert_true(recover_is(buf_bytes(&hello)));
	/* Any device of the person could have signed this one. */
	assert_int_equal(
	    joined(&h, buf_bytes(&hello), hello.len, SIZE_MAX, &known),
	    LK_E_MALFORMED);
	cert_sign(&q.cert, &root);
	buf_reset(&hello);
	ok(recover_hello(h.e, &q, &hello));
	assert_int_equal(
	    joined(&h, buf_bytes(&hello), hello.len, SIZE_MAX, &known), LK_OK);
	assert_true(known);
	for (size_t len = 1; len < hello.len; len++)
		assert_int_not_equal(
		    joined(&h, buf_bytes(&hello), len, SIZE_MAX, &known),
		    LK_OK);
	for (size_t bit = 8; bit < 8 * (size_t)CERT_LEN; bit += 41)
		assert_int_not_equal(
		    joined(&h, buf_bytes(&hello), hello.len, bit, &known),
		    LK_OK);
	sign_key_clear(&root);
	host_remove(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_phrase_and_one_address_bring_everything_back),
		cmocka_unit_test(
		    the_phrase_ends_lost_devices_in_others_documents_too),
		cmocka_unit_test(a_device_that_is_gone_is_not_taken_in_again),
		cmocka_unit_test(
		    what_shows_less_than_the_root_s_certificate_is_nobody),
		cmocka_unit_test(
		    the_phrase_ends_the_device_that_took_this_one_in),
		cmocka_unit_test(
		    the_phrase_of_somebody_else_is_told_and_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
