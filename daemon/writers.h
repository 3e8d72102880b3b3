/*
 * writers.h - who made the changes of an import.
 *
 * Imports name actors, not people.  Those of a branch that was merged, or of
 * what a branch was made from, are actors of devices in another document: where
 * that one is here too, they have names.
 */
#ifndef DAEMON_WRITERS_H
#define DAEMON_WRITERS_H

#include "crdt/change.h"
#include "daemon/subject.h"

/* New: names of people by actor in hex, from the document, what it is a branch
 * of, and the branches of either. */
LK_MUST_USE lk_err writers_find(
    struct request *, const struct subject *, struct json_object **names);
/* Adds what a change says of itself: hash, ops, deps and, if it has one,
 * message. */
void json_add_change(struct json_object *, const struct change *);
/* Adds `actor`, in hex, and `writer`: the name, or null. */
void json_add_writer(
    struct json_object *, struct json_object *names, struct bytes actor);

/* Adds `changes`, those that an import brought: hash, actor, writer, seq, ops,
 * time, message, deps; of many the last IMPORT_LISTED_MAX, and `older`, how
 * many are left out. */
#define IMPORT_LISTED_MAX 10000
LK_MUST_USE lk_err json_add_imported(struct json_object *, struct request *,
    const struct subject *, uint32_t number, struct json_object *names);

#endif
