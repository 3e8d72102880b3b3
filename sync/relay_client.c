#include "sync/relay_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/pairing.h"
#include "sync/relay_account.h"

#define CONNECT_MS 20000
#define IDLE_MS 30000
#define DEAD_MS 75000
#define ROUND_MS 30000
#define AGAIN_MS 5000
#define AGAIN_MOST_MS 300000
#define FAILURES_MANY 6 /* it is not dialled for long */
#define VISIT_MS 5000   /* less than what a relay grants strangers */
#define SMALL 64

/* What this person's other devices, and those he shares with, are to add. */
static void
address_say(const struct relay_client *c, struct remote_status *s)
{
	char key[2 * DH_LEN + 1], account[2 * SIGN_PK_LEN + 1];
	BUF_SCOPED b = { .max = sizeof(s->address) };

	hex_encode(key, BYTES_OF(c->at.relay_key));
	hex_encode(account, BYTES_OF(c->account));
	buf_printf(&b, "relay://%s@%s?account=%s", key, c->at.host, account);
	buf_u8(&b, 0);
	if (!b.failed)
		memcpy(s->address, b.ptr, b.len);
}

void
relay_client_says(
    struct engine *e, struct relay_client *c, lk_err err, const char *why)
{
	struct remote_status *s = remote_status(e, c->remote);

	if (s == NULL)
		return;
	if (!s->tried || s->reachable != (err.code == LK_OK))
		s->since = e->now.wall;
	s->tried = true;
	if (err.code == LK_OK)
		address_say(c, s);
	s->reachable = err.code == LK_OK;
	s->err = err;
	(void)strlcpy(s->why, why, sizeof(s->why));
}

static void
session_drop(struct relay_client *c)
{
	session_free(c->session);
	c->session = NULL;
	buf_wipe(&c->out);
	c->pending = 0;
	c->state = RELAY_CLIENT_IDLE;
	c->asked = 0;
	relay_topics_reset(c);
	relay_client_mail_clear(c);
}

static void
relay_client_free(struct engine *e, struct relay_client *c)
{
	TAILQ_REMOVE(&e->relay_clients, c, next);
	session_drop(c);
	relay_topics_clear(c);
	free(c->ignored);
	free(c);
}

void
relay_clients_free(struct engine *e)
{
	while (!TAILQ_EMPTY(&e->relay_clients))
		relay_client_free(e, TAILQ_FIRST(&e->relay_clients));
}

/* After a failure later each time, and not all devices at once. */
static void
relay_client_lost(struct engine *e, struct relay_client *c)
{
	int64_t wait = AGAIN_MS;

	session_drop(c);
	c->conn = 0;
	for (unsigned i = 0; i < c->failures && wait < AGAIN_MOST_MS; i++)
		wait *= 2;
	c->failures++;
	c->due.ms = e->now.mono.ms + wait / 2 +
	    (int64_t)random_below(&e->random, (uint64_t)wait);
	e->wake = e->now.mono;
}

/* Ends the session; the connection is closed when what is left was sent. */
static void
relay_client_end(struct engine *e, struct relay_client *c)
{
	if (c->conn == 0 || c->closing)
		return;
	c->closing = true;
	e->wake = e->now.mono;
}

void
relay_client_send(struct engine *e, struct relay_client *c,
    enum message_type type, struct bytes body)
{
	if (c->session == NULL || c->closing)
		return;
	if (session_queue(c->session, &c->out, (uint8_t)type, body).code !=
	    LK_OK)
		relay_client_end(e, c);
}

bool
relay_client_has_room(const struct relay_client *c)
{
	return !c->closing && c->out.len + c->pending < LINK_ROOM_MIN;
}

lk_err
relay_client_work(struct engine *e, struct relay_client *c, uint64_t n)
{
	if (allowance_take(&c->work, n, e->now.mono))
		return LK_NONE;
	/* Or it would have as much again in a moment. */
	c->failures = FAILURES_MANY;
	return LK_ERR(LK_E_LIMIT, "it asks too much");
}

static struct relay_client *
relay_client_find(struct engine *e, uint64_t conn)
{
	struct relay_client *c;

	TAILQ_FOREACH (c, &e->relay_clients, next)
		if (c->conn == conn && conn != 0)
			return c;
	return NULL;
}

