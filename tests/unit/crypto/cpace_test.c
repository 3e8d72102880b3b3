#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "crypto/cpace.h"
#include "crypto/random.h"
#include "tests/unit/crypto/vectors.h"

/* Both sides of one agreement; [0] is the initiator. */
struct sides {
	struct cpace side[2];
	uint8_t share[2][CPACE_POINT_LEN];
};

static void
side_init(struct sides *s, int side, const char *secret, uint64_t seed)
{
	struct random_seeded seeded;
	struct random random = random_from_seed(&seeded, seed);
	uint8_t bytes[CPACE_RANDOM_LEN];
	struct cpace_config config = { .initiator = side == 0,
		.prs = BYTES_STR(secret),
		.ci = BYTES_STR("what for"),
		.sid = BYTES_STR("channel"),
		.random = bytes };

	random_fill(&random, bytes, sizeof(bytes));
	assert_int_equal(cpace_init(&s->side[side], &config).code, LK_OK);
	memcpy(s->share[side], s->side[side].share, CPACE_POINT_LEN);
}

static void
assert_wiped(const struct cpace *c)
{
	static const struct cpace nothing;

	assert_memory_equal(c->scalar, nothing.scalar, sizeof(c->scalar));
	assert_memory_equal(c->share, nothing.share, sizeof(c->share));
}

static void
equal_secrets_give_equal_keys_and_others_do_not(void **state)
{
	static const char *const second[] = { "word", "ward" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		uint8_t key[2][CPACE_ISK_LEN];
		struct sides s;

		side_init(&s, 0, "word", 1);
		side_init(&s, 1, second[i], 2);
		for (int n = 0; n < 2; n++) {
			assert_int_equal(
			    cpace_finish(&s.side[n], s.share[1 - n], key[n])
				.code,
			    LK_OK);
			assert_wiped(&s.side[n]);
		}
		assert_int_equal(
		    memcmp(key[0], key[1], CPACE_ISK_LEN) == 0, i == 0);
	}
}

static void
two_initiators_have_nothing_in_common(void **state)
{
	uint8_t key[2][CPACE_ISK_LEN];
	struct sides s;

	(void)state;
	side_init(&s, 0, "word", 1);
	side_init(&s, 1, "word", 2);
	s.side[1].initiator = true;
	for (int n = 0; n < 2; n++)
		assert_int_equal(
		    cpace_finish(&s.side[n], s.share[1 - n], key[n]).code,
		    LK_OK);
	assert_memory_not_equal(key[0], key[1], CPACE_ISK_LEN);
}

static void
random_bytes_that_are_none_are_refused(void **state)
{
	static const uint8_t zeros[CPACE_RANDOM_LEN];
	struct cpace_config config = { .random = zeros };
	struct cpace c;

	(void)state;
	assert_int_equal(cpace_init(&c, &config).code, LK_E_MALFORMED);
}

static void
the_shares_of_the_protocol_that_are_none_are_refused(void **state)
{
	struct json_object *file =
	    json_object_from_file(LK_TEST_DATA "/protocol/code.json");
	struct json_object *list = vector_field(file, "bad_shares");

	(void)state;
	assert_int_equal(json_object_array_length(list), 5);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		VECTOR share =
		    vector_get(json_object_array_get_idx(list, i), "share");
		uint8_t key[CPACE_ISK_LEN] = { 7 };
		struct sides s;

		side_init(&s, 0, "word", i);
		assert_int_equal(cpace_finish(&s.side[0], share.ptr, key).code,
		    LK_E_MALFORMED);
		assert_int_equal(key[0], 7);
		assert_wiped(&s.side[0]);
	}
	json_object_put(file);
}

/* The parts of one agreement of a vector file. */
struct parts {
	struct bytes prs, ci, sid, ad[2];
	const uint8_t *random[2], *share[2], *isk;
};

static void
parts_check(const struct parts *p)
{
	struct cpace side[2];

	for (int i = 0; i < 2; i++) {
		struct cpace_config config = { .initiator = i == 0,
			.prs = p->prs,
			.ci = p->ci,
			.sid = p->sid,
			.ad = { p->ad[0], p->ad[1] },
			.random = p->random[i] };

		assert_int_equal(cpace_init(&side[i], &config).code, LK_OK);
		assert_memory_equal(
		    side[i].share, p->share[i], CPACE_POINT_LEN);
	}
	for (int i = 0; i < 2; i++) {
		uint8_t key[CPACE_ISK_LEN];

		assert_int_equal(
		    cpace_finish(&side[i], p->share[1 - i], key).code, LK_OK);
		assert_memory_equal(key, p->isk, CPACE_ISK_LEN);
	}
}

