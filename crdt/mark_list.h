/*
 * mark_list.h - the marks of a text, kept; and a text that gets them.
 */
#ifndef CRDT_MARK_LIST_H
#define CRDT_MARK_LIST_H

#include "base/arena.h"
#include "crdt/doc_spans.h"

/* As doc_marks gives them. */
struct mark_list {
	struct mark_range *at;
	size_t len;
};

/* Copies the marks of a text into the arena.  LIMIT when it is full. */
LK_MUST_USE lk_err mark_list_read(
    struct mark_list *, struct doc *, struct op_id text, struct arena *);
bool mark_list_equal(const struct mark_list *, const struct mark_list *);

/* Marks and unmarks what differs, so that a text has these marks.  What is
 * marked anew takes in what is typed behind it.  The edit's errors. */
LK_MUST_USE lk_err edit_mark_list(
    struct edit *, struct doc *, struct op_id text, const struct mark_list *);

#endif
