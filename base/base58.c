#include "base/base58.h"

#include <string.h>

static const char digits[] =
    "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/* number = number * base + add, its len bytes or digits least first. */
static void
number_step(
    uint8_t *number, size_t *len, uint32_t base, uint32_t radix, uint32_t add)
{
	for (size_t i = 0; i < *len; i++) {
		add += number[i] * base;
		number[i] = (uint8_t)(add % radix);
		add /= radix;
	}
	for (; add > 0; add /= radix)
		number[(*len)++] = (uint8_t)(add % radix);
}

void
base58_encode(struct buf *out, struct bytes in)
{
	uint8_t number[BASE58_LEN(BASE58_BYTES_MAX)];
	size_t len = 0, zeros = 0;

	LK_ASSERT(in.len <= BASE58_BYTES_MAX);
	while (zeros < in.len && in.ptr[zeros] == 0)
		zeros++;
	for (size_t i = zeros; i < in.len; i++)
		number_step(number, &len, 256, 58, in.ptr[i]);
	for (size_t i = 0; i < zeros; i++)
		buf_u8(out, (uint8_t)digits[0]);
	while (len > 0)
		buf_u8(out, (uint8_t)digits[number[--len]]);
}

lk_err
base58_decode(struct buf *out, struct bytes in)
{
	uint8_t number[BASE58_BYTES_MAX];
	size_t len = 0, zeros = 0;

	/* A digit is less than a byte. */
	if (in.len > BASE58_BYTES_MAX)
		return LK_ERR(LK_E_LIMIT, "length of a base58 number");
	while (zeros < in.len && in.ptr[zeros] == (uint8_t)digits[0])
		zeros++;
	for (size_t i = zeros; i < in.len; i++) {
		const char *digit =
		    in.ptr[i] == 0 ? NULL : strchr(digits, in.ptr[i]);

		if (digit == NULL)
			return LK_ERR(LK_E_MALFORMED, "a base58 digit");
		number_step(number, &len, 58, 256, (uint32_t)(digit - digits));
	}
	for (size_t i = 0; i < zeros; i++)
		buf_u8(out, 0);
	while (len > 0)
		buf_u8(out, number[--len]);
	return buf_err(out, "base58");
}
