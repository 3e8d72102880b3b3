/*
 * doc_history.h - which changes lie between heads, which have a hash like this,
 * and which an op belongs to.
 */
#ifndef CRDT_DOC_HISTORY_H
#define CRDT_DOC_HISTORY_H

#include "crdt/doc.h"

/*
 * Calls `each` for the changes that are `to` or their ancestors and neither
 * `from` nor ancestors of those, in order of application: a dependency comes
 * before its dependants.  NOTFOUND: a head is not applied.  An error from
 * `each`, which may not write, ends the walk.
 */
typedef lk_err doc_change_fn(void *ctx, const struct doc_change_info *);
LK_MUST_USE lk_err doc_since(struct doc *, const uint8_t (*from)[LK_ID_LEN],
    size_t from_len, const uint8_t (*to)[LK_ID_LEN], size_t to_len,
    doc_change_fn *each, void *ctx);

/* Calls `each` for the changes whose hash begins with these digits, 1 to 64 of
 * hexadecimal.  USAGE: they are not. */
LK_MUST_USE lk_err doc_match(
    struct doc *, const char *digits, doc_change_fn *each, void *ctx);

/* Whether all these changes are applied, each one of the heads or an ancestor
 * of them; both are hashes, one behind the other.  NOTFOUND: a head is not
 * applied. */
LK_MUST_USE lk_err doc_past_holds(
    struct doc *, struct bytes heads, struct bytes hashes, bool *holds);

/* The change that an op is of, so that what it made can be blamed on somebody.
 * NOTFOUND: no such op. */
LK_MUST_USE lk_err doc_op_change(
    struct doc *, struct op_id, struct doc_change_info *);

#endif
