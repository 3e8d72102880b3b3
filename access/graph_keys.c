#include <stdlib.h>
#include <string.h>

#include "access/graph_parts.h"

uint32_t
eval_reader(const struct eval *e, uint32_t author)
{
	return author < e->readers.len ? e->readers.v[author] : GRAPH_NONE;
}

/* Whether a is newer than b: counter, then key. */
static bool
box_newer(const struct box *a, const struct box *b)
{
	if (box_given(a) != box_given(b))
		return box_given(a);
	if (a->counter != b->counter)
		return a->counter > b->counter;
	return memcmp(a->key, b->key, sizeof(a->key)) > 0;
}

/* The newest box key of an author whom some grant lets read: of what his grants
 * or he himself ever said with effect. */
static uint32_t
author_reads(const struct graph *g, const struct eval *e, const struct view *v,
    const struct author *a)
{
	uint32_t best = GRAPH_NONE;
	bool reads = false;

	for (uint32_t i = a->box; i != GRAPH_NONE; i = g->boxes.v[i].next) {
		const struct box *b = &g->boxes.v[i];

		if (!view_has_op(g, v, b->node, b->op))
			continue;
		if (b->rekey ? !eval_op(g, e, b->node, b->op)
			     : !eval_grant(g, e, b->grant))
			continue;
		reads = reads ||
		    (!b->rekey && eval_role(g, e, b->grant) >= ROLE_READ);
		if (best == GRAPH_NONE || box_newer(b, &g->boxes.v[best]))
			best = i;
	}
	return reads ? best : GRAPH_NONE;
}

lk_err
eval_readers(const struct graph *g, struct eval *e, const struct view *v)
{
	if (e->readers_known)
		return LK_NONE;
	e->readers.len = 0;
	for (uint32_t i = 0; i < g->authors.len; i++) {
		if (!u32s_add(
			&e->readers, author_reads(g, e, v, &g->authors.v[i])))
			return GRAPH_NOMEM;
	}
	e->readers_known = true;
	return LK_NONE;
}

/* Readers of what stands before op `op` of a node. */
static lk_err
readers_before(
    const struct graph *g, uint32_t node, uint8_t op, struct eval **out)
{
	struct view v = view_before(g, node, op);
	struct eval *e;

	TRY(eval_of(g, &v, &e));
	TRY(eval_readers(g, e, &v));
	*out = e;
	return LK_NONE;
}

/* Computes whom an epoch was boxed to: the readers of its past; the genesis:
 * the creator, and a root with a box key. */
static lk_err
epoch_know(const struct graph *g, struct epoch *x)
{
	uint32_t len = 2;
	struct eval *e = NULL;
	bool genesis = (g->nodes.v[x->node].flags & NODE_GENESIS) != 0;

	if (x->known)
		return LK_NONE;
	if (!genesis) {
		TRY(readers_before(g, x->node, x->op, &e));
		len = e->readers.len;
	}
	x->to = reallocarray(NULL, len + 1, sizeof(*x->to));
	if (x->to == NULL)
		return GRAPH_NOMEM;
	x->to_len = 0;
	for (uint32_t i = 0; i < len; i++) {
		uint32_t box = genesis ? g->grants.v[i].box : e->readers.v[i];

		if (box != GRAPH_NONE && box_given(&g->boxes.v[box]))
			x->to[x->to_len++] =
			    (struct holder){ g->boxes.v[box].author, box };
	}
	x->known = true;
	return LK_NONE;
}

/* A share is sealed to the box key its reader had then. */
static lk_err
hand_know(const struct graph *g, struct hand *h)
{
	struct eval *e;

	if (h->box != GRAPH_NONE)
		return LK_NONE;
	TRY(readers_before(g, h->node, h->op, &e));
	h->box = eval_reader(e, h->author);
	return LK_NONE;
}

/*
 * A walk over everybody who knows a key: who was handed it, and who knows a
 * key whose links lead to it.  Calls `see` for each holder; `see` false ends
 * the walk.
 */
