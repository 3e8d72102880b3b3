/*
 * Files.  Even first byte: the rest is a file.  Odd: the rest is a list of
 * chunks (type, u16 length, body) that get their magic, length and checksum
 * here.  What is accepted is written as a document that holds the same.
 */
#include <string.h>

#include "tests/fuzz/crdt/few_rows.h"
#include "crdt/document.h"

#define OPS_MAX 10000

static void
add_chunk(struct buf *file, uint8_t type, struct bytes body)
{
	uint8_t hash[LK_ID_LEN];
	BUF_SCOPED plain = { 0 };

	buf_init(&plain, DOCUMENT_BODY_MAX);
	if (type != CHUNK_DEFLATED_CHANGE) {
		chunk_write(file, (enum chunk_type)type, body);
		return;
	}
	if (inflate_raw(&plain, body, CHANGE_BODY_MAX).code != LK_OK)
		return;
	chunk_hash(hash, CHUNK_CHANGE, buf_bytes(&plain));
	buf_mem(file, "\x85\x6f\x4a\x83", 4);
	buf_mem(file, hash, 4);
	buf_u8(file, type);
	buf_counted(file, body);
}

static size_t
ops_of(const struct history *h)
{
	size_t n = 0;

	for (size_t i = 0; i < h->changes_len; i++)
		n += h->changes[i].ops_len;
	return n;
}

static void
check_file(struct bytes file)
{
	struct history h, again;
	BUF_SCOPED written = { 0 };

	buf_init(&written, DOCUMENT_BODY_MAX);
	if (history_read(&h, file).code != LK_OK)
		return;
	if (ops_of(&h) < OPS_MAX &&
	    history_write(&written, h.changes, h.changes_len).code == LK_OK &&
	    history_read(&again, buf_bytes(&written)).code == LK_OK) {
		LK_ASSERT(h.changes_len == again.changes_len);
		for (size_t i = 0; i < h.changes_len; i++)
			LK_ASSERT(memcmp(h.changes[i].hash,
				      again.changes[i].hash, LK_ID_LEN) == 0);
		history_clear(&again);
	}
	history_clear(&h);
}

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	BUF_SCOPED file = { 0 };
	struct rd r;

	if (len < 1)
		return 0;
	r = rd_over(BYTES(bytes + 1, len - 1));
	buf_init(&file, DOCUMENT_BODY_MAX);
	if ((bytes[0] & 1) == 0) {
		check_file(r.left);
		return 0;
	}
	while (r.left.len > 3) {
		uint8_t type = rd_u8(&r);
		size_t n = rd_u16(&r);

		add_chunk(&file, type % 4,
		    rd_take(&r, n < r.left.len ? n : r.left.len));
	}
	check_file(buf_bytes(&file));
	return 0;
}
