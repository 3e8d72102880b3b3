/*
 * welcome.h - what a new reader is handed besides the grant: the document's
 * id, its secret and keys, and where else it can be found (docs/protocol.md
 * section 8).
 *
 *   u8 f, docid 32, [f & 1: S 32], u8 m (1..64), m x L 32 ascending by etag,
 *   [f & 4: grant id 32], index u8, u8 n <= 8, n x TLV,
 *   [f & 8: u8 n 1..7, type, u8 n 1..255, name],
 *   [f & 2: signer pk 32, sig 64]
 *
 * Without f & 1, S follows from the only L, which is L0; without f & 4, the
 * grant's envelope is the genesis.  Holds secrets: welcome_clear.
 * Pure; any thread.
 */
#ifndef SYNC_WELCOME_H
#define SYNC_WELCOME_H

#include "access/body.h"
#include "crypto/sign.h"
#include "sync/address.h"
#include "sync/epoch.h"

#define WELCOME_KEYS_MAX 64
#define WELCOME_MAX (4 * 1024)

struct welcome {
	uint8_t docid[LK_ID_LEN];
	struct topic topic;
	bool secret_implied; /* S is not sent: the only key is L0 */
	struct epoch keys[WELCOME_KEYS_MAX];
	size_t keys_len;
	struct grant_ref grant;
	struct addresses remotes;
	/* NUL ended; both empty: nothing is suggested.  UTF-8 without NUL;
	 * whether it can be a name is for the receiver to judge. */
	char name[LK_NAME_MAX + 1], type[8];
	bool has_signer;
	uint8_t signer_pk[SIGN_PK_LEN]; /* set by decoding */
};
void welcome_clear(struct welcome *); /* wipes; NULL is fine */

/*
 * Appends it for the device `recipient_pk`; the keys may stand in any order
 * and more than once.  Signed by `signer`, or not when NULL: only between
 * devices of one person in a session.  LIMIT, NOMEM; USAGE when secret_implied
 * and the only key does not derive to the topic.
 */
LK_MUST_USE lk_err welcome_encode(struct buf *out, const struct welcome *,
    const uint8_t recipient_pk[static SIGN_PK_LEN],
    const struct sign_key *signer);
/*
 * For this device, `my_pk`; a signature is verified against the signer it
 * names, which is the caller's to trust.  Hosts borrow the input.  TRUNCATED,
 * MALFORMED, LIMIT.
 */
LK_MUST_USE lk_err welcome_decode(
    struct welcome *, struct bytes, const uint8_t my_pk[static SIGN_PK_LEN]);

#endif
