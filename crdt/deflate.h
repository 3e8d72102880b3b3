/*
 * deflate.h - the raw DEFLATE inside Automerge files; see also change.h.
 * Internal to crdt.  Pure.
 */
#ifndef CRDT_DEFLATE_H
#define CRDT_DEFLATE_H

#include "base/bytes.h"

/* What n bytes of DEFLATE may become at most. */
size_t inflate_bound(size_t n);

struct inflate_size {
	size_t in;  /* bytes of the stream; what follows is no part of it */
	size_t out; /* bytes it becomes */
};
/*
 * Inflates without keeping anything, so that a stream which claims too much
 * costs no memory.  LIMIT over `max` or inflate_bound(), MALFORMED, TRUNCATED,
 * NOMEM.
 */
LK_MUST_USE lk_err inflate_measure(
    struct inflate_size *, struct bytes, size_t max);
/* Inflates a measured stream into exactly size->out bytes. */
LK_MUST_USE lk_err inflate_into(
    uint8_t *out, struct bytes, const struct inflate_size *);

#endif
