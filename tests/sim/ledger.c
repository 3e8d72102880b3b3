#include "tests/sim/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "sync/envelope.h"
#include "tests/sim/leak.h"
#include "tests/sim/node.h"

/* Room for one more; arrays grow when the length is a power of two. */
static void *
grow(void *array, size_t len, size_t size)
{
	if (len == 0 || (len & (len - 1)) == 0)
		array = reallocarray(array, len == 0 ? 1 : len * 2, size);
	LK_ASSERT(array != NULL);
	return array;
}

struct ledger *
ledger_new(struct world *w)
{
	struct ledger *l = calloc(1, sizeof(*l));

	LK_ASSERT(l != NULL);
	l->world = w;
	return l;
}

void
ledger_revoke_clear(struct ledger_revoke *r)
{
	free(r->covered);
	free(r->kept);
	*r = (struct ledger_revoke){ 0 };
}

void
ledger_free(struct ledger *l)
{
	for (size_t i = 0; i < l->revokes_len; i++)
		ledger_revoke_clear(&l->revokes[i]);
	free(l->docs);
	free(l->grants);
	free(l->envelopes);
	free(l->edits);
	free(l->revokes);
	free(l->index);
	free(l);
}

size_t
ledger_doc(struct ledger *l, const struct node *n,
    const uint8_t docid[static LK_ID_LEN], bool home)
{
	for (size_t i = 0; i < l->docs_len; i++)
		if (memcmp(l->docs[i].docid, docid, LK_ID_LEN) == 0)
			return i;
	l->docs = grow(l->docs, l->docs_len, sizeof(*l->docs));
	l->docs[l->docs_len] =
	    (struct ledger_doc){ .home = home, .creator = n->index };
	memcpy(l->docs[l->docs_len].docid, docid, LK_ID_LEN);
	return l->docs_len++;
}

static size_t
index_slot(const struct ledger *l, const uint8_t *id)
{
	struct rd rd = rd_over(BYTES(id, LK_ID_LEN));
	size_t i = (size_t)rd_u64(&rd) & (l->index_len - 1);

	while (l->index[i] != 0 &&
	    memcmp(l->envelopes[l->index[i] - 1].id, id, LK_ID_LEN) != 0)
		i = (i + 1) & (l->index_len - 1);
	return i;
}

static void
index_make(struct ledger *l, size_t len)
{
	free(l->index);
	l->index = calloc(len, sizeof(*l->index));
	LK_ASSERT(l->index != NULL);
	l->index_len = len;
	for (size_t i = 0; i < l->envelopes_len; i++)
		l->index[index_slot(l, l->envelopes[i].id)] = i + 1;
}

struct ledger_envelope *
ledger_envelope_find(struct ledger *l, const uint8_t id[static 32])
{
	size_t slot;

	if (l->index_len == 0)
		return NULL;
	slot = index_slot(l, id);
	return l->index[slot] == 0 ? NULL : &l->envelopes[l->index[slot] - 1];
}

static struct ledger_envelope *
envelope_enter(struct ledger *l, size_t doc, const uint8_t *id)
{
	struct ledger_envelope *e = ledger_envelope_find(l, id);

	if (e != NULL)
		return e;
	if (4 * (l->envelopes_len + 1) > 3 * l->index_len)
		index_make(l, l->index_len == 0 ? 256 : 2 * l->index_len);
	l->envelopes =
	    grow(l->envelopes, l->envelopes_len, sizeof(*l->envelopes));
	e = &l->envelopes[l->envelopes_len];
	*e = (struct ledger_envelope){ .doc = doc };
	memcpy(e->id, id, LK_ID_LEN);
	l->index[index_slot(l, id)] = ++l->envelopes_len;
	return e;
}

void
ledger_forged(struct ledger *l, size_t doc, const uint8_t id[static 32],
    const char *breaks)
{
	envelope_enter(l, doc, id)->forged = breaks;
}

static bool
ref_equal(const struct grant_ref *a, const struct grant_ref *b)
{
	return a->index == b->index && memcmp(a->env, b->env, LK_ID_LEN) == 0;
}

static const struct ledger_grant *
grant_find(const struct ledger *l, size_t doc, const struct grant_ref *ref)
{
	for (size_t i = 0; i < l->grants_len; i++)
		if (l->grants[i].doc == doc &&
		    ref_equal(&l->grants[i].ref, ref))
			return &l->grants[i];
	return NULL;
}

