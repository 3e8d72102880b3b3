/* The displayer's side of pairing by code. */
#include <stdlib.h>
#include <string.h>

#include "sync/pair_run.h"
#include "sync/person.h"

#define KEYS_ARENA_MAX ((size_t)1024 * 1024)

static void
window_end(struct window *w, const char *why)
{
	secret_wipe(&w->code.secret, sizeof(w->code.secret));
	dh_key_clear(&w->noise);
	if (why == NULL)
		return;
	w->status.state = CODE_DEAD;
	w->status.why = why;
}

static void
window_free(struct engine *e, struct window *w)
{
	TAILQ_REMOVE(&e->windows, w, next);
	secret_wipe(w, sizeof(*w));
	free(w);
}

void
windows_free(struct engine *e)
{
	while (!TAILQ_EMPTY(&e->windows))
		window_free(e, TAILQ_FIRST(&e->windows));
}

static struct window *
window_find(struct engine *e, uint64_t handle)
{
	struct window *w;

	TAILQ_FOREACH (w, &e->windows, next)
		if (w->handle == handle)
			return w;
	return NULL;
}

struct window *
window_of(struct engine *e, const struct link *l)
{
	return window_find(e, l->window);
}

/* A code that can still be typed. */
static struct window *
window_open_at(struct engine *e, uint8_t number)
{
	struct window *w;

	TAILQ_FOREACH (w, &e->windows, next)
		if (w->code.window == number && w->status.state == CODE_OPEN &&
		    w->until.ms > e->now.mono.ms)
			return w;
	return NULL;
}

lk_err
engine_code_show(struct engine *e, enum code_purpose purpose, struct now now,
    char text[static CODE_TEXT_LEN], struct mono *until, uint64_t *handle)
{
	uint8_t secret[DH_LEN], number;
	struct window *w;
	size_t shown = 0;

	e->now = now;
	TAILQ_FOREACH (w, &e->windows, next)
		shown++;
	if (shown >= CODES_MAX)
		return LK_ERR(LK_E_LIMIT, "too many codes are shown");
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return LK_ERR(LK_E_NOMEM, "code");
	do
		number = (uint8_t)random_below(&e->random, CODE_WINDOWS);
	while (window_open_at(e, number) != NULL);
	code_make(&w->code, number, &e->random);
	random_fill(&e->random, secret, sizeof(secret));
	dh_key_from_secret(&w->noise, secret);
	secret_wipe(secret, sizeof(secret));
	w->handle = ++e->next_handle;
	w->purpose = purpose;
	w->until.ms = now.mono.ms + CODE_LASTS_MS;
	TAILQ_INSERT_TAIL(&e->windows, w, next);
	e->wake = now.mono;
	code_encode(text, &w->code, purpose);
	*until = w->until;
	*handle = w->handle;
	return LK_NONE;
}

lk_err
engine_code_shown(struct engine *e, uint64_t handle, struct code_status *status)
{
	struct window *w = window_find(e, handle);

	if (w == NULL)
		return LK_ERR(LK_E_NOTFOUND, "code");
	*status = w->status;
	return LK_NONE;
}

void
engine_code_hide(struct engine *e, uint64_t handle)
{
	struct window *w = window_find(e, handle);
	struct link *l;

	if (w == NULL)
		return;
	l = w->conn == 0 ? NULL : link_find(e, w->conn);
	if (l != NULL)
		link_close(e, l, CLOSE_DONE);
	window_free(e, w);
	e->wake = e->now.mono;
}

static void
window_expire(struct window *w)
{
	window_end(w, "expired");
	w->status.expired = true;
}

/* The local network hears of the code that was shown last and can be typed. */
static void
windows_announce(struct engine *e)
{
	const struct window *open = NULL;
	struct window *w;

	TAILQ_FOREACH (w, &e->windows, next)
		if (w->status.state == CODE_OPEN &&
		    w->until.ms > e->now.mono.ms)
			open = w;
	discovery_window(e, open == NULL ? NULL : &open->code.window);
}

void
windows_tick(struct engine *e)
{
	struct window *w;

	TAILQ_FOREACH (w, &e->windows, next)
		if (w->status.state == CODE_OPEN && w->conn == 0 &&
		    w->until.ms <= e->now.mono.ms)
			window_expire(w);
	windows_announce(e);
}

int64_t
windows_next_ms(const struct engine *e)
{
	int64_t next = INT64_MAX;
	struct window *w;

	TAILQ_FOREACH (w, &e->windows, next)
		if (w->status.state == CODE_OPEN && w->conn == 0 &&
		    w->until.ms < next)
			next = w->until.ms;
	return next;
}

lk_err
window_found(struct engine *e, struct link *l, uint8_t number)
{
	struct window *w = window_open_at(e, number);

	if (w == NULL)
		return LK_ERR(LK_E_DENIED, "no code of this number");
	l->window = w->handle;
	session_window(l->session, &w->noise);
	return LK_NONE;
}

bool
window_take(struct engine *e, struct link *l, struct window **out,
    enum close_reason *refused)
{
	struct window *w = window_of(e, l);

