/* The typer's side of pairing by code. */
#include <stdlib.h>
#include <string.h>

#include "sync/endpoint.h"
#include "sync/pair_run.h"
#include "sync/person.h"

#define KEYS_ARENA_MAX ((size_t)1024 * 1024)
#define AGAIN_MS 1000 /* nobody answered at the address */
/* Who knows of no such code hangs up in the handshake; so does a bad network,
 * but not every time. */
#define HANG_UPS_MAX 3
#define HUNG_UP_MS 200

/* Whether this device shows that code itself. */
static bool
code_is_own(struct engine *e, const struct code *code)
{
	struct window *w;

	TAILQ_FOREACH (w, &e->windows, next)
		if (w->status.state == CODE_OPEN &&
		    w->code.window == code->window &&
		    w->code.secret == code->secret)
			return true;
	return false;
}

static lk_err
typed_check(struct engine *e, const struct code_typed *typed, struct code *code)
{
	struct address address;

	TRY(code_decode(code, typed->text, typed->purpose));
	TRY(endpoint_parse(&address, typed->address));
	if (strlen(typed->address) >= ADDRESS_TEXT_MAX)
		return LK_ERR(LK_E_USAGE, "address");
	if (code_is_own(e, code))
		return LK_ERR(LK_E_USAGE, "this device shows that code");
	return redeem_allowed(e, (enum ticket_purpose)typed->purpose);
}

lk_err
engine_code_type(struct engine *e, const struct code_typed *typed,
    struct now now, uint64_t *handle)
{
	struct code code;
	struct redeem *q;

	e->now = now;
	TRY(typed_check(e, typed, &code));
	q = calloc(1, sizeof(*q));
	if (q == NULL)
		return LK_ERR(LK_E_NOMEM, "code");
	q->handle = ++e->next_handle;
	q->purpose = (enum ticket_purpose)typed->purpose;
	q->coded = true;
	q->code = code;
	secret_wipe(&code, sizeof(code));
	(void)strlcpy(
	    q->addresses[q->addresses_len++], typed->address, ADDRESS_TEXT_MAX);
	TAILQ_INSERT_TAIL(&e->redeems, q, next);
	e->wake = now.mono;
	*handle = q->handle;
	return LK_NONE;
}

void
engine_code_leave(struct engine *e, uint64_t handle)
{
	struct redeem *q;

	TAILQ_FOREACH (q, &e->redeems, next)
		if (q->handle == handle && q->coded)
			break;
	if (q == NULL)
		return;
	redeem_leave(e, q);
	e->wake = e->now.mono;
}

lk_err
typed_try(struct engine *e, struct redeem *q)
{
	uint8_t secret[DH_LEN];
	struct dh_key noise;
	struct session_config config = {
		.pattern = SESSION_XX, .noise = &noise, .window = q->code.window
	};
	struct link *l;
	lk_err err;

	TRY(link_open(e, e->next_conn++, true, q->addresses[0], &l));
	l->redeem = q;
	q->conn = l->conn;
	random_fill(&e->random, secret, sizeof(secret));
	dh_key_from_secret(&noise, secret);
	err = link_start(e, l, &config);
	secret_wipe(secret, sizeof(secret));
	dh_key_clear(&noise);
	if (err.code != LK_OK) {
		link_free(e, l);
		q->conn = 0;
	}
	return err;
}

void
typed_refuse(struct redeem *q, const char *why, bool broken)
{
	if (q->status.state != REDEEM_TRYING)
		return;
	q->status.state = REDEEM_REFUSED;
	q->status.why = why;
	q->status.broken = broken;
	secret_wipe(&q->code, sizeof(q->code));
}

lk_err
typed_agreed(struct engine *e, struct link *l)
{
	BUF_SCOPED keys = { .max = CARD_MAX + 1 };

	secret_wipe(&l->redeem->code, sizeof(l->redeem->code));
	TRY(redeem_payload(e, l->redeem, &keys));
	return pair_run_say(e, l, MSG_CODE_KEYS, buf_bytes(&keys));
}

