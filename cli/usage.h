/*
 * usage.h - what the help of a command says, for programs: its verbs, its
 * operands and its options.  The text that people read is the only place where
 * these are written down.
 *
 * A line of usage is "name [verb[|verb ...]] operand ...".  A verb is in small
 * letters, an operand in capitals; several that may stand in one place have |
 * between them, [] are around what may be left out, ... is behind what may come
 * again.  Options may stand anywhere and are skipped.
 */
#ifndef CLI_USAGE_H
#define CLI_USAGE_H

#include "cli/lk.h"

#define USAGE_WORD_MAX 64

/* The n-th of the different verbs of a command; false when there are no
 * more. */
bool usage_verb(const struct command *, size_t n, char out[USAGE_WORD_MAX]);
bool usage_has_verb(const struct command *, const char *verb);
/* Whether each of its lines has a verb, so that there is nothing without. */
bool usage_is_verbs(const struct command *);

/* The first line of the usage in which a verb stands, else the first one of
 * all; with the name of the command, *len without the end of the line. */
const char *usage_line(
    const struct command *, const char *verb, size_t *len);

/*
 * The n-th operand behind the command, or behind its verb ("" for none), in the
 * line-th of the lines in which it may stand; one that may come again is all
 * that follow it.  "" when that line has no such operand; false when there are
 * no more lines.
 */
bool usage_operand(const struct command *, const char *verb, size_t line,
    size_t n, char out[USAGE_WORD_MAX]);

/*
 * What the details say of an option: the name of its argument, "" when it has
 * none, and the first line of what it does.
 */
struct usage_option {
	char argument[USAGE_WORD_MAX];
	char about[128];
};
/* False when the details do not have it. */
bool usage_option(
    const char *details, const char *name, struct usage_option *out);

#endif
