#include "tests/unit/sync/codec.h"

#include "sync/pack.h"

#define ENVELOPES_MAX 32

/* The envelopes of a vector, in the arena. */
static size_t
envelopes_of(struct json_object *v, struct arena *arena, struct bytes *out)
{
	struct json_object *list = vector_field(v, "envelopes");
	size_t n = json_object_array_length(list);

	assert_true(n <= ENVELOPES_MAX);
	for (size_t i = 0; i < n; i++) {
		VECTOR b = vector_hex(json_object_array_get_idx(list, i));

		out[i] = arena_copy(arena, VECTOR_VIEW(b));
	}
	return n;
}

static void
packs_are_those_of_the_vectors(void **state)
{
	struct json_object *all = codec_vectors("stored"), *v;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "packs", i)) != NULL; i++) {
		VECTOR want = vector_get(v, "pack");
		struct bytes envelopes[ENVELOPES_MAX], got;
		char text[OBJECT_NAME_MAX + 1];
		BUF_SCOPED out = { .max = OBJECT_BYTES_MAX };
		struct stored_name name;
		struct pack pack;
		ARENA_SCOPED arena = { 0 };
		size_t n, k = 0;

		arena_init(&arena, 1 << 20);
		n = envelopes_of(v, &arena, envelopes);
		assert_ok(pack_encode(&out, &name, envelopes, n));
		assert_bytes(buf_bytes(&out), VECTOR_VIEW(want));
		stored_name_format(text, &name);
		assert_string_equal(text, vector_text(v, "name"));
		assert_true(object_name_is_valid(text));
		assert_ok(pack_decode(&pack, VECTOR_VIEW(want)));
		assert_true(stored_name_same(&pack.name, &name));
		for (; pack_next(&pack, &got); k++)
			assert_bytes(got, envelopes[k]);
		assert_int_equal(k, n);
	}
	json_object_put(all);
}

static void
what_is_no_pack_is_refused(void **state)
{
	struct json_object *all = codec_vectors("stored"), *v;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "bad_packs", i)) != NULL; i++) {
		VECTOR bytes = vector_get(v, "pack");
		struct pack pack;

		if (pack_decode(&pack, VECTOR_VIEW(bytes)).code == LK_OK)
			fail_msg("%s: taken", vector_text(v, "reason"));
	}
	json_object_put(all);
}

static void
never_taken(struct bytes b, void *ctx)
{
	struct pack pack;
	const size_t *whole = ctx;
	lk_err err = pack_decode(&pack, b);

	assert_int_not_equal(err.code, LK_OK);
	if (b.len < *whole)
		assert_true(err.code == LK_E_TRUNCATED);
}

static void
every_prefix_is_cut_short_and_every_flip_refused(void **state)
{
	struct json_object *all = codec_vectors("stored"), *v;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "packs", i)) != NULL; i++) {
		VECTOR bytes = vector_get(v, "pack");
		size_t whole = bytes.len;

		codec_damage(VECTOR_VIEW(bytes), 300, never_taken, &whole);
	}
	json_object_put(all);
}

static void
names_say_one_thing_and_are_said_in_one_way(void **state)
{
	static const char hex[] = "00112233445566778899aabbccddeeff";
	static const char *const good[] = {
		"lk1/%s/%s/0000000000000001-0001-%s",
		"lk1/%s/%s/k-0fffffffffffffff-1000-%s",
		"lk1/%s/%s/ack-ffffffffffffffff-0000000000000000",
		"lk1/mail/%s/%s",
	};
	static const char *const bad[] = {
		"",
		"lk1/",
		"lk1/mail/%s",
		"lk1/%s/%s",
		"lk2/%s/%s/k-1",
		"lk1/%s/%s/0000000000000000-0001-%s",
		"lk1/%s/%s/0000000000000001-0000-%s",
		"lk1/%s/%s/0000000000000001-1001-%s",
		"lk1/%s/%s/1000000000000001-0001-%s",
		"lk1/%s/%s/0000000000000001-0001-%s0",
		"lk1/%s/%s/0000000000000001-0001",
		"lk1/%s/%s/K-0000000000000001-0001-%s",
		"lk1/%s/%s/000000000000000A-0001-%s",
		"lk1/%s/%s/ack-0000000000000000",
		"lk1/mail/%s/%s/x",
	};
	char name[OBJECT_NAME_MAX + 1], again[OBJECT_NAME_MAX + 1];
	struct stored_name n, other;
	uint8_t key[STORED_KEY_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		/* Formats of the test's own. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
		(void)snprintf(name, sizeof(name), good[i], hex, hex, hex);
#pragma GCC diagnostic pop
		assert_true(stored_name_parse(&n, name));
		stored_name_format(again, &n);
		assert_string_equal(again, name);
		if (n.kind == STORED_MAIL)
			continue;
		stored_name_key(key, &n);
		stored_name_from_key(&other, key);
		assert_true(stored_name_same(&n, &other));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
		(void)snprintf(name, sizeof(name), bad[i], hex, hex, hex);
#pragma GCC diagnostic pop
		if (stored_name_parse(&n, name))
			fail_msg("%s: taken", name);
	}
}

static struct stored_name
any_name(struct random *random)
{
	struct stored_name n = { .kind = (enum stored_kind)random_below(
				     random, 3) };

	/* Few values, so that neighbours meet. */
	n.topic[0] = (uint8_t)random_below(random, 2);
	n.tag[15] = (uint8_t)random_below(random, 2);
	n.seq = 1 + random_below(random, 300);
	n.count = 1 + random_below(random, 300);
	if (n.kind != STORED_ACK)
		n.hash[0] = (uint8_t)random_below(random, 3);
	return n;
}

/* The records of a remote are compared with its list by this. */
static void
keys_sort_as_names_do(void **state)
{
	struct random_seeded seeded;
	struct random random = random_from_seed(&seeded, 5);

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct stored_name a = any_name(&random), b = any_name(&random);
		char x[OBJECT_NAME_MAX + 1], y[OBJECT_NAME_MAX + 1];
		uint8_t k[STORED_KEY_LEN], l[STORED_KEY_LEN];
		int names, keys;

		stored_name_format(x, &a);
		stored_name_format(y, &b);
		stored_name_key(k, &a);
		stored_name_key(l, &b);
		names = strcmp(x, y);
		keys = memcmp(k, l, sizeof(k));
		assert_true((names > 0) == (keys > 0));
		assert_true((names < 0) == (keys < 0));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packs_are_those_of_the_vectors),
		cmocka_unit_test(what_is_no_pack_is_refused),
		cmocka_unit_test(
		    every_prefix_is_cut_short_and_every_flip_refused),
		cmocka_unit_test(names_say_one_thing_and_are_said_in_one_way),
		cmocka_unit_test(keys_sort_as_names_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
