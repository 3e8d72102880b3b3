/* Devices of a person that are gone: who may say so, and what stays of them. */
#include "sync/home_doc.h"
#include "sync/pairing.h"
#include "tests/unit/sync/members.h"

/* A device of the same person, certified by `by` and known in his home. */
static struct cert
add_device(struct device *by, const struct identity *added, const char *name)
{
	struct device_block block;
	struct cert cert;

	device_block_make(&block, &added->sign, added->noise.pk, added->box.pk,
	    added->box_counter);
	device_begin(by);
	ok(person_certify(by->r, &block, &cert));
	ok(person_add_device(by->r, &cert, name));
	device_commit(by);
	return cert;
}

static struct identity
identity_of(uint64_t seed)
{
	struct random_seeded state;
	struct random random = random_from_seed(&state, seed);
	struct identity id;

	ok(identity_create(&id, &random, "other"));
	return id;
}

struct claim {
	const struct cert *of;
	const struct sign_key *by;
	uint32_t flip; /* of a bit of the statement; 0: none */
};

static lk_err
claim_fill(void *ctx, struct edit *e, struct doc *doc)
{
	const struct claim *c = ctx;
	struct gone gone;
	struct op_id map;
	BUF_SCOPED bytes = { .max = GONE_LEN };

	gone_make(&gone, c->of->root_pk, c->of->block.device_pk, c->of->serial,
	    c->by);
	gone_write(&bytes, &gone);
	bytes.ptr[c->flip / 8] ^= (uint8_t)((c->flip != 0) << c->flip % 8);
	TRY(home_entry_make(e, doc, "devices", c->of->block.device_pk, &map));
	return home_bytes_put(e, map, "gone", buf_bytes(&bytes));
}

static void
claim(struct device *d, const struct cert *of, const struct sign_key *by,
    uint32_t flip)
{
	struct claim c = { of, by, flip };
	uint8_t hash[LK_ID_LEN];
	uint32_t home;
	bool changed;

	device_begin(d);
	ok(replica_home(d->r, &home));
	ok(replica_edit(d->r, home, claim_fill, &c, NULL, &changed, hash));
	device_commit(d);
}

/* What a thief may write there with a stolen device's grant: an entry's
 * certificate, or with NULL, no entry any more. */
struct vandalism {
	const uint8_t *pk;
	const struct cert *cert;
};

static lk_err
vandal_fill(void *ctx, struct edit *e, struct doc *doc)
{
	const struct vandalism *v = ctx;
	char hex[2 * LK_ID_LEN + 1];
	struct op_id map;
	struct item all;
	BUF_SCOPED bytes = { .max = CERT_LEN };

	hex_encode(hex, BYTES(v->pk, LK_ID_LEN));
	if (v->cert == NULL) {
		TRY(doc_get(doc, DOC_ROOT, prop("devices"), &all));
		return edit_delete(e, all.id, prop(hex));
	}
	cert_write(&bytes, v->cert);
	TRY(home_entry_make(e, doc, "devices", v->pk, &map));
	return home_bytes_put(e, map, "cert", buf_bytes(&bytes));
}

static void
vandalise(struct device *d, const uint8_t *pk, const struct cert *cert)
{
	struct vandalism v = { pk, cert };
	uint8_t hash[LK_ID_LEN];
	uint32_t home;
	bool changed;

	device_begin(d);
	ok(replica_home(d->r, &home));
	ok(replica_edit(d->r, home, vandal_fill, &v, NULL, &changed, hash));
	device_commit(d);
}

static size_t
devices(struct device *d)
{
	struct cert certs[PERSON_DEVICES_MAX];
	size_t len;

	device_begin(d);
	ok(person_devices(d->r, certs, &len));
	device_commit(d);
	return len;
}

static enum lk_code
farewell(struct device *d, const struct cert *of, struct wall since)
{
	lk_err err;

	device_begin(d);
	ok(replica_nest(d->r));
	err = person_revoke(d->r, of->block.device_pk, since);
	ok(replica_unnest(d->r, err.code == LK_OK));
	device_commit(d);
	return err.code;
}