struct walk {
	const struct graph *g;
	const struct view *v;
	bool (*see)(void *, struct holder);
	void *ctx;
	bool right; /* without what wrong shares say */
	bool ended;
};

static lk_err
walk_etag(struct walk *w, const struct etag *t)
{
	const struct graph *g = w->g;

	for (uint32_t i = t->epoch; i != GRAPH_NONE; i = g->epochs.v[i].next) {
		struct epoch *x = &g->epochs.v[i];

		if (!view_has_op(g, w->v, x->node, x->op))
			continue;
		TRY(epoch_know(g, x));
		for (uint32_t k = 0; k < x->to_len && !w->ended; k++)
			w->ended = !w->see(w->ctx, x->to[k]);
	}
	for (uint32_t i = t->hand; i != GRAPH_NONE && !w->ended;
	     i = g->hands.v[i].next) {
		struct hand *h = &g->hands.v[i];

		if ((w->right && h->wrong) ||
		    !view_has_op(g, w->v, h->node, h->op))
			continue;
		TRY(hand_know(g, h));
		w->ended =
		    !w->see(w->ctx, (struct holder){ h->author, h->box });
	}
	return LK_NONE;
}

static lk_err
walk_from(struct walk *w, uint32_t etag)
{
	const struct graph *g = w->g;
	struct u32s *todo = &g->evals->walk;
	uint32_t stamp = ++g->evals->stamp;

	todo->len = 0;
	g->etags.v[etag].stamp = stamp;
	if (!u32s_add(todo, etag))
		return GRAPH_NOMEM;
	while (todo->len > 0 && !w->ended) {
		const struct etag *t = &g->etags.v[todo->v[--todo->len]];

		TRY(walk_etag(w, t));
		for (uint32_t i = t->link; i != GRAPH_NONE;
		     i = g->links.v[i].next) {
			const struct link *l = &g->links.v[i];
			struct etag *newer = &g->etags.v[l->newer];

			if (newer->stamp == stamp || (w->right && l->wrong) ||
			    !view_has_op(g, w->v, l->node, l->op))
				continue;
			newer->stamp = stamp;
			if (!u32s_add(todo, l->newer))
				return GRAPH_NOMEM;
		}
	}
	return LK_NONE;
}

struct clean_check {
	const struct graph *g;
	const struct eval *e;
};

/* A holder is harmless if he reads now, and with that box key. */
static bool
holder_reads(void *ctx, struct holder h)
{
	const struct clean_check *c = ctx;
	uint32_t now = eval_reader(c->e, h.author);
	const struct box *had, *has;

	if (now == GRAPH_NONE)
		return false;
	if (h.box == GRAPH_NONE)
		return true;
	had = &c->g->boxes.v[h.box];
	has = &c->g->boxes.v[now];
	return !box_given(had) ||
	    memcmp(had->key, has->key, sizeof(had->key)) == 0;
}

static lk_err
epoch_is_clean(const struct graph *g, const struct eval *e,
    const struct view *v, uint32_t etag, bool *clean)
{
	struct clean_check check = { g, e };
	struct walk w = { g, v, holder_reads, &check, false, false };

	TRY(walk_from(&w, etag));
	*clean = !w.ended;
	return LK_NONE;
}

/* Epochs are numbered in causal order, so later ones are met first. */
lk_err
epochs_present(const struct graph *g, const struct eval *e,
    const struct view *v, struct u32s *out)
{
	uint32_t len, effective = 0;
	const uint32_t *top = view_maximal(g, v, &len);

	for (uint32_t i = 0; i < len; i++) {
		const struct epoch *x = &g->epochs.v[top[i]];

		effective += eval_op(g, e, x->node, x->op);
		if (!u32s_add(out, top[i]))
			return GRAPH_NOMEM;
	}
	if (effective == len)
		return LK_NONE;
	out->len = 0;
	for (uint32_t i = g->epochs.len; i-- > 0;) {
		const struct epoch *x = &g->epochs.v[i];
		bool old = !view_has_op(g, v, x->node, x->op) ||
		    !eval_op(g, e, x->node, x->op);

		for (uint32_t k = 0; k < out->len && !old; k++)
			old = graph_in_past(
			    g, x->node, g->epochs.v[out->v[k]].node);
		if (!old && !u32s_add(out, i))
			return GRAPH_NOMEM;
	}
	return LK_NONE;
}

