#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/passphrase.h"
#include "cli/client.h"
#include "cli/params.h"
#include "cli/verbs.h"

static const char *opt_file, *opt_new_file;
static bool opt_remove;

static const struct option options[] = {
	{ "new-passphrase-file", 0, OPTION_STRING, &opt_new_file },
	{ "passphrase-file", 0, OPTION_STRING, &opt_file },
	{ "remove", 0, OPTION_FLAG, &opt_remove },
	OPTIONS_END,
};

static void
show_render(struct output *o, json_object *result)
{
	(void)o;
	printf("%s\n"
	       "  signs     %s\n"
	       "  sessions  %s\n"
	       "  receives  %s  number %lld\n"
	       "  person    %s\n"
	       "  the file is %s\n",
	    safe(field(result, "name")), field(result, "device"),
	    field(result, "session"), field(result, "box"),
	    (long long)field_int(result, "box_counter"),
	    field(result, "person"),
	    field_bool(result, "sealed")
		? "sealed with a passphrase"
		: "not sealed: its permissions protect it, and nothing else");
}

static void
passwd_render(struct output *o, json_object *result)
{
	(void)o;
	puts(field_bool(result, "sealed")
		? "The keys are sealed: the daemon asks for the passphrase "
		  "when it starts.\nWithout it, only the recovery phrase helps."
		: "The keys are not sealed any more.");
}

static int
passphrase_get(struct lk *lk, json_object *params, const char *key,
    const struct passphrase_source *from)
{
	BUF_SECRET text = { 0 };
	lk_err err = passphrase_read(&text, from);

	if (err.code == LK_E_CONFIG)
		return lk_fail(lk, EXIT_USAGE_, "usage",
		    "at a terminal, or from a file: lk help key",
		    "%s passphrase: none given", key);
	if (err.code == LK_E_SYS)
		return lk_fail(lk, 74, "system", NULL, "%s passphrase: %s", key,
		    strerror(err.sys));
	if (err.code != LK_OK)
		return lk_fail_usage(lk, "%s passphrase: %s", key, err.what);
	json_object_object_add(params, key,
	    json_object_new_string_len((const char *)text.ptr, (int)text.len));
	return 0;
}

static int
passwd_params(struct lk *lk, bool sealed, json_object *params)
{
	struct passphrase_source present =
	    passphrase_environment("Present passphrase: ");
	struct passphrase_source wanted = { .file = opt_new_file,
		.fd = -1,
		.prompt = "New passphrase: ",
		.again = "The same again: " };

	if (opt_file != NULL)
		present.file = opt_file;
	if (sealed)
		DO(passphrase_get(lk, params, "present", &present));
	if (!opt_remove)
		DO(passphrase_get(lk, params, "new", &wanted));
	return 0;
}

static int
key_passwd(struct lk *lk)
{
	JSON_SCOPED *shown = NULL;
	json_object *params;
	int status;

	DO(lk_call(lk, "key.show", NULL, &shown));
	params = params_new(NULL);
	status = passwd_params(lk, field_bool(shown, "sealed"), params);
	if (status != 0) {
		json_object_put(params);
		return status;
	}
	return lk_confirm(lk, "key.passwd", params, passwd_render);
}

static void
rotate_render(struct output *o, json_object *result)
{
	(void)o;
	printf("This device receives keys under a new one, number %lld, in "
	       "every document.\nWhat is written from now on by who has heard "
	       "of it, the old one does not open.\n",
	    (long long)field_int(result, "box_counter"));
}

static int
key_run(struct lk *lk, const struct args *args)
{
	const char *verb = args->operands[0];
	bool given = opt_file != NULL || opt_new_file != NULL || opt_remove;

	if (strcmp(verb, "passwd") == 0)
		return opt_remove && opt_new_file != NULL
		    ? lk_fail_usage(lk, "--remove or a new one")
		    : key_passwd(lk);
	if (given)
		return lk_fail_usage(lk, "passphrases belong to passwd");
	if (strcmp(verb, "show") == 0)
		return lk_answer(lk, "key.show", NULL, show_render);
	if (strcmp(verb, "rotate") == 0)
		return lk_confirm(lk, "key.rotate", NULL, rotate_render);
	return lk_fail_verb(lk, verb);
}

const struct command verb_key = {
	.name = "key",
	.usage = "key show\n"
		 "key rotate\n"
		 "key passwd [--passphrase-file FILE] [--new-passphrase-file "
		 "FILE | --remove]\n",
	.summary = "Show, renew or seal the keys of this device",
	.details =
	    "rotate makes a new key by which this device receives those of "
	    "documents; a copy of\nthe old one opens nothing new.\n\n"
	    "passwd asks for the present passphrase, where there is one, and "
	    "for a new one,\ntwice. Files hold it in their first line.\n\n"
	    "  --passphrase-file FILE      the present one (else "
	    "LK_PASSPHRASE_FILE, or the\n                              "
	    "output of LK_PASSPHRASE_COMMAND)\n"
	    "  --new-passphrase-file FILE  the new one\n"
	    "  --remove                    none from now on\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = key_run,
};