static void
only_a_senior_device_s_statement_ends_one(void **state)
{
	struct device laptop;
	struct identity phone = identity_of(2), tablet = identity_of(3),
			stranger = identity_of(4);
	struct cert of_phone, of_tablet, of_laptop;

	(void)state;
	device_make(&laptop, 1, "laptop");
	of_phone = add_device(&laptop, &phone, "phone");
	of_tablet = add_device(&laptop, &tablet, "tablet");
	ok(cert_decode(
	    &of_laptop, BYTES(laptop.identity.cert, laptop.identity.cert_len)));
	claim(&laptop, &of_phone, &tablet.sign, 0);
	claim(&laptop, &of_laptop, &phone.sign, 0);
	claim(&laptop, &of_tablet, &stranger.sign, 0);
	assert_int_equal(devices(&laptop), 3);
	for (uint32_t bit = 1; bit < 8 * GONE_LEN; bit += 7)
		claim(&laptop, &of_phone, &laptop.identity.sign, bit);
	assert_int_equal(devices(&laptop), 3);
	claim(&laptop, &of_phone, &laptop.identity.sign, 0);
	assert_int_equal(devices(&laptop), 2);
	device_remove(&laptop);
}

static void
a_card_lists_who_is_there_and_names_who_is_gone(void **state)
{
	ARENA_SCOPED arena = { .max = (size_t)1024 * 1024 };
	struct device laptop;
	struct identity phone = identity_of(2);
	struct cert of_phone;
	struct card card;
	BUF_SCOPED bytes = { .max = CARD_MAX };

	(void)state;
	device_make(&laptop, 1, "laptop");
	of_phone = add_device(&laptop, &phone, "phone");
	assert_int_equal(
	    farewell(&laptop, &of_phone, (struct wall){ 0 }), LK_OK);
	assert_int_equal(
	    farewell(&laptop, &of_phone, (struct wall){ 0 }), LK_E_EXISTS);
	device_begin(&laptop);
	ok(person_card(laptop.r, &bytes));
	device_commit(&laptop);
	ok(card_decode(&card, &arena, buf_bytes(&bytes)));
	ok(card_verify(&card));
	assert_int_equal(card.devices_len, 1);
	assert_int_equal(card.gone_len, 1);
	assert_memory_equal(card.gone[0].device_pk, phone.sign.pk, 32);
	device_remove(&laptop);
}

static void
the_home_and_documents_end_the_grant_and_not_before(void **state)
{
	struct device laptop;
	struct identity phone = identity_of(2);
	struct cert of_phone;
	uint32_t home, d;

	(void)state;
	device_make(&laptop, 1, "laptop");
	of_phone = add_device(&laptop, &phone, "phone");
	d = document(&laptop, "d");
	device_begin(&laptop);
	ok(replica_home(laptop.r, &home));
	device_commit(&laptop);
	assert_int_equal(role_of(&laptop, d, phone.sign.pk), ROLE_ADMIN);
	assert_int_equal(
	    farewell(&laptop, &of_phone, (struct wall){ 0 }), LK_OK);
	assert_int_equal(role_of(&laptop, home, phone.sign.pk), ROLE_NONE);
	/* The rest is for the fanout, a step a document. */
	assert_int_equal(role_of(&laptop, d, phone.sign.pk), ROLE_ADMIN);
	for (int again = 0; again < 2; again++) {
		lk_err err;

		device_begin(&laptop);
		err = person_revoke_in(
		    laptop.r, d, phone.sign.pk, (struct wall){ 0 });
		device_commit(&laptop);
		assert_int_equal(err.code, again == 0 ? LK_OK : LK_E_NOTFOUND);
	}
	assert_int_equal(role_of(&laptop, d, phone.sign.pk), ROLE_NONE);
	device_remove(&laptop);
}

