/*
 * doc_state.h - what a struct doc consists of: header, actors, changes with
 * their clocks, objects.  The ops are in opset.h, sequences in sequence.h,
 * slots in slot.h; docs/storage.md describes the records.
 *
 * Every id in a decoded record belongs to an actor that is loaded, so that ids
 * can be compared without reading.  A record that is missing or does not
 * decode is LK_E_CORRUPT.  Internal to crdt.
 */
#ifndef CRDT_DOC_STATE_H
#define CRDT_DOC_STATE_H

#include "crdt/doc.h"
#include "crdt/doc_cache.h"
#include "crdt/doc_key.h"
#include "crdt/id_list.h"

#define DOC_NO_ACTOR UINT32_MAX
#define DOC_CLOCKS_KEPT 8

struct doc_header {
	uint32_t changes, actors, nodes, clocks;
	uint64_t slots;
};

/* What goes by one number: a chain of changes of one actor (doc_branch.h). */
struct doc_actor {
	struct bytes id;      /* owned */
	uint64_t seq;         /* of its latest change */
	uint32_t changes_end; /* 1 + the number of that change; 0: none */
	bool dirty;
	uint32_t first; /* the number of the actor's first chain */
	/* Of the first chain: the one of this actor added last; of another one:
	 * that added before it; 0: none. */
	uint32_t link;
	struct doc_branch *branch; /* owned; NULL: it is the first chain */
};

/* A change, by its number in order of application. */
struct doc_change {
	uint8_t hash[LK_ID_LEN];
	uint32_t actor, clock;
	uint64_t seq, start_op, ops, past_max_op;
	bool visible;
};

/* Changes that follow each other, as one record. */
#define CHANGES_IN_BLOCK 16
struct change_block {
	struct cached cached; /* by number / CHANGES_IN_BLOCK */
	size_t len;
	struct doc_change changes[CHANGES_IN_BLOCK];
};

/*
 * Hashes of changes since the index was written last, so that many changes
 * are put into it in one pass.
 */
struct pending_hash {
	uint64_t prefix; /* first bytes of the hash */
	uint32_t number; /* 1 + that of the change; 0: free */
};
struct pending_hashes {
	struct pending_hash *slots;
	size_t len, cap;
};

/*
 * What lies in the past of a change, its own actor's changes aside: for each
 * actor 1 + the number of its latest change there.  Immutable once made;
 * shared by counting.
 */
struct clock {
	unsigned refs;
	uint32_t number; /* 0: empty, or not stored yet */
	uint32_t base; /* the number of a clock stored whole: itself or near */
	size_t len;
	uint32_t latest[];
};

/* The past of a change; an actor's own changes are a chain. */
struct doc_past {
	struct clock *clock; /* one reference */
	uint32_t actor;
	uint32_t own_end; /* own changes with a lower number are in the past */
};

struct object {
	struct cached cached; /* by id */
	uint64_t id;
	enum obj_type type;
	uint64_t shown;    /* keys, elements or code points */
	uint64_t elements; /* sequences: with those not shown */
	uint64_t marks;    /* of the elements; void ones too */
	uint32_t root;     /* sequences: node, 0 when empty */
	uint32_t height;   /* levels of nodes */
};

/* How a document differs from the one it is a view of: doc_view.h. */
struct doc_view {
	struct doc *base, *root; /* root: the document itself */
	struct kv kv;            /* over the base's */
	struct doc_past past;    /* what takes part */
	bool raw;
	struct id_list hidden,
	    shown; /* changes, not so in the base; ascending */
};
void view_free(struct doc_view *); /* accepts NULL */
/* The document itself that it is a view of, or is. */
struct doc *doc_root(struct doc *);

struct doc {
	struct kv kv;
	struct doc_view *view; /* owned; NULL: this is the document itself */
	struct doc_header head;
	bool head_dirty;
	struct doc_actor **actors; /* NULL: not loaded */
	size_t actors_cap;
	struct id_list actors_dirty; /* numbers */
	uint32_t actor_found;        /* the one last looked for */
	struct doc_cache ops, nodes, objects, changes, slots;
	struct pending_hashes hashes;
	struct clock *clocks[DOC_CLOCKS_KEPT];
	unsigned clocks_at;
	struct edit *edit_idle;    /* its memory serves the next one */
	struct branch_maps *paths; /* of what takes part; NULL: none made */
	uint32_t paths_changes;    /* head.changes when they were */
	struct arena loans;        /* values lent until the next write */
	struct buf record;         /* for encoding */
};

/* A record that must be there. */
LK_MUST_USE lk_err doc_record(
    struct doc *, const struct doc_key *, struct bytes *value);
/* Encoded in doc->record, which starts empty with doc_encode. */
struct buf *doc_encode(struct doc *);
LK_MUST_USE lk_err doc_write(struct doc *, const struct doc_key *);
/* USAGE: it is a view. */
LK_MUST_USE lk_err doc_writable(const struct doc *);
/* Lets caches shrink and ends loans: no pointer may be held. */
LK_MUST_USE lk_err doc_settle(struct doc *);
/* Only lets caches shrink. */
LK_MUST_USE lk_err doc_trim(struct doc *);

/* Loads an actor, and the chains it branches off; CORRUPT when the document has
 * no such number. */
