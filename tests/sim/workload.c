#include "tests/sim/workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/revoke.h"
#include "tests/sim/clone.h"
#include "tests/sim/forgetful.h"
#include "tests/sim/ledger.h"
#include "tests/sim/node.h"
#include "tests/sim/typed.h"

#define DAY_MS INT64_C(86400000)
#define ERRAND_MS 400
#define AGAIN_MS 5000
#define ACCUSE_MS 4000
/* EVENT_COMMAND numbers from here on: whom to throw out. */
#define ACCUSE (FORGET + 1)

static struct prop
prop_key(const char *key)
{
	return (struct prop){ .is_key = true, .key = BYTES_STR(key) };
}

static struct value
value_text(const char *text)
{
	return (struct value){ .type = VALUE_STR, .bytes = BYTES_STR(text) };
}

/* All or nothing, as daemon/request.c does it. */
static lk_err
nested(struct node *n, struct typed *t,
    lk_err (*run)(struct node *, struct typed *))
{
	lk_err err;

	world_need(n->world, replica_nest(n->replica), "nest");
	err = run(n, t);
	world_need(
	    n->world, replica_unnest(n->replica, err.code == LK_OK), "unnest");
	return err;
}

static lk_err
text_fill(struct world *w, struct edit *e, struct doc *d)
{
	struct item item;
	uint64_t length, at, gone = 0;
	char word[WORD_MAX];
	lk_err err = doc_get(d, DOC_ROOT, prop_key("text"), &item);

	if (err.code == LK_E_NOTFOUND || (err.code == LK_OK && !item.is_obj))
		return LK_NONE;
	TRY(err);
	TRY(doc_length(d, item.id, &length));
	at = random_below(&w->random, length + 1);
	if (length > at && world_chance(w, 3))
		gone = 1 +
		    random_below(&w->random, length - at < 6 ? length - at : 6);
	(void)snprintf(word, sizeof(word), "w%llu ",
	    (unsigned long long)random_below(&w->random, 100000));
	return edit_splice(e, item.id, at, gone, BYTES_STR(word));
}

static lk_err
edit_fill(void *ctx, struct edit *e, struct doc *d)
{
	struct typed *t = ctx;
	struct world *w = t->world;
	struct value v = value_text(t->key);
	struct item item;
	uint64_t what = random_below(&w->random, 8);

	t->counted = 0;
	if (what < 5)
		TRY(edit_put(e, DOC_ROOT, prop_key(t->key), &v));
	else
		t->key[0] = '\0';
	if (what == 1 || what == 5)
		TRY(edit_put(e, DOC_ROOT, prop_key("title"), &v));
	if (what == 2 || what == 6 || what == 7)
		TRY(text_fill(w, e, d));
	if ((what == 3 || what == 6) &&
	    doc_get(d, DOC_ROOT, prop_key("n"), &item).code == LK_OK) {
		t->counted = world_between(w, -5, 20);
		TRY(edit_increment(e, DOC_ROOT, prop_key("n"), t->counted));
	}
	if (what == 4 && world_chance(w, 2))
		TRY(edit_delete(e, DOC_ROOT, prop_key("title")));
	return LK_NONE;
}

static lk_err
edit_nested(struct node *n, struct typed *t)
{
	return replica_edit(
	    n->replica, t->docno, edit_fill, t, NULL, &t->changed, t->hash);
}

/* Whether this device knows that its key was used twice. */
static bool
knows_fork(struct node *n, uint32_t docno)
{
	struct graph *g;
	bool forked;

	world_need(n->world, replica_graph(n->replica, docno, &g), "graph");
	(void)graph_tip(g, n->identity.sign.pk, &forked);
	return forked;
}

/* Whoever may write can; whoever may not is told so, and so is who has heard
 * of a copy of himself. */
