#include "cli/restart.h"

#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/client.h"

#define STOP_MS 30000

int
daemon_stop_wait(struct lk *lk, json_object **result)
{
	JSON_SCOPED *before = NULL;
	struct pollfd process = { .events = POLLIN };

	DO(lk_call(lk, "daemon.status", NULL, &before));
	/* Taken hold of first: later the number may be somebody else's. */
	process.fd =
	    (int)syscall(SYS_pidfd_open, (pid_t)field_int(before, "pid"), 0);
	DO(lk_call(lk, "daemon.stop", NULL, result));
	lk_wait_closed(lk);
	if (process.fd == -1)
		return 0;
	while (poll(&process, 1, STOP_MS) == -1 && errno == EINTR)
		continue;
	close(process.fd);
	if (process.revents != 0)
		return 0;
	return lk_fail(lk, 75, "again", "lk daemon logs may say why",
	    "daemon: it does not end");
}

int
daemon_restart(struct lk *lk, const char *dir)
{
	JSON_SCOPED *status = NULL, *stopped = NULL;

	DO(lk_call(lk, "daemon.status", NULL, &status));
	if (json_object_object_get(status, "log") == NULL) {
		if (!lk->quiet)
			fprintf(stderr,
			    "lk: %s: start lkd again: it cannot reach the "
			    "folder until then\n",
			    safe(dir));
		return 0;
	}
	DO(daemon_stop_wait(lk, &stopped));
	client_close(lk->client);
	lk->client = NULL;
	return lk_connect(lk, CONNECT_START);
}
