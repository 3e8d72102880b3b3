/*
 * document_write.h - the rows of a document chunk from a set of changes:
 * automerge-format sections 7.3 and 7.4.  Internal to crdt.  Pure.
 */
#ifndef CRDT_DOCUMENT_WRITE_H
#define CRDT_DOCUMENT_WRITE_H

#include <sys/tree.h>

#include "crdt/document_table.h"

struct written_actor {
	RB_ENTRY(written_actor) entry;
	struct bytes id;
	uint32_t
	    number; /* in the order they are met; at last, in that of ids */
	bool wrote; /* some change is his */
};
int written_actor_compare(
    const struct written_actor *, const struct written_actor *);
RB_HEAD(written_actors, written_actor);
RB_PROTOTYPE(written_actors, written_actor, entry, written_actor_compare)

struct written_text {
	struct bytes message, extra;
};

struct written_change {
	uint8_t hash[LK_ID_LEN];
	int64_t time;
	const struct written_text *text; /* NULL: there is none */
	uint64_t start_op;
	uint32_t actor, seq, ops_len;
	uint32_t first; /* number of its first op; the others follow */
};
uint64_t written_max_op(const struct written_change *);

/* Ops of one actor with counters that follow each other, as their numbers do.
 */
struct written_span {
	uint32_t start, len, number;
};

/*
 * All ops of a set of changes, numbered change after change as they come.  It
 * keeps nothing that they point to.
 */
struct written_ops {
	struct arena arena; /* of actors, long values and what is looked up */
	struct written_actors tree;
	struct written_actor *author; /* of the last change */
	struct bytes *actors;         /* ascending; once all have come */
	size_t actors_len;
	struct written_change *changes;
	size_t changes_len, changes_cap;
	struct document_row *rows; /* by number; deletes are among them */
	uint32_t *preds_at;        /* where an op's begin; one more entry */
	size_t len, cap;           /* of both */
	uint64_t *pred_ids;        /* op after op */
	size_t preds_len, preds_cap;
	uint32_t *map; /* from actors of the change at hand */
	size_t map_cap;
	/* Once all have come: */
	struct written_span *spans; /* ascending by actor and counter */
	uint32_t *actors_at;        /* where an actor's begin; one more entry */
	uint32_t *preds;            /* numbers, op after op */
	uint32_t *by_id;            /* numbers, ascending by id */
	uint32_t *succs;            /* numbers, ascending by id, op after op */
	uint32_t *succs_at;         /* where an op's begin; one more entry */
};

void written_ops_init(struct written_ops *);
void written_ops_clear(struct written_ops *);
/* Copies what it needs.  LIMIT, NOMEM, MALFORMED. */
LK_MUST_USE lk_err written_ops_add(struct written_ops *, const struct change *);
/* All have come.  DATA when they are no closed set; LIMIT, NOMEM. */
LK_MUST_USE lk_err written_ops_close(struct written_ops *);
/* The number of the op with this id; DATA when there is none. */
LK_MUST_USE lk_err written_ops_find(
    const struct written_ops *, struct op_id, uint32_t *number);

/*
 * The order of rows: fills `order` (room for all ops) with the numbers of all
 * ops that have a row.
 */
LK_MUST_USE lk_err document_order(
    const struct written_ops *, uint32_t *order, size_t *n);

/*
 * Appends one document chunk holding these changes: a closed set, in any order.
 * LIMIT also when they have more ops than one may.
 */
LK_MUST_USE lk_err document_write(
    struct buf *, const struct change *changes, size_t n);

/* `at` with room for n things of this size, or NULL: it is as it was then. */
void *array_room(void *at, size_t *cap, size_t n, size_t size);

#endif
