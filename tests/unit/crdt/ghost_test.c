#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/doc_view.h"
#include "tests/unit/crdt/ghost_export.h"

/* A document of a case that is flipped about. */
struct fixture {
	struct ghost_case *g;
	struct kv kv;
	struct doc *doc;
};

static void
fixture_open(struct fixture *f, struct ghost_case *g)
{
	*f = (struct fixture){ .g = g };
	assert_ok(kv_memory_new(&f->kv, DOC_KV_MAX));
	assert_ok(doc_open(&f->doc, f->kv));
}

static void
fixture_close(struct fixture *f)
{
	doc_free(f->doc);
	kv_memory_free(&f->kv);
}

static void
fixture_again(struct fixture *f)
{
	if (dice_roll(&f->g->dice, 3) == 0)
		assert_ok(doc_again(&f->doc, f->kv));
}

/* Applies those which `in` has (NULL: all) in a random order; without
 * `is_void` each is visible or not by chance. */
static void
fixture_apply(struct fixture *f, const bool *in, const bool *is_void)
{
	const struct changes *c = &f->g->changes;
	size_t *order = calloc(c->len + 1, sizeof(*order));

	changes_shuffle(c, &f->g->dice, order);
	for (size_t i = 0; i < c->len; i++) {
		bool visible = is_void == NULL ? dice_roll(&f->g->dice, 3) > 0
					       : !is_void[order[i]];

		if (in != NULL && !in[order[i]])
			continue;
		assert_ok(doc_apply(f->doc, &c->all[order[i]], visible));
		fixture_again(f);
	}
	free(order);
}

/* Makes exactly these changes void, in random order, with `detours` flips of
 * others before. */
static void
fixture_set_void(struct fixture *f, const bool *is_void, size_t detours)
{
	const struct changes *c = &f->g->changes;
	size_t from = dice_roll(&f->g->dice, c->len);
	bool down = dice_roll(&f->g->dice, 2) == 0;

	for (size_t i = 0; i < detours; i++) {
		size_t at = dice_roll(&f->g->dice, c->len);

		assert_ok(doc_set_visible(
		    f->doc, c->all[at].hash, dice_roll(&f->g->dice, 2) == 0));
	}
	for (size_t i = 0; i < c->len; i++) {
		size_t at = (from + i) % c->len;

		at = down ? c->len - 1 - at : at;
		assert_ok(
		    doc_set_visible(f->doc, c->all[at].hash, !is_void[at]));
	}
	fixture_again(f);
}

/* Applied in some order, each change with the status it has in the view. */
static void
check_built(struct ghost_case *g, struct json_object *view)
{
	bool *is_void = case_void(g, view), *in = case_part(g, view);
	struct fixture f;

	fixture_open(&f, g);
	fixture_apply(&f, in, is_void);
	check_view(g, view, "built from nothing", f.doc);
	check_exports(g, view, f.doc);
	fixture_close(&f);
	free(is_void);
	free(in);
}

/* What a document shows at the heads of a view. */
static void
check_at(struct fixture *f, struct json_object *view)
{
	const struct ghost_case *g = f->g;
	struct json_object *heads = json_object_object_get(view, "heads");
	size_t n = json_object_array_length(heads);
	uint8_t(*hashes)[LK_ID_LEN] = calloc(n, sizeof(*hashes));
	struct doc *at;

	for (size_t i = 0; i < n; i++)
		for (size_t x = 0; x < g->changes.len; x++)
			if (strcmp(
				json_text(case_list(g, "changes", x), "label"),
				json_object_get_string(
				    json_object_array_get_idx(heads, i))) == 0)
				memcpy(hashes[i], g->changes.all[x].hash,
				    LK_ID_LEN);
	assert_ok(doc_at(
	    f->doc, (const uint8_t(*)[LK_ID_LEN])hashes, n, VIEW_JUDGED, &at));
	check_view(g, view, "at old heads", at);
	doc_free(at);
	free(hashes);
}

/* From each view to each other one by flips, and from anywhere. */
static void
check_flipped(struct fixture *f)
{
	struct ghost_case *g = f->g;
	bool **is_void = calloc(g->views + 1, sizeof(*is_void));

	for (size_t i = 0; i < g->views; i++)
		is_void[i] = case_void(g, case_list(g, "views", i));
	for (size_t i = 0; i < g->views * g->views; i++) {
		size_t from = i / g->views, to = i % g->views;
		struct json_object *view = case_list(g, "views", to);

		fixture_set_void(
		    f, is_void[from], to == from ? g->changes.len : 0);
		if (to != from)
			fixture_set_void(f, is_void[to], 0);
		if (json_object_object_get(view, "heads") != NULL) {
			check_at(f, view);
			continue;
		}
		check_view(g, view, "flipped", f->doc);
		if (to == from)
			check_exports(g, view, f->doc);
	}
	for (size_t i = 0; i < g->views; i++)
		free(is_void[i]);
	free(is_void);
}

