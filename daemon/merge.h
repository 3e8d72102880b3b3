/*
 * merge.h - an edit made elsewhere (in an editor, by a patch) brought into a
 * document that may have changed meanwhile: three-way merges of texts and JSON
 * trees.  What either side inserted stays; what either side deleted goes.
 *
 * Not thread safe.  An error of json_merge leaves the edit half-way: the
 * caller aborts.
 */
#ifndef DAEMON_MERGE_H
#define DAEMON_MERGE_H

#include <json-c/json.h>

#include "crdt/doc.h"
#include "daemon/json_value.h"

/*
 * Appends `current` with the differences from `base` to `wanted` made in it:
 * by words within changed lines.  What both sides inserted alike at one place
 * is there once; else `current`'s insertion comes first.  NOMEM, LIMIT.
 */
LK_MUST_USE lk_err text_merge(struct buf *out, struct bytes base,
    struct bytes wanted, struct bytes current);

/*
 * Makes the differences from `base` to `wanted` (plain JSON) in what the slot
 * shows now, object by object, without replacing what did not change.  Where
 * base and wanted agree nothing is written.  The errors of the edit.
 */
LK_MUST_USE lk_err json_merge(struct edit *, struct doc *, const struct slot *,
    json_object *base, json_object *wanted);
/* The same for the members of a map, as the root. */
LK_MUST_USE lk_err json_merge_map(struct edit *, struct doc *, struct op_id map,
    json_object *base, json_object *wanted);

#endif
