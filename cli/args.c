#include "cli/args.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/setting.h"
#include "cli/output.h"
#include "cli/usage.h"

static bool
color_choose(struct lk *lk, const char *when)
{
	static const char *const words[] = { "auto", "always", "never" };
	static const enum color colors[] = { COLOR_AUTO, COLOR_ALWAYS,
		COLOR_NEVER };

	if (*when == '\0')
		when = "always";
	for (size_t i = 0; i < nitems(words); i++) {
		if (strcmp(when, words[i]) != 0)
			continue;
		output_color(&lk->output, colors[i]);
		return true;
	}
	return false;
}

bool
args_global(struct lk *lk, const char *arg, int *status)
{
	*status = 0;
	if (strcmp(arg, "--json") == 0) {
		lk->json = true;
		output_json(&lk->output);
	} else if (strcmp(arg, "-q") == 0 || strcmp(arg, "--quiet") == 0) {
		lk->quiet = true;
	} else if (strcmp(arg, "-v") == 0 || strcmp(arg, "--verbose") == 0) {
		lk->verbose = true;
	} else if (strcmp(arg, "--color") == 0) {
		(void)color_choose(lk, "");
	} else if (strncmp(arg, "--color=", 8) == 0) {
		if (!color_choose(lk, arg + 8))
			*status = lk_fail_usage(
			    lk, "--color: expected always, never or auto");
	} else {
		return false;
	}
	return true;
}

static const struct option *
option_long(const struct option *options, const char *name, size_t len)
{
	for (; options != NULL && options->name != NULL; options++)
		if (strlen(options->name) == len &&
		    strncmp(options->name, name, len) == 0)
			return options;
	return NULL;
}

static const struct option *
option_short(const struct option *options, char letter)
{
	for (; options != NULL && options->name != NULL; options++)
		if (options->letter == letter && letter != '\0')
			return options;
	return NULL;
}

static int
option_set(struct lk *lk, const struct option *o, const char *value)
{
	struct option_list *list;
	const char *wrong;
	int64_t n;

	switch (o->kind) {
	case OPTION_FLAG:
		*(bool *)o->into = true;
		break;
	case OPTION_STRING:
	case OPTION_MAYBE:
		*(const char **)o->into = value;
		break;
	case OPTION_LIST:
		list = o->into;
		if (list->len == OPTION_LIST_MAX)
			return lk_fail_usage(lk, "--%s: at most %d times",
			    o->name, OPTION_LIST_MAX);
		list->items[list->len++] = value;
		break;
	case OPTION_NUMBER:
		n = strtonum(value, 0, INT64_MAX, &wrong);
		if (wrong != NULL)
			return lk_fail_usage(lk,
			    "--%s: %s is no number that fits", o->name, value);
		*(int64_t *)o->into = n;
		break;
	case OPTION_DURATION:
		if (!setting_span(value, &n))
			return lk_fail_usage(lk,
			    "--%s: %s is no time span like 30s, 10m, 2h, 7d, "
			    "up to %dd",
			    o->name, value, SPAN_DAYS_MAX);
		*(int64_t *)o->into = n;
		break;
	}
	return 0;
}

static bool
option_takes_value(const struct option *o)
{
	return o->kind != OPTION_FLAG && o->kind != OPTION_MAYBE;
}

/* Where in argv the parser is. */
struct walk {
	int argc, at;
	char **argv;
};

/* The argument of an option: behind its = or letter, or the next one. */
static int
option_take(
    struct lk *lk, struct walk *w, const struct option *o, const char *attached)
{
	if (!option_takes_value(o)) {
		if (attached != NULL && o->kind == OPTION_FLAG)
			return lk_fail_usage(
			    lk, "--%s takes no value", o->name);
		return option_set(lk, o, attached == NULL ? "" : attached);
	}
	if (attached == NULL && w->at + 1 < w->argc)
		attached = w->argv[++w->at];
	if (attached == NULL)
		return lk_fail_usage(lk, "--%s needs a value", o->name);
	return option_set(lk, o, attached);
}

static int
long_parse(struct lk *lk, struct walk *w, const struct option *options)
{
	const char *name = w->argv[w->at] + 2;
	size_t len = strcspn(name, "=");
	const struct option *o = option_long(options, name, len);

	if (o == NULL)
		return lk_fail_option(lk, w->argv[w->at], len + 2);
	return option_take(lk, w, o, name[len] == '=' ? name + len + 1 : NULL);
}

/* Letters may stand together: -ab, and a value right behind its: -n5. */
static int
short_parse(struct lk *lk, struct walk *w, const struct option *options)
{
	const char *letters = w->argv[w->at] + 1;

	for (; *letters != '\0'; letters++) {
		const struct option *o = option_short(options, *letters);
		char alone[] = { '-', *letters, '\0' };
		int status;

		if (o == NULL) {
			if (!args_global(lk, alone, &status))
				return lk_fail_option(lk, alone, 2);
			continue;
		}
		if (option_takes_value(o))
			return option_take(
			    lk, w, o, letters[1] != '\0' ? letters + 1 : NULL);
		DO(option_take(lk, w, o, NULL));
	}
	return 0;
}

static bool
is_operand(const struct option *options, const char *arg)
{
	if (arg[0] != '-' || arg[1] == '\0')
		return true;
	return (arg[1] >= '0' && arg[1] <= '9' &&
	    option_short(options, arg[1]) == NULL);
}

static int
operands_check(struct lk *lk, const struct args *args)
{
	if (args->len == 0 && lk->command->operands_min > 0 &&
	    usage_is_verbs(lk->command))
		return lk_fail_verb(lk, "");
	if (args->len < lk->command->operands_min)
		return lk_fail_usage(lk, "something is missing");
	if (args->len > lk->command->operands_max)
		return lk_fail_usage(lk, "one argument too many: %s",
		    args->operands[lk->command->operands_max]);
	return 0;
}

enum args_verdict
args_parse(
    struct lk *lk, struct args *args, int argc, char *argv[], int *status)
{
	const struct option *options = lk->command->options;
	struct walk w = { .argc = argc, .argv = argv };
	int operands = 0;
	bool ended = false;

	for (; w.at < argc; w.at++) {
		char *arg = argv[w.at];

		*status = 0;
		if (ended || is_operand(options, arg)) {
			argv[operands++] = arg;
		} else if (strcmp(arg, "--") == 0) {
			ended = true;
		} else if (strcmp(arg, "--help") == 0 ||
		    strcmp(arg, "-h") == 0) {
			help_print(lk, lk->command);
			return ARGS_STOP;
		} else if (arg[1] == '-') {
			if (!args_global(lk, arg, status))
				*status = long_parse(lk, &w, options);
		} else {
			*status = short_parse(lk, &w, options);
		}
		if (*status != 0)
			return ARGS_STOP;
	}
	args->operands = (const char *const *)argv;
	args->len = (size_t)operands;
	*status = operands_check(lk, args);
	return *status == 0 ? ARGS_RUN : ARGS_STOP;
}
