#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/digest.h"
#include "crypto/phrase.h"
#include "crypto/random.h"
#include "crypto/seal.h"
#include "crypto/sign.h"
#include "tests/unit/crypto/vectors.h"

static char list[PHRASE_LIST_LEN][PHRASE_WORD_LEN + 1];

static bool
is_word(const char *text)
{
	for (unsigned i = 0; i < PHRASE_LIST_LEN; i++)
		if (strcmp(list[i], text) == 0)
			return true;
	return false;
}

static void
no_two_words_share_their_first_four_letters(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PHRASE_LIST_LEN; i++) {
		assert_int_equal(strlen(list[i]), PHRASE_WORD_LEN);
		for (unsigned j = 0; j < i; j++)
			assert_int_not_equal(strncmp(list[i], list[j], 4), 0);
	}
}

static void
no_word_becomes_another_by_one_letter(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PHRASE_LIST_LEN; i++)
		for (unsigned j = 0; j < i; j++) {
			unsigned differ = 0;

			for (size_t k = 0; k < PHRASE_WORD_LEN; k++)
				differ += list[i][k] != list[j][k];
			assert_true(differ >= 2);
		}
}

static void
a_phrase_decodes_to_what_was_encoded(void **state)
{
	struct random_seeded seed;
	struct random random = random_from_seed(&seed, 5);
	uint8_t entropy[PHRASE_ENTROPY_LEN], back[PHRASE_ENTROPY_LEN];
	char text[PHRASE_TEXT_LEN];

	(void)state;
	for (int round = 0; round < 1000; round++) {
		random_fill(&random, entropy, sizeof(entropy));
		if (round < 2)
			memset(entropy, round == 0 ? 0 : 0xff, sizeof(entropy));
		phrase_encode(text, entropy);
		assert_int_equal(strlen(text), PHRASE_TEXT_LEN - 1);
		assert_int_equal(
		    phrase_decode(back, BYTES_STR(text)).code, LK_OK);
		assert_memory_equal(entropy, back, sizeof(entropy));
	}
}

/* BIP 39 gives word numbers 0 .. 0, 3 for zeros and 2047 .. 2047, 2037 for
 * ones ("abandon ... about", "zoo ... wrong"). */
static void
word_numbers_and_check_bits_are_those_of_bip_39(void **state)
{
	uint8_t entropy[PHRASE_ENTROPY_LEN] = { 0 };
	char text[PHRASE_TEXT_LEN];

	(void)state;
	phrase_encode(text, entropy);
	assert_memory_equal(text, list[0], PHRASE_WORD_LEN);
	assert_string_equal(text + 11 * 6, list[3]);
	memset(entropy, 0xff, sizeof(entropy));
	phrase_encode(text, entropy);
	assert_memory_equal(text + 10 * 6, list[2047], PHRASE_WORD_LEN);
	assert_string_equal(text + 11 * 6, list[2037]);
}

/* The list is part of the protocol: paper outlives programs. */
static void
the_list_never_changes(void **state)
{
	uint8_t hash[SHA256_LEN];
	char text[2 * SHA256_LEN + 1];

	(void)state;
	sha256(hash, BYTES((const uint8_t *)list, sizeof(list)));
	hex_encode(text, BYTES_OF(hash));
	assert_string_equal(list[0], "babam");
	assert_string_equal(text,
	    "0551c820bec1ef753354dae5e1b5839092fb8188cba3bd1bbebeb0396709a380");
}

