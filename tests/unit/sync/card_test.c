#include "tests/unit/sync/codec.h"

#include "sync/card.h"

static void
cards_of_the_vectors_are_read_and_verified(void **state)
{
	struct json_object *all = codec_vectors("cert"), *v, *o;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "cards", i)) != NULL; i++) {
		VECTOR raw = vector_get(v, "card");
		ARENA_SCOPED arena = { 0 };
		uint8_t want[32];
		struct card c;
		size_t n;

		arena_init(&arena, 256 * 1024);
		assert_ok(card_decode(&c, &arena, VECTOR_VIEW(raw)));
		assert_ok(card_verify(&c));
		codec_get(want, 32, v, "root");
		assert_memory_equal(c.root_pk, want, 32);
		assert_int_equal(c.serial, codec_number(v, "serial"));
		assert_bytes(c.name, BYTES_STR(vector_text(v, "name")));
		for (n = 0; (o = codec_item(v, "devices", n)) != NULL; n++) {
			codec_fixed(want, 32, o);
			assert_ptr_equal(
			    card_device_by_pk(&c, want), &c.devices[n]);
			codec_fixed(want, 32, codec_item(v, "beacon_keys", n));
			assert_memory_equal(c.devices[n].beacon_key, want, 32);
		}
		assert_int_equal(c.devices_len, n);
		for (n = 0; (o = codec_item(v, "gone", n)) != NULL; n++) {
			codec_fixed(want, 32, o);
			assert_memory_equal(c.gone[n].device_pk, want, 32);
		}
		assert_int_equal(c.gone_len, n);
		codec_get(want, 32, v, "signer");
		assert_memory_equal(c.signer_pk, want, 32);
	}
	json_object_put(all);
}

/* A person with a root and n devices, each below the one before. */
struct family {
	struct sign_key root, keys[PERSON_DEVICES_MAX];
	struct card_device devices[PERSON_DEVICES_MAX];
	struct gone gone[CARD_GONE_MAX];
	struct card card;
};

static void
family_certify(
    struct family *f, size_t i, const struct sign_key *issuer, uint16_t rank)
{
	struct cert *c = &f->devices[i].cert;
	struct dh_key noise;
	uint8_t sk[32] = { 0, (uint8_t)i, 77 };

	dh_key_from_secret(&noise, sk);
	memcpy(c->root_pk, f->root.pk, 32);
	c->rank = rank;
	c->serial = 1;
	device_block_make(&c->block, &f->keys[i], noise.pk, noise.pk, 0);
	cert_sign(c, issuer);
}

static void
family_make(struct family *f, size_t n)
{
	uint8_t seed[32] = { 0, 0, 1 };

	*f = (struct family){ 0 };
	assert_ok(crypto_start());
	sign_key_from_seed(&f->root, seed);
	for (size_t i = 0; i < n; i++) {
		seed[0] = (uint8_t)(i + 1);
		sign_key_from_seed(&f->keys[i], seed);
		family_certify(f, i, i == 0 ? &f->root : &f->keys[0],
		    (uint16_t)(i == 0 ? 10 : 20));
		f->devices[i].beacon_key[0] = (uint8_t)i;
	}
	memcpy(f->card.root_pk, f->root.pk, 32);
	f->card.serial = 3;
	f->card.name = BYTES_STR("J\303\266rg");
	f->card.devices = f->devices;
	f->card.devices_len = n;
	f->card.gone = f->gone;
}

static lk_err
family_verify(const struct family *f, const struct sign_key *signer)
{
	BUF_SCOPED out = { .max = CARD_MAX };
	ARENA_SCOPED arena = { 0 };
	struct card c;

	arena_init(&arena, 256 * 1024);
	assert_ok(card_encode(&out, &f->card, signer));
	assert_ok(card_decode(&c, &arena, buf_bytes(&out)));
	return card_verify(&c);
}

