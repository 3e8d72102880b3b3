/*
 * peers.h - inside sync/: the address book of an engine, and dialling.
 *
 * A peer is dialled at the addresses remembered, with a pause that doubles and
 * has jitter; where a beacon of it was heard, at once.  Those where it was met
 * come first, every other time the last one of them: what others say of a peer
 * never takes their place, and cannot keep it from being found.
 */
#ifndef SYNC_PEERS_H
#define SYNC_PEERS_H

#include <sys/queue.h>

#include "sync/address.h"
#include "sync/cert.h"
#include "sync/engine.h"

struct link;

struct peer {
	TAILQ_ENTRY(peer) next;
	uint8_t pk[32], noise_pk[32];
	struct proof *proof; /* owned; NULL when the card has it */
	/* First those where it was met, the latest last; then those of which
	 * others said so. */
	char addresses[PEER_ADDRESS_MAX][ADDRESS_TEXT_MAX];
	size_t addresses_len, met_len;
	size_t dialled; /* how often */
	struct wall seen;
	struct mono again; /* not before */
	uint32_t failures;
	bool dialling;
	char beacon[ADDRESS_TEXT_MAX]; /* where it was heard; "": nowhere, or
					* dialled since */
	struct mono beaconed;          /* when it was dialled there */
};

TAILQ_HEAD(peers, peer);

LK_MUST_USE lk_err peers_load(struct engine *);
struct peer *peers_find(struct engine *, const uint8_t pk[static 32]);
/* Enters or updates a device whose proof or card was verified. */
LK_MUST_USE lk_err peers_learn(struct engine *, const struct cert *,
    const struct proof *, const struct addresses *);
LK_MUST_USE lk_err peers_address(
    struct engine *, const uint8_t pk[static 32], const char *address);
/* Whether a device was met in the last PEERS_MET_MS that has this address among
 * its own; the port does not count. */
bool peers_met_at(const struct engine *, const char *address);
LK_MUST_USE lk_err peers_seen(struct engine *, const uint8_t pk[static 32]);
LK_MUST_USE lk_err peers_received(struct engine *, struct link *, struct bytes);
LK_MUST_USE lk_err peers_tell(struct engine *, struct link *);
/* Somebody became a member of something: tells everybody whom they now share a
 * document with, and looks again at what was heard too early. */
LK_MUST_USE lk_err peers_changed(struct engine *);
LK_MUST_USE lk_err peers_dial(struct engine *);
/* When that may have something to do for one; INT64_MAX for never. */
int64_t peer_due_ms(const struct engine *, const struct peer *);
void peers_failed(struct engine *, const uint8_t pk[static 32]);
void peers_free(struct engine *);

#endif
