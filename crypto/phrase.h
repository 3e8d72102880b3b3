/*
 * phrase.h - the recovery phrase: 128 random bits as twelve words, and what
 * is derived from them (docs/protocol.md section 2).
 *
 * The bits are followed by the first 4 bits of their SHA-256, as in BIP 39;
 * each 11 bits are one word of a list of 2,048.  The list is computed, not
 * stored: docs/decisions/0003-phrase-words.md.  Every word has five letters,
 * no two share their first four, and changing one letter of a word never
 * gives another word.  Any thread.
 */
#ifndef CRYPTO_PHRASE_H
#define CRYPTO_PHRASE_H

#include "base/bytes.h"

#define PHRASE_ENTROPY_LEN 16
#define PHRASE_WORDS 12
#define PHRASE_WORD_LEN 5
#define PHRASE_LIST_LEN 2048
/* Words with one space between them, and the NUL. */
#define PHRASE_TEXT_LEN (PHRASE_WORDS * (PHRASE_WORD_LEN + 1))
#define ROOT_SEED_LEN 32

/* What a root seed is for; the numbers are part of the derivation. */
enum root_purpose {
	ROOT_SIGN = 1, /* Ed25519 seed of the person's root key */
	ROOT_BOX = 2,  /* X25519 secret of the recovery box */
	ROOT_HOME = 3, /* L0 of the home document */
};

/* Word number i < PHRASE_LIST_LEN, with a NUL. */
void phrase_word(char out[static PHRASE_WORD_LEN + 1], unsigned i);
/* The number of a word, in either case; false when it is none of the list. */
bool phrase_word_number(unsigned *, struct bytes word);

void phrase_encode(char out[static PHRASE_TEXT_LEN],
    const uint8_t entropy[static PHRASE_ENTROPY_LEN]);
/*
 * Twelve words in either case, with any white space around them.  USAGE when
 * there are more or fewer; MALFORMED when one of them is not in the list, the
 * error naming which; DATA when all are but do not belong together.
 */
LK_MUST_USE lk_err phrase_decode(
    uint8_t entropy[static PHRASE_ENTROPY_LEN], struct bytes text);

/*
 * Three words by which two people compare a root key: 33 bits of Argon2id of
 * it, as slow as a root seed, so that somebody in between who wants a key with
 * the same words computes for half a century of processor time.  NOMEM.
 */
#define KEY_WORDS 3
#define KEY_WORDS_LEN (KEY_WORDS * (PHRASE_WORD_LEN + 1))
/* The three words of six uniform bytes: the last 11 bits of each two. */
#define KEY_WORDS_BYTES 6
void phrase_three_words(
    char out[static KEY_WORDS_LEN], const uint8_t bits[static KEY_WORDS_BYTES]);
LK_MUST_USE lk_err phrase_key_words(
    char out[static KEY_WORDS_LEN], const uint8_t root_pk[static 32]);

/* Takes 64 MiB and a good part of a second on purpose; NOMEM. */
LK_MUST_USE lk_err phrase_root_seed(uint8_t seed[static ROOT_SEED_LEN],
    const uint8_t entropy[static PHRASE_ENTROPY_LEN]);
void root_secret(uint8_t out[static 32],
    const uint8_t seed[static ROOT_SEED_LEN], enum root_purpose);

#endif
