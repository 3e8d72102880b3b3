#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/clone.h"
#include "tests/sim/hostile.h"
#include "tests/sim/ledger.h"
#include "tests/sim/typed.h"

#define BRANCHES 3
#define STOCK_DOCS_MAX 6
/* What one may flood with in a run: above LEFTOVERS_AUTHOR_MAX, which is what
 * it has to show; every one costs the honest a signature's check and a commit.
 */
#define FLOOD_MAX 1300

static void
stock_keep(void *ctx, struct node *clone, const struct replica_event *ev)
{
	struct hostile *h = ctx;
	struct log_entry entry;
	struct stock *s;

	ledger_cloned(h->node->world->ledger, clone, ev);
	h->stock = reallocarray(h->stock, h->stock_len + 1, sizeof(*h->stock));
	LK_ASSERT(h->stock != NULL);
	s = &h->stock[h->stock_len++];
	*s = (struct stock){ .docno = ev->docno };
	world_need(clone->world, log_by_id(clone->txn, ev->id, &entry), "log");
	buf_init(&s->envelope, ENVELOPE_MAX);
	buf_add(&s->envelope, entry.envelope);
}

void
forge_stock(struct hostile *h)
{
	struct node *n = h->node;
	uint32_t docs[STOCK_DOCS_MAX], docno = 0;
	struct doc_summary doc;
	struct graph *g;
	size_t len = 0;
	bool forked;

	node_look(n);
	while (len < STOCK_DOCS_MAX &&
	    replica_doc_next(n->replica, docno, &docno).code == LK_OK) {
		world_need(
		    n->world, replica_doc(n->replica, docno, &doc), "doc");
		world_need(
		    n->world, replica_graph(n->replica, docno, &g), "graph");
		(void)graph_tip(g, n->identity.sign.pk, &forked);
		/* Who knows of a copy of himself writes no more. */
		if (!doc.home && doc.role >= ROLE_WRITE && doc.envelopes > 0 &&
		    !forked)
			docs[len++] = docno;
	}
	node_look_end(n);
	for (size_t i = 0; i < len; i++)
		for (uint64_t b = 1 + hostile_below(h, BRANCHES); b > 0; b--)
			clone_write(n, docs[i],
			    (int64_t)(1 + hostile_below(h, 3)), stock_keep, h);
}

/* One envelope as a BATCH of its own. */
static void
give(struct speaker *s, uint32_t number, struct item_state *items,
    struct bytes envelope)
{
	struct envelope e;
	BUF_SCOPED b = { .max = MESSAGE_MAX };

	if (envelope_parse(&e, envelope).code != LK_OK)
		return;
	batch_encode(&b, number, hostile_chance(s->h, 4));
	if (item_encode(&b, items, &e).code != LK_OK)
		return;
	if (hostile_chance(s->h, 10))
		(void)item_encode(&b, items, &e).code;
	speaker_say(s, MSG_BATCH, buf_bytes(&b));
}

void
forge_send_stock(struct speaker *s, bool last_first)
{
	struct hostile *h = s->h;
	struct item_state *items;
	uint32_t number, docno;
	uint64_t seen = 0;
	size_t chosen = 0;

	if (!speaker_topic(s, &number, &docno, &items))
		return;
	for (size_t i = 0; i < h->stock_len; i++)
		if (h->stock[i].docno == docno &&
		    (last_first || hostile_below(h, ++seen) == 0))
			chosen = i + 1;
	if (chosen > 0)
		give(s, number, items,
		    buf_bytes(&h->stock[chosen - 1].envelope));
}

/* An envelope to be made up, and what would be broken if anybody honest took
 * it: the first of these names it when somebody does. */
struct forgery {
	uint32_t number, docno;
	struct item_state *items;
	struct place p;
	struct body b;
	struct sign_key author;
	const char *breaks;
};

static bool
place_take(struct hostile *h, uint32_t docno, struct place *p)
{
	return inside_place(
		   h->node->replica, docno, h->node->identity.sign.pk, p)
		   .code == LK_OK;
}

