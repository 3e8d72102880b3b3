#include "cli/assign.h"
#include "cli/verbs.h"

const struct command verb_insert = {
	.name = "insert",
	.usage = "insert [option ...] DOC PATH VALUE\n",
	.summary = "Insert a value into a list",
	.details =
	    "VALUE, which is JSON (- for standard input), gets the place that "
	    "PATH names, and\nwhat is there and behind it moves on. - as the "
	    "last step of PATH is the end.\n\n"
	    "  -s, --string        VALUE is taken as it is, as a scalar "
	    "string\n"
	    "  -c, --counter       VALUE is the start of a counter\n"
	    "  -t, --time          VALUE is an RFC 3339 time, or now\n"
	    "  -b, --bytes FILE    the bytes of a file, instead of VALUE\n"
	    "  --typed             VALUE is as get --typed prints it\n"
	    "  -m, --message TEXT  is kept with the change\n"
	    "  --root              paths start at the map that a text or "
	    "list document is in\n",
	.options = assign_options,
	.operands_min = 2,
	.operands_max = 3,
	.run = assign_run,
};
