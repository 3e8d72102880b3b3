#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

#define BUF_FIRST 64

bool
bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool
bytes_next(uint8_t *b, size_t len)
{
	while (len-- > 0)
		if (++b[len] != 0)
			return true;
	return false;
}

int
bytes_compare(struct bytes a, struct bytes b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int r = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);

	if (r != 0)
		return r;
	return a.len < b.len ? -1 : a.len > b.len;
}

int
lk_id_compare(const void *a, const void *b)
{
	return memcmp(a, b, LK_ID_LEN);
}

struct bytes
rd_take(struct rd *r, size_t n)
{
	struct bytes out = { 0 };

	if (r->failed || n > r->left.len) {
		r->failed = true;
		return out;
	}
	if (n == 0)
		return out;
	out = (struct bytes){ r->left.ptr, n };
	r->left.ptr += n;
	r->left.len -= n;
	return out;
}

static uint64_t
rd_big_endian(struct rd *r, size_t n)
{
	struct bytes b = rd_take(r, n);
	uint64_t v = 0;

	for (size_t i = 0; i < b.len; i++)
		v = v << 8 | b.ptr[i];
	return v;
}

uint16_t
rd_u16(struct rd *r)
{
	return (uint16_t)rd_big_endian(r, 2);
}

uint32_t
rd_u32(struct rd *r)
{
	return (uint32_t)rd_big_endian(r, 4);
}

uint64_t
rd_u64(struct rd *r)
{
	return rd_big_endian(r, 8);
}

static uint64_t
rd_malformed(struct rd *r)
{
	r->failed = true;
	r->malformed = true;
	return 0;
}

uint64_t
rd_uleb_long(struct rd *r)
{
	uint64_t v = 0;

	for (unsigned shift = 0;; shift += 7) {
		uint8_t b = rd_u8(r);

		if (r->failed)
			return 0;
		if (shift == 63 && b > 1)
			return rd_malformed(r);
		v |= (uint64_t)(b & 0x7f) << shift;
		if ((b & 0x80) == 0)
			return b == 0 && shift > 0 ? rd_malformed(r) : v;
	}
}

int64_t
rd_sleb(struct rd *r)
{
	uint64_t v = 0;
	uint8_t before = 0;

	for (unsigned shift = 0;; shift += 7) {
		uint8_t b = rd_u8(r);

		if (r->failed)
			return 0;
		if (shift == 63 && b != 0 && b != 0x7f)
			return (int64_t)rd_malformed(r);
		v |= (uint64_t)(b & 0x7f) << shift;
		if (b & 0x80) {
			before = b;
			continue;
		}
		if (shift > 0 && ((b == 0 && !(before & 0x40)) ||
		    (b == 0x7f && (before & 0x40))))
			return (int64_t)rd_malformed(r);
		if (shift < 57 && (b & 0x40))
			v |= UINT64_MAX << (shift + 7);
		return (int64_t)v;
	}
}

struct bytes
rd_counted(struct rd *r)
{
	uint64_t n = rd_uleb(r);

	if (n > r->left.len) {
		r->failed = true;
		return (struct bytes){ 0 };
	}
	return rd_take(r, (size_t)n);
}

void
rd_copy(struct rd *r, void *out, size_t n)
{
	struct bytes b = rd_take(r, n);

	memset(out, 0, n);
	if (b.len > 0)
		memcpy(out, b.ptr, n);
}

bool
rd_done(const struct rd *r)
{
	return !r->failed && r->left.len == 0;
}

lk_err
rd_end(const struct rd *r, const char *what)
{
	if (r->malformed || (!r->failed && r->left.len > 0))
		return LK_ERR(LK_E_MALFORMED, what);
	return r->failed ? LK_ERR(LK_E_TRUNCATED, what) : LK_NONE;
}

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void
buf_clear(struct buf *b)
{
	free(b->ptr);
	*b = (struct buf){ .max = b->max };
}

