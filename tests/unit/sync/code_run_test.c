#include "sync/code_run.h"
#include "sync/message.h"
#include "tests/unit/sync/codec.h"

#define BODY_MAX 64

/* Two runs that mean the same; [0] is the typer's. */
struct runs {
	struct code_run side[2];
	struct buf body; /* the last message */
	uint8_t type;
};

static const uint8_t hash[2][SESSION_HASH_LEN] = { { 1 }, { 2 } };

static void
side_init(struct runs *r, int side, uint32_t secret, const uint8_t *h)
{
	uint8_t bytes[CPACE_RANDOM_LEN] = { (uint8_t)(7 + side) };
	struct code code = { .window = 42, .secret = secret };
	struct code_run_config config = {
		.role = side == 0 ? CODE_TYPER : CODE_DISPLAYER,
		.purpose = CODE_DEVICE,
		.code = &code,
		.h = h,
		.random = bytes,
	};

	assert_int_equal(code_run_init(&r->side[side], &config).code, LK_OK);
}

static void
runs_init(struct runs *r)
{
	side_init(r, 0, 1234, hash[0]);
	side_init(r, 1, 1234, hash[0]);
	buf_init(&r->body, BODY_MAX);
	buf_mem(&r->body, r->side[0].cpace.share, CPACE_POINT_LEN);
	r->type = MSG_CODE_SHARE;
}

static void
runs_clear(struct runs *r)
{
	code_run_clear(&r->side[0]);
	code_run_clear(&r->side[1]);
	buf_clear(&r->body);
}

/* The message on its way reaches `side`, which answers. */
static lk_err
pass(struct runs *r, int side)
{
	BUF_SCOPED out = { .max = BODY_MAX };
	lk_err err = code_run_take(
	    &r->side[side], r->type, buf_bytes(&r->body), &out, &r->type);

	buf_reset(&r->body);
	buf_add(&r->body, buf_bytes(&out));
	return err;
}

static void
assert_dead(struct code_run *r)
{
	static const uint8_t nothing[32];
	uint8_t reply = 7, body[CPACE_POINT_LEN] = { 0 };

	assert_int_equal(r->state, RUN_DEAD);
	assert_memory_equal(r->key, nothing, sizeof(nothing));
	for (uint8_t type = MSG_CODE_SHARE; type <= MSG_CODE_DONE; type++) {
		BUF_SCOPED out = { .max = BODY_MAX };

		assert_int_equal(
		    code_run_take(r, type, BYTES_OF(body), &out, &reply).code,
		    LK_E_MALFORMED);
		assert_int_equal(reply, 7);
		assert_int_equal(out.len, 0);
	}
}

static void
who_knows_the_code_agrees_and_shows_the_same_words(void **state)
{
	static const uint8_t order[] = { MSG_CODE_SHARE_BACK, MSG_CODE_CONFIRM,
		MSG_CODE_CONFIRM_BACK, 0 };
	char words[2][KEY_WORDS_LEN];
	struct runs r;

	(void)state;
	runs_init(&r);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pass(&r, 1 - i % 2).code, LK_OK);
		assert_int_equal(r.type, order[i]);
		assert_int_equal(r.body.len, order[i] == 0 ? 0 : 32);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(r.side[i].state, RUN_AGREED);
		code_run_words(&r.side[i], words[i]);
	}
	assert_string_equal(words[0], words[1]);
	runs_clear(&r);
}

/* The displayer finds out before it has said anything of its own. */
static void
who_has_another_code_or_another_channel_is_found_out(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct runs r;

		runs_init(&r);
		side_init(&r, 1, i == 0 ? 1235 : 1234, hash[i]);
		assert_int_equal(pass(&r, 1).code, LK_OK);
		assert_int_equal(pass(&r, 0).code, LK_OK);
		assert_int_equal(pass(&r, 1).code, LK_E_DENIED);
		assert_int_equal(r.body.len, 0);
		assert_dead(&r.side[1]);
		runs_clear(&r);
	}
}

static void
a_displayer_who_does_not_know_the_code_is_found_out(void **state)
{
	struct runs r;

	(void)state;
	runs_init(&r);
	assert_int_equal(pass(&r, 1).code, LK_OK);
	assert_int_equal(pass(&r, 0).code, LK_OK);
	/* He says what he was told: the roles are in it. */
	r.type = MSG_CODE_CONFIRM_BACK;
	assert_int_equal(pass(&r, 0).code, LK_E_DENIED);
	assert_dead(&r.side[0]);
	runs_clear(&r);
}

/* At each step, for each side: another type, another length, a flipped bit. */
static void
whatever_is_not_the_next_message_ends_a_run(void **state)
{
	(void)state;
	for (int step = 0; step < 4; step++)
		for (size_t wrong = 0; wrong < 7 + 33 + 33; wrong++) {
			int side = 1 - step % 2;
			struct runs r;
			lk_err err;

			runs_init(&r);
			for (int i = 0; i < step; i++)
				assert_int_equal(
				    pass(&r, 1 - i % 2).code, LK_OK);
			if (wrong < 7) {
				if (r.type == MSG_CODE_SHARE + wrong) {
					runs_clear(&r);
					continue;
				}
				r.type = (uint8_t)(MSG_CODE_SHARE + wrong);
			} else if (wrong < 7 + 32) {
				r.body.len = wrong - 7;
			} else if (wrong == 7 + 32) {
				buf_u8(&r.body, 0);
			} else if (step >= 2 && wrong < 7 + 33 + 32) {
				r.body.ptr[wrong - 40] ^= 1;
			} else {
				memset(r.body.ptr, 0, r.body.len);
			}
			err = pass(&r, side);
			assert_true(err.code == LK_E_MALFORMED ||
			    (step >= 2 && err.code == LK_E_DENIED));
			assert_dead(&r.side[side]);
			runs_clear(&r);
		}
}

