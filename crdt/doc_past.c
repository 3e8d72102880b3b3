#include <stdlib.h>

#include "crdt/doc_state.h"

/* A clock is written as what differs from another, unless that is more. */
#define CLOCK_CHANGED_MAX 32
/* A clock stored whole comes in pieces of so many actors. */
#define CLOCK_PIECE 4096

enum clock_form { CLOCK_WHOLE, CLOCK_CHANGED };

static struct clock *
clock_new(size_t len)
{
	struct clock *c = calloc(1, sizeof(*c) + len * sizeof(c->latest[0]));

	if (c == NULL)
		return NULL;
	c->refs = 1;
	c->len = len;
	return c;
}

void
clock_release(struct clock *c)
{
	if (c != NULL && --c->refs == 0)
		free(c);
}

static void
clock_key(struct doc_key *k, uint32_t number, uint32_t piece)
{
	doc_key_start(k, RECORD_CLOCK);
	doc_key_u32(k, number);
	doc_key_u32(k, piece);
}

static void
clock_keep(struct doc *doc, struct clock *c)
{
	struct clock **place = &doc->clocks[doc->clocks_at];

	clock_release(*place);
	*place = c;
	c->refs++;
	doc->clocks_at = (doc->clocks_at + 1) % DOC_CLOCKS_KEPT;
}

static lk_err
clock_latest(const struct doc *doc, struct rd *r, uint32_t *latest)
{
	uint64_t v = rd_uleb(r);

	if (r->failed || v > doc->head.changes)
		return LK_ERR(LK_E_CORRUPT, "clock of a change");
	*latest = (uint32_t)v;
	return LK_NONE;
}

static lk_err
clock_read_whole(
    struct doc *doc, uint32_t number, struct rd *r, struct clock **out)
{
	uint64_t len = rd_uleb(r);
	struct clock *c;

	if (r->failed || len > doc->head.actors)
		return LK_ERR(LK_E_CORRUPT, "clock of a change");
	c = clock_new((size_t)len);
	if (c == NULL)
		return LK_ERR(LK_E_NOMEM, "clock of a change");
	/* Owned by the caller from here on, also after an error. */
	*out = c;
	for (uint32_t i = 0; i < len; i++) {
		struct doc_key k;
		struct bytes record;

		if (i > 0 && i % CLOCK_PIECE == 0) {
			clock_key(&k, number, i / CLOCK_PIECE);
			TRY(doc_record(doc, &k, &record));
			*r = rd_over(record);
		}
		TRY(clock_latest(doc, r, &c->latest[i]));
	}
	c->base = number;
	return LK_NONE;
}

static lk_err
clock_read_changed(
    struct doc *doc, uint32_t number, struct rd *r, struct clock **out)
{
	uint64_t base_number = rd_uleb(r), len = rd_uleb(r);
	struct clock *base, *c;

	/* A base is stored whole, and before: reading ends. */
	if (r->failed || base_number >= number || len > doc->head.actors)
		return LK_ERR(LK_E_CORRUPT, "clock of a change");
	TRY(clock_load(doc, (uint32_t)base_number, &base));
	c = base->len > len ? NULL : clock_new((size_t)len);
	if (c != NULL) {
		memcpy(c->latest, base->latest,
		    base->len * sizeof(base->latest[0]));
		c->base = base_number == 0 ? number : base->base;
	}
	clock_release(base);
	if (c == NULL)
		return LK_ERR(LK_E_CORRUPT, "clock of a change");
	*out = c;
	if (base_number != 0 && c->base != base_number)
		return LK_ERR(LK_E_CORRUPT, "clock of a change");
	while (r->left.len > 0 && !r->failed) {
		uint64_t actor = rd_uleb(r);

		if (actor >= len)
			return LK_ERR(LK_E_CORRUPT, "clock of a change");
		TRY(clock_latest(doc, r, &c->latest[actor]));
	}
	return LK_NONE;
}

