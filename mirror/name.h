/*
 * name.h - which paths of a document may be files of a folder.
 *
 * A path comes from others: it must not leave the folder, nor be one of the
 * names this program uses in it, nor in what git keeps, whose hooks and settings
 * say what it runs.  Pure.
 */
#ifndef MIRROR_NAME_H
#define MIRROR_NAME_H

#include "base/bytes.h"

#define PATH_BYTES_MAX 1024 /* below the folder; PATH_MAX is 4096 */
#define PATH_PART_MAX 255   /* what file systems take */
#define PATH_DEPTH_MAX 64

/* What begins so is ours, in every folder of a mirror. */
#define NAME_OURS ".lk-"
/* A folder, so that it can tell git to leave it alone: a file would be gone with
 * the next checkout. */
#define NAME_MARKER ".lk-mirror"
#define NAME_GIT ".git"

/* Why a path cannot be a file here; NULL: it can.  What is wrong with a folder
 * is wrong with all that is in it. */
const char *path_flaw(struct bytes path);
/* The last part. */
struct bytes path_name(struct bytes path);
/* Whether one of its parts is a name of ours. */
bool path_is_ours(struct bytes path);

#endif
