/*
 * json_value.h - a document's values as JSON, and JSON as values.
 *
 * Plain JSON loses what JSON lacks: counters are numbers, timestamps RFC 3339,
 * bytes and values of unknown type base64, NaN and infinities null.  Typed JSON
 * writes every value as {"type", "value"} and reads back as the same:
 *
 *	map {..}   list [..]   text, str "..."   int, uint, counter 1
 *	f64 1.5, or "NaN", "Infinity", "-Infinity", "0x" and 16 digits of a NaN
 *	boolean true   null null   bytes base64   timestamp ms since 1970
 *	unknown base64, with a third member "code", 10 to 15
 *
 * Into a document plain strings become text objects, integers int64 or else
 * uint64, other numbers floats.  Not thread safe.
 */
#ifndef DAEMON_JSON_VALUE_H
#define DAEMON_JSON_VALUE_H

#include <json-c/json.h>

#include "crdt/tree.h"

enum json_style { JSON_PLAIN, JSON_TYPED };

/* Appends what an item shows, whole.  LIMIT deeper than TREE_DEPTH_MAX or when
 * the buffer is full; the document's errors. */
LK_MUST_USE lk_err json_value_write(
    struct buf *, struct doc *, const struct item *, enum json_style);

/* Appends one of several values of a place, as a member whose name is the
 * operation's id: "counter@actor", as doc_op_actor names it. */
LK_MUST_USE lk_err json_conflict_write(
    struct buf *, struct doc *, const struct item *, enum json_style);

/*
 * What a JSON value is as a tree, plain or exact after its style.  Strings are
 * borrowed from it, everything else is in the arena.  DATA when typed JSON
 * says something that is no value (`what` names it); LIMIT.
 */
LK_MUST_USE lk_err json_tree(
    struct tree *, json_object *, enum json_style, struct arena *);
/* Writes the value into the target.  The errors of json_tree and edit. */
LK_MUST_USE lk_err json_value_put(
    struct edit *, const struct tree_place *, json_object *, enum json_style);
/* Puts every member of a JSON object into a map. */
LK_MUST_USE lk_err json_value_fill(
    struct edit *, struct op_id map, json_object *, enum json_style);
/*
 * edit_tree for JSON: makes the differences between base (NULL: what is shown)
 * and wanted at a target, NULL: the root.
 */
struct json_change {
	const struct tree_place *at;
	json_object *base, *wanted;
	bool has_base;
	enum json_style style;
};
LK_MUST_USE lk_err json_value_edit(
    struct edit *, struct doc *, const struct json_change *);

/* Base64 as the bytes of a value whose type is set.  DATA, LIMIT. */
LK_MUST_USE lk_err json_bytes_read(
    struct value *, json_object *, struct arena *);
/* A string of json-c as bytes. */
struct bytes json_string_bytes(json_object *);

#endif
