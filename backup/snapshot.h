/*
 * snapshot.h - what one backup consists of (docs/backup.md).
 *
 *   clear:  machine 16, u64 time (ms), uLEB n, n x name 32
 *   plain:  device pk 32, uLEB length, device's name, root pk 32,
 *           uLEB p, p x (uLEB length of the object, uLEB first lsn,
 *                        uLEB last - first, uLEB envelopes,
 *                        uLEB d, d x uLEB step to the next document number),
 *           uLEB r, r x (uLEB length of the object, uLEB block),
 *           uLEB s, s x (uLEB length, kind, uLEB length, of, uLEB length,
 *                        value),
 *           signature 64
 *
 * The names are those of its p parcels and then of its r rolls.  The clear part
 * says, to whom has no key, what must be kept for as long as this is: forget,
 * prune and the bare check need no secret.  Pure; any thread.
 */
#ifndef BACKUP_SNAPSHOT_H
#define BACKUP_SNAPSHOT_H

#include "backup/sealed.h"
#include "crypto/sign.h"

#define SNAPSHOT_MACHINE_LEN 16
#define SNAPSHOT_OBJECTS_MAX (256u * 1024)
#define SNAPSHOT_SETTING_MAX 4096
#define SNAPSHOT_SETTINGS_MAX 4096

/* The clear part. */
struct snapshot_head {
	uint8_t machine[SNAPSHOT_MACHINE_LEN];
	int64_t time_ms;
	struct bytes names; /* name after name; borrowed */
};
/* H[16]("lk1 backup"; "machine" || device pk). */
void snapshot_machine(uint8_t out[static SNAPSHOT_MACHINE_LEN],
    const uint8_t device_pk[static SIGN_PK_LEN]);
void snapshot_head_write(struct buf *out, const struct snapshot_head *);
/* TRUNCATED, MALFORMED. */
LK_MUST_USE lk_err snapshot_head_read(
    struct snapshot_head *, struct bytes clear);

/* A parcel: which envelopes of the device's log are in it. */
struct snapshot_parcel {
	uint64_t size, first, last, envelopes;
	struct bytes documents; /* uLEB steps between numbers, from 0 */
	uint64_t documents_len;
};
struct snapshot_roll {
	uint64_t size, block;
};
/* What else the device had set: kind "mirror" or "remote", of which document
 * or called what, and the folder or address. */
struct snapshot_setting {
	struct bytes kind, of, value;
};

struct snapshot {
	uint8_t device_pk[SIGN_PK_LEN], root_pk[SIGN_PK_LEN];
	struct bytes device_name; /* borrowed, as all */
	uint64_t parcels, rolls, settings;
	struct rd parcels_rd, rolls_rd, settings_rd;
};

/* Writing: in this order, each as often as was said. */
struct snapshot_about {
	const uint8_t *device_pk, *root_pk;
	const char *device_name;
};
void snapshot_begin(struct buf *plain, const struct snapshot_about *);
void snapshot_parcel_write(struct buf *, const struct snapshot_parcel *);
void snapshot_roll_write(struct buf *, const struct snapshot_roll *);
void snapshot_setting_write(struct buf *, const struct snapshot_setting *);
/* Appends the signature over both parts. */
void snapshot_sign(
    struct buf *plain, struct bytes clear, const struct sign_key *);

/* Everything is looked at, the signature too, and that `clear` names the
 * machine of the device that signed.  TRUNCATED, MALFORMED. */
LK_MUST_USE lk_err snapshot_read(
    struct snapshot *, struct bytes clear, struct bytes plain);
/* The next one, of what snapshot_read found good; false at the end. */
bool snapshot_parcel_next(struct snapshot *, struct snapshot_parcel *);
bool snapshot_roll_next(struct snapshot *, struct snapshot_roll *);
bool snapshot_setting_next(struct snapshot *, struct snapshot_setting *);
/* The next number of a parcel's documents; false at the end.  *at is 0 at
 * first. */
bool snapshot_document_next(struct snapshot_parcel *, uint32_t *at);

#endif
