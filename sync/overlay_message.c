#include "sync/overlay_message.h"

lk_err
push_decode(struct push *out, struct bytes in)
{
	struct rd r = rd_over(in);
	uint32_t topic = rd_u32(&r);

	if (r.failed)
		return LK_ERR(LK_E_TRUNCATED, "PUSH");
	*out = (struct push){ .topic = topic, .items = r };
	return LK_NONE;
}

void
id_list_encode(struct buf *b, uint32_t topic, struct bytes ids)
{
	buf_u32(b, topic);
	buf_add(b, ids);
}

static lk_err
id_list_decode(
    struct id_list *out, struct bytes in, size_t least, const char *what)
{
	struct rd r = rd_over(in);
	uint32_t topic = rd_u32(&r);
	size_t len = r.left.len / LK_ID_LEN;

	if (r.failed || r.left.len % LK_ID_LEN != 0 || len < least)
		return LK_ERR(LK_E_TRUNCATED, what);
	if (len > IDS_MAX)
		return LK_ERR(LK_E_LIMIT, what);
	*out =
	    (struct id_list){ .topic = topic, .ids = r.left.ptr, .len = len };
	return LK_NONE;
}

lk_err
ihave_decode(struct id_list *out, struct bytes in)
{
	return id_list_decode(out, in, 1, "IHAVE");
}

lk_err
graft_decode(struct id_list *out, struct bytes in)
{
	return id_list_decode(out, in, 0, "GRAFT");
}

lk_err
prune_decode(uint32_t *topic, struct bytes in)
{
	struct rd r = rd_over(in);
	uint32_t n = rd_u32(&r);

	TRY(rd_end(&r, "PRUNE"));
	*topic = n;
	return LK_NONE;
}

void
neighbour_encode(struct buf *b, uint32_t topic, enum neighbour_word word)
{
	buf_u32(b, topic);
	buf_u8(b, (uint8_t)word);
}

lk_err
neighbour_decode(uint32_t *topic, enum neighbour_word *word, struct bytes in)
{
	struct rd r = rd_over(in);
	uint32_t n = rd_u32(&r);
	uint8_t said = rd_u8(&r);

	TRY(rd_end(&r, "NEIGHBOUR"));
	if (said < NEIGHBOUR_JOIN || said > NEIGHBOUR_DONE)
		return LK_ERR(LK_E_MALFORMED, "NEIGHBOUR");
	*topic = n;
	*word = (enum neighbour_word)said;
	return LK_NONE;
}

/* "u8 n, entries" to the end. */
static lk_err
entries_decode(
    struct peer_list *out, struct bytes in, size_t least, const char *what)
{
	struct peer_list peers;

	TRY(peer_list_decode(&peers, in));
	if (peers.len < least)
		return LK_ERR(LK_E_MALFORMED, what);
	if (peers.len > WALK_ENTRIES_MAX)
		return LK_ERR(LK_E_LIMIT, what);
	*out = peers;
	return LK_NONE;
}

void
walk_encode(struct buf *b, const struct walk *w, struct bytes entries)
{
	buf_u32(b, w->topic);
	buf_u8(b, (uint8_t)w->kind);
	buf_u8(b, w->hops);
	buf_mem(b, w->id, WALK_ID_LEN);
	peer_list_encode(b, w->peers.len);
	buf_add(b, entries);
}

lk_err
walk_decode(struct walk *out, struct bytes in)
{
	struct rd r = rd_over(in);
	struct walk w = { .topic = rd_u32(&r) };
	uint8_t kind = rd_u8(&r);

	w.hops = rd_u8(&r);
	rd_copy(&r, w.id, WALK_ID_LEN);
	if (r.failed)
		return LK_ERR(LK_E_TRUNCATED, "WALK");
	if (kind < WALK_NEWCOMER || kind > WALK_SHUFFLE)
		return LK_ERR(LK_E_MALFORMED, "WALK");
	if (w.hops > WALK_HOPS_MAX)
		return LK_ERR(LK_E_LIMIT, "WALK");
	w.kind = (enum walk_kind)kind;
	TRY(entries_decode(&w.peers, r.left, 1, "WALK"));
	*out = w;
	return LK_NONE;
}

void
shuffled_encode(struct buf *b, const struct walk *w, struct bytes entries)
{
	buf_u32(b, w->topic);
	buf_mem(b, w->id, WALK_ID_LEN);
	peer_list_encode(b, w->peers.len);
	buf_add(b, entries);
}

lk_err
shuffled_decode(struct walk *out, struct bytes in)
{
	struct rd r = rd_over(in);
	struct walk w = { .topic = rd_u32(&r) };

	rd_copy(&r, w.id, WALK_ID_LEN);
	if (r.failed)
		return LK_ERR(LK_E_TRUNCATED, "SHUFFLED");
	TRY(entries_decode(&w.peers, r.left, 0, "SHUFFLED"));
	*out = w;
	return LK_NONE;
}