static lk_err
relay_client_dial(struct engine *e, struct relay_client *c)
{
	uint8_t ephemeral[DH_LEN];
	struct session_config config = { .role = SESSION_INITIATOR,
		.pattern = SESSION_NK,
		.remote = c->at.relay_key,
		.ephemeral = ephemeral,
		.body_max = c->body_max };
	lk_err err;

	random_fill(&e->random, ephemeral, sizeof(ephemeral));
	buf_init(&c->out, LINK_OUT_MAX);
	allowance_init(
	    &c->work, RELAY_WORK_MAX, RELAY_WORK_SECOND, e->now.mono);
	err = session_new(&c->session, &config, &c->out);
	secret_wipe(ephemeral, sizeof(ephemeral));
	if (err.code == LK_E_MALFORMED) {
		relay_client_says(e, c, err, "its key is no key");
		relay_client_lost(e, c);
		return LK_NONE;
	}
	TRY(err);
	c->conn = e->next_conn++;
	c->dialled = c->connected = c->closing = false;
	c->state = RELAY_CLIENT_DIALING;
	c->heard = e->now.mono;
	c->deadline.ms = e->now.mono.ms + CONNECT_MS;
	return LK_NONE;
}

void
relay_clients_dialed(struct engine *e, uint64_t conn)
{
	struct relay_client *c = relay_client_find(e, conn);

	if (c == NULL)
		return;
	c->connected = true;
	c->heard = e->now.mono;
}

void
relay_clients_closed(struct engine *e, uint64_t conn)
{
	struct relay_client *c = relay_client_find(e, conn);

	if (c == NULL)
		return;
	if (c->state < RELAY_CLIENT_LOGIN)
		relay_client_says(e, c, LK_ERR(LK_E_UNAVAILABLE, "relay"),
		    c->connected ? "it does not answer as a relay with this key"
				 : "no connection");
	else
		relay_client_says(e, c, LK_ERR(LK_E_UNAVAILABLE, "relay"),
		    "the connection ended");
	relay_client_lost(e, c);
}

void
relay_clients_pending(struct engine *e, uint64_t conn, size_t pending)
{
	struct relay_client *c = relay_client_find(e, conn);

	if (c == NULL)
		return;
	if (c->pending >= LINK_ROOM_MIN && pending < LINK_ROOM_MIN)
		e->wake = e->now.mono;
	c->pending = pending;
}

static void
hello_say(struct engine *e, struct relay_client *c)
{
	struct hello hello = { .min = PROTOCOL_VERSION,
		.max = PROTOCOL_VERSION,
		.message_max = MESSAGE_MAX };
	BUF_SCOPED b = { .max = SMALL };

	hello_encode(&b, &hello);
	relay_client_send(e, c, MSG_HELLO, buf_bytes(&b));
	c->state = RELAY_CLIENT_HELLO;
}

static void
register_say(struct engine *e, struct relay_client *c,
    const struct relay_register *m, const struct sign_key *key)
{
	BUF_SCOPED b = { .max = 512 };

	relay_register_encode(&b, m, key, session_hash(c->session));
	c->asked++;
	relay_client_send(e, c, MSG_RELAY_REGISTER, buf_bytes(&b));
}

/* Asks for the account by the keys that the home document has for it. */
static lk_err
account_ask(struct engine *e, struct relay_client *c)
{
	uint8_t successor[SIGN_PK_LEN];
	struct relay_register m = { .what = RELAY_CREATE,
		.successor = successor,
		.invite = c->at.invite };
	struct sign_key key;

	TRY(relay_account_successor(e->r, c->at.relay_key, successor));
	TRY(relay_account_get(e->r, c->at.relay_key, &key));
	m.account = key.pk;
	memcpy(c->account, key.pk, SIGN_PK_LEN);
	c->creating = true;
	register_say(e, c, &m, &key);
	sign_key_clear(&key);
	return LK_NONE;
}

/* A new account, which is in the home document before the relay hears of it. */
static lk_err
account_create(struct engine *e, struct relay_client *c)
{
	lk_err err = relay_account_make(e->r, &e->random, c->at.relay_key);

	if (err.code == LK_OK)
		return account_ask(e, c);
	if (err.code != LK_E_NOTFOUND && err.code != LK_E_DENIED)
		return err;
	relay_client_says(e, c, err, "no home document to keep the account");
	relay_client_end(e, c);
	return LK_NONE;
}

