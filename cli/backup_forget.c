/*
 * `lk backup forget`: which backups go.  The rules are decided here, where the
 * time zone of the person is known; the daemon is told names.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/backup.h"
#include "cli/client.h"
#include "cli/params.h"
#include "cli/table.h"

#define PERIOD_MAX 24
/* Clocks may differ by that much. */
#define AHEAD_MAX_S 86400

struct forget_options opt_forget;

static const char *const rules[KEEP_RULES] = {
	[KEEP_LAST] = "last",
	[KEEP_HOURLY] = "hourly",
	[KEEP_DAILY] = "daily",
	[KEEP_WEEKLY] = "weekly",
	[KEEP_MONTHLY] = "monthly",
	[KEEP_YEARLY] = "yearly",
};

/* Two backups are of one period when this is the same of both; of "last" each
 * is its own. */
static void
period_name(char out[static PERIOD_MAX], enum keep_rule rule,
    const struct tm *tm, json_object *s)
{
	size_t len = 0;

	switch (rule) {
	case KEEP_LAST:
	case KEEP_RULES:
		len = strlcpy(out, field_short(s, "snapshot"), PERIOD_MAX);
		break;
	case KEEP_HOURLY:
		len = strftime(out, PERIOD_MAX, "%Y%m%d%H%z", tm);
		break;
	case KEEP_DAILY:
		len = strftime(out, PERIOD_MAX, "%Y%m%d", tm);
		break;
	case KEEP_WEEKLY:
		len = strftime(out, PERIOD_MAX, "%G%V", tm);
		break;
	case KEEP_MONTHLY:
		len = strftime(out, PERIOD_MAX, "%Y%m", tm);
		break;
	case KEEP_YEARLY:
		len = strftime(out, PERIOD_MAX, "%Y", tm);
		break;
	}
	if (len == 0)
		out[0] = '\0';
}

/* How far the rules have got with one machine, from its newest backup on. */
struct keeping {
	int64_t left[KEEP_RULES];
	char period[KEEP_RULES][PERIOD_MAX]; /* of the last one kept */
};

static struct wall
time_of(json_object *s)
{
	struct wall wall = { 0 };

	if (wall_read(&wall, BYTES_STR(field(s, "time"))).code != LK_OK)
		wall.ms = 0;
	return wall;
}

/* Why this one is kept, as a list; empty: it is not. */
static json_object *
reasons_of(struct keeping *k, json_object *s)
{
	json_object *reasons = json_object_new_array();
	char period[PERIOD_MAX];
	struct tm tm = { 0 };
	time_t t = (time_t)(time_of(s).ms / 1000);

	(void)localtime_r(&t, &tm);
	for (size_t i = 0; i < KEEP_RULES; i++) {
		period_name(period, (enum keep_rule)i, &tm, s);
		if (k->left[i] == 0 || strcmp(k->period[i], period) == 0)
			continue;
		k->left[i]--;
		(void)strlcpy(k->period[i], period, sizeof(k->period[i]));
		json_object_array_add(
		    reasons, json_object_new_string(rules[i]));
	}
	return reasons;
}

/* Made by a clock that was wrong: it would be the newest for years. */
static bool
is_ahead(json_object *s)
{
	return time_of(s).ms / 1000 > (int64_t)time(NULL) + AHEAD_MAX_S;
}

/* It does not open where it should. */
static bool
is_another_key(json_object *s)
{
	return opt_key_file != NULL && !field_bool(s, "opened");
}

/* What is none of the rules'. */
static bool
is_passed_over(json_object *s)
{
	return field(s, "error")[0] != '\0' || is_another_key(s) ||
	    is_ahead(s);
}

static bool
is_decided(json_object *s)
{
	return is_passed_over(s) ||
	    json_object_object_get_ex(s, "reasons", NULL);
}

/* From the newest of a machine to its oldest: they are listed by time. */
static void
machine_decide(json_object *list, size_t newest)
{
	const char *machine =
	    field(json_object_array_get_idx(list, newest), "machine");
	struct keeping k = { .left = { 0 } };

	memcpy(k.left, opt_forget.keep, sizeof(k.left));
	for (size_t i = newest + 1; i-- > 0;) {
		json_object *s = json_object_array_get_idx(list, i), *reasons;

		if (is_decided(s) || strcmp(field(s, "machine"), machine) != 0)
			continue;
		reasons = reasons_of(&k, s);
		if (i == newest && json_object_array_length(reasons) == 0)
			json_object_array_add(
			    reasons, json_object_new_string("newest"));
		json_object_object_add(s, "reasons", reasons);
	}
}

static void
row_fill(json_object *s, const char *cells[])
{
	backup_row(s, cells);
	cells[3] = field(s, "verdict");
}

