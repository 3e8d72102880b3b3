/*
 * Welcomes; an unsigned one that decodes has one encoding, its own.
 */
#include <string.h>

#include "crypto/random.h"
#include "sync/welcome.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t pk[32] = { 1 };
	BUF_SCOPED out = { .max = WELCOME_MAX };
	BUF_SCOPED more = { .max = WELCOME_MAX };
	struct welcome w, got;

	LK_ASSERT(crypto_start().code == LK_OK);
	if (welcome_decode(&w, BYTES(data, size), pk).code != LK_OK)
		return 0;
	LK_ASSERT(welcome_encode(&out, &w, pk, NULL).code == LK_OK);
	LK_ASSERT(welcome_decode(&got, buf_bytes(&out), pk).code == LK_OK);
	LK_ASSERT(welcome_encode(&more, &got, pk, NULL).code == LK_OK);
	LK_ASSERT(bytes_equal(buf_bytes(&out), buf_bytes(&more)));
	LK_ASSERT(got.keys_len == w.keys_len &&
	    memcmp(&got.topic, &w.topic, sizeof(w.topic)) == 0);
	return 0;
}
