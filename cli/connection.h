/*
 * connection.h - lines over the control socket: what client.c is made of.
 */
#ifndef CLI_CONNECTION_H
#define CLI_CONNECTION_H

#include "base/bytes.h"
#include "cli/output.h"

struct connection {
	int fd;
	/* Who is told, by output_passing, that an answer takes over a second;
	 * NULL: nobody, as where one may take its time. */
	struct output *tell;
	struct buf in; /* what was read and not yet handed out */
	size_t used;   /* bytes of it that were */
};

/*
 * `tell` is borrowed.  NOTFOUND when nobody answers there; DENIED when the
 * listener runs as another user or may not be connected to; VERSION when it
 * speaks another protocol; SYS.
 */
LK_MUST_USE lk_err connection_open(
    struct connection *, const char *path, struct output *tell);
void connection_close(struct connection *);
/* Writes all of it.  SYS. */
LK_MUST_USE lk_err connection_send(struct connection *, struct bytes);
/* The next line without its end, valid until the next call.  UNAVAILABLE when
 * the daemon has closed; LIMIT, SYS. */
LK_MUST_USE lk_err connection_line(struct connection *, struct bytes *);

#endif
