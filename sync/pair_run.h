/*
 * pair_run.h - inside sync/: pairing by code on the engine's links.
 *
 *   pair_run.c   a run on its link: messages 80 to 86, for both sides
 *   window.c     the displayer's side: the codes that are shown
 *   typed.c      the typer's side: a struct redeem that has a code
 *
 * A link of pattern XX lives for one run: HELLO, then PAIRING, then it is
 * closed, and the two devices connect as devices that know each other do.
 */
#ifndef SYNC_PAIR_RUN_H
#define SYNC_PAIR_RUN_H

#include "sync/by_code.h"
#include "sync/code_run.h"
#include "sync/pairing.h"

/* A code that this device shows. */
struct window {
	TAILQ_ENTRY(window) next;
	uint64_t handle;
	enum code_purpose purpose;
	struct code code;
	struct dh_key noise; /* the static key of its sessions */
	struct mono until;
	unsigned broken; /* runs that ended before a confirmation */
	uint64_t conn;   /* of the run under way; 0: none */
	struct code_status status;
};

/* pair_run.c */
/* The session is there: a run begins, with HELLO. */
LK_MUST_USE lk_err pair_run_established(struct engine *, struct link *);
/* After HELLO: the typer says the first word, if the window is free. */
LK_MUST_USE lk_err pair_run_open(struct engine *, struct link *);
LK_MUST_USE lk_err pair_run_message(
    struct engine *, struct link *, uint8_t type, struct bytes body);
/* CLOSE came, with this reason. */
void pair_run_closed(struct link *, uint8_t reason);
void pair_run_lost(struct engine *, struct link *);
/* Sends `keys` and the proof over them. */
LK_MUST_USE lk_err pair_run_say(
    struct engine *, struct link *, enum message_type, struct bytes keys);
/* The proof at the end of `body`, by the device whose key `pk` is in it. */
LK_MUST_USE lk_err pair_run_proved(
    const struct link *, struct bytes body, const uint8_t pk[static 32]);
/* What is in front of the proof.  TRUNCATED. */
LK_MUST_USE lk_err pair_run_keys(struct bytes body, struct bytes *keys);

/* window.c */
/* A connection names the window; DENIED when there is none. */
LK_MUST_USE lk_err window_found(struct engine *, struct link *, uint8_t number);
struct window *window_of(struct engine *, const struct link *);
/* The window's one run is this link's from now on, or *refused says why not. */
bool window_take(struct engine *, struct link *, struct window **,
    enum close_reason *refused);
/* The other side has another code. */
void window_guessed(struct engine *, struct link *);
LK_MUST_USE lk_err window_keys(struct engine *, struct link *, struct bytes);
LK_MUST_USE lk_err window_done(struct engine *, struct link *);
void window_lost(struct engine *, struct link *);
void windows_tick(struct engine *);
/* When the next one dies; INT64_MAX. */
int64_t windows_next_ms(const struct engine *);
void windows_free(struct engine *);

/* typed.c */
LK_MUST_USE lk_err typed_try(struct engine *, struct redeem *);
LK_MUST_USE lk_err typed_agreed(struct engine *, struct link *);
LK_MUST_USE lk_err typed_keys(struct engine *, struct link *, struct bytes);
LK_MUST_USE lk_err typed_welcome(struct engine *, struct link *, struct bytes);
/* It cannot go on; broken: another try may. */
void typed_refuse(struct redeem *, const char *why, bool broken);
void typed_lost(struct engine *, struct link *);

#endif