static void
devices_it_had_certified_are_certified_again(void **state)
{
	struct device laptop;
	struct identity phone = identity_of(2), tablet = identity_of(3);
	struct cert of_phone, of_tablet = { .rank = 0 };
	struct device_block block;
	struct proof proof;

	(void)state;
	device_make(&laptop, 1, "laptop");
	of_phone = add_device(&laptop, &phone, "phone");
	device_block_make(
	    &block, &tablet.sign, tablet.noise.pk, tablet.box.pk, 0);
	of_tablet = (struct cert){ .block = block,
		.rank = (uint16_t)(of_phone.rank + 1),
		.serial = 1 };
	memcpy(of_tablet.root_pk, of_phone.root_pk, 32);
	cert_sign(&of_tablet, &phone.sign);
	device_begin(&laptop);
	ok(person_add_device(laptop.r, &of_tablet, "tablet"));
	ok(person_proof(laptop.r, tablet.sign.pk, &proof));
	assert_int_equal(proof.len, 3);
	device_commit(&laptop);
	assert_int_equal(
	    farewell(&laptop, &of_phone, (struct wall){ 0 }), LK_OK);
	device_begin(&laptop);
	ok(person_proof(laptop.r, tablet.sign.pk, &proof));
	device_commit(&laptop);
	assert_int_equal(proof.len, 2);
	assert_true(proof_verify(&proof, laptop.identity.root_pk));
	/* As its grant in the home document, which is the laptop's here. */
	assert_int_equal(proof.certs[0].rank, of_phone.rank);
	device_remove(&laptop);
}

static void
a_person_s_devices_stand_in_others_documents_as_they_were_certified(
    void **state)
{
	struct device friend, laptop;
	struct identity phone = identity_of(3), tablet = identity_of(4);
	struct cert certs[3];
	struct person person = { .devices = certs, .devices_len = 3 };
	struct graph *g;
	struct member m;
	uint32_t d;
	uint16_t rank[3] = { 0 };

	(void)state;
	device_make(&friend, 1, "friend");
	device_make(&laptop, 2, "laptop");
	certs[2] = add_device(&laptop, &phone, "phone");
	certs[1] = add_device(&laptop, &tablet, "tablet");
	ok(cert_decode(
	    &certs[0], BYTES(laptop.identity.cert, laptop.identity.cert_len)));
	memcpy(person.root_pk, laptop.identity.root_pk, 32);
	d = document(&friend, "d");
	device_begin(&friend);
	ok(replica_share(friend.r, d, &person, ROLE_WRITE));
	ok(replica_graph(friend.r, d, &g));
	for (size_t i = 0; i < graph_members_len(g); i++) {
		graph_member(g, i, &m);
		for (size_t k = 0; k < 3; k++)
			if (memcmp(m.key, certs[k].block.device_pk, 32) == 0)
				rank[k] = m.rank;
	}
	device_commit(&friend);
	assert_true(rank[0] > 0 && rank[0] < rank[1] && rank[1] == rank[2]);
	device_remove(&friend);
	device_remove(&laptop);
}

/* The phone is stolen.  The home document is for all devices to write, and what
 * stands in it must not make the phone senior to those above it. */
static void
a_junior_s_certificate_for_a_senior_puts_nobody_below_it(void **state)
{
	struct device laptop;
	struct identity phone = identity_of(2), tablet = identity_of(3);
	struct cert of_phone, of_laptop, low, mine;
	struct proof proof;

	(void)state;
	device_make(&laptop, 1, "laptop");
	of_phone = add_device(&laptop, &phone, "phone");
	(void)add_device(&laptop, &tablet, "tablet");
	ok(cert_decode(
	    &of_laptop, BYTES(laptop.identity.cert, laptop.identity.cert_len)));
	low = of_laptop;
	low.rank = UINT16_MAX;
	low.serial++;
	cert_sign(&low, &phone.sign);
	vandalise(&laptop, laptop.identity.sign.pk, &low);
	claim(&laptop, &low, &phone.sign, 0);
	assert_int_equal(devices(&laptop), 3);
	/* It says again who it is, and shows that to others. */
	device_begin(&laptop);
	ok(person_certificate(laptop.r, &laptop.identity));
	ok(person_device(laptop.r, laptop.identity.sign.pk, &mine));
	ok(person_proof(laptop.r, laptop.identity.sign.pk, &proof));
	device_commit(&laptop);
	assert_int_equal(mine.rank, of_laptop.rank);
	assert_memory_equal(mine.sig, of_laptop.sig, SIGN_LEN);
	assert_true(proof_verify(&proof, laptop.identity.root_pk));
	vandalise(&laptop, laptop.identity.sign.pk, &low);
	assert_int_equal(
	    farewell(&laptop, &of_phone, (struct wall){ 0 }), LK_OK);
	assert_int_equal(devices(&laptop), 2);
	device_remove(&laptop);
}