lk_err
edit_run(struct node *n, struct command *c)
{
	struct typed *t = (struct typed *)c;
	bool may;
	lk_err err;

	if (t->docno == 0 && !doc_choose(n, ROLE_NONE, &t->docno))
		return LK_ERR(LK_E_NOTFOUND, "no document");
	(void)snprintf(
	    t->key, sizeof(t->key), "k%zu", n->world->ledger->edits_len);
	may = role_here(n, t->docno) >= ROLE_WRITE &&
	    !knows_fork(n, t->docno) && !forgetful_behind(n, t->docno);
	err = nested(n, t, edit_nested);
	if (may ? err.code != LK_OK
		: err.code != LK_E_DENIED && err.code != LK_E_NOTFOUND)
		world_fail(n->world, "%s: edit as role %d: %s (%s)", n->name,
		    (int)role_here(n, t->docno), err.what,
		    lk_strcode(err.code));
	return err;
}

void
edit_committed(struct node *n, struct command *c)
{
	struct typed *t = (struct typed *)c;
	struct ledger_edit *e;

	if (!t->changed)
		return;
	e = ledger_edit_find(n->world->ledger, node_doc(n, t->docno), t->hash);
	if (e == NULL)
		world_fail(n->world, "%s: an edit is not in its log", n->name);
	e->counted = t->counted;
	(void)strlcpy(e->key, t->key, sizeof(e->key));
	world_say(n->world, "%s: edit %zu of document %zu", n->name,
	    (size_t)(e - n->world->ledger->edits), e->doc);
}

static lk_err
create_fill(void *ctx, struct edit *e, struct doc *d)
{
	struct value zero = { .type = VALUE_COUNTER, .i64 = 0 };
	struct op_id text;

	(void)ctx;
	(void)d;
	TRY(edit_put(e, DOC_ROOT, prop_key("n"), &zero));
	TRY(edit_make(e, DOC_ROOT, prop_key("text"), OBJ_TEXT, &text));
	return edit_splice(e, text, 0, 0, BYTES_STR(SIM_TEXT));
}

static lk_err
create_nested(struct node *n, struct typed *t)
{
	return replica_create(
	    n->replica, t->name, "map", create_fill, NULL, &t->docno);
}

static lk_err
create_run(struct node *n, struct command *c)
{
	struct typed *t = (struct typed *)c;

	/* Sometimes two devices take one name. */
	(void)snprintf(t->name, sizeof(t->name), "doc %llu",
	    (unsigned long long)random_below(&n->world->random, 1000));
	return nested(n, t, create_nested);
}

/* The i-th device of a person that takes part, joined ones only. */
static struct node *
device_choose(struct world *w, enum person_index person)
{
	struct node *found = NULL;
	uint64_t seen = 0;

	for (size_t i = 0; i < NODES; i++) {
		struct node *n = &w->nodes[i];

		if (n->present && n->joined && n->person == person &&
		    random_below(&w->random, ++seen) == 0)
			found = n;
	}
	return found;
}

/* Somebody else; NULL when there is nobody. */
static struct node *
other_choose(struct node *n)
{
	enum person_index p = (enum person_index)(
	    ((uint64_t)n->person + 1 +
		random_below(&n->world->random, PERSONS - 1)) %
	    PERSONS);

	return device_choose(n->world, p);
}

static lk_err
ticket_run(struct node *n, struct command *c)
{
	struct typed *t = (struct typed *)c;
	struct ticket_request want = { .purpose = t->purpose,
		.role = t->role,
		.uses = 1,
		.expires_ms = DAY_MS };

	if (t->purpose == TICKET_INVITE &&
	    !doc_choose(n, ROLE_ADMIN, &want.docno))
		return LK_ERR(LK_E_NOTFOUND, "no document to invite to");
	t->docno = want.docno;
	return engine_ticket(
	    n->engine, &want, node_now(n), t->ticket, sizeof(t->ticket));
}

