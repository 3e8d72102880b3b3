/*
 * mark_set.h - the marks in force while the elements of a text go by.
 *
 * Of the begins of one name that have not met their end the greatest op id
 * counts.  What has changed is asked for at each element shown, so what covers
 * nothing is never seen.  A begin, an end and a change cost the logarithm of
 * what is kept.  Internal to crdt.
 */
#ifndef CRDT_MARK_SET_H
#define CRDT_MARK_SET_H

#include <sys/queue.h>
#include <sys/tree.h>

#include "base/arena.h"
#include "crdt/doc_spans.h"
#include "crdt/opset.h"

struct mark_begin {
	RB_ENTRY(mark_begin) link;
	const struct doc *doc;
	uint64_t id;
	bool loaded;
	struct value value; /* once loaded */
};

/* A name that some mark had. */
struct mark_name {
	RB_ENTRY(mark_name) link, link_in_force;
	SLIST_ENTRY(mark_name) link_touched;
	RB_HEAD(mark_begins, mark_begin) begins;
	bool touched;          /* what is in force may have changed */
	bool in_force, coming; /* coming: in force from here on */
	struct mark mark;      /* if in force; else its name alone */
	struct value value_coming;
	uint64_t since; /* for the owner of the set */
};

RB_HEAD(mark_names, mark_name);
RB_HEAD(marks_in_force, mark_name);

struct mark_set {
	struct doc *doc;
	struct arena names_memory;
	struct buf name;
	struct mark_names names;
	struct marks_in_force in_force; /* by name */
	size_t in_force_len;
	SLIST_HEAD(, mark_name) touched;
};

void mark_set_init(struct mark_set *, struct doc *);
void mark_set_clear(struct mark_set *);
/* The element `id`, which is a mark, goes by. */
LK_MUST_USE lk_err mark_set_pass(struct mark_set *, uint64_t id);
/*
 * A name whose mark is not that in force any more; NULL: none is left.
 * mark_set_change makes it so, and must be called before asking again.
 */
LK_MUST_USE lk_err mark_set_changed(struct mark_set *, struct mark_name **);
void mark_set_change(struct mark_set *, struct mark_name *);
/* Those in force, by name; NULL: none is left. */
struct mark_name *mark_set_first(struct mark_set *);
struct mark_name *mark_set_next(struct mark_name *);

#define MARK_SET_SCOPED __attribute__((cleanup(mark_set_clear))) struct mark_set

#endif
