/*
 * folder.h - objects in a directory: a USB stick, a NAS, whatever another
 * program copies about (base/object.h has what is asked and answered).
 *
 * Object lk1/a/b is the file DIR/lk1/a/b.  DIR/lk1 is made once, by the
 * person who says that objects may be kept there (`lk remote add`); as long as
 * it is missing nothing is: an empty mount point is not written to.  Below it
 * no symbolic link is followed, and only plain files are read.  What else has
 * a name of an object is listed as strange; files and directories whose names
 * are none of objects are passed over.  A list
 * that leaves out what may not be looked at is none: DENIED; except that a list
 * of everything below lk1 is without the directories that are shut to this
 * user, which are somebody else's.
 *
 * An object is written beside its name, synced, and renamed into place, and the
 * directory is synced.  On FAT a loss of power may undo or split the rename;
 * what is read is therefore checked by who knows what it should be.  A name of
 * ours has one case only, so two never meet in one file there.  Files that were
 * being written when the power went, "~" and 16 digits, are removed an hour
 * later by whoever writes into that directory.
 *
 * No state; blocks; any thread.
 */
#ifndef NET_FOLDER_H
#define NET_FOLDER_H

#include "base/object.h"

/* Entries looked at for one LIST, in all directories: UNAVAILABLE above. */
#define FOLDER_ENTRIES_MAX 4000000

/* Carries out the request in `dir`; whatever the result, it is in *answer,
 * with the request's numbers. */
void folder_do(const char *dir, const struct object_request *,
    struct object_answer *answer);

#endif
