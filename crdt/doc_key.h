/*
 * doc_key.h - the keys of a document's records in its kv.
 *
 * A key is one tag byte and fixed-width big-endian numbers, so that records
 * which are walked together sort together.  docs/storage.md lists
 * them all.  Internal to crdt.
 */
#ifndef CRDT_DOC_KEY_H
#define CRDT_DOC_KEY_H

#include <string.h>

#include "base/kv.h"

enum record_tag {
	RECORD_HEADER = 'H',
	RECORD_ACTOR = 'a',      /* number */
	RECORD_ACTOR_ID = 'A',   /* actor bytes */
	RECORD_CHANGE = 'c',     /* number / CHANGES_IN_BLOCK */
	RECORD_HASHES = 'h',     /* first bytes of a hash, number */
	RECORD_CLOCK = 'k',      /* number, piece */
	RECORD_OPS = 'b',        /* actor, counter / BLOCK_OPS */
	RECORD_FAR = 'v',        /* op id, what, piece */
	RECORD_OBJECT = 'o',     /* object id */
	RECORD_NODE = 'n',       /* number */
	RECORD_MAP_SLOT = 'm',   /* object id, map key */
	RECORD_SLOT_NAME = 'M',  /* slot number */
	RECORD_SLOT_KEY = 'l',   /* slot number, piece of a long map key */
	RECORD_ELEM_SLOTS = 'e', /* actor, counter / SLOTS_IN_BLOCK */
	RECORD_SLOT_LIST = 'x',  /* slot, list, member */
};

struct doc_key {
	uint8_t ptr[KV_KEY_MAX];
	size_t len;
};

static inline void
doc_key_start(struct doc_key *k, enum record_tag tag)
{
	k->ptr[0] = (uint8_t)tag;
	k->len = 1;
}

static inline void
doc_key_u8(struct doc_key *k, uint8_t v)
{
	k->ptr[k->len++] = v;
}

static inline void
doc_key_u32(struct doc_key *k, uint32_t v)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		doc_key_u8(k, (uint8_t)(v >> shift));
}

static inline void
doc_key_u64(struct doc_key *k, uint64_t v)
{
	doc_key_u32(k, (uint32_t)(v >> 32));
	doc_key_u32(k, (uint32_t)v);
}

/* The bytes must fit: callers pass what they have bounded. */
static inline void
doc_key_bytes(struct doc_key *k, struct bytes b)
{
	LK_ASSERT(b.len <= sizeof(k->ptr) - k->len);
	if (b.len > 0)
		memcpy(k->ptr + k->len, b.ptr, b.len);
	k->len += b.len;
}

static inline struct bytes
doc_key_view(const struct doc_key *k)
{
	return BYTES(k->ptr, k->len);
}

#endif
