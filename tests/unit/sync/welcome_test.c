#include "tests/unit/sync/codec.h"

#include "sync/welcome.h"

static void
device_key(struct sign_key *k, const char *pk_hex)
{
	struct json_object *keys = codec_vectors("keys"), *v;
	uint8_t seed[32];

	for (size_t i = 0; (v = codec_item(keys, "devices", i)) != NULL; i++)
		if (strcmp(vector_text(v, "sign_pk"), pk_hex) == 0) {
			codec_get(seed, 32, v, "sign_seed");
			sign_key_from_seed(k, seed);
			json_object_put(keys);
			return;
		}
	fail();
}

static void
welcome_from(struct welcome *w, struct json_object *v)
{
	struct json_object *o;
	uint8_t b[32];

	*w = (struct welcome){ 0 };
	codec_get(w->docid, 32, v, "docid");
	codec_get(b, 32, v, "S");
	topic_from_secret(&w->topic, b);
	w->secret_implied = (codec_number(v, "f") & 1) == 0;
	for (; (o = codec_item(v, "L", w->keys_len)) != NULL; w->keys_len++) {
		codec_fixed(b, 32, o);
		epoch_derive(&w->keys[w->keys_len], b);
	}
	memcpy(w->grant.env, w->docid, 32);
	if (*vector_text(v, "grant_id") != '\0')
		codec_get(w->grant.env, 32, v, "grant_id");
	w->grant.index = (uint8_t)codec_number(v, "grant_index");
	(void)strlcpy(w->type, vector_text(v, "type"), sizeof(w->type));
	(void)strlcpy(w->name, vector_text(v, "title"), sizeof(w->name));
}

static void
welcomes_are_those_of_the_vectors(void **state)
{
	struct json_object *all = codec_vectors("welcome"), *v;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "welcomes", i)) != NULL; i++) {
		VECTOR raw = vector_get(v, "welcome");
		BUF_SCOPED out = { .max = WELCOME_MAX };
		const char *signer = vector_text(v, "signer");
		struct welcome want, got;
		struct sign_key key;
		uint8_t recipient[32];

		welcome_from(&want, v);
		codec_get(recipient, 32, v, "recipient");
		assert_ok(welcome_decode(&got, VECTOR_VIEW(raw), recipient));
		assert_memory_equal(got.docid, want.docid, 32);
		assert_memory_equal(
		    &got.topic, &want.topic, sizeof(want.topic));
		assert_int_equal(got.keys_len, want.keys_len);
		assert_int_equal(got.secret_implied, want.secret_implied);
		assert_memory_equal(
		    &got.grant, &want.grant, sizeof(want.grant));
		assert_string_equal(got.type, want.type);
		assert_string_equal(got.name, want.name);
		assert_int_equal(got.remotes.len,
		    json_object_array_length(vector_field(v, "remotes")));
		assert_int_equal(got.has_signer, *signer != '\0');
		want.remotes = got.remotes;
		if (got.has_signer)
			device_key(&key, signer);
		assert_ok(welcome_encode(
		    &out, &want, recipient, got.has_signer ? &key : NULL));
		assert_bytes(buf_bytes(&out), VECTOR_VIEW(raw));
		/* A signed one is for one device only. */
		recipient[5] ^= 1;
		assert_code(welcome_decode(&got, VECTOR_VIEW(raw), recipient),
		    got.has_signer ? LK_E_MALFORMED : LK_OK);
		welcome_clear(&got);
	}
	json_object_put(all);
}

static void
the_bad_welcomes_of_the_vectors_are_refused(void **state)
{
	struct json_object *all = codec_vectors("welcome"), *v;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "bad", i)) != NULL; i++) {
		VECTOR raw = vector_get(v, "welcome");
		struct welcome w;
		uint8_t recipient[32];

		codec_get(recipient, 32, v, "recipient");
		assert_code(welcome_decode(&w, VECTOR_VIEW(raw), recipient),
		    LK_E_MALFORMED);
	}
	json_object_put(all);
}