static void
a_junior_s_certificate_for_another_is_made_good_when_it_goes(void **state)
{
	ARENA_SCOPED arena = { .max = (size_t)1024 * 1024 };
	struct device laptop;
	struct identity phone = identity_of(2), tablet = identity_of(3);
	struct cert of_phone, of_tablet, low;
	struct card card;
	BUF_SCOPED bytes = { .max = CARD_MAX };

	(void)state;
	device_make(&laptop, 1, "laptop");
	of_phone = add_device(&laptop, &phone, "phone");
	of_tablet = add_device(&laptop, &tablet, "tablet");
	low = of_tablet;
	low.rank = UINT16_MAX;
	cert_sign(&low, &phone.sign);
	vandalise(&laptop, tablet.sign.pk, &low);
	claim(&laptop, &low, &phone.sign, 0);
	assert_int_equal(devices(&laptop), 3);
	assert_int_equal(
	    farewell(&laptop, &of_phone, (struct wall){ 0 }), LK_OK);
	device_begin(&laptop);
	ok(person_card(laptop.r, &bytes));
	device_commit(&laptop);
	ok(card_decode(&card, &arena, buf_bytes(&bytes)));
	ok(card_verify(&card));
	assert_int_equal(card.devices_len, 2);
	assert_int_equal(card_device_by_pk(&card, tablet.sign.pk)->cert.rank,
	    of_tablet.rank);
	device_remove(&laptop);
}

static void
certificates_that_are_none_spoil_no_card(void **state)
{
	ARENA_SCOPED arena = { .max = (size_t)1024 * 1024 };
	struct device laptop;
	struct identity phone = identity_of(2), tablet = identity_of(3);
	struct cert bad;
	struct card card;
	BUF_SCOPED bytes = { .max = CARD_MAX };

	(void)state;
	device_make(&laptop, 1, "laptop");
	(void)add_device(&laptop, &phone, "phone");
	bad = add_device(&laptop, &tablet, "tablet");
	bad.sig[0] ^= 1;
	vandalise(&laptop, tablet.sign.pk, &bad);
	device_begin(&laptop);
	ok(person_card(laptop.r, &bytes));
	device_commit(&laptop);
	ok(card_decode(&card, &arena, buf_bytes(&bytes)));
	ok(card_verify(&card));
	assert_int_equal(card.devices_len, 2);
	assert_null(card_device_by_pk(&card, tablet.sign.pk));
	device_remove(&laptop);
}

static void
a_device_that_has_taken_itself_off_the_list_is_listed_and_ended(void **state)
{
	struct device laptop;
	struct identity phone = identity_of(2);
	struct cert of_phone;
	struct home_device found;
	char digits[2 * LK_ID_LEN + 1];
	uint32_t home;

	(void)state;
	device_make(&laptop, 1, "laptop");
	of_phone = add_device(&laptop, &phone, "phone");
	vandalise(&laptop, phone.sign.pk, NULL);
	hex_encode(digits, BYTES_OF(phone.sign.pk));
	digits[8] = '\0';
	device_begin(&laptop);
	ok(replica_home(laptop.r, &home));
	ok(home_find_device(laptop.r, digits, &found));
	device_commit(&laptop);
	assert_memory_equal(found.pk, phone.sign.pk, sizeof(found.pk));
	assert_false(found.gone);
	assert_string_equal(found.name, digits);
	assert_int_equal(
	    farewell(&laptop, &of_phone, (struct wall){ 0 }), LK_OK);
	assert_int_equal(role_of(&laptop, home, phone.sign.pk), ROLE_NONE);
	device_begin(&laptop);
	ok(home_find_device(laptop.r, digits, &found));
	device_commit(&laptop);
	assert_true(found.gone);
	device_remove(&laptop);
}

