#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/crdt/doc_patch.h"
#include "tests/unit/crdt/view_fixture.h"

/* From the document, between views, and back again. */
static void
check_diffs(struct fixture *f, int rounds)
{
	bool *in = calloc(f->changes.len + 1, sizeof(*in));
	uint8_t heads[4][LK_ID_LEN];

	for (int i = 0; i < rounds; i++) {
		struct doc *a, *b, *c;
		size_t n = some_heads(f, heads, in);

		assert_ok(doc_at(f->doc, HEADS(heads), n, VIEW_JUDGED, &a));
		n = some_heads(f, heads, in);
		assert_ok(doc_at(f->doc, HEADS(heads), n,
		    dice_roll(&f->dice, 4) == 0 ? VIEW_RAW : VIEW_JUDGED, &b));
		n = some_heads(f, heads, in);
		assert_ok(doc_at(a, HEADS(heads), n, VIEW_JUDGED, &c));
		check_diff(f->name, a, b);
		check_diff(f->name, b, a);
		check_diff(f->name, b, c);
		check_diff(f->name, a, c);
		check_diff(f->name, f->doc, c);
		check_diff(f->name, b, f->doc);
		doc_free(c);
		doc_free(b);
		doc_free(a);
	}
	free(in);
}

static void
check_vector(const char *name, void *ctx)
{
	struct fixture f;

	(void)ctx;
	for (uint64_t seed = 0; seed < 2; seed++) {
		fixture_open(&f, name, seed);
		add_history(&f, name);
		fixture_apply(&f, seed == 0 ? 0 : 4);
		check_diffs(&f, f.changes.len > 200 ? 1 : 4);
		fixture_close(&f);
	}
}

static void
a_diff_of_two_views_of_a_vector_makes_one_the_other(void **state)
{
	(void)state;
	assert_int_equal(
	    data_each("vectors", ".changes", check_vector, NULL), 40);
}

static void
check_random(struct json_object *json, void *ctx)
{
	size_t *cases = ctx;
	struct fixture f;

	fixture_open(&f,
	    json_object_get_string(json_object_object_get(json, "name")),
	    ++*cases);
	add_changes(&f, json);
	fixture_apply(&f, 3);
	check_diffs(&f, 3);
	fixture_close(&f);
}

static void
a_diff_of_two_views_with_ghosts_makes_one_the_other(void **state)
{
	size_t cases = 0;

	(void)state;
	assert_int_equal(
	    data_each_line("ghost/random.jsonl", check_random, &cases), 60);
	assert_int_equal(
	    data_each_line("ghost/forks.jsonl", check_random, &cases), 31);
}

/* Patches as Automerge writes them: neighbouring insertions are one. */
struct patch_list {
	struct json_object *patches, *last;
	struct op_id obj;
	uint64_t next; /* where another insertion would join the last */
};

static struct json_object *
patch_value(const struct item *item)
{
	if (item->is_obj && item->obj_type == OBJ_TEXT)
		return json_object_new_string("");
	if (item->is_obj && item->obj_type == OBJ_LIST)
		return json_object_new_array();
	if (item->is_obj)
		return json_object_new_object();
	assert_int_equal(item->value.type, VALUE_INT);
	return json_object_new_int64(item->value.i64);
}

static void
path_add(struct json_object *path, const struct prop *p)
{
	json_object_array_add(path,
	    p->is_key ? json_object_new_string_len(
			    (const char *)p->key.ptr, (int)p->key.len)
		      : json_object_new_int64((int64_t)p->index));
}

