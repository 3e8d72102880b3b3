#include <stdlib.h>
#include <string.h>

#include "sync/endpoint.h"
#include "sync/pair_run.h"
#include "sync/person.h"

#define CLOSE_REASON_LEN 1
/* A dial that was under way when the other link opened is over by then. */
#define TWINS_MS (LINK_PROBE_MS - 500)

struct link *
link_find(struct engine *e, uint64_t conn)
{
	struct link *l;

	TAILQ_FOREACH (l, &e->links, next)
		if (l->conn == conn)
			return l;
	return NULL;
}

struct link *
link_of(struct engine *e, const uint8_t pk[static 32])
{
	struct link *l;

	TAILQ_FOREACH (l, &e->links, next)
		if (l->known && l->state == LINK_OPEN &&
		    memcmp(l->pk, pk, 32) == 0)
			return l;
	return NULL;
}

lk_err
link_open(struct engine *e, uint64_t conn, bool initiator, const char *address,
    struct link **out)
{
	struct link *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return LK_ERR(LK_E_NOMEM, "connection");
	l->conn = conn;
	l->initiator = initiator;
	l->deadline.ms = e->now.mono.ms + HANDSHAKE_MS;
	l->heard = l->round = e->now.mono;
	(void)strlcpy(l->address, address, sizeof(l->address));
	buf_init(&l->out, LINK_OUT_MAX);
	TAILQ_INSERT_TAIL(&e->links, l, next);
	*out = l;
	return LK_NONE;
}

lk_err
link_start(struct engine *e, struct link *l, const struct session_config *given)
{
	struct session_config config = *given;
	uint8_t ephemeral[DH_LEN];
	lk_err err;

	random_fill(&e->random, ephemeral, sizeof(ephemeral));
	config.role = l->initiator ? SESSION_INITIATOR : SESSION_RESPONDER;
	if (config.noise == NULL)
		config.noise = &e->identity->noise;
	config.ephemeral = ephemeral;
	config.body_max = e->body_max;
	err = session_new(&l->session, &config, &l->out);
	secret_wipe(ephemeral, sizeof(ephemeral));
	return err;
}

static bool
is_stranger(const struct link *l)
{
	return !l->initiator && !l->known && l->state != LINK_CLOSED;
}

bool
link_is_welcome(struct engine *e, struct link *l)
{
	struct link *other, *picked = NULL;
	size_t strangers = 0, here = 0;
	bool met;

	l->met_here = met = peers_met_at(e, l->address);
	TAILQ_FOREACH (other, &e->links, next) {
		if (other == l || !is_stranger(other))
			continue;
		here += endpoint_same_place(other->address, l->address);
		/* Who comes from a place nobody is known from leaves the others
		 * their slots. */
		if (!met && other->met_here)
			continue;
		/* Each is picked with the same chance. */
		if (random_below(&e->random, ++strangers) == 0)
			picked = other;
	}
	if (here >= (met ? PEERS_STRANGERS_HERE : PEERS_STRANGERS_HERE / 2))
		return false;
	/* By chance, so that who fills the places does not keep them. */
	if (strangers >= (met ? PEERS_STRANGERS_MAX : PEERS_STRANGERS_MAX / 2))
		link_close(e, picked, CLOSE_BUSY);
	return true;
}

void
link_free(struct engine *e, struct link *l)
{
	TAILQ_REMOVE(&e->links, l, next);
	overlay_lost(e, l);
	session_free(l->session);
	buf_wipe(&l->out);
	buf_clear(&l->gossip);
	topics_free(l);
	free((void *)(uintptr_t)l->payload.ptr);
	code_run_clear(l->run);
	free(l->run);
	free(l);
}

bool
link_has_room(const struct link *l)
{
	return l->state != LINK_CLOSED &&
	    l->out.len + l->pending < LINK_ROOM_MIN;
}

void
link_send(
    struct engine *e, struct link *l, enum message_type type, struct bytes body)
{
	if (l->state == LINK_CLOSED || l->session == NULL)
		return;
	/* A peer that cannot be told is one to part with. */
	if (session_queue(l->session, &l->out, (uint8_t)type, body).code !=
	    LK_OK) {
		l->state = LINK_CLOSED;
		l->closing = true;
		e->wake = e->now.mono;
	}
}

