#include "base/base64.h"

#define PAD 64
#define NO_DIGIT 255

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_encode(struct buf *out, struct bytes in)
{
	uint8_t *to = buf_extend(out, BASE64_LEN(in.len));

	if (to == NULL)
		return;
	for (size_t i = 0; i < in.len; i += 3, to += 4) {
		size_t n = in.len - i < 3 ? in.len - i : 3;
		uint32_t v = (uint32_t)in.ptr[i] << 16;

		if (n > 1)
			v |= (uint32_t)in.ptr[i + 1] << 8;
		if (n > 2)
			v |= in.ptr[i + 2];
		to[0] = (uint8_t)digits[v >> 18];
		to[1] = (uint8_t)digits[v >> 12 & 63];
		to[2] = (uint8_t)(n > 1 ? digits[v >> 6 & 63] : '=');
		to[3] = (uint8_t)(n > 2 ? digits[v & 63] : '=');
	}
}

static uint8_t
digit_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return ((uint8_t)(c - 'A'));
	if (c >= 'a' && c <= 'z')
		return ((uint8_t)(c - 'a' + 26));
	if (c >= '0' && c <= '9')
		return ((uint8_t)(c - '0' + 52));
	if (c == '+')
		return (62);
	if (c == '/')
		return (63);
	return (c == '=' ? PAD : NO_DIGIT);
}

/* The value of four characters and how many bytes it has; 0 when they are no
 * canonical group. */
static size_t
group_decode(const uint8_t c[static 4], uint32_t *value)
{
	uint8_t d[4];
	uint32_t v = 0;
	size_t pads = 0;

	for (int i = 0; i < 4; i++) {
		d[i] = digit_value(c[i]);
		if (d[i] == NO_DIGIT || (pads > 0 && d[i] != PAD))
			return (0);
		if (d[i] == PAD)
			pads++;
		v = v << 6 | (d[i] & 63U);
	}
	if (pads > 2 || (pads == 1 && (v & 0xff) != 0) ||
	    (pads == 2 && (v & 0xffff) != 0))
		return (0);
	*value = v;
	return (3 - pads);
}

lk_err
base64_decode(struct buf *out, struct bytes in)
{
	size_t start = out->len;

	if (in.len % 4 != 0)
		return (LK_ERR(LK_E_MALFORMED, "decode base64"));
	for (size_t i = 0; i < in.len; i += 4) {
		uint32_t v = 0;
		size_t n = group_decode(in.ptr + i, &v);

		if (n == 0 || (n < 3 && i + 4 < in.len)) {
			out->len = start;
			return (LK_ERR(LK_E_MALFORMED, "decode base64"));
		}
		uint8_t bytes[3] = { (uint8_t)(v >> 16), (uint8_t)(v >> 8),
			(uint8_t)v };
		buf_mem(out, bytes, n);
	}
	return (buf_err(out, "decode base64"));
}
