#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/change.h"
#include "cli/client.h"
#include "cli/file.h"
#include "cli/params.h"
#include "cli/verbs.h"

/* A document, or a part of it, in a file that only this user can read. */
struct draft {
	char dir[PATH_MAX], path[PATH_MAX + 16];
	struct buf base;         /* as the daemon gave it */
	struct buf written;      /* as it was put into the file */
	struct buf edited;       /* as the editor left it */
	json_object *doc, *name; /* of the document */
	bool json;
};

static void
draft_init(struct draft *d)
{
	*d = (struct draft){ 0 };
	buf_init(&d->base, DOCUMENT_BODY_MAX);
	buf_init(&d->written, DOCUMENT_BODY_MAX);
	buf_init(&d->edited, DOCUMENT_BODY_MAX);
}

static void
draft_clear(struct draft *d)
{
	buf_clear(&d->base);
	buf_clear(&d->written);
	buf_clear(&d->edited);
	json_object_put(d->doc);
	json_object_put(d->name);
}

static void
draft_remove(const struct draft *d)
{
	if (d->path[0] != '\0')
		(void)unlink(d->path);
	if (d->dir[0] != '\0')
		(void)rmdir(d->dir);
}

static int
draft_get(struct lk *lk, struct draft *d, json_object *params)
{
	JSON_SCOPED *result = NULL;
	json_object *value;

	DO(lk_call(lk, "doc.get", params, &result));
	d->doc = json_object_get(json_object_object_get(result, "doc"));
	d->name = json_object_get(json_object_object_get(result, "name"));
	d->json = json_object_object_get_ex(result, "json", &value);
	if (!d->json && !json_object_object_get_ex(result, "text", &value))
		return lk_fail(lk, 76, "version", NULL,
		    "daemon: its answer makes no sense");
	buf_mem(&d->base, json_object_get_string(value),
	    (size_t)json_object_get_string_len(value));
	return 0;
}

static int
draft_fail(struct lk *lk, const struct draft *d)
{
	return lk_fail(lk, 74, "system", NULL, "%s: %s",
	    d->path[0] == '\0' ? d->dir : d->path, strerror(errno));
}

/* JSON is given to people indented. */
static int
draft_fill(struct lk *lk, struct draft *d, FILE *f)
{
	if (d->json)
		output_pretty(f, (const char *)d->base.ptr, d->base.len);
	else if (d->base.len > 0)
		(void)fwrite(d->base.ptr, 1, d->base.len, f);
	if (fflush(f) != 0 || ferror(f))
		return draft_fail(lk, d);
	return 0;
}

static int
draft_write(struct lk *lk, struct draft *d)
{
	const char *tmp = getenv("TMPDIR");
	int fd, status;
	FILE *f;

	(void)snprintf(d->dir, sizeof(d->dir), "%s/lk-edit-XXXXXX",
	    tmp != NULL && tmp[0] == '/' ? tmp : "/tmp");
	if (mkdtemp(d->dir) == NULL) {
		status = draft_fail(lk, d);
		d->dir[0] = '\0';
		return status;
	}
	(void)snprintf(d->path, sizeof(d->path), "%s/%s", d->dir,
	    d->json ? "edit.json" : "edit.md");
	fd = open(d->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	f = fd == -1 ? NULL : fdopen(fd, "w");
	if (f == NULL)
		return draft_fail(lk, d);
	status = draft_fill(lk, d, f);
	if (fclose(f) != 0 && status == 0)
		status = draft_fail(lk, d);
	if (status != 0)
		return status;
	return file_read(lk, d->path, &d->written);
}

/* The status of waitpid(2), or -1. */
static int
shell_run(const char *command, const char *name, const char *path)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		(void)signal(SIGINT, SIG_DFL);
		(void)signal(SIGQUIT, SIG_DFL);
		execl("/bin/sh", "sh", "-c", command, name, path, (char *)NULL);
		_exit(127);
	}
	while (pid != -1 && waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return -1;
	return pid == -1 ? -1 : status;
}

