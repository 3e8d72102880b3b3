#include "base/object_stream.h"

#include <string.h>

#define STREAM_VERSION 1

enum frame { FRAME_END = 0, FRAME_OBJECT = 1 };

static const char magic[] = { 'L', 'K', 'B', 'S' };

void
object_stream_begin(struct buf *out)
{
	buf_mem(out, magic, sizeof(magic));
	buf_u8(out, STREAM_VERSION);
}

void
object_stream_write(struct buf *out, const char *name, struct bytes object)
{
	LK_ASSERT(object.len > 0 && object.len <= OBJECT_BYTES_MAX);
	buf_u8(out, FRAME_OBJECT);
	buf_counted(out, BYTES_STR(name));
	buf_counted(out, object);
}

void
object_stream_finish(struct buf *out, uint64_t objects)
{
	buf_u8(out, FRAME_END);
	buf_u64(out, objects);
}

void
object_stream_init(struct object_stream *s)
{
	*s = (struct object_stream){ .at = STREAM_HEAD };
	buf_init(&s->held,
	    OBJECT_BYTES_MAX + OBJECT_STREAM_EXTRA_MAX +
		OBJECT_STREAM_PIECE_MAX);
}

void
object_stream_clear(struct object_stream *s)
{
	buf_clear(&s->held);
}

lk_err
object_stream_feed(struct object_stream *s, struct bytes piece)
{
	LK_ASSERT(piece.len <= OBJECT_STREAM_PIECE_MAX);
	if (s->taken > 0) {
		s->held.len -= s->taken;
		memmove(s->held.ptr, s->held.ptr + s->taken, s->held.len);
		s->taken = 0;
	}
	buf_add(&s->held, piece);
	return buf_err(&s->held, "stream of objects");
}

static lk_err
malformed(void)
{
	return LK_ERR(LK_E_MALFORMED, "not a stream of a backup, or damaged");
}

/* What can be told of the beginning is told at once. */
static lk_err
head_take(struct object_stream *s, struct rd *r)
{
	size_t n = r->left.len < sizeof(magic) ? r->left.len : sizeof(magic);
	uint8_t version;

	if (n > 0 && memcmp(r->left.ptr, magic, n) != 0)
		return malformed();
	(void)rd_take(r, sizeof(magic));
	version = rd_u8(r);
	if (r->failed)
		return LK_NONE;
	if (version > STREAM_VERSION)
		return LK_ERR(LK_E_VERSION, "stream of a newer lk");
	if (version < STREAM_VERSION)
		return malformed();
	s->at = STREAM_OBJECTS;
	return LK_NONE;
}

static bool
name_take(struct rd *r, char *name)
{
	uint64_t len = rd_uleb(r);
	struct bytes text;

	if (!r->failed && (len == 0 || len > OBJECT_NAME_MAX))
		return false;
	text = rd_take(r, (size_t)len);
	if (r->failed)
		return true;
	memcpy(name, text.ptr, text.len);
	name[text.len] = '\0';
	return strlen(name) == text.len && object_name_is_valid(name);
}

/* ->failed of the reader: it is not all here. */
static lk_err
frame_take(struct object_stream *s, struct rd *r, struct object_found *out)
{
	uint8_t kind = rd_u8(r);
	uint64_t len;

	if (kind == FRAME_END && !r->failed) {
		uint64_t objects = rd_u64(r);

		if (r->failed)
			return LK_NONE;
		s->at = STREAM_ENDED;
		return objects == s->objects && r->left.len == 0 ? LK_NONE
								 : malformed();
	}
	if (!r->failed && kind != FRAME_OBJECT)
		return malformed();
	if (!name_take(r, out->name))
		return malformed();
	len = rd_uleb(r);
	if (r->malformed ||
	    (!r->failed && (len == 0 || len > OBJECT_BYTES_MAX)))
		return malformed();
	out->bytes = rd_take(r, (size_t)len);
	return LK_NONE;
}

lk_err
object_stream_next(
    struct object_stream *s, struct object_found *out, bool *found)
{
	struct object_found o = { .name = "" };
	struct rd r = rd_over(buf_bytes(&s->held));

	(void)rd_take(&r, s->taken);
	*found = false;
	if (s->at == STREAM_HEAD) {
		TRY(head_take(s, &r));
		if (r.failed)
			return LK_NONE;
		s->taken = s->held.len - r.left.len;
	}
	if (s->at == STREAM_ENDED)
		return r.left.len == 0 ? LK_NONE : malformed();
	if (r.left.len == 0)
		return LK_NONE;
	TRY(frame_take(s, &r, &o));
	if (r.failed)
		return LK_NONE;
	s->taken = s->held.len - r.left.len;
	if (s->at == STREAM_ENDED)
		return LK_NONE;
	s->objects++;
	*out = o;
	*found = true;
	return LK_NONE;
}

lk_err
object_stream_end(const struct object_stream *s)
{
	return s->at == STREAM_ENDED && s->taken == s->held.len
	    ? LK_NONE
	    : LK_ERR(LK_E_TRUNCATED, "the stream was cut off");
}
