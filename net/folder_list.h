/*
 * folder_list.h - inside net/: the names below DIR/lk1, in order (folder.h).
 */
#ifndef NET_FOLDER_LIST_H
#define NET_FOLDER_LIST_H

#include "base/object.h"

/* Fills ->entries, ->entries_len and ->more for a LIST; `root` is a descriptor
 * of DIR/lk1, borrowed.  UNAVAILABLE above FOLDER_ENTRIES_MAX, and when a disk
 * fails; DENIED, with ->why, when a directory below the prefix is shut; a list
 * of all of lk1 passes over such a one; NOMEM. */
LK_MUST_USE lk_err folder_list(
    int root, const struct object_request *, struct object_answer *);

#endif
