/*
 * patch_list.h - patches kept, and made as edits: a document that becomes what
 * a view of it shows.
 *
 * While a view lives its document cannot be edited.  So what differs is read
 * first, and made when the view is gone:
 *
 *	patch_list_read(&list, doc, view)  ->  doc_free(view)  ->  edit_patches
 */
#ifndef CRDT_PATCH_LIST_H
#define CRDT_PATCH_LIST_H

#include "crdt/diff.h"
#include "crdt/mark_list.h"

/* Of what a patch says here is its winner only; conflicts and what is not
 * shown are left out. */
struct patch_item {
	struct patch patch;
	struct item value; /* PUT, INSERT */
};

/* A text that patches change, and its marks in the end. */
struct patch_text {
	struct op_id text;
	struct mark_list marks;
};

struct patch_list {
	struct arena arena;
	struct patch_item *items;
	size_t len, cap;
	size_t objects; /* that items begin */
	struct patch_text *texts;
	size_t texts_len, texts_cap;
	struct doc *to; /* while reading */
};

/* A list must be zeroed before.  LIMIT: over TREE_BYTES_MAX; NOMEM. */
LK_MUST_USE lk_err patch_list_read(
    struct patch_list *, struct doc *from, struct doc *to);
void patch_list_clear(struct patch_list *);
#define PATCH_LIST_SCOPED \
	__attribute__((cleanup(patch_list_clear))) struct patch_list

/* Makes the patches in the document they begin with, which then shows what
 * `to` did; what is restored are new objects and elements.  The edit's errors.
 */
LK_MUST_USE lk_err edit_patches(
    struct edit *, struct doc *, const struct patch_list *);

#endif
