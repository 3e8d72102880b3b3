/*
 * workers.h - a few threads that share out one piece of work at a time, such
 * as checking a batch of signatures (sync.md section 1).
 *
 * The caller works too and returns when all is done, so to him it is a loop
 * that takes less time.  One caller; the function is called on any thread and
 * may touch only what belongs to its index.
 */
#ifndef NET_WORKERS_H
#define NET_WORKERS_H

#include <stddef.h>

#include "base/err.h"

#define WORKERS_MAX 16

struct workers;

/* Starts `threads` threads besides the caller's, at most WORKERS_MAX; 0 is
 * fine.  NOMEM; SYS when not even one of several could be started. */
LK_MUST_USE lk_err workers_open(struct workers **, size_t threads);
/* Not while workers_run is going on. */
void workers_close(struct workers *);
/* Calls fn(ctx, i) once for every i < n. */
void workers_run(
    struct workers *, void (*fn)(void *, size_t), void *ctx, size_t n);
/* One less than the processors there are. */
size_t workers_suggested(void);

#endif
