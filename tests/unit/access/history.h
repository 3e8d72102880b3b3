/*
 * history.h - histories of a document's authority, built by name.
 *
 * history_write.h writes them, history_deliver.h delivers them in any order.
 *
 * An envelope is named like "e1"; its id is its name.  Each is written by an
 * author who has seen exactly the named envelopes and what they rest on, and is
 * judged in that view.  Keys and box keys are names, too.
 */
#ifndef TESTS_ACCESS_HISTORY_H
#define TESTS_ACCESS_HISTORY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "access/graph.h"

#define HISTORY_MAX 192

struct envelope {
	char name[32];
	struct facts facts;
	struct body body;
	struct arena arena;
	uint8_t deps[ENVELOPE_DEPS_MAX][LK_ID_LEN];
	uint32_t preds[ENVELOPE_DEPS_MAX + 2];
	size_t preds_len;
	bool past[HISTORY_MAX]; /* its past, by index */
};

struct history {
	struct envelope *env[HISTORY_MAX];
	size_t len;
	lk_err last; /* verdict on the last envelope written */
	uint64_t seed;
	/* How the next envelope differs from an honest one. */
	const char *etag, *prev, *link_newer, *link_older;
	int boxes_more;
	bool keep_refused;
};

static inline uint32_t
history_random(struct history *h, uint32_t n)
{
	h->seed = h->seed * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return (uint32_t)(h->seed >> 33) % n;
}

static inline void
name_key(uint8_t out[static 32], const char *name)
{
	memset(out, 0, 32);
	memcpy(out, name, strlen(name) < 32 ? strlen(name) : 32);
}

static inline void
name_etag(uint8_t out[static ETAG_LEN], const char *name)
{
	memset(out, 0, ETAG_LEN);
	memcpy(out, name, strlen(name) < ETAG_LEN ? strlen(name) : ETAG_LEN);
}

static inline size_t
history_find(const struct history *h, const char *name)
{
	for (size_t i = 0; i < h->len; i++) {
		if (strcmp(h->env[i]->name, name) == 0)
			return i;
	}
	return SIZE_MAX;
}

static inline struct grant_ref
name_grant(const char *name)
{
	struct grant_ref r = { 0 };
	char env[32];
	const char *sharp = strchr(name, '#');

	snprintf(env, sizeof(env), "%.*s",
	    sharp == NULL ? (int)strlen(name) : (int)(sharp - name), name);
	name_key(r.env, env);
	if (sharp != NULL)
		r.index = (uint8_t)strtonum(sharp + 1, 0, 255, NULL);
	return r;
}

/* Marks the envelopes named in a list like "gE e1", and their pasts. */
static inline void
view_close(const struct history *h, const char *view, bool in[HISTORY_MAX])
{
	char list[1024], *save = NULL;

	memset(in, 0, HISTORY_MAX);
	snprintf(list, sizeof(list), "%s", view);
	for (char *w = strtok_r(list, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save)) {
		size_t i = history_find(h, w);

		if (i == SIZE_MAX)
			fail_msg("no envelope %s", w);
		in[i] = true;
		for (size_t k = 0; k < h->len; k++)
			in[k] = in[k] || h->env[i]->past[k];
	}
}

static inline void
graph_must_add(struct graph *g, const struct facts *f)
{
	const struct flip *flips;
	size_t len;
	lk_err err = graph_add(g, f, &flips, &len);

	if (err.code != LK_OK)
		fail_msg("add %.8s: %s", (const char *)f->id, err.what);
}

static inline struct graph *
view_graph(const struct history *h, const bool in[HISTORY_MAX])
{
	struct graph *g;

	assert_int_equal(graph_new(&g).code, LK_OK);
	for (size_t i = 0; i < h->len; i++) {
		if (in[i])
			graph_must_add(g, &h->env[i]->facts);
	}
	return g;
}

static inline void
history_clear(struct history *h)
{
	for (size_t i = 0; i < h->len; i++) {
		arena_clear(&h->env[i]->arena);
		free(h->env[i]);
	}
	h->len = 0;
}

static inline struct envelope *
envelope_new(const char *name)
{
	struct envelope *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	assert_true(strlen(name) < sizeof(e->name));
	strlcpy(e->name, name, sizeof(e->name));
	arena_init(&e->arena, 1 << 20);
	name_key(e->facts.id, name);
	e->facts.body = &e->body;
	return e;
}

/* Ops, to be passed to history_write. */
static inline struct access_op
op_plain(uint8_t kind)
{
	return (struct access_op){ .kind = kind };
}

static inline struct access_op
op_grant_to(const char *key, enum role role, uint16_t rank, uint8_t flags)
{
	struct access_op op = { .kind = OP_GRANT };
	char box[40];

	name_key(op.grant.key, key);
	op.grant.role = (uint8_t)role;
	op.grant.rank = rank;
	op.grant.flags = flags;
	snprintf(box, sizeof(box), "%s.b0", key);
	if (role != ROLE_RELAY && !(flags & GRANT_COLD))
		name_key(op.grant.box, box);
	return op;
}

static inline struct access_op
op_genesis_of(const char *root, const char *creator)
{
	struct access_op op = { .kind = OP_GENESIS };
	char box[40];

	name_key(op.genesis.root_pk, root);
	name_key(op.genesis.device_pk, creator);
	snprintf(box, sizeof(box), "%s.b0", creator);
	name_key(op.genesis.device_box, box);
	return op;
}

/* One entry; keep is a list of names.  Lives in the arena of the history's
 * next envelope, so it is handed over with its strings. */
struct cut_spec {
	const char *target, *keep;
	enum role level;
	uint8_t flags;
};

static inline int
bytes32_compare(const void *a, const void *b)
{
	return memcmp(a, b, 32);
}

static inline struct revoke_entry
entry_of(struct arena *arena, const struct cut_spec *c)
{
	struct revoke_entry e = { .target = name_grant(c->target),
		.level = (uint8_t)c->level,
		.flags = c->flags };
	char list[1024], *save = NULL;
	uint8_t *keep = arena_alloc(arena, (size_t)REVOKE_KEEP_MAX * LK_ID_LEN);

	snprintf(list, sizeof(list), "%s", c->keep == NULL ? "" : c->keep);
	for (char *w = strtok_r(list, " ", &save);
	     w != NULL && e.keep_len < REVOKE_KEEP_MAX;
	     w = strtok_r(NULL, " ", &save))
		name_key(keep + e.keep_len++ * LK_ID_LEN, w);
	qsort(keep, e.keep_len, LK_ID_LEN, bytes32_compare);
	e.keep = keep;
	return e;
}

#endif
