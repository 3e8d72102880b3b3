#include "tests/sim/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/clone.h"
#include "tests/sim/dump.h"
#include "tests/sim/forgetful.h"
#include "tests/sim/inside.h"
#include "tests/sim/ledger.h"
#include "tests/sim/node.h"
#include "tests/sim/told.h"

#define HEADS_MAX 64
#define EXPORT_MAX ((size_t)16 * 1024 * 1024)
#define SAY_MS 300000  /* only what is still so shortly before the end */
#define DONE_ODDS 6    /* one round in so many looks at SYNC_DONE */
#define AGAIN_ODDS 400 /* and at the order of arrival */

/* Everything a device is said to have of a document is durable there, and has
 * been since the last time it was known to have forgotten it. */
static void
done_check(struct node *n, uint32_t docno, const struct node *other)
{
	struct world *w = n->world;
	const struct ledger_doc *doc = &w->ledger->docs[node_doc(n, docno)];
	bool knows = n->index < NODES && other->index < NODES &&
	    doc->heard[n->index][other->index] == doc->forgets[other->index];
	struct log_entry entry = { .lsn = 0 };

	while (log_next(n->txn, docno, entry.lsn + 1, &entry).code == LK_OK) {
		struct ledger_envelope *e;

		if (!entry.essential)
			continue;
		e = ledger_envelope_find(w->ledger, entry.id);
		if (e == NULL ||
		    ((knows ? e->kept : e->have) & 1u << other->index) == 0)
			world_fail(w,
			    "S1: %s says that %s has all of document %zu, but "
			    "lsn "
			    "%llu is not there",
			    n->name, other->name, node_doc(n, docno),
			    (unsigned long long)entry.lsn);
	}
}

static void
forgotten_note(struct node *n, uint32_t docno, const struct node *other)
{
	struct ledger_doc *doc = &n->world->ledger->docs[node_doc(n, docno)];

	if (n->index < NODES && other->index < NODES)
		doc->heard[n->index][other->index] = doc->forgets[other->index];
}

/* Whether every other reader is known to have everything. */
static bool
done_all(struct node *n, uint32_t docno, bool say)
{
	struct sync_status s;
	bool all = true;

	for (size_t i = 0;
	     engine_sync_status(n->engine, docno, i, &s).code == LK_OK; i++) {
		struct node *other = world_node_of(n->world, s.pk);

		/* Who is hostile, or his friend, need not say what he has. */
		if (other == NULL || other->hostile != NULL)
			continue;
		if (s.state == SYNC_DONE) {
			done_check(n, docno, other);
			continue;
		}
		if (s.state == SYNC_FORGOTTEN)
			forgotten_note(n, docno, other);
		all = false;
		if (say)
			world_say(n->world,
			    "%s, document %zu: %s is %s, lacks %llu, %s",
			    n->name, node_doc(n, docno), other->name,
			    s.state == SYNC_PENDING ? "pending" : "unknown",
			    (unsigned long long)s.pending,
			    s.connected ? "connected" : "not connected");
	}
	return all;
}

/* What came in another order counts for the same. */
static void
again_check(struct node *n, uint32_t docno)
{
	uint32_t differs;

	world_need(n->world,
	    inside_again(n->replica, docno, &n->world->random, &differs),
	    "entering again");
	if (differs == GRAPH_NONE)
		return;
	dump_doc(n, docno);
	world_fail(n->world,
	    "I1: %s: document %zu: envelope %u counts otherwise when it comes "
	    "in another order",
	    n->name, node_doc(n, docno), (unsigned)differs);
}

static void
again_check_all(struct node *n)
{
	node_look(n);
	for (uint32_t docno = 0;
	     replica_doc_next(n->replica, docno, &docno).code == LK_OK;)
		again_check(n, docno);
	node_look_end(n);
}

void
check_node(struct node *n)
{
	if (world_chance(n->world, AGAIN_ODDS))
		again_check_all(n);
	if (!world_chance(n->world, DONE_ODDS))
		return;
	node_look(n);
	for (uint32_t docno = 0;
	     replica_doc_next(n->replica, docno, &docno).code == LK_OK;)
		(void)done_all(n, docno, false);
	node_look_end(n);
}

