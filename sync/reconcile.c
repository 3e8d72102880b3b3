#include <stdlib.h>
#include <string.h>

#include "sync/engine_state.h"

#define SUBRANGES 16
#define BATCH_BYTES ((size_t)128 * 1024)
#define RECEIVE_MAX 4096 /* envelopes in one BATCH we take at once */
/* A question is not asked again while its answer streams in; one whose answer
 * stays away is, with a later round. */
#define ASK_PATIENCE_MS 20000

void
link_topic_clear(struct link_topic *t)
{
	item_state_clear(&t->in);
	item_state_clear(&t->out);
	free(t->vector);
	*t = (struct link_topic){ 0 };
}

/* Fingerprint of the topics numbered first to last, each by its lowest. */
static lk_err
range_own(struct engine *e, struct link *l, struct fp_range *f)
{
	static const uint8_t zero[32];
	struct digest d;

	f->count = 0;
	digest_init(&d, FP_LEN, DIGEST_FP, NULL);
	digest_add(&d, BYTES(session_hash(l->session), SESSION_HASH_LEN));
	for (uint32_t n = f->first; n <= f->last && n < l->numbers_len; n++) {
		struct link_topic *t = topics_number(l, n);
		struct fingerprint fp;

		if (t == NULL || topics_of(l, t->docno) != n)
			continue;
		/* Those who go on give nothing to who was thrown out: both
		 * must count the same, or every round finds a difference. */
		if (t->serve != SERVE_FULL || t->ended) {
			digest_add(&d, BYTES_OF(zero));
			continue;
		}
		TRY(fingerprint_doc(e->r->txn, t->docno, &fp));
		digest_add(&d, BYTES_OF(fp.sum));
		f->count += fp.count;
	}
	digest_final(&d, f->hash);
	return LK_NONE;
}

static void
range_send(struct engine *e, struct link *l, const struct fp_range *f)
{
	BUF_SCOPED b = { .max = 64 };

	fp_range_encode(&b, f);
	link_send(e, l, MSG_FP, buf_bytes(&b));
}

lk_err
reconcile_start(struct engine *e, struct link *l)
{
	struct fp_range all = { .first = 0 };

	l->round = e->now.mono;
	if (l->numbers_len == 0)
		return LK_NONE;
	if (e->r->damaged_len > 0)
		TRY(reconcile_missing(e, l));
	all.last = (uint32_t)(l->numbers_len - 1);
	/* Nothing happened here since both were equal: the same words again. */
	if (l->equal_generation == e->generation && l->equal.last == all.last &&
	    e->generation != 0)
		all = l->equal;
	else
		TRY(range_own(e, l, &all));
	all.answer = false;
	range_send(e, l, &all);
	return LK_NONE;
}

/*
 * What a range names is equal.  Where the peer has not said so in a signed
 * acknowledgement (it was lost with a connection, say) ask for one.
 */
static lk_err
reconcile_equal(struct engine *e, struct link *l, const struct fp_range *f)
{
	for (uint32_t n = f->first; n <= f->last && n < l->numbers_len; n++) {
		struct link_topic *t = topics_number(l, n);
		bool stand;

		if (t == NULL || topics_of(l, t->docno) != n ||
		    t->serve != SERVE_FULL || t->equal_at == e->generation)
			continue;
		t->equal_at = e->generation;
		TRY(acks_stand(e, t->docno, l->pk, &stand));
		if (!stand)
			TRY(reconcile_ask(e, l, n));
	}
	if (f->first == 0 && f->last + 1 >= l->numbers_len) {
		l->equal = *f;
		l->equal_generation = e->generation;
	}
	return LK_NONE;
}

