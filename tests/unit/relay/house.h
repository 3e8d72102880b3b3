/*
 * house.h - a relay in this process, and the wires of those who come to it over
 * real sessions, for tests.
 */
#ifndef TESTS_UNIT_RELAY_HOUSE_H
#define TESTS_UNIT_RELAY_HOUSE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "relay/relay.h"
#include "sync/envelope.h"
#include "sync/message.h"
#include "sync/relay_message.h"
#include "sync/session.h"

#define GUESTS_MAX 80
#define SAID_MAX 512 /* messages kept of one guest */

struct said {
	uint8_t type;
	struct buf body;
};

struct guest {
	uint64_t conn; /* 0: none */
	struct session *session;
	struct buf wire;  /* to the relay */
	bool open, ended; /* ended: the relay closed it */
	struct said said[SAID_MAX];
	size_t said_len;
	struct item_state items;   /* of number 0 */
	struct item_state sending; /* likewise */
};

struct house {
	char dir[64];
	struct store *store;
	struct relay *relay;
	struct txn *txn;
	struct dh_key noise;
	struct random_seeded seeded;
	struct random random;
	struct now now;
	struct guest guests[GUESTS_MAX];
	size_t guests_len;
};

#define ok(call) assert_int_equal((call).code, LK_OK)

static inline void
house_start(struct house *h)
{
	struct relay_config config = { .dir = h->dir, .noise = &h->noise };
	char path[96];

	config.random = h->random;
	(void)snprintf(path, sizeof(path), "%s/own", h->dir);
	ok(store_open(&h->store, path, (size_t)256 << 20));
	ok(relay_new(&h->relay, &config));
}

static inline void
house_open(struct house *h, uint64_t seed)
{
	uint8_t secret[DH_LEN];

	memset(h, 0, sizeof(*h));
	ok(crypto_start());
	(void)snprintf(h->dir, sizeof(h->dir), "/tmp/lk-relay-XXXXXX");
	assert_non_null(mkdtemp(h->dir));
	h->random = random_from_seed(&h->seeded, seed);
	random_fill(&h->random, secret, sizeof(secret));
	dh_key_from_secret(&h->noise, secret);
	h->now.mono.ms = 1000000;
	h->now.wall.ms = 1700000000000;
	house_start(h);
}

static inline void
guest_end(struct guest *g)
{
	session_free(g->session);
	buf_clear(&g->wire);
	for (size_t i = 0; i < g->said_len; i++)
		buf_clear(&g->said[i].body);
	item_state_clear(&g->items);
	item_state_clear(&g->sending);
	*g = (struct guest){ .ended = true };
}

/* The relay ends, or is killed, which for its files is the same. */
static inline void
house_stop(struct house *h)
{
	for (size_t i = 0; i < h->guests_len; i++)
		guest_end(&h->guests[i]);
	h->guests_len = 0;
	relay_free(h->relay);
	store_close(h->store);
}

static inline void
house_close(struct house *h)
{
	char command[128];

	house_stop(h);
	(void)snprintf(command, sizeof(command), "rm -rf %s", h->dir);
	assert_int_equal(system(command), 0);
}

static inline struct guest *
guest_of(struct house *h, uint64_t conn)
{
	for (size_t i = 0; i < h->guests_len; i++)
		if (h->guests[i].conn == conn)
			return &h->guests[i];
	return NULL;
}

static inline void
guest_hears(struct guest *g, struct bytes in)
{
	struct session_event ev = { .type = SESSION_MESSAGE };

	while (ev.type != SESSION_NOTHING) {
		ok(session_step(g->session, &in, &g->wire, &ev));
		if (ev.type == SESSION_ESTABLISHED)
			g->open = true;
		if (ev.type != SESSION_MESSAGE || ev.message == MSG_HELLO)
			continue;
		assert_true(g->said_len < SAID_MAX);
		g->said[g->said_len].type = ev.message;
		g->said[g->said_len].body = (struct buf){ .max = 4u << 20 };
		buf_add(&g->said[g->said_len++].body, ev.body);
	}
}

