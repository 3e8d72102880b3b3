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

/* Why it is to be connected with: a document of few devices, only crowds, or
 * no document at all. */
enum bond { BOND_NONE, BOND_CROWD, BOND_MESH };

struct peer {
	TAILQ_ENTRY(peer) next;
	uint8_t pk[32], noise_pk[32];
	struct bytes proof; /* owned; empty when the card has it */
	enum bond bond;     /* as judged at `judged` (engine.bonds) */
	uint64_t judged;
	uint32_t sought; /* wanted as neighbour in this document; 0: not */
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
/* book.c: whom devices of crowds know. */
/* Who is a member of what changed: why they are called, too. */
void peers_judge_again(struct engine *);
LK_MUST_USE lk_err peer_bond(struct engine *, struct peer *, enum bond *);
/* How many are called for being neighbours in it. */
size_t peers_sought(struct engine *, uint32_t docno);
/* Calls one of the crowd that is known; *found false: there is none. */
LK_MUST_USE lk_err peers_seek(struct engine *, uint32_t docno, bool *found);
LK_MUST_USE lk_err peers_only_crowds(
    struct engine *, struct peer *, bool *only);
/* Appends what lets a third device reach and trust it; *known false: not
 * enough is known of it. */
LK_MUST_USE lk_err peers_entry(
    struct engine *, const uint8_t pk[static 32], struct buf *, bool *known);
LK_MUST_USE lk_err peers_self(struct engine *, struct buf *, bool *known);
/* Appends some of a crowd, by chance, until there are `most`. */
LK_MUST_USE lk_err peers_sample(
    struct engine *, uint32_t docno, size_t most, struct buf *, size_t *len);
struct peer_entry;
/* Enters one that somebody told of, when it is of the crowd and proves it, and
 * calls it where `seek` says so. */
LK_MUST_USE lk_err peers_hear_of(
    struct engine *, uint32_t docno, const struct peer_entry *, bool seek);
/* One that dialled here and shares a document. */
LK_MUST_USE lk_err peers_dialled_in(struct engine *, const struct proof *);
/* Makes room: of those that are known for crowds only at most BOOK_EACH for each
 * crowd and as many more stay, BOOK_MOST in all. */
LK_MUST_USE lk_err peers_book_trim(struct engine *);
/* What lets a third device trust what we say of this peer.  NOTFOUND. */
LK_MUST_USE lk_err peer_proof(
    struct engine *, const struct peer *, struct proof *);
/* Whether the two devices are members of some document together; `small`: of
 * one that is no crowd. */
LK_MUST_USE lk_err share_topic(struct engine *, const uint8_t a[static 32],
    const uint8_t b[static 32], bool small, bool *share);
LK_MUST_USE lk_err peer_forget(struct engine *, struct peer *);
void peers_failed(struct engine *, const uint8_t pk[static 32]);
void peers_free(struct engine *);

#endif
