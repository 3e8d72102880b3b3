/*
 * scratch_doc.h - a document in memory with one edit open on it, for the tests
 * of what works on documents.
 */
#ifndef TESTS_SCRATCH_DOC_H
#define TESTS_SCRATCH_DOC_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/json_text.h"
#include "daemon/json_value.h"
#include "daemon/pointer.h"
#include "daemon/site.h"

struct scratch {
	struct kv kv;
	struct doc *doc;
	struct edit *edit;
	struct arena arena;
	struct site site;
};

#define assert_ok(call)                                                     \
	do {                                                                \
		lk_err ok_ = (call);                                        \
		if (ok_.code != LK_OK)                                      \
			fail_msg("%s: %s: %s", #call, lk_strcode(ok_.code), \
			    ok_.what);                                      \
	} while (0)
#define assert_err(call, want) \
	assert_string_equal(lk_strcode((call).code), lk_strcode(want))

static inline json_object *
json_of(const char *text)
{
	struct json_flaw flaw;
	json_object *tree = NULL;

	assert_ok(json_text_parse(&tree, BYTES_STR(text), &flaw));
	return tree;
}

static inline void
scratch_open(struct scratch *s, const char *json)
{
	static const uint8_t actor[16] = { 1, 2, 3 };
	struct change_head head = {
		.actor = BYTES_OF(actor), .seq = 1, .start_op = 1
	};

	*s = (struct scratch){ 0 };
	assert_ok(kv_memory_new(&s->kv, 64u * 1024 * 1024));
	assert_ok(doc_open(&s->doc, s->kv));
	assert_ok(edit_new(&s->edit, s->doc, &head));
	arena_init(&s->arena, 16u * 1024 * 1024);
	s->site =
	    (struct site){ .edit = s->edit, .doc = s->doc, .arena = &s->arena };
	if (json != NULL) {
		json_object *tree = json_of(json);

		assert_ok(json_value_fill(s->edit, DOC_ROOT, tree, JSON_PLAIN));
		json_object_put(tree);
	}
	assert_ok(base_find(&s->site.base, s->doc, "map", false));
}

static inline void
scratch_close(struct scratch *s)
{
	edit_free(s->edit);
	doc_free(s->doc);
	kv_memory_free(&s->kv);
	arena_clear(&s->arena);
}

/* What a path shows as JSON; free it. */
static inline char *
scratch_json(struct scratch *s, const char *path, enum json_style style)
{
	struct place place;
	struct buf out;
	char *copy;

	buf_init(&out, 16u * 1024 * 1024);
	assert_ok(
	    pointer_follow(&place, s->doc, &s->site.base, path, &s->arena));
	assert_true(place.shown);
	assert_ok(json_value_write(&out, s->doc, &place.item, style));
	copy = strndup((const char *)out.ptr, out.len);
	buf_clear(&out);
	return copy;
}

static inline void
assert_shows(struct scratch *s, const char *want)
{
	char *got = scratch_json(s, "", JSON_PLAIN);

	assert_string_equal(got, want);
	free(got);
}

/* xorshift64*: the same numbers for the same seed, everywhere. */
static inline uint64_t
random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

#endif
