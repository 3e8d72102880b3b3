/*
 * depot.h - inside daemon/: where backups are kept, for as long as a command
 * works with it: a folder or a bucket under its address, asked through net/ as
 * a remote is, but no remote of this device.
 *
 *   depot_open --depot_ask--> under way --answered--> depot_take
 *
 * Requests carry the asker's number, and so do their answers, which come in any
 * order.  The core thread's; whoever has opened it closes it.
 *
 * One may be the client himself: what is put goes to him as a stream
 * (object_stream.h) in events {"data": base64} of the command, as fast as he
 * takes it, and nothing else can be asked.
 */
#ifndef DAEMON_DEPOT_H
#define DAEMON_DEPOT_H

#include <sys/queue.h>

#include "base/object.h"
#include "base/remote_url.h"
#include "daemon/command.h"

/* Numbers of remotes from here on are those of places. */
#define DEPOT_FIRST (UINT32_C(1) << 31)
/* Requests under way; each may hold an object. */
#define DEPOT_PENDING_MAX 4

struct depot_answer {
	TAILQ_ENTRY(depot_answer) next;
	struct object_answer answer;
};

struct depot_stream;

struct depot {
	LIST_ENTRY(depot) entry; /* daemon->depots */
	struct daemon *daemon;
	uint32_t number;
	char url[REMOTE_URL_MAX + 1];
	size_t pending; /* asked and not taken yet */
	TAILQ_HEAD(, depot_answer) answers;
	struct depot_stream *stream; /* owned; NULL: a folder or bucket */
};
LIST_HEAD(depot_list, depot);

/* Of param "place", for people what param "called" says.  USAGE for what is no
 * address of a folder or bucket; said. */
LK_MUST_USE lk_err depot_open(struct request *, struct depot **);
/* A stream to the client of this request, which outlives it. */
LK_MUST_USE lk_err depot_open_stream(struct request *, struct depot **);
void depot_close(struct depot *); /* NULL is fine */
/* Asks; there are less than DEPOT_PENDING_MAX.  Takes `bytes`.  Of a LIST
 * `after` may be "". */
void depot_ask(struct depot *, enum object_op, const char *name,
    const char *after, struct buf *bytes, uint64_t request);
/* Nothing is put any more: a stream gets its end. */
void depot_finish(struct depot *);
/* Everything that was asked is answered and taken, and of a stream all is on
 * its way. */
bool depot_done(const struct depot *);
/* Has a stream go on; *due: it could at once go on again.  Nothing for others.
 */
LK_MUST_USE lk_err depot_flush(struct depot *, bool *due);
/* The next answer, which the caller clears; false: none has come. */
bool depot_take(struct depot *, struct object_answer *);
/* Whether it was one of a place; takes what is in it. */
bool depots_answer(struct daemon *, struct object_answer *);
/* Inside depot: what came is kept until it is taken; empties *answer. */
void depot_answer_keep(struct depot *, struct object_answer *);
/* And of streams. */
void depot_stream_put(
    struct depot *, const char *name, struct bytes, uint64_t request);
void depot_stream_free(struct depot_stream *);
/* The error of an answer about `name`, said. */
LK_MUST_USE lk_err depot_fail(
    struct request *, const struct depot *, const struct object_answer *);

#endif
