/*
 * plain.h - values as JSON shows them: what of a document's scalars is left
 * when only null, booleans, numbers and strings exist.  Internal to crdt.
 *
 * Counters and all numbers are their number, so 1 and 1.0 are one; what is no
 * number is null; times are RFC 3339, bytes and values of unknown type base64.
 */
#ifndef CRDT_PLAIN_H
#define CRDT_PLAIN_H

#include "crdt/tree.h"

/* Of scalars and texts.  NOMEM, LIMIT. */
LK_MUST_USE lk_err plain_hash(const struct tree *, uint64_t *hash);
LK_MUST_USE lk_err plain_same(
    const struct tree *, const struct tree *, bool *same);

/* A new value for a scalar whose type is to stay. */
struct plain_fit {
	bool fits;
	bool increment; /* a counter: add value.i64 */
	struct value value;
};
/*
 * What `wanted`, a scalar or text of a plain tree, says as a value of the type
 * that is there; `base`, no map or list, is what it was before.  Bytes are
 * appended to `memory`.  NOMEM, LIMIT.
 */
LK_MUST_USE lk_err plain_fit(struct plain_fit *, const struct tree *now,
    const struct tree *base, const struct tree *wanted, struct buf *memory);

#endif
