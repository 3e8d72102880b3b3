/*
 * hook.h - a command of the user's, run for something that happened.
 *
 * While it runs, the signals that ask lk to end are held back: who stops lk in
 * an orderly way learns what became of the last one.
 */
#ifndef CLI_HOOK_H
#define CLI_HOOK_H

#include <signal.h>

#include "base/bytes.h"
#include "base/err.h"

struct hook_variable {
	const char *name, *value;
};

/* What becomes of signals without us. */
struct hook_signals {
	sigset_t mask;
	struct sigaction pipe, child;
};

/* From here to hooks_release none of them ends this process. */
void hooks_hold(struct hook_signals *before);
/* Ends this process, when it was asked to. */
void hooks_release(const struct hook_signals *before);

/*
 * Runs a shell command with `input` on its standard input, which it need not
 * read, and with these variables (the last has no name), and waits for it.  What
 * it has not taken when it ends is dropped, whoever it left behind.
 * *status is as waitpid(2) gives it.  Between hooks_hold and hooks_release.
 * SYS.
 */
LK_MUST_USE lk_err hook_run(const char *command, struct bytes input,
    const struct hook_variable *, const struct hook_signals *before,
    int *status);

#endif
