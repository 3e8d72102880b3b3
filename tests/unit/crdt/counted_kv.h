/*
 * counted_kv.h - for tests: a kv that counts what is asked of another, and may
 * fail.
 */
#ifndef TESTS_COUNTED_KV_H
#define TESTS_COUNTED_KV_H

#include "base/kv.h"

struct counted_kv {
	struct kv kv;    /* to be used */
	struct kv below; /* where it is kept */
	size_t gets, puts, put_bytes, value_max;
	size_t fail_at; /* the call that fails, counted from 1; 0: none */
};

static inline lk_err
counted_call(const struct counted_kv *c)
{
	if (c->fail_at > 0 && c->gets + c->puts >= c->fail_at)
		return LK_ERR(LK_E_FULL, "made to fail");
	return LK_NONE;
}

static inline lk_err
counted_get(void *impl, struct bytes key, struct bytes *value)
{
	struct counted_kv *c = impl;

	c->gets++;
	TRY(counted_call(c));
	return kv_get(c->below, key, value);
}

static inline lk_err
counted_put(void *impl, struct bytes key, struct bytes value)
{
	struct counted_kv *c = impl;

	c->puts++;
	c->put_bytes += key.len + value.len;
	if (value.len > c->value_max)
		c->value_max = value.len;
	TRY(counted_call(c));
	return kv_put(c->below, key, value);
}

static inline lk_err
counted_del(void *impl, struct bytes key)
{
	struct counted_kv *c = impl;

	c->puts++;
	TRY(counted_call(c));
	return kv_del(c->below, key);
}

static inline lk_err
counted_seek(void *impl, enum kv_seek how, struct bytes key,
    struct bytes *found, struct bytes *value)
{
	struct counted_kv *c = impl;

	c->gets++;
	TRY(counted_call(c));
	return kv_seek(c->below, how, key, found, value);
}

/* c must stay where it is. */
static inline void
counted_kv_init(struct counted_kv *c, struct kv below)
{
	static const struct kv_ops ops = { .get = counted_get,
		.put = counted_put,
		.del = counted_del,
		.seek = counted_seek };

	*c = (struct counted_kv){ .below = below };
	c->kv = (struct kv){ .ops = &ops, .impl = c };
}

static inline void
counted_kv_reset(struct counted_kv *c)
{
	c->gets = c->puts = c->put_bytes = c->value_max = 0;
}

#endif
