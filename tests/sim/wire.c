#include "tests/sim/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/net.h"
#include "tests/sim/bounds.h"
#include "tests/sim/bucket.h"
#include "tests/sim/leak.h"
#include "tests/sim/node.h"

#define WIRE_MAX ((size_t)64 * 1024 * 1024)
#define DIAL_TIMEOUT_MS 10000
#define PIECE_MAX (64 * 1024)
#define PENDING_LOW (PEER_PENDING_MAX / 4)
#define RETRY_MS 250

struct wire_end {
	struct node *node;
	uint64_t conn;
	uint32_t boot;
	bool attached;     /* the device has this connection */
	bool ending;       /* it ends after what is coming */
	bool scheduled;    /* a delivery is */
	bool held;         /* nothing is read here */
	struct buf coming; /* to this end */
};

struct wire {
	struct wire_end end[2]; /* [0] dialled */
	bool connecting;
};

void
node_address(char out[static 32], enum node_index i)
{
	(void)snprintf(out, 32, "10.7.0.%u:%u", (unsigned)i + 1, SIM_PORT);
}

static bool
end_alive(const struct wire_end *e)
{
	return e->attached && e->node->up && e->node->boot == e->boot;
}

static struct wire_end *
end_find(struct node *n, uint64_t conn, size_t *wire, size_t *which)
{
	struct world *w = n->world;

	for (size_t i = w->wires_len; i-- > 0;) {
		for (size_t k = 0; k < 2; k++) {
			struct wire_end *e = &w->wires[i]->end[k];

			if (e->attached && e->node == n && e->conn == conn &&
			    e->boot == n->boot) {
				*wire = i;
				*which = k;
				return e;
			}
		}
	}
	return NULL;
}

static void
end_schedule(struct world *w, size_t wire, size_t which, int64_t in)
{
	struct wire_end *e = &w->wires[wire]->end[which];

	if (e->scheduled)
		return;
	e->scheduled = true;
	schedule_put(&w->schedule, w->now + in, EVENT_BYTES, wire, which);
}

static int64_t
latency(struct world *w)
{
	return world_between(w, 1, (int64_t)w->plan.latency_max);
}

void
wire_dial(struct node *n, uint64_t conn, const char *address)
{
	struct world *w = n->world;
	struct wire *wire = calloc(1, sizeof(*wire));
	char known[32];
	int64_t in = latency(w);

	LK_ASSERT(wire != NULL);
	w->wires = reallocarray(w->wires, w->wires_len + 1, sizeof(*w->wires));
	LK_ASSERT(w->wires != NULL);
	wire->connecting = true;
	wire->end[0] = (struct wire_end){
		.node = n, .conn = conn, .boot = n->boot, .attached = true
	};
	for (size_t i = 0; i < EVERYBODY; i++) {
		node_address(known, (enum node_index)i);
		if (strcmp(known, address) == 0)
			wire->end[1].node = &w->nodes[i];
	}
	buf_init(&wire->end[0].coming, WIRE_MAX);
	buf_init(&wire->end[1].coming, WIRE_MAX);
	/* Who does not answer is waited for; who is down says so at once. */
	if (wire->end[1].node != NULL &&
	    (w->cut[n->index][wire->end[1].node->index] ||
		w->cut[wire->end[1].node->index][n->index]))
		in = DIAL_TIMEOUT_MS;
	schedule_put(&w->schedule, w->now + in, EVENT_CONNECT, w->wires_len, 0);
	w->wires[w->wires_len++] = wire;
}

void
wire_connect(struct world *w, size_t index)
{
	struct wire *wire = w->wires[index];
	struct wire_end *from = &wire->end[0], *to = &wire->end[1];
	struct arrival *a;

	wire->connecting = false;
	if (!end_alive(from))
		return;
	if (to->node == NULL || !to->node->up ||
	    folder_parts(w, from->node->index, to->node->index) ||
	    w->cut[from->node->index][to->node->index] ||
	    w->cut[to->node->index][from->node->index]) {
		from->attached = false;
		(void)node_arrival(from->node, ARRIVAL_DIAL_FAILED, from->conn);
		return;
	}
	to->conn = ++w->accepted;
	to->boot = to->node->boot;
	to->attached = true;
	a = node_arrival(to->node, ARRIVAL_ACCEPTED, to->conn);
	(void)snprintf(a->address, sizeof(a->address), "10.7.0.%u:%u",
	    (unsigned)from->node->index + 1, (unsigned)(40000 + index % 20000));
	(void)node_arrival(from->node, ARRIVAL_DIALED, from->conn);
}

size_t
wire_send(struct node *n, uint64_t conn, struct buf *bytes)
{
	struct world *w = n->world;
	size_t wire, which;
	struct wire_end *e = end_find(n, conn, &wire, &which), *to;

	if (e == NULL || w->wires[wire]->connecting) {
		buf_clear(bytes);
		return 0;
	}
	to = &w->wires[wire]->end[1 - which];
	leak_check(n, "on a wire", buf_bytes(bytes));
	/* As net_send: who does not read is parted with. */
	if (to->node != NULL && to->node->hostile != NULL &&
	    bytes->len > NET_PENDING_HARD - to->coming.len) {
		buf_clear(bytes);
		wire_hang_up(n, conn);
		(void)node_arrival(n, ARRIVAL_CLOSED, conn);
		return 0;
	}
	if (to->node != NULL && to->node->hostile != NULL && n->hostile == NULL)
		bounds_told(to->node, bytes->len);
	if (to->attached && !to->ending) {
		buf_add(&to->coming, buf_bytes(bytes));
		if (to->coming.failed)
			world_fail(w, "%s: more than %zu bytes on one wire",
			    n->name, WIRE_MAX);
		end_schedule(w, wire, 1 - which, latency(w));
	}
	buf_clear(bytes);
	return to->coming.len;
}

