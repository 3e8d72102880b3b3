/*
 * twin.h - the half of the differential test that is ours.
 *
 * tests/interop/twins.mjs keeps one Automerge document for each actor of a
 * random history, and this program its twin.  It is told on standard input what
 * happens, a line a command, and answers each with a line (main.c has the
 * list).  All changes that ever were made are in one pool; a twin has some of
 * them, and others wait until it has what they depend on.
 */
#ifndef TESTS_TWIN_H
#define TESTS_TWIN_H

#include "crdt/document.h"
#include "tests/unit/crdt/doc_changes.h"
#include "tests/unit/crdt/doc_f64.h"

#define TWINS_MAX 16
#define POOL_MAX 4096

struct twin {
	struct kv kv;
	struct doc *doc; /* NULL: there is none */
	uint8_t actor[ACTOR_LEN_MAX];
	size_t actor_len;
	bool has[POOL_MAX], waits[POOL_MAX];
};

struct twins {
	struct changes pool;
	struct twin all[TWINS_MAX];
};

/* Everything is forgotten. */
void twins_clear(struct twins *);
/* Puts the changes of a file (chunks one after the other) into the pool; their
 * numbers, known or new, into `at`.  LIMIT over `max`. */
LK_MUST_USE lk_err twins_read(
    struct twins *, struct bytes file, size_t *at, size_t max, size_t *n);

LK_MUST_USE lk_err twin_open(struct twin *, struct bytes actor);
void twin_close(struct twin *);
/* Takes a change of the pool, and what waited for it.  Refused: MALFORMED or
 * DATA, and it does not wait. */
LK_MUST_USE lk_err twin_take(struct twins *, struct twin *, size_t change);
/* Appends the hashes of its heads, ascending; to a restricted set when `in` is
 * not NULL. */
void twin_heads(
    const struct twins *, const struct twin *, const bool *in, struct buf *);
/* The changes of a set in which every dependency is, in an order in which it
 * comes first; returns how many. */
size_t twins_order(const struct twins *, const bool *in, size_t *order);
size_t twin_waiting(const struct twins *, const struct twin *);
/* The number of change `hash` of the twin; NOTFOUND. */
LK_MUST_USE lk_err twin_find(const struct twins *, const struct twin *,
    const uint8_t *hash, size_t *change);
/*
 * Begins the head of a change on top of these (deps_len hashes, which the
 * caller keeps): seq, and the least start op that is allowed.
 */
LK_MUST_USE lk_err twin_head(const struct twin *, struct bytes deps,
    struct bytes actor, struct change_head *);
/* A change body that was made here: into the pool and the twin, unless the
 * twin's document holds it already; the chunk is appended to `chunk`. */
LK_MUST_USE lk_err twin_made(struct twins *, struct twin *, struct bytes body,
    bool applied, struct buf *chunk);

/*
 * raw.c: a change that keeps the rules, on top of any past.  Its ops name any
 * object and element there ever was, and as predecessors what was shown in that
 * past; `loose`: any values of the slot, as no editor would.  Nothing is
 * appended when chance led to nothing that is allowed.
 */
LK_MUST_USE lk_err twin_raw(struct twins *, struct twin *, uint64_t seed,
    bool loose, struct buf *chunk);

/* tree.c: all that a document shows, with ids and conflicts, as one word. */
LK_MUST_USE lk_err twin_tree(struct doc *, struct buf *);

#endif
