#include "sync/beacon.h"

#include <string.h>

#include "crypto/digest.h"

static const uint8_t magic[4] = { 'L', 'K', 'B', '1' };

void
beacon_key_derive(uint8_t out[static BEACON_KEY_LEN],
    const uint8_t seed[static BEACON_KEY_LEN], const uint8_t removed[static 32])
{
	digest(out, BEACON_KEY_LEN, DIGEST_BEACON, seed, BYTES(removed, 32));
}

static void
beacon_mac(uint8_t out[static BEACON_MAC_LEN],
    const uint8_t key[static BEACON_KEY_LEN],
    const uint8_t nonce[static BEACON_NONCE_LEN], uint16_t port,
    const uint8_t address[static BEACON_ADDRESS_LEN])
{
	uint8_t m[1 + BEACON_NONCE_LEN + 2 + BEACON_ADDRESS_LEN] = {
		BEACON_DEVICE
	};

	memcpy(m + 1, nonce, BEACON_NONCE_LEN);
	m[1 + BEACON_NONCE_LEN] = (uint8_t)(port >> 8);
	m[2 + BEACON_NONCE_LEN] = (uint8_t)port;
	memcpy(m + 3 + BEACON_NONCE_LEN, address, BEACON_ADDRESS_LEN);
	digest(out, BEACON_MAC_LEN, DIGEST_BEACON, key, BYTES_OF(m));
}

void
beacon_device(uint8_t out[static BEACON_DEVICE_LEN],
    const uint8_t key[static BEACON_KEY_LEN],
    const uint8_t nonce[static BEACON_NONCE_LEN], uint16_t port,
    const uint8_t address[static BEACON_ADDRESS_LEN])
{
	memcpy(out, magic, sizeof(magic));
	out[4] = BEACON_DEVICE;
	memcpy(out + 5, nonce, BEACON_NONCE_LEN);
	out[13] = (uint8_t)(port >> 8);
	out[14] = (uint8_t)port;
	beacon_mac(out + 15, key, nonce, port, address);
}

void
beacon_window(
    uint8_t out[static BEACON_WINDOW_LEN], uint8_t number, uint16_t port)
{
	memcpy(out, magic, sizeof(magic));
	out[4] = BEACON_WINDOW;
	out[5] = number;
	out[6] = (uint8_t)(port >> 8);
	out[7] = (uint8_t)port;
}

lk_err
beacon_decode(struct beacon *out, struct bytes in)
{
	struct rd r = rd_over(in);
	struct bytes start = rd_take(&r, sizeof(magic));
	struct beacon b = { .type = (enum beacon_type)rd_u8(&r) };

	if (r.failed)
		return LK_ERR(LK_E_TRUNCATED, "beacon");
	if (!bytes_equal(start, BYTES_OF(magic)))
		return LK_ERR(LK_E_MALFORMED, "beacon");
	if (b.type == BEACON_DEVICE)
		rd_copy(&r, b.nonce, sizeof(b.nonce));
	else if (b.type == BEACON_WINDOW)
		b.number = rd_u8(&r);
	else
		return LK_ERR(LK_E_MALFORMED, "type of beacon");
	b.port = rd_u16(&r);
	if (b.type == BEACON_DEVICE)
		rd_copy(&r, b.mac, sizeof(b.mac));
	TRY(rd_end(&r, "beacon"));
	if (b.port == 0 || b.number > BEACON_WINDOW_NUMBER_MAX)
		return LK_ERR(LK_E_MALFORMED, "beacon");
	*out = b;
	return LK_NONE;
}

bool
beacon_is_from(const struct beacon *b, const uint8_t key[static BEACON_KEY_LEN],
    const uint8_t address[static BEACON_ADDRESS_LEN])
{
	uint8_t mac[BEACON_MAC_LEN];

	if (b->type != BEACON_DEVICE)
		return false;
	beacon_mac(mac, key, b->nonce, b->port, address);
	return digest_equal(mac, b->mac, sizeof(mac));
}
