/*
 * cursor_file.h - how far the changes of a store have been dealt with, kept in
 * a file: one line, the cursor and the device whose store it belongs to.
 *
 * The line is overwritten in place, so that the file can be locked: it belongs
 * to one process at a time.  It is shorter than a sector and always as long.
 */
#ifndef CLI_CURSOR_FILE_H
#define CLI_CURSOR_FILE_H

#include "cli/lk.h"

#define CURSOR_NONE (-1)

struct cursor_file {
	int fd;
	const char *path; /* borrowed */
	int64_t cursor;   /* CURSOR_NONE: the file is new or empty */
	char device[65];  /* "": not known yet */
};

/*
 * Opens and locks the file, which is made when there is none.  A line with a
 * number alone is taken as well.  65 for anything else in it; 73 when it cannot
 * be made, 74, 75 when another process has it.
 */
int cursor_file_open(struct lk *, struct cursor_file *, const char *path);
void cursor_file_close(struct cursor_file *);
/* Keeps this cursor; it is on the disk when this returns.  74. */
int cursor_file_write(struct lk *, struct cursor_file *, int64_t cursor);

#endif
