/*
 * Packs and the names of objects: any bytes; and, as random bytes have no good
 * hash, the same with one put behind them.
 */
#include <string.h>

#include "crypto/random.h"
#include "sync/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* What decodes encodes to the same bytes. */
static void
decode_any(struct bytes in)
{
	struct bytes all[PACK_ENVELOPES_MAX];
	BUF_SCOPED out = { .max = OBJECT_BYTES_MAX };
	struct stored_name name;
	struct pack pack;
	size_t n = 0;

	if (pack_decode(&pack, in).code != LK_OK)
		return;
	while (pack_next(&pack, &all[n]))
		n++;
	LK_ASSERT(n == pack.name.count);
	LK_ASSERT(pack_encode(&out, &name, all, n).code == LK_OK);
	LK_ASSERT(bytes_equal(buf_bytes(&out), in));
	LK_ASSERT(stored_name_same(&name, &pack.name));
}

static void
name_any(struct bytes in)
{
	char text[OBJECT_NAME_MAX + 1], again[OBJECT_NAME_MAX + 1];
	size_t len = in.len < OBJECT_NAME_MAX ? in.len : OBJECT_NAME_MAX;
	struct stored_name name;

	if (len > 0)
		memcpy(text, in.ptr, len);
	text[len] = '\0';
	if (!stored_name_parse(&name, text))
		return;
	stored_name_format(again, &name);
	LK_ASSERT(strcmp(text, again) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BUF_SCOPED hashed = { .max = OBJECT_BYTES_MAX };
	uint8_t hash[32];

	LK_ASSERT(crypto_start().code == LK_OK);
	decode_any(BYTES(data, size));
	name_any(BYTES(data, size));
	digest(hash, sizeof(hash), DIGEST_PACK, NULL, BYTES(data, size));
	buf_mem(&hashed, data, size);
	buf_mem(&hashed, hash, sizeof(hash));
	if (!hashed.failed)
		decode_any(buf_bytes(&hashed));
	return 0;
}
