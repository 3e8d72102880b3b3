#include "crdt/edit_at.h"

#include <string.h>

#include "crdt/doc_view.h"
#include "crdt/edit_state.h"

/* What a derived actor's id begins with. */
static const uint8_t derived_mark[] = { 0x13, 0xb2, 0x23, 0x09 };

static lk_err
actor_derive(struct bytes actor, uint32_t level, struct edit_actor *out)
{
	BUF_SCOPED b = { .max = ACTOR_LEN_MAX };

	if (level > 0) {
		buf_add(&b, BYTES_OF(derived_mark));
		buf_uleb(&b, level);
	}
	buf_add(&b, actor);
	TRY(buf_err(&b, "derived actor"));
	out->len = b.len;
	if (b.len > 0)
		memcpy(out->id, b.ptr, b.len);
	return LK_NONE;
}

/* Whether all the changes of the actor are in the past. */
static lk_err
actor_is_free(struct doc *doc, const struct doc_past *past,
    struct edit_actor *actor, bool *is)
{
	const struct clock *clock = past->clock;
	struct doc_actor *a;
	uint32_t number, have;
	lk_err err;

	actor->seq = 1;
	*is = true;
	err = doc_actor_find(doc, BYTES(actor->id, actor->len), &number);
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	TRY(doc_actor_load(doc, number, &a));
	have = number < clock->len ? clock->latest[number] : 0;
	actor->seq = a->seq + 1;
	/* Who forked makes no change that knows of it. */
	*is = have == a->changes_end && a->link == 0;
	return LK_NONE;
}

lk_err
edit_actor_at(struct doc *doc, struct bytes actor,
    const uint8_t (*heads)[LK_ID_LEN], size_t n, struct edit_actor *out)
{
	PAST_SCOPED past = { 0 };
	struct edit_actor found;
	bool is_free = false;

	TRY(past_of_heads(doc, heads, n, &past));
	for (uint32_t level = 0; !is_free; level++) {
		TRY(actor_derive(actor, level, &found));
		TRY(actor_is_free(doc, &past, &found, &is_free));
	}
	*out = found;
	return LK_NONE;
}

lk_err
edit_new_at(struct edit **out, struct doc *doc, const struct change_head *head)
{
	struct doc *view;
	lk_err err;

	TRY(doc_writable(doc));
	err = doc_at(doc, (const uint8_t(*)[LK_ID_LEN])(uintptr_t)head->deps,
	    head->deps_len, VIEW_JUDGED, &view);
	if (err.code == LK_E_NOTFOUND)
		return LK_ERR(LK_E_WAIT, "a dependency is missing");
	TRY(err);
	err = edit_open(out, view, head);
	if (err.code != LK_OK) {
		doc_free(view);
		return err;
	}
	(*out)->base = doc;
	return LK_NONE;
}

void
edit_leave(struct edit *e)
{
	struct doc *view = e->doc;

	e->doc = e->base;
	e->base = NULL;
	doc_free(view);
}

lk_err
edit_land(struct edit *e, struct bytes body)
{
	ARENA_SCOPED arena = { 0 };
	struct change c;

	arena_init(&arena, CHANGE_BODY_MAX);
	TRY(change_decode(&c, &arena, body));
	edit_leave(e);
	return doc_apply(e->doc, &c, true);
}
