#include "tests/sim/clone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/entropy.h"
#include "tests/sim/prepare.h"
#include "tests/sim/typed.h"

#define CARRY_MS 700
#define CARRY_TRIES 3 /* at least */
#define CLONE_MAP ((size_t)256 * 1024 * 1024)

/* Envelopes of a copy are given to whoever is met. */
static lk_err
carry_run(struct node *n, struct command *c)
{
	struct typed *t = (struct typed *)c;
	struct carried *m = &n->world->carried[t->doc];
	struct bytes envelope = buf_bytes(&m->envelope);
	struct received verdict;

	TRY(replica_doc_by_id(
	    n->replica, n->world->ledger->docs[m->doc].docid, &t->docno));
	TRY(replica_receive(
	    n->replica, t->docno, NULL, &envelope, 1, &verdict));
	if (verdict.what == RECEIPT_REFUSED)
		world_fail(n->world, "I10: %s: refuses what a copy wrote: %s",
		    n->name, verdict.why);
	return LK_NONE;
}

/* It has reached who made the document and stays in it; or nobody needs it. */
static bool
carried_over(struct world *w, const struct carried *m)
{
	const struct ledger_doc *doc = &w->ledger->docs[m->doc];
	const struct ledger_envelope *e =
	    ledger_envelope_find(w->ledger, m->id);

	/* Who is hostile by now has nothing any more. */
	return (e->have & 1u << doc->creator) != 0 ||
	    (m->tries >= CARRY_TRIES &&
		(!ledger_stands(w->ledger, m->edit) ||
		    w->nodes[doc->creator].hostile != NULL));
}

void
clone_carry(struct world *w, size_t number)
{
	struct carried *m = &w->carried[number];
	struct typed t = { .world = w, .doc = number };
	struct node *n = &w->nodes[random_below(&w->random, NODES)];

	t.command = (struct command){ carry_run, NULL };
	if (n->present && n->up) {
		(void)node_round(n, &t.command);
		m->tries++;
	}
	m->over = carried_over(w, m);
	if (!m->over)
		schedule_put(&w->schedule,
		    w->now + world_between(w, 1, CARRY_MS), EVENT_COMMAND,
		    1 + 2 * (size_t)NODES + number, 0);
}

/* Takes what a copy has just written with it. */
static void
carried_add(void *ctx, struct node *clone, const struct replica_event *ev)
{
	struct world *w = clone->world;
	struct log_entry entry;
	struct carried *m;

	(void)ctx;
	ledger_cloned(w->ledger, clone, ev);
	w->carried =
	    reallocarray(w->carried, w->carried_len + 1, sizeof(*w->carried));
	LK_ASSERT(w->carried != NULL);
	m = &w->carried[w->carried_len];
	*m = (struct carried){ .doc = node_doc(clone, ev->docno),
		.edit = w->ledger->edits_len - 1 };
	memcpy(m->id, ev->id, LK_ID_LEN);
	world_need(w, log_by_id(clone->txn, ev->id, &entry), "log");
	buf_init(&m->envelope, ENVELOPE_MAX);
	buf_add(&m->envelope, entry.envelope);
	schedule_put(&w->schedule, w->now + world_between(w, 1, 20000),
	    EVENT_COMMAND, 1 + 2 * (size_t)NODES + w->carried_len++, 0);
}

/* One edit of a copy, which is committed and heard of by nobody. */
static void
clone_edit(struct node *clone, struct typed *t, clone_keep *keep, void *ctx)
{
	struct world *w = clone->world;
	const struct replica_event *events;
	struct replica_event *copy;
	size_t len;

	world_need(
	    w, txn_begin(clone->store, TXN_WRITE, &clone->txn), "txn_begin");
	replica_begin(clone->replica, clone->txn, node_now(clone));
	world_need(w, edit_run(clone, &t->command), "edit of a copy");
	world_need(w, txn_commit(clone->txn), "txn_commit");
	replica_committed(clone->replica, &events, &len);
	copy = calloc(len + 1, sizeof(*copy));
	LK_ASSERT(copy != NULL);
	if (len > 0)
		memcpy(copy, events, len * sizeof(*copy));
	clone->txn = NULL;
	node_look(clone);
	for (size_t i = 0; i < len; i++)
		if (copy[i].lsn > 0)
			keep(ctx, clone, &copy[i]);
	edit_committed(clone, &t->command);
	node_look_end(clone);
	free(copy);
}

void
clone_write(
    struct node *n, uint32_t docno, int64_t edits, clone_keep *keep, void *ctx)
{
	struct world *w = n->world;
	struct verifier verifier = { .run = verify_jobs_here };
	char path[PATH_MAX + 64];
	struct node clone;

	node_init(&clone, w, n->index);
	clone.name = "copy";
	clone.identity = n->identity;
	clone.mono_offset = n->mono_offset;
	clone.wall_offset = n->wall_offset;
	clone.random =
	    random_from_seed(&clone.seeded, w->seed * 1000 + ++w->clones);
	clone.seeded.key[31] = 3;
	(void)snprintf(
	    clone.dir, sizeof(clone.dir), "%s/copy%u", w->dir, w->clones);
	prepare_clone(&clone, n);
	(void)snprintf(path, sizeof(path), "%s/store", clone.dir);
	world_need(w, store_open(&clone.store, path, CLONE_MAP), "store_open");
	world_need(w,
	    replica_new(
		&clone.replica, &clone.identity, clone.random, verifier),
	    "replica_new");
	for (; edits > 0; edits--) {
		struct typed t = { .world = w, .docno = docno };

		clone_edit(&clone, &t, keep, ctx);
	}
	replica_free(clone.replica);
	store_close(clone.store);
	free(clone.docs);
	secret_wipe(&clone.identity, sizeof(clone.identity));
	directory_remove(clone.dir);
}

/* A document in which this device may write and somebody else decides: whoever
 * has heard of his copy writes nothing more, not a grant either. */
static uint32_t
clone_choose(struct node *n)
{
	struct ledger *l = n->world->ledger;
	uint32_t docno;

	node_look(n);
	if (!doc_choose(n, ROLE_WRITE, &docno) ||
	    role_here(n, docno) != ROLE_WRITE ||
	    (l->docs[node_doc(n, docno)].cloned & 1u << n->index) != 0)
		docno = 0;
	node_look_end(n);
	return docno;
}

void
clone_event(struct world *w)
{
	struct typed t = { .world = w };
	size_t from = (size_t)random_below(&w->random, NODES);
	struct node *n = NULL;

	for (size_t i = 0; i < NODES && t.docno == 0; i++) {
		n = &w->nodes[(from + i) % NODES];
		if (n->present && n->up && n->joined)
			t.docno = clone_choose(n);
	}
	if (t.docno == 0)
		return;
	world_say(w, "%s: is copied", n->name);
	clone_write(n, t.docno, world_between(w, 1, 3), carried_add, NULL);
	t.command = (struct command){ edit_run, edit_committed };
	if (!world_chance(w, 4))
		(void)node_round(n, &t.command);
}

bool
clones_over(const struct world *w)
{
	for (size_t i = 0; i < w->carried_len; i++)
		if (!w->carried[i].over)
			return false;
	return true;
}

void
clones_clear(struct world *w)
{
	for (size_t i = 0; i < w->carried_len; i++)
		buf_clear(&w->carried[i].envelope);
	free(w->carried);
}
