/*
 * Three JSON objects, one a line: a document that shows the first is changed
 * from the second to the third, and then becomes the third; what it becomes
 * it is.
 */
#include <string.h>

#include "daemon/json_text.h"
#include "daemon/json_value.h"
#include "tests/fuzz/daemon/json_mutate.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);
size_t LLVMFuzzerCustomMutator(uint8_t *, size_t, size_t, unsigned);

#define STATE_MAX (32u * 1024 * 1024)

static void
change(struct edit *edit, struct doc *doc, json_object *trees[3])
{
	struct json_change c = {
		.base = trees[1], .wanted = trees[2], .has_base = true
	};
	size_t ops;

	if (json_value_edit(edit, doc, &c).code != LK_OK)
		return;
	c.has_base = false;
	if (json_value_edit(edit, doc, &c).code != LK_OK)
		return;
	ops = edit_ops(edit);
	LK_ASSERT(json_value_edit(edit, doc, &c).code == LK_OK);
	LK_ASSERT(edit_ops(edit) == ops);
}

static void
document(json_object *trees[3])
{
	static const uint8_t actor[16] = { 1 };
	struct change_head head = {
		.actor = { actor, sizeof(actor) }, .seq = 1, .start_op = 1
	};
	struct doc *doc;
	struct edit *edit;
	struct kv kv;

	LK_ASSERT(kv_memory_new(&kv, STATE_MAX).code == LK_OK);
	LK_ASSERT(doc_open(&doc, kv).code == LK_OK);
	LK_ASSERT(edit_new(&edit, doc, &head).code == LK_OK);
	if (json_value_fill(edit, DOC_ROOT, trees[0], JSON_PLAIN).code == LK_OK)
		change(edit, doc, trees);
	edit_free(edit);
	doc_free(doc);
	kv_memory_free(&kv);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes text = BYTES(data, size);
	json_object *trees[3] = { NULL };
	struct json_flaw flaw;
	int n = 0;

	while (n < 3 && json_text_next(&trees[n], &text, &flaw).code == LK_OK &&
	    json_object_is_type(trees[n], json_type_object))
		n++;
	if (n == 3)
		document(trees);
	for (int i = 0; i < 3; i++)
		json_object_put(trees[i]);
	return 0;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max, unsigned seed)
{
	static const char *const words[] = { "{\"id\":1}", "{\"id\":2,\"a\":[]}",
		"[1,2,3]", "\"one two\"", "\"\"", "null", "true", "1", "1.5",
		"\"l\"", "\"t\"", "{}", "[]", "[[1],[2]]", NULL };

	return json_mutate(data, len, max, seed, words);
}
