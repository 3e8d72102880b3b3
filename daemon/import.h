/*
 * import.h - documents of what Automerge and automerge-repo have written.
 */
#ifndef DAEMON_IMPORT_H
#define DAEMON_IMPORT_H

#include "daemon/command.h"

/*
 * Makes a document called `name` of what was uploaded; what the result says
 * besides the document is added to it.  Errors that are not about the content
 * alone have been said.
 */
typedef lk_err import_fn(
    struct request *, const char *name, struct bytes file, uint32_t *docno);

/* An intact file; adds `orphans` and `missing`. */
import_fn automerge_import;
/* The files of one document of automerge-repo, one behind the other, as param
 * "files" lists them; what is damaged is left out.  Adds `skipped` too. */
import_fn repo_import;

#endif
