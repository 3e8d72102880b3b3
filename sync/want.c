#include "sync/engine_state.h"
#include "sync/mend.h"

/* Asks for what is damaged here, of each document at once what fits. */
lk_err
reconcile_missing(struct engine *e, struct link *l)
{
	for (uint32_t n = 0; n < l->numbers_len; n++) {
		struct link_topic *t = topics_number(l, n);
		struct want want = { .topic = n };
		uint8_t id[LK_ID_LEN];
		BUF_SCOPED ids = { .max = WANT_MAX * LK_ID_LEN };
		BUF_SCOPED b = { .max = MESSAGE_MAX };

		if (t == NULL || topics_of(l, t->docno) != n)
			continue;
		for (size_t i = 0; i < WANT_MAX &&
		     replica_damaged(e->r, t->docno, i, id).code == LK_OK;
		     i++)
			buf_mem(&ids, id, sizeof(id));
		if (ids.len == 0)
			continue;
		want.ids = ids.ptr;
		want.len = ids.len / LK_ID_LEN;
		want_encode(&b, &want);
		TRY(buf_err(&b, "WANT"));
		link_send(e, l, MSG_WANT, buf_bytes(&b));
	}
	return LK_NONE;
}

lk_err
reconcile_want(struct engine *e, struct link *l, struct bytes body)
{
	struct want want;
	struct link_topic *t;
	BUF_SCOPED b = { .max = MESSAGE_MAX };

	TRY(want_decode(&want, body));
	t = topics_number(l, want.topic);
	if (t == NULL)
		return LK_ERR(LK_E_MALFORMED, "WANT number");
	batch_encode(&b, want.topic, true);
	if (t->serve == SERVE_FULL) {
		for (size_t i = 0; i < want.len; i++) {
			struct log_entry entry;
			struct envelope env;
			lk_err err = log_by_id(
			    e->r->txn, want.ids + i * LK_ID_LEN, &entry);

			if (err.code == LK_E_NOTFOUND ||
			    err.code == LK_E_CORRUPT)
				continue;
			TRY(err);
			if (entry.docno != t->docno ||
			    b.len + entry.envelope.len > MESSAGE_MAX - 256)
				continue;
			TRY(envelope_parse(&env, entry.envelope));
			TRY(item_encode(&b, &t->out, &env));
		}
	}
	TRY(buf_err(&b, "BATCH"));
	link_send(e, l, MSG_BATCH, buf_bytes(&b));
	return LK_NONE;
}