LK_MUST_USE lk_err doc_actor_load(
    struct doc *, uint32_t number, struct doc_actor **);
/* Also checks the counter: an id as records hold it. */
LK_MUST_USE lk_err doc_id_check(struct doc *, uint64_t id);
/* The first chain of an actor.  NOTFOUND. */
LK_MUST_USE lk_err doc_actor_find(
    struct doc *, struct bytes id, uint32_t *number);
/* Sets what is known of its latest change; written by doc_actors_save, as is
 * all that is changed in one marked. */
LK_MUST_USE lk_err doc_actor_advance(
    struct doc *, uint32_t number, uint64_t seq, uint32_t changes_end);
LK_MUST_USE lk_err doc_actor_mark(struct doc *, uint32_t number);
LK_MUST_USE lk_err doc_actors_save(struct doc *);
/* LIMIT when there are DOCUMENT_ACTORS_MAX. */
LK_MUST_USE lk_err doc_actor_add(
    struct doc *, struct bytes id, uint32_t *number);
/* Of a chain alone: it is loaded when those it branches off are, too. */
LK_MUST_USE lk_err doc_actor_read(struct doc *, uint32_t number);
bool doc_actor_held(const struct doc *, uint32_t number);
/* Copies the bytes; takes the branch, also after an error. */
LK_MUST_USE lk_err doc_actor_keep(
    struct doc *, uint32_t number, const struct doc_actor *);
void doc_actor_drop(struct doc *, uint32_t number);
/*
 * The order of op ids: by counter, then by the actor's bytes, then by branch.
 * Both actors are loaded.
 */
int doc_id_compare(const struct doc *, uint64_t, uint64_t);

/* doc_hash.c: NOTFOUND. */
LK_MUST_USE lk_err doc_change_find(
    struct doc *, const uint8_t hash[static LK_ID_LEN], uint32_t *number);
LK_MUST_USE lk_err doc_hash_add(
    struct doc *, const uint8_t hash[static LK_ID_LEN], uint32_t number);
/* Appends the numbers of the changes of which the first 8 bytes of the hash,
 * big-endian, are from low to high. */
LK_MUST_USE lk_err doc_hash_range(
    struct doc *, uint64_t low, uint64_t high, struct id_list *numbers);
/* Writes the index. */
LK_MUST_USE lk_err doc_hashes_save(struct doc *);
/* doc_change.c */
LK_MUST_USE lk_err doc_change_load(
    struct doc *, uint32_t number, struct doc_change *);
/* What callers of ours see of it. */
void change_info(
    uint32_t number, const struct doc_change *, struct doc_change_info *);
LK_MUST_USE lk_err doc_change_save(
    struct doc *, uint32_t number, const struct doc_change *);
/* Saves it as the latest one of all and of its actor. */
LK_MUST_USE lk_err doc_change_add(struct doc *, const struct doc_change *);
extern const struct cache_kind change_cache;

/* A new reference. */
LK_MUST_USE lk_err clock_load(struct doc *, uint32_t number, struct clock **);
void clock_release(struct clock *); /* accepts NULL */
/* Gives the clock a number, if it has none. */
LK_MUST_USE lk_err clock_store(struct doc *, struct clock *);
/* The past of an applied change; includes that change itself if `with`. */
LK_MUST_USE lk_err past_of_change(
    struct doc *, uint32_t number, bool with, struct doc_past *);
/*
 * The past of a change about to be applied: the author's first chain
 * (DOC_NO_ACTOR: he has none) and the numbers of the dependencies.  Its actor
 * is the chain that the change goes on, where that is plain: the one
 * dependency ends it; else DOC_NO_ACTOR.
 */
LK_MUST_USE lk_err past_of_new(struct doc *, uint32_t first,
    const uint32_t *deps, size_t deps_len, struct doc_past *);
/* The changes with a number below `changes`: whatever they depend on has one
 * too. */
LK_MUST_USE lk_err past_of_first(
    struct doc *, uint32_t changes, struct doc_past *);
/* What the heads and their ancestors are.  NOTFOUND. */
LK_MUST_USE lk_err past_of_heads(struct doc *,
    const uint8_t (*heads)[LK_ID_LEN], size_t n, struct doc_past *);
void past_clear(struct doc_past *);
/* Whether change `number` of `actor` is in it. */
bool past_has(const struct doc_past *, uint32_t actor, uint32_t number);

/* CORRUPT when it is not there. */
LK_MUST_USE lk_err object_load(struct doc *, uint64_t id, struct object **);
/* NOTFOUND when there is none. */
LK_MUST_USE lk_err object_find(struct doc *, uint64_t id, struct object **);
/* For a caller of ours; lets caches shrink before. */
LK_MUST_USE lk_err object_of_caller(
    struct doc *, struct op_id, struct object **);
/* The same for a text; DATA: it is none. */
LK_MUST_USE lk_err text_of_caller(struct doc *, struct op_id, struct object **);
LK_MUST_USE lk_err object_add(struct doc *, uint64_t id, enum obj_type);
extern const struct cache_kind object_cache;
/* False: the action makes no object. */
bool object_of_action(uint8_t action, enum obj_type *);

#define PAST_SCOPED __attribute__((cleanup(past_clear))) struct doc_past

#endif