/* Nobody is let in more often than he was invited: not by a used ticket. */
static void
invited_check(struct ledger *l, size_t doc, enum node_index node)
{
	enum person_index person = l->world->nodes[node].person;
	unsigned times = 0;

	/* The owner's devices enroll each other. */
	if (person == OWNER ||
	    person == l->world->nodes[l->docs[doc].creator].person)
		return;
	for (size_t i = 0; i < l->grants_len; i++)
		times += l->grants[i].doc == doc && l->grants[i].node == node;
	if (times > l->docs[doc].invited[person])
		world_fail(l->world,
		    "I2: %s was invited %u times to document %zu and let in %u "
		    "times",
		    l->world->nodes[node].name, l->docs[doc].invited[person],
		    doc, times);
}

/* Whoever gets a grant may read what was written before it. */
static void
grant_enter(
    struct ledger *l, size_t doc, const struct member *m, enum node_index node)
{
	l->grants = grow(l->grants, l->grants_len, sizeof(*l->grants));
	l->grants[l->grants_len++] = (struct ledger_grant){ .doc = doc,
		.ref = m->grant,
		.parent = m->parent,
		.own = (m->flags & GRANT_OWN) != 0,
		.node = node };
	l->docs[doc].granted |= 1u << node;
	invited_check(l, doc, node);
	for (size_t i = 0; i < l->edits_len; i++)
		if (l->edits[i].doc == doc)
			l->edits[i].hidden &= ~(1u << node);
}

/* Grants as this device sees them; what it says of itself counts only when it
 * wrote it. */
static void
members_note(struct ledger *l, struct node *n, uint32_t docno, bool local)
{
	size_t doc = node_doc(n, docno);
	struct member m;
	struct graph *g;

	world_need(n->world, replica_graph(n->replica, docno, &g), "graph");
	for (size_t i = 0; i < graph_members_len(g); i++) {
		struct node *who;

		graph_member(g, i, &m);
		who = world_node_of(n->world, m.key);
		if (who == NULL || m.role < ROLE_READ || (who == n && !local) ||
		    grant_find(l, doc, &m.grant) != NULL)
			continue;
		grant_enter(l, doc, &m, who->index);
	}
}

/* Devices this author knows may not read: he has seen every grant they ever
 * had, and none is left. */
static uint32_t
hidden_from(struct ledger *l, struct graph *g, size_t doc)
{
	uint32_t hidden = 0;

	for (size_t i = 0; i < NODES; i++) {
		const struct node *n = &l->world->nodes[i];

		if ((n->present || n->hostile != NULL) &&
		    graph_role(g, n->identity.sign.pk) < ROLE_READ)
			hidden |= 1u << i;
	}
	for (size_t i = 0; i < l->grants_len; i++)
		if (l->grants[i].doc == doc &&
		    graph_find(g, l->grants[i].ref.env) == GRAPH_NONE)
			hidden &= ~(1u << l->grants[i].node);
	return hidden;
}

static void
edit_enter(struct ledger *l, struct node *n, const struct replica_event *ev,
    struct ledger_envelope *e)
{
	struct change_info info;
	struct ledger_edit *edit;
	struct log_entry entry;
	struct envelope sealed;
	struct graph *g;

	world_need(n->world, replica_log(n->replica, ev->docno, ev->lsn, &info),
	    "log");
	if (!info.has_change || info.is_import)
		return;
	world_need(n->world, replica_graph(n->replica, ev->docno, &g), "graph");
	l->edits = grow(l->edits, l->edits_len, sizeof(*l->edits));
	edit = &l->edits[l->edits_len];
	*edit = (struct ledger_edit){ .doc = e->doc,
		.envelope = (size_t)(e - l->envelopes),
		.node = n->index,
		.hidden = hidden_from(l, g, e->doc) };
	edit->grant = graph_node_author(g, graph_find(g, ev->id)).grant;
	memcpy(edit->hash, info.hash, LK_ID_LEN);
	world_need(n->world, log_by_id(n->txn, ev->id, &entry), "log");
	leak_check(n, "in its log", entry.envelope);
	world_need(
	    n->world, envelope_parse(&sealed, entry.envelope), "envelope");
	memcpy(edit->etag, sealed.etag, ETAG_LEN);
	e->edit = ++l->edits_len;
}

