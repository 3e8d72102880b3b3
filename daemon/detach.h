/*
 * detach.h - becoming a daemon: a child without a terminal, whose parent
 * returns only when the child says it is ready, with the child's status.
 */
#ifndef DAEMON_DETACH_H
#define DAEMON_DETACH_H

#include "base/err.h"

/* Before any thread is started.  The parent does not return: it exits with 0
 * after detach_ready, else with the status the child exited with.  *ready_fd
 * is for detach_ready. */
LK_MUST_USE lk_err detach(int *ready_fd);
/* Lets the parent go and the terminal with it: standard input and output are
 * /dev/null from now on, standard error is log_fd. */
void detach_ready(int ready_fd, int log_fd);

#endif
