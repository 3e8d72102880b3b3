#include <stdlib.h>

#include "crdt/slot.h"

enum slot_list { LIST_SHOWN = 's', LIST_GHOSTS = 'g', LIST_EVENTS = 'e' };

/* What the keys of all members of a list begin with. */
static void
list_key(struct doc_key *k, const struct slot *s, enum slot_list list)
{
	doc_key_start(k, RECORD_SLOT_LIST);
	doc_key_u8(k, s->in_map);
	doc_key_u64(k, s->ref);
	doc_key_u8(k, (uint8_t)list);
}

static void
member_key(struct doc_key *k, const struct slot *s, enum slot_list list,
    uint64_t member)
{
	list_key(k, s, list);
	doc_key_u64(k, member);
}

/*
 * The member next to `from` in a list, upwards (FIRST_GE) or downwards
 * (LAST_LE); NOTFOUND at the end.  *value may be NULL.
 */
static lk_err
list_seek(struct doc *doc, const struct slot *s, enum slot_list list,
    enum kv_seek how, uint64_t *from, uint8_t *value)
{
	struct doc_key prefix, k;
	struct bytes found, record;
	struct rd r;

	list_key(&prefix, s, list);
	member_key(&k, s, list, *from);
	TRY(kv_seek(doc->kv, how, doc_key_view(&k), &found, &record));
	r = rd_over(found);
	if (!bytes_equal(rd_take(&r, prefix.len), doc_key_view(&prefix)))
		return LK_ERR(LK_E_NOTFOUND, "member of a slot's list");
	*from = rd_u64(&r);
	if (!rd_done(&r) || record.len != (value == NULL ? 0 : 1))
		return LK_ERR(LK_E_CORRUPT, "list of a slot");
	if (value != NULL)
		*value = record.ptr[0];
	return LK_NONE;
}

/* All members of a list of ids. */
static lk_err
list_read(struct doc *doc, const struct slot *s, enum slot_list list,
    struct id_list *out)
{
	uint64_t at = 0;

	for (;;) {
		lk_err err = list_seek(doc, s, list, KV_FIRST_GE, &at, NULL);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		TRY(doc_id_check(doc, at));
		TRY(id_list_add(out, at));
		if (at++ == UINT64_MAX)
			return LK_NONE;
	}
}

static lk_err
list_put(struct doc *doc, const struct slot *s, enum slot_list list,
    uint64_t member, struct bytes value)
{
	struct doc_key k;

	member_key(&k, s, list, member);
	return kv_put(doc->kv, doc_key_view(&k), value);
}

static lk_err
list_del(
    struct doc *doc, const struct slot *s, enum slot_list list, uint64_t member)
{
	struct doc_key k;

	member_key(&k, s, list, member);
	return kv_del(doc->kv, doc_key_view(&k));
}

/* Ids come out of records by number; equal counters go by their actors. */
static void
ids_sort(const struct doc *doc, struct id_list *l)
{
	for (size_t i = 1; i < l->len; i++) {
		uint64_t id = l->ids[i];
		size_t j = i;

		for (; j > 0 && doc_id_compare(doc, l->ids[j - 1], id) > 0; j--)
			l->ids[j] = l->ids[j - 1];
		l->ids[j] = id;
	}
}

lk_err
slot_shown(struct doc *doc, const struct slot *s, struct id_list *out)
{
	if (s->shown_far) {
		TRY(list_read(doc, s, LIST_SHOWN, out));
		ids_sort(doc, out);
		return LK_NONE;
	}
	for (uint32_t i = 0; i < s->shown_len; i++)
		TRY(id_list_add(out, s->shown[i]));
	return LK_NONE;
}

lk_err
slot_winner(struct doc *doc, const struct slot *s, uint64_t *out)
{
	uint64_t at = UINT64_MAX, best = 0;

	if (s->shown_len == 0 || !s->shown_far) {
		*out = s->shown_len == 0 ? 0 : s->shown[s->shown_len - 1];
		return LK_NONE;
	}
	for (;;) {
		lk_err err =
		    list_seek(doc, s, LIST_SHOWN, KV_LAST_LE, &at, NULL);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		TRY(doc_id_check(doc, at));
		if (best != 0 && id_ctr(at) != id_ctr(best))
			break;
		if (best == 0 || doc_id_compare(doc, at, best) > 0)
			best = at;
		at--;
	}
	if (best == 0)
		return LK_ERR(LK_E_CORRUPT, "values shown in a slot");
	*out = best;
	return LK_NONE;
}

/* The record is needed as soon as another op than the inserting one joins. */
static void
slot_touch(struct slot *s, uint64_t id)
{
	s->shown_changed = true;
	if (s->in_map || s->stored || id != s->ref)
		s->dirty = true;
}

static lk_err
slot_shown_spill(struct doc *doc, struct slot *s)
{
	for (uint32_t i = 0; i < s->shown_len; i++)
		TRY(list_put(doc, s, LIST_SHOWN, s->shown[i], BYTES(NULL, 0)));
	s->shown_far = true;
	return LK_NONE;
}

