#include "daemon/pointer.h"

#include <string.h>

#define CONTENT BYTES_STR("content")

lk_err
base_find(struct base *out, struct doc *doc, const char *type, bool root)
{
	struct prop content = { .is_key = true, .key = CONTENT };
	struct item item;
	enum obj_type want;
	lk_err err;

	*out = (struct base){ .obj = DOC_ROOT, .type = OBJ_MAP };
	if (root || (strcmp(type, "text") != 0 && strcmp(type, "list") != 0))
		return LK_NONE;
	want = strcmp(type, "text") == 0 ? OBJ_TEXT : OBJ_LIST;
	err = doc_get(doc, DOC_ROOT, content, &item);
	if (err.code == LK_E_NOTFOUND)
		return LK_ERR(LK_E_NOTFOUND, "it has no content, or had none yet");
	TRY(err);
	if (!item.is_obj || item.obj_type != want)
		return LK_ERR(LK_E_DATA, "its content is of another type");
	*out = (struct base){ .obj = item.id, .type = want, .content = true };
	return LK_NONE;
}

/* Unescapes one step; *path is left at the next slash or the end. */
static lk_err
step_take(struct bytes *step, const char **path, struct arena *arena)
{
	const char *at = *path + 1;
	size_t len = strcspn(at, "/"), out = 0;
	uint8_t *copy = arena_alloc(arena, len + 1);

	if (copy == NULL)
		return LK_ERR(LK_E_NOMEM, "follow path");
	for (size_t i = 0; i < len; i++) {
		if (at[i] != '~') {
			copy[out++] = (uint8_t)at[i];
			continue;
		}
		i++;
		if (i == len || (at[i] != '0' && at[i] != '1'))
			return LK_ERR(LK_E_USAGE, "~ stands before 0 or 1");
		copy[out++] = at[i] == '0' ? '~' : '/';
	}
	*step = BYTES(copy, out);
	*path = at + len;
	return LK_NONE;
}

static lk_err
index_read(struct bytes step, uint64_t length, bool *end, uint64_t *index)
{
	uint64_t n = 0;

	*end = step.len == 1 && step.ptr[0] == '-';
	if (*end) {
		*index = length;
		return LK_NONE;
	}
	if (step.len == 0 || (step.ptr[0] == '0' && step.len > 1))
		return LK_ERR(LK_E_DATA, "not an index of a list");
	for (size_t i = 0; i < step.len; i++) {
		if (step.ptr[i] < '0' || step.ptr[i] > '9')
			return LK_ERR(LK_E_DATA, "not an index of a list");
		/* Any index past every possible length says the same. */
		if (n < UINT64_MAX / 16)
			n = n * 10 + (uint64_t)(step.ptr[i] - '0');
	}
	*index = n;
	return LK_NONE;
}

static lk_err
place_look(struct place *p, struct doc *doc)
{
	lk_err err;

	p->shown = false;
	if (p->end)
		return LK_NONE;
	err = doc_get(doc, p->obj, p->prop, &p->item);
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	p->shown = true;
	return LK_NONE;
}

/* One step into what `p` shows. */
static lk_err
place_enter(struct place *p, struct doc *doc, struct bytes step)
{
	uint64_t length, index;
	bool end;

	if (!p->shown || !p->item.is_obj)
		return LK_ERR(LK_E_NOTFOUND, "no such path");
	p->root = false;
	p->end = false;
	p->obj = p->item.id;
	p->obj_type = p->item.obj_type;
	if (p->obj_type == OBJ_MAP) {
		if (!utf8_valid(step))
			return LK_ERR(LK_E_USAGE, "not UTF-8");
		p->prop = (struct prop){ .is_key = true, .key = step };
		return place_look(p, doc);
	}
	TRY(doc_length(doc, p->obj, &length));
	TRY(index_read(step, length, &end, &index));
	p->end = end;
	p->prop = (struct prop){ .index = index };
	return place_look(p, doc);
}

lk_err
pointer_follow(struct place *out, struct doc *doc, const struct base *base,
    const char *path, struct arena *arena)
{
	struct place p = {
		.obj = DOC_ROOT,
		.obj_type = OBJ_MAP,
		.root = !base->content,
		.shown = true,
		.item = { .id = base->obj,
		    .is_obj = true,
		    .obj_type = base->type },
	};

	if (base->content)
		p.prop = (struct prop){ .is_key = true, .key = CONTENT };
	if (path[0] != '\0' && path[0] != '/')
		return LK_ERR(LK_E_USAGE, "a path starts with a slash");
	while (*path != '\0') {
		struct bytes step;

		TRY(step_take(&step, &path, arena));
		TRY(place_enter(&p, doc, step));
	}
	*out = p;
	return LK_NONE;
}

void
pointer_step(struct buf *out, struct bytes key)
{
	buf_u8(out, '/');
	for (size_t i = 0; i < key.len; i++) {
		if (key.ptr[i] == '~' || key.ptr[i] == '/') {
			buf_u8(out, '~');
			buf_u8(out, key.ptr[i] == '~' ? '0' : '1');
		} else {
			buf_u8(out, key.ptr[i]);
		}
	}
}