/* Only who has a grant in the home document is a device of the person. */
static void
an_entry_alone_makes_no_device(void **state)
{
	struct device laptop;
	struct identity phone = identity_of(2), other = identity_of(3);
	struct cert of_other = { .rank = 1002, .serial = 1 };

	(void)state;
	device_make(&laptop, 1, "laptop");
	(void)add_device(&laptop, &phone, "phone");
	memcpy(of_other.root_pk, laptop.identity.root_pk, 32);
	device_block_make(&of_other.block, &other.sign, other.noise.pk,
	    other.box.pk, other.box_counter);
	cert_sign(&of_other, &phone.sign);
	vandalise(&laptop, other.sign.pk, &of_other);
	assert_int_equal(devices(&laptop), 2);
	device_remove(&laptop);
}

/* What a friend knows of a person after these cards: how many devices. */
static size_t
known_devices(struct device *friend, struct bytes card)
{
	struct home_contact contact;
	bool is_new;

	device_begin(friend);
	ok(person_keep_card(friend->r, card, &is_new));
	device_commit(friend);
	device_begin(friend);
	ok(home_contact(friend->r, 0, &contact));
	device_commit(friend);
	return contact.devices_len;
}

static void
card_of(struct device *d, struct buf *out)
{
	buf_init(out, CARD_MAX);
	device_begin(d);
	ok(person_card(d->r, out));
	device_commit(d);
}

/* The thief has the phone's keys, and any serial he likes. */
static void
a_thief_s_card_neither_brings_a_device_back_nor_shuts_the_owner_out(
    void **state)
{
	for (int thief_first = 0; thief_first < 2; thief_first++) {
		ARENA_SCOPED arena = { .max = (size_t)1024 * 1024 };
		struct device laptop, friend;
		struct identity phone = identity_of(2);
		struct cert of_phone;
		struct card card;
		BUF_SCOPED both = { 0 };
		BUF_SCOPED stolen = { .max = CARD_MAX };
		BUF_SCOPED without = { 0 };

		device_make(&laptop, 1, "laptop");
		device_make(&friend, 3, "friend");
		of_phone = add_device(&laptop, &phone, "phone");
		card_of(&laptop, &both);
		ok(card_decode(&card, &arena, buf_bytes(&both)));
		card.serial = UINT64_MAX;
		ok(card_encode(&stolen, &card, &phone.sign));
		assert_int_equal(
		    farewell(&laptop, &of_phone, (struct wall){ 0 }), LK_OK);
		card_of(&laptop, &without);
		assert_int_equal(known_devices(&friend, buf_bytes(&both)), 2);
		if (thief_first)
			assert_int_equal(
			    known_devices(&friend, buf_bytes(&stolen)), 2);
		assert_int_equal(
		    known_devices(&friend, buf_bytes(&without)), 1);
		assert_int_equal(known_devices(&friend, buf_bytes(&stolen)), 1);
		device_remove(&laptop);
		device_remove(&friend);
	}
	(void)state;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_senior_device_s_statement_ends_one),
		cmocka_unit_test(
		    a_card_lists_who_is_there_and_names_who_is_gone),
		cmocka_unit_test(
		    a_thief_s_card_neither_brings_a_device_back_nor_shuts_the_owner_out),
		cmocka_unit_test(
		    the_home_and_documents_end_the_grant_and_not_before),
		cmocka_unit_test(devices_it_had_certified_are_certified_again),
		cmocka_unit_test(
		    a_junior_s_certificate_for_a_senior_puts_nobody_below_it),
		cmocka_unit_test(
		    a_junior_s_certificate_for_another_is_made_good_when_it_goes),
		cmocka_unit_test(certificates_that_are_none_spoil_no_card),
		cmocka_unit_test(
		    a_device_that_has_taken_itself_off_the_list_is_listed_and_ended),
		cmocka_unit_test(an_entry_alone_makes_no_device),
		cmocka_unit_test(
		    a_person_s_devices_stand_in_others_documents_as_they_were_certified),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
