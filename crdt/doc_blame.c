#include "crdt/doc_blame.h"

#include "crdt/doc_read.h"

/* A run of text is told in pieces of about so many bytes. */
#define RUN_TEXT_MAX ((size_t)64 * 1024)

struct blame {
	struct doc *doc;
	blame_fn *each;
	void *ctx;
	struct buf text;
	uint64_t start, length;
	uint32_t change; /* number */
};

static lk_err
blame_flush(struct blame *b)
{
	struct blame_run run = { .start = b->start,
		.length = b->length,
		.text = buf_bytes(&b->text) };
	struct doc_change c;
	lk_err err;

	if (b->length == 0)
		return LK_NONE;
	TRY(doc_change_load(b->doc, b->change, &c));
	change_info(b->change, &c, &run.change);
	err = b->each(b->ctx, &run);
	buf_reset(&b->text);
	b->length = 0;
	return err;
}

static lk_err
blame_elem(struct blame *b, uint64_t obj, const struct seq_place *place)
{
	struct op_ref at;
	uint32_t change;

	TRY(elem_winner(b->doc, obj, place->elem.id, &at));
	change = at.op->change;
	if (b->change != change || b->text.len >= RUN_TEXT_MAX)
		TRY(blame_flush(b));
	if (b->length == 0)
		b->start = place->index;
	b->change = change;
	b->length += place->elem.width;
	return elem_text(b->doc, obj, &place->elem, &b->text);
}

static lk_err
blame_walk(struct blame *b, uint64_t obj)
{
	struct seq_place place;
	struct object *o;
	lk_err err;

	TRY(object_load(b->doc, obj, &o));
	for (err = seq_first(b->doc, o, &place); err.code == LK_OK;
	     err = seq_next(b->doc, &place))
		if (place.elem.width > 0)
			TRY(blame_elem(b, obj, &place));
	return err.code == LK_E_NOTFOUND ? blame_flush(b) : err;
}

lk_err
doc_blame(struct doc *doc, struct op_id text, blame_fn *each, void *ctx)
{
	struct blame b = { .doc = doc, .each = each, .ctx = ctx };
	struct object *o;
	lk_err err;

	TRY(object_of_caller(doc, text, &o));
	if (o->type != OBJ_TEXT)
		return LK_ERR(LK_E_DATA, "no text");
	buf_init(&b.text, (size_t)CHANGE_BODY_MAX + 2 * RUN_TEXT_MAX);
	err = blame_walk(&b, o->id);
	if (err.code == LK_OK)
		err = buf_err(&b.text, "text");
	buf_clear(&b.text);
	return err;
}
