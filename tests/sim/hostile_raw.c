#include <stdlib.h>
#include <string.h>

#include "tests/sim/hostile.h"
#include "tests/sim/wire.h"

#define OUT_MAX ((size_t)4 * MESSAGE_MAX)
#define GARBAGE_MAX 3000
#define LIFE 3 /* one in so many is closed by itself when it speaks */

static void
raw_free(struct raw *r)
{
	session_free(r->session);
	buf_wipe(&r->out);
	for (size_t i = 0; i < RAW_DOCS_MAX; i++)
		item_state_clear(&r->items[i]);
	free(r);
}

void
raws_clear(struct hostile *h)
{
	while (h->raws_len > 0)
		raw_free(h->raws[--h->raws_len]);
}

static struct raw *
raw_find(struct hostile *h, uint64_t conn)
{
	for (size_t i = 0; i < h->raws_len; i++)
		if (h->raws[i]->conn == conn)
			return h->raws[i];
	return NULL;
}

static void
raw_end(struct hostile *h, struct raw *r, bool hang_up)
{
	for (size_t i = 0; i < h->raws_len; i++)
		if (h->raws[i] == r)
			h->raws[i] = h->raws[--h->raws_len];
	if (hang_up)
		wire_hang_up(h->node, r->conn);
	raw_free(r);
}

static struct raw *
raw_new(struct hostile *h, uint64_t conn, enum raw_kind kind, struct node *to)
{
	struct raw *r = calloc(1, sizeof(*r));

	LK_ASSERT(r != NULL);
	r->conn = conn;
	r->kind = kind;
	r->to = to;
	buf_init(&r->out, OUT_MAX);
	h->raws[h->raws_len++] = r;
	return r;
}

void
raw_dial(struct hostile *h, enum raw_kind kind, struct node *to)
{
	char address[32];
	struct raw *r;

	if (to == NULL)
		return;
	/* One that was longest there makes room. */
	if (h->raws_len == RAWS_MAX)
		raw_end(h, h->raws[0], true);
	r = raw_new(h, h->next_conn++, kind, to);
	node_address(address, to->index);
	wire_dial(h->node, r->conn, address);
}

void
record(struct hostile *h, struct bytes bytes)
{
	struct buf *b = &h->records[h->recorded++ % RECORDS_MAX];

	buf_clear(b);
	buf_init(b, RECORD_LEN_MAX);
	buf_add(b,
	    BYTES(bytes.ptr,
		bytes.len < RECORD_LEN_MAX ? bytes.len : RECORD_LEN_MAX));
}

static void
raw_send(struct hostile *h, struct raw *r, struct bytes bytes)
{
	BUF_SCOPED b = { .max = OUT_MAX };

	if (!r->there || bytes.len == 0)
		return;
	buf_add(&b, bytes);
	(void)wire_send(h->node, r->conn, &b);
}

static void
raw_flush(struct hostile *h, struct raw *r)
{
	if (hostile_chance(h, 4))
		record(h, buf_bytes(&r->out));
	raw_send(h, r, buf_bytes(&r->out));
	buf_reset(&r->out);
}

void
raw_say(struct hostile *h, struct raw *r, unsigned type, struct bytes body)
{
	if (r->session == NULL ||
	    session_send(r->session, &r->out, (uint8_t)type, body).code !=
		LK_OK)
		return;
	raw_flush(h, r);
}

static void
raw_random(struct hostile *h, struct raw *r, size_t most)
{
	uint8_t bytes[GARBAGE_MAX];
	size_t n = 1 + (size_t)hostile_below(h, most);

	random_fill(&h->random, bytes, n);
	/* Of our protocol, as far as that goes. */
	if (hostile_chance(h, 2) && n > 5)
		memcpy(bytes,
		    (uint8_t[]){ 'L', 'K', 1, bytes[3] % 4,
			(uint8_t)(bytes[4] % 3 * 4) },
		    5);
	raw_send(h, r, BYTES(bytes, n));
}

