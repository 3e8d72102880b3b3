/*
 * backup_states.h - inside daemon/: in what state each document of a backup is,
 * in 18 bits, as the snapshot's settings "state" have it (docs/backup.md): with
 * what it is made of, a store comes to the same, or a backup is not what it was
 * to be.
 */
#ifndef DAEMON_BACKUP_STATES_H
#define DAEMON_BACKUP_STATES_H

#include "daemon/backup.h"
#include "store/store.h"

struct states {
	uint32_t *v; /* owned; by number */
	size_t len;
};
void states_clear(struct states *);
/* Of all documents up to this number, as they are in the transaction. */
LK_MUST_USE lk_err states_take(
    struct states *, struct txn *, uint32_t docno_last);
/* The backup has this one. */
void states_present(struct states *, uint32_t docno);
/* Appends settings for those that it has, to as many as there may be; *settings
 * counts them. */
void states_write(const struct states *, struct buf *, uint64_t *settings);

/* What a snapshot says; what is none of its form says nothing. */
LK_MUST_USE lk_err states_read(struct states *, struct snapshot);
/* Whether it says something of a document. */
bool states_known(const struct states *, uint32_t docno);
/* Whether what it says is so of document `here` in the transaction. */
LK_MUST_USE lk_err states_compare(const struct states *, uint32_t docno,
    struct txn *, uint32_t here, bool *same);

#endif
