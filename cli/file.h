/*
 * file.h - whole files in and out; the daemon never opens them.
 */
#ifndef CLI_FILE_H
#define CLI_FILE_H

#include "base/bytes.h"
#include "cli/lk.h"

/* Reads a file, or stdin for "-", into `out` (initialised, of any maximum).
 * 66 when there is none, 65 over the maximum, 74. */
int file_read(struct lk *, const char *path, struct buf *out);
/* Writes a file as a whole: there is the old one or the new one, never a
 * part.  `path` NULL or "-": stdout.  73, 74. */
int file_write(struct lk *, const char *path, struct bytes);
/* The same for a path below a folder, with the folders above it made as need
 * be; what is not finished lies in the folder itself, out of the way of who
 * reads everything further down. */
int file_write_below(
    struct lk *, const char *folder, const char *path, struct bytes);

#endif
