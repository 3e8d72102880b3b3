/*
 * diff_json.h - what differs between two views of a document, as JSON
 * (docs/control.md, "Patches").
 *
 * Values are whole: what an object holds that a patch begins is in its value.
 * For people (`context` not negative) a text comes once, as hunks of lines with
 * so many lines around them; what is gone stands at the place it had; and what
 * was there before is told.
 */
#ifndef DAEMON_DIFF_JSON_H
#define DAEMON_DIFF_JSON_H

#include "crdt/diff.h"
#include "daemon/json_value.h"

struct diff_form {
	bool content; /* paths start at the root's `content`; the rest is not
		       * told */
	enum json_style style;
	int64_t context; /* lines, or -1: for programs */
};

/* Appends a patch each to a JSON array. */
LK_MUST_USE lk_err diff_json(struct json_object *list, struct doc *from,
    struct doc *to, const struct diff_form *);

#endif
