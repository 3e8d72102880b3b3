/*
 * restart.h - ending the daemon and starting it again.
 */
#ifndef CLI_RESTART_H
#define CLI_RESTART_H

#include "cli/lk.h"

/* Asks it to end and returns when it is gone, so that the next one can start;
 * *result (json_object_put) is its answer. */
int daemon_stop_wait(struct lk *, json_object **result);
/* Starts it again, so that it can reach `dir`.  A daemon in the foreground is
 * its owner's to start: that is said, and 0. */
int daemon_restart(struct lk *, const char *dir);

#endif
