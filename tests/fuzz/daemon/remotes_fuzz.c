/*
 * The list of remotes in the store: what decodes is written again byte for
 * byte.
 */
#include <stdlib.h>

#include "daemon/remotes.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BUF_SCOPED again = { .max = REMOTES_BYTES_MAX };
	struct remotes *r = calloc(1, sizeof(*r));

	if (r != NULL && remotes_decode(r, BYTES(data, size)).code == LK_OK) {
		remotes_encode(&again, r);
		LK_ASSERT(bytes_equal(buf_bytes(&again), BYTES(data, size)));
	}
	free(r);
	return (0);
}
