/*
 * code.h - a code that pairs two devices, as people read and type it
 * (docs/protocol.md section 16): "42-jikoh-katif-sizok".
 *
 * The number is public: it says which window the code is for.  The words are
 * those of the recovery phrase; three of them are 26 secret bits and 7 that
 * depend on number, secret and purpose, so that 127 of 128 typing errors are
 * found before they cost the one guess.  Pure; any thread.
 */
#ifndef SYNC_CODE_H
#define SYNC_CODE_H

#include "base/bytes.h"
#include "crypto/phrase.h"
#include "crypto/random.h"

#define CODE_WINDOWS 100 /* two digits */
#define CODE_WORDS 3
/* With its NUL. */
#define CODE_TEXT_LEN (2 + CODE_WORDS * (PHRASE_WORD_LEN + 1) + 1)

enum code_purpose {
	CODE_DEVICE = 1, /* the one who types it becomes a device of the other's
			  * person */
	CODE_CONTACT = 2, /* two persons get to know each other */
};

struct code {
	uint8_t window;  /* below CODE_WINDOWS */
	uint32_t secret; /* 26 bits; whoever holds one wipes it */
};

void code_make(struct code *, uint8_t window, const struct random *);
void code_encode(
    char out[static CODE_TEXT_LEN], const struct code *, enum code_purpose);
/*
 * In either case, with one or more of "-" or white space between its parts and
 * none around it.  MALFORMED when it has not the shape or a word is not in the
 * list, DATA when the parts do not belong together, USAGE when they do for the
 * other purpose.
 */
LK_MUST_USE lk_err code_decode(
    struct code *, struct bytes text, enum code_purpose);

#endif
