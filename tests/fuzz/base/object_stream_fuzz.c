/*
 * A stream of objects in pieces: the same objects come out whatever the pieces
 * are, and one that ends well is written as the same bytes again.  The first
 * byte is the length of the pieces.
 */
#include <string.h>

#include "base/object_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Reads it all, and writes what is found; whether it ended well. */
static bool
stream_copy(struct buf *out, struct bytes in, size_t piece)
{
	struct object_stream s;
	struct object_found o;
	lk_err err = LK_NONE;
	bool found = true;

	object_stream_init(&s);
	object_stream_begin(out);
	for (size_t at = 0, n; at < in.len && err.code == LK_OK; at += n) {
		n = in.len - at < piece ? in.len - at : piece;
		err = object_stream_feed(&s, BYTES(in.ptr + at, n));
		for (found = true; err.code == LK_OK && found;) {
			err = object_stream_next(&s, &o, &found);
			if (err.code == LK_OK && found)
				object_stream_write(out, o.name, o.bytes);
		}
	}
	if (err.code == LK_OK)
		err = object_stream_end(&s);
	object_stream_finish(out, s.objects);
	object_stream_clear(&s);
	return err.code == LK_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in;
	bool good;
	BUF_SCOPED one = { .max = OBJECT_BYTES_MAX };
	BUF_SCOPED other = { .max = OBJECT_BYTES_MAX };

	if (size == 0 || size > OBJECT_STREAM_PIECE_MAX)
		return 0;
	in = BYTES(data + 1, size - 1);
	good = stream_copy(&one, in, 1 + (size_t)data[0]);
	LK_ASSERT(stream_copy(&other, in, OBJECT_STREAM_PIECE_MAX) == good);
	LK_ASSERT(bytes_equal(buf_bytes(&one), buf_bytes(&other)));
	LK_ASSERT(!good || bytes_equal(buf_bytes(&one), in));
	return 0;
}
