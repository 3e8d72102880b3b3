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

static lk_err
present_add(struct doc *doc, const struct present *present,
    const struct change *change, struct change_bodies *out)
{
	uint32_t number;

	TRY(doc_change_find(doc, change->hash, &number));
	return present->how[number] == PRESENT_NOT
	    ? LK_NONE
	    : change_bodies_add(out, change->body);
}

lk_err
export_changes(struct doc *doc, const struct change *changes, size_t n,
    enum export_form form, struct change_bodies *out)
{
	PRESENT_SCOPED present = { 0 };
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };

	TRY(doc_settle(doc));
	TRY(present_find(doc, &present));
	if (form == EXPORT_CLEAN && present.ghosts.len > 0)
		return export_clean(doc, &present, changes, n, out);
	if (form == EXPORT_SQUASH)
		TRY(export_squash(doc, &present, &body));
	else if (present.ghosts.len > 0)
		TRY(export_restore(doc, &present, &body));
	for (size_t i = 0; i < n && form != EXPORT_SQUASH; i++)
		TRY(present_add(doc, &present, &changes[i], out));
	return body.len == 0 ? LK_NONE
			     : change_bodies_add(out, buf_bytes(&body));
}
