#include "net/lan.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/conn.h"

#define GROUP_V4 0xefff4c4b /* 239.255.76.75 */
#define GROUP_V6                                                  \
	{                                                         \
		{                                                 \
			{                                         \
				0xff, 2, [14] = 0x4c, [15] = 0x4b \
			}                                         \
		}                                                 \
	}
#define PORT 7675
#define SECOND_MS 1000
#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)
/* Room for a few dozen beacons; a flood is not kept. */
#define RECEIVE_BUFFER (16 * 1024)

static const struct in6_addr group6 = GROUP_V6;

static int64_t
monotonic_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

void
lan_init(struct lan *lan)
{
	for (size_t i = 0; i < LAN_FDS; i++)
		lan->fds[i] = -1;
}

void
lan_close(struct lan *lan)
{
	for (size_t i = 0; i < LAN_FDS; i++)
		if (lan->fds[i] != -1)
			close(lan->fds[i]);
	lan_init(lan);
}

struct option {
	int level, name, value;
};

static const struct option ipv4_options[] = {
	{ SOL_SOCKET, SO_REUSEADDR, 1 },
	{ SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER },
	{ IPPROTO_IP, IP_MULTICAST_TTL, 1 },
	{ IPPROTO_IP, IP_MULTICAST_ALL, 0 },
};
static const struct option ipv6_options[] = {
	{ SOL_SOCKET, SO_REUSEADDR, 1 },
	{ SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER },
	{ IPPROTO_IPV6, IPV6_V6ONLY, 1 },
	{ IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1 },
	{ IPPROTO_IPV6, IPV6_RECVPKTINFO, 1 },
};
#define OPTIONS(array) array, sizeof(array) / sizeof(*(array))

/* A socket that listens there; *fd stays as it is after an error. */
static lk_err
socket_open(int *fd, const struct sockaddr *at, socklen_t at_len,
    const struct option *options, size_t options_len)
{
	bool netlink = at->sa_family == AF_NETLINK;
	int s = socket(at->sa_family,
	    (netlink ? SOCK_RAW : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    netlink ? NETLINK_ROUTE : 0);
	size_t set = 0;
	lk_err err = LK_NONE;

	if (s == -1)
		return (LK_SYS("socket"));
	while (set < options_len &&
	    setsockopt(s, options[set].level, options[set].name,
		&options[set].value, sizeof(int)) == 0)
		set++;
	if (set < options_len || bind(s, at, at_len) == -1)
		err = LK_SYS("listen to the network");
	if (err.code == LK_OK)
		*fd = s;
	else
		close(s);
	return (err);
}

/* Bound to the group: nothing that was sent to this machine alone comes in. */
static lk_err
ipv4_open(struct lan *lan)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(GROUP_V4) };

	return (socket_open(&lan->fds[LAN_IPV4], (struct sockaddr *)&sin,
	    sizeof(sin), OPTIONS(ipv4_options)));
}

/* The group has no meaning without an interface: where a datagram was sent to
 * is looked at instead. */
static lk_err
ipv6_open(struct lan *lan)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6,
		.sin6_port = htons(PORT) };

	return (socket_open(&lan->fds[LAN_IPV6], (struct sockaddr *)&any,
	    sizeof(any), OPTIONS(ipv6_options)));
}

static lk_err
route_open(struct lan *lan)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK };

	nl.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
	return (socket_open(
	    &lan->fds[LAN_ROUTE], (struct sockaddr *)&nl, sizeof(nl), NULL, 0));
}

/* Whether datagrams of others can come in over it. */
static bool
interface_is_usable(const struct ifaddrs *i)
{
	const unsigned wanted = IFF_UP | IFF_RUNNING | IFF_MULTICAST;

	return (i->ifa_addr != NULL && (i->ifa_flags & wanted) == wanted &&
	    !(i->ifa_flags & (IFF_LOOPBACK | IFF_POINTOPOINT)));
}

/* False when nobody is to be told of this address. */
static bool
source_of(const struct lan *lan, const struct ifaddrs *i, struct net_source *s)
{
	char text[INET6_ADDRSTRLEN] = "";

	*s = (struct net_source){ .interface = if_nametoindex(i->ifa_name) };
	if (i->ifa_addr->sa_family == AF_INET) {
		struct sockaddr_in sin;

		memcpy(&sin, i->ifa_addr, sizeof(sin));
		s->ip[10] = s->ip[11] = 0xff;
		memcpy(s->ip + 12, &sin.sin_addr, 4);
		(void)inet_ntop(AF_INET, s->ip + 12, text, sizeof(text));
	} else if (i->ifa_addr->sa_family == AF_INET6) {
		struct sockaddr_in6 sin6;

		memcpy(&sin6, i->ifa_addr, sizeof(sin6));
		s->v6 = true;
		memcpy(s->ip, &sin6.sin6_addr, 16);
		(void)inet_ntop(AF_INET6, s->ip, text, sizeof(text));
		/* Every interface has one of these, and it says the least. */
		if (lan->only[0] == '\0' &&
		    !IN6_IS_ADDR_LINKLOCAL(&sin6.sin6_addr))
			return (false);
	}
	return (s->interface != 0 && text[0] != '\0' &&
	    (lan->only[0] == '\0' || strcmp(lan->only, text) == 0));
}

