#include "sync/message.h"

#include <stdlib.h>
#include <string.h>

#include "sync/card.h"
#include "sync/code_run.h"
#include "sync/overlay_message.h"
#include "sync/range.h"
#include "sync/welcome.h"

#define SMALL_MAX 64
#define LIST_MAX (64 * 1024)
#define ACKS_MAX (64 * 1024)
#define ACK_SLOTS_SOUGHT 64
#define VECTOR_MAX (256 * 1024)

#define PEERS_BODY_MAX (256 * 1024)
#define MATCH_MAX (512 * 1024)
#define BATCH_FLAG_END 1
#define FP_FLAG_ANSWER 1
#define FP_FLAG_ACKS 2

void
message_body_max(uint32_t out[static 256])
{
	static const struct {
		uint8_t type;
		uint32_t max;
	} types[] = {
		{ MSG_HELLO, SMALL_MAX },
		{ MSG_CLOSE, SMALL_MAX },
		{ MSG_PING, SMALL_MAX },
		{ MSG_PONG, SMALL_MAX },
		{ MSG_SET, SMALL_MAX },
		{ MSG_TOPICS, LIST_MAX },
		{ MSG_MATCH, MATCH_MAX },
		{ MSG_FP, SMALL_MAX },
		{ MSG_VV, VECTOR_MAX },
		{ MSG_RANGE, 4 + RANGE_BODY_MAX },
		{ MSG_BATCH, MESSAGE_MAX },
		{ MSG_WANT, 4 + WANT_MAX * LK_ID_LEN },
		{ MSG_ACK, 4 * 1024 },
		{ MSG_BUSY, SMALL_MAX },
		{ MSG_ACKS, ACKS_MAX },
		{ MSG_WELCOME, WELCOME_MAX },
		{ MSG_CARD, CARD_MAX },
		{ MSG_PEERS, PEERS_BODY_MAX },
		{ MSG_PUSH, MESSAGE_MAX },
		{ MSG_IHAVE, 4 + IDS_MAX * LK_ID_LEN },
		{ MSG_GRAFT, 4 + IDS_MAX * LK_ID_LEN },
		{ MSG_PRUNE, SMALL_MAX },
		{ MSG_NEIGHBOUR, SMALL_MAX },
		{ MSG_WALK, LIST_MAX },
		{ MSG_SHUFFLED, LIST_MAX },
		{ MSG_CODE_SHARE, SMALL_MAX },
		{ MSG_CODE_SHARE_BACK, SMALL_MAX },
		{ MSG_CODE_CONFIRM, SMALL_MAX },
		{ MSG_CODE_CONFIRM_BACK, SMALL_MAX },
		{ MSG_CODE_KEYS, CODE_KEYS_MAX },
		{ MSG_CODE_KEYS_BACK, CODE_KEYS_MAX },
	};

	for (size_t i = 0; i < 256; i++)
		out[i] = i < MSG_UNKNOWN_MIN ? 0 : LIST_MAX;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		out[types[i].type] = types[i].max;
}

void
hello_encode(struct buf *b, const struct hello *h)
{
	buf_u8(b, h->min);
	buf_u8(b, h->max);
	buf_u64(b, h->caps);
	buf_mem(b, h->incarnation, INCARNATION_LEN);
	buf_u32(b, h->message_max);
	buf_u16(b, h->port);
}

lk_err
hello_decode(struct hello *out, struct bytes in)
{
	struct rd r = rd_over(in);
	struct hello h;

	h.min = rd_u8(&r);
	h.max = rd_u8(&r);
	h.caps = rd_u64(&r);
	rd_copy(&r, h.incarnation, INCARNATION_LEN);
	h.message_max = rd_u32(&r);
	h.port = rd_u16(&r);
	TRY(rd_end(&r, "HELLO"));
	if (h.min > h.max)
		return LK_ERR(LK_E_MALFORMED, "HELLO versions");
	*out = h;
	return LK_NONE;
}

