/*
 * export_form.h - the ways of exporting a document with ghosts.  Where authors
 * forked, what is written is about the renamed history (fork_rename.h), whose
 * hashes are those that count.  Internal to crdt.
 */
#ifndef CRDT_EXPORT_FORM_H
#define CRDT_EXPORT_FORM_H

#include "crdt/doc_present.h"
#include "crdt/export.h"
#include "crdt/fork_rename.h"

/* Appends the body of the change that, after all that are present, makes
 * Automerge show what the document shows; nothing when it does already. */
LK_MUST_USE lk_err export_restore(
    struct doc *, const struct present *, struct renaming *, struct buf *body);
/* Appends the body of one change that makes the document. */
LK_MUST_USE lk_err export_squash(
    struct doc *, const struct present *, struct buf *body);
/* Adds the history without what ghosts say; who forked is renamed. */
LK_MUST_USE lk_err export_clean(struct renaming *, const struct present *,
    const struct change *changes, size_t n, struct change_bodies *);

#endif
