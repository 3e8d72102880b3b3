/*
 * hostile.h - devices that lie, with keys that are valid.
 *
 * A member's device turns hostile in the middle of a run: its own store, keys
 * and rights stay, and what it does from then on is drawn from the seed; or a
 * stranger is hostile from the beginning, with an identity of his own making.
 * Each speaks through the real session code: over the links of a real engine,
 * whose messages it mixes with its own, and over connections of its own, on
 * which it says whatever it likes at any stage of the handshake.
 *
 * What it does belongs to families, each with its generator; a run has some of
 * them at once.  They go on while the honest must converge.  What honest
 * devices hold back, delay or show differently is for relays (their families
 * go into the same table).
 *
 *   hostile.c        who turns, rounds, which family is next
 *   hostile_raw.c    connections of its own: half-open, garbage, replay,
 *                    reflection, proxies, crowds, a member that only lies
 *   hostile_say.c    messages on open links: malformed, lies, amplification
 *   hostile_forge.c  envelopes: forks, floods, forgeries, gaps, huge numbers
 */
#ifndef TESTS_SIM_HOSTILE_H
#define TESTS_SIM_HOSTILE_H

#include "sync/session.h"
#include "tests/sim/inside.h"
#include "tests/sim/node.h"

enum family {
	FAMILY_MALFORMED,  /* frames and messages, too long ones too */
	FAMILY_REPLAY,     /* recorded bytes, reflection, itself, a proxy */
	FAMILY_FORGE,      /* signatures, and envelopes put elsewhere */
	FAMILY_EQUIVOCATE, /* other branches for each */
	FAMILY_GAPS,       /* what others rest on is held back */
	FAMILY_HUGE,       /* seqs, counters, times */
	FAMILY_REVOKED,    /* what knows of its own revocation */
	FAMILY_LIES,       /* fingerprints, vectors, addresses */
	FAMILY_AMPLIFY,    /* small questions with large answers */
	FAMILY_FLOOD,      /* envelopes without end */
	FAMILY_CROWD,      /* connections without end */
	FAMILY_SLOW,       /* asks and does not read */
	FAMILY_HALF_OPEN,  /* begins and says no more */
	FAMILY_ECLIPSE,    /* one device sees nobody but the hostile */
	FAMILY_ACKS,       /* who has what */
	FAMILIES
};

#define RAWS_MAX 96
#define RAW_DOCS_MAX 16
#define RECORDS_MAX 8
#define RECORD_LEN_MAX ((size_t)32 * 1024)

enum raw_kind {
	RAW_SILENT,  /* nothing is said */
	RAW_GARBAGE, /* random bytes */
	RAW_BROKEN,  /* a handshake with something wrong in it */
	RAW_STOPS,   /* a handshake that is not finished */
	RAW_REPLAY,  /* what was recorded before */
	RAW_REFLECT, /* what is heard is said */
	RAW_PROXY,   /* what is heard is said to somebody else */
	RAW_SESSION, /* one that is well, as far as it goes */
};

/* A connection of a hostile device that its engine knows nothing of. */
struct raw {
	uint64_t conn, other; /* other: of a proxy */
	enum raw_kind kind;
	struct node *to; /* NULL: it was accepted */
	struct session *session;
	struct buf out;
	bool there, open;
	uint8_t hash[SESSION_HASH_LEN];
	uint32_t docs[RAW_DOCS_MAX]; /* announced; matched ones first */
	size_t docs_len, matched;
	struct item_state items[RAW_DOCS_MAX];
};

/* An envelope that is well formed, to be given to whom it likes. */
struct stock {
	uint32_t docno;
	struct buf envelope;
};

struct hostile {
	struct node *node;
	struct random_seeded seeded;
	struct random random;
	unsigned families;
	bool turned; /* it was honest before */
	struct raw *raws[RAWS_MAX];
	size_t raws_len;
	uint64_t next_conn;
	uint32_t body_max[SESSION_TYPES];
	struct buf records[RECORDS_MAX];
	size_t recorded;
	struct stock *stock; /* owned */
	size_t stock_len;
	uint64_t flood_seq;
	uint8_t flood_prev[LK_ID_LEN];
	uint32_t flood_doc;
	size_t flooded;
	int64_t act_at; /* the next ones */
	uint64_t acts, forged;
	uint64_t heard, told; /* bytes, by the honest and to it */
	int64_t spent;        /* ns of theirs */
};

/* An open connection to somebody honest, of whichever kind. */
struct speaker {
	struct hostile *h;
	uint64_t conn; /* of its engine, when raw is NULL */
	struct raw *raw;
};

/* The world's part. */
void hostile_plan(struct world *);
void hostile_begin(struct world *, const char *prepared);
void hostile_turn(struct node *);  /* EVENT_TURN */
void hostile_event(struct node *); /* EVENT_NODE */
void hostile_clear(struct node *); /* an honest one has nothing to clear */

/* Among them. */
uint64_t hostile_below(struct hostile *, uint64_t n);
bool hostile_chance(struct hostile *, uint64_t odds);
/* Somebody honest that takes part, or NULL. */
struct node *hostile_victim(struct hostile *);
/* Somebody to speak to now, of a document if that is wanted; false: nobody. */
bool speaker_find(struct hostile *, bool document, struct speaker *);
void speaker_say(struct speaker *, unsigned type, struct bytes);
/* How many numbers both sides may know. */
size_t speaker_numbers(struct speaker *);
/* A number both sides know, with its document and the memory of its items;
 * false: there is none. */
bool speaker_topic(
    struct speaker *, uint32_t *number, uint32_t *docno, struct item_state **);

/* hostile_raw.c */
void raw_dial(struct hostile *, enum raw_kind, struct node *to);
/* Whether it was for one of these. */
bool raw_arrival(struct hostile *, const struct arrival *);
void raw_say(struct hostile *, struct raw *, unsigned type, struct bytes);
void raws_clear(struct hostile *);
void record(struct hostile *, struct bytes);

/* hostile_say.c */
void say_malformed(struct speaker *);
void say_lie(struct speaker *);
void say_huge(struct speaker *);
void say_questions(struct speaker *, size_t n);
void say_ack(struct speaker *);

/* hostile_forge.c */
/* Before its store is opened again: branches of what it might have written. */
void forge_stock(struct hostile *);
void forge_send_stock(struct speaker *, bool last_first);
void forge_send_lie(struct speaker *);
void forge_send_gap(struct speaker *);
void forge_send_huge(struct speaker *);
void forge_send_revoked(struct speaker *);
void forge_flood(struct speaker *, size_t n);

#endif
