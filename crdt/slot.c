#include "crdt/slot.h"

#include <stdlib.h>

#include "crdt/code_point.h"
#include "crdt/sequence.h"
#include "crypto/digest.h"

#define KEY_PIECE ((size_t)32 * 1024)

/* First byte of a slot: what lies elsewhere, and what there is. */
#define S_SHOWN_FAR 0x01
#define S_EVENTS_FAR 0x02
#define S_SHOWN 0x04
#define S_EVENTS 0x08
#define S_INCREMENT 0x10
#define S_VOID_OPS 0x20
#define S_ONE_DELETE 0x40 /* the only event assigns and kills */

static void
map_slot_key(struct doc_key *k, uint64_t obj, struct bytes key)
{
	uint8_t hash[SHA256_LEN];

	doc_key_start(k, RECORD_MAP_SLOT);
	doc_key_u64(k, obj);
	if (key.len <= SLOT_KEY_NEAR) {
		doc_key_bytes(k, key);
		return;
	}
	sha256(hash, key);
	doc_key_bytes(k, BYTES(key.ptr, SLOT_KEY_NEAR));
	doc_key_bytes(k, BYTES_OF(hash));
}

static void
slot_name_key(struct doc_key *k, uint64_t number)
{
	doc_key_start(k, RECORD_SLOT_NAME);
	doc_key_u64(k, number);
}

static void
slot_piece_key(struct doc_key *k, uint64_t number, size_t piece)
{
	doc_key_start(k, RECORD_SLOT_KEY);
	doc_key_u64(k, number);
	doc_key_u32(k, (uint32_t)piece);
}

static lk_err
slot_decode_shown(struct doc *doc, struct slot *s, struct rd *r)
{
	s->shown_len = uleb32_get(r);
	if (!s->shown_far && s->shown_len > SLOT_SHOWN_NEAR)
		return LK_ERR(LK_E_CORRUPT, "values shown in a slot");
	for (uint32_t i = 0; !s->shown_far && i < s->shown_len; i++) {
		s->shown[i] = id_get(r);
		TRY(doc_id_check(doc, s->shown[i]));
	}
	return LK_NONE;
}

static lk_err
slot_decode_events(
    struct doc *doc, struct slot *s, struct rd *r, bool one_delete)
{
	s->events_len = one_delete ? 1 : uleb32_get(r);
	if (!s->events_far && s->events_len > SLOT_EVENTS_NEAR)
		return LK_ERR(LK_E_CORRUPT, "events of a slot");
	for (uint32_t i = 0; !s->events_far && i < s->events_len; i++) {
		uint8_t what =
		    one_delete ? EVENT_ASSIGNS | EVENT_KILLS : rd_u8(r);

		s->events[i] = (struct slot_event){ .id = id_get(r),
			.assigns = what & EVENT_ASSIGNS,
			.kills = what & EVENT_KILLS };
		TRY(doc_id_check(doc, s->events[i].id));
	}
	return LK_NONE;
}

lk_err
slot_decode(struct doc *doc, struct slot *s, struct bytes record)
{
	struct rd r = rd_over(record);
	uint8_t flags = rd_u8(&r);

	s->stored = true;
	s->shown_far = flags & S_SHOWN_FAR;
	s->events_far = flags & S_EVENTS_FAR;
	if (s->in_map)
		s->ref = rd_uleb(&r);
	if (flags & S_SHOWN)
		TRY(slot_decode_shown(doc, s, &r));
	if (flags & (S_EVENTS | S_ONE_DELETE))
		TRY(slot_decode_events(doc, s, &r, flags & S_ONE_DELETE));
	if (flags & S_INCREMENT)
		s->last_increment = id_get(&r);
	if (flags & S_VOID_OPS)
		s->void_ops = uleb32_get(&r);
	if (!rd_done(&r))
		return LK_ERR(LK_E_CORRUPT, "record of a slot");
	if (s->in_map && s->ref > doc->head.slots)
		return LK_ERR(LK_E_CORRUPT, "number of a slot");
	if (s->last_increment != 0)
		TRY(doc_id_check(doc, s->last_increment));
	s->shown_before = s->shown_len;
	return LK_NONE;
}

static uint8_t
slot_flags(const struct slot *s)
{
	bool one_delete = !s->events_far && s->events_len == 1 &&
	    s->events[0].assigns && s->events[0].kills;
	uint8_t flags = 0;

	if (s->shown_far)
		flags |= S_SHOWN_FAR;
	if (s->events_far)
		flags |= S_EVENTS_FAR;
	if (s->shown_len > 0)
		flags |= S_SHOWN;
	if (one_delete)
		flags |= S_ONE_DELETE;
	else if (s->events_len > 0)
		flags |= S_EVENTS;
	if (s->last_increment != 0)
		flags |= S_INCREMENT;
	if (s->void_ops > 0)
		flags |= S_VOID_OPS;
	return flags;
}

