/*
 * patches.h - what differs between two states of a document, for diff and show.
 */
#ifndef CLI_PATCHES_H
#define CLI_PATCHES_H

#include "cli/lk.h"

/* The options of both. */
extern const struct option patches_options[];
/* Calls a method with these options; takes `params`. */
int patches_call(
    struct lk *, const char *method, json_object *params, json_object **result);
/* Prints "patches" of a result: as JSON all of the result under its schema, for
 * people a text as diff -u does, everything else on a line each. */
void patches_print(struct lk *, json_object *result);
/* Prints patches for people; `name` is the document's. */
void patches_list(struct output *, json_object *patches, const char *name);

#endif