/* Through the shell, as $EDITOR may hold options. */
static int
editor_run(struct lk *lk, const struct draft *d)
{
	const char *editor = getenv("VISUAL");
	char command[PATH_MAX];
	int status;

	if (editor == NULL || editor[0] == '\0')
		editor = getenv("EDITOR");
	if ((editor == NULL || editor[0] == '\0') && !isatty(STDIN_FILENO))
		return lk_fail(lk, EXIT_USAGE_, "usage",
		    "set EDITOR, or use lk apply",
		    "edit: no terminal and no editor");
	if (editor == NULL || editor[0] == '\0')
		editor = "vi";
	if (snprintf(command, sizeof(command), "%s \"$@\"", editor) >=
	    (int)sizeof(command))
		return lk_fail(
		    lk, EXIT_USAGE_, "usage", NULL, "EDITOR: too long");
	/* An interrupt is meant for the editor, as in system(3). */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGQUIT, SIG_IGN);
	status = shell_run(command, editor, d->path);
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGQUIT, SIG_DFL);
	if (status == -1)
		return lk_fail(
		    lk, 74, "system", NULL, "editor: %s", strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return lk_fail(lk, 75, "again", "nothing was changed",
	    "editor: %s failed", editor);
}

/*
 * Editors end the last line.  Where the text did not, that is not what the user
 * typed.
 */
static void
newline_drop(struct draft *d)
{
	bool had =
	    d->written.len == 0 || d->written.ptr[d->written.len - 1] == '\n';

	if (!had && d->edited.len > 0 &&
	    d->edited.ptr[d->edited.len - 1] == '\n')
		d->edited.len--;
}

static void
edit_render(struct output *o, json_object *result)
{
	(void)o;
	if (!field_bool(result, "changed"))
		fprintf(
		    stderr, "lk: %s: unchanged\n", safe(field(result, "name")));
}

static int
draft_merge(struct lk *lk, const struct draft *d, json_object *params)
{
	params_flag(params, "json", d->json);
	params_bytes(params, "base", buf_bytes(&d->base));
	params_bytes(params, "wanted", buf_bytes(&d->edited));
	return lk_confirm(lk, "doc.rewrite", params, edit_render);
}

static int
unchanged(struct lk *lk, const struct draft *d)
{
	JSON_SCOPED *result = json_object_new_object();

	json_object_object_add(result, "doc", json_object_get(d->doc));
	json_object_object_add(result, "name", json_object_get(d->name));
	json_object_object_add(result, "changed", json_object_new_boolean(0));
	json_object_object_add(result, "hash", NULL);
	output_result(
	    &lk->output, "edit", result, lk->quiet ? NULL : edit_render);
	return 0;
}

/* *keep: the draft holds work that is nowhere else. */
static int
draft_edit(struct lk *lk, struct draft *d, json_object *params, bool *keep)
{
	DO(draft_get(lk, d, json_object_get(params)));
	DO(draft_write(lk, d));
	DO(editor_run(lk, d));
	DO(file_read(lk, d->path, &d->edited));
	if (!d->json)
		newline_drop(d);
	if (bytes_equal(buf_bytes(&d->edited), buf_bytes(&d->written)))
		return unchanged(lk, d);
	*keep = true;
	DO(draft_merge(lk, d, json_object_get(params)));
	*keep = false;
	return 0;
}

static int
edit_run(struct lk *lk, const struct args *args)
{
	JSON_SCOPED *params = params_at(args);
	struct draft draft;
	bool keep = false;
	int status;

	change_add(params);
	draft_init(&draft);
	status = draft_edit(lk, &draft, params, &keep);
	if (keep)
		fprintf(stderr, "lk: what you typed is in %s\n", draft.path);
	else
		draft_remove(&draft);
	draft_clear(&draft);
	return status;
}

const struct command verb_edit = {
	.name = "edit",
	.usage = "edit [-m TEXT] [--root] DOC [PATH]\n",
	.summary = "Edit a text or JSON in $EDITOR",
	.details =
	    "What was changed in the editor is merged as edits, also when the "
	    "document changed\nmeanwhile.\n\n"
	    "  -m, --message TEXT  is kept with the change\n"
	    "  --root              edit the map that a text or list document "
	    "is in\n",
	.options = change_options,
	.operands_min = 1,
	.operands_max = 2,
	.run = edit_run,
};
