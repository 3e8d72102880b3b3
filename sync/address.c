#include "sync/address.h"

#include <string.h>

#define IPV4_LEN 4
#define IPV6_LEN 16
#define PORT_LEN 2
#define RELAY_LEN 32

static bool
has_host(enum address_type type)
{
	return type == ADDRESS_HOST || type == ADDRESS_RELAY;
}

static bool
host_valid(struct bytes host)
{
	if (host.len == 0 || host.len > ADDRESS_HOST_MAX)
		return false;
	for (size_t i = 0; i < host.len; i++)
		if (host.ptr[i] <= ' ' || host.ptr[i] > '~')
			return false;
	return true;
}

/* Length of the value. */
static size_t
address_len(const struct address *a)
{
	switch (a->type) {
	case ADDRESS_IPV4:
		return IPV4_LEN + PORT_LEN;
	case ADDRESS_IPV6:
		return IPV6_LEN + PORT_LEN;
	case ADDRESS_HOST:
		return PORT_LEN + a->host.len;
	case ADDRESS_RELAY:
		return RELAY_LEN + PORT_LEN + a->host.len;
	}
	return 0;
}

static void
address_write(struct buf *out, const struct address *a)
{
	size_t ip = a->type == ADDRESS_IPV4 ? IPV4_LEN : IPV6_LEN;

	if (has_host(a->type) && !host_valid(a->host)) {
		out->failed = true;
		return;
	}
	buf_u8(out, (uint8_t)a->type);
	buf_u8(out, (uint8_t)address_len(a));
	if (a->type == ADDRESS_IPV4 || a->type == ADDRESS_IPV6)
		buf_mem(out, a->ip, ip);
	if (a->type == ADDRESS_RELAY)
		buf_mem(out, a->relay, RELAY_LEN);
	buf_u16(out, a->port);
	if (has_host(a->type))
		buf_add(out, a->host);
}

void
addresses_write_bare(struct buf *out, const struct addresses *all)
{
	LK_ASSERT(all->len <= PEER_ADDRESS_MAX);
	for (size_t i = 0; i < all->len; i++)
		address_write(out, &all->at[i]);
}

void
addresses_write(struct buf *out, const struct addresses *all)
{
	buf_u8(out, (uint8_t)all->len);
	addresses_write_bare(out, all);
}

static void
malformed(struct rd *r)
{
	r->failed = true;
	r->malformed = true;
}

/* One TLV; false when it is of no type we know, or the reader failed. */
static bool
address_read(struct rd *r, struct address *out)
{
	struct address a = { 0 };
	uint8_t type = rd_u8(r);
	struct rd value = rd_over(rd_take(r, rd_u8(r)));

	if (r->failed)
		return false;
	switch (type) {
	case ADDRESS_IPV4:
		rd_copy(&value, a.ip, IPV4_LEN);
		break;
	case ADDRESS_IPV6:
		rd_copy(&value, a.ip, IPV6_LEN);
		break;
	case ADDRESS_HOST:
		break;
	case ADDRESS_RELAY:
		rd_copy(&value, a.relay, RELAY_LEN);
		break;
	default:
		return false;
	}
	a.type = type;
	a.port = rd_u16(&value);
	if (has_host(a.type))
		a.host = rd_take(&value, value.left.len);
	if (!rd_done(&value) || (has_host(a.type) && !host_valid(a.host))) {
		malformed(r);
		return false;
	}
	*out = a;
	return true;
}

void
addresses_read(struct rd *r, struct addresses *out)
{
	uint8_t n = rd_u8(r);

	out->len = 0;
	if (n > PEER_ADDRESS_MAX)
		malformed(r);
	for (uint8_t i = 0; i < n && !r->failed; i++)
		if (address_read(r, &out->at[out->len]))
			out->len++;
}

void
addresses_read_bare(struct rd *r, struct addresses *out)
{
	struct address a;

	out->len = 0;
	while (r->left.len > 0 && !r->failed)
		if (address_read(r, &a) && out->len < PEER_ADDRESS_MAX)
			out->at[out->len++] = a;
}