lk_err
reconcile_fp(struct engine *e, struct link *l, struct bytes body)
{
	struct fp_range theirs, ours;
	uint32_t span, step;

	TRY(fp_range_decode(&theirs, body));
	ours = (struct fp_range){ .first = theirs.first, .last = theirs.last };
	if (theirs.last >= 2 * (uint32_t)l->numbers_len + SUBRANGES)
		return LK_ERR(LK_E_MALFORMED, "FP range");
	/* Nothing happened here since both were equal. */
	if (l->equal_generation == e->generation && e->generation != 0 &&
	    l->equal.first == ours.first && l->equal.last == ours.last)
		ours = l->equal;
	else
		TRY(range_own(e, l, &ours));
	if (ours.count == theirs.count &&
	    memcmp(ours.hash, theirs.hash, FP_LEN) == 0) {
		TRY(reconcile_equal(e, l, &ours));
		if (theirs.answer)
			return LK_NONE;
		ours.answer = true;
		range_send(e, l, &ours);
		return LK_NONE;
	}
	if (ours.first == ours.last)
		return reconcile_ask(e, l, ours.first);
	span = ours.last - ours.first + 1;
	step = (span + SUBRANGES - 1) / SUBRANGES;
	for (uint32_t at = ours.first; at <= ours.last; at += step) {
		struct fp_range part = { .first = at, .last = at + step - 1 };

		if (part.last > ours.last)
			part.last = ours.last;
		TRY(range_own(e, l, &part));
		range_send(e, l, &part);
	}
	return LK_NONE;
}

/* Version vectors. */

/* What we have of an author. */
struct vector_entry {
	struct version_entry entry;
	uint8_t key[32];
	bool forked;
};

struct vector {
	struct vector_entry *at; /* owned */
	size_t len, cap;
};

static void
vector_clear(struct vector *v)
{
	free(v->at);
}

/* NULL: nothing of this author yet. */
static struct vector_entry *
vector_knows(const struct vector *v, const uint8_t key[static 32])
{
	for (size_t i = v->len; i-- > 0;)
		if (memcmp(v->at[i].key, key, 32) == 0)
			return &v->at[i];
	return NULL;
}

static lk_err
vector_grow(struct vector *v)
{
	size_t cap = v->cap == 0 ? 8 : v->cap * 2;
	struct vector_entry *at;

	if (v->len < v->cap)
		return LK_NONE;
	at = reallocarray(v->at, cap, sizeof(*at));
	if (at == NULL)
		return LK_ERR(LK_E_NOMEM, "VV");
	v->at = at;
	v->cap = cap;
	return LK_NONE;
}

static int
version_compare(const void *a, const void *b)
{
	const struct version_entry *x = a, *y = b;

	return memcmp(x->tag, y->tag, LK_TOPIC_LEN);
}

static int
vector_compare(const void *a, const void *b)
{
	const struct vector_entry *x = a, *y = b;

	return version_compare(&x->entry, &y->entry);
}

static lk_err
vector_enter(const struct docstate *ds, const struct graph_author *who,
    const struct version_entry *entry, struct vector *v)
{
	struct vector_entry *at;

	TRY(vector_grow(v));
	at = &v->at[v->len++];
	at->entry = *entry;
	memcpy(at->key, who->key, sizeof(at->key));
	(void)graph_tip(ds->graph, who->key, &at->forked);
	author_tag(at->entry.tag, &ds->topic, who->key);
	return LK_NONE;
}

/*
 * The newest essential envelope of every author: of several with the highest
 * seq (a fork) the lowest id, as both sides must name the same.
 */
static lk_err
vector_own(struct engine *e, uint32_t docno, struct vector *v)
{
	struct docstate *ds;

	TRY(docstate_get(e->r, docno, &ds));
	for (uint32_t n = graph_len(ds->graph); n-- > 0;) {
		struct graph_author who = graph_node_author(ds->graph, n);
		struct version_entry entry = {
			.seq = graph_seq(ds->graph, n),
		};
		struct vector_entry *at;
		uint8_t id[LK_ID_LEN];

		if (!graph_essential(ds->graph, n))
			continue;
		graph_id(ds->graph, n, id);
		memcpy(entry.prefix, id, ID_PREFIX_LEN);
		at = vector_knows(v, who.key);
		if (at == NULL) {
			TRY(vector_enter(ds, &who, &entry, v));
		} else if (entry.seq > at->entry.seq ||
		    (entry.seq == at->entry.seq &&
			memcmp(entry.prefix, at->entry.prefix, ID_PREFIX_LEN) <
			    0)) {
			at->entry.seq = entry.seq;
			memcpy(at->entry.prefix, id, ID_PREFIX_LEN);
		}
	}
	if (v->len > 1)
		qsort(v->at, v->len, sizeof(*v->at), vector_compare);
	return LK_NONE;
}

