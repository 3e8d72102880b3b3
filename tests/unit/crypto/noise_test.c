#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/noise.h"
#include "crypto/random.h"
#include "tests/unit/crypto/vectors.h"

#define PATTERNS 4

static const char *const names[PATTERNS] = {
	[NOISE_XK] = "Noise_XK_25519_ChaChaPoly_BLAKE2b",
	[NOISE_XKPSK3] = "Noise_XKpsk3_25519_ChaChaPoly_BLAKE2b",
	[NOISE_XX] = "Noise_XX_25519_ChaChaPoly_BLAKE2b",
	[NOISE_NK] = "Noise_NK_25519_ChaChaPoly_BLAKE2b",
};

/* Both ends of a handshake, [0] the initiator's. */
struct ends {
	struct noise side[2];
};

/* What the two of them start from. */
struct start {
	enum noise_pattern pattern;
	struct bytes prologue;
	struct dh_key statics[2];
	uint8_t ephemerals[2][DH_LEN];
	uint8_t psk[NOISE_PSK_LEN];
};

static void
ends_init(struct ends *e, const struct start *s)
{
	for (int i = 0; i < 2; i++) {
		struct noise_config config = {
			.pattern = s->pattern,
			.initiator = i == 0,
			.prologue = s->prologue,
			.ephemeral = s->ephemerals[i],
			.local = &s->statics[i],
			.remote = s->statics[1].pk,
			.psk = s->psk,
		};

		if (i == 0 && s->pattern == NOISE_NK)
			config.local = NULL;
		noise_init(&e->side[i], &config);
	}
}

static void
start_make(struct start *s, enum noise_pattern pattern, uint64_t seed)
{
	struct random_seeded seeded;
	struct random random = random_from_seed(&seeded, seed);
	uint8_t secret[DH_LEN];

	*s = (struct start){ .pattern = pattern };
	s->prologue = BYTES_STR("LK prologue");
	for (int i = 0; i < 2; i++) {
		random_fill(&random, secret, sizeof(secret));
		dh_key_from_secret(&s->statics[i], secret);
		random_fill(&random, s->ephemerals[i], DH_LEN);
	}
	random_fill(&random, s->psk, sizeof(s->psk));
}

/* Message number i of the handshake from the one to the other. */
static lk_err
pass(struct ends *e, size_t i, struct bytes payload, struct buf *wire)
{
	BUF_SCOPED got = { 0 };

	buf_init(&got, NOISE_MESSAGE_MAX);
	TRY(noise_write(&e->side[i % 2], wire, payload));
	TRY(noise_read(&e->side[1 - i % 2], &got, buf_bytes(wire)));
	assert_true(bytes_equal(buf_bytes(&got), payload));
	return LK_NONE;
}

static size_t
messages_count(enum noise_pattern p)
{
	return p == NOISE_NK ? 2 : 3;
}

static void
ends_finish(struct ends *e, enum noise_pattern p)
{
	for (size_t i = 0; i < messages_count(p); i++) {
		BUF_SCOPED wire = { 0 };

		buf_init(&wire, NOISE_MESSAGE_MAX);
		assert_int_equal(
		    pass(e, i, BYTES_STR("hello"), &wire).code, LK_OK);
	}
	assert_true(noise_done(&e->side[0]));
	assert_true(noise_done(&e->side[1]));
	assert_memory_equal(e->side[0].hash, e->side[1].hash, NOISE_HASH_LEN);
}

static void
transport_check(struct noise_cipher *from, struct noise_cipher *to,
    struct json_object *message)
{
	VECTOR payload = vector_get(message, "payload");
	VECTOR expected = vector_get(message, "ciphertext");
	BUF_SCOPED wire = { 0 };
	BUF_SCOPED got = { 0 };

	buf_init(&wire, NOISE_MESSAGE_MAX);
	buf_init(&got, NOISE_MESSAGE_MAX);
	assert_int_equal(
	    noise_seal(from, &wire, BYTES(payload.ptr, 0), VECTOR_VIEW(payload))
		.code,
	    LK_OK);
	assert_true(bytes_equal(buf_bytes(&wire), VECTOR_VIEW(expected)));
	assert_int_equal(noise_open(to, &got, buf_bytes(&wire)).code, LK_OK);
	assert_true(bytes_equal(buf_bytes(&got), VECTOR_VIEW(payload)));
}