bool
link_flush(struct link *l)
{
	if (session_flush(l->session, &l->out).code != LK_OK) {
		l->state = LINK_CLOSED;
		l->closing = true;
	}
	return l->out.len > 0;
}

void
link_close(struct engine *e, struct link *l, enum close_reason reason)
{
	uint8_t body[CLOSE_REASON_LEN] = { (uint8_t)reason };

	if (l->state == LINK_CLOSED)
		return;
	if (l->state != LINK_HANDSHAKE)
		link_send(e, l, MSG_CLOSE, BYTES_OF(body));
	overlay_lost(e, l);
	l->state = LINK_CLOSED;
	l->closing = true;
}

void
link_ping(struct engine *e, struct link *l)
{
	static const uint8_t nonce[8];

	l->pinged = e->now.mono;
	link_send(e, l, MSG_PING, BYTES_OF(nonce));
}

void
link_probe(struct engine *e, struct link *l)
{
	if (l->probed.ms != 0)
		return;
	l->probed = e->now.mono;
	link_ping(e, l);
}

bool
link_is_suspect(const struct engine *e, const struct link *l)
{
	return l->probed.ms != 0 &&
	    e->now.mono.ms - l->probed.ms >= LINK_PROBE_MS;
}

static lk_err
link_hello(struct engine *e, struct link *l)
{
	struct hello hello = { .min = PROTOCOL_VERSION,
		.max = PROTOCOL_VERSION,
		.message_max = MESSAGE_MAX };
	BUF_SCOPED b = { .max = 64 };

	/* Whoever tries a code learns nothing by which to know us again. */
	if (l->run == NULL) {
		hello.port = e->port;
		memcpy(hello.incarnation, e->incarnation, INCARNATION_LEN);
	}
	hello_encode(&b, &hello);
	l->state = LINK_HELLO;
	link_send(e, l, MSG_HELLO, buf_bytes(&b));
	return LK_NONE;
}

bool
link_is_own(struct engine *e, const struct link *l)
{
	struct graph *g;
	uint32_t home, node;

	if (!l->known || replica_home(e->r, &home).code != LK_OK ||
	    replica_graph(e->r, home, &g).code != LK_OK)
		return false;
	/* The home may not have arrived, or not know the device yet. */
	return graph_role(g, l->pk) >= ROLE_READ ||
	    (memcmp(l->root_pk, e->identity->root_pk, 32) == 0 &&
		graph_farewell(g, l->pk, &node, 1) == 0);
}

bool
link_is_met(struct engine *e, const struct link *l)
{
	ARENA_SCOPED arena = { .max = (size_t)1024 * 1024 };
	struct card card;

	return l->initiator || l->has_ticket || link_is_own(e, l) ||
	    peers_find(e, l->pk) != NULL ||
	    person_contact(e->r, l->root_pk, &arena, &card).code == LK_OK;
}

/* A device we know of dialled in: its certificates name its static key. */
static lk_err
link_proved(struct engine *e, struct link *l, const struct session_event *ev)
{
	struct proof proof;
	bool gone;

	if (recover_is(ev->payload))
		return recover_joined(e, l, ev->remote, ev->payload);
	TRY(proof_decode(&proof, ev->payload));
	if (!proof_verify(&proof, NULL) ||
	    memcmp(proof.certs[0].block.noise_pk, ev->remote, DH_LEN) != 0)
		return LK_ERR(LK_E_MALFORMED, "proof of device");
	memcpy(l->pk, proof.certs[0].block.device_pk, 32);
	l->known = true;
	/* One that was revoked must not add others to this person. */
	TRY(person_proof_gone(e->r, &proof, &gone));
	if (gone)
		return LK_NONE;
	memcpy(l->root_pk, proof.certs[0].root_pk, 32);
	return peers_dialled_in(e, &proof);
}

static lk_err
link_established(
    struct engine *e, struct link *l, const struct session_event *ev)
{
	memcpy(l->noise_pk, ev->remote, DH_LEN);
	if (!l->initiator && ev->pattern == SESSION_XK)
		TRY(link_proved(e, l, ev));
	if (!l->initiator && ev->pattern == SESSION_XKPSK3)
		TRY(pairing_joined(e, l, ev->payload));
	if (ev->pattern == SESSION_XX)
		TRY(pair_run_established(e, l));
	return link_hello(e, l);
}