lk_err
slot_show(struct doc *doc, struct slot *s, uint64_t id)
{
	uint32_t at = s->shown_len;

	slot_touch(s, id);
	if (s->shown_len == UINT32_MAX)
		return LK_ERR(LK_E_LIMIT, "values shown in a slot");
	if (!s->shown_far && s->shown_len == SLOT_SHOWN_NEAR)
		TRY(slot_shown_spill(doc, s));
	if (s->shown_far) {
		s->shown_len++;
		return list_put(doc, s, LIST_SHOWN, id, BYTES(NULL, 0));
	}
	for (; at > 0 && doc_id_compare(doc, s->shown[at - 1], id) > 0; at--)
		s->shown[at] = s->shown[at - 1];
	s->shown[at] = id;
	s->shown_len++;
	return LK_NONE;
}

lk_err
slot_hide(struct doc *doc, struct slot *s, uint64_t id)
{
	uint32_t at = 0;

	slot_touch(s, id);
	if (s->shown_len == 0)
		return LK_ERR(LK_E_CORRUPT, "values shown in a slot");
	if (s->shown_far) {
		s->shown_len--;
		s->shown_far = s->shown_len > 0;
		return list_del(doc, s, LIST_SHOWN, id);
	}
	while (at < s->shown_len && s->shown[at] != id)
		at++;
	if (at == s->shown_len)
		return LK_ERR(LK_E_CORRUPT, "values shown in a slot");
	s->shown_len--;
	for (; at < s->shown_len; at++)
		s->shown[at] = s->shown[at + 1];
	return LK_NONE;
}

static uint64_t
event_member(uint64_t id)
{
	return (uint64_t)id_actor(id) << 32 | id_ctr(id);
}

static lk_err
event_put(struct doc *doc, const struct slot *s, struct slot_event e)
{
	uint8_t what = (uint8_t)((e.assigns ? EVENT_ASSIGNS : 0) |
	    (e.kills ? EVENT_KILLS : 0));

	return list_put(
	    doc, s, LIST_EVENTS, event_member(e.id), BYTES(&what, 1));
}

lk_err
slot_add_event(struct doc *doc, struct slot *s, struct slot_event e)
{
	s->dirty = true;
	if (s->events_len == UINT32_MAX)
		return LK_ERR(LK_E_LIMIT, "events of a slot");
	if (!s->events_far && s->events_len < SLOT_EVENTS_NEAR) {
		s->events[s->events_len++] = e;
		return LK_NONE;
	}
	for (uint32_t i = 0; !s->events_far && i < s->events_len; i++)
		TRY(event_put(doc, s, s->events[i]));
	s->events_far = true;
	s->events_len++;
	return event_put(doc, s, e);
}

lk_err
slot_last_event(struct doc *doc, const struct slot *s, uint32_t actor,
    uint32_t ctr, struct slot_event *out)
{
	uint64_t at = (uint64_t)actor << 32 | ctr;
	const struct slot_event *best = NULL;
	uint8_t what;

	for (uint32_t i = 0; !s->events_far && i < s->events_len; i++) {
		const struct slot_event *e = &s->events[i];

		if (id_actor(e->id) == actor && id_ctr(e->id) <= ctr &&
		    (best == NULL || e->id > best->id))
			best = e;
	}
	if (best != NULL) {
		*out = *best;
		return LK_NONE;
	}
	if (!s->events_far)
		return LK_ERR(LK_E_NOTFOUND, "event");
	TRY(list_seek(doc, s, LIST_EVENTS, KV_LAST_LE, &at, &what));
	if (at >> 32 != actor)
		return LK_ERR(LK_E_NOTFOUND, "event");
	*out = (struct slot_event){ .id = at << 32 | actor,
		.assigns = what & EVENT_ASSIGNS,
		.kills = what & EVENT_KILLS };
	return doc_id_check(doc, out->id);
}

lk_err
slot_next_actor(struct doc *doc, const struct slot *s, uint32_t *actor)
{
	uint64_t at = (uint64_t)*actor << 32;
	uint32_t best = DOC_NO_ACTOR;
	uint8_t what;

	if (s->events_far) {
		TRY(list_seek(doc, s, LIST_EVENTS, KV_FIRST_GE, &at, &what));
		*actor = (uint32_t)(at >> 32);
		return LK_NONE;
	}
	for (uint32_t i = 0; i < s->events_len; i++) {
		uint32_t of = id_actor(s->events[i].id);

		if (of >= *actor && of < best)
			best = of;
	}
	if (best == DOC_NO_ACTOR)
		return LK_ERR(LK_E_NOTFOUND, "event");
	*actor = best;
	return LK_NONE;
}

lk_err
slot_set_ghost(struct doc *doc, const struct slot *s, uint64_t id, bool ghost)
{
	if (!ghost)
		return list_del(doc, s, LIST_GHOSTS, id);
	return list_put(doc, s, LIST_GHOSTS, id, BYTES(NULL, 0));
}

lk_err
slot_ghosts(struct doc *doc, const struct slot *s, struct id_list *out)
{
	return list_read(doc, s, LIST_GHOSTS, out);
}
