#include "crdt/tree.h"

#include <stdlib.h>
#include <string.h>

#include "crdt/opset.h"

static bool
members_ascend(const struct tree *map)
{
	for (uint32_t i = 1; i < map->len; i++)
		if (bytes_compare(map->items[i - 1].key, map->items[i].key) >=
		    0)
			return false;
	return true;
}

/* Equal keys stay as they were given: the hash, not used yet, has their
 * place. */
static int
member_compare(const void *a, const void *b)
{
	const struct tree *x = a, *y = b;
	int c = bytes_compare(x->key, y->key);

	if (c != 0)
		return c;
	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

void
tree_sort(struct tree *map)
{
	uint32_t kept = 0;

	if (members_ascend(map))
		return;
	for (uint32_t i = 0; i < map->len; i++)
		map->items[i].hash = i;
	qsort(map->items, map->len, sizeof(*map->items), member_compare);
	for (uint32_t i = 0; i < map->len; i++) {
		if (kept > 0 &&
		    bytes_equal(map->items[kept - 1].key, map->items[i].key))
			kept--;
		map->items[kept++] = map->items[i];
	}
	map->len = kept;
}

size_t
text_object(struct bytes text, size_t from)
{
	static const uint8_t object[] = { 0xef, 0xbf, 0xbc };

	for (size_t at = from; at + sizeof(object) <= text.len; at++) {
		const uint8_t *next =
		    memchr(text.ptr + at, object[0], text.len - at);

		if (next == NULL)
			break;
		at = (size_t)(next - text.ptr);
		if (at + sizeof(object) <= text.len &&
		    memcmp(next, object, sizeof(object)) == 0)
			return at;
	}
	return text.len;
}

#define FULL LK_ERR(LK_E_LIMIT, "it is too large")

struct reader {
	struct doc *doc;
	struct arena *arena;
	enum tree_detail detail;
	unsigned depth;
	struct tree *parent; /* its len is what has been read so far */
	uint64_t room;
};

struct rich_reader {
	struct reader reader;
	struct rich *rich; /* its parts_len is what has been read so far */
	size_t room;
};

static lk_err item_read(struct reader *, struct tree *, const struct item *);

static lk_err
bytes_keep(struct reader *r, struct bytes from, struct bytes *to)
{
	*to = arena_copy(r->arena, from);
	return to->len == from.len ? LK_NONE : FULL;
}

static lk_err
child_read(void *ctx, const struct doc_visit *visit)
{
	struct reader *r = ctx;
	struct tree *t = &r->parent->items[r->parent->len];

	if (!visit->winner)
		return LK_NONE;
	if (r->parent->len == r->room)
		return LK_ERR(LK_E_CORRUPT, "more is shown than is counted");
	TRY(bytes_keep(r, visit->key, &t->key));
	TRY(item_read(r, t, &visit->item));
	r->parent->len++;
	return LK_NONE;
}

static lk_err
children_read(struct reader *r, struct tree *t)
{
	struct reader inner = *r;

	if (r->depth == TREE_DEPTH_MAX)
		return LK_ERR(LK_E_LIMIT, "more than 512 levels deep");
	inner.depth++;
	inner.parent = t;
	TRY(doc_length(r->doc, t->id, &inner.room));
	if (inner.room > SIZE_MAX / sizeof(*t->items))
		return FULL;
	t->items =
	    arena_alloc(r->arena, (size_t)inner.room * sizeof(*t->items));
	if (t->items == NULL)
		return FULL;
	return doc_each(r->doc, t->id, child_read, &inner);
}

/* What is shown where a text has U+FFFC. */
static lk_err
part_read(void *ctx, const struct doc_visit *visit)
{
	struct rich_reader *r = ctx;
	struct rich_part *part = &r->rich->parts[r->rich->parts_len];

	if (!visit->winner ||
	    (!visit->item.is_obj && visit->item.value.type == VALUE_STR))
		return LK_NONE;
	if (r->rich->parts_len == r->room)
		return LK_ERR(LK_E_CORRUPT, "more is shown than is counted");
	part->at = visit->index;
	TRY(item_read(&r->reader, &part->tree, &visit->item));
	r->rich->parts_len++;
	return LK_NONE;
}

static lk_err
rich_read(struct reader *r, struct tree *t)
{
	struct rich rich = { .parts_len = 0 };
	struct rich_reader inner = { .reader = *r, .rich = &rich };

	for (size_t i = text_object(t->text, 0); i < t->text.len;
	     i = text_object(t->text, i + 1))
		inner.room++;
	if (inner.room > 0) {
		if (r->depth == TREE_DEPTH_MAX)
			return LK_ERR(LK_E_LIMIT, "more than 512 levels deep");
		inner.reader.depth++;
		rich.parts =
		    arena_alloc(r->arena, inner.room * sizeof(*rich.parts));
		if (rich.parts == NULL)
			return FULL;
		TRY(doc_each(r->doc, t->id, part_read, &inner));
	}
	TRY(mark_list_read(&rich.marks, r->doc, t->id, r->arena));
	if (rich.parts_len == 0 && rich.marks.len == 0)
		return LK_NONE;
	t->rich = arena_alloc(r->arena, sizeof(rich));
	if (t->rich == NULL)
		return FULL;
	*t->rich = rich;
	return LK_NONE;
}

static lk_err
item_read(struct reader *r, struct tree *t, const struct item *item)
{
	BUF_SCOPED text = { .max = DOCUMENT_BODY_MAX };

	t->id = item->id;
	if (!item->is_obj) {
		t->kind = TREE_SCALAR;
		t->value = item->value;
		if (!value_has_bytes(item->value.type))
			return LK_NONE;
		return bytes_keep(r, item->value.bytes, &t->value.bytes);
	}
	if (item->obj_type != OBJ_TEXT) {
		t->kind = item->obj_type == OBJ_MAP ? TREE_MAP : TREE_LIST;
		return children_read(r, t);
	}
	t->kind = TREE_TEXT;
	TRY(doc_text(r->doc, item->id, &text));
	TRY(bytes_keep(r, buf_bytes(&text), &t->text));
	return r->detail == TREE_FULL ? rich_read(r, t) : LK_NONE;
}

lk_err
tree_read(struct tree *out, struct doc *doc, const struct item *item,
    enum tree_detail detail, struct arena *arena)
{
	struct reader r = { .doc = doc, .arena = arena, .detail = detail };
	struct tree t = { 0 };

	TRY(item_read(&r, &t, item));
	*out = t;
	return LK_NONE;
}
