/*
 * spawn.h - starting lkd.
 */
#ifndef CLI_SPAWN_H
#define CLI_SPAWN_H

#include "cli/lk.h"

/*
 * Starts lkd, which returns when its socket accepts.  Its complaint, when it
 * has one, becomes ours, with its status: 69 and 78 mostly; 69 too when there
 * is no lkd to start.
 */
int lkd_start(struct lk *);

#endif
