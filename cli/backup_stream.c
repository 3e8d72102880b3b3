#include "cli/backup.h"

#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "cli/client.h"
#include "cli/params.h"
#include "cli/spool.h"

#define STREAM "-"
#define PIECE_MAX (1024u * 1024)

struct writing {
	int fd;
	int error; /* errno; -1: the daemon makes no sense */
};

static bool
piece_write(void *ctx, json_object *event)
{
	struct writing *w = ctx;
	BUF_SCOPED piece = { .max = PIECE_MAX };
	size_t at = 0;

	if (base64_decode(&piece, BYTES_STR(field(event, "data"))).code !=
	    LK_OK) {
		w->error = -1;
		return false;
	}
	while (at < piece.len) {
		ssize_t n = write(w->fd, piece.ptr + at, piece.len - at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			w->error = errno;
			return false;
		}
		at += (size_t)n;
	}
	return true;
}

/* The answer goes where everything goes that is not the backup. */
static int
output_take(struct lk *lk, int *fd)
{
	*fd = dup(STDOUT_FILENO);
	if (*fd == -1 || dup2(STDERR_FILENO, STDOUT_FILENO) == -1)
		return lk_fail(lk, 74, "system", NULL, "standard output: %s",
		    strerror(errno));
	return 0;
}

/* Now that all of it is written it counts as one. */
static int
made_say(struct lk *lk, json_object *result)
{
	JSON_SCOPED *said = NULL;
	json_object *params = params_new(NULL);

	params_text(params, "snapshot", field(result, "snapshot"));
	params_text(params, "time", field(result, "time"));
	return lk_call(lk, "backup.made", params, &said);
}

int
backup_stream_create(struct lk *lk)
{
	struct writing w = { .error = 0 };
	JSON_SCOPED *result = NULL;
	json_object *params;

	if (isatty(STDOUT_FILENO))
		return lk_fail(lk, EXIT_USAGE_, "usage",
		    "into a file or another program: lk backup create - >FILE",
		    "backup: no binary data to a terminal");
	DO(lk_connect(lk, CONNECT_START));
	DO(output_take(lk, &w.fd));
	params = params_new(NULL);
	params_text(params, "place", STREAM);
	DO(lk_call_each(lk, "backup.create", params,
	    (struct events){ piece_write, &w }, &result));
	if (w.error == 0 && close(w.fd) == -1)
		w.error = errno;
	if (w.error > 0)
		return lk_fail(lk, 74, "system", "the backup is not whole",
		    "standard output: %s", strerror(w.error));
	if (w.error != 0 || result == NULL)
		return lk_fail(lk, 76, "version",
		    "lk daemon stop, then again: the next lk starts its own",
		    "daemon: its answer makes no sense");
	DO(made_say(lk, result));
	return backup_created(lk, result);
}

/* Every byte is what it was when it was written. */
static int
whole_check(struct lk *lk, const char *address)
{
	json_object *params = params_new(NULL);
	JSON_SCOPED *result = NULL;
	size_t bad;

	params_text(params, "place", address);
	params_text(params, "called", STREAM);
	DO(lk_call(lk, "backup.check", params, &result));
	bad = json_object_array_length(field_list(result, "damaged")) +
	    (size_t)field_int(result, "untold");
	return bad == 0
	    ? 0
	    : lk_fail(lk, lk_exit_status(LK_E_CORRUPT), "damaged",
		  "lk backup check - says more; --partial has what is there",
		  "standard input: %zu objects damaged or missing, nothing was "
		  "changed",
		  bad);
}

/* The stream as a place. */
static int
stream_take(struct lk *lk, struct spool *s, struct backup_source *p)
{
	*p = (struct backup_source){ .said = STREAM, .stream = true };
	DO(lk_connect(lk, CONNECT_INIT));
	DO(spool_read(lk, s));
	return backup_address(p->address, s->folder)
	    ? 0
	    : lk_fail(lk, 73, "system", NULL, "%s: the path is too long",
		  s->folder);
}

int
backup_stream_check(struct lk *lk)
{
	struct spool s = { .fd = -1 };
	struct backup_source p;
	int status = stream_take(lk, &s, &p);

	if (status == 0)
		status = backup_check_at(lk, &p);
	spool_remove(&s);
	return status;
}

int
backup_stream_restore(struct lk *lk, bool partial)
{
	struct spool s = { .fd = -1 };
	struct backup_source p;
	int status = stream_take(lk, &s, &p);

	if (status == 0 && !partial)
		status = whole_check(lk, p.address);
	if (status == 0)
		status = backup_restore_at(lk, &p);
	spool_remove(&s);
	return status;
}
