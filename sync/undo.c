/* Undoing what this device did (docs/decisions/0012-undo.md). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/doc_history.h"
#include "crdt/patch_list.h"
#include "sync/admit.h"

/* Digits that name an entry in the message of the one that undoes it. */
#define NAME_DIGITS 16
#define WORD_UNDO "undo "
#define WORD_REDO "redo "
#define WORD_LEN (sizeof(WORD_UNDO) - 1)
#define UNDO_BYTES_MAX ((size_t)256 * 1024 * 1024)
/* Entries of this device that are looked at: each takes a view. */
#define ENTRIES_MAX 1000

/* What this device wrote in one envelope, by the first digits of its first
 * hash. */
struct entry {
	uint32_t node;
	bool import;
	enum { ENTRY_DOES, ENTRY_UNDOES, ENTRY_REDOES } kind;
	char name[NAME_DIGITS + 1];
	char of[NAME_DIGITS + 1]; /* what it undoes or does again */
	bool live;                /* nothing that is live undoes it */
	uint8_t hash[LK_ID_LEN];
};

struct undoing {
	struct replica *r;
	struct docstate *ds;
	struct doc *doc;
	struct entry *entries; /* newest first */
	size_t len, cap;
	uint8_t (*hashes)[LK_ID_LEN]; /* to be left out */
	size_t hashes_len, hashes_cap;
};

static void
undoing_clear(struct undoing *u)
{
	doc_free(u->doc);
	free(u->entries);
	free(u->hashes);
}

/* What the message says that the entry undoes. */
static void
entry_target(struct entry *e, struct bytes message)
{
	uint8_t id[NAME_DIGITS / 2];
	char name[NAME_DIGITS + 1] = { 0 };
	bool again;

	if (message.len != WORD_LEN + NAME_DIGITS)
		return;
	again = memcmp(message.ptr, WORD_REDO, WORD_LEN) == 0;
	if (!again && memcmp(message.ptr, WORD_UNDO, WORD_LEN) != 0)
		return;
	memcpy(name, message.ptr + WORD_LEN, NAME_DIGITS);
	if (!hex_decode(id, sizeof(id), name))
		return;
	memcpy(e->of, name, sizeof(name));
	e->kind = again ? ENTRY_REDOES : ENTRY_UNDOES;
}

/* Whether this device wrote something there that counts; fills *e. */
static lk_err
entry_read(struct undoing *u, uint32_t n, struct entry *e, bool *mine)
{
	struct graph_author author = graph_node_author(u->ds->graph, n);
	struct node node;

	*mine = false;
	*e = (struct entry){ .node = n, .live = true };
	if (memcmp(author.key, u->r->identity->sign.pk, ACCESS_KEY_LEN) != 0 ||
	    !graph_visible(u->ds->graph, n))
		return LK_NONE;
	TRY(node_get(u->r, u->ds->docno, n, &node));
	if (node.hashes.len < LK_ID_LEN)
		return LK_NONE;
	memcpy(e->hash, node.hashes.ptr, LK_ID_LEN);
	e->import = node.seq == 0;
	hex_encode(e->name, BYTES(e->hash, NAME_DIGITS / 2));
	entry_target(e, node.message);
	for (size_t i = 0; i < u->len; i++)
		if (u->entries[i].live &&
		    strcmp(u->entries[i].of, e->name) == 0)
			e->live = false;
	*mine = true;
	return LK_NONE;
}

static lk_err
entry_keep(struct undoing *u, const struct entry *e)
{
	if (u->len == u->cap) {
		size_t cap = 2 * u->cap + 16;
		struct entry *entries =
		    reallocarray(u->entries, cap, sizeof(*entries));

		if (entries == NULL)
			return LK_ERR(LK_E_NOMEM, "undo");
		u->entries = entries;
		u->cap = cap;
	}
	u->entries[u->len++] = *e;
	return LK_NONE;
}

static lk_err
hash_add(struct undoing *u, const uint8_t hash[static LK_ID_LEN])
{
	if (u->hashes_len == u->hashes_cap) {
		size_t cap = 2 * u->hashes_cap + 16;
		void *hashes = reallocarray(u->hashes, cap, LK_ID_LEN);

		if (hashes == NULL)
			return LK_ERR(LK_E_NOMEM, "undo");
		u->hashes = hashes;
		u->hashes_cap = cap;
	}
	memcpy(u->hashes[u->hashes_len++], hash, LK_ID_LEN);
	return LK_NONE;
}

/* The hashes of all changes of an import. */
static lk_err
import_hide(struct undoing *u, uint32_t node)
{
	struct change_bodies bodies;
	struct admission a;
	lk_err err;

	change_bodies_init(&bodies, UNDO_BYTES_MAX);
	admission_begin(&a, u->r, u->ds);
	err = content_changes(&a, node, &bodies);
	admission_drop(&a);
	for (size_t i = 0; i < bodies.len && err.code == LK_OK; i++) {
		uint8_t hash[LK_ID_LEN];

		chunk_hash(hash, CHUNK_CHANGE, bodies.at[i]);
		err = hash_add(u, hash);
	}
	change_bodies_clear(&bodies);
	return err;
}

