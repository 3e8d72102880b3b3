#include "sync/armor.h"

#include <string.h>

#define BITS 5 /* of a base32 character */

static void
base32_write(struct buf *out, struct bytes in)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned bits = 0, have = 0;

	for (size_t i = 0; i < in.len; i++) {
		bits = (bits << 8 | in.ptr[i]) & 0xfff;
		for (have += 8; have >= BITS; have -= BITS)
			buf_u8(
			    out, (uint8_t)digits[bits >> (have - BITS) & 31]);
	}
	if (have > 0)
		buf_u8(out, (uint8_t)digits[bits << (BITS - have) & 31]);
}

static int
base32_digit(uint8_t c)
{
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= '2' && c <= '7')
		return c - '2' + 26;
	return -1;
}

/* False for a foreign character, a length that no bytes give, or bits left
 * over that are not zero: one text for one content. */
static bool
base32_read(struct buf *out, struct bytes in)
{
	unsigned bits = 0, have = 0;

	for (size_t i = 0; i < in.len; i++) {
		int d = base32_digit(in.ptr[i]);

		if (d < 0)
			return false;
		bits = (bits << BITS | (unsigned)d) & 0xfff;
		have += BITS;
		if (have >= 8) {
			have -= 8;
			buf_u8(out, (uint8_t)(bits >> have));
		}
	}
	return have < BITS && (bits & ((1u << have) - 1)) == 0;
}

lk_err
armor_encode(struct buf *out, const struct armor *a, struct buf *binary)
{
	uint8_t check[ARMOR_CHECK_LEN];
	size_t start = out->len;
	bool failed = out->failed;
	lk_err err;

	digest(check, sizeof(check), a->label, NULL, buf_bytes(binary));
	buf_mem(binary, check, sizeof(check));
	TRY(buf_err(binary, a->what));
	buf_str(out, a->prefix);
	base32_write(out, buf_bytes(binary));
	err = buf_err(out, a->what);
	if (err.code != LK_OK) {
		out->len = start;
		out->failed = failed;
	}
	return err;
}

lk_err
armor_decode(struct bytes *binary, struct arena *arena, const struct armor *a,
    struct bytes text)
{
	uint8_t check[ARMOR_CHECK_LEN];
	size_t prefix = strlen(a->prefix);
	struct bytes said;
	struct buf b;

	if (text.len > a->text_max)
		return LK_ERR(LK_E_LIMIT, a->what);
	if (text.len < prefix ||
	    strncasecmp((const char *)text.ptr, a->prefix, prefix) != 0)
		return LK_ERR(LK_E_MALFORMED, a->what);
	text.ptr += prefix;
	text.len -= prefix;
	b = (struct buf){ .cap = text.len * BITS / 8,
		.max = text.len * BITS / 8 };
	if (b.max < ARMOR_CHECK_LEN)
		return LK_ERR(LK_E_TRUNCATED, a->what);
	b.ptr = arena_alloc(arena, b.max);
	if (b.ptr == NULL)
		return LK_ERR(LK_E_NOMEM, a->what);
	if (!base32_read(&b, text) || b.failed)
		return LK_ERR(LK_E_MALFORMED, a->what);
	said = BYTES(b.ptr, b.len - ARMOR_CHECK_LEN);
	digest(check, sizeof(check), a->label, NULL, said);
	if (memcmp(check, b.ptr + said.len, ARMOR_CHECK_LEN) != 0)
		return LK_ERR(LK_E_MALFORMED, a->what);
	*binary = said;
	return LK_NONE;
}
