/*
 * doc.h - one document's state: an Automerge op set with ghosts, kept in a kv.
 *
 * Everything lives in the kv, in small records reached by position and by id,
 * so that one edit reads and writes a few of them whatever the document's
 * size (docs/storage.md).  A struct doc is a short-lived view: open it inside
 * a store transaction, use it, doc_flush it, free it before the transaction
 * ends.  After an error from a function that writes, the transaction must be
 * aborted, except where the function says that it changed nothing.
 *
 * Invariants: the state is a function of (set of changes applied, set of those
 * visible), never of their order (ghosts.md); with every change visible it is
 * exactly what Automerge shows.
 *
 * Pure; not thread safe.
 */
#ifndef CRDT_DOC_H
#define CRDT_DOC_H

#include "base/kv.h"
#include "crdt/change.h"

struct doc;

/* The kv must outlive the doc.  An empty kv is an empty document.  CORRUPT,
 * VERSION (written by a newer lk). */
LK_MUST_USE lk_err doc_open(struct doc **, struct kv);
void doc_free(struct doc *);
/* Writes what is cached and dirty into the kv. */
LK_MUST_USE lk_err doc_flush(struct doc *);

/*
 * Accepts a change by automerge-format 13.3: dependencies applied, seq, start
 * op, objects, elements, predecessors and marks are checked before anything is
 * written.  `visible` false keeps it as a ghost.  Two changes of one actor with
 * one seq are a fork: both are kept, and what builds on them names their ops by
 * branch (access.md section 8).  A file with forks is nothing Automerge reads:
 * history_read refuses it.
 *   EXISTS     known hash: nothing to do
 *   WAIT       a dependency is not applied yet; nothing changed
 *   MALFORMED  refused, `what` names the rule; nothing changed
 *   LIMIT      more than DOCUMENT_ACTORS_MAX actors and branches; the same
 */
LK_MUST_USE lk_err doc_apply(struct doc *, const struct change *, bool visible);

/* Makes an applied change visible or a ghost (ghosts.md section 4).  NOTFOUND. */
LK_MUST_USE lk_err doc_set_visible(
    struct doc *, const uint8_t hash[static LK_ID_LEN], bool visible);

/* The same for several, a dependency best before its dependants: the counters
 * they have in common are counted once. */
LK_MUST_USE lk_err doc_set_visible_all(struct doc *,
    const uint8_t (*hashes)[LK_ID_LEN], size_t n, bool visible);

struct doc_change_info {
	uint8_t hash[LK_ID_LEN];
	uint32_t number; /* in order of application, from 0 */
	uint32_t actor;  /* as in an op id; doc_actor tells who that is */
	uint64_t seq, start_op, max_op;
	bool visible;
	/* Greatest op counter among itself and its ancestors. */
	uint64_t past_max_op;
};
/* NOTFOUND. */
LK_MUST_USE lk_err doc_change(struct doc *,
    const uint8_t hash[static LK_ID_LEN], struct doc_change_info *);
/* Whether a is b or an Automerge ancestor of b; both applied. */
LK_MUST_USE lk_err doc_is_ancestor(struct doc *,
    const uint8_t a[static LK_ID_LEN], const uint8_t b[static LK_ID_LEN],
    bool *is);
/* Number of changes applied; the n-th in order of application. */
uint64_t doc_changes(const struct doc *);
/* The greatest seq of an actor's changes: NOTFOUND when these bytes are
 * nobody's. */
LK_MUST_USE lk_err doc_actor_seq(struct doc *, struct bytes actor, uint64_t *seq);
/* Whether a change of this actor has this seq. */
LK_MUST_USE lk_err doc_has_seq(
    struct doc *, struct bytes actor, uint64_t seq, bool *has);

/*
 * Void changes that a visible one depends on (ghosts.md section 3), a
 * dependency before its dependants.  An error from `each` stops the walk; it
 * may not write.
 */
typedef lk_err doc_ghost_fn(void *ctx, const struct doc_change_info *);
LK_MUST_USE lk_err doc_ghosts(struct doc *, doc_ghost_fn *each, void *ctx);

/*
 * What a visible change says and only ghosts keep from being shown (ghosts.md
 * 3.8), ascending by id: with each op the ops of ghosts that hide it, all of
 * which must be visible again for it to be shown.  The views live until `each`
 * returns.
 */
struct doc_stranded {
	struct op_id op;
	const struct op_id *because;
	size_t because_len;
};
typedef lk_err doc_stranded_fn(void *ctx, const struct doc_stranded *);
LK_MUST_USE lk_err doc_stranded(struct doc *, doc_stranded_fn *each, void *ctx);

/*
 * The index of changes by their hashes is the one thing in a state that is laid
 * out in records by how the changes came, in which portions, and not by their
 * order alone: whether a record is one of these, and whether two states have the
 * same in theirs.  CORRUPT.
 */
bool doc_is_hash_index(struct bytes key);
LK_MUST_USE lk_err doc_hash_index_match(struct kv, struct kv, bool *same);

/* Reading. */