static lk_err
entry_hide(struct undoing *u, const struct entry *e)
{
	return e->import ? import_hide(u, e->node) : hash_add(u, e->hash);
}

static bool
entry_known(const struct undoing *u, const char *name)
{
	for (size_t i = 0; i < u->len; i++)
		if (strcmp(u->entries[i].name, name) == 0)
			return true;
	return false;
}

/*
 * What has to be left out for an entry to be undone: itself, and of what is
 * newer whatever was undone since, with what undid it, as together these say
 * nothing.
 */
static lk_err
undo_hide(struct undoing *u, const struct entry *e)
{
	u->hashes_len = 0;
	TRY(entry_hide(u, e));
	for (size_t i = 0; i < u->len; i++) {
		const struct entry *newer = &u->entries[i];

		if (!newer->live ||
		    (newer->kind != ENTRY_DOES && entry_known(u, newer->of)))
			TRY(entry_hide(u, newer));
	}
	return LK_NONE;
}

/* What would be other without the entry. */
static lk_err
undo_patches(
    struct undoing *u, const struct entry *e, struct patch_list *patches)
{
	struct doc *view;
	lk_err err;

	TRY(undo_hide(u, e));
	TRY(doc_without(u->doc, (const uint8_t(*)[LK_ID_LEN])u->hashes,
	    u->hashes_len, &view));
	patch_list_clear(patches);
	err = patch_list_read(patches, u->doc, view);
	doc_free(view);
	return err;
}

/* How many nodes there are up to what the document began with, which is not
 * undone: the content of its genesis, or an import that came first. */
static lk_err
nodes_begun(struct undoing *u, uint32_t *begun)
{
	struct node node = { .hashes = { 0 } };

	*begun = 0;
	for (uint32_t n = 0; n < graph_len(u->ds->graph); n++) {
		TRY(node_get(u->r, u->ds->docno, n, &node));
		if (node.hashes.len == 0)
			continue;
		if (n == 0 || node.seq == 0)
			*begun = n + 1;
		return LK_NONE;
	}
	return LK_NONE;
}

/* The last entry whose undoing changes what is shown. */
static lk_err
undo_find(struct undoing *u, bool redo, struct entry *found,
    struct patch_list *patches)
{
	uint32_t begun;

	TRY(nodes_begun(u, &begun));
	for (uint32_t n = graph_len(u->ds->graph);
	     n-- > begun && u->len < ENTRIES_MAX;) {
		struct entry e;
		bool mine;

		TRY(entry_read(u, n, &e, &mine));
		if (!mine)
			continue;
		if (e.live && e.kind == (redo ? ENTRY_UNDOES : ENTRY_DOES)) {
			TRY(undo_patches(u, &e, patches));
			*found = e;
			if (patches->len > 0)
				return LK_NONE;
		}
		TRY(entry_keep(u, &e));
	}
	return LK_ERR(
	    LK_E_NOTFOUND, redo ? "nothing to do again" : "nothing to undo");
}

static lk_err
match_keep(void *ctx, const struct doc_change_info *info)
{
	memcpy(ctx, info->hash, LK_ID_LEN);
	return LK_NONE;
}

/* The change that is undone or done again, not the entry that undid it. */
static lk_err
undo_subject(struct undoing *u, const struct entry *e, uint8_t *hash)
{
	memcpy(hash, e->hash, LK_ID_LEN);
	if (e->kind == ENTRY_DOES)
		return LK_NONE;
	return doc_match(u->doc, e->of, match_keep, hash);
}

static lk_err
undo_fill(void *ctx, struct edit *edit, struct doc *doc)
{
	return edit_patches(edit, doc, ctx);
}

lk_err
replica_undo(
    struct replica *r, uint32_t docno, bool redo, struct undo_report *report)
{
	PATCH_LIST_SCOPED patches = { 0 };
	struct undoing u = { .r = r };
	char message[NAME_DIGITS + 8];
	struct entry e = { .node = 0 };
	lk_err err;

	TRY(docstate_get(r, docno, &u.ds));
	TRY(replica_open_doc(r, docno, &u.doc));
	err = undo_find(&u, redo, &e, &patches);
	if (err.code == LK_OK)
		err = undo_subject(&u, &e, report->of);
	undoing_clear(&u);
	TRY(err);
	(void)snprintf(
	    message, sizeof(message), "%s %s", redo ? "redo" : "undo", e.name);
	return replica_edit(r, docno, undo_fill, &patches, message,
	    &report->changed, report->hash);
}
