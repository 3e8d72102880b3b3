/* Branches, and changes that come from elsewhere (docs/decisions/0011). */
#include <stdlib.h>
#include <string.h>

#include "crdt/document.h"
#include "sync/admit.h"
#include "sync/home.h"
#include "sync/person.h"

#define MERGE_BYTES_MAX ((size_t)1024 * 1024 * 1024)

/* Changes that a document may lack. */
struct offer {
	struct change_bodies bodies;
	uint64_t known; /* changes that were left out: it shows them */
};

/* Whether a document shows every one of these changes. */
static lk_err
doc_shows_all(struct doc *doc, struct bytes hashes, bool *all)
{
	struct doc_change_info info;

	*all = true;
	for (size_t at = 0; at < hashes.len && *all; at += LK_ID_LEN) {
		lk_err err = doc_change(doc, hashes.ptr + at, &info);

		if (err.code != LK_OK && err.code != LK_E_NOTFOUND)
			return err;
		*all = err.code == LK_OK && info.visible;
	}
	return LK_NONE;
}

/* Adds what a node brought, unless `to` shows it already. */
static lk_err
offer_node(struct offer *o, struct admission *a, uint32_t n, struct doc *to)
{
	struct node node;
	bool shown;

	TRY(node_get(a->r, a->ds->docno, n, &node));
	if (node.hashes.len == 0)
		return LK_NONE;
	TRY(doc_shows_all(to, node.hashes, &shown));
	if (shown) {
		o->known++;
		return LK_NONE;
	}
	return content_changes(a, n, &o->bodies);
}

lk_err
replica_ahead(struct replica *r, uint32_t docno, uint32_t of, uint64_t *ahead)
{
	struct docstate *ds;
	struct doc *doc;
	uint64_t n = 0;
	lk_err err;

	TRY(replica_open_doc(r, of, &doc));
	err = docstate_get(r, docno, &ds);
	for (uint32_t i = 0; err.code == LK_OK && i < graph_len(ds->graph);
	     i++) {
		struct node node;
		bool shown = true;

		if (!graph_visible(ds->graph, i))
			continue;
		err = node_get(r, docno, i, &node);
		if (err.code == LK_OK)
			err = doc_shows_all(doc, node.hashes, &shown);
		n += !shown;
	}
	doc_free(doc);
	TRY(err);
	*ahead = n;
	return LK_NONE;
}

/* Everything `docno` shows that `to` does not. */
static lk_err
offer_document(
    struct offer *o, struct replica *r, uint32_t docno, struct doc *to)
{
	struct docstate *ds;
	struct admission a;
	lk_err err = LK_NONE;

	TRY(docstate_get(r, docno, &ds));
	admission_begin(&a, r, ds);
	for (uint32_t n = 0; n < graph_len(ds->graph) && err.code == LK_OK;
	     n++) {
		if (graph_visible(ds->graph, n))
			err = offer_node(o, &a, n, to);
		arena_clear(&a.arena);
	}
	admission_drop(&a);
	return err;
}

/* The hashes of what a document shows that nothing it shows follows: its
 * heads, and of imports perhaps some of their ancestors. */
static lk_err
shown_heads(struct replica *r, uint32_t docno, struct buf *hashes)
{
	struct docstate *ds;
	struct node node;
	uint8_t *below;
	lk_err err = LK_NONE;

	TRY(docstate_get(r, docno, &ds));
	below = calloc(graph_len(ds->graph) + 1, 1);
	if (below == NULL)
		return LK_ERR(LK_E_NOMEM, "heads");
	for (uint32_t n = graph_len(ds->graph); n > 0 && err.code == LK_OK;
	     n--) {
		struct rd rd;

		if (!graph_visible(ds->graph, n - 1))
			continue;
		err = node_get(r, docno, n - 1, &node);
		if (err.code != LK_OK)
			break;
		if (!below[n - 1])
			buf_add(hashes, node.hashes);
		rd = rd_over(node.parents);
		while (rd.left.len > 0 && !rd.failed) {
			uint64_t back = rd_uleb(&rd);

			if (back > 0 && back < n)
				below[n - 1 - back] = 1;
		}
	}
	free(below);
	TRY(err);
	return buf_err(hashes, "heads");
}