static void
a_proof_is_of_this_run_this_side_and_these_keys(void **state)
{
	static const uint8_t seed[SIGN_SEED_LEN] = { 9 };
	uint8_t keys[] = "what is said of a device", sig[SIGN_LEN];
	struct sign_key key;
	struct runs r;

	(void)state;
	sign_key_from_seed(&key, seed);
	runs_init(&r);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pass(&r, 1 - i % 2).code, LK_OK);
	code_run_prove(&r.side[0], sig, &key, BYTES_OF(keys));
	assert_true(code_run_proved(&r.side[1], sig, key.pk, BYTES_OF(keys)));
	/* His own, thrown back. */
	assert_false(code_run_proved(&r.side[0], sig, key.pk, BYTES_OF(keys)));
	keys[0] ^= 1;
	assert_false(code_run_proved(&r.side[1], sig, key.pk, BYTES_OF(keys)));
	keys[0] ^= 1;
	r.side[1].h[0] ^= 1;
	assert_false(code_run_proved(&r.side[1], sig, key.pk, BYTES_OF(keys)));
	runs_clear(&r);
	sign_key_clear(&key);
}

/* A run with the random bytes of a vector. */
static void
vector_side(struct code_run *run, struct json_object *v, enum code_role role,
    const uint8_t *h)
{
	VECTOR random = vector_get(
	    v, role == CODE_TYPER ? "typer_random" : "displayer_random");
	struct code code = {
		.window = (uint8_t)codec_number(v, "window"),
		.secret = (uint32_t)codec_number(v, "secret"),
	};
	struct code_run_config config = {
		.role = role,
		.purpose = (enum code_purpose)codec_number(v, "purpose"),
		.code = &code,
		.h = h,
		.random = random.ptr,
	};

	assert_int_equal(code_run_init(run, &config).code, LK_OK);
}

static void
vector_proof(const struct code_run *run, struct json_object *v)
{
	VECTOR seed = vector_get(v, "seed"), pk = vector_get(v, "pk");
	VECTOR keys = vector_get(v, "keys"), want = vector_get(v, "sig");
	uint8_t sig[SIGN_LEN];
	struct sign_key key;

	sign_key_from_seed(&key, seed.ptr);
	assert_memory_equal(key.pk, pk.ptr, SIGN_PK_LEN);
	code_run_prove(run, sig, &key, VECTOR_VIEW(keys));
	assert_memory_equal(sig, want.ptr, SIGN_LEN);
	sign_key_clear(&key);
}

static void
the_runs_of_the_protocol_hold(void **state)
{
	static const char *const said[] = { "typer_share", "displayer_share",
		"typer_confirm", "displayer_confirm" };
	struct json_object *file =
	    json_object_from_file(LK_TEST_DATA "/protocol/code.json");
	struct json_object *list = vector_field(file, "runs");

	(void)state;
	assert_int_equal(json_object_array_length(list), 2);
	for (size_t n = 0; n < json_object_array_length(list); n++) {
		struct json_object *v = json_object_array_get_idx(list, n);
		VECTOR h = vector_get(v, "h");
		char words[KEY_WORDS_LEN];
		struct runs r;

		runs_init(&r);
		vector_side(&r.side[0], v, CODE_TYPER, h.ptr);
		vector_side(&r.side[1], v, CODE_DISPLAYER, h.ptr);
		buf_reset(&r.body);
		buf_mem(&r.body, r.side[0].cpace.share, CPACE_POINT_LEN);
		for (int i = 0; i < 4; i++) {
			VECTOR want = vector_get(v, said[i]);

			assert_true(
			    bytes_equal(buf_bytes(&r.body), VECTOR_VIEW(want)));
			assert_int_equal(pass(&r, 1 - i % 2).code, LK_OK);
		}
		code_run_words(&r.side[0], words);
		assert_string_equal(words, vector_text(v, "words"));
		vector_proof(&r.side[0], vector_field(v, "pop"));
		runs_clear(&r);
	}
	json_object_put(file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    who_knows_the_code_agrees_and_shows_the_same_words),
		cmocka_unit_test(
		    who_has_another_code_or_another_channel_is_found_out),
		cmocka_unit_test(
		    a_displayer_who_does_not_know_the_code_is_found_out),
		cmocka_unit_test(whatever_is_not_the_next_message_ends_a_run),
		cmocka_unit_test(
		    a_proof_is_of_this_run_this_side_and_these_keys),
		cmocka_unit_test(the_runs_of_the_protocol_hold),
	};

	if (crypto_start().code != LK_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