lk_err
hello_meet(struct hello *out, struct bytes in)
{
	TRY(hello_decode(out, in));
	return out->min > PROTOCOL_VERSION || out->max < PROTOCOL_VERSION
	    ? LK_ERR(LK_E_VERSION, "no common version")
	    : LK_NONE;
}

void
topic_set_encode(struct buf *b, const struct topic_set *s)
{
	buf_u32(b, s->count);
	buf_mem(b, s->hash, FP_LEN);
}

lk_err
topic_set_decode(struct topic_set *out, struct bytes in)
{
	struct rd r = rd_over(in);
	struct topic_set s = { .count = rd_u32(&r) };

	rd_copy(&r, s.hash, FP_LEN);
	TRY(rd_end(&r, "SET"));
	*out = s;
	return LK_NONE;
}

void
topic_list_encode(struct buf *b, const struct topic_list *l)
{
	buf_u8(b, l->last);
	buf_mem(b, l->hashes, l->len * ANNOUNCE_LEN);
}

lk_err
topic_list_decode(struct topic_list *out, struct bytes in)
{
	struct rd r = rd_over(in);
	uint8_t last = rd_u8(&r);

	if (r.failed)
		return LK_ERR(LK_E_TRUNCATED, "TOPICS");
	if (last > 1 || r.left.len % (ANNOUNCE_LEN * TOPIC_LIST_PAD) != 0)
		return LK_ERR(LK_E_MALFORMED, "TOPICS");
	if (r.left.len / ANNOUNCE_LEN > TOPIC_LIST_MAX)
		return LK_ERR(LK_E_LIMIT, "TOPICS");
	*out = (struct topic_list){ .last = last == 1,
		.hashes = r.left.ptr,
		.len = r.left.len / ANNOUNCE_LEN };
	return LK_NONE;
}

lk_err
match_decode(struct match *out, struct bytes in)
{
	struct rd r = rd_over(in);
	uint32_t before = 0;
	size_t n = 0;

	if (in.len % 4 != 0)
		return LK_ERR(LK_E_TRUNCATED, "MATCH");
	for (; r.left.len > 0; n++) {
		uint32_t index = rd_u32(&r);

		if (n > 0 && index <= before)
			return LK_ERR(LK_E_MALFORMED, "MATCH order");
		before = index;
	}
	*out = (struct match){ .indexes = rd_over(in), .len = n };
	return LK_NONE;
}

void
fp_range_encode(struct buf *b, const struct fp_range *f)
{
	buf_u8(b,
	    (uint8_t)((f->answer ? FP_FLAG_ANSWER : 0) |
		(f->acks ? FP_FLAG_ACKS : 0)));
	buf_u32(b, f->first);
	buf_u32(b, f->last);
	buf_u64(b, f->count);
	buf_mem(b, f->hash, FP_LEN);
}

lk_err
fp_range_decode(struct fp_range *out, struct bytes in)
{
	struct rd r = rd_over(in);
	uint8_t flags = rd_u8(&r);
	struct fp_range f = { .answer = (flags & FP_FLAG_ANSWER) != 0,
		.acks = (flags & FP_FLAG_ACKS) != 0 };

	f.first = rd_u32(&r);
	f.last = rd_u32(&r);
	f.count = rd_u64(&r);
	rd_copy(&r, f.hash, FP_LEN);
	TRY(rd_end(&r, "FP"));
	if (flags > (FP_FLAG_ANSWER | FP_FLAG_ACKS) || f.first > f.last)
		return LK_ERR(LK_E_MALFORMED, "FP");
	*out = f;
	return LK_NONE;
}

void
version_vector_encode(struct buf *b, uint32_t topic, bool answer)
{
	buf_u32(b, topic);
	buf_u8(b, answer);
}

void
version_entry_encode(struct buf *b, const struct version_entry *e)
{
	buf_mem(b, e->tag, LK_TOPIC_LEN);
	buf_uleb(b, e->seq);
	buf_mem(b, e->prefix, ID_PREFIX_LEN);
}

