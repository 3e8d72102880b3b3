/* What site.h has for texts. */
#include "crdt/cursor.h"
#include "daemon/site.h"

/* The text at a path. */
static lk_err
text_at(struct site *s, const char *path, struct op_id *text)
{
	struct place p;

	TRY(pointer_follow(&p, s->doc, &s->base, path, s->arena));
	if (!p.shown)
		return LK_ERR(LK_E_NOTFOUND, "nothing there");
	if (!p.item.is_obj || p.item.obj_type != OBJ_TEXT)
		return LK_ERR(LK_E_DATA, "not a text");
	*text = p.item.id;
	return LK_NONE;
}

lk_err
text_position(
    struct doc *doc, struct op_id text, json_object *json, uint64_t *inout)
{
	struct cursor c;
	lk_err err;

	if (json == NULL)
		return LK_NONE;
	if (json_object_is_type(json, json_type_int) &&
	    json_object_get_int64(json) >= 0) {
		*inout = json_object_get_uint64(json);
		return LK_NONE;
	}
	if (!json_object_is_type(json, json_type_string) ||
	    cursor_read(&c, json_string_bytes(json)).code != LK_OK)
		return LK_ERR(
		    LK_E_DATA, "not a position: a number or a cursor");
	err = doc_cursor_index(doc, text, &c, inout);
	return err.code == LK_E_NOTFOUND
	    ? LK_ERR(LK_E_NOTFOUND, "what the cursor is at is not in this text")
	    : err;
}

/* A position that must lie in the text or at its end. */
static lk_err
position_within(
    struct site *s, struct op_id text, json_object *json, uint64_t *inout)
{
	uint64_t length;

	TRY(text_position(s->doc, text, json, inout));
	TRY(doc_length(s->doc, text, &length));
	return *inout <= length
	    ? LK_NONE
	    : LK_ERR(LK_E_DATA, "beyond the end of the text");
}

lk_err
site_splice(struct site *s, const char *path, json_object *pos, uint64_t del,
    struct bytes insert)
{
	struct op_id text;
	uint64_t at = 0, length;

	TRY(text_at(s, path, &text));
	TRY(position_within(s, text, pos, &at));
	TRY(doc_length(s->doc, text, &length));
	if (del > length - at)
		return LK_ERR(LK_E_DATA, "beyond the end of the text");
	return edit_splice(s->edit, text, at, del, insert);
}

lk_err
mark_expand_read(enum mark_expand *out, const char *word)
{
	static const char *const words[] = { "none", "before", "after",
		"both" };
	size_t i = word == NULL ? EXPAND_AFTER : word_find(words, 4, word);

	if (i == 4)
		return LK_ERR(
		    LK_E_USAGE, "a mark expands none, before, after or both");
	*out = (enum mark_expand)i;
	return LK_NONE;
}

static lk_err
mark_value(const struct site_mark *m, struct value *out, struct arena *arena)
{
	struct tree t;

	*out = (struct value){ .type = VALUE_NULL };
	if (m->value == NULL)
		return LK_NONE;
	TRY(value_tree(&t, m->value, m->as, arena));
	if (t.kind == TREE_TEXT)
		*out = (struct value){ .type = VALUE_STR, .bytes = t.text };
	else if (t.kind == TREE_SCALAR)
		*out = t.value;
	else
		return LK_ERR(
		    LK_E_DATA, "the value of a mark is no array and no object");
	return LK_NONE;
}

lk_err
site_mark(struct site *s, const char *path, const struct site_mark *m)
{
	ARENA_SCOPED arena = { .max = TREE_BYTES_MAX };
	struct mark_range range = { .mark.name = m->name };
	struct op_id text;

	TRY(text_at(s, path, &text));
	TRY(doc_length(s->doc, text, &range.end));
	TRY(position_within(s, text, m->from, &range.start));
	TRY(position_within(s, text, m->to, &range.end));
	if (range.start > range.end)
		return LK_ERR(LK_E_DATA, "a mark ends before it begins");
	TRY(mark_value(m, &range.mark.value, &arena));
	return edit_mark(s->edit, text, &range, m->expand);
}

/* Blocks are made of scalars, maps and lists. */
static void
strings_to_scalars(struct tree *t)
{
	if (t->kind == TREE_TEXT) {
		struct bytes text = t->text;

		t->kind = TREE_SCALAR;
		t->value = (struct value){ .type = VALUE_STR, .bytes = text };
	} else if (t->kind != TREE_SCALAR) {
		for (uint32_t i = 0; i < t->len; i++)
			strings_to_scalars(&t->items[i]);
	}
}

static lk_err
block_fill(struct site *s, struct op_id map, json_object *members)
{
	ARENA_SCOPED arena = { .max = TREE_BYTES_MAX };
	struct tree t;

	if (members == NULL)
		return LK_NONE;
	if (!json_object_is_type(members, json_type_object))
		return LK_ERR(LK_E_DATA, "a block is an object");
	TRY(json_tree(&t, members, JSON_PLAIN, &arena));
	strings_to_scalars(&t);
	return edit_fill(s->edit, map, &t);
}

lk_err
site_split(
    struct site *s, const char *path, json_object *pos, json_object *members)
{
	struct op_id text, map;
	uint64_t at = 0;

	TRY(text_at(s, path, &text));
	TRY(position_within(s, text, pos, &at));
	TRY(edit_block_split(s->edit, text, at, &map));
	return block_fill(s, map, members);
}

lk_err
site_join(struct site *s, const char *path, json_object *pos)
{
	struct op_id text;
	uint64_t at = 0;

	TRY(text_at(s, path, &text));
	TRY(text_position(s->doc, text, pos, &at));
	return edit_block_join(s->edit, text, at);
}

lk_err
site_update(
    struct site *s, const char *path, json_object *pos, json_object *members)
{
	struct op_id text, map;
	uint64_t at = 0;

	TRY(text_at(s, path, &text));
	TRY(text_position(s->doc, text, pos, &at));
	TRY(edit_block_update(s->edit, text, at, &map));
	return block_fill(s, map, members);
}
