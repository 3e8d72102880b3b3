#include "crdt/doc_present.h"

#include <stdlib.h>

/* Raises `latest` to what is in the past of change `number`. */
static lk_err
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
presence_walk(struct doc *doc, uint32_t *latest, uint8_t *presence)
{
	for (uint32_t n = doc->head.changes; n-- > 0;) {
		struct doc_change c;
		bool below;

		TRY(doc_change_load(doc, n, &c));
		below = n < latest[c.actor];
		if (c.visible && !below)
			TRY(past_join(doc, n, latest));
		presence[n] = c.visible ? PRESENT_VISIBLE
		    : below             ? PRESENT_GHOST
					: PRESENT_NOT;
	}
	return LK_NONE;
}

lk_err
presence_find(struct doc *doc, uint8_t **out)
{
	uint32_t *latest =
	    calloc((size_t)doc->head.actors + 1, sizeof(*latest));
	uint8_t *presence = calloc((size_t)doc->head.changes + 1, 1);
	lk_err err = LK_ERR(LK_E_NOMEM, "changes of a document");

	if (latest != NULL && presence != NULL)
		err = presence_walk(doc, latest, presence);
	free(latest);
	if (err.code != LK_OK) {
		free(presence);
		return err;
	}
	*out = presence;
	return LK_NONE;
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
	uint8_t *presence;
	lk_err err = LK_NONE;

	TRY(presence_find(doc, &presence));
	for (uint32_t n = 0; n < doc->head.changes && err.code == LK_OK; n++)
		if (presence[n] == PRESENT_GHOST)
			err = ghost_visit(doc, n, each, ctx);
	free(presence);
	return err;
}
