/*
 * sandbox.h - what the daemon gives up once it knows its files: everything it
 * does not need any more.  One implementation for each system.
 */
#ifndef DAEMON_SANDBOX_H
#define DAEMON_SANDBOX_H

#include <stddef.h>

/*
 * From now on this thread, and those it starts, may write only below the given
 * directories, read only there and where the system's own files are, and start
 * no program.  Before other threads are started.  What the kernel cannot do is
 * left out; `said` gets one line on what is enforced.
 */
void sandbox_enter(const char *const *dirs, size_t n, char *said, size_t len);

/* What the broker (net/broker.h) gives up: the same calls, and to have sockets
 * of its own.  It keeps its user's files. */
void sandbox_enter_broker(void);

#endif
