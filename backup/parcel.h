/*
 * parcel.h - the envelopes of a stretch of a device's log, document by
 * document (docs/backup.md):
 *
 *   n x (uLEB number, docid 32, uLEB m, m x (uLEB length, envelope))
 *
 * Numbers are the writing device's own and ascend; envelopes are in the order
 * of its log, a dependency before what rests on it.  Pure; any thread.
 */
#ifndef BACKUP_PARCEL_H
#define BACKUP_PARCEL_H

#include "base/bytes.h"
#include "base/limits.h"

/* Of one document; the envelopes are bytes_counted behind each other. */
struct parcel_group {
	uint32_t docno;
	uint8_t docid[LK_ID_LEN];
	uint64_t envelopes;
	struct bytes bytes; /* borrowed: `envelopes` times uLEB length, bytes */
};

void parcel_write(struct buf *out, const struct parcel_group *);
/* The next group; false at the end or after an error.  TRUNCATED, MALFORMED
 * (also for an envelope over ENVELOPE_MAX), in *err. */
struct parcel_reader {
	struct rd rd;
	uint32_t last;
	bool begun;
};
void parcel_begin(struct parcel_reader *, struct bytes plain);
bool parcel_next(struct parcel_reader *, struct parcel_group *, lk_err *err);
/* The next of a group's envelopes: takes it from the front of ->bytes.  False
 * when there is none left. */
bool parcel_envelope(struct parcel_group *, struct bytes *);

#endif
