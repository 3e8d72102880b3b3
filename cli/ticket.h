/*
 * ticket.h - tickets on the command line: pair, invite, accept.
 */
#ifndef CLI_TICKET_H
#define CLI_TICKET_H

#include "cli/lk.h"

#define TIMEOUT_DEFAULT_MS 60000
#define TICKET_EXPIRES_DEFAULT INT64_C(-1)

/* Prints the ticket of a result. */
render_fn ticket_render;
/* The same behind a drawing of it, for a camera. */
render_fn ticket_draw;
/* Adds how long a ticket is to be good; puts the params when it fails. */
int ticket_lasting(struct lk *, json_object *params, int64_t expires_ms);
/* Reads one line of stdin, without its end.  A usage error when there is none.
 */
#define TICKET_LINE_MAX 8192
int ticket_line(struct lk *, char line[static TICKET_LINE_MAX]);
/* Calls the method with the ticket ("-" is one line of stdin) and answers with
 * what it gives. */
int ticket_use(struct lk *, const char *method, const char *ticket,
    int64_t timeout_ms, render_fn *);

#endif
