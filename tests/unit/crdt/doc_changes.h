/*
 * doc_changes.h - for tests: sets of decoded changes, and documents of them.
 */
#ifndef TESTS_DOC_CHANGES_H
#define TESTS_DOC_CHANGES_H

#include "tests/unit/crdt/doc_tree.h"

#define CHANGES_ARENA_MAX ((size_t)256 * 1024 * 1024)
#define DOC_KV_MAX ((size_t)512 * 1024 * 1024)

struct changes {
	struct arena arena;
	struct change *all; /* a dependency before its dependants */
	size_t len, cap;
};

static inline void
changes_init(struct changes *c)
{
	*c = (struct changes){ 0 };
	arena_init(&c->arena, CHANGES_ARENA_MAX);
}

static inline void
changes_clear(struct changes *c)
{
	arena_clear(&c->arena);
	free(c->all);
	*c = (struct changes){ 0 };
}

/* Adds a change by its body, which is copied. */
static inline lk_err
changes_add(struct changes *c, struct bytes body)
{
	if (c->len == c->cap) {
		size_t cap = 2 * c->cap + 8;
		struct change *all = reallocarray(c->all, cap, sizeof(*all));

		if (all == NULL)
			return LK_ERR(LK_E_NOMEM, "changes");
		c->all = all;
		c->cap = cap;
	}
	body = arena_copy(&c->arena, body);
	TRY(change_decode(&c->all[c->len], &c->arena, body));
	c->len++;
	return LK_NONE;
}

/* Adds a change by a type-1 chunk in hex. */
static inline lk_err
changes_add_hex(struct changes *c, const char *hex)
{
	size_t n = strlen(hex) / 2;
	uint8_t *bytes = arena_alloc(&c->arena, n + 1);
	struct chunk chunk;
	struct rd r;

	if (bytes == NULL || !hex_decode(bytes, n, hex))
		return LK_ERR(LK_E_DATA, "hex of a change");
	r = rd_over(BYTES(bytes, n));
	TRY(chunk_next(&r, &c->arena, &chunk));
	return changes_add(c, chunk.body);
}

static inline size_t
changes_find(const struct changes *c, const uint8_t *hash)
{
	size_t i = 0;

	while (i < c->len && memcmp(c->all[i].hash, hash, LK_ID_LEN) != 0)
		i++;
	return i;
}

/* xorshift: seeded, the same everywhere. */
struct dice {
	uint64_t state;
};

static inline uint64_t
dice_roll(struct dice *d, uint64_t sides)
{
	d->state ^= d->state << 13;
	d->state ^= d->state >> 7;
	d->state ^= d->state << 17;
	return (d->state >> 11) % sides;
}

static inline struct dice
dice_of(uint64_t seed)
{
	struct dice d = { (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) };

	for (int i = 0; i < 8; i++)
		(void)dice_roll(&d, 2);
	return d;
}

static inline bool
change_ready(const struct changes *c, const struct change *x, const bool *done)
{
	for (size_t i = 0; i < x->deps_len; i++)
		if (!done[changes_find(c, x->deps + i * LK_ID_LEN)])
			return false;
	return true;
}

/* A random order in which dependencies come first. */
static inline void
changes_shuffle(const struct changes *c, struct dice *dice, size_t *order)
{
	bool *done = calloc(c->len + 1, sizeof(*done));

	for (size_t n = 0; n < c->len;) {
		size_t i = dice_roll(dice, c->len);

		if (done[i] || !change_ready(c, &c->all[i], done))
			continue;
		done[i] = true;
		order[n++] = i;
	}
	free(done);
}

/* The tree of a fresh document of those changes which `in` has (NULL: all). */
static inline lk_err
changes_tree(const struct changes *c, const bool *in, const bool *is_void,
    struct buf *out)
{
	struct doc *doc = NULL;
	struct kv kv;
	lk_err err;

	TRY(kv_memory_new(&kv, DOC_KV_MAX));
	err = doc_open(&doc, kv);
	for (size_t i = 0; i < c->len && err.code == LK_OK; i++)
		if (in == NULL || in[i])
			err = doc_apply(
			    doc, &c->all[i], is_void == NULL || !is_void[i]);
	if (err.code == LK_OK)
		err = tree_of_doc(doc, true, out);
	doc_free(doc);
	kv_memory_free(&kv);
	return err;
}

/* Writes everything, and opens the document again. */
static inline lk_err
doc_again(struct doc **doc, struct kv kv)
{
	lk_err err = doc_flush(*doc);

	doc_free(*doc);
	*doc = NULL;
	TRY(err);
	return doc_open(doc, kv);
}

#endif
