/*
 * Any bytes as a lean change under a fixed head: what is accepted is the same
 * lean change again.
 */
#include "crdt/change.h"
#include "tests/fuzz/crdt/few_rows.h"
#include "tests/fuzz/crdt/loose_mutate.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const uint8_t actor[16] = { 7 };
	static const uint8_t deps[2 * LK_ID_LEN] = { 9, 8 };
	const struct change_head head = { .deps = deps,
		.deps_len = 2,
		.actor = BYTES_OF(actor),
		.seq = 3,
		.start_op = 20 };
	struct bytes lean = BYTES(bytes, len);
	struct change c;
	BUF_SCOPED body = { 0 };
	BUF_SCOPED again = { 0 };
	ARENA_SCOPED arena = { 0 };

	arena_init(&arena, CHANGE_BODY_MAX);
	buf_init(&body, CHANGE_BODY_MAX);
	buf_init(&again, CHANGE_BODY_MAX);
	if (change_unlean(&body, lean, &head).code != LK_OK ||
	    change_decode(&c, &arena, buf_bytes(&body)).code != LK_OK)
		return 0;
	LK_ASSERT(c.seq == head.seq && c.start_op == head.start_op);
	change_lean(&again, &c);
	LK_ASSERT(bytes_equal(lean, buf_bytes(&again)));
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *, size_t, size_t, unsigned);

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max, unsigned seed)
{
	return loose_body_mutate(LOOSE_LEAN, data, len, max, seed);
}
