/*
 * slot.h - what is known about one map key or one element of a sequence.
 *
 * A slot lists the values shown, and remembers what later ops on it will need:
 * the ops by which deletes that are still open are found, the ghosts that an
 * editor must name, the chain of increments.  The record has room for a few of
 * each; what grows beyond moves into records of its own, one per member, so a
 * slot written to 100,000 times is still a small record.  An element that has
 * no op but the one that inserted it has no record at all.
 *
 * A struct slot is loaded, changed, and written by slot_commit, which also
 * updates what the object shows.  Internal to crdt.
 */
#ifndef CRDT_SLOT_H
#define CRDT_SLOT_H

#include "crdt/opset.h"
#include "crdt/sequence.h"

#define SLOT_SHOWN_NEAR 8
#define SLOT_EVENTS_NEAR 4
/* Longer map keys are found by their beginning and a hash. */
#define SLOT_KEY_NEAR 400

/*
 * An op that assigns (put, make, delete) or silently kills (delete, or an
 * increment that hides): ghosts 3.2.  Kept from the first killer on.
 */
#define EVENT_ASSIGNS 0x01
#define EVENT_KILLS 0x02

struct slot_event {
	uint64_t id;
	bool assigns, kills;
};

struct slot {
	struct doc_key key; /* of its record, in a map */
	uint64_t ref;       /* map: slot number; else element id */
	uint64_t obj;
	bool in_map, stored, dirty;
	bool shown_far, events_far; /* the lists have records of their own */
	bool shown_changed;
	uint32_t shown_len, shown_before; /* before: when loaded */
	uint64_t shown[SLOT_SHOWN_NEAR];  /* ascending by doc_id_compare */
	uint32_t events_len;
	struct slot_event events[SLOT_EVENTS_NEAR];
	uint64_t last_increment;
	uint32_t void_ops; /* ops of void changes, the inserting one aside */
};

/* NOTFOUND when there is none; with `create` a new, empty one. */
LK_MUST_USE lk_err slot_load_key(
    struct doc *, uint64_t obj, struct bytes key, bool create, struct slot *);
/* The element must exist. */
LK_MUST_USE lk_err slot_load_elem(
    struct doc *, uint64_t obj, uint64_t elem, struct slot *);
/* The slot at a position a caller names; DATA: of the wrong kind; NOTFOUND:
 * no such key ever, or no such index now. */
LK_MUST_USE lk_err slot_load_prop(
    struct doc *, const struct object *, struct prop, struct slot *);
/* The slot an op belongs to. */
LK_MUST_USE lk_err slot_load_op(
    struct doc *, const struct stored_op *, struct slot *);
LK_MUST_USE lk_err slot_commit(struct doc *, struct slot *);
/* What a sequence shows for an element whose winner is such an op: the glyph
 * and the width of *e. */
void slot_glyph(const struct object *, uint8_t action, const struct value *,
    struct seq_elem *e);

/* Values shown. */
LK_MUST_USE lk_err slot_show(struct doc *, struct slot *, uint64_t id);
LK_MUST_USE lk_err slot_hide(struct doc *, struct slot *, uint64_t id);
/* All of them, ascending. */
LK_MUST_USE lk_err slot_shown(
    struct doc *, const struct slot *, struct id_list *);
/* 0: none. */
LK_MUST_USE lk_err slot_winner(struct doc *, const struct slot *, uint64_t *);

/* Events of one actor come in order of their counters. */
LK_MUST_USE lk_err slot_add_event(
    struct doc *, struct slot *, struct slot_event);
/* The last event of `actor` with a counter of at most ctr; NOTFOUND. */
LK_MUST_USE lk_err slot_last_event(struct doc *, const struct slot *,
    uint32_t actor, uint32_t ctr, struct slot_event *);
/* The least actor number >= *actor that has events; NOTFOUND. */
LK_MUST_USE lk_err slot_next_actor(
    struct doc *, const struct slot *, uint32_t *actor);

/* Void ops, the inserting one aside, that nothing covers or hides. */
LK_MUST_USE lk_err slot_set_ghost(
    struct doc *, const struct slot *, uint64_t id, bool ghost);
LK_MUST_USE lk_err slot_ghosts(
    struct doc *, const struct slot *, struct id_list *);

/*
 * Walks the keys of a map in order of their bytes, values shown or not.  Start
 * with a zeroed cursor; NOTFOUND at the end.  The key is valid until the next
 * call or until slot_cursor_clear.
 */
struct slot_cursor {
	struct doc_key at; /* the record last read; empty: none yet */
	struct buf key;
	struct slot_group *group; /* long keys that begin alike */
};
LK_MUST_USE lk_err slot_next_key(
    struct doc *, uint64_t obj, struct slot_cursor *, struct slot *);
void slot_cursor_clear(struct slot_cursor *);

/*
 * slot_block.c: the slots of elements, encoded, in records of those of one
 * actor whose counters share all but the lowest bits.
 */
#define SLOTS_IN_BLOCK 32
/* A slot with its lists as long as they may be beside the record. */
#define SLOT_BYTES_MAX 160
struct slot_block {
	struct cached cached; /* by actor and counter / SLOTS_IN_BLOCK */
	struct buf bytes;
	/* Where each begins; the last: where all end. */
	uint16_t at[SLOTS_IN_BLOCK + 1];
};
/* The view lives until the next slot_block_put or trim.  NOTFOUND. */
LK_MUST_USE lk_err slot_block_get(
    struct doc *, uint64_t elem, struct bytes *slot);
LK_MUST_USE lk_err slot_block_put(
    struct doc *, uint64_t elem, struct bytes slot);
extern const struct cache_kind slot_cache;

/* For slot_walk.c.  Fills a slot of which key, obj and in_map are set. */
LK_MUST_USE lk_err slot_decode(
    struct doc *, struct slot *, struct bytes record);
/* Appends the map key of a slot and tells its object. */
LK_MUST_USE lk_err slot_key_bytes(
    struct doc *, uint64_t number, uint64_t *obj, struct buf *key);

#endif
