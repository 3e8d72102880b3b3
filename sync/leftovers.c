#include "sync/admit.h"

#include <stdlib.h>
#include <string.h>

/*
 * SPACE_META: 'v' id -> uLEB bytes, to whom it is laid.  What had effect when
 * it came, and lost it, has no record and takes no room: its author was a
 * member.
 */
#define LEFTOVER_KEY_LEN (1 + LK_ID_LEN)

static struct bytes
leftover_key(
    uint8_t out[static LEFTOVER_KEY_LEN], const uint8_t id[static LK_ID_LEN])
{
	out[0] = 'v';
	memcpy(out + 1, id, LK_ID_LEN);
	return BYTES(out, LEFTOVER_KEY_LEN);
}

static lk_err
leftovers_keep(struct docstate *ds, const struct leftover *l)
{
	if (ds->leftovers_len == ds->leftovers_cap) {
		size_t cap =
		    ds->leftovers_cap == 0 ? 16 : 2 * ds->leftovers_cap;
		struct leftover *grown =
		    reallocarray(ds->leftovers, cap, sizeof(*grown));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "leftovers");
		ds->leftovers = grown;
		ds->leftovers_cap = cap;
	}
	ds->leftovers[ds->leftovers_len++] = *l;
	return LK_NONE;
}

static lk_err
leftover_read(struct leftover *l, struct bytes value)
{
	struct rd r = rd_over(value);

	l->bytes = (uint32_t)rd_uleb(&r);
	rd_copy(&r, l->liable, ACCESS_KEY_LEN);
	return rd_done(&r) ? LK_NONE : LK_ERR(LK_E_CORRUPT, "leftover");
}

lk_err
leftovers_load(struct replica *r, struct docstate *ds)
{
	struct kv meta = docstate_space(r, ds->docno, SPACE_META);
	uint8_t key[LEFTOVER_KEY_LEN] = { 'v' };
	struct bytes value;

	for (;;) {
		struct leftover l;
		lk_err err = kv_walk(meta, key, sizeof(key), 1, &value);

		if (err.code == LK_OK)
			err = leftover_read(&l, value);
		/* One that is damaged takes no room until it is mended. */
		if (err.code == LK_E_NOTFOUND || err.code == LK_E_CORRUPT)
			return LK_NONE;
		TRY(err);
		l.node = graph_find(ds->graph, key + 1);
		if (l.node != GRAPH_NONE && !graph_essential(ds->graph, l.node))
			TRY(leftovers_keep(ds, &l));
		if (!bytes_next(key + 1, LK_ID_LEN))
			return LK_NONE;
	}
}

/* Those on which something rests by now take no room any more. */
static lk_err
leftovers_sift(struct admission *a)
{
	struct kv meta = docstate_space(a->r, a->ds->docno, SPACE_META);
	struct docstate *ds = a->ds;
	size_t kept = 0;

	for (size_t i = 0; i < ds->leftovers_len; i++) {
		uint8_t key[LEFTOVER_KEY_LEN], id[LK_ID_LEN];

		if (!graph_essential(ds->graph, ds->leftovers[i].node)) {
			ds->leftovers[kept++] = ds->leftovers[i];
			continue;
		}
		ds->dirty = true;
		graph_id(ds->graph, ds->leftovers[i].node, id);
		TRY(kv_del(meta, leftover_key(key, id)));
	}
	ds->leftovers_len = kept;
	return LK_NONE;
}

/* Whether a member has asked for more, and a member brings it. */
static bool
is_wanted(const struct admission *a)
{
	const struct docstate *ds = a->ds;

	return a->r->now.mono.ms < ds->wanted_until.ms && a->from != NULL &&
	    graph_role(ds->graph, a->from) > ROLE_NONE;
}

lk_err
leftovers_room(struct admission *a, const struct candidate *c,
    const struct graph_author *author, bool *room)
{
	uint64_t bytes = c->env.all.len, his_bytes = bytes, his = 0;
	uint8_t liable[ACCESS_KEY_LEN];

	*room = is_wanted(a);
	if (*room)
		return LK_NONE;
	TRY(leftovers_sift(a));
	graph_liable(a->ds->graph, &author->grant, liable);
	for (size_t i = 0; i < a->ds->leftovers_len; i++) {
		const struct leftover *l = &a->ds->leftovers[i];

		bytes += l->bytes;
		if (memcmp(l->liable, liable, sizeof(liable)) != 0)
			continue;
		his++;
		his_bytes += l->bytes;
	}
	*room = a->ds->leftovers_len < LEFTOVERS_MAX &&
	    bytes <= LEFTOVERS_BYTES_MAX && his < LEFTOVERS_AUTHOR_MAX &&
	    his_bytes <= LEFTOVERS_AUTHOR_BYTES_MAX;
	return LK_NONE;
}

lk_err
leftovers_add(struct admission *a, const struct candidate *c,
    const struct graph_author *author, uint32_t node)
{
	struct kv meta = docstate_space(a->r, a->ds->docno, SPACE_META);
	struct leftover l = { .node = node, .bytes = (uint32_t)c->env.all.len };
	uint8_t key[LEFTOVER_KEY_LEN];
	BUF_SCOPED b = { .max = 64 };

	graph_liable(a->ds->graph, &author->grant, l.liable);
	buf_uleb(&b, l.bytes);
	buf_mem(&b, l.liable, sizeof(l.liable));
	TRY(buf_err(&b, "leftover"));
	TRY(kv_put(meta, leftover_key(key, c->env.id), buf_bytes(&b)));
	return leftovers_keep(a->ds, &l);
}

/* Whether this member has signed it, in whatever place of his chain. */
static bool
is_signed(const struct admission *a, const struct candidate *c,
    const struct member *m)
{
	uint8_t tag[LK_TOPIC_LEN];

	if (graph_role(a->ds->graph, m->key) == ROLE_NONE)
		return false;
	author_tag(tag, &a->ds->topic, m->key);
	return memcmp(tag, c->env.tag, sizeof(tag)) == 0 &&
	    envelope_verify(
		c->content.sig, m->key, a->ds->docid, c->content.signed_digest);
}

void
leftovers_vouch(struct admission *a, const struct candidate *c)
{
	struct docstate *ds = a->ds;

	/* Nothing was dropped that could be what is missing. */
	if (ds->leftovers_len == 0 || a->again > 0)
		return;
	for (size_t i = 0; i < graph_members_len(ds->graph); i++) {
		struct member m;

		graph_member(ds->graph, i, &m);
		if (!is_signed(a, c, &m))
			continue;
		memcpy(ds->wanted, c->env.id, LK_ID_LEN);
		ds->wanted_until.ms = a->r->now.mono.ms + LEFTOVERS_WANTED_MS;
		return;
	}
}
