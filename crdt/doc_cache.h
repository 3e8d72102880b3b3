/*
 * doc_cache.h - decoded records, kept until they are written back.
 *
 * Typing a word changes the same leaf and the same block of ops for every
 * letter; here they stay decoded, and are encoded once by doc_flush or when
 * they have not been used for long.  An entry starts with a struct cached and
 * is found by a 64-bit key.  Entries only go away in doc_cache_trim, which
 * callers reach at points where they hold no pointer into a cache.  Internal
 * to crdt.
 */
#ifndef CRDT_DOC_CACHE_H
#define CRDT_DOC_CACHE_H

#include <sys/queue.h>

#include "base/bytes.h"

struct doc;

struct cached {
	uint64_t key;
	struct cached *chain;
	TAILQ_ENTRY(cached) link;
	uint64_t round; /* of doc_cache_save, when last found */
	bool dirty;
};

struct cache_kind {
	/* Writes the record into the document's kv. */
	lk_err (*save)(struct doc *, struct cached *);
	void (*drop)(struct cached *);
};

struct doc_cache {
	const struct cache_kind *kind;
	struct cached **buckets;
	size_t buckets_len, count, count_max;
	uint64_t round;
	TAILQ_HEAD(cached_list, cached) recent; /* most recent first */
};

/* No memory yet; count_max bounds what doc_cache_trim leaves. */
void doc_cache_init(
    struct doc_cache *, const struct cache_kind *, size_t count_max);
void doc_cache_clear(struct doc_cache *); /* drops all, dirty or not */
/* NULL: not here.  Who changes an entry finds it first, and not across a
 * doc_cache_save. */
struct cached *doc_cache_find(struct doc_cache *, uint64_t key);
/* Keeps the entry, which must be new.  NOMEM: not kept. */
LK_MUST_USE lk_err doc_cache_add(
    struct doc_cache *, uint64_t key, struct cached *);
/* Saves what is dirty. */
LK_MUST_USE lk_err doc_cache_save(struct doc *, struct doc_cache *);
/* Drops the least recently used down to the maximum, saving them first. */
LK_MUST_USE lk_err doc_cache_trim(struct doc *, struct doc_cache *);

#endif
