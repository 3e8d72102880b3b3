/*
 * revision.h - what a REV of the command line names (docs/control.md,
 * "Values"): an earlier state of a document, a branch of it, or one change.
 *
 * All errors are said: USAGE for what is no revision or an ambiguous one, with
 * the candidates; NOTFOUND.
 */
#ifndef DAEMON_REVISION_H
#define DAEMON_REVISION_H

#include "crdt/doc_view.h"
#include "daemon/subject.h"

/* A revision that names a document: a branch of the one that is looked at, or
 * another one. */
struct revision_branch {
	char *rev; /* owned */
	struct buf heads;
};

/*
 * A document that revisions are looked at in.  What branches have and the
 * document lacks is put over it, behind its own changes; `now` is the document
 * without that.  Nothing may be written while it is open.
 */
struct revisions {
	const struct subject *subject;
	struct kv overlay;
	struct doc *base, *now; /* now: base, or a view of it */
	struct revision_branch branches[2];
	size_t branches_len;
};

/* Opens the document for these revisions, each of which may be NULL. */
LK_MUST_USE lk_err revisions_open(struct request *, struct revisions *,
    const struct subject *, const char *rev, const char *other);
void revisions_close(struct revisions *); /* a zeroed one, too */

/* The document as it was: new, made from `near`, the base or a view of it, and
 * to be freed before that. */
LK_MUST_USE lk_err revision_view(struct request *, const struct revisions *,
    struct doc *near, const char *rev, struct doc **view);
/* The document before the last entry of its log that counts, as void ones do
 * not; else as revision_view. */
LK_MUST_USE lk_err revision_before_last(struct request *,
    const struct revisions *, struct doc *near, struct doc **view);
/* The change a revision ends with. */
LK_MUST_USE lk_err revision_change(struct request *, const struct revisions *,
    const char *rev, uint8_t hash[static LK_ID_LEN]);

#endif