/* A handshake with the one that is called, by one's own proof. */
static void
raw_handshake(struct hostile *h, struct raw *r)
{
	uint8_t ephemeral[DH_LEN], ticket[SESSION_TICKET_LEN] = { 1 };
	uint8_t psk[SESSION_PSK_LEN] = { 2 };
	struct session_config config = {
		.role = SESSION_INITIATOR,
		.noise = &h->node->identity.noise,
		.ephemeral = ephemeral,
		.body_max = h->body_max,
		.pattern = SESSION_XK,
		.remote = r->to->identity.noise.pk,
	};
	BUF_SCOPED payload = { .max = PROOF_LEN_MAX };

	random_fill(&h->random, ephemeral, sizeof(ephemeral));
	world_need(
	    h->node->world, inside_proof(h->node->engine, &payload), "proof");
	config.payload = buf_bytes(&payload);
	if (r->kind != RAW_SESSION && hostile_chance(h, 3)) {
		config.pattern = SESSION_XKPSK3;
		config.ticket = ticket;
		config.psk = psk;
	} else if (r->kind != RAW_SESSION && hostile_chance(h, 3)) {
		config.pattern = SESSION_XX;
		config.window = (uint8_t)hostile_below(h, 100);
		config.payload.len = 0;
	}
	world_need(h->node->world, session_new(&r->session, &config, &r->out),
	    "session_new");
}

/* One byte is another, or some are missing, or too many. */
static void
raw_break(struct hostile *h, struct raw *r)
{
	struct buf *b = &r->out;
	uint64_t at;

	switch (hostile_below(h, 4)) {
	case 0:
		at = hostile_below(h, b->len);
		b->ptr[at] ^= (uint8_t)(1 + hostile_below(h, 255));
		break;
	case 1:
		b->len = (size_t)hostile_below(h, b->len);
		break;
	case 2:
		for (uint64_t i = hostile_below(h, 40); i > 0; i--)
			buf_u8(b, (uint8_t)hostile_below(h, 256));
		break;
	case 3:
		b->len = 5;
		for (int i = 0; i < 3000; i++)
			buf_u8(b, 0xff);
		break;
	}
}

/* The connection is there: what is said first. */
static void
raw_began(struct hostile *h, struct raw *r)
{
	struct buf *record = &h->records[hostile_below(h, RECORDS_MAX)];

	r->there = true;
	switch (r->kind) {
	case RAW_SILENT:
	case RAW_REFLECT:
	case RAW_PROXY:
		break;
	case RAW_GARBAGE:
		raw_random(h, r, GARBAGE_MAX);
		break;
	case RAW_REPLAY:
		raw_send(h, r, buf_bytes(record));
		break;
	case RAW_BROKEN:
		raw_handshake(h, r);
		raw_break(h, r);
		raw_flush(h, r);
		break;
	case RAW_STOPS:
	case RAW_SESSION:
		raw_handshake(h, r);
		raw_flush(h, r);
		break;
	}
}

/* The documents it knows of, as the honest announce them. */
static void
raw_announce(struct hostile *h, struct raw *r)
{
	struct topic_list list = { .last = true };
	struct topic_set set = { .count = 77 };
	uint8_t proof[ANNOUNCE_LEN];
	BUF_SCOPED hashes = { .max = 4096 };
	BUF_SCOPED b = { .max = 8192 };
	uint32_t docno = 0;

	topic_set_encode(&b, &set);
	raw_say(h, r, MSG_SET, buf_bytes(&b));
	while (r->docs_len < RAW_DOCS_MAX &&
	    replica_doc_next(h->node->replica, docno, &docno).code == LK_OK) {
		struct topic topic;
		uint8_t docid[LK_ID_LEN];

		if (inside_topic(h->node->replica, docno, &topic, docid).code !=
		    LK_OK)
			continue;
		announce_proof(proof, &topic, r->hash, SESSION_INITIATOR + 1);
		buf_mem(&hashes, proof, sizeof(proof));
		r->docs[r->docs_len++] = docno;
	}
	while (hashes.len % (ANNOUNCE_LEN * TOPIC_LIST_PAD) != 0)
		buf_u8(&hashes, (uint8_t)hostile_below(h, 256));
	list.hashes = hashes.ptr;
	list.len = hashes.len / ANNOUNCE_LEN;
	buf_reset(&b);
	topic_list_encode(&b, &list);
	raw_say(h, r, MSG_TOPICS, buf_bytes(&b));
}

/* Which of them have numbers; those come first, in their order. */
static void
raw_matched(struct raw *r, struct bytes body)
{
	struct match m;

	if (r->matched > 0 || match_decode(&m, body).code != LK_OK)
		return;
	for (size_t i = 0; i < m.len; i++) {
		uint32_t index = rd_u32(&m.indexes);

		if (index < r->docs_len)
			r->docs[r->matched++] = r->docs[index];
	}
}

