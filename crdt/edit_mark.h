/*
 * edit_mark.h - local edits of rich text: marks and blocks, automerge-format
 * 11.1 and 11.2.
 *
 * What is inserted at the edge of a mark belongs to it where the mark expands:
 * edit_splice, edit_insert and edit_insert_obj see to that.  Positions are
 * code points; one inside an element of several means behind it.  Errors are
 * as those of the edit_* calls in doc.h.
 */
#ifndef CRDT_EDIT_MARK_H
#define CRDT_EDIT_MARK_H

#include "crdt/doc_spans.h"

/* At which edges a mark takes in what is inserted. */
enum mark_expand { EXPAND_NONE, EXPAND_BEFORE, EXPAND_AFTER, EXPAND_BOTH };

/*
 * Marks what is shown from `start` on, before `end`; the value null unmarks.
 * An empty range is marked for what will be inserted there, and not at all if
 * it does not expand.  LIMIT: past the end of the text; USAGE: start > end;
 * DATA: the name is not UTF-8.
 */
LK_MUST_USE lk_err edit_mark(struct edit *, struct op_id text,
    const struct mark_range *, enum mark_expand);

/* Inserts a block, a map with nothing in it yet.  LIMIT past the end. */
LK_MUST_USE lk_err edit_block_split(
    struct edit *, struct op_id text, uint64_t pos, struct op_id *map);
/* Deletes the block at `pos`; DATA: there is none. */
LK_MUST_USE lk_err edit_block_join(
    struct edit *, struct op_id text, uint64_t pos);
/* The same, and inserts an empty one instead. */
LK_MUST_USE lk_err edit_block_update(
    struct edit *, struct op_id text, uint64_t pos, struct op_id *map);

#endif