static lk_err
vector_send(struct engine *e, struct link *l, uint32_t number, bool answer)
{
	struct link_topic *t = topics_number(l, number);
	struct vector v = { 0 };
	BUF_SCOPED b = { .max = 256 * 1024 };
	lk_err err = LK_NONE;

	version_vector_encode(&b, number, answer);
	if (t->serve == SERVE_FULL)
		err = vector_own(e, t->docno, &v);
	for (size_t i = 0; i < v.len && err.code == LK_OK; i++)
		version_entry_encode(&b, &v.at[i].entry);
	vector_clear(&v);
	TRY(err);
	TRY(buf_err(&b, "VV"));
	link_send(e, l, MSG_VV, buf_bytes(&b));
	return LK_NONE;
}

/* Whether what was begun then may still come. */
static bool
is_awaited(const struct engine *e, struct mono since)
{
	return since.ms != 0 && e->now.mono.ms < since.ms + ASK_PATIENCE_MS;
}

lk_err
reconcile_ask(struct engine *e, struct link *l, uint32_t number)
{
	struct link_topic *t = topics_number(l, number);

	if (t == NULL || is_awaited(e, t->asked))
		return LK_NONE;
	t->asked = e->now.mono;
	t->crossed = false;
	return vector_send(e, l, number, false);
}

static struct version_entry *
vector_find(const struct link_topic *t, const uint8_t tag[static LK_TOPIC_LEN])
{
	struct version_entry wanted;

	if (t->vector_len == 0)
		return NULL;
	memcpy(wanted.tag, tag, LK_TOPIC_LEN);
	return bsearch(
	    &wanted, t->vector, t->vector_len, sizeof(wanted), version_compare);
}

static void
vector_drop(struct link_topic *t)
{
	free(t->vector);
	t->vector = NULL;
	t->vector_len = 0;
}

static lk_err
vector_keep(struct link_topic *t, struct version_vector *vv)
{
	struct version_entry entry, *grown;
	size_t cap = 0;

	vector_drop(t);
	while (version_entry_next(vv, &entry)) {
		if (t->vector_len == cap) {
			cap = cap == 0 ? 8 : cap * 2;
			grown = reallocarray(t->vector, cap, sizeof(*grown));
			if (grown == NULL)
				return LK_ERR(LK_E_NOMEM, "VV");
			t->vector = grown;
		}
		t->vector[t->vector_len++] = entry;
	}
	return LK_NONE;
}

/* Whether the peer's newest of this author is on our chain. */
static lk_err
vector_on_chain(struct engine *e, uint32_t docno,
    const struct version_entry *theirs, bool *on)
{
	struct log_entry at = { .seq = theirs->seq };

	memcpy(at.tag, theirs->tag, LK_TOPIC_LEN);
	*on = false;
	for (;;) {
		lk_err err = chain_next(e->r->txn, docno, &at);

		if (err.code == LK_E_NOTFOUND || at.seq != theirs->seq ||
		    memcmp(at.tag, theirs->tag, LK_TOPIC_LEN) != 0)
			return LK_NONE;
		TRY(err);
		if (memcmp(at.id, theirs->prefix, ID_PREFIX_LEN) == 0)
			*on = true;
		if (*on || !bytes_next(at.id, sizeof(at.id)))
			return LK_NONE;
	}
}

/* From which seq on the peer lacks an author's envelopes, by his vector. */
static lk_err
vector_from(struct engine *e, struct link_topic *t,
    const struct vector_entry *own, uint64_t *seq)
{
	struct version_entry *has = vector_find(t, own->entry.tag);
	bool on = false;

	*seq = 1;
	if (has == NULL)
		return LK_NONE;
	/* Of several branches one entry tells nothing. */
	if (!own->forked) {
		*seq = has->seq + 1;
		if (has->seq > own->entry.seq)
			return LK_NONE;
		TRY(vector_on_chain(e, t->docno, has, &on));
	}
	if (on)
		return LK_NONE;
	/* Another branch than ours: he gets all of this author. */
	*seq = 1;
	memset(has->prefix, 0, ID_PREFIX_LEN);
	return LK_NONE;
}

/* The lowest lsn of an author's envelopes from a seq on: one of the first of
 * these, of which a fork has several. */
static lk_err
chain_least(
    struct engine *e, uint32_t docno, struct log_entry at, uint64_t *lsn)
{
	lk_err err = chain_next(e->r->txn, docno, &at);
	struct log_entry first = at;

