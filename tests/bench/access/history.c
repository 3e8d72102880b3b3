#include "tests/bench/access/history.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#define APART_MAX 16

void
must(lk_err e)
{
	if (e.code != LK_OK)
		errx(1, "%s (%d)", e.what, (int)e.code);
}

/* Bytes like those of a hash, never the same twice. */
static void
name_make(struct history *h, uint8_t *out, size_t len)
{
	for (size_t at = 0; at < len; at += 8) {
		uint64_t x = ++h->names * UINT64_C(0x9e3779b97f4a7c15);

		x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
		x ^= x >> 31;
		memcpy(out + at, &x, 8);
	}
}

/* An envelope as facts, and what those point to. */
struct draft {
	struct facts facts;
	struct body body;
	uint8_t deps[ENVELOPE_DEPS_MAX][LK_ID_LEN];
	struct key_link links[EPOCH_LINKS_MAX];
};

static void
draft_place(struct history *h, struct draft *d, const struct person *author)
{
	struct graph_author before;
	uint32_t tip;
	bool forked;

	memset(&d->facts, 0, sizeof(d->facts));
	memset(&d->body, 0, sizeof(d->body));
	d->facts.body = &d->body;
	d->facts.seq = 1;
	name_make(h, d->facts.id, LK_ID_LEN);
	must(graph_deps(h->graph, author->key, d->deps, &d->body.deps_len));
	d->body.deps = d->deps[0];
	d->body.has_grant = true;
	tip = graph_tip(h->graph, author->key, &forked);
	if (tip != GRAPH_NONE) {
		before = graph_node_author(h->graph, tip);
		d->body.has_grant =
		    !grant_ref_equal(&before.grant, &author->grant);
		d->facts.seq = graph_seq(h->graph, tip) + 1;
		graph_id(h->graph, tip, d->facts.prev);
	}
	if (d->body.has_grant)
		d->body.grant = author->grant;
	graph_any_epoch(h->graph, d->facts.etag);
}

static struct access_op *
draft_op(struct draft *d, enum op_kind kind)
{
	struct access_op *op = &d->body.ops[d->body.ops_len++];

	op->kind = (uint8_t)kind;
	return op;
}

/* An epoch in front of its ops, when the last one is known to somebody who
 * may not read any more. */
static void
draft_epoch(struct history *h, struct draft *d)
{
	const struct graph_reader *readers;
	const uint8_t(*etags)[ETAG_LEN];
	size_t n;

	(void)draft_op(d, OP_EPOCH);
	d->facts.keys = KEYS_EPOCH;
	name_make(h, d->facts.etag, ETAG_LEN);
	must(graph_readers(h->graph, &readers, &n));
	d->facts.boxes_len = (uint16_t)n;
	must(graph_maximal(h->graph, &etags, &n));
	for (size_t i = 0; i < n; i++) {
		memcpy(d->links[i].newer, d->facts.etag, ETAG_LEN);
		memcpy(d->links[i].older, etags[i], ETAG_LEN);
	}
	d->facts.links = d->links;
	d->facts.links_len = n;
}

static void
draft_put(struct history *h, struct draft *d)
{
	const struct flip *flips;
	struct judgement j;
	size_t n;

	if (!ARRAY_ROOM(&h->list))
		err(1, "history");
	must(graph_judge(h->graph, &d->facts, &j));
	must(graph_add(h->graph, &d->facts, &flips, &n));
	h->list.v[h->list.len].from = h->bytes.len;
	facts_encode(&h->bytes, &d->facts);
	must(buf_err(&h->bytes, "history"));
	h->list.v[h->list.len].len = h->bytes.len - h->list.v[h->list.len].from;
	h->list.len++;
}

struct bytes
history_facts(const struct history *h, uint32_t i)
{
	return BYTES(h->bytes.ptr + h->list.v[i].from, h->list.v[i].len);
}

