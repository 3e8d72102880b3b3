/*
 * backup.h - inside daemon/: backups (docs/backup.md has the format, backup/
 * reads and writes it).
 *
 * A command opens its place, lists what is there, and then works in slices, one
 * a poll: objects are asked for ahead and taken in order, or made and put, a
 * few at a time.  What this device has put, and what of its log that holds, is
 * noted in the store (SPACE_BACKUPS of the device); it is a note only, and
 * what the list of the place does not show is written again.
 */
#ifndef DAEMON_BACKUP_H
#define DAEMON_BACKUP_H

#include "backup/parcel.h"
#include "backup/pruning_mark.h"
#include "backup/roll.h"
#include "backup/snapshot.h"
#include "daemon/depot.h"

#define BACKUP_ROOT OBJECT_ROOT "/backup/"
/* A slice of work ends after so long. */
#define BACKUP_SLICE_MS 30
/* Documents of one roll: their numbers / this are the same. */
#define BACKUP_BLOCK 256
/* What a parcel holds at most, but for its last envelope. */
#define BACKUP_PARCEL_BYTES (4u * 1024 * 1024)
#define BACKUP_PARCEL_ENVELOPES 16384
/* Parcels below that are joined when there are more than so many. */
#define BACKUP_SMALL_BYTES (256u * 1024)
#define BACKUP_SMALL_MAX 64

/* Where an object of this name is nothing is removed (docs/backup.md). */
#define BACKUP_APPEND_ONLY BACKUP_ROOT "append-only"

/* What lies at a place. */
struct stored {
	struct sealed_place at;
	uint64_t size;
	int64_t time_ms; /* it was put then, as the place says; 0: unknown */
};
/* A snapshot of more than a day to come, which a wrong clock made: it is the
 * newest only where there is no other. */
bool stored_is_ahead(const struct stored *, struct wall now);
struct listing {
	const char *prefix; /* what is listed; NULL: all but the marks */
	struct stored *v;   /* owned; data by name, then snapshots by time */
	size_t len, cap;
	size_t snapshots; /* the first of them; len: none */
	bool append_only;
	/* Where a snapshot should be and no object is; "". */
	char strange[OBJECT_NAME_MAX + 1];
	char after[OBJECT_NAME_MAX + 1];
	bool asked;
};
void listing_clear(struct listing *);
/* Asks for the pages one after the other; *done when all is here.  Said. */
LK_MUST_USE lk_err listing_step(
    struct request *, struct depot *, struct listing *, bool *done);
/* An object of data by its name; NULL. */
const struct stored *listing_find(
    const struct listing *, const uint8_t name[static SEALED_NAME_LEN]);

/* Objects asked for ahead, and given in order. */
struct fetch {
	struct depot *place;
	const struct stored **v; /* owned, not what they point at */
	size_t len, asked, given;
	struct object_answer slots[DEPOT_PENDING_MAX];
	bool there[DEPOT_PENDING_MAX];
	struct stored **unlisted; /* owned, each too */
	size_t unlisted_len;
};
LK_MUST_USE lk_err fetch_add(struct fetch *, const struct stored *);
/* What the list does not show: it may have come since.  Its size is 0. */
LK_MUST_USE lk_err fetch_unlisted(
    struct fetch *, const uint8_t name[static SEALED_NAME_LEN]);
/* The next one, whose answer the caller clears; false: not here yet, or
 * fetch_done. */
bool fetch_next(struct fetch *, const struct stored **, struct object_answer *);
bool fetch_done(const struct fetch *);
/* Says, when it is due, how many of the objects there have been. */
LK_MUST_USE lk_err fetch_progress(
    struct request *, const struct fetch *, struct progress *);
void fetch_clear(struct fetch *);

/*
 * Objects that are removed, a few at a time.  First it is asked whether any may
 * be: where not, nothing has changed.  It begins as zeros with ->place.
 */
struct removal {
	struct depot *place;
	struct sealed_place *v; /* owned */
	size_t len, asked, done;
	bool probed, allowed;
};
LK_MUST_USE lk_err removal_add(struct removal *, const struct sealed_place *);
/* Asks, and takes answers; *done when all are gone.  DENIED: the place, or its
 * owner by BACKUP_APPEND_ONLY, refuses it.  Said. */
LK_MUST_USE lk_err removal_step(
    struct request *, struct removal *, const struct listing *, bool *done);
void removal_clear(struct removal *);

/*
 * What a backup may rely on: the data that is there and that no mark names.
 * Marks are listed first, and data then: what is unmarked and there is not
 * removed any more once a snapshot that was there before names it
 * (docs/backup.md, "What is removed").  It begins as zeros with ->place.
 */
struct relied {
	struct depot *place;
	struct listing marks, data; /* when it is done: what may be relied on */
	struct fetch fetch;
	struct buf read;   /* names of marks that were read */
	struct buf marked; /* what they name */
	bool listed, fetched;
};
/* *done: ->data is it.  Said. */
LK_MUST_USE lk_err relied_step(struct request *, struct relied *, bool *done);
/* It is looked at again. */
void relied_again(struct relied *);
void relied_clear(struct relied *);
/* An answer about a mark of this name.  DATA: damaged, and it marks nothing;
 * VERSION. */
