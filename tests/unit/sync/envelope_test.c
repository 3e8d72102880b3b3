#include "tests/unit/sync/codec.h"

#include "sync/envelope.h"

static void
buckets_are_those_of_the_vectors(void **state)
{
	struct json_object *all = codec_vectors("padding"), *v;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "vectors", i)) != NULL; i++) {
		assert_int_equal(padding_bucket(codec_number(v, "n")),
		    codec_number(v, "bucket"));
		n++;
	}
	assert_true(n > 30);
	assert_int_equal(
	    codec_number(all, "largest_plaintext"), ENVELOPE_PLAIN_MAX);
	assert_int_equal(codec_number(all, "largest_body"), ENVELOPE_BODY_MAX);
	json_object_put(all);
}

static void
a_bucket_is_its_own_bucket_and_wastes_an_eighth_at_most(void **state)
{
	size_t before = 0;

	(void)state;
	for (size_t n = 1; n <= ENVELOPE_PLAIN_MAX; n += 1 + n / 4096) {
		size_t b = padding_bucket(n);

		assert_true(b >= n && b >= before);
		assert_int_equal(padding_bucket(b), b);
		assert_true(n <= 512 ? b - n < 32 : b - n <= n / 8);
		before = b;
	}
}

static void
keys_are_those_of_the_vectors(void **state)
{
	struct json_object *all = codec_vectors("keys"), *v;
	uint8_t ladder[32], want[32], pk[32], id[32], got[32], salt[8];
	struct topic topic, again;
	struct epoch epoch;

	(void)state;
	v = codec_item(all, "epochs", 0);
	codec_get(ladder, 32, v, "L");
	epoch_derive(&epoch, ladder);
	codec_get(want, 32, v, "K");
	assert_memory_equal(epoch.content, want, 32);
	codec_get(want, 16, v, "etag");
	assert_memory_equal(epoch.etag, want, 16);
	epoch_ack_key(got, &epoch);
	codec_get(want, 32, v, "ack_key");
	assert_memory_equal(got, want, 32);
	topic_derive(&topic, ladder);
	codec_get(want, 32, v, "S");
	assert_memory_equal(topic.secret, want, 32);
	codec_get(want, 16, v, "topic");
	assert_memory_equal(topic.id, want, 16);
	topic_from_secret(&again, topic.secret);
	assert_memory_equal(&again, &topic, sizeof(topic));
	codec_get(pk, 32, v, "device");
	author_tag(got, &topic, pk);
	codec_get(want, 16, v, "author_tag");
	assert_memory_equal(got, want, 16);
	codec_get(id, 32, v, "grant_id");
	actor_id(got, &topic, pk, id, (uint8_t)codec_number(v, "grant_index"));
	codec_get(want, 16, v, "actor");
	assert_memory_equal(got, want, 16);
	actor_id(got, &topic, pk, id, 255);
	codec_get(want, 16, v, "actor_root_index");
	assert_memory_equal(got, want, 16);
	codec_get(ladder, 32, v, "genesis_seed");
	codec_get(salt, 8, v, "salt");
	genesis_ladder(got, ladder, salt);
	codec_get(want, 32, v, "L0");
	assert_memory_equal(got, want, 32);
	json_object_put(all);
}

/* What a vector's envelope is made of. */
struct made {
	struct sign_key author;
	struct topic topic;
	struct epoch epoch;
	uint8_t docid[32], prev[32], random[32], salt[8];
	bool has_random, is_genesis;
};

static void
made_from(struct made *m, struct json_object *v)
{
	static const uint8_t zero[32];
	uint8_t b[32];

	codec_get(b, 32, v, "author_seed");
	sign_key_from_seed(&m->author, b);
	codec_get(b, 32, v, "S");
	topic_from_secret(&m->topic, b);
	codec_get(b, 32, v, "L");
	epoch_derive(&m->epoch, b);
	codec_get(m->docid, 32, v, "signing_docid");
	m->is_genesis = memcmp(m->docid, zero, 32) == 0;
	codec_get(m->prev, 32, v, "prev");
	codec_get(m->salt, 8, v, "salt");
	m->has_random = *vector_text(v, "random32") != '\0';
	if (m->has_random)
		codec_get(m->random, 32, v, "random32");
}

/* The salt of a person's own document's genesis is random; else synthetic. */
static lk_err
make_again(struct buf *out, uint8_t *id, struct json_object *v, bool salted)
{
	VECTOR section = vector_get(v, "key_section");
	VECTOR body = vector_get(v, "body");
	struct made m;
	struct envelope_draft d;

	made_from(&m, v);
	d = (struct envelope_draft){ .author = &m.author,
		.topic = &m.topic,
		.epoch = &m.epoch,
		.docid = m.is_genesis ? NULL : m.docid,
		.seq = codec_number(v, "seq"),
		.key_section = VECTOR_VIEW(section),
		.body = VECTOR_VIEW(body) };
	d.prev = d.seq == 1 ? NULL : m.prev;
	if (salted)
		d.salt = m.salt;
	else
		d.random = m.random;
	return envelope_make(out, id, &d);
}