/* All messages of a vector; those behind the handshake's are transport. */
static void
messages_check(struct ends *e, const struct start *s, struct json_object *list,
    struct noise_cipher cipher[2][2])
{
	size_t handshake = messages_count(s->pattern);

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *m = json_object_array_get_idx(list, i);
		VECTOR payload = vector_get(m, "payload");
		VECTOR expected = vector_get(m, "ciphertext");
		BUF_SCOPED wire = { 0 };

		buf_init(&wire, NOISE_MESSAGE_MAX);
		if (i >= handshake) {
			transport_check(
			    &cipher[i % 2][0], &cipher[1 - i % 2][1], m);
			continue;
		}
		assert_true(noise_writes(&e->side[i % 2]));
		assert_int_equal(noise_overhead(&e->side[i % 2]) + payload.len,
		    expected.len);
		assert_int_equal(
		    pass(e, i, VECTOR_VIEW(payload), &wire).code, LK_OK);
		assert_true(
		    bytes_equal(buf_bytes(&wire), VECTOR_VIEW(expected)));
		for (int side = 0; side < 2 && i + 1 == handshake; side++)
			noise_split(
			    &e->side[side], &cipher[side][0], &cipher[side][1]);
	}
}

static void
key_read(struct dh_key *k, struct json_object *v, const char *name)
{
	VECTOR secret = vector_get(v, name);

	if (secret.len == DH_LEN)
		dh_key_from_secret(k, secret.ptr);
}

/* False for a pattern that we do not have. */
static bool
start_read(struct start *s, struct json_object *v, const char *protocol)
{
	VECTOR one = vector_get(v, "init_ephemeral");
	VECTOR two = vector_get(v, "resp_ephemeral");
	size_t p = 0;

	while (p < PATTERNS && strcmp(names[p], protocol) != 0)
		p++;
	if (p == PATTERNS)
		return false;
	*s = (struct start){ .pattern = (enum noise_pattern)p };
	key_read(&s->statics[0], v, "init_static");
	key_read(&s->statics[1], v, "resp_static");
	assert_int_equal(one.len, DH_LEN);
	assert_int_equal(two.len, DH_LEN);
	memcpy(s->ephemerals[0], one.ptr, DH_LEN);
	memcpy(s->ephemerals[1], two.ptr, DH_LEN);
	return true;
}

static bool
published_check(struct json_object *v)
{
	VECTOR prologue = vector_get(v, "init_prologue");
	VECTOR hash = vector_get(v, "handshake_hash");
	struct json_object *psks = vector_field(v, "init_psks");
	struct noise_cipher cipher[2][2];
	struct start s;
	struct ends e;

	if (!start_read(&s, v, vector_text(v, "protocol_name")))
		return false;
	s.prologue = VECTOR_VIEW(prologue);
	if (s.pattern == NOISE_XKPSK3) {
		VECTOR psk = vector_hex(json_object_array_get_idx(psks, 0));

		assert_int_equal(psk.len, NOISE_PSK_LEN);
		memcpy(s.psk, psk.ptr, NOISE_PSK_LEN);
	}
	ends_init(&e, &s);
	messages_check(&e, &s, vector_field(v, "messages"), cipher);
	if (hash.len > 0)
		assert_memory_equal(e.side[0].hash, hash.ptr, NOISE_HASH_LEN);
	return true;
}

