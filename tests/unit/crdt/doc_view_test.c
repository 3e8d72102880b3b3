#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/doc_history.h"
#include "tests/unit/crdt/view_fixture.h"

static void
check_shows(struct fixture *f, struct doc *doc, const bool *in, bool raw)
{
	struct buf got, want;

	buf_init(&got, TREE_MAX);
	buf_init(&want, TREE_MAX);
	assert_ok(tree_of_doc(doc, true, &got));
	assert_ok(
	    changes_tree(&f->changes, in, raw ? NULL : f->is_void, &want));
	if (!bytes_equal(buf_bytes(&got), buf_bytes(&want)))
		fail_msg("%s: the view shows\n%.*s\nnot\n%.*s", f->name,
		    (int)got.len, (const char *)got.ptr, (int)want.len,
		    (const char *)want.ptr);
	buf_clear(&got);
	buf_clear(&want);
}

/* Views of the document, and views of those views. */
static void
check_views(struct fixture *f, int rounds)
{
	bool *in = calloc(f->changes.len + 1, sizeof(*in));
	uint8_t heads[4][LK_ID_LEN];

	for (int i = 0; i < rounds; i++) {
		enum view_void how =
		    dice_roll(&f->dice, 3) == 0 ? VIEW_RAW : VIEW_JUDGED;
		struct doc *view, *next;
		size_t n = some_heads(f, heads, in);

		assert_ok(doc_at(f->doc, HEADS(heads), n, how, &view));
		check_shows(f, view, in, how == VIEW_RAW);
		how = dice_roll(&f->dice, 3) == 0 ? VIEW_RAW : VIEW_JUDGED;
		n = some_heads(f, heads, in);
		assert_ok(doc_at(view, HEADS(heads), n, how, &next));
		check_shows(f, next, in, how == VIEW_RAW);
		doc_free(next);
		doc_free(view);
	}
	check_shows(f, f->doc, NULL, false);
	free(in);
}

/* The heads of everything. */
static void
check_present(struct fixture *f)
{
	size_t n = 0, len = f->changes.len;
	bool *below = calloc(len + 1, sizeof(*below));
	uint8_t(*heads)[LK_ID_LEN] = calloc(len + 1, LK_ID_LEN);
	struct doc *view;

	for (size_t x = len; x > 0; x--) {
		const struct change *c = &f->changes.all[x - 1];

		if (!below[x - 1])
			memcpy(heads[n++], c->hash, LK_ID_LEN);
		for (size_t d = 0; d < c->deps_len; d++)
			below[changes_find(
			    &f->changes, c->deps + d * LK_ID_LEN)] = true;
	}
	assert_ok(doc_at(f->doc, HEADS(heads), n, VIEW_JUDGED, &view));
	check_shows(f, view, NULL, false);
	doc_free(view);
	assert_ok(doc_at(f->doc, HEADS(heads), n, VIEW_RAW, &view));
	check_shows(f, view, NULL, true);
	doc_free(view);
	free(below);
	free(heads);
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
		check_views(&f, f.changes.len > 200 ? 1 : 6);
		check_present(&f);
		fixture_close(&f);
	}
}

static void
a_view_of_a_vector_is_the_replay_of_the_ancestors_of_its_heads(void **state)
{
	(void)state;
	assert_int_equal(
	    data_each("vectors", ".changes", check_vector, NULL), 40);
}

/* As json-c holds the "json" of a vector: no ids, texts as strings. */
static struct json_object *json_of_object(
    struct doc *, struct op_id, enum obj_type);

struct json_walk {
	struct doc *doc;
	struct json_object *into;
};

static struct json_object *
json_of_item(struct doc *doc, const struct item *item)
{
	if (item->is_obj)
		return json_of_object(doc, item->id, item->obj_type);
	if (item->value.type == VALUE_STR)
		return json_object_new_string_len(
		    (const char *)item->value.bytes.ptr,
		    (int)item->value.bytes.len);
	assert_int_equal(item->value.type, VALUE_INT);
	return json_object_new_int64(item->value.i64);
}

static lk_err
json_each(void *ctx, const struct doc_visit *v)
{
	struct json_walk *w = ctx;
	struct json_object *o;
	char key[64];

	if (!v->winner)
		return LK_NONE;
	(void)snprintf(key, sizeof(key), "%.*s", (int)v->key.len,
	    (const char *)v->key.ptr);
	o = json_of_item(w->doc, &v->item);
	if (json_object_is_type(w->into, json_type_array))
		json_object_array_add(w->into, o);
	else
		json_object_object_add(w->into, key, o);
	return LK_NONE;
}

