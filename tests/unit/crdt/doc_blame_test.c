#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/doc_blame.h"
#include "crdt/doc_history.h"
#include "tests/unit/crdt/view_fixture.h"

/* The change of every code point of a text, and the text. */
struct points {
	struct doc *doc;
	uint32_t *changes;
	size_t len, runs;
	struct buf text;
};

static void
points_add(struct points *p, uint32_t change, uint64_t n)
{
	p->changes =
	    reallocarray(p->changes, p->len + n + 1, sizeof(*p->changes));
	for (; n > 0; n--)
		p->changes[p->len++] = change;
}

static lk_err
run_each(void *ctx, const struct blame_run *run)
{
	struct points *p = ctx;

	assert_int_equal(run->start, p->len);
	assert_int_equal(utf8_count(run->text), run->length);
	points_add(p, run->change.number, run->length);
	buf_add(&p->text, run->text);
	p->runs++;
	return LK_NONE;
}

static lk_err
elem_each(void *ctx, const struct doc_visit *v)
{
	struct doc_change_info info;
	struct points *p = ctx;
	uint64_t n = 1;

	if (!v->winner)
		return LK_NONE;
	assert_ok(doc_op_change(p->doc, v->item.id, &info));
	if (!v->item.is_obj && v->item.value.type == VALUE_STR)
		n = utf8_count(v->item.value.bytes);
	points_add(p, info.number, n);
	return LK_NONE;
}

static void
check_text(struct doc *doc, struct op_id text)
{
	struct points runs = { .doc = doc }, elems = { .doc = doc };
	size_t changes = 0;

	buf_init(&runs.text, TREE_MAX);
	buf_init(&elems.text, TREE_MAX);
	assert_ok(doc_blame(doc, text, run_each, &runs));
	assert_ok(doc_each(doc, text, elem_each, &elems));
	assert_ok(doc_text(doc, text, &elems.text));
	assert_true(bytes_equal(buf_bytes(&runs.text), buf_bytes(&elems.text)));
	assert_int_equal(runs.len, elems.len);
	for (size_t i = 0; i < runs.len; i++) {
		assert_int_equal(runs.changes[i], elems.changes[i]);
		changes += i == 0 || runs.changes[i] != runs.changes[i - 1];
	}
	/* Neighbours of one change are one run. */
	assert_int_equal(runs.runs, changes);
	buf_clear(&runs.text);
	buf_clear(&elems.text);
	free(runs.changes);
	free(elems.changes);
}

struct walk {
	struct doc *doc;
	size_t texts;
};

static lk_err
find_texts(void *ctx, const struct doc_visit *v)
{
	struct walk *w = ctx;

	if (!v->item.is_obj)
		return LK_NONE;
	if (v->item.obj_type == OBJ_TEXT) {
		check_text(w->doc, v->item.id);
		w->texts++;
	}
	return doc_each(w->doc, v->item.id, find_texts, w);
}

static void
check_vector(const char *name, void *ctx)
{
	struct fixture f;
	struct walk w;
	struct doc *view;
	uint8_t heads[4][LK_ID_LEN];
	bool *in;
	size_t n;

	fixture_open(&f, name, 5);
	add_history(&f, name);
	fixture_apply(&f, 4);
	in = calloc(f.changes.len + 1, sizeof(*in));
	w = (struct walk){ .doc = f.doc };
	assert_ok(doc_each(f.doc, DOC_ROOT, find_texts, &w));
	n = some_heads(&f, heads, in);
	assert_ok(doc_at(f.doc, HEADS(heads), n, VIEW_JUDGED, &view));
	w.doc = view;
	assert_ok(doc_each(view, DOC_ROOT, find_texts, &w));
	*(size_t *)ctx += w.texts;
	doc_free(view);
	free(in);
	fixture_close(&f);
}

static void
runs_of_a_text_are_of_the_changes_that_wrote_them(void **state)
{
	size_t texts = 0;

	(void)state;
	assert_int_equal(
	    data_each("vectors", ".changes", check_vector, &texts), 40);
	assert_true(texts > 20);
}

static void
only_a_text_has_runs(void **state)
{
	struct points p = { 0 };
	struct fixture f;

	(void)state;
	fixture_open(&f, "none", 1);
	assert_code(doc_blame(f.doc, DOC_ROOT, run_each, &p), LK_E_DATA);
	assert_code(doc_blame(f.doc, (struct op_id){ .ctr = 9 }, run_each, &p),
	    LK_E_NOTFOUND);
	fixture_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    runs_of_a_text_are_of_the_changes_that_wrote_them),
		cmocka_unit_test(only_a_text_has_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
