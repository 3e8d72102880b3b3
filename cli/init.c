#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/client.h"
#include "cli/params.h"
#include "cli/verbs.h"

static const char *opt_name;

static const struct option options[] = {
	{ "name", 'n', OPTION_STRING, &opt_name },
	OPTIONS_END,
};

/* What --quiet leaves: the phrase is shown only once. */
static void
phrase_render(struct output *o, json_object *result)
{
	(void)o;
	puts(field(result, "phrase"));
}

static void
init_render(struct output *o, json_object *result)
{
	printf("This device is called %s, id %s.\n\n",
	    safe(field(result, "name")), field_short(result, "device"));
	printf("Recovery phrase, shown only now. Write it down on paper:\n\n"
	       "  %s%s%s\n\n",
	    style_on(o, STYLE_BOLD), field(result, "phrase"), style_off(o));
	puts("Next:\n"
	     "  lk pair TICKET          first of all, if you have another "
	     "device\n"
	     "  lk new shopping         a document; or lk import notes.md\n"
	     "  lk pair --ticket        for the next device of yours");
}

/* The machine's name up to its first dot. */
static void
name_default(char *out, size_t len)
{
	if (gethostname(out, len) == -1)
		(void)strlcpy(out, "device", len);
	out[len - 1] = '\0';
	out[strcspn(out, ".")] = '\0';
	if (out[0] == '\0')
		(void)strlcpy(out, "device", len);
}

static int
init_run(struct lk *lk, const struct args *args)
{
	char host[LK_NAME_MAX + 1];
	json_object *params;

	(void)args;
	if (opt_name == NULL) {
		name_default(host, sizeof(host));
		opt_name = host;
	}
	DO(lk_connect(lk, CONNECT_INIT));
	params = params_new(NULL);
	params_text(params, "name", opt_name);
	return lk_answer(
	    lk, "init", params, lk->quiet ? phrase_render : init_render);
}

const struct command verb_init = {
	.name = "init",
	.usage = "init [--name NAME]\n",
	.summary = "Make this device's identity and start its daemon",
	.details =
	    "Makes keys and a store in LK_HOME (default $XDG_DATA_HOME/lk), "
	    "and prints the\nrecovery phrase, once.\n\n"
	    "  -n, --name NAME     what this device is called (default: the "
	    "host name)\n",
	.options = options,
	.run = init_run,
};
