#include "sync/code.h"

#include <stdio.h>
#include <string.h>

#include "crypto/digest.h"
#include "crypto/seal.h"

#define WORD_BITS 11
#define WORD_MASK (PHRASE_LIST_LEN - 1)
#define SECRET_BITS 26
#define CHECK_BITS 7
#define DIGITS 2

_Static_assert(1 << WORD_BITS == PHRASE_LIST_LEN, "a word is 11 bits");
_Static_assert(SECRET_BITS + CHECK_BITS == CODE_WORDS * WORD_BITS,
    "three words are the secret and its check");

static uint8_t
code_check(const struct code *c, enum code_purpose purpose)
{
	uint8_t said[] = { (uint8_t)purpose, c->window,
		(uint8_t)(c->secret >> 24), (uint8_t)(c->secret >> 16),
		(uint8_t)(c->secret >> 8), (uint8_t)c->secret };
	uint8_t check;

	digest(&check, 1, DIGEST_PAIR_CODE, NULL, BYTES_OF(said));
	secret_wipe(said, sizeof(said));
	return check >> (8 - CHECK_BITS);
}

void
code_make(struct code *c, uint8_t window, const struct random *random)
{
	LK_ASSERT(window < CODE_WINDOWS);
	c->window = window;
	c->secret = (uint32_t)(random_u64(random) >> (64 - SECRET_BITS));
}

void
code_encode(char out[static CODE_TEXT_LEN], const struct code *c,
    enum code_purpose purpose)
{
	uint64_t bits =
	    (uint64_t)c->secret << CHECK_BITS | code_check(c, purpose);
	char *at = out + DIGITS;

	out[0] = (char)('0' + c->window / 10);
	out[1] = (char)('0' + c->window % 10);
	for (unsigned w = CODE_WORDS; w-- > 0; at += PHRASE_WORD_LEN) {
		*at++ = '-';
		phrase_word(at, bits >> (w * WORD_BITS) & WORD_MASK);
	}
}

static bool
is_between(uint8_t c)
{
	return c == '-' || c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next part of the text; empty when nothing is between it and the last. */
static struct bytes
part_next(struct bytes *text, bool first)
{
	struct bytes part = { text->ptr, 0 };
	size_t between = 0;

	while (between < text->len && is_between(text->ptr[between]))
		between++;
	if (first != (between == 0))
		return part;
	text->ptr += between;
	text->len -= between;
	part.ptr = text->ptr;
	while (text->len > 0 && !is_between(*text->ptr)) {
		text->ptr++;
		text->len--;
		part.len++;
	}
	return part;
}

static bool
window_read(struct code *c, struct bytes part)
{
	if (part.len != DIGITS || part.ptr[0] < '0' || part.ptr[0] > '9' ||
	    part.ptr[1] < '0' || part.ptr[1] > '9')
		return false;
	c->window = (uint8_t)((part.ptr[0] - '0') * 10 + (part.ptr[1] - '0'));
	return true;
}

static lk_err
parts_read(struct code *c, uint8_t *check, struct bytes text)
{
	uint64_t bits = 0;

	if (text.len == 0 || !window_read(c, part_next(&text, true)))
		return LK_ERR(LK_E_MALFORMED, "code: no number in front");
	for (int w = 0; w < CODE_WORDS; w++) {
		unsigned number;

		if (!phrase_word_number(&number, part_next(&text, false)))
			return LK_ERR(
			    LK_E_MALFORMED, "code: not three of its words");
		bits = bits << WORD_BITS | number;
	}
	if (text.len > 0)
		return LK_ERR(LK_E_MALFORMED, "code: more than three words");
	c->secret = (uint32_t)(bits >> CHECK_BITS);
	*check = (uint8_t)(bits & ((1u << CHECK_BITS) - 1));
	return LK_NONE;
}

lk_err
code_decode(struct code *out, struct bytes text, enum code_purpose purpose)
{
	enum code_purpose other =
	    purpose == CODE_DEVICE ? CODE_CONTACT : CODE_DEVICE;
	struct code c;
	uint8_t check;

	TRY(parts_read(&c, &check, text));
	if (code_check(&c, purpose) == check) {
		*out = c;
		return LK_NONE;
	}
	if (code_check(&c, other) == check)
		return LK_ERR(LK_E_USAGE, "code: for something else");
	return LK_ERR(LK_E_DATA, "code: mistyped");
}