/* With nothing void it is as if nothing had ever been. */
static void
check_restored(struct fixture *f)
{
	const struct changes *c = &f->g->changes;
	bool *is_void = calloc(c->len + 1, sizeof(*is_void));
	BUF_SCOPED got = { .max = TREE_MAX };
	BUF_SCOPED want = { .max = TREE_MAX };

	fixture_set_void(f, is_void, c->len);
	assert_ok(tree_of_doc(f->doc, true, &got));
	assert_ok(changes_tree(c, NULL, NULL, &want));
	check_same(f->g->name, "with nothing void", &got, &want);
	free(is_void);
}

static void
check_case(
    const char *name, struct json_object *json, uint64_t seed, FILE *exports)
{
	struct ghost_case g;
	struct fixture f;

	case_open(&g, name, json, seed);
	g.exports = exports;
	for (size_t i = 0; i < g.views; i++)
		check_built(&g, case_list(&g, "views", i));
	g.exports = NULL;
	fixture_open(&f, &g);
	fixture_apply(&f, NULL, NULL);
	check_flipped(&f);
	check_restored(&f);
	fixture_close(&f);
	case_close(&g);
}

#define GHOST_DATA LK_TEST_DATA "/ghost"

/* NULL: no such file. */
static struct json_object *
case_file(const char *dir, const char *name)
{
	struct json_object *json;
	BUF_SCOPED file = { .max = TREE_MAX };
	char path[1024], piece[4096];
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s.json", dir, name);
	f = fopen(path, "rb");
	if (f == NULL)
		return NULL;
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		buf_mem(&file, piece, n);
	(void)fclose(f);
	json = json_read(buf_bytes(&file));
	assert_non_null(json);
	return json;
}

/* Checks all cases that the index of a folder names; false: there is none. */
static bool
check_folder(const char *dir)
{
	struct json_object *index = case_file(dir, "index");
	size_t n = index == NULL ? 0 : json_object_array_length(index);

	for (size_t i = 0; i < n; i++) {
		const char *name =
		    json_object_get_string(json_object_array_get_idx(index, i));
		struct json_object *json = case_file(dir, name);

		assert_non_null(json);
		for (uint64_t seed = 0; seed < 5; seed++)
			check_case(name, json, seed, NULL);
		json_object_put(json);
	}
	assert_true(n == 0 || n == 28);
	json_object_put(index);
	return n > 0;
}

static void
every_directed_case_shows_what_the_reference_shows(void **state)
{
	(void)state;
	assert_true(check_folder(GHOST_DATA));
}

/* The same where the design's own copy is at hand. */
static void
every_shared_case_shows_what_the_reference_shows(void **state)
{
	const char *shared = getenv("LK_SHARED");
	char dir[1024];

	(void)state;
	(void)snprintf(dir, sizeof(dir), "%s/data/ghost",
	    shared == NULL ? "../shared" : shared);
	if (!check_folder(dir))
		print_message("%s: not there, set LK_SHARED\n", dir);
}

/* Checks each line of a file, a case of tests/model/ghost/cases.py. */
static size_t
check_stream(const char *path, FILE *exports)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0, cases = 0;
	ssize_t n;

	assert_non_null(f);
	while ((n = getline(&line, &cap, f)) > 0) {
		struct json_object *json =
		    json_read(BYTES((const uint8_t *)line, (size_t)n));

		assert_non_null(json);
		check_case(json_text(json, "name"), json, cases++, exports);
		json_object_put(json);
	}
	free(line);
	(void)fclose(f);
	return cases;
}

static void
every_random_history_shows_what_the_reference_shows(void **state)
{
	(void)state;
	assert_int_equal(check_stream(GHOST_DATA "/random.jsonl", NULL), 60);
}

static void
every_forked_history_shows_what_the_reference_shows(void **state)
{
	(void)state;
	assert_true(check_stream(GHOST_DATA "/forks.jsonl", NULL) > 20);
}