/* Being a member already is no error; nor is anything that time may mend. */
static void
group_join(struct lan *lan, const struct net_source *s)
{
	struct ip_mreqn v4 = { .imr_multiaddr.s_addr = htonl(GROUP_V4),
		.imr_ifindex = (int)s->interface };
	struct ipv6_mreq v6 = { .ipv6mr_multiaddr = group6,
		.ipv6mr_interface = s->interface };

	if (s->v6 && lan->fds[LAN_IPV6] != -1)
		(void)setsockopt(lan->fds[LAN_IPV6], IPPROTO_IPV6,
		    IPV6_JOIN_GROUP, &v6, sizeof(v6));
	if (!s->v6 && lan->fds[LAN_IPV4] != -1)
		(void)setsockopt(lan->fds[LAN_IPV4], IPPROTO_IP,
		    IP_ADD_MEMBERSHIP, &v4, sizeof(v4));
}

static void
seen_add(uint64_t *seen, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		*seen = (*seen ^ ((const uint8_t *)bytes)[i]) * FNV_PRIME;
}

/* Any address of any interface, also those where nobody can be told of it: a
 * tunnel leads somewhere, too. */
static void
interface_see(uint64_t *seen, const struct ifaddrs *i)
{
	unsigned flags = i->ifa_flags & (IFF_UP | IFF_RUNNING | IFF_MULTICAST);

	if (i->ifa_addr == NULL || (i->ifa_flags & IFF_LOOPBACK))
		return;
	if (i->ifa_addr->sa_family == AF_INET)
		seen_add(seen, i->ifa_addr, sizeof(struct sockaddr_in));
	else if (i->ifa_addr->sa_family == AF_INET6)
		seen_add(seen, i->ifa_addr, sizeof(struct sockaddr_in6));
	else
		return;
	seen_add(seen, i->ifa_name, strlen(i->ifa_name));
	seen_add(seen, &flags, sizeof(flags));
}

/* True when interfaces or addresses are others than before. */
static bool
sources_find(struct lan *lan)
{
	uint64_t seen = FNV_BASIS;
	struct ifaddrs *all;
	bool changed;

	if (getifaddrs(&all) == -1)
		return (false);
	lan->sources_len = 0;
	for (struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
		struct net_source *s = &lan->sources[lan->sources_len];

		interface_see(&seen, i);
		if (lan->sources_len == NET_SOURCES_MAX ||
		    !interface_is_usable(i) || !source_of(lan, i, s))
			continue;
		group_join(lan, s);
		lan->sources_len++;
	}
	freeifaddrs(all);
	changed = seen != lan->seen;
	lan->seen = seen;
	return (changed);
}

lk_err
net_lan_open(struct net *net, const char *only, bool multicast)
{
	struct lan *lan = &net->lan;
	lk_err v4 = LK_NONE, v6 = LK_NONE, route;

	strlcpy(lan->only, only, sizeof(lan->only));
	route = route_open(lan);
	if (multicast) {
		v4 = ipv4_open(lan);
		v6 = ipv6_open(lan);
	}
	(void)sources_find(lan);
	/* One family is enough. */
	if (v4.code != LK_OK && v6.code != LK_OK)
		return (v4);
	return (route);
}

size_t
net_sources(const struct net *net, const struct net_source **out)
{
	*out = net->lan.sources;
	return (net->lan.sources_len);
}

/* The datagram goes out where the source says, from the address it says. */
static bool
send_from(const struct lan *lan, const struct net_source *s, struct bytes b)
{
	union {
		struct cmsghdr header;
		uint8_t space[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control = { .space = { 0 } };
	struct in_pktinfo v4 = { .ipi_ifindex = (int)s->interface };
	struct in6_pktinfo v6 = { .ipi6_ifindex = s->interface };
	struct sockaddr_in to4 = { .sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(GROUP_V4) };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(PORT),
		.sin6_addr = group6,
		.sin6_scope_id = s->interface };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)b.ptr,
		.iov_len = b.len };
	size_t len = s->v6 ? sizeof(v6) : sizeof(v4);
	struct msghdr msg = { .msg_name = s->v6 ? (void *)&to6 : (void *)&to4,
		.msg_namelen = s->v6 ? sizeof(to6) : sizeof(to4),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = CMSG_SPACE(len) };

	memcpy(&v4.ipi_spec_dst, s->ip + 12, 4);
	memcpy(&v6.ipi6_addr, s->ip, 16);
	control.header.cmsg_level = s->v6 ? IPPROTO_IPV6 : IPPROTO_IP;
	control.header.cmsg_type = s->v6 ? IPV6_PKTINFO : IP_PKTINFO;
	control.header.cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(&control.header),
	    s->v6 ? (const void *)&v6 : (const void *)&v4, len);
	return (sendmsg(lan->fds[s->v6 ? LAN_IPV6 : LAN_IPV4], &msg, 0) != -1);
}

