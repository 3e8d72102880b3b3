#include "tests/sim/typed.h"

enum role
role_here(struct node *n, uint32_t docno)
{
	struct graph *g;

	world_need(n->world, replica_graph(n->replica, docno, &g), "graph");
	return graph_role(g, n->identity.sign.pk);
}

bool
doc_choose(struct node *n, enum role least, uint32_t *docno)
{
	struct world *w = n->world;
	struct doc_summary doc;
	struct ledger *l = w->ledger;
	uint32_t found = 0;
	uint64_t seen = 0;

	for (uint32_t d = 0;
	     replica_doc_next(n->replica, d, &d).code == LK_OK;) {
		world_need(w, replica_doc(n->replica, d, &doc), "doc");
		if (doc.home || doc.role < least || doc.envelopes == 0)
			continue;
		/* Who was let in as admin has nobody to let in or throw out: it
		 * is there for those who turn hostile. */
		if (least == ROLE_ADMIN &&
		    w->nodes[l->docs[node_doc(n, d)].creator].person !=
			n->person)
			continue;
		if (random_below(&w->random, ++seen) == 0)
			found = d;
	}
	*docno = found;
	return found != 0;
}
