/*
 * wired.h - several devices with their engines and the wires between them, for
 * tests.  A round of the wires carries what was said until nobody says more.
 */
#ifndef TESTS_UNIT_SYNC_WIRED_H
#define TESTS_UNIT_SYNC_WIRED_H

#include "sync/endpoint.h"
#include "sync/engine_state.h"
#include "sync/revoke.h"
#include "tests/unit/sync/members.h"

#define HOSTS_MAX 5
#define WIRES_MAX 64
#define CARRIED_MAX 20000 /* pieces a round; more is a loop */

struct host {
	struct device d;
	struct engine *e;
	char address[32];
	bool cut;                 /* what is dialled does not answer */
	const struct host *apart; /* nothing gets to this one */
	bool slow;                /* nothing of what it sends gets away */
};

struct wire {
	struct host *end[2];
	uint64_t conn[2];
	bool up;
};

struct wires {
	struct host *hosts[HOSTS_MAX];
	size_t hosts_len;
	struct wire at[WIRES_MAX];
	size_t len;
	uint64_t accepted, carried;
	uint64_t bytes; /* sent by anybody */
	int64_t ms;
	/* What becomes of beacons; NULL where there are none. */
	void (*announce)(struct wires *, struct host *, unsigned beacons);
};

static inline void
host_engine(struct host *h)
{
	const char *address = h->address;
	struct engine_config config = {
		.listen_port = 1000, .addresses = &address, .addresses_len = 1
	};

	ok(engine_new(&h->e, h->d.r, &h->d.identity, h->d.random));
	device_begin(&h->d);
	ok(engine_configure(h->e, &config));
	device_commit(&h->d);
}

static inline void
host_make(struct wires *w, struct host *h, uint8_t seed, const char *name)
{
	memset(h, 0, sizeof(*h));
	device_make(&h->d, seed, name);
	(void)snprintf(h->address, sizeof(h->address), "10.0.0.%u:1000", seed);
	host_engine(h);
	w->hosts[w->hosts_len++] = h;
}

static inline void
host_remove(struct host *h)
{
	engine_free(h->e);
	device_remove(&h->d);
}

/* Ends the transaction and tells the engine what became durable. */
static inline void
host_commit(struct host *h)
{
	for (;;) {
		const struct replica_event *events;
		struct replica_event *copy;
		size_t n;

		ok(txn_commit(h->d.txn));
		replica_committed(h->d.r, &events, &n);
		if (n == 0)
			return;
		copy = calloc(n, sizeof(*copy));
		assert_non_null(copy);
		memcpy(copy, events, n * sizeof(*copy));
		device_begin(&h->d);
		ok(engine_events(h->e, copy, n, h->d.now));
		free(copy);
	}
}

static inline void
host_tick(struct host *h)
{
	device_begin(&h->d);
	ok(engine_tick(h->e, h->d.now));
	host_commit(h);
}

static inline struct wire *
wire_of(struct wires *w, const struct host *h, uint64_t conn, int *side)
{
	for (size_t i = 0; i < w->len; i++) {
		for (*side = 0; *side < 2; ++*side)
			if (w->at[i].end[*side] == h &&
			    w->at[i].conn[*side] == conn)
				return &w->at[i];
	}
	return NULL;
}

static inline void
wire_dial(struct wires *w, struct host *h, const struct engine_output *out)
{
	struct host *to = NULL;

	for (size_t i = 0; i < w->hosts_len; i++)
		if (strcmp(w->hosts[i]->address, out->address) == 0)
			to = w->hosts[i];
	device_begin(&h->d);
	if (to == NULL || to->cut || h->cut || to->apart == h ||
	    h->apart == to) {
		ok(engine_closed(h->e, out->conn, h->d.now));
		host_commit(h);
		return;
	}
	ok(engine_dialed(h->e, out->conn, h->d.now));
	host_commit(h);
	assert_true(w->len < WIRES_MAX);
	w->at[w->len++] = (struct wire){ .end = { h, to },
		.conn = { out->conn, ++w->accepted },
		.up = true };
	device_begin(&to->d);
	ok(engine_accepted(to->e, w->accepted, h->address, to->d.now));
	host_commit(to);
}

