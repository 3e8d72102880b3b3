/*
 * sandbox.h - what the daemon gives up once it knows its files: everything it
 * does not need any more.  One implementation for each system.
 */
#ifndef DAEMON_SANDBOX_H
#define DAEMON_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

/* What a layer of it enforces on this kernel, and what it does not cover. */
#define SANDBOX_LAYERS_MAX 4
struct sandbox_layer {
	const char *name;     /* for machines; all strings are static */
	bool enforced;
	int version;          /* of what the kernel has; 0: it has none */
	const char *does;     /* when it is enforced */
	const char *does_not; /* NULL: nothing is left out */
};
struct sandbox {
	char line[128]; /* for people and the log */
	struct sandbox_layer layers[SANDBOX_LAYERS_MAX];
	size_t len;
};

/*
 * From now on this thread, and those it starts, may write only below the given
 * directories, read only there and where the system's own files are, and start
 * no program.  Before other threads are started.  What the kernel cannot do is
 * left out; `said` tells.
 */
void sandbox_enter(const char *const *dirs, size_t n, struct sandbox *said);

/* What the broker (net/broker.h) gives up: the same calls, and to have sockets
 * of its own.  It keeps its user's files. */
void sandbox_enter_broker(void);

#endif
