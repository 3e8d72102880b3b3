/*
 * guardians.h - what the commands about guardians share.
 */
#ifndef DAEMON_GUARDIANS_H
#define DAEMON_GUARDIANS_H

#include "daemon/subject.h"
#include "sync/guardian.h"

/* Whom params "guardians" (contacts, or root keys in hex) and "threshold" name;
 * len 0 when they are absent.  USAGE, NOTFOUND; said. */
LK_MUST_USE lk_err param_guardians(struct request *, struct guardians *);
/* Adds "guardians" and how many are "needed"; null and 0 when there are none.
 * Naming people may read other documents: keys are copied before. */
void guardians_json(struct request *, struct json_object *, struct guardians);
/* Those of a document. */
LK_MUST_USE lk_err guardians_of(
    struct request *, uint32_t docno, struct guardians *);

#endif