static void
case_and_white_space_do_not_matter(void **state)
{
	uint8_t entropy[PHRASE_ENTROPY_LEN] = { 9 }, back[PHRASE_ENTROPY_LEN];
	char text[PHRASE_TEXT_LEN], wide[3 * PHRASE_TEXT_LEN];
	size_t n = 0;

	(void)state;
	phrase_encode(text, entropy);
	for (size_t i = 0; text[i] != '\0'; i++) {
		if (text[i] == ' ')
			n += (size_t)snprintf(
			    wide + n, sizeof(wide) - n, "\t\n");
		else
			wide[n++] = (char)(i % 2 ? text[i] : text[i] - 32);
	}
	wide[n++] = '\n';
	assert_int_equal(
	    phrase_decode(back, BYTES((uint8_t *)wide, n)).code, LK_OK);
	assert_memory_equal(entropy, back, sizeof(entropy));
}

static void
every_wrong_letter_is_found_in_its_word(void **state)
{
	uint8_t entropy[PHRASE_ENTROPY_LEN] = { 7, 7, 7 };
	uint8_t back[PHRASE_ENTROPY_LEN] = { 0xee };
	char text[PHRASE_TEXT_LEN], expected[80];

	(void)state;
	phrase_encode(text, entropy);
	for (size_t i = 0; i < PHRASE_TEXT_LEN - 1; i++) {
		char right = text[i];

		if (right == ' ')
			continue;
		(void)snprintf(expected, sizeof(expected),
		    "recovery phrase: word %zu is not a phrase word",
		    i / (PHRASE_WORD_LEN + 1) + 1);
		for (char c = 'a'; c <= 'z'; c++) {
			lk_err err;

			if (c == right)
				continue;
			text[i] = c;
			err = phrase_decode(back, BYTES_STR(text));
			assert_int_equal(err.code, LK_E_MALFORMED);
			assert_string_equal(err.what, expected);
		}
		text[i] = right;
	}
	assert_int_equal(back[0], 0xee);
}

static void
most_exchanges_of_words_and_letters_are_found(void **state)
{
	struct random_seeded seed;
	struct random random = random_from_seed(&seed, 6);
	uint8_t entropy[PHRASE_ENTROPY_LEN], back[PHRASE_ENTROPY_LEN];
	char text[PHRASE_TEXT_LEN];
	int found = 0, words = 0, letters = 0, exchanged = 0;

	(void)state;
	for (int round = 0; round < 1000; round++) {
		char held[PHRASE_WORD_LEN];

		random_fill(&random, entropy, sizeof(entropy));
		phrase_encode(text, entropy);
		if (memcmp(text, text + 6, sizeof(held)) == 0)
			continue;
		memcpy(held, text, sizeof(held));
		memcpy(text, text + 6, sizeof(held));
		memcpy(text + 6, held, sizeof(held));
		words++;
		found += phrase_decode(back, BYTES_STR(text)).code == LK_E_DATA;
	}
	/* Four check bits: one of sixteen gets through. */
	assert_true(found > words * 8 / 10);
	for (unsigned i = 0; i < PHRASE_LIST_LEN; i++)
		for (size_t k = 0; k < 3; k++) {
			char word[PHRASE_WORD_LEN + 1];

			memcpy(word, list[i], sizeof(word));
			if (word[k] == word[k + 2])
				continue;
			word[k] = list[i][k + 2];
			word[k + 2] = list[i][k];
			exchanged++;
			letters += is_word(word);
		}
	assert_true(letters * 20 < exchanged);
}

static void
other_numbers_of_words_are_refused(void **state)
{
	uint8_t entropy[PHRASE_ENTROPY_LEN] = { 1 }, back[PHRASE_ENTROPY_LEN];
	char text[PHRASE_TEXT_LEN], more[PHRASE_TEXT_LEN + 8];

	(void)state;
	phrase_encode(text, entropy);
	for (size_t n = 0; n < PHRASE_TEXT_LEN - 1; n++)
		assert_int_equal(
		    phrase_decode(back, BYTES((uint8_t *)text, n)).code,
		    n > 11 * 6 ? LK_E_MALFORMED : LK_E_USAGE);
	(void)snprintf(more, sizeof(more), "%s babam", text);
	assert_int_equal(phrase_decode(back, BYTES_STR(more)).code, LK_E_USAGE);
	assert_int_equal(phrase_decode(back, BYTES(NULL, 0)).code, LK_E_USAGE);
}