	*refused = CLOSE_TICKET;
	if (w == NULL || w->status.state != CODE_OPEN ||
	    w->until.ms <= e->now.mono.ms)
		return false;
	*refused = CLOSE_BUSY;
	if (w->conn != 0)
		return false;
	w->conn = l->conn;
	*out = w;
	return true;
}

void
window_guessed(struct engine *e, struct link *l)
{
	struct window *w = window_of(e, l);

	if (w != NULL)
		window_end(w, "a wrong code was typed");
}

static lk_err
say_card(struct engine *e, struct link *l)
{
	BUF_SCOPED card = { .max = CARD_MAX };

	TRY(person_card(e->r, &card));
	return pair_run_say(e, l, MSG_CODE_KEYS_BACK, buf_bytes(&card));
}

static lk_err
enter_device(
    struct engine *e, struct link *l, struct window *w, struct bytes body)
{
	struct device_block block;
	struct bytes name, keys;
	uint32_t home;
	bool known;

	TRY(pair_run_keys(body, &keys));
	TRY(pairing_device_read(
	    rd_over(BYTES(keys.ptr + 1, keys.len - 1)), &block, &name));
	TRY(pair_run_proved(l, body, block.device_pk));
	if (memcmp(block.device_pk, e->identity->sign.pk, SIGN_PK_LEN) == 0)
		return LK_ERR(LK_E_DENIED, "this device itself");
	/* One that is entered already is told again what it was told. */
	TRY(pairing_device(e, block.device_pk, &known));
	memcpy(l->pk, block.device_pk, sizeof(l->pk));
	l->known = true;
	memcpy(w->status.pk, block.device_pk, sizeof(w->status.pk));
	memcpy(w->status.name, name.ptr, name.len);
	w->status.name[name.len] = '\0';
	TRY(pairing_enter(e, l, known ? NULL : &block, w->status.name));
	TRY(say_card(e, l));
	TRY(replica_home(e->r, &home));
	return welcome_send(e, l, home);
}

static lk_err
enter_contact(
    struct engine *e, struct link *l, struct window *w, struct bytes body)
{
	ARENA_SCOPED arena = { .max = KEYS_ARENA_MAX };
	struct bytes keys, said;
	struct card card;
	bool is_new;

	TRY(pair_run_keys(body, &keys));
	said = BYTES(keys.ptr + 1, keys.len - 1);
	TRY(card_decode(&card, &arena, said));
	TRY(card_verify(&card));
	TRY(pair_run_proved(l, body, card.signer_pk));
	if (memcmp(card.root_pk, e->identity->root_pk, SIGN_PK_LEN) == 0)
		return LK_ERR(LK_E_DENIED, "a device of this person");
	memcpy(l->pk, card.signer_pk, sizeof(l->pk));
	l->known = true;
	memcpy(w->status.pk, card.root_pk, sizeof(w->status.pk));
	memcpy(w->status.name, card.name.ptr, card.name.len);
	w->status.name[card.name.len] = '\0';
	TRY(person_keep_card(e->r, said, &is_new));
	TRY(pairing_learn(e, &card));
	return say_card(e, l);
}

lk_err
window_keys(struct engine *e, struct link *l, struct bytes body)
{
	struct window *w = window_of(e, l);
	lk_err err;

	if (w == NULL || w->status.state != CODE_OPEN)
		return LK_ERR(LK_E_MALFORMED, "pairing: out of turn");
	if (body.len == 0 || body.ptr[0] != (uint8_t)w->purpose)
		return LK_ERR(LK_E_MALFORMED, "pairing: purpose");
	code_run_words(l->run, w->status.words);
	err = w->purpose == CODE_DEVICE ? enter_device(e, l, w, body)
					: enter_contact(e, l, w, body);
	if (err.code == LK_OK) {
		w->status.state = CODE_ENTERED;
		window_end(w, NULL);
		return LK_NONE;
	}
	if (err.code != LK_E_DENIED && err.code != LK_E_NOTFOUND &&
	    err.code != LK_E_LIMIT)
		return err;
	window_end(w, err.what);
	l->why = err.what;
	link_close(e, l, CLOSE_TICKET);
	return LK_NONE;
}

lk_err
window_done(struct engine *e, struct link *l)
{
	struct window *w = window_of(e, l);

	if (w == NULL || w->status.state != CODE_ENTERED)
		return LK_ERR(LK_E_MALFORMED, "pairing: out of turn");
	w->status.state = CODE_DONE;
	w->conn = 0;
	link_close(e, l, CLOSE_DONE);
	return LK_NONE;
}

void
window_lost(struct engine *e, struct link *l)
{
	struct window *w = window_of(e, l);

	if (w == NULL || w->conn != l->conn)
		return;
	w->conn = 0;
	if (w->status.state == CODE_ENTERED)
		window_end(w, "the other device hung up before it was done");
	else if (w->status.state == CODE_OPEN && l->run->state == RUN_AGREED)
		window_end(w, "the other device hung up");
	else if (w->status.state == CODE_OPEN && ++w->broken >= CODE_RUNS_MAX)
		window_end(w, "too many tries were broken off");
}
