/*
 * lock.h - a short secret file sealed with a passphrase (docs/storage.md).
 *
 *   "LKIS", u8 1, u32 3, u32 262144, salt 16, nonce 24, secretbox,
 *   checksum 32 (BLAKE2b of all before it)
 *
 * The numbers are those of Argon2id: passes, KiB.  The nonce is a keyed hash of
 * the content, so that sealing needs no randomness and two contents never share
 * one.  Any thread.
 */
#ifndef CRYPTO_LOCK_H
#define CRYPTO_LOCK_H

#include "base/bytes.h"
#include "base/limits.h"

#define LOCK_KEY_LEN 32
#define LOCK_SALT_LEN 16
/* What an error DENIED of this module, and of what uses it, says. */
#define WRONG_PASSPHRASE "wrong passphrase"

/* Takes 256 MiB and about a second on purpose.  LIMIT above PASSPHRASE_MAX;
 * NOMEM. */
LK_MUST_USE lk_err lock_derive(uint8_t key[static LOCK_KEY_LEN],
    const uint8_t salt[static LOCK_SALT_LEN], struct bytes passphrase);
/* Appends the file. */
void lock_seal(struct buf *out, const uint8_t key[static LOCK_KEY_LEN],
    const uint8_t salt[static LOCK_SALT_LEN], struct bytes plain);
/* Whether a file begins like a sealed one; says nothing of the rest. */
bool lock_is_sealed(struct bytes file);
/* The salt of a sealed file.  CORRUPT when damaged; VERSION when a newer lk
 * wrote it. */
LK_MUST_USE lk_err lock_salt(
    uint8_t salt[static LOCK_SALT_LEN], struct bytes file);
/* Appends what is in it; DENIED when the key is of another passphrase, else
 * errors as lock_salt. */
LK_MUST_USE lk_err lock_open(
    struct buf *out, const uint8_t key[static LOCK_KEY_LEN], struct bytes file);

#endif
