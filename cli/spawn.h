/*
 * spawn.h - starting lkd.
 */
#ifndef CLI_SPAWN_H
#define CLI_SPAWN_H

#include "base/bytes.h"
#include "cli/lk.h"

#define COMPLAINT_MAX 4096

/* Why it did not start: its own last words and status, where it had some. */
struct complaint {
	int status;
	char text[COMPLAINT_MAX];
	const char *hint;
};

/*
 * Starts lkd, which returns when its socket accepts; says nothing.  Not 0 with
 * *why filled: 69 when there is no lkd to start, or when another one is running
 * already, to which one can then connect; else whatever lkd ended with.
 */
int lkd_start(struct complaint *why);
/* What is in a folder, as bytes for mirror.plan: appended.  66, 74, 77, 78. */
int lkd_scan(struct lk *, const char *dir, struct buf *);
int lkd_complain(struct lk *, const struct complaint *);

#endif
