/*
 * pack.h - a run of envelopes of one author as one object of a bucket or folder
 * (docs/protocol.md section 14).
 *
 *   "LKP1" || u32 n || n x (u32 length || envelope) ||
 *       H[32]("lk1 pack"; all before)
 *
 * Each envelope's prev is the one before it: seqs rise by one, and a pack that
 * ends with an envelope holds the count before it.  The name says the same as
 * the content, and part of its hash.  Nothing is believed but that; what the
 * envelopes are worth is for the gates to say.  Pure; any thread.
 */
#ifndef SYNC_PACK_H
#define SYNC_PACK_H

#include "sync/envelope.h"
#include "sync/stored_name.h"

#define PACK_FRAME_LEN (4 + 4 + 32)
/* What one envelope more adds. */
#define PACK_ITEM_LEN(envelope_len) (4 + (envelope_len))

struct pack {
	struct stored_name name; /* that it must have */
	uint8_t last[LK_ID_LEN]; /* id of the last envelope */
	struct rd envelopes;     /* walked with pack_next */
};

/* Appends a pack of these envelopes and says its name.  MALFORMED when they are
 * no such run; LIMIT, NOMEM. */
LK_MUST_USE lk_err pack_encode(struct buf *out, struct stored_name *,
    const struct bytes *envelopes, size_t n);
/* All of it: shape of every envelope, the run, the hash.  Borrows the input.
 * TRUNCATED, MALFORMED, LIMIT, VERSION. */
LK_MUST_USE lk_err pack_decode(struct pack *, struct bytes);
/* The next envelope of a decoded pack; false at its end. */
bool pack_next(struct pack *, struct bytes *envelope);
/* Whether it lies under the name it must have. */
bool stored_name_same(const struct stored_name *, const struct stored_name *);

#endif
