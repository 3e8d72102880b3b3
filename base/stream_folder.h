/*
 * stream_folder.h - the folders LK_HOME/stream.XXXXXX, each with a stream of a
 * backup for as long as the command that reads it works with it.
 *
 * One is locked by its process; what is not locked was left behind by one that
 * was killed, or is just being made, by one that then makes another.  No state;
 * any thread.
 */
#ifndef BASE_STREAM_FOLDER_H
#define BASE_STREAM_FOLDER_H

#include <limits.h>
#include <stdbool.h>

#define STREAM_FOLDER "stream."

/* A new one in `home`, locked; false: errno says why.  Closing *fd ends the
 * lock. */
bool stream_folder_make(const char *home, char path[static PATH_MAX], int *fd);
/* With all that is in it, the caller having locked it; closes `fd`. */
void stream_folder_remove(const char *path, int fd);
/* Removes what was left behind in `home`, as far as it can. */
void stream_folders_sweep(const char *home);

#endif
