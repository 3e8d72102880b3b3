#include "mirror/files.h"

#include <string.h>

#include "mirror/unite.h"

bool
file_id_read(struct file_id *id, struct bytes key)
{
	if (key.len != FILE_ID_LEN)
		return false;
	for (size_t i = 0; i < key.len; i++)
		if (strchr("0123456789abcdef", key.ptr[i]) == NULL ||
		    key.ptr[i] == '\0')
			return false;
	memcpy(id->hex, key.ptr, key.len);
	id->hex[FILE_ID_LEN] = '\0';
	return true;
}

bool
file_is_text(struct bytes content)
{
	return content.len <= FILE_TEXT_MAX &&
	    (content.len == 0 ||
		memchr(content.ptr, '\0', content.len) == NULL) &&
	    utf8_valid(content);
}

static struct prop
key_of(const char *name)
{
	return (struct prop){ .is_key = true, .key = BYTES_STR(name) };
}

/* The member of an entry; false when there is none. */
static lk_err
member_get(struct doc *doc, struct op_id obj, const char *name,
    struct item *item, bool *is)
{
	lk_err err = doc_get(doc, obj, key_of(name), item);

	*is = err.code == LK_OK;
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

static bool
is_value(const struct item *item, enum value_type type)
{
	return !item->is_obj && item->value.type == type;
}

static lk_err
path_read(struct doc *doc, struct file_entry *e)
{
	struct item item;
	bool is;

	TRY(member_get(doc, e->obj, "path", &item, &is));
	if (!is || !is_value(&item, VALUE_STR))
		return LK_ERR(LK_E_NOTFOUND, "no path");
	e->path_by = item.id;
	e->flaw = path_flaw(item.value.bytes);
	if (e->flaw != NULL)
		return LK_NONE;
	e->path_len = item.value.bytes.len;
	memcpy(e->path, item.value.bytes.ptr, e->path_len);
	return LK_NONE;
}

static lk_err
saved_read(struct doc *doc, struct file_entry *e)
{
	struct item item;
	bool is;

	TRY(member_get(doc, e->obj, "saved", &item, &is));
	if (is && is_value(&item, VALUE_TIMESTAMP) && !e->is_text)
		e->saved_ms = item.value.i64;
	return LK_NONE;
}

static lk_err
bytes_read(struct doc *doc, struct file_entry *e, const char *name,
    struct buf *content, bool *is)
{
	struct item item;

	TRY(member_get(doc, e->obj, name, &item, is));
	*is = *is && is_value(&item, VALUE_BYTES);
	if (!*is)
		return LK_NONE;
	buf_add(content, item.value.bytes);
	return buf_err(content, "read a file");
}

/* Bytes count before a text: they were put beside one that was. */
static lk_err
content_read(struct doc *doc, struct file_entry *e, struct buf *content)
{
	struct item item;
	bool is;

	TRY(bytes_read(doc, e, "pieces", content, &e->is_pieces));
	if (e->is_pieces)
		return LK_NONE;
	TRY(bytes_read(doc, e, "bytes", content, &is));
	if (is)
		return LK_NONE;
	TRY(member_get(doc, e->obj, "text", &item, &is));
	if (!is || !item.is_obj || item.obj_type != OBJ_TEXT)
		return LK_ERR(LK_E_NOTFOUND, "no content");
	e->is_text = true;
	e->text = item.id;
	TRY(doc_text(doc, item.id, content));
	return buf_err(content, "read a file");
}

/* False: a list of pieces that is none. */
static bool
content_digest(
    uint8_t out[static FILE_DIGEST_LEN], struct bytes content, bool is_pieces)
{
	uint64_t len;

	if (is_pieces)
		return pieces_digest(out, &len, content).code == LK_OK;
	file_digest(out, content);
	return true;
}

lk_err
file_read(struct doc *doc, const struct file_id *id, struct file_entry *out,
    struct buf *content)
{
	struct file_entry e = { 0 };
	struct item item;
	size_t from = content->len;
	bool is;

