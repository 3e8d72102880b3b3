#include "crdt/export_form.h"

void
change_bodies_init(struct change_bodies *b, size_t bytes_max)
{
	*b = (struct change_bodies){ 0 };
	arena_init(&b->arena, bytes_max);
}

void
change_bodies_clear(struct change_bodies *b)
{
	arena_clear(&b->arena);
	*b = (struct change_bodies){ 0 };
}

lk_err
change_bodies_add(struct change_bodies *b, struct bytes body)
{
	struct bytes copy = arena_copy(&b->arena, body);

	if (copy.len != body.len)
		return LK_ERR(LK_E_LIMIT, "changes");
	if (b->len == b->cap) {
		size_t cap = b->cap == 0 ? 64 : 2 * b->cap;
		struct bytes *at = arena_alloc(&b->arena, cap * sizeof(*at));

		if (at == NULL)
			return LK_ERR(LK_E_LIMIT, "changes");
		if (b->len > 0)
			memcpy(at, b->at, b->len * sizeof(*at));
		b->at = at;
		b->cap = cap;
	}
	b->at[b->len++] = copy;
	return LK_NONE;
}

/* The changes that are present, as they are or renamed. */
static lk_err
present_add(struct renaming *r, const struct present *present,
    const struct change *change, struct change_bodies *out)
{
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };
	uint32_t number;

	TRY(doc_change_find(r->doc, change->hash, &number));
	if (present->how[number] == PRESENT_NOT)
		return LK_NONE;
	if (!r->any)
		return change_bodies_add(out, change->body);
	TRY(renaming_change(r, change, number, &body));
	return change_bodies_add(out, buf_bytes(&body));
}

static lk_err
export_history(struct renaming *r, const struct present *present,
    const struct change *changes, size_t n, struct change_bodies *out)
{
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };

	for (size_t i = 0; i < n; i++)
		TRY(present_add(r, present, &changes[i], out));
	if (present->ghosts.len == 0)
		return LK_NONE;
	TRY(export_restore(r->doc, present, r, &body));
	return body.len == 0 ? LK_NONE
			     : change_bodies_add(out, buf_bytes(&body));
}

/* What goes by the ghosts' hashes goes by those they have when renamed. */
static lk_err
ghosts_rename(struct renaming *r, struct present *present,
    const struct change *changes, size_t n)
{
	struct change_bodies unused;
	lk_err err = LK_NONE;

	for (size_t i = 0; i < n && err.code == LK_OK && r->any; i++) {
		change_bodies_init(&unused, CHANGE_BODY_MAX * 2);
		err = present_add(r, present, &changes[i], &unused);
		change_bodies_clear(&unused);
	}
	TRY(err);
	if (r->any)
		TRY(renaming_hashes(r, &present->ghosts));
	renaming_again(r);
	return LK_NONE;
}

lk_err
export_as_is(struct doc *doc, bool *as_is)
{
	bool same = true;

	TRY(doc_settle(doc));
	for (uint32_t i = 0; i < doc->head.actors && same; i++) {
		struct doc_actor *a;

		TRY(doc_actor_load(doc, i, &a));
		same = a->branch == NULL && a->link == 0;
	}
	for (uint32_t n = 0; n < doc->head.changes && same; n++) {
		struct doc_change c;

		TRY(doc_change_load(doc, n, &c));
		same = c.visible;
	}
	*as_is = same;
	return LK_NONE;
}

lk_err
export_changes(struct doc *doc, const struct change *changes, size_t n,
    enum export_form form, struct change_bodies *out)
{
	PRESENT_SCOPED present = { 0 };
	RENAMING_SCOPED renaming = { 0 };
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };

	TRY(doc_settle(doc));
	TRY(present_find(doc, &present));
	if (form == EXPORT_SQUASH) {
		TRY(export_squash(doc, &present, &body));
		return change_bodies_add(out, buf_bytes(&body));
	}
	TRY(renaming_open(&renaming, doc,
	    (const uint8_t(*)[LK_ID_LEN])present.heads.ptr,
	    present.heads.len / LK_ID_LEN, form == EXPORT_HISTORY));
	if (form == EXPORT_HISTORY || present.ghosts.len == 0)
		return export_history(&renaming, &present, changes, n, out);
	TRY(ghosts_rename(&renaming, &present, changes, n));
	return export_clean(&renaming, &present, changes, n, out);
}
