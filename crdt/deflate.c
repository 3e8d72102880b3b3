#include "crdt/deflate.h"

#include <zlib.h>

#include "base/limits.h"
#include "crdt/change.h"

/* Raw streams, the largest window, zlib's default memory. */
#define DEFLATE_WINDOW_BITS (-15)
#define DEFLATE_MEMORY 8
#define DEFLATE_LEVEL 6
#define INFLATE_STEP 16384
/* Lets short streams of one repeated byte pass, which reach 1030 to 1. */
#define INFLATE_ALLOWANCE ((size_t)1024 * 1024)

size_t
inflate_bound(size_t n)
{
	return n > (SIZE_MAX - INFLATE_ALLOWANCE) / INFLATE_RATIO_MAX
	    ? SIZE_MAX
	    : n * INFLATE_RATIO_MAX + INFLATE_ALLOWANCE;
}

static lk_err
stream_begin(z_stream *z, struct bytes in)
{
	*z = (z_stream){ 0 };
	if (in.len > UINT32_MAX)
		return LK_ERR(LK_E_LIMIT, "size of deflated data");
	z->next_in = (z_const Bytef *)(uintptr_t)in.ptr;
	z->avail_in = (uInt)in.len;
	if (inflateInit2(z, DEFLATE_WINDOW_BITS) != Z_OK)
		return LK_ERR(LK_E_NOMEM, "inflating");
	return LK_NONE;
}

static lk_err
stream_measure(z_stream *z, size_t max)
{
	uint8_t scratch[INFLATE_STEP];
	int r;

	do {
		z->next_out = scratch;
		z->avail_out = sizeof(scratch);
		r = inflate(z, Z_NO_FLUSH);
		if (z->total_out > max)
			return LK_ERR(LK_E_LIMIT, "inflated size");
	} while (r == Z_OK);
	if (r == Z_STREAM_END)
		return LK_NONE;
	if (r == Z_MEM_ERROR)
		return LK_ERR(LK_E_NOMEM, "inflating");
	return r == Z_BUF_ERROR ? LK_ERR(LK_E_TRUNCATED, "deflated data")
				: LK_ERR(LK_E_MALFORMED, "deflated data");
}

lk_err
inflate_measure(struct inflate_size *size, struct bytes in, size_t max)
{
	size_t bound = inflate_bound(in.len);
	z_stream z;
	lk_err err;

	TRY(stream_begin(&z, in));
	err = stream_measure(&z, max < bound ? max : bound);
	if (err.code == LK_OK)
		*size = (struct inflate_size){ .in = z.total_in,
			.out = z.total_out };
	inflateEnd(&z);
	return err;
}

lk_err
inflate_into(uint8_t *out, struct bytes in, const struct inflate_size *size)
{
	uint8_t none;
	z_stream z;
	int r;

	TRY(stream_begin(&z, in));
	z.next_out = size->out == 0 ? &none : out;
	z.avail_out = (uInt)size->out;
	r = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	return r == Z_STREAM_END ? LK_NONE
				 : LK_ERR(LK_E_MALFORMED, "deflated data");
}

lk_err
inflate_raw(struct buf *b, struct bytes in, size_t max)
{
	struct inflate_size size;
	uint8_t *at;

	TRY(inflate_measure(&size, in, max < UINT32_MAX ? max : UINT32_MAX));
	if (size.in != in.len)
		return LK_ERR(LK_E_MALFORMED, "bytes after deflated data");
	if (size.out == 0)
		return LK_NONE;
	at = buf_extend(b, size.out);
	if (at == NULL)
		return buf_err(b, "inflated size");
	return inflate_into(at, in, &size);
}

lk_err
deflate_raw(struct buf *b, struct bytes in)
{
	z_stream z = { 0 };
	size_t bound, before = b->len;
	uint8_t *at;
	int r;

	if (in.len > UINT32_MAX / 2)
		return LK_ERR(LK_E_LIMIT, "size of data to deflate");
	if (deflateInit2(&z, DEFLATE_LEVEL, Z_DEFLATED, DEFLATE_WINDOW_BITS,
		DEFLATE_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		return LK_ERR(LK_E_NOMEM, "deflating");
	bound = deflateBound(&z, (uLong)in.len);
	at = buf_extend(b, bound);
	if (at == NULL) {
		deflateEnd(&z);
		return buf_err(b, "deflated size");
	}
	z.next_in = (z_const Bytef *)(uintptr_t)in.ptr;
	z.avail_in = (uInt)in.len;
	z.next_out = at;
	z.avail_out = (uInt)bound;
	r = deflate(&z, Z_FINISH);
	b->len = before + z.total_out;
	deflateEnd(&z);
	LK_ASSERT(r == Z_STREAM_END);
	return LK_NONE;
}
