/*
 * by_code.h - pairing by code, as the daemon uses it: one device shows a code,
 * the other one types it (docs/protocol.md section 16; cli.md section 5).
 *
 *   displayer   OPEN --(the code was typed)--> ENTERED --(it is done)--> DONE
 *                 |                               |
 *                 +-----> DEAD, `why` says it <---+
 *
 * A code is in memory only, is good for CODE_LASTS_MS of the monotonic clock,
 * and pays for one guess: a wrong confirmation ends it, as do CODE_RUNS_MAX
 * runs broken off before one.  One run at a time.  All inside the replica's
 * transaction, on the engine's thread.
 */
#ifndef SYNC_BY_CODE_H
#define SYNC_BY_CODE_H

#include "sync/code.h"
#include "sync/engine.h"

enum code_state { CODE_OPEN, CODE_ENTERED, CODE_DONE, CODE_DEAD };

struct code_status {
	enum code_state state;
	const char *why; /* DEAD: static */
	bool expired;    /* DEAD: nobody typed it */
	/* From ENTERED on: */
	uint8_t pk[32]; /* the new device, or the root key of the contact */
	char name[LK_NAME_MAX + 1];
	char words[KEY_WORDS_LEN]; /* both sides show them */
};

/*
 * Shows a code from now on: `text` is what to type, *until when it dies.  It is
 * forgotten by engine_code_hide.  LIMIT when CODES_MAX are shown already,
 * NOMEM.
 */
LK_MUST_USE lk_err engine_code_show(struct engine *, enum code_purpose,
    struct now, char text[static CODE_TEXT_LEN], struct mono *until,
    uint64_t *handle);
/* NOTFOUND. */
LK_MUST_USE lk_err engine_code_shown(
    struct engine *, uint64_t handle, struct code_status *);
void engine_code_hide(struct engine *, uint64_t handle);

/*
 * Types a code that a device at `address` shows: one run, whatever comes of it;
 * only before one has begun it is dialled again.  Poll
 * engine_redeemed: REFUSED has a `why`, and `broken` when the code may not be
 * to blame.  It is forgotten by engine_code_leave, which before WELCOME (or a
 * contact's card) undoes it all.
 *   MALFORMED, DATA  mistyped; USAGE  a code for something else, no address,
 *   or one that this device shows; DENIED  this device owns documents; NOMEM
 */
struct code_typed {
	struct bytes text;
	const char *address; /* "host:port" */
	enum code_purpose purpose;
};
LK_MUST_USE lk_err engine_code_type(
    struct engine *, const struct code_typed *, struct now, uint64_t *handle);
void engine_code_leave(struct engine *, uint64_t handle);

#endif
