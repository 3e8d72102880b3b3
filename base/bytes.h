/*
 * bytes.h - bounded views of memory, a reader over them, and a growing buffer.
 *
 * Every byte that comes from outside passes through a struct rd: sticky, so a
 * decoder reads field by field and asks once, with rd_done(), if all was well.
 * struct buf is the writing side: it owns its memory, has a maximum, and is
 * sticky too: ask once, with buf_err(), whether everything fitted.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Borrowed, read-only bytes.  Whoever owns the memory outlives the view. */
struct bytes {
	const uint8_t *ptr;
	size_t len;
};

#define BYTES(p, n) ((struct bytes){ .ptr = (p), .len = (n) })
#define BYTES_OF(array) ((struct bytes){ .ptr = (array), .len = sizeof(array) })
#define BYTES_STR(s) \
	((struct bytes){ .ptr = (const uint8_t *)(s), .len = strlen(s) })

/* The next string of the same length in memcmp order; false after the last. */
bool bytes_next(uint8_t *, size_t);
bool bytes_equal(struct bytes, struct bytes);
/* memcmp order; a proper prefix sorts first. */
int bytes_compare(struct bytes, struct bytes);
/* Two ids of LK_ID_LEN bytes, for qsort and bsearch. */
int lk_id_compare(const void *, const void *);

/*
 * A reader consumes bytes from the front.  The first read past the end makes
 * the reader fail for good: later reads return zeros.  A number that is not in
 * its shortest form, or over 64 bits, makes it fail and sets `malformed`.
 */
struct rd {
	struct bytes left;
	bool failed;
	bool malformed;
};

static inline struct rd
rd_over(struct bytes b)
{
	return (struct rd){ .left = b };
}

static inline uint8_t
rd_u8(struct rd *r)
{
	if (r->failed || r->left.len == 0) {
		r->failed = true;
		return 0;
	}
	r->left.len--;
	return *r->left.ptr++;
}

uint16_t rd_u16(struct rd *); /* big-endian, as the next two */
uint32_t rd_u32(struct rd *);
uint64_t rd_u64(struct rd *);
uint64_t rd_uleb_long(struct rd *); /* for rd_uleb */
/* Unsigned LEB128, shortest form only. */
static inline uint64_t
rd_uleb(struct rd *r)
{
	return !r->failed && r->left.len > 0 && *r->left.ptr < 0x80
	    ? rd_u8(r)
	    : rd_uleb_long(r);
}
int64_t rd_sleb(struct rd *); /* signed LEB128, shortest form only */
struct bytes rd_take(struct rd *, size_t);
/* uLEB length, then that many bytes. */
struct bytes rd_counted(struct rd *);
/* Copies n bytes, or zeros after a failure. */
void rd_copy(struct rd *, void *, size_t n);
bool rd_done(const struct rd *); /* all consumed, no failure */
/* LK_OK if rd_done(), else TRUNCATED or MALFORMED naming `what`. */
LK_MUST_USE lk_err rd_end(const struct rd *, const char *what);

/*
 * A growing buffer that owns its memory.  Appending past `max`, or without
 * memory, sets `failed` and changes nothing more.
 */
struct buf {
	uint8_t *ptr;
	size_t len, cap, max;
	bool failed;
	bool starved; /* it failed for want of memory, not at `max` */
};

void buf_init(struct buf *, size_t max);
void buf_clear(struct buf *); /* frees; the buffer may be used again */
void buf_wipe(struct buf *);  /* the same, zeroing what it held */
void buf_reset(struct buf *); /* empties, keeps the memory */
struct bytes buf_bytes(const struct buf *);
/* LK_OK, LIMIT or NOMEM. */
LK_MUST_USE lk_err buf_err(const struct buf *, const char *what);
/* Room for n more bytes at the end, already counted; NULL after a failure. */
uint8_t *buf_extend(struct buf *, size_t n);
void buf_add(struct buf *, struct bytes);
void buf_mem(struct buf *, const void *, size_t);
static inline void
buf_u8(struct buf *b, uint8_t v)
{
	uint8_t *at;

	if (b->len < b->cap && !b->failed) {
		b->ptr[b->len++] = v;
		return;
	}
	at = buf_extend(b, 1);
	if (at != NULL)
		*at = v;
}
void buf_u16(struct buf *, uint16_t);
void buf_u32(struct buf *, uint32_t);
void buf_u64(struct buf *, uint64_t);
static inline void
buf_uleb(struct buf *b, uint64_t v)
{
	for (; v > 0x7f; v >>= 7)
		buf_u8(b, (uint8_t)(v | 0x80));
	buf_u8(b, (uint8_t)v);
}
void buf_sleb(struct buf *, int64_t);
void buf_counted(struct buf *, struct bytes); /* uLEB length, bytes */
void buf_str(struct buf *, const char *);     /* without the NUL */
void buf_printf(struct buf *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

/* Lower-case hex; `out` has 2 * len + 1 bytes. */
void hex_encode(char *out, struct bytes);
/* Exactly 2 * n digits of either case, then NUL; false otherwise. */
bool hex_decode(uint8_t *out, size_t n, const char *);

bool utf8_valid(struct bytes);
/* Number of code points; the bytes must be valid UTF-8. */
size_t utf8_count(struct bytes);
/* Byte offset of code point n, or len when there are fewer. */
size_t utf8_offset(struct bytes, size_t n);

/* Cleans up a struct buf at the end of its scope. */
#define BUF_SCOPED __attribute__((cleanup(buf_clear))) struct buf
#define BUF_SECRET __attribute__((cleanup(buf_wipe))) struct buf

#endif