/* A device that pairs gives up the home it had alone. */
static bool
doc_may_go(const struct node *n, const struct ledger_doc *doc)
{
	return doc->home && doc->creator == n->index && n->index != LAPTOP &&
	    n->person == OWNER;
}

void
check_survived(struct node *n)
{
	struct ledger *l = n->world->ledger;

	node_look(n);
	for (size_t i = 0; i < l->envelopes_len; i++) {
		const struct ledger_envelope *e = &l->envelopes[i];

		if ((e->have & 1u << n->index) == 0 ||
		    (l->docs[e->doc].forgotten & 1u << n->index) != 0 ||
		    doc_may_go(n, &l->docs[e->doc]))
			continue;
		if (!log_has(n->txn, e->id))
			world_fail(n->world,
			    "S1: %s: an envelope of document %zu that was "
			    "durable "
			    "is gone after a crash",
			    n->name, e->doc);
	}
	node_look_end(n);
}

static bool
is_late(const struct world *w)
{
	return w->now > w->plan.active_ms + SAY_MS;
}

/* What a device holds of a document, to be compared. */
struct state {
	bool has;
	enum role role;
	struct fingerprint fp;
	uint8_t heads[HEADS_MAX][LK_ID_LEN];
	size_t heads_len;
	bool done; /* it knows that the others have everything */
};

static bool
is_gone(const struct world *w, const struct ledger_doc *doc)
{
	/* Between those whom he alone knows both there is no honest path. */
	return w->nodes[doc->creator].hostile != NULL ||
	    doc_may_go(&w->nodes[doc->creator], doc);
}

static void
state_take(struct node *n, size_t doc, struct state *out)
{
	struct ledger_doc *d = &n->world->ledger->docs[doc];
	struct doc_summary summary;
	struct graph *g;
	uint32_t docno;

	memset(out, 0, sizeof(*out));
	if (replica_doc_by_id(n->replica, d->docid, &docno).code != LK_OK)
		return;
	out->has = true;
	world_need(n->world, replica_doc(n->replica, docno, &summary), "doc");
	out->role = summary.role;
	world_need(n->world, fingerprint_doc(n->txn, docno, &out->fp), "fp");
	world_need(n->world, replica_graph(n->replica, docno, &g), "graph");
	out->heads_len = graph_heads(g, out->heads, HEADS_MAX);
	qsort(out->heads, out->heads_len, LK_ID_LEN, lk_id_compare);
	out->done = done_all(n, docno, is_late(n->world));
}

/* The role of each device, as the one that made the document sees it. */
static void
roles_take(struct node *creator, size_t doc, enum role roles[static NODES])
{
	struct world *w = creator->world;
	struct graph *g;
	uint32_t docno;

	for (size_t i = 0; i < NODES; i++)
		roles[i] = ROLE_NONE;
	if (replica_doc_by_id(
		creator->replica, w->ledger->docs[doc].docid, &docno)
		.code != LK_OK)
		return;
	world_need(w, replica_graph(creator->replica, docno, &g), "graph");
	for (size_t i = 0; i < NODES; i++)
		if (w->nodes[i].present)
			roles[i] = graph_role(g, w->nodes[i].identity.sign.pk);
}

/* NULL, or what is not yet as it must be. */
static const char *
state_differs(const struct state *s, const struct state *creator,
    enum role role, enum role wanted)
{
	if (wanted < ROLE_READ)
		return s->has && role >= ROLE_READ ? "has not heard that it "
						     "may not read"
						   : NULL;
	if (!s->has)
		return "has not got it";
	if (role != wanted)
		return "sees another role";
	if (s->fp.count != creator->fp.count ||
	    memcmp(s->fp.sum, creator->fp.sum, sizeof(s->fp.sum)) != 0)
		return "has another essential set";
	if (s->heads_len != creator->heads_len ||
	    memcmp(s->heads, creator->heads, s->heads_len * LK_ID_LEN) != 0)
		return "has other heads";
	return s->done ? NULL : "does not know that the others have all";
}

/* How the two see it that do not agree, shortly before time is up. */
static void
doc_dump(struct node *a, struct node *b, size_t doc)
{
	struct node *both[2] = { a, b };
	uint32_t docno;

	for (size_t i = 0; i < 2; i++) {
		node_look(both[i]);
		if (replica_doc_by_id(both[i]->replica,
			a->world->ledger->docs[doc].docid, &docno)
			.code == LK_OK)
			dump_doc(both[i], docno);
		node_look_end(both[i]);
	}
}

