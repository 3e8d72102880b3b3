#include "sync/link_topic.h"

#include <stdlib.h>

#include "sync/overlay.h"

/* For what may be late by more than those who ask have patience. */
#define OVER_MS 300000

static void
exchange_free(struct exchange *x)
{
	if (x == NULL)
		return;
	vector_clear(&x->vector);
	free(x->queue);
	neighbour_free(x->neighbour);
	free(x);
}

static void
items_free(struct items *i)
{
	if (i == NULL)
		return;
	item_state_clear(&i->in);
	item_state_clear(&i->out);
	free(i);
}

void
link_topic_clear(struct link_topic *t)
{
	exchange_free(t->exchange);
	items_free(t->items);
	*t = (struct link_topic){ 0 };
}

static bool
is_over(struct mono since, struct mono now)
{
	return since.ms == 0 || now.ms >= since.ms + OVER_MS;
}

void
link_topic_rest(struct link_topic *t, struct mono now)
{
	const struct exchange *x = exchange_of(t);

	if (x->sending || x->queue_len > 0 || x->neighbour != NULL ||
	    now.ms < x->busy.ms || !is_over(x->asked, now) ||
	    !is_over(x->held, now) || !is_over(x->ranged, now) ||
	    !is_over(x->streamed, now))
		return;
	exchange_free(t->exchange);
	t->exchange = NULL;
}

bool
link_topic_is_shared(const struct link_topic *t)
{
	return t->serve == SERVE_FULL && !t->ended;
}

const struct exchange *
exchange_of(const struct link_topic *t)
{
	static const struct exchange none;

	return t->exchange == NULL ? &none : t->exchange;
}

const struct items *
items_of(const struct link_topic *t)
{
	static const struct items none;

	return t->items == NULL ? &none : t->items;
}

lk_err
exchange_need(struct link_topic *t, struct exchange **out)
{
	if (t->exchange == NULL)
		t->exchange = calloc(1, sizeof(*t->exchange));
	if (t->exchange == NULL)
		return LK_ERR(LK_E_NOMEM, "exchange");
	*out = t->exchange;
	return LK_NONE;
}

lk_err
items_need(struct link_topic *t, struct items **out)
{
	if (t->items == NULL)
		t->items = calloc(1, sizeof(*t->items));
	if (t->items == NULL)
		return LK_ERR(LK_E_NOMEM, "items");
	*out = t->items;
	return LK_NONE;
}

lk_err
link_topic_item(struct link_topic *t, const struct envelope *env, struct buf *b)
{
	struct items *items;

	TRY(items_need(t, &items));
	return item_encode(b, &items->out, env);
}

void
link_topic_acked(struct link_topic *t)
{
	if (t->exchange != NULL)
		t->exchange->streamed.ms = 0;
}
