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

#include "base/arena.h"
#include "crdt/doc.h"

enum json_style { JSON_PLAIN, JSON_TYPED };

/* Appends what an item shows, whole.  LIMIT deeper than TREE_DEPTH_MAX or when
 * the buffer is full; the document's errors. */
LK_MUST_USE lk_err json_value_write(
    struct buf *, struct doc *, const struct item *, enum json_style);

/* A slot of a document that is being edited: an assignment, or with `insert`
 * a new element of a list before prop.index. */
struct slot {
	struct op_id obj;
	struct prop prop;
	bool insert;
};

/* Writes the value into the slot.  DATA when typed JSON says something that is
 * no value (`what` names it), and the edit's errors. */
LK_MUST_USE lk_err json_value_put(
    struct edit *, const struct slot *, json_object *, enum json_style);
/* Puts every member of a JSON object into a map. */
LK_MUST_USE lk_err json_value_fill(
    struct edit *, struct op_id map, json_object *, enum json_style);
/* Writes a scalar into the slot. */
LK_MUST_USE lk_err slot_put(
    struct edit *, const struct slot *, const struct value *);

/* A string of json-c as bytes. */
struct bytes json_string_bytes(json_object *);

#endif