static struct json_object *
json_of_object(struct doc *doc, struct op_id obj, enum obj_type type)
{
	struct json_walk w = { .doc = doc };
	struct json_object *o;
	struct buf text;

	if (type == OBJ_TEXT) {
		buf_init(&text, TREE_MAX);
		assert_ok(doc_text(doc, obj, &text));
		o = json_object_new_string_len(
		    (const char *)text.ptr, (int)text.len);
		buf_clear(&text);
		return o;
	}
	w.into = type == OBJ_LIST ? json_object_new_array()
				  : json_object_new_object();
	assert_ok(doc_each(doc, obj, json_each, &w));
	return w.into;
}

static void
views_show_what_automerge_shows_at_these_heads(void **state)
{
	const char *name = "38-views-and-diffs";
	struct json_object *json = data_json("vectors", name);
	struct json_object *views = json_object_object_get(json, "views");
	struct fixture f;

	(void)state;
	fixture_open(&f, name, 0);
	add_history(&f, name);
	fixture_apply(&f, 0);
	assert_int_equal(json_object_array_length(views), 3);
	for (size_t i = 0; i < 3; i++) {
		struct json_object *view = json_object_array_get_idx(views, i);
		struct json_object *got;
		uint8_t heads[4][LK_ID_LEN];
		struct doc *doc;
		size_t n =
		    heads_of_json(json_object_object_get(view, "heads"), heads);

		assert_ok(doc_at(f.doc, HEADS(heads), n, VIEW_RAW, &doc));
		got = json_of_object(doc, DOC_ROOT, OBJ_MAP);
		assert_true(json_object_equal(
		    got, json_object_object_get(view, "json")));
		json_object_put(got);
		doc_free(doc);
	}
	fixture_close(&f);
	json_object_put(json);
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
	check_views(&f, 4);
	check_present(&f);
	fixture_close(&f);
}

static void
a_view_judges_by_what_is_void_today_or_not_at_all(void **state)
{
	size_t cases = 0;

	(void)state;
	assert_int_equal(
	    data_each_line("ghost/random.jsonl", check_random, &cases), 60);
	assert_int_equal(
	    data_each_line("ghost/forks.jsonl", check_random, &cases), 31);
}

static void
a_view_is_read_like_a_document_and_refuses_to_be_written(void **state)
{
	static const uint8_t nobody[1][LK_ID_LEN] = { { 1 } };
	struct change_head head = {
		.actor = BYTES_STR("x"), .seq = 1, .start_op = 100
	};
	struct changes all;
	struct replica r;
	struct doc *view;
	struct op_id list, text;
	struct item item;
	struct edit *edit;
	uint64_t length;

	(void)state;
	changes_init(&all);
	replica_open(&r, &all, 1);
	replica_edit(&r);
	list = make_at(&r, DOC_ROOT, KEY("l"), OBJ_LIST);
	text = make_at(&r, DOC_ROOT, KEY("t"), OBJ_TEXT);
	put_at(&r, DOC_ROOT, KEY("n"), COUNTER(1));
	assert_ok(edit_insert(r.edit, list, 0, &INT(1)));
	assert_ok(edit_insert(r.edit, list, 1, &INT(2)));
	assert_ok(edit_splice(r.edit, text, 0, 0, BYTES_STR("abc")));
	assert_true(replica_finish(&r));
	replica_edit(&r);
	assert_ok(edit_delete(r.edit, list, INDEX(0)));
	assert_ok(edit_splice(r.edit, text, 1, 2, BYTES_STR("")));
	assert_ok(edit_increment(r.edit, DOC_ROOT, KEY("n"), 5));
	put_at(&r, DOC_ROOT, KEY("k"), INT(1));
	assert_true(replica_finish(&r));

	assert_code(
	    doc_at(r.doc, nobody, 1, VIEW_JUDGED, &view), LK_E_NOTFOUND);
	assert_ok(doc_at(r.doc, (const uint8_t(*)[LK_ID_LEN])all.all[0].hash, 1,
	    VIEW_JUDGED, &view));
	assert_ok(doc_length(view, DOC_ROOT, &length));
	assert_int_equal(length, 3);
	assert_ok(doc_length(view, text, &length));
	assert_int_equal(length, 3);
	assert_ok(doc_get(view, text, INDEX(2), &item));
	assert_true(bytes_equal(item.value.bytes, BYTES_STR("c")));
	assert_ok(doc_get(view, list, INDEX(0), &item));
	assert_int_equal(item.value.i64, 1);
	assert_code(doc_get(view, list, INDEX(2), &item), LK_E_NOTFOUND);
	assert_ok(doc_get(view, DOC_ROOT, KEY("n"), &item));
	assert_int_equal(item.value.i64, 1);
	assert_code(doc_get(view, DOC_ROOT, KEY("k"), &item), LK_E_NOTFOUND);

	assert_code(doc_apply(view, &all.all[0], true), LK_E_USAGE);
	assert_code(doc_set_visible(view, all.all[0].hash, false), LK_E_USAGE);
	assert_code(edit_new(&edit, view, &head), LK_E_USAGE);
	doc_free(view);
	assert_ok(doc_get(r.doc, DOC_ROOT, KEY("n"), &item));
	assert_int_equal(item.value.i64, 6);
	replica_close(&r);
	changes_clear(&all);
}