static lk_err
clock_read(struct doc *doc, uint32_t number, struct clock **out)
{
	struct doc_key k;
	struct bytes record;
	struct rd r;
	uint8_t form;

	clock_key(&k, number, 0);
	TRY(doc_record(doc, &k, &record));
	r = rd_over(record);
	form = rd_u8(&r);
	if (form == CLOCK_WHOLE)
		TRY(clock_read_whole(doc, number, &r, out));
	else if (form == CLOCK_CHANGED)
		TRY(clock_read_changed(doc, number, &r, out));
	else
		return LK_ERR(LK_E_CORRUPT, "form of a clock");
	return rd_done(&r) ? LK_NONE : LK_ERR(LK_E_CORRUPT, "clock");
}

lk_err
clock_load(struct doc *doc, uint32_t number, struct clock **out)
{
	struct clock *c = NULL;
	lk_err err;

	for (size_t i = 0; i < DOC_CLOCKS_KEPT && number > 0; i++) {
		c = doc->clocks[i];
		if (c != NULL && c->number == number) {
			c->refs++;
			*out = c;
			return LK_NONE;
		}
	}
	c = NULL;
	if (number == 0) {
		c = clock_new(0);
		if (c == NULL)
			return LK_ERR(LK_E_NOMEM, "clock of a change");
		*out = c;
		return LK_NONE;
	}
	err = clock_read(doc, number, &c);
	if (err.code != LK_OK) {
		clock_release(c);
		return err;
	}
	c->number = number;
	clock_keep(doc, c);
	*out = c;
	return LK_NONE;
}

static lk_err
clock_write_whole(struct doc *doc, struct clock *c)
{
	struct buf *b = doc_encode(doc);
	struct doc_key k;

	buf_u8(b, CLOCK_WHOLE);
	buf_uleb(b, c->len);
	for (uint32_t i = 0; i < c->len; i++) {
		if (i > 0 && i % CLOCK_PIECE == 0) {
			clock_key(&k, c->number, i / CLOCK_PIECE - 1);
			TRY(doc_write(doc, &k));
			b = doc_encode(doc);
		}
		buf_uleb(b, c->latest[i]);
	}
	c->base = c->number;
	clock_key(&k, c->number,
	    c->len == 0 ? 0 : ((uint32_t)c->len - 1) / CLOCK_PIECE);
	return doc_write(doc, &k);
}

/* Whether few enough actors differ; encodes them as far as that holds. */
static bool
clock_encode_changed(
    struct buf *b, const struct clock *c, const struct clock *base)
{
	size_t changed = 0;

	buf_u8(b, CLOCK_CHANGED);
	buf_uleb(b, base->number);
	buf_uleb(b, c->len);
	for (size_t i = 0; i < c->len; i++) {
		if (c->latest[i] == (i < base->len ? base->latest[i] : 0))
			continue;
		if (++changed > CLOCK_CHANGED_MAX)
			return false;
		buf_uleb(b, i);
		buf_uleb(b, c->latest[i]);
	}
	return true;
}

lk_err
clock_store(struct doc *doc, struct clock *c)
{
	struct clock *base;
	struct doc_key k;
	bool changed = false;

	if (c->number > 0 || c->len == 0)
		return LK_NONE;
	if (doc->head.clocks == UINT32_MAX)
		return LK_ERR(LK_E_LIMIT, "clocks of a document");
	c->number = ++doc->head.clocks;
	doc->head_dirty = true;
	/* What differs from the empty clock is whole as well. */
	if (c->len > CLOCK_CHANGED_MAX) {
		TRY(clock_load(doc, c->base, &base));
		changed = clock_encode_changed(doc_encode(doc), c, base);
		clock_release(base);
		if (changed && c->base == 0)
			c->base = c->number;
	}
	if (changed) {
		clock_key(&k, c->number, 0);
		TRY(doc_write(doc, &k));
	} else {
		TRY(clock_write_whole(doc, c));
	}
	clock_keep(doc, c);
	return LK_NONE;
}

void
past_clear(struct doc_past *p)
{
	clock_release(p->clock);
	p->clock = NULL;
}

bool
past_has(const struct doc_past *p, uint32_t actor, uint32_t number)
{
	if (actor == p->actor)
		return number < p->own_end;
	return actor < p->clock->len && number < p->clock->latest[actor];
}

lk_err
past_of_change(
    struct doc *doc, uint32_t number, bool with, struct doc_past *out)
{
	struct doc_change c;

