#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "cli/client.h"
#include "cli/cursor_file.h"
#include "cli/history.h"
#include "cli/hook.h"
#include "cli/params.h"
#include "cli/verbs.h"

#define AGAIN_PAUSE_MS 100

static const char *opt_exec, *opt_cursor;
static int64_t opt_count = -1, opt_since = CURSOR_NONE;
static bool opt_no_wait, opt_keep_going;

static const struct option options[] = {
	{ "count", 'n', OPTION_NUMBER, &opt_count },
	{ "since", 0, OPTION_NUMBER, &opt_since },
	{ "cursor", 0, OPTION_STRING, &opt_cursor },
	{ "no-wait", 0, OPTION_FLAG, &opt_no_wait },
	{ "exec", 'x', OPTION_STRING, &opt_exec },
	{ "keep-going", 'k', OPTION_FLAG, &opt_keep_going },
	OPTIONS_END,
};

struct watching {
	struct lk *lk;
	const struct args *args;
	struct cursor_file *file; /* NULL: the cursor is not kept */
	int64_t cursor;           /* what is up to here has been dealt with */
	int64_t left;             /* changes until it ends; negative: never */
	bool moved;               /* something came over this connection */
	bool failed;              /* a command, after which it went on */
	int status;
};

static void
event_render(struct output *o, json_object *event)
{
	printf("%s%s%s  ", style_on(o, STYLE_BOLD), safe(field(event, "name")),
	    style_off(o));
	change_render(o, event);
}

/* Runs the command with the event on its standard input. */
static lk_err
command_run(json_object *event, const struct hook_signals *signals, int *status)
{
	char cursor[24];
	JSON_SCOPED *line = output_object("watch", event);
	BUF_SCOPED input = { 0 };
	const struct hook_variable variables[] = {
		{ "LK_DOC", field(event, "name") },
		{ "LK_DOC_ID", field(event, "doc") },
		{ "LK_CHANGE", field(event, "hash") },
		{ "LK_CURSOR", cursor },
		{ NULL, NULL },
	};

	(void)snprintf(cursor, sizeof(cursor), "%lld",
	    (long long)field_int(event, "cursor"));
	buf_init(&input, SIZE_MAX);
	buf_str(&input, output_text(line));
	buf_u8(&input, '\n');
	TRY(buf_err(&input, "change"));
	return hook_run(
	    opt_exec, buf_bytes(&input), variables, signals, status);
}

static int
command_fail(struct watching *w, int64_t cursor, int status)
{
	char hint[128], how[64];

	if (WIFSIGNALED(status))
		(void)snprintf(how, sizeof(how), "was ended by signal %d",
		    WTERMSIG(status));
	else
		(void)snprintf(how, sizeof(how), "ended with status %d",
		    WEXITSTATUS(status));
	if (w->file != NULL)
		(void)snprintf(
		    hint, sizeof(hint), "the next lk watch begins with it");
	else
		(void)snprintf(hint, sizeof(hint),
		    "lk watch --since %lld begins with it",
		    (long long)cursor - 1);
	return lk_fail(w->lk, EXIT_PARTLY, "command",
	    opt_keep_going ? NULL : hint,
	    "watch: the command %s for the change at cursor %lld", how,
	    (long long)cursor);
}

static int
cursor_keep(struct watching *w, int64_t cursor)
{
	w->cursor = cursor;
	w->moved = true;
	w->left--;
	return w->file == NULL ? 0 : cursor_file_write(w->lk, w->file, cursor);
}

/* A signal waits until it is known, and written, what became of the command. */
static int
event_exec(struct watching *w, json_object *event)
{
	int64_t cursor = field_int(event, "cursor");
	struct hook_signals before;
	int ended = 0, status = 0;
	bool done;
	lk_err err;

	hooks_hold(&before);
	err = command_run(event, &before, &ended);
	done = err.code == LK_OK && ended == 0;
	if (done)
		status = cursor_keep(w, cursor);
	hooks_release(&before);
	if (err.code != LK_OK)
		return lk_fail_err(w->lk, err, "watch", NULL);
	if (done)
		return status;
	status = command_fail(w, cursor, ended);
	if (!opt_keep_going)
		return status;
	w->failed = true;
	return cursor_keep(w, cursor);
}

static int
event_print(struct watching *w, json_object *event)
{
	output_event(&w->lk->output, "watch", event, event_render);
	/* A reader that is gone is told by who ends. */
	return ferror(stdout) ? 0 : cursor_keep(w, field_int(event, "cursor"));
}

