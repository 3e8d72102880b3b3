/*
 * stream_folder.h - the folders LK_HOME/stream.XXXXXX, each with a stream of a
 * backup for as long as the command that reads it works with it.
 *
 * One is locked by its process; what is not locked was left behind by one that
 * was killed.  No state; any thread.
 */
#ifndef BASE_STREAM_FOLDER_H
#define BASE_STREAM_FOLDER_H

#include <stdbool.h>

#define STREAM_FOLDER "stream."

/* Of a process that is there, or no folder: false.  Closing *fd ends it. */
bool stream_folder_lock(const char *path, int *fd);
/* With all that is in it, the caller having locked it; closes `fd`. */
void stream_folder_remove(const char *path, int fd);
/* Removes what was left behind in `home`, as far as it can. */
void stream_folders_sweep(const char *home);

#endif
