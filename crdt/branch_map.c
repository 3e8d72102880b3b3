#include "crdt/branch_map.h"

#include <stdlib.h>

/* The last change of something, and its greatest counter. */
struct piece_end {
	uint64_t seq;
	uint32_t ctr;
};

/* A chain as far as it lies in the past. */
struct twig {
	uint32_t chain, parent;
	struct piece_end at, end; /* where the parent is left; its own */
	uint32_t stretch;         /* that it begins in */
	const struct doc_branch *branch;
};

struct map_making {
	struct branch_map *map;
	struct twig *twigs; /* ascending */
	struct twig **kids; /* those that branch off, by parent and place */
	size_t len, kids_len;
};

static void
map_free(struct branch_map *m)
{
	if (m == NULL)
		return;
	free(m->stretches);
	free(m->by_chain);
	free(m->by_stretch);
	free(m);
}

void
branch_maps_clear(struct branch_maps *maps)
{
	for (size_t i = 0; i < maps->len; i++)
		map_free(maps->of[i]);
	free(maps->of);
	*maps = (struct branch_maps){ 0 };
}

/* No change of a chain that is in the past has this number, or a greater one.
 */
static lk_err
past_end(
    struct doc *doc, const struct doc_past *past, uint32_t chain, uint32_t *end)
{
	struct doc_actor *a;

	if (chain != past->actor) {
		*end =
		    chain < past->clock->len ? past->clock->latest[chain] : 0;
		return LK_NONE;
	}
	TRY(doc_actor_load(doc, chain, &a));
	*end = a->changes_end < past->own_end ? a->changes_end : past->own_end;
	return LK_NONE;
}

/* False in *in: the chain has nothing in the past. */
static lk_err
twig_read(struct doc *doc, const struct doc_past *past, uint32_t chain,
    struct twig *t, bool *in)
{
	struct doc_actor *a;
	struct doc_change c;
	uint32_t end;

	TRY(doc_actor_load(doc, chain, &a));
	TRY(past_end(doc, past, chain, &end));
	*t = (struct twig){ .chain = chain, .branch = a->branch };
	/* All begin at the first chain, in the past or not. */
	*in = end > 0 || a->branch == NULL;
	if (a->branch != NULL) {
		t->parent = a->branch->parent;
		t->at.seq = a->branch->at_seq;
		t->at.ctr = a->branch->at_ctr;
	}
	if (end == 0)
		return LK_NONE;
	/* Where a past is cut by numbers, that one may be another's. */
	do
		TRY(doc_change_load(doc, --end, &c));
	while (c.actor != chain && end > 0);
	if (c.actor != chain)
		return LK_NONE;
	t->end.seq = c.seq;
	t->end.ctr = (uint32_t)(c.start_op + c.ops - 1);
	return LK_NONE;
}

static lk_err
twigs_read(struct doc *doc, const struct doc_past *past, uint32_t first,
    struct map_making *m)
{
	uint32_t at = first;
	size_t cap = 0;

	do {
		bool in;

		if (m->len == cap) {
			struct twig *grown;

			cap = cap == 0 ? 8 : 2 * cap;
			grown = reallocarray(m->twigs, cap, sizeof(*grown));
			if (grown == NULL)
				return LK_ERR(LK_E_NOMEM, "branches");
			m->twigs = grown;
		}
		TRY(twig_read(doc, past, at, &m->twigs[m->len], &in));
		m->len += in;
		TRY(branch_next(doc, at, &at));
	} while (at > 0);
	return LK_NONE;
}

static int
twig_compare(const void *a, const void *b)
{
	const struct twig *x = a, *y = b;

	return x->chain < y->chain ? -1 : x->chain > y->chain;
}

static int
kid_compare(const void *a, const void *b)
{
	const struct twig *x = *(struct twig *const *)a;
	const struct twig *y = *(struct twig *const *)b;

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	if (x->at.seq != y->at.seq)
		return x->at.seq < y->at.seq ? -1 : 1;
	return twig_compare(x, y);
}

