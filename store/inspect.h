/*
 * inspect.h - a look at the database file before LMDB is let near it.
 *
 * LMDB believes every byte of its file: a damaged page makes it read outside
 * of its map, divide by zero or abort.  So the whole skeleton of the newest
 * snapshot is walked first, with plain reads: both meta pages, every branch
 * and leaf page of every table, the heads of overflow pages, the lists of free
 * pages.  Numbers, offsets, the order of keys and the count of entries must
 * fit; no page may be used twice or be used and free.  What is inside a record
 * is not looked at: that is what checksums are for.
 *
 * Costs one read of 4 KiB and about 1 us a page that is in use, long values
 * not counted; no mapped memory.  A map costs as much to fill as the copies.
 * closed.h says when it may be left out.
 */
#ifndef STORE_INSPECT_H
#define STORE_INSPECT_H

#include "base/bytes.h"

/* Appends both metas, if they pass the checks that are about them alone: what
 * every commit changes.  CORRUPT, VERSION (LMDB's own), SYS. */
LK_MUST_USE lk_err file_metas(int fd, struct buf *out);
/* CORRUPT, VERSION (LMDB's own), SYS, NOMEM.  Reads only. */
LK_MUST_USE lk_err file_inspect(int fd);

#endif