bool
version_entry_next(struct version_vector *v, struct version_entry *out)
{
	struct version_entry e;

	if (v->entries.left.len == 0)
		return false;
	rd_copy(&v->entries, e.tag, LK_TOPIC_LEN);
	e.seq = rd_uleb(&v->entries);
	rd_copy(&v->entries, e.prefix, ID_PREFIX_LEN);
	if (v->entries.failed)
		return false;
	*out = e;
	return true;
}

lk_err
version_vector_decode(struct version_vector *out, struct bytes in)
{
	struct rd r = rd_over(in);
	struct version_vector v = { .topic = rd_u32(&r) }, walk;
	struct version_entry e, before = { .seq = 0 };
	uint8_t flags = rd_u8(&r);

	if (r.failed)
		return LK_ERR(LK_E_TRUNCATED, "VV");
	if (flags > 1)
		return LK_ERR(LK_E_MALFORMED, "VV flags");
	v.answer = flags == 1;
	v.entries = r;
	walk = v;
	while (version_entry_next(&walk, &e)) {
		if (e.seq == 0 ||
		    (before.seq > 0 &&
			memcmp(before.tag, e.tag, LK_TOPIC_LEN) >= 0))
			return LK_ERR(LK_E_MALFORMED, "VV order");
		before = e;
	}
	TRY(rd_end(&walk.entries, "VV"));
	*out = v;
	return LK_NONE;
}

void
range_message_encode(struct buf *b, const struct range_message *m)
{
	buf_u32(b, m->topic);
	buf_add(b, m->ranges);
}

lk_err
range_message_decode(struct range_message *out, struct bytes in)
{
	struct rd r = rd_over(in);
	uint32_t topic = rd_u32(&r);

	if (r.failed)
		return LK_ERR(LK_E_TRUNCATED, "RANGE");
	TRY(range_check(r.left));
	*out = (struct range_message){ .topic = topic, .ranges = r.left };
	return LK_NONE;
}

void
batch_encode(struct buf *b, uint32_t topic, bool end)
{
	buf_u32(b, topic);
	buf_u8(b, end ? BATCH_FLAG_END : 0);
}

lk_err
batch_decode(struct batch *out, struct bytes in)
{
	struct rd r = rd_over(in);
	uint32_t topic = rd_u32(&r);
	uint8_t flags = rd_u8(&r);

	if (r.failed)
		return LK_ERR(LK_E_TRUNCATED, "BATCH");
	if (flags > BATCH_FLAG_END)
		return LK_ERR(LK_E_MALFORMED, "BATCH flags");
	*out = (struct batch){ .topic = topic, .end = flags != 0, .items = r };
	return LK_NONE;
}

/* Items: protocol section 6.2. */
#define ITEM_NEW_SLOT 1
#define ITEM_PLACE 2
#define ITEM_ETAG 4
#define ITEM_KEYS 8

void
item_state_clear(struct item_state *s)
{
	free(s->slots);
	free(s->by_tag);
	*s = (struct item_state){ 0 };
}

/* Where a tag is in by_tag, or belongs: a peer chooses the tags, so what finds
 * them may not be slow for any choice. */
static bool
item_slot_find(const struct item_state *s, const uint8_t *tag, size_t *place)
{
	size_t low = 0, high = s->len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = memcmp(s->slots[s->by_tag[mid]].tag, tag, LK_TOPIC_LEN);

		if (c == 0) {
			*place = mid;
			return true;
		}
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*place = low;
	return false;
}

/* Doubles the arrays when the length is a power of two, or zero. */
static lk_err
item_slots_grow(struct item_state *s)
{
	size_t cap = s->len == 0 ? 1 : s->len * 2;
	struct item_slot *slots;
	uint32_t *by_tag;

	if (s->len == ITEM_SLOTS_MAX)
		return LK_ERR(LK_E_LIMIT, "BATCH slots");
	if ((s->len & (s->len - 1)) != 0)
		return LK_NONE;
	slots = reallocarray(s->slots, cap, sizeof(*slots));
	if (slots == NULL)
		return LK_ERR(LK_E_NOMEM, "BATCH slots");
	s->slots = slots;
	by_tag = reallocarray(s->by_tag, cap, sizeof(*by_tag));
	if (by_tag == NULL)
		return LK_ERR(LK_E_NOMEM, "BATCH slots");
	s->by_tag = by_tag;
	return LK_NONE;
}