	TRY(doc_change_load(doc, number, &c));
	TRY(clock_load(doc, c.clock, &out->clock));
	out->actor = c.actor;
	out->own_end = with ? number + 1 : number;
	return LK_NONE;
}

/* Raises sum to what the past of a dependency, and it itself, have.  `merged`
 * is the clock that was last: many heads have the same past. */
static lk_err
clock_merge(struct doc *doc, struct clock *sum, uint32_t dep, uint32_t *merged)
{
	struct doc_change c;
	struct clock *of_dep;

	TRY(doc_change_load(doc, dep, &c));
	if (sum->latest[c.actor] < dep + 1)
		sum->latest[c.actor] = dep + 1;
	if (c.clock == *merged)
		return LK_NONE;
	TRY(clock_load(doc, c.clock, &of_dep));
	/* Clocks grow with the document: the longest base is the nearest. */
	if (of_dep->base > sum->base)
		sum->base = of_dep->base;
	for (size_t i = 0; i < of_dep->len && i < sum->len; i++)
		if (sum->latest[i] < of_dep->latest[i])
			sum->latest[i] = of_dep->latest[i];
	clock_release(of_dep);
	*merged = c.clock;
	return LK_NONE;
}

/* Raises *len to the actors that the past of a dependency, or it, tells of. */
static lk_err
clock_reach(struct doc *doc, uint32_t dep, size_t *len)
{
	struct doc_change c;
	struct clock *of_dep;

	TRY(doc_change_load(doc, dep, &c));
	TRY(clock_load(doc, c.clock, &of_dep));
	if (of_dep->len > *len)
		*len = of_dep->len;
	if (c.actor >= *len)
		*len = (size_t)c.actor + 1;
	clock_release(of_dep);
	return LK_NONE;
}

static lk_err
clock_of_deps(
    struct doc *doc, const uint32_t *deps, size_t deps_len, struct clock **out)
{
	struct clock *sum;
	uint32_t merged = 0; /* the empty one */
	size_t len = 0;

	for (size_t i = 0; i < deps_len; i++)
		TRY(clock_reach(doc, deps[i], &len));
	sum = clock_new(len);
	if (sum == NULL)
		return LK_ERR(LK_E_NOMEM, "clock of a change");
	for (size_t i = 0; i < deps_len; i++) {
		lk_err err = clock_merge(doc, sum, deps[i], &merged);

		if (err.code != LK_OK) {
			clock_release(sum);
			return err;
		}
	}
	*out = sum;
	return LK_NONE;
}

lk_err
past_of_new(struct doc *doc, uint32_t first, const uint32_t *deps,
    size_t deps_len, struct doc_past *out)
{
	struct doc_actor *a;
	struct doc_change c;

	out->actor = DOC_NO_ACTOR;
	out->own_end = UINT32_MAX;
	if (deps_len == 0)
		return clock_load(doc, 0, &out->clock);
	if (deps_len == 1 && first != DOC_NO_ACTOR) {
		TRY(doc_change_load(doc, deps[0], &c));
		TRY(doc_actor_load(doc, c.actor, &a));
		/* A run of changes of one chain shares one clock. */
		if (a->first == first && a->changes_end == deps[0] + 1) {
			out->actor = c.actor;
			return clock_load(doc, c.clock, &out->clock);
		}
	}
	return clock_of_deps(doc, deps, deps_len, &out->clock);
}

lk_err
past_of_first(struct doc *doc, uint32_t changes, struct doc_past *out)
{
	struct clock *all = clock_new(doc->head.actors);
	lk_err err = LK_NONE;

	if (all == NULL)
		return LK_ERR(LK_E_NOMEM, "clock of a document");
	for (uint32_t i = 0; i < all->len && err.code == LK_OK; i++) {
		struct doc_actor *a;

		err = doc_actor_load(doc, i, &a);
		/* Those of its changes that have a lower number. */
		if (err.code == LK_OK)
			all->latest[i] =
			    a->changes_end < changes ? a->changes_end : changes;
	}
	if (err.code != LK_OK) {
		clock_release(all);
		return err;
	}
	*out = (struct doc_past){ .clock = all, .actor = DOC_NO_ACTOR };
	return LK_NONE;
}