struct since {
	struct fixture *f;
	bool *got;
	size_t len;
};

static lk_err
since_each(void *ctx, const struct doc_change_info *info)
{
	struct since *s = ctx;
	const struct changes *c = &s->f->changes;
	size_t x = changes_find(c, info->hash);
	struct bytes actor;

	assert_true(x < c->len && !s->got[x]);
	assert_int_equal(info->seq, c->all[x].seq);
	assert_ok(doc_actor(s->f->doc, info->actor, &actor));
	assert_true(bytes_equal(actor, c->all[x].actor));
	s->got[x] = true;
	s->len++;
	return LK_NONE;
}

/* For every pair of some heads. */
static void
check_since(struct fixture *f, int rounds)
{
	bool *had = calloc(f->changes.len + 1, 1);
	bool *has = calloc(f->changes.len + 1, 1);
	uint8_t from[4][LK_ID_LEN], to[4][LK_ID_LEN];

	for (int i = 0; i < rounds; i++) {
		struct since s = { .f = f };
		size_t from_len = some_heads(f, from, had);
		size_t to_len = some_heads(f, to, has);

		s.got = calloc(f->changes.len + 1, 1);
		assert_ok(doc_since(f->doc, HEADS(from), from_len, HEADS(to),
		    to_len, since_each, &s));
		for (size_t x = 0; x < f->changes.len; x++)
			assert_int_equal(s.got[x], has[x] && !had[x]);
		free(s.got);
	}
	free(had);
	free(has);
}

static void
check_history_since(const char *name, void *ctx)
{
	struct fixture f;

	(void)ctx;
	fixture_open(&f, name, 7);
	add_history(&f, name);
	fixture_apply(&f, 3);
	check_since(&f, 8);
	fixture_close(&f);
}

static void
changes_since_are_ancestors_of_some_heads_and_not_of_others(void **state)
{
	static const uint8_t nobody[1][LK_ID_LEN] = { { 1 } };
	struct since s = { 0 };
	struct fixture f;

	(void)state;
	assert_int_equal(
	    data_each("vectors", ".changes", check_history_since, NULL), 40);
	fixture_open(&f, "none", 1);
	s.f = &f;
	assert_ok(doc_since(f.doc, NULL, 0, NULL, 0, since_each, &s));
	assert_code(doc_since(f.doc, NULL, 0, nobody, 1, since_each, &s),
	    LK_E_NOTFOUND);
	fixture_close(&f);
}

static void
check_firsts(const char *name, void *ctx)
{
	struct doc_change_info info;
	struct doc *view;
	struct fixture f;
	bool *in;
	size_t n;

	(void)ctx;
	fixture_open(&f, name, 9);
	add_history(&f, name);
	fixture_apply(&f, 4);
	in = calloc(f.changes.len + 1, sizeof(*in));
	for (int i = 0; i < 3; i++) {
		n = dice_roll(&f.dice, f.changes.len + 1);
		for (size_t x = 0; x < f.changes.len; x++) {
			assert_ok(
			    doc_change(f.doc, f.changes.all[x].hash, &info));
			in[x] = info.number < n;
		}
		assert_ok(doc_at_first(f.doc, n, VIEW_JUDGED, &view));
		check_shows(&f, view, in, false);
		doc_free(view);
	}
	assert_code(doc_at_first(f.doc, f.changes.len + 1, VIEW_RAW, &view),
	    LK_E_NOTFOUND);
	free(in);
	fixture_close(&f);
}

