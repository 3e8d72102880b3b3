#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/crdt/data_file.h"
#include "tests/unit/crdt/doc_changes.h"
#include "tests/unit/crdt/json_tree.h"

static void
assert_ok(lk_err err)
{
	if (err.code != LK_OK)
		fail_msg("%s: %s", lk_strcode(err.code), err.what);
}

/* Changes of a case, and one document of them that is flipped about. */
struct fixture {
	const char *name;
	struct json_object *json; /* of the changes */
	struct changes changes;
	struct kv kv;
	struct doc *doc;
	struct dice dice;
};

static void
fixture_open(struct fixture *f, const char *name, uint64_t seed)
{
	*f = (struct fixture){ .name = name, .dice = dice_of(seed) };
	changes_init(&f->changes);
	assert_ok(kv_memory_new(&f->kv, DOC_KV_MAX));
	assert_ok(doc_open(&f->doc, f->kv));
}

static void
fixture_close(struct fixture *f)
{
	doc_free(f->doc);
	kv_memory_free(&f->kv);
	changes_clear(&f->changes);
}

/* Applies everything in a random order, each change visible or not. */
static void
fixture_apply(struct fixture *f)
{
	size_t *order = calloc(f->changes.len + 1, sizeof(*order));

	changes_shuffle(&f->changes, &f->dice, order);
	for (size_t i = 0; i < f->changes.len; i++) {
		assert_ok(doc_apply(f->doc, &f->changes.all[order[i]],
		    dice_roll(&f->dice, 3) > 0));
		if (dice_roll(&f->dice, 3) == 0)
			assert_ok(doc_again(&f->doc, f->kv));
	}
	free(order);
}

/* Makes exactly these changes void, in random order, with detours. */
static void
fixture_set_void(struct fixture *f, const bool *is_void)
{
	size_t n = f->changes.len;
	size_t from = dice_roll(&f->dice, n), step = 1;

	for (size_t i = 0; i < n; i++) {
		size_t at = dice_roll(&f->dice, n);

		assert_ok(doc_set_visible(f->doc, f->changes.all[at].hash,
		    dice_roll(&f->dice, 2) == 0));
	}
	if (dice_roll(&f->dice, 2) == 0)
		step = n - 1;
	for (size_t i = 0, at = from; i < n; i++, at = (at + 1) % n) {
		size_t x = step == 1 ? at : n - 1 - at;

		assert_ok(doc_set_visible(
		    f->doc, f->changes.all[x].hash, !is_void[x]));
	}
	if (dice_roll(&f->dice, 2) == 0)
		assert_ok(doc_again(&f->doc, f->kv));
}

static void
check_same(const char *name, const char *what, const struct buf *got,
    const struct buf *want)
{
	if (!bytes_equal(buf_bytes(got), buf_bytes(want)))
		fail_msg("%s: %s shows\n%.*s\nnot\n%.*s", name, what,
		    (int)got->len, (const char *)got->ptr, (int)want->len,
		    (const char *)want->ptr);
}

/* Only the heads, given by label, and their ancestors take part. */
static void
heads_closure(struct fixture *f, struct json_object *heads, bool *in)
{
	const struct changes *c = &f->changes;

	for (size_t i = 0; i < json_object_array_length(heads); i++)
		for (size_t x = 0; x < c->len; x++)
			in[x] |=
			    strcmp(
				json_text(json_object_array_get_idx(f->json, x),
				    "label"),
				json_object_get_string(
				    json_object_array_get_idx(heads, i))) == 0;
	for (size_t i = c->len; i > 0; i--)
		for (size_t d = 0; in[i - 1] && d < c->all[i - 1].deps_len; d++)
			in[changes_find(
			    c, c->all[i - 1].deps + d * LK_ID_LEN)] = true;
}

static void
check_view(struct fixture *f, struct json_object *view)
{
	struct json_object *hashes = json_object_object_get(view, "voidHashes");
	struct json_object *heads = json_object_object_get(view, "heads");
	bool *is_void = calloc(f->changes.len + 1, sizeof(*is_void));
	bool *in = calloc(f->changes.len + 1, sizeof(*in));
	struct buf got, rebuilt, want;
	uint8_t hash[LK_ID_LEN];

	buf_init(&got, TREE_MAX);
	buf_init(&rebuilt, TREE_MAX);
	buf_init(&want, TREE_MAX);
	for (size_t i = 0; i < json_object_array_length(hashes); i++) {
		assert_true(hex_decode(hash, LK_ID_LEN,
		    json_object_get_string(
			json_object_array_get_idx(hashes, i))));
		is_void[changes_find(&f->changes, hash)] = true;
	}
	tree_of_json(json_object_object_get(view, "tree"), true, &want);
	if (heads != NULL)
		heads_closure(f, heads, in);
	assert_ok(changes_tree(
	    &f->changes, heads == NULL ? NULL : in, is_void, &rebuilt));
	check_same(f->name, "built from nothing", &rebuilt, &want);
	if (heads == NULL) {
		fixture_set_void(f, is_void);
		assert_ok(tree_of_doc(f->doc, true, &got));
		check_same(f->name, "flipped", &got, &want);
	}
	buf_clear(&got);
	buf_clear(&rebuilt);
	buf_clear(&want);
	free(is_void);
	free(in);
}