/* A new slot, at that place among the tags. */
static lk_err
item_slot_add(
    struct item_state *s, const uint8_t *tag, size_t place, size_t *at)
{
	TRY(item_slots_grow(s));
	memmove(s->by_tag + place + 1, s->by_tag + place,
	    (s->len - place) * sizeof(*s->by_tag));
	s->by_tag[place] = (uint32_t)s->len;
	*at = s->len++;
	s->slots[*at] = (struct item_slot){ .seq = 0 };
	memcpy(s->slots[*at].tag, tag, LK_TOPIC_LEN);
	return LK_NONE;
}

static void
item_noted(struct item_state *s, size_t slot, const struct envelope *e)
{
	s->slots[slot].seq = e->seq;
	memcpy(s->slots[slot].last, e->id, LK_ID_LEN);
	memcpy(s->etag, e->etag, LK_TOPIC_LEN);
	s->has_etag = true;
}

lk_err
item_encode(struct buf *b, struct item_state *s, const struct envelope *e)
{
	struct bytes rest = BYTES(
	    e->all.ptr + ENVELOPE_HEADER_LEN, e->all.len - ENVELOPE_HEADER_LEN);
	uint8_t flags = 0;
	size_t slot, place;

	if (item_slot_find(s, e->tag, &place)) {
		slot = s->by_tag[place];
	} else {
		TRY(item_slot_add(s, e->tag, place, &slot));
		flags |= ITEM_NEW_SLOT;
	}
	if (s->slots[slot].seq == 0 || s->slots[slot].seq + 1 != e->seq ||
	    memcmp(s->slots[slot].last, e->prev, LK_ID_LEN) != 0)
		flags |= ITEM_PLACE;
	if (!s->has_etag || memcmp(s->etag, e->etag, LK_TOPIC_LEN) != 0)
		flags |= ITEM_ETAG;
	if (e->key_section.len > 0)
		flags |= ITEM_KEYS;
	buf_u8(b, flags);
	buf_uleb(b, slot);
	if (flags & ITEM_NEW_SLOT)
		buf_mem(b, e->tag, LK_TOPIC_LEN);
	if (flags & ITEM_PLACE) {
		buf_uleb(b, e->seq);
		if (e->seq > 1)
			buf_mem(b, e->prev, LK_ID_LEN);
	}
	if (flags & ITEM_ETAG)
		buf_mem(b, e->etag, LK_TOPIC_LEN);
	buf_mem(b, e->salt, sizeof(e->salt));
	buf_counted(b, rest);
	item_noted(s, slot, e);
	return LK_NONE;
}

/* The slot an item belongs to; a new one is added. */
static lk_err
item_slot_read(struct rd *r, struct item_state *s, uint8_t flags, size_t *slot)
{
	uint64_t number = rd_uleb(r);
	uint8_t tag[LK_TOPIC_LEN];
	size_t place;

	if ((flags & ITEM_NEW_SLOT) == 0) {
		if (r->failed || number >= s->len)
			return LK_ERR(LK_E_MALFORMED, "BATCH slot");
		*slot = (size_t)number;
		return LK_NONE;
	}
	rd_copy(r, tag, LK_TOPIC_LEN);
	if (r->failed || number != s->len || item_slot_find(s, tag, &place))
		return LK_ERR(LK_E_MALFORMED, "BATCH slot");
	return item_slot_add(s, tag, place, slot);
}

lk_err
item_decode(struct rd *r, struct item_state *s,
    const uint8_t topic[static LK_TOPIC_LEN], struct arena *arena,
    struct bytes *out)
{
	uint8_t flags = rd_u8(r), etag[LK_TOPIC_LEN], salt[8];
	uint8_t prev[LK_ID_LEN] = { 0 };
	struct envelope_parts parts = { .topic = topic,
		.etag = etag,
		.prev = prev,
		.salt = salt,
		.key_section = (flags & ITEM_KEYS) != 0 };
	struct envelope header = { 0 };
	size_t slot;