static bool
doc_converged(struct world *w, size_t doc, char *why, size_t len)
{
	const struct ledger_doc *d = &w->ledger->docs[doc];
	struct node *creator = &w->nodes[d->creator];
	enum role roles[NODES];
	struct state first;

	node_look(creator);
	roles_take(creator, doc, roles);
	state_take(creator, doc, &first);
	node_look_end(creator);
	for (size_t i = 0; i < NODES; i++) {
		struct node *n = &w->nodes[i];
		const char *what;
		struct state s;

		if (!n->present)
			continue;
		node_look(n);
		state_take(n, doc, &s);
		node_look_end(n);
		what = state_differs(&s, &first, s.role, roles[i]);
		if (what == NULL ||
		    (roles[i] < ROLE_READ &&
			cannot_be_told(creator, n, d->docid)))
			continue;
		if (is_late(w))
			doc_dump(creator, n, doc);
		(void)snprintf(why, len,
		    "document %zu%s of %s: %s %s (%llu "
		    "envelopes, %llu there)",
		    doc, d->home ? " (home)" : "", creator->name, n->name, what,
		    (unsigned long long)first.fp.count,
		    (unsigned long long)s.fp.count);
		return false;
	}
	return true;
}

/* Nobody is on the way somewhere still. */
static bool
errands_over(struct world *w, char *why, size_t len)
{
	for (size_t i = 0; i < NODES; i++) {
		struct node *n = &w->nodes[i];

		for (size_t k = 0; n->present && k < ERRANDS_MAX; k++) {
			size_t doc = n->errands[k].doc;

			if (n->errands[k].ticket[0] == '\0')
				continue;
			if (is_late(w))
				doc_dump(
				    &w->nodes[w->ledger->docs[doc].creator], n,
				    doc);
			(void)snprintf(why, len,
			    "%s is still using a ticket for document %zu",
			    n->name, doc);
			return false;
		}
	}
	return true;
}

bool
check_converged(struct world *w, char *why, size_t len)
{
	for (size_t i = 0; i < NODES; i++) {
		if (!w->nodes[i].present || w->nodes[i].up)
			continue;
		(void)snprintf(why, len, "%s is down", w->nodes[i].name);
		return false;
	}
	if (!forgetful_over(w)) {
		(void)snprintf(why, len, "something is still forgotten");
		return false;
	}
	for (size_t doc = 0; doc < w->ledger->docs_len; doc++)
		if (!is_gone(w, &w->ledger->docs[doc]) &&
		    !doc_converged(w, doc, why, len))
			return false;
	if (!clones_over(w)) {
		(void)snprintf(why, len, "a copy has not met anybody");
		return false;
	}
	return errands_over(w, why, len);
}

/* What a document shows, as a digest of everything in it. */
struct shown {
	struct doc *doc;
	struct digest digest;
};

static lk_err
shown_visit(void *ctx, const struct doc_visit *v)
{
	struct shown *s = ctx;
	BUF_SCOPED b = { 0 };

	buf_init(&b, EXPORT_MAX);
	buf_counted(&b, v->key);
	buf_u64(&b, v->index);
	buf_u8(&b, v->winner);
	buf_u8(&b, (uint8_t)(v->item.is_obj ? v->item.obj_type : 16));
	if (v->item.is_obj) {
		uint64_t length;

		TRY(doc_length(s->doc, v->item.id, &length));
		buf_u64(&b, length);
		if (v->item.obj_type == OBJ_TEXT)
			TRY(doc_text(s->doc, v->item.id, &b));
	} else {
		buf_u8(&b, v->item.value.type);
		if (v->item.value.type == VALUE_STR ||
		    v->item.value.type == VALUE_BYTES)
			buf_counted(&b, v->item.value.bytes);
		else
			buf_u64(&b, v->item.value.u64);
	}
	TRY(buf_err(&b, "shown"));
	digest_add(&s->digest, buf_bytes(&b));
	return LK_NONE;
}

/* The content of a document on a device, in the three ways it can be read. */
struct content {
	uint8_t shown[32], exported[32];
	uint8_t statuses[32]; /* what is essential, and what of that shows */
	struct fingerprint fp;
	uint8_t heads[HEADS_MAX][LK_ID_LEN];
	size_t heads_len;
};

