#include "tests/sim/leak.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/inside.h"

#define FILTER_BITS (1u << 16)

/* Looked up by their first bytes, at every place of what is searched. */
struct leaks {
	uint8_t (*at)[SECRET_LEN]; /* owned */
	size_t len;
	uint8_t filter[FILTER_BITS / 8];
};

static uint32_t
filter_bit(const uint8_t *at)
{
	return ((uint32_t)at[0] << 8 | at[1]) ^ ((uint32_t)at[2] << 5) ^ at[3];
}

static bool
filter_has(const struct leaks *l, const uint8_t *at)
{
	uint32_t bit = filter_bit(at) % FILTER_BITS;

	return (l->filter[bit / 8] & 1u << bit % 8) != 0;
}

static bool
is_secret(const struct leaks *l, const uint8_t *at)
{
	for (size_t i = 0; i < l->len; i++)
		if (memcmp(l->at[i], at, SECRET_LEN) == 0)
			return true;
	return false;
}

static void
secret_add(struct world *w, const uint8_t secret[static SECRET_LEN])
{
	struct leaks *l = w->leaks;
	uint32_t bit = filter_bit(secret) % FILTER_BITS;

	if (l == NULL) {
		l = w->leaks = calloc(1, sizeof(*l));
		LK_ASSERT(l != NULL);
	}
	if (filter_has(l, secret) && is_secret(l, secret))
		return;
	l->at = reallocarray(l->at, l->len + 1, sizeof(*l->at));
	LK_ASSERT(l->at != NULL);
	memcpy(l->at[l->len++], secret, SECRET_LEN);
	l->filter[bit / 8] |= (uint8_t)(1u << bit % 8);
}

void
leak_identity(struct node *n)
{
	const struct identity *me = &n->identity;

	/* The rest of a signing key is its public half. */
	secret_add(n->world, me->sign.sk);
	secret_add(n->world, me->noise.sk);
	for (size_t i = 0; i < me->boxes_len; i++)
		secret_add(n->world, me->boxes[i].sk);
	secret_add(n->world, me->genesis_seed);
	secret_add(n->world, me->beacon_key);
}

void
leak_keys(struct node *n, uint32_t docno)
{
	struct kv keys = txn_space(n->txn, docno, SPACE_KEYS);
	uint8_t etag[ETAG_LEN] = { 0 }, docid[LK_ID_LEN];
	struct bytes ladder;
	struct topic topic;
	struct epoch epoch;

	if (inside_topic(n->replica, docno, &topic, docid).code != LK_OK)
		return;
	secret_add(n->world, topic.secret);
	while (kv_walk(keys, etag, sizeof(etag), 0, &ladder).code == LK_OK) {
		epoch_derive(&epoch, ladder.ptr);
		secret_add(n->world, epoch.ladder);
		secret_add(n->world, epoch.content);
		if (!bytes_next(etag, sizeof(etag)))
			break;
	}
}

void
leak_check(struct node *n, const char *where, struct bytes in)
{
	const struct leaks *l = n->world->leaks;

	if (in.len > 0 &&
	    memmem(in.ptr, in.len, SIM_TEXT, strlen(SIM_TEXT)) != NULL)
		world_fail(
		    n->world, "S5: %s: text of a document %s", n->name, where);
	for (size_t i = 0; l != NULL && i + SECRET_LEN <= in.len; i++)
		if (filter_has(l, in.ptr + i) && is_secret(l, in.ptr + i))
			world_fail(
			    n->world, "S5: %s: a key %s", n->name, where);
}

void
leaks_free(struct world *w)
{
	if (w->leaks == NULL)
		return;
	free(w->leaks->at);
	free(w->leaks);
	w->leaks = NULL;
}