static void
the_published_vectors_hold(void **state)
{
	static const char *const files[] = { "cacophony", "snow" };
	const char *shared = getenv("LK_SHARED");
	size_t ran = 0;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char path[512];
		struct json_object *file, *list;

		(void)snprintf(path, sizeof(path),
		    "%s/data/noise/%s_25519_ChaChaPoly_BLAKE2b.json",
		    shared != NULL ? shared : LK_TEST_DATA "/../../../shared",
		    files[i]);
		file = json_object_from_file(path);
		/* Beside the tree they may be missing, not where we were told
		 * that they are. */
		if (file == NULL && shared != NULL)
			fail_msg("%s: not there", path);
		if (file == NULL) {
			print_message("%s: not there, set LK_SHARED\n", path);
			skip();
		}
		list = vector_field(file, "vectors");
		if (list == NULL)
			list = file;
		for (size_t n = 0; n < json_object_array_length(list); n++)
			ran +=
			    published_check(json_object_array_get_idx(list, n));
		json_object_put(file);
	}
	print_message("%zu published handshakes\n", ran);
	/* XK, XX and NK in both, XKpsk3 in one. */
	assert_int_equal(ran, 7);
}

static void
the_handshakes_of_the_protocol_hold(void **state)
{
	struct json_object *file =
	    json_object_from_file(LK_TEST_DATA "/protocol/noise.json");
	struct json_object *list = vector_field(file, "handshakes");

	(void)state;
	assert_non_null(list);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *v = json_object_array_get_idx(list, i);
		VECTOR prologue = vector_get(v, "prologue");
		VECTOR psk = vector_get(v, "psk");
		VECTOR hash = vector_get(v, "h");
		VECTOR there = vector_get(v, "init_to_resp");
		VECTOR back = vector_get(v, "resp_to_init");
		struct noise_cipher cipher[2][2];
		struct start s;
		struct ends e;

		assert_true(start_read(&s, v, vector_text(v, "protocol")));
		s.prologue = VECTOR_VIEW(prologue);
		if (psk.len == NOISE_PSK_LEN)
			memcpy(s.psk, psk.ptr, NOISE_PSK_LEN);
		ends_init(&e, &s);
		messages_check(&e, &s, vector_field(v, "messages"), cipher);
		assert_memory_equal(e.side[1].hash, hash.ptr, NOISE_HASH_LEN);
		assert_memory_equal(cipher[0][0].key, there.ptr, NOISE_KEY_LEN);
		assert_memory_equal(cipher[1][1].key, there.ptr, NOISE_KEY_LEN);
		assert_memory_equal(cipher[0][1].key, back.ptr, NOISE_KEY_LEN);
		assert_memory_equal(cipher[1][0].key, back.ptr, NOISE_KEY_LEN);
	}
	json_object_put(file);
}

static void
the_change_of_keys_of_the_protocol_holds(void **state)
{
	struct json_object *file =
	    json_object_from_file(LK_TEST_DATA "/protocol/noise.json");
	struct json_object *v =
	    json_object_array_get_idx(vector_field(file, "rekey"), 0);
	struct json_object *plains = vector_field(v, "plaintexts");
	struct json_object *frames = vector_field(v, "frames");
	VECTOR key = vector_get(v, "key");
	VECTOR next = vector_get(v, "new_key");
	struct noise_cipher c = { .nonce = 65535 };

	(void)state;
	memcpy(c.key, key.ptr, NOISE_KEY_LEN);
	for (size_t i = 0; i < json_object_array_length(plains); i++) {
		VECTOR plain = vector_hex(json_object_array_get_idx(plains, i));
		VECTOR frame = vector_hex(json_object_array_get_idx(frames, i));
		BUF_SCOPED wire = { 0 };

		buf_init(&wire, NOISE_MESSAGE_MAX);
		assert_int_equal(
		    noise_seal(&c, &wire, VECTOR_VIEW(plain), BYTES(NULL, 0))
			.code,
		    LK_OK);
		/* A frame begins with its length. */
		assert_true(bytes_equal(
		    buf_bytes(&wire), BYTES(frame.ptr + 2, frame.len - 2)));
		assert_memory_equal(c.key, next.ptr, NOISE_KEY_LEN);
	}
	json_object_put(file);
}