lk_err
replica_open_over(
    struct replica *r, uint32_t docno, struct kv *overlay, struct doc **out)
{
	struct kv kv = docstate_space(r, docno, SPACE_DOC);
	lk_err err;

	TRY(kv_overlay_new(overlay, kv, VIEW_BYTES_MAX));
	err = doc_open(out, *overlay);
	if (err.code != LK_OK)
		kv_overlay_free(overlay);
	return err;
}

lk_err
replica_add_shown(
    struct replica *r, uint32_t from, struct doc *doc, struct buf *heads)
{
	struct offer o = { .known = 0 };
	struct history h = { 0 };
	lk_err err;

	change_bodies_init(&o.bodies, MERGE_BYTES_MAX);
	err = offer_document(&o, r, from, doc);
	if (err.code == LK_OK)
		err = history_part_from_changes(&h, o.bodies.at, o.bodies.len);
	change_bodies_clear(&o.bodies);
	for (size_t i = 0; i < h.changes_len && err.code == LK_OK; i++) {
		err = doc_apply(doc, &h.changes[i], true);
		if (err.code == LK_E_EXISTS)
			err = LK_NONE;
		if (err.code == LK_E_WAIT)
			err = LK_ERR(
			    LK_E_DATA, "it builds on work that is not here");
	}
	history_clear(&h);
	TRY(err);
	return shown_heads(r, from, heads);
}

/* Opens an empty document that lives in memory. */
static lk_err
doc_nothing(struct kv *kv, struct doc **doc)
{
	lk_err err;

	TRY(kv_memory_new(kv, ENVELOPE_MAX));
	err = doc_open(doc, *kv);
	if (err.code != LK_OK)
		kv_memory_free(kv);
	return err;
}

static lk_err
branch_chunks(struct replica *r, uint32_t of, struct buf *chunks)
{
	struct offer o = { .known = 0 };
	struct history h = { 0 };
	struct doc *nothing;
	struct kv kv;
	lk_err err;

	TRY(doc_nothing(&kv, &nothing));
	change_bodies_init(&o.bodies, MERGE_BYTES_MAX);
	err = offer_document(&o, r, of, nothing);
	doc_free(nothing);
	kv_memory_free(&kv);
	if (err.code == LK_OK)
		err = history_from_changes(&h, o.bodies.at, o.bodies.len);
	change_bodies_clear(&o.bodies);
	TRY(err);
	if (h.orphans_len > 0)
		err = LK_ERR(LK_E_DATA,
		    "others built on work in it that was revoked, which a "
		    "branch would bring back");
	else if (h.changes_len > 0)
		err = history_write(chunks, h.changes, h.changes_len);
	history_clear(&h);
	return err;
}

lk_err
replica_branch(
    struct replica *r, uint32_t of, const char *name, uint32_t *docno)
{
	BUF_SCOPED chunks = { .max = DOCUMENT_BODY_MAX };
	struct home_name above;

	TRY(home_branch_check(r, of, name));
	TRY(home_name(r, of, &above));
	TRY(branch_chunks(r, of, &chunks));
	TRY(create_imported(r, buf_bytes(&chunks), docno));
	return home_branch_set(r, *docno, of, name, above.type);
}

static bool
member_wrote(const struct admission *a, const struct change *c)
{
	for (size_t m = 0; m < graph_members_len(a->ds->graph); m++) {
		struct member member;

		graph_member(a->ds->graph, m, &member);
		if (content_pretends(a, &member, c, 1))
			return true;
	}
	return false;
}

/* What was offered and is to be imported. */
struct incoming {
	struct buf chunks;
	uint64_t known, changes;
};

/* A change that is here and does not count comes back with an import; not one
 * of a member, which is for an adopt to bring back. */
