/*
 * identity.h - what makes this device itself: its keys and its name, in the
 * file `identity` of LK_HOME (docs/storage.md).
 *
 * The file is mode 0600 and belongs to the user; a file anybody else could
 * have read or written is refused.  It is replaced as a whole, so after a
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

struct identity {
	struct sign_key sign; /* the device key: pk names the device */
	struct dh_key noise;  /* static key of its sessions */
	struct dh_key box;    /* receives epoch keys */
	uint32_t box_counter; /* 0 until the first rekey */
	uint8_t genesis_seed[32];
	uint8_t beacon_key[32];
	uint8_t root_pk[SIGN_PK_LEN]; /* of the person; zeros while unknown */
	uint8_t cert[IDENTITY_CERT_MAX];
	size_t cert_len; /* 0 while there is no certificate */
	char name[LK_NAME_MAX + 1];
};

/* New keys and this name; root_pk, cert and box_counter are zero.  USAGE
 * unless the name is 1 to LK_NAME_MAX bytes of UTF-8. */
LK_MUST_USE lk_err identity_create(
    struct identity *, const struct random *, const char *name);
/*
 * Reads IDENTITY_FILE in the directory `home`.  CONFIG when there is none;
 * DENIED when the file belongs to somebody else or is open to the group or
 * others, or when they own or may write the directory; VERSION when a newer lk
 * wrote it; CORRUPT when it is damaged; SYS.  Blocks on the disk.
 */
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
 * newer lk wrote it.  Public keys are computed from their secrets. */
LK_MUST_USE lk_err identity_decode(struct identity *, struct bytes);

#endif
