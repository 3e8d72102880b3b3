#include "cli/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/verbs.h"

#define MESSAGE_MAX 2048

static bool opt_fix;

static const struct option options[] = {
	{ "fix", 0, OPTION_FLAG, &opt_fix },
	OPTIONS_END,
};

/* Some need a daemon that runs, some one that has documents: a relay has none.
 */
static const struct {
	const char *name;
	check_fn *run;
	enum { ANYWHERE, RUNNING, DOCUMENTS } where;
} checks[] = {
	{ "home", check_home, ANYWHERE },
	{ "identity", check_identity, ANYWHERE },
	{ "disk", check_disk, ANYWHERE },
	{ "clock", check_clock, ANYWHERE },
	{ "inotify", check_inotify, ANYWHERE },
	{ "daemon", check_daemon, ANYWHERE },
	{ "config", check_config, ANYWHERE },
	{ "versions", check_versions, RUNNING },
	{ "socket", check_socket, RUNNING },
	{ "sandbox", check_sandbox, RUNNING },
	{ "store", check_store, DOCUMENTS },
	{ "scrub", check_scrub, RUNNING },
	{ "port", check_port, RUNNING },
	{ "multicast", check_multicast, RUNNING },
	{ "peers", check_peers, DOCUMENTS },
	{ "remotes", check_remotes, DOCUMENTS },
	{ "mirrors", check_mirrors, DOCUMENTS },
	{ "copies", check_copies, DOCUMENTS },
	{ "backups", check_backups, DOCUMENTS },
};

static const char *const verdict_words[] = {
	[VERDICT_OK] = "ok",
	[VERDICT_WARNING] = "warning",
	[VERDICT_WRONG] = "wrong",
};

static void
say(struct doctor *d, struct finding f, bool mended, const char *message)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "check", json_object_new_string(d->check));
	json_object_object_add(
	    o, "state", json_object_new_string(verdict_words[f.verdict]));
	json_object_object_add(o, "message", json_object_new_string(message));
	json_object_object_add(o, "hint",
	    f.hint == NULL ? NULL : json_object_new_string(f.hint));
	json_object_object_add(
	    o, "fixable", json_object_new_boolean(f.fixable));
	json_object_object_add(o, "mended", json_object_new_boolean(mended));
	json_object_array_add(d->said, o);
}

void
doctor_say(struct doctor *d, struct finding f, const char *fmt, ...)
{
	char message[MESSAGE_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	say(d, f, false, message);
}

void
doctor_mended(struct doctor *d, const char *fmt, ...)
{
	char message[MESSAGE_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	say(d, (struct finding){ .verdict = VERDICT_OK }, true, message);
}

static size_t
count(json_object *list, const char *state, bool fixable)
{
	size_t n = 0;

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *c = json_object_array_get_idx(list, i);

		if (strcmp(field(c, "state"), state) == 0 &&
		    (!fixable || field_bool(c, "fixable")))
			n++;
	}
	return n;
}

static void
line_print(struct output *o, json_object *c)
{
	const char *state = field(c, "state");
	enum style style = strcmp(state, "ok") == 0 ? STYLE_GOOD
	    : strcmp(state, "wrong") == 0	    ? STYLE_BAD
						    : STYLE_WAIT;

	if (field_bool(c, "mended"))
		state = "mended";
	printf("%s%-8s%s %-10s %s\n", style_on(o, style), state, style_off(o),
	    field(c, "check"), safe(field(c, "message")));
	if (field(c, "hint")[0] != '\0')
		printf("%19s -> %s\n", "", safe(field(c, "hint")));
}

static void
findings_render(struct output *o, json_object *result, bool all)
{
	json_object *list = field_list(result, "checks");
	size_t wrong = count(list, "wrong", false);
	size_t warnings = count(list, "warning", false);
	size_t fixable =
	    count(list, "wrong", true) + count(list, "warning", true);

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *c = json_object_array_get_idx(list, i);

		if (all || strcmp(field(c, "state"), "ok") != 0 ||
		    field_bool(c, "mended"))
			line_print(o, c);
	}
	if (!all)
		return;
	printf("\n%zu wrong, %zu to look at", wrong, warnings);
	if (fixable > 0)
		printf("; lk doctor --fix mends %zu", fixable);
	puts(".");
}

static void
all_render(struct output *o, json_object *result)
{
	findings_render(o, result, true);
}

static void
quiet_render(struct output *o, json_object *result)
{
	findings_render(o, result, false);
}

static int
paths_find(struct doctor *d)
{
	lk_err err = home_path(d->home);

	if (err.code != LK_OK)
		return lk_fail_err(d->lk, err, "LK_HOME",
		    "set LK_HOME to a directory of yours");
	err = home_socket_path(d->home, d->socket);
	if (err.code != LK_OK)
		return lk_fail_err(d->lk, err, "LK_SOCKET",
		    "a socket has a path of at most 107 bytes");
	return 0;
}

static int
doctor_run(struct lk *lk, const struct args *args)
{
	struct doctor d = { .lk = lk, .fix = opt_fix };
	JSON_SCOPED *result = NULL;
	size_t wrong;

	(void)args;
	DO(paths_find(&d));
	result = json_object_new_object();
	d.said = json_object_new_array();
	json_object_object_add(result, "healthy", NULL);
	json_object_object_add(result, "checks", d.said);
	for (size_t i = 0; i < nitems(checks); i++) {
		d.check = checks[i].name;
		if (checks[i].where == ANYWHERE ||
		    (d.running &&
			(checks[i].where == RUNNING ||
			    field_bool(d.daemon, "identity"))))
			checks[i].run(&d);
	}
	json_object_put(d.daemon);
	wrong = count(d.said, "wrong", false);
	json_object_object_add(
	    result, "healthy", json_object_new_boolean(wrong == 0));
	output_result(&lk->output, "doctor", result,
	    lk->quiet ? quiet_render : all_render);
	return wrong == 0 ? 0 : EXIT_NO;
}

const struct command verb_doctor = {
	.name = "doctor",
	.usage = "doctor [--fix]\n",
	.summary = "Look whether everything is as it should be, and mend it",
	.details =
	    "A line for each thing: home, identity, disk, clock, inotify, "
	    "daemon, config, versions,\nsocket, store, port, multicast, peers, "
	    "remotes, mirrors, copies; lk(1) says what each looks at.\nThe "
	    "exit status is 1 when something is wrong.\n\n"
	    "  --fix               mend what cannot do harm: modes of files, a "
	    "daemon of another\n                      version, what is made "
	    "again from the log of changes\n",
	.options = options,
	.run = doctor_run,
};
