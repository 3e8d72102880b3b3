/*
 * revision.h - what a REV of the command line names (docs/control.md,
 * "Revisions"): an earlier state of a document, or one change of it.
 *
 * All errors are said: USAGE for what is no revision or an ambiguous one, with
 * the candidates; NOTFOUND.
 */
#ifndef DAEMON_REVISION_H
#define DAEMON_REVISION_H

#include "crdt/doc_view.h"
#include "daemon/subject.h"

/* The document as it was; `base` must outlive the view, and nothing may be
 * written meanwhile. */
LK_MUST_USE lk_err revision_view(struct request *, const struct subject *,
    struct doc *base, const char *rev, struct doc **view);
/* The change a revision ends with. */
LK_MUST_USE lk_err revision_change(struct request *, const struct subject *,
    struct doc *base, const char *rev, uint8_t hash[static LK_ID_LEN]);

#endif