	if (r->failed || flags > 15)
		return LK_ERR(LK_E_MALFORMED, "BATCH item");
	TRY(item_slot_read(r, s, flags, &slot));
	if (flags & ITEM_PLACE) {
		parts.seq = rd_uleb(r);
		if (parts.seq > 1)
			rd_copy(r, prev, LK_ID_LEN);
	} else {
		parts.seq = s->slots[slot].seq + 1;
		memcpy(prev, s->slots[slot].last, LK_ID_LEN);
		if (parts.seq == 1)
			return LK_ERR(LK_E_MALFORMED, "BATCH seq");
	}
	if (flags & ITEM_ETAG)
		rd_copy(r, etag, LK_TOPIC_LEN);
	else if (s->has_etag)
		memcpy(etag, s->etag, LK_TOPIC_LEN);
	else
		return LK_ERR(LK_E_MALFORMED, "BATCH etag");
	rd_copy(r, salt, sizeof(salt));
	parts.rest = rd_counted(r);
	parts.tag = s->slots[slot].tag;
	if (r->failed || parts.seq == 0)
		return LK_ERR(LK_E_MALFORMED, "BATCH item");
	TRY(envelope_rebuild(out, arena, &parts));
	envelope_id(header.id, *out);
	header.seq = parts.seq;
	memcpy(header.etag, etag, LK_TOPIC_LEN);
	item_noted(s, slot, &header);
	return LK_NONE;
}

void
want_encode(struct buf *b, const struct want *w)
{
	buf_u32(b, w->topic);
	buf_mem(b, w->ids, w->len * LK_ID_LEN);
}

lk_err
want_decode(struct want *out, struct bytes in)
{
	struct rd r = rd_over(in);
	uint32_t topic = rd_u32(&r);

	if (r.failed || r.left.len == 0 || r.left.len % LK_ID_LEN != 0)
		return LK_ERR(LK_E_TRUNCATED, "WANT");
	if (r.left.len == 0)
		return LK_ERR(LK_E_MALFORMED, "WANT nothing");
	if (r.left.len / LK_ID_LEN > WANT_MAX)
		return LK_ERR(LK_E_LIMIT, "WANT");
	*out = (struct want){
		.topic = topic, .ids = r.left.ptr, .len = r.left.len / LK_ID_LEN
	};
	return LK_NONE;
}

void
busy_encode(struct buf *b, const struct busy *m)
{
	buf_u32(b, m->topic);
	buf_u32(b, m->ms);
}

lk_err
busy_decode(struct busy *out, struct bytes in)
{
	struct rd r = rd_over(in);
	struct busy m = { .topic = rd_u32(&r) };

	m.ms = rd_u32(&r);
	TRY(rd_end(&r, "BUSY"));
	*out = m;
	return LK_NONE;
}

lk_err
ack_decode(struct ack *out, struct bytes in)
{
	struct rd r = rd_over(in);
	struct ack a = { .topic = rd_u32(&r) };

	a.said = a.clear = r.left;
	rd_copy(&r, a.tag, LK_TOPIC_LEN);
	rd_copy(&r, a.incarnation, INCARNATION_LEN);
	a.counter = rd_u64(&r);
	rd_copy(&r, a.etag, LK_TOPIC_LEN);
	a.clear.len -= r.left.len;
	rd_copy(&r, a.nonce, sizeof(a.nonce));
	a.sealed = rd_take(&r, r.left.len);
	/* u8 n, n ids, a signature. */
	if (r.failed || a.sealed.len < 1 + SIGN_LEN + SEAL_TAG_LEN ||
	    (a.sealed.len - 1 - SIGN_LEN - SEAL_TAG_LEN) % LK_ID_LEN != 0)
		return LK_ERR(LK_E_TRUNCATED, "ACK");
	*out = a;
	return LK_NONE;
}

