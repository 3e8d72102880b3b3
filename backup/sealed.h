/*
 * sealed.h - one object of a repository of backups: bytes that are sealed to
 * keys for reading, under the name that is their hash (docs/backup.md).
 *
 *   "LKBK", u8 1, u8 kind, uLEB length, clear, u8 n (1..SEALED_KEYS_MAX),
 *   n x box 80, ciphertext
 *
 * Who writes one needs public keys only, and cannot open it afterwards: the
 * object's own key is drawn, boxed and forgotten.  Pure; any thread.
 */
#ifndef BACKUP_SEALED_H
#define BACKUP_SEALED_H

#include "base/object.h"
#include "crypto/random.h"
#include "crypto/seal.h"

#define SEALED_VERSION 1
#define SEALED_KEYS_MAX 8
#define SEALED_NAME_LEN 32
/* Plain bytes that fit an object, whatever is in the clear part. */
#define SEALED_CLEAR_MAX (8u * 1024 * 1024)
#define SEALED_PLAIN_MAX (7u * 1024 * 1024)

/* Where they are: parcels and rolls, marks (pruning_mark.h), and snapshots. */
#define SEALED_DATA OBJECT_ROOT "/backup/data/"
#define SEALED_MARK OBJECT_ROOT "/backup/mark/"
#define SEALED_SNAP OBJECT_ROOT "/backup/snap/"

enum sealed_kind { SEALED_PARCEL = 1, SEALED_ROLL = 2, SEALED_SNAPSHOT = 3 };

struct sealed {
	enum sealed_kind kind;
	struct bytes clear; /* borrowed from the object, as the rest */
	struct bytes boxes, head, ciphertext;
};

/* H[32]("lk1 backup"; object). */
void sealed_name(uint8_t name[static SEALED_NAME_LEN], struct bytes object);
/* Where an object is; the paths of snapshots and marks begin with their time,
 * so that they sort by age. */
struct sealed_place {
	uint8_t name[SEALED_NAME_LEN];
	bool snapshot, mark; /* one of them at most */
	int64_t time_ms;     /* of these: 0 to SEALED_TIME_MAX; else 0 */
};
#define SEALED_TIME_MAX ((INT64_C(1) << 48) - 1)
/* `out` has OBJECT_NAME_MAX + 1 bytes. */
void sealed_path(char *out, const struct sealed_place *);
/* False for what sealed_path does not write. */
bool sealed_path_parse(struct sealed_place *, const char *path);

/* What goes into an object; the keys are 1 to SEALED_KEYS_MAX, of DH_LEN. */
struct sealed_draft {
	enum sealed_kind kind;
	struct bytes clear, plain;
	const uint8_t (*keys)[DH_LEN];
	size_t keys_len;
};
/* Appends the object.  LIMIT, NOMEM. */
LK_MUST_USE lk_err sealed_write(
    struct buf *out, const struct sealed_draft *, const struct random *);
/* Its parts, nothing opened.  TRUNCATED, MALFORMED; VERSION: a newer lk. */
LK_MUST_USE lk_err sealed_read(struct sealed *, struct bytes object);
/* Overwrites `plain` with what is in it.  DENIED: none of its boxes is for
 * this key; MALFORMED, NOMEM. */
LK_MUST_USE lk_err sealed_open(
    struct buf *plain, const struct sealed *, const struct dh_key *);

#endif
