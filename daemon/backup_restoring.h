/*
 * backup_restoring.h - inside daemon/: a backup that is being taken in, into
 * this device's own store or a scratch one, and that scratch store.
 *
 * A scratch store is in LK_HOME/scratch for as long as a command works with it,
 * with a replica of its own, of an identity that nobody knows and no engine: so
 * what is in a backup can be seen with the same code that restores it, and
 * nobody hears of it.  What is left behind by a daemon that was killed goes
 * when one starts.  The core thread's.
 */
#ifndef DAEMON_BACKUP_RESTORING_H
#define DAEMON_BACKUP_RESTORING_H

#include <limits.h>

#include "daemon/backup.h"
#include "sync/keep.h"

struct scratch {
	char dir[PATH_MAX];
	struct store *store;
	struct identity identity;
	struct replica *replica;
	struct txn *txn; /* NULL: none has begun */
	/* Envelopes and their bytes, when one last ended. */
	uint64_t committed, committed_bytes;
};
/* EXISTS, said: there is one. */
LK_MUST_USE lk_err scratch_open(struct request *, struct scratch **);
/* Removes it; NULL is fine. */
void scratch_close(struct scratch *);
/* Its transaction, begun if need be; ended and begun again when it holds that
 * much more than a while ago. */
LK_MUST_USE lk_err scratch_begin(
    struct scratch *, struct now, uint64_t envelopes, uint64_t bytes);

enum restoring_step {
	LISTING,
	CHOOSING,
	ROLLS,
	PARCELS,
	TAKEN_IN, /* into the scratch store: that is all */
	PLACE,
	DOCUMENTS
};

struct restored {
	uint32_t docno; /* on the machine that made the backup */
	uint32_t here;  /* 0: not made yet */
	struct kept kept;
	uint8_t *keys; /* owned */
	size_t keys_len;
	char *name; /* owned; "": it has none */
	char type[ROLL_TYPE_MAX + 1];
	bool lacks; /* something of it could not be had */
};

struct restoring {
	struct daemon *daemon; /* that does nothing else of the kind; or NULL */
	struct giving *giving; /* owned; of backup_files.c; or NULL */
	struct scratch *scratch; /* owned; NULL: into the device's own store */
	struct replica *replica; /* of either; set before any work */
	enum restoring_step step;
	struct depot *place;
	struct listing listing;
	struct fetch fetch;
	struct progress progress;
	struct backup_secrets secrets;
	struct choice choice;
	const struct stored *snapshot; /* the one of ->choice */
	struct snapshot read;
	struct restored *docs; /* owned; ascending by ->docno */
	size_t docs_len, docs_cap;
	struct buf parcel; /* the one that is being taken in */
	uint8_t parcel_name[SEALED_NAME_LEN];
	struct parcel_reader reader;
	struct parcel_group group;
	bool in_parcel, in_group;
	uint64_t total, accepted, refused;
	uint64_t bytes; /* of all envelopes so far */
	uint32_t docno; /* DOCUMENTS: the last one that was done */
	uint64_t documents, unwritable;
	struct json_object *damaged; /* owned until it is in the result */
	struct buf bad;              /* the names of these */
	bool partial;                /* what is there is enough */
};

/* Of the params "place", "phrase", "progress", "partial". */
LK_MUST_USE lk_err restoring_new(struct request *, struct restoring **);
/* A request_defer's state_free. */
void restoring_free(void *);
/* One step; *idle: nothing has come. */
LK_MUST_USE lk_err restoring_work(
    struct request *, struct restoring *, bool *done, bool *idle);
LK_MUST_USE lk_err restoring_progress(struct request *, struct restoring *);
/* What to call it. */
const char *restored_name(const struct restored *);

/* backup_files.c; NULL is fine. */
void giving_free(struct giving *);

/* backup_scratch.c: work in slices into a scratch store, and then `look` in
 * slices until it says that it is done. */
typedef lk_err scratch_look_fn(
    struct request *, struct restoring *, bool *done);
LK_MUST_USE lk_err scratch_poll(
    struct request *, scratch_look_fn *, bool *done);
/* A request for that: its state is the restoring. */
LK_MUST_USE lk_err scratch_defer(struct request *, request_poll_fn *);

#endif
