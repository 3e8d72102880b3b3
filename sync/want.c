#include "sync/engine_state.h"
#include "sync/mend.h"

void
want_send(struct engine *e, struct link *l, uint32_t number, const uint8_t *ids,
    size_t len)
{
	struct want want = { .topic = number, .ids = ids };

	for (; len > 0; len -= want.len, want.ids += want.len * LK_ID_LEN) {
		BUF_SCOPED b = { .max = MESSAGE_MAX };

		want.len = len < WANT_MAX ? len : WANT_MAX;
		want_encode(&b, &want);
		link_send(e, l, MSG_WANT, buf_bytes(&b));
	}
}

/* Asks for what is damaged here, of each document at once what fits. */
lk_err
reconcile_missing(struct engine *e, struct link *l)
{
	for (uint32_t n = 0; n < l->numbers_len; n++) {
		struct link_topic *t = topics_number(l, n);
		uint8_t id[LK_ID_LEN];
		BUF_SCOPED ids = { .max = WANT_MAX * LK_ID_LEN };

		if (t == NULL || topics_of(l, t->docno) != n)
			continue;
		for (size_t i = 0; i < WANT_MAX &&
		     replica_damaged(e->r, t->docno, i, id).code == LK_OK;
		     i++)
			buf_mem(&ids, id, sizeof(id));
		want_send(e, l, n, ids.ptr, ids.len / LK_ID_LEN);
	}
	return LK_NONE;
}

lk_err
reconcile_want(struct engine *e, struct link *l, struct bytes body)
{
	uint64_t lsns[WANT_MAX];
	struct link_topic *t;
	struct want want;
	size_t n = 0;

	TRY(want_decode(&want, body));
	t = topics_number(l, want.topic);
	if (t == NULL)
		return LK_ERR(LK_E_MALFORMED, "WANT number");
	TRY(topics_serve(e, l, t));
	if (t->serve != SERVE_FULL || !link_affords(e, l, want.topic, body.len))
		return LK_NONE;
	for (size_t i = 0; i < want.len; i++) {
		struct log_entry entry;
		lk_err err =
		    log_by_id(e->r->txn, want.ids + i * LK_ID_LEN, &entry);

		if (err.code == LK_E_NOTFOUND || err.code == LK_E_CORRUPT)
			continue;
		TRY(err);
		if (entry.docno == t->docno)
			lsns[n++] = entry.lsn;
	}
	TRY(stream_queue(l, t, lsns, n));
	return reconcile_pump(e, l);
}