/* With nothing void it is as if nothing had ever been. */
static void
check_restored(struct fixture *f)
{
	bool *is_void = calloc(f->changes.len + 1, sizeof(*is_void));
	struct buf got, want;

	buf_init(&got, TREE_MAX);
	buf_init(&want, TREE_MAX);
	fixture_set_void(f, is_void);
	assert_ok(tree_of_doc(f->doc, true, &got));
	assert_ok(changes_tree(&f->changes, NULL, NULL, &want));
	check_same(f->name, "with nothing void", &got, &want);
	buf_clear(&got);
	buf_clear(&want);
	free(is_void);
}

static void
check_case(const char *name, struct json_object *json, uint64_t seed)
{
	struct json_object *changes = json_object_object_get(json, "changes");
	struct json_object *views = json_object_object_get(json, "views");
	struct fixture f;

	fixture_open(&f, name, seed);
	f.json = changes;
	for (size_t i = 0; i < json_object_array_length(changes); i++)
		assert_ok(changes_add_hex(&f.changes,
		    json_text(json_object_array_get_idx(changes, i), "hex")));
	fixture_apply(&f);
	for (size_t i = 0; i < json_object_array_length(views); i++)
		check_view(&f, json_object_array_get_idx(views, i));
	check_restored(&f);
	fixture_close(&f);
}

/* These hold two changes with one (actor, seq): forks, which this version of
 * the document refuses. */
static const char *const forked[] = { "C7", "G18", "G19", "G20" };

static bool
is_forked(const char *name)
{
	for (size_t i = 0; i < sizeof(forked) / sizeof(forked[0]); i++)
		if (strcmp(name, forked[i]) == 0)
			return true;
	return false;
}

static struct json_object *
ghost_json(const char *dir, const char *name)
{
	struct json_object *json;
	struct buf b;

	assert_true(data_file(&b, dir, name, ".json"));
	json = json_read(buf_bytes(&b));
	assert_non_null(json);
	buf_clear(&b);
	return json;
}

static void
each_case(const char *name, void *ctx)
{
	struct json_object *json;

	if (is_forked(name) || strcmp(name, "index") == 0)
		return;
	json = ghost_json("../ghost", name);
	for (uint64_t seed = 0; seed < 5; seed++)
		check_case(name, json, seed);
	json_object_put(json);
	++*(size_t *)ctx;
}

static void
every_directed_case_shows_what_the_reference_shows(void **state)
{
	size_t cases = 0;

	(void)state;
	(void)data_each("../ghost", ".json", each_case, &cases);
	assert_int_equal(cases, 24);
}

static void
each_random_file(const char *name, void *ctx)
{
	struct json_object *json = ghost_json("../ghost/random", name);

	for (size_t i = 0; i < json_object_array_length(json); i++) {
		char label[64];

		(void)snprintf(
		    label, sizeof(label), "%s, history %zu", name, i);
		check_case(label, json_object_array_get_idx(json, i), i);
		++*(size_t *)ctx;
	}
	json_object_put(json);
}

static void
every_random_history_shows_what_the_reference_shows(void **state)
{
	size_t cases = 0;

	(void)state;
	(void)data_each("../ghost/random", ".json", each_random_file, &cases);
	assert_true(cases >= 100);
}

static void
a_fork_is_refused_and_leaves_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(forked) / sizeof(forked[0]); i++) {
		struct json_object *json = ghost_json("../ghost", forked[i]);
		struct json_object *changes =
		    json_object_object_get(json, "changes");
		struct fixture f;
		size_t refused = 0;

		fixture_open(&f, forked[i], 1);
		for (size_t c = 0; c < json_object_array_length(changes); c++) {
			const char *hex = json_text(
			    json_object_array_get_idx(changes, c), "hex");
			lk_err err;

			/* Some name ops by alias, which does not decode. */
			if (changes_add_hex(&f.changes, hex).code != LK_OK)
				continue;
			err = doc_apply(
			    f.doc, &f.changes.all[f.changes.len - 1], true);
			refused += err.code == LK_E_DATA;
			assert_true(err.code == LK_OK ||
			    err.code == LK_E_DATA || err.code == LK_E_WAIT ||
			    err.code == LK_E_MALFORMED);
		}
		assert_true(refused > 0);
		fixture_close(&f);
		json_object_put(json);
	}
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
	struct buf want, got;
	struct fixture f;
	uint8_t seqs[5] = { 0 };

	fixture_open(&f, "a covered killer", 1);
	add_one_op(&f.changes, 1, ++seqs[1], ACTION_SET, none, 0);
	add_one_op(&f.changes, d_actor, ++seqs[d_actor], ACTION_DELETE,
	    (struct op_id){ .ctr = 1 }, 1);
	add_one_op(&f.changes, t_actor, ++seqs[t_actor], ACTION_SET, none, 0);
	add_one_op(&f.changes, c_actor, ++seqs[c_actor], ACTION_SET, none, 0);
	buf_init(&want, TREE_MAX);
	buf_init(&got, TREE_MAX);
	buf_printf(&want, "_root map{'6b'[1@01 int 0,4@%02x int 3]}", c_actor);
	assert_ok(changes_tree(&f.changes, NULL, is_void, &got));
	check_same(f.name, "built", &got, &want);
	fixture_apply(&f);
	fixture_set_void(&f, is_void);
	buf_reset(&got);
	assert_ok(tree_of_doc(f.doc, true, &got));
	check_same(f.name, "flipped", &got, &want);
	buf_clear(&want);
	buf_clear(&got);
	fixture_close(&f);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    every_directed_case_shows_what_the_reference_shows),
		cmocka_unit_test(
		    every_random_history_shows_what_the_reference_shows),
		cmocka_unit_test(
		    a_killer_that_was_covered_is_covered_by_nobody_else),
		cmocka_unit_test(a_fork_is_refused_and_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
