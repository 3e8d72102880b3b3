#include "crdt/doc_cache.h"

#include <stdlib.h>

#define BUCKETS_FIRST 64

void
doc_cache_init(
    struct doc_cache *c, const struct cache_kind *kind, size_t count_max)
{
	*c = (struct doc_cache){ .kind = kind, .count_max = count_max };
	TAILQ_INIT(&c->recent);
}

void
doc_cache_clear(struct doc_cache *c)
{
	struct cached *at, *next;

	for (at = TAILQ_FIRST(&c->recent); at != NULL; at = next) {
		next = TAILQ_NEXT(at, link);
		c->kind->drop(at);
	}
	free(c->buckets);
	doc_cache_init(c, c->kind, c->count_max);
}

static struct cached **
cache_bucket(const struct doc_cache *c, uint64_t key)
{
	uint64_t mixed = key * UINT64_C(0x9e3779b97f4a7c15);

	return &c->buckets[(mixed >> 32) & (c->buckets_len - 1)];
}

struct cached *
doc_cache_find(struct doc_cache *c, uint64_t key)
{
	struct cached *at = TAILQ_FIRST(&c->recent);

	if (at == NULL)
		return NULL;
	if (at->key == key) {
		at->round = c->round;
		return at;
	}
	for (at = *cache_bucket(c, key); at != NULL; at = at->chain) {
		if (at->key != key)
			continue;
		TAILQ_REMOVE(&c->recent, at, link);
		TAILQ_INSERT_HEAD(&c->recent, at, link);
		at->round = c->round;
		return at;
	}
	return NULL;
}

static lk_err
cache_grow(struct doc_cache *c)
{
	size_t len = c->buckets_len == 0 ? BUCKETS_FIRST : 2 * c->buckets_len;
	struct cached **buckets = calloc(len, sizeof(struct cached *)), *at;

	if (buckets == NULL)
		return LK_ERR(LK_E_NOMEM, "cache of records");
	free(c->buckets);
	c->buckets = buckets;
	c->buckets_len = len;
	TAILQ_FOREACH (at, &c->recent, link) {
		struct cached **bucket = cache_bucket(c, at->key);

		at->chain = *bucket;
		*bucket = at;
	}
	return LK_NONE;
}

lk_err
doc_cache_add(struct doc_cache *c, uint64_t key, struct cached *entry)
{
	struct cached **bucket;

	if (c->count >= c->buckets_len)
		TRY(cache_grow(c));
	bucket = cache_bucket(c, key);
	entry->key = key;
	entry->round = c->round;
	entry->chain = *bucket;
	*bucket = entry;
	TAILQ_INSERT_HEAD(&c->recent, entry, link);
	c->count++;
	return LK_NONE;
}

static lk_err
cache_save_one(struct doc *doc, struct doc_cache *c, struct cached *at)
{
	if (!at->dirty)
		return LK_NONE;
	TRY(c->kind->save(doc, at));
	at->dirty = false;
	return LK_NONE;
}

lk_err
doc_cache_save(struct doc *doc, struct doc_cache *c)
{
	struct cached *at;

	/* What was not found since the last time was not changed either. */
	TAILQ_FOREACH (at, &c->recent, link) {
		if (at->round != c->round)
			break;
		TRY(cache_save_one(doc, c, at));
	}
	c->round++;
	return LK_NONE;
}

lk_err
doc_cache_trim(struct doc *doc, struct doc_cache *c)
{
	while (c->count > c->count_max) {
		struct cached *at = TAILQ_LAST(&c->recent, cached_list);
		struct cached **bucket = cache_bucket(c, at->key);

		TRY(cache_save_one(doc, c, at));
		while (*bucket != at)
			bucket = &(*bucket)->chain;
		*bucket = at->chain;
		TAILQ_REMOVE(&c->recent, at, link);
		c->count--;
		c->kind->drop(at);
	}
	return LK_NONE;
}
