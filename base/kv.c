#include "base/kv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/tree.h>

lk_err
kv_get(struct kv kv, struct bytes key, struct bytes *value)
{
	return kv.ops->get(kv.impl, key, value);
}

lk_err
kv_put(struct kv kv, struct bytes key, struct bytes value)
{
	if (key.len == 0 || key.len > KV_KEY_MAX || value.len > KV_VALUE_MAX)
		return LK_ERR(LK_E_LIMIT, "key or value size");
	return kv.ops->put(kv.impl, key, value);
}

lk_err
kv_del(struct kv kv, struct bytes key)
{
	return kv.ops->del(kv.impl, key);
}

lk_err
kv_seek(struct kv kv, enum kv_seek how, struct bytes key, struct bytes *found,
    struct bytes *value)
{
	return kv.ops->seek(kv.impl, how, key, found, value);
}

lk_err
kv_walk(
    struct kv kv, uint8_t *at, size_t at_len, size_t fixed, struct bytes *value)
{
	struct bytes found;

	TRY(kv_seek(kv, KV_FIRST_GE, BYTES(at, at_len), &found, value));
	if (found.len != at_len || memcmp(found.ptr, at, fixed) != 0)
		return LK_ERR(LK_E_NOTFOUND, "key");
	memcpy(at, found.ptr, at_len);
	return LK_NONE;
}

struct entry {
	RB_ENTRY(entry) link;
	struct bytes value; /* owned, NULL when empty */
	size_t key_len;
	uint8_t key[];
};

RB_HEAD(entries, entry);

struct memory {
	struct entries entries;
	size_t bytes, bytes_max;
};

static int
entry_compare(const struct entry *a, const struct entry *b)
{
	return bytes_compare(
	    BYTES(a->key, a->key_len), BYTES(b->key, b->key_len));
}

RB_PROTOTYPE(entries, entry, link, entry_compare)
RB_GENERATE(entries, entry, link, entry_compare)

/* The node with the least key >= `key`, and the one before it. */
static struct entry *
memory_floor(
    const struct memory *m, struct bytes key, struct entry **not_above)
{
	struct entry *at = RB_ROOT(&m->entries), *above = NULL;

	*not_above = NULL;
	while (at != NULL) {
		int c = bytes_compare(key, BYTES(at->key, at->key_len));

		if (c == 0) {
			*not_above = at;
			return at;
		}
		if (c < 0) {
			above = at;
			at = RB_LEFT(at, link);
		} else {
			*not_above = at;
			at = RB_RIGHT(at, link);
		}
	}
	return above;
}

static lk_err
memory_get(void *impl, struct bytes key, struct bytes *value)
{
	struct entry *before;
	struct entry *at = memory_floor(impl, key, &before);

	if (at == NULL || at != before)
		return LK_ERR(LK_E_NOTFOUND, "key");
	*value = at->value;
	return LK_NONE;
}

static lk_err
memory_put(void *impl, struct bytes key, struct bytes value)
{
	struct memory *m = impl;
	struct entry *before, *at = memory_floor(m, key, &before);
	uint8_t *copy = NULL;
	bool is_new = at == NULL || at != before;
	size_t grows = value.len + (is_new ? key.len + sizeof(*at) : 0);
	size_t had = is_new ? 0 : at->value.len;

	if (grows > m->bytes_max - (m->bytes - had))
		return LK_ERR(LK_E_LIMIT, "map in memory");
	if (value.len > 0) {
		copy = malloc(value.len);
		if (copy == NULL)
			return LK_ERR(LK_E_NOMEM, "map in memory");
		memcpy(copy, value.ptr, value.len);
	}
	if (is_new) {
		at = calloc(1, sizeof(*at) + key.len);
		if (at == NULL) {
			free(copy);
			return LK_ERR(LK_E_NOMEM, "map in memory");
		}
		at->key_len = key.len;
		memcpy(at->key, key.ptr, key.len);
		RB_INSERT(entries, &m->entries, at);
	} else {
		free((void *)(uintptr_t)at->value.ptr);
	}
	m->bytes = m->bytes - had + grows;
	at->value = BYTES(copy, value.len);
	return LK_NONE;
}

static void
memory_drop(struct memory *m, struct entry *at)
{
	RB_REMOVE(entries, &m->entries, at);
	m->bytes -= at->value.len + at->key_len + sizeof(*at);
	free((void *)(uintptr_t)at->value.ptr);
	free(at);
}

static lk_err
memory_del(void *impl, struct bytes key)
{
	struct memory *m = impl;
	struct entry *before, *at = memory_floor(m, key, &before);

	if (at != NULL && at == before)
		memory_drop(m, at);
	return LK_NONE;
}

static lk_err
memory_seek(void *impl, enum kv_seek how, struct bytes key,
    struct bytes *found, struct bytes *value)
{
	struct entry *before, *at = memory_floor(impl, key, &before);

	if (how == KV_LAST_LE)
		at = before;
	if (at == NULL)
		return LK_ERR(LK_E_NOTFOUND, "key");
	*found = BYTES(at->key, at->key_len);
	*value = at->value;
	return LK_NONE;
}

lk_err
kv_memory_new(struct kv *out, size_t bytes_max)
{
	static const struct kv_ops ops = {
		.get = memory_get,
		.put = memory_put,
		.del = memory_del,
		.seek = memory_seek,
	};
	struct memory *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return LK_ERR(LK_E_NOMEM, "map in memory");
	RB_INIT(&m->entries);
	m->bytes_max = bytes_max;
	*out = (struct kv){ .ops = &ops, .impl = m };
	return LK_NONE;
}

void
kv_memory_free(struct kv *kv)
{
	struct memory *m = kv->impl;
	struct entry *at;

	if (m == NULL)
		return;
	while ((at = RB_ROOT(&m->entries)) != NULL)
		memory_drop(m, at);
	free(m);
	*kv = (struct kv){ 0 };
}
