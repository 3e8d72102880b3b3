/*
 * document.h - what commands on one document share: its name, its errors, and
 * an edit as one change.
 */
#ifndef DAEMON_DOCUMENT_H
#define DAEMON_DOCUMENT_H

#include "daemon/site.h"
#include "daemon/subject.h"

/*
 * A change has to fit an envelope.  Texts are cut into changes of this many
 * bytes; JSON of more than this becomes one change that is imported like a
 * file of Automerge's, which may span many envelopes.
 */
#define CHANGE_TEXT_MAX ((size_t)256 * 1024)

/* Whether a new document may be called so.  EXISTS, DATA; said. */
LK_MUST_USE lk_err document_name_check(
    struct request *, const char *name, const char *hint);

/* Says what failed on a document, with the path when there is one. */
LK_MUST_USE lk_err document_fail(
    struct request *, const struct subject *, const char *path, lk_err);

/* Makes edits at a site. */
typedef lk_err site_fn(void *ctx, struct site *);
/*
 * Edits the document of param "doc": one change, with params "root" and
 * "message", whose path (for messages) is param "path".  The result gets doc,
 * name, changed and hash.  Errors are said.
 */
LK_MUST_USE lk_err document_edit(struct request *, site_fn *, void *ctx);

#endif
