#include "crypto/phrase.h"

#include <sodium.h>
#include <string.h>

#include "crypto/digest.h"

#define WORD_BITS 11
#define CHECK_BITS 4
#define ARGON_PASSES 3
#define ARGON_BYTES (64u * 1024 * 1024)

_Static_assert(1 << WORD_BITS == PHRASE_LIST_LEN, "a word is 11 bits");
_Static_assert(PHRASE_WORDS *WORD_BITS == PHRASE_ENTROPY_LEN * 8 + CHECK_BITS,
    "twelve words are the entropy and its check");

/* Letters that are hard to take for one another, spoken or written. */
static const char consonants[] = "bdfghjklmnprstvz";
static const char vowels[] = "aiou";

static const char *const wrong_word[PHRASE_WORDS] = {
	"recovery phrase: word 1 is not a phrase word",
	"recovery phrase: word 2 is not a phrase word",
	"recovery phrase: word 3 is not a phrase word",
	"recovery phrase: word 4 is not a phrase word",
	"recovery phrase: word 5 is not a phrase word",
	"recovery phrase: word 6 is not a phrase word",
	"recovery phrase: word 7 is not a phrase word",
	"recovery phrase: word 8 is not a phrase word",
	"recovery phrase: word 9 is not a phrase word",
	"recovery phrase: word 10 is not a phrase word",
	"recovery phrase: word 11 is not a phrase word",
	"recovery phrase: word 12 is not a phrase word",
};

void
phrase_word(char out[static PHRASE_WORD_LEN + 1], unsigned i)
{
	unsigned c1, v1, c2, v2;

	LK_ASSERT(i < PHRASE_LIST_LEN);
	c1 = i >> 7;
	v1 = i >> 5 & 3;
	c2 = i >> 1 & 15;
	/* One bit of the number; the other makes the four letters' sum even. */
	v2 = (i & 1) << 1 | ((c1 + v1 + c2) & 1);
	out[0] = consonants[c1];
	out[1] = vowels[v1];
	out[2] = consonants[c2];
	out[3] = vowels[v2];
	/* Odd weights: no single change leaves the sum modulo 16 as it was;
	 * these: nor do 19 of 20 exchanges of two consonants or vowels. */
	out[4] = consonants[(3 * c1 + v1 + 5 * c2 + 7 * v2 + 8) & 15];
	out[5] = '\0';
}

static void
phrase_check(
    uint8_t check[static 1], const uint8_t entropy[static PHRASE_ENTROPY_LEN])
{
	uint8_t hash[SHA256_LEN];

	sha256(hash, BYTES(entropy, PHRASE_ENTROPY_LEN));
	*check = hash[0] & 0xf0;
}

void
phrase_encode(char out[static PHRASE_TEXT_LEN],
    const uint8_t entropy[static PHRASE_ENTROPY_LEN])
{
	uint8_t bits[PHRASE_ENTROPY_LEN + 2] = { 0 };

	memcpy(bits, entropy, PHRASE_ENTROPY_LEN);
	phrase_check(&bits[PHRASE_ENTROPY_LEN], entropy);
	for (size_t w = 0; w < PHRASE_WORDS; w++) {
		size_t at = w * WORD_BITS;
		unsigned three = (unsigned)bits[at / 8] << 16 |
		    (unsigned)bits[at / 8 + 1] << 8;

		/* Past the last byte there is nothing a word needs. */
		if (at / 8 + 2 < sizeof(bits))
			three |= bits[at / 8 + 2];
		three = three >> (24 - WORD_BITS - at % 8);
		phrase_word(out + w * (PHRASE_WORD_LEN + 1),
		    three & (PHRASE_LIST_LEN - 1));
		out[w * (PHRASE_WORD_LEN + 1) + PHRASE_WORD_LEN] = ' ';
	}
	out[PHRASE_TEXT_LEN - 1] = '\0';
	sodium_memzero(bits, sizeof(bits));
}

static bool
letter_value(unsigned *value, const char *letters, uint8_t letter)
{
	const char *at = letter == '\0' ? NULL : strchr(letters, letter);

	if (at == NULL)
		return false;
	*value = (unsigned)(at - letters);
	return true;
}

/* The number of a word: read from its letters, then compared as a whole. */
static bool
word_value(unsigned *value, const char word[static PHRASE_WORD_LEN + 1])
{
	char whole[PHRASE_WORD_LEN + 1];
	unsigned c1, v1, c2, v2, i;

	if (!letter_value(&c1, consonants, (uint8_t)word[0]) ||
	    !letter_value(&v1, vowels, (uint8_t)word[1]) ||
	    !letter_value(&c2, consonants, (uint8_t)word[2]) ||
	    !letter_value(&v2, vowels, (uint8_t)word[3]))
		return false;
	i = c1 << 7 | v1 << 5 | c2 << 1 | v2 >> 1;
	phrase_word(whole, i);
	*value = i;
	return strcmp(whole, word) == 0;
}

