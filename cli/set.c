#include "cli/assign.h"
#include "cli/verbs.h"

const struct command verb_set = {
	.name = "set",
	.usage = "set [option ...] DOC PATH VALUE\n",
	.summary = "Assign a value",
	.details =
	    "VALUE is JSON, - for standard input; a string becomes a new text "
	    "that can be edited\nby several at once. A last step - appends to "
	    "a "
	    "list.\n\n"
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