lk_err
eval_clean(const struct graph *g, struct eval *e, const struct view *v)
{
	uint32_t n = 0;
	lk_err err;

	if (e->clean_known)
		return LK_NONE;
	TRY(eval_readers(g, e, v));
	e->clean.len = 0;
	TRY(epochs_present(g, e, v, &e->clean));
	/* What the walks evaluate must not push this one out of the cache. */
	e->pins++;
	for (uint32_t i = 0; i < e->clean.len; i++) {
		uint32_t x = e->clean.v[i];
		bool clean = false;

		err = epoch_is_clean(g, e, v, g->epochs.v[x].etag, &clean);
		if (err.code != LK_OK) {
			e->pins--;
			return err;
		}
		if (clean)
			e->clean.v[n++] = x;
	}
	e->pins--;
	e->clean.len = n;
	e->clean_known = true;
	return LK_NONE;
}

bool
eval_is_clean(const struct graph *g, const struct eval *e, uint32_t etag)
{
	for (uint32_t i = 0; i < e->clean.len; i++) {
		if (g->epochs.v[e->clean.v[i]].etag == etag)
			return true;
	}
	return false;
}

bool
etag_in_view(const struct graph *g, const struct view *v, uint32_t etag)
{
	if (etag == GRAPH_NONE)
		return false;
	for (uint32_t i = g->etags.v[etag].epoch; i != GRAPH_NONE;
	     i = g->epochs.v[i].next) {
		if (view_has_op(g, v, g->epochs.v[i].node, g->epochs.v[i].op))
			return true;
	}
	return false;
}

static int
reader_compare(const void *a, const void *b)
{
	const struct graph_reader *x = a, *y = b;

	return memcmp(x->key, y->key, ACCESS_KEY_LEN);
}

void
reader_fill(const struct graph *g, uint32_t box, struct graph_reader *out)
{
	const struct box *b = &g->boxes.v[box];

	memcpy(out->key, g->authors.v[b->author].key, ACCESS_KEY_LEN);
	memcpy(out->box, b->key, ACCESS_KEY_LEN);
}

lk_err
readers_list(struct graph *g, struct eval *e, const struct view *v)
{
	TRY(eval_readers(g, e, v));
	g->readers.len = 0;
	for (uint32_t i = 0; i < e->readers.len; i++) {
		uint32_t box = e->readers.v[i];

		if (box == GRAPH_NONE || !box_given(&g->boxes.v[box]))
			continue;
		if (!ARRAY_ROOM(&g->readers))
			return GRAPH_NOMEM;
		reader_fill(g, box, &g->readers.v[g->readers.len++]);
	}
	if (g->readers.len > 1)
		qsort(g->readers.v, g->readers.len, sizeof(*g->readers.v),
		    reader_compare);
	return LK_NONE;
}

static int
etag_compare(const void *a, const void *b)
{
	return memcmp(a, b, ETAG_LEN);
}

lk_err
maximal_list(struct graph *g, const struct view *view)
{
	uint32_t len, n = 0;
	const uint32_t *v = view_maximal(g, view, &len);

	g->maximal.len = 0;
	for (uint32_t i = 0; i < len; i++) {
		if (!ARRAY_ROOM(&g->maximal))
			return GRAPH_NOMEM;
		memcpy(g->maximal.v[g->maximal.len++],
		    g->etags.v[g->epochs.v[v[i]].etag].etag, ETAG_LEN);
	}
	if (len == 0)
		return LK_NONE;
	qsort(g->maximal.v, g->maximal.len, ETAG_LEN, etag_compare);
	for (uint32_t i = 0; i < g->maximal.len; i++) {
		if (n == 0 ||
		    memcmp(g->maximal.v[n - 1], g->maximal.v[i], ETAG_LEN) != 0)
			memmove(g->maximal.v[n++], g->maximal.v[i], ETAG_LEN);
	}
	g->maximal.len = n;
	return LK_NONE;
}

