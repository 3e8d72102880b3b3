/*
 * cursor.h - places in lists and texts that stay where they are while others
 * edit: automerge-format 11.3, ghosts.md 3.11.
 *
 * A cursor names the op that was shown at a position.  When that op is not
 * shown any more, because it was deleted, overwritten or made void, the cursor
 * is where its element was; or, `before`, at the nearest op still shown that
 * it was inserted behind.  Both forms are those of Automerge, whose cursors
 * these are.  An op of an actor who forked is named by branch, as changes do it
 * (access.md section 8); when the fork is heard of later the plain name means
 * the greatest op of that name.
 */
#ifndef CRDT_CURSOR_H
#define CRDT_CURSOR_H

#include "crdt/doc.h"

enum cursor_kind { CURSOR_START, CURSOR_END, CURSOR_OP };

struct cursor {
	enum cursor_kind kind;
	/* Of CURSOR_OP: */
	bool before;
	uint32_t ctr;     /* 1.. */
	size_t actor_len; /* 1.. */
	uint8_t actor[ACTOR_LEN_MAX];
};

/*
 * The cursor at an index of a list or text; at its length CURSOR_END.  DATA: a
 * map; LIMIT: past the end, or the name of a branch is too long.
 */
LK_MUST_USE lk_err doc_cursor(struct doc *, struct op_id obj, uint64_t index,
    bool before, struct cursor *);
/*
 * The index where a cursor is: elements of a list, code points of a text.
 * DATA: a map; NOTFOUND: what it names is not in the object, or of a void
 * change that nothing visible depends on, or not yet there at a view's heads.
 */
LK_MUST_USE lk_err doc_cursor_index(
    struct doc *, struct op_id obj, const struct cursor *, uint64_t *index);

/* "s", "e", "ctr@actor", or "-ctr@actor" for `before`; the actor is in
 * lower-case hex.  MALFORMED: anything else. */
LK_MUST_USE lk_err cursor_read(struct cursor *, struct bytes text);
void cursor_write(struct buf *, const struct cursor *);
/* In bytes.  TRUNCATED, MALFORMED, VERSION. */
LK_MUST_USE lk_err cursor_decode(struct cursor *, struct bytes);
void cursor_encode(struct buf *, const struct cursor *);

#endif
