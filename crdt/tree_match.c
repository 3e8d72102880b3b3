#include "crdt/tree_match.h"

#include <stdlib.h>
#include <string.h>

#include "crdt/textdiff.h"

/* What is looked at of one element; of all of a gap. */
#define FEATURES_EACH 64
#define FEATURES_MAX ((size_t)1024 * 1024)
/* What more elements have is not rare. */
#define RARE_MAX 8
#define CANDIDATES_MAX 16

/* A leaf below an element, or a word of a text, that may tell it from its
 * neighbours. */
struct feature {
	uint64_t hash;
	uint32_t item;
};

struct features {
	struct feature *at; /* FEATURES_EACH more than are kept */
	size_t len;
	size_t left; /* for the present element */
	uint32_t item;
};

static void
feature_add(struct features *f, uint64_t hash)
{
	if (f->left == 0)
		return;
	f->left--;
	f->at[f->len++] = (struct feature){ hash, f->item };
}

static void
words_add(struct features *f, uint64_t key, struct bytes text)
{
	while (text.len > 0 && f->left > 0) {
		size_t n = text_word(text);

		/* Blanks and signs tell nothing. */
		if (n > 1)
			feature_add(f, key ^ text_hash(BYTES(text.ptr, n)));
		text = BYTES(text.ptr + n, text.len - n);
	}
}

/* `key` is the hash of the nearest key above. */
static void
features_of(struct features *f, uint64_t key, const struct tree *t)
{
	bool container = t->kind == TREE_MAP || t->kind == TREE_LIST;

	if (!container)
		feature_add(f, key ^ t->hash * 31);
	if (t->kind == TREE_TEXT)
		words_add(f, key, t->text);
	else if (t->kind == TREE_SCALAR && t->value.type == VALUE_STR)
		words_add(f, key, t->value.bytes);
	for (uint32_t i = 0; container && i < t->len && f->left > 0; i++)
		features_of(f,
		    t->kind == TREE_MAP ? text_hash(t->items[i].key) : key,
		    &t->items[i]);
}

static void
features_add(struct features *f, const struct tree *t, uint32_t item)
{
	f->left = FEATURES_EACH;
	f->item = item;
	features_of(f, 0, t);
}

static int
feature_compare(const void *a, const void *b)
{
	const struct feature *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->item < y->item ? -1 : x->item > y->item;
}