void
net_announce(struct net *net, const struct net_source *s, struct bytes b)
{
	struct lan *lan = &net->lan;

	if (lan->fds[s->v6 ? LAN_IPV6 : LAN_IPV4] != -1 &&
	    !send_from(lan, s, b))
		lan->unsent = true;
}

void
lan_poll(struct lan *lan, struct pollfd fds[static LAN_FDS], int *timeout_ms)
{
	bool full = false;

	if (lan->taken >= NET_DATAGRAMS_A_SECOND) {
		int64_t left = lan->second_ms + SECOND_MS - monotonic_ms();

		full = left > 0 && left <= SECOND_MS;
		if (full && (*timeout_ms < 0 || *timeout_ms > left))
			*timeout_ms = (int)left;
	}
	for (size_t i = 0; i < LAN_FDS; i++)
		fds[i] = (struct pollfd){ .fd = lan->fds[i], .events = POLLIN };
	if (full)
		fds[LAN_IPV4].fd = fds[LAN_IPV6].fd = -1;
}

/* Whether it was sent to the group, as far as the system says. */
static bool
is_for_group(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL;
	     c = CMSG_NXTHDR(msg, c)) {
		struct in6_pktinfo info;

		if (c->cmsg_level != IPPROTO_IPV6 ||
		    c->cmsg_type != IPV6_PKTINFO)
			continue;
		memcpy(&info, CMSG_DATA(c), sizeof(info));
		return (memcmp(&info.ipi6_addr, &group6, 16) == 0);
	}
	return (false);
}

static void
from_fill(struct net_from *from, const struct sockaddr_storage *ss)
{
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;

	*from = (struct net_from){ .host = "" };
	if (ss->ss_family == AF_INET) {
		memcpy(&sin, ss, sizeof(sin));
		from->ip[10] = from->ip[11] = 0xff;
		memcpy(from->ip + 12, &sin.sin_addr, 4);
		(void)inet_ntop(
		    AF_INET, from->ip + 12, from->host, sizeof(from->host));
	} else {
		memcpy(&sin6, ss, sizeof(sin6));
		memcpy(from->ip, &sin6.sin6_addr, 16);
		address_host6(from->host, from->ip, sin6.sin6_scope_id);
	}
}

/* False when there is none, or none worth passing on. */
static bool
datagram_read(int fd, bool v6, struct lan_datagram *out, bool *more)
{
	union {
		struct cmsghdr header;
		uint8_t space[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control;
	struct sockaddr_storage from;
	struct iovec iov = { .iov_base = out->bytes,
		.iov_len = sizeof(out->bytes) };
	struct msghdr msg = { .msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	ssize_t n = recvmsg(fd, &msg, 0);

	*more = n != -1;
	if (n <= 0 || (msg.msg_flags & MSG_TRUNC) ||
	    (v6 && !is_for_group(&msg)))
		return (false);
	out->len = (size_t)n;
	from_fill(&out->from, &from);
	return (out->from.host[0] != '\0');
}

static size_t
datagrams_take(struct lan *lan, int which, struct net_event *events, size_t max)
{
	bool more = true;
	size_t n = 0;

	while (more && n < max && lan->taken < NET_DATAGRAMS_A_SECOND) {
		struct lan_datagram *d = &lan->got[lan->taken];
		bool good =
		    datagram_read(lan->fds[which], which == LAN_IPV6, d, &more);

		lan->taken += more;
		if (good)
			events[n++] = (struct net_event){ .type = NET_DATAGRAM,
				.bytes = BYTES(d->bytes, d->len),
				.from = &d->from };
	}
	return (n);
}

/* The messages only say that something happened; what, is looked up. */
static size_t
changes_take(struct lan *lan, struct net_event *event)
{
	uint8_t message[4096];
	bool again = lan->unsent;

	while (recv(lan->fds[LAN_ROUTE], message, sizeof(message), 0) > 0)
		continue;
	if (!sources_find(lan) && !again)
		return (0);
	lan->unsent = false;
	*event = (struct net_event){ .type = NET_CHANGED };
	return (1);
}

size_t
lan_take(struct lan *lan, const struct pollfd fds[static LAN_FDS],
    struct net_event *events, size_t max)
{
	int64_t now = monotonic_ms();
	size_t n = 0;

	if (now - lan->second_ms >= SECOND_MS) {
		lan->second_ms = now;
		lan->taken = 0;
	}
	if (fds[LAN_ROUTE].revents != 0 && max > 0)
		n = changes_take(lan, events);
	for (int which = LAN_IPV4; which <= LAN_IPV6; which++)
		if (fds[which].revents != 0)
			n += datagrams_take(lan, which, events + n, max - n);
	return (n);
}