/* The envelopes whose changes are the heads of what is visible. */
static void
content_heads(struct node *n, uint32_t docno, struct content *c)
{
	struct grant_ref creator = { .index = 0 };
	struct doc_summary doc;
	const uint32_t *parents;
	struct graph *g;
	uint64_t seq;

	world_need(n->world, replica_doc(n->replica, docno, &doc), "doc");
	world_need(n->world, replica_graph(n->replica, docno, &g), "graph");
	memcpy(creator.env, doc.docid, LK_ID_LEN);
	world_need(n->world,
	    graph_parents(g, &creator, &parents, &c->heads_len, &seq), "heads");
	LK_ASSERT(c->heads_len <= HEADS_MAX);
	for (size_t i = 0; i < c->heads_len; i++)
		graph_id(g, parents[i], c->heads[i]);
	qsort(c->heads, c->heads_len, LK_ID_LEN, lk_id_compare);
}

/* Independent of the order in which they came. */
static void
content_statuses(struct node *n, uint32_t docno, struct content *c)
{
	struct change_info info;
	struct graph *g;

	world_need(n->world, replica_graph(n->replica, docno, &g), "graph");
	for (uint64_t lsn = 0;
	     replica_log(n->replica, docno, lsn, &info).code == LK_OK;
	     lsn = info.lsn + 1) {
		uint8_t one[LK_ID_LEN + 1], hash[32];

		if (!graph_essential(g, graph_find(g, info.id)))
			continue;
		memcpy(one, info.id, LK_ID_LEN);
		one[LK_ID_LEN] = info.visible;
		digest(hash, sizeof(hash), DIGEST_FP, NULL, BYTES_OF(one));
		for (size_t i = 0; i < sizeof(hash); i++)
			c->statuses[i] ^= hash[i];
	}
}

static void
content_take(struct node *n, uint32_t docno, struct content *c)
{
	struct shown s;
	BUF_SCOPED file = { 0 };

	memset(c, 0, sizeof(*c));
	content_heads(n, docno, c);
	content_statuses(n, docno, c);
	world_need(n->world, fingerprint_doc(n->txn, docno, &c->fp), "fp");
	world_need(
	    n->world, replica_open_doc(n->replica, docno, &s.doc), "doc");
	digest_init(&s.digest, 32, DIGEST_FP, NULL);
	world_need(n->world, doc_each(s.doc, DOC_ROOT, shown_visit, &s),
	    "what is shown");
	digest_final(&s.digest, c->shown);
	doc_free(s.doc);
	buf_init(&file, EXPORT_MAX);
	for (enum export_form f = EXPORT_HISTORY; f <= EXPORT_SQUASH; f++)
		world_need(n->world,
		    replica_export(n->replica, docno, f, &file, &file),
		    "export");
	digest(c->exported, sizeof(c->exported), DIGEST_FP, NULL,
	    buf_bytes(&file));
}

static void
content_compare(struct node *n, size_t doc, const struct content *first,
    const struct content *c)
{
	const char *what = NULL;

	if (memcmp(c->shown, first->shown, sizeof(c->shown)) != 0)
		what = "shows something else";
	else if (c->heads_len != first->heads_len ||
	    memcmp(c->heads, first->heads, c->heads_len * LK_ID_LEN) != 0)
		what = "has other heads";
	else if (memcmp(c->exported, first->exported, 32) != 0)
		what = "exports something else";
	else if (memcmp(c->statuses, first->statuses, 32) != 0)
		what = "counts something else";
	if (what != NULL)
		world_fail(n->world, "S3, I1, I7, I11: document %zu: %s %s",
		    doc, n->name, what);
}