static bool
seal_up(struct hostile *h, const struct place *p, const struct body *body,
    const struct sign_key *author, struct buf *out,
    uint8_t id[static LK_ID_LEN])
{
	uint8_t random[32];
	struct envelope_draft draft = { .author = author,
		.topic = &p->topic,
		.epoch = &p->epoch,
		.docid = p->docid,
		.seq = p->seq,
		.prev = p->seq == 1 ? NULL : p->prev,
		.random = random };
	BUF_SCOPED b = { .max = ENVELOPE_BODY_MAX };

	random_fill(&h->random, random, sizeof(random));
	body_encode(&b, body);
	draft.body = buf_bytes(&b);
	buf_reset(out);
	return !b.failed && envelope_make(out, id, &draft).code == LK_OK;
}

static void
body_idle(const struct place *p, struct body *b, size_t ops)
{
	memset(b, 0, sizeof(*b));
	b->has_grant = p->seq == 1;
	b->grant = p->grant;
	b->deps = p->deps[0];
	b->deps_len = p->deps_len;
	while (b->ops_len < ops)
		b->ops[b->ops_len++].kind = OP_NO_EFFECT_MIN;
}

/* One's own next envelope in some document, with nothing in it yet. */
static bool
forgery_begin(struct speaker *s, struct forgery *f)
{
	memset(f, 0, sizeof(*f));
	f->author = s->h->node->identity.sign;
	if (!speaker_topic(s, &f->number, &f->docno, &f->items) ||
	    !place_take(s->h, f->docno, &f->p))
		return false;
	body_idle(&f->p, &f->b, 1);
	return true;
}

static void
forged(struct hostile *h, const uint8_t docid[static LK_ID_LEN],
    const uint8_t id[static LK_ID_LEN], const char *breaks)
{
	struct ledger *l = h->node->world->ledger;

	for (size_t i = 0; i < l->docs_len; i++)
		if (memcmp(l->docs[i].docid, docid, LK_ID_LEN) == 0)
			ledger_forged(l, i, id, breaks);
	h->forged++;
}

/* Gives what no honest device may ever take. */
static void
forgery_give(struct speaker *s, struct forgery *f)
{
	BUF_SCOPED out = { .max = ENVELOPE_MAX };
	uint8_t id[LK_ID_LEN];

	if (!seal_up(s->h, &f->p, &f->b, &f->author, &out, id))
		return;
	forged(s->h, f->p.docid, id, f->breaks);
	give(s, f->number, f->items, buf_bytes(&out));
}

/* An envelope of anybody's, with something in it that is not his. */
static void
lie_changed(struct speaker *s)
{
	struct hostile *h = s->h;
	struct item_state *items;
	struct log_entry entry = { .lsn = 0 };
	uint32_t number, docno, from = 0;
	uint8_t id[LK_ID_LEN], *at;
	size_t place;
	struct topic topic;
	uint8_t docid[LK_ID_LEN];
	BUF_SCOPED b = { .max = ENVELOPE_MAX };

	if (!speaker_topic(s, &number, &docno, &items) ||
	    inside_topic(h->node->replica, docno, &topic, docid).code != LK_OK)
		return;
	/* Of this document, or of another one. */
	from = docno;
	if (hostile_chance(h, 3) &&
	    replica_doc_next(h->node->replica, docno, &from).code != LK_OK)
		from = docno;
	do {
		if (log_next(h->node->txn, from, entry.lsn + 1, &entry).code !=
		    LK_OK)
			break;
	} while (hostile_chance(h, 2) == false);
	if (entry.lsn == 0)
		return;
	buf_add(&b, entry.envelope);
	at = b.ptr;
	if (from != docno) {
		memcpy(at + 2, topic.id, LK_TOPIC_LEN);
	} else {
		/* Not in the name of its key, with which it would wait. */
		do
			place = 18 + (size_t)hostile_below(h, b.len - 18);
		while (place >= 74 && place < 90);
		at[place] ^= (uint8_t)(1u << hostile_below(h, 8));
	}
	envelope_id(id, buf_bytes(&b));
	forged(h, docid, id, "S2");
	give(s, number, items, buf_bytes(&b));
}

