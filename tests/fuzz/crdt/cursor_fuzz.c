/*
 * Any bytes as a cursor, in both forms: what is accepted is written the same
 * again, and has a place in a document or none.
 */
#include "crdt/cursor.h"
#include "tests/unit/crdt/doc_changes.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct op_id text;

/* "abcdef" by actor 01, of which c was deleted. */
static struct doc *
make_doc(void)
{
	static const uint8_t actor[] = { 1 };
	struct change_head head = {
		.actor = BYTES_OF(actor), .seq = 1, .start_op = 1
	};
	struct prop key = { .is_key = true, .key = BYTES_STR("t") };
	uint8_t hash[LK_ID_LEN];
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };
	struct doc *doc;
	struct edit *e;
	struct kv kv;

	LK_ASSERT(kv_memory_new(&kv, DOC_KV_MAX).code == LK_OK &&
	    doc_open(&doc, kv).code == LK_OK &&
	    edit_new(&e, doc, &head).code == LK_OK &&
	    edit_make(e, DOC_ROOT, key, OBJ_TEXT, &text).code == LK_OK &&
	    edit_splice(e, text, 0, 0, BYTES_STR("abcdef")).code == LK_OK &&
	    edit_splice(e, text, 2, 1, BYTES_STR("")).code == LK_OK &&
	    edit_finish(e, &body, hash).code == LK_OK);
	edit_free(e);
	return doc;
}

static void
place(struct doc *doc, const struct cursor *c)
{
	lk_err err;
	uint64_t index = 0;

	err = doc_cursor_index(doc, text, c, &index);
	LK_ASSERT(err.code == LK_OK || err.code == LK_E_NOTFOUND);
	LK_ASSERT(index <= 5);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct doc *doc;
	struct bytes given = BYTES(data, len);
	BUF_SCOPED again = { .max = TREE_MAX };
	struct cursor c;

	if (doc == NULL)
		doc = make_doc();
	if (cursor_read(&c, given).code == LK_OK) {
		cursor_write(&again, &c);
		LK_ASSERT(bytes_equal(buf_bytes(&again), given));
		place(doc, &c);
	}
	if (cursor_decode(&c, given).code == LK_OK) {
		buf_reset(&again);
		cursor_encode(&again, &c);
		LK_ASSERT(
		    data[0] == 0 || bytes_equal(buf_bytes(&again), given));
		place(doc, &c);
	}
	return 0;
}
