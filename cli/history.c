#include "cli/history.h"

#include <string.h>

/* "write to friend", "friend to read (soft), tablet". */
static void
people_print(json_object *people, bool granted)
{
	const char *comma = " ";

	for (size_t i = 0;
	     people != NULL && i < json_object_array_length(people); i++) {
		json_object *p = json_object_array_get_idx(people, i);
		const char *role = field(p, "role");

		fputs(comma, stdout);
		if (granted)
			printf("%s to ", role);
		fputs(safe(field(p, "who")), stdout);
		if (!granted && strcmp(role, "none") != 0)
			printf(" to %s", role);
		if (field_bool(p, "soft"))
			fputs(" (soft)", stdout);
		comma = ", ";
	}
}

static void
adopted_print(json_object *hashes)
{
	for (size_t i = 0; i < json_object_array_length(hashes); i++)
		printf("%s%.8s", i == 0 ? " " : ", ",
		    json_object_get_string(
			json_object_array_get_idx(hashes, i)));
}

/* Of whom or what it is, as far as it says. */
static void
kind_print(const char *kind, json_object *change, bool with_revoke)
{
	fputs(kind, stdout);
	if (strcmp(kind, "grant") == 0)
		people_print(field_list(change, "granted"), true);
	else if (strcmp(kind, "revoke") == 0)
		people_print(field_list(change, "ended"), false);
	else if (strcmp(kind, "ban") == 0 && !with_revoke)
		people_print(field_list(change, "ended"), false);
	else if (strcmp(kind, "guard") == 0) {
		people_print(field_list(change, "granted"), true);
		people_print(field_list(change, "ended"), false);
	} else if (strcmp(kind, "adopt") == 0) {
		adopted_print(field_list(change, "adopted"));
	}
}

/* What it is when it is no plain change: "import", "grant read to phone". */
static void
kinds_print(json_object *change, bool hash)
{
	json_object *kinds = field_list(change, "kinds");
	const char *comma = hash ? "  " : "";
	bool revokes = false;

	for (size_t i = 0; kinds != NULL && i < json_object_array_length(kinds);
	     i++) {
		const char *kind =
		    json_object_get_string(json_object_array_get_idx(kinds, i));

		/* What comes along with a change is left out. */
		if (strcmp(kind, "change") == 0 ||
		    (hash && strcmp(kind, "epoch") == 0) ||
		    (hash && strcmp(kind, "genesis") == 0))
			continue;
		fputs(comma, stdout);
		comma = ", ";
		kind_print(kind, change, revokes);
		revokes |= strcmp(kind, "revoke") == 0;
	}
}

const char *
change_writer(json_object *change)
{
	if (field(change, "writer")[0] != '\0')
		return safe(field(change, "writer"));
	if (field(change, "actor")[0] != '\0' && field_bool(change, "import"))
		return field_short(change, "actor");
	return safe(field(change, "who"));
}

void
change_render(struct output *o, json_object *change)
{
	bool hash = field(change, "hash")[0] != '\0';
	const char *message = field(change, "message");
	int64_t ops = field_int(change, "ops");

	/* Only changes claim a time. */
	printf("%s%s%s  %-12s  %-12s  ", style_on(o, STYLE_WAIT),
	    field_short(change, hash ? "hash" : "id"), style_off(o),
	    field_ago(
		change, field(change, "time")[0] == '\0' ? "received" : "time"),
	    change_writer(change));
	if (hash)
		printf("%3lld %s", (long long)ops, ops == 1 ? "op" : "ops");
	kinds_print(change, hash);
	if (!field_bool(change, "visible"))
		printf("  %svoid%s", style_on(o, STYLE_BAD), style_off(o));
	if (field_bool(change, "damaged"))
		printf("  %sdamaged%s", style_on(o, STYLE_BAD), style_off(o));
	if (message[0] != '\0')
		printf("  %s", safe(message));
	putchar('\n');
}