static lk_err
making_sort(struct map_making *m)
{
	m->kids = calloc(m->len, sizeof(struct twig *));
	if (m->kids == NULL)
		return LK_ERR(LK_E_NOMEM, "branches");
	qsort(m->twigs, m->len, sizeof(*m->twigs), twig_compare);
	for (size_t i = 0; i < m->len; i++)
		if (m->twigs[i].branch != NULL)
			m->kids[m->kids_len++] = &m->twigs[i];
	qsort(m->kids, m->kids_len, sizeof(struct twig *), kid_compare);
	return LK_NONE;
}

static size_t
kids_from(const struct map_making *m, uint32_t parent)
{
	size_t low = 0, high = m->kids_len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->kids[mid]->parent < parent)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static uint32_t
stretch_new(struct map_making *m, uint32_t parent, const uint8_t *begins)
{
	struct branch_stretch *s = &m->map->stretches[m->map->stretches_len];

	s->parent = parent;
	s->order = (uint32_t)m->map->stretches_len++;
	if (begins != NULL)
		memcpy(s->begins, begins, LK_ID_LEN);
	return s->order;
}

static void
piece_new(struct map_making *m, uint32_t chain, uint32_t stretch,
    uint32_t after, const struct piece_end *end)
{
	m->map->by_chain[m->map->pieces_len++] =
	    (struct branch_piece){ .chain = chain,
		    .stretch = stretch,
		    .after = after,
		    .last = end->ctr,
		    .last_seq = end->seq };
}

/* Cuts a chain where others leave it; says in which stretches these begin. */
static void
twig_cut(struct map_making *m, const struct twig *t)
{
	uint32_t stretch = t->stretch, after = t->at.ctr;
	size_t i = kids_from(m, t->chain);

	while (i < m->kids_len && m->kids[i]->parent == t->chain) {
		const struct twig *kid = m->kids[i];
		bool goes_on = t->end.seq > kid->at.seq;
		size_t n = 1;

		while (i + n < m->kids_len &&
		    m->kids[i + n]->parent == t->chain &&
		    m->kids[i + n]->at.seq == kid->at.seq)
			n++;
		piece_new(m, t->chain, stretch, after, &kid->at);
		/* The only one there goes on in its place. */
		if (n == 1 && !goes_on) {
			m->kids[i]->stretch = stretch;
			return;
		}
		for (size_t k = 0; k < n; k++)
			m->kids[i + k]->stretch = stretch_new(
			    m, stretch, m->kids[i + k]->branch->first);
		if (!goes_on)
			return;
		stretch = stretch_new(m, stretch, kid->branch->beside);
		after = kid->at.ctr;
		i += n;
	}
	piece_new(m, t->chain, stretch, after, &t->end);
}

static int
by_chain_compare(const void *a, const void *b)
{
	const struct branch_piece *x = a, *y = b;

	if (x->chain != y->chain)
		return x->chain < y->chain ? -1 : 1;
	if (x->last != y->last)
		return x->last < y->last ? -1 : 1;
	return x->stretch < y->stretch ? -1 : x->stretch > y->stretch;
}

static int
by_stretch_compare(const void *a, const void *b)
{
	const struct branch_piece *x = a, *y = b;

	if (x->stretch != y->stretch)
		return x->stretch < y->stretch ? -1 : 1;
	if (x->last != y->last)
		return x->last < y->last ? -1 : 1;
	return x->chain < y->chain ? -1 : x->chain > y->chain;
}

static int
stretch_compare(const void *a, const void *b)
{
	const struct branch_stretch *x = a, *y = b;

	return memcmp(x->begins, y->begins, LK_ID_LEN);
}

/* Puts the stretches in order and gives them the numbers of their places. */
static lk_err
map_sort(struct branch_map *m)
{
	uint32_t *places = calloc(m->stretches_len, sizeof(*places));

	if (places == NULL)
		return LK_ERR(LK_E_NOMEM, "branches");
	/* Empty changes may lie between pieces: then their order counts. */
	qsort(
	    m->by_chain, m->pieces_len, sizeof(*m->by_chain), by_chain_compare);
	if (m->stretches_len > 1)
		qsort(m->stretches + 1, m->stretches_len - 1,
		    sizeof(*m->stretches), stretch_compare);
	for (uint32_t i = 0; i < m->stretches_len; i++)
		places[m->stretches[i].order] = i;
	for (size_t i = 0; i < m->pieces_len; i++) {
		m->by_chain[i].stretch = places[m->by_chain[i].stretch];
		m->by_stretch[i] = m->by_chain[i];
	}
	for (size_t i = 0; i < m->stretches_len; i++)
		m->stretches[i].parent = places[m->stretches[i].parent];
	free(places);
	qsort(m->by_stretch, m->pieces_len, sizeof(*m->by_stretch),
	    by_stretch_compare);
	return LK_NONE;
}

