#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/params.h"
#include "cli/phrase.h"
#include "cli/ticket.h"
#include "cli/verbs.h"

static const char *opt_name, *opt_peer, *opt_phrase_file;
static int64_t opt_timeout = TIMEOUT_DEFAULT_MS;

static const struct option options[] = {
	{ "name", 'n', OPTION_STRING, &opt_name },
	{ "phrase-file", 0, OPTION_STRING, &opt_phrase_file },
	{ "recover", 0, OPTION_STRING, &opt_peer },
	{ "timeout", 0, OPTION_DURATION, &opt_timeout },
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
	     "  lk pair                 first of all, if you have lk on "
	     "another device: type the\n"
	     "                          code that lk pair shows there; its "
	     "phrase counts, not this\n"
	     "  lk new shopping         a document; or lk import notes.md\n"
	     "  lk pair --code          later, a code for the next device of "
	     "yours");
}

/* One that the phrase can end, and the documents it is in. */
static void
revocable_print(json_object *device)
{
	json_object *list = field_list(device, "documents");
	size_t len = list == NULL ? 0 : json_object_array_length(list);

	printf("  %s  %s ", safe(field(device, "name")),
	    field_short(device, "device"));
	for (size_t i = 0; i < len; i++)
		printf("%s %s", i == 0 ? "" : ",",
		    safe(field(json_object_array_get_idx(list, i), "name")));
	puts(len == 0 ? " no documents" : "");
}

static void
recovered_render(struct output *o, json_object *result)
{
	long long n = field_int(result, "documents");
	json_object *list = field_list(result, "others");
	size_t len = list == NULL ? 0 : json_object_array_length(list);

	(void)o;
	printf("This device is called %s, id %s, and is yours; %lld %s "
	       "here.\n",
	    safe(field(result, "name")), field_short(result, "device"), n,
	    n == 1 ? "document is" : "documents are");
	puts("\nIs one of your other devices lost? In each of these "
	     "documents,\nothers' too: lk device revoke --phrase DEVICE");
	for (size_t i = 0; i < len; i++)
		revocable_print(json_object_array_get_idx(list, i));
}

static int
init_recover(struct lk *lk, json_object *params)
{
	int status;

	params_text(params, "peer", opt_peer);
	params_number(params, "timeout_ms", opt_timeout);
	status = phrase_params(lk, params, opt_phrase_file);
	if (status != 0) {
		json_object_put(params);
		return status;
	}
	return lk_confirm(lk, "init.recover", params, recovered_render);
}

static int
init_run(struct lk *lk, const struct args *args)
{
	json_object *params;

	(void)args;
	if (opt_phrase_file != NULL && opt_peer == NULL)
		return lk_fail_usage(lk, "--phrase-file belongs to --recover");
	DO(lk_connect(lk, CONNECT_INIT));
	params = params_new(NULL);
	params_device_name(params, opt_name);
	if (opt_peer != NULL)
		return init_recover(lk, params);
	return lk_answer(
	    lk, "init", params, lk->quiet ? phrase_render : init_render);
}

const struct command verb_init = {
	.name = "init",
	.usage = "init [--name NAME]\n"
		 "init --recover KEY@HOST:PORT [--phrase-file FILE] "
		 "[--timeout SPAN] [--name NAME]\n",
	.summary = "Make this device's identity and start its daemon",
	.details =
	    "Makes keys and a store in LK_HOME (default $XDG_DATA_HOME/lk), "
	    "and prints the\nrecovery phrase, once.\n\n"
	    "--recover asks for that phrase instead, or reads it from "
	    "standard input, and one\ndevice of yours that is still there "
	    "for the rest: your documents, contacts and\nname. It lists what "
	    "other devices the phrase can revoke, and where.\n\n"
	    "  -n, --name NAME     what this device is called (default: the "
	    "host name)\n"
	    "  --phrase-file FILE  the phrase is the first line of the file\n"
	    "  --recover KEY@HOST:PORT\n"
	    "                      that device: lk key show prints KEY there, "
	    "as sessions,\n                      and lk daemon status where it "
	    "listens\n"
	    "  --timeout SPAN      how long to wait for it (60s)\n",
	.options = options,
	.run = init_run,
};