static inline void
house_begin(struct house *h)
{
	ok(txn_begin(h->store, TXN_WRITE, &h->txn));
	relay_begin(h->relay, h->txn, h->now);
}

/* Ends a round; what the relay says reaches its guests. */
static inline void
house_end(struct house *h)
{
	struct relay_output out;

	ok(relay_tick(h->relay));
	relay_save(h->relay);
	ok(txn_commit(h->txn));
	relay_committed(h->relay);
	while (relay_take(h->relay, &out)) {
		struct guest *g = guest_of(h, out.conn);

		if (out.what == RELAY_CLOSE) {
			relay_closed(h->relay, out.conn);
			if (g != NULL)
				g->ended = true;
			continue;
		}
		relay_pending(h->relay, out.conn, 0);
		if (g != NULL)
			guest_hears(g, buf_bytes(&out.bytes));
		buf_clear(&out.bytes);
	}
}

/* Rounds until nobody has anything to say. */
static inline void
house_settle(struct house *h)
{
	bool more = true;

	while (more) {
		more = false;
		house_begin(h);
		for (size_t i = 0; i < h->guests_len; i++) {
			struct guest *g = &h->guests[i];

			if (g->ended || g->wire.len == 0)
				continue;
			ok(relay_bytes(h->relay, g->conn, buf_bytes(&g->wire)));
			buf_reset(&g->wire);
			more = true;
		}
		house_end(h);
		more |= relay_next(h->relay).ms <= h->now.mono.ms;
	}
}

static uint32_t guest_body_max[SESSION_TYPES];

static inline void
guest_send(struct guest *g, enum message_type type, struct bytes body)
{
	ok(session_send(g->session, &g->wire, (uint8_t)type, body));
}

static inline struct guest *
guest_come(struct house *h, const char *address)
{
	struct hello hello = { .min = 1, .max = 1, .message_max = MESSAGE_MAX };
	struct guest *g = &h->guests[h->guests_len++];
	uint8_t ephemeral[DH_LEN];
	struct session_config config = { .role = SESSION_INITIATOR,
		.pattern = SESSION_NK,
		.remote = h->noise.pk,
		.ephemeral = ephemeral,
		.body_max = guest_body_max };
	BUF_SCOPED b = { .max = 64 };

	assert_true(h->guests_len <= GUESTS_MAX);
	*g = (struct guest){ .conn = 100 + random_u64(&h->random) % 1000000 };
	message_body_max(guest_body_max);
	relay_answer_max(guest_body_max);
	buf_init(&g->wire, 16u << 20);
	random_fill(&h->random, ephemeral, sizeof(ephemeral));
	ok(session_new(&g->session, &config, &g->wire));
	house_begin(h);
	ok(relay_accepted(h->relay, g->conn, address));
	house_end(h);
	if (g->ended)
		return g;
	house_settle(h);
	assert_true(g->open);
	hello_encode(&b, &hello);
	guest_send(g, MSG_HELLO, buf_bytes(&b));
	house_settle(h);
	return g;
}

static inline void
guest_forget(struct guest *g)
{
	for (size_t i = 0; i < g->said_len; i++)
		buf_clear(&g->said[i].body);
	g->said_len = 0;
}

/* The last message of a type that was said; fails when there is none. */
static inline struct bytes
guest_heard(struct guest *g, enum message_type type)
{
	for (size_t i = g->said_len; i-- > 0;)
		if (g->said[i].type == type)
			return buf_bytes(&g->said[i].body);
	fail_msg("nothing of type %d was said", (int)type);
	return BYTES(NULL, 0);
}

static inline bool
guest_heard_any(const struct guest *g, enum message_type type)
{
	for (size_t i = 0; i < g->said_len; i++)
		if (g->said[i].type == type)
			return true;
	return false;
}

#endif
