/*
 * refusals.h - envelopes that were refused: how many, why, and who brought them
 * (access.md section 4).  In memory only, since the replica was opened.  A
 * refused envelope is nobody's state: it is not stored, and not sent on.
 */
#ifndef SYNC_REFUSALS_H
#define SYNC_REFUSALS_H

#include "base/clock.h"
#include "base/limits.h"

/* So many are told apart; for another the one that is oldest makes room, a duel
 * last. */
#define REFUSED_MAX 64

struct refusal {
	uint8_t from[32]; /* the device that sent them */
	uint32_t docno;
	const char *why; /* the rule; static */
	/* A member's revocation of somebody who is not below him (A6, T6, T7),
	 * under a genuine signature: the device keys of both. */
	bool duel;
	uint8_t author[32], target[32];
	uint64_t count;
	struct wall at; /* the last */
};

struct refusals {
	struct refusal list[REFUSED_MAX];
	size_t len, told; /* told: of those, refusals_news has given out */
};

struct replica;
struct admission;
struct candidate;
struct graph_author;

/* One more, of this admission; `author`: who signed it, or NULL. */
void refusal_note(struct admission *, const struct candidate *,
    const struct graph_author *author, const char *why);
/* The i-th; false when there are fewer.  They change places. */
bool replica_refusal(const struct replica *, size_t i, struct refusal *);
/* One that has not been given out yet, for a line in the log. */
bool replica_refusal_news(struct replica *, struct refusal *);

#endif
