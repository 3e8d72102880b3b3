/*
 * mirrors.h - the folders that this daemon keeps in step with documents.
 *
 * A mirror compares three things: the base, which is what folder and document
 * last had in common (kept in the store, docs/storage.md), the disk, and the
 * document.  What is on the disk and not in the base was done there and
 * becomes an edit against the base; what the document then shows and is not
 * the base is written to the disk, where the base must still be.
 *
 *   disk --look, when a hint says so--> intake: edit, base := disk; commit
 *   document --what is durable--> write: disk := document, base := that; commit
 *
 * Whatever a crash cuts off is found again, as the base is recorded after the
 * disk: the same change twice, on both sides, is one change (textdiff_onto).
 *
 * Runs on the core thread, in slices; calls into file systems block.
 */
#ifndef DAEMON_MIRRORS_H
#define DAEMON_MIRRORS_H

#include "daemon/daemon.h"

struct mirrors;

#define MIRRORS_MAX 64

/* The folders there are, before the sandbox: what it must let through.  New
 * (free, each too), NULL at the end. */
LK_MUST_USE lk_err mirrors_dirs(struct store *, char ***dirs);
/* Reads what there is and begins; inside no round.  Without mirrors there is
 * nothing to watch. */
LK_MUST_USE lk_err mirrors_open(struct daemon *);
void mirrors_close(struct daemon *);

/* What became durable. */
void mirrors_fresh(
    struct daemon *, const struct replica_event *, size_t, bool lost);
/* The round did not happen, and what was read in it is void. */
void mirrors_aborted(struct daemon *);
/* Does what is due, for some milliseconds; between rounds. */
void mirrors_run(struct daemon *);
/* When it wants to be called; INT64_MAX: not before something happens. */
int64_t mirrors_next_ms(const struct daemon *);

#endif
