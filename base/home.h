/*
 * home.h - where a device's files are, for lkd and lk alike (cli.md section 2,
 * architecture.md "Two processes, one protocol").  No state; any thread that
 * does not change the environment meanwhile.
 */
#ifndef BASE_HOME_H
#define BASE_HOME_H

#include <limits.h>

#include "base/err.h"

/* What sun_path holds without its NUL, on every system we know. */
#define HOME_SOCKET_MAX 107

/*
 * LK_HOME, else $XDG_DATA_HOME/lk, else $HOME/.local/share/lk: absolute, and
 * with links resolved as far as it exists (it need not).  CONFIG when none of
 * these is set or the value is no usable path; LIMIT when it is too long; SYS.
 */
LK_MUST_USE lk_err home_path(char out[static PATH_MAX]);

/*
 * The control socket of the store in `home` (from home_path): LK_SOCKET, else
 * $XDG_RUNTIME_DIR/lk/HASH/control, else HOME/run/control; when that is over
 * HOME_SOCKET_MAX bytes /tmp/lk-UID/HASH/control.  HASH is of `home`, so two
 * stores never meet.  LIMIT when LK_SOCKET is too long.  Touches no file.
 */
LK_MUST_USE lk_err home_socket_path(
    const char *home, char out[static HOME_SOCKET_MAX + 1]);

/*
 * Checks that `path` is a directory of ours that nobody else may write to, and
 * with `make` creates it (0700, and its parents) when it is not there.
 *   NOTFOUND  not there
 *   CONFIG    no directory, another owner, or group or others may write
 */
LK_MUST_USE lk_err home_directory(const char *path, int make);

#endif
