/*
 * ghost_case.h - for tests: a history with views of it in which some changes
 * are void, as tests/model/ghost makes them, and what a document shows of one.
 */
#ifndef TESTS_GHOST_CASE_H
#define TESTS_GHOST_CASE_H

#include <stdio.h>

#include "crdt/doc_history.h"
#include "tests/unit/crdt/doc_changes.h"
#include "tests/unit/crdt/doc_plain.h"
#include "tests/unit/crdt/json_tree.h"

#define assert_ok(call)                                                        \
	do {                                                                   \
		lk_err ok_err_ = (call);                                       \
		if (ok_err_.code != LK_OK)                                     \
			fail_msg(                                              \
			    "%s: %s", lk_strcode(ok_err_.code), ok_err_.what); \
	} while (0)

struct ghost_case {
	const char *name;
	struct json_object *json;
	struct changes changes;
	size_t views;
	struct dice dice;
	FILE *exports; /* NULL: none */
};

static inline struct json_object *
case_list(const struct ghost_case *g, const char *name, size_t i)
{
	return json_object_array_get_idx(
	    json_object_object_get(g->json, name), i);
}

static inline void
case_open(struct ghost_case *g, const char *name, struct json_object *json,
    uint64_t seed)
{
	struct json_object *changes = json_object_object_get(json, "changes");

	*g = (struct ghost_case){
		.name = name, .json = json, .dice = dice_of(seed)
	};
	changes_init(&g->changes);
	for (size_t i = 0; i < json_object_array_length(changes); i++)
		assert_ok(changes_add_hex(&g->changes,
		    json_text(json_object_array_get_idx(changes, i), "hex")));
	g->views =
	    json_object_array_length(json_object_object_get(json, "views"));
}

static inline void
case_close(struct ghost_case *g)
{
	changes_clear(&g->changes);
}

/* Which changes a view calls void; to be freed. */
static inline bool *
case_void(const struct ghost_case *g, struct json_object *view)
{
	struct json_object *hashes = json_object_object_get(view, "voidHashes");
	bool *is_void = calloc(g->changes.len + 1, sizeof(*is_void));
	uint8_t hash[LK_ID_LEN];

	for (size_t i = 0; i < json_object_array_length(hashes); i++) {
		assert_true(hex_decode(hash, LK_ID_LEN,
		    json_object_get_string(
			json_object_array_get_idx(hashes, i))));
		is_void[changes_find(&g->changes, hash)] = true;
	}
	return is_void;
}

/* Which changes take part in a view: the ancestors of its heads; to be freed.
 */
static inline bool *
case_part(const struct ghost_case *g, struct json_object *view)
{
	struct json_object *heads = json_object_object_get(view, "heads");
	const struct changes *c = &g->changes;
	bool *in = calloc(c->len + 1, sizeof(*in));

	for (size_t x = 0; x < c->len; x++) {
		const char *label =
		    json_text(case_list(g, "changes", x), "label");

		in[x] = heads == NULL;
		for (size_t i = 0; heads != NULL &&
		     i < json_object_array_length(heads) && !in[x];
		     i++)
			in[x] =
			    strcmp(label,
				json_object_get_string(
				    json_object_array_get_idx(heads, i))) == 0;
	}
	for (size_t i = c->len; i > 0; i--)
		for (size_t d = 0; in[i - 1] && d < c->all[i - 1].deps_len; d++)
			in[changes_find(
			    c, c->all[i - 1].deps + d * LK_ID_LEN)] = true;
	return in;
}

/* Names an op as the cases do: its change's label, its place in the change. */
static inline void
case_op(const struct ghost_case *g, struct doc *doc, struct op_id id,
    struct buf *out)
{
	struct doc_change_info info;
	size_t x;

	assert_ok(doc_op_change(doc, id, &info));
	x = changes_find(&g->changes, info.hash);
	assert_true(x < g->changes.len);
	buf_printf(out, "%s.%" PRIu64,
	    json_text(case_list(g, "changes", x), "label"),
	    id.ctr - info.start_op);
}

struct case_lines {
	const struct ghost_case *g;
	struct doc *doc;
	struct json_object *lines;
	struct op_id last;
};

static inline int
case_line_compare(const void *a, const void *b)
{
	return strcmp(json_object_get_string(*(struct json_object *const *)a),
	    json_object_get_string(*(struct json_object *const *)b));
}