	TRY(member_get(doc, DOC_ROOT, id->hex, &item, &is));
	if (!is || !item.is_obj || item.obj_type != OBJ_MAP)
		return LK_ERR(LK_E_NOTFOUND, "no such file");
	e.obj = item.id;
	TRY(path_read(doc, &e));
	TRY(content_read(doc, &e, content));
	TRY(saved_read(doc, &e));
	if (!content_digest(e.digest,
		BYTES(content->ptr + from, content->len - from), e.is_pieces))
		return LK_ERR(LK_E_NOTFOUND, "no content");
	TRY(member_get(doc, e.obj, "exec", &item, &is));
	e.exec = is && is_value(&item, VALUE_TRUE);
	TRY(member_get(doc, e.obj, "gone", &item, &is));
	e.gone = is && is_value(&item, VALUE_BYTES) &&
	    bytes_equal(item.value.bytes, BYTES_OF(e.digest));
	*out = e;
	return LK_NONE;
}

struct files_walk {
	file_fn *each;
	void *ctx;
};

static lk_err
visit(void *ctx, const struct doc_visit *v)
{
	struct files_walk *w = ctx;
	struct file_id id;

	if (!v->winner || !v->item.is_obj || v->item.obj_type != OBJ_MAP ||
	    !file_id_read(&id, v->key))
		return LK_NONE;
	return w->each(w->ctx, &id);
}

lk_err
files_each(struct doc *doc, file_fn *each, void *ctx)
{
	struct files_walk w = { each, ctx };

	return doc_each(doc, DOC_ROOT, visit, &w);
}

/* Edits. */

static lk_err
flag_put(struct edit *edit, struct op_id obj, const char *name)
{
	return edit_put(
	    edit, obj, key_of(name), &(struct value){ .type = VALUE_TRUE });
}

static lk_err
bytes_put(struct edit *edit, struct op_id obj, const char *name, uint8_t type,
    struct bytes bytes)
{
	return edit_put(edit, obj, key_of(name),
	    &(struct value){ .type = type, .bytes = bytes });
}

static lk_err
saved_put(struct edit *edit, struct op_id obj, int64_t saved_ms)
{
	if (saved_ms == 0)
		return edit_delete(edit, obj, key_of("saved"));
	return edit_put(edit, obj, key_of("saved"),
	    &(struct value){ .type = VALUE_TIMESTAMP, .i64 = saved_ms });
}

/* A content that is no text, where no longer one hides it. */
static lk_err
blob_make(struct edit *edit, struct op_id obj, const struct file_content *c)
{
	if (!c->is_pieces)
		TRY(edit_delete(edit, obj, key_of("pieces")));
	TRY(bytes_put(edit, obj, c->is_pieces ? "pieces" : "bytes", VALUE_BYTES,
	    c->bytes));
	if (c->is_pieces)
		TRY(edit_delete(edit, obj, key_of("bytes")));
	return saved_put(edit, obj, c->saved_ms);
}

static lk_err
blob_drop(struct edit *edit, struct op_id obj)
{
	static const char *const names[] = { "pieces", "bytes", "saved" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		TRY(edit_delete(edit, obj, key_of(names[i])));
	return LK_NONE;
}

/* The content anew. */
static lk_err
content_make(struct edit *edit, struct op_id obj, const struct file_content *c)
{
	struct op_id text;

	if (!c->is_text) {
		TRY(edit_delete(edit, obj, key_of("text")));
		return blob_make(edit, obj, c);
	}
	TRY(blob_drop(edit, obj));
	TRY(edit_make(edit, obj, key_of("text"), OBJ_TEXT, &text));
	return c->bytes.len == 0 ? LK_NONE
				 : edit_splice(edit, text, 0, 0, c->bytes);
}

lk_err
file_make(struct edit *edit, const struct file_id *id, struct bytes path,
    const struct file_content *c)
{
	struct op_id obj;

	TRY(edit_make(edit, DOC_ROOT, key_of(id->hex), OBJ_MAP, &obj));
	TRY(bytes_put(edit, obj, "path", VALUE_STR, path));
	if (c->exec)
		TRY(flag_put(edit, obj, "exec"));
	return content_make(edit, obj, c);
}

static lk_err
text_change(struct edit *edit, struct doc *doc, struct op_id obj,
    struct bytes base, struct bytes wanted)
{
	struct tree_place at = { .obj = obj, .prop = key_of("text") };
	struct tree from = { .kind = TREE_TEXT, .text = base };
	struct tree to = { .kind = TREE_TEXT, .text = wanted };

	return edit_tree(edit, doc,
	    &(struct tree_change){ .at = &at, .base = &from, .wanted = &to });
}

static lk_err
text_join(struct edit *edit, struct op_id text, struct bytes shown,
    struct bytes wanted)
{
	BUF_SCOPED both = { .max = 2 * FILE_BYTES_MAX + 2 };

	TRY(text_unite(&both, shown, wanted));
	return edit_text(edit, text, buf_bytes(&both));
}

static lk_err
content_change(struct edit *edit, struct doc *doc, const struct file_entry *e,
    struct bytes shown, const struct file_content *base,
    const struct file_content *wanted)
{
	uint8_t digest[FILE_DIGEST_LEN];

	if (!content_digest(digest, wanted->bytes, wanted->is_pieces))
		return LK_ERR(LK_E_MALFORMED, "pieces");
	if (memcmp(digest, e->digest, sizeof(digest)) == 0 &&
	    e->is_text == wanted->is_text)
		return LK_NONE;
	if (!e->is_text || !wanted->is_text)
		return content_make(edit, e->obj, wanted);
	if (base == NULL || !base->is_text)
		return text_join(edit, e->text, shown, wanted->bytes);
	return text_change(edit, doc, e->obj, base->bytes, wanted->bytes);
}

lk_err
file_change(struct edit *edit, struct doc *doc, const struct file_id *id,
    const struct file_content *base, const struct file_content *wanted)
{
	BUF_SCOPED shown = { .max = FILE_BYTES_MAX };
	struct file_entry e;

	TRY(file_read(doc, id, &e, &shown));
	TRY(content_change(edit, doc, &e, buf_bytes(&shown), base, wanted));
	if (wanted->exec && !e.exec && (base == NULL || !base->exec))
		TRY(flag_put(edit, e.obj, "exec"));
	if (!wanted->exec && e.exec && base != NULL && base->exec)
		TRY(edit_delete(edit, e.obj, key_of("exec")));
	return e.gone ? edit_delete(edit, e.obj, key_of("gone")) : LK_NONE;
}

/* The map of a file that is there, whatever else it says. */
static lk_err
entry_find(struct doc *doc, const struct file_id *id, struct op_id *obj)
{
	struct item item;

	TRY(doc_get(doc, DOC_ROOT, key_of(id->hex), &item));
	if (!item.is_obj || item.obj_type != OBJ_MAP)
		return LK_ERR(LK_E_NOTFOUND, "no such file");
	*obj = item.id;
	return LK_NONE;
}

/* A text stays where it is, below what hides it. */
lk_err
file_lend(struct edit *edit, struct doc *doc, const struct file_id *id,
    const struct file_content *wanted)
{
	struct op_id obj;

	TRY(entry_find(doc, id, &obj));
	return wanted->is_text ? content_make(edit, obj, wanted)
			       : blob_make(edit, obj, wanted);
}

lk_err
file_give_back(struct edit *edit, struct doc *doc, const struct file_id *id,
    const struct file_content *held)
{
	struct op_id obj;

	TRY(entry_find(doc, id, &obj));
	return held->is_text ? blob_drop(edit, obj)
			     : content_make(edit, obj, held);
}

lk_err
file_move(struct edit *edit, struct doc *doc, const struct file_id *id,
    struct bytes path)
{
	struct op_id obj;

	TRY(entry_find(doc, id, &obj));
	return bytes_put(edit, obj, "path", VALUE_STR, path);
}

lk_err
file_delete(struct edit *edit, struct doc *doc, const struct file_id *id,
    const uint8_t digest[static FILE_DIGEST_LEN])
{
	struct op_id obj;

	TRY(entry_find(doc, id, &obj));
	return bytes_put(
	    edit, obj, "gone", VALUE_BYTES, BYTES(digest, FILE_DIGEST_LEN));
}
