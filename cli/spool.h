/*
 * spool.h - what comes on standard input as a stream of a backup
 * (docs/backup.md), as a folder: LK_HOME/stream.XXXXXX, for as long as a
 * command works with it.  Restoring begins with what comes last, so a stream is
 * there as a whole before anything is done.
 *
 * The folder is locked by its process.  What one has left behind that was
 * killed goes with the next one, or when a daemon starts (stream_folder.h).
 */
#ifndef CLI_SPOOL_H
#define CLI_SPOOL_H

#include <limits.h>

#include "cli/lk.h"

struct spool {
	char folder[PATH_MAX];
	int fd;        /* of the folder; -1: there is none */
	bool snapshot; /* has come: nothing may follow */
};

/* Reads all of standard input.  64 at a terminal; 65 for what is not such a
 * stream as a whole; 74, 76.  spool_remove it in any case. */
int spool_read(struct lk *, struct spool *);
void spool_remove(struct spool *);

#endif
