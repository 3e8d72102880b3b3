/*
 * guard.h - inside sync/: what the guardians of a document sign
 * (docs/protocol.md section 4, kind 11).
 *
 * A statement says one grant or revocation and the one place it may be written
 * at: an author and the envelope he wrote last.  So nobody can use it again
 * after somebody more senior has undone it.
 */
#ifndef SYNC_GUARD_H
#define SYNC_GUARD_H

#include "access/body.h"
#include "crypto/sign.h"

struct guard_place {
	uint8_t docid[LK_ID_LEN];
	uint8_t author[SIGN_PK_LEN]; /* of the envelope */
	uint8_t prev[LK_ID_LEN];     /* zero at seq 1 */
	uint64_t seq;
};

/* Signs a grant or revocation at a place; NOMEM or LIMIT. */
LK_MUST_USE lk_err guard_sign(uint8_t sig[static SIGN_LEN],
    const struct sign_key *guardian, const struct guard_place *,
    const struct access_op *);
/* Whether a guardian's signature is over that.  NOMEM or LIMIT. */
LK_MUST_USE lk_err guard_verify(const uint8_t sig[static SIGN_LEN],
    const uint8_t guardian[static SIGN_PK_LEN], const struct guard_place *,
    const struct access_op *, bool *genuine);

#endif
