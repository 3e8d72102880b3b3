/*
 * history_write.h - writes envelopes of a history: each by an author who has
 * seen exactly what is named and what that rests on.
 */
#ifndef TESTS_ACCESS_HISTORY_WRITE_H
#define TESTS_ACCESS_HISTORY_WRITE_H

#include "tests/unit/access/history.h"

/* What the key section must say for an honest envelope in that view. */
static inline void
keys_fill(struct history *h, struct graph *g, struct envelope *e)
{
	struct facts *f = &e->facts;
	const struct graph_reader *readers;
	const uint8_t(*etags)[ETAG_LEN];
	size_t n, distinct = 0;
	struct key_link *links;

	f->keys = KEYS_EPOCH;
	name_etag(f->etag, h->etag != NULL ? h->etag : e->name);
	assert_int_equal(graph_readers(g, &readers, &n).code, LK_OK);
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (memcmp(readers[k].box, readers[i].box, 32) != 0)
			k++;
		distinct += k == i;
	}
	f->boxes_len = (uint16_t)((int)distinct + h->boxes_more);
	assert_int_equal(graph_maximal(g, &etags, &n).code, LK_OK);
	links = arena_alloc(&e->arena, (n + 1) * sizeof(*links));
	for (size_t i = 0; i < n; i++) {
		memcpy(links[i].newer, f->etag, ETAG_LEN);
		memcpy(links[i].older, etags[i], ETAG_LEN);
	}
	f->links = links;
	f->links_len = n;
}

/* Names of the view whose envelopes are written as deps, less `prev`. */
static inline void
deps_fill(struct history *h, struct envelope *e, const char *view)
{
	char list[1024], *save = NULL;
	size_t n = 0;

	snprintf(list, sizeof(list), "%s", view);
	for (char *w = strtok_r(list, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save)) {
		size_t i = history_find(h, w);

		assert_true(i != SIZE_MAX && n < ENVELOPE_DEPS_MAX);
		e->preds[e->preds_len++] = (uint32_t)i;
		if (memcmp(h->env[i]->facts.id, e->facts.prev, 32) != 0)
			memcpy(e->deps[n++], h->env[i]->facts.id, 32);
	}
	qsort(e->deps, n, LK_ID_LEN, bytes32_compare);
	e->body.deps = e->deps[0];
	e->body.deps_len = n;
}

static inline void
past_fill(struct history *h, struct envelope *e)
{
	for (size_t i = 0; i < e->preds_len; i++) {
		e->past[e->preds[i]] = true;
		for (size_t k = 0; k < h->len; k++)
			e->past[k] = e->past[k] || h->env[e->preds[i]]->past[k];
	}
}

/* Appends what was judged admissible (or everything, with keep_refused). */
static inline bool
history_judge(struct history *h, struct graph *g, struct envelope *e)
{
	struct judgement j;

	h->last = graph_judge(g, &e->facts, &j);
	h->etag = NULL;
	h->prev = NULL;
	h->boxes_more = 0;
	graph_free(g);
	if (h->last.code != LK_OK && !h->keep_refused) {
		arena_clear(&e->arena);
		free(e);
		return false;
	}
	assert_true(h->len < HISTORY_MAX);
	past_fill(h, e);
	h->env[h->len++] = e;
	return h->last.code == LK_OK;
}

/* Starts a history: root R, creator A. */
static inline void
history_start(struct history *h, uint64_t seed)
{
	struct graph *g;
	struct envelope *e = envelope_new("G");

	*h = (struct history){ .seed = seed };
	e->facts.seq = 1;
	name_etag(e->facts.etag, "G");
	e->body.ops[0] = op_genesis_of("R", "A");
	e->body.ops_len = 1;
	assert_int_equal(graph_new(&g).code, LK_OK);
	assert_true(history_judge(h, g, e));
}

/*
 * Writes an envelope of ops[0..n) by `author` under `grant` ("G" is the
 * creator's, "G#255" the root's), having seen `view`.
 */
