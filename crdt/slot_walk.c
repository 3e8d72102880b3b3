#include <stdlib.h>

#include "crdt/slot.h"

/* The key of a map slot's record: tag, object, and the map key so far. */
#define PREFIX_LEN 9

struct slot_member {
	struct doc_key record;
	struct buf key;
};

/* Slots whose long keys begin alike: their records are in order of hashes. */
struct slot_group {
	struct slot_member *members;
	size_t len, at;
};

static void
group_free(struct slot_group *g)
{
	for (size_t i = 0; g != NULL && i < g->len; i++)
		buf_clear(&g->members[i].key);
	if (g != NULL)
		free(g->members);
	free(g);
}

void
slot_cursor_clear(struct slot_cursor *c)
{
	group_free(c->group);
	buf_clear(&c->key);
	*c = (struct slot_cursor){ 0 };
}

static int
member_compare(const void *a, const void *b)
{
	const struct slot_member *x = a, *y = b;

	return bytes_compare(buf_bytes(&x->key), buf_bytes(&y->key));
}

/* The record after c->at, if it is of this object. */
static lk_err
cursor_move(struct doc *doc, uint64_t obj, struct slot_cursor *c)
{
	struct doc_key prefix;
	struct bytes found, record;

	doc_key_start(&prefix, RECORD_MAP_SLOT);
	doc_key_u64(&prefix, obj);
	if (c->at.len == 0)
		c->at = prefix;
	else
		doc_key_u8(&c->at, 0);
	TRY(kv_seek(
	    doc->kv, KV_FIRST_GE, doc_key_view(&c->at), &found, &record));
	if (found.len < prefix.len ||
	    memcmp(found.ptr, prefix.ptr, prefix.len) != 0)
		return LK_ERR(LK_E_NOTFOUND, "map key");
	/* Longer ones would leave no room to step on. */
	if (found.len > PREFIX_LEN + SLOT_KEY_NEAR + LK_ID_LEN)
		return LK_ERR(LK_E_CORRUPT, "key of a slot's record");
	c->at.len = 0;
	doc_key_bytes(&c->at, found);
	return LK_NONE;
}

static lk_err
slot_at(struct doc *doc, uint64_t obj, const struct doc_key *at, struct slot *s)
{
	struct bytes record;

	*s = (struct slot){ .obj = obj, .in_map = true, .key = *at };
	TRY(doc_record(doc, at, &record));
	return slot_decode(doc, s, record);
}

static bool
is_long(const struct doc_key *k)
{
	return k->len > PREFIX_LEN + SLOT_KEY_NEAR;
}

static lk_err
group_add(struct doc *doc, struct slot_group *g, uint64_t obj,
    const struct doc_key *at)
{
	struct slot_member *members, *m;
	uint64_t named_obj;
	struct slot s;

	TRY(slot_at(doc, obj, at, &s));
	members = reallocarray(g->members, g->len + 1, sizeof(*members));
	if (members == NULL)
		return LK_ERR(LK_E_NOMEM, "map keys");
	g->members = members;
	m = &members[g->len++];
	m->record = *at;
	buf_init(&m->key, CHANGE_BODY_MAX);
	TRY(slot_key_bytes(doc, s.ref, &named_obj, &m->key));
	if (named_obj != obj || m->key.len <= SLOT_KEY_NEAR)
		return LK_ERR(LK_E_CORRUPT, "long map key");
	return LK_NONE;
}

/* Reads all slots whose keys begin as the one at c->at. */
static lk_err
group_read(struct doc *doc, uint64_t obj, struct slot_cursor *c)
{
	struct doc_key first = c->at, last = c->at;

	c->group = calloc(1, sizeof(*c->group));
	if (c->group == NULL)
		return LK_ERR(LK_E_NOMEM, "map keys");
	for (;;) {
		lk_err err;

		TRY(group_add(doc, c->group, obj, &c->at));
		last = c->at;
		err = cursor_move(doc, obj, c);
		if (err.code != LK_OK && err.code != LK_E_NOTFOUND)
			return err;
		if (err.code == LK_E_NOTFOUND || !is_long(&c->at) ||
		    memcmp(c->at.ptr, first.ptr, PREFIX_LEN + SLOT_KEY_NEAR) !=
			0)
			break;
	}
	c->at = last;
	qsort(c->group->members, c->group->len, sizeof(struct slot_member),
	    member_compare);
	return LK_NONE;
}

lk_err
slot_next_key(
    struct doc *doc, uint64_t obj, struct slot_cursor *c, struct slot *s)
{
	struct slot_group *g = c->group;

	if (g != NULL && g->at == g->len) {
		group_free(g);
		g = c->group = NULL;
	}
	if (g == NULL) {
		TRY(cursor_move(doc, obj, c));
		if (is_long(&c->at))
			TRY(group_read(doc, obj, c));
		g = c->group;
	}
	c->key.max = CHANGE_BODY_MAX;
	buf_reset(&c->key);
	if (g == NULL) {
		buf_mem(
		    &c->key, c->at.ptr + PREFIX_LEN, c->at.len - PREFIX_LEN);
		TRY(buf_err(&c->key, "map key"));
		return slot_at(doc, obj, &c->at, s);
	}
	buf_add(&c->key, buf_bytes(&g->members[g->at].key));
	TRY(buf_err(&c->key, "map key"));
	return slot_at(doc, obj, &g->members[g->at++].record, s);
}
