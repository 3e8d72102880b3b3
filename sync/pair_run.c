#include "sync/pair_run.h"

#include <stdlib.h>
#include <string.h>

/* A run has no person in it who has to think. */
#define RUN_MS 20000

lk_err
pair_run_established(struct engine *e, struct link *l)
{
	l->run = calloc(1, sizeof(*l->run));
	if (l->run == NULL)
		return LK_ERR(LK_E_NOMEM, "pairing");
	l->deadline.ms = e->now.mono.ms + RUN_MS;
	return LK_NONE;
}

static lk_err
run_start(struct engine *e, struct link *l, enum code_role role,
    const struct code *code, enum code_purpose purpose)
{
	uint8_t bytes[CPACE_RANDOM_LEN];
	struct code_run_config config = { .role = role,
		.purpose = purpose,
		.code = code,
		.h = session_hash(l->session),
		.random = bytes };
	lk_err err;

	random_fill(&e->random, bytes, sizeof(bytes));
	err = code_run_init(l->run, &config);
	secret_wipe(bytes, sizeof(bytes));
	l->state = LINK_PAIRING;
	return err;
}

lk_err
pair_run_open(struct engine *e, struct link *l)
{
	enum close_reason refused;
	struct window *w;

	if (l->initiator && l->redeem != NULL) {
		TRY(run_start(e, l, CODE_TYPER, &l->redeem->code,
		    (enum code_purpose)l->redeem->purpose));
		link_send(e, l, MSG_CODE_SHARE, BYTES_OF(l->run->cpace.share));
		return LK_NONE;
	}
	/* Only now: the code may have died since the handshake, and whoever
	 * had a run of it ready would have a second guess. */
	if (window_take(e, l, &w, &refused))
		return run_start(e, l, CODE_DISPLAYER, &w->code, w->purpose);
	link_close(e, l, refused);
	return LK_NONE;
}

static lk_err
run_agree(struct engine *e, struct link *l, uint8_t type, struct bytes body)
{
	BUF_SCOPED out = { .max = CODE_CONFIRM_LEN };
	uint8_t reply = 0;
	lk_err err = code_run_take(l->run, type, body, &out, &reply);

	if (err.code == LK_E_DENIED) {
		l->why = err.what;
		link_close(e, l, CLOSE_TICKET);
		if (l->initiator)
			typed_refuse(l->redeem,
			    "who answers there does not know the code", false);
		else
			window_guessed(e, l);
		return LK_NONE;
	}
	TRY(err);
	if (reply != 0)
		link_send(e, l, (enum message_type)reply, buf_bytes(&out));
	if (l->run->state == RUN_AGREED && l->initiator)
		return typed_agreed(e, l);
	return LK_NONE;
}

lk_err
pair_run_message(
    struct engine *e, struct link *l, uint8_t type, struct bytes body)
{
	if (type <= MSG_CODE_CONFIRM_BACK)
		return run_agree(e, l, type, body);
	if (l->run->state != RUN_AGREED)
		return LK_ERR(LK_E_MALFORMED, "pairing: out of turn");
	if (type == MSG_CODE_KEYS_BACK && l->initiator)
		return typed_keys(e, l, body);
	if (type == MSG_CODE_KEYS && !l->initiator)
		return window_keys(e, l, body);
	if (type == MSG_CODE_DONE && !l->initiator && body.len == 0)
		return window_done(e, l);
	return LK_ERR(LK_E_MALFORMED, "pairing: out of turn");
}

lk_err
pair_run_say(
    struct engine *e, struct link *l, enum message_type type, struct bytes keys)
{
	uint8_t sig[SIGN_LEN];
	BUF_SCOPED b = { .max = CODE_KEYS_MAX };

	code_run_prove(l->run, sig, &e->identity->sign, keys);
	buf_add(&b, keys);
	buf_mem(&b, sig, sizeof(sig));
	TRY(buf_err(&b, "pairing"));
	link_send(e, l, type, buf_bytes(&b));
	return LK_NONE;
}

lk_err
pair_run_keys(struct bytes body, struct bytes *keys)
{
	if (body.len <= SIGN_LEN)
		return LK_ERR(LK_E_TRUNCATED, "pairing: keys");
	*keys = BYTES(body.ptr, body.len - SIGN_LEN);
	return LK_NONE;
}

lk_err
pair_run_proved(
    const struct link *l, struct bytes body, const uint8_t pk[static 32])
{
	struct bytes keys;

	TRY(pair_run_keys(body, &keys));
	return code_run_proved(l->run, body.ptr + keys.len, pk, keys)
	    ? LK_NONE
	    : LK_ERR(LK_E_MALFORMED, "pairing: proof");
}

void
pair_run_closed(struct link *l, uint8_t reason)
{
	if (l->run == NULL || l->redeem == NULL)
		return;
	if (reason == CLOSE_BUSY)
		typed_refuse(
		    l->redeem, "the code is being used by another", true);
	else if (reason == CLOSE_TICKET && l->run->state == RUN_AGREED)
		typed_refuse(
		    l->redeem, "the other device may not do that", false);
	else if (reason == CLOSE_TICKET)
		typed_refuse(
		    l->redeem, "not the code that is shown there", false);
}

void
pair_run_lost(struct engine *e, struct link *l)
{
	if (l->window != 0)
		window_lost(e, l);
	if (l->redeem != NULL && l->redeem->coded)
		typed_lost(e, l);
}
