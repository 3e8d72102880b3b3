/*
 * shell.h - words of a command line, as a person has to type them.
 */
#ifndef BASE_SHELL_H
#define BASE_SHELL_H

#include "base/limits.h"

#define SHELL_WORD_MAX (4 * LK_NAME_MAX + 2 + 1)

/*
 * A name of up to LK_NAME_MAX bytes as a word for a shell: as it is, or in
 * single quotes where it has something that a shell would not leave alone.
 * Returns `out`.
 */
const char *shell_word(char out[static SHELL_WORD_MAX], const char *name);

#endif
