#include "crdt/doc_spans.h"
#include "tests/twin/twin.h"

/*
 * object: id type{ entries }.  An entry is hex of a key, or a position, then
 * :[ the values shown, the winner last, with | between them ].  A text begins
 * with its characters in hex, its marks and its spans, and its entries are its
 * elements, but those that take no room.
 */
struct tree_walk {
	struct doc *doc;
	struct buf *out;
	enum obj_type type;
	struct buf slot; /* the values of a slot until its winner is known */
};

static lk_err walk_object(
    struct doc *, struct buf *, struct op_id, enum obj_type);

static lk_err
walk_id(struct doc *doc, struct buf *out, struct op_id id)
{
	struct bytes actor;

	if (id.ctr == 0) {
		buf_str(out, "_root");
		return LK_NONE;
	}
	TRY(doc_actor(doc, id.actor, &actor));
	buf_printf(out, "%" PRIu64 "@", id.ctr);
	tree_hex(out, actor);
	return LK_NONE;
}

static void
walk_value(struct buf *out, const struct value *v)
{
	/* Blanks end a word. */
	BUF_SCOPED b = { .max = TREE_MAX };

	if (v->type >= VALUE_UNKNOWN_MIN) {
		buf_printf(out, "unknown%u=", v->type);
		tree_hex(out, v->bytes);
		return;
	}
	tree_value(&b, v);
	for (size_t i = 0; i < b.len; i++)
		buf_u8(out, b.ptr[i] == ' ' ? '=' : b.ptr[i]);
}

/* Whether a value takes no room in a text: the position then is that of the
 * next element. */
static bool
is_narrow(const struct doc_visit *v)
{
	return !v->item.is_obj && v->item.value.type == VALUE_STR &&
	    v->item.value.bytes.len == 0;
}

static lk_err
walk_each(void *ctx, const struct doc_visit *v)
{
	struct tree_walk *w = ctx;
	struct buf *slot = &w->slot;

	if (slot->len > 0) {
		buf_u8(slot, '|');
	} else {
		if (w->type == OBJ_MAP)
			tree_hex(slot, v->key);
		else
			buf_printf(slot, "%" PRIu64, v->index);
		buf_str(slot, ":[");
	}
	if (v->item.is_obj) {
		TRY(walk_object(w->doc, slot, v->item.id, v->item.obj_type));
	} else {
		TRY(walk_id(w->doc, slot, v->item.id));
		buf_u8(slot, ',');
		walk_value(slot, &v->item.value);
	}
	if (!v->winner)
		return LK_NONE;
	buf_u8(slot, ']');
	if (w->type != OBJ_TEXT || !is_narrow(v))
		buf_add(w->out, buf_bytes(slot));
	TRY(buf_err(slot, "tree"));
	buf_reset(slot);
	return LK_NONE;
}

/* JavaScript does not tell the kinds of numbers in marks apart, nor bytes from
 * unknown values. */
static void
walk_mark(struct buf *out, const struct mark *m)
{
	struct value v = m->value;
	double d = 0;

	tree_hex(out, m->name);
	buf_u8(out, '=');
	if (v.type >= VALUE_UNKNOWN_MIN)
		v.type = VALUE_BYTES;
	if (v.type == VALUE_UINT)
		d = (double)v.u64;
	if (v.type == VALUE_INT || v.type == VALUE_COUNTER)
		d = (double)v.i64;
	if (v.type == VALUE_UINT || v.type == VALUE_INT ||
	    v.type == VALUE_COUNTER) {
		v.type = VALUE_F64;
		f64_put(&v, d);
	}
	walk_value(out, &v);
}

static lk_err
walk_range(void *ctx, const struct mark_range *m)
{
	struct buf *out = ctx;

	buf_printf(out, "%" PRIu64 "-%" PRIu64 ":", m->start, m->end);
	walk_mark(out, &m->mark);
	buf_u8(out, ';');
	return LK_NONE;
}

static lk_err
walk_span(void *ctx, const struct span *s)
{
	struct buf *out = ctx;

	if (s->is_block)
		buf_str(out, "block");
	tree_hex(out, s->text);
	/* Automerge gives no marks with a block. */
	for (size_t i = 0; i < s->marks_len && !s->is_block; i++) {
		buf_u8(out, '&');
		walk_mark(out, &s->marks[i]);
	}
	buf_u8(out, ';');
	return LK_NONE;
}

static lk_err
walk_text(struct doc *doc, struct buf *out, struct op_id obj)
{
	BUF_SCOPED text = { .max = TREE_MAX };

	TRY(doc_text(doc, obj, &text));
	tree_hex(out, buf_bytes(&text));
	buf_str(out, ";marks;");
	TRY(doc_marks(doc, obj, walk_range, out));
	buf_str(out, "spans;");
	return doc_spans(doc, obj, walk_span, out);
}

static lk_err
walk_object(
    struct doc *doc, struct buf *out, struct op_id obj, enum obj_type type)
{
	static const char *const names[] = { "map", "list", "text" };
	struct tree_walk w = { .doc = doc, .out = out, .type = type };
	lk_err err;

	TRY(walk_id(doc, out, obj));
	buf_printf(out, ",%s{", names[type]);
	if (type == OBJ_TEXT)
		TRY(walk_text(doc, out, obj));
	buf_init(&w.slot, TREE_MAX);
	err = doc_each(doc, obj, walk_each, &w);
	buf_clear(&w.slot);
	buf_u8(out, '}');
	return err;
}

lk_err
twin_tree(struct doc *doc, struct buf *out)
{
	TRY(walk_object(doc, out, DOC_ROOT, OBJ_MAP));
	return buf_err(out, "tree");
}