static inline bool
history_write(struct history *h, const char *name, const char *author,
    const char *grant, const char *view, const struct access_op *ops, size_t n)
{
	struct envelope *e = envelope_new(name);
	struct facts *f = &e->facts;
	uint8_t key[32];
	bool in[HISTORY_MAX], forked;
	struct graph *g;
	uint32_t tip;

	view_close(h, view, in);
	g = view_graph(h, in);
	name_key(key, author);
	tip = graph_tip(g, key, &forked);
	if (h->prev != NULL)
		tip = graph_find(g, h->env[history_find(h, h->prev)]->facts.id);
	f->seq = tip == GRAPH_NONE ? 1 : graph_seq(g, tip) + 1;
	if (tip != GRAPH_NONE) {
		struct graph_author was = graph_node_author(g, tip);

		graph_id(g, tip, f->prev);
		e->preds[e->preds_len++] =
		    (uint32_t)history_find(h, (const char *)f->prev);
		e->body.grant = name_grant(grant);
		e->body.has_grant =
		    memcmp(was.grant.env, e->body.grant.env, 32) != 0 ||
		    was.grant.index != e->body.grant.index;
	} else {
		e->body.grant = name_grant(grant);
		e->body.has_grant = true;
	}
	if (!e->body.has_grant)
		memset(&e->body.grant, 0, sizeof(e->body.grant));
	memcpy(e->body.ops, ops, n * sizeof(*ops));
	e->body.ops_len = n;
	deps_fill(h, e, view);
	if (body_has(&e->body, OP_EPOCH))
		keys_fill(h, g, e);
	else if (h->etag != NULL)
		name_etag(f->etag, h->etag);
	else
		graph_any_epoch(g, f->etag);
	return history_judge(h, g, e);
}

static inline bool
w_change(struct history *h, const char *name, const char *author,
    const char *grant, const char *view)
{
	struct access_op op = op_plain(OP_CHANGE);

	return history_write(h, name, author, grant, view, &op, 1);
}

static inline bool
w_plain(struct history *h, const char *name, const char *author,
    const char *grant, const char *view, uint8_t kind)
{
	struct access_op op = op_plain(kind);

	return history_write(h, name, author, grant, view, &op, 1);
}

static inline bool
w_grant(struct history *h, const char *name, const char *author,
    const char *grant, const char *view, struct access_op op)
{
	return history_write(h, name, author, grant, view, &op, 1);
}

static inline bool
w_cut(struct history *h, const char *name, const char *author,
    const char *grant, const char *view, struct cut_spec spec)
{
	struct arena arena;
	struct access_op op = { .kind = OP_REVOKE };
	struct revoke_entry *entry;
	bool ok;

	arena_init(&arena, 1 << 16);
	entry = arena_alloc(&arena, sizeof(*entry));
	*entry = entry_of(&arena, &spec);
	op.revoke.entries = entry;
	op.revoke.entries_len = 1;
	ok = history_write(h, name, author, grant, view, &op, 1);
	if (ok) {
		/* The envelope lives longer than this call. */
		struct envelope *e = h->env[h->len - 1];
		struct revoke_entry *own = arena_alloc(&e->arena, sizeof(*own));

		*own = entry_of(&e->arena, &spec);
		e->body.ops[0].revoke.entries = own;
	}
	arena_clear(&arena);
	return ok;
}

/* Bans a key. */
static inline bool
w_ban(struct history *h, const char *name, const char *author,
    const char *grant, const char *view, const char *key)
{
	struct access_op op = { .kind = OP_BAN };

	name_key(op.ban.key, key);
	return history_write(h, name, author, grant, view, &op, 1);
}

/* The author's box key NAME.bN. */
static inline struct access_op
op_rekey_to(const char *device, uint32_t n)
{
	struct access_op op = { .kind = OP_REKEY };
	char box[40];

	snprintf(box, sizeof(box), "%s.b%u", device, n);
	name_key(op.rekey.box, box);
	op.rekey.box_counter = n;
	return op;
}

/* Ids of a list of names, ascending, with the life of an arena. */
static inline const uint8_t *
names_ids(struct arena *arena, const char *names, size_t *len)
{
	char list[1024], *save = NULL;
	uint8_t *ids = arena_alloc(arena, (size_t)ADOPT_IDS_MAX * LK_ID_LEN);
	size_t n = 0;

	snprintf(list, sizeof(list), "%s", names);
	for (char *w = strtok_r(list, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save))
		name_key(ids + n++ * LK_ID_LEN, w);
	qsort(ids, n, LK_ID_LEN, bytes32_compare);
	*len = n;
	return ids;
}

/* Adopts the envelopes of a list. */
static inline bool
w_adopt(struct history *h, const char *name, const char *author,
    const char *grant, const char *view, const char *names)
{
	struct access_op op = { .kind = OP_ADOPT };
	struct arena arena;
	bool ok;

	arena_init(&arena, 1 << 16);
	op.adopt.ids = names_ids(&arena, names, &op.adopt.ids_len);
	ok = history_write(h, name, author, grant, view, &op, 1);
	if (ok) {
		struct envelope *e = h->env[h->len - 1];

		e->body.ops[0].adopt.ids =
		    names_ids(&e->arena, names, &e->body.ops[0].adopt.ids_len);
	}
	arena_clear(&arena);
	return ok;
}

#endif
