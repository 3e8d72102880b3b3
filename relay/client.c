#include <stdlib.h>
#include <string.h>

#include "relay/relay_state.h"
#include "sync/endpoint.h"

#define SMALL_MAX 64
#define SESSIONS_SAME_MAX 64 /* with one badge */

static bool
is_stranger(const struct client *v)
{
	return !v->known && v->state != CLIENT_CLOSED;
}

/* Who is a stranger beside this one, and one of them picked by chance, so that
 * who fills the places does not keep them. */
struct strangers {
	size_t all, here;
	struct client *picked;
};

static struct strangers
strangers_count(struct relay *r, const struct client *v)
{
	struct strangers s = { .all = 0 };
	struct client *other;

	TAILQ_FOREACH (other, &r->clients, next)
		if (other != v && is_stranger(other)) {
			s.all++;
			if (endpoint_same_place(other->address, v->address))
				s.here++;
			if (random_below(&r->random, s.all) == 0)
				s.picked = other;
		}
	return s;
}

static bool
client_is_welcome(struct relay *r, const struct client *v)
{
	struct strangers s = strangers_count(r, v);

	if (s.here < PEERS_STRANGERS_HERE && s.all >= RELAY_STRANGERS_MAX)
		client_close(r, s.picked, CLOSE_BUSY);
	return s.here < PEERS_STRANGERS_HERE;
}

lk_err
client_new(struct relay *r, uint64_t conn, const char *address)
{
	struct client *v = calloc(1, sizeof(*v));
	uint8_t ephemeral[DH_LEN];
	struct session_config config = { .role = SESSION_RESPONDER,
		.pattern = SESSION_NK,
		.noise = &r->noise,
		.ephemeral = ephemeral };
	lk_err err;

	if (v == NULL)
		return LK_ERR(LK_E_NOMEM, "client");
	v->conn = conn;
	v->accepted = v->heard = r->now.mono;
	allowance_init(
	    &v->work, RELAY_WORK_MAX, RELAY_WORK_SECOND, r->now.mono);
	(void)strlcpy(v->address, address, sizeof(v->address));
	buf_init(&v->out, CLIENT_OUT_MAX);
	TAILQ_INIT(&v->sending);
	relay_body_max(v->body_max);
	v->body_max[MSG_HELLO] = v->body_max[MSG_CLOSE] = SMALL_MAX;
	v->body_max[MSG_PING] = v->body_max[MSG_PONG] = SMALL_MAX;
	TAILQ_INSERT_TAIL(&r->clients, v, next);
	if (!client_is_welcome(r, v)) {
		client_close(r, v, CLOSE_BUSY);
		return LK_NONE;
	}
	random_fill(&r->random, ephemeral, sizeof(ephemeral));
	config.body_max = v->body_max;
	err = session_new(&v->session, &config, &v->out);
	secret_wipe(ephemeral, sizeof(ephemeral));
	return err;
}

void
client_free(struct relay *r, struct client *v)
{
	TAILQ_REMOVE(&r->clients, v, next);
	for (size_t i = 0; i < v->numbers_len; i++)
		if (v->numbers[i] != NULL)
			subscription_free(r, v->numbers[i]);
	session_free(v->session);
	buf_wipe(&v->out);
	free(v->numbers);
	free(v->orders);
	free(v->watches);
	free(v);
}

bool
client_has_room(const struct client *v)
{
	return v->state != CLIENT_CLOSED &&
	    v->out.len + v->pending < CLIENT_ROOM_MIN;
}

static void
client_end(struct client *v)
{
	v->state = CLIENT_CLOSED;
	v->closing = true;
}

void
client_send(struct relay *r, struct client *v, enum message_type type,
    struct bytes body)
{
	bool told = v->state == CLIENT_CLOSED || v->session == NULL ||
	    session_queue(v->session, &v->out, (uint8_t)type, body).code ==
		LK_OK;