/* The line is given to the other device, by whatever way people have. */
static void
ticket_committed(struct node *n, struct command *c)
{
	struct typed *t = (struct typed *)c;
	struct world *w = n->world;

	if (t->purpose == TICKET_INVITE)
		w->ledger->docs[node_doc(n, t->docno)]
		    .invited[t->other->person]++;
	for (size_t i = 0; i < ERRANDS_MAX; i++) {
		struct errand *e = &t->other->errands[i];

		if (e->ticket[0] != '\0')
			continue;
		*e = (struct errand){ .purpose = t->purpose,
			.issuer = n->person,
			.from = n->index };
		(void)strlcpy(e->ticket, t->ticket, sizeof(e->ticket));
		if (t->purpose == TICKET_INVITE)
			e->doc = node_doc(n, t->docno);
		world_say(w, "%s: ticket for %s, document %zu", n->name,
		    t->other->name, e->doc);
		schedule_put(&w->schedule, w->now + world_between(w, 10, 3000),
		    EVENT_COMMAND, 1 + (size_t)t->other->index, 0);
		return;
	}
}

static lk_err
share_nested(struct node *n, struct typed *t)
{
	ARENA_SCOPED arena = { 0 };
	struct person person;

	arena_init(&arena, (size_t)1024 * 1024);
	TRY(home_person(
	    n->replica, t->other->identity.root_pk, &arena, &person));
	return replica_share(n->replica, t->docno, &person, t->role);
}

static lk_err
share_run(struct node *n, struct command *c)
{
	struct typed *t = (struct typed *)c;
	lk_err err;

	/* Who has died over his first ticket knows nobody, and takes nothing
	 * from strangers. */
	if (!n->world->ledger->met[n->person][t->other->person] ||
	    (t->docno == 0 && !doc_choose(n, ROLE_ADMIN, &t->docno)))
		return LK_ERR(LK_E_NOTFOUND, "no document to share");
	err = nested(n, t, share_nested);
	if (err.code != LK_OK && err.code != LK_E_NOTFOUND &&
	    err.code != LK_E_EXISTS && !forgetful_behind(n, t->docno))
		world_fail(n->world, "%s: share: %s (%s)", n->name, err.what,
		    lk_strcode(err.code));
	/* Counted before it is durable: it may be seen elsewhere first. */
	n->world->ledger->docs[node_doc(n, t->docno)]
	    .invited[t->other->person] += err.code == LK_OK;
	return err;
}

static lk_err
revoke_nested(struct node *n, struct typed *t)
{
	struct revoke_report report;

	return replica_revoke(n->replica, t->docno,
	    &(struct revoke_order){ .key = t->other->identity.root_pk },
	    &report);
}

static lk_err
revoke_run(struct node *n, struct command *c)
{
	struct typed *t = (struct typed *)c;
	lk_err err;

	if (t->docno == 0 && !doc_choose(n, ROLE_ADMIN, &t->docno))
		return LK_ERR(LK_E_NOTFOUND, "no document to revoke in");
	ledger_revoke_plan(&t->revoke, n, t->docno, t->other->identity.root_pk);
	err = nested(n, t, revoke_nested);
	if (err.code == LK_OK)
		ledger_revoke_said(&t->revoke, n, t->docno);
	if (err.code != LK_OK && err.code != LK_E_NOTFOUND &&
	    err.code != LK_E_DENIED && err.code != LK_E_EXISTS)
		world_fail(n->world, "%s: revoke: %s (%s)", n->name, err.what,
		    lk_strcode(err.code));
	return err;
}

static void
revoke_committed(struct node *n, struct command *c)
{
	struct typed *t = (struct typed *)c;

	world_say(n->world, "%s: revokes %s in document %zu", n->name,
	    t->other->name, t->revoke.doc);
	ledger_revoked(n->world->ledger, &t->revoke);
}

static lk_err
leave_nested(struct node *n, struct typed *t)
{
	return replica_leave(n->replica, t->docno);
}

/* Whoever made a document stays in it, and whoever has a copy: what that one
 * writes would have to be known to be void. */
