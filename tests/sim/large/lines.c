#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/large/large.h"

#define LATENCY_LEAST 5
#define LATENCY_MOST 120
#define JITTER 8

struct piece {
	STAILQ_ENTRY(piece) next;
	int64_t due;
	bool end; /* the stream ends here */
	struct buf bytes;
};
STAILQ_HEAD(pieces, piece);

struct line_end {
	struct device *device;
	uint64_t conn;
	uint32_t boot;
	bool attached;
	int64_t last_due;
	struct pieces coming;
};

struct line {
	struct line_end end[2]; /* [0] dialled */
	bool connecting;
	int64_t latency;
};

void
line_address(char out[static 32], uint32_t i)
{
	(void)snprintf(out, 32, "10.%u.%u.%u:%u", 1 + (i >> 16), i >> 8 & 0xff,
	    i & 0xff, LARGE_PORT);
}

static uint32_t
address_device(const struct large *w, const char *address)
{
	unsigned a, b, c, port;

	if (sscanf(address, "10.%u.%u.%u:%u", &a, &b, &c, &port) != 4 || a == 0)
		return UINT32_MAX;
	a = (a - 1) << 16 | b << 8 | c;
	return a < w->o.devices ? a : UINT32_MAX;
}

/* The same for a pair whenever they meet; most are near, few are far. */
static int64_t
pair_latency(const struct large *w, uint32_t a, uint32_t b)
{
	uint64_t pair[3] = { w->o.seed, a < b ? a : b, a < b ? b : a };
	uint8_t h[8];
	uint64_t n;

	digest(h, sizeof(h), DIGEST_FP, NULL,
	    BYTES((uint8_t *)pair, sizeof(pair)));
	memcpy(&n, h, sizeof(n));
	n %= (LATENCY_MOST - LATENCY_LEAST) * (LATENCY_MOST - LATENCY_LEAST);
	for (int64_t x = 0;; x++)
		if ((uint64_t)((x + 1) * (x + 1)) > n)
			return LATENCY_MOST - x;
}

static bool
end_alive(const struct line_end *e)
{
	return e->attached && e->device->up && e->device->boot == e->boot;
}

static void
plug_add(struct device *d, uint64_t conn, size_t line, uint8_t end)
{
	if (d->plugs_len == d->plugs_cap) {
		d->plugs_cap = d->plugs_cap == 0 ? 8 : d->plugs_cap * 2;
		d->plugs =
		    reallocarray(d->plugs, d->plugs_cap, sizeof(*d->plugs));
		LK_ASSERT(d->plugs != NULL);
	}
	d->plugs[d->plugs_len++] =
	    (struct plug){ .conn = conn, .line = line, .end = end };
}

static struct plug *
plug_find(struct device *d, uint64_t conn)
{
	for (size_t i = 0; i < d->plugs_len; i++)
		if (d->plugs[i].conn == conn)
			return &d->plugs[i];
	return NULL;
}

static void
plug_remove(struct device *d, uint64_t conn)
{
	struct plug *p = plug_find(d, conn);

	if (p != NULL)
		*p = d->plugs[--d->plugs_len];
}

static void
pieces_clear(struct line_end *e)
{
	while (!STAILQ_EMPTY(&e->coming)) {
		struct piece *p = STAILQ_FIRST(&e->coming);

		STAILQ_REMOVE_HEAD(&e->coming, next);
		buf_clear(&p->bytes);
		free(p);
	}
}

static void
end_detach(struct line_end *e)
{
	if (e->attached && e->device->boot == e->boot)
		plug_remove(e->device, e->conn);
	e->attached = false;
	pieces_clear(e);
}

/* Frees a line neither side has any more; events may still name it. */
static void
line_reap(struct large *w, size_t index)
{
	struct line *l = w->lines[index];

	if (l == NULL || l->connecting || l->end[0].attached ||
	    l->end[1].attached)
		return;
	free(l);
	w->lines[index] = NULL;
	w->lines_live--;
}

static void
piece_put(struct large *w, size_t index, size_t which, struct buf *bytes)
{
	struct line *l = w->lines[index];
	struct line_end *e = &l->end[which];
	struct piece *p = calloc(1, sizeof(*p));
	int64_t due =
	    w->now + l->latency + (int64_t)random_below(&w->random, JITTER);

	LK_ASSERT(p != NULL);
	p->end = bytes == NULL;
	if (bytes != NULL)
		p->bytes = *bytes;
	p->due = due > e->last_due ? due : e->last_due;
	e->last_due = p->due;
	STAILQ_INSERT_TAIL(&e->coming, p, next);
	schedule_put(&w->schedule, p->due, EVENT_BYTES, index, which);
}

