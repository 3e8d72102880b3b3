/*
 * phrase.h - the recovery phrase as a person gives it: typed at the terminal,
 * where it is not shown, in a file, or on standard input; never an argument.
 */
#ifndef CLI_PHRASE_H
#define CLI_PHRASE_H

#include "cli/lk.h"

/* Adds it to the parameters as "phrase"; `file` may be NULL.  Not looked at. */
int phrase_params(struct lk *, json_object *params, const char *file);
/* The same where standard input has something else. */
int phrase_params_apart(struct lk *, json_object *params, const char *file);

#endif