void
ledger_durable(struct ledger *l, struct node *n, const struct replica_event *ev)
{
	size_t doc = node_doc(n, ev->docno);
	uint32_t bit = 1u << n->index;
	struct ledger_envelope *e;

	if (doc == SIZE_MAX)
		return;
	if (ev->access)
		leak_keys(n, ev->docno);
	if (ev->access || ev->local)
		members_note(l, n, ev->docno, ev->local);
	if (ev->lsn == 0)
		return;
	e = envelope_enter(l, doc, ev->id);
	if (e->forged != NULL)
		world_fail(n->world, "%s: %s took a forged envelope", e->forged,
		    n->name);
	if ((l->docs[doc].granted & bit) == 0)
		world_fail(n->world, "I2: %s has document %zu without a grant",
		    n->name, doc);
	e->have |= bit;
	e->kept |= bit;
	if (ev->local && e->edit == 0)
		edit_enter(l, n, ev, e);
	if (e->edit != 0 && (l->edits[e->edit - 1].hidden & bit) != 0)
		world_fail(n->world,
		    "I9: %s reads edit %zu of document %zu, written by %s who "
		    "knew it may not",
		    n->name, e->edit - 1, doc,
		    n->world->nodes[l->edits[e->edit - 1].node].name);
}

void
ledger_forget(struct ledger *l, const struct node *n, size_t doc)
{
	uint32_t bit = 1u << n->index;

	l->docs[doc].forgotten |= bit;
	l->docs[doc].forgets[n->index]++;
	for (size_t i = 0; i < l->envelopes_len; i++)
		if (l->envelopes[i].doc == doc)
			l->envelopes[i].kept &= ~bit;
}

void
ledger_let_in(struct ledger *l, struct node *n, uint32_t docno)
{
	if (node_doc(n, docno) != SIZE_MAX)
		members_note(l, n, docno, true);
}

void
ledger_cloned(
    struct ledger *l, struct node *clone, const struct replica_event *ev)
{
	size_t doc = node_doc(clone, ev->docno);

	l->docs[doc].cloned |= 1u << clone->index;
	edit_enter(l, clone, ev, envelope_enter(l, doc, ev->id));
}

void
ledger_adopt(struct ledger *l, struct node *n)
{
	for (uint32_t docno = 0;
	     replica_doc_next(n->replica, docno, &docno).code == LK_OK;) {
		struct log_entry entry = { .lsn = 0 };
		size_t doc = node_doc(n, docno);

		members_note(l, n, docno, true);
		leak_keys(n, docno);
		while (log_next(n->txn, docno, entry.lsn + 1, &entry).code ==
		    LK_OK) {
			struct ledger_envelope *e =
			    envelope_enter(l, doc, entry.id);

			e->have |= 1u << n->index;
			e->kept |= 1u << n->index;
		}
	}
}

struct ledger_edit *
ledger_edit_find(struct ledger *l, size_t doc, const uint8_t hash[static 32])
{
	for (size_t i = l->edits_len; i-- > 0;)
		if (l->edits[i].doc == doc &&
		    memcmp(l->edits[i].hash, hash, LK_ID_LEN) == 0)
			return &l->edits[i];
	return NULL;
}

static bool
covered_has(const struct ledger_revoke *r, const struct grant_ref *ref)
{
	for (size_t i = 0; i < r->covered_len; i++)
		if (ref_equal(&r->covered[i], ref))
			return true;
	return false;
}

static void
covered_add(struct ledger_revoke *r, const struct grant_ref *ref)
{
	r->covered = grow(r->covered, r->covered_len, sizeof(*r->covered));
	r->covered[r->covered_len++] = *ref;
}

void
ledger_revoke_plan(struct ledger_revoke *r, struct node *n, uint32_t docno,
    const uint8_t root_pk[static 32])
{
	struct ledger *l = n->world->ledger;
	struct member m;
	struct graph *g;

	*r = (struct ledger_revoke){ .doc = node_doc(n, docno) };
	world_need(n->world, replica_graph(n->replica, docno, &g), "graph");
	/* Parents come before their children. */
	for (size_t i = 0; i < graph_members_len(g); i++) {
		graph_member(g, i, &m);
		if (memcmp(m.key, root_pk, 32) == 0 &&
		    (m.ended_by == GRAPH_NONE || m.now > ROLE_NONE))
			covered_add(r, &m.grant);
		else if ((m.flags & GRANT_OWN) != 0 &&
		    covered_has(r, &m.parent))
			covered_add(r, &m.grant);
	}
	r->kept = calloc(l->edits_len + 1, sizeof(*r->kept));
	LK_ASSERT(r->kept != NULL);
	r->kept_len = l->edits_len;
	for (size_t i = 0; i < l->edits_len; i++)
		r->kept[i] = l->edits[i].doc == r->doc &&
		    graph_find(g, l->envelopes[l->edits[i].envelope].id) !=
			GRAPH_NONE;
}

