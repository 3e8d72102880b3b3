#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/conn.h"

#define PORT_MAX 65535

/* What a name may be made of; anything else could change the meaning of the
 * URL it is put into. */
static const char name_chars[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";

static bool
host_family(const char *host, bool brackets, int *family)
{
	uint8_t ip[16];

	if (brackets) {
		*family = 6;
		return (inet_pton(AF_INET6, host, ip) == 1);
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
address_format(char out[static NET_ADDRESS_MAX], nng_stream *stream)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[INET6_ADDRSTRLEN];
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
	} else if (inet_ntop(AF_INET6, sa.s_in6.sa_addr, text, sizeof(text)) !=
	    NULL)
		snprintf(out, NET_ADDRESS_MAX, "[%s]:%u", text,
		    ntohs(sa.s_in6.sa_port));
}