static void
every_prefix_of_every_handshake_message_is_refused(void **state)
{
	(void)state;
	for (size_t p = 0; p < PATTERNS; p++) {
		struct start s;
		struct ends e;

		start_make(&s, (enum noise_pattern)p, 20 + p);
		ends_init(&e, &s);
		for (size_t i = 0; i < messages_count(s.pattern); i++) {
			struct ends before = e;
			BUF_SCOPED wire = { 0 };

			buf_init(&wire, NOISE_MESSAGE_MAX);
			assert_int_equal(
			    pass(&e, i, BYTES(NULL, 0), &wire).code, LK_OK);
			for (size_t n = 0; n < wire.len; n++) {
				struct noise reader = before.side[1 - i % 2];
				BUF_SCOPED got = { 0 };

				buf_init(&got, NOISE_MESSAGE_MAX);
				assert_int_equal(noise_read(&reader, &got,
						     BYTES(wire.ptr, n))
						     .code,
				    LK_E_TRUNCATED);
				assert_int_equal(got.len, 0);
			}
		}
	}
}

/* XX's first message is the only one without a tag: there the flip shows when
 * the answer arrives. */
static void
flip_check(struct ends e, size_t i, struct bytes message)
{
	BUF_SCOPED got = { 0 };
	BUF_SCOPED answer = { 0 };
	lk_err err;

	buf_init(&got, NOISE_MESSAGE_MAX);
	buf_init(&answer, NOISE_MESSAGE_MAX);
	err = noise_read(&e.side[1 - i % 2], &got, message);
	if (err.code != LK_OK) {
		assert_int_equal(err.code, LK_E_MALFORMED);
		assert_int_equal(got.len, 0);
		return;
	}
	assert_true(e.side[0].pattern == NOISE_XX && i == 0);
	assert_int_equal(
	    noise_write(&e.side[1], &answer, BYTES(NULL, 0)).code, LK_OK);
	buf_reset(&got);
	assert_int_equal(noise_read(&e.side[0], &got, buf_bytes(&answer)).code,
	    LK_E_MALFORMED);
}

static void
every_flipped_bit_of_every_handshake_message_is_refused(void **state)
{
	(void)state;
	for (size_t p = 0; p < PATTERNS; p++) {
		struct start s;
		struct ends e;

		start_make(&s, (enum noise_pattern)p, 30 + p);
		ends_init(&e, &s);
		for (size_t i = 0; i < messages_count(s.pattern); i++) {
			struct ends before = e;
			BUF_SCOPED wire = { 0 };
			BUF_SCOPED again = { 0 };

			buf_init(&wire, NOISE_MESSAGE_MAX);
			buf_init(&again, NOISE_MESSAGE_MAX);
			assert_int_equal(
			    pass(&e, i, BYTES(NULL, 0), &wire).code, LK_OK);
			/* The writer has written, the reader not yet read. */
			assert_int_equal(noise_write(&before.side[i % 2],
					     &again, BYTES(NULL, 0))
					     .code,
			    LK_OK);
			for (size_t bit = 0; bit < wire.len * 8; bit++) {
				wire.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
				flip_check(before, i, buf_bytes(&wire));
				wire.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
			}
		}
	}
}

static void
our_own_bytes_thrown_back_are_refused(void **state)
{
	(void)state;
	for (size_t p = 0; p < PATTERNS; p++) {
		struct start s;
		struct ends e;
		BUF_SCOPED wire = { 0 };
		BUF_SCOPED got = { 0 };

		buf_init(&wire, NOISE_MESSAGE_MAX);
		buf_init(&got, NOISE_MESSAGE_MAX);
		start_make(&s, (enum noise_pattern)p, 40 + p);
		ends_init(&e, &s);
		assert_int_equal(
		    noise_write(&e.side[0], &wire, BYTES(NULL, 0)).code, LK_OK);
		/* XX answers are longer; fill up with zeros. */
		while (wire.len < noise_overhead(&e.side[0]))
			buf_u8(&wire, 0);
		assert_int_equal(
		    noise_read(&e.side[0], &got, buf_bytes(&wire)).code,
		    LK_E_DENIED);
	}
}

