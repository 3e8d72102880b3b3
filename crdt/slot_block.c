#include <stdlib.h>
#include <string.h>

#include "crdt/slot.h"

static uint64_t
block_number(uint64_t elem)
{
	return (uint64_t)id_actor(elem) << 32 | id_ctr(elem) / SLOTS_IN_BLOCK;
}

static uint8_t
block_place(uint64_t elem)
{
	return (uint8_t)(id_ctr(elem) % SLOTS_IN_BLOCK);
}

static void
block_key(struct doc_key *k, uint64_t number)
{
	doc_key_start(k, RECORD_ELEM_SLOTS);
	doc_key_u64(k, number);
}

static lk_err
block_save(struct doc *doc, struct cached *cached)
{
	const struct slot_block *block = (const struct slot_block *)cached;
	struct buf *b = doc_encode(doc);
	struct doc_key k;

	for (size_t i = 0; i < SLOTS_IN_BLOCK; i++) {
		size_t len = (size_t)(block->at[i + 1] - block->at[i]);

		if (len == 0)
			continue;
		buf_u8(b, (uint8_t)i);
		buf_counted(b, BYTES(block->bytes.ptr + block->at[i], len));
	}
	block_key(&k, cached->key);
	return doc_write(doc, &k);
}

static void
block_drop(struct cached *cached)
{
	struct slot_block *block = (struct slot_block *)cached;

	buf_clear(&block->bytes);
	free(block);
}

const struct cache_kind slot_cache = { .save = block_save, .drop = block_drop };

static lk_err
block_decode(struct slot_block *block, struct bytes record)
{
	const lk_err damaged = LK_ERR(LK_E_CORRUPT, "block of slots");
	struct rd r = rd_over(record);
	size_t next = 0;

	while (r.left.len > 0) {
		uint8_t place = rd_u8(&r);
		struct bytes slot = rd_counted(&r);

		if (r.failed || place < next || place >= SLOTS_IN_BLOCK ||
		    slot.len == 0 || slot.len > SLOT_BYTES_MAX)
			return damaged;
		for (; next <= place; next++)
			block->at[next] = (uint16_t)block->bytes.len;
		buf_add(&block->bytes, slot);
	}
	for (; next <= SLOTS_IN_BLOCK; next++)
		block->at[next] = (uint16_t)block->bytes.len;
	return buf_err(&block->bytes, "block of slots");
}

static lk_err
block_fill(struct doc *doc, struct slot_block *block, uint64_t number)
{
	struct doc_key k;
	struct bytes record;
	lk_err err;

	buf_init(&block->bytes, SLOTS_IN_BLOCK * SLOT_BYTES_MAX);
	block_key(&k, number);
	err = kv_get(doc->kv, doc_key_view(&k), &record);
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	return block_decode(block, record);
}

static lk_err
block_load(struct doc *doc, uint64_t elem, struct slot_block **out)
{
	uint64_t number = block_number(elem);
	struct cached *c = doc_cache_find(&doc->slots, number);
	struct slot_block *block;
	lk_err err;

	if (c != NULL) {
		*out = (struct slot_block *)c;
		return LK_NONE;
	}
	block = calloc(1, sizeof(*block));
	if (block == NULL)
		return LK_ERR(LK_E_NOMEM, "block of slots");
	err = block_fill(doc, block, number);
	if (err.code == LK_OK)
		err = doc_cache_add(&doc->slots, number, &block->cached);
	if (err.code != LK_OK) {
		block_drop(&block->cached);
		return err;
	}
	*out = block;
	return LK_NONE;
}

lk_err
slot_block_get(struct doc *doc, uint64_t elem, struct bytes *slot)
{
	uint8_t place = block_place(elem);
	struct slot_block *block;

	TRY(block_load(doc, elem, &block));
	if (block->at[place + 1] == block->at[place])
		return LK_ERR(LK_E_NOTFOUND, "slot");
	*slot = BYTES(block->bytes.ptr + block->at[place],
	    (size_t)(block->at[place + 1] - block->at[place]));
	return LK_NONE;
}

lk_err
slot_block_put(struct doc *doc, uint64_t elem, struct bytes slot)
{
	uint8_t place = block_place(elem);
	struct slot_block *block;
	size_t at, had, behind;

	LK_ASSERT(slot.len > 0 && slot.len <= SLOT_BYTES_MAX);
	TRY(block_load(doc, elem, &block));
	at = block->at[place];
	had = block->at[place + 1] - at;
	behind = block->bytes.len - at - had;
	if (slot.len > had && buf_extend(&block->bytes, slot.len - had) == NULL)
		return buf_err(&block->bytes, "block of slots");
	memmove(block->bytes.ptr + at + slot.len, block->bytes.ptr + at + had,
	    behind);
	memcpy(block->bytes.ptr + at, slot.ptr, slot.len);
	block->bytes.len = at + slot.len + behind;
	for (size_t i = (size_t)place + 1; i <= SLOTS_IN_BLOCK; i++)
		block->at[i] = (uint16_t)(block->at[i] + slot.len - had);
	block->cached.dirty = true;
	return LK_NONE;
}
