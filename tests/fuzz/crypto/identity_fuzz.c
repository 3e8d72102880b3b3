#include <string.h>

#include <sodium.h>

#include "crypto/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
decode_check(struct bytes in)
{
	struct identity id;
	BUF_SCOPED out = { 0 };

	buf_init(&out, in.len);
	if (identity_decode(&id, in).code != LK_OK)
		return;
	identity_encode(&out, &id);
	LK_ASSERT(!out.failed);
	LK_ASSERT(bytes_equal(buf_bytes(&out), in));
	LK_ASSERT(id.cert_len <= sizeof(id.cert));
	LK_ASSERT(strlen(id.name) <= LK_NAME_MAX);
}

/* As it is, and with the magic, version and checksum put right, since by
 * chance no input would ever have them. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BUF_SCOPED whole = { 0 };
	uint8_t sum[32];

	decode_check(BYTES(data, size));
	buf_init(&whole, size + 64);
	buf_str(&whole, "LKID");
	buf_u8(&whole, 1);
	buf_mem(&whole, data, size);
	(void)crypto_generichash(
	    sum, sizeof(sum), whole.ptr, whole.len, NULL, 0);
	buf_mem(&whole, sum, sizeof(sum));
	LK_ASSERT(!whole.failed);
	decode_check(buf_bytes(&whole));
	return 0;
}
