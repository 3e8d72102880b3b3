#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/home.h"
#include "cli/client.h"
#include "cli/restart.h"
#include "cli/verbs.h"

#define LOG_READ_MAX (64 * 1024)

static void
start_render(struct output *o, json_object *result)
{
	(void)o;
	printf("daemon: pid %lld\n", (long long)field_int(result, "pid"));
}

static int
daemon_start(struct lk *lk)
{
	DO(lk_connect(lk, CONNECT_INIT));
	return lk_confirm(lk, "daemon.status", NULL, start_render);
}

static int
daemon_stop(struct lk *lk)
{
	JSON_SCOPED *result = NULL;

	if (!lk_running(lk)) {
		result = json_object_new_object();
		json_object_object_add(result, "pid", NULL);
	} else {
		DO(daemon_stop_wait(lk, &result));
	}
	output_result(&lk->output, "daemon", result, NULL);
	return 0;
}

/* One that lk started; any other is ended and started by whoever did. */
static int
daemon_again(struct lk *lk)
{
	JSON_SCOPED *status = NULL, *stopped = NULL;

	if (!lk_running(lk))
		return daemon_start(lk);
	DO(lk_call(lk, "daemon.status", NULL, &status));
	if (field(status, "log")[0] == '\0')
		return lk_fail(lk, 73, "exists",
		    "end it there, and start it again; under systemd: "
		    "systemctl --user restart lkd",
		    "daemon: it was not started by lk");
	DO(daemon_stop_wait(lk, &stopped));
	client_close(lk->client);
	lk->client = NULL;
	return daemon_start(lk);
}

static void
addresses_print(json_object *result)
{
	json_object *list = field_list(result, "addresses");

	for (size_t i = 0; i < json_object_array_length(list); i++)
		printf("address    %s\n",
		    json_object_get_string(json_object_array_get_idx(list, i)));
}

static void
layers_print(json_object *result)
{
	json_object *list = field_list(result, "sandbox_layers");

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *l = json_object_array_get_idx(list, i);

		if (field_bool(l, "enforced"))
			printf("           %s: %s\n", safe(field(l, "layer")),
			    safe(field(l, "does")));
		if (field(l, "does_not")[0] != '\0')
			printf("           not by %s: %s\n",
			    safe(field(l, "layer")),
			    safe(field(l, "does_not")));
	}
}

/* How far the store has been read by the daemon itself. */
static void
scrub_print(json_object *result)
{
	json_object *s = NULL;

	if (!json_object_object_get_ex(result, "scrub", &s) ||
	    field(s, "begun")[0] == '\0')
		return;
	printf("read       %lld KiB of the store since %s, %lld damaged",
	    (long long)(field_int(s, "bytes") / 1024), field_ago(s, "begun"),
	    (long long)field_int(s, "damaged"));
	if (field(s, "whole")[0] != '\0')
		printf("; all of it %s, %lld damaged", field_ago(s, "whole"),
		    (long long)field_int(s, "damaged_before"));
	puts("");
}

static void
status_render(struct output *o, json_object *result)
{
	(void)o;
	printf("pid        %lld\nstarted    %s\nversion    %s\n"
	       "home       %s\nsocket     %s\nlog        %s\n"
	       "listen     %s, port %lld\n",
	    (long long)field_int(result, "pid"), field_ago(result, "started"),
	    field(result, "version"), safe(field(result, "home")),
	    safe(field(result, "socket")), safe(field(result, "log")),
	    field(result, "listen")[0] == '\0' ? "all addresses"
					       : field(result, "listen"),
	    (long long)field_int(result, "port"));
	addresses_print(result);
	printf("discovery  %s\n", field(result, "discovery"));
	printf("sandbox    %s\n", field(result, "sandbox"));
	layers_print(result);
	scrub_print(result);
	if (field_bool(result, "read_only"))
		puts("store      read-only after errors");
}

static int
daemon_status(struct lk *lk)
{
	DO(lk_connect(lk, CONNECT_ONLY));
	return lk_answer(lk, "daemon.status", NULL, status_render);
}

static int
log_path(struct lk *lk, char out[static PATH_MAX])
{
	char home[PATH_MAX];
	lk_err err = home_path(home);

	if (err.code != LK_OK)
		return lk_fail_err(
		    lk, err, "LK_HOME", "set LK_HOME to a directory of yours");
	if (snprintf(out, PATH_MAX, "%s/log", home) >= PATH_MAX)
		return lk_fail(
		    lk, 78, "config", NULL, "%s: the path is too long", home);
	return 0;
}

