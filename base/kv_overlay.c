#include <stdlib.h>
#include <string.h>

#include "base/kv.h"

/* A key is in `written`, or in `deleted`, or as the base has it. */
struct overlay {
	struct kv base, written, deleted;
};

static lk_err
overlay_get(void *impl, struct bytes key, struct bytes *value)
{
	struct overlay *o = impl;
	struct bytes mark;
	lk_err err = kv_get(o->written, key, value);

	if (err.code != LK_E_NOTFOUND)
		return err;
	if (kv_get(o->deleted, key, &mark).code == LK_OK)
		return err;
	return kv_get(o->base, key, value);
}

static lk_err
overlay_put(void *impl, struct bytes key, struct bytes value)
{
	struct overlay *o = impl;

	TRY(kv_put(o->written, key, value));
	return kv_del(o->deleted, key);
}

static lk_err
overlay_del(void *impl, struct bytes key)
{
	struct overlay *o = impl;

	TRY(kv_put(o->deleted, key, BYTES(NULL, 0)));
	return kv_del(o->written, key);
}

/* The key next to another, itself excluded, in a buffer of KV_KEY_MAX + 1;
 * false: there is none. */
static bool
key_step(enum kv_seek how, struct bytes key, uint8_t *at, size_t *len)
{
	/* What follows a key is the key and a zero byte.  Nothing is right
	 * before a key, but of those up to the maximum length there is a
	 * last one: its last byte less one, filled up with 0xff. */
	memcpy(at, key.ptr, key.len);
	*len = key.len;
	if (how == KV_FIRST_GE) {
		at[(*len)++] = 0;
		return true;
	}
	if (at[*len - 1] == 0)
		return --*len > 0;
	at[*len - 1]--;
	while (*len < KV_KEY_MAX)
		at[(*len)++] = 0xff;
	return true;
}

/* The next key of the base that was not deleted here. */
static lk_err
base_seek(struct overlay *o, enum kv_seek how, struct bytes key,
    struct bytes *found, struct bytes *value)
{
	uint8_t at[KV_KEY_MAX + 1];
	struct bytes mark;
	size_t len;

	for (;;) {
		TRY(kv_seek(o->base, how, key, found, value));
		if (kv_get(o->deleted, *found, &mark).code != LK_OK)
			return LK_NONE;
		if (!key_step(how, *found, at, &len))
			return LK_ERR(LK_E_NOTFOUND, "key");
		key = BYTES(at, len);
	}
}

static lk_err
overlay_seek(void *impl, enum kv_seek how, struct bytes key,
    struct bytes *found, struct bytes *value)
{
	struct overlay *o = impl;
	struct bytes below_key = { 0 }, below_value = { 0 };
	struct bytes key_here, value_here;
	lk_err here = kv_seek(o->written, how, key, &key_here, &value_here);
	lk_err below = base_seek(o, how, key, &below_key, &below_value);
	int c;

	if (below.code != LK_OK && below.code != LK_E_NOTFOUND)
		return below;
	*found = below_key;
	*value = below_value;
	if (here.code != LK_OK)
		return below;
	c = below.code != LK_OK ? 0 : bytes_compare(key_here, below_key);
	if (how == KV_FIRST_GE ? c <= 0 : c >= 0) {
		*found = key_here;
		*value = value_here;
	}
	return LK_NONE;
}

lk_err
kv_overlay_new(struct kv *out, struct kv base, size_t bytes_max)
{
	static const struct kv_ops ops = {
		.get = overlay_get,
		.put = overlay_put,
		.del = overlay_del,
		.seek = overlay_seek,
	};
	struct overlay *o = calloc(1, sizeof(*o));
	struct kv kv = { .ops = &ops, .impl = o };
	lk_err err;

	if (o == NULL)
		return LK_ERR(LK_E_NOMEM, "overlay");
	o->base = base;
	err = kv_memory_new(&o->written, bytes_max);
	if (err.code == LK_OK)
		err = kv_memory_new(&o->deleted, bytes_max);
	if (err.code != LK_OK) {
		kv_overlay_free(&kv);
		return err;
	}
	*out = kv;
	return LK_NONE;
}

void
kv_overlay_free(struct kv *kv)
{
	struct overlay *o = kv->impl;

	if (o == NULL)
		return;
	kv_memory_free(&o->written);
	kv_memory_free(&o->deleted);
	free(o);
	*kv = (struct kv){ 0 };
}
