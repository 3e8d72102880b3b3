/*
 * kv.h - an ordered map from byte strings to byte strings.
 *
 * What the document engine and the replica keep their state in.  There are
 * three implementations: a space of the store inside one of its transactions
 * (store/space.h), one in memory (kv_memory_new) for what never reaches the
 * disk: validating an import, exporting, replaying; and one that shows another
 * map with changes of its own (kv_overlay_new).
 *
 * Keys are 1 to KV_KEY_MAX bytes and compare as memcmp does; values are 0 to
 * KV_VALUE_MAX bytes.  A returned view is valid until the next kv_put or
 * kv_del on the same map.  Not thread safe.
 */
#ifndef BASE_KV_H
#define BASE_KV_H

#include "base/bytes.h"

#define KV_KEY_MAX 480
#define KV_VALUE_MAX (64 * 1024)

enum kv_seek {
	KV_FIRST_GE, /* the first key >= the one given */
	KV_LAST_LE,  /* the last key <= the one given */
};

struct kv_ops {
	lk_err (*get)(void *, struct bytes key, struct bytes *value);
	lk_err (*put)(void *, struct bytes key, struct bytes value);
	lk_err (*del)(void *, struct bytes key);
	lk_err (*seek)(void *, enum kv_seek, struct bytes key,
	    struct bytes *found, struct bytes *value);
};

struct kv {
	const struct kv_ops *ops;
	void *impl;
};

/* NOTFOUND; CORRUPT when a stored checksum does not match; SYS. */
LK_MUST_USE lk_err kv_get(struct kv, struct bytes key, struct bytes *value);
/* Inserts or replaces.  LIMIT, FULL, SYS, NOMEM.  key and value may not
 * point into the map. */
LK_MUST_USE lk_err kv_put(struct kv, struct bytes key, struct bytes value);
/* Deleting what is not there is no error. */
LK_MUST_USE lk_err kv_del(struct kv, struct bytes key);
/* NOTFOUND when there is no such key. */
LK_MUST_USE lk_err kv_seek(struct kv, enum kv_seek, struct bytes key,
    struct bytes *found, struct bytes *value);
/* A step of a walk over the keys that are as long as `at` and begin with its
 * first `fixed` bytes, in a map where what begins so is as long: the first that
 * is not below `at` replaces it.  bytes_next(at) leads to the next step.
 * NOTFOUND past the last. */
LK_MUST_USE lk_err kv_walk(
    struct kv, uint8_t *at, size_t at_len, size_t fixed, struct bytes *value);

/* A map in memory, at most `bytes_max` of keys and values (LIMIT above). */
LK_MUST_USE lk_err kv_memory_new(struct kv *, size_t bytes_max);
void kv_memory_free(struct kv *); /* accepts a zeroed struct kv */

/* What `base` holds, with what is put and deleted here: at most `bytes_max`
 * of each, in memory (LIMIT above).  Nothing is written to the base, which
 * must outlive it; a key that the base changes meanwhile may be seen either
 * way.  Seeking on keys that were deleted here costs one step each. */
LK_MUST_USE lk_err kv_overlay_new(
    struct kv *, struct kv base, size_t bytes_max);
void kv_overlay_free(struct kv *); /* accepts a zeroed struct kv */

#endif
