/*
 * progress.h - how far a command has got that takes over a second: one line on
 * standard error, only on a terminal, gone when it is done (cli.md section 2).
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "cli/client.h"

/* lk_call for a method that says how far it is when it is asked ("progress");
 * takes `params`. */
int progress_call(
    struct lk *, const char *method, json_object *params, json_object **result);
/* lk_confirm for a method that says how far it is when it is asked
 * ("progress"); takes `params`. */
int progress_confirm(
    struct lk *, const char *method, json_object *params, render_fn *);

#endif