static void
talking_to_oneself_is_refused(void **state)
{
	struct start s;
	struct ends e;
	BUF_SCOPED wire = { 0 };

	(void)state;
	buf_init(&wire, NOISE_MESSAGE_MAX);
	for (size_t p = 0; p < PATTERNS; p++) {
		start_make(&s, (enum noise_pattern)p, 50 + p);
		s.statics[0] = s.statics[1];
		ends_init(&e, &s);
		buf_reset(&wire);
		if (p == NOISE_NK)
			continue;
		if (p != NOISE_XX) {
			assert_int_equal(
			    pass(&e, 0, BYTES(NULL, 0), &wire).code,
			    LK_E_DENIED);
			assert_int_equal(wire.len, 0);
			continue;
		}
		assert_int_equal(
		    pass(&e, 0, BYTES(NULL, 0), &wire).code, LK_OK);
		buf_reset(&wire);
		assert_int_equal(
		    pass(&e, 1, BYTES(NULL, 0), &wire).code, LK_E_DENIED);
	}
}

/* Somebody who stole our static key and calls us with it. */
static void
an_initiator_with_our_own_key_is_refused(void **state)
{
	struct start s;
	struct ends e;

	(void)state;
	start_make(&s, NOISE_XK, 60);
	ends_init(&e, &s);
	for (size_t i = 0; i < 3; i++) {
		BUF_SCOPED wire = { 0 };

		buf_init(&wire, NOISE_MESSAGE_MAX);
		if (i == 2)
			e.side[0].local = s.statics[1];
		assert_int_equal(pass(&e, i, BYTES(NULL, 0), &wire).code,
		    i == 2 ? LK_E_DENIED : LK_OK);
	}
}

static void
low_order_points_are_refused(void **state)
{
	static const uint8_t zeros[DH_LEN] = { 0 };

	(void)state;
	for (size_t p = 0; p < PATTERNS; p++) {
		struct start s;
		struct ends e;
		BUF_SCOPED wire = { 0 };
		BUF_SCOPED got = { 0 };

		buf_init(&wire, NOISE_MESSAGE_MAX);
		buf_init(&got, NOISE_MESSAGE_MAX);
		start_make(&s, (enum noise_pattern)p, 70 + p);
		ends_init(&e, &s);
		assert_int_equal(
		    noise_write(&e.side[0], &wire, BYTES(NULL, 0)).code, LK_OK);
		memcpy(wire.ptr, zeros, DH_LEN);
		if (p == NOISE_XX) {
			/* Nothing is computed with it before the answer. */
			assert_int_equal(
			    noise_read(&e.side[1], &got, buf_bytes(&wire)).code,
			    LK_OK);
			buf_reset(&wire);
			assert_int_equal(
			    noise_write(&e.side[1], &wire, BYTES(NULL, 0)).code,
			    LK_E_MALFORMED);
			continue;
		}
		assert_int_equal(
		    noise_read(&e.side[1], &got, buf_bytes(&wire)).code,
		    LK_E_MALFORMED);
		/* The same as the key we are told to call. */
		s.statics[1].pk[0] = 1;
		memset(s.statics[1].pk + 1, 0, DH_LEN - 1);
		ends_init(&e, &s);
		buf_reset(&wire);
		assert_int_equal(
		    noise_write(&e.side[0], &wire, BYTES(NULL, 0)).code,
		    LK_E_MALFORMED);
	}
}

static void
both_must_start_from_the_same(void **state)
{
	(void)state;
	for (int what = 0; what < 3; what++) {
		struct start s;
		struct ends e, other;
		lk_err err = LK_NONE;

		start_make(&s, NOISE_XKPSK3, 80);
		ends_init(&e, &s);
		if (what == 0)
			s.psk[31] ^= 1;
		else if (what == 1)
			s.prologue = BYTES_STR("LK prologud");
		else
			s.statics[1] = s.statics[0];
		ends_init(&other, &s);
		e.side[1] = other.side[1];
		for (size_t i = 0; i < 3 && err.code == LK_OK; i++) {
			BUF_SCOPED wire = { 0 };

			buf_init(&wire, NOISE_MESSAGE_MAX);
			err = pass(&e, i, BYTES(NULL, 0), &wire);
			/* A wrong psk shows in the third message only. */
			assert_int_equal(err.code,
			    what == 0 && i < 2 ? LK_OK : LK_E_MALFORMED);
		}
	}
}