static void
the_agreements_of_the_protocol_hold(void **state)
{
	struct json_object *file =
	    json_object_from_file(LK_TEST_DATA "/protocol/code.json");
	struct json_object *list = vector_field(file, "runs");

	(void)state;
	assert_int_equal(json_object_array_length(list), 2);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *v = json_object_array_get_idx(list, i);
		uint32_t secret =
		    (uint32_t)json_object_get_int64(vector_field(v, "secret"));
		uint8_t prs[] = { (uint8_t)(secret >> 24),
			(uint8_t)(secret >> 16), (uint8_t)(secret >> 8),
			(uint8_t)secret };
		uint8_t ci[10] = "lk1 pair";
		VECTOR h = vector_get(v, "h");
		VECTOR one = vector_get(v, "typer_random");
		VECTOR two = vector_get(v, "displayer_random");
		VECTOR here = vector_get(v, "typer_share");
		VECTOR there = vector_get(v, "displayer_share");
		VECTOR isk = vector_get(v, "isk");

		ci[8] =
		    (uint8_t)json_object_get_int(vector_field(v, "purpose"));
		ci[9] = (uint8_t)json_object_get_int(vector_field(v, "window"));
		parts_check(&(struct parts){ .prs = BYTES_OF(prs),
		    .ci = BYTES_OF(ci),
		    .sid = VECTOR_VIEW(h),
		    .random = { one.ptr, two.ptr },
		    .share = { here.ptr, there.ptr },
		    .isk = isk.ptr });
	}
	json_object_put(file);
}

/* Scalars are reduced already: as the lower half of random bytes they stay. */
static void
published_agreement(struct json_object *v)
{
	VECTOR prs = vector_get(v, "PRS"), ci = vector_get(v, "CI");
	VECTOR sid = vector_get(v, "sid"), isk = vector_get(v, "ISK_IR");
	VECTOR one = vector_get(v, "ya"), two = vector_get(v, "yb");
	VECTOR ada = vector_get(v, "ADa"), adb = vector_get(v, "ADb");
	VECTOR here = vector_get(v, "Ya"), there = vector_get(v, "Yb");
	uint8_t random[2][CPACE_RANDOM_LEN] = { { 0 } };

	memcpy(random[0], one.ptr, CPACE_POINT_LEN);
	memcpy(random[1], two.ptr, CPACE_POINT_LEN);
	parts_check(&(struct parts){ .prs = VECTOR_VIEW(prs),
	    .ci = VECTOR_VIEW(ci),
	    .sid = VECTOR_VIEW(sid),
	    .ad = { VECTOR_VIEW(ada), VECTOR_VIEW(adb) },
	    .random = { random[0], random[1] },
	    .share = { here.ptr, there.ptr },
	    .isk = isk.ptr });
}

static void
published_points(struct json_object *v)
{
	static const char *const names[] = { "Invalid Y1", "Invalid Y2" };

	for (size_t i = 0; i < 2; i++) {
		VECTOR share = vector_get(v, names[i]);
		uint8_t key[CPACE_ISK_LEN];
		struct sides s;

		assert_int_equal(share.len, CPACE_POINT_LEN);
		side_init(&s, 0, "word", i);
		assert_int_equal(cpace_finish(&s.side[0], share.ptr, key).code,
		    LK_E_MALFORMED);
	}
}

static void
the_published_vectors_hold(void **state)
{
	const char *shared = getenv("LK_SHARED");
	struct json_object *file;
	char path[512];

	(void)state;
	(void)snprintf(path, sizeof(path),
	    "%s/data/cpace/ristretto255_sha512.json",
	    shared != NULL ? shared : LK_TEST_DATA "/../../../shared");
	file = json_object_from_file(path);
	/* Beside the tree they may be missing, not where we were told that
	 * they are. */
	if (file == NULL && shared != NULL)
		fail_msg("%s: not there", path);
	if (file == NULL) {
		print_message("%s: not there, set LK_SHARED\n", path);
		skip();
	}
	published_agreement(vector_field(file, "G_Coffee25519"));
	published_points(vector_field(file, "G_Coffee25519_points"));
	json_object_put(file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    equal_secrets_give_equal_keys_and_others_do_not),
		cmocka_unit_test(two_initiators_have_nothing_in_common),
		cmocka_unit_test(random_bytes_that_are_none_are_refused),
		cmocka_unit_test(
		    the_shares_of_the_protocol_that_are_none_are_refused),
		cmocka_unit_test(the_agreements_of_the_protocol_hold),
		cmocka_unit_test(the_published_vectors_hold),
	};

	assert_int_equal(crypto_start().code, LK_OK);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