static lk_err
leave_run(struct node *n, struct command *c)
{
	struct typed *t = (struct typed *)c;
	struct ledger *l = n->world->ledger;

	if (!doc_choose(n, ROLE_READ, &t->docno) ||
	    (l->docs[node_doc(n, t->docno)].cloned & 1u << n->index) != 0 ||
	    n->world->nodes[l->docs[node_doc(n, t->docno)].creator].person ==
		n->person)
		return LK_ERR(LK_E_NOTFOUND, "no document to leave");
	world_say(n->world, "%s: leaves document %zu", n->name,
	    node_doc(n, t->docno));
	return nested(n, t, leave_nested);
}

static void
leave_committed(struct node *n, struct command *c)
{
	struct typed *t = (struct typed *)c;

	n->world->ledger->docs[node_doc(n, t->docno)].left |= 1u << n->index;
}

/* A true envelope with a bit changed behind its topic; not in the name of its
 * key, with which it would only wait. */
static lk_err
forge_run(struct node *n, struct command *c)
{
	struct typed *t = (struct typed *)c;
	struct world *w = n->world;
	struct log_entry entry;
	struct received verdict;
	uint8_t id[LK_ID_LEN];
	struct bytes forged;
	size_t at;
	BUF_SCOPED b = { 0 };

	buf_init(&b, ENVELOPE_MAX);
	if (!doc_choose(n, ROLE_READ, &t->docno))
		return LK_ERR(LK_E_NOTFOUND, "no document to forge in");
	TRY(log_next(n->txn, t->docno, 1, &entry));
	while (world_chance(w, 2) && entry.lsn > 0 &&
	    log_next(n->txn, t->docno, entry.lsn + 1, &entry).code == LK_OK)
		continue;
	TRY(log_by_id(n->txn, entry.id, &entry));
	buf_add(&b, entry.envelope);
	do {
		at = (size_t)world_between(w, 18, (int64_t)b.len - 1);
	} while (at >= 74 && at < 90);
	b.ptr[at] ^= (uint8_t)(1 << random_below(&w->random, 8));
	forged = buf_bytes(&b);
	digest(id, LK_ID_LEN, DIGEST_ENVELOPE, NULL, forged);
	ledger_forged(w->ledger, node_doc(n, t->docno), id, "S2");
	TRY(replica_receive(n->replica, t->docno, NULL, &forged, 1, &verdict));
	if (verdict.what != RECEIPT_REFUSED)
		world_fail(w, "%s: a forged envelope is %d (%s), byte %zu",
		    n->name, (int)verdict.what,
		    verdict.why == NULL ? "" : verdict.why, at);
	return LK_NONE;
}

/* Whether the identity says that this device is its owner's. */
static bool
has_joined(const struct node *n)
{
	return n->person == OWNER &&
	    memcmp(n->identity.root_pk,
		n->world->nodes[LAPTOP].identity.root_pk, 32) == 0;
}

static void
errand_done(struct node *n, struct errand *e)
{
	world_say(n->world, "%s: ticket used", n->name);
	n->world->ledger->met[e->issuer][n->person] = true;
	if (e->purpose == TICKET_INVITE && !e->again)
		n->used = *e;
	if (e->purpose == TICKET_DEVICE)
		n->joined = true;
	e->ticket[0] = '\0';
}

/* What the ticket was for is not to be had any more: the guest was thrown out
 * again, a document the owner lists is closed to him, or those of his devices
 * that have it can let no other in. */
static bool
errand_moot(struct node *n, const struct errand *e)
{
	if (e->purpose == TICKET_DEVICE)
		return has_joined(n);
	return ledger_ended(n->world->ledger, e->doc, n) ||
	    ledger_shut_in(n->world->ledger, e->doc, n);
}

