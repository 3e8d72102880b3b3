#include <stdlib.h>

#include "crdt/doc_intake.h"

static lk_err
apply_ops(struct intake *in, struct op_reader *r, bool visible)
{
	struct doc *doc = in->doc;
	ID_LIST_SCOPED preds = { 0 };
	struct op op;

	for (size_t i = 0; op_reader_next(r, &op); i++) {
		struct placed_op placed;

		TRY(doc_trim(doc));
		preds.len = 0;
		while (preds.len < op.preds_len)
			TRY(id_list_add(&preds, 0));
		intake_place(in, i, &op, preds.ids, &placed);
		TRY(doc_place(
		    doc, &in->past, doc->head.changes, visible, &placed));
	}
	return LK_NONE;
}

/* Writes a change that intake_check found right. */
static lk_err
intake_write(struct intake *in, bool visible)
{
	const struct change *c = in->change;
	struct doc_change rec = { .seq = c->seq,
		.start_op = c->start_op,
		.ops = c->ops_len,
		.past_max_op = in->past_max_op,
		.visible = visible };
	struct op_reader *r;
	lk_err err;

	TRY(intake_author(in, c->actor, c->hash));
	TRY(op_reader_new(&r, c));
	err = apply_ops(in, r, visible);
	op_reader_free(r);
	TRY(err);
	TRY(clock_store(in->doc, in->past.clock));
	rec.actor = in->author;
	rec.clock = in->past.clock->number;
	if (change_max_op(c) > rec.past_max_op)
		rec.past_max_op = change_max_op(c);
	memcpy(rec.hash, c->hash, LK_ID_LEN);
	return doc_change_add(in->doc, &rec);
}

lk_err
doc_apply(struct doc *doc, const struct change *c, bool visible)
{
	struct intake in = { 0 };
	lk_err err = doc_writable(doc);

	if (err.code == LK_OK)
		err = doc_settle(doc);
	if (err.code == LK_OK)
		err = intake_check(&in, doc, c);
	if (err.code == LK_OK && in.author == doc->head.actors &&
	    doc->head.actors == DOCUMENT_ACTORS_MAX)
		err = LK_ERR(LK_E_LIMIT, "actors of a document");
	if (err.code == LK_OK)
		err = intake_write(&in, visible);
	intake_clear(&in);
	return err;
}