static lk_err
incoming_add(struct incoming *in, struct admission *a, const struct change *c)
{
	struct doc_change_info info;
	struct doc *doc;
	lk_err err;

	TRY(admission_doc(a, &doc));
	err = doc_change(doc, c->hash, &info);
	if (err.code != LK_OK && err.code != LK_E_NOTFOUND)
		return err;
	if (err.code == LK_OK && (info.visible || member_wrote(a, c))) {
		in->known++;
		return LK_NONE;
	}
	if (err.code != LK_OK && member_wrote(a, c))
		return LK_ERR(LK_E_DATA,
		    "it holds changes of members which have not arrived here "
		    "by themselves");
	chunk_write(&in->chunks, CHUNK_CHANGE, c->body);
	in->changes++;
	return buf_err(&in->chunks, "changes");
}

/* What is imported must not depend on work that does not count. */
static lk_err
incoming_check(const struct incoming *in, struct admission *a)
{
	const uint32_t *parents;
	struct grant_ref grant;
	struct history h;
	size_t parents_len;
	struct doc *doc;
	uint64_t seq;
	bool closed;
	lk_err err;

	TRY(admission_doc(a, &doc));
	if (in->known == 0 && doc_changes(doc) > 0)
		return LK_ERR(LK_E_DATA, "they have no history in common");
	TRY(graph_grant_for(
	    a->ds->graph, a->r->identity->sign.pk, ROLE_WRITE, &grant));
	TRY(graph_parents(a->ds->graph, &grant, &parents, &parents_len, &seq));
	TRY(history_read_part(&h, buf_bytes(&in->chunks)));
	err = content_closed(a, &h, parents, parents_len, &closed);
	history_clear(&h);
	TRY(err);
	if (!closed)
		return LK_ERR(LK_E_DATA,
		    "it builds on work that is not here or does not count");
	return LK_NONE;
}

static lk_err
incoming_import(
    struct incoming *in, struct admission *a, const struct history *h)
{
	bool wrote;

	for (size_t i = 0; i < h->changes_len; i++)
		TRY(incoming_add(in, a, &h->changes[i]));
	if (in->changes == 0)
		return LK_NONE;
	TRY(author_see_all(a, &wrote));
	TRY(incoming_check(in, a));
	return author_import(a, buf_bytes(&in->chunks));
}

static lk_err
merge_history(struct replica *r, uint32_t docno, const struct history *h,
    uint64_t known, uint64_t *changes)
{
	struct incoming in = { .chunks = { .max = DOCUMENT_BODY_MAX },
		.known = known };
	struct docstate *ds;
	struct admission a;
	lk_err err;

	TRY(docstate_get(r, docno, &ds));
	admission_begin(&a, r, ds);
	err = incoming_import(&in, &a, h);
	if (err.code == LK_OK && in.changes > 0)
		err = admission_end(&a);
	else
		admission_drop(&a);
	buf_clear(&in.chunks);
	*changes = in.changes;
	return err;
}

lk_err
replica_merge(
    struct replica *r, uint32_t docno, uint32_t from, uint64_t *changes)
{
	struct offer o = { .known = 0 };
	struct history h = { 0 };
	struct doc *to;
	lk_err err;

	TRY(replica_open_doc(r, docno, &to));
	change_bodies_init(&o.bodies, MERGE_BYTES_MAX);
	err = offer_document(&o, r, from, to);
	doc_free(to);
	if (err.code == LK_OK)
		err = history_part_from_changes(&h, o.bodies.at, o.bodies.len);
	change_bodies_clear(&o.bodies);
	if (err.code == LK_OK)
		err = merge_history(r, docno, &h, o.known, changes);
	history_clear(&h);
	return err;
}

lk_err
replica_merge_file(
    struct replica *r, uint32_t docno, struct bytes file, uint64_t *changes)
{
	struct history h;
	lk_err err;

	TRY(history_read_part(&h, file));
	err = merge_history(r, docno, &h, 0, changes);
	history_clear(&h);
	return err;
}
