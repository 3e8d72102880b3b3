/*
 * guard.h - inside sync/: what the guardians of a document sign
 * (docs/protocol.md section 4, kind 11).
 *
 * A statement says one grant or revocation, and who writes it down, who can do
 * so once: so nobody can use it again after somebody more senior has undone
 * it.  Of a revocation it says whose grants end, so that a guardian who has
 * not the document can know whom he signs away.
 */
#ifndef SYNC_GUARD_H
#define SYNC_GUARD_H

#include "access/graph.h"
#include "crypto/sign.h"

#define GUARD_DIGEST_LEN 32

struct guard_statement {
	uint8_t docid[LK_ID_LEN];
	uint8_t author[SIGN_PK_LEN];    /* of the envelope */
	uint8_t nonce[GUARD_NONCE_LEN]; /* of his; never the same again */
	const struct access_op *op;     /* OP_GRANT or OP_REVOKE */
	/* The key that each entry of a revocation takes a grant from,
	 * ACCESS_KEY_LEN bytes each. */
	const uint8_t *targets;
};

/* The keys of the grants that a revocation names, by entry.  MALFORMED: one is
 * not in the graph. */
LK_MUST_USE lk_err guard_targets(const struct graph *, const struct op_revoke *,
    uint8_t keys[][ACCESS_KEY_LEN]);
/* What tells one statement from all others.  NOMEM or LIMIT. */
LK_MUST_USE lk_err guard_digest(
    uint8_t out[static GUARD_DIGEST_LEN], const struct guard_statement *);
/* A guardian's signature.  NOMEM or LIMIT. */
LK_MUST_USE lk_err guard_sign(uint8_t sig[static SIGN_LEN],
    const struct sign_key *guardian, const struct guard_statement *);
/* Whether a guardian's signature is over that.  NOMEM or LIMIT. */
LK_MUST_USE lk_err guard_verify(const uint8_t sig[static SIGN_LEN],
    const uint8_t guardian[static SIGN_PK_LEN], const struct guard_statement *,
    bool *genuine);

#endif
