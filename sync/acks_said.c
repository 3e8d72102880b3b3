#include <stdlib.h>
#include <string.h>

#include "sync/acks.h"
#include "sync/docno_list.h"
#include "sync/engine_state.h"

#define ACKS_BYTES ((size_t)32 * 1024) /* of one message, about */

lk_err
acks_say_soon(struct link *l, uint32_t number)
{
	return docno_list_add(&l->acks, &l->acks_len, &l->acks_cap, number);
}

/* Nothing, where this device is no reader, or the peer is none any more. */
static lk_err
entry_write(struct engine *e, struct link *l, uint32_t number, uint64_t *next,
    struct buf *b)
{
	const struct link_topic *t = topics_number(l, number);
	uint8_t heads[ACK_HEADS_MAX][LK_ID_LEN];
	struct docstate *ds;
	uint64_t counter;
	size_t n;

	if (t == NULL || t->serve != SERVE_FULL)
		return LK_NONE;
	TRY(docstate_get(e->r, t->docno, &ds));
	if (graph_len(ds->graph) == 0 ||
	    graph_role(ds->graph, e->identity->sign.pk) < ROLE_READ)
		return LK_NONE;
	TRY(acks_counter(e, t->docno, &counter));
	n = graph_heads(ds->graph, heads, ACK_HEADS_MAX);
	/* Of more, because somebody forks without end, what fits is no lie. */
	if (n > ACK_HEADS_MAX)
		n = ACK_HEADS_MAX;
	acks_entry_encode(b, next, number, counter, n);
	for (size_t i = 0; i < n; i++)
		acks_head_encode(b, &items_of(t)->out, heads[i]);
	return LK_NONE;
}

static int
number_compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

lk_err
acks_say(struct engine *e, struct link *l)
{
	BUF_SCOPED b = { .max = 2 * ACKS_BYTES };
	uint64_t next = 0;

	if (l->acks_len > 1)
		qsort(l->acks, l->acks_len, sizeof(*l->acks), number_compare);
	for (size_t i = 0; i < l->acks_len; i++) {
		TRY(entry_write(e, l, l->acks[i], &next, &b));
		if (b.len < ACKS_BYTES && i + 1 < l->acks_len)
			continue;
		TRY(buf_err(&b, "ACKS"));
		if (b.len > 0)
			link_send(e, l, MSG_ACKS, buf_bytes(&b));
		buf_reset(&b);
		next = 0;
	}
	free(l->acks);
	l->acks = NULL;
	l->acks_len = l->acks_cap = 0;
	return LK_NONE;
}

static lk_err
entry_take(struct engine *e, struct link *l, struct acks_entry *entry)
{
	uint8_t heads[ACK_HEADS_MAX][LK_ID_LEN];
	struct ack_record record = { .counter = entry->counter,
		.heads = heads[0],
		.heads_len = entry->len };
	struct link_topic *t = topics_number(l, entry->topic);
	struct docstate *ds;

	if (t == NULL)
		return LK_ERR(LK_E_MALFORMED, "ACKS number");
	for (size_t i = 0; i < entry->len; i++)
		TRY(acks_head_next(entry, &items_of(t)->in, heads[i]));
	TRY(docstate_get(e->r, t->docno, &ds));
	if (graph_role(ds->graph, l->pk) < ROLE_READ)
		return LK_NONE;
	link_topic_acked(t);
	memcpy(record.incarnation, l->incarnation, INCARNATION_LEN);
	return acks_keep(e, ds, l->pk, &record, l->conn);
}

lk_err
acks_said(struct engine *e, struct link *l, struct bytes body)
{
	struct acks_entry entry;
	struct acks acks;

	TRY(acks_decode(&acks, body));
	while (acks_entry_next(&acks, &entry))
		TRY(entry_take(e, l, &entry));
	return LK_NONE;
}
