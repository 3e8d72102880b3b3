#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/limits.h"
#include "cli/assign.h"
#include "cli/change.h"
#include "cli/client.h"
#include "cli/file.h"
#include "cli/params.h"

static bool opt_string, opt_counter, opt_time, opt_typed;
static const char *opt_bytes; /* a file */

const struct option assign_options[] = {
	{ "string", 's', OPTION_FLAG, &opt_string },
	{ "counter", 'c', OPTION_FLAG, &opt_counter },
	{ "time", 't', OPTION_FLAG, &opt_time },
	{ "typed", 0, OPTION_FLAG, &opt_typed },
	{ "bytes", 'b', OPTION_STRING, &opt_bytes },
	CHANGE_OPTIONS,
};

static int
kind_name(struct lk *lk, const char **as)
{
	int given = opt_string + opt_counter + opt_time + opt_typed +
	    (opt_bytes != NULL);

	if (given > 1)
		return lk_fail_usage(lk, "one kind of value at a time");
	*as = opt_string        ? "string"
	    : opt_counter       ? "counter"
	    : opt_time          ? "time"
	    : opt_typed         ? "typed"
	    : opt_bytes != NULL ? "bytes"
				: "json";
	return 0;
}

static int
bytes_add(struct lk *lk, json_object *params, const char *path)
{
	BUF_SCOPED file = { 0 };
	BUF_SCOPED text = { 0 };

	buf_init(&file, CHANGE_BODY_MAX);
	buf_init(&text, BASE64_LEN((size_t)CHANGE_BODY_MAX) + 1);
	DO(file_read(lk, path, &file));
	base64_encode(&text, buf_bytes(&file));
	params_quoted(params, "json", buf_bytes(&text));
	return 0;
}

static void
time_add(json_object *params, const char *value)
{
	char text[WALL_TEXT_LEN];
	struct timespec now;

	if (strcmp(value, "now") == 0) {
		(void)clock_gettime(CLOCK_REALTIME, &now);
		wall_format(text,
		    (struct wall){
			(int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 });
		value = text;
	}
	params_quoted(params, "json", BYTES_STR(value));
}

static int
json_add(struct lk *lk, json_object *params, const char *value)
{
	BUF_SCOPED input = { 0 };

	buf_init(&input, DOCUMENT_BODY_MAX);
	if (strcmp(value, "-") != 0) {
		params_text(params, "json", value);
		return 0;
	}
	DO(file_read(lk, "-", &input));
	params_bytes(params, "json", buf_bytes(&input));
	return 0;
}

static int
value_add(struct lk *lk, json_object *params, const char *value)
{
	if (opt_bytes != NULL)
		return bytes_add(lk, params, opt_bytes);
	if (!opt_string && !opt_time)
		return json_add(lk, params, value);
	if (opt_string)
		params_quoted(params, "json", BYTES_STR(value));
	else
		time_add(params, value);
	return 0;
}

int
assign_run(struct lk *lk, const struct args *args)
{
	size_t want = opt_bytes != NULL ? 2 : 3;
	json_object *params;
	char method[32];
	const char *as = "json";
	int status;

	DO(kind_name(lk, &as));
	if (args->len != want)
		return lk_fail_usage(lk,
		    want == 2 ? "--bytes takes the place of VALUE"
			      : "VALUE is missing");
	params = params_at(args);
	params_text(params, "as", as);
	change_add(params);
	status = value_add(lk, params, want == 3 ? args->operands[2] : NULL);
	if (status != 0) {
		json_object_put(params);
		return status;
	}
	(void)snprintf(method, sizeof(method), "doc.%s", lk->command->name);
	return lk_answer(lk, method, params, NULL);
}