/* Of two links between the same devices the one stays that the device with
 * the smaller key dialled.  That is for two that dialled at one moment: who has
 * a link for longer dials only because it is dead. */
static void
link_settle_twins(struct engine *e, struct link *l)
{
	bool mine_smaller = memcmp(e->identity->sign.pk, l->pk, 32) < 0;
	struct link *other, *next;

	TAILQ_FOREACH_SAFE (other, &e->links, next, next) {
		struct link *loser;

		if (other == l || !other->known || other->state != LINK_OPEN ||
		    memcmp(other->pk, l->pk, 32) != 0)
			continue;
		loser = l->initiator == other->initiator         ? other
		    : l->initiator == mine_smaller               ? other
		    : l->opened.ms - other->opened.ms > TWINS_MS ? other
								 : l;
		link_close(e, loser, CLOSE_DONE);
		if (loser == l)
			return;
	}
}

/* The address a peer can be dialled at: where it came from, its own port. */
static lk_err
link_note_address(struct engine *e, struct link *l, uint16_t port)
{
	char address[ADDRESS_TEXT_MAX];
	char *colon;

	if (l->initiator)
		return peers_address(e, l->pk, l->address);
	if (port == 0)
		return LK_NONE;
	(void)strlcpy(address, l->address, sizeof(address));
	colon = strrchr(address, ':');
	if (colon == NULL)
		return LK_NONE;
	{
		BUF_SCOPED b = { .max = ADDRESS_TEXT_MAX };

		buf_printf(&b, "%.*s:%u", (int)(colon - address), address,
		    (unsigned)port);
		buf_u8(&b, 0);
		TRY(buf_err(&b, "address"));
		return peers_address(e, l->pk, (const char *)b.ptr);
	}
}

lk_err
link_tell_card(struct engine *e, struct link *l)
{
	struct cert cert;
	lk_err err;

	if (!l->known ||
	    (e->gone_known == 0 && e->boxes_known == 0 && !e->discovery.on) ||
	    link_is_own(e, l))
		return LK_NONE;
	err = person_device(e->r, l->pk, &cert);
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	return pairing_send_card(e, l);
}

lk_err
link_opened(struct engine *e, struct link *l)
{
	link_settle_twins(e, l);
	if (l->state != LINK_OPEN)
		return LK_NONE;
	TRY(peers_seen(e, l->pk));
	TRY(peers_tell(e, l));
	if (l->set_sent)
		return LK_NONE;
	TRY(link_tell_card(e, l));
	return topics_start(e, l);
}

static lk_err
hello_received(struct engine *e, struct link *l, struct bytes body)
{
	struct hello hello;

	if (l->state != LINK_HELLO)
		return LK_ERR(LK_E_MALFORMED, "second HELLO");
	TRY(hello_meet(&hello, body));
	if (l->run != NULL)
		return pair_run_open(e, l);
	l->state = LINK_OPEN;
	memcpy(l->incarnation, hello.incarnation, INCARNATION_LEN);
	l->opened = e->now.mono;
	if (l->has_ticket)
		TRY(pairing_answer(e, l));
	if (l->recovers)
		TRY(recover_answer(e, l));
	if (l->known && l->state == LINK_OPEN)
		TRY(link_note_address(e, l, hello.port));
	return l->known ? link_opened(e, l) : LK_NONE;
}

static lk_err
close_received(struct engine *e, struct link *l, struct bytes body)
{
	struct rd rd = rd_over(body);
	uint8_t reason = rd_u8(&rd);

	l->refused = reason == CLOSE_TICKET;
	pair_run_closed(l, reason);
	link_close(e, l, CLOSE_DONE);
	return LK_NONE;
}

static lk_err
ping_received(struct engine *e, struct link *l, struct bytes body)
{
	if (body.len != 8)
		return LK_ERR(LK_E_MALFORMED, "PING");
	link_send(e, l, MSG_PONG, body);
	return LK_NONE;
}

static lk_err
nothing_to_do(struct engine *e, struct link *l, struct bytes body)
{
	(void)e;
	(void)l;
	(void)body;
	return LK_NONE;
}

/* When a message may come: before HELLO, in a pairing by code, from anybody,
 * from a device whose key is known. */
enum { IN_HELLO = 1, IN_PAIRING = 2, IN_OPEN = 4, IN_KNOWN = 8 };
#define IN_ANY (IN_PAIRING | IN_OPEN | IN_KNOWN)

