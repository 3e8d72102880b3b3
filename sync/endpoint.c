#include "sync/endpoint.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

lk_err
endpoint_parse(struct address *out, const char *text)
{
	const char *colon = strrchr(text, ':'), *bad = NULL;
	char host[ENDPOINT_MAX];
	struct address a = { .type = ADDRESS_HOST };
	size_t len;
	long long port;

	if (colon == NULL || colon == text)
		return LK_ERR(LK_E_USAGE, "address without port");
	port = strtonum(colon + 1, 1, UINT16_MAX, &bad);
	len = (size_t)(colon - text);
	if (bad != NULL || len >= sizeof(host))
		return LK_ERR(LK_E_USAGE, "address");
	a.port = (uint16_t)port;
	memcpy(host, text, len);
	host[len] = '\0';
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		if (inet_pton(AF_INET6, host + 1, a.ip) != 1)
			return LK_ERR(LK_E_USAGE, "address");
		a.type = ADDRESS_IPV6;
	} else if (inet_pton(AF_INET, host, a.ip) == 1) {
		a.type = ADDRESS_IPV4;
	} else if (inet_pton(AF_INET6, host, a.ip) == 1) {
		a.type = ADDRESS_IPV6;
	} else if (len > ADDRESS_HOST_MAX) {
		return LK_ERR(LK_E_USAGE, "address");
	} else {
		a.host = BYTES((const uint8_t *)text, len);
	}
	*out = a;
	return LK_NONE;
}

bool
endpoint_format(char out[static ENDPOINT_MAX], const struct address *a)
{
	char ip[INET6_ADDRSTRLEN];

	switch (a->type) {
	case ADDRESS_IPV4:
		(void)inet_ntop(AF_INET, a->ip, ip, sizeof(ip));
		(void)snprintf(out, ENDPOINT_MAX, "%s:%u", ip, a->port);
		return true;
	case ADDRESS_IPV6:
		(void)inet_ntop(AF_INET6, a->ip, ip, sizeof(ip));
		(void)snprintf(out, ENDPOINT_MAX, "[%s]:%u", ip, a->port);
		return true;
	case ADDRESS_HOST:
		(void)snprintf(out, ENDPOINT_MAX, "%.*s:%u", (int)a->host.len,
		    (const char *)a->host.ptr, a->port);
		return true;
	case ADDRESS_RELAY:
		break;
	}
	return false;
}

bool
endpoint_same_place(const char *a, const char *b)
{
	struct address x, y;

	/* On one link everybody has as many of these as he likes. */
	if (strncmp(a, "[fe80:", 6) == 0 && strncmp(b, "[fe80:", 6) == 0)
		return true;
	if (endpoint_parse(&x, a).code != LK_OK ||
	    endpoint_parse(&y, b).code != LK_OK || x.type != y.type)
		return false;
	if (x.type == ADDRESS_IPV4)
		return memcmp(x.ip, y.ip, 4) == 0;
	return x.type == ADDRESS_IPV6 && memcmp(x.ip, y.ip, 8) == 0;
}