static void
envelopes_are_made_as_in_the_vectors(void **state)
{
	struct json_object *all = codec_vectors("envelope"), *v;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "envelopes", i)) != NULL; i++) {
		VECTOR want = vector_get(v, "envelope");
		uint8_t id[32], want_id[32];
		BUF_SCOPED out = { .max = ENVELOPE_MAX };
		/* A genesis has its salt first: its L follows from that. */
		bool salted = *vector_text(v, "random32") == '\0' ||
		    strcmp(vector_text(v, "name"), "doc") == 0 ||
		    strcmp(vector_text(v, "name"), "home-forged") == 0;

		assert_ok(make_again(&out, id, v, salted));
		assert_bytes(buf_bytes(&out), VECTOR_VIEW(want));
		codec_get(want_id, 32, v, "id");
		assert_memory_equal(id, want_id, 32);
	}
	json_object_put(all);
}

static void
envelopes_of_the_vectors_open(void **state)
{
	struct json_object *all = codec_vectors("envelope"), *v;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "envelopes", i)) != NULL; i++) {
		VECTOR raw = vector_get(v, "envelope");
		VECTOR body = vector_get(v, "body");
		VECTOR section = vector_get(v, "key_section");
		ARENA_SCOPED arena = { 0 };
		struct envelope_content c;
		struct envelope e;
		uint8_t b[32];
		struct made m;

		arena_init(&arena, ENVELOPE_MAX);
		made_from(&m, v);
		assert_ok(envelope_parse(&e, VECTOR_VIEW(raw)));
		assert_int_equal(e.seq, codec_number(v, "seq"));
		assert_int_equal(e.flags, codec_number(v, "flags"));
		assert_memory_equal(e.topic, m.topic.id, 16);
		codec_get(b, 16, v, "tag");
		assert_memory_equal(e.tag, b, 16);
		assert_memory_equal(e.prev, m.prev, 32);
		assert_memory_equal(e.etag, m.epoch.etag, 16);
		assert_bytes(e.key_section, VECTOR_VIEW(section));
		codec_get(b, 32, v, "id");
		assert_memory_equal(e.id, b, 32);
		assert_ok(envelope_open(&e, &m.epoch, &arena, &c));
		assert_bytes(c.body, VECTOR_VIEW(body));
		codec_get(b, 32, v, "author");
		/* One is forged: signed, but not by the key it should be. */
		assert_true(envelope_verify(
		    c.sig, b, m.is_genesis ? NULL : m.docid, c.signed_digest));
		b[0] ^= 1;
		assert_false(
		    envelope_verify(c.sig, b, m.docid, c.signed_digest));
	}
	json_object_put(all);
}

/* Follows an envelope as far as it goes: whether any step refuses it. */
static bool
refused(struct bytes raw, const struct epoch *epoch, const uint8_t *author,
    const uint8_t *docid)
{
	struct envelope_content c;
	ARENA_SCOPED arena = { 0 };
	struct envelope e;

	arena_init(&arena, ENVELOPE_MAX);
	return envelope_parse(&e, raw).code != LK_OK ||
	    envelope_open(&e, epoch, &arena, &c).code != LK_OK ||
	    !envelope_verify(c.sig, author, docid, c.signed_digest);
}

static void
bad_envelopes_of_the_vectors_are_refused(void **state)
{
	struct json_object *all = codec_vectors("envelope"), *v;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "bad", i)) != NULL; i++) {
		VECTOR raw = vector_get(v, "envelope");
		uint8_t ladder[32], author[32], docid[32];
		struct envelope e;
		struct epoch epoch;
		lk_err err = envelope_parse(&e, VECTOR_VIEW(raw));

		codec_get(ladder, 32, v, "L");
		codec_get(author, 32, v, "author");
		codec_get(docid, 32, v, "docid");
		epoch_derive(&epoch, ladder);
		assert_true(json_object_get_boolean(vector_field(
				v, "needs_key")) == (err.code == LK_OK));
		assert_true(refused(VECTOR_VIEW(raw), &epoch, author, docid));
	}
	json_object_put(all);
}

static struct json_object *
envelope_named(struct json_object *all, const char *name)
{
	struct json_object *v;

	for (size_t i = 0; (v = codec_item(all, "envelopes", i)) != NULL; i++)
		if (strcmp(vector_text(v, "name"), name) == 0)
			return v;
	fail();
	return NULL;
}

