#include <stdlib.h>

#include "crdt/doc_state.h"

/* First byte of a change in a block: what follows from the one before. */
#define C_VISIBLE 0x01
#define C_SAME_ACTOR 0x02 /* and the next seq */
#define C_NEXT_OP 0x04    /* startOp: behind the ops of the one before */
#define C_ONE_OP 0x08
#define C_OWN_MAX 0x10 /* no ancestor has a greater counter than its ops */
#define C_SAME_CLOCK 0x20

static void
block_key(struct doc_key *k, uint64_t block)
{
	doc_key_start(k, RECORD_CHANGE);
	doc_key_u32(k, (uint32_t)block);
}

static void
change_put(
    struct buf *b, const struct doc_change *c, const struct doc_change *before)
{
	bool actor = c->actor == before->actor && c->seq == before->seq + 1;
	bool next = c->start_op == before->start_op + before->ops;
	bool own = c->past_max_op == c->start_op + c->ops - 1;

	buf_u8(b,
	    (uint8_t)((c->visible ? C_VISIBLE : 0) |
		(actor ? C_SAME_ACTOR : 0) | (next ? C_NEXT_OP : 0) |
		(c->ops == 1 ? C_ONE_OP : 0) | (own ? C_OWN_MAX : 0) |
		(c->clock == before->clock ? C_SAME_CLOCK : 0)));
	buf_mem(b, c->hash, LK_ID_LEN);
	if (!actor) {
		buf_uleb(b, c->actor);
		buf_uleb(b, c->seq);
	}
	if (!next)
		buf_uleb(b, c->start_op);
	if (c->ops != 1)
		buf_uleb(b, c->ops);
	if (!own)
		buf_uleb(b, c->past_max_op);
	if (c->clock != before->clock)
		buf_uleb(b, c->clock);
}

static lk_err
block_save(struct doc *doc, struct cached *cached)
{
	const struct change_block *block = (const struct change_block *)cached;
	struct doc_change before = { 0 };
	struct buf *b = doc_encode(doc);
	struct doc_key k;

	for (size_t i = 0; i < block->len; i++) {
		change_put(b, &block->changes[i], &before);
		before = block->changes[i];
	}
	block_key(&k, cached->key);
	return doc_write(doc, &k);
}

static void
block_drop(struct cached *cached)
{
	struct change_block *block = (struct change_block *)cached;

	free(block);
}

const struct cache_kind change_cache = { .save = block_save,
	.drop = block_drop };

static lk_err
change_get(const struct doc *doc, struct rd *r, struct doc_change *c,
    const struct doc_change *before)
{
	uint8_t flags = rd_u8(r);

	rd_copy(r, c->hash, LK_ID_LEN);
	c->visible = flags & C_VISIBLE;
	c->actor = before->actor;
	c->seq = before->seq + 1;
	if (!(flags & C_SAME_ACTOR)) {
		c->actor = uleb32_get(r);
		c->seq = rd_uleb(r);
	}
	c->start_op =
	    flags & C_NEXT_OP ? before->start_op + before->ops : rd_uleb(r);
	c->ops = flags & C_ONE_OP ? 1 : rd_uleb(r);
	if (r->failed || c->actor >= doc->head.actors)
		return LK_ERR(LK_E_CORRUPT, "record of a change");
	if (c->start_op < 1 || c->start_op > (uint64_t)OP_COUNTER_MAX + 1 ||
	    c->ops > (uint64_t)OP_COUNTER_MAX + 1 - c->start_op)
		return LK_ERR(LK_E_CORRUPT, "ops of a change");
	c->past_max_op =
	    flags & C_OWN_MAX ? c->start_op + c->ops - 1 : rd_uleb(r);
	c->clock = flags & C_SAME_CLOCK ? before->clock : uleb32_get(r);
	if (r->failed || c->clock > doc->head.clocks)
		return LK_ERR(LK_E_CORRUPT, "record of a change");
	return LK_NONE;
}

static lk_err
block_read(struct doc *doc, struct change_block *block, uint32_t number)
{
	uint32_t first = number * CHANGES_IN_BLOCK;
	struct doc_change before = { 0 };
	struct doc_key k;
	struct bytes record;
	struct rd r;

	block_key(&k, number);
	TRY(doc_record(doc, &k, &record));
	r = rd_over(record);
	while (block->len < CHANGES_IN_BLOCK && first < doc->head.changes) {
		struct doc_change *c = &block->changes[block->len];

		TRY(change_get(doc, &r, c, &before));
		before = *c;
		block->len++;
		first++;
	}
	return rd_done(&r) ? LK_NONE
			   : LK_ERR(LK_E_CORRUPT, "record of changes");
}

/* The block of a change; a new one when the change is to be its first. */
static lk_err
block_load(struct doc *doc, uint32_t number, struct change_block **out)
{
	uint32_t at = number / CHANGES_IN_BLOCK;
	struct cached *c = doc_cache_find(&doc->changes, at);
	struct change_block *block;
	lk_err err = LK_NONE;

	if (c != NULL) {
		*out = (struct change_block *)c;
		return LK_NONE;
	}
	block = calloc(1, sizeof(*block));
	if (block == NULL)
		return LK_ERR(LK_E_NOMEM, "block of changes");
	if (number != doc->head.changes || number % CHANGES_IN_BLOCK != 0)
		err = block_read(doc, block, at);
	if (err.code == LK_OK)
		err = doc_cache_add(&doc->changes, at, &block->cached);
	if (err.code != LK_OK) {
		free(block);
		return err;
	}
	*out = block;
	return LK_NONE;
}

/* A change that is there, in its block. */
static lk_err
change_at(struct doc *doc, uint32_t number, struct change_block **block,
    struct doc_change **out)
{
	if (number >= doc->head.changes)
		return LK_ERR(LK_E_CORRUPT, "number of a change");
	TRY(block_load(doc, number, block));
	*out = &(*block)->changes[number % CHANGES_IN_BLOCK];
	return LK_NONE;
}

lk_err
doc_change_load(struct doc *doc, uint32_t number, struct doc_change *out)
{
	struct change_block *block;
	struct doc_change *c;

	TRY(change_at(doc, number, &block, &c));
	*out = *c;
	return LK_NONE;
}

lk_err
doc_change_save(struct doc *doc, uint32_t number, const struct doc_change *in)
{
	struct change_block *block;
	struct doc_change *c;

	TRY(change_at(doc, number, &block, &c));
	*c = *in;
	block->cached.dirty = true;
	return LK_NONE;
}

lk_err
doc_change_add(struct doc *doc, const struct doc_change *c)
{
	uint32_t number = doc->head.changes;
	struct change_block *block;

	if (number == UINT32_MAX)
		return LK_ERR(LK_E_LIMIT, "changes of a document");
	TRY(block_load(doc, number, &block));
	block->changes[block->len++] = *c;
	block->cached.dirty = true;
	TRY(doc_hash_add(doc, c->hash, number));
	TRY(doc_actor_advance(doc, c->actor, c->seq, number + 1));
	doc->head.changes++;
	doc->head_dirty = true;
	return LK_NONE;
}