struct node *
wire_other(struct node *n, uint64_t conn)
{
	struct world *w = n->world;

	for (size_t i = w->wires_len; i-- > 0;)
		for (size_t k = 0; k < 2; k++)
			if (w->wires[i]->end[k].node == n &&
			    w->wires[i]->end[k].conn == conn &&
			    w->wires[i]->end[k].boot == n->boot)
				return w->wires[i]->end[1 - k].node;
	return NULL;
}

void
wire_hold(struct node *n, uint64_t conn, bool held)
{
	size_t wire, which;
	struct wire_end *e = end_find(n, conn, &wire, &which);

	if (e == NULL)
		return;
	e->held = held;
	if (!held && (e->coming.len > 0 || e->ending))
		end_schedule(n->world, wire, which, 1);
}

void
wire_hang_up(struct node *n, uint64_t conn)
{
	struct world *w = n->world;
	size_t wire, which;
	struct wire_end *e = end_find(n, conn, &wire, &which);

	if (e == NULL)
		return;
	e->attached = false;
	buf_clear(&e->coming);
	e = &w->wires[wire]->end[1 - which];
	if (!e->attached)
		return;
	e->ending = true;
	end_schedule(w, wire, 1 - which, latency(w));
}

/* What is coming stops at a random byte, then the end. */
static void
end_cut(struct world *w, size_t wire, size_t which, int64_t in)
{
	struct wire_end *e = &w->wires[wire]->end[which];

	if (!e->attached)
		return;
	if (e->coming.len > 0)
		e->coming.len =
		    (size_t)random_below(&w->random, e->coming.len + 1);
	e->ending = true;
	end_schedule(w, wire, which, in);
}

void
wire_drop_all(struct node *n, bool silent)
{
	struct world *w = n->world;

	for (size_t i = 0; i < w->wires_len; i++) {
		for (size_t k = 0; k < 2; k++) {
			struct wire_end *e = &w->wires[i]->end[k];

			if (!e->attached || e->node != n)
				continue;
			e->attached = false;
			buf_clear(&e->coming);
			if (!w->wires[i]->connecting)
				end_cut(w, i, 1 - k,
				    silent ? world_between(w, 1000, 100000)
					   : latency(w));
		}
	}
}

/* How many bytes arrive together. */
static size_t
piece(struct world *w, size_t len)
{
	uint64_t kind = random_below(&w->random, 8);

	if (len > PIECE_MAX)
		len = PIECE_MAX;
	if (kind == 0)
		return 1 +
		    (size_t)random_below(&w->random, len < 20 ? len : 20);
	if (kind <= 2)
		return 1 + (size_t)random_below(&w->random, len);
	return len;
}

void
wire_deliver(struct world *w, size_t index, size_t which)
{
	struct wire_end *e = &w->wires[index]->end[which];
	struct wire_end *other = &w->wires[index]->end[1 - which];
	struct arrival *a;
	size_t n, before = e->coming.len;

	e->scheduled = false;
	if (!end_alive(e) || e->held)
		return;
	if (w->cut[other->node->index][e->node->index]) {
		end_schedule(w, index, which, RETRY_MS);
		return;
	}
	if (before > 0) {
		n = piece(w, before);
		a = node_arrival(e->node, ARRIVAL_BYTES, e->conn);
		buf_mem(&a->bytes, e->coming.ptr, n);
		memmove(e->coming.ptr, e->coming.ptr + n, before - n);
		e->coming.len -= n;
		if (before > PENDING_LOW && e->coming.len <= PENDING_LOW &&
		    end_alive(other)) {
			a = node_arrival(
			    other->node, ARRIVAL_SENT, other->conn);
			a->pending = e->coming.len;
		}
		if (e->coming.len > 0 || e->ending)
			end_schedule(w, index, which, world_between(w, 0, 4));
		return;
	}
	if (e->ending) {
		e->attached = false;
		(void)node_arrival(e->node, ARRIVAL_CLOSED, e->conn);
	}
}

void
wire_break_one(struct world *w)
{
	size_t live = 0, chosen;

	for (size_t i = 0; i < w->wires_len; i++)
		live += end_alive(&w->wires[i]->end[0]) &&
		    end_alive(&w->wires[i]->end[1]);
	if (live == 0)
		return;
	chosen = (size_t)random_below(&w->random, live);
	for (size_t i = 0; i < w->wires_len; i++) {
		if (!end_alive(&w->wires[i]->end[0]) ||
		    !end_alive(&w->wires[i]->end[1]) || chosen-- > 0)
			continue;
		for (size_t k = 0; k < 2; k++)
			end_cut(w, i, k, latency(w));
		return;
	}
}

void
wires_free(struct world *w)
{
	for (size_t i = 0; i < w->wires_len; i++) {
		buf_clear(&w->wires[i]->end[0].coming);
		buf_clear(&w->wires[i]->end[1].coming);
		free(w->wires[i]);
	}
	free(w->wires);
	w->wires = NULL;
	w->wires_len = 0;
}
