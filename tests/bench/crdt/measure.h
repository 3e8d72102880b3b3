/*
 * measure.h - one measurement of the document engine in a process of its own.
 *
 * Phases are what the monotonic clock and that of the process say between two
 * calls; a phase measured again adds to what it had.  Anything that fails ends
 * the process.
 */
#ifndef TESTS_BENCH_CRDT_MEASURE_H
#define TESTS_BENCH_CRDT_MEASURE_H

#include <stdio.h>

#include "crdt/doc.h"
#include "crdt/document.h"

/* Ends the process unless all is well. */
void must(lk_err);

/* The time since the last phase ended, in ms, belongs to `name`; NULL: to
 * nothing.  Names are not copied. */
double phase(const char *name);
/* What else a measurement has to say: a number under a name. */
void figure(const char *name, double value);
/* Prints all as one line of JSON, with the peak of resident memory and what it
 * was when the first phase began. */
void report(void);

/* A document in memory, and where the bodies of its changes go (or NULL). */
struct replica {
	struct kv kv;
	struct doc *doc;
	FILE *changes;
	uint8_t actor[LK_TOPIC_LEN], head[LK_ID_LEN];
	bool has_head;
	uint64_t seq, max_op;
	struct edit *edit;
	struct op_id text;
	struct buf body;
};

void replica_open(struct replica *, struct kv, uint8_t actor);
void replica_close(struct replica *);
/* A change on top of `deps` (n hashes); NULL: of what it has itself. */
void replica_begin(struct replica *, const uint8_t *deps, size_t n);
void replica_end(struct replica *);
/* The text under the root's key "text". */
void replica_find(struct replica *);
/* Makes it, in the change at hand. */
void replica_make(struct replica *);
void replica_check(struct replica *); /* figures: length and sum of the text */

/* Bodies of changes: u32 length, little-endian, and the body, each. */
bool body_next(struct rd *, struct bytes *);
void body_put(FILE *, struct bytes);

/* rows_memory.c, rows_store.c: arguments as the table in measure.c says. */
void row_replay(char **);
void row_load(char **);
void row_save(char **);
void row_merge(char **);
void row_concurrent(char **);
void row_actors(char **);
void row_heads(char **);
void row_large(char **);
void row_view(char **);
void row_store_text(char **);
void row_store_read(char **);
void row_store_map(char **);
void row_store_edit(char **);

#endif
