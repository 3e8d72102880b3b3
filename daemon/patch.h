/*
 * patch.h - `lk apply`: several edits as one change.  Either a JSON Patch (RFC
 * 6902, one array), or JSON Lines, one edit a line:
 *
 *	{"set": PATH, "value": V}       {"rm": PATH}
 *	{"insert": PATH, "value": V}    {"inc": PATH, "by": N}       N: 1
 *	{"splice": PATH, "pos": P, "del": D, "text": T}              D: 0, T: ""
 *
 * set and insert take "as" (site.h) too.  An operation of RFC 6902 may stand on
 * a line of its own, and an edit inside the array.  Where something is already
 * (set, replace, add to a map) what differs is changed and the rest left alone;
 * `move` and `copy` make new objects.
 */
#ifndef DAEMON_PATCH_H
#define DAEMON_PATCH_H

#include "daemon/json_text.h"
#include "daemon/site.h"

/* Returns the operations as a new array.  DATA, LIMIT as json_text_parse; DATA
 * also when one is no object. */
LK_MUST_USE lk_err patch_read(
    json_object **, struct bytes text, struct json_flaw *);

/* The operation that failed: from 0, and its path, borrowed from the ops. */
struct patch_fault {
	size_t index;
	const char *path;
};
/* Runs them in order.  After an error *fault is set and the caller undoes the
 * whole edit; `what` is for people, as in site.h. */
LK_MUST_USE lk_err patch_apply(
    struct site *, json_object *ops, struct patch_fault *fault);

#endif
