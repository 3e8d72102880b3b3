/*
 * Beacons: 48 bytes of key and address, then what came in.  What decodes is
 * written again byte for byte, and is recognised only if it has the right MAC.
 */
#include <string.h>

#include "crypto/random.h"
#include "sync/beacon.h"

#define GIVEN (BEACON_KEY_LEN + BEACON_ADDRESS_LEN)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *address = data + BEACON_KEY_LEN;
	uint8_t again[BEACON_MAX];
	struct beacon b;
	struct bytes in;
	bool mine;

	LK_ASSERT(crypto_start().code == LK_OK);
	if (size < GIVEN)
		return 0;
	in = BYTES(data + GIVEN, size - GIVEN);
	if (beacon_decode(&b, in).code != LK_OK)
		return 0;
	mine = beacon_is_from(&b, data, address);
	if (b.type == BEACON_WINDOW)
		beacon_window(again, b.number, b.port);
	else
		beacon_device(again, data, b.nonce, b.port, address);
	LK_ASSERT(b.port != 0 && in.len <= BEACON_MAX);
	if (b.type == BEACON_WINDOW || mine)
		LK_ASSERT(memcmp(again, in.ptr, in.len) == 0);
	else
		LK_ASSERT(memcmp(again, in.ptr, in.len) != 0);
	return 0;
}
