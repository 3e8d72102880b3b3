/*
 * lan.h - inside net/: datagrams to and from everybody on the local networks,
 * and notice of networks that come and go.  What others may call of it is in
 * net.h.
 *
 * One socket for each family; both are shared with other programs of this
 * machine that listen for the same.  The core's thread alone uses all this, in
 * net_wait; nothing is allocated for a datagram.  After NET_DATAGRAMS_A_SECOND
 * the sockets are not looked at until the second is over, and what the system
 * has no room for meanwhile is lost.
 */
#ifndef NET_LAN_H
#define NET_LAN_H

#include <poll.h>

#include "net/net.h"

enum { LAN_IPV4, LAN_IPV6, LAN_ROUTE, LAN_FDS };

struct lan_datagram {
	struct net_from from;
	size_t len;
	uint8_t bytes[NET_DATAGRAM_MAX];
};

struct lan {
	int fds[LAN_FDS]; /* -1: none */
	char only[NET_ADDRESS_MAX]; /* the one address to use; "": all */
	struct net_source sources[NET_SOURCES_MAX];
	size_t sources_len;
	uint64_t seen; /* a hash of all interfaces and addresses */
	bool unsent; /* something could not be sent: a change may help */
	int64_t second_ms;
	unsigned taken; /* in that second */
	struct lan_datagram got[NET_DATAGRAMS_A_SECOND];
};

void lan_init(struct lan *);
void lan_close(struct lan *);
/* What to poll, and for how long at most. */
void lan_poll(struct lan *, struct pollfd fds[static LAN_FDS], int *timeout_ms);
/* What poll found, as events. */
size_t lan_take(struct lan *, const struct pollfd fds[static LAN_FDS],
    struct net_event *, size_t max);

/* address.c: an IPv6 host in brackets, with the interface's name where the
 * address is good on that alone. */
void address_host6(char out[static NET_ADDRESS_MAX],
    const uint8_t ip[static 16], uint32_t interface);

#endif
