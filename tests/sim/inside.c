#include "tests/sim/inside.h"

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

	if (t == NULL)
		return false;
	*docno = t->docno;
	*items = &t->out;
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
		for (size_t i = 0; i < l->numbers_len; i++)
			slots += l->numbers[i].in.len;
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
