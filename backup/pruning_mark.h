/*
 * pruning_mark.h - what is about to be removed from a place of backups
 * (docs/backup.md):
 *
 *   "LKBK", u8 1, u8 4, u64 from (ms), uLEB n, n x name 32
 *
 * No backup needs these objects; from that time on they may be removed, and
 * whoever makes a backup relies on none of them.  Nothing in it is secret.
 * Pure; any thread.
 */
#ifndef BACKUP_PRUNING_MARK_H
#define BACKUP_PRUNING_MARK_H

#include "backup/sealed.h"

#define PRUNING_MARK_KIND 4
/* Of one mark; more are several. */
#define PRUNING_MARK_NAMES_MAX (128u * 1024)

struct pruning_mark {
	int64_t from_ms;    /* 0 to SEALED_TIME_MAX */
	struct bytes names; /* name after name; borrowed */
};

/* Appends it; the names are 1 to PRUNING_MARK_NAMES_MAX. */
void pruning_mark_write(struct buf *out, const struct pruning_mark *);
/* TRUNCATED, MALFORMED; VERSION: a newer lk. */
LK_MUST_USE lk_err pruning_mark_read(
    struct pruning_mark *, struct bytes object);

#endif