static void
a_view_of_the_first_changes_is_what_was_there_then(void **state)
{
	(void)state;
	assert_int_equal(
	    data_each("vectors", ".changes", check_firsts, NULL), 40);
}

struct match {
	const char *digits;
	size_t len;
};

static lk_err
match_each(void *ctx, const struct doc_change_info *info)
{
	struct match *m = ctx;
	char hex[2 * LK_ID_LEN + 1];

	hex_encode(hex, BYTES_OF(info->hash));
	assert_memory_equal(hex, m->digits, strlen(m->digits));
	m->len++;
	return LK_NONE;
}

static void
check_match(struct fixture *f, const char *digits)
{
	struct match m = { .digits = digits };
	size_t want = 0;

	assert_ok(doc_match(f->doc, digits, match_each, &m));
	for (size_t x = 0; x < f->changes.len; x++) {
		char hex[2 * LK_ID_LEN + 1];

		hex_encode(hex, BYTES_OF(f->changes.all[x].hash));
		want += strncmp(hex, digits, strlen(digits)) == 0;
	}
	assert_int_equal(m.len, want);
}

static void
changes_are_found_by_how_their_hash_begins(void **state)
{
	static const char *const bad[] = { "", "x", "12G",
		"00000000000000000000000000000000000000000000000000000000000000"
		"000" };
	char hex[2 * LK_ID_LEN + 1];
	struct match m = { 0 };
	struct fixture f;

	(void)state;
	fixture_open(&f, "40-random-collab", 3);
	add_history(&f, f.name);
	fixture_apply(&f, 0);
	assert_true(f.changes.len > 20);
	for (size_t x = 0; x < f.changes.len; x++) {
		for (size_t n = 1; n <= 2 * LK_ID_LEN; n += n < 5 ? 1 : 7) {
			hex_encode(hex, BYTES_OF(f.changes.all[x].hash));
			hex[n] = '\0';
			check_match(&f, hex);
			/* Something else, after as much that is right. */
			hex[n - 1] = hex[n - 1] == '0' ? 'f' : '0';
			check_match(&f, hex);
		}
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_code(
		    doc_match(f.doc, bad[i], match_each, &m), LK_E_USAGE);
	fixture_close(&f);
}

static void
an_op_is_of_the_change_that_has_its_counter(void **state)
{
	struct doc_change_info info;
	struct changes all;
	struct replica r;
	struct item item;

	(void)state;
	changes_init(&all);
	replica_open(&r, &all, 1);
	for (int i = 0; i < 3; i++) {
		replica_edit(&r);
		put_at(&r, DOC_ROOT, KEY("k"), INT(i));
		put_at(&r, DOC_ROOT, KEY("l"), INT(i));
		assert_true(replica_finish(&r));
	}
	for (uint64_t ctr = 1; ctr <= 6; ctr++) {
		struct op_id id = { .ctr = ctr };

		assert_ok(doc_op_change(r.doc, id, &info));
		assert_memory_equal(
		    info.hash, all.all[(ctr - 1) / 2].hash, LK_ID_LEN);
	}
	assert_ok(doc_get(r.doc, DOC_ROOT, KEY("k"), &item));
	assert_ok(doc_op_change(r.doc, item.id, &info));
	assert_int_equal(info.seq, 3);
	assert_code(doc_op_change(r.doc, (struct op_id){ .ctr = 7 }, &info),
	    LK_E_NOTFOUND);
	assert_code(doc_op_change(r.doc, DOC_ROOT, &info), LK_E_NOTFOUND);
	assert_code(
	    doc_op_change(r.doc, (struct op_id){ .ctr = UINT64_MAX }, &info),
	    LK_E_NOTFOUND);
	replica_close(&r);
	changes_clear(&all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_view_of_a_vector_is_the_replay_of_the_ancestors_of_its_heads),
		cmocka_unit_test(
		    views_show_what_automerge_shows_at_these_heads),
		cmocka_unit_test(
		    a_view_judges_by_what_is_void_today_or_not_at_all),
		cmocka_unit_test(
		    a_view_is_read_like_a_document_and_refuses_to_be_written),
		cmocka_unit_test(
		    changes_since_are_ancestors_of_some_heads_and_not_of_others),
		cmocka_unit_test(an_op_is_of_the_change_that_has_its_counter),
		cmocka_unit_test(
		    a_view_of_the_first_changes_is_what_was_there_then),
		cmocka_unit_test(changes_are_found_by_how_their_hash_begins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