static lk_err
relay_client_ready(struct engine *e, struct relay_client *c)
{
	c->state = RELAY_CLIENT_OPEN;
	c->round = e->now.mono;
	if (c->visit) {
		/* Each comes later than the one before it. */
		c->deadline.ms = e->now.mono.ms + VISIT_MS;
		return LK_NONE;
	}
	c->failures = 0;
	relay_client_says(e, c, LK_NONE, "");
	return relay_topics_begin(e, c);
}

/* *said false: this device has not the key of the account to be used (yet). */
static lk_err
login_say(struct engine *e, struct relay_client *c, bool *said)
{
	struct relay_register m = { .what = RELAY_LOGIN };
	struct sign_key key;
	lk_err err = relay_account_get(e->r, c->at.relay_key, &key);

	*said = false;
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	*said = !c->at.has_account ||
	    memcmp(key.pk, c->at.account, SIGN_PK_LEN) == 0;
	if (*said) {
		m.account = key.pk;
		memcpy(c->account, key.pk, SIGN_PK_LEN);
		register_say(e, c, &m, &key);
	}
	sign_key_clear(&key);
	return LK_NONE;
}

lk_err
relay_client_login(struct engine *e, struct relay_client *c)
{
	bool said;

	return login_say(e, c, &said);
}

static lk_err
account_use(struct engine *e, struct relay_client *c)
{
	bool said;

	c->state = RELAY_CLIENT_LOGIN;
	c->creating = c->speaks = false;
	if (c->visit)
		return relay_client_ready(e, c);
	TRY(login_say(e, c, &said));
	if (said)
		return LK_NONE;
	if (c->at.has_account) {
		memcpy(c->account, c->at.account, SIGN_PK_LEN);
		return relay_client_ready(e, c);
	}
	if (c->at.invited)
		return account_create(e, c);
	relay_client_says(e, c, LK_ERR(LK_E_DENIED, "relay"),
	    "no account there: its operator's invitation makes one");
	relay_client_end(e, c);
	return LK_NONE;
}

static lk_err
hello_received(struct engine *e, struct relay_client *c, struct bytes body)
{
	struct hello hello;

	if (c->state != RELAY_CLIENT_HELLO)
		return LK_ERR(LK_E_MALFORMED, "second HELLO");
	TRY(hello_meet(&hello, body));
	return account_use(e, c);
}

/* What was to make it may have got lost on its way, or it was removed: an
 * invitation, as far as it is good, makes it still. */
static lk_err
account_refused(
    struct engine *e, struct relay_client *c, enum relay_result result)
{
	lk_err err = LK_ERR(LK_E_NOTFOUND, "account");

	if (c->at.invited && !c->creating)
		err = account_ask(e, c);
	if (err.code != LK_E_NOTFOUND)
		return err;
	relay_client_says(e, c, LK_ERR(LK_E_DENIED, "relay"),
	    c->creating && result == RELAY_DENIED
		? "the invitation is not good any more"
		: "it does not know the account");
	relay_client_end(e, c);
	return LK_NONE;
}

static lk_err
registered(struct engine *e, struct relay_client *c, struct bytes body)
{
	struct relay_registered m;

	TRY(relay_registered_decode(&m, body));
	if (m.what == RELAY_CREDENTIALS && m.result != RELAY_DONE)
		relay_client_says(e, c, LK_ERR(LK_E_LIMIT, "relay"),
		    "it takes no more topics");
	if ((m.what == RELAY_SLOTS || m.what == RELAY_SLOTS_OPEN) &&
	    m.result == RELAY_LIMIT)
		relay_client_says(e, c, LK_ERR(LK_E_LIMIT, "relay"),
		    "it takes no more mailboxes");
	if (m.what > RELAY_SUCCEED)
		return LK_NONE;
	/* It has all mailboxes made anew. */
	if (c->asked == 0)
		return LK_ERR(LK_E_MALFORMED, "REGISTER unasked");
	c->asked--;
	/* Its mailboxes are other ones now. */
	c->boxes_made = false;
	/* As a guest it went on without. */
	if (c->state == RELAY_CLIENT_OPEN) {
		c->speaks = m.result == RELAY_DONE;
		return c->speaks ? relay_topics_again(e, c) : LK_NONE;
	}
	if (m.result != RELAY_DONE)
		return account_refused(e, c, m.result);
	c->speaks = true;
	return relay_client_ready(e, c);
}

