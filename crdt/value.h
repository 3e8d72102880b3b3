/*
 * value.h - scalars as Automerge stores them: automerge-format section 5.
 * Internal to crdt.  Pure.
 */
#ifndef CRDT_VALUE_H
#define CRDT_VALUE_H

#include "crdt/op.h"

/*
 * The value described by one row of a value metadata column; its bytes are
 * taken from the front of raw.  The value borrows them.  TRUNCATED, MALFORMED.
 */
LK_MUST_USE lk_err value_decode(struct value *, uint64_t meta, struct rd *raw);
/* Appends the bytes of a value and returns its metadata. */
uint64_t value_encode(struct buf *raw, const struct value *);

#endif
