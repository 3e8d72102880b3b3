/*
 * view_fixture.h - for tests: documents of many changes, some of them void, and
 * heads to look at them from.
 */
#ifndef TESTS_VIEW_FIXTURE_H
#define TESTS_VIEW_FIXTURE_H

#include "crdt/doc_view.h"
#include "crdt/document.h"
#include "tests/unit/crdt/data_file.h"
#include "tests/unit/crdt/doc_replica.h"
#include "tests/unit/crdt/json_tree.h"

#define HEADS(h) ((const uint8_t(*)[LK_ID_LEN])(h))

/* All changes of a case, applied to one document, some of them void. */
struct fixture {
	const char *name;
	struct changes changes;
	bool *is_void;
	struct kv kv;
	struct doc *doc;
	struct dice dice;
};

static inline void
fixture_open(struct fixture *f, const char *name, uint64_t seed)
{
	*f = (struct fixture){ .name = name, .dice = dice_of(seed) };
	changes_init(&f->changes);
	assert_ok(kv_memory_new(&f->kv, DOC_KV_MAX));
	assert_ok(doc_open(&f->doc, f->kv));
}

static inline void
fixture_close(struct fixture *f)
{
	doc_free(f->doc);
	kv_memory_free(&f->kv);
	changes_clear(&f->changes);
	free(f->is_void);
}

/* Applies everything in a random order; one in `void_in` is void. */
static inline void
fixture_apply(struct fixture *f, uint64_t void_in)
{
	size_t n = f->changes.len;
	size_t *order = calloc(n + 1, sizeof(*order));

	f->is_void = calloc(n + 1, sizeof(*f->is_void));
	changes_shuffle(&f->changes, &f->dice, order);
	for (size_t i = 0; i < n; i++) {
		size_t x = order[i];

		f->is_void[x] =
		    void_in > 0 && dice_roll(&f->dice, void_in) == 0;
		assert_ok(
		    doc_apply(f->doc, &f->changes.all[x], !f->is_void[x]));
	}
	free(order);
}

/* A few heads at random, sometimes none; `in` becomes their ancestors. */
static inline size_t
some_heads(struct fixture *f, uint8_t (*heads)[LK_ID_LEN], bool *in)
{
	size_t n = dice_roll(&f->dice, 4);

	memset(in, 0, f->changes.len);
	if (f->changes.len == 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		size_t x = dice_roll(&f->dice, f->changes.len);

		memcpy(heads[i], f->changes.all[x].hash, LK_ID_LEN);
		changes_mark_past(&f->changes, x, in);
	}
	return n;
}

static inline void
add_history(struct fixture *f, const char *name)
{
	struct history h;
	struct buf file;

	assert_true(data_file(&file, "vectors", name, ".automerge"));
	assert_ok(history_read(&h, buf_bytes(&file)));
	for (size_t i = 0; i < h.changes_len; i++)
		assert_ok(changes_add(&f->changes, h.changes[i].body));
	history_clear(&h);
	buf_clear(&file);
}

/* The changes of a case of ghosts. */
static inline void
add_changes(struct fixture *f, struct json_object *json)
{
	struct json_object *changes = json_object_object_get(json, "changes");

	for (size_t i = 0; i < json_object_array_length(changes); i++)
		assert_ok(changes_add_hex(&f->changes,
		    json_text(json_object_array_get_idx(changes, i), "hex")));
}

static inline size_t
heads_of_json(struct json_object *json, uint8_t (*heads)[LK_ID_LEN])
{
	size_t n = json_object_array_length(json);

	assert_true(n <= 4);
	for (size_t i = 0; i < n; i++)
		assert_true(hex_decode(heads[i], LK_ID_LEN,
		    json_object_get_string(
			json_object_array_get_idx(json, i))));
	return n;
}

#endif
