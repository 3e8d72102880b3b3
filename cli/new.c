#include "cli/client.h"
#include "cli/params.h"
#include "cli/verbs.h"

static const char *opt_type = "map";
static struct option_list opt_guardians;
static int64_t opt_threshold = -1;

static const struct option options[] = {
	{ "guardian", 'g', OPTION_LIST, &opt_guardians },
	{ "threshold", 0, OPTION_NUMBER, &opt_threshold },
	{ "type", 't', OPTION_STRING, &opt_type },
	OPTIONS_END,
};

static json_object *
guardians_named(void)
{
	json_object *list = json_object_new_array();

	for (size_t i = 0; i < opt_guardians.len; i++)
		json_object_array_add(
		    list, json_object_new_string(opt_guardians.items[i]));
	return list;
}

static int
new_run(struct lk *lk, const struct args *args)
{
	json_object *params = params_new(NULL);

	params_text(params, "name", args->operands[0]);
	params_text(params, "type", opt_type);
	if (opt_guardians.len > 0)
		json_object_object_add(params, "guardians", guardians_named());
	if (opt_threshold >= 0)
		params_number(params, "threshold", opt_threshold);
	return lk_answer(lk, "doc.new", params, NULL);
}

const struct command verb_new = {
	.name = "new",
	.usage = "new [--type TYPE] [--guardian WHO ... --threshold K] DOC\n",
	.summary = "Make an empty document",
	.details =
	    "Any K of its guardians can together let in or remove anybody, "
	    "whatever else becomes of\nthe document (lk guardian). They cannot "
	    "be changed later, and need not be members.\n\n"
	    "  -t, --type TYPE     map (the default), text or list\n"
	    "  -g, --guardian WHO  a contact, or a person's key in 64 digits; "
	    "up to 16 times\n"
	    "  --threshold K       how many of them it takes\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = new_run,
};