static lk_err
patch_list_add(void *ctx, const struct patch *p)
{
	static const char *const names[] = { "put", "del", "insert", "splice",
		"inc", "conflict", "mark", "unmark" };
	struct patch_list *l = ctx;
	struct json_object *o, *path, *values;
	bool joins = p->kind == PATCH_INSERT && l->next > 0 &&
	    l->next == p->prop.index && p->obj.ctr == l->obj.ctr &&
	    p->obj.actor == l->obj.actor;

	l->next = p->kind == PATCH_INSERT ? p->prop.index + 1 : 0;
	l->obj = p->obj;
	if (joins) {
		json_object_array_add(json_object_object_get(l->last, "values"),
		    patch_value(&p->values[p->values_len - 1]));
		return LK_NONE;
	}
	o = json_object_new_object();
	path = json_object_new_array();
	for (size_t i = 0; i < p->path_len; i++)
		path_add(path, &p->path[i]);
	path_add(path, &p->prop);
	json_object_object_add(
	    o, "action", json_object_new_string(names[p->kind]));
	json_object_object_add(o, "path", path);
	if (p->kind == PATCH_DEL && p->length > 1)
		json_object_object_add(
		    o, "length", json_object_new_int64((int64_t)p->length));
	if (p->kind == PATCH_SPLICE)
		json_object_object_add(o, "value",
		    json_object_new_string_len(
			(const char *)p->text.ptr, (int)p->text.len));
	if (p->kind == PATCH_PUT)
		json_object_object_add(
		    o, "value", patch_value(&p->values[p->values_len - 1]));
	if (p->kind == PATCH_INSERT) {
		values = json_object_new_array();
		json_object_array_add(
		    values, patch_value(&p->values[p->values_len - 1]));
		json_object_object_add(o, "values", values);
	}
	json_object_array_add(l->patches, o);
	l->last = o;
	return LK_NONE;
}

static void
patches_are_those_that_automerge_gives(void **state)
{
	const char *name = "38-views-and-diffs";
	struct json_object *json = data_json("vectors", name);
	struct json_object *diffs = json_object_object_get(json, "diffs");
	struct fixture f;

	(void)state;
	fixture_open(&f, name, 0);
	add_history(&f, name);
	fixture_apply(&f, 0);
	assert_int_equal(json_object_array_length(diffs), 3);
	for (size_t i = 0; i < 3; i++) {
		struct json_object *diff = json_object_array_get_idx(diffs, i);
		struct patch_list l = { .patches = json_object_new_array() };
		uint8_t heads[4][LK_ID_LEN];
		struct doc *from, *to;
		size_t n = heads_of_json(
		    json_object_object_get(diff, "before"), heads);

		assert_ok(doc_at(f.doc, HEADS(heads), n, VIEW_RAW, &from));
		n = heads_of_json(json_object_object_get(diff, "after"), heads);
		assert_ok(doc_at(f.doc, HEADS(heads), n, VIEW_RAW, &to));
		assert_ok(doc_diff(from, to, patch_list_add, &l));
		if (!json_object_equal(
			l.patches, json_object_object_get(diff, "patches")))
			fail_msg("diff %zu is %s", i,
			    json_object_to_json_string(l.patches));
		json_object_put(l.patches);
		doc_free(from);
		doc_free(to);
	}
	fixture_close(&f);
	json_object_put(json);
}

static lk_err
no_patch(void *ctx, const struct patch *p)
{
	(void)p;
	++*(int *)ctx;
	return LK_ERR(LK_E_AGAIN, "stop");
}

static void
views_of_two_documents_have_no_diff_and_a_diff_stops_when_told(void **state)
{
	struct sample_docs {
		struct changes all;
		struct replica r;
	} a, b;
	struct doc *view;
	int calls = 0;

	(void)state;
	changes_init(&a.all);
	changes_init(&b.all);
	replica_open(&a.r, &a.all, 1);
	replica_open(&b.r, &b.all, 2);
	replica_edit(&a.r);
	put_at(&a.r, DOC_ROOT, KEY("a"), INT(1));
	put_at(&a.r, DOC_ROOT, KEY("b"), INT(1));
	assert_true(replica_finish(&a.r));
	assert_ok(doc_at(a.r.doc, NULL, 0, VIEW_JUDGED, &view));
	assert_code(doc_diff(view, b.r.doc, no_patch, &calls), LK_E_USAGE);
	assert_code(doc_diff(view, a.r.doc, no_patch, &calls), LK_E_AGAIN);
	assert_int_equal(calls, 1);
	assert_ok(doc_diff(view, view, no_patch, &calls));
	doc_free(view);
	replica_close(&a.r);
	replica_close(&b.r);
	changes_clear(&a.all);
	changes_clear(&b.all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_diff_of_two_views_of_a_vector_makes_one_the_other),
		cmocka_unit_test(
		    a_diff_of_two_views_with_ghosts_makes_one_the_other),
		cmocka_unit_test(patches_are_those_that_automerge_gives),
		cmocka_unit_test(
		    views_of_two_documents_have_no_diff_and_a_diff_stops_when_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