/* A branch of somebody else's, from where he was let in: all of it is right but
 * the signature. */
static void
lie_in_his_name(struct speaker *s)
{
	struct forgery f;
	struct member m;

	if (!forgery_begin(s, &f))
		return;
	graph_member(f.p.graph,
	    (size_t)hostile_below(s->h, graph_members_len(f.p.graph)), &m);
	if (memcmp(m.key, f.author.pk, sizeof(f.author.pk)) == 0)
		return;
	memcpy(f.author.pk, m.key, sizeof(f.author.pk));
	f.p.seq = 1;
	f.p.grant = m.grant;
	memcpy(f.p.deps[0], m.grant.env, LK_ID_LEN);
	f.p.deps_len = 1;
	body_idle(&f.p, &f.b, 1);
	f.breaks = "S2";
	forgery_give(s, &f);
}

/* Under a grant, or with a signature, that is not its own. */
static void
lie_signed(struct speaker *s)
{
	struct hostile *h = s->h;
	struct forgery f;

	/* Whoever made the document may write under the first grant. */
	if (!forgery_begin(s, &f) ||
	    memcmp(f.p.first.env, f.p.grant.env, LK_ID_LEN) == 0)
		return;
	switch (hostile_below(h, 3)) {
	case 0:
		f.b.has_grant = true;
		f.b.grant = f.p.first;
		f.breaks = "I2";
		break;
	case 1:
		random_fill(&h->random, f.author.pk, sizeof(f.author.pk));
		f.breaks = "S2";
		break;
	case 2:
		memcpy(f.author.pk,
		    h->node->world->nodes[LAPTOP].identity.sign.pk,
		    sizeof(f.author.pk));
		f.breaks = "S2";
		break;
	}
	forgery_give(s, &f);
}

/* Somebody it may not touch: with `equals`, who has its own rank, else a
 * senior; all of them but the root may be what is looked for. */
static bool
target_find(struct hostile *h, const struct forgery *f,
    const struct member *self, bool equals, struct member *out)
{
	uint64_t seen = 0;
	struct member m;

	for (size_t i = 0; i < graph_members_len(f->p.graph); i++) {
		graph_member(f->p.graph, i, &m);
		if ((m.flags & GRANT_COLD) == 0 && m.now > ROLE_NONE &&
		    memcmp(m.key, self->key, sizeof(m.key)) != 0 &&
		    (equals ? m.rank == self->rank : m.rank < self->rank) &&
		    hostile_below(h, ++seen) == 0)
			*out = m;
	}
	return seen > 0;
}

static void
lie_revoke(struct speaker *s, struct forgery *f, const struct member *self)
{
	bool equals = hostile_chance(s->h, 2);
	struct revoke_entry entry;
	struct member target;

	if (!target_find(s->h, f, self, equals, &target))
		return;
	entry = (struct revoke_entry){ .target = target.grant };
	f->b.ops[0] =
	    (struct access_op){ .kind = OP_REVOKE, .revoke = { &entry, 1 } };
	f->breaks = self->role < ROLE_ADMIN ? "I2" : equals ? "I6" : "I4";
	forgery_give(s, f);
}

/* To somebody new: properly below itself, though only admins may; or above. */
static void
lie_grant(struct speaker *s, struct forgery *f, const struct member *self)
{
	struct op_grant *g = &f->b.ops[0].grant;
	uint8_t seed[SIGN_SEED_LEN];
	struct sign_key stranger;

	random_fill(&s->h->random, seed, sizeof(seed));
	sign_key_from_seed(&stranger, seed);
	f->b.ops[0] = (struct access_op){ .kind = OP_GRANT };
	memcpy(g->key, stranger.pk, sizeof(g->key));
	/* Who reads has a box key that he signed; a relay has none. */
	g->role = ROLE_RELAY;
	if (self->role < ROLE_ADMIN) {
		g->rank = UINT16_MAX;
		f->breaks = "I2";
	} else {
		g->rank = self->rank;
		f->breaks = "I4, I6";
	}
	forgery_give(s, f);
}

