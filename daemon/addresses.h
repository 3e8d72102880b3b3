/*
 * addresses.h - where this device can be reached, as told to peers and put
 * into tickets, and the port it listens on, kept from run to run.
 */
#ifndef DAEMON_ADDRESSES_H
#define DAEMON_ADDRESSES_H

#include "daemon/options.h"

struct own_addresses {
	char text[PEER_ADDRESS_MAX][NET_ADDRESS_MAX];
	const char *list[PEER_ADDRESS_MAX];
	size_t len;
};

/* The configured ones, then the address it listens on, or of all interfaces
 * but loopback, or loopback when there is no other.  At most PEER_ADDRESS_MAX
 * are kept. */
void own_addresses_find(
    struct own_addresses *, const struct options *, uint16_t port);
bool own_addresses_equal(
    const struct own_addresses *, const struct own_addresses *);

/*
 * Listens as the options say.  A port they name must be had; otherwise it is
 * the one of the last time, and when that is taken another, which is kept.
 *   UNAVAILABLE  in use, or no such address; SYS
 */
LK_MUST_USE lk_err own_port_listen(
    const struct options *, struct net *, uint16_t *port);

#endif