void
acks_entry_encode(struct buf *b, uint64_t *next, uint32_t topic,
    uint64_t counter, size_t heads)
{
	buf_uleb(b, topic - *next);
	buf_uleb(b, counter);
	buf_u8(b, (uint8_t)heads);
	*next = (uint64_t)topic + 1;
}

void
acks_head_encode(struct buf *b, const struct item_state *out,
    const uint8_t id[static LK_ID_LEN])
{
	for (size_t i = 0; i < out->len && i < ACK_SLOTS_SOUGHT; i++)
		if (memcmp(out->slots[i].last, id, LK_ID_LEN) == 0) {
			buf_uleb(b, i + 1);
			return;
		}
	buf_uleb(b, 0);
	buf_mem(b, id, LK_ID_LEN);
}

bool
acks_entry_next(struct acks *m, struct acks_entry *out)
{
	struct rd *r = &m->entries;
	struct acks_entry e = { .topic = 0 };
	uint64_t gap;

	if (r->left.len == 0 || r->failed)
		return false;
	gap = rd_uleb(r);
	e.counter = rd_uleb(r);
	e.len = rd_u8(r);
	if (gap > UINT32_MAX || m->next + gap > UINT32_MAX ||
	    e.len > ACK_HEADS_MAX)
		r->failed = true;
	m->next += gap;
	e.topic = (uint32_t)m->next++;
	e.heads = *r;
	for (size_t i = 0; i < e.len && !r->failed; i++)
		if (rd_uleb(r) == 0)
			(void)rd_take(r, LK_ID_LEN);
	*out = e;
	return !r->failed;
}

lk_err
acks_decode(struct acks *out, struct bytes in)
{
	struct acks walk = { .entries = rd_over(in) };
	struct acks_entry e;

	if (in.len == 0)
		return LK_ERR(LK_E_TRUNCATED, "ACKS");
	while (acks_entry_next(&walk, &e))
		continue;
	TRY(rd_end(&walk.entries, "ACKS"));
	*out = (struct acks){ .entries = rd_over(in) };
	return LK_NONE;
}

lk_err
acks_head_next(struct acks_entry *e, const struct item_state *in,
    uint8_t id[static LK_ID_LEN])
{
	uint64_t slot = rd_uleb(&e->heads);

	if (slot > in->len)
		return LK_ERR(LK_E_MALFORMED, "ACKS slot");
	if (slot == 0)
		rd_copy(&e->heads, id, LK_ID_LEN);
	else
		memcpy(id, in->slots[slot - 1].last, LK_ID_LEN);
	return LK_NONE;
}

void
peer_list_encode(struct buf *b, size_t len)
{
	buf_u8(b, (uint8_t)len);
}

void
peer_entry_encode(struct buf *b, const struct peer_entry *e)
{
	proof_write(b, &e->proof);
	addresses_write(b, &e->addresses);
}

bool
peer_entry_next(struct peer_list *l, struct peer_entry *out)
{
	if (l->entries.left.len == 0 || l->entries.failed)
		return false;
	proof_read(&l->entries, &out->proof);
	addresses_read(&l->entries, &out->addresses);
	return !l->entries.failed;
}

lk_err
peer_list_decode(struct peer_list *out, struct bytes in)
{
	struct rd r = rd_over(in);
	size_t n = rd_u8(&r);
	struct peer_list l = { .entries = r, .len = n }, walk = l;
	struct peer_entry e;
	size_t seen = 0;

	if (r.failed)
		return LK_ERR(LK_E_TRUNCATED, "PEERS");
	if (n > PEER_LIST_MAX)
		return LK_ERR(LK_E_LIMIT, "PEERS");
	while (seen < n && peer_entry_next(&walk, &e))
		seen++;
	TRY(rd_end(&walk.entries, "PEERS"));
	if (seen != n)
		return LK_ERR(LK_E_TRUNCATED, "PEERS");
	*out = l;
	return LK_NONE;
}