	/* One that cannot be told is one to part with. */
	if (told)
		return;
	client_end(v);
	r->wake = r->now.mono;
}

void
client_close(struct relay *r, struct client *v, enum close_reason reason)
{
	uint8_t body[1] = { (uint8_t)reason };

	if (v->state == CLIENT_CLOSED)
		return;
	if (v->state != CLIENT_HANDSHAKE)
		client_send(r, v, MSG_CLOSE, BYTES_OF(body));
	client_end(v);
}

lk_err
client_known(
    struct relay *r, struct client *v, const uint8_t pk[static SIGN_PK_LEN])
{
	struct client *other;
	size_t same = 0;

	if (v->known)
		return LK_NONE;
	TAILQ_FOREACH (other, &r->clients, next)
		same += other->known && other->state != CLIENT_CLOSED &&
		    memcmp(other->badge, pk, SIGN_PK_LEN) == 0;
	if (same >= SESSIONS_SAME_MAX)
		return LK_ERR(LK_E_LIMIT, "too many sessions");
	v->known = true;
	memcpy(v->badge, pk, SIGN_PK_LEN);
	return LK_NONE;
}

lk_err
client_work(struct relay *r, struct client *v, uint64_t n)
{
	return allowance_take(&v->work, n, r->now.mono)
	    ? LK_NONE
	    : LK_ERR(LK_E_LIMIT, "asks too much");
}

lk_err
client_vault(struct relay *r, struct client *v, const struct account *a,
    struct vault **out)
{
	struct vault *vault;

	/* Whatever is wrong with it, the relay's own is not. */
	if (vault_get(&r->vaults, a, &vault).code != LK_OK)
		return LK_ERR(LK_E_UNAVAILABLE, "database of an account");
	r->current = *out = vault;
	for (size_t i = 0; i < v->uses_len && i < CLIENT_USES_MAX; i++)
		if (v->uses[i] == vault)
			return LK_NONE;
	if (v->uses_len < CLIENT_USES_MAX)
		v->uses[v->uses_len] = vault;
	v->uses_len++;
	return LK_NONE;
}

static bool
heard_of_failed(const struct relay *r, const struct client *v)
{
	const struct vault *vault;
	bool some = false;

	TAILQ_FOREACH (vault, &r->vaults.open, next)
		some |= vault->failed;
	if (!some || v->uses_len > CLIENT_USES_MAX)
		return some;
	for (size_t i = 0; i < v->uses_len; i++)
		if (v->uses[i]->failed)
			return true;
	return false;
}

void
clients_part(struct relay *r)
{
	struct client *v;

	TAILQ_FOREACH (v, &r->clients, next) {
		if (heard_of_failed(r, v)) {
			session_end(v->session);
			buf_wipe(&v->out);
			client_end(v);
		}
		v->uses_len = 0;
	}
}

static lk_err
hello_taken(struct relay *r, struct client *v, struct bytes body)
{
	struct hello hello;

	(void)r;
	if (v->state != CLIENT_HELLO)
		return LK_ERR(LK_E_MALFORMED, "second HELLO");
	TRY(hello_meet(&hello, body));
	v->state = CLIENT_OPEN;
	return LK_NONE;
}

static lk_err
close_taken(struct relay *r, struct client *v, struct bytes body)
{
	(void)body;
	client_close(r, v, CLOSE_DONE);
	return LK_NONE;
}

static lk_err
ping_taken(struct relay *r, struct client *v, struct bytes body)
{
	if (body.len != 8)
		return LK_ERR(LK_E_MALFORMED, "PING");
	client_send(r, v, MSG_PONG, body);
	return LK_NONE;
}

static lk_err
pong_taken(struct relay *r, struct client *v, struct bytes body)
{
	(void)r;
	(void)v;
	return body.len == 8 ? LK_NONE : LK_ERR(LK_E_MALFORMED, "PONG");
}

/* When a message may come: before HELLO, from anybody, from who is known, from
 * who speaks for an account. */
