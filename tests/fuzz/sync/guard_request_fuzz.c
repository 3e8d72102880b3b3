/*
 * Requests to guardians and their signatures: any text; and any binary with a
 * good check, which random text would never have.
 */
#include <string.h>

#include "crypto/random.h"
#include "sync/armor.h"
#include "sync/guard_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* What decodes has one encoding, up to the case of its letters. */
static void
decode_any(struct bytes text)
{
	BUF_SCOPED out = { .max = GUARD_TEXT_MAX };
	ARENA_SCOPED arena = { .max = 1 << 20 };
	struct guard_signature s;
	struct guard_request q;

	if (guard_request_decode(&q, &arena, text).code == LK_OK)
		LK_ASSERT(guard_request_encode(&out, &q).code == LK_OK);
	else if (guard_signature_decode(&s, &arena, text).code == LK_OK)
		LK_ASSERT(guard_signature_encode(&out, &s).code == LK_OK);
	else
		return;
	LK_ASSERT(out.len == text.len);
	for (size_t i = 0; i < out.len; i++)
		LK_ASSERT((out.ptr[i] | 0x20) == (text.ptr[i] | 0x20));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct armor armor = { .prefix = "lkg1-",
		.label = DIGEST_GUARD,
		.text_max = GUARD_TEXT_MAX,
		.what = "fuzz" };
	BUF_SCOPED binary = { .max = GUARD_BINARY_MAX };
	BUF_SCOPED text = { .max = GUARD_TEXT_MAX };

	LK_ASSERT(crypto_start().code == LK_OK);
	decode_any(BYTES(data, size));
	buf_mem(&binary, data, size);
	if (armor_encode(&text, &armor, &binary).code == LK_OK)
		decode_any(buf_bytes(&text));
	return 0;
}
