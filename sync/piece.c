#include "sync/piece.h"

#include "sync/admit.h"

lk_err
replica_piece_add(struct replica *r, uint32_t docno, struct bytes data,
    uint8_t id[static LK_ID_LEN])
{
	struct access_op op = { .kind = OP_PIECE, .content = { .data = data } };
	struct docstate *ds;
	struct admission a;
	lk_err err;

	LK_ASSERT(data.len <= REPLICA_PIECE_MAX);
	TRY(docstate_get(r, docno, &ds));
	admission_begin(&a, r, ds);
	err = author_envelope(&a, &op, 1, ROLE_WRITE, id);
	if (err.code == LK_OK)
		return admission_end(&a);
	admission_drop(&a);
	return err;
}

static const struct op_content *
piece_of(const struct body *b)
{
	for (size_t i = 0; i < b->ops_len; i++)
		if (b->ops[i].kind == OP_PIECE)
			return &b->ops[i].content;
	return NULL;
}

static lk_err
piece_read(struct admission *a, const uint8_t *id, struct buf *out)
{
	const struct op_content *piece;
	struct log_entry entry;
	struct candidate c;

	TRY(log_by_id(a->r->txn, id, &entry));
	if (entry.docno != a->ds->docno)
		return LK_ERR(LK_E_NOTFOUND, "a piece of this document");
	TRY(candidate_open(a, &c, entry.envelope));
	candidate_wipe(&c);
	piece = piece_of(&c.body);
	if (piece == NULL)
		return LK_ERR(LK_E_NOTFOUND, "a piece of this document");
	buf_add(out, piece->data);
	return buf_err(out, "read a piece");
}

lk_err
replica_piece(struct replica *r, uint32_t docno,
    const uint8_t id[static LK_ID_LEN], struct buf *out)
{
	struct docstate *ds;
	struct admission a;
	lk_err err;

	TRY(docstate_get(r, docno, &ds));
	admission_begin(&a, r, ds);
	err = piece_read(&a, id, out);
	admission_drop(&a);
	return err;
}
