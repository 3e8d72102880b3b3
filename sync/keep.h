/*
 * keep.h - what a backup keeps of a document besides its envelopes, and how a
 * new device takes the place of the one that made it (docs/backup.md).
 *
 * The new device has keys of its own.  The root key, had from the phrase,
 * grants it what the old one had, with the old one's rank, and ends the old
 * one: two devices never write under one key.  Inside the replica's
 * transaction; one thread.
 */
#ifndef SYNC_KEEP_H
#define SYNC_KEEP_H

#include "sync/home.h"

struct kept {
	uint8_t docid[LK_ID_LEN];
	uint8_t secret[EPOCH_SECRET_LEN]; /* S */
	bool home;
};
/* Of a document that is here; appends its keys, L after L.  NOTFOUND, CORRUPT,
 * and of the buffer; NOTFOUND also where it was forgotten. */
LK_MUST_USE lk_err keep_document(
    struct replica *, uint32_t docno, struct kept *, struct buf *keys);
/* Its id alone.  NOTFOUND, CORRUPT. */
LK_MUST_USE lk_err keep_docid(
    struct replica *, uint32_t docno, uint8_t docid[static LK_ID_LEN]);
/* What documents are called, ascending by id: *out is new (free). */
struct kept_name {
	uint8_t docid[LK_ID_LEN];
	char name[HOME_NAME_LEN];
	char type[8];
};
LK_MUST_USE lk_err keep_names(
    struct replica *, struct kept_name **out, size_t *len);
/* NULL: it has none. */
const struct kept_name *keep_name_of(const struct kept_name *, size_t len,
    const uint8_t docid[static LK_ID_LEN]);
/* Makes it known here, unless it is, with these keys.  MALFORMED: S is that of
 * another document. */
LK_MUST_USE lk_err keep_restore(
    struct replica *, const struct kept *, struct bytes keys, uint32_t *docno);

/* The secret S of the home document of a person. */
void keep_home_secret(uint8_t secret[static EPOCH_SECRET_LEN],
    const uint8_t root_seed[static 32]);

/* Makes this device one of the person whose home document is here: certified
 * by the root, in the place of `old`, which it ends.  The identity is
 * completed.  EXISTS: it is one already; DENIED: no home of this root, or
 * `old` is no device in it. */
LK_MUST_USE lk_err keep_take_place(struct replica *, struct identity *,
    const struct sign_key *root, const uint8_t old[static 32]);
/* The same in one document.  NOTFOUND: `old` has nothing there; DENIED: the
 * root may not. */
LK_MUST_USE lk_err keep_take_place_in(struct replica *,
    const struct sign_key *root, uint32_t docno, const uint8_t old[static 32]);

#endif
