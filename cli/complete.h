/*
 * complete.h - what may come next in a command line of lk, for any shell.
 *
 * What a place takes is read from the usage and details of its command
 * (cli/usage.h): their names for operands and arguments, as DOC or WHO, say
 * where words for it come from.  Names are asked of a daemon that runs; none is
 * started, and nothing is said of what fails.
 */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#include "cli/lk.h"

/*
 * Answers with the words that may stand in the place of the last of these,
 * which has been begun and may be empty, each with what it is; and whether
 * names of files or of folders may too.  As text: a line for each, the word, a
 * tab and what it is; a line of a tab and "files" or "folders".
 */
int complete_words(struct lk *, const char *const *words, size_t len);

#endif
