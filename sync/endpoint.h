/*
 * endpoint.h - addresses as people and sockets write them: "192.0.2.7:7600",
 * "[2001:db8::7]:7600", "host.example:7600".  Pure; any thread.
 */
#ifndef SYNC_ENDPOINT_H
#define SYNC_ENDPOINT_H

#include "sync/address.h"

#define ENDPOINT_MAX 256

/* Host names borrow the text.  USAGE when it is no address with a port. */
LK_MUST_USE lk_err endpoint_parse(struct address *, const char *text);
/* False for a relay, which is no endpoint. */
bool endpoint_format(char out[static ENDPOINT_MAX], const struct address *);

/* Whether two addresses, "host:port", are one place as far as a stranger's
 * choice goes: nobody has an IPv4 address or less than an IPv6 /64 to himself
 * many times over, and everybody has every link-local one. */
bool endpoint_same_place(const char *a, const char *b);

#endif