/* A right it has not. */
static void
lie_written(struct speaker *s)
{
	struct member self;
	struct forgery f;

	/* Whoever made the document may do some of this. */
	if (!forgery_begin(s, &f) ||
	    !graph_member_find(f.p.graph, &f.p.grant, &self) ||
	    memcmp(f.p.first.env, f.p.grant.env, LK_ID_LEN) == 0)
		return;
	if (hostile_chance(s->h, 2))
		lie_revoke(s, &f, &self);
	else
		lie_grant(s, &f, &self);
}

void
forge_send_lie(struct speaker *s)
{
	switch (hostile_below(s->h, 5)) {
	case 0:
		lie_changed(s);
		break;
	case 1:
		lie_in_his_name(s);
		break;
	case 2:
		lie_signed(s);
		break;
	case 3:
	case 4:
		lie_written(s);
		break;
	}
}

void
forge_send_gap(struct speaker *s)
{
	struct hostile *h = s->h;
	struct forgery f;

	if (!forgery_begin(s, &f))
		return;
	if (hostile_chance(h, 2)) {
		f.p.seq += 1 + hostile_below(h, 3);
		random_fill(&h->random, f.p.prev, sizeof(f.p.prev));
	} else {
		random_fill(&h->random, f.p.deps[0], LK_ID_LEN);
		f.p.deps_len = 1;
	}
	body_idle(&f.p, &f.b, 1);
	f.breaks = "I10";
	forgery_give(s, &f);
}

void
forge_send_huge(struct speaker *s)
{
	static const uint64_t seqs[] = { UINT64_MAX, UINT64_MAX - 1, INT64_MAX,
		UINT32_MAX, 1 };
	struct forgery f;

	if (!forgery_begin(s, &f))
		return;
	f.p.seq = seqs[hostile_below(s->h, 5)];
	body_idle(&f.p, &f.b, 1);
	/* At the beginning again it would be a branch. */
	if (f.p.seq == 1)
		f.b.grant.index = UINT8_MAX;
	f.breaks = "I10";
	forgery_give(s, &f);
}

void
forge_send_revoked(struct speaker *s)
{
	uint8_t heads[ENVELOPE_DEPS_MAX][LK_ID_LEN];
	struct forgery f;
	size_t n;

	if (!forgery_begin(s, &f) ||
	    graph_role(f.p.graph, f.author.pk) > ROLE_NONE)
		return;
	n = graph_heads(f.p.graph, heads, ENVELOPE_DEPS_MAX);
	if (n == 0 || n > ENVELOPE_DEPS_MAX)
		return;
	memcpy(f.p.deps, heads, n * LK_ID_LEN);
	f.p.deps_len = n;
	qsort(f.p.deps, n, LK_ID_LEN, lk_id_compare);
	body_idle(&f.p, &f.b, 1);
	f.breaks = "I3";
	forgery_give(s, &f);
}

/* One upon another, each of 16 ops that do nothing. */
void
forge_flood(struct speaker *s, size_t n)
{
	struct hostile *h = s->h;
	struct place p = { .seq = 0 };
	struct item_state *items;
	uint32_t number, docno;
	BUF_SCOPED out = { .max = ENVELOPE_MAX };
	struct body b;

	if (!speaker_topic(s, &number, &docno, &items) ||
	    !place_take(h, docno, &p))
		return;
	/* Always the same chain, so that it is no more than a branch. */
	if (h->flooded > 0 && h->flood_doc != docno)
		return;
	if (h->flooded > 0) {
		p.seq = h->flood_seq + 1;
		memcpy(p.prev, h->flood_prev, LK_ID_LEN);
		p.deps_len = 0;
	}
	h->flood_doc = docno;
	for (; n > 0 && h->flooded < FLOOD_MAX; n--, h->flooded++) {
		body_idle(&p, &b, ENVELOPE_OPS_MAX);
		if (!seal_up(h, &p, &b, &h->node->identity.sign, &out,
			h->flood_prev))
			return;
		h->flood_seq = p.seq++;
		memcpy(p.prev, h->flood_prev, LK_ID_LEN);
		p.deps_len = 0;
		give(s, number, items, buf_bytes(&out));
	}
}
