/*
 * entry.h - one entry of a document's log, as a person names it: a change by
 * what revision.h takes for one, or any envelope by 4 or more digits of its id.
 */
#ifndef DAEMON_ENTRY_H
#define DAEMON_ENTRY_H

#include "daemon/subject.h"

/* USAGE, NOTFOUND; said.  What is borrowed ends with the next call. */
LK_MUST_USE lk_err entry_find(struct request *, const struct subject *,
    const char *rev, struct change_info *);

#endif
