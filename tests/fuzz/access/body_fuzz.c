/* One content, one encoding: whatever is read is written back the same. */
#include <string.h>

#include "access/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ARENA_SCOPED arena = { 0 };
	BUF_SCOPED out = { 0 };
	struct body body;

	arena_init(&arena, 1 << 22);
	buf_init(&out, ENVELOPE_BODY_MAX);
	if (body_decode(&body, &arena, BYTES(data, size)).code == LK_OK) {
		body_encode(&out, &body);
		LK_ASSERT(bytes_equal(buf_bytes(&out), BYTES(data, size)));
	}
	return 0;
}
