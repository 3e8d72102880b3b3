/*
 * address.h - where a device or relay can be reached: the TLVs of cards,
 * tickets, welcomes and PEERS (docs/protocol.md section 8).
 *
 *   TLV = u8 type, u8 length, value
 *   1 IPv4: 4, port u16            2 IPv6: 16, port u16
 *   3 host: port u16, name         4 relay: key 32, port u16, name
 *
 * Types this version does not know are skipped.  Pure; any thread.
 */
#ifndef SYNC_ADDRESS_H
#define SYNC_ADDRESS_H

#include "base/bytes.h"
#include "base/limits.h"

enum address_type {
	ADDRESS_IPV4 = 1,
	ADDRESS_IPV6 = 2,
	ADDRESS_HOST = 3,
	ADDRESS_RELAY = 4,
};

#define ADDRESS_HOST_MAX 220

struct address {
	enum address_type type;
	uint16_t port;
	uint8_t ip[16];    /* IPV4: the first 4 */
	uint8_t relay[32]; /* RELAY: its Noise static key */
	struct bytes host; /* HOST, RELAY: 1 to ADDRESS_HOST_MAX printable
			    * ASCII characters, no space; borrowed */
};

struct addresses {
	struct address at[PEER_ADDRESS_MAX];
	size_t len;
};

/* u8 n, n x TLV.  A host that is not one makes the buffer fail. */
void addresses_write(struct buf *, const struct addresses *);
/* n over PEER_ADDRESS_MAX, or a known type with a wrong length or host: the
 * reader fails as malformed.  Borrows the input. */
void addresses_read(struct rd *, struct addresses *);

/* The TLVs alone, to the end of the input.  Those above PEER_ADDRESS_MAX are
 * left out. */
void addresses_write_bare(struct buf *, const struct addresses *);
void addresses_read_bare(struct rd *, struct addresses *);

#endif
