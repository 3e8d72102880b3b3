/*
 * session_link.h - two sessions and the wires between them, for tests.
 */
#ifndef TESTS_UNIT_SYNC_SESSION_LINK_H
#define TESTS_UNIT_SYNC_SESSION_LINK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "crypto/random.h"
#include "sync/session.h"

#define WIRE_MAX (8u * 1024 * 1024)
#define TYPE_SMALL 1 /* up to 64 bytes */
#define TYPE_ANY 2   /* up to MESSAGE_MAX */
#define TYPE_EMPTY 3
#define XK_PREFACE 5
#define TICKET_PREFACE 13
#define WINDOW 42
#define MESSAGE_1 50 /* with its length */

static uint32_t body_max[SESSION_TYPES] = {
	[TYPE_SMALL] = 64,
	[TYPE_ANY] = MESSAGE_MAX,
};
static const uint8_t ticket[SESSION_TICKET_LEN] = "ticket 1";
static const uint8_t psk[SESSION_PSK_LEN] = "a psk of thirty-two bytes......";

/* Two sessions and what is on the way from each; [0] is the initiator. */
struct link {
	struct session *side[2];
	struct dh_key keys[2];
	uint8_t ephemerals[2][DH_LEN];
	struct buf wire[2];
	struct random_seeded seed;
	struct random random;
};

static inline void
config_make(struct session_config *c, const struct link *l, int side,
    enum session_pattern pattern)
{
	*c = (struct session_config){
		.role = side == 0 ? SESSION_INITIATOR : SESSION_RESPONDER,
		.noise = &l->keys[side],
		.ephemeral = l->ephemerals[side],
		.body_max = body_max,
	};
	if (side == 0 || pattern == SESSION_NK)
		c->pattern = pattern;
	if (side == 1)
		return;
	if (pattern == SESSION_XX) {
		c->window = WINDOW;
		return;
	}
	c->remote = l->keys[1].pk;
	if (pattern == SESSION_NK) {
		c->noise = NULL;
		return;
	}
	c->payload = BYTES_STR("proof of who I am");
	if (pattern == SESSION_XKPSK3) {
		c->ticket = ticket;
		c->psk = psk;
	}
}

static inline void
link_open(struct link *l, enum session_pattern pattern, uint64_t seed)
{
	struct session_config config;

	*l = (struct link){ .side = { NULL, NULL } };
	l->random = random_from_seed(&l->seed, seed);
	for (int i = 0; i < 2; i++) {
		uint8_t secret[DH_LEN];

		random_fill(&l->random, secret, sizeof(secret));
		dh_key_from_secret(&l->keys[i], secret);
		random_fill(&l->random, l->ephemerals[i], DH_LEN);
		buf_init(&l->wire[i], WIRE_MAX);
	}
	for (int i = 0; i < 2; i++) {
		config_make(&config, l, i, pattern);
		assert_int_equal(
		    session_new(&l->side[i], &config, &l->wire[i]).code, LK_OK);
	}
}

static inline void
link_close(struct link *l)
{
	for (int i = 0; i < 2; i++) {
		session_free(l->side[i]);
		buf_clear(&l->wire[i]);
	}
}

static inline void
wire_drop(struct buf *wire, size_t n)
{
	memmove(wire->ptr, wire->ptr + n, wire->len - n);
	wire->len -= n;
}

/* Everything on the wire to `side`, up to its first event or the end. */
static inline lk_err
deliver(struct link *l, int side, struct session_event *event)
{
	struct buf *from = &l->wire[1 - side];
	struct bytes in = buf_bytes(from);
	size_t len = in.len;
	lk_err err = session_step(l->side[side], &in, &l->wire[side], event);

	if (len > 0)
		wire_drop(from, len - in.len);
	return err;
}

static inline void
deliver_expect(struct link *l, int side, enum session_event_type type,
    struct session_event *event)
{
	assert_int_equal(deliver(l, side, event).code, LK_OK);
	assert_int_equal(event->type, type);
}

static inline void
established_check(const struct link *l, int side, enum session_pattern pattern,
    const struct session_event *event)
{
	static const uint8_t nobody[DH_LEN];

	assert_int_equal(event->pattern, pattern);
	assert_memory_equal(event->remote,
	    side == 1 && pattern == SESSION_NK ? nobody : l->keys[1 - side].pk,
	    DH_LEN);
	assert_ptr_equal(event->remote, session_remote(l->side[side]));
	assert_ptr_equal(event->hash, session_hash(l->side[side]));
	if (pattern == SESSION_XKPSK3)
		assert_memory_equal(event->ticket, ticket, SESSION_TICKET_LEN);
	else
		assert_null(event->ticket);
	assert_int_equal(event->window, pattern == SESSION_XX ? WINDOW : 0);
	assert_true(bytes_equal(event->payload,
	    side == 0 || pattern == SESSION_XX || pattern == SESSION_NK
		? BYTES(NULL, 0)
		: BYTES_STR("proof of who I am")));
}

static inline void
link_establish(struct link *l, enum session_pattern pattern)
{
	struct session_event event;

	if (pattern == SESSION_XKPSK3) {
		deliver_expect(l, 1, SESSION_TICKET, &event);
		assert_memory_equal(event.ticket, ticket, SESSION_TICKET_LEN);
		session_psk(l->side[1], psk);
	}
	if (pattern == SESSION_XX) {
		deliver_expect(l, 1, SESSION_WINDOW, &event);
		assert_int_equal(event.window, WINDOW);
		session_window(l->side[1], &l->keys[1]);
	}
	if (pattern == SESSION_NK) {
		deliver_expect(l, 1, SESSION_ESTABLISHED, &event);
		established_check(l, 1, pattern, &event);
	} else {
		deliver_expect(l, 1, SESSION_NOTHING, &event);
	}
	deliver_expect(l, 0, SESSION_ESTABLISHED, &event);
	established_check(l, 0, pattern, &event);
	if (pattern != SESSION_NK) {
		deliver_expect(l, 1, SESSION_ESTABLISHED, &event);
		established_check(l, 1, pattern, &event);
	}
	assert_memory_equal(session_hash(l->side[0]), session_hash(l->side[1]),
	    SESSION_HASH_LEN);
}

static inline void
link_ready(struct link *l, uint64_t seed)
{
	link_open(l, SESSION_XK, seed);
	link_establish(l, SESSION_XK);
}

static inline void
assert_dead(struct link *l, int side, enum lk_code code)
{
	struct session_event event = { .type = SESSION_MESSAGE };
	uint8_t byte[1] = { 'L' };
	struct bytes in = BYTES_OF(byte);

	assert_int_equal(
	    session_step(l->side[side], &in, &l->wire[side], &event).code,
	    code);
	assert_int_equal(event.type, SESSION_MESSAGE);
	assert_int_equal(in.len, 1);
	assert_int_equal(session_send(l->side[side], &l->wire[side], TYPE_EMPTY,
			     BYTES(NULL, 0))
			     .code,
	    code);
}

#endif