static lk_err
ping_received(struct engine *e, struct relay_client *c, struct bytes body)
{
	if (body.len != 8)
		return LK_ERR(LK_E_MALFORMED, "PING");
	relay_client_send(e, c, MSG_PONG, body);
	return LK_NONE;
}

static lk_err
close_received(struct engine *e, struct relay_client *c, struct bytes body)
{
	(void)body;
	relay_client_end(e, c);
	return LK_NONE;
}

static lk_err
passed_over(struct engine *e, struct relay_client *c, struct bytes body)
{
	(void)e;
	(void)c;
	(void)body;
	return LK_NONE;
}

static const struct {
	enum message_type type;
	enum relay_client_state from;
	lk_err (*take)(struct engine *, struct relay_client *, struct bytes);
} handlers[] = {
	{ MSG_HELLO, RELAY_CLIENT_HELLO, hello_received },
	{ MSG_CLOSE, RELAY_CLIENT_HELLO, close_received },
	{ MSG_PING, RELAY_CLIENT_LOGIN, ping_received },
	{ MSG_PONG, RELAY_CLIENT_LOGIN, passed_over },
	{ MSG_RELAY_REGISTER, RELAY_CLIENT_LOGIN, registered },
	{ MSG_RELAY_OPEN, RELAY_CLIENT_OPEN, relay_topic_opened },
	{ MSG_RELAY_STORED, RELAY_CLIENT_OPEN, relay_topic_stored },
	{ MSG_RELAY_QUOTA, RELAY_CLIENT_OPEN, relay_topic_quota },
	{ MSG_MAILBOX_PUT, RELAY_CLIENT_OPEN, relay_client_posted },
	{ MSG_MAILBOX_GET, RELAY_CLIENT_OPEN, relay_client_letters },
	{ MSG_MAILBOX_DELETE, RELAY_CLIENT_OPEN, passed_over },
	{ MSG_FP, RELAY_CLIENT_OPEN, relay_topic_fp },
	{ MSG_RANGE, RELAY_CLIENT_OPEN, relay_topic_range },
	{ MSG_WANT, RELAY_CLIENT_OPEN, relay_topic_want },
	{ MSG_BATCH, RELAY_CLIENT_OPEN, relay_topic_batch },
	{ MSG_ACK, RELAY_CLIENT_OPEN, relay_topic_ack },
};

static lk_err
message(
    struct engine *e, struct relay_client *c, uint8_t type, struct bytes body)
{
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].type == type)
			return c->state < handlers[i].from
			    ? LK_ERR(LK_E_MALFORMED, "message out of place")
			    : handlers[i].take(e, c, body);
	return type >= MSG_UNKNOWN_MIN ? LK_NONE
				       : LK_ERR(LK_E_VERSION, "message");
}

static lk_err
bytes_taken(struct engine *e, struct relay_client *c, struct bytes in)
{
	while (c->session != NULL && !c->closing) {
		struct session_event ev;

		TRY(session_step(c->session, &in, &c->out, &ev));
		if (ev.type == SESSION_NOTHING)
			return LK_NONE;
		if (ev.type == SESSION_ESTABLISHED)
			hello_say(e, c);
		if (ev.type == SESSION_MESSAGE)
			TRY(message(e, c, ev.message, ev.body));
	}
	return LK_NONE;
}

lk_err
relay_clients_bytes(struct engine *e, uint64_t conn, struct bytes bytes)
{
	struct relay_client *c = relay_client_find(e, conn);
	lk_err err;

	if (c == NULL || c->closing)
		return LK_NONE;
	c->heard = e->now.mono;
	err = bytes_taken(e, c, bytes);
	switch ((int)err.code) {
	case LK_OK:
		return LK_NONE;
	case LK_E_SYS:
	case LK_E_NOMEM:
	case LK_E_CORRUPT:
	case LK_E_FULL:
		return err;
	default:
		relay_client_says(e, c, err, err.what);
		relay_client_end(e, c);
		return LK_NONE;
	}
}

static lk_err
relay_client_new(
    struct engine *e, uint32_t remote, const char *url, const char *host)
{
	struct relay_client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return LK_ERR(LK_E_NOMEM, "relay");
	c->remote = remote;
	c->visit = remote == 0;
	(void)snprintf(c->url, sizeof(c->url), "%s%s", url, host);
	if (remote_url_parse(&c->at, c->url).code != LK_OK) {
		free(c);
		return LK_NONE;
	}
	TAILQ_INIT(&c->letters);
	TAILQ_INIT(&c->ack_waits);
	message_body_max(c->body_max);
	relay_answer_max(c->body_max);
	TAILQ_INSERT_TAIL(&e->relay_clients, c, next);
	return LK_NONE;
}