static lk_err
map_fill(struct map_making *m)
{
	/* A twig ends or divides pieces: two each at most. */
	size_t most = 2 * m->len + 1;
	struct branch_map *map = m->map;

	map->stretches = calloc(most, sizeof(*map->stretches));
	map->by_chain = calloc(most, sizeof(*map->by_chain));
	map->by_stretch = calloc(most, sizeof(*map->by_stretch));
	if (map->stretches == NULL || map->by_chain == NULL ||
	    map->by_stretch == NULL)
		return LK_ERR(LK_E_NOMEM, "branches");
	(void)stretch_new(m, BRANCH_PLAIN, NULL);
	for (size_t i = 0; i < m->len; i++)
		twig_cut(m, &m->twigs[i]);
	return map_sort(map);
}

static lk_err
map_make(struct doc *doc, const struct doc_past *past, uint32_t first,
    struct branch_map *map)
{
	struct map_making m = { .map = map };
	lk_err err = twigs_read(doc, past, first, &m);

	if (err.code == LK_OK)
		err = making_sort(&m);
	if (err.code == LK_OK)
		err = map_fill(&m);
	free(m.twigs);
	free(m.kids);
	return err;
}

lk_err
branch_map_get(struct doc *doc, const struct doc_past *past, uint32_t first,
    struct branch_maps *maps, const struct branch_map **out)
{
	struct branch_map *map;
	lk_err err;

	if (maps->of == NULL) {
		maps->of =
		    calloc(doc->head.actors, sizeof(struct branch_map *));
		if (maps->of == NULL)
			return LK_ERR(LK_E_NOMEM, "branches");
		maps->len = doc->head.actors;
	}
	LK_ASSERT(first < maps->len);
	if (maps->of[first] == NULL) {
		map = calloc(1, sizeof(*map));
		if (map == NULL)
			return LK_ERR(LK_E_NOMEM, "branches");
		err = map_make(doc, past, first, map);
		if (err.code != LK_OK) {
			map_free(map);
			return err;
		}
		maps->of[first] = map;
	}
	*out = maps->of[first];
	return LK_NONE;
}

bool
branch_map_find(const struct branch_map *m,
    const uint8_t begins[static LK_ID_LEN], uint32_t *stretch)
{
	struct branch_stretch key;
	const struct branch_stretch *s;

	memcpy(key.begins, begins, LK_ID_LEN);
	s = bsearch(&key, m->stretches + 1, m->stretches_len - 1,
	    sizeof(*m->stretches), stretch_compare);
	if (s == NULL)
		return false;
	*stretch = (uint32_t)(s - m->stretches);
	return true;
}

/* The first piece whose key, in the upper half, and last counter are at least
 * these. */
static const struct branch_piece *
piece_search(const struct branch_piece *pieces, size_t len, bool by_chain,
    uint32_t key, uint64_t ctr)
{
	size_t low = 0, high = len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct branch_piece *p = &pieces[mid];
		uint32_t at = by_chain ? p->chain : p->stretch;

		if (at < key || (at == key && p->last < ctr))
			low = mid + 1;
		else
			high = mid;
	}
	if (low == len || ctr <= pieces[low].after ||
	    (by_chain ? pieces[low].chain : pieces[low].stretch) != key)
		return NULL;
	return &pieces[low];
}

uint32_t
branch_map_chain(const struct branch_map *m, uint32_t stretch, uint64_t ctr)
{
	const struct branch_piece *p =
	    piece_search(m->by_stretch, m->pieces_len, false, stretch, ctr);

	return p == NULL ? DOC_NO_ACTOR : p->chain;
}

bool
branch_map_stretch(const struct branch_map *m, uint64_t id, uint32_t *stretch)
{
	const struct branch_piece *p = piece_search(
	    m->by_chain, m->pieces_len, true, id_actor(id), id_ctr(id));

	if (p == NULL)
		return false;
	*stretch = p->stretch;
	return true;
}