static bool
person_was_in(const struct node *n, size_t doc)
{
	const struct world *w = n->world;

	for (size_t i = 0; i < NODES; i++)
		if (w->nodes[i].person == n->person &&
		    (w->ledger->docs[doc].granted & 1u << i) != 0)
			return true;
	return false;
}

static lk_err
errand_one(struct node *n, struct errand *e)
{
	struct world *w = n->world;
	struct redeem_status status;

	/* Who made it does not honour it any more, or not as it should be. */
	if (w->nodes[e->from].hostile != NULL) {
		e->ticket[0] = '\0';
		return LK_NONE;
	}
	if (e->handle == 0) {
		lk_err err = engine_redeem(
		    n->engine, e->ticket, e->purpose, node_now(n), &e->handle);

		/* It had worked, and then the device died. */
		if (err.code != LK_E_DENIED || !has_joined(n))
			return err;
		errand_done(n, e);
		return LK_NONE;
	}
	TRY(engine_redeemed(n->engine, e->handle, &status));
	if (e->again && (status.state != REDEEM_TRYING || w->now > e->until)) {
		e->ticket[0] = '\0';
		return LK_NONE;
	}
	if (status.state == REDEEM_REFUSED) {
		/* Let in, and thrown out before the answer came: he, or
		 * another device of his. */
		if (e->purpose == TICKET_DEVICE ||
		    (!person_was_in(n, e->doc) &&
			(w->ledger->docs[e->doc].forgotten & 1u << e->from) ==
			    0))
			world_fail(w, "%s: ticket refused: %s", n->name,
			    status.why == NULL ? "" : status.why);
		e->ticket[0] = '\0';
		return LK_NONE;
	}
	if (status.state != REDEEM_DONE && (w->faults || !errand_moot(n, e)))
		return LK_NONE;
	errand_done(n, e);
	return LK_NONE;
}

static lk_err
errand_run(struct node *n, struct command *c)
{
	(void)c;
	for (size_t i = 0; i < ERRANDS_MAX; i++) {
		struct errand *e = &n->errands[i];
		lk_err err;

		if (e->ticket[0] == '\0')
			continue;
		err = errand_one(n, e);
		if (err.code != LK_OK)
			world_fail(n->world, "%s: redeem: %s (%s)", n->name,
			    err.what, lk_strcode(err.code));
	}
	return LK_NONE;
}

static void
errand_event(struct world *w, struct node *n)
{
	struct typed t = { .command = { .run = errand_run }, .world = w };
	bool more = false;

	if (n->up && n->present)
		(void)node_round(n, &t.command);
	for (size_t i = 0; i < ERRANDS_MAX; i++)
		more |= n->errands[i].ticket[0] != '\0';
	if (more)
		schedule_put(&w->schedule, w->now + ERRAND_MS, EVENT_COMMAND,
		    1 + (size_t)n->index, 0);
}

/* A ticket that was used already, once more: perhaps the guest was thrown out
 * meanwhile. */
static lk_err
again_run(struct node *n, struct command *c)
{
	struct errand *e = &n->errands[ERRANDS_MAX - 1];
	struct world *w = n->world;

	(void)c;
	if (n->used.ticket[0] == '\0' || e->ticket[0] != '\0')
		return LK_ERR(LK_E_NOTFOUND, "no ticket");
	*e = n->used;
	e->again = true;
	e->handle = 0;
	e->until = w->now + AGAIN_MS;
	world_say(w, "%s: tries a used ticket, document %zu", n->name, e->doc);
	schedule_put(
	    &w->schedule, w->now, EVENT_COMMAND, 1 + (size_t)n->index, 0);
	return LK_NONE;
}

/* A document in which both may let in and throw out, in which `out` is and `in`
 * is not, as each of them sees it; its number at each. */