/* A welcome with n keys. */
static void
welcome_made_up(struct welcome *w, size_t n)
{
	uint8_t ladder[32] = { 1 };

	*w = (struct welcome){ .grant = { .index = 2 }, .keys_len = n };
	assert_ok(crypto_start());
	w->grant.env[0] = 9;
	topic_derive(&w->topic, ladder);
	for (size_t i = 0; i < n; i++) {
		ladder[1] = (uint8_t)i;
		epoch_derive(&w->keys[i], ladder);
	}
}

static void
keys_are_sent_sorted_and_once(void **state)
{
	BUF_SCOPED out = { .max = WELCOME_MAX };
	BUF_SCOPED again = { .max = WELCOME_MAX };
	struct welcome w, got;
	struct sign_key key;
	uint8_t seed[32] = { 4 };

	(void)state;
	welcome_made_up(&w, WELCOME_KEYS_MAX);
	sign_key_from_seed(&key, seed);
	w.keys[7] = w.keys[3];
	w.keys[50] = w.keys[3];
	assert_ok(welcome_encode(&out, &w, key.pk, &key));
	assert_ok(welcome_decode(&got, buf_bytes(&out), key.pk));
	assert_int_equal(got.keys_len, WELCOME_KEYS_MAX - 2);
	for (size_t i = 1; i < got.keys_len; i++)
		assert_true(
		    memcmp(got.keys[i - 1].etag, got.keys[i].etag, 16) < 0);
	assert_memory_equal(got.signer_pk, key.pk, 32);
	assert_ok(welcome_encode(&again, &got, key.pk, &key));
	assert_bytes(buf_bytes(&again), buf_bytes(&out));
}

static void
the_secret_is_left_out_only_where_it_follows(void **state)
{
	BUF_SCOPED out = { .max = WELCOME_MAX };
	struct welcome w, got;
	uint8_t pk[32] = { 0 };

	(void)state;
	welcome_made_up(&w, 1);
	w.secret_implied = true;
	assert_ok(welcome_encode(&out, &w, pk, NULL));
	assert_ok(welcome_decode(&got, buf_bytes(&out), pk));
	assert_memory_equal(&got.topic, &w.topic, sizeof(w.topic));
	welcome_made_up(&w, 2);
	w.secret_implied = true;
	assert_code(welcome_encode(&out, &w, pk, NULL), LK_E_USAGE);
	w.keys_len = 1;
	w.topic.secret[0] ^= 1;
	assert_code(welcome_encode(&out, &w, pk, NULL), LK_E_USAGE);
	w.secret_implied = false;
	w.keys_len = 0;
	assert_code(welcome_encode(&out, &w, pk, NULL), LK_E_LIMIT);
	w.keys_len = WELCOME_KEYS_MAX + 1;
	assert_code(welcome_encode(&out, &w, pk, NULL), LK_E_LIMIT);
}

static void
read_any(struct bytes in, void *ctx)
{
	struct welcome w;
	lk_err err = welcome_decode(&w, in, ctx);

	/* This one is signed: no change of it is accepted. */
	assert_true(err.code == LK_E_MALFORMED || err.code == LK_E_TRUNCATED);
}

static void
no_change_of_a_signed_welcome_is_accepted(void **state)
{
	struct json_object *all = codec_vectors("welcome"), *v;
	uint8_t recipient[32];
	struct welcome w;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "welcomes", i)) != NULL; i++) {
		VECTOR raw = vector_get(v, "welcome");

		codec_get(recipient, 32, v, "recipient");
		/* Flag bit 2 gone is another, unsigned, welcome: too long. */
		for (size_t n = 0; n < raw.len; n++)
			assert_code(
			    welcome_decode(&w, BYTES(raw.ptr, n), recipient),
			    LK_E_TRUNCATED);
		if (*vector_text(v, "signer") != '\0')
			codec_damage(
			    VECTOR_VIEW(raw), 500, read_any, recipient);
	}
	json_object_put(all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(welcomes_are_those_of_the_vectors),
		cmocka_unit_test(the_bad_welcomes_of_the_vectors_are_refused),
		cmocka_unit_test(keys_are_sent_sorted_and_once),
		cmocka_unit_test(the_secret_is_left_out_only_where_it_follows),
		cmocka_unit_test(no_change_of_a_signed_welcome_is_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
