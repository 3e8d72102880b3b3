/*
 * change.h - the options of every command that makes a change.
 */
#ifndef CLI_CHANGE_H
#define CLI_CHANGE_H

#include "cli/lk.h"

extern const char *opt_message;
extern bool opt_root;

#define CHANGE_OPTIONS                                   \
	{ "message", 'm', OPTION_STRING, &opt_message }, \
	    { "root", 0, OPTION_FLAG, &opt_root }, OPTIONS_END

/* These alone. */
extern const struct option change_options[];
/* Adds them to the parameters of a call. */
void change_add(json_object *params);

#endif
