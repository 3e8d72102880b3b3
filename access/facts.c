#include <string.h>

#include "access/graph.h"

/* A stored record: what the header and the key section say, then the body as
 * on the wire, its contents empty. */

#define FACTS_PREV 0x01 /* an id of a previous envelope follows */
#define FACTS_KEYS_SHIFT 1
#define FACTS_KEYS_MASK 0x06
#define FACTS_WRONG 0x08 /* a wrong share */

void
facts_encode(struct buf *out, const struct facts *f)
{
	struct body body = *f->body;
	bool first = f->seq == 1;

	buf_u8(out,
	    (uint8_t)((first ? 0 : FACTS_PREV) |
		(f->wrong_share ? FACTS_WRONG : 0) |
		(unsigned)f->keys << FACTS_KEYS_SHIFT));
	buf_mem(out, f->id, LK_ID_LEN);
	if (!first)
		buf_mem(out, f->prev, LK_ID_LEN);
	buf_uleb(out, f->seq);
	buf_mem(out, f->etag, ETAG_LEN);
	if (f->keys != KEYS_NONE) {
		buf_u16(out, f->boxes_len);
		buf_uleb(out, f->shared_len);
		for (size_t i = 0; i < f->shared_len; i++) {
			buf_mem(out, f->shared[i].etag, ETAG_LEN);
			buf_mem(out, f->shared[i].key, ACCESS_KEY_LEN);
		}
		buf_uleb(out, f->links_len);
		for (size_t i = 0; i < f->links_len; i++) {
			buf_mem(out, f->links[i].newer, ETAG_LEN);
			buf_mem(out, f->links[i].older, ETAG_LEN);
		}
	}
	for (size_t i = 0; i < body.ops_len; i++) {
		struct access_op *op = &body.ops[i];

		if (op->kind == OP_CHANGE || op->kind == OP_IMPORT ||
		    op->kind >= OP_NO_EFFECT_MIN)
			op->content.data = (struct bytes){ 0 };
	}
	body_encode(out, &body);
}

static lk_err
shared_decode(struct facts *f, struct arena *arena, struct rd *r)
{
	uint64_t n = rd_uleb(r);
	struct shared_key *shared;

	if (n > EPOCH_BOXES_MAX)
		return LK_ERR(LK_E_LIMIT, "facts shared");
	f->shared_len = (size_t)n;
	if (n == 0)
		return LK_NONE;
	shared = arena_alloc(arena, f->shared_len * sizeof(*shared));
	if (shared == NULL)
		return LK_ERR(LK_E_NOMEM, "facts shared");
	for (size_t i = 0; i < f->shared_len; i++) {
		rd_copy(r, shared[i].etag, ETAG_LEN);
		rd_copy(r, shared[i].key, ACCESS_KEY_LEN);
	}
	f->shared = shared;
	return LK_NONE;
}

static lk_err
links_decode(struct facts *f, struct arena *arena, struct rd *r)
{
	uint64_t n = rd_uleb(r);
	struct key_link *links;

	if (n > EPOCH_LINKS_MAX)
		return LK_ERR(LK_E_LIMIT, "facts links");
	f->links_len = (size_t)n;
	if (n == 0)
		return LK_NONE;
	links = arena_alloc(arena, f->links_len * sizeof(*links));
	if (links == NULL)
		return LK_ERR(LK_E_NOMEM, "facts links");
	for (size_t i = 0; i < f->links_len; i++) {
		rd_copy(r, links[i].newer, ETAG_LEN);
		rd_copy(r, links[i].older, ETAG_LEN);
	}
	f->links = links;
	return LK_NONE;
}

lk_err
facts_decode(
    struct facts *out, struct body *body, struct arena *arena, struct bytes in)
{
	struct rd r = rd_over(in);
	struct facts f = { .body = body };
	uint8_t flags = rd_u8(&r);
	unsigned keys = (unsigned)(flags & FACTS_KEYS_MASK) >> FACTS_KEYS_SHIFT;

	f.wrong_share = (flags & FACTS_WRONG) != 0;
	if (keys > KEYS_SHARE || flags > (FACTS_WRONG << 1) - 1 ||
	    (f.wrong_share && keys != KEYS_SHARE))
		return LK_ERR(LK_E_MALFORMED, "facts key section");
	f.keys = (enum key_section)keys;
	rd_copy(&r, f.id, LK_ID_LEN);
	if (flags & FACTS_PREV)
		rd_copy(&r, f.prev, LK_ID_LEN);
	f.seq = rd_uleb(&r);
	rd_copy(&r, f.etag, ETAG_LEN);
	if (f.keys != KEYS_NONE) {
		f.boxes_len = rd_u16(&r);
		TRY(shared_decode(&f, arena, &r));
		TRY(links_decode(&f, arena, &r));
	}
	if (r.failed)
		return rd_end(&r, "facts");
	if (f.seq == 0 || (f.seq == 1) != !(flags & FACTS_PREV))
		return LK_ERR(LK_E_MALFORMED, "facts seq");
	TRY(body_decode(body, arena, r.left));
	*out = f;
	return LK_NONE;
}
