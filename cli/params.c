#include "cli/params.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"

json_object *
params_new(const char *doc)
{
	json_object *p = json_object_new_object();

	params_text(p, "doc", doc);
	return p;
}

json_object *
params_at(const struct args *args)
{
	json_object *p = params_new(args->operands[0]);

	if (args->len > 1)
		params_text(p, "path", args->operands[1]);
	return p;
}

void
params_text(json_object *p, const char *key, const char *text)
{
	if (text != NULL)
		json_object_object_add(p, key, json_object_new_string(text));
}

void
params_bytes(json_object *p, const char *key, struct bytes b)
{
	json_object_object_add(p, key,
	    json_object_new_string_len(
		b.len == 0 ? "" : (const char *)b.ptr, (int)b.len));
}

void
params_quoted(json_object *p, const char *key, struct bytes b)
{
	JSON_SCOPED *s = json_object_new_string_len(
	    b.len == 0 ? "" : (const char *)b.ptr, (int)b.len);

	params_text(
	    p, key, json_object_to_json_string_ext(s, JSON_C_TO_STRING_PLAIN));
}

void
params_number(json_object *p, const char *key, int64_t n)
{
	json_object_object_add(p, key, json_object_new_int64(n));
}

void
params_flag(json_object *p, const char *key, bool flag)
{
	if (flag)
		json_object_object_add(p, key, json_object_new_boolean(1));
}

int
params_position(
    struct lk *lk, json_object *p, const char *key, const char *text)
{
	const char *wrong;
	int64_t n = strtonum(text, 0, INT64_MAX, &wrong);

	if (wrong == NULL)
		params_number(p, key, n);
	else if (strcmp(text, "s") == 0 || strcmp(text, "e") == 0 ||
	    strchr(text, '@') != NULL)
		params_text(p, key, text);
	else
		return lk_fail_usage(lk, "%s is no position", text);
	return 0;
}

void
params_docs(json_object *p, const struct args *args)
{
	json_object *list = json_object_new_array();

	for (size_t i = 0; i < args->len; i++)
		json_object_array_add(
		    list, json_object_new_string(args->operands[i]));
	json_object_object_add(p, "docs", list);
}

void
params_device_name(json_object *params, const char *name)
{
	char host[LK_NAME_MAX + 1];

	if (name == NULL) {
		if (gethostname(host, sizeof(host)) == -1)
			(void)strlcpy(host, "device", sizeof(host));
		host[sizeof(host) - 1] = '\0';
		host[strcspn(host, ".")] = '\0';
		name = host[0] == '\0' ? "device" : host;
	}
	params_text(params, "name", name);
}
