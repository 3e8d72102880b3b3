#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/history.h"
#include "cli/params.h"
#include "cli/verbs.h"

static const char *opt_exec;
static int64_t opt_count = -1, opt_since = -1;

static const struct option options[] = {
	{ "count", 'n', OPTION_NUMBER, &opt_count },
	{ "since", 0, OPTION_NUMBER, &opt_since },
	{ "exec", 'x', OPTION_STRING, &opt_exec },
	OPTIONS_END,
};

struct watching {
	struct lk *lk;
	int status;
};

static void
event_render(struct output *o, json_object *event)
{
	printf("%s%s%s  ", style_on(o, STYLE_BOLD), safe(field(event, "name")),
	    style_off(o));
	change_render(o, event);
}

/* Runs the command with the event in its environment. */
static int
command_run(struct watching *w, json_object *event)
{
	char cursor[24];
	int status;
	pid_t pid;

	(void)snprintf(cursor, sizeof(cursor), "%lld",
	    (long long)field_int(event, "cursor"));
	pid = fork();
	if (pid == 0) {
		(void)setenv("LK_DOC", field(event, "name"), 1);
		(void)setenv("LK_DOC_ID", field(event, "doc"), 1);
		(void)setenv("LK_CHANGE", field(event, "hash"), 1);
		(void)setenv("LK_CURSOR", cursor, 1);
		execl("/bin/sh", "sh", "-c", opt_exec, (char *)NULL);
		_exit(127);
	}
	if (pid == -1)
		return lk_fail(
		    w->lk, 74, "system", NULL, "watch: %s", strerror(errno));
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return lk_fail(w->lk, 74, "system", NULL, "watch: %s",
			    strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return lk_fail(w->lk, EXIT_PARTLY, "command",
	    "lk watch --since goes on after that change",
	    "watch: the command failed at cursor %s", cursor);
}

static bool
event_take(void *ctx, json_object *event)
{
	struct watching *w = ctx;

	if (opt_exec != NULL)
		w->status = command_run(w, event);
	else
		output_event(&w->lk->output, "watch", event, event_render);
	/* A reader that is gone is told by the next write. */
	return w->status == 0 && !ferror(stdout);
}

static int
watch_run(struct lk *lk, const struct args *args)
{
	struct watching w = { .lk = lk };
	json_object *params = params_new(NULL);
	int status;

	params_docs(params, args);
	if (opt_count >= 0)
		params_number(params, "count", opt_count);
	if (opt_since >= 0)
		params_number(params, "since", opt_since);
	status = lk_stream(lk, "watch", params, event_take, &w);
	return w.status != 0 ? w.status : status;
}

const struct command verb_watch = {
	.name = "watch",
	.usage = "watch [-n N] [--since CURSOR] [--exec CMD] [DOC ...]\n",
	.summary = "Print every change as it becomes durable",
	.details =
	    "One line a change, of all documents or of those named. With "
	    "--json each has a\ncursor; --since that cursor goes on behind it, "
	    "and no change is left out or comes\ntwice.\n\n"
	    "  -n, --count N       end after N changes\n"
	    "  --since CURSOR      start behind this one; 0: at the beginning\n"
	    "  -x, --exec CMD      run a shell command for each, with LK_DOC, "
	    "LK_DOC_ID,\n                      LK_CHANGE and LK_CURSOR set\n",
	.options = options,
	.operands_max = OPERANDS_MANY,
	.run = watch_run,
};