static struct relay_client *
relay_client_of(struct engine *e, const uint8_t relay_pk[static DH_LEN])
{
	struct relay_client *c;

	TAILQ_FOREACH (c, &e->relay_clients, next)
		if (memcmp(c->at.relay_key, relay_pk, DH_LEN) == 0)
			break;
	return c;
}

/* Whether it is still one of the remotes, or one to visit that is none. */
static bool
relay_client_wanted(struct engine *e, const struct relay_client *c)
{
	const struct remote_status *at = remote_status(e, c->remote);
	const struct redeem_relay *named;

	if (!c->visit)
		return at != NULL && strcmp(at->url, c->url) == 0;
	if (relay_client_of(e, c->at.relay_key) != c)
		return false;
	for (size_t i = 0; (named = redeem_relay(e, i)) != NULL; i++)
		if (memcmp(named->pk, c->at.relay_key, DH_LEN) == 0)
			return true;
	return false;
}

static lk_err
visits_match(struct engine *e)
{
	const struct redeem_relay *named;

	for (size_t i = 0; (named = redeem_relay(e, i)) != NULL; i++) {
		char url[2 * DH_LEN + 16] = "relay://";

		if (relay_client_of(e, named->pk) != NULL)
			continue;
		hex_encode(url + strlen(url), BYTES_OF(named->pk));
		(void)strlcat(url, "@", sizeof(url));
		TRY(relay_client_new(e, 0, url, named->host));
	}
	return LK_NONE;
}

/* What stands before and behind the last colon of "host:port". */
static bool
host_split(struct address *a, const char *text)
{
	const char *colon = strrchr(text, ':'), *wrong = text;

	if (colon != NULL && colon != text && colon - text <= ADDRESS_HOST_MAX)
		a->port = (uint16_t)strtonum(colon + 1, 1, UINT16_MAX, &wrong);
	if (wrong != NULL)
		return false;
	a->host = BYTES((const uint8_t *)text, (size_t)(colon - text));
	return true;
}

lk_err
relay_clients_addresses(
    struct engine *e, struct addresses *out, size_t relays_max)
{
	struct relay_client *c;

	TAILQ_FOREACH (c, &e->relay_clients, next) {
		struct address a = { .type = ADDRESS_RELAY };
		struct sign_key key;
		lk_err err;

		if (c->visit || out->len == relays_max ||
		    !host_split(&a, c->at.host))
			continue;
		err = relay_account_get(e->r, c->at.relay_key, &key);
		if (err.code == LK_E_NOTFOUND)
			continue;
		TRY(err);
		if (!c->at.has_account ||
		    memcmp(key.pk, c->at.account, SIGN_PK_LEN) == 0) {
			memcpy(a.relay, c->at.relay_key, sizeof(a.relay));
			out->at[out->len++] = a;
		}
		sign_key_clear(&key);
	}
	return LK_NONE;
}

/* Makes and removes relay_clients as there are relays among the remotes, and in
 * tickets. */
static lk_err
relay_clients_match(struct engine *e)
{
	struct remote_status s;
	struct relay_client *c, *next;

	TAILQ_FOREACH_SAFE (c, &e->relay_clients, next, next) {
		if (relay_client_wanted(e, c))
			continue;
		relay_client_end(e, c);
		if (c->conn == 0)
			relay_client_free(e, c);
	}
	for (size_t i = 0; engine_remote(e, i, &s).code == LK_OK; i++) {
		TAILQ_FOREACH (c, &e->relay_clients, next)
			if (c->remote == s.number)
				break;
		if (c == NULL && s.kind == REMOTE_RELAY)
			TRY(relay_client_new(e, s.number, s.url, ""));
	}
	return visits_match(e);
}

static lk_err
visit_tick(struct engine *e, struct relay_client *c)
{
	if (e->now.mono.ms >= c->deadline.ms) {
		relay_client_end(e, c);
		return LK_NONE;
	}
	return relay_client_mail(e, c);
}

