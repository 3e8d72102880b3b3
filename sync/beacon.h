/*
 * beacon.h - what a device says on the local network, and what others of its
 * person and his contacts recognise (docs/protocol.md section 13).
 *
 *   device   "LKB1", u8 1, nonce 8, port u16, mac 16
 *   window   "LKB1", u8 2, u8 number, port u16
 *
 * mac = H[16]("lk1 beacon", beacon key; u8 1, nonce, port, sender's address
 * 16). Without the key a beacon says its port and nothing else twice; with it,
 * it is good from one address only.  Nothing is allocated.  Pure; any thread.
 */
#ifndef SYNC_BEACON_H
#define SYNC_BEACON_H

#include "base/bytes.h"

#define BEACON_KEY_LEN 32
#define BEACON_NONCE_LEN 8
#define BEACON_MAC_LEN 16
#define BEACON_DEVICE_LEN 31
#define BEACON_WINDOW_LEN 8
#define BEACON_MAX BEACON_DEVICE_LEN
#define BEACON_WINDOW_NUMBER_MAX 99
/* An IPv6 address, or ::ffff: and an IPv4 one. */
#define BEACON_ADDRESS_LEN 16

enum beacon_type {
	BEACON_DEVICE = 1,
	BEACON_WINDOW = 2, /* a pairing window is open */
};

struct beacon {
	enum beacon_type type;
	uint16_t port;                                        /* TCP; not 0 */
	uint8_t nonce[BEACON_NONCE_LEN], mac[BEACON_MAC_LEN]; /* DEVICE */
	uint8_t number; /* WINDOW: to BEACON_WINDOW_NUMBER_MAX */
};

/* H[32]("lk1 beacon", seed; removed): another key for each set of devices that
 * are gone, of which `removed` is a hash. */
void beacon_key_derive(uint8_t out[static BEACON_KEY_LEN],
    const uint8_t seed[static BEACON_KEY_LEN],
    const uint8_t removed[static 32]);
/* One from this address; the nonce is random and used once. */
void beacon_device(uint8_t out[static BEACON_DEVICE_LEN],
    const uint8_t key[static BEACON_KEY_LEN],
    const uint8_t nonce[static BEACON_NONCE_LEN], uint16_t port,
    const uint8_t address[static BEACON_ADDRESS_LEN]);
void beacon_window(
    uint8_t out[static BEACON_WINDOW_LEN], uint8_t number, uint16_t port);
/* TRUNCATED; MALFORMED: another length, magic or type, port 0, a number over
 * BEACON_WINDOW_NUMBER_MAX. */
LK_MUST_USE lk_err beacon_decode(struct beacon *, struct bytes);
/* Whether who has this key sent it from this address; of type DEVICE.  0.3 us.
 */
bool beacon_is_from(const struct beacon *,
    const uint8_t key[static BEACON_KEY_LEN],
    const uint8_t address[static BEACON_ADDRESS_LEN]);

#endif
