/*
 * identity.h - what makes this device itself: its keys and its name, in the
 * file `identity` of LK_HOME (docs/storage.md).
 *
 * The file is mode 0600 and belongs to the user; a file anybody else could
 * have read or written is refused.  With a passphrase it is sealed: Argon2id
 * with the moderate parameters of libsodium (256 MiB) and secretbox.  It is replaced as a whole, so after a
 * crash there is the old one or the new one.  The struct is plain memory of
 * its owner, who ends it with identity_clear.  One thread at a time.
 */
#ifndef CRYPTO_IDENTITY_H
#define CRYPTO_IDENTITY_H

#include "base/limits.h"
#include "crypto/random.h"
#include "crypto/seal.h"
#include "crypto/sign.h"

#define IDENTITY_FILE "identity"
#define IDENTITY_CERT_MAX 1024
#define IDENTITY_BOXES_MAX 32
/* A later version may be longer; more than this is not an identity. */
#define IDENTITY_BYTES_MAX (16 * 1024)

struct identity {
	struct sign_key sign; /* the device key: pk names the device */
	struct dh_key noise;  /* static key of its sessions */
	/* The one that receives epoch keys, and behind it those it replaced,
	 * newest first: boxes sealed to them may still come. */
	union {
		struct dh_key box;
		struct dh_key boxes[IDENTITY_BOXES_MAX];
	};
	size_t boxes_len;     /* at least 1 */
	uint32_t box_counter; /* 0 until the first rotation */
	uint8_t genesis_seed[32];
	uint8_t beacon_key[32];
	uint8_t root_pk[SIGN_PK_LEN]; /* of the person; zeros while unknown */
	uint8_t cert[IDENTITY_CERT_MAX];
	size_t cert_len; /* 0 while there is no certificate */
	char name[LK_NAME_MAX + 1];
	/* Made of a passphrase: what the file is sealed with. */
	struct {
		bool set;
		uint8_t salt[16], key[32];
	} lock;
};

/* New keys and this name; root_pk, cert and box_counter are zero.  USAGE
 * unless the name is 1 to LK_NAME_MAX bytes of UTF-8. */
LK_MUST_USE lk_err identity_create(
    struct identity *, const struct random *, const char *name);
/* Another name.  USAGE as above. */
LK_MUST_USE lk_err identity_rename(struct identity *, const char *name);
/* A new box key with the next counter; the oldest one goes when there is no
 * room.  LIMIT after 2^32 of them. */
LK_MUST_USE lk_err identity_rotate(struct identity *, const struct random *);
/*
 * Appends the bytes of IDENTITY_FILE in the directory `home`.  CONFIG when
 * there is none; DENIED when the file belongs to somebody else or is open to
 * the group or others, or when they own or may write the directory; CORRUPT
 * when it is too long; SYS.  Blocks on the disk.
 */
LK_MUST_USE lk_err identity_read(struct buf *, const char *home);
/* The same, decoded. */
LK_MUST_USE lk_err identity_load(struct identity *, const char *home);
/* Writes it, atomically and durably; makes `home` (0700, not its parents) when
 * it is not there.  DENIED for the directory as above; FULL, SYS, NOMEM.
 * Blocks on the disk. */
LK_MUST_USE lk_err identity_save(const struct identity *, const char *home);
/* Wipes everything; NULL is fine. */
void identity_clear(struct identity *);

/* Appends the bytes of the file. */
void identity_encode(struct buf *, const struct identity *);
/* CORRUPT unless every byte is as identity_encode wrote it; VERSION when a
 * newer lk wrote it; WAIT when it is sealed.  Public keys are computed from
 * their secrets. */
LK_MUST_USE lk_err identity_decode(struct identity *, struct bytes);

/* The same for a sealed one, which stays so: DENIED when the passphrase is
 * wrong.  Takes 256 MiB and about a second; NOMEM. */
LK_MUST_USE lk_err identity_unseal(
    struct identity *, struct bytes file, struct bytes passphrase);
/* From now on identity_encode seals; an empty passphrase: it does not.  LIMIT
 * above PASSPHRASE_MAX; NOMEM.  Costs as much. */
LK_MUST_USE lk_err identity_lock(
    struct identity *, const struct random *, struct bytes passphrase);
/* DENIED unless that is the passphrase; any will do where there is none. */
LK_MUST_USE lk_err identity_lock_check(
    const struct identity *, struct bytes passphrase);

#endif
