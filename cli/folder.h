/*
 * folder.h - folders of automerge-repo: of each document some files, in
 * FIRST-TWO-CHARACTERS/OTHERS/snapshot and .../incremental.
 */
#ifndef CLI_FOLDER_H
#define CLI_FOLDER_H

#include "base/bytes.h"
#include "cli/lk.h"

/* What is done with a document: its id, and its files one behind the other,
 * `files` saying which they are (docs/control.md, doc.import). */
typedef int folder_each_fn(struct lk *, void *ctx, const char *path,
    const char *id, json_object *files, struct bytes all);

/*
 * Reads a folder, document by document, ascending by id.  A file that cannot be
 * opened is said and passed over.  65: there is no document in it, or more than
 * one although `only_one`; 3: some failed, and were said.
 */
int folder_each(struct lk *, const char *dir, bool only_one,
    folder_each_fn *each, void *ctx);

#endif