static bool
cross_choose(struct node *both[static 2], const struct node *out,
    const struct node *in, uint32_t docnos[static 2])
{
	const struct node *whom[2] = { out, in };
	struct doc_summary doc;
	struct graph *g;
	bool fits;

	node_look(both[0]);
	fits = doc_choose(both[0], ROLE_ADMIN, &docnos[0]);
	if (fits)
		world_need(both[0]->world,
		    replica_doc(both[0]->replica, docnos[0], &doc), "doc");
	node_look_end(both[0]);
	for (size_t i = 0; i < 2 && fits; i++) {
		node_look(both[i]);
		fits =
		    replica_doc_by_id(both[i]->replica, doc.docid, &docnos[i])
			    .code == LK_OK &&
		    role_here(both[i], docnos[i]) == ROLE_ADMIN;
		if (fits)
			world_need(both[i]->world,
			    replica_graph(both[i]->replica, docnos[i], &g),
			    "graph");
		fits = fits &&
		    (graph_role(g, whom[i]->identity.sign.pk) >= ROLE_READ) ==
			(i == 0);
		node_look_end(both[i]);
	}
	return fits;
}

/* One device throws somebody out and writes on, another one lets somebody else
 * in who cannot have got the new key. */
static void
cross_event(struct world *w)
{
	/* One declaration after the other: a list has no order. */
	struct node *first = device_choose(w, OWNER);
	struct node *second = device_choose(w, OWNER);
	struct node *both[2] = { first, second };
	bool turn = world_chance(w, 2);
	struct node *out = &w->nodes[turn ? FRIEND : FOURTH];
	struct node *in = &w->nodes[turn ? FOURTH : FRIEND];
	struct typed revoke = { { revoke_run, revoke_committed }, .world = w,
		.other = out };
	struct typed edit = { { edit_run, edit_committed }, .world = w };
	struct typed share = { { share_run, NULL }, .world = w, .other = in,
		.role = ROLE_WRITE };
	uint32_t docnos[2];

	if (both[0] == both[1] || !both[0]->up || !both[1]->up ||
	    !in->present || !cross_choose(both, out, in, docnos))
		return;
	world_say(w, "%s and %s cross", both[0]->name, both[1]->name);
	revoke.docno = edit.docno = docnos[0];
	share.docno = docnos[1];
	if (node_round(both[0], &revoke.command).code == LK_OK && both[0]->up)
		(void)node_round(both[0], &edit.command);
	ledger_revoke_clear(&revoke.revoke);
	if (both[1]->up)
		(void)node_round(both[1], &share.command);
}

/* What is typed, and how often in a hundred; with somebody else or alone; or
 * what happens without one who types. */
static const struct {
	unsigned share;
	bool other;
	struct command command;
	const char *name;
	void (*event)(struct world *);
} verbs[] = {
	{ 50, false, { edit_run, edit_committed }, "edit", NULL },
	{ 4, false, { NULL, NULL }, "cross", cross_event },
	{ 3, false, { NULL, NULL }, "copy", clone_event },
	{ 3, false, { again_run, NULL }, "again", NULL },
	{ 7, false, { create_run, NULL }, "create", NULL },
	{ 12, true, { ticket_run, ticket_committed }, "invite", NULL },
	{ 6, true, { share_run, NULL }, "share", NULL },
	{ 8, true, { revoke_run, revoke_committed }, "revoke", NULL },
	{ 2, false, { leave_run, leave_committed }, "leave", NULL },
	{ 5, false, { forge_run, NULL }, "forge", NULL },
};

static void
random_event(struct world *w)
{
	unsigned share = (unsigned)random_below(&w->random, 100);
	struct node *n = &w->nodes[random_below(&w->random, NODES)];
	struct typed t = { .world = w, .purpose = TICKET_INVITE };
	size_t i = 0;
	lk_err err;

	while (share >= verbs[i].share)
		share -= verbs[i++].share;
	if (verbs[i].event != NULL) {
		verbs[i].event(w);
		return;
	}
	if (!n->present || !n->up || !n->joined)
		return;
	t.command = verbs[i].command;
	t.role = world_chance(w, 4)                 ? ROLE_READ
	    : w->plan.admins && !world_chance(w, 4) ? ROLE_ADMIN
						    : ROLE_WRITE;
	if (verbs[i].other)
		t.other = other_choose(n);
	if (verbs[i].other && t.other == NULL)
		return;
	err = node_round(n, &t.command);
	world_trace(w, verbs[i].name, (uint64_t)err.code, BYTES(NULL, 0));
	ledger_revoke_clear(&t.revoke);
}

