#include "cli/history.h"

#include <string.h>

/* What it is when it is no plain change: "import", "grant, epoch". */
static void
kinds_print(json_object *change, bool hash)
{
	json_object *kinds = field_list(change, "kinds");
	const char *comma = "  ";

	for (size_t i = 0; kinds != NULL && i < json_object_array_length(kinds);
	     i++) {
		const char *kind =
		    json_object_get_string(json_object_array_get_idx(kinds, i));

		/* What comes along with a change is left out. */
		if (strcmp(kind, "change") == 0 ||
		    (hash && strcmp(kind, "epoch") == 0) ||
		    (hash && strcmp(kind, "genesis") == 0))
			continue;
		printf("%s%s", comma, kind);
		comma = ", ";
	}
}

void
change_render(struct output *o, json_object *change)
{
	bool hash = field(change, "hash")[0] != '\0';
	const char *message = field(change, "message");

	printf("%s%s%s  %-12s  %-12s  %3lld %s", style_on(o, STYLE_WAIT),
	    field_short(change, hash ? "hash" : "id"), style_off(o),
	    field(change, "time")[0] == '\0' ? "-" : field_ago(change, "time"),
	    safe(field(change, "who")), (long long)field_int(change, "ops"),
	    field_int(change, "ops") == 1 ? "op " : "ops");
	kinds_print(change, hash);
	if (!field_bool(change, "visible"))
		printf("  %svoid%s", style_on(o, STYLE_BAD), style_off(o));
	if (message[0] != '\0')
		printf("  %s", safe(message));
	putchar('\n');
}
