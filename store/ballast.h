/*
 * ballast.h - room that is kept for the moment when there is none left.
 *
 * Deleting needs room too: pages are copied before they change.  So a file of
 * BALLAST_LEN bytes stands beside the store, and as much is kept back of a
 * limited map.  Both are given up at the end of the first transaction that
 * found no room; the file comes back when the disk has plenty again.
 */
#ifndef STORE_BALLAST_H
#define STORE_BALLAST_H

#include "store/table.h"

#define BALLAST_FILE "ballast"
#define BALLAST_LEN (4u * 1024 * 1024)

/* Makes the file when it is absent and the disk has room; never an error. */
void ballast_keep(struct store *);
/*
 * Whether a write that failed with EIO met a full disk: LMDB says EIO when only
 * part of a write was done, which is how a disk runs full.
 */
bool ballast_needed(const struct store *);
/* Gives up the room if a write found none.  Outside of transactions. */
void ballast_release(struct store *);

#endif
