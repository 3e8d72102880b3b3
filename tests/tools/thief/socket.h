/*
 * socket.h - the thief's one connection, in a file that does not see messages:
 * <sys/socket.h> has names of its own for them.  Blocking; one thread.
 */
#ifndef TESTS_TOOLS_THIEF_SOCKET_H
#define TESTS_TOOLS_THIEF_SOCKET_H

#include "base/bytes.h"
#include "base/err.h"

/* Connects to "192.0.2.7:7600".  SYS; USAGE for any other kind of address. */
LK_MUST_USE lk_err socket_dial(const char *address, int *fd);
LK_MUST_USE lk_err socket_write(int fd, struct bytes);
/* What arrives within so many ms: *len 0 for nothing.  UNAVAILABLE: the peer
 * is gone. */
LK_MUST_USE lk_err socket_read(
    int fd, int wait_ms, uint8_t *to, size_t max, size_t *len);
/* Says that no more will be said. */
LK_MUST_USE lk_err socket_end(int fd);

#endif
