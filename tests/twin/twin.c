#include "tests/twin/twin.h"

void
twin_close(struct twin *t)
{
	doc_free(t->doc);
	kv_memory_free(&t->kv);
	memset(t, 0, sizeof(*t));
}

void
twins_clear(struct twins *s)
{
	for (size_t i = 0; i < TWINS_MAX; i++)
		twin_close(&s->all[i]);
	changes_clear(&s->pool);
	changes_init(&s->pool);
}

lk_err
twin_open(struct twin *t, struct bytes actor)
{
	twin_close(t);
	if (actor.len > sizeof(t->actor))
		return LK_ERR(LK_E_LIMIT, "actor");
	if (actor.len > 0)
		memcpy(t->actor, actor.ptr, actor.len);
	t->actor_len = actor.len;
	TRY(kv_memory_new(&t->kv, DOC_KV_MAX));
	return doc_open(&t->doc, t->kv);
}

static lk_err
pool_add(struct twins *s, const struct change *c, size_t *at)
{
	*at = changes_find(&s->pool, c->hash);
	if (*at < s->pool.len)
		return LK_NONE;
	if (*at == POOL_MAX)
		return LK_ERR(LK_E_LIMIT, "changes of a history");
	return changes_add(&s->pool, c->body);
}

lk_err
twins_read(
    struct twins *s, struct bytes file, size_t *at, size_t max, size_t *n)
{
	struct history h;
	lk_err err = LK_NONE;

	TRY(history_read(&h, file));
	*n = h.changes_len + h.orphans_len;
	if (*n > max)
		err = LK_ERR(LK_E_LIMIT, "changes of a file");
	for (size_t i = 0; i < h.changes_len && err.code == LK_OK; i++)
		err = pool_add(s, &h.changes[i], &at[i]);
	for (size_t i = 0; i < h.orphans_len && err.code == LK_OK; i++)
		err = pool_add(s, &h.orphans[i], &at[h.changes_len + i]);
	history_clear(&h);
	return err;
}

/* Applies what waits and need not any more. */
static lk_err
take_waiting(struct twins *s, struct twin *t, bool *any)
{
	*any = false;
	for (size_t x = 0; x < s->pool.len; x++) {
		lk_err err;

		if (!t->waits[x])
			continue;
		err = doc_apply(t->doc, &s->pool.all[x], true);
		if (err.code == LK_E_WAIT)
			continue;
		t->waits[x] = false;
		TRY(err);
		t->has[x] = *any = true;
	}
	return LK_NONE;
}

lk_err
twin_take(struct twins *s, struct twin *t, size_t change)
{
	bool any = true;

	if (t->has[change])
		return LK_NONE;
	t->waits[change] = true;
	while (any)
		TRY(take_waiting(s, t, &any));
	return LK_NONE;
}

void
twin_heads(const struct twins *s, const struct twin *t, const bool *in,
    struct buf *out)
{
	bool below[POOL_MAX] = { false };
	const struct changes *c = &s->pool;

	if (in == NULL)
		in = t->has;
	for (size_t x = 0; x < c->len; x++)
		for (size_t d = 0; in[x] && d < c->all[x].deps_len; d++)
			below[changes_find(c, c->all[x].deps + d * LK_ID_LEN)] =
			    true;
	for (size_t x = 0; x < c->len; x++)
		if (in[x] && !below[x])
			buf_mem(out, c->all[x].hash, LK_ID_LEN);
	if (out->len > 0)
		qsort(out->ptr, out->len / LK_ID_LEN, LK_ID_LEN, lk_id_compare);
}

size_t
twins_order(const struct twins *s, const bool *in, size_t *order)
{
	bool done[POOL_MAX] = { false };
	size_t n = 0, before;

	do {
		before = n;
		for (size_t x = 0; x < s->pool.len; x++)
			if (in[x] && !done[x] &&
			    change_ready(&s->pool, &s->pool.all[x], done)) {
				done[x] = true;
				order[n++] = x;
			}
	} while (n > before);
	return n;
}

size_t
twin_waiting(const struct twins *s, const struct twin *t)
{
	size_t n = 0;

	for (size_t x = 0; x < s->pool.len; x++)
		n += t->waits[x];
	return n;
}

lk_err
twin_find(const struct twins *s, const struct twin *t, const uint8_t *hash,
    size_t *change)
{
	*change = changes_find(&s->pool, hash);
	return *change < s->pool.len && t->has[*change]
	    ? LK_NONE
	    : LK_ERR(LK_E_NOTFOUND, "change");
}

lk_err
twin_head(const struct twin *t, struct bytes deps, struct bytes actor,
    struct change_head *out)
{
	struct change_head head = { .deps = deps.ptr,
		.deps_len = deps.len / LK_ID_LEN,
		.actor = actor,
		.start_op = 1 };
	lk_err err = doc_actor_seq(t->doc, actor, &head.seq);

	if (err.code != LK_E_NOTFOUND)
		TRY(err);
	head.seq++;
	for (size_t at = 0; at < deps.len; at += LK_ID_LEN) {
		struct doc_change_info info;

		TRY(doc_change(t->doc, deps.ptr + at, &info));
		if (info.past_max_op >= head.start_op)
			head.start_op = info.past_max_op + 1;
	}
	*out = head;
	return LK_NONE;
}

lk_err
twin_made(struct twins *s, struct twin *t, struct bytes body, bool applied,
    struct buf *chunk)
{
	ARENA_SCOPED arena = { 0 };
	struct change c;
	size_t at;

	arena_init(&arena, CHANGE_BODY_MAX);
	TRY(change_decode(&c, &arena, body));
	if (!applied)
		TRY(doc_apply(t->doc, &c, true));
	TRY(pool_add(s, &c, &at));
	t->has[at] = true;
	chunk_write(chunk, CHUNK_CHANGE, body);
	return LK_NONE;
}
