/*
 * relay_account.h - inside sync/: this person's accounts with relays, in the
 * home document: /relays/RELAY_PK {account, heir, successor}.
 *
 * account is the seed of the key that speaks for it; heir the seed of its
 * successor, sealed to the root's recovery box, so that no device can open it
 * and the recovery phrase can; successor that one's public key.
 *
 * An entry is there before the relay hears of it, and stays when it gives no
 * account: another invitation may be for the same keys.
 */
#ifndef SYNC_RELAY_ACCOUNT_H
#define SYNC_RELAY_ACCOUNT_H

#include "crypto/seal.h"
#include "crypto/sign.h"
#include "sync/replica.h"

/* NOTFOUND: none with this relay, as far as the home document is known. */
LK_MUST_USE lk_err relay_account_get(
    struct replica *, const uint8_t relay_pk[static DH_LEN], struct sign_key *);
/* NOTFOUND likewise. */
LK_MUST_USE lk_err relay_account_successor(struct replica *,
    const uint8_t relay_pk[static DH_LEN], uint8_t out[static SIGN_PK_LEN]);
/* Draws one and enters it.  What edits can fail with; NOTFOUND: the home
 * document is not here yet. */
LK_MUST_USE lk_err relay_account_make(
    struct replica *, struct random *, const uint8_t relay_pk[static DH_LEN]);

#endif