static void
the_roots_of_the_protocol_come_out_of_their_phrases(void **state)
{
	struct json_object *file =
	    json_object_from_file(LK_TEST_DATA "/protocol/keys.json");
	struct json_object *all = vector_field(file, "roots");

	(void)state;
	assert_non_null(all);
	for (size_t i = 0; i < json_object_array_length(all); i++) {
		struct json_object *v = json_object_array_get_idx(all, i);
		VECTOR phrase = vector_get(v, "phrase");
		VECTOR root = vector_get(v, "root_seed");
		VECTOR sign_pk = vector_get(v, "sign_pk");
		VECTOR box_pk = vector_get(v, "box_pk");
		VECTOR home = vector_get(v, "home_L0");
		uint8_t seed[ROOT_SEED_LEN], out[32];
		struct sign_key sign_key;
		struct dh_key box;

		assert_int_equal(
		    phrase_root_seed(seed, phrase.ptr).code, LK_OK);
		assert_memory_equal(seed, root.ptr, sizeof(seed));
		root_secret(out, seed, ROOT_SIGN);
		sign_key_from_seed(&sign_key, out);
		assert_memory_equal(sign_key.pk, sign_pk.ptr, SIGN_PK_LEN);
		root_secret(out, seed, ROOT_BOX);
		dh_key_from_secret(&box, out);
		assert_memory_equal(box.pk, box_pk.ptr, DH_LEN);
		root_secret(out, seed, ROOT_HOME);
		assert_memory_equal(out, home.ptr, sizeof(out));
	}
	json_object_put(file);
}

static void
the_words_of_a_key_are_three_of_the_list_and_its_own(void **state)
{
	const uint8_t one[32] = { 1 }, two[32] = { 2 };
	char first[KEY_WORDS_LEN], again[KEY_WORDS_LEN], other[KEY_WORDS_LEN];
	size_t found = 0;

	(void)state;
	assert_int_equal(phrase_key_words(first, one).code, LK_OK);
	assert_int_equal(phrase_key_words(again, one).code, LK_OK);
	assert_int_equal(phrase_key_words(other, two).code, LK_OK);
	assert_string_equal(first, again);
	assert_string_not_equal(first, other);
	assert_int_equal(strlen(first), KEY_WORDS_LEN - 1);
	for (unsigned i = 0; i < PHRASE_LIST_LEN; i++) {
		char word[PHRASE_WORD_LEN + 1];

		phrase_word(word, i);
		for (size_t w = 0; w < KEY_WORDS; w++)
			found += memcmp(first + w * (PHRASE_WORD_LEN + 1), word,
				     PHRASE_WORD_LEN) == 0;
	}
	assert_int_equal(found, KEY_WORDS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_two_words_share_their_first_four_letters),
		cmocka_unit_test(no_word_becomes_another_by_one_letter),
		cmocka_unit_test(a_phrase_decodes_to_what_was_encoded),
		cmocka_unit_test(
		    word_numbers_and_check_bits_are_those_of_bip_39),
		cmocka_unit_test(the_list_never_changes),
		cmocka_unit_test(case_and_white_space_do_not_matter),
		cmocka_unit_test(every_wrong_letter_is_found_in_its_word),
		cmocka_unit_test(most_exchanges_of_words_and_letters_are_found),
		cmocka_unit_test(other_numbers_of_words_are_refused),
		cmocka_unit_test(
		    the_words_of_a_key_are_three_of_the_list_and_its_own),
		cmocka_unit_test(
		    the_roots_of_the_protocol_come_out_of_their_phrases),
	};

	if (crypto_start().code != LK_OK)
		return 1;
	for (unsigned i = 0; i < PHRASE_LIST_LEN; i++)
		phrase_word(list[i], i);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