static const struct handler {
	enum message_type type;
	unsigned in;
	lk_err (*take)(struct engine *, struct link *, struct bytes);
} handlers[] = {
	{ MSG_HELLO, IN_HELLO | IN_ANY, hello_received },
	{ MSG_CLOSE, IN_HELLO | IN_ANY, close_received },
	{ MSG_PING, IN_ANY, ping_received },
	{ MSG_PONG, IN_ANY, nothing_to_do },
	{ MSG_SET, IN_KNOWN, topics_set },
	{ MSG_TOPICS, IN_KNOWN, topics_list },
	{ MSG_MATCH, IN_KNOWN, topics_match },
	{ MSG_FP, IN_KNOWN, reconcile_fp },
	{ MSG_VV, IN_KNOWN, reconcile_vv },
	{ MSG_RANGE, IN_KNOWN, reconcile_range },
	{ MSG_BUSY, IN_KNOWN, reconcile_busy },
	{ MSG_BATCH, IN_KNOWN, reconcile_batch },
	{ MSG_WANT, IN_KNOWN, reconcile_want },
	{ MSG_ACK, IN_KNOWN, acks_received },
	{ MSG_ACKS, IN_KNOWN, acks_said },
	{ MSG_WELCOME, IN_KNOWN | IN_PAIRING, pairing_welcome },
	{ MSG_CARD, IN_OPEN | IN_KNOWN, pairing_card },
	{ MSG_PEERS, IN_KNOWN, peers_received },
	{ MSG_PUSH, IN_KNOWN, reconcile_pushed },
	{ MSG_IHAVE, IN_KNOWN, broadcast_ihave },
	{ MSG_GRAFT, IN_KNOWN, broadcast_graft },
	{ MSG_PRUNE, IN_KNOWN, broadcast_prune },
	{ MSG_NEIGHBOUR, IN_KNOWN, overlay_neighbour },
	{ MSG_WALK, IN_KNOWN, walk_received },
	{ MSG_SHUFFLED, IN_KNOWN, walk_answered },
};

static unsigned
link_takes(const struct link *l)
{
	if (l->state == LINK_HELLO)
		return IN_HELLO;
	if (l->state == LINK_PAIRING)
		return IN_PAIRING;
	return l->known ? IN_KNOWN : IN_OPEN;
}

static lk_err
link_message(struct engine *e, struct link *l, uint8_t type, struct bytes body)
{
	if (type >= MSG_CODE_SHARE && type <= MSG_CODE_DONE)
		return l->state == LINK_PAIRING
		    ? pair_run_message(e, l, type, body)
		    : LK_ERR(LK_E_MALFORMED, "message out of place");
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		const struct handler *h = &handlers[i];

		if (h->type != type)
			continue;
		if ((h->in & link_takes(l)) == 0)
			return LK_ERR(LK_E_MALFORMED, "message out of place");
		return h->take(e, l, body);
	}
	return type >= MSG_UNKNOWN_MIN
	    ? LK_NONE
	    : LK_ERR(LK_E_VERSION, "unknown message");
}

static lk_err
link_event(struct engine *e, struct link *l, const struct session_event *ev)
{
	uint8_t psk[SESSION_PSK_LEN];

	switch (ev->type) {
	case SESSION_NOTHING:
		break;
	case SESSION_TICKET:
		memcpy(l->ticket, ev->ticket, SESSION_TICKET_LEN);
		l->has_ticket = true;
		TRY(pairing_psk(e, l, psk));
		session_psk(l->session, psk);
		secret_wipe(psk, sizeof(psk));
		break;
	case SESSION_WINDOW:
		return window_found(e, l, ev->window);
	case SESSION_ESTABLISHED:
		return link_established(e, l, ev);
	case SESSION_MESSAGE:
		return link_message(e, l, ev->message, ev->body);
	}
	return LK_NONE;
}

lk_err
link_bytes(struct engine *e, struct link *l, struct bytes in)
{
	l->heard = e->now.mono;
	l->probed.ms = 0;
	while (l->state != LINK_CLOSED) {
		struct session_event ev;

		TRY(session_step(l->session, &in, &l->out, &ev));
		if (ev.type == SESSION_NOTHING)
			break;
		TRY(link_event(e, l, &ev));
	}
	return LK_NONE;
}
