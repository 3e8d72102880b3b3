/*
 * json_text.h - JSON as text: a strict reader (RFC 8259) that gives a json-c
 * tree, and the pieces of a writer that appends to a struct buf.
 *
 * json-c's own tokener clamps integers over 64 bits, takes 1e400 for infinity
 * and cuts keys at a NUL; here the first becomes a float, the second is refused
 * and the third survives (json_key).  Every byte may be hostile: depth is
 * bounded by TREE_DEPTH_MAX, size by the caller.
 */
#ifndef DAEMON_JSON_TEXT_H
#define DAEMON_JSON_TEXT_H

#include <json-c/json.h>

#include "base/bytes.h"

/* Where a text stopped being JSON, for people: both from 1; columns count
 * bytes. */
struct json_flaw {
	size_t line, column;
};

/*
 * Returns a new tree (json_object_put), NULL for the literal null; white space
 * may stand around it.  Integers within int64 or uint64 are json_type_int,
 * all other numbers json_type_double.  Of equal keys the last counts.
 *   DATA   no JSON, a number no double can hold, a lone surrogate; `what` says
 *          which, *flaw where
 *   LIMIT  deeper than TREE_DEPTH_MAX
 */
LK_MUST_USE lk_err json_text_parse(
    json_object **, struct bytes, struct json_flaw *flaw);
/* The same for the first value of *text, which is advanced behind it and the
 * white space that follows: for JSON Lines. */
LK_MUST_USE lk_err json_text_next(
    json_object **, struct bytes *text, struct json_flaw *flaw);

/* The bytes of a member's key in such a tree, borrowed from the tree or from
 * `memory`, an initialised buffer.  LIMIT, NOMEM. */
LK_MUST_USE lk_err json_key(
    struct bytes *, const char *key, struct buf *memory);

/* Appends a string with its quotes; `s` is valid UTF-8 and may hold NULs. */
void json_text_string(struct buf *, struct bytes s);
/* Appends the shortest digits that read back as the same double, always with
 * a point or an exponent; null for what JSON cannot say. */
void json_text_double(struct buf *, double);
/* Appends a tree as compact JSON. */
void json_text_tree(struct buf *, json_object *);

#endif