static inline lk_err
case_each_ghost(void *ctx, const struct doc_change_info *info)
{
	struct case_lines *l = ctx;
	size_t x = changes_find(&l->g->changes, info->hash);

	assert_true(x < l->g->changes.len);
	assert_false(info->visible);
	json_object_array_add(l->lines,
	    json_object_get(json_object_object_get(
		case_list(l->g, "changes", x), "label")));
	return LK_NONE;
}

static inline lk_err
case_each_stranded(void *ctx, const struct doc_stranded *s)
{
	struct json_object *because = json_object_new_array();
	struct case_lines *l = ctx;
	BUF_SCOPED line = { .max = TREE_MAX };

	assert_true(s->op.ctr >= l->last.ctr);
	l->last = s->op;
	for (size_t i = 0; i < s->because_len; i++) {
		BUF_SCOPED one = { .max = 1024 };

		case_op(l->g, l->doc, s->because[i], &one);
		json_object_array_add(because,
		    json_object_new_string_len(
			(const char *)one.ptr, (int)one.len));
	}
	json_object_array_sort(because, case_line_compare);
	case_op(l->g, l->doc, s->op, &line);
	buf_printf(&line, " %s", json_object_to_json_string(because));
	json_object_put(because);
	json_object_array_add(l->lines,
	    json_object_new_string_len((const char *)line.ptr, (int)line.len));
	return LK_NONE;
}

/* The stranded ops of a view, in the same words. */
static inline struct json_object *
case_stranded(struct json_object *view)
{
	struct json_object *all = json_object_object_get(view, "stranded");
	struct json_object *lines = json_object_new_array();

	for (size_t i = 0; i < json_object_array_length(all); i++) {
		struct json_object *one = json_object_array_get_idx(all, i);
		BUF_SCOPED line = { .max = TREE_MAX };

		buf_printf(&line, "%s %s", json_text(one, "op"),
		    json_object_to_json_string(
			json_object_object_get(one, "because")));
		json_object_array_add(lines,
		    json_object_new_string_len(
			(const char *)line.ptr, (int)line.len));
	}
	return lines;
}

/* Takes both references. */
static inline void
check_lines(const struct ghost_case *g, const char *what,
    struct json_object *got, struct json_object *want)
{
	json_object_array_sort(got, case_line_compare);
	json_object_array_sort(want, case_line_compare);
	if (!json_object_equal(got, want))
		fail_msg("%s: %s are %s, not %s", g->name, what,
		    json_object_to_json_string(got),
		    json_object_to_json_string(want));
	json_object_put(got);
	json_object_put(want);
}

static inline void
check_same(const char *name, const char *what, const struct buf *got,
    const struct buf *want)
{
	if (!bytes_equal(buf_bytes(got), buf_bytes(want)))
		fail_msg("%s: %s shows\n%.*s\nnot\n%.*s", name, what,
		    (int)got->len, (const char *)got->ptr, (int)want->len,
		    (const char *)want->ptr);
}

static inline void
check_plain(
    const struct ghost_case *g, struct json_object *view, struct doc *doc)
{
	struct json_object *want = json_object_object_get(view, "plain");
	struct json_object *got = plain_object(doc, DOC_ROOT, OBJ_MAP);

	if (want != NULL && !json_object_equal(got, want))
		fail_msg("%s: plainly %s, not %s", g->name,
		    json_object_to_json_string(got),
		    json_object_to_json_string(want));
	json_object_put(got);
}

/* The document shows and reports what the view says. */
static inline void
check_view(const struct ghost_case *g, struct json_object *view,
    const char *what, struct doc *doc)
{
	struct case_lines lines = { .g = g, .doc = doc };
	struct json_object *ghosts = NULL;
	BUF_SCOPED got = { .max = TREE_MAX };
	BUF_SCOPED want = { .max = TREE_MAX };

	tree_of_json(json_object_object_get(view, "tree"), true, &want);
	assert_ok(tree_of_doc(doc, true, &got));
	check_same(g->name, what, &got, &want);
	check_plain(g, view, doc);
	lines.lines = json_object_new_array();
	assert_ok(doc_ghosts(doc, case_each_ghost, &lines));
	assert_int_equal(
	    json_object_deep_copy(
		json_object_object_get(view, "ghosts"), &ghosts, NULL),
	    0);
	check_lines(g, "ghosts", lines.lines, ghosts);
	lines.lines = json_object_new_array();
	assert_ok(doc_stranded(doc, case_each_stranded, &lines));
	check_lines(g, "stranded", lines.lines, case_stranded(view));
}

#endif
