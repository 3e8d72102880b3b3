#include "tests/sim/dump.h"

#include "tests/sim/ledger.h"
#include "tests/sim/node.h"

/* The first bytes of an id as a number to be printed. */
static unsigned
short_id(const uint8_t *id)
{
	return (unsigned)id[0] << 8 | id[1];
}

static const char *
name_of(struct world *w, const uint8_t *key)
{
	struct node *n = world_node_of(w, key);

	return n == NULL ? "root" : n->name;
}

void
dump_doc(struct node *n, uint32_t docno)
{
	struct world *w = n->world;
	uint8_t id[LK_ID_LEN];
	struct member m;
	struct graph *g;

	world_need(w, replica_graph(n->replica, docno, &g), "graph");
	world_say(w, "document %zu as %s sees it", node_doc(n, docno), n->name);
	for (size_t i = 0; i < graph_members_len(g); i++) {
		graph_member(g, i, &m);
		world_say(w,
		    "  grant %04x/%d of %s below %04x/%d, role %d, now %d, "
		    "rank %d, flags %d, envelope %u, ended by %d",
		    short_id(m.grant.env), m.grant.index, name_of(w, m.key),
		    short_id(m.parent.env), m.parent.index, (int)m.role,
		    (int)m.now, m.rank, m.flags, m.node, (int)m.ended_by);
	}
	for (uint32_t i = 0; i < graph_len(g); i++) {
		struct graph_author a = graph_node_author(g, i);

		graph_id(g, i, id);
		world_say(w,
		    "  envelope %u %04x by %s seq %llu under %04x/%d%s%s, "
		    "voided by %d",
		    i, short_id(id), name_of(w, a.key),
		    (unsigned long long)graph_seq(g, i), short_id(a.grant.env),
		    a.grant.index, graph_visible(g, i) ? ", visible" : "",
		    graph_essential(g, i) ? ", essential" : "",
		    (int)graph_voided_by(g, i));
	}
}

void
dump_edit(struct world *w, size_t edit)
{
	const struct ledger *l = w->ledger;
	const struct ledger_edit *e = &l->edits[edit];

	world_say(w, "edit %zu is envelope %04x, under grant %04x/%d", edit,
	    short_id(l->envelopes[e->envelope].id), short_id(e->grant.env),
	    e->grant.index);
	for (size_t i = 0; i < l->revokes_len; i++) {
		const struct ledger_revoke *r = &l->revokes[i];

		if (r->doc != e->doc)
			continue;
		world_say(w, "  revocation %zu %s it", i,
		    edit < r->kept_len && r->kept[edit] ? "has seen"
							: "has not seen");
		for (size_t k = 0; k < r->covered_len; k++)
			world_say(w, "    ends grant %04x/%d",
			    short_id(r->covered[k].env), r->covered[k].index);
	}
}