static void
every_field_round_trips(void **state)
{
	static struct family f;
	BUF_SCOPED out = { .max = CARD_MAX };
	struct addresses *a;
	ARENA_SCOPED arena = { 0 };
	struct card c;

	(void)state;
	arena_init(&arena, 256 * 1024);
	family_make(&f, 3);
	a = &f.devices[1].addresses;
	a->at[0] = (struct address){
		.type = ADDRESS_IPV4, .port = 7675, .ip = { 192, 0, 2, 7 }
	};
	a->at[1] = (struct address){
		.type = ADDRESS_IPV6, .port = 1, .ip = { 0x20, 1, 13, 0xb8 }
	};
	a->at[2] = (struct address){ .type = ADDRESS_HOST,
		.port = 65535,
		.host = BYTES_STR("laptop.example") };
	a->len = 3;
	f.card.relays.at[0] = (struct address){ .type = ADDRESS_RELAY,
		.port = 443,
		.relay = { 9 },
		.host = BYTES_STR("relay.example") };
	f.card.relays.len = 1;
	gone_make(&f.gone[0], f.root.pk, f.root.pk, 4, &f.keys[0]);
	f.gone[0].device_pk[0] ^= 0xff;
	gone_make(&f.gone[0], f.root.pk, f.gone[0].device_pk, 4, &f.keys[0]);
	f.card.gone_len = 1;
	assert_ok(card_encode(&out, &f.card, &f.keys[2]));
	assert_ok(card_decode(&c, &arena, buf_bytes(&out)));
	assert_ok(card_verify(&c));
	assert_int_equal(c.serial, 3);
	assert_bytes(c.name, f.card.name);
	assert_int_equal(c.devices_len, 3);
	assert_int_equal(c.devices[1].addresses.len, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct address *got = &c.devices[1].addresses.at[i];

		assert_int_equal(got->type, a->at[i].type);
		assert_int_equal(got->port, a->at[i].port);
		assert_memory_equal(got->ip, a->at[i].ip, 16);
		assert_bytes(got->host, a->at[i].host);
	}
	assert_int_equal(c.relays.len, 1);
	assert_int_equal(c.relays.at[0].relay[0], 9);
	assert_int_equal(c.gone_len, 1);
	assert_memory_equal(c.signer_pk, f.keys[2].pk, 32);
	assert_ptr_equal(
	    card_device_by_noise(&c, f.devices[1].cert.block.noise_pk),
	    &c.devices[1]);
	assert_null(card_device_by_noise(&c, f.root.pk));
}

static void
a_chain_is_found_on_the_card(void **state)
{
	static struct family f;
	struct proof p;

	(void)state;
	family_make(&f, 4);
	assert_ok(card_proof(&f.card, &p, f.keys[3].pk));
	assert_int_equal(p.len, 2);
	assert_true(proof_verify(&p, f.root.pk));
	assert_code(card_proof(&f.card, &p, f.root.pk), LK_E_NOTFOUND);
}

static void
a_card_must_close_on_itself(void **state)
{
	static struct family f;

	(void)state;
	family_make(&f, 3);
	assert_ok(family_verify(&f, &f.keys[1]));
	/* Signed by the root or by a device that is not listed. */
	assert_code(family_verify(&f, &f.root), LK_E_MALFORMED);
	f.card.devices_len = 2;
	assert_code(family_verify(&f, &f.keys[2]), LK_E_MALFORMED);
	/* The issuer is not listed. */
	f.card.devices = f.devices + 1;
	assert_code(family_verify(&f, &f.keys[1]), LK_E_MALFORMED);
	/* One device twice. */
	family_make(&f, 3);
	f.devices[2] = f.devices[1];
	assert_code(family_verify(&f, &f.keys[1]), LK_E_MALFORMED);
	/* Two devices that certify each other. */
	family_make(&f, 3);
	family_certify(&f, 1, &f.keys[2], 20);
	family_certify(&f, 2, &f.keys[1], 20);
	assert_code(family_verify(&f, &f.keys[0]), LK_E_MALFORMED);
	/* A chain of nine. */
	family_make(&f, 9);
	for (size_t i = 1; i < 9; i++)
		family_certify(&f, i, &f.keys[i - 1], (uint16_t)(10 + i));
	assert_code(family_verify(&f, &f.keys[0]), LK_E_MALFORMED);
	f.card.devices_len = 8;
	assert_ok(family_verify(&f, &f.keys[0]));
	/* A certificate of somebody else's root. */
	family_make(&f, 2);
	f.devices[1].cert.root_pk[0] ^= 1;
	cert_sign(&f.devices[1].cert, &f.keys[0]);
	assert_code(family_verify(&f, &f.keys[0]), LK_E_MALFORMED);
}

