#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/output.h"

#define SHORT_LEN 8

static json_object *
member(json_object *object, const char *key, enum json_type type)
{
	json_object *value;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, key, &value) ||
	    !json_object_is_type(value, type))
		return NULL;
	return value;
}

const char *
field(json_object *object, const char *key)
{
	json_object *s = member(object, key, json_type_string);

	return s == NULL ? "" : json_object_get_string(s);
}

int64_t
field_int(json_object *object, const char *key)
{
	return json_object_get_int64(member(object, key, json_type_int));
}

bool
field_bool(json_object *object, const char *key)
{
	return json_object_get_boolean(member(object, key, json_type_boolean));
}

json_object *
field_list(json_object *object, const char *key)
{
	return member(object, key, json_type_array);
}

const char *
field_short(json_object *object, const char *key)
{
	static char ring[8][SHORT_LEN + 1];
	static size_t at;

	at = (at + 1) % 8;
	(void)strlcpy(ring[at], field(object, key), sizeof(ring[at]));
	return ring[at];
}

static const char *
span_text(char *out, size_t len, int64_t seconds)
{
	static const struct {
		int64_t seconds;
		const char *one, *many;
	} units[] = {
		{ 86400, "day", "days" },
		{ 3600, "h", "h" },
		{ 60, "min", "min" },
		{ 1, "s", "s" },
	};
	size_t i = 0;

	while (seconds < units[i].seconds)
		i++;
	int64_t n = seconds / units[i].seconds;

	(void)snprintf(out, len, "%lld %s ago", (long long)n,
	    n == 1 ? units[i].one : units[i].many);
	return out;
}

const char *
field_ago(json_object *object, const char *key)
{
	static char ring[8][48];
	static size_t at;
	const char *text = field(object, key);
	struct tm tm = { 0 };
	int64_t seconds;

	if (text[0] == '\0')
		return "never";
	if (strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) == NULL)
		return text;
	at = (at + 1) % 8;
	seconds = (int64_t)time(NULL) - (int64_t)timegm(&tm);
	if (seconds < 10)
		return seconds > -10 ? "just now" : "in the future";
	if (seconds < (int64_t)30 * 86400)
		return span_text(ring[at], sizeof(ring[at]), seconds);
	(void)strftime(ring[at], sizeof(ring[at]), "on %Y-%m-%d", &tm);
	return ring[at];
}
