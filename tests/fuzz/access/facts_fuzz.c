/* Facts that were read survive being written and read again. */
#include <string.h>

#include "access/graph.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ARENA_SCOPED arena = { 0 };
	BUF_SCOPED first = { 0 };
	BUF_SCOPED second = { 0 };
	struct body body, again;
	struct facts f, g;

	arena_init(&arena, 1 << 22);
	buf_init(&first, ENVELOPE_MAX);
	buf_init(&second, ENVELOPE_MAX);
	if (facts_decode(&f, &body, &arena, BYTES(data, size)).code != LK_OK)
		return 0;
	facts_encode(&first, &f);
	LK_ASSERT(
	    facts_decode(&g, &again, &arena, buf_bytes(&first)).code == LK_OK);
	facts_encode(&second, &g);
	LK_ASSERT(bytes_equal(buf_bytes(&first), buf_bytes(&second)));
	return 0;
}