/* A change by `actor` of one op on key k that names one op, or none. */
static void
add_one_op(struct changes *c, uint8_t actor, uint64_t seq, uint8_t action,
    struct op_id pred, uint8_t pred_actor)
{
	const struct change *before = c->len == 0 ? NULL : &c->all[c->len - 1];
	struct change_head head = { .actor = BYTES(&actor, 1),
		.seq = seq,
		.start_op = c->len + 1,
		.deps = before == NULL ? NULL : before->hash,
		.deps_len = before != NULL };
	struct op op = { .key = BYTES_STR("k"), .action = action };
	struct change_writer *w;
	struct buf body;

	if (action == ACTION_SET)
		op.value =
		    (struct value){ .type = VALUE_INT, .i64 = (int64_t)c->len };
	assert_ok(change_writer_new(&w, &head));
	if (pred.ctr > 0) {
		assert_ok(
		    change_writer_actor(w, BYTES(&pred_actor, 1), &pred.actor));
		op.preds = &pred;
		op.preds_len = 1;
	}
	assert_ok(change_writer_add(w, &op));
	buf_init(&body, CHANGE_BODY_MAX);
	assert_ok(change_writer_finish(w, &body));
	change_writer_free(w);
	assert_ok(changes_add(c, buf_bytes(&body)));
	buf_clear(&body);
}

/*
 * x is set, d deletes it, t sets the key anew, and c, who has seen all of it,
 * sets it without naming anything.  With d and t void nothing covers x: t took
 * over d, and c does not cover t.
 */
static void
check_covered_killer(uint8_t d_actor, uint8_t t_actor, uint8_t c_actor)
{
	static const struct op_id none;
	const bool is_void[4] = { false, true, true, false };
	struct ghost_case g = { .name = "a covered killer",
		.dice = dice_of(1) };
	struct fixture f;
	uint8_t seqs[5] = { 0 };
	BUF_SCOPED want = { .max = TREE_MAX };
	BUF_SCOPED got = { .max = TREE_MAX };

	changes_init(&g.changes);
	fixture_open(&f, &g);
	add_one_op(&g.changes, 1, ++seqs[1], ACTION_SET, none, 0);
	add_one_op(&g.changes, d_actor, ++seqs[d_actor], ACTION_DELETE,
	    (struct op_id){ .ctr = 1 }, 1);
	add_one_op(&g.changes, t_actor, ++seqs[t_actor], ACTION_SET, none, 0);
	add_one_op(&g.changes, c_actor, ++seqs[c_actor], ACTION_SET, none, 0);
	buf_printf(&want, "_root map{'6b'[1@01 int 0,4@%02x int 3]}", c_actor);
	assert_ok(changes_tree(&g.changes, NULL, is_void, &got));
	check_same(g.name, "built", &got, &want);
	fixture_apply(&f, NULL, NULL);
	fixture_set_void(&f, is_void, g.changes.len);
	buf_reset(&got);
	assert_ok(tree_of_doc(f.doc, true, &got));
	check_same(g.name, "flipped", &got, &want);
	fixture_close(&f);
	changes_clear(&g.changes);
}

static void
a_killer_that_was_covered_is_covered_by_nobody_else(void **state)
{
	(void)state;
	for (uint8_t d = 1; d <= 4; d++)
		for (uint8_t t = 1; t <= 4; t++)
			for (uint8_t c = 1; c <= 4; c++)
				check_covered_killer(d, t, c);
}

/* More cases, of another run of the reference; what is exported goes to the
 * second file. */
static void
every_given_history_shows_what_the_reference_shows(void **state)
{
	char **files = *state;
	FILE *exports = fopen(files[1], "w");

	assert_non_null(exports);
	assert_true(check_stream(files[0], exports) > 0);
	assert_int_equal(fclose(exports), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    every_directed_case_shows_what_the_reference_shows),
		cmocka_unit_test(
		    every_shared_case_shows_what_the_reference_shows),
		cmocka_unit_test(
		    every_random_history_shows_what_the_reference_shows),
		cmocka_unit_test(
		    every_forked_history_shows_what_the_reference_shows),
		cmocka_unit_test(
		    a_killer_that_was_covered_is_covered_by_nobody_else),
	};
	const struct CMUnitTest given[] = {
		cmocka_unit_test_prestate(
		    every_given_history_shows_what_the_reference_shows,
		    argv + 1),
	};

	return argc == 3 ? cmocka_run_group_tests(given, NULL, NULL)
			 : cmocka_run_group_tests(tests, NULL, NULL);
}
