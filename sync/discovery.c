#include "sync/discovery.h"

#include <stdio.h>
#include <string.h>

#include "sync/fanout.h"
#include "sync/pairing.h"

/* 60 s +- 20 s. */
#define BEACON_LEAST_MS 40000
#define BEACON_SPREAD_MS 40000
#define BEACON_AGAIN_MS 1000
/* A contact that comes with many changes of the home document is read once. */
#define BOOK_WAIT_MS 2000
#define WINDOW_EVERY_MS 2000
#define WINDOW_FRESH_MS 10000

void
discovery_stale(struct engine *e)
{
	struct discovery *d = &e->discovery;

	if (d->on && d->book_due.ms == 0)
		d->book_due.ms = e->now.mono.ms + BOOK_WAIT_MS;
}

static lk_err
book_read(struct engine *e)
{
	struct discovery *d = &e->discovery;
	uint8_t before[sizeof(d->book.own)];
	bool was = d->ready;
	lk_err err;

	memcpy(before, d->book.own, sizeof(before));
	d->book_due.ms = 0;
	err = person_beacons(e->r, &d->book);
	d->ready = err.code == LK_OK;
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	if (!d->book.said)
		TRY(person_beacon_say(e->r, d->book.mine));
	if (was && memcmp(before, d->book.own, sizeof(before)) != 0)
		TRY(contacts_tell(e));
	return LK_NONE;
}

lk_err
discovery_tick(struct engine *e)
{
	struct discovery *d = &e->discovery;
	int64_t now = e->now.mono.ms;

	if (!d->on)
		return LK_NONE;
	if (!d->ready || (d->book_due.ms != 0 && now >= d->book_due.ms))
		TRY(book_read(e));
	if (d->ready && now >= d->next.ms) {
		d->announce |= 1u << BEACON_DEVICE;
		d->said.ms = now;
		d->next.ms = now + BEACON_LEAST_MS +
		    (int64_t)random_below(&e->random, BEACON_SPREAD_MS + 1);
	}
	if (d->window_open && now >= d->window_next.ms) {
		d->announce |= 1u << BEACON_WINDOW;
		d->window_next.ms = now + WINDOW_EVERY_MS;
	}
	return LK_NONE;
}

int64_t
discovery_next_ms(const struct engine *e)
{
	const struct discovery *d = &e->discovery;
	int64_t next = INT64_MAX;

	if (d->on && d->ready)
		next = d->next.ms;
	if (d->on && d->book_due.ms != 0 && d->book_due.ms < next)
		next = d->book_due.ms;
	if (d->on && d->window_open && d->window_next.ms < next)
		next = d->window_next.ms;
	return next;
}

bool
discovery_take(struct engine *e, struct engine_output *out)
{
	struct discovery *d = &e->discovery;

	if (d->announce == 0)
		return false;
	*out = (struct engine_output){ .what = ENGINE_ANNOUNCE,
		.beacons = d->announce };
	d->announce = 0;
	return true;
}

size_t
engine_beacon(struct engine *e, enum beacon_type type,
    const uint8_t address[static BEACON_ADDRESS_LEN],
    uint8_t out[static BEACON_MAX])
{
	const struct discovery *d = &e->discovery;
	uint8_t nonce[BEACON_NONCE_LEN];

	switch (type) {
	case BEACON_DEVICE:
		if (!d->ready || e->port == 0)
			return 0;
		random_fill(&e->random, nonce, sizeof(nonce));
		beacon_device(out, d->book.mine, nonce, e->port, address);
		return BEACON_DEVICE_LEN;
	case BEACON_WINDOW:
		if (!d->window_open)
			return 0;
		beacon_window(out, d->window_number, d->window_port);
		return BEACON_WINDOW_LEN;
	}
	return 0;
}

static const struct known_beacon *
book_find(const struct beacon_book *book, const struct beacon *b,
    const uint8_t ip[static BEACON_ADDRESS_LEN])
{
	for (size_t i = 0; i < book->len; i++)
		if (beacon_is_from(b, book->at[i].key, ip))
			return &book->at[i];
	return NULL;
}

/* A second of the engine's clock has BEACONS_A_SECOND. */
static bool
may_try(struct discovery *d, struct mono now)
{
	if (now.ms - d->second.ms >= 1000 || now.ms < d->second.ms) {
		d->second = now;
		d->tried = 0;
	}
	return d->tried++ < BEACONS_A_SECOND;
}

