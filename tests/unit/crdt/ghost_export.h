/*
 * ghost_export.h - for tests: what is exported of a document, as the cases of
 * ghost_case.h have it.
 */
#ifndef TESTS_GHOST_EXPORT_H
#define TESTS_GHOST_EXPORT_H

#include "crdt/document.h"
#include "crdt/export.h"
#include "tests/unit/crdt/ghost_case.h"

/*
 * These are the bytes of the reference, and a file of Automerge's.  That file
 * goes to g->exports, with what it has to show, for Automerge to be asked.
 */
static inline void
check_bodies(const struct ghost_case *g, struct json_object *view,
    const char *name, const struct change_bodies *bodies)
{
	BUF_SCOPED chunks = { .max = TREE_MAX };
	BUF_SCOPED file = { .max = TREE_MAX };
	BUF_SCOPED got = { .max = TREE_MAX };
	BUF_SCOPED hex = { .max = TREE_MAX };
	struct history h;

	for (size_t i = 0; i < bodies->len; i++)
		chunk_write(&chunks, CHUNK_CHANGE, bodies->at[i]);
	tree_hex(&got, buf_bytes(&chunks));
	buf_str(&hex, json_text(view, name));
	check_same(g->name, name, &got, &hex);
	assert_ok(history_from_changes(&h, bodies->at, bodies->len));
	assert_int_equal(h.orphans_len, 0);
	assert_ok(history_write(&file, h.changes, h.changes_len));
	history_clear(&h);
	if (g->exports == NULL)
		return;
	buf_reset(&hex);
	tree_hex(&hex, buf_bytes(&file));
	assert_true(
	    fprintf(g->exports,
		"{\"name\": \"%s %s\", \"hex\": \"%.*s\", \"tree\": %s}\n",
		g->name, name, (int)hex.len, (const char *)hex.ptr,
		json_text(view, "tree")) > 0);
}

/* What is exported of the document is what the view says, where it does. */
static inline void
check_exports(
    const struct ghost_case *g, struct json_object *view, struct doc *doc)
{
	static const char *const forms[] = {
		[EXPORT_HISTORY] = "exportHex",
		[EXPORT_CLEAN] = "cleanHex",
		[EXPORT_SQUASH] = "squashHex",
	};

	for (enum export_form f = EXPORT_HISTORY; f <= EXPORT_SQUASH; f++) {
		struct change_bodies bodies;

		if (json_object_object_get(view, forms[f]) == NULL)
			continue;
		change_bodies_init(&bodies, TREE_MAX);
		assert_ok(export_changes(
		    doc, g->changes.all, g->changes.len, f, &bodies));
		check_bodies(g, view, forms[f], &bodies);
		change_bodies_clear(&bodies);
	}
}

#endif
