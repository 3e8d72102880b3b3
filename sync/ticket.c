#include "sync/ticket.h"

#include <string.h>

#include "crypto/digest.h"

#define TICKET_VERSION 1
#define CHECK_LEN 4
#define PREFIX "lk1-"
#define PREFIX_LEN 4
#define BITS 5 /* of a base32 character */

enum derived { DERIVED_PSK = 1, DERIVED_ID = 2, DERIVED_SLOT = 3 };

static void
derive(uint8_t *out, size_t n, const uint8_t key[static DIGEST_KEY_LEN],
    enum derived what)
{
	uint8_t number = (uint8_t)what;

	digest(out, n, DIGEST_TICKET, key, BYTES(&number, 1));
}

void
ticket_derive(
    struct ticket_keys *out, const uint8_t secret[static TICKET_SECRET_LEN])
{
	uint8_t key[DIGEST_KEY_LEN] = { 0 };

	memcpy(key, secret, TICKET_SECRET_LEN);
	derive(out->psk, sizeof(out->psk), key, DERIVED_PSK);
	derive(out->id, sizeof(out->id), key, DERIVED_ID);
	derive(out->slot, sizeof(out->slot), key, DERIVED_SLOT);
	secret_wipe(key, sizeof(key));
}

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
ticket_encode(struct buf *out, const struct ticket *t)
{
	uint8_t check[CHECK_LEN];
	size_t start = out->len;
	bool failed = out->failed;
	BUF_SECRET b = { .max = TICKET_MAX };
	lk_err err;

	buf_u8(&b, TICKET_VERSION);
	buf_u8(&b, (uint8_t)t->purpose);
	buf_mem(&b, t->secret, sizeof(t->secret));
	buf_mem(&b, t->noise_pk, sizeof(t->noise_pk));
	addresses_write_bare(&b, &t->addresses);
	digest(check, sizeof(check), DIGEST_TICKET, NULL, buf_bytes(&b));
	buf_mem(&b, check, sizeof(check));
	TRY(buf_err(&b, "ticket"));
	buf_str(out, PREFIX);
	base32_write(out, buf_bytes(&b));
	err = buf_err(out, "ticket");
	if (err.code != LK_OK) {
		out->len = start;
		out->failed = failed;
	}
	return err;
}

static bool
prefix_there(struct bytes text)
{
	return text.len >= PREFIX_LEN && (text.ptr[0] | 0x20) == 'l' &&
	    (text.ptr[1] | 0x20) == 'k' && text.ptr[2] == '1' &&
	    text.ptr[3] == '-';
}

/* The binary form, whose check is good, without the check. */
static lk_err
ticket_binary(struct bytes *out, struct arena *arena, struct bytes text)
{
	uint8_t check[CHECK_LEN];
	struct buf b;

	if (text.len > TICKET_TEXT_MAX)
		return LK_ERR(LK_E_LIMIT, "ticket");
	if (!prefix_there(text))
		return LK_ERR(LK_E_MALFORMED, "not a ticket");
	text.ptr += PREFIX_LEN;
	text.len -= PREFIX_LEN;
	b = (struct buf){ .cap = text.len * BITS / 8,
		.max = text.len * BITS / 8 };
	if (b.max < CHECK_LEN)
		return LK_ERR(LK_E_TRUNCATED, "ticket");
	b.ptr = arena_alloc(arena, b.max);
	if (b.ptr == NULL)
		return LK_ERR(LK_E_NOMEM, "ticket");
	if (!base32_read(&b, text) || b.failed)
		return LK_ERR(LK_E_MALFORMED, "ticket");
	*out = BYTES(b.ptr, b.len - CHECK_LEN);
	digest(check, sizeof(check), DIGEST_TICKET, NULL, *out);
	if (memcmp(check, b.ptr + out->len, CHECK_LEN) != 0)
		return LK_ERR(LK_E_MALFORMED, "check of a ticket");
	return LK_NONE;
}

lk_err
ticket_decode(struct ticket *out, struct arena *arena, struct bytes text)
{
	struct ticket t = { 0 };
	struct bytes binary;
	uint8_t version, purpose;
	struct rd r;

	TRY(ticket_binary(&binary, arena, text));
	r = rd_over(binary);
	version = rd_u8(&r);
	if (!r.failed && version != TICKET_VERSION)
		return LK_ERR(LK_E_VERSION, "ticket");
	purpose = rd_u8(&r);
	rd_copy(&r, t.secret, sizeof(t.secret));
	rd_copy(&r, t.noise_pk, sizeof(t.noise_pk));
	addresses_read_bare(&r, &t.addresses);
	TRY(rd_end(&r, "ticket"));
	if (purpose != TICKET_DEVICE && purpose != TICKET_INVITE)
		return LK_ERR(LK_E_MALFORMED, "purpose of a ticket");
	t.purpose = purpose;
	*out = t;
	return LK_NONE;
}