/* Everything is here and will be durable: the other side is told. */
static lk_err
typed_done(struct engine *e, struct link *l)
{
	code_run_words(l->run, l->redeem->status.words);
	l->redeem->answered = l->redeem->welcomed = true;
	link_send(e, l, MSG_CODE_DONE, BYTES(NULL, 0));
	link_close(e, l, CLOSE_DONE);
	return LK_NONE;
}

static lk_err
typed_contact(struct engine *e, struct link *l, const struct card *card,
    struct bytes bytes)
{
	struct redeem *q = l->redeem;
	bool is_new;

	if (memcmp(card->root_pk, e->identity->root_pk, SIGN_PK_LEN) == 0) {
		typed_refuse(q, "that device is yours", false);
		link_close(e, l, CLOSE_TICKET);
		return LK_NONE;
	}
	TRY(person_keep_card(e->r, bytes, &is_new));
	TRY(pairing_learn(e, card));
	TRY(peers_address(e, card->signer_pk, l->address));
	memcpy(q->status.root_pk, card->root_pk, SIGN_PK_LEN);
	memcpy(q->status.name, card->name.ptr, card->name.len);
	q->status.name[card->name.len] = '\0';
	q->status.state = REDEEM_DONE;
	return typed_done(e, l);
}

lk_err
typed_keys(struct engine *e, struct link *l, struct bytes body)
{
	ARENA_SCOPED arena = { .max = KEYS_ARENA_MAX };
	struct redeem *q = l->redeem;
	struct bytes bytes;
	struct card card;
	uint8_t *copy;

	if (q == NULL || q->card.len > 0)
		return LK_ERR(LK_E_MALFORMED, "pairing: out of turn");
	TRY(pair_run_keys(body, &bytes));
	TRY(card_decode(&card, &arena, bytes));
	TRY(card_verify(&card));
	TRY(pair_run_proved(l, body, card.signer_pk));
	memcpy(l->pk, card.signer_pk, sizeof(l->pk));
	memcpy(l->root_pk, card.root_pk, sizeof(l->root_pk));
	l->known = true;
	if (q->purpose == TICKET_INVITE)
		return typed_contact(e, l, &card, bytes);
	if (memcmp(card.root_pk, e->identity->root_pk, SIGN_PK_LEN) == 0)
		return typed_done(e, l); /* his already */
	copy = malloc(bytes.len);
	if (copy == NULL)
		return LK_ERR(LK_E_NOMEM, "card");
	memcpy(copy, bytes.ptr, bytes.len);
	q->card = BYTES(copy, bytes.len);
	return LK_NONE;
}

lk_err
typed_welcome(struct engine *e, struct link *l, struct bytes body)
{
	struct redeem *q = l->redeem;
	struct welcome w;
	lk_err err;

	if (q == NULL || q->card.len == 0)
		return LK_ERR(LK_E_MALFORMED, "pairing: out of turn");
	/* Documents may have been made here since the code was typed. */
	err = redeem_allowed(e, q->purpose);
	if (err.code == LK_E_DENIED) {
		typed_refuse(q, err.what, false);
		link_close(e, l, CLOSE_TICKET);
		return LK_NONE;
	}
	TRY(err);
	TRY(welcome_decode(&w, body, e->identity->sign.pk));
	err = redeem_become(e, l, &w);
	welcome_clear(&w);
	TRY(err);
	return typed_done(e, l);
}

void
typed_lost(struct engine *e, struct link *l)
{
	struct redeem *q = l->redeem;

	l->redeem = NULL;
	q->conn = 0;
	if (q->welcomed || q->status.state != REDEEM_TRYING)
		return;
	/* Nobody was asked anything yet. */
	if (!l->connected) {
		q->again.ms = e->now.mono.ms + AGAIN_MS;
		return;
	}
	if (l->run != NULL) {
		typed_refuse(q, "the connection broke off", true);
	} else if (++q->refusals == HANG_UPS_MAX) {
		typed_refuse(q, "no code of that number is shown there", false);
	} else {
		q->again.ms = e->now.mono.ms + HUNG_UP_MS;
		e->wake = e->now.mono;
	}
}
