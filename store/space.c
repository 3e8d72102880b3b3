#include <stdlib.h>

#include "store/table.h"

#define PREFIX_LEN 5

/* A map of one document within a transaction. */
struct space {
	RB_ENTRY(space) link;
	struct txn *txn;
	uint8_t prefix[PREFIX_LEN]; /* docno u32, space u8 */
};

static int
space_compare(const struct space *a, const struct space *b)
{
	return memcmp(a->prefix, b->prefix, PREFIX_LEN);
}

RB_PROTOTYPE(spaces, space, link, space_compare)
RB_GENERATE(spaces, space, link, space_compare)

void
spaces_free(struct spaces *all)
{
	struct space *s;

	while ((s = RB_ROOT(all)) != NULL) {
		RB_REMOVE(spaces, all, s);
		free(s);
	}
}

static void
space_key(struct key *k, const struct space *s, struct bytes key)
{
	/* No stored key is longer than KV_KEY_MAX: one byte more says all
	 * that matters for the order. */
	size_t n = key.len > KV_KEY_MAX ? KV_KEY_MAX + 1 : key.len;

	k->len = 0;
	key_mem(k, s->prefix, PREFIX_LEN);
	key_mem(k, key.ptr, n);
}

static lk_err
space_get(void *impl, struct bytes key, struct bytes *value)
{
	struct space *s = impl;
	struct key k;

	space_key(&k, s, key);
	return table_get(s->txn, TABLE_STATE, key_view(&k), value);
}

static lk_err
space_put(void *impl, struct bytes key, struct bytes value)
{
	struct space *s = impl;
	struct key k;

	space_key(&k, s, key);
	return table_put(s->txn, TABLE_STATE, key_view(&k), value);
}

static lk_err
space_del(void *impl, struct bytes key)
{
	struct space *s = impl;
	struct key k;

	space_key(&k, s, key);
	return table_del(s->txn, TABLE_STATE, key_view(&k), NULL);
}

static lk_err
space_seek(void *impl, enum kv_seek how, struct bytes key, struct bytes *found,
    struct bytes *value)
{
	struct space *s = impl;
	struct bytes at, raw;
	struct key k;
	lk_err err;

	space_key(&k, s, key);
	at = key_view(&k);
	TRY(cursor_seek(s->txn, TABLE_STATE, how, &at, &raw));
	if (at.len <= PREFIX_LEN || memcmp(at.ptr, s->prefix, PREFIX_LEN) != 0)
		return LK_ERR(LK_E_NOTFOUND, "key");
	err = record_check(TABLE_STATE, at, raw, value);
	if (err.code == LK_E_CORRUPT)
		damage_note_record(s->txn, TABLE_STATE, at);
	TRY(err);
	*found = BYTES(at.ptr + PREFIX_LEN, at.len - PREFIX_LEN);
	return LK_NONE;
}

/* What a space is that there was no memory for. */
static lk_err
none_get(void *impl, struct bytes key, struct bytes *value)
{
	(void)impl, (void)key, (void)value;
	return LK_ERR(LK_E_NOMEM, "space");
}

static lk_err
none_put(void *impl, struct bytes key, struct bytes value)
{
	(void)impl, (void)key, (void)value;
	return LK_ERR(LK_E_NOMEM, "space");
}

static lk_err
none_del(void *impl, struct bytes key)
{
	(void)impl, (void)key;
	return LK_ERR(LK_E_NOMEM, "space");
}

static lk_err
none_seek(void *impl, enum kv_seek how, struct bytes key, struct bytes *found,
    struct bytes *value)
{
	(void)impl, (void)how, (void)key, (void)found, (void)value;
	return LK_ERR(LK_E_NOMEM, "space");
}

struct kv
txn_space(struct txn *t, uint32_t docno, enum store_space space)
{
	static const struct kv_ops ops = {
		.get = space_get,
		.put = space_put,
		.del = space_del,
		.seek = space_seek,
	};
	static const struct kv_ops none = {
		.get = none_get,
		.put = none_put,
		.del = none_del,
		.seek = none_seek,
	};
	struct space want = { .txn = t }, *s;

	big_endian(want.prefix, docno, 4);
	want.prefix[4] = (uint8_t)space;
	s = RB_FIND(spaces, &t->spaces, &want);
	if (s == NULL) {
		s = malloc(sizeof(*s));
		if (s == NULL)
			return (struct kv){ .ops = &none };
		*s = want;
		RB_INSERT(spaces, &t->spaces, s);
	}
	return (struct kv){ .ops = &ops, .impl = s };
}
