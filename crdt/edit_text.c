#include <stdlib.h>
#include <string.h>

#include "crdt/code_point.h"
#include "crdt/edit_state.h"
#include "crdt/textdiff.h"

/* One insertion for each code point, each behind the one before. */
static lk_err
splice_insert(struct edit *e, uint64_t obj, uint64_t after, struct bytes s)
{
	while (s.len > 0) {
		struct placed_op op = { .obj = obj,
			.elem = after,
			.insert = true,
			.action = ACTION_SET,
			.value = { .type = VALUE_STR } };
		size_t n;

		(void)code_point_first(s, &n);
		op.value.bytes = BYTES(s.ptr, n);
		TRY(edit_add(e, &op));
		after = op.id;
		s = BYTES(s.ptr + n, s.len - n);
	}
	return LK_NONE;
}

/* Deletes elements from position `at`, an element's first, on. */
static lk_err
splice_delete(struct edit *e, uint64_t obj, uint64_t at, uint64_t del)
{
	uint64_t done = 0;

	while (done < del) {
		struct seq_place place;
		struct object *o;
		lk_err err;

		TRY(object_load(e->doc, obj, &o));
		err = seq_at(e->doc, o, at, &place);
		/* Skipping an element's rest may leave fewer than asked for. */
		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		TRY(edit_delete_elem(e, obj, place.elem.id));
		done += place.elem.width;
	}
	return LK_NONE;
}

lk_err
edit_splice(struct edit *e, struct op_id text, uint64_t pos, uint64_t del,
    struct bytes insert)
{
	struct reference ref;
	struct object *o;
	uint64_t obj = id_pack(text);

	if (!utf8_valid(insert))
		return LK_ERR(LK_E_DATA, "the text is not UTF-8");
	TRY(text_of_caller(e->doc, text, &o));
	if (pos > o->shown || del > o->shown - pos)
		return LK_ERR(LK_E_LIMIT, "past the end of the text");
	/* Inside an element of many code points means behind it. */
	TRY(edit_reference(e, o, pos, &ref));
	TRY(splice_insert(e, obj, ref.elem, insert));
	return splice_delete(e, obj, ref.index + utf8_count(insert), del);
}

/* Byte offset n code points away from `at`, backwards or forwards. */
static size_t
utf8_step(struct bytes s, size_t at, uint64_t n, bool back)
{
	while (n > 0 && at < s.len + back && at >= back) {
		at = back ? at - 1 : at + 1;
		if (at == s.len || (s.ptr[at] & 0xc0) != 0x80)
			n--;
	}
	return at;
}

/* What is in the way when a hunk begins or ends inside an element. */
struct hunk_margin {
	uint64_t before, after; /* code points to replace as well */
};

static lk_err
hunk_measure(struct edit *e, uint64_t obj, uint64_t pos, uint64_t del,
    struct hunk_margin *m)
{
	struct seq_place place;
	struct object *o;

	*m = (struct hunk_margin){ 0 };
	TRY(object_load(e->doc, obj, &o));
	if (pos < o->shown) {
		TRY(seq_at(e->doc, o, pos, &place));
		m->before = pos - place.index;
	}
	if (del > 0 || m->before > 0) {
		TRY(seq_at(e->doc, o, pos + del - 1, &place));
		m->after = place.index + place.elem.width - pos - del;
	}
	return LK_NONE;
}

/* Replaces what a hunk says; `old` is what the text shows up to its end. */
static lk_err
hunk_apply(struct edit *e, struct op_id text, struct bytes old,
    struct bytes wanted, const struct text_hunk *h)
{
	uint64_t pos = h->old_point, del = h->old_points;
	struct bytes new = BYTES(wanted.ptr + h->new_at, h->new_len);
	BUF_SCOPED insert = { .max = CHANGE_BODY_MAX };
	size_t end = h->old_at + h->old_len, from;
	struct hunk_margin m;

	TRY(hunk_measure(e, id_pack(text), pos, del, &m));
	if (m.before == 0 && m.after == 0)
		return edit_splice(e, text, pos, del, new);
	from = utf8_step(old, h->old_at, m.before, true);
	buf_mem(&insert, old.ptr + from, h->old_at - from);
	buf_add(&insert, new);
	buf_mem(
	    &insert, old.ptr + end, utf8_step(old, end, m.after, false) - end);
	TRY(buf_err(&insert, "text"));
	return edit_splice(e, text, pos - m.before, del + m.before + m.after,
	    buf_bytes(&insert));
}

/* The hunks that lead from what is shown now to what is wanted. */
static lk_err
versions_compare(
    struct textdiff *out, struct aligner *al, const struct text_versions *v)
{
	TEXTDIFF_SCOPED mine = { 0 };
	TEXTDIFF_SCOPED theirs = { 0 };

	if (bytes_equal(v->base, v->now))
		return textdiff(out, al, v->base, v->wanted);
	TRY(textdiff(&mine, al, v->base, v->wanted));
	TRY(textdiff(&theirs, al, v->base, v->now));
	return textdiff_onto(out, (struct text_change){ &mine, v->wanted },
	    (struct text_change){ &theirs, v->now });
}

lk_err
edit_text_from(struct edit *e, struct aligner *al, struct op_id text,
    struct text_versions v)
{
	TEXTDIFF_SCOPED diff = { 0 };

	if (!utf8_valid(v.wanted) || !utf8_valid(v.base))
		return LK_ERR(LK_E_DATA, "the text is not UTF-8");
	/* Pieces of it are pointed to, empty ones too. */
	if (v.wanted.len == 0)
		v.wanted = BYTES_STR("");
	TRY(versions_compare(&diff, al, &v));
	/* Last first, so that positions in the present text stay right. */
	for (size_t i = diff.hunks_len; i > 0; i--)
		TRY(hunk_apply(e, text, v.now, v.wanted, &diff.hunks[i - 1]));
	return LK_NONE;
}

lk_err
edit_text(struct edit *e, struct op_id text, struct bytes wanted)
{
	BUF_SCOPED now = { .max = DOCUMENT_BODY_MAX };
	ALIGNER_SCOPED al = NULL;
	struct object *o;

	TRY(text_of_caller(e->doc, text, &o));
	TRY(doc_text(e->doc, text, &now));
	TRY(aligner_new(&al));
	return edit_text_from(e, al, text,
	    (struct text_versions){ buf_bytes(&now), wanted, buf_bytes(&now) });
}
