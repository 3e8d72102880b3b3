/*
 * export.h - changes by which stock Automerge shows what a document with
 * ghosts or forks shows: ghosts.md section 6.
 *
 * Automerge knows no void changes.  Of a document that has none of them what
 * comes out are its changes; else there are three ways, each a function of the
 * changes that are present and of which of them are ghosts.  Values, conflicts,
 * order, text, marks and counters are the document's in all three.  With ghosts
 * none of the results may be merged with an export of another state: they are
 * snapshots.
 *
 * Nor does it know forks: where a document has some, every branch is an actor
 * of its own, and hashes are new from the fork on.
 */
#ifndef CRDT_EXPORT_H
#define CRDT_EXPORT_H

#include "crdt/doc.h"

enum export_form {
	/* The changes that are present, and one more that restores what ghosts
	 * replaced and takes back what they say.  Ids stay, save of what it
	 * restores and of branches.  What ghosts say is in the file. */
	EXPORT_HISTORY,
	/* The history without what ghosts say, as if it had been written so:
	 * op ids stay, save that every actor gets a suffix; the hashes are
	 * new.  Elements that ghosts inserted are in it as deleted ones, since
	 * others may lie behind them. */
	EXPORT_CLEAN,
	/* One change that makes the whole document. */
	EXPORT_SQUASH,
};

/* Bodies of changes, a dependency before its dependants. */
struct change_bodies {
	struct arena arena;
	struct bytes *at; /* in the arena, as the bytes are */
	size_t len, cap;
};
void change_bodies_init(struct change_bodies *, size_t bytes_max);
void change_bodies_clear(struct change_bodies *);
/* Copies the body.  LIMIT, NOMEM. */
LK_MUST_USE lk_err change_bodies_add(struct change_bodies *, struct bytes body);

/* Whether an export that is no squash consists of the changes that the document
 * has, just as they are: none of them is void, and nobody forked. */
LK_MUST_USE lk_err export_as_is(struct doc *, bool *as_is);

/*
 * Adds what is exported.  `changes` are all that the document has, a dependency
 * before its dependants; for EXPORT_SQUASH they are not needed.
 *   NOTFOUND  a change that the document does not have
 *   LIMIT     too large; a change that would have to be larger than one may
 *             be; an actor that has no room for a suffix
 */
LK_MUST_USE lk_err export_changes(struct doc *, const struct change *changes,
    size_t n, enum export_form, struct change_bodies *);

#endif
