/*
 * standard_files.h - a program that was started without standard input, output
 * or error.
 *
 * The next thing it opened would take their number: what it prints would go to
 * its peer, or into its store.
 */
#ifndef BASE_STANDARD_FILES_H
#define BASE_STANDARD_FILES_H

#include "base/err.h"

/*
 * Puts something in the place of each that is closed, which fails when it is
 * read from or written to.  The first thing that a program does.  SYS.
 */
LK_MUST_USE lk_err standard_files_fill(void);

#endif
