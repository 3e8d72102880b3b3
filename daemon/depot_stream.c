/*
 * A place that is the client of a command: what is put there goes to him as a
 * stream.  An object is answered when the last byte of it is on its way, so
 * that no more of them than DEPOT_PENDING_MAX wait here.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/object_stream.h"
#include "daemon/daemon.h"

/* As base64 and with what is around it well under a line. */
#define PIECE_LEN (384u * 1024)
/* Four objects that are not a snapshot, or one that is. */
#define OUT_MAX (2 * (OBJECT_BYTES_MAX + OBJECT_STREAM_EXTRA_MAX))

struct depot_stream {
	struct request *request; /* whose command it is */
	struct buf out;
	size_t sent; /* of it */
	uint64_t objects;
	bool finished;
	/* What was put and is not answered, in order. */
	struct {
		uint64_t number;
		size_t end; /* in `out` */
	} putting[DEPOT_PENDING_MAX];
	size_t putting_len;
};

lk_err
depot_open_stream(struct request *r, struct depot **out)
{
	struct depot *p = calloc(1, sizeof(*p));
	struct depot_stream *s = calloc(1, sizeof(*s));

	if (p == NULL || s == NULL) {
		free(p);
		free(s);
		return (LK_ERR(LK_E_NOMEM, "place"));
	}
	s->request = r;
	buf_init(&s->out, OUT_MAX);
	object_stream_begin(&s->out);
	p->daemon = r->daemon;
	p->stream = s;
	(void)strlcpy(p->url, "-", sizeof(p->url));
	TAILQ_INIT(&p->answers);
	LIST_INSERT_HEAD(&r->daemon->depots, p, entry);
	*out = p;
	return (LK_NONE);
}

void
depot_stream_free(struct depot_stream *s)
{
	if (s == NULL)
		return;
	buf_clear(&s->out);
	free(s);
}

static void
answer_give(struct depot *p, uint64_t number, lk_err err)
{
	struct object_answer answer = { .request = number, .err = err };

	depot_answer_keep(p, &answer);
}

void
depot_stream_put(
    struct depot *p, const char *name, struct bytes object, uint64_t number)
{
	struct depot_stream *s = p->stream;

	object_stream_write(&s->out, name, object);
	if (s->out.failed) {
		answer_give(p, number, LK_ERR(LK_E_NOMEM, "no memory"));
		return;
	}
	s->objects++;
	s->putting[s->putting_len].number = number;
	s->putting[s->putting_len++].end = s->out.len;
}

void
depot_finish(struct depot *p)
{
	if (p->stream == NULL)
		return;
	object_stream_finish(&p->stream->out, p->stream->objects);
	p->stream->finished = true;
}

bool
depot_done(const struct depot *p)
{
	const struct depot_stream *s = p->stream;

	return (p->pending == 0 &&
	    (s == NULL || (s->finished && s->sent == s->out.len)));
}

static lk_err
piece_send(struct depot_stream *s)
{
	size_t left = s->out.len - s->sent,
	       n = left < PIECE_LEN ? left : PIECE_LEN;
	struct json_object *event;
	BUF_SCOPED text = { .max = BASE64_LEN((size_t)PIECE_LEN) + 1 };

	base64_encode(&text, BYTES(s->out.ptr + s->sent, n));
	TRY(buf_err(&text, "stream"));
	event = json_object_new_object();
	json_object_object_add(event, "data",
	    json_object_new_string_len((const char *)text.ptr, (int)text.len));
	s->sent += n;
	return (request_notify(s->request, event));
}

/* Answers for what is on its way, which takes no room any more. */
static void
sent_answer(struct depot *p)
{
	struct depot_stream *s = p->stream;
	size_t n = 0;

	while (n < s->putting_len && s->putting[n].end <= s->sent)
		answer_give(p, s->putting[n++].number, LK_NONE);
	/* Of an object that is half sent all stays: it is moved once. */
	if (n == 0 && s->sent < s->out.len)
		return;
	s->putting_len -= n;
	memmove(
	    s->putting, s->putting + n, s->putting_len * sizeof(s->putting[0]));
	for (size_t i = 0; i < s->putting_len; i++)
		s->putting[i].end -= s->sent;
	s->out.len -= s->sent;
	memmove(s->out.ptr, s->out.ptr + s->sent, s->out.len);
	s->sent = 0;
}

lk_err
depot_flush(struct depot *p, bool *due)
{
	struct depot_stream *s = p->stream;

	*due = false;
	if (s == NULL)
		return (LK_NONE);
	TRY(buf_err(&s->out, "stream"));
	while (s->sent < s->out.len && request_room(s->request))
		TRY(piece_send(s));
	sent_answer(p);
	*due = request_room(s->request) && !TAILQ_EMPTY(&p->answers);
	return (LK_NONE);
}
