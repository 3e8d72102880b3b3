/*
 * backup_creating.h - inside daemon/: a backup that is being made.
 * backup_create.c says what is done when, and backup_pack.c makes the objects.
 * The core thread's.
 */
#ifndef DAEMON_BACKUP_CREATING_H
#define DAEMON_BACKUP_CREATING_H

#include "daemon/backup_states.h"
#include "sync/keep.h"

enum creating_step {
	LISTING,
	PACKING,
	ROLLING,
	SETTLING,
	LOOKING,
	CLOSING,
	CONFIRMING,
	CLEANING
};

/* What is being put. */
struct putting {
	bool used, is_roll;
	struct held_parcel parcel; /* ->documents is owned */
	struct held_roll roll;
};

struct creating {
	enum creating_step step;
	struct depot *place;
	struct relied relied;
	struct held held;
	struct progress progress;
	uint8_t reading[DH_LEN]; /* the key that reads it */
	uint64_t next, upto;     /* lsn: the first not looked at, the last */
	uint32_t docno, docno_last;
	struct kept_name *names; /* owned */
	size_t names_len;
	struct states states; /* of when the work began */
	struct putting putting[DEPOT_PENDING_MAX];
	uint64_t objects, bytes, documents;
	struct sealed_place snapshot;
	struct listing guard; /* CLEANING: whether anything may be removed */
	bool removing;        /* it may, and is asked for */
	size_t rounds;
	struct json_object *damaged; /* owned until it is in the result */
	uint32_t damaged_last;
	uint64_t damaged_envelopes; /* of those and of nobody knows what */
};

/* For one more to be put; NULL: as many are on their way as may be. */
struct putting *creating_room(struct creating *);
/* One more parcel of what none at the place holds; when all is held ROLLING
 * begins.  There is room. */
LK_MUST_USE lk_err creating_pack(struct request *, struct creating *);
/* One more list of documents, unless it is there as it is; behind the last one
 * SETTLING begins.  There is room. */
LK_MUST_USE lk_err creating_roll(struct request *, struct creating *);
/* Puts the snapshot, everything that it names being there: CLOSING begins. */
LK_MUST_USE lk_err creating_close(struct request *, struct creating *);

#endif