/* The number an edit set its own key to, and what it added, are there. */
static void
values_check(struct node *n, uint32_t docno, size_t doc, const bool *visible)
{
	struct ledger *l = n->world->ledger;
	struct prop counter = { .is_key = true, .key = BYTES_STR("n") };
	struct item item;
	struct doc *d;
	int64_t sum = 0;

	world_need(n->world, replica_open_doc(n->replica, docno, &d), "doc");
	for (size_t i = 0; i < l->edits_len; i++) {
		struct prop key = { .is_key = true,
			.key = BYTES_STR(l->edits[i].key) };
		bool found;

		if (l->edits[i].doc != doc)
			continue;
		sum += visible[i] ? l->edits[i].counted : 0;
		if (key.key.len == 0)
			continue;
		found = doc_get(d, DOC_ROOT, key, &item).code == LK_OK;
		if (found != visible[i])
			world_fail(n->world,
			    "S1, I11: %s: document %zu: key %s of edit %zu is "
			    "%s",
			    n->name, doc, l->edits[i].key, i,
			    found ? "there" : "lost");
	}
	if (doc_get(d, DOC_ROOT, counter, &item).code == LK_OK &&
	    item.value.type == VALUE_COUNTER && item.value.i64 != sum)
		world_fail(n->world,
		    "I11: %s: document %zu: the counter is %lld, not %lld",
		    n->name, doc, (long long)item.value.i64, (long long)sum);
	doc_free(d);
}

static bool
is_kept_back(const struct world *w, size_t edit)
{
	const struct ledger_edit *e = &w->ledger->edits[edit];

	return ledger_kept_back(
	    w->ledger, e->node, &w->ledger->envelopes[e->envelope]);
}

/* Exactly the edits that stand are visible; returns what is. */
static void
edits_check(struct node *n, uint32_t docno, size_t doc, bool reader)
{
	struct ledger *l = n->world->ledger;
	bool *visible = calloc(l->edits_len + 1, sizeof(*visible));
	bool *there = calloc(l->edits_len + 1, sizeof(*there));
	struct change_info info;

	LK_ASSERT(visible != NULL && there != NULL);
	for (uint64_t lsn = 0;
	     replica_log(n->replica, docno, lsn, &info).code == LK_OK;
	     lsn = info.lsn + 1) {
		struct ledger_edit *e;

		if (!info.has_change)
			continue;
		e = ledger_edit_find(l, doc, info.hash);
		if (e == NULL)
			continue;
		there[e - l->edits] = true;
		visible[e - l->edits] = info.visible;
	}
	for (size_t i = 0; i < l->edits_len; i++) {
		/* Whoever was thrown out hears what became of his own work,
		 * and whoever left nothing more. */
		if (l->edits[i].doc != doc ||
		    (!reader &&
			(!there[i] || l->edits[i].node != n->index ||
			    (l->docs[doc].left & 1u << n->index) != 0)))
			continue;
		if (visible[i] == ledger_stands(l, i) ||
		    is_kept_back(n->world, i))
			continue;
		dump_doc(n, docno);
		dump_edit(n->world, i);
		world_fail(n->world,
		    "%s: %s: document %zu: edit %zu of %s is %s",
		    visible[i]     ? "I3"
			: there[i] ? "I8"
				   : "S1, I12",
		    n->name, doc, i, n->world->nodes[l->edits[i].node].name,
		    visible[i]     ? "visible, but was cut off"
			: there[i] ? "void, but was kept"
				   : "not there");
	}
	if (reader)
		values_check(n, docno, doc, visible);
	free(visible);
	free(there);
}

/* A document of somebody hostile, who may have told everybody something else:
 * those who were told the same show the same. */
static void
doc_final_hostile(struct world *w, size_t doc)
{
	struct content c[NODES];
	bool has[NODES] = { false };

	for (size_t i = 0; i < NODES; i++) {
		struct node *n = &w->nodes[i];
		struct graph *g;
		uint32_t docno;

		if (!n->present)
			continue;
		node_look(n);
		if (replica_doc_by_id(
			n->replica, w->ledger->docs[doc].docid, &docno)
			.code == LK_OK) {
			world_need(
			    w, replica_graph(n->replica, docno, &g), "graph");
			has[i] =
			    graph_role(g, n->identity.sign.pk) >= ROLE_READ;
		}
		if (has[i])
			content_take(n, docno, &c[i]);
		node_look_end(n);
		for (size_t k = 0; k < i && has[i]; k++)
			if (has[k] && memcmp(c[k].fp.sum, c[i].fp.sum, 32) == 0)
				content_compare(n, doc, &c[k], &c[i]);
	}
}