static void
the_first_error_is_the_last(void **state)
{
	struct start s;
	struct ends e;
	BUF_SCOPED wire = { 0 };
	BUF_SCOPED got = { 0 };

	(void)state;
	buf_init(&wire, NOISE_MESSAGE_MAX);
	buf_init(&got, NOISE_MESSAGE_MAX);
	start_make(&s, NOISE_XK, 90);
	ends_init(&e, &s);
	assert_int_equal(
	    noise_write(&e.side[0], &wire, BYTES(NULL, 0)).code, LK_OK);
	assert_int_equal(noise_read(&e.side[1], &got, BYTES(wire.ptr, 3)).code,
	    LK_E_TRUNCATED);
	assert_int_equal(noise_read(&e.side[1], &got, buf_bytes(&wire)).code,
	    LK_E_TRUNCATED);
	assert_int_equal(
	    noise_write(&e.side[1], &got, BYTES(NULL, 0)).code, LK_E_TRUNCATED);
}

static void
messages_end_at_65535_bytes(void **state)
{
	static uint8_t payload[NOISE_MESSAGE_MAX + 1];
	struct start s;
	struct ends e;
	struct noise_cipher c = { .nonce = 0 };
	size_t room;
	BUF_SCOPED wire = { 0 };

	(void)state;
	buf_init(&wire, 4 * NOISE_MESSAGE_MAX);
	start_make(&s, NOISE_NK, 91);
	ends_init(&e, &s);
	room = NOISE_MESSAGE_MAX - noise_overhead(&e.side[0]);
	assert_int_equal(pass(&e, 0, BYTES(payload, room), &wire).code, LK_OK);
	assert_int_equal(wire.len, NOISE_MESSAGE_MAX);
	ends_init(&e, &s);
	assert_int_equal(
	    pass(&e, 0, BYTES(payload, room + 1), &wire).code, LK_E_LIMIT);
	buf_reset(&wire);
	assert_int_equal(noise_seal(&c, &wire, BYTES(payload, 5),
			     BYTES(payload, NOISE_PLAIN_MAX - 4))
			     .code,
	    LK_E_LIMIT);
	assert_int_equal(noise_seal(&c, &wire, BYTES(payload, 5),
			     BYTES(payload, NOISE_PLAIN_MAX - 5))
			     .code,
	    LK_OK);
	assert_int_equal(wire.len, NOISE_MESSAGE_MAX);
	assert_int_equal(
	    noise_open(&c, &wire, BYTES_OF(payload)).code, LK_E_LIMIT);
	c.nonce = UINT64_MAX;
	assert_int_equal(
	    noise_seal(&c, &wire, BYTES(payload, 5), BYTES(payload, 5)).code,
	    LK_E_LIMIT);
}

static void
ciphers_make(struct noise_cipher cipher[2][2], uint64_t seed)
{
	struct start s;
	struct ends e;

	start_make(&s, NOISE_XK, seed);
	ends_init(&e, &s);
	ends_finish(&e, NOISE_XK);
	assert_memory_equal(e.side[1].remote, s.statics[0].pk, DH_LEN);
	for (int i = 0; i < 2; i++) {
		noise_split(&e.side[i], &cipher[i][0], &cipher[i][1]);
		assert_memory_equal(
		    e.side[i].remote, s.statics[1 - i].pk, DH_LEN);
	}
}

