/*
 * assign.h - set and insert, which differ in the method they call: it has the
 * command's name.
 */
#ifndef CLI_ASSIGN_H
#define CLI_ASSIGN_H

#include "cli/lk.h"

extern const struct option assign_options[];
/* DOC PATH VALUE, or DOC PATH with --bytes. */
int assign_run(struct lk *, const struct args *);

#endif
