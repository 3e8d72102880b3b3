/*
 * code_run.h - one run of pairing by code inside a session of pattern XX: the
 * agreement over the code, and that both sides have the same
 * (docs/protocol.md section 16).
 *
 *     typer                                         displayer
 *     SHARE -- 80 its share -------------------->   SHARE
 *     CONFIRM <----------------- 81 its share ---   CONFIRM
 *     CONFIRM -- 82 confirmation --------------->   AGREED, or DEAD
 *     AGREED, or DEAD <------- 83 confirmation --   AGREED
 *
 * The typer confirms first: of a wrong code the displayer learns that it is
 * wrong, and the typer nothing.  h, which the session's keys depend on, goes
 * into the agreement and into both confirmations: with somebody in between the
 * two sides have two of them and never agree.
 *
 * Pure: messages in, messages out.  Holds secrets: code_run_clear; and it is
 * not copied, as it points into itself.  One thread.
 */
#ifndef SYNC_CODE_RUN_H
#define SYNC_CODE_RUN_H

#include "crypto/cpace.h"
#include "crypto/sign.h"
#include "sync/card.h"
#include "sync/code.h"
#include "sync/session.h"

#define CODE_CONFIRM_LEN 32
/* u8 purpose, card, signature: the longest of messages 84 and 85. */
#define CODE_KEYS_MAX (1 + CARD_MAX + SIGN_LEN)

/* As it goes into what both compute. */
enum code_role { CODE_TYPER = 1, CODE_DISPLAYER = 2 };

enum code_run_state { RUN_SHARE, RUN_CONFIRM, RUN_AGREED, RUN_DEAD };

struct code_run {
	enum code_role role;
	enum code_run_state state;
	struct cpace cpace;
	uint8_t h[SESSION_HASH_LEN];
	uint8_t key[32]; /* the first half of ISK; from RUN_CONFIRM on */
};

struct code_run_config {
	enum code_role role;
	enum code_purpose purpose;
	const struct code *code;
	const uint8_t *h;      /* SESSION_HASH_LEN */
	const uint8_t *random; /* CPACE_RANDOM_LEN fresh bytes, used once */
};

/* The typer's message 80 is its cpace.share.  MALFORMED: the random bytes. */
LK_MUST_USE lk_err code_run_init(
    struct code_run *, const struct code_run_config *);
void code_run_clear(struct code_run *); /* wipes; NULL is fine */
/*
 * Takes one of the messages 80 to 83 and says which one is the answer: *reply
 * is its type, or 0, and its body is appended to `out`.
 *   MALFORMED  out of turn, of a wrong length, or no share
 *   DENIED     the confirmation is not that of one who knows the code
 * Either ends the run for good.
 */
LK_MUST_USE lk_err code_run_take(struct code_run *, uint8_t type,
    struct bytes body, struct buf *out, uint8_t *reply);

/* From RUN_AGREED on: */
/* Three words that both sides show. */
void code_run_words(const struct code_run *, char out[static KEY_WORDS_LEN]);
/* Proof, in this run and by this side, that a device has its key: over `keys`,
 * what is said of it. */
void code_run_prove(const struct code_run *, uint8_t sig[static SIGN_LEN],
    const struct sign_key *, struct bytes keys);
/* The other side's; false also when `keys` are too long. */
LK_MUST_USE bool code_run_proved(const struct code_run *,
    const uint8_t sig[static SIGN_LEN], const uint8_t pk[static SIGN_PK_LEN],
    struct bytes keys);

#endif