LK_MUST_USE lk_err backup_mark(
    struct pruning_mark *, struct bytes object, const struct stored *);

/* What this device has put at a place. */
#define HELD_PLACE_LEN 8
struct held_parcel {
	uint8_t name[SEALED_NAME_LEN];
	struct snapshot_parcel parcel; /* ->documents is owned */
};
struct held_roll {
	uint8_t name[SEALED_NAME_LEN], digest[32]; /* of the plain bytes */
	struct snapshot_roll roll;
};
struct held {
	uint8_t place[HELD_PLACE_LEN];
	struct held_parcel *parcels; /* ascending by lsn; they do not overlap */
	size_t parcels_len, parcels_cap;
	struct held_roll *rolls; /* ascending by block */
	size_t rolls_len, rolls_cap;
	bool known;   /* there was a backup of this device before */
	bool passing; /* nothing of it is noted in the store */
};
/* From the records; those that are damaged or nonsense are left out. */
LK_MUST_USE lk_err held_load(struct held *, struct daemon *, const char *url);
void held_clear(struct held *);
/* Notes it, in memory and in the store; a parcel's documents are copied. */
LK_MUST_USE lk_err held_parcel_add(
    struct held *, struct daemon *, const struct held_parcel *);
LK_MUST_USE lk_err held_roll_add(
    struct held *, struct daemon *, const struct held_roll *);
/* NULL: there is none. */
const struct held_roll *held_roll_of(const struct held *, uint64_t block);
/* No document of this block is there any more. */
LK_MUST_USE lk_err held_roll_drop(
    struct held *, struct daemon *, uint64_t block);
/* Forgets what the list does not show with the same length; with `join` small
 * parcels too when there are too many.  *all: there was nothing to forget. */
LK_MUST_USE lk_err held_compare(struct held *, struct daemon *,
    const struct listing *, bool join, bool *all);

/* Notes that a backup was made at a place just now; all that are noted, as
 * "places" of the result. */
LK_MUST_USE lk_err held_made(
    struct daemon *, const char *url, const struct sealed_place *snapshot);
LK_MUST_USE lk_err backup_places(struct request *);
/* Notes one that went to the client as a stream.  USAGE. */
LK_MUST_USE lk_err backup_made(struct request *);

/* The secret for reading, of param "phrase"; and what else follows from it.
 * Said. */
struct backup_secrets {
	uint8_t root_seed[32];
	struct sign_key root;
	struct dh_key reading;
};
LK_MUST_USE lk_err backup_secrets(struct request *, struct backup_secrets *);
/* For who only reads: of param "key" (backup_key) as well, which has no root
 * seed; or of neither: *given says whether there was one.  Said. */
LK_MUST_USE lk_err backup_secrets_or(
    struct request *, struct backup_secrets *, bool *given);
/* Of which it was, for people: "phrase" or "key". */
const char *backup_secrets_of(const struct request *);
void backup_secrets_clear(struct backup_secrets *);

/* An object as it should be: its name, its parts, and, unless there is no key,
 * what is in it.  DATA
 * with what is wrong; DENIED: sealed to another key. */
LK_MUST_USE lk_err backup_open(struct bytes object, const struct stored *,
    const struct dh_key *, struct sealed *, struct buf *plain);
/* What a snapshot says to anybody; its time is that of its name.  DATA with
 * what is wrong. */
LK_MUST_USE lk_err backup_head(
    struct snapshot_head *, struct bytes clear, const struct stored *);
/* "snapshot": its name, for people and in JSON. */
void json_add_snapshot(struct json_object *, const struct stored *);

/* The backup to restore.  It begins as zeros. */
#define CHOICE_MACHINES_MAX 64
#define CHOICE_SAID_MAX 8
struct choice_machine {
	const struct stored *stored; /* its newest one */
	uint8_t pk[SIGN_PK_LEN];
	char name[LK_NAME_MAX + 1];
};
struct choice {
	struct fetch fetch;
	bool named;                  /* by param "snapshot" */
	const struct stored *stored; /* the one, with what is in it */
	struct buf clear, plain;
	struct snapshot read;
	struct choice_machine machines[CHOICE_MACHINES_MAX];
	size_t machines_len;
	size_t others; /* that another phrase opens */
	lk_err flaw;   /* of the newest ones */
};
void choice_clear(struct choice *);
/* Out of a list, which stays as it is.  Said, as by the next. */
LK_MUST_USE lk_err choice_begin(
    struct request *, struct choice *, const struct listing *, struct depot *);
/* One answer; *idle: none is here.  *done: ->stored and what is in it. */
LK_MUST_USE lk_err choice_step(struct request *, struct choice *,
    const struct backup_secrets *, bool *done, bool *idle);

/* The methods' handlers, each in a file of its name. */
lk_err backup_create(struct request *);
lk_err backup_list(struct request *);
lk_err backup_check(struct request *);
lk_err backup_restore(struct request *);
lk_err backup_rehearse(struct request *);
lk_err backup_files(struct request *);
lk_err backup_diff(struct request *);
lk_err backup_forget(struct request *);
lk_err backup_key(struct request *);
lk_err backup_prune(struct request *);

#endif
