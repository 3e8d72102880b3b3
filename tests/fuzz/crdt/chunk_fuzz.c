/*
 * Files.  Even first byte: the rest is a file.  Odd: the rest is a list of
 * chunks (type, u16 length, body) that get their magic, length and checksum
 * here, and documents the heads that follow from their changes; 4 for the type
 * is a document that keeps its own.  What is accepted is written as a document
 * that holds the same.
 */
#include <string.h>

#include "crdt/document.h"
#include "crdt/document_read.h"
#include "tests/fuzz/crdt/few_rows.h"
#include "tests/fuzz/crdt/loose_mutate.h"

#define OPS_MAX 10000

#define CHUNK_DOCUMENT_OWN_HEADS 4
#define HEADS_MAX 64

/* The changes of a document, for their heads. */
struct found {
	uint8_t hashes[HEADS_MAX][LK_ID_LEN];
	bool is_head[HEADS_MAX];
	size_t len;
};

static lk_err
find_change(void *ctx, const struct change *c)
{
	struct found *f = ctx;

	if (f->len == HEADS_MAX)
		return LK_ERR(LK_E_LIMIT, "changes of a fuzzer");
	for (size_t d = 0; d < c->deps_len; d++)
		for (size_t i = 0; i < f->len; i++)
			if (memcmp(f->hashes[i], c->deps + d * LK_ID_LEN,
				LK_ID_LEN) == 0)
				f->is_head[i] = false;
	memcpy(f->hashes[f->len], c->hash, LK_ID_LEN);
	f->is_head[f->len++] = true;
	return LK_NONE;
}

/* Appends the heads, or their rows, ascending by hash. */
static void
write_heads(struct buf *out, const struct found *f, bool rows)
{
	const uint8_t *last = NULL;

	for (;;) {
		size_t next = f->len;

		for (size_t i = 0; i < f->len; i++)
			if (f->is_head[i] &&
			    (last == NULL ||
				memcmp(f->hashes[i], last, LK_ID_LEN) > 0) &&
			    (next == f->len ||
				memcmp(f->hashes[i], f->hashes[next],
				    LK_ID_LEN) < 0))
				next = i;
		if (next == f->len)
			return;
		last = f->hashes[next];
		if (rows)
			buf_uleb(out, next);
		else
			buf_mem(out, last, LK_ID_LEN);
	}
}

/* Appends the body with the heads its changes have. */
static void
fix_heads(struct buf *out, struct bytes body)
{
	struct column columns[DOCUMENT_COLUMNS_MAX];
	struct rd r = rd_over(body);
	struct found f = { .len = 0 };
	uint64_t heads = 0, data = 0;
	const uint8_t *at;
	size_t n;

	(void)!document_each(body, find_change, &f).code;
	for (n = rd_uleb(&r) & 1023; n > 0; n--)
		(void)rd_counted(&r);
	buf_mem(out, body.ptr, (size_t)(r.left.ptr - body.ptr));
	(void)rd_take(&r, (rd_uleb(&r) & 1023) * LK_ID_LEN);
	for (size_t i = 0; i < f.len; i++)
		heads += f.is_head[i];
	buf_uleb(out, heads);
	write_heads(out, &f, false);
	at = r.left.ptr;
	for (int t = 0; t < 2 && !r.failed; t++) {
		if (columns_read_meta(&r, columns, DOCUMENT_COLUMNS_MAX, &n)
			.code != LK_OK)
			r.failed = true;
		for (size_t i = 0; i < n && !r.failed; i++)
			data += columns[i].data.len;
	}
	(void)rd_take(&r, data);
	if (r.failed || f.len == 0) {
		buf_reset(out);
		buf_add(out, body);
		return;
	}
	buf_mem(out, at, (size_t)(r.left.ptr - at));
	write_heads(out, &f, true);
}

static void
add_chunk(struct buf *file, uint8_t type, struct bytes body)
{
	uint8_t hash[LK_ID_LEN];
	BUF_SCOPED plain = { 0 };

	buf_init(&plain, DOCUMENT_BODY_MAX);
	if (type == CHUNK_DOCUMENT) {
		fix_heads(&plain, body);
		chunk_write(file, CHUNK_DOCUMENT, buf_bytes(&plain));
		return;
	}
	if (type == CHUNK_DOCUMENT_OWN_HEADS)
		type = CHUNK_DOCUMENT;
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

		add_chunk(&file, type % 5,
		    rd_take(&r, n < r.left.len ? n : r.left.len));
	}
	check_file(buf_bytes(&file));
	return 0;
}

#define CHUNKS_MAX 32

size_t LLVMFuzzerCustomMutator(uint8_t *, size_t, size_t, unsigned);

static size_t
mutate_body(uint8_t type, uint8_t *body, size_t len, size_t max, unsigned seed)
{
	switch (type % 5) {
	case CHUNK_DOCUMENT:
	case CHUNK_DOCUMENT_OWN_HEADS:
		return loose_body_mutate(LOOSE_DOCUMENT, body, len, max, seed);
	case CHUNK_CHANGE:
		return loose_body_mutate(LOOSE_CHANGE, body, len, max, seed);
	default:
		return LLVMFuzzerMutate(body, len, max);
	}
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max, unsigned seed)
{
	uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	struct rd r = rd_over(BYTES(data, len));
	struct {
		uint8_t type;
		struct bytes body;
	} all[CHUNKS_MAX];
	uint8_t body[8192];
	size_t n = 0, i, k;
	BUF_SCOPED out = { .max = max };

	if ((rd_u8(&r) & 1) == 0 || loose_roll(&random, 32) == 0)
		return LLVMFuzzerMutate(data, len, max);
	while (n < CHUNKS_MAX && r.left.len > 3) {
		all[n].type = rd_u8(&r);
		all[n++].body = rd_take(&r, rd_u16(&r));
	}
	if (n == 0 || r.failed)
		return LLVMFuzzerMutate(data, len, max);
	i = loose_roll(&random, n);
	k = loose_roll(&random, n + 1);
	if (loose_roll(&random, 8) == 0) {
		all[i].type = (uint8_t)loose_roll(&random, 5);
	} else if (loose_roll(&random, 8) == 0 && k < n) {
		struct bytes held = all[i].body;

		all[i].body = all[k].body;
		all[k].body = held;
	} else if (all[i].body.len > 0 && all[i].body.len <= sizeof(body)) {
		memcpy(body, all[i].body.ptr, all[i].body.len);
		all[i].body = BYTES(body,
		    mutate_body(all[i].type, body, all[i].body.len,
			sizeof(body), seed));
	}
	buf_u8(&out, 1);
	for (i = 0; i < n; i++) {
		buf_u8(&out, all[i].type);
		buf_u16(&out, (uint16_t)all[i].body.len);
		buf_add(&out, all[i].body);
	}
	if (out.failed)
		return LLVMFuzzerMutate(data, len, max);
	memcpy(data, out.ptr, out.len);
	return out.len;
}