static bool
event_take(void *ctx, json_object *event)
{
	struct watching *w = ctx;

	w->status =
	    opt_exec != NULL ? event_exec(w, event) : event_print(w, event);
	return w->status == 0 && !ferror(stdout);
}

static json_object *
request_new(const struct watching *w)
{
	json_object *params = params_new(NULL);

	params_docs(params, w->args);
	if (w->cursor != CURSOR_NONE)
		params_number(params, "since", w->cursor);
	return params;
}

/* Asks where a watch that begins at w->cursor would, and of which device. */
static int
cursor_ask(struct watching *w, int64_t *cursor, char device[static 65])
{
	json_object *params = request_new(w);
	JSON_SCOPED *result = NULL;

	params_number(params, "count", 0);
	DO(lk_call(w->lk, "watch", params, &result));
	*cursor = field_int(result, "cursor");
	(void)strlcpy(device, field(result, "device"), 65);
	return 0;
}

/* Finds out where a file begins, and whether it is of this store. */
static int
cursor_begin(struct watching *w)
{
	struct cursor_file *file = w->file;
	char device[65];
	int64_t cursor;

	w->cursor = CURSOR_NONE;
	DO(cursor_ask(w, &cursor, device));
	if (file->device[0] != '\0' && strcmp(file->device, device) != 0)
		return lk_fail(w->lk, EXIT_USAGE_, "usage",
		    "cursors belong to one store",
		    "%s: its cursor is one of another device",
		    safe(file->path));
	w->cursor = file->cursor != CURSOR_NONE ? file->cursor : opt_since;
	if (w->cursor != CURSOR_NONE)
		DO(cursor_ask(w, &cursor, device));
	w->cursor = cursor;
	(void)strlcpy(file->device, device, sizeof(file->device));
	/* Already now: what comes before the first is dealt with counts too. */
	return cursor_file_write(w->lk, file, cursor);
}

static int
watch_events(struct watching *w)
{
	for (;;) {
		json_object *params = request_new(w);
		int status;

		if (opt_count >= 0)
			params_number(params, "count", w->left);
		params_flag(params, "no_wait", opt_no_wait);
		w->moved = false;
		status = lk_stream_on(w->lk, "watch", params, event_take, w);
		if (w->status != 0)
			return w->status;
		if (status != STREAM_LOST)
			return status != 0 ? status
			    : w->failed    ? EXIT_PARTLY
					   : 0;
		/* One that is ending may still have listened. */
		if (!w->moved)
			(void)poll(NULL, 0, AGAIN_PAUSE_MS);
	}
}

static int
watch_run(struct lk *lk, const struct args *args)
{
	struct cursor_file file;
	struct watching w = {
		.lk = lk, .args = args, .cursor = opt_since, .left = opt_count
	};
	int status;

	if (opt_keep_going && opt_exec == NULL)
		return lk_fail_usage(lk, "--keep-going is about --exec");
	if (opt_cursor == NULL)
		return watch_events(&w);
	DO(cursor_file_open(lk, &file, opt_cursor));
	w.file = &file;
	status = cursor_begin(&w);
	if (status == 0)
		status = watch_events(&w);
	cursor_file_close(&file);
	return status;
}

const struct command verb_watch = {
	.name = "watch",
	.usage = "watch [option ...] [DOC ...]\n",
	.summary = "Print every change as it becomes durable",
	.details =
	    "One line a change, of all documents or of those named. With "
	    "--json each has a\ncursor; --since that cursor goes on behind it, "
	    "and no change is left out or comes\ntwice.\n\n"
	    "  -n, --count N       end after N changes\n"
	    "  --no-wait           end with the last change there is\n"
	    "  --since CURSOR      start behind this one; 0: at the beginning\n"
	    "  --cursor FILE       start behind the one in FILE, and keep it "
	    "there; a new file\n                      starts at --since, or "
	    "now\n"
	    "  -x, --exec CMD      run a shell command for each, one after the "
	    "other, with the\n                      line of --json on its "
	    "standard input, and LK_DOC,\n                      LK_DOC_ID, "
	    "LK_CHANGE and LK_CURSOR set; end when one\n"
	    "                      fails, with the cursor before that change\n"
	    "  -k, --keep-going    go on when one fails; exit with 3 in the "
	    "end\n",
	.options = options,
	.operands_max = OPERANDS_MANY,
	.run = watch_run,
};
