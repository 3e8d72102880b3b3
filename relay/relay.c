#include "relay/relay.h"

#include <stdlib.h>
#include <string.h>

#include "relay/relay_state.h"

#define TICK_MOST_MS 60000
#define IDLE_MS 30000
#define DEAD_MS 75000
#define REMOVED_MAX 64 /* accounts in one round */

lk_err
relay_new(struct relay **out, const struct relay_config *config)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return LK_ERR(LK_E_NOMEM, "relay");
	r->removed = calloc(REMOVED_MAX, sizeof(*r->removed));
	if (r->removed == NULL) {
		free(r);
		return LK_ERR(LK_E_NOMEM, "relay");
	}
	r->noise = *config->noise;
	r->random = config->random;
	vaults_init(&r->vaults, config->dir);
	TAILQ_INIT(&r->clients);
	RB_INIT(&r->channels);
	*out = r;
	return LK_NONE;
}

void
relay_free(struct relay *r)
{
	if (r == NULL)
		return;
	while (!TAILQ_EMPTY(&r->clients))
		client_free(r, TAILQ_FIRST(&r->clients));
	vaults_clear(&r->vaults);
	dh_key_clear(&r->noise);
	free(r->removed);
	free(r);
}

struct kv
relay_records(struct relay *r)
{
	return txn_space(r->txn, STORE_DEVICE, SPACE_META);
}

void
relay_begin(struct relay *r, struct txn *txn, struct now now)
{
	r->txn = txn;
	r->now = now;
}

void
relay_save(struct relay *r)
{
	vaults_commit(&r->vaults);
	clients_part(r);
	vaults_rest(&r->vaults);
}

void
relay_committed(struct relay *r)
{
	r->txn = NULL;
	/* What cannot be removed is of nobody any more; it only takes room. */
	for (size_t i = 0; i < r->removed_len; i++)
		(void)vault_remove(&r->vaults, r->removed[i]).code;
	r->removed_len = 0;
}

void
relay_aborted(struct relay *r)
{
	struct client *v;

	vaults_abort(&r->vaults);
	vaults_rest(&r->vaults);
	r->txn = NULL;
	r->removed_len = 0;
	/* What the sessions said was never sent: they cannot go on. */
	TAILQ_FOREACH (v, &r->clients, next) {
		session_end(v->session);
		buf_wipe(&v->out);
		v->state = CLIENT_CLOSED;
		v->closing = true;
		v->uses_len = 0;
	}
}

static struct client *
client_find(struct relay *r, uint64_t conn)
{
	struct client *v;

	TAILQ_FOREACH (v, &r->clients, next)
		if (v->conn == conn)
			return v;
	return NULL;
}

/*
 * What a client sent wrong ends its session and nothing else; what one
 * account's database could not do, the sessions that used that in this round;
 * what the relay's own could not is the caller's to handle.
 */
static lk_err
verdict(struct relay *r, struct client *v, lk_err err)
{
	struct vault *vault = r->current;

	r->current = NULL;
	switch ((int)err.code) {
	case LK_OK:
		return LK_NONE;
	case LK_E_SYS:
	case LK_E_NOMEM:
	case LK_E_CORRUPT:
	case LK_E_FULL:
		if (vault == NULL)
			return err;
		vault_fail(vault);
		v->why = "its account's database failed";
		client_close(r, v, CLOSE_BUSY);
		return LK_NONE;
	case LK_E_UNAVAILABLE:
		client_close(r, v, CLOSE_BUSY);
		break;
	case LK_E_VERSION:
		client_close(r, v, CLOSE_VERSION);
		break;
	default:
		client_close(r, v, CLOSE_PROTOCOL);
		break;
	}
	v->why = err.what;
	return LK_NONE;
}

lk_err
relay_accepted(struct relay *r, uint64_t conn, const char *address)
{
	r->current = NULL;
	return client_new(r, conn, address);
}

lk_err
relay_bytes(struct relay *r, uint64_t conn, struct bytes bytes)
{
	struct client *v = client_find(r, conn);

	r->current = NULL;
	if (v == NULL || v->state == CLIENT_CLOSED)
		return LK_NONE;
	return verdict(r, v, client_bytes(r, v, bytes));
}

void
relay_closed(struct relay *r, uint64_t conn)
{
	struct client *v = client_find(r, conn);

	if (v != NULL)
		client_free(r, v);
}

void
relay_pending(struct relay *r, uint64_t conn, size_t pending)
{
	struct client *v = client_find(r, conn);

	if (v == NULL)
		return;
	/* Room again: go on producing. */
	if (v->pending >= CLIENT_ROOM_MIN && pending < CLIENT_ROOM_MIN)
		r->wake.ms = 0;
	v->pending = pending;
}

