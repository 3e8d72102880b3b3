/*
 * guard_request.h - what goes to guardians and comes back from them, each on
 * one line (docs/protocol.md section 11): a request to sign a grant or
 * revocation, and a guardian's signature of it.
 *
 *   request    u8 1, u8 1, document id 32, author 32, nonce 16, u8 kind,
 *              uLEB length, op, [revoke: key 32 for each entry], u8 k, u8 m,
 *              m x guardian 32, uLEB length, name of the document
 *   signature  u8 1, u8 2, digest of the statement 32, guardian 32, sig 64
 *   text       "lkg1-" and base32 of it with a check
 *
 * k, the guardians and the name are what the asker says, for people; nothing
 * rests on them.  Neither is a secret.  Pure; any thread.
 */
#ifndef SYNC_GUARD_REQUEST_H
#define SYNC_GUARD_REQUEST_H

#include "crypto/phrase.h"
#include "sync/guard.h"

#define GUARD_NAME_MAX 1024
/* A revocation of all a person has, with all the tips it keeps, fits. */
#define GUARD_BINARY_MAX ((size_t)48 * 1024)
#define GUARD_TEXT_MAX (5 + (GUARD_BINARY_MAX * 8 + 4) / 5)

struct guard_request {
	struct guard_statement said;
	uint8_t k, m; /* how many guardians must sign; of how many */
	const uint8_t *guardians; /* m keys, ascending */
	struct bytes name;        /* of the document: UTF-8 without NUL */
};

/* Appends the text, without NUL.  LIMIT, NOMEM. */
LK_MUST_USE lk_err guard_request_encode(
    struct buf *out, const struct guard_request *);
/* What it points to is in the arena.  LIMIT, MALFORMED (a typing error too),
 * TRUNCATED, VERSION, NOMEM. */
LK_MUST_USE lk_err guard_request_decode(
    struct guard_request *, struct arena *, struct bytes text);

struct guard_signature {
	uint8_t digest[GUARD_DIGEST_LEN]; /* guard_digest of what was signed */
	uint8_t guardian[SIGN_PK_LEN];
	uint8_t sig[SIGN_LEN];
};

/* As above. */
LK_MUST_USE lk_err guard_signature_encode(
    struct buf *out, const struct guard_signature *);
LK_MUST_USE lk_err guard_signature_decode(
    struct guard_signature *, struct arena *, struct bytes text);

/* Signs with the root key of a phrase, which is wiped.  DENIED: it is none of
 * the guardians that the request names.  NOMEM.  Takes as long as
 * phrase_root_seed. */
LK_MUST_USE lk_err guardian_sign(struct guard_signature *,
    const struct guard_request *,
    const uint8_t entropy[static PHRASE_ENTROPY_LEN]);

#endif
