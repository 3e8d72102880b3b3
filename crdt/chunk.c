#include <string.h>

#include "crdt/change_body.h"
#include "crdt/deflate.h"
#include "crypto/digest.h"

#define CHUNK_CHECKSUM_LEN 4
/* The type, and a length of at most ten bytes. */
#define CHUNK_HEAD_MAX 11

const uint8_t chunk_magic[CHUNK_MAGIC_LEN] = { 0x85, 0x6f, 0x4a, 0x83 };

void
chunk_hash(
    uint8_t out[static LK_ID_LEN], enum chunk_type type, struct bytes body)
{
	uint8_t head[CHUNK_HEAD_MAX] = { (uint8_t)type };
	uint64_t left = body.len;
	size_t n = 1;
	struct sha256_state h;

	for (; left > 0x7f; left >>= 7)
		head[n++] = (uint8_t)(left | 0x80);
	head[n++] = (uint8_t)left;
	sha256_init(&h);
	sha256_add(&h, BYTES(head, n));
	sha256_add(&h, body);
	sha256_final(&h, out);
}

/* Bytes behind the end of the stream are let pass, as Automerge does: the
 * hash is that of the inflated body. */
static lk_err
chunk_inflate(struct arena *arena, struct bytes deflated, struct bytes *body)
{
	struct inflate_size size;
	uint8_t *at;

	TRY(inflate_measure(&size, deflated, CHANGE_BODY_MAX));
	at = arena_alloc(arena, size.out);
	if (at == NULL)
		return LK_ERR(LK_E_LIMIT, "size of inflated changes");
	TRY(inflate_into(at, deflated, &size));
	*body = BYTES(at, size.out);
	return LK_NONE;
}

static lk_err
chunk_check_type(uint8_t type, size_t len)
{
	switch (type) {
	case CHUNK_DOCUMENT:
	case CHUNK_BUNDLE:
		if (len > DOCUMENT_BODY_MAX)
			return LK_ERR(LK_E_LIMIT, "size of a document");
		return LK_NONE;
	case CHUNK_CHANGE:
	case CHUNK_DEFLATED_CHANGE:
		if (len > CHANGE_BODY_MAX)
			return LK_ERR(LK_E_LIMIT, "size of a change");
		return LK_NONE;
	}
	return LK_ERR(LK_E_MALFORMED, "unknown chunk type");
}

lk_err
chunk_next(struct rd *r, struct arena *arena, struct chunk *out)
{
	struct bytes magic = rd_take(r, CHUNK_MAGIC_LEN);
	struct bytes checksum = rd_take(r, CHUNK_CHECKSUM_LEN);
	uint8_t type = rd_u8(r);
	struct bytes body = rd_counted(r);
	struct chunk c = { .type = CHUNK_CHANGE, .body = body };

	if (magic.len > 0 && memcmp(magic.ptr, chunk_magic, magic.len) != 0)
		return LK_ERR(LK_E_MALFORMED, "no Automerge chunk");
	if (r->failed)
		return rd_end(r, "a chunk");
	TRY(chunk_check_type(type, body.len));
	if (type == CHUNK_DEFLATED_CHANGE)
		TRY(chunk_inflate(arena, body, &c.body));
	else
		c.type = (enum chunk_type)type;
	chunk_hash(c.hash, c.type, c.body);
	if (memcmp(c.hash, checksum.ptr, CHUNK_CHECKSUM_LEN) != 0)
		return LK_ERR(LK_E_MALFORMED, "checksum of a chunk");
	*out = c;
	return LK_NONE;
}

static void
chunk_put(struct buf *b, enum chunk_type type,
    const uint8_t hash[static LK_ID_LEN], struct bytes body)
{
	buf_mem(b, chunk_magic, CHUNK_MAGIC_LEN);
	buf_mem(b, hash, CHUNK_CHECKSUM_LEN);
	buf_u8(b, (uint8_t)type);
	buf_counted(b, body);
}

void
chunk_write(struct buf *b, enum chunk_type type, struct bytes body)
{
	uint8_t hash[LK_ID_LEN];

	LK_ASSERT(type != CHUNK_DEFLATED_CHANGE);
	chunk_hash(hash, type, body);
	chunk_put(b, type, hash, body);
}

void
chunk_write_deflated(
    struct buf *b, const uint8_t hash[static LK_ID_LEN], struct bytes deflated)
{
	chunk_put(b, CHUNK_DEFLATED_CHANGE, hash, deflated);
}