/* Somebody connected said this: nothing that is not known already. */
static bool
is_connected_at(const struct engine *e, const char *address)
{
	const struct link *l;
	const struct peer *p;

	TAILQ_FOREACH (p, &e->peers, next) {
		size_t i = 0;

		while (i < p->addresses_len &&
		    strcmp(p->addresses[i], address) != 0)
			i++;
		if (i == p->addresses_len)
			continue;
		TAILQ_FOREACH (l, &e->links, next)
			if (l->state == LINK_OPEN && l->known &&
			    memcmp(l->pk, p->pk, 32) == 0 && l->probed.ms == 0)
				return true;
	}
	return false;
}

static void
device_heard(
    struct engine *e, const struct known_beacon *k, const char *address)
{
	struct peer *p = peers_find(e, k->pk);
	struct link *l = link_of(e, k->pk);

	if (p == NULL)
		return;
	(void)strlcpy(p->beacon, address, sizeof(p->beacon));
	/* It is elsewhere now, or at two places. */
	if (l != NULL)
		link_probe(e, l);
	e->wake = e->now.mono;
}

static void
window_note(struct engine *e, uint8_t number, const char *address)
{
	struct window_heard *oldest = &e->discovery.windows[0];

	for (size_t i = 0; i < WINDOWS_HEARD_MAX; i++) {
		struct window_heard *w = &e->discovery.windows[i];

		if (w->when.ms != 0 && w->number == number &&
		    strcmp(w->address, address) == 0) {
			w->when = e->now.mono;
			return;
		}
		if (w->when.ms < oldest->when.ms)
			oldest = w;
	}
	oldest->number = number;
	oldest->when = e->now.mono;
	(void)strlcpy(oldest->address, address, sizeof(oldest->address));
}

void
engine_heard(struct engine *e, struct bytes in,
    const struct beacon_source *from, struct now now)
{
	struct discovery *d = &e->discovery;
	const struct known_beacon *k;
	char address[ADDRESS_TEXT_MAX];
	struct beacon b;
	int n;

	if (!d->on || !may_try(d, now.mono) ||
	    beacon_decode(&b, in).code != LK_OK)
		return;
	e->now = now;
	n = snprintf(address, sizeof(address), "%s:%u", from->host, b.port);
	if (n < 0 || (size_t)n >= sizeof(address))
		return;
	if (b.type == BEACON_WINDOW)
		window_note(e, b.number, address);
	if (b.type == BEACON_WINDOW || is_connected_at(e, address))
		return;
	k = book_find(&d->book, &b, from->ip);
	if (k != NULL)
		device_heard(e, k, address);
}

void
engine_network_changed(struct engine *e, struct now now)
{
	struct redeem *q;
	struct link *l;
	struct peer *p;

	e->now = now;
	TAILQ_FOREACH (l, &e->links, next)
		if (l->state == LINK_OPEN)
			link_probe(e, l);
	/* What is under way may be on its way to where nobody is any more. */
	TAILQ_FOREACH (p, &e->peers, next) {
		p->failures = 0;
		p->again.ms = 0;
		p->dialling = false;
	}
	TAILQ_FOREACH (q, &e->redeems, next)
		q->again.ms = 0;
	/* An interface that comes up changes several times. */
	e->discovery.next.ms = e->discovery.said.ms + BEACON_AGAIN_MS;
	e->wake = now.mono;
}

void
discovery_window(struct engine *e, const uint8_t *number)
{
	struct discovery *d = &e->discovery;

	if (number == NULL || e->port == 0) {
		d->window_open = false;
		return;
	}
	if (d->window_open && d->window_number == *number &&
	    d->window_port == e->port)
		return;
	d->window_open = true;
	d->window_number = *number;
	d->window_port = e->port;
	d->window_next = e->now.mono;
	e->wake = e->now.mono;
}

lk_err
engine_window_heard(struct engine *e, uint8_t number, size_t i, struct now now,
    char out[static ADDRESS_TEXT_MAX])
{
	for (size_t n = 0; n < WINDOWS_HEARD_MAX; n++) {
		const struct window_heard *w = &e->discovery.windows[n];

		if (w->when.ms == 0 || w->number != number ||
		    now.mono.ms - w->when.ms > WINDOW_FRESH_MS || i-- > 0)
			continue;
		(void)strlcpy(out, w->address, ADDRESS_TEXT_MAX);
		return LK_NONE;
	}
	return LK_ERR(LK_E_NOTFOUND, "window");
}