static void
nobody_else_can_put_what_was_signed_elsewhere(void **state)
{
	struct json_object *all = codec_vectors("envelope"), *v, *from;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "resealed", i)) != NULL; i++) {
		VECTOR raw = vector_get(v, "envelope");
		uint8_t ladder[32], author[32], docid[32];
		struct epoch epoch;

		from = envelope_named(all, vector_text(v, "original"));
		codec_get(ladder, 32, v, "L");
		codec_get(author, 32, from, "author");
		codec_get(docid, 32, from, "signing_docid");
		epoch_derive(&epoch, ladder);
		assert_true(refused(VECTOR_VIEW(raw), &epoch, author, docid));
	}
	json_object_put(all);
}

struct target {
	struct made made;
	uint8_t author[32];
};

static void
assert_refused(struct bytes raw, void *ctx)
{
	const struct target *t = ctx;

	assert_true(refused(raw, &t->made.epoch, t->author, t->made.docid));
}

static void
every_prefix_and_every_flipped_bit_is_refused(void **state)
{
	static const char *const names[] = { "laptop-2", "epoch-1",
		"share-fred" };
	struct json_object *all = codec_vectors("envelope"), *v;
	struct target t;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		v = envelope_named(all, names[i]);
		VECTOR raw = vector_get(v, "envelope");

		made_from(&t.made, v);
		codec_get(t.author, 32, v, "author");
		assert_false(refused(
		    VECTOR_VIEW(raw), &t.made.epoch, t.author, t.made.docid));
		codec_damage(VECTOR_VIEW(raw), 600, assert_refused, &t);
	}
	json_object_put(all);
}

static void
headers_that_end_early_are_truncated(void **state)
{
	struct json_object *all = codec_vectors("envelope");
	VECTOR raw = vector_get(envelope_named(all, "doc"), "envelope");
	struct envelope e;

	(void)state;
	for (size_t n = 0; n < ENVELOPE_HEADER_LEN + 96; n++)
		assert_code(
		    envelope_parse(&e, BYTES(raw.ptr, n)), LK_E_TRUNCATED);
	json_object_put(all);
}

static void
an_envelope_is_rebuilt_from_its_parts(void **state)
{
	struct json_object *all = codec_vectors("envelope"), *v;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "envelopes", i)) != NULL; i++) {
		VECTOR raw = vector_get(v, "envelope");
		struct envelope_parts p;
		ARENA_SCOPED arena = { 0 };
		struct envelope e;
		struct bytes again;

		arena_init(&arena, ENVELOPE_MAX);
		assert_ok(envelope_parse(&e, VECTOR_VIEW(raw)));
		p = (struct envelope_parts){ .topic = e.topic,
			.tag = e.tag,
			.etag = e.etag,
			.prev = e.prev,
			.salt = e.salt,
			.seq = e.seq,
			.key_section = e.flags != 0,
			.rest = BYTES(raw.ptr + ENVELOPE_HEADER_LEN,
			    raw.len - ENVELOPE_HEADER_LEN) };
		assert_ok(envelope_rebuild(&again, &arena, &p));
		assert_bytes(again, VECTOR_VIEW(raw));
		p.rest.len = ENVELOPE_MAX;
		assert_code(envelope_rebuild(&again, &arena, &p), LK_E_LIMIT);
	}
	json_object_put(all);
}

/* An author, a topic and an epoch out of small numbers. */
static void
made_up(struct made *m)
{
	const uint8_t seed[32] = { 7 };

	*m = (struct made){ 0 };
	sign_key_from_seed(&m->author, seed);
	topic_derive(&m->topic, seed);
	epoch_derive(&m->epoch, seed);
}

/* A body of n bytes: one op without effect. */
static struct bytes
body_of(uint8_t *room, size_t n)
{
	struct buf b = { .ptr = room, .cap = n, .max = n };
	size_t len = n - 4;

	memset(room, 0xaa, n);
	buf_u8(&b, 0);
	buf_uleb(&b, 0);
	buf_u8(&b, 1);
	buf_u8(&b, 200);
	/* The length's own bytes: as many as make it come out even. */
	for (size_t digits = 1; digits <= 3; digits++)
		if (len - digits < (size_t)1 << (7 * digits)) {
			buf_uleb(&b, len - digits);
			break;
		}
	return BYTES(room, n);
}

