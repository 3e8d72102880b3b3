#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/params.h"
#include "cli/table.h"
#include "cli/verbs.h"

/* Whose word a grant is. */
static const char *
origin(json_object *grant, json_object *above, char *out, size_t len)
{
	if (above == NULL)
		return field_int(grant, "rank") == 0 ? "the recovery phrase"
						     : "made the document";
	(void)snprintf(out, len, "%s %s",
	    field_bool(grant, "own") ? "a device of" : "granted by",
	    safe(field(above, "who")));
	return out;
}

/* The grants something rests on, each followed by the one above it. */
static void
grants_print(json_object *of)
{
	json_object *list = field_list(of, "grants");
	struct table *t = table_new(6);

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *g = json_object_array_get_idx(list, i);
		char rank[32], end[64] = "", by[600], who[600];

		(void)snprintf(rank, sizeof(rank), "rank %lld",
		    (long long)field_int(g, "rank"));
		if (field(g, "ended_by")[0] != '\0')
			(void)snprintf(end, sizeof(end), "%s since %s",
			    field(g, "role"), field_short(g, "ended_by"));
		(void)snprintf(who, sizeof(who), "  %s", safe(field(g, "who")));
		table_row(t,
		    (const char *[]){ who, field(g, "granted"), rank,
			origin(g, json_object_array_get_idx(list, i + 1), by,
			    sizeof(by)),
			field_short(g, "since"), end });
	}
	table_print(t);
}

/* "revoke 6e4a2a46 of laptop, 2 min ago". */
static void
deciding_print(json_object *d)
{
	printf("%s %s of %s, %s", field(d, "kind"), field_short(d, "id"),
	    safe(field(d, "who")), field_ago(d, "received"));
}

static void
why_render(struct output *o, json_object *result)
{
	json_object *change = json_object_object_get(result, "change");
	json_object *voided = json_object_object_get(result, "voided");
	json_object *adopted = json_object_object_get(result, "adopted");
	bool counts = field_bool(result, "counts");

	printf("%s by %s ",
	    field_short(
		change, field(change, "hash")[0] == '\0' ? "id" : "hash"),
	    safe(field(change, "who")));
	printf("%s%s%s", style_on(o, counts ? STYLE_GOOD : STYLE_BAD),
	    counts ? "counts" : "is void", style_off(o));
	if (adopted != NULL) {
		fputs(": ", stdout);
		deciding_print(adopted);
		puts(", which rests on");
		grants_print(adopted);
		fputs("without that it is void: ", stdout);
	} else if (voided == NULL) {
		puts(counts ? ", resting on" : ": part of it has not come");
		grants_print(result);
		return;
	} else {
		fputs(": ", stdout);
	}
	deciding_print(voided);
	puts("; it rests on");
	grants_print(result);
	fputs("that ", stdout);
	fputs(field(voided, "kind"), stdout);
	puts(" counts, resting on");
	grants_print(voided);
}

static int
why_run(struct lk *lk, const struct args *args)
{
	json_object *params = params_new(args->operands[0]);

	params_text(params, "change", args->operands[1]);
	return lk_answer(lk, "doc.why", params, why_render);
}

const struct command verb_why = {
	.name = "why",
	.usage = "why DOC CHANGE\n",
	.summary = "Show why a change counts, or what voids it",
	.details =
	    "CHANGE is 4 or more digits of a hash, @N, or of the id of an "
	    "entry "
	    "of lk log\n--access. Printed are the grants it rests on, each "
	    "followed by the one above it,\nand the revocation, ban or leave "
	    "that voids it, or the adopt that makes it count.\n",
	.operands_min = 2,
	.operands_max = 2,
	.run = why_run,
};
