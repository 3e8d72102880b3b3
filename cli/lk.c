/*
 * lk.c - the command line: which command, and how failing looks.
 */
#include "cli/lk.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/standard_files.h"
#include "cli/args.h"
#include "cli/client.h"
#include "cli/usage.h"
#include "cli/verbs.h"

#define MESSAGE_MAX 8192

static int
fail(struct lk *lk, int status, const char *error, const char *hint,
    const char *fmt, va_list ap)
{
	char message[MESSAGE_MAX];
	struct problem p = { status, error, message, hint };

	(void)vsnprintf(message, sizeof(message), fmt, ap);
	/* What was answered so far comes before the complaint. */
	(void)fflush(stdout);
	output_problem(&lk->output, &p);
	return status;
}

int
lk_fail(struct lk *lk, int status, const char *error, const char *hint,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fail(lk, status, error, hint, fmt, ap);
	va_end(ap);
	return status;
}

int
lk_fail_err(struct lk *lk, lk_err err, const char *subject, const char *hint)
{
	return lk_fail(lk, lk_exit_status(err.code), lk_strcode(err.code), hint,
	    "%s: %s", subject, err.sys != 0 ? strerror(err.sys) : err.what);
}

int
lk_fail_usage(struct lk *lk, const char *fmt, ...)
{
	char text[MESSAGE_MAX], hint[MESSAGE_MAX];
	const char *line;
	bool several;
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (lk->command == NULL)
		return lk_fail(lk, EXIT_USAGE_, "usage",
		    "lk help lists the commands", "%s", text);
	line = usage_line(lk->command, lk->verb, &len);
	several = strchr(lk->command->usage, '\n')[1] != '\0';
	(void)snprintf(hint, sizeof(hint), "usage: lk %.*s%s%s", (int)len, line,
	    several ? "; more in lk help " : "",
	    several ? lk->command->name : "");
	return lk_fail(
	    lk, EXIT_USAGE_, "usage", hint, "%s: %s", lk->command->name, text);
}

/* What other programs call it, which is no misspelling of anything here. */
static const char *
elsewhere(const char *name)
{
	static const struct {
		const char *typed, *meant;
	} words[] = {
		{ "cat", "get" },
		{ "create", "new" },
		{ "delete", "rm" },
		{ "history", "log" },
		{ "info", "status" },
		{ "list", "ls" },
		{ "logs", "daemon logs" },
		{ "mv", "rename" },
		{ "pull", "sync" },
		{ "push", "sync" },
		{ "remove", "rm" },
		{ "restart", "daemon restart" },
		{ "start", "daemon start" },
		{ "stop", "daemon stop" },
	};

	for (size_t i = 0; i < nitems(words); i++)
		if (strcmp(words[i].typed, name) == 0)
			return words[i].meant;
	return NULL;
}

/* The verbs of a command, as "ls, show or rm". */
static void
verbs_list(const struct command *c, char out[MESSAGE_MAX], struct nearest *n)
{
	char verb[USAGE_WORD_MAX], last[USAGE_WORD_MAX] = "";

	out[0] = '\0';
	for (size_t i = 0; usage_verb(c, i, verb); i++) {
		nearest_offer(n, verb);
		if (i > 1)
			(void)strlcat(out, ", ", MESSAGE_MAX);
		(void)strlcat(out, last, MESSAGE_MAX);
		memcpy(last, verb, sizeof(last));
	}
	if (out[0] != '\0')
		(void)strlcat(out, " or ", MESSAGE_MAX);
	(void)strlcat(out, last, MESSAGE_MAX);
}

int
lk_fail_verb(struct lk *lk, const char *verb)
{
	const char *name = lk->command->name;
	const char *near = elsewhere(verb);
	char verbs[MESSAGE_MAX], hint[128];
	struct nearest n;

	if (usage_has_verb(lk->command, verb))
		return lk_fail_usage(lk, "%s: wrong number of operands", verb);
	nearest_init(&n, verb);
	verbs_list(lk->command, verbs, &n);
	if (near == NULL || !usage_has_verb(lk->command, near))
		near = nearest_word(&n);
	if (verb[0] == '\0') {
		(void)snprintf(
		    hint, sizeof(hint), "lk help %s explains them", name);
		return lk_fail(lk, EXIT_USAGE_, "usage", hint,
		    "%s: expected %s", name, verbs);
	}
	if (near == NULL)
		return lk_fail_usage(lk, "%s: expected %s", safe(verb), verbs);
	(void)snprintf(
	    hint, sizeof(hint), "did you mean lk %s %s?", name, near);
	return lk_fail(lk, EXIT_USAGE_, "usage", hint, "%s: %s: expected %s",
	    name, safe(verb), verbs);
}

