/*
 * piece.h - pieces of what is too large for a document: envelopes of their own,
 * sealed as changes are, of which the document may hold the ids
 * (docs/protocol.md, "piece").
 *
 * What refers to a piece follows it on the author's chain, so whoever has the
 * one has the other.  Whose piece it is, and whether he may write still, is not
 * asked: who refers to it says what must be in it.  Inside a transaction;
 * thread rule of the replica.
 */
#ifndef SYNC_PIECE_H
#define SYNC_PIECE_H

#include "sync/replica.h"

#define REPLICA_PIECE_MAX ((size_t)1000 * 1000)

/* At most REPLICA_PIECE_MAX bytes; an epoch first as replica_edit has it.
 * DENIED as there; the caller undoes (replica_unnest) after an error. */
LK_MUST_USE lk_err replica_piece_add(struct replica *, uint32_t docno,
    struct bytes, uint8_t id[static LK_ID_LEN]);
/* Appends what a piece holds.  NOTFOUND: no such, or not of this document;
 * WAIT: its key is not here; LIMIT: longer than the buffer. */
LK_MUST_USE lk_err replica_piece(struct replica *, uint32_t docno,
    const uint8_t id[static LK_ID_LEN], struct buf *);

#endif
