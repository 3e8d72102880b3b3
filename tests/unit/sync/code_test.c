#include "sync/code.h"
#include "tests/unit/sync/codec.h"

static struct code
code_of(struct json_object *v)
{
	return (struct code){
		.window =
		    (uint8_t)json_object_get_int(vector_field(v, "window")),
		.secret =
		    (uint32_t)json_object_get_int64(vector_field(v, "secret")),
	};
}

static enum code_purpose
purpose_of(struct json_object *v)
{
	return (enum code_purpose)json_object_get_int(
	    vector_field(v, "purpose"));
}

static void
the_codes_of_the_protocol_hold(void **state)
{
	struct json_object *file =
	    json_object_from_file(LK_TEST_DATA "/protocol/code.json");
	struct json_object *list = vector_field(file, "codes");

	(void)state;
	assert_int_equal(json_object_array_length(list), 8);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *v = json_object_array_get_idx(list, i);
		const char *text = vector_text(v, "text");
		struct code want = code_of(v), got;
		char out[CODE_TEXT_LEN];

		code_encode(out, &want, purpose_of(v));
		assert_string_equal(out, text);
		assert_int_equal(
		    code_decode(&got, BYTES_STR(text), purpose_of(v)).code,
		    LK_OK);
		assert_int_equal(got.window, want.window);
		assert_int_equal(got.secret, want.secret);
	}
	json_object_put(file);
}

static void
the_wrong_codes_of_the_protocol_are_refused(void **state)
{
	struct json_object *file =
	    json_object_from_file(LK_TEST_DATA "/protocol/code.json");
	struct json_object *list = vector_field(file, "bad_codes");

	(void)state;
	assert_int_equal(json_object_array_length(list), 8);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *v = json_object_array_get_idx(list, i);
		struct code got = { .window = 77 };
		lk_err err = code_decode(
		    &got, BYTES_STR(vector_text(v, "text")), purpose_of(v));

		assert_true(err.code == LK_E_MALFORMED ||
		    err.code == LK_E_DATA || err.code == LK_E_USAGE);
		assert_int_equal(err.code == LK_E_USAGE,
		    strstr(vector_text(v, "reason"), "purpose") != NULL);
		assert_int_equal(got.window, 77);
	}
	json_object_put(file);
}

static void
a_code_may_be_typed_with_spaces_and_in_capitals(void **state)
{
	static const char *const forms[] = { "42-jikoh-katif-sizok",
		"42 jikoh katif sizok", "42-JIKOH-KATIF-SIZOK",
		"42 - Jikoh \t katif--sizok" };
	struct code first, got;

	(void)state;
	assert_int_equal(
	    code_decode(&first, BYTES_STR(forms[0]), CODE_DEVICE).code, LK_OK);
	for (size_t i = 1; i < 4; i++) {
		assert_int_equal(
		    code_decode(&got, BYTES_STR(forms[i]), CODE_DEVICE).code,
		    LK_OK);
		assert_int_equal(got.window, first.window);
		assert_int_equal(got.secret, first.secret);
	}
}

static void
every_prefix_of_a_code_and_more_than_a_code_are_refused(void **state)
{
	static const char text[] = "42-jikoh-katif-sizok";
	static const char *const wrong[] = { "", " 42-jikoh-katif-sizok",
		"42-jikoh-katif-sizok ", "42jikoh-katif-sizok",
		"420-jikoh-katif-sizok", "4a-jikoh-katif-sizok",
		"-42-jikoh-katif-sizok" };
	struct code got;

	(void)state;
	for (size_t n = 0; n + 1 < sizeof(text); n++)
		assert_int_equal(
		    code_decode(
			&got, BYTES((const uint8_t *)text, n), CODE_DEVICE)
			.code,
		    LK_E_MALFORMED);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(
		    code_decode(&got, BYTES_STR(wrong[i]), CODE_DEVICE).code,
		    LK_E_MALFORMED);
}

/* One word in 2,048 typed for another, or one digit: of all such errors at most
 * one in 128, and some, pass. */
static void
a_wrong_word_or_number_is_found_in_127_of_128(void **state)
{
	struct random_seeded seed;
	struct random random = random_from_seed(&seed, 1);
	size_t passed = 0;

	(void)state;
	for (size_t i = 0; i < 20000; i++) {
		char text[CODE_TEXT_LEN], word[PHRASE_WORD_LEN + 1];
		struct code code, got;
		size_t w = random_below(&random, CODE_WORDS + 1);

		code_make(&code, (uint8_t)random_below(&random, CODE_WINDOWS),
		    &random);
		code_encode(text, &code, CODE_DEVICE);
		phrase_word(
		    word, (unsigned)random_below(&random, PHRASE_LIST_LEN));
		if (w == CODE_WORDS)
			text[i % 2] =
			    (char)('0' + (text[i % 2] - '0' + 1) % 10);
		else
			memcpy(text + 3 + w * (PHRASE_WORD_LEN + 1), word,
			    PHRASE_WORD_LEN);
		passed +=
		    code_decode(&got, BYTES_STR(text), CODE_DEVICE).code ==
		    LK_OK;
	}
	assert_in_range(passed, 100, 230);
}

static void
codes_are_made_over_all_the_bits(void **state)
{
	struct random_seeded seed;
	struct random random = random_from_seed(&seed, 2);
	uint32_t ones = 0, zeros = 0;
	struct code code;

	(void)state;
	for (int i = 0; i < 100; i++) {
		code_make(&code, 0, &random);
		assert_true(code.secret < 1u << 26);
		ones |= code.secret;
		zeros |= ~code.secret;
	}
	assert_int_equal(ones, (1u << 26) - 1);
	assert_int_equal(zeros & ((1u << 26) - 1), (1u << 26) - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_codes_of_the_protocol_hold),
		cmocka_unit_test(the_wrong_codes_of_the_protocol_are_refused),
		cmocka_unit_test(
		    a_code_may_be_typed_with_spaces_and_in_capitals),
		cmocka_unit_test(
		    every_prefix_of_a_code_and_more_than_a_code_are_refused),
		cmocka_unit_test(a_wrong_word_or_number_is_found_in_127_of_128),
		cmocka_unit_test(codes_are_made_over_all_the_bits),
	};

	if (crypto_start().code != LK_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
