#include "crdt/doc_present.h"

#include <stdlib.h>

void
present_clear(struct present *p)
{
	free(p->how);
	buf_clear(&p->heads);
	buf_clear(&p->ghosts);
	*p = (struct present){ 0 };
}

lk_err
past_join(struct doc *doc, uint32_t number, uint32_t *latest)
{
	PAST_SCOPED past = { 0 };

	TRY(past_of_change(doc, number, false, &past));
	for (size_t i = 0; i < past.clock->len; i++)
		if (latest[i] < past.clock->latest[i])
			latest[i] = past.clock->latest[i];
	if (latest[past.actor] < past.own_end)
		latest[past.actor] = past.own_end;
	return LK_NONE;
}

/* From the last change down: whoever depends on one has been seen before it,
 * and only what no other one depends on has a past to add. */
static lk_err
present_walk(struct doc *doc, uint32_t *latest, struct present *p)
{
	for (uint32_t n = doc->head.changes; n-- > 0;) {
		struct doc_change c;
		bool below;

		TRY(doc_change_load(doc, n, &c));
		below = n < latest[c.actor];
		p->how[n] = c.visible ? PRESENT_VISIBLE
		    : below           ? PRESENT_GHOST
				      : PRESENT_NOT;
		if (p->how[n] == PRESENT_GHOST)
			buf_mem(&p->ghosts, c.hash, sizeof(c.hash));
		if (!c.visible || below)
			continue;
		TRY(past_join(doc, n, latest));
		buf_mem(&p->heads, c.hash, sizeof(c.hash));
		if (p->max_op < c.past_max_op)
			p->max_op = c.past_max_op;
	}
	return LK_NONE;
}

static lk_err
hashes_sort(struct buf *hashes)
{
	TRY(buf_err(hashes, "changes of a document"));
	if (hashes->len > 0)
		qsort(hashes->ptr, hashes->len / LK_ID_LEN, LK_ID_LEN,
		    lk_id_compare);
	return LK_NONE;
}

lk_err
present_find(struct doc *doc, struct present *p)
{
	uint32_t *latest =
	    calloc((size_t)doc->head.actors + 1, sizeof(*latest));
	lk_err err = LK_ERR(LK_E_NOMEM, "changes of a document");

	buf_init(&p->heads, (size_t)UINT32_MAX * LK_ID_LEN);
	buf_init(&p->ghosts, (size_t)UINT32_MAX * LK_ID_LEN);
	p->how = calloc((size_t)doc->head.changes + 1, 1);
	if (latest != NULL && p->how != NULL)
		err = present_walk(doc, latest, p);
	free(latest);
	TRY(err);
	TRY(hashes_sort(&p->heads));
	return hashes_sort(&p->ghosts);
}

static lk_err
ghost_visit(struct doc *doc, uint32_t number, doc_ghost_fn *each, void *ctx)
{
	struct doc_change_info info;
	struct doc_change c;

	TRY(doc_change_load(doc, number, &c));
	TRY(doc_change(doc, c.hash, &info));
	return each(ctx, &info);
}

lk_err
doc_ghosts(struct doc *doc, doc_ghost_fn *each, void *ctx)
{
	PRESENT_SCOPED present = { 0 };

	TRY(present_find(doc, &present));
	for (uint32_t n = 0; n < doc->head.changes; n++)
		if (present.how[n] == PRESENT_GHOST)
			TRY(ghost_visit(doc, n, each, ctx));
	return LK_NONE;
}
