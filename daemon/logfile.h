/*
 * logfile.h - the file the log goes to, replaced when it grows too long: FILE
 * becomes FILE.1, so at most twice LOGFILE_MAX bytes are kept.
 */
#ifndef DAEMON_LOGFILE_H
#define DAEMON_LOGFILE_H

#include <limits.h>

#include "base/err.h"

#define LOGFILE_MAX (4 * 1024 * 1024)

struct logfile {
	int fd; /* stays the same number when the file is replaced */
	char path[PATH_MAX];
};

/* Opens it (0600) for appending.  LIMIT, SYS. */
LK_MUST_USE lk_err logfile_open(struct logfile *, const char *path);
/* Replaces it when it is too long; what cannot be done is left as it is. */
void logfile_rotate(struct logfile *);

#endif
