/*
 * folder_path.h - inside mirror/: a path below the folder as the directory it
 * is in and its name there.
 */
#ifndef MIRROR_FOLDER_PATH_H
#define MIRROR_FOLDER_PATH_H

#include "mirror/folder.h"

struct place {
	int dir;
	const char *name; /* borrowed from the path */
};

/* Of errno, which it keeps.  DENIED, FULL, NOTFOUND, else SYS. */
lk_err folder_error(const char *what);
/* Opens beneath the folder, through no link.  NOTFOUND, DENIED, SYS. */
LK_MUST_USE lk_err beneath_open(
    const struct folder *, const char *path, int flags, int *fd);
/* The directory, made with `make`, with the mode of the one it is in. */
LK_MUST_USE lk_err place_open(
    const struct folder *, const char *path, bool make, struct place *);
void place_close(struct place *);
/* What fstat says; false: nothing. */
bool file_stamp_fd(int fd, struct file_stamp *);
/* Has what was written there go to the disk, and waits for what came before it:
 * so little is ever left for an fsync of the whole, however long it is. */
void file_flush(int fd, uint64_t at, size_t len);
/* The digest of what there is to read. */
LK_MUST_USE lk_err file_sum_fd(int fd, uint8_t out[static FILE_DIGEST_LEN]);

#endif
