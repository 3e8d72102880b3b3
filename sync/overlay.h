/*
 * overlay.h - inside sync/: neighbours in documents of many devices, crowds
 * (sync.md section 3; docs/protocol.md section 20; HyParView, Leitão, Pereira,
 * Rodrigues 2007).
 *
 * A document of more than MESH_MAX other devices is a crowd.  In each crowd a
 * device keeps about ACTIVE_TARGET neighbours, over links that serve all
 * documents the two share; so devices that share many crowds have few links.
 * Whom it knows otherwise, some BOOK_EACH devices of a crowd, is in the address
 * book, which serves all crowds; walks and shuffles mix it.
 *
 *   standing of a link in a crowd, by who moves it:
 *
 *   NONE -- neighbour_ask --> ASKED -- YES --> ACTIVE -- DONE --> REFUSED
 *     |                         |                ^                   |
 *     |                         +--- NO ---------|---> REFUSED       |
 *     +-- JOIN, HIGH, LOW taken -----------------+ <-----------------+
 *
 * What a peer says is bounded: one standing a document and link, walks by a
 * bucket of tokens, 16 paths of walks and 256 announced envelopes a crowd, and
 * an address book that evicts.  Neighbours this device chose itself are not
 * displaced by those that come.
 */
#ifndef SYNC_OVERLAY_H
#define SYNC_OVERLAY_H

#include "sync/engine.h"
#include "sync/overlay_message.h"

#define ACTIVE_TARGET 5
#define ACTIVE_MOST 8 /* with those that may not be refused */
#define BOOK_EACH 30
#define BOOK_MOST 240
#define CROWD_PATHS 16
#define CROWD_MISSING_MAX 256
#define MISSING_FROM_MAX 4

struct link;
struct link_topic;
struct replica_event;

enum standing {
	STANDING_NONE,
	STANDING_ASKED,
	STANDING_REFUSED,
	STANDING_ACTIVE
};

/* What a link is in a crowd. */
struct neighbour {
	enum standing standing;
	bool ours; /* asked from here */
	bool lazy; /* it gets announcements, not envelopes */
	struct mono since;
	uint32_t credit; /* ids not known here that it may still announce */
	struct mono credited;
	uint32_t tokens; /* walks it may still send */
	struct mono refilled;
	struct buf told; /* ids to be announced to it */
};

/* An envelope somebody announced, that has not come. */
struct missing {
	uint8_t id[LK_ID_LEN];
	uint64_t from[MISSING_FROM_MAX];
	size_t from_len;
	struct mono due; /* then it is asked for */
};

/* The way back of a walk: where it came from, 0 for here. */
struct walk_path {
	uint8_t id[WALK_ID_LEN];
	uint64_t conn;
	bool used;
};

struct crowd {
	uint32_t docno;
	uint32_t active; /* neighbours */
	bool joined;
	uint32_t tries;
	struct mono due; /* to look for a neighbour; INT64_MAX: not now */
	struct walk_path paths[CROWD_PATHS];
	size_t paths_next;
	struct missing *missing; /* owned */
	size_t missing_len, missing_cap;
};

struct overlay {
	struct crowd **crowds; /* owned, by document number */
	size_t crowds_len, many;
	bool loaded;
	struct mono due;      /* the least of the crowds' */
	struct mono shuffle;  /* ms 0: not drawn yet */
	struct mono graft;    /* the least of what is missing */
	struct mono announce; /* ms 0: nothing to say */
	uint32_t *announcing; /* owned; documents */
	size_t announcing_len, announcing_cap;
};

/* overlay.c */
void overlay_clear(struct engine *);
/* The crowd a document is, or NULL. */
struct crowd *overlay_crowd(const struct engine *, uint32_t docno);
/* Who may read it changed: is it a crowd? */
LK_MUST_USE lk_err overlay_access(struct engine *, uint32_t docno);
/* Both sides of the link know the document now. */
void overlay_matched(struct engine *, const struct link_topic *);
/* The link ends. */
void overlay_lost(struct engine *, struct link *);
/* Somebody it looked for is there, or is not. */
void overlay_stir(struct engine *);
LK_MUST_USE lk_err overlay_step(struct engine *);
int64_t overlay_next_ms(const struct engine *);
/* Whether the link is of use to nobody: its documents are crowds, in which it
 * is no neighbour and others are. */
LK_MUST_USE lk_err overlay_idle(struct engine *, struct link *, bool *idle);
LK_MUST_USE lk_err overlay_neighbour(
    struct engine *, struct link *, struct bytes);
/* What the link is in the crowd, or NULL where nothing was said yet; the same
 * if it is an active one. */
struct neighbour *neighbour_of(const struct link_topic *);
struct neighbour *neighbour_active(const struct link_topic *);
void neighbour_free(struct neighbour *);
/* A random neighbour in the crowd, not `but`; NULL: none. */
struct link *crowd_any(
    struct engine *, const struct crowd *, const struct link *but);

/* walk.c */
LK_MUST_USE lk_err walk_newcomer(
    struct engine *, struct crowd *, const struct link *newcomer);
LK_MUST_USE lk_err walk_shuffle(struct engine *, struct crowd *);
LK_MUST_USE lk_err walk_received(struct engine *, struct link *, struct bytes);
LK_MUST_USE lk_err walk_answered(struct engine *, struct link *, struct bytes);

/* broadcast.c: Plumtree (Leitão, Pereira, Rodrigues 2007). */
/* Sends or announces a new envelope to a neighbour. */
LK_MUST_USE lk_err broadcast_to(
    struct engine *, struct link *, uint32_t number, const struct log_entry *);
/* It is here: nobody need be asked for it. */
void broadcast_arrived(
    struct engine *, struct crowd *, const uint8_t id[static LK_ID_LEN]);
/* What a push brought: it was here, or lacks something. */
LK_MUST_USE lk_err broadcast_verdicts(struct engine *, struct link *,
    uint32_t number, const struct received *, size_t n);
LK_MUST_USE lk_err broadcast_step(struct engine *);
int64_t broadcast_next_ms(const struct engine *);
LK_MUST_USE lk_err broadcast_ihave(
    struct engine *, struct link *, struct bytes);
LK_MUST_USE lk_err broadcast_graft(
    struct engine *, struct link *, struct bytes);
LK_MUST_USE lk_err broadcast_prune(
    struct engine *, struct link *, struct bytes);

#endif
