/*
 * blame_json.h - which change wrote what, as JSON (docs/control.md, doc.blame).
 */
#ifndef DAEMON_BLAME_JSON_H
#define DAEMON_BLAME_JSON_H

#include "daemon/pointer.h"
#include "daemon/subject.h"

/* Adds "runs" and "changes" to the result for what is shown at a place of
 * `doc`, the document or a view of it; errors are the caller's to say. */
LK_MUST_USE lk_err blame_json(struct request *, const struct subject *,
    struct doc *present, struct doc *doc, const struct place *);

#endif