	while (err.code == LK_OK && at.seq == first.seq &&
	    memcmp(at.tag, first.tag, LK_TOPIC_LEN) == 0) {
		if (at.lsn < *lsn)
			*lsn = at.lsn;
		chain_step(&at);
		err = chain_next(e->r->txn, docno, &at);
	}
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

/*
 * Where in the log the peer's lack begins: the lowest lsn of an envelope its
 * vector does not cover.  *lacks false: it has all we have.
 */
static lk_err
stream_start(struct engine *e, struct link_topic *t, uint64_t *lsn, bool *lacks)
{
	struct vector own = { 0 };
	lk_err err = vector_own(e, t->docno, &own);

	*lacks = false;
	*lsn = UINT64_MAX;
	for (size_t i = 0; i < own.len && err.code == LK_OK; i++) {
		struct log_entry at = { .seq = 1 };

		memcpy(at.tag, own.at[i].entry.tag, LK_TOPIC_LEN);
		err = vector_from(e, t, &own.at[i], &at.seq);
		if (err.code != LK_OK || at.seq > own.at[i].entry.seq)
			continue;
		*lacks = true;
		err = chain_least(e, t->docno, at, lsn);
	}
	vector_clear(&own);
	return err;
}

/* Whether the peer's vector says that it has this one. */
static bool
vector_covers(const struct link_topic *t, const struct envelope *env)
{
	static const uint8_t none[ID_PREFIX_LEN];
	const struct version_entry *has = vector_find(t, env->tag);

	/* A prefix of zeros: another branch than ours, which covers nothing. */
	return has != NULL && env->seq <= has->seq &&
	    memcmp(has->prefix, none, ID_PREFIX_LEN) != 0;
}

/* Whether the peer holds what we do not: a stream of it follows its vector. */
static lk_err
vector_brings(struct engine *e, const struct link_topic *t, bool *brings)
{
	*brings = false;
	for (size_t i = 0; i < t->vector_len && !*brings; i++) {
		bool on;

		TRY(vector_on_chain(e, t->docno, &t->vector[i], &on));
		*brings = !on;
	}
	return LK_NONE;
}

/* Begins the farewell: the ends of his right and their past, nothing else. */
static lk_err
farewell_send(struct engine *e, struct link *l, struct link_topic *t)
{
	/* A stream under way goes on as one. */
	if (!t->sending)
		t->next = 0;
	t->sending = true;
	return reconcile_pump(e, l);
}

lk_err
reconcile_vv(struct engine *e, struct link *l, struct bytes body)
{
	struct version_vector vv;
	struct link_topic *t;
	uint64_t from = 0;
	bool lacks = false, brings;

	TRY(version_vector_decode(&vv, body));
	t = topics_number(l, vv.topic);
	if (t == NULL)
		return LK_ERR(LK_E_MALFORMED, "VV number");
	TRY(vector_keep(t, &vv));
	TRY(vector_brings(e, t, &brings));
	if (!vv.answer) {
		t->crossed = t->asked.ms != 0;
		TRY(vector_send(e, l, vv.topic, true));
	}
	if (brings)
		t->asked = e->now.mono;
	else if (vv.answer)
		t->asked.ms = 0;
	/* What his answer says he lacks is on its way to him. */
	if (vv.answer &&
	    (t->crossed || t->sending || is_awaited(e, t->streamed))) {
		if (!t->sending)
			vector_drop(t);
		return LK_NONE;
	}
	TRY(topics_serve(e, l, t));
	/* Also finds the branches that his vector tells nothing of. */
	if (t->serve == SERVE_FULL || t->serve == SERVE_FAREWELL)
		TRY(stream_start(e, t, &from, &lacks));
	if (t->serve == SERVE_FAREWELL)
		return farewell_send(e, l, t);
	if (t->serve == SERVE_FULL)
		t->next = from;
	t->sending = lacks;
	if (!lacks)
		vector_drop(t);
	if (t->serve != SERVE_FULL)
		return LK_NONE;
	if (lacks)
		TRY(welcome_renew(e, l, t));
	/* Equal: he should know that we are. */
	return lacks ? reconcile_pump(e, l) : acks_send(e, l, vv.topic);
}

/* How much of a document is for a peer: all, or the past of his farewell. */
struct share {
	struct graph *graph;
	uint32_t ends[ENVELOPE_DEPS_MAX];
	size_t ends_len;
	bool full;
};

static lk_err
share_of(struct engine *e, const struct link *l, const struct link_topic *t,
    struct share *s)
{
	s->full = t->serve == SERVE_FULL;
	s->ends_len = 0;
	if (s->full)
		return LK_NONE;
	TRY(replica_graph(e->r, t->docno, &s->graph));
	s->ends_len =
	    graph_farewell(s->graph, l->pk, s->ends, ENVELOPE_DEPS_MAX);
	return LK_NONE;
}

static bool
share_has(const struct share *s, const struct log_entry *entry)
{
	uint32_t node;

	if (s->full)
		return entry->essential;
	node = graph_find(s->graph, entry->id);
	for (size_t i = 0; i < s->ends_len && node != GRAPH_NONE; i++)
		if (graph_in_past(s->graph, node, s->ends[i]))
			return true;
	return false;
}

/* Fills one BATCH from the log; *end when the stream is through. */
static lk_err
pump_batch(struct engine *e, const struct link *l, struct link_topic *t,
    struct buf *b, bool *end)
{
	struct share share;