static void
who_is_listed_is_not_gone(void **state)
{
	static struct family f;
	uint8_t other[32] = { 8 };

	(void)state;
	family_make(&f, 2);
	f.card.gone_len = 1;
	gone_make(&f.gone[0], f.root.pk, f.keys[1].pk, 4, &f.root);
	assert_code(family_verify(&f, &f.keys[0]), LK_E_MALFORMED);
	gone_make(&f.gone[0], f.root.pk, other, 4, &f.root);
	assert_ok(family_verify(&f, &f.keys[0]));
	f.gone[0].sig[3] ^= 1;
	assert_code(family_verify(&f, &f.keys[0]), LK_E_MALFORMED);
	/* Nor may a stranger say so. */
	family_make(&f, 3);
	gone_make(&f.gone[0], f.root.pk, other, 4, &f.keys[2]);
	f.card.devices_len = 2;
	f.card.gone_len = 1;
	assert_code(family_verify(&f, &f.keys[0]), LK_E_MALFORMED);
}

/* A newer box key of a device, by `by`. */
static void
box_newer(
    struct family *f, size_t i, uint32_t counter, const struct sign_key *by)
{
	struct box_statement *b = &f->devices[i].box;

	memcpy(b->pk, f->devices[i].cert.block.noise_pk, DH_LEN);
	b->pk[0] ^= 0xff;
	b->counter = counter;
	box_statement_sign(b->sig, by, b->pk, counter);
}

static void
newer_box_keys_round_trip_and_are_their_device_s_own_word(void **state)
{
	static struct family f;
	BUF_SCOPED out = { .max = CARD_MAX };
	ARENA_SCOPED arena = { .max = (size_t)1024 * 1024 };
	struct cert grantee;
	struct card c;

	(void)state;
	family_make(&f, 3);
	box_newer(&f, 1, 7, &f.keys[1]);
	assert_ok(card_encode(&out, &f.card, &f.keys[0]));
	assert_ok(card_decode(&c, &arena, buf_bytes(&out)));
	assert_ok(card_verify(&c));
	assert_int_equal(c.devices[0].box.counter, 0);
	assert_int_equal(c.devices[1].box.counter, 7);
	grantee = cert_grantee(&c.devices[1].cert, &c.devices[1].box);
	assert_memory_equal(grantee.block.box_pk, f.devices[1].box.pk, DH_LEN);
	assert_true(device_block_verify(&grantee.block));
	for (size_t n = 0; n < out.len; n++) {
		arena_reset(&arena);
		assert_code(
		    card_decode(&c, &arena, BYTES(out.ptr, n)), LK_E_TRUNCATED);
	}
	/* One encoding: without any of them it is the first form. */
	f.devices[1].box.counter = 0;
	buf_reset(&out);
	assert_ok(card_encode(&out, &f.card, &f.keys[0]));
	assert_int_equal(out.ptr[0], 1);
	out.ptr[0] = 2;
	assert_true(card_decode(&c, &arena, buf_bytes(&out)).code != LK_OK);
	box_newer(&f, 1, 7, &f.keys[2]);
	assert_code(family_verify(&f, &f.keys[0]), LK_E_MALFORMED);
	family_certify(&f, 1, &f.keys[0], 20);
	box_newer(&f, 1, 7, &f.keys[1]);
	f.devices[1].box.counter = 8;
	assert_code(family_verify(&f, &f.keys[0]), LK_E_MALFORMED);
}

/* What a friend holds, and what he is told next: devices as in a family, of
 * which the last is a thief's, at 20 like the one before. */
struct told {
	struct family known, next;
};

static void
told_make(struct told *t, size_t n, uint64_t serial)
{
	family_make(&t->known, n);
	family_make(&t->next, n);
	t->next.card.serial = serial;
}

static bool
superseded(const struct told *t)
{
	return card_supersedes(&t->known.card, &t->next.card);
}

static void
end_one(struct family *f, size_t i, const struct sign_key *by)
{
	gone_make(
	    &f->gone[f->card.gone_len++], f->root.pk, f->keys[i].pk, 1, by);
}

static void
the_newer_of_two_cards_is_kept_where_it_says_something_else(void **state)
{
	static struct told t;

	(void)state;
	told_make(&t, 3, 4);
	assert_false(superseded(&t));
	t.next.card.devices_len = 2;
	assert_true(superseded(&t));
	t.next.card.serial = 3;
	assert_false(superseded(&t));
}

