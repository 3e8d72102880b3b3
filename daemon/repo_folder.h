/*
 * repo_folder.h - names in a folder of automerge-repo: the layout of its
 * storage adapter for file systems.
 *
 * A document is known by 16 bytes, in base58 with the beginning of a double
 * SHA-256 behind them.  Its folder is the first two of these characters, in it
 * the others, and in that snapshot/ and incremental/.  What their files are
 * called matters to nobody who reads them.
 */
#ifndef DAEMON_REPO_FOLDER_H
#define DAEMON_REPO_FOLDER_H

#include "base/bytes.h"
#include "base/limits.h"

/* With the NUL. */
#define REPO_ID_LEN 32

/* Whether this is the id of a document. */
bool repo_id_valid(const char *);
/*
 * The id of a document of ours: its name, if that is an id, as it is when the
 * document came from such a folder; else one that follows from its own id, so
 * that it is the same at every export.
 */
void repo_id_of(char out[static REPO_ID_LEN],
    const uint8_t docid[static LK_ID_LEN], const char *name);
/* Appends the path of a snapshot, relative to the folder.  heads: LK_ID_LEN
 * bytes each, ascending. */
void repo_snapshot_path(struct buf *, const char *id, struct bytes heads);

#endif