void
history_begin(struct history *h)
{
	struct draft d = { .facts = { .seq = 1 } };
	struct op_genesis *o;

	memset(h, 0, sizeof(*h));
	buf_init(&h->bytes, (size_t)256 << 20);
	must(graph_new(&h->graph));
	d.facts.body = &d.body;
	name_make(h, d.facts.id, LK_ID_LEN);
	name_make(h, d.facts.etag, ETAG_LEN);
	o = &draft_op(&d, OP_GENESIS)->genesis;
	name_make(h, o->root_pk, ACCESS_KEY_LEN);
	name_make(h, o->device_pk, ACCESS_KEY_LEN);
	name_make(h, o->device_box, ACCESS_KEY_LEN);
	memcpy(h->root.key, o->root_pk, ACCESS_KEY_LEN);
	memcpy(h->creator.key, o->device_pk, ACCESS_KEY_LEN);
	memcpy(h->root.grant.env, d.facts.id, LK_ID_LEN);
	h->root.grant.index = GRANT_ROOT;
	h->creator.grant = (struct grant_ref){ .index = GRANT_CREATOR };
	memcpy(h->creator.grant.env, d.facts.id, LK_ID_LEN);
	draft_put(h, &d);
}

void
history_end(struct history *h)
{
	graph_free(h->graph);
	free(h->members.v);
	free(h->list.v);
	buf_clear(&h->bytes);
}

void
history_grant(struct history *h)
{
	struct person *m;
	struct draft d;
	struct op_grant *o;

	draft_place(h, &d, &h->creator);
	o = &draft_op(&d, OP_GRANT)->grant;
	name_make(h, o->key, ACCESS_KEY_LEN);
	name_make(h, o->box, ACCESS_KEY_LEN);
	o->role = ROLE_WRITE;
	o->rank = 20000;
	if (!ARRAY_ROOM(&h->members))
		err(1, "history");
	m = &h->members.v[h->members.len++];
	memcpy(m->key, o->key, ACCESS_KEY_LEN);
	memcpy(m->grant.env, d.facts.id, LK_ID_LEN);
	m->grant.index = 0;
	h->granted++;
	draft_put(h, &d);
}

void
history_revoke(struct history *h)
{
	struct person gone = h->members.v[0];
	uint8_t tips[REVOKE_KEEP_MAX][LK_ID_LEN];
	struct revoke_entry entry = { .target = gone.grant,
		.keep = tips[0],
		.level = ROLE_NONE,
		.flags = REVOKE_TREE };
	struct graph_work work = { .grant = gone.grant, .tree = true };
	struct access_op *op;
	struct draft d;

	draft_place(h, &d, &h->creator);
	must(graph_tips_of(h->graph, &work, tips, &entry.keep_len));
	op = draft_op(&d, OP_REVOKE);
	op->revoke.entries = &entry;
	op->revoke.entries_len = 1;
	h->members.len--;
	memmove(h->members.v, h->members.v + 1,
	    h->members.len * sizeof(*h->members.v));
	h->revoked++;
	draft_put(h, &d);
}

void
history_epoch(struct history *h, const struct person *author)
{
	struct draft d;

	draft_place(h, &d, author);
	draft_epoch(h, &d);
	draft_put(h, &d);
}

static void
draft_change(struct history *h, struct draft *d, const struct person *author)
{
	uint8_t etag[ETAG_LEN];
	lk_err e = graph_clean_epoch(h->graph, etag);

	draft_place(h, d, author);
	if (e.code == LK_OK)
		memcpy(d->facts.etag, etag, ETAG_LEN);
	else
		draft_epoch(h, d);
	(void)draft_op(d, OP_CHANGE);
}

void
history_change(struct history *h, const struct person *author)
{
	struct draft d;

	draft_change(h, &d, author);
	draft_put(h, &d);
}

void
history_changes_apart(struct history *h, uint32_t first, uint32_t n)
{
	static struct draft d[APART_MAX];

	for (uint32_t i = 0; i < n; i++)
		draft_change(
		    h, &d[i], &h->members.v[(first + i) % h->members.len]);
	for (uint32_t i = 0; i < n; i++)
		draft_put(h, &d[i]);
}