static void
verdict_add(json_object *s, bool dry_run)
{
	BUF_SCOPED text = { .max = 256 };
	json_object *reasons = NULL;

	if (json_object_object_get_ex(s, "reasons", &reasons) &&
	    json_object_array_length(reasons) > 0) {
		for (size_t i = 0; i < json_object_array_length(reasons); i++)
			buf_printf(&text, "%s %s", i == 0 ? "kept:" : ",",
			    json_object_get_string(
				json_object_array_get_idx(reasons, i)));
	} else if (is_passed_over(s)) {
		buf_printf(&text, "%s: stays unless it is named",
		    field(s, "error")[0] != '\0' ? "damaged"
			: is_another_key(s)      ? "not of this key"
						 : "of a time to come");
	} else {
		buf_str(&text, dry_run ? "would be forgotten" : "forgotten");
	}
	buf_u8(&text, 0);
	if (!text.failed)
		params_text(s, "verdict", (const char *)text.ptr);
}

static void
verdicts_print(
    json_object *result, const char *key, size_t columns, row_fn *row)
{
	json_object *list = field_list(result, key);

	for (size_t i = 0; i < json_object_array_length(list); i++)
		verdict_add(json_object_array_get_idx(list, i),
		    field_bool(result, "dry_run"));
	table_list(result, key, columns, row);
}

static void
rules_render(struct output *o, json_object *result)
{
	(void)o;
	verdicts_print(result, "snapshots", 4, row_fill);
}

static void
named_fill(json_object *s, const char *cells[])
{
	cells[0] = field_short(s, "snapshot");
	cells[1] = field(s, "time");
	cells[2] = field(s, "verdict");
}

static void
names_render(struct output *o, json_object *result)
{
	(void)o;
	verdicts_print(result, "forgotten", 3, named_fill);
}

/* Takes `names`, a list. */
static int
names_forget(struct lk *lk, const char *address, json_object *names,
    json_object **result)
{
	json_object *params = params_new(NULL);

	params_text(params, "place", address);
	json_object_object_add(params, "snapshots", names);
	if (opt_forget.dry_run)
		params_flag(params, "dry_run", true);
	return lk_call(lk, "backup.forget", params, result);
}

static int
rules_run(struct lk *lk, const char *address)
{
	JSON_SCOPED *result = NULL, *listed = NULL;
	json_object *list, *params = params_new(NULL),
			   *names = json_object_new_array();
	int status;

	params_text(params, "place", address);
	status = opt_key_file == NULL ? 0 : backup_key_params(lk, params);
	if (status == 0)
		status = lk_call(lk, "backup.list", params, &listed);
	else
		json_object_put(params);
	if (status != 0) {
		json_object_put(names);
		return status;
	}
	list = field_list(listed, "snapshots");
	for (size_t i = json_object_array_length(list); i-- > 0;)
		if (!is_decided(json_object_array_get_idx(list, i)))
			machine_decide(list, i);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *s = json_object_array_get_idx(list, i);

		params_flag(s, "ahead", is_ahead(s));
		if (!is_passed_over(s) &&
		    json_object_array_length(
			json_object_object_get(s, "reasons")) == 0)
			json_object_array_add(names,
			    json_object_new_string(field(s, "snapshot")));
	}
	DO(names_forget(lk, address, names, &result));
	json_object_object_add(result, "snapshots", json_object_get(list));
	output_result(
	    &lk->output, "backup", result, lk->quiet ? NULL : rules_render);
	return 0;
}

/* A whole name that is not there is no error of the daemon's. */
static int
named_check(struct lk *lk, const struct args *args, json_object *forgotten)
{
	for (size_t i = 2; i < args->len; i++) {
		const char *wanted = args->operands[i];
		bool found = false;

		for (size_t k = 0; k < json_object_array_length(forgotten); k++)
			found = found ||
			    strncmp(
				field(json_object_array_get_idx(forgotten, k),
				    "snapshot"),
				wanted, strlen(wanted)) == 0;
		if (!found)
			return lk_fail(lk, lk_exit_status(LK_E_NOTFOUND),
			    lk_strcode(LK_E_NOTFOUND), NULL,
			    "%s: no backup %s there", args->operands[1],
			    wanted);
	}
	return 0;
}

static int
named_run(struct lk *lk, const char *address, const struct args *args)
{
	json_object *names = json_object_new_array();
	JSON_SCOPED *result = NULL;

	for (size_t i = 2; i < args->len; i++)
		json_object_array_add(
		    names, json_object_new_string(args->operands[i]));
	DO(names_forget(lk, address, names, &result));
	output_result(
	    &lk->output, "backup", result, lk->quiet ? NULL : names_render);
	return named_check(lk, args, field_list(result, "forgotten"));
}

int
backup_forget_run(struct lk *lk, const struct args *args)
{
	char address[REMOTE_URL_MAX + 1];
	bool ruled = false;

	for (size_t i = 0; i < KEEP_RULES; i++)
		ruled = ruled || opt_forget.keep[i] > 0;
	if (ruled == (args->len > 2))
		return lk_fail_usage(lk,
		    ruled ? "either name backups or say which to keep"
			  : "name backups, or say which to keep, as "
			    "--keep-daily 7");
	DO(backup_place(lk, args->operands[1], address));
	DO(lk_connect(lk, CONNECT_INIT));
	return ruled ? rules_run(lk, address) : named_run(lk, address, args);
}
