/*
 * keyproof.h - inside sync/: public keys as they enter a document, each proved
 * once (docs/protocol.md, "Acceptance", A6).  A person's root, devices and box
 * keys are the same in all his documents, and a proof costs a scalar
 * multiplication or two: what was proved is remembered, what failed is not.
 *
 * Public values only: nothing here needs constant time or wiping.
 */
#ifndef SYNC_KEYPROOF_H
#define SYNC_KEYPROOF_H

#include "sync/cert.h"

#define KEYPROOFS_MAX 64

struct keyproofs {
	/* Zero filled behind what the kind of proof needs. */
	struct keyproof {
		uint8_t device_pk[SIGN_PK_LEN];
		uint8_t box_pk[DH_LEN];
		uint8_t box_sig[SIGN_LEN];
		uint32_t counter;
		uint8_t kind;
	} seen[KEYPROOFS_MAX];
	size_t len, next; /* the oldest is replaced */
};

/* A key whose signatures can be believed: sign_pk_valid. */
LK_MUST_USE bool keyproof_device(
    struct keyproofs *, const uint8_t device_pk[static SIGN_PK_LEN]);
/* A box key that is a point: box_pk_valid. */
LK_MUST_USE bool keyproof_box(
    struct keyproofs *, const uint8_t box_pk[static DH_LEN]);
/* A box key that is a point and the device's: box_statement_verify. */
LK_MUST_USE bool keyproof_statement(struct keyproofs *,
    const uint8_t box_sig[static SIGN_LEN],
    const uint8_t device_pk[static SIGN_PK_LEN],
    const uint8_t box_pk[static DH_LEN], uint32_t counter);

#endif