int
lk_fail_option(struct lk *lk, const char *typed, size_t len)
{
	static const char *const everywhere[] = { "--json", "--quiet",
		"--verbose", "--color", "--help" };
	const struct option *o =
	    lk->command == NULL ? NULL : lk->command->options;
	char word[NEAREST_WORD_MAX + 1], hint[128];
	struct nearest n;

	/* Of one letter every other one is as near. */
	(void)snprintf(
	    word, sizeof(word), "%.*s", typed[1] == '-' ? (int)len : 0, typed);
	nearest_init(&n, word);
	for (; o != NULL && o->name != NULL && word[0] != '\0'; o++) {
		(void)snprintf(hint, sizeof(hint), "--%s", o->name);
		nearest_offer(&n, hint);
	}
	for (size_t i = 0; i < nitems(everywhere) && word[0] != '\0'; i++)
		nearest_offer(&n, everywhere[i]);
	if (nearest_word(&n) == NULL)
		return lk_fail_usage(
		    lk, "no such option: %.*s", (int)len, typed);
	(void)snprintf(
	    hint, sizeof(hint), "did you mean %s?", nearest_word(&n));
	return lk_fail(lk, EXIT_USAGE_, "usage", hint,
	    "%s%sno such option: %.*s",
	    lk->command == NULL ? "" : lk->command->name,
	    lk->command == NULL ? "" : ": ", (int)len, typed);
}

int
lk_fail_memory(struct lk *lk)
{
	return lk_fail(lk, 74, "memory", NULL, "out of memory");
}

/* Errors are JSON too, also those of options that stand before --json. */
static void
json_look(struct lk *lk, int argc, char *const argv[])
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--json") == 0)
			output_json(&lk->output);
}

/* Takes the options before the command; *argv is left at the command. */
static int
globals_take(struct lk *lk, int *argc, char ***argv, bool *help, bool *version)
{
	int status = 0;

	*help = *version = false;
	for (; *argc > 0 && (*argv)[0][0] == '-'; --*argc, ++*argv) {
		const char *arg = **argv;

		if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)
			*help = true;
		else if (strcmp(arg, "--version") == 0)
			*version = true;
		else if (!args_global(lk, arg, &status))
			return lk_fail_option(lk, arg, strlen(arg));
		if (status != 0)
			return status;
	}
	return 0;
}

int
lk_fail_unknown(struct lk *lk, const char *name)
{
	struct nearest n;
	const char *meant = elsewhere(name);
	const char *near = meant != NULL ? meant : command_nearest(&n, name);
	char hint[64] = "lk help lists the commands";

	if (near != NULL)
		(void)snprintf(hint, sizeof(hint), "did you mean lk %s?", near);
	return lk_fail(
	    lk, EXIT_USAGE_, "usage", hint, "%s: no such command", safe(name));
}

/* Output that did not get out is a failure like any other. */
static int
output_finish(struct lk *lk, int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	return lk_fail(
	    lk, 74, "system", NULL, "standard output: %s", strerror(errno));
}

static int
command_run(
    struct lk *lk, const struct command *command, int argc, char *argv[])
{
	struct args args;
	int status;

	lk->command = command;
	if (argc > 0 && usage_has_verb(command, argv[0]))
		lk->verb = argv[0];
	if (args_parse(lk, &args, argc, argv, &status) == ARGS_STOP)
		return status;
	return command->run(lk, &args);
}

static int
run(struct lk *lk, int argc, char *argv[])
{
	const struct command *command;
	bool help, version;

	DO(globals_take(lk, &argc, &argv, &help, &version));
	if (version)
		return command_run(lk, &verb_version, 0, argv);
	if (help)
		return command_run(lk, &verb_help, argc, argv);
	if (argc == 0)
		return lk_fail_usage(lk, "no command given");
	command = command_find(argv[0]);
	if (command == NULL)
		return lk_fail_unknown(lk, argv[0]);
	return command_run(lk, command, argc - 1, argv + 1);
}

int
main(int argc, char *argv[])
{
	struct lk lk = { .verb = "" };
	int status;

	if (standard_files_fill().code != LK_OK)
		return 74;
	/* A limit on files is an error like a full disk. */
	(void)signal(SIGXFSZ, SIG_IGN);
	output_init(&lk.output);
	json_look(&lk, argc - 1, argv + 1);
	status = run(&lk, argc - 1, argv + 1);
	status = output_finish(&lk, status);
	client_close(lk.client);
	return status;
}
