/* Lists of the pieces of a file: any bytes; and those of what the bytes, again
 * and again, are as a file. */
#include <stdlib.h>
#include <string.h>

#include "mirror/pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Every list that is one is what its pieces write. */
static void
list_try(struct bytes list)
{
	BUF_SCOPED again = { .max = PIECES_MAX * PIECE_RECORD_LEN };
	uint8_t digest[FILE_DIGEST_LEN];
	struct bytes left = list;
	struct piece p;
	uint64_t len, sum = 0;

	if (pieces_digest(digest, &len, list).code != LK_OK)
		return;
	while (piece_take(&left, &p)) {
		LK_ASSERT(p.len > 0 && p.len <= PIECE_MAX);
		sum += p.len;
		piece_write(&again, &p);
	}
	LK_ASSERT(left.len == 0 && sum == len && len <= FILE_SIZE_MAX);
	LK_ASSERT(bytes_equal(buf_bytes(&again), list));
}

static void
content_try(struct bytes content)
{
	BUF_SCOPED list = { .max = PIECES_MAX * PIECE_RECORD_LEN };
	uint8_t whole[FILE_DIGEST_LEN], listed[FILE_DIGEST_LEN];
	struct bytes left = content;
	uint64_t len;
	size_t n;

	for (; (n = piece_cut(left, true)) > 0;
	     left = BYTES(left.ptr + n, left.len - n)) {
		struct piece p = { .len = (uint32_t)n };

		LK_ASSERT(n <= PIECE_MAX && (n >= PIECE_MIN || n == left.len));
		piece_digest(p.digest, BYTES(left.ptr, n));
		piece_write(&list, &p);
	}
	file_digest(whole, content);
	LK_ASSERT(
	    pieces_digest(listed, &len, buf_bytes(&list)).code == LK_OK &&
	    len == content.len && memcmp(whole, listed, sizeof(whole)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len;
	uint8_t *content;

	list_try(BYTES(data, size));
	/* A few inputs only: cutting a megabyte takes a millisecond. */
	if (size < 8 || size > 64 || data[0] != 255)
		return 0;
	len = PIECE_MIN + size * 16384;
	content = malloc(len);
	LK_ASSERT(content != NULL);
	for (size_t i = 0; i < len; i++)
		content[i] = (uint8_t)(data[i % size] + i / size * data[1]);
	content_try(BYTES(content, len));
	free(content);
	return 0;
}
