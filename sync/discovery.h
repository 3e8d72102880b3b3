/*
 * discovery.h - inside sync/: beacons of this device and of others (sync.md
 * section 4, docs/protocol.md section 13), and what follows from them.
 *
 * A beacon that is recognised only notes on the peer where it was heard and
 * wakes the engine; the next tick dials (peers.c).  So hearing one needs no
 * transaction, and one that is not recognised leaves nothing.
 */
#ifndef SYNC_DISCOVERY_H
#define SYNC_DISCOVERY_H

#include "sync/engine.h"
#include "sync/person.h"

#define BEACONS_A_SECOND 20
#define WINDOWS_HEARD_MAX 16

/* A pairing window's beacon. */
struct window_heard {
	uint8_t number;
	struct mono when; /* ms 0: none */
	char address[ADDRESS_TEXT_MAX];
};

struct discovery {
	bool on;
	bool ready;           /* the book has been read */
	struct mono next;     /* this device's beacon */
	struct mono said;     /* the last one */
	struct mono book_due; /* to be read again; ms 0: no need */
	struct beacon_book book;
	unsigned announce;  /* 1 << enum beacon_type: to be sent */
	struct mono second; /* of which `heard` were tried */
	unsigned tried;
	bool window_open;
	uint8_t window_number;
	uint16_t window_port;
	struct mono window_next;
	struct window_heard windows[WINDOWS_HEARD_MAX];
};

/* The window of this number is open, and has a beacon; NULL: none. */
void discovery_window(struct engine *, const uint8_t *number);
/* The home document changed: who is recognised may have, too. */
void discovery_stale(struct engine *);
LK_MUST_USE lk_err discovery_tick(struct engine *);
/* When it wants to be called; INT64_MAX for never. */
int64_t discovery_next_ms(const struct engine *);
/* As an output, when something is to be sent. */
bool discovery_take(struct engine *, struct engine_output *);

#endif