static void
wake_at(struct relay *r, int64_t ms)
{
	if (ms < r->wake.ms)
		r->wake.ms = ms;
}

/* Deadlines and keep-alive. */
static void
client_tick(struct relay *r, struct client *v)
{
	static const uint8_t nonce[8];
	int64_t now = r->now.mono.ms;

	if (v->state == CLIENT_CLOSED)
		return;
	if (!v->known) {
		if (now - v->accepted.ms >= RELAY_STRANGER_MS)
			client_close(r, v, CLOSE_PROTOCOL);
		wake_at(r, v->accepted.ms + RELAY_STRANGER_MS);
		return;
	}
	if (now - v->heard.ms >= DEAD_MS) {
		client_close(r, v, CLOSE_PROTOCOL);
		return;
	}
	if (now - v->heard.ms >= IDLE_MS && now - v->pinged.ms >= IDLE_MS) {
		v->pinged = r->now.mono;
		client_send(r, v, MSG_PING, BYTES_OF(nonce));
	}
	wake_at(r,
	    v->heard.ms + IDLE_MS > now ? v->heard.ms + IDLE_MS
					: v->pinged.ms + IDLE_MS);
}

lk_err
relay_tick(struct relay *r)
{
	struct client *v;

	r->wake.ms = r->now.mono.ms + TICK_MOST_MS;
	TAILQ_FOREACH (v, &r->clients, next) {
		client_tick(r, v);
		r->current = NULL;
		TRY(verdict(r, v, subscription_pump(r, v)));
	}
	if (vaults_step(&r->vaults))
		r->wake = r->now.mono;
	return LK_NONE;
}

struct mono
relay_next(const struct relay *r)
{
	return r->wake;
}

/* What this client is to be told, or that it is to go. */
static bool
client_take(struct client *v, struct relay_output *out)
{
	if (session_flush(v->session, &v->out).code != LK_OK)
		v->closing = true;
	if (v->out.len == 0 && (!v->closing || v->gone))
		return false;
	*out = (struct relay_output){
		.conn = v->conn, .address = v->address, .why = v->why
	};
	if (v->out.len > 0) {
		out->what = RELAY_SEND;
		out->bytes = v->out;
		v->pending += v->out.len;
		buf_init(&v->out, CLIENT_OUT_MAX);
	} else {
		out->what = RELAY_CLOSE;
		v->gone = true;
	}
	return true;
}

bool
relay_take(struct relay *r, struct relay_output *out)
{
	struct client *v;

	TAILQ_FOREACH (v, &r->clients, next)
		if (client_take(v, out))
			return true;
	return false;
}

lk_err
relay_account(struct relay *r, struct relay_account *out)
{
	struct relay_account a = { .account = out->account };
	struct vault_usage usage = { .bytes = 0 };
	struct client *v;

	TRY(account_next(relay_records(r), &a.account));
	a.damaged = vault_look(&r->vaults, &a.account, &usage).code != LK_OK;
	a.bytes = usage.bytes;
	a.envelopes = usage.envelopes;
	TAILQ_FOREACH (v, &r->clients, next)
		a.sessions += v->logged_in &&
		    memcmp(v->account, a.account.id, SIGN_PK_LEN) == 0;
	*out = a;
	return LK_NONE;
}

lk_err
relay_account_limit(struct relay *r, const uint8_t id[static SIGN_PK_LEN],
    const struct account_limits *limits)
{
	struct account a;

	TRY(account_get(relay_records(r), id, &a));
	a.limits = *limits;
	return account_put(relay_records(r), &a);
}

lk_err
relay_account_remove(struct relay *r, const uint8_t id[static SIGN_PK_LEN])
{
	struct account a;
	struct client *v;

	TRY(account_get(relay_records(r), id, &a));
	if (r->removed_len == REMOVED_MAX)
		return LK_ERR(LK_E_AGAIN, "accounts");
	TRY(account_remove(relay_records(r), id));
	subscription_end(r, id, NULL);
	TAILQ_FOREACH (v, &r->clients, next)
		if (v->logged_in && memcmp(v->account, id, SIGN_PK_LEN) == 0)
			client_close(r, v, CLOSE_DONE);
	r->removed[r->removed_len++] = a.number;
	return LK_NONE;
}

lk_err
relay_invite(struct relay *r, struct invitation *i)
{
	random_fill(&r->random, i->token, sizeof(i->token));
	return invitation_put(relay_records(r), i, r->now.wall);
}

size_t
relay_sessions(const struct relay *r)
{
	const struct client *v;
	size_t n = 0;

	TAILQ_FOREACH (v, &r->clients, next)
		n += v->known && v->state != CLIENT_CLOSED;
	return n;
}
