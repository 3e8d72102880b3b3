#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/code.h"
#include "cli/params.h"
#include "cli/table.h"
#include "cli/ticket.h"
#include "cli/verbs.h"

#define WORDS_MAX 64
#define PURPOSE "contact"

static int64_t opt_timeout = TIMEOUT_DEFAULT_MS;

static const struct option options[] = {
	{ "timeout", 0, OPTION_DURATION, &opt_timeout },
	OPTIONS_END,
};

static void
row_fill(json_object *c, const char *cells[])
{
	cells[0] = safe(field(c, "name"));
	cells[1] = field_short(c, "person");
	cells[2] =
	    field(c, "verified")[0] == '\0' ? "not verified" : "verified";
}

static void
contacts_render(struct output *o, json_object *result)
{
	(void)o;
	table_list(result, "contacts", 3, row_fill);
}

static void
verify_render(struct output *o, json_object *result)
{
	const char *name = safe(field(result, "name"));

	if (field(result, "verified")[0] != '\0')
		printf("%s is verified.\n", name);
	printf("Your words: %s%s%s\n", style_on(o, STYLE_BOLD),
	    field(result, "my_words"), style_off(o));
	if (field(result, "verified")[0] == '\0')
		printf("Read them to %s by voice, ask for theirs, and type "
		       "these: lk contact verify %s WORD WORD WORD\n",
		    name, name);
}

static int
contact_verify(struct lk *lk, const struct args *args)
{
	char words[WORDS_MAX] = "";
	json_object *params;

	if (args->len != 2 && args->len != 5)
		return lk_fail_usage(lk, "verify: three words, or none");
	for (size_t i = 2; i < args->len; i++) {
		(void)strlcat(words, i > 2 ? " " : "", sizeof(words));
		(void)strlcat(words, args->operands[i], sizeof(words));
	}
	params = params_new(NULL);
	params_text(params, "who", args->operands[1]);
	params_text(params, "words", words);
	return lk_answer(lk, "contact.verify", params, verify_render);
}

/* Who shows and who types is the two people's choice. */
static int
contact_pair(struct lk *lk, const struct args *args)
{
	char line[TICKET_LINE_MAX];

	if (args->len == 1)
		return code_show(lk, PURPOSE);
	if (strcmp(args->operands[1], "-") != 0)
		return code_type(
		    lk, PURPOSE, args->operands[1], true, opt_timeout);
	DO(ticket_line(lk, line));
	return code_type(lk, PURPOSE, line, false, opt_timeout);
}

static int
contact_run(struct lk *lk, const struct args *args)
{
	const char *verb = args->operands[0];
	json_object *params;

	if (strcmp(verb, "ls") == 0 && args->len == 1)
		return lk_answer(lk, "contact.list", NULL, contacts_render);
	if (strcmp(verb, "verify") == 0 && args->len > 1)
		return contact_verify(lk, args);
	if (strcmp(verb, "pair") == 0 && args->len <= 2)
		return contact_pair(lk, args);
	if (strcmp(verb, "rename") != 0 || args->len != 3)
		return lk_fail_verb(lk, verb);
	params = params_new(NULL);
	params_text(params, "who", args->operands[1]);
	params_text(params, "name", args->operands[2]);
	return lk_answer(lk, "contact.rename", params, NULL);
}

const struct command verb_contact = {
	.name = "contact",
	.usage = "contact ls\n"
		 "contact pair [--timeout SPAN] [CODE[@HOST:PORT]]\n"
		 "contact verify WHO [WORD WORD WORD]\n"
		 "contact rename WHO NAME\n",
	.summary = "List the people you have met, and check who they are",
	.details =
	    "pair shows a code that makes you and the person who types it "
	    "contacts of each other,\nwith the same three words on both "
	    "devices afterwards; - reads the code from\nstandard input.\n\n"
	    "Each person has three words. verify prints yours, to be read out; "
	    "with the three\nthat the other one reads to you it checks that "
	    "the key known here is theirs, and\nremembers it. Once is enough, "
	    "whatever devices they have later.\n\n"
	    "  --timeout SPAN      how long pair waits for an answer (60s)\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 5,
	.run = contact_run,
};
