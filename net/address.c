#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/conn.h"

#define PORT_MAX 65535

/* What a name may be made of; anything else could change the meaning of the
 * URL it is put into. */
static const char name_chars[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";

/* An IPv6 address, with the name of an interface behind '%' if it is good on
 * that alone. */
static bool
host_is_ipv6(const char *host)
{
	const char *zone = strchr(host, '%');
	char text[INET6_ADDRSTRLEN];
	struct in6_addr ip;
	size_t len = zone == NULL ? strlen(host) : (size_t)(zone - host);

	if (len >= sizeof(text))
		return (false);
	memcpy(text, host, len);
	text[len] = '\0';
	if (inet_pton(AF_INET6, text, &ip) != 1)
		return (false);
	return (zone == NULL ||
	    (IN6_IS_ADDR_LINKLOCAL(&ip) && zone[1] != '\0' &&
		strlen(zone + 1) < IF_NAMESIZE &&
		strspn(zone + 1, name_chars) == strlen(zone + 1)));
}

static bool
host_family(const char *host, bool brackets, int *family)
{
	uint8_t ip[4];

	if (brackets) {
		*family = 6;
		return (host_is_ipv6(host));
	}
	*family = inet_pton(AF_INET, host, ip) == 1 ? 4 : 0;
	return (host[0] != '\0' && strspn(host, name_chars) == strlen(host));
}

bool
address_split(const char *address, char host[static NET_ADDRESS_MAX],
    uint16_t *port, int *family)
{
	char text[NET_ADDRESS_MAX], *colon, *name = text;
	const char *wrong;
	bool brackets;
	long long number;

	if (strlcpy(text, address, sizeof(text)) >= sizeof(text) ||
	    (colon = strrchr(text, ':')) == NULL)
		return (false);
	*colon = '\0';
	number = strtonum(colon + 1, 1, PORT_MAX, &wrong);
	if (wrong != NULL ||
	    strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return (false);
	brackets = text[0] == '[' && colon > text + 1 && colon[-1] == ']';
	if (brackets) {
		colon[-1] = '\0';
		name++;
	}
	if (!host_family(name, brackets, family))
		return (false);
	strlcpy(host, name, NET_ADDRESS_MAX);
	*port = (uint16_t)number;
	return (true);
}

void
address_host6(char out[static NET_ADDRESS_MAX], const uint8_t ip[static 16],
    uint32_t interface)
{
	char text[INET6_ADDRSTRLEN], name[IF_NAMESIZE] = "";
	struct in6_addr in6;

	out[0] = '\0';
	memcpy(&in6, ip, sizeof(in6));
	if (inet_ntop(AF_INET6, &in6, text, sizeof(text)) == NULL)
		return;
	if (IN6_IS_ADDR_LINKLOCAL(&in6) && interface != 0 &&
	    if_indextoname(interface, name) == NULL)
		return;
	snprintf(out, NET_ADDRESS_MAX, "[%s%s%s]", text,
	    name[0] == '\0' ? "" : "%", name);
}

void
address_format(char out[static NET_ADDRESS_MAX], nng_stream *stream)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[INET6_ADDRSTRLEN], host[NET_ADDRESS_MAX];
	nng_sockaddr sa;

	out[0] = '\0';
	if (nng_stream_get_addr(stream, NNG_OPT_REMADDR, &sa) != 0)
		return;
	if (sa.s_family == NNG_AF_INET &&
	    inet_ntop(AF_INET, &sa.s_in.sa_addr, text, sizeof(text)) != NULL)
		snprintf(out, NET_ADDRESS_MAX, "%s:%u", text,
		    ntohs(sa.s_in.sa_port));
	if (sa.s_family != NNG_AF_INET6)
		return;
	/* One socket serves both families; an IPv4 peer must look the same
	 * whichever way he came, as limits are per address. */
	if (memcmp(sa.s_in6.sa_addr, mapped, sizeof(mapped)) == 0) {
		if (inet_ntop(AF_INET, sa.s_in6.sa_addr + sizeof(mapped), text,
			sizeof(text)) != NULL)
			snprintf(out, NET_ADDRESS_MAX, "%s:%u", text,
			    ntohs(sa.s_in6.sa_port));
	} else {
		address_host6(host, sa.s_in6.sa_addr, sa.s_in6.sa_scope);
		if (host[0] != '\0')
			snprintf(out, NET_ADDRESS_MAX, "%.*s:%u",
			    NET_ADDRESS_MAX - 8, host, ntohs(sa.s_in6.sa_port));
	}
}