void
buf_wipe(struct buf *b)
{
	if (b->ptr != NULL)
		explicit_bzero(b->ptr, b->cap);
	buf_clear(b);
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

struct bytes
buf_bytes(const struct buf *b)
{
	return (struct bytes){ b->ptr, b->len };
}

lk_err
buf_err(const struct buf *b, const char *what)
{
	if (!b->failed)
		return LK_NONE;
	return LK_ERR(b->starved ? LK_E_NOMEM : LK_E_LIMIT, what);
}

static bool
buf_grow(struct buf *b, size_t need)
{
	size_t cap = b->cap == 0 ? BUF_FIRST : b->cap;
	uint8_t *grown;

	while (cap < need)
		cap = cap > b->max / 2 ? b->max : cap * 2;
	grown = malloc(cap);
	if (grown == NULL)
		return false;
	if (b->len > 0)
		memcpy(grown, b->ptr, b->len);
	/* What is left behind may have been a secret. */
	if (b->ptr != NULL)
		explicit_bzero(b->ptr, b->len);
	free(b->ptr);
	b->ptr = grown;
	b->cap = cap;
	return true;
}

uint8_t *
buf_extend(struct buf *b, size_t n)
{
	uint8_t *at;

	if (b->failed)
		return NULL;
	b->starved = n <= b->max - b->len && b->len + n > b->cap &&
	    !buf_grow(b, b->len + n);
	if (b->starved || n > b->max - b->len) {
		b->failed = true;
		return NULL;
	}
	at = b->ptr == NULL ? NULL : b->ptr + b->len;
	b->len += n;
	return at;
}

void
buf_mem(struct buf *b, const void *src, size_t n)
{
	uint8_t *at = n == 0 ? NULL : buf_extend(b, n);

	if (at != NULL)
		memcpy(at, src, n);
}

void
buf_add(struct buf *b, struct bytes v)
{
	buf_mem(b, v.ptr, v.len);
}

static void
buf_big_endian(struct buf *b, uint64_t v, size_t n)
{
	uint8_t *at = buf_extend(b, n);

	for (size_t i = 0; at != NULL && i < n; i++)
		at[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

void
buf_u16(struct buf *b, uint16_t v)
{
	buf_big_endian(b, v, 2);
}

void
buf_u32(struct buf *b, uint32_t v)
{
	buf_big_endian(b, v, 4);
}

void
buf_u64(struct buf *b, uint64_t v)
{
	buf_big_endian(b, v, 8);
}

void
buf_sleb(struct buf *b, int64_t v)
{
	for (;;) {
		uint8_t low = (uint8_t)((uint64_t)v & 0x7f);
		bool sign = (low & 0x40) != 0;

		/* Arithmetic shift, written so that it is defined. */
		v = v < 0 ? ~(int64_t)(~(uint64_t)v >> 7) : v >> 7;
		if ((v == 0 && !sign) || (v == -1 && sign)) {
			buf_u8(b, low);
			return;
		}
		buf_u8(b, low | 0x80);
	}
}

void
buf_counted(struct buf *b, struct bytes v)
{
	buf_uleb(b, v.len);
	buf_add(b, v);
}

void
buf_str(struct buf *b, const char *s)
{
	buf_mem(b, s, strlen(s));
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	char small[256];
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(small)) {
		buf_mem(b, small, (size_t)n);
	} else if (n >= 0) {
		/* The NUL that vsnprintf writes is taken back again. */
		uint8_t *at = buf_extend(b, (size_t)n + 1);

		if (at != NULL) {
			(void)vsnprintf((char *)at, (size_t)n + 1, fmt, again);
			b->len--;
		}
	}
	va_end(again);
}

void
hex_encode(char *out, struct bytes in)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < in.len; i++) {
		*out++ = digits[in.ptr[i] >> 4];
		*out++ = digits[in.ptr[i] & 15];
	}
	*out = '\0';
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
hex_decode(uint8_t *out, size_t n, const char *in)
{
	if (strlen(in) != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int hi = hex_digit(in[2 * i]), lo = hex_digit(in[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

/* Length of the valid sequence at p, or 0; RFC 3629. */
static size_t
utf8_sequence(const uint8_t *p, size_t left)
{
	uint32_t c, least;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		n = 2, least = 0x80, c = p[0] & 0x1f;
	} else if (p[0] >= 0xe0 && p[0] <= 0xef) {
		n = 3, least = 0x800, c = p[0] & 0x0f;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		n = 4, least = 0x10000, c = p[0] & 0x07;
	} else {
		return 0;
	}
	if (left < n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	return n;
}

bool
utf8_valid(struct bytes b)
{
	for (size_t i = 0; i < b.len;) {
		size_t n = utf8_sequence(b.ptr + i, b.len - i);

		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

size_t
utf8_count(struct bytes b)
{
	size_t n = 0;

	for (size_t i = 0; i < b.len; i++)
		n += (b.ptr[i] & 0xc0) != 0x80;
	return n;
}

size_t
utf8_offset(struct bytes b, size_t want)
{
	size_t i = 0;

	while (i < b.len && ((b.ptr[i] & 0xc0) == 0x80 || want > 0)) {
		if ((b.ptr[i] & 0xc0) != 0x80)
			want--;
		i++;
		while (i < b.len && (b.ptr[i] & 0xc0) == 0x80)
			i++;
	}
	return i;
}
