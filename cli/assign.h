/*
 * assign.h - set and insert, which differ in one word.
 */
#ifndef CLI_ASSIGN_H
#define CLI_ASSIGN_H

#include "cli/lk.h"

/* Takes DOC PATH VALUE and the options that say what kind of value it is. */
int assign_run(struct lk *, const char *method, int argc, char *argv[]);

#endif
