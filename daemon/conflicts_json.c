#include "daemon/conflicts_json.h"

#include "base/limits.h"
#include "daemon/json_text.h"

struct writer {
	struct buf *out;
	struct doc *doc;
	enum json_style style;
	const struct prop *only; /* this place alone, or NULL */
	struct buf path;
	unsigned depth;
	bool places; /* there is one already */
	bool values; /* of the present place */
	bool map;    /* the innermost container is one */
};

static bool
is_at(const struct doc_visit *visit, const struct prop *at)
{
	return at->is_key ? bytes_equal(visit->key, at->key)
			  : visit->index == at->index;
}

static lk_err
value_write(struct writer *w, const struct item *item)
{
	if (w->values)
		buf_u8(w->out, ',');
	w->values = true;
	return json_conflict_write(w->out, w->doc, item, w->style);
}

static lk_err
slot_write(void *ctx, const struct doc_visit *visit)
{
	struct writer *w = ctx;

	return is_at(visit, w->only) ? value_write(w, &visit->item) : LK_NONE;
}

lk_err
conflicts_write(struct buf *out, struct doc *doc, const struct place *place,
    enum json_style style)
{
	struct writer w = {
		.out = out, .doc = doc, .style = style, .only = &place->prop
	};

	if (place->root)
		return LK_ERR(LK_E_USAGE,
		    "a document has no conflicts, only what is in it has");
	buf_u8(out, '{');
	TRY(doc_each(doc, place->obj, slot_write, &w));
	buf_u8(out, '}');
	return LK_NONE;
}

/* A value of a place that has several: the first of them names the place. */
static lk_err
rival_write(struct writer *w, const struct doc_visit *visit)
{
	if (!w->values) {
		if (w->places)
			buf_u8(w->out, ',');
		w->places = true;
		TRY(buf_err(&w->path, "path"));
		json_text_string(w->out, buf_bytes(&w->path));
		buf_str(w->out, ":{");
	}
	TRY(value_write(w, &visit->item));
	if (visit->winner)
		buf_u8(w->out, '}');
	return buf_err(w->out, "it is too large");
}

static lk_err below_write(struct writer *, const struct item *);

static lk_err
visit_write(struct writer *w, const struct doc_visit *visit)
{
	if (!visit->winner || w->values)
		TRY(rival_write(w, visit));
	if (!visit->winner)
		return LK_NONE;
	w->values = false;
	return below_write(w, &visit->item);
}

static lk_err
member_write(void *ctx, const struct doc_visit *visit)
{
	struct writer *w = ctx;
	size_t len = w->path.len;
	lk_err err;

	if (w->map)
		pointer_step(&w->path, visit->key);
	else
		buf_printf(&w->path, "/%llu", (unsigned long long)visit->index);
	err = visit_write(w, visit);
	w->path.len = len;
	return err;
}

static lk_err
below_write(struct writer *w, const struct item *item)
{
	bool outer = w->map;
	lk_err err;

	if (!item->is_obj)
		return LK_NONE;
	if (w->depth == TREE_DEPTH_MAX)
		return LK_ERR(LK_E_LIMIT, "more than 512 levels deep");
	w->depth++;
	w->map = item->obj_type == OBJ_MAP;
	err = doc_each(w->doc, item->id, member_write, w);
	w->map = outer;
	w->depth--;
	return err;
}

static lk_err
start_write(void *ctx, const struct doc_visit *visit)
{
	struct writer *w = ctx;

	return is_at(visit, w->only) ? visit_write(w, visit) : LK_NONE;
}

lk_err
conflicts_write_all(struct buf *out, struct doc *doc, const struct place *place,
    enum json_style style)
{
	struct writer w = { .out = out,
		.doc = doc,
		.style = style,
		.only = &place->prop,
		.path = { .max = DOCUMENT_BODY_MAX } };
	lk_err err;

	buf_u8(out, '{');
	if (place->root)
		err = below_write(&w, &place->item);
	else
		err = doc_each(doc, place->obj, start_write, &w);
	buf_u8(out, '}');
	buf_clear(&w.path);
	return err;
}