static inline void
wire_cut(struct wire *wire)
{
	if (!wire->up)
		return;
	wire->up = false;
	for (int i = 0; i < 2; i++) {
		struct host *h = wire->end[i];

		device_begin(&h->d);
		ok(engine_closed(h->e, wire->conn[i], h->d.now));
		host_commit(h);
	}
}

static inline void
wire_carry(struct wires *w, struct host *h, struct engine_output *out)
{
	int side;
	struct wire *wire = wire_of(w, h, out->conn, &side);

	if (wire != NULL && wire->up && out->what == ENGINE_SEND) {
		struct host *to = wire->end[!side];

		w->bytes += out->bytes.len;
		device_begin(&to->d);
		ok(engine_bytes(to->e, wire->conn[!side],
		    buf_bytes(&out->bytes), to->d.now));
		host_commit(to);
		device_begin(&h->d);
		engine_pending(h->e, out->conn, h->slow ? PEER_PENDING_MAX : 0);
		host_commit(h);
	} else if (wire != NULL && out->what == ENGINE_CLOSE) {
		wire_cut(wire);
	}
	if (out->what == ENGINE_SEND)
		buf_clear(&out->bytes);
}

/* Carries everything until nobody says more; true when there was an end. */
static inline bool
wires_settle(struct wires *w)
{
	uint64_t start = w->carried;
	bool moved = true;

	while (moved && w->carried - start < CARRIED_MAX) {
		moved = false;
		for (size_t i = 0; i < w->hosts_len; i++) {
			struct host *h = w->hosts[i];
			struct engine_output out;

			while (engine_take(h->e, &out)) {
				moved = true;
				w->carried++;
				if (out.what == ENGINE_ANNOUNCE)
					w->announce(w, h, out.beacons);
				else if (out.what == ENGINE_DIAL)
					wire_dial(w, h, &out);
				else
					wire_carry(w, h, &out);
			}
		}
	}
	return !moved;
}

/* Lets time pass. */
static inline void
wires_run(struct wires *w, int64_t ms)
{
	for (int64_t end = w->ms + ms; w->ms < end; w->ms += 500) {
		for (size_t i = 0; i < w->hosts_len; i++) {
			w->hosts[i]->d.now.mono.ms = w->ms;
			w->hosts[i]->d.now.wall.ms = START_MS + w->ms;
			host_tick(w->hosts[i]);
		}
		assert_true(wires_settle(w));
	}
}

/* As edit() and evict(), with the engine told of it. */
static inline void
host_edit(struct host *h, uint32_t docno, const char *key, const char *text)
{
	struct setting s = { key, text };
	uint8_t hash[LK_ID_LEN];
	bool changed;

	device_begin(&h->d);
	ok(replica_edit(h->d.r, docno, setting_fill, &s, NULL, &changed, hash));
	host_commit(h);
}

static inline void
host_evict(struct host *h, uint32_t docno, const uint8_t key[static 32])
{
	struct revoke_report report;

	device_begin(&h->d);
	ok(replica_revoke(
	    h->d.r, docno, &(struct revoke_order){ .key = key }, &report));
	host_commit(h);
}

static inline void
wires_cut(struct wires *w)
{
	for (size_t i = 0; i < w->len; i++)
		wire_cut(&w->at[i]);
}

static inline void
ticket_make(
    struct host *h, uint32_t docno, enum role role, uint32_t uses, char *text)
{
	struct ticket_request q = { .purpose = TICKET_INVITE,
		.docno = docno,
		.role = role,
		.uses = uses };

	device_begin(&h->d);
	ok(engine_ticket(h->e, &q, h->d.now, text, TICKET_TEXT_MAX + 1));
	host_commit(h);
}

/* Uses a ticket and waits. */
static inline uint64_t
redeem(struct wires *w, struct host *to, const char *text)
{
	uint64_t handle;

	device_begin(&to->d);
	ok(engine_redeem(to->e, text, TICKET_INVITE, to->d.now, &handle));
	host_commit(to);
	wires_run(w, 5000);
	return handle;
}

static inline uint32_t
redeemed(struct host *h, uint64_t handle)
{
	struct redeem_status s;

	device_begin(&h->d);
	ok(engine_redeemed(h->e, handle, &s));
	device_commit(&h->d);
	return s.docno;
}

#endif