bool
branch_map_of_change(
    const struct branch_map *m, uint32_t chain, uint64_t seq, uint32_t *stretch)
{
	size_t low = 0, high = m->pieces_len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct branch_piece *p = &m->by_chain[mid];

		if (p->chain < chain ||
		    (p->chain == chain && p->last_seq < seq))
			low = mid + 1;
		else
			high = mid;
	}
	if (low == m->pieces_len || m->by_chain[low].chain != chain)
		return false;
	*stretch = m->by_chain[low].stretch;
	return true;
}

/* The hashes a stretch's path is made of, first ones last in `up`. */
static lk_err
path_collect(const struct branch_map *m, uint32_t stretch, struct id_list *up)
{
	for (; stretch != BRANCH_PLAIN; stretch = m->stretches[stretch].parent)
		TRY(id_list_add(up, stretch));
	return LK_NONE;
}

/* What takes part: of a view its past, else every change. */
static lk_err
path_past(struct doc *doc, struct doc_past *past)
{
	if (doc->view == NULL)
		return past_of_first(doc, doc->head.changes, past);
	*past = doc->view->past;
	past->clock->refs++;
	return LK_NONE;
}

void
branch_paths_drop(struct doc *doc)
{
	if (doc->paths != NULL)
		branch_maps_clear(doc->paths);
	free(doc->paths);
	doc->paths = NULL;
}

/* The maps of what takes part, which stay until there is more of it. */
static lk_err
path_maps(struct doc *doc, struct branch_maps **out)
{
	if (doc->paths != NULL &&
	    (doc->paths_changes != doc->head.changes ||
		doc->paths->len != doc->head.actors))
		branch_paths_drop(doc);
	if (doc->paths == NULL) {
		doc->paths = calloc(1, sizeof(*doc->paths));
		if (doc->paths == NULL)
			return LK_ERR(LK_E_NOMEM, "branches");
		doc->paths_changes = doc->head.changes;
	}
	*out = doc->paths;
	return LK_NONE;
}

/* The stretch of an op, and the map that has it; NULL: its actor never forked.
 * NOTFOUND. */
static lk_err
path_stretch(struct doc *doc, struct op_id id, const struct branch_map **map,
    uint32_t *stretch)
{
	struct doc_actor *a, *first;
	struct branch_maps *maps;
	PAST_SCOPED past = { 0 };

	if (id.actor >= doc->head.actors)
		return LK_ERR(LK_E_NOTFOUND, "actor");
	TRY(doc_actor_load(doc, id.actor, &a));
	TRY(doc_actor_load(doc, a->first, &first));
	*map = NULL;
	if (first->link == 0)
		return LK_NONE;
	TRY(path_maps(doc, &maps));
	if (maps->of == NULL || maps->of[a->first] == NULL)
		TRY(path_past(doc, &past));
	TRY(branch_map_get(doc, &past, a->first, maps, map));
	return branch_map_stretch(*map, id_pack(id), stretch)
	    ? LK_NONE
	    : LK_ERR(LK_E_NOTFOUND, "op");
}

lk_err
doc_path(struct doc *doc, struct op_id id, struct buf *out)
{
	const struct branch_map *map;
	ID_LIST_SCOPED up = { 0 };
	uint32_t stretch;

	TRY(path_stretch(doc, id, &map, &stretch));
	if (map == NULL)
		return LK_NONE;
	TRY(path_collect(map, stretch, &up));
	while (up.len > 0)
		buf_mem(
		    out, map->stretches[up.ids[--up.len]].begins, LK_ID_LEN);
	return buf_err(out, "branch of an actor");
}

lk_err
doc_op_actor(struct doc *doc, struct op_id id, struct buf *out)
{
	const struct branch_map *map;
	struct bytes actor;
	uint32_t stretch;

	TRY(path_stretch(doc, id, &map, &stretch));
	TRY(doc_actor(doc, id.actor, &actor));
	buf_add(out, actor);
	if (map != NULL && stretch != BRANCH_PLAIN)
		buf_mem(out, map->stretches[stretch].begins, LK_ID_LEN);
	return buf_err(out, "actor of an op");
}