static void
bodies_of_every_size_round_trip(void **state)
{
	static uint8_t room[ENVELOPE_BODY_MAX];
	static const size_t big[] = { 65471, 65472, 65473, 1000000,
		ENVELOPE_BODY_MAX };
	const uint8_t random[32] = { 1 };
	struct envelope_draft d;
	struct made m;

	(void)state;
	made_up(&m);
	d = (struct envelope_draft){ .author = &m.author,
		.topic = &m.topic,
		.epoch = &m.epoch,
		.docid = m.docid,
		.seq = 2,
		.prev = random,
		.random = random };
	for (size_t i = 0; i < 300 + 5; i++) {
		size_t n = i < 300 ? 5 + 3 * i : big[i - 300];
		BUF_SCOPED out = { .max = ENVELOPE_MAX };
		struct envelope_content c;
		ARENA_SCOPED arena = { 0 };
		struct envelope e;
		uint8_t id[32];

		arena_init(&arena, ENVELOPE_MAX);
		/* No length takes 127 bytes and its own single one more. */
		if (n == 4 + 1 + 128 || n == 4 + 2 + 16384)
			continue;
		d.body = body_of(room, n);
		assert_ok(envelope_make(&out, id, &d));
		assert_int_equal(out.len,
		    ENVELOPE_HEADER_LEN + padding_bucket(SIGN_LEN + n) +
			SEAL_TAG_LEN);
		assert_ok(envelope_parse(&e, buf_bytes(&out)));
		assert_memory_equal(e.id, id, 32);
		assert_ok(envelope_open(&e, &m.epoch, &arena, &c));
		assert_bytes(c.body, d.body);
	}
}

static void
a_body_that_does_not_fit_leaves_the_buffer_as_it_was(void **state)
{
	static uint8_t room[ENVELOPE_MAX];
	static uint8_t section[20000];
	const uint8_t random[32] = { 1 };
	BUF_SCOPED out = { .max = ENVELOPE_MAX };
	BUF_SCOPED small = { .max = 200 };
	struct envelope_draft d;
	struct made m;
	uint8_t id[32];

	(void)state;
	made_up(&m);
	buf_str(&out, "before");
	d = (struct envelope_draft){ .author = &m.author,
		.topic = &m.topic,
		.epoch = &m.epoch,
		.docid = m.docid,
		.seq = 2,
		.prev = random,
		.random = random,
		.body = BYTES(room, ENVELOPE_BODY_MAX + 1) };
	assert_code(envelope_make(&out, id, &d), LK_E_LIMIT);
	d.body.len = ENVELOPE_BODY_MAX;
	d.key_section = BYTES_OF(section);
	assert_code(envelope_make(&out, id, &d), LK_E_LIMIT);
	d.key_section.len = 0;
	d.body.len = 100;
	assert_code(envelope_make(&small, id, &d), LK_E_LIMIT);
	assert_int_equal(small.len, 0);
	assert_false(small.failed);
	assert_bytes(buf_bytes(&out), BYTES_STR("before"));
	assert_ok(envelope_make(&out, id, &d));
}

static void
another_epoch_has_to_wait(void **state)
{
	struct json_object *all = codec_vectors("envelope");
	VECTOR raw = vector_get(envelope_named(all, "doc"), "envelope");
	const uint8_t other[32] = { 9 };
	struct envelope_content c;
	ARENA_SCOPED arena = { 0 };
	struct epoch epoch;
	struct envelope e;

	(void)state;
	arena_init(&arena, ENVELOPE_MAX);
	epoch_derive(&epoch, other);
	assert_ok(envelope_parse(&e, VECTOR_VIEW(raw)));
	assert_code(envelope_open(&e, &epoch, &arena, &c), LK_E_WAIT);
	json_object_put(all);
}

static void
an_envelope_over_the_limit_is_not_looked_at(void **state)
{
	static uint8_t room[ENVELOPE_MAX + 1];
	struct envelope e;

	(void)state;
	room[0] = ENVELOPE_VERSION;
	assert_code(envelope_parse(&e, BYTES_OF(room)), LK_E_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_are_those_of_the_vectors),
		cmocka_unit_test(
		    a_bucket_is_its_own_bucket_and_wastes_an_eighth_at_most),
		cmocka_unit_test(keys_are_those_of_the_vectors),
		cmocka_unit_test(envelopes_are_made_as_in_the_vectors),
		cmocka_unit_test(envelopes_of_the_vectors_open),
		cmocka_unit_test(bad_envelopes_of_the_vectors_are_refused),
		cmocka_unit_test(nobody_else_can_put_what_was_signed_elsewhere),
		cmocka_unit_test(every_prefix_and_every_flipped_bit_is_refused),
		cmocka_unit_test(headers_that_end_early_are_truncated),
		cmocka_unit_test(an_envelope_is_rebuilt_from_its_parts),
		cmocka_unit_test(bodies_of_every_size_round_trip),
		cmocka_unit_test(
		    a_body_that_does_not_fit_leaves_the_buffer_as_it_was),
		cmocka_unit_test(another_epoch_has_to_wait),
		cmocka_unit_test(an_envelope_over_the_limit_is_not_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