enum { FIRST = 1, ANYBODY = 2, KNOWN = 4, ACCOUNT = 8 };

static const struct handler {
	enum message_type type;
	unsigned when;
	lk_err (*take)(struct relay *, struct client *, struct bytes);
} handlers[] = {
	{ MSG_HELLO, FIRST | ANYBODY, hello_taken },
	{ MSG_CLOSE, FIRST | ANYBODY, close_taken },
	{ MSG_PING, ANYBODY, ping_taken },
	{ MSG_PONG, ANYBODY, pong_taken },
	{ MSG_RELAY_OPEN, ANYBODY, open_taken },
	{ MSG_RELAY_REGISTER, ANYBODY, register_taken },
	{ MSG_MAILBOX_PUT, ANYBODY, letter_taken },
	{ MSG_MAILBOX_GET, ANYBODY, letters_taken },
	{ MSG_MAILBOX_DELETE, ANYBODY, delete_taken },
	{ MSG_FP, KNOWN, fp_taken },
	{ MSG_RANGE, KNOWN, range_taken },
	{ MSG_WANT, KNOWN, want_taken },
	{ MSG_BATCH, KNOWN, batch_taken },
	{ MSG_ACK, KNOWN, ack_taken },
	{ MSG_RELAY_PURGE, ACCOUNT, purge_taken },
	{ MSG_RELAY_QUOTA, ACCOUNT, quota_taken },
};

static unsigned
client_may(const struct client *v)
{
	if (v->state == CLIENT_HELLO)
		return FIRST;
	return ANYBODY | (v->known ? KNOWN : 0) | (v->logged_in ? ACCOUNT : 0);
}

static lk_err
message_taken(
    struct relay *r, struct client *v, uint8_t type, struct bytes body)
{
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		const struct handler *h = &handlers[i];

		if (h->type != type)
			continue;
		if ((h->when & client_may(v)) == 0)
			return LK_ERR(LK_E_MALFORMED, "message out of place");
		return h->take(r, v, body);
	}
	return type >= MSG_UNKNOWN_MIN
	    ? LK_NONE
	    : LK_ERR(LK_E_VERSION, "unknown message");
}

static void
established(struct relay *r, struct client *v)
{
	struct hello hello = { .min = PROTOCOL_VERSION,
		.max = PROTOCOL_VERSION,
		.message_max = MESSAGE_MAX };
	BUF_SCOPED b = { .max = SMALL_MAX };

	hello_encode(&b, &hello);
	v->state = CLIENT_HELLO;
	client_send(r, v, MSG_HELLO, buf_bytes(&b));
}

static lk_err
stranger_check(const struct client *v)
{
	return v->known || v->received <= RELAY_STRANGER_BYTES_MAX
	    ? LK_NONE
	    : LK_ERR(LK_E_LIMIT, "says much and shows nothing");
}

/* One that is answered and does not read is not asked on. */
static lk_err
answers_check(const struct client *v)
{
	return v->out.len + v->pending <= CLIENT_OUT_MAX / 2
	    ? LK_NONE
	    : LK_ERR(LK_E_LIMIT, "does not read");
}

lk_err
client_bytes(struct relay *r, struct client *v, struct bytes in)
{
	v->heard = r->now.mono;
	v->received += in.len;
	while (v->state != CLIENT_CLOSED) {
		struct session_event ev;

		TRY(stranger_check(v));
		TRY(answers_check(v));
		TRY(session_step(v->session, &in, &v->out, &ev));
		switch (ev.type) {
		case SESSION_NOTHING:
			return LK_NONE;
		case SESSION_TICKET:
		case SESSION_WINDOW:
			return LK_ERR(LK_E_VERSION, "pattern");
		case SESSION_ESTABLISHED:
			established(r, v);
			break;
		case SESSION_MESSAGE:
			TRY(message_taken(r, v, ev.message, ev.body));
			break;
		}
	}
	return LK_NONE;
}
