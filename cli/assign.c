#include <string.h>
#include <time.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/limits.h"
#include "cli/args.h"
#include "cli/assign.h"
#include "cli/client.h"
#include "cli/file.h"
#include "cli/output.h"
#include "cli/params.h"

/* The options that say what kind of value it is. */
struct kind {
	bool string, counter, time, typed;
	const char *bytes; /* a file */
};

static int
kind_name(struct lk *lk, const struct kind *k, const char **as)
{
	int given = k->string + k->counter + k->time + k->typed +
	    (k->bytes != NULL);

	if (given > 1)
		return lk_fail_usage(lk, "one kind of value at a time");
	*as = k->string ? "string" :
	    k->counter  ? "counter" :
	    k->time     ? "time" :
	    k->typed    ? "typed" :
	    k->bytes    ? "bytes" :
			  "json";
	return 0;
}

/* Adds a string as a JSON text. */
static void
quoted_add(json_object *params, struct bytes value)
{
	JSON_SCOPED *s = json_object_new_string_len(
	    value.len == 0 ? "" : (const char *)value.ptr, (int)value.len);

	params_text(params, "json",
	    json_object_to_json_string_ext(s, JSON_C_TO_STRING_PLAIN));
}

static int
bytes_add(struct lk *lk, json_object *params, const char *path)
{
	BUF_SCOPED file = { 0 };
	BUF_SCOPED text = { 0 };

	buf_init(&file, ENVELOPE_BODY_MAX);
	buf_init(&text, BASE64_LEN((size_t)ENVELOPE_BODY_MAX) + 1);
	DO(file_read(lk, path, &file));
	base64_encode(&text, buf_bytes(&file));
	quoted_add(params, buf_bytes(&text));
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
		    (struct wall){ (int64_t)now.tv_sec * 1000 +
			now.tv_nsec / 1000000 });
		value = text;
	}
	quoted_add(params, BYTES_STR(value));
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
value_add(struct lk *lk, json_object *params, const struct kind *k,
    const char *value)
{
	if (k->bytes != NULL)
		return bytes_add(lk, params, k->bytes);
	if (k->string)
		quoted_add(params, BYTES_STR(value));
	else if (k->time)
		time_add(params, value);
	else
		return json_add(lk, params, value);
	return 0;
}

static int
assign_call(struct lk *lk, const char *method, json_object *params)
{
	JSON_SCOPED *result = NULL;

	DO(lk_call(lk, method, params, &result));
	output_result(lk->output, lk->command->name, result, NULL);
	return 0;
}

int
assign_run(struct lk *lk, const char *method, int argc, char *argv[])
{
	struct kind k = { 0 };
	bool root = false;
	const char *message = NULL, *as;
	const struct option options[] = {
		{ "string", 's', OPTION_FLAG, &k.string },
		{ "counter", 'c', OPTION_FLAG, &k.counter },
		{ "time", 't', OPTION_FLAG, &k.time },
		{ "typed", 0, OPTION_FLAG, &k.typed },
		{ "bytes", 'b', OPTION_STRING, &k.bytes },
		{ "message", 'm', OPTION_STRING, &message },
		{ "root", 0, OPTION_FLAG, &root },
		{ NULL, 0, OPTION_FLAG, NULL },
	};
	struct args args;
	json_object *params;
	size_t want;
	int status;

	if (args_parse(lk, &args, options, argc, argv, &status) == ARGS_STOP)
		return status;
	DO(kind_name(lk, &k, &as));
	want = k.bytes != NULL ? 2 : 3;
	DO(args_count(lk, &args, want, want));
	params = params_new(args.operands[0]);
	params_text(params, "path", args.operands[1]);
	params_text(params, "as", as);
	params_text(params, "message", message);
	params_flag(params, "root", root);
	status = value_add(
	    lk, params, &k, want == 3 ? args.operands[2] : NULL);
	if (status != 0) {
		json_object_put(params);
		return status;
	}
	return assign_call(lk, method, params);
}