/* What it is asked it answers as it likes: all is equal, nothing is new. */
static void
raw_message(struct hostile *h, struct raw *r, const struct session_event *ev)
{
	BUF_SCOPED b = { .max = MESSAGE_MAX };

	switch (ev->message) {
	case MSG_HELLO:
		r->open = true;
		raw_announce(h, r);
		break;
	case MSG_MATCH:
		raw_matched(r, ev->body);
		break;
	case MSG_TOPICS:
		if (ev->body.len > 0 && ev->body.ptr[0] == 1)
			raw_say(h, r, MSG_MATCH, BYTES(NULL, 0));
		break;
	case MSG_FP:
		buf_add(&b, ev->body);
		if (b.len > 0)
			b.ptr[0] = 1;
		raw_say(h, r, MSG_FP, buf_bytes(&b));
		break;
	case MSG_PING:
		if (!hostile_chance(h, 3))
			raw_say(h, r, MSG_PONG, ev->body);
		break;
	default:
		break;
	}
}

static void
raw_session(struct hostile *h, struct raw *r, struct bytes in)
{
	struct hello hello = { .min = 1, .max = 1, .message_max = 1 };
	BUF_SCOPED b = { .max = 64 };

	for (;;) {
		struct session_event ev;

		if (session_step(r->session, &in, &r->out, &ev).code != LK_OK) {
			raw_end(h, r, true);
			return;
		}
		raw_flush(h, r);
		if (ev.type == SESSION_NOTHING)
			return;
		if (ev.type == SESSION_ESTABLISHED) {
			memcpy(r->hash, ev.hash, sizeof(r->hash));
			hello_encode(&b, &hello);
			raw_say(h, r, MSG_HELLO, buf_bytes(&b));
		}
		if (ev.type == SESSION_MESSAGE)
			raw_message(h, r, &ev);
	}
}

static void
raw_bytes(struct hostile *h, struct raw *r, struct bytes in)
{
	struct raw *other;

	switch (r->kind) {
	case RAW_SILENT:
	case RAW_STOPS:
		break;
	case RAW_REFLECT:
		raw_send(h, r, in);
		break;
	case RAW_PROXY:
		other = raw_find(h, r->other);
		if (other != NULL)
			raw_send(h, other, in);
		break;
	case RAW_GARBAGE:
	case RAW_REPLAY:
		raw_random(h, r, 300);
		break;
	case RAW_BROKEN:
		record(h, in);
		break;
	case RAW_SESSION:
		raw_session(h, r, in);
		break;
	}
}

/* Who calls is not answered by the engine but by this. */
static bool
raw_accept(struct hostile *h, const struct arrival *a)
{
	struct raw *r, *other;
	struct node *to = hostile_victim(h);

	if ((h->families & 1u << FAMILY_REPLAY) == 0 || to == NULL ||
	    h->raws_len + 2 > RAWS_MAX || !hostile_chance(h, 4))
		return false;
	r = raw_new(
	    h, a->conn, hostile_chance(h, 2) ? RAW_PROXY : RAW_REFLECT, NULL);
	r->there = true;
	if (r->kind != RAW_PROXY)
		return true;
	/* The next one dialled is the other end. */
	raw_dial(h, RAW_PROXY, to);
	other = h->raws[h->raws_len - 1];
	r->other = other->conn;
	other->other = r->conn;
	return true;
}

bool
raw_arrival(struct hostile *h, const struct arrival *a)
{
	struct raw *r = raw_find(h, a->conn), *other;

	if (r == NULL)
		return a->kind == ARRIVAL_ACCEPTED ? raw_accept(h, a)
						   : a->conn >> 61 == 1;
	if (a->kind == ARRIVAL_DIALED)
		raw_began(h, r);
	if (a->kind == ARRIVAL_BYTES)
		raw_bytes(h, r, buf_bytes(&a->bytes));
	if (a->kind != ARRIVAL_CLOSED && a->kind != ARRIVAL_DIAL_FAILED)
		return true;
	other = r->kind == RAW_PROXY ? raw_find(h, r->other) : NULL;
	raw_end(h, r, false);
	if (other != NULL)
		raw_end(h, other, true);
	return true;
}