static void
no_serial_shuts_out_the_card_that_ends_a_device_of_the_chain(void **state)
{
	static struct told t;

	(void)state;
	/* A thief's second device, certified by his first, signs the card. */
	told_make(&t, 3, 4);
	family_certify(&t.known, 2, &t.known.keys[1], 30);
	t.known.card.serial = UINT64_MAX;
	t.next.card.devices_len = 1;
	end_one(&t.next, 1, &t.next.keys[0]);
	assert_ok(family_verify(&t.known, &t.known.keys[2]));
	assert_ok(family_verify(&t.next, &t.next.keys[0]));
	assert_true(superseded(&t));
}

static void
a_card_ends_nobody_whom_its_issuer_may_not(void **state)
{
	static struct told t;

	(void)state;
	told_make(&t, 3, 4);
	t.next.card.devices_len = 2;
	end_one(&t.next, 2, &t.next.keys[1]); /* his equal */
	assert_ok(family_verify(&t.next, &t.next.keys[1]));
	assert_false(superseded(&t));
	/* Nor after he has certified him below himself. */
	told_make(&t, 3, 4);
	family_certify(&t.next, 2, &t.next.keys[1], 30);
	assert_ok(family_verify(&t.next, &t.next.keys[1]));
	assert_false(superseded(&t));
	told_make(&t, 3, 4);
	t.next.card.devices_len = 2;
	end_one(&t.next, 2, &t.next.keys[0]);
	assert_true(superseded(&t));
}

static void
what_an_equal_said_of_a_device_does_not_keep_it_out(void **state)
{
	static struct told t;

	(void)state;
	/* The thief's card came before the friend had heard of the third. */
	told_make(&t, 3, 4);
	t.known.card.serial = UINT64_MAX;
	t.known.card.devices_len = 2;
	end_one(&t.known, 2, &t.known.keys[1]);
	t.next.devices[1] = t.next.devices[2];
	t.next.card.devices_len = 2;
	end_one(&t.next, 1, &t.next.keys[0]);
	assert_ok(family_verify(&t.next, &t.next.keys[0]));
	assert_true(superseded(&t));
}

static void
a_newer_box_key_is_news_and_an_older_one_no_more(void **state)
{
	static struct told t;

	(void)state;
	told_make(&t, 3, 4);
	box_newer(&t.next, 2, 2, &t.next.keys[2]);
	assert_true(superseded(&t));
	box_newer(&t.known, 2, 3, &t.known.keys[2]);
	assert_false(superseded(&t));
	t.next.devices[2].box.counter = 0;
	assert_false(superseded(&t));
}

static void
that_a_device_is_gone_is_not_taken_back(void **state)
{
	static struct told t;

	(void)state;
	told_make(&t, 3, 4);
	t.known.card.devices_len = 2;
	end_one(&t.known, 2, &t.known.keys[0]);
	assert_false(superseded(&t));
	/* Not by saying nothing of it either. */
	t.next.card.devices_len = 1;
	assert_false(superseded(&t));
	end_one(&t.next, 2, &t.next.keys[0]);
	assert_true(superseded(&t));
	/* Of what somebody said who is gone nothing need be left. */
	told_make(&t, 4, 4);
	family_certify(&t.known, 2, &t.known.keys[1], 30);
	t.known.card.devices_len = 2;
	end_one(&t.known, 2, &t.known.keys[1]);
	t.next.card.devices_len = 1;
	end_one(&t.next, 1, &t.next.root);
	assert_true(superseded(&t));
}

static void
the_largest_person_fits_and_no_larger(void **state)
{
	static struct family f;
	BUF_SCOPED out = { .max = 64 * 1024 };
	static char name[LK_NAME_MAX + 1];

	(void)state;
	family_make(&f, PERSON_DEVICES_MAX);
	assert_ok(card_encode(&out, &f.card, &f.keys[0]));
	assert_true(out.len < CARD_MAX);
	buf_reset(&out);
	f.card.devices_len = PERSON_DEVICES_MAX + 1;
	assert_code(card_encode(&out, &f.card, &f.keys[0]), LK_E_LIMIT);
	f.card.devices_len = 0;
	assert_code(card_encode(&out, &f.card, &f.keys[0]), LK_E_LIMIT);
	f.card.devices_len = 1;
	f.card.name = BYTES((uint8_t *)name, sizeof(name));
	assert_code(card_encode(&out, &f.card, &f.keys[0]), LK_E_LIMIT);
	/* All that is allowed at once is over the limit in bytes. */
	f.card.name = (struct bytes){ 0 };
	f.card.devices_len = PERSON_DEVICES_MAX;
	for (size_t i = 0; i < PERSON_DEVICES_MAX; i++) {
		f.devices[i].addresses.len = 8;
		for (size_t j = 0; j < 8; j++)
			f.devices[i].addresses.at[j] =
			    (struct address){ .type = ADDRESS_HOST,
				    .port = 1,
				    .host =
					BYTES_STR("one-of-the-rather-long-host-"
						  "names.in.a.long.example") };
	}
	assert_code(card_encode(&out, &f.card, &f.keys[0]), LK_E_LIMIT);
	assert_int_equal(out.len, 0);
	assert_false(out.failed);
}