static bool
is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next run of letters that are not white space; empty at the end. */
static struct bytes
word_next(struct bytes *text)
{
	struct bytes word;

	while (text->len > 0 && is_space(*text->ptr)) {
		text->ptr++;
		text->len--;
	}
	word = BYTES(text->ptr, 0);
	while (text->len > 0 && !is_space(*text->ptr)) {
		text->ptr++;
		text->len--;
		word.len++;
	}
	return word;
}

bool
phrase_word_number(unsigned *value, struct bytes word)
{
	char lower[PHRASE_WORD_LEN + 1] = { 0 };
	bool good;

	if (word.len != PHRASE_WORD_LEN)
		return false;
	for (size_t i = 0; i < word.len; i++) {
		uint8_t c = word.ptr[i];

		lower[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
	}
	good = word_value(value, lower);
	sodium_memzero(lower, sizeof(lower));
	return good;
}

static size_t
words_count(struct bytes text)
{
	size_t n = 0;

	while (word_next(&text).len > 0)
		n++;
	return n;
}

/* The bits of twelve words; a typing error leaves most of a true phrase. */
static lk_err
bits_read(uint8_t bits[static PHRASE_ENTROPY_LEN + 1], struct bytes text)
{
	for (size_t w = 0; w < PHRASE_WORDS; w++) {
		unsigned value;

		if (!phrase_word_number(&value, word_next(&text)))
			return LK_ERR(LK_E_MALFORMED, wrong_word[w]);
		for (size_t i = 0; i < WORD_BITS; i++) {
			size_t at = w * WORD_BITS + i;
			unsigned bit = value >> (WORD_BITS - 1 - i) & 1;

			bits[at / 8] |= (uint8_t)(bit << (7 - at % 8));
		}
	}
	return LK_NONE;
}

lk_err
phrase_decode(uint8_t entropy[static PHRASE_ENTROPY_LEN], struct bytes text)
{
	uint8_t bits[PHRASE_ENTROPY_LEN + 1] = { 0 }, check;
	lk_err err;

	if (words_count(text) != PHRASE_WORDS)
		return LK_ERR(LK_E_USAGE, "recovery phrase: not twelve words");
	err = bits_read(bits, text);
	phrase_check(&check, bits);
	if (err.code == LK_OK && check != bits[PHRASE_ENTROPY_LEN])
		err = LK_ERR(LK_E_DATA,
		    "recovery phrase: the words do not belong together");
	if (err.code == LK_OK)
		memcpy(entropy, bits, PHRASE_ENTROPY_LEN);
	sodium_memzero(bits, sizeof(bits));
	return err;
}

lk_err
phrase_root_seed(uint8_t seed[static ROOT_SEED_LEN],
    const uint8_t entropy[static PHRASE_ENTROPY_LEN])
{
	uint8_t salt[crypto_pwhash_argon2id_SALTBYTES];

	digest(salt, sizeof(salt), DIGEST_ROOT, NULL, BYTES(NULL, 0));
	if (crypto_pwhash_argon2id(seed, ROOT_SEED_LEN, (const char *)entropy,
		PHRASE_ENTROPY_LEN, salt, ARGON_PASSES, ARGON_BYTES,
		crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0)
		return LK_ERR(LK_E_NOMEM, "recovery phrase: 64 MiB of memory");
	return LK_NONE;
}

void
phrase_three_words(
    char out[static KEY_WORDS_LEN], const uint8_t bits[static KEY_WORDS_BYTES])
{
	for (size_t w = 0; w < KEY_WORDS; w++) {
		unsigned i = (unsigned)bits[2 * w] << 8 | bits[2 * w + 1];

		phrase_word(
		    out + w * (PHRASE_WORD_LEN + 1), i % PHRASE_LIST_LEN);
		out[w * (PHRASE_WORD_LEN + 1) + PHRASE_WORD_LEN] =
		    w + 1 == KEY_WORDS ? '\0' : ' ';
	}
}

lk_err
phrase_key_words(
    char out[static KEY_WORDS_LEN], const uint8_t root_pk[static 32])
{
	uint8_t salt[crypto_pwhash_argon2id_SALTBYTES], bits[16];

	digest(salt, sizeof(salt), DIGEST_WORDS, NULL, BYTES(NULL, 0));
	if (crypto_pwhash_argon2id(bits, sizeof(bits), (const char *)root_pk,
		32, salt, ARGON_PASSES, ARGON_BYTES,
		crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0)
		return LK_ERR(LK_E_NOMEM, "words: 64 MiB of memory");
	phrase_three_words(out, bits);
	return LK_NONE;
}

void
root_secret(uint8_t out[static 32], const uint8_t seed[static ROOT_SEED_LEN],
    enum root_purpose purpose)
{
	uint8_t number = (uint8_t)purpose;

	digest(out, 32, DIGEST_ROOT, seed, BYTES(&number, 1));
}
