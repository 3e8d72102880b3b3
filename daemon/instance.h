/*
 * instance.h - one lkd for one store: the file `lock` of LK_HOME.
 *
 * flock(2) on it says that somebody runs; a lock on its first byte that he is
 * still starting.  Both end with the process, whatever happens to it.
 */
#ifndef DAEMON_INSTANCE_H
#define DAEMON_INSTANCE_H

#include "base/err.h"

#define INSTANCE_FILE "lock"

/*
 * Takes it; *fd holds it, also in a child.  When another is just starting,
 * waits to see whether he makes it: so who starts a daemon and hears that one
 * is running can connect to it.
 *   UNAVAILABLE  another runs; SYS
 */
LK_MUST_USE lk_err instance_lock(const char *home, int *fd);
/* It accepts clients from now on. */
void instance_ready(int fd);

#endif
