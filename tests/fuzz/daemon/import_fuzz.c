/*
 * A line of JSON as a document, typed or plain by the first byte, and a second
 * line that it is changed into.  What is shown then, written and read again,
 * is what the second line makes by itself.
 */
#include "daemon/json_text.h"
#include "daemon/json_value.h"
#include "tests/fuzz/daemon/json_mutate.h"

#define STATE_MAX (8u * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);
size_t LLVMFuzzerCustomMutator(uint8_t *, size_t, size_t, unsigned);

struct scratch {
	struct kv kv;
	struct doc *doc;
	struct edit *edit;
};

static void
scratch_open(struct scratch *s)
{
	static const uint8_t actor[16] = { 1 };
	struct change_head head = {
		.actor = BYTES_OF(actor), .seq = 1, .start_op = 1
	};

	LK_ASSERT(kv_memory_new(&s->kv, STATE_MAX).code == LK_OK);
	LK_ASSERT(doc_open(&s->doc, s->kv).code == LK_OK);
	LK_ASSERT(edit_new(&s->edit, s->doc, &head).code == LK_OK);
}

static void
scratch_close(struct scratch *s)
{
	edit_free(s->edit);
	doc_free(s->doc);
	kv_memory_free(&s->kv);
}

static void
scratch_write(struct scratch *s, enum json_style style, struct buf *out)
{
	struct item root = {
		.id = DOC_ROOT, .is_obj = true, .obj_type = OBJ_MAP
	};

	LK_ASSERT(json_value_write(out, s->doc, &root, style).code == LK_OK);
}

static void
compare(struct buf *shown, struct scratch *s, enum json_style style)
{
	BUF_SCOPED again = { .max = STATE_MAX };

	scratch_write(s, style, &again);
	LK_ASSERT(bytes_equal(buf_bytes(shown), buf_bytes(&again)));
}

static void
run(json_object *a, json_object *b, enum json_style style)
{
	struct json_change change = { .wanted = b, .style = style };
	struct scratch s = { 0 }, fresh = { 0 };
	BUF_SCOPED shown = { .max = STATE_MAX };
	json_object *again = NULL;
	struct json_flaw flaw;

	scratch_open(&s);
	scratch_open(&fresh);
	if (json_value_fill(s.edit, DOC_ROOT, a, style).code == LK_OK &&
	    (b == NULL ||
		json_value_edit(s.edit, s.doc, &change).code == LK_OK)) {
		scratch_write(&s, JSON_TYPED, &shown);
		/* The whole is {"type": "map", "value": ...}. */
		LK_ASSERT(
		    json_text_parse(&again, buf_bytes(&shown), &flaw).code ==
		    LK_OK);
		LK_ASSERT(
		    json_value_fill(fresh.edit, DOC_ROOT,
			json_object_object_get(again, "value"), JSON_TYPED)
			.code == LK_OK);
		compare(&shown, &fresh, JSON_TYPED);
	}
	scratch_close(&fresh);
	/* The edit made the same of `a` as filling does of nothing; of plain
	 * JSON a number keeps the type that it had there. */
	fresh = (struct scratch){ 0 };
	scratch_open(&fresh);
	if (shown.len > 0 && b != NULL &&
	    json_value_fill(fresh.edit, DOC_ROOT, b, style).code == LK_OK) {
		buf_reset(&shown);
		scratch_write(&s, style, &shown);
		compare(&shown, &fresh, style);
	}
	scratch_close(&fresh);
	scratch_close(&s);
	json_object_put(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_object *a = NULL, *b = NULL;
	struct json_flaw flaw;
	struct bytes left;
	lk_err err;

	if (size < 2)
		return 0;
	left = BYTES(data + 1, size - 1);
	err = json_text_next(&a, &left, &flaw);
	if (err.code == LK_OK && left.len > 0)
		err = json_text_next(&b, &left, &flaw);
	if (err.code == LK_OK && json_object_is_type(a, json_type_object) &&
	    (b == NULL || json_object_is_type(b, json_type_object)))
		run(a, b, data[0] & 1 ? JSON_TYPED : JSON_PLAIN);
	json_object_put(a);
	json_object_put(b);
	return 0;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max, unsigned seed)
{
	static const char *const words[] = { "{\"a\":1}", "[1,2,3]", "\"text\"",
		"\"\"", "null", "true", "1", "-1.5", "18446744073709551615",
		"1e300", "\"a\"", "\"b\"", "{}", "[]",
		"{\"type\":\"map\",\"value\":{}}",
		"{\"type\":\"list\",\"value\":[]}",
		"{\"type\":\"text\",\"value\":\"abc\"}",
		"{\"type\":\"str\",\"value\":\"abc\"}",
		"{\"type\":\"int\",\"value\":5}",
		"{\"type\":\"uint\",\"value\":5}",
		"{\"type\":\"counter\",\"value\":5}",
		"{\"type\":\"f64\",\"value\":1.5}",
		"{\"type\":\"bytes\",\"value\":\"AAEC\"}",
		"{\"type\":\"timestamp\",\"value\":5}",
		"{\"type\":\"unknown\",\"value\":\"AAEC\",\"code\":10}",
		"{\"type\":\"boolean\",\"value\":true}", NULL };

	if (len < 2 || seed % 64 == 0)
		return LLVMFuzzerMutate(data, len, max);
	return 1 + json_mutate(data + 1, len - 1, max - 1, seed, words);
}
