/*
 * history.h - a made-up document for measuring access/: envelopes as facts,
 * without signatures, every one admissible, in the order they were written.
 *
 * Anything that fails ends the process.
 */
#ifndef TESTS_BENCH_ACCESS_HISTORY_H
#define TESTS_BENCH_ACCESS_HISTORY_H

#include "access/array.h"
#include "access/graph.h"

/* Ends the process unless all is well. */
void must(lk_err);

struct person {
	uint8_t key[ACCESS_KEY_LEN];
	struct grant_ref grant;
};

struct written {
	size_t from, len; /* in `bytes` */
};

/* Owns all; history_begin to history_end. */
struct history {
	struct graph *graph;
	uint64_t names; /* how many ids, keys and etags were made up */
	struct person root, creator;
	ARRAY(struct person) members; /* in force, oldest first */
	uint32_t granted, revoked;
	struct buf bytes; /* facts_encode of each */
	ARRAY(struct written) list;
};

/* A document with its first epoch. */
void history_begin(struct history *);
void history_end(struct history *);
/* Each writes one envelope, having seen everything. */
void history_grant(struct history *);
/* Ends the oldest member in force, keeping his work. */
void history_revoke(struct history *);
void history_epoch(struct history *, const struct person *);
void history_change(struct history *, const struct person *);
/* n changes by as many members, none of whom has seen the others'. */
void history_changes_apart(struct history *, uint32_t first, uint32_t n);
struct bytes history_facts(const struct history *, uint32_t i);

#endif
