#include "tests/sim/forgetful.h"

#include "sync/forget.h"
#include "tests/sim/inside.h"
#include "tests/sim/typed.h"
#include "tests/sim/workload.h"

#define SEEDS 4
#define EVENTS_MOST 24

/* The one who made a document never forgets it here, so that nothing is lost:
 * he has all of it, and is connected. */
static bool
is_safe(struct node *n, uint32_t docno, const struct ledger_doc *doc)
{
	const struct node *maker = &n->world->nodes[doc->creator];
	struct sync_status s;

	if (maker == n || maker->hostile != NULL || n->hostile != NULL ||
	    doc->cloned != 0)
		return false;
	for (size_t i = 0;
	     engine_sync_status(n->engine, docno, i, &s).code == LK_OK; i++)
		if (world_node_of(n->world, s.pk) == maker)
			return s.state == SYNC_DONE && s.connected;
	return false;
}

static bool
safe_find(struct node *n, uint32_t *docno)
{
	return doc_choose(n, ROLE_READ, docno) &&
	    is_safe(n, *docno, &n->world->ledger->docs[node_doc(n, *docno)]);
}

/* One that was wanted again and is not back: it wrote nothing to it since. */
static bool
behind_find(struct node *n, uint32_t *docno)
{
	struct doc_summary doc;

	for (*docno = 0;
	     replica_doc_next(n->replica, *docno, docno).code == LK_OK;) {
		world_need(
		    n->world, replica_doc(n->replica, *docno, &doc), "doc");
		if (n->hostile == NULL && !doc.forgotten &&
		    forgetful_behind(n, *docno))
			return true;
	}
	return false;
}

static lk_err
forget_run(struct node *n, struct command *c)
{
	struct typed *t = (struct typed *)c;
	uint32_t empty;
	lk_err err;

	if (!behind_find(n, &t->docno) && !safe_find(n, &t->docno))
		return LK_ERR(LK_E_NOTFOUND, "no document to forget");
	t->doc = node_doc(n, t->docno);
	err = engine_forget(n->engine, t->docno, node_now(n), &empty);
	if (err.code != LK_OK)
		world_fail(n->world, "%s: forget: %s", n->name, err.what);
	/* Before it is durable: after a crash it may be so or not. */
	ledger_forget(n->world->ledger, n, t->doc);
	world_say(n->world, "%s: forgets document %zu", n->name, t->doc);
	return LK_NONE;
}

/* The first document that was forgotten; false: there is none. */
static bool
forgotten_find(struct node *n, uint32_t *docno)
{
	struct doc_summary doc;

	for (*docno = 0;
	     replica_doc_next(n->replica, *docno, docno).code == LK_OK;) {
		world_need(
		    n->world, replica_doc(n->replica, *docno, &doc), "doc");
		if (doc.forgotten)
			return true;
	}
	return false;
}

static lk_err
recall_run(struct node *n, struct command *c)
{
	uint32_t docno;
	lk_err err;

	(void)c;
	if (!forgotten_find(n, &docno))
		return LK_ERR(LK_E_NOTFOUND, "nothing was forgotten");
	err = engine_recall(n->engine, docno, node_now(n));
	if (err.code != LK_OK && err.code != LK_E_AGAIN)
		world_fail(n->world, "%s: recall: %s", n->name, err.what);
	world_say(n->world, "%s: wants document %zu again%s", n->name,
	    node_doc(n, docno), err.code == LK_OK ? "" : ", too early");
	return err;
}

void
forgetful_event(struct world *w)
{
	struct node *n = &w->nodes[random_below(&w->random, NODES)];
	struct typed t = { .world = w };
	lk_err err;

	t.command.run = world_chance(w, 2) ? forget_run : recall_run;
	if (!n->present || !n->up || !n->joined)
		return;
	err = node_round(n, &t.command);
	world_trace(w, "forget", (uint64_t)err.code, BYTES(NULL, 0));
}

bool
forgetful_over(struct world *w)
{
	bool over = true;

	for (size_t i = 0; i < NODES; i++) {
		struct node *n = &w->nodes[i];
		struct typed t = { .world = w };
		uint32_t docno;
		bool any;

		t.command.run = recall_run;
		if (!n->present || !n->up)
			continue;
		node_look(n);
		any = forgotten_find(n, &docno);
		node_look_end(n);
		over &= !any;
		if (any)
			(void)node_round(n, &t.command);
	}
	return over;
}

bool
forgetful_behind(struct node *n, uint32_t docno)
{
	return inside_behind(n->replica, docno, n->identity.sign.pk);
}

void
forgetful_plan(struct world *w)
{
	int64_t events;

	if (w->seed % SEEDS != SEEDS - 1)
		return;
	events = world_between(w, 1, EVENTS_MOST);
	for (int64_t i = 0; i < events; i++)
		schedule_put(&w->schedule,
		    world_between(w, 1, w->plan.active_ms), EVENT_COMMAND,
		    FORGET, 0);
}
