/*
 * stranded_json.h - what a change says that only void ones keep from being
 * shown (ghosts.md 3.8).
 */
#ifndef DAEMON_STRANDED_JSON_H
#define DAEMON_STRANDED_JSON_H

#include <json-c/json.h>

#include "crdt/doc.h"

/* Adds `stranded`, how many ops of this visible change that is, and
 * `stranded_by`, the hashes of the void ones; nothing when there are none, and
 * `stranded` null when that would take too much memory to find out. */
LK_MUST_USE lk_err json_add_stranded(
    struct json_object *, struct doc *, const struct doc_change_info *);

#endif