enum obj_type { OBJ_MAP, OBJ_LIST, OBJ_TEXT };

/* The id of an object or value inside this document. */
static const struct op_id DOC_ROOT = { 0, 0 };

/* A position inside an object: a key of a map, or an index of a sequence. */
struct prop {
	bool is_key;
	struct bytes key;
	uint64_t index; /* list: elements; text: code points */
};

/* What a slot shows. */
struct item {
	struct op_id id; /* of the op that made it */
	bool is_obj;
	enum obj_type obj_type;
	struct value value; /* counters: the current total; borrowed until the
			     * next call that writes, or doc_flush */
};

LK_MUST_USE lk_err doc_obj_type(struct doc *, struct op_id obj, enum obj_type *);
/* Keys shown, elements shown, or code points shown. */
LK_MUST_USE lk_err doc_length(struct doc *, struct op_id obj, uint64_t *);
/* The winner at prop; NOTFOUND when nothing is shown there. */
LK_MUST_USE lk_err doc_get(struct doc *, struct op_id obj, struct prop, struct item *);

/*
 * Calls `each` for every value shown in an object, in order: map keys by their
 * bytes, list elements by position.  For conflicts it is called once for each
 * value shown, ascending by id: the last one of a slot is the winner
 * (`winner`).  Returning an error from `each` stops the walk with that error.
 * `each` may not write.
 */
struct doc_visit {
	struct bytes key; /* maps */
	uint64_t index;   /* lists: position; texts: code point */
	bool winner;
	struct item item;
};
typedef lk_err doc_each_fn(void *ctx, const struct doc_visit *);
LK_MUST_USE lk_err doc_each(struct doc *, struct op_id obj, doc_each_fn *, void *ctx);
/* Appends a text's characters as UTF-8; elements that are no string read as
 * U+FFFC. */
LK_MUST_USE lk_err doc_text(struct doc *, struct op_id obj, struct buf *);
/* The actor bytes behind an id. */
LK_MUST_USE lk_err doc_actor(struct doc *, uint32_t actor, struct bytes *);
/* What sets an op apart from others of its actor who forked: appends the hashes
 * of those changes that have siblings, up to the op's, in order.  A fork heard
 * of later may add some; a view knows of those of its time. */
LK_MUST_USE lk_err doc_path(struct doc *, struct op_id, struct buf *);
/* Appends the actor of an op for "ctr@actor", which no two ops share: of one
 * who forked the branch, that is the last hash of its path, comes behind. */
LK_MUST_USE lk_err doc_op_actor(struct doc *, struct op_id, struct buf *);

/*
 * Local edits (automerge-format section 10, ghosts.md 3.9).  Each call applies
 * its op to the document at once and appends it to the change being built.
 * After an error the document is in the middle of an edit: abort the
 * transaction.  edit_finish ends it; without ops nothing was changed and the
 * body stays empty.
 */
struct edit;
/*
 * head->deps are the heads of what is shown; WAIT and MALFORMED as doc_apply,
 * DATA when the author has gone on elsewhere, and nothing was changed.  An
 * edit_* call that would name a value which those dependencies do not have in
 * their past is refused with DATA.
 */
LK_MUST_USE lk_err edit_new(struct edit **, struct doc *, const struct change_head *);
/* Before doc_free. */
void edit_free(struct edit *);

/* DATA: key on a sequence or index on a map; NOTFOUND: no such index. */
LK_MUST_USE lk_err edit_put(struct edit *, struct op_id obj, struct prop, const struct value *);
LK_MUST_USE lk_err edit_make(struct edit *, struct op_id obj, struct prop,
    enum obj_type, struct op_id *made);
/* index: where the new element will be, 0 to the length. */
LK_MUST_USE lk_err edit_insert(struct edit *, struct op_id obj, uint64_t index, const struct value *);
LK_MUST_USE lk_err edit_insert_obj(struct edit *, struct op_id obj, uint64_t index,
    enum obj_type, struct op_id *made);
/* Deleting an absent key writes nothing; an index past the end: NOTFOUND.  In
 * a text this is edit_splice of one code point. */
LK_MUST_USE lk_err edit_delete(struct edit *, struct op_id obj, struct prop);
/* DATA when the winner is no counter. */
LK_MUST_USE lk_err edit_increment(struct edit *, struct op_id obj, struct prop, int64_t by);
/* Positions and counts are code points; text is UTF-8.  LIMIT past the end. */
LK_MUST_USE lk_err edit_splice(struct edit *, struct op_id text, uint64_t pos,
    uint64_t del, struct bytes insert);
/*
 * Changes what the document shows at text into `wanted` by the smallest
 * sensible edit: by words within changed lines.
 */
LK_MUST_USE lk_err edit_text(struct edit *, struct op_id text, struct bytes wanted);
/* Number of ops so far. */
size_t edit_ops(const struct edit *);
/* Appends the change body and records the change, visible, as applied.  The
 * hash of the change is stored in `hash`. */
LK_MUST_USE lk_err edit_finish(struct edit *, struct buf *body, uint8_t hash[static LK_ID_LEN]);

#endif