	TRY(share_of(e, l, t, &share));
	*end = false;
	while (b->len < BATCH_BYTES) {
		struct log_entry entry;
		struct envelope env;
		lk_err err = log_next(e->r->txn, t->docno, t->next, &entry);

		if (err.code == LK_E_NOTFOUND) {
			*end = true;
			return LK_NONE;
		}
		/* It comes from somebody who has it whole. */
		if (err.code == LK_E_CORRUPT) {
			t->next = entry.lsn + 1;
			continue;
		}
		TRY(err);
		if (b->len > 64 && b->len + entry.envelope.len > MESSAGE_MAX)
			return LK_NONE;
		t->next = entry.lsn + 1;
		if (!share_has(&share, &entry))
			continue;
		TRY(envelope_parse(&env, entry.envelope));
		if (!vector_covers(t, &env))
			TRY(item_encode(b, &t->out, &env));
	}
	return LK_NONE;
}

static lk_err
pump_topic(struct engine *e, struct link *l, uint32_t number)
{
	struct link_topic *t = topics_number(l, number);

	/* He may have been removed since it began. */
	t->sending &= t->serve == SERVE_FULL || t->serve == SERVE_FAREWELL;
	while (t->sending && link_has_room(l)) {
		BUF_SCOPED items = { .max = MESSAGE_MAX };
		bool end;

		batch_encode(&items, number, false);
		TRY(pump_batch(e, l, t, &items, &end));
		TRY(buf_err(&items, "BATCH"));
		t->streamed = e->now.mono;
		if (end) {
			items.ptr[4] = 1;
			t->sending = false;
			vector_drop(t);
		}
		link_send(e, l, MSG_BATCH, buf_bytes(&items));
		if (end && t->serve == SERVE_FULL)
			TRY(acks_send(e, l, number));
	}
	return LK_NONE;
}

lk_err
reconcile_pump(struct engine *e, struct link *l)
{
	if (l->state != LINK_OPEN)
		return LK_NONE;
	for (uint32_t n = 0; n < l->numbers_len && link_has_room(l); n++) {
		struct link_topic *t = topics_number(l, n);

		if (t != NULL && t->sending)
			TRY(pump_topic(e, l, n));
	}
	return LK_NONE;
}

static lk_err
origin_note(struct engine *e, const uint8_t id[static LK_ID_LEN], uint64_t conn)
{
	if (e->origins_len == e->origins_cap) {
		size_t cap = e->origins_cap == 0 ? 64 : e->origins_cap * 2;
		struct origin *grown =
		    reallocarray(e->origins, cap, sizeof(*grown));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "origins");
		e->origins = grown;
		e->origins_cap = cap;
	}
	memcpy(e->origins[e->origins_len].id, id, LK_ID_LEN);
	e->origins[e->origins_len++].conn = conn;
	return LK_NONE;
}

/* Something is missing: one exchange of vectors brings all of it.  Where it
 * brings nothing, the next round is early enough to ask again. */
static lk_err
batch_verdicts(struct engine *e, struct link *l, uint32_t number,
    const struct received *verdicts, size_t n)
{
	struct link_topic *t = topics_number(l, number);
	bool waiting = false;

	for (size_t i = 0; i < n; i++) {
		waiting |= verdicts[i].what == RECEIPT_WAITING;
		if (verdicts[i].what == RECEIPT_ACCEPTED)
			t->retried = false;
	}
	if (!waiting || t->retried)
		return LK_NONE;
	t->retried = true;
	return reconcile_ask(e, l, number);
}

