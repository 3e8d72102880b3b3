/*
 * Digits of base58: what is accepted is written as it was read.
 */
#include "base/base58.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	BUF_SCOPED number = { .max = BASE58_BYTES_MAX };
	BUF_SCOPED text = { .max = 2 * BASE58_BYTES_MAX };

	if (base58_decode(&number, BYTES(bytes, len)).code != LK_OK)
		return 0;
	base58_encode(&text, buf_bytes(&number));
	LK_ASSERT(bytes_equal(buf_bytes(&text), BYTES(bytes, len)));
	return 0;
}