void
line_dial(struct device *d, uint64_t conn, const char *address)
{
	struct large *w = d->world;
	uint32_t other = address_device(w, address);
	struct line *l = calloc(1, sizeof(*l));

	LK_ASSERT(l != NULL);
	w->lines = reallocarray(w->lines, w->lines_len + 1, sizeof(*w->lines));
	LK_ASSERT(w->lines != NULL);
	STAILQ_INIT(&l->end[0].coming);
	STAILQ_INIT(&l->end[1].coming);
	l->connecting = true;
	l->end[0].device = d;
	l->end[0].conn = conn;
	l->end[0].boot = d->boot;
	l->end[0].attached = true;
	l->latency = LATENCY_MOST;
	if (other != UINT32_MAX) {
		l->end[1].device = &w->devices[other];
		l->latency = pair_latency(w, d->index, other);
	}
	plug_add(d, conn, w->lines_len, 0);
	schedule_put(&w->schedule, w->now + 2 * l->latency, EVENT_CONNECT,
	    w->lines_len, 0);
	w->lines[w->lines_len++] = l;
	w->lines_live++;
}

void
line_connect(struct large *w, size_t index)
{
	struct line *l = w->lines[index];
	struct line_end *from = &l->end[0], *to = &l->end[1];
	struct arrival *a;

	l->connecting = false;
	if (!end_alive(from)) {
		from->attached = false;
		line_reap(w, index);
		return;
	}
	if (to->device == NULL || !to->device->up) {
		struct device *d = from->device;
		uint64_t conn = from->conn;

		end_detach(from);
		line_reap(w, index);
		(void)device_arrival(d, ARRIVAL_CLOSED, conn);
		return;
	}
	to->conn = (uint64_t)index + 1;
	to->boot = to->device->boot;
	to->attached = true;
	plug_add(to->device, to->conn, index, 1);
	a = device_arrival(to->device, ARRIVAL_ACCEPTED, to->conn);
	a->from = from->device->index;
	(void)device_arrival(from->device, ARRIVAL_DIALED, from->conn);
}

void
line_send(struct device *d, uint64_t conn, struct buf *bytes)
{
	struct plug *p = plug_find(d, conn);
	struct line *l = p == NULL ? NULL : d->world->lines[p->line];

	if (l == NULL || l->connecting || !l->end[1 - p->end].attached) {
		buf_clear(bytes);
		return;
	}
	d->sent.bytes += bytes->len;
	piece_put(d->world, p->line, 1u - p->end, bytes);
}

void
line_hang_up(struct device *d, uint64_t conn)
{
	struct plug *p = plug_find(d, conn);
	struct large *w = d->world;
	size_t index;
	uint8_t end;

	if (p == NULL)
		return;
	index = p->line;
	end = p->end;
	end_detach(&w->lines[index]->end[end]);
	if (w->lines[index]->end[1 - end].attached)
		piece_put(w, index, 1u - end, NULL);
	line_reap(w, index);
}

void
lines_drop(struct device *d)
{
	while (d->plugs_len > 0)
		line_hang_up(d, d->plugs[0].conn);
}

void
line_deliver(struct large *w, size_t index, size_t which)
{
	struct line *l = w->lines[index];
	struct line_end *e;
	struct piece *p;

	if (l == NULL)
		return;
	e = &l->end[which];
	if (!end_alive(e) || STAILQ_EMPTY(&e->coming))
		return;
	p = STAILQ_FIRST(&e->coming);
	if (p->due > w->now)
		return;
	STAILQ_REMOVE_HEAD(&e->coming, next);
	if (p->end) {
		struct device *d = e->device;
		uint64_t conn = e->conn;

		end_detach(e);
		line_reap(w, index);
		(void)device_arrival(d, ARRIVAL_CLOSED, conn);
	} else {
		struct arrival *a =
		    device_arrival(e->device, ARRIVAL_BYTES, e->conn);

		a->bytes = p->bytes;
	}
	free(p);
}

void
lines_free(struct large *w)
{
	for (size_t i = 0; i < w->lines_len; i++) {
		if (w->lines[i] == NULL)
			continue;
		pieces_clear(&w->lines[i]->end[0]);
		pieces_clear(&w->lines[i]->end[1]);
		free(w->lines[i]);
	}
	free(w->lines);
}
