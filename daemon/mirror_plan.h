/*
 * mirror_plan.h - what would happen if a folder and a document met, for
 * `lk mirror add --dry-run`.
 */
#ifndef DAEMON_MIRROR_PLAN_H
#define DAEMON_MIRROR_PLAN_H

#include "daemon/command.h"

/* Adds `files` (each path, what, [why]), `same` and `skipped`.  `docno` 0: the
 * document is a new one.  The errors of scan_read, and the document's. */
LK_MUST_USE lk_err mirror_plan_add(
    struct request *, uint32_t docno, struct bytes scan);

#endif
