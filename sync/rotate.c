/*
 * Box keys of this device: a new one, said in every document, and what of them
 * the recovery phrase can open (access.md section 9).
 */
#include <string.h>

#include "sync/admit.h"
#include "sync/home_doc.h"
#include "sync/person.h"

#define ESCROW_VERSION 1

lk_err
escrow_seal(const struct identity *me, const uint8_t recovery[static DH_LEN],
    struct buf *out)
{
	BUF_SECRET plain = { 0 };

	buf_init(&plain, ESCROW_MAX);
	buf_u8(&plain, ESCROW_VERSION);
	buf_mem(&plain, me->genesis_seed, sizeof(me->genesis_seed));
	for (size_t i = 0; i < me->boxes_len; i++)
		buf_mem(&plain, me->boxes[i].sk, DH_LEN);
	TRY(buf_err(&plain, "escrow"));
	box_seal(out, recovery, buf_bytes(&plain));
	return buf_err(out, "escrow");
}

/* The recovery box of this person: his root's, in the home document. */
lk_err
person_recovery_box(
    struct replica *r, uint32_t home, uint8_t out[static DH_LEN])
{
	struct graph *g;
	struct member m;

	TRY(replica_graph(r, home, &g));
	for (size_t i = 0; i < graph_members_len(g); i++) {
		graph_member(g, i, &m);
		if (m.rank == 0 &&
		    memcmp(m.key, r->identity->root_pk, ACCESS_KEY_LEN) == 0) {
			memcpy(out, m.box, DH_LEN);
			return LK_NONE;
		}
	}
	return LK_ERR(LK_E_NOTFOUND, "recovery box");
}

struct rotation {
	const struct identity *next;
	struct bytes escrow;
};

static lk_err
rotation_fill(void *ctx, struct edit *e, struct doc *doc)
{
	const struct rotation *n = ctx;
	const struct identity *me = n->next;
	struct box_statement newer = { .counter = me->box_counter };
	struct op_id map;
	BUF_SCOPED box = { .max = BOX_NEWER_LEN };

	memcpy(newer.pk, me->box.pk, DH_LEN);
	box_statement_sign(newer.sig, &me->sign, newer.pk, newer.counter);
	box_newer_write(&box, &newer);
	TRY(buf_err(&box, "box key"));
	TRY(home_entry_make(e, doc, "devices", me->sign.pk, &map));
	TRY(home_bytes_put(e, map, "box", buf_bytes(&box)));
	TRY(home_entry_make(e, doc, "escrow", me->sign.pk, &map));
	return home_bytes_put(e, map, "box", n->escrow);
}

lk_err
person_rotate(struct replica *r, const struct identity *next)
{
	struct rotation n = { .next = next };
	uint8_t hash[LK_ID_LEN], recovery[DH_LEN];
	uint32_t home;
	bool changed;
	BUF_SCOPED escrow = { .max = ESCROW_MAX + BOX_SEAL_LEN };

	TRY(replica_home(r, &home));
	TRY(person_recovery_box(r, home, recovery));
	TRY(escrow_seal(next, recovery, &escrow));
	n.escrow = buf_bytes(&escrow);
	return replica_edit(r, home, rotation_fill, &n, NULL, &changed, hash);
}

static lk_err
escrow_fill(void *ctx, struct edit *e, struct doc *doc)
{
	const struct rotation *n = ctx;
	struct op_id map;

	TRY(home_entry_make(e, doc, "escrow", n->next->sign.pk, &map));
	return home_bytes_put(e, map, "box", n->escrow);
}

/* Whether the home document lists this device, and has nothing in escrow. */
static lk_err
escrow_lacks(struct replica *r, uint32_t home, bool *lacks)
{
	const uint8_t *me = r->identity->sign.pk;
	struct op_id map;
	struct doc *doc;
	lk_err err;

	TRY(replica_open_doc(r, home, &doc));
	*lacks = home_entry(doc, "devices", me, &map).code == LK_OK;
	err = home_entry(doc, "escrow", me, &map);
	doc_free(doc);
	*lacks = *lacks && err.code == LK_E_NOTFOUND;
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

lk_err
person_escrow(struct replica *r)
{
	struct rotation n = { .next = r->identity };
	uint8_t hash[LK_ID_LEN], recovery[DH_LEN];
	uint32_t home;
	bool lacks, changed;
	lk_err err = replica_home(r, &home);
	BUF_SCOPED escrow = { .max = ESCROW_MAX + BOX_SEAL_LEN };

	if (err.code == LK_OK)
		err = escrow_lacks(r, home, &lacks);
	if (err.code == LK_OK && lacks)
		err = person_recovery_box(r, home, recovery);
	if (err.code == LK_E_NOTFOUND || (err.code == LK_OK && !lacks))
		return LK_NONE;
	TRY(err);
	TRY(escrow_seal(r->identity, recovery, &escrow));
	n.escrow = buf_bytes(&escrow);
	err = replica_edit(r, home, escrow_fill, &n, NULL, &changed, hash);
	return err.code == LK_E_DENIED || err.code == LK_E_NOTFOUND ? LK_NONE
								    : err;
}

lk_err
person_rekey_in(struct replica *r, uint32_t docno)
{
	const struct identity *me = r->identity;
	struct access_op op = { .kind = OP_REKEY };
	const struct graph_reader *readers;
	struct docstate *ds;
	size_t len, i = 0;

	TRY(docstate_get(r, docno, &ds));
	TRY(graph_readers(ds->graph, &readers, &len));
	while (i < len && memcmp(readers[i].key, me->sign.pk, 32) != 0)
		i++;
	if (i == len)
		return LK_ERR(LK_E_DENIED, "no reader");
	if (memcmp(readers[i].box, me->box.pk, DH_LEN) == 0)
		return LK_ERR(LK_E_EXISTS, "box key");
	memcpy(op.rekey.box, me->box.pk, DH_LEN);
	op.rekey.box_counter = me->box_counter;
	return author_ops(r, ds, &op, 1, ROLE_READ);
}