static lk_err
relay_client_rests(struct engine *e, struct relay_client *c)
{
	/* There is another ticket, it may be. */
	if (c->visit && c->boxes_at != e->people) {
		c->boxes_at = e->people;
		c->failures = 0;
		c->due = e->now.mono;
	}
	return c->conn == 0 && e->now.mono.ms >= c->due.ms
	    ? relay_client_dial(e, c)
	    : LK_NONE;
}

static lk_err
relay_client_tick(struct engine *e, struct relay_client *c)
{
	static const uint8_t nonce[8];
	int64_t now = e->now.mono.ms;

	if (c->state == RELAY_CLIENT_IDLE)
		return relay_client_rests(e, c);
	if ((c->state != RELAY_CLIENT_OPEN && now >= c->deadline.ms) ||
	    now - c->heard.ms >= DEAD_MS) {
		relay_client_says(e, c, LK_ERR(LK_E_UNAVAILABLE, "relay"),
		    "it does not answer");
		relay_client_end(e, c);
		return LK_NONE;
	}
	if (c->state != RELAY_CLIENT_OPEN)
		return LK_NONE;
	if (c->visit)
		return visit_tick(e, c);
	if (now - c->heard.ms >= IDLE_MS && now - c->pinged.ms >= IDLE_MS) {
		c->pinged = e->now.mono;
		relay_client_send(e, c, MSG_PING, BYTES_OF(nonce));
	}
	TRY(relay_topics_begin(e, c));
	if (now - c->round.ms >= ROUND_MS ||
	    (c->compare.ms != 0 && now >= c->compare.ms))
		TRY(relay_topics_compare(e, c));
	if (c->round.ms == e->now.mono.ms || c->mail_due ||
	    c->boxes_at != e->people)
		TRY(relay_client_mail(e, c));
	TRY(relay_topic_acks_step(e, c));
	return relay_topics_pump(e, c);
}

lk_err
relay_clients_tick(struct engine *e)
{
	struct relay_client *c;

	TRY(relay_clients_match(e));
	TAILQ_FOREACH (c, &e->relay_clients, next)
		TRY(relay_client_tick(e, c));
	return LK_NONE;
}

int64_t
relay_clients_next_ms(const struct engine *e)
{
	const struct relay_client *c;
	int64_t next = INT64_MAX;

	TAILQ_FOREACH (c, &e->relay_clients, next) {
		int64_t at = c->state == RELAY_CLIENT_IDLE ? c->due.ms
		    : c->state != RELAY_CLIENT_OPEN || c->visit
		    ? c->deadline.ms
		    : c->round.ms + ROUND_MS;

		if (c->state == RELAY_CLIENT_OPEN && c->compare.ms != 0 &&
		    c->compare.ms < at)
			at = c->compare.ms;
		if (c->state == RELAY_CLIENT_OPEN && c->acks.ms != 0 &&
		    c->acks.ms < at)
			at = c->acks.ms;
		if (at < next)
			next = at;
	}
	return next;
}

lk_err
relay_clients_event(struct engine *e, const struct replica_event *ev)
{
	struct relay_client *c;

	TAILQ_FOREACH (c, &e->relay_clients, next)
		if (c->state == RELAY_CLIENT_OPEN && !c->visit)
			TRY(relay_topic_event(e, c, ev));
	return LK_NONE;
}

bool
relay_clients_take(struct engine *e, struct engine_output *out)
{
	struct relay_client *c;

	TAILQ_FOREACH (c, &e->relay_clients, next) {
		if (c->conn == 0)
			continue;
		*out = (struct engine_output){ .conn = c->conn };
		if (!c->dialled) {
			c->dialled = true;
			out->what = ENGINE_DIAL;
			return strlcpy(out->address, c->at.host,
				   sizeof(out->address)) > 0;
		}
		if (session_flush(c->session, &c->out).code != LK_OK)
			relay_client_end(e, c);
		if (c->connected && c->out.len > 0) {
			out->what = ENGINE_SEND;
			out->bytes = c->out;
			c->pending += out->bytes.len;
			buf_init(&c->out, LINK_OUT_MAX);
			return true;
		}
		if (c->closing) {
			out->what = ENGINE_CLOSE;
			relay_client_lost(e, c);
			return true;
		}
	}
	return false;
}

void
relay_clients_anew(struct engine *e)
{
	struct relay_client *c;

	TAILQ_FOREACH (c, &e->relay_clients, next) {
		session_end(c->session);
		buf_wipe(&c->out);
		relay_topics_clear(c);
		relay_client_end(e, c);
	}
}