void
ledger_revoke_said(struct ledger_revoke *r, struct node *n, uint32_t docno)
{
	struct member m;
	struct graph *g;

	r->node = n->index;
	world_need(n->world, replica_graph(n->replica, docno, &g), "graph");
	for (size_t i = 0; i < graph_members_len(g); i++) {
		graph_member(g, i, &m);
		if (m.ended_by != GRAPH_NONE && covered_has(r, &m.grant))
			graph_id(g, m.ended_by, r->id);
	}
}

bool
ledger_kept_back(const struct ledger *l, enum node_index node,
    const struct ledger_envelope *e)
{
	const struct world *w = l->world;

	if (w->nodes[node].hostile == NULL)
		return false;
	for (size_t i = 0; i < NODES; i++)
		if (w->nodes[i].present && (e->have & 1u << i) != 0)
			return false;
	return true;
}

bool
ledger_ended(struct ledger *l, size_t doc, const struct node *who)
{
	struct node *creator = &l->world->nodes[l->docs[doc].creator];
	bool ended = false;
	struct graph *g;
	uint32_t docno;

	if (creator->hostile != NULL)
		return true;
	if (creator == who || (l->docs[doc].granted & 1u << who->index) == 0)
		return false;
	node_look(creator);
	if (replica_doc_by_id(creator->replica, l->docs[doc].docid, &docno)
		.code == LK_OK) {
		world_need(l->world, replica_graph(creator->replica, docno, &g),
		    "graph");
		ended = graph_role(g, who->identity.sign.pk) < ROLE_READ;
	}
	node_look_end(creator);
	return ended;
}

static bool
all_copied(const struct graph *g, const struct node *who)
{
	const struct world *w = who->world;
	bool any = false;

	for (size_t i = 0; i < NODES; i++) {
		const struct node *n = &w->nodes[i];
		bool forked = false;

		if (n->person != who->person ||
		    graph_role(g, n->identity.sign.pk) < ROLE_READ)
			continue;
		(void)graph_tip(g, n->identity.sign.pk, &forked);
		if (!forked)
			return false;
		any = true;
	}
	return any;
}

bool
ledger_shut_in(struct ledger *l, size_t doc, const struct node *who)
{
	struct node *creator = &l->world->nodes[l->docs[doc].creator];
	bool shut_in = false;
	struct graph *g;
	uint32_t docno;

	node_look(creator);
	if (replica_doc_by_id(creator->replica, l->docs[doc].docid, &docno)
		.code == LK_OK) {
		world_need(l->world, replica_graph(creator->replica, docno, &g),
		    "graph");
		shut_in = graph_role(g, who->identity.sign.pk) < ROLE_READ &&
		    all_copied(g, who);
	}
	node_look_end(creator);
	return shut_in;
}

void
ledger_revoked(struct ledger *l, struct ledger_revoke *r)
{
	l->revokes = grow(l->revokes, l->revokes_len, sizeof(*l->revokes));
	l->revokes[l->revokes_len++] = *r;
	*r = (struct ledger_revoke){ 0 };
}

/* A grant below one that was ended is, whether it was known or not. */
static bool
is_covered(const struct ledger *l, const struct ledger_revoke *r,
    const struct grant_ref *ref)
{
	for (;;) {
		const struct ledger_grant *g = grant_find(l, r->doc, ref);

		if (covered_has(r, ref))
			return true;
		if (g == NULL || !g->own)
			return false;
		ref = &g->parent;
	}
}

bool
ledger_stands(struct ledger *l, size_t edit)
{
	const struct ledger_edit *e = &l->edits[edit];
	const struct ledger_envelope *said;

	for (size_t i = 0; i < l->revokes_len; i++) {
		const struct ledger_revoke *r = &l->revokes[i];

		if (r->doc != e->doc || !is_covered(l, r, &e->grant) ||
		    (edit < r->kept_len && r->kept[edit]))
			continue;
		said = ledger_envelope_find(l, r->id);
		if (said == NULL || !ledger_kept_back(l, r->node, said))
			return false;
	}
	return true;
}
