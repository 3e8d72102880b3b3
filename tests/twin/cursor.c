#include "crdt/cursor.h"
#include "crdt/doc_view.h"
#include "tests/twin/words.h"

lk_err
run_cursor(struct twins *s, struct words *w, struct buf *out)
{
	struct twin *t = words_twin(w, s);
	struct op_id text;
	struct cursor c;
	uint64_t at;

	TRY(words_obj(w, t->doc, &text));
	at = words_number(w);
	TRY(doc_cursor(t->doc, text, at, words_number(w) == 1, &c));
	cursor_write(out, &c);
	return LK_NONE;
}

static lk_err
find(struct doc *doc, struct words *w, struct buf *out)
{
	const char *text;
	struct op_id obj;
	struct cursor c;
	uint64_t index;
	lk_err err;

	TRY(words_obj(w, doc, &obj));
	text = words_next(w);
	TRY(cursor_read(&c, BYTES_STR(text)));
	err = doc_cursor_index(doc, obj, &c, &index);
	if (err.code == LK_E_NOTFOUND)
		buf_str(out, "none");
	else if (err.code == LK_OK)
		buf_printf(out, "%" PRIu64, index);
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

lk_err
run_find(struct twins *s, struct words *w, struct buf *out)
{
	struct twin *t = words_twin(w, s);
	struct bytes heads = words_hex(w);
	struct doc *view = NULL;
	lk_err err;

	if (heads.len == 0)
		return find(t->doc, w, out);
	TRY(doc_at(t->doc, (const uint8_t(*)[LK_ID_LEN])(uintptr_t)heads.ptr,
	    heads.len / LK_ID_LEN, VIEW_RAW, &view));
	err = find(view, w, out);
	doc_free(view);
	return err;
}
