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

lk_err
replica_export(struct replica *r, uint32_t docno, enum export_form form,
    struct buf *file, struct buf *heads)
{
	struct change_bodies bodies;
	struct docstate *ds;
	struct admission a;
	lk_err err;

	TRY(docstate_get(r, docno, &ds));
	change_bodies_init(&bodies, EXPORT_BYTES_MAX);
	admission_begin(&a, r, ds);
	err = exported_changes(&a, form, &bodies);
	admission_drop(&a);
	if (err.code == LK_OK)
		err = export_write(&bodies, file, heads);
	change_bodies_clear(&bodies);
	return err;
}
