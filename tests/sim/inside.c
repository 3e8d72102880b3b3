#include "tests/sim/inside.h"

#include <stdlib.h>
#include <string.h>

#include "sync/admit.h"
#include "sync/engine_state.h"
#include "sync/pairing.h"

size_t
inside_links(struct engine *e, uint64_t *conns, size_t max)
{
	struct link *l;
	size_t n = 0;

	TAILQ_FOREACH (l, &e->links, next)
		if (l->state == LINK_OPEN && l->known && n < max)
			conns[n++] = l->conn;
	return n;
}

void
inside_send(struct engine *e, uint64_t conn, unsigned type, struct bytes body)
{
	struct link *l = link_find(e, conn);

	if (l != NULL && l->state == LINK_OPEN)
		link_send(e, l, (enum message_type)type, body);
}

size_t
inside_numbers(struct engine *e, uint64_t conn)
{
	const struct link *l = link_find(e, conn);

	return l == NULL ? 0 : l->numbers_len;
}

bool
inside_number(struct engine *e, uint64_t conn, uint32_t number, uint32_t *docno,
    struct item_state **items)
{
	struct link *l = link_find(e, conn);
	struct link_topic *t = l == NULL ? NULL : topics_number(l, number);
	struct items *memory;

	if (t == NULL || items_need(t, &memory).code != LK_OK)
		return false;
	*docno = t->docno;
	*items = &memory->out;
	return true;
}

lk_err
inside_proof(struct engine *e, struct buf *out)
{
	struct proof proof;

	TRY(pairing_proof(e, &proof));
	proof_write(out, &proof);
	return buf_err(out, "proof");
}

lk_err
inside_place(struct replica *r, uint32_t docno, const uint8_t me[static 32],
    struct place *p)
{
	uint8_t etag[ETAG_LEN];
	struct docstate *ds;
	struct member first;
	uint32_t tip;
	bool forked;

	TRY(docstate_get(r, docno, &ds));
	if (graph_len(ds->graph) == 0)
		return LK_ERR(LK_E_NOTFOUND, "nothing");
	TRY(graph_deps(ds->graph, me, p->deps, &p->deps_len));
	graph_any_epoch(ds->graph, etag);
	TRY(docstate_key(r, docno, etag, &p->epoch));
	tip = graph_tip(ds->graph, me, &forked);
	p->seq = 1;
	if (tip != GRAPH_NONE) {
		p->seq = graph_seq(ds->graph, tip) + 1;
		graph_id(ds->graph, tip, p->prev);
		p->grant = graph_node_author(ds->graph, tip).grant;
	} else {
		TRY(graph_grant_for(ds->graph, me, ROLE_READ, &p->grant));
	}
	graph_member(ds->graph, 0, &first);
	p->first = first.grant;
	p->graph = ds->graph;
	p->topic = ds->topic;
	memcpy(p->docid, ds->docid, LK_ID_LEN);
	return LK_NONE;
}

bool
inside_behind(struct replica *r, uint32_t docno, const uint8_t me[static 32])
{
	struct docstate *ds;
	uint32_t tip;
	bool forked;

	if (docstate_get(r, docno, &ds).code != LK_OK)
		return false;
	tip = graph_tip(ds->graph, me, &forked);
	return (tip == GRAPH_NONE ? 1 : graph_seq(ds->graph, tip) + 1) <
	    ds->floor;
}

lk_err
inside_topic(struct replica *r, uint32_t docno, struct topic *out,
    uint8_t docid[static LK_ID_LEN])
{
	struct docstate *ds;

	TRY(docstate_get(r, docno, &ds));
	*out = ds->topic;
	memcpy(docid, ds->docid, LK_ID_LEN);
	return LK_NONE;
}

lk_err
inside_ack(struct engine *e, uint32_t docno, const struct ack_forgery *f,
    struct buf *out)
{
	uint8_t etag[ETAG_LEN], tag[LK_TOPIC_LEN], key[EPOCH_SECRET_LEN];
	uint8_t heads[ENVELOPE_DEPS_MAX][LK_ID_LEN], sig[SIGN_LEN];
	BUF_SCOPED aad = { .max = 4096 };
	BUF_SCOPED plain = { .max = 4096 };
	struct docstate *ds;
	struct epoch epoch;
	size_t n;

	TRY(docstate_get(e->r, docno, &ds));
	if (graph_len(ds->graph) == 0)
		return LK_ERR(LK_E_NOTFOUND, "nothing");
	graph_any_epoch(ds->graph, etag);
	TRY(docstate_key(e->r, docno, etag, &epoch));
	epoch_ack_key(key, &epoch);
	author_tag(tag, &ds->topic,
	    f->whose == NULL ? e->identity->sign.pk : f->whose);
	n = graph_heads(ds->graph, heads, ENVELOPE_DEPS_MAX);
	if (n > ENVELOPE_DEPS_MAX)
		n = ENVELOPE_DEPS_MAX;
	qsort(heads, n, LK_ID_LEN, lk_id_compare);
	buf_mem(&aad, ds->topic.id, LK_TOPIC_LEN);
	buf_mem(&aad, tag, LK_TOPIC_LEN);
	buf_mem(&aad, f->incarnation, INCARNATION_LEN);
	buf_u64(&aad, f->counter);
	buf_mem(&aad, etag, ETAG_LEN);
	buf_mem(out, aad.ptr + LK_TOPIC_LEN, aad.len - LK_TOPIC_LEN);
	buf_mem(out, f->nonce, sizeof(f->nonce));
	buf_u8(&plain, (uint8_t)n);
	buf_mem(&plain, heads, n * LK_ID_LEN);
	{
		BUF_SCOPED said = { .max = 8192 };

		buf_add(&said, buf_bytes(&aad));
		buf_add(&said, buf_bytes(&plain));
		sign(sig, &e->identity->sign, SIGN_ACK,
		    BYTES(ds->docid, LK_ID_LEN), buf_bytes(&said));
	}
	buf_mem(&plain, sig, sizeof(sig));
	seal(out, key, f->nonce, buf_bytes(&aad), buf_bytes(&plain));
	return buf_err(out, "ACK");
}

