/*
 * document_write.h - the rows of a document chunk from a set of changes:
 * automerge-format sections 7.3 and 7.4.  Internal to crdt.  Pure.
 */
#ifndef CRDT_DOCUMENT_WRITE_H
#define CRDT_DOCUMENT_WRITE_H

#include "crdt/document_table.h"
#include "crdt/history_order.h"

/* The ops of one change among all ops. */
struct written_change {
	const struct change *change;
	uint32_t actor;
	size_t first; /* number of its first op; the others follow */
};

/*
 * All ops of a set of changes, numbered change after change.  The changes are
 * in the order of the document's rows.
 */
struct written_ops {
	struct arena arena;   /* owns all arrays */
	struct bytes *actors; /* ascending */
	size_t actors_len;
	struct written_change *changes;
	size_t changes_len;
	uint32_t *by_actor;  /* numbers of changes, ascending by actor, seq */
	uint32_t *actors_at; /* where an actor begins there; one more entry */
	struct document_row *rows; /* by number; deletes are among them */
	size_t len;
	uint32_t *preds;    /* numbers, op after op */
	uint32_t *preds_at; /* where an op's begin; one more entry */
	uint32_t *by_id;    /* numbers, ascending by id */
	uint32_t *succs;    /* numbers, ascending by id, op after op */
	uint32_t *succs_at; /* where an op's begin; one more entry */
};

/* Initialises w; clear it in any case.  `order` numbers the changes.  DATA
 * when they are no closed set, LIMIT, NOMEM. */
LK_MUST_USE lk_err written_ops_read(struct written_ops *, const struct change *,
    const uint32_t *order, size_t n);
void written_ops_clear(struct written_ops *);
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

#endif
