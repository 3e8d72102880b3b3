/*
 * object_stream.h - objects with their names, one behind the other: what lies
 * at a place of backups as one stream of bytes (docs/backup.md).
 *
 *   "LKBS", u8 1, n x (u8 1, uLEB length, name, uLEB length, object), u8 0,
 *   u64 n
 *
 * Names are those of object.h, objects 1 to OBJECT_BYTES_MAX bytes.  The reader
 * is fed as bytes come and holds one object at a time; that the stream is whole
 * says its end mark, and what the objects say is for others to check.  No
 * state but in the structs; any thread.
 */
#ifndef BASE_OBJECT_STREAM_H
#define BASE_OBJECT_STREAM_H

#include "base/object.h"

/* Bytes that are fed at once. */
#define OBJECT_STREAM_PIECE_MAX (256u * 1024)
/* Of a stream, its beginning; of an object, what stands before it. */
#define OBJECT_STREAM_EXTRA_MAX (16 + OBJECT_NAME_MAX)

/* Writing, in this order; each object once. */
void object_stream_begin(struct buf *out);
void object_stream_write(struct buf *out, const char *name, struct bytes);
void object_stream_finish(struct buf *out, uint64_t objects);

struct object_stream {
	struct buf held; /* owned: what came and was not taken */
	size_t taken;    /* of it, at its front */
	uint64_t objects;
	enum { STREAM_HEAD, STREAM_OBJECTS, STREAM_ENDED } at;
};
void object_stream_init(struct object_stream *);
void object_stream_clear(struct object_stream *);
/* At most OBJECT_STREAM_PIECE_MAX bytes more, all found objects being taken.
 * NOMEM. */
LK_MUST_USE lk_err object_stream_feed(struct object_stream *, struct bytes);

struct object_found {
	char name[OBJECT_NAME_MAX + 1];
	struct bytes bytes; /* until the next call */
};
/* The next object; *found false: more bytes are needed, or none may come.
 * MALFORMED: no such stream, or something behind its end; VERSION: of a newer
 * lk. */
LK_MUST_USE lk_err object_stream_next(
    struct object_stream *, struct object_found *, bool *found);
/* No more bytes come.  TRUNCATED: the end mark was not the last of them. */
LK_MUST_USE lk_err object_stream_end(const struct object_stream *);

#endif