static void
most(size_t *so_far, size_t now)
{
	if (now > *so_far)
		*so_far = now;
}

static void
links_measure(struct engine *e, struct inside_cost *c)
{
	struct link *l;

	TAILQ_FOREACH (l, &e->links, next) {
		size_t slots = 0;

		c->links++;
		c->strangers +=
		    !l->initiator && !l->known && l->state != LINK_CLOSED;
		most(&c->unsent, l->out.len + l->pending);
		for (uint32_t n = 0; n < l->numbers_len; n++) {
			const struct link_topic *t = topics_number(l, n);

			slots += t == NULL ? 0 : items_of(t)->in.len;
		}
		most(&c->slots, slots);
	}
}

/* The most that are laid to one device. */
static void
leftovers_measure(const struct docstate *ds, struct inside_cost *c)
{
	for (size_t i = 0; i < ds->leftovers_len; i++) {
		size_t his = 0;
		uint64_t bytes = 0;

		for (size_t k = 0; k < ds->leftovers_len; k++) {
			const struct leftover *l = &ds->leftovers[k];

			/* Those that became essential are sifted out later. */
			if (memcmp(l->liable, ds->leftovers[i].liable,
				ACCESS_KEY_LEN) != 0 ||
			    graph_essential(ds->graph, l->node))
				continue;
			his++;
			bytes += l->bytes;
		}
		most(&c->leftovers, his);
		if (bytes > c->leftover_bytes)
			c->leftover_bytes = bytes;
		/* More of the same says nothing new. */
		if (his == ds->leftovers_len)
			return;
	}
}

lk_err
inside_measure(struct engine *e, struct replica *r, struct inside_cost *out)
{
	struct inside_cost c = { .strangers = 0 };
	uint32_t docno = 0;

	links_measure(e, &c);
	while (replica_doc_next(r, docno, &docno).code == LK_OK) {
		struct docstate *ds;

		TRY(docstate_get(r, docno, &ds));
		if (ds->waiting > c.waiting)
			c.waiting = ds->waiting;
		if (ds->waiting_bytes > c.waiting_bytes)
			c.waiting_bytes = ds->waiting_bytes;
		leftovers_measure(ds, &c);
	}
	*out = c;
	return LK_NONE;
}

/* A graph made anew: which number each envelope has in it. */
struct again {
	struct replica *r;
	struct docstate *ds;
	struct graph *graph;
	uint32_t number[AGAIN_MAX];
	uint8_t ops[AGAIN_MAX];
};

static lk_err
again_add(struct again *a, uint32_t i)
{
	ARENA_SCOPED arena = { .max = (size_t)1024 * 1024 };
	const struct flip *flips;
	struct facts facts;
	struct body body;
	struct node node;
	size_t len;

	TRY(node_get(a->r, a->ds->docno, i, &node));
	TRY(facts_decode(&facts, &body, &arena, node.facts));
	a->number[i] = graph_len(a->graph);
	a->ops[i] = (uint8_t)body.ops_len;
	return graph_add(a->graph, &facts, &flips, &len);
}

/* One with all of its past that is not there yet. */
static lk_err
again_add_past(struct again *a, uint32_t i)
{
	for (uint32_t k = 0; k < i; k++)
		if (a->number[k] == GRAPH_NONE &&
		    graph_in_past(a->ds->graph, k, i))
			TRY(again_add(a, k));
	return a->number[i] == GRAPH_NONE ? again_add(a, i) : LK_NONE;
}

static bool
again_equal(const struct again *a, uint32_t i)
{
	const struct graph *g = a->ds->graph;
	uint32_t k = a->number[i];

	if (graph_visible(g, i) != graph_visible(a->graph, k) ||
	    graph_essential(g, i) != graph_essential(a->graph, k))
		return false;
	for (uint8_t op = 0; op < a->ops[i]; op++)
		if (graph_effective(g, i, op) !=
		    graph_effective(a->graph, k, op))
			return false;
	return true;
}

static lk_err
again_all(struct again *a, struct random *random, uint32_t *differs)
{
	uint32_t n = graph_len(a->ds->graph);
	bool backwards = random_below(random, 2) == 0;

	for (uint32_t i = 0; i < n; i++)
		a->number[i] = GRAPH_NONE;
	for (uint32_t i = 0; i < n && !backwards; i++)
		TRY(again_add_past(a, (uint32_t)random_below(random, n)));
	for (uint32_t i = n; i-- > 0;)
		TRY(again_add_past(a, i));
	TRY(graph_settle(a->graph));
	for (uint32_t i = 0; i < n; i++)
		if (!again_equal(a, i))
			*differs = i;
	return LK_NONE;
}

lk_err
inside_again(
    struct replica *r, uint32_t docno, struct random *random, uint32_t *differs)
{
	struct again a = { .r = r };
	lk_err err;

	*differs = GRAPH_NONE;
	TRY(docstate_get(r, docno, &a.ds));
	if (graph_len(a.ds->graph) > AGAIN_MAX)
		return LK_NONE;
	TRY(graph_new(&a.graph));
	err = again_all(&a, random, differs);
	graph_free(a.graph);
	return err;
}
