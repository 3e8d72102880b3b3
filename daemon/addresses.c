#include "daemon/addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PORT_FILE "port"
#define PORT_MAX 65535

static void
address_add(struct own_addresses *own, const char *host, bool v6, uint16_t port)
{
	if (own->len == PEER_ADDRESS_MAX)
		return;
	snprintf(own->text[own->len], NET_ADDRESS_MAX, v6 ? "[%s]:%u" : "%s:%u",
	    host, port);
	own->list[own->len] = own->text[own->len];
	own->len++;
}

/* An address that is good on other machines, too. */
static void
interface_add(
    struct own_addresses *own, const struct sockaddr *sa, uint16_t port)
{
	char host[INET6_ADDRSTRLEN];

	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof(in));
		if (inet_ntop(AF_INET, &in.sin_addr, host, sizeof(host)) !=
		    NULL)
			address_add(own, host, false, port);
	} else if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof(in6));
		if (!IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr) &&
		    inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof(host)) !=
			NULL)
			address_add(own, host, true, port);
	}
}

static void
interfaces_add(struct own_addresses *own, uint16_t port)
{
	struct ifaddrs *all;

	if (getifaddrs(&all) == -1)
		return;
	for (struct ifaddrs *i = all; i != NULL; i = i->ifa_next)
		if (i->ifa_addr != NULL && (i->ifa_flags & IFF_UP) &&
		    !(i->ifa_flags & IFF_LOOPBACK))
			interface_add(own, i->ifa_addr, port);
	freeifaddrs(all);
}

void
own_addresses_find(
    struct own_addresses *own, const struct options *o, uint16_t port)
{
	*own = (struct own_addresses){ .len = 0 };
	for (size_t i = 0; i < o->addresses_len; i++) {
		strlcpy(own->text[i], o->addresses[i], NET_ADDRESS_MAX);
		own->list[i] = own->text[i];
		own->len++;
	}
	if (o->listen_host[0] != '\0' && strcmp(o->listen_host, "0.0.0.0") &&
	    strcmp(o->listen_host, "::")) {
		address_add(own, o->listen_host,
		    strchr(o->listen_host, ':') != NULL, port);
		return;
	}
	interfaces_add(own, port);
	if (own->len == 0)
		address_add(own, "127.0.0.1", false, port);
}

bool
own_addresses_equal(
    const struct own_addresses *a, const struct own_addresses *b)
{
	if (a->len != b->len)
		return (false);
	for (size_t i = 0; i < a->len; i++)
		if (strcmp(a->text[i], b->text[i]) != 0)
			return (false);
	return (true);
}

static void
port_path(char out[static PATH_MAX + 8], const struct options *o)
{
	snprintf(out, PATH_MAX + 8, "%s/" PORT_FILE, o->home);
}

/* 0 when none was kept. */
static uint16_t
port_load(const struct options *o)
{
	char path[PATH_MAX + 8], text[16] = "";
	const char *wrong;
	long long n;
	FILE *f;

	port_path(path, o);
	if ((f = fopen(path, "re")) == NULL)
		return (0);
	if (fgets(text, sizeof(text), f) == NULL)
		text[0] = '\0';
	fclose(f);
	text[strcspn(text, "\n")] = '\0';
	n = strtonum(text, 1, PORT_MAX, &wrong);
	return (wrong == NULL ? (uint16_t)n : 0);
}

/* Only a convenience is lost when it cannot be written. */
static void
port_keep(const struct options *o, uint16_t port)
{
	char path[PATH_MAX + 8];
	FILE *f;

	port_path(path, o);
	if ((f = fopen(path, "we")) == NULL) {
		log_warn("%s: cannot be written, ignoring: %s", path,
		    strerror(errno));
		return;
	}
	fprintf(f, "%u\n", port);
	fclose(f);
}

lk_err
own_port_listen(const struct options *o, struct net *net, uint16_t *port)
{
	const char *host = o->listen_host[0] == '\0' ? NULL : o->listen_host;
	uint16_t kept;
	lk_err err;

	if (o->listen_port != 0)
		return (net_listen_tcp(net, host, o->listen_port, port));
	kept = port_load(o);
	if (kept != 0) {
		err = net_listen_tcp(net, host, kept, port);
		if (err.code != LK_E_UNAVAILABLE)
			return (err);
	}
	TRY(net_listen_tcp(net, host, 0, port));
	if (kept != 0)
		log_warn("port %u: in use, listening on %u from now on", kept,
		    *port);
	port_keep(o, *port);
	return (LK_NONE);
}