static bool
holder_marks(void *ctx, struct holder h)
{
	uint8_t *mark = ctx;

	mark[h.author] = 1;
	return true;
}

/* A reader of the whole set who was never handed the key of an epoch; mark
 * becomes 1 for every author who was. */
static lk_err
epoch_lacked(struct graph *g, uint32_t epoch, uint8_t *mark, uint32_t *author)
{
	struct evals *evals = g->evals;
	struct view whole = view_whole();
	struct walk w = { g, &whole, holder_marks, mark, true, false };

	memset(mark, 0, g->authors.len);
	TRY(walk_from(&w, g->epochs.v[epoch].etag));
	*author = GRAPH_NONE;
	for (uint32_t i = 0; i < g->authors.len; i++) {
		uint32_t box = eval_reader(&evals->now, i);

		if (box == GRAPH_NONE || mark[i] ||
		    !box_given(&g->boxes.v[box]))
			continue;
		if (*author == GRAPH_NONE ||
		    memcmp(g->authors.v[i].key, g->authors.v[*author].key,
			ACCESS_KEY_LEN) < 0)
			*author = i;
	}
	return LK_NONE;
}

/* Whether a link, in an envelope that stays, leads here from an epoch whose
 * key everybody has. */
static bool
epoch_reached(const struct graph *g, const uint8_t *had, uint32_t epoch)
{
	const struct etag *t = &g->etags.v[g->epochs.v[epoch].etag];

	for (uint32_t i = t->link; i != GRAPH_NONE; i = g->links.v[i].next) {
		if (had[g->links.v[i].newer] && !g->links.v[i].wrong)
			return true;
	}
	return false;
}

/* Newest first: what links reach from a key that everybody has needs no look
 * of its own. */
static lk_err
share_search(struct graph *g, uint8_t *had, uint8_t *mark)
{
	struct view whole = view_whole();

	TRY(eval_readers(g, &g->evals->now, &whole));
	for (uint32_t i = g->epochs.len; i-- > 0;) {
		uint32_t author = GRAPH_NONE;

		if (!graph_essential(g, g->epochs.v[i].node))
			continue;
		if (!epoch_reached(g, had, i))
			TRY(epoch_lacked(g, i, mark, &author));
		if (author != GRAPH_NONE) {
			g->evals->share_missing = true;
			g->evals->share_epoch = i;
			g->evals->share_author = author;
			return LK_NONE;
		}
		had[g->epochs.v[i].etag] = 1;
	}
	return LK_NONE;
}

static bool
share_known(struct graph *g)
{
	uint8_t *had, *mark;
	bool known = false;

	if (g->evals->share_known || g->epochs.len == 0)
		return g->evals->share_known;
	g->evals->share_missing = false;
	had = calloc(g->etags.len, 1);
	mark = calloc(g->authors.len, 1);
	if (had != NULL && mark != NULL)
		known = share_search(g, had, mark).code == LK_OK;
	free(had);
	free(mark);
	g->evals->share_known = known;
	return known;
}

bool
graph_missing_share(
    struct graph *g, struct shared_key *key, struct graph_reader *reader)
{
	struct evals *evals = g->evals;
	uint32_t box;

	if (!share_known(g) || !evals->share_missing)
		return false;
	box = eval_reader(&evals->now, evals->share_author);
	reader_fill(g, box, reader);
	memcpy(key->key, reader->key, ACCESS_KEY_LEN);
	memcpy(key->etag, g->etags.v[g->epochs.v[evals->share_epoch].etag].etag,
	    ETAG_LEN);
	return true;
}
