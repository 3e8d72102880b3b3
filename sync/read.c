#include <string.h>

#include "crdt/document.h"
#include "sync/admit.h"

#define EXPORT_BYTES_MAX ((size_t)1024 * 1024 * 1024)

/* Every change of the document, void ones too: what others built on one of
 * them needs it. */
static lk_err
all_changes(struct admission *a, struct change_bodies *out)
{
	for (uint32_t n = 0; n < graph_len(a->ds->graph); n++) {
		TRY(content_changes(a, n, out));
		arena_clear(&a->arena);
	}
	return LK_NONE;
}

static lk_err
exported_changes(
    struct admission *a, enum export_form form, struct change_bodies *out)
{
	struct change_bodies all;
	struct history h = { 0 };
	struct doc *doc;
	lk_err err = LK_NONE;

	change_bodies_init(&all, EXPORT_BYTES_MAX);
	/* Made of what the document shows alone. */
	if (form != EXPORT_SQUASH)
		err = all_changes(a, &all);
	if (err.code == LK_OK)
		err = history_with_forks(&h, all.at, all.len);
	change_bodies_clear(&all);
	TRY(err);
	if (h.orphans_len > 0)
		err = LK_ERR(LK_E_CORRUPT, "a change is missing");
	else
		err = admission_doc(a, &doc);
	if (err.code == LK_OK)
		err = export_changes(doc, h.changes, h.changes_len, form, out);
	history_clear(&h);
	return err;
}

/* A file being written of what the log holds. */
struct export_file {
	struct history_writer *writer;
	uint64_t changes;
};

static lk_err
file_add(void *ctx, const struct change *c)
{
	struct export_file *f = ctx;

	f->changes++;
	return history_writer_add(f->writer, c);
}

/* Adds every change, as it comes from the log. */
static lk_err
file_add_all(struct export_file *f, struct admission *a)
{
	for (uint32_t n = 0; n < graph_len(a->ds->graph); n++) {
		TRY(content_each(a, n, file_add, f));
		arena_clear(&a->arena);
	}
	return LK_NONE;
}

/*
 * Writes a document that is exported as it is, holding none of its changes.
 * NOTFOUND: it is not that; two imports brought the same change; or it is too
 * large for one chunk.
 */
static lk_err
export_direct(struct admission *a, enum export_form form, struct buf *file,
    struct buf *heads)
{
	struct export_file f = { 0 };
	struct doc *doc;
	bool as_is;
	lk_err err;

	if (form == EXPORT_SQUASH)
		return LK_ERR(LK_E_NOTFOUND, "document as it is");
	TRY(admission_doc(a, &doc));
	TRY(export_as_is(doc, &as_is));
	if (!as_is)
		return LK_ERR(LK_E_NOTFOUND, "document as it is");
	TRY(history_writer_new(&f.writer));
	err = file_add_all(&f, a);
	if (err.code == LK_OK && f.changes != doc_changes(doc))
		err = LK_ERR(LK_E_NOTFOUND, "changes that came once");
	if (err.code == LK_OK)
		err = history_writer_finish(f.writer, file, heads);
	history_writer_free(f.writer);
	if (err.code == LK_E_DATA)
		return LK_ERR(LK_E_CORRUPT, "a change is missing");
	return err.code == LK_E_LIMIT ? LK_ERR(LK_E_NOTFOUND, "one chunk")
				      : err;
}

static lk_err
export_write(
    const struct change_bodies *bodies, struct buf *file, struct buf *heads)
{
	ARENA_SCOPED arena = { .max = EXPORT_BYTES_MAX };
	struct history h;
	uint8_t *hashes;
	size_t n;
	lk_err err;

	TRY(history_from_changes(&h, bodies->at, bodies->len));
	err = history_write(file, h.changes, h.changes_len);
	if (err.code == LK_OK)
		err = history_heads(
		    h.changes, h.changes_len, &arena, &hashes, &n);
	history_clear(&h);
	TRY(err);
	buf_mem(heads, hashes, n * LK_ID_LEN);
	return buf_err(heads, "heads");
}

/* Makes all that is exported, then writes it. */
static lk_err
export_made(struct admission *a, enum export_form form, struct buf *file,
    struct buf *heads)
{
	struct change_bodies bodies;
	lk_err err;

	change_bodies_init(&bodies, EXPORT_BYTES_MAX);
	err = exported_changes(a, form, &bodies);
	if (err.code == LK_OK)
		err = export_write(&bodies, file, heads);
	change_bodies_clear(&bodies);
	return err;
}

lk_err
replica_export(struct replica *r, uint32_t docno, enum export_form form,
    struct buf *file, struct buf *heads)
{
	struct docstate *ds;
	struct admission a;
	lk_err err;

	TRY(docstate_get(r, docno, &ds));
	admission_begin(&a, r, ds);
	err = export_direct(&a, form, file, heads);
	if (err.code == LK_E_NOTFOUND)
		err = export_made(&a, form, file, heads);
	admission_drop(&a);
	return err;
}