lk_err
reconcile_batch(struct engine *e, struct link *l, struct bytes body)
{
	ARENA_SCOPED arena = { .max = 4 * MESSAGE_MAX };
	struct bytes *envelopes;
	struct received *verdicts;
	struct batch batch;
	struct link_topic *t;
	size_t n = 0;

	TRY(batch_decode(&batch, body));
	t = topics_number(l, batch.topic);
	if (t == NULL)
		return LK_ERR(LK_E_MALFORMED, "BATCH number");
	envelopes = arena_alloc(&arena, RECEIVE_MAX * sizeof(*envelopes));
	verdicts = arena_alloc(&arena, RECEIVE_MAX * sizeof(*verdicts));
	if (envelopes == NULL || verdicts == NULL)
		return LK_ERR(LK_E_NOMEM, "BATCH");
	while (batch.items.left.len > 0 && n < RECEIVE_MAX) {
		TRY(item_decode(
		    &batch.items, &t->in, t->id, &arena, &envelopes[n]));
		n++;
	}
	if (batch.items.left.len > 0)
		return LK_ERR(LK_E_LIMIT, "BATCH items");
	TRY(replica_receive(e->r, t->docno, l->pk, envelopes, n, verdicts));
	if (t->asked.ms != 0)
		t->asked.ms = batch.end ? 0 : e->now.mono.ms;
	/* Only what becomes an event, with which the list ends. */
	for (size_t i = 0; i < n; i++) {
		uint8_t id[LK_ID_LEN];

		if (verdicts[i].what != RECEIPT_ACCEPTED)
			continue;
		envelope_id(id, envelopes[i]);
		TRY(origin_note(e, id, l->conn));
	}
	TRY(acks_note(e, t->docno));
	return batch_verdicts(e, l, batch.topic, verdicts, n);
}

static bool
came_from(
    const struct engine *e, const uint8_t id[static LK_ID_LEN], uint64_t conn)
{
	for (size_t i = 0; i < e->origins_len; i++)
		if (e->origins[i].conn == conn &&
		    memcmp(e->origins[i].id, id, LK_ID_LEN) == 0)
			return true;
	return false;
}

static lk_err
push_to(struct engine *e, struct link *l, uint32_t number,
    const struct log_entry *entry)
{
	struct link_topic *t = topics_number(l, number);
	struct envelope env;
	BUF_SCOPED b = { .max = MESSAGE_MAX };

	/* Its stream reaches the end of the log by itself. */
	if (t->sending)
		return LK_NONE;
	if (!link_has_room(l))
		return reconcile_ask(e, l, number);
	TRY(envelope_parse(&env, entry->envelope));
	batch_encode(&b, number, false);
	TRY(item_encode(&b, &t->out, &env));
	TRY(buf_err(&b, "BATCH"));
	link_send(e, l, MSG_BATCH, buf_bytes(&b));
	return LK_NONE;
}

lk_err
reconcile_push(struct engine *e, const struct replica_event *event)
{
	struct log_entry entry;
	struct link *l;
	lk_err err;

	if (event->lsn == 0)
		return LK_NONE;
	err = log_by_id(e->r->txn, event->id, &entry);
	if (err.code != LK_OK)
		return err.code == LK_E_NOTFOUND ? LK_NONE : err;
	TAILQ_FOREACH (l, &e->links, next) {
		uint32_t number = topics_of(l, event->docno);
		struct link_topic *t;

		if (l->state != LINK_OPEN || number == GRAPH_NONE)
			continue;
		t = topics_number(l, number);
		/* What was durable together is judged together: an edit may
		 * stand before the revocation. */
		TRY(topics_serve(e, l, t));
		/* Each reads the whole log: not for what he says himself. */
		if (t->serve == SERVE_FAREWELL && event->access &&
		    !came_from(e, event->id, l->conn))
			TRY(farewell_send(e, l, t));
		if (t->serve != SERVE_FULL || !entry.essential ||
		    came_from(e, event->id, l->conn))
			continue;
		TRY(push_to(e, l, number, &entry));
	}
	return LK_NONE;
}