static void
frames_are_taken_once_in_order_and_whole(void **state)
{
	struct noise_cipher cipher[2][2];
	struct buf frames[3];
	BUF_SCOPED got = { 0 };

	(void)state;
	ciphers_make(cipher, 100);
	buf_init(&got, NOISE_MESSAGE_MAX);
	for (size_t i = 0; i < 3; i++) {
		buf_init(&frames[i], NOISE_MESSAGE_MAX);
		assert_int_equal(noise_seal(&cipher[0][0], &frames[i],
				     BYTES_STR("frame"), BYTES_STR("!"))
				     .code,
		    LK_OK);
	}
	/* Not the second first, not to the sender, not in part. */
	assert_int_equal(
	    noise_open(&cipher[1][1], &got, buf_bytes(&frames[1])).code,
	    LK_E_MALFORMED);
	assert_int_equal(
	    noise_open(&cipher[0][1], &got, buf_bytes(&frames[0])).code,
	    LK_E_MALFORMED);
	for (size_t n = 0; n < frames[0].len; n++)
		assert_int_equal(
		    noise_open(&cipher[1][1], &got, BYTES(frames[0].ptr, n))
			.code,
		    n < NOISE_TAG_LEN ? LK_E_TRUNCATED : LK_E_MALFORMED);
	for (size_t bit = 0; bit < frames[0].len * 8; bit++) {
		frames[0].ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(
		    noise_open(&cipher[1][1], &got, buf_bytes(&frames[0])).code,
		    LK_E_MALFORMED);
		frames[0].ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(got.len, 0);
	for (size_t i = 0; i < 3; i++) {
		buf_reset(&got);
		assert_int_equal(
		    noise_open(&cipher[1][1], &got, buf_bytes(&frames[i])).code,
		    LK_OK);
		assert_true(bytes_equal(buf_bytes(&got), BYTES_STR("frame!")));
		assert_int_equal(
		    noise_open(&cipher[1][1], &got, buf_bytes(&frames[i])).code,
		    LK_E_MALFORMED);
		buf_clear(&frames[i]);
	}
}

static void
keys_change_every_65536_frames_in_each_direction_alone(void **state)
{
	struct noise_cipher cipher[2][2];
	uint8_t first[NOISE_KEY_LEN], other[NOISE_KEY_LEN];
	BUF_SCOPED wire = { 0 };
	BUF_SCOPED got = { 0 };

	(void)state;
	ciphers_make(cipher, 101);
	buf_init(&wire, NOISE_MESSAGE_MAX);
	buf_init(&got, NOISE_MESSAGE_MAX);
	memcpy(first, cipher[0][0].key, NOISE_KEY_LEN);
	memcpy(other, cipher[1][0].key, NOISE_KEY_LEN);
	for (uint32_t i = 0; i < 2 * 65536 + 3; i++) {
		if (i < 65536)
			assert_memory_equal(
			    cipher[0][0].key, first, NOISE_KEY_LEN);
		else
			assert_memory_not_equal(
			    cipher[0][0].key, first, NOISE_KEY_LEN);
		buf_reset(&wire);
		buf_reset(&got);
		assert_int_equal(noise_seal(&cipher[0][0], &wire,
				     BYTES_STR("x"), BYTES(NULL, 0))
				     .code,
		    LK_OK);
		assert_int_equal(
		    noise_open(&cipher[1][1], &got, buf_bytes(&wire)).code,
		    LK_OK);
	}
	assert_int_equal(cipher[1][1].nonce, 2 * 65536 + 3);
	assert_memory_equal(cipher[1][0].key, other, NOISE_KEY_LEN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_vectors_hold),
		cmocka_unit_test(the_handshakes_of_the_protocol_hold),
		cmocka_unit_test(the_change_of_keys_of_the_protocol_holds),
		cmocka_unit_test(
		    every_prefix_of_every_handshake_message_is_refused),
		cmocka_unit_test(
		    every_flipped_bit_of_every_handshake_message_is_refused),
		cmocka_unit_test(our_own_bytes_thrown_back_are_refused),
		cmocka_unit_test(talking_to_oneself_is_refused),
		cmocka_unit_test(an_initiator_with_our_own_key_is_refused),
		cmocka_unit_test(low_order_points_are_refused),
		cmocka_unit_test(both_must_start_from_the_same),
		cmocka_unit_test(the_first_error_is_the_last),
		cmocka_unit_test(messages_end_at_65535_bytes),
		cmocka_unit_test(frames_are_taken_once_in_order_and_whole),
		cmocka_unit_test(
		    keys_change_every_65536_frames_in_each_direction_alone),
	};

	if (crypto_start().code != LK_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