static void
doc_final(struct world *w, size_t doc)
{
	struct ledger_doc *d = &w->ledger->docs[doc];
	struct node *creator = &w->nodes[d->creator];
	struct content first, c;
	enum role roles[NODES];
	bool any = false;

	node_look(creator);
	roles_take(creator, doc, roles);
	node_look_end(creator);
	for (size_t i = 0; i < NODES; i++) {
		struct node *n = &w->nodes[i];
		bool reader = roles[i] >= ROLE_READ, told;
		uint32_t docno;

		if (!n->present)
			continue;
		node_look(n);
		if (replica_doc_by_id(n->replica, d->docid, &docno).code !=
		    LK_OK) {
			node_look_end(n);
			continue;
		}
		node_look_end(n);
		told = reader || !cannot_be_told(creator, n, d->docid);
		node_look(n);
		if (told)
			edits_check(n, docno, doc, reader);
		if (reader)
			content_take(n, docno, &c);
		node_look_end(n);
		if (reader && any)
			content_compare(n, doc, &first, &c);
		if (reader && !any)
			first = c;
		any |= reader;
		world_trace(w, n->name, doc, BYTES_OF(c.exported));
	}
}

/* Nobody holds the key of what was written by somebody who knew that he may
 * not read it: that he was not sent it is not enough. */
static void
keys_check(struct node *n)
{
	struct ledger *l = n->world->ledger;

	for (size_t i = 0; i < l->edits_len; i++) {
		const struct ledger_edit *e = &l->edits[i];
		struct bytes key;
		uint32_t docno;

		if ((e->hidden & 1u << n->index) == 0 ||
		    replica_doc_by_id(n->replica, l->docs[e->doc].docid, &docno)
			    .code != LK_OK)
			continue;
		if (kv_get(txn_space(n->txn, docno, SPACE_KEYS),
			BYTES_OF(e->etag), &key)
			.code == LK_OK)
			world_fail(n->world,
			    "I9: %s holds the key of edit %zu of document %zu, "
			    "written by %s who knew it may not",
			    n->name, i, e->doc, n->world->nodes[e->node].name);
	}
}

/* Whether this device, which may read, holds the keys of all that shows. */
static void
entitled_check(struct node *n, size_t doc)
{
	struct ledger *l = n->world->ledger;
	uint32_t docno;

	node_look(n);
	for (size_t i = 0; i < l->edits_len; i++) {
		const struct ledger_edit *e = &l->edits[i];
		struct bytes key;

		if (e->doc != doc || !ledger_stands(l, i) ||
		    is_kept_back(n->world, i) ||
		    replica_doc_by_id(n->replica, l->docs[doc].docid, &docno)
			    .code != LK_OK ||
		    kv_get(txn_space(n->txn, docno, SPACE_KEYS),
			BYTES_OF(e->etag), &key)
			    .code == LK_OK)
			continue;
		world_fail(n->world,
		    "I12: %s may read document %zu and has not got the key of "
		    "edit %zu",
		    n->name, doc, i);
	}
	node_look_end(n);
}

void
check_entitled(struct world *w)
{
	for (size_t doc = 0; doc < w->ledger->docs_len; doc++) {
		struct node *creator = &w->nodes[w->ledger->docs[doc].creator];
		enum role roles[NODES];

		if (is_gone(w, &w->ledger->docs[doc]))
			continue;
		node_look(creator);
		roles_take(creator, doc, roles);
		node_look_end(creator);
		for (size_t i = 0; i < NODES; i++)
			if (w->nodes[i].present && roles[i] >= ROLE_READ)
				entitled_check(&w->nodes[i], doc);
	}
}

void
check_final(struct world *w)
{
	check_entitled(w);
	for (size_t i = 0; i < NODES; i++)
		if (w->nodes[i].up && w->nodes[i].hostile == NULL)
			again_check_all(&w->nodes[i]);
	for (size_t doc = 0; doc < w->ledger->docs_len; doc++)
		if (!is_gone(w, &w->ledger->docs[doc]))
			doc_final(w, doc);
		else if (w->nodes[w->ledger->docs[doc].creator].hostile != NULL)
			doc_final_hostile(w, doc);
	for (size_t i = 0; i < NODES; i++) {
		if (!w->nodes[i].up)
			continue;
		node_look(&w->nodes[i]);
		keys_check(&w->nodes[i]);
		node_look_end(&w->nodes[i]);
	}
}
