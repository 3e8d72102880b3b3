/*
 * The first line is a document, what follows a patch: applied or refused, and
 * in either case the document can be written.
 */
#include <string.h>

#include "daemon/patch.h"
#include "tests/fuzz/daemon/json_mutate.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);
size_t LLVMFuzzerCustomMutator(uint8_t *, size_t, size_t, unsigned);

#define STATE_MAX (8u * 1024 * 1024)

static void
patch_run(struct site *site, struct bytes patch)
{
	struct item root = { .is_obj = true, .obj_type = OBJ_MAP };
	struct patch_fault fault;
	struct json_flaw flaw;
	json_object *ops;
	struct buf out;

	if (patch_read(&ops, patch, &flaw).code != LK_OK)
		return;
	if (patch_apply(site, ops, &fault).code == LK_OK) {
		buf_init(&out, STATE_MAX);
		root.id = DOC_ROOT;
		LK_ASSERT(
		    json_value_write(&out, site->doc, &root, JSON_TYPED).code !=
		    LK_E_CORRUPT);
		buf_clear(&out);
	}
	json_object_put(ops);
}

static void
document_run(json_object *tree, struct bytes patch)
{
	static const uint8_t actor[16] = { 1 };
	struct change_head head = {
		.actor = { actor, sizeof(actor) }, .seq = 1, .start_op = 1
	};
	struct site site = { 0 };
	struct arena arena;
	struct kv kv;

	arena_init(&arena, STATE_MAX);
	LK_ASSERT(kv_memory_new(&kv, STATE_MAX).code == LK_OK);
	LK_ASSERT(doc_open(&site.doc, kv).code == LK_OK);
	LK_ASSERT(edit_new(&site.edit, site.doc, &head).code == LK_OK);
	site.arena = &arena;
	if (json_value_fill(site.edit, DOC_ROOT, tree, JSON_PLAIN).code ==
		LK_OK &&
	    base_find(&site.base, site.doc, "map", false).code == LK_OK)
		patch_run(&site, patch);
	edit_free(site.edit);
	doc_free(site.doc);
	kv_memory_free(&kv);
	arena_clear(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = size == 0 ? NULL : memchr(data, '\n', size);
	struct json_flaw flaw;
	json_object *tree;
	size_t len;

	if (line == NULL)
		return 0;
	len = (size_t)(line - data);
	if (json_text_parse(&tree, BYTES(data, len), &flaw).code != LK_OK)
		return 0;
	if (json_object_is_type(tree, json_type_object))
		document_run(tree, BYTES(line + 1, size - len - 1));
	json_object_put(tree);
	return 0;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max, unsigned seed)
{
	static const char *const words[] = { "\"/a\"", "\"/a/0\"", "\"/l/-\"",
		"\"\"", "\"/t\"", "\"/n\"", "\"/l/1/x\"", "{\"a\":1}",
		"[1,[2],{\"x\":3}]", "\"text\"", "null", "true", "0", "1", "-1",
		"2.5", "\"op\"", "\"path\"", "\"from\"", "\"value\"", "\"add\"",
		"\"remove\"", "\"replace\"", "\"move\"", "\"copy\"", "\"test\"",
		"\"set\"", "\"rm\"", "\"insert\"", "\"inc\"", "\"by\"",
		"\"splice\"", "\"pos\"", "\"del\"", "\"text\"", "\"as\"",
		"\"counter\"", "\"string\"", "\"bytes\"", "\"time\"",
		"{\"set\":\"/b\",\"value\":[1]}", "{\"rm\":\"/a\"}",
		"{\"op\":\"add\",\"path\":\"/l/0\",\"value\":1}",
		"{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/b\"}",
		"{\"op\":\"copy\",\"from\":\"/l\",\"path\":\"/c\"}",
		"{\"op\":\"test\",\"path\":\"/a\",\"value\":1}",
		"{\"splice\":\"/t\",\"pos\":1,\"del\":1,\"text\":\"xy\"}",
		NULL };

	return json_mutate(data, len, max, seed, words);
}
