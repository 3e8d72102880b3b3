/*
 * passphrase.h - where a program gets a passphrase from: a file, a descriptor, a
 * command, or whoever sits at the terminal; never its arguments.
 *
 * Blocks.  What is read is wiped by whoever owns the buffer (BUF_SECRET).
 */
#ifndef BASE_PASSPHRASE_H
#define BASE_PASSPHRASE_H

#include "base/bytes.h"

struct passphrase_source {
	const char *file;    /* NULL: none */
	int fd;              /* -1: none */
	const char *command; /* for the shell; NULL: none */
	const char *prompt;  /* NULL: nobody is asked */
	const char *again;   /* NULL: asked once */
};

/* What the environment says: LK_PASSPHRASE_FILE, LK_PASSPHRASE_COMMAND. */
struct passphrase_source passphrase_environment(const char *prompt);
/*
 * The first source there is, in that order: its first line, at most
 * PASSPHRASE_MAX bytes.  Nobody is asked unless standard input is a terminal.
 *   CONFIG  there is none; USAGE  the two that were typed differ
 *   DATA    it is empty, or too long; SYS  it cannot be read
 */
LK_MUST_USE lk_err passphrase_read(
    struct buf *out, const struct passphrase_source *);

#endif