/* The first feature that is not below `hash`. */
static size_t
features_find(const struct features *f, uint64_t hash)
{
	size_t low = 0, high = f->len;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (f->at[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Elements that may be the one looked for. */
struct candidates {
	struct {
		uint32_t item, weight;
		size_t shared;
	} at[CANDIDATES_MAX];
	size_t len;
};

static void
candidate_vote(struct candidates *c, uint32_t item, uint32_t weight)
{
	size_t i = 0;

	while (i < c->len && c->at[i].item != item)
		i++;
	if (i == CANDIDATES_MAX)
		return;
	if (i == c->len) {
		c->at[c->len++].item = item;
		c->at[i].weight = 0;
		c->at[i].shared = 0;
	}
	c->at[i].weight += weight;
	c->at[i].shared++;
}

/* Of the elements in `all`, the one that shares most with these features. */
static bool
candidate_find(
    const struct features *all, const struct features *mine, uint32_t *item)
{
	struct candidates c = { .len = 0 };
	size_t best = 0;

	for (size_t i = 0; i < mine->len; i++) {
		uint64_t hash = mine->at[i].hash;
		size_t from = features_find(all, hash), to = from;

		while (to < all->len && to - from <= RARE_MAX &&
		    all->at[to].hash == hash)
			to++;
		if (to - from > RARE_MAX)
			continue;
		for (size_t k = from; k < to; k++)
			candidate_vote(&c, all->at[k].item,
			    (uint32_t)(RARE_MAX / (to - from)));
	}
	for (size_t i = 1; i < c.len; i++)
		if (c.at[i].weight > c.at[best].weight)
			best = i;
	/* A word in common is no likeness. */
	if (c.len == 0 || 4 * c.at[best].shared < mine->len)
		return false;
	*item = c.at[best].item;
	return true;
}

/* Neighbours of both lists that are not matched yet. */
struct gap {
	uint32_t a, a_end, b, b_end;
};

struct matching {
	const struct tree *from, *to;
	uint32_t *match;
};

/* Pairs elements that are alike; too many features are not looked at. */
static size_t
gap_candidates(const struct matching *m, struct gap g, struct features *all,
    struct align_pair *pairs)
{
	struct feature few[FEATURES_EACH];
	struct features mine = { .at = few };
	size_t len = 0;

	for (uint32_t i = g.a; i < g.a_end; i++) {
		features_add(all, &m->from->items[i], i);
		if (all->len > FEATURES_MAX)
			return 0;
	}
	if (all->len == 0)
		return 0;
	qsort(all->at, all->len, sizeof(*all->at), feature_compare);
	for (uint32_t j = g.b; j < g.b_end; j++) {
		uint32_t i;

		mine.len = 0;
		features_add(&mine, &m->to->items[j], j);
		if (candidate_find(all, &mine, &i))
			pairs[len++] = (struct align_pair){ j, i };
	}
	return len;
}

static lk_err
gap_alike(const struct matching *m, struct gap g)
{
	size_t most = (size_t)(g.a_end - g.a) * FEATURES_EACH, len;
	struct align_pair *pairs =
	    reallocarray(NULL, g.b_end - g.b, sizeof(*pairs));
	struct features all = { 0 };
	lk_err err;

	if (most > FEATURES_MAX + FEATURES_EACH)
		most = FEATURES_MAX + FEATURES_EACH;
	all.at = reallocarray(NULL, most, sizeof(*all.at));
	if (pairs == NULL || all.at == NULL) {
		free(pairs);
		free(all.at);
		return LK_ERR(LK_E_NOMEM, "compare lists");
	}
	len = gap_candidates(m, g, &all, pairs);
	err = align_ascending(pairs, &len);
	for (size_t i = 0; i < len && err.code == LK_OK; i++)
		m->match[pairs[i].to] = pairs[i].from;
	free(all.at);
	free(pairs);
	return err;
}

typedef lk_err gap_fn(const struct matching *, struct gap);

static lk_err
gaps_each(const struct matching *m, struct gap within, gap_fn *each)
{
	struct gap g = within;

	for (uint32_t i = within.a; i <= within.a_end; i++) {
		bool end = i == within.a_end;

		if (!end && m->match[i] == ALIGN_NONE)
			continue;
		g.a_end = i;
		g.b_end = end ? within.b_end : m->match[i];
		if (g.a < g.a_end && g.b < g.b_end)
			TRY(each(m, g));
		g.a = g.a_end + 1;
		g.b = g.b_end + 1;
	}
	return LK_NONE;
}

/* As many on both sides are taken for the same ones, changed. */
static lk_err
gap_pair(const struct matching *m, struct gap g)
{
	if (g.a_end - g.a == g.b_end - g.b)
		for (uint32_t i = g.a; i < g.a_end; i++)
			m->match[i] = g.b + (i - g.a);
	return LK_NONE;
}

static lk_err
gap_match(const struct matching *m, struct gap g)
{
	if (g.a_end - g.a > 1 || g.b_end - g.b > 1)
		TRY(gap_alike(m, g));
	return gaps_each(m, g, gap_pair);
}

/* Numbers both lists: first `from`, then `to`. */
static lk_err
lists_number(uint32_t **out, const struct tree *from, const struct tree *to)
{
	size_t n = (size_t)from->len + to->len;
	uint32_t *numbers = reallocarray(NULL, n + 1, sizeof(*numbers));
	struct label *labels = reallocarray(NULL, n + 1, sizeof(*labels));

	if (numbers == NULL || labels == NULL) {
		free(numbers);
		free(labels);
		return LK_ERR(LK_E_NOMEM, "compare lists");
	}
	for (size_t i = 0; i < n; i++)
		labels[i] = (struct label){ i < from->len
			    ? from->items[i].hash
			    : to->items[i - from->len].hash,
			(uint32_t)i };
	/* What only seems equal is found out when the elements are compared. */
	labels_number(labels, n, NULL, NULL, numbers);
	free(labels);
	*out = numbers;
	return LK_NONE;
}

lk_err
tree_match(struct aligner *al, uint32_t *match, const struct tree *from,
    const struct tree *to)
{
	struct matching m = { .from = from, .to = to, .match = match };
	uint32_t *numbers;
	lk_err err;

	TRY(lists_number(&numbers, from, to));
	err = align_match(al, match, (struct series){ numbers, from->len },
	    (struct series){ numbers + from->len, to->len });
	free(numbers);
	TRY(err);
	return gaps_each(
	    &m, (struct gap){ 0, from->len, 0, to->len }, gap_match);
}
