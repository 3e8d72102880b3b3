/*
 * change_json.h - one envelope of a document's log as JSON, for doc.log and
 * watch.
 */
#ifndef DAEMON_CHANGE_JSON_H
#define DAEMON_CHANGE_JSON_H

#include "daemon/subject.h"

/* Whether it brought content, not only who may do what, or a piece of what
 * another one brings. */
bool change_counts(const struct change_info *);
/* Authors may claim anything; what no calendar has is cut. */
struct wall change_time(int64_t seconds);
/* New: cursor, id, hash, author, who, seq, ops, time, received, message,
 * visible, voided_by, import, kinds, and of who may do what: granted, ended,
 * adopted. */
struct json_object *change_json(
    struct replica *, uint32_t docno, const struct change_info *);

/* New: whom an envelope takes something from: who, key, role (what remains),
 * soft, ban. */
struct json_object *denied_json(
    struct replica *, uint32_t docno, const struct change_info *);

/* New: what a revocation, ban, leave or adopt is: id, kind, received, who.  NULL:
 * there is none of this id. */
struct json_object *voider_json(
    struct replica *, uint32_t docno, const uint8_t id[static LK_ID_LEN]);

#endif
