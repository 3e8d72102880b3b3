/*
 * mend.h - a document whose records or envelopes are damaged on this disk.
 *
 *   a read meets damage -> store_doubt -> replica_mend
 *     derived records, indexes: made again from the log
 *     an envelope in the log:   remembered; every reconciliation asks for it
 *                               (WANT), and what comes with its id takes its
 *                               place
 *
 * An envelope that is damaged leaves the document as it is shown: what it
 * brought is in the derived state.  Only when that has to be made again it is
 * missing, and what was built on it waits until a peer brings it.
 */
#ifndef SYNC_MEND_H
#define SYNC_MEND_H

#include "sync/replica.h"

struct mend_report {
	uint64_t records;   /* damaged ones of its state and indexes */
	uint64_t envelopes; /* damaged in the log */
	uint64_t keys;      /* damaged ones that its log does not bring back */
	bool rebuilt;       /* its state was made again */
	uint64_t lost;      /* envelopes: missing now, and asked of peers */
	uint64_t waiting;   /* and those that wait for them */
};
/*
 * Looks at everything this device holds of a document and mends what it can.
 * Of itself, STORE_DEVICE: also what is damaged and tells no document; every
 * document may lack something then, and is to be looked at after it.  Takes as
 * long as the document is long; it is nested (replica_nest), and the caller
 * undoes it after an error. Where a key is gone that was handed over in person,
 * and only that is damaged, what is shown stays; nothing new comes under that
 * key until a device hands it over again. CORRUPT  what tells which document it
 * is, is gone
 */
LK_MUST_USE lk_err replica_mend(
    struct replica *, uint32_t docno, struct mend_report *);

/* Makes all of a document again that follows from its log, though nothing of it
 * is damaged; what its log holds and is not admitted, or not signed by its
 * author, goes.  Else as replica_mend.
 *   DATA  fewer envelopes would count than now: to be undone too */
LK_MUST_USE lk_err replica_remake(
    struct replica *, uint32_t docno, struct mend_report *);

/* The i-th envelope of a document known to be damaged; NOTFOUND past the last.
 */
LK_MUST_USE lk_err replica_damaged(
    struct replica *, uint32_t docno, size_t i, uint8_t id[static LK_ID_LEN]);
bool replica_is_damaged(
    struct replica *, uint32_t docno, const uint8_t id[static LK_ID_LEN]);

/* Inside sync/: an envelope that is known came again: it takes the place of
 * its damaged bytes, if they are. */
LK_MUST_USE lk_err mend_envelope(struct replica *, uint32_t docno,
    const uint8_t id[static LK_ID_LEN], struct bytes envelope);

#endif