static void
pair_event(struct world *w, struct node *joiner)
{
	struct node *n = device_choose(w, OWNER);
	struct typed t = {
		.world = w, .purpose = TICKET_DEVICE, .other = joiner
	};

	t.command = (struct command){ ticket_run, ticket_committed };
	if (joiner->joined)
		return;
	if (n->up && node_round(n, &t.command).code == LK_OK &&
	    joiner->errands[0].ticket[0] != '\0')
		return;
	schedule_put(&w->schedule, w->now + ERRAND_MS, EVENT_COMMAND,
	    1 + (size_t)NODES + (size_t)joiner->index, 0);
}

/* A document in which this device may throw somebody out, who is in it. */
static uint32_t
accuse_choose(struct node *n, const struct node *whom)
{
	uint32_t docno = 0, found = 0;
	struct world *w = n->world;
	struct doc_summary doc;
	struct graph *g;

	node_look(n);
	while (found == 0 &&
	    replica_doc_next(n->replica, docno, &docno).code == LK_OK) {
		world_need(
		    n->world, replica_doc(n->replica, docno, &doc), "doc");
		world_need(
		    n->world, replica_graph(n->replica, docno, &g), "graph");
		if (!doc.home && doc.role == ROLE_ADMIN &&
		    w->nodes[w->ledger->docs[node_doc(n, docno)].creator]
			    .person == n->person &&
		    graph_role(g, whom->identity.sign.pk) >= ROLE_READ &&
		    world_chance(n->world, 2))
			found = docno;
	}
	node_look_end(n);
	return found;
}

static void
accuse_event(struct world *w, struct node *whom)
{
	struct node *n = &w->nodes[random_below(&w->random, NODES)];
	struct typed t = { .world = w, .other = whom };

	t.command = (struct command){ revoke_run, revoke_committed };
	if (n->present && n->up && n->joined)
		t.docno = accuse_choose(n, whom);
	if (t.docno != 0)
		(void)node_round(n, &t.command);
	ledger_revoke_clear(&t.revoke);
	if (w->faults)
		workload_accuse(whom);
}

void
workload_accuse(struct node *whom)
{
	struct world *w = whom->world;

	schedule_put(&w->schedule, w->now + world_between(w, 1, ACCUSE_MS),
	    EVENT_COMMAND, ACCUSE + whom->index, 0);
}

void
workload_event(struct world *w, size_t what)
{
	if (what >= ACCUSE)
		accuse_event(w, &w->nodes[what - ACCUSE]);
	else if (what == FORGET)
		forgetful_event(w);
	else if (what == 0)
		random_event(w);
	else if (what <= NODES)
		errand_event(w, &w->nodes[what - 1]);
	else if (what <= 2 * (size_t)NODES)
		pair_event(w, &w->nodes[what - 1 - NODES]);
	else
		clone_carry(w, what - 1 - 2 * (size_t)NODES);
}

void
workload_plan(struct world *w)
{
	int64_t most = w->plan.late_pairing ? w->plan.active_ms : 2000;

	for (size_t i = 0; i < NODES; i++) {
		if (w->nodes[i].present && !w->nodes[i].joined)
			schedule_put(&w->schedule, world_between(w, 10, most),
			    EVENT_COMMAND, 1 + NODES + i, 0);
	}
	for (size_t i = 0; i < w->plan.commands; i++)
		schedule_put(&w->schedule,
		    world_between(w, 1, w->plan.active_ms), EVENT_COMMAND, 0,
		    0);
	forgetful_plan(w);
}
