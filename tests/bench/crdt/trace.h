/*
 * trace.h - an editing trace, as tests/bench/crdt/bench_crdt.py writes it.
 *
 * All numbers are u32, little-endian: agents, transactions; then for each
 * transaction the agent that made it, how many others' transactions reach that
 * agent just before it and which, and its patches: how many, and for each the
 * position, the code points deleted, and the bytes inserted, counted.
 */
#ifndef TESTS_BENCH_CRDT_TRACE_H
#define TESTS_BENCH_CRDT_TRACE_H

#include "base/bytes.h"

struct trace {
	struct rd rd;
	uint32_t agents, len;
};

struct trace_txn {
	uint32_t agent, arrivals; /* of others; their numbers follow */
};

struct trace_patch {
	uint32_t pos, del;
	struct bytes insert;
};

/* Maps the file; what it maps is never unmapped. */
struct trace trace_open(const char *path);
uint32_t trace_u32(struct trace *);
/* In this order: the head of a transaction, its arrivals (trace_u32), the
 * number of its patches (trace_u32), the patches. */
struct trace_txn trace_txn(struct trace *);
struct trace_patch trace_patch(struct trace *);

/* The bytes of a file, mapped for good. */
struct bytes file_map(const char *path);

#endif
