/*
 * args.h - from argv to options and operands.  Options may stand anywhere, "--"
 * ends them; "-" and negative numbers are operands.  The options all commands
 * know (--json, -q, -v, --color, --help) are dealt with here.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "cli/lk.h"

enum args_verdict { ARGS_RUN, ARGS_STOP };

/*
 * Takes the arguments behind the command's name, for lk->command.  ARGS_STOP:
 * *status is what the command returns, as after --help or a usage error.
 * Changes the order of argv.
 */
enum args_verdict args_parse(
    struct lk *, struct args *, int argc, char *argv[], int *status);

/* Whether this argument is an option every command knows, which is then
 * applied; *status is not 0 when it was given wrongly. */
bool args_global(struct lk *, const char *arg, int *status);

#endif