static void
read_any(struct bytes in, void *ctx)
{
	ARENA_SCOPED arena = { 0 };
	struct card c;

	arena_init(&arena, 256 * 1024);
	/* Verifying all would take long: every tenth. */
	if (card_decode(&c, &arena, in).code == LK_OK &&
	    ++*(size_t *)ctx % 10 == 0)
		assert_code(card_verify(&c), LK_E_MALFORMED);
}

static void
prefixes_are_truncated_and_no_change_verifies(void **state)
{
	struct json_object *all = codec_vectors("cert");
	VECTOR raw = vector_get(codec_item(all, "cards", 0), "card");
	ARENA_SCOPED arena = { 0 };
	size_t count = 0;
	struct card c;

	(void)state;
	arena_init(&arena, 4 * 1024 * 1024);
	for (size_t n = 0; n < raw.len; n++)
		assert_code(
		    card_decode(&c, &arena, BYTES(raw.ptr, n)), LK_E_TRUNCATED);
	codec_damage(VECTOR_VIEW(raw), 1000, read_any, &count);
	raw.ptr[0] = 3;
	assert_code(card_decode(&c, &arena, VECTOR_VIEW(raw)), LK_E_VERSION);
	json_object_put(all);
}

static void
addresses_have_one_form_and_unknown_ones_are_skipped(void **state)
{
	static const struct {
		const char *hex;
		bool good;
		size_t len;
	} cases[] = {
		{ "00", true, 0 },
		{ "010106c00002070001", true, 1 },
		{ "02630003010106c00002070001", false, 0 },
		{ "026303aabbcc0106c00002070001", true, 1 },
		{ "010105c000020700", false, 0 },
		{ "010107c0000207000100", false, 0 },
		{ "01030200ff", false, 0 },
		{ "01030300ff61", true, 1 },
		{ "01030300ff20", false, 0 },
		{ "01030300ffc3", false, 0 },
		{ "010301ff", false, 0 },
		{ "010405aabbccddee", false, 0 },
		{ "09", false, 0 },
		{ "01", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t raw[64];
		size_t n = strlen(cases[i].hex) / 2;
		struct addresses a;
		struct rd r;

		assert_true(hex_decode(raw, n, cases[i].hex));
		r = rd_over(BYTES(raw, n));
		addresses_read(&r, &a);
		assert_int_equal(rd_done(&r), cases[i].good);
		if (cases[i].good)
			assert_int_equal(a.len, cases[i].len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cards_of_the_vectors_are_read_and_verified),
		cmocka_unit_test(every_field_round_trips),
		cmocka_unit_test(a_chain_is_found_on_the_card),
		cmocka_unit_test(a_card_must_close_on_itself),
		cmocka_unit_test(who_is_listed_is_not_gone),
		cmocka_unit_test(
		    the_newer_of_two_cards_is_kept_where_it_says_something_else),
		cmocka_unit_test(
		    no_serial_shuts_out_the_card_that_ends_a_device_of_the_chain),
		cmocka_unit_test(a_card_ends_nobody_whom_its_issuer_may_not),
		cmocka_unit_test(
		    what_an_equal_said_of_a_device_does_not_keep_it_out),
		cmocka_unit_test(that_a_device_is_gone_is_not_taken_back),
		cmocka_unit_test(
		    a_newer_box_key_is_news_and_an_older_one_no_more),
		cmocka_unit_test(
		    newer_box_keys_round_trip_and_are_their_device_s_own_word),
		cmocka_unit_test(the_largest_person_fits_and_no_larger),
		cmocka_unit_test(prefixes_are_truncated_and_no_change_verifies),
		cmocka_unit_test(
		    addresses_have_one_form_and_unknown_ones_are_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