static void
slot_encode_lists(struct buf *b, const struct slot *s, uint8_t flags)
{
	if (flags & S_SHOWN)
		buf_uleb(b, s->shown_len);
	for (uint32_t i = 0; !s->shown_far && i < s->shown_len; i++)
		id_put(b, s->shown[i]);
	if (flags & S_EVENTS)
		buf_uleb(b, s->events_len);
	for (uint32_t i = 0; !s->events_far && i < s->events_len; i++) {
		const struct slot_event *e = &s->events[i];

		if (flags & S_EVENTS)
			buf_u8(b,
			    (uint8_t)((e->assigns ? EVENT_ASSIGNS : 0) |
				(e->kills ? EVENT_KILLS : 0)));
		id_put(b, e->id);
	}
}

static lk_err
slot_write(struct doc *doc, const struct slot *s)
{
	struct buf *b = doc_encode(doc);
	uint8_t flags = slot_flags(s);

	buf_u8(b, flags);
	if (s->in_map)
		buf_uleb(b, s->ref);
	slot_encode_lists(b, s, flags);
	if (flags & S_INCREMENT)
		id_put(b, s->last_increment);
	if (flags & S_VOID_OPS)
		buf_uleb(b, s->void_ops);
	if (s->in_map)
		return doc_write(doc, &s->key);
	TRY(buf_err(b, "slot"));
	return slot_block_put(doc, s->ref, buf_bytes(b));
}

/* Gives a new map slot its number and remembers which key that is. */
static lk_err
slot_name(struct doc *doc, struct slot *s, struct bytes key)
{
	struct buf *b = doc_encode(doc);
	struct doc_key k;

	s->ref = ++doc->head.slots;
	doc->head_dirty = true;
	id_put(b, s->obj);
	buf_uleb(b, key.len);
	if (key.len <= SLOT_KEY_NEAR)
		buf_add(b, key);
	slot_name_key(&k, s->ref);
	TRY(doc_write(doc, &k));
	if (key.len <= SLOT_KEY_NEAR)
		return LK_NONE;
	for (size_t at = 0, piece = 0; at < key.len; piece++) {
		size_t n = key.len - at < KEY_PIECE ? key.len - at : KEY_PIECE;

		slot_piece_key(&k, s->ref, piece);
		TRY(kv_put(doc->kv, doc_key_view(&k), BYTES(key.ptr + at, n)));
		at += n;
	}
	return LK_NONE;
}

lk_err
slot_key_bytes(struct doc *doc, uint64_t number, uint64_t *obj, struct buf *key)
{
	struct doc_key k;
	struct bytes record;
	struct rd r;
	uint64_t len;

	slot_name_key(&k, number);
	TRY(doc_record(doc, &k, &record));
	r = rd_over(record);
	*obj = id_get(&r);
	len = rd_uleb(&r);
	if (r.failed || len > CHANGE_BODY_MAX)
		return LK_ERR(LK_E_CORRUPT, "name of a slot");
	if (len <= SLOT_KEY_NEAR) {
		buf_add(key, rd_take(&r, (size_t)len));
		if (!rd_done(&r))
			return LK_ERR(LK_E_CORRUPT, "name of a slot");
		return buf_err(key, "map key");
	}
	for (size_t piece = 0; len > 0; piece++) {
		slot_piece_key(&k, number, piece);
		TRY(doc_record(doc, &k, &record));
		if (record.len == 0 || record.len > len)
			return LK_ERR(LK_E_CORRUPT, "long map key");
		buf_add(key, record);
		len -= record.len;
	}
	return buf_err(key, "map key");
}

lk_err
slot_load_key(struct doc *doc, uint64_t obj, struct bytes key, bool create,
    struct slot *s)
{
	struct bytes record;
	lk_err err;

	*s = (struct slot){ .obj = obj, .in_map = true };
	map_slot_key(&s->key, obj, key);
	err = kv_get(doc->kv, doc_key_view(&s->key), &record);
	if (err.code == LK_OK)
		return slot_decode(doc, s, record);
	if (err.code != LK_E_NOTFOUND || !create)
		return err;
	s->dirty = true;
	return slot_name(doc, s, key);
}