static void
line_render(struct output *o, json_object *result)
{
	(void)o;
	puts(safe(field(result, "line")));
}

static void
line_print(struct lk *lk, const char *line)
{
	JSON_SCOPED *o = json_object_new_object();

	json_object_object_add(o, "line", json_object_new_string(line));
	output_event(&lk->output, "daemon.log", o, line_render);
}

/* The whole lines among the last LOG_READ_MAX bytes. */
static int
daemon_logs(struct lk *lk)
{
	char path[PATH_MAX], *line = NULL;
	size_t size = 0;
	ssize_t len;
	FILE *f;

	DO(log_path(lk, path));
	f = fopen(path, "re");
	if (f == NULL)
		return lk_fail(lk, errno == ENOENT ? 66 : 74,
		    errno == ENOENT ? "not-found" : "system",
		    "a daemon with LK_LOG logs elsewhere; one of systemd's: "
		    "journalctl --user -u lkd",
		    "%s: %s", path, strerror(errno));
	if (fseek(f, -LOG_READ_MAX, SEEK_END) == 0)
		(void)getline(&line, &size, f);
	while ((len = getline(&line, &size, f)) > 0) {
		line[strcspn(line, "\n")] = '\0';
		line_print(lk, line);
	}
	free(line);
	fclose(f);
	return 0;
}

static void
install_render(struct output *o, json_object *result)
{
	(void)o;
	printf("daemon: %s runs it from now on, at every login\n",
	    field(result, "unit"));
}

/* The unit has none of what the shell says: it would be another daemon. */
static int
default_check(struct lk *lk)
{
	static const char *const names[] = { "LK_HOME", "LK_SOCKET",
		"XDG_DATA_HOME" };

	for (size_t i = 0; i < nitems(names); i++) {
		const char *value = getenv(names[i]);
		char hint[80];

		if (value == NULL || value[0] == '\0')
			continue;
		(void)snprintf(hint, sizeof(hint),
		    "unset %s, or: systemctl --user edit lkd", names[i]);
		return lk_fail(lk, 64, "usage", hint,
		    "%s is set, and the unit is for the store of the default "
		    "place",
		    names[i]);
	}
	return 0;
}

/* Hands the daemon of the default store over to the user's systemd. */
static int
daemon_install(struct lk *lk)
{
	char *argv[] = { (char[]){ "systemctl" }, (char[]){ "--user" },
		(char[]){ "enable" }, (char[]){ "--now" },
		(char[]){ "lkd.service" }, NULL };
	JSON_SCOPED *result = json_object_new_object();
	int status = 0, failed;
	pid_t pid;

	DO(default_check(lk));
	if (lk_running(lk)) {
		JSON_SCOPED *stopped = NULL;

		DO(daemon_stop_wait(lk, &stopped));
	}
	failed = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (failed == 0 && waitpid(pid, &status, 0) != pid)
		failed = errno;
	if (failed != 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return lk_fail(lk, 69, "unavailable",
		    "is lkd.service where systemd looks, and a session of "
		    "yours running?",
		    "systemctl --user: %s",
		    failed != 0 ? strerror(failed) : "failed");
	json_object_object_add(result, "unit", json_object_new_string(argv[4]));
	output_result(&lk->output, "daemon", result, install_render);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct lk *);
} actions[] = {
	{ "start", daemon_start },
	{ "stop", daemon_stop },
	{ "restart", daemon_again },
	{ "status", daemon_status },
	{ "logs", daemon_logs },
	{ "install", daemon_install },
};

static int
daemon_run(struct lk *lk, const struct args *args)
{
	for (size_t i = 0; i < nitems(actions); i++)
		if (strcmp(args->operands[0], actions[i].name) == 0)
			return actions[i].run(lk);
	return lk_fail_verb(lk, args->operands[0]);
}

const struct command verb_daemon = {
	.name = "daemon",
	.usage = "daemon start|stop|restart|status|logs|install\n",
	.summary = "Start, stop or look at the daemon",
	.details =
	    "Every command starts the daemon when it is not running; stop "
	    "returns when it is gone,\nand restart makes settings count.  "
	    "install lets systemd run it, with your session.\n",
	.operands_min = 1,
	.operands_max = 1,
	.run = daemon_run,
};
