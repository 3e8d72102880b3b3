/*
 * ticket.h - tickets on the command line: pair, invite, accept.
 */
#ifndef CLI_TICKET_H
#define CLI_TICKET_H

#include <json-c/json.h>

#include "cli/lk.h"

#define TIMEOUT_DEFAULT_MS 60000

/* Calls the method (takes params) and prints the ticket it gives. */
int ticket_print(struct lk *, const char *method, json_object *params);
/* Adds a ticket to params; "-" is one line of stdin. */
int ticket_add(struct lk *, json_object *params, const char *ticket);

#endif
