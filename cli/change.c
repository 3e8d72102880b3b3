#include "cli/change.h"

#include "cli/params.h"

const char *opt_message;
bool opt_root;

const struct option change_options[] = { CHANGE_OPTIONS };

void
change_add(json_object *params)
{
	params_text(params, "message", opt_message);
	params_flag(params, "root", opt_root);
}