lk_err
slot_load_elem(struct doc *doc, uint64_t obj, uint64_t elem, struct slot *s)
{
	struct bytes record;
	struct op_ref op;
	lk_err err;

	*s = (struct slot){ .obj = obj, .ref = elem };
	err = slot_block_get(doc, elem, &record);
	if (err.code == LK_OK)
		return slot_decode(doc, s, record);
	if (err.code != LK_E_NOTFOUND)
		return err;
	TRY(opset_load(doc, elem, &op));
	if (!op.op->insert)
		return LK_ERR(LK_E_CORRUPT, "an element is no insertion");
	if (op_shown(op.op)) {
		s->shown[0] = elem;
		s->shown_len = s->shown_before = 1;
	}
	return LK_NONE;
}

lk_err
slot_load_op(struct doc *doc, const struct stored_op *op, struct slot *s)
{
	uint64_t obj;
	struct buf key;
	lk_err err;

	if (!op->in_map)
		return slot_load_elem(doc, op->obj, op->slot, s);
	buf_init(&key, CHANGE_BODY_MAX);
	err = slot_key_bytes(doc, op->slot, &obj, &key);
	if (err.code == LK_OK && obj != op->obj)
		err = LK_ERR(LK_E_CORRUPT, "object of a slot");
	if (err.code == LK_OK)
		err = slot_load_key(doc, obj, buf_bytes(&key), false, s);
	buf_clear(&key);
	if (err.code == LK_E_NOTFOUND ||
	    (err.code == LK_OK && s->ref != op->slot))
		return LK_ERR(LK_E_CORRUPT, "slot of an op");
	return err;
}

lk_err
slot_load_prop(
    struct doc *doc, const struct object *o, struct prop prop, struct slot *s)
{
	struct seq_place place;

	if (prop.is_key != (o->type == OBJ_MAP))
		return LK_ERR(LK_E_DATA,
		    prop.is_key ? "a key on a sequence" : "an index on a map");
	if (prop.is_key)
		return slot_load_key(doc, o->id, prop.key, false, s);
	TRY(seq_at(doc, o, prop.index, &place));
	return slot_load_elem(doc, o->id, place.elem.id, s);
}

void
slot_glyph(const struct object *o, uint8_t action, const struct value *v,
    struct seq_elem *e)
{
	size_t len;

	e->glyph = GLYPH_OTHER;
	e->width = 1;
	if (o->type != OBJ_TEXT || action != ACTION_SET || v->type != VALUE_STR)
		return;
	e->width = (uint32_t)utf8_count(v->bytes);
	if (e->width == 1)
		e->glyph = code_point_first(v->bytes, &len);
}

/* The same for the winner of a slot. */
static lk_err
winner_glyph(struct doc *doc, const struct object *o, uint64_t winner,
    struct seq_elem *e)
{
	struct value v = { .type = VALUE_NULL };
	BUF_SCOPED text = { .max = CHANGE_BODY_MAX };
	struct op_ref op;

	TRY(opset_load(doc, winner, &op));
	v.type = op.op->type;
	if (o->type == OBJ_TEXT && v.type == VALUE_STR) {
		TRY(opset_bytes(doc, op, &text));
		v.bytes = buf_bytes(&text);
	}
	slot_glyph(o, op.op->action, &v, e);
	return LK_NONE;
}

static lk_err
slot_commit_elem(struct doc *doc, struct slot *s, struct object *o)
{
	struct seq_elem e = { .glyph = GLYPH_HIDDEN };
	struct op_ref elem;
	uint64_t winner;

	TRY(opset_load(doc, s->ref, &elem));
	/* A mark has its place in a text and no width, whatever is put
	 * there. */
	if (elem.op->action == ACTION_MARK)
		return LK_NONE;
	TRY(slot_winner(doc, s, &winner));
	if (winner != 0)
		TRY(winner_glyph(doc, o, winner, &e));
	return seq_show(doc, o, s->ref, e.glyph, e.width);
}

lk_err
slot_commit(struct doc *doc, struct slot *s)
{
	struct object *o;

	if (s->dirty)
		TRY(slot_write(doc, s));
	s->dirty = false;
	if (!s->shown_changed)
		return LK_NONE;
	s->shown_changed = false;
	TRY(object_load(doc, s->obj, &o));
	if ((o->type == OBJ_MAP) != s->in_map)
		return LK_ERR(LK_E_CORRUPT, "kind of a slot");
	if (!s->in_map)
		return slot_commit_elem(doc, s, o);
	if ((s->shown_len > 0) == (s->shown_before > 0))
		return LK_NONE;
	o->shown += s->shown_len > 0 ? 1 : (uint64_t)-1;
	o->cached.dirty = true;
	s->shown_before = s->shown_len;
	return LK_NONE;
}
