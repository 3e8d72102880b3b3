#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/object.h"
#include "base/remote_url.h"
#include "cli/client.h"
#include "cli/params.h"
#include "cli/table.h"
#include "cli/verbs.h"

static void
row_fill(json_object *r, const char *cells[])
{
	const char *why = field(r, "why");

	cells[0] = safe(field(r, "name"));
	cells[1] =
	    safe(field(r, field(r, "address")[0] != '\0' ? "address" : "url"));
	cells[2] = !field_bool(r, "tried") ? "not tried yet"
	    : field_bool(r, "reachable")   ? "reached"
					   : "not reached";
	cells[3] = field_ago(r, "since");
	cells[4] = safe(why[0] != '\0' ? why : field(r, "error"));
	if (cells[4][0] == '\0' && field_int(r, "lacking") > 0)
		cells[4] = "not all of it stored yet";
}

static void
list_render(struct output *o, json_object *result)
{
	(void)o;
	table_list(result, "remotes", 5, row_fill);
}

static void
add_render(struct output *o, json_object *result)
{
	const char *name = safe(field(result, "name"));

	(void)o;
	printf("%s: a %s at %s\n", name, field(result, "kind"),
	    safe(field(result, "url")));
	if (strcmp(field(result, "kind"), "relay") == 0)
		puts("Whether it was reached, and its address for your other "
		     "devices: lk remote ls");
	else
		printf("Whether it keeps what it is given: lk remote test %s\n",
		    name);
}

static void
rm_render(struct output *o, json_object *result)
{
	(void)o;
	printf("%s is forgotten here. What is at %s stays there.\n",
	    safe(field(result, "name")), safe(field(result, "url")));
}

static void
test_render(struct output *o, json_object *result)
{
	(void)o;
	printf("%s: an object of %lld bytes was put (%lld ms), listed (%lld "
	       "ms), read (%lld ms) and deleted (%lld ms)\n",
	    safe(field(result, "name")), (long long)field_int(result, "bytes"),
	    (long long)field_int(result, "put"),
	    (long long)field_int(result, "list"),
	    (long long)field_int(result, "get"),
	    (long long)field_int(result, "delete"));
}

/*
 * The mark that objects may be kept there: the daemon writes into no directory
 * that lacks it, so neither into the mount point of a stick that is not there,
 * nor where its user has not said so.  *made: it was not there before.
 */
static int
folder_mark(struct lk *lk, const char *path, bool *made)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), failed = 0;

	*made = false;
	if (fd == -1)
		return lk_fail(lk, errno == ENOENT ? 66 : 74,
		    errno == ENOENT ? "not-found" : "system",
		    "the folder has to be there, and mounted, when it is added",
		    "%s: %s", path, strerror(errno));
	if (mkdirat(fd, OBJECT_ROOT, 0777) == 0)
		*made = true;
	else if (errno != EEXIST)
		failed = errno;
	close(fd);
	return failed == 0
	    ? 0
	    : lk_fail(lk, 73, "system", NULL, "%s/" OBJECT_ROOT ": %s", path,
		  strerror(failed));
}

static void
mark_remove(const char *path)
{
	char mark[sizeof(((struct remote_url *)0)->path) + 8];

	snprintf(mark, sizeof(mark), "%s/" OBJECT_ROOT, path);
	(void)rmdir(mark);
}

static int
remote_add(struct lk *lk, const char *name, const char *text)
{
	struct remote_url url;
	json_object *params;
	lk_err err = remote_url_parse(&url, text);
	bool made = false;
	int status;

	if (err.code != LK_OK)
		return lk_fail_usage(lk, "%s: %s", text, err.what);
	DO(lk_connect(lk, CONNECT_START));
	if (url.kind == REMOTE_URL_FOLDER)
		DO(folder_mark(lk, url.path, &made));
	params = params_new(NULL);
	params_text(params, "name", name);
	params_text(params, "url", text);
	status = lk_confirm(lk, "remote.add", params, add_render);
	if (status != 0 && made)
		mark_remove(url.path);
	return status;
}

static const struct {
	const char *name, *method;
	render_fn *render;
	size_t operands;
} actions[] = {
	{ "ls", "remote.list", list_render, 1 },
	{ "test", "remote.test", test_render, 2 },
	{ "rm", "remote.rm", rm_render, 2 },
};

static int
remote_run(struct lk *lk, const struct args *args)
{
	const char *verb = args->operands[0];

	if (strcmp(verb, "add") == 0 && args->len == 3)
		return remote_add(lk, args->operands[1], args->operands[2]);
	for (size_t i = 0; i < nitems(actions); i++) {
		json_object *params;

		if (strcmp(verb, actions[i].name) != 0 ||
		    args->len != actions[i].operands)
			continue;
		params = params_new(NULL);
		if (args->len > 1)
			params_text(params, "name", args->operands[1]);
		return lk_confirm(
		    lk, actions[i].method, params, actions[i].render);
	}
	return lk_fail_verb(lk, verb);
}

const struct command verb_remote = {
	.name = "remote",
	.usage = "remote add NAME URL\n"
		 "remote ls\n"
		 "remote test REMOTE\n"
		 "remote rm REMOTE\n",
	.summary = "Keep documents in a folder, a bucket or a relay as well",
	.details =
	    "What is kept there is sealed: whoever holds it can read "
	    "nothing of it.\n\n"
	    "  file:///DIRECTORY      a stick, a network drive; add makes "
	    "DIRECTORY/lk1, and\n                         where that is "
	    "missing "
	    "nothing is written\n"
	    "  s3://BUCKET[/PREFIX]   with ?endpoint=URL, region=R, "
	    "style=path|virtual, profile=P,\n                         joined "
	    "by "
	    "&. The keys are those of ~/.aws/credentials or\n"
	    "                         AWS_ACCESS_KEY_ID and so on, as the "
	    "daemon was started with\n"
	    "  relay://KEY@HOST:PORT  what lk relay invite prints; on your "
	    "other devices, and\n                         on those of "
	    "people you share with, what lk remote ls shows\n\n"
	    "test puts, lists, reads and deletes an object there. rm leaves "
	    "there what is there.\n",
	.operands_min = 1,
	.operands_max = 3,
	.run = remote_run,
};
