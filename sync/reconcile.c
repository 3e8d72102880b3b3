#include <stdlib.h>
#include <string.h>

#include "sync/engine_state.h"
#include "sync/forget.h"
#include "sync/range.h"

#define ASKED_MS 60000
#define AUDIT_ODDS 8 /* one in so many rounds in which all was equal */
/* A question is not asked again while its answer streams in; one whose answer
 * stays away is, with a later round. */
#define ASK_PATIENCE_MS 20000
/* While one peer brings a document no other is asked for it, that long at
 * most. */
#define HELD_MAX_MS 60000
#define HELD_LOOK_MS 200

/* Whether what was begun then may still come. */
static bool
is_awaited(const struct engine *e, struct mono since)
{
	return since.ms != 0 && e->now.mono.ms < since.ms + ASK_PATIENCE_MS;
}

/* Whether the peer has had enough of it for now. */
static bool
is_busy(const struct engine *e, const struct link_topic *t)
{
	return e->now.mono.ms < exchange_of(t)->busy.ms;
}

/* Whether no answer to a question about it is on its way. */
static bool
may_ask(const struct engine *e, const struct link_topic *t)
{
	return !is_awaited(e, exchange_of(t)->asked) && !is_busy(e, t);
}

/* Whether to wait with a question, as another peer has been asked for the same
 * document: all that he brings would come twice. */
static bool
exchange_hold(
    struct engine *e, const struct link *l, uint32_t docno, struct exchange *x)
{
	struct link *m;

	if (x->held.ms != 0 && e->now.mono.ms >= x->held.ms + HELD_MAX_MS)
		return false;
	TAILQ_FOREACH (m, &e->links, next) {
		uint32_t n = topics_of(m, docno);

		if (m == l || m->state != LINK_OPEN || n == GRAPH_NONE ||
		    !is_awaited(e, exchange_of(topics_number(m, n))->asked))
			continue;
		if (x->held.ms == 0)
			x->held = e->now.mono;
		e->held_due.ms = e->now.mono.ms + HELD_LOOK_MS;
		return true;
	}
	return false;
}

lk_err
reconcile_held(struct engine *e)
{
	struct link *l;

	if (e->held_due.ms == 0 || e->now.mono.ms < e->held_due.ms)
		return LK_NONE;
	e->held_due.ms = 0;
	TAILQ_FOREACH (l, &e->links, next) {
		if (l->state != LINK_OPEN)
			continue;
		/* What his list gives numbers he does not know them by yet. */
		if (l->list_seen > 0) {
			e->held_due.ms = e->now.mono.ms + HELD_LOOK_MS;
			continue;
		}
		for (uint32_t n = 0; n < l->numbers_len; n++) {
			struct link_topic *t = topics_number(l, n);

			if (t != NULL && exchange_of(t)->held.ms != 0)
				TRY(reconcile_ask(e, l, n));
		}
	}
	return LK_NONE;
}

/* Fingerprint of the topics numbered first to last, each by its lowest: of
 * their sets, or of what others have acknowledged. */
static lk_err
topics_sum(struct engine *e, struct link *l, struct fp_range *f)
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
		if (!link_topic_is_shared(t)) {
			digest_add(&d, BYTES_OF(zero));
			continue;
		}
		if (f->acks)
			TRY(acks_sum(e, l, t->docno, &fp));
		else
			TRY(fingerprint_doc(e->r->txn, t->docno, &fp));
		digest_add(&d, BYTES_OF(fp.sum));
		f->count += fp.count;
	}
	digest_final(&d, f->hash);
	return LK_NONE;
}

static void
topics_sum_send(struct engine *e, struct link *l, const struct fp_range *f)
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
		TRY(topics_sum(e, l, &all));
	all.answer = false;
	topics_sum_send(e, l, &all);
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
		t->differs = false;
		if (t->exchange != NULL)
			t->exchange->held.ms = 0;
		TRY(acks_stand(e, t->docno, l->pk, &stand));
		/* Else at the next time. */
		if (stand || may_ask(e, t))
			t->equal_at = e->generation;
		if (!stand)
			TRY(reconcile_ask(e, l, n));
	}
	if (f->first == 0 && f->last + 1 >= l->numbers_len) {
		l->equal = *f;
		l->equal_generation = e->generation;
		/* Whoever began it: one comparison tells both. */
		l->round = e->now.mono;
	}
	return LK_NONE;
}

lk_err
reconcile_busy(struct engine *e, struct link *l, struct bytes body)
{
	struct link_topic *t;
	struct exchange *x;
	struct busy b;

	TRY(busy_decode(&b, body));
	t = topics_number(l, b.topic);
	if (t == NULL)
		return LK_ERR(LK_E_MALFORMED, "BUSY number");
	if (b.ms > ASKED_MS)
		b.ms = ASKED_MS;
	TRY(exchange_need(t, &x));
	x->busy.ms = e->now.mono.ms + b.ms;
	x->asked.ms = x->ranged.ms = 0;
	return LK_NONE;
}

bool
link_affords(struct engine *e, struct link *l, uint32_t number, size_t cost)
{
	int64_t left = l->spent_since.ms + ASKED_MS - e->now.mono.ms;
	struct busy busy = { .topic = number };
	BUF_SCOPED b = { .max = 8 };

	if (left <= 0 || l->spent_since.ms == 0) {
		l->spent_since = e->now.mono;
		l->spent = 0;
	}
	if (l->spent < ASKED_COST_MAX) {
		l->spent += cost;
		return true;
	}
	if (topics_number(l, number) != NULL) {
		busy.ms = (uint32_t)left;
		busy_encode(&b, &busy);
		link_send(e, l, MSG_BUSY, buf_bytes(&b));
	}
	return false;
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
		err = vector_own(e->r->txn, t->docno, &v);
	for (size_t i = 0; i < v.len && err.code == LK_OK; i++)
		version_entry_encode(&b, &v.at[i].entry);
	vector_clear(&v);
	TRY(err);
	TRY(buf_err(&b, "VV"));
	link_send(e, l, MSG_VV, buf_bytes(&b));
	return LK_NONE;
}

lk_err
reconcile_ask(struct engine *e, struct link *l, uint32_t number)
{
	struct link_topic *t = topics_number(l, number);
	struct exchange *x;

	if (t == NULL || t->forgotten_there)
		return LK_NONE;
	/* In place of a question: that there is none. */
	if (t->forgotten_here)
		return acks_note(e, t->docno);
	if (!may_ask(e, t))
		return LK_NONE;
	TRY(exchange_need(t, &x));
	if (exchange_hold(e, l, t->docno, x))
		return LK_NONE;
	TRY(topics_serve(e, l, t));
	x->asked = e->now.mono;
	t->crossed = false;
	return vector_send(e, l, number, false);
}

static struct range_set
range_set_of(
    const struct engine *e, const struct link *l, const struct link_topic *t)
{
	return (struct range_set){
		.txn = e->r->txn,
		.docno = t->docno,
		.session = BYTES(session_hash(l->session), SESSION_HASH_LEN),
	};
}

static lk_err
ranges_send(
    struct engine *e, struct link *l, uint32_t number, const struct buf *ranges)
{
	struct range_message m = { .topic = number,
		.ranges = buf_bytes(ranges) };
	BUF_SCOPED b = { .max = 4 + RANGE_BODY_MAX };

	range_message_encode(&b, &m);
	TRY(buf_err(&b, "RANGE"));
	link_send(e, l, MSG_RANGE, buf_bytes(&b));
	return LK_NONE;
}

/* Compares by ranges: some authors, or all when none is named.  One exchange at
 * a time. */
static lk_err
ranges_open(struct engine *e, struct link *l, uint32_t number,
    const struct vector_gap *g)
{
	struct link_topic *t = topics_number(l, number);
	struct exchange *x = t->exchange;
	struct range_set set = range_set_of(e, l, t);
	BUF_SCOPED b = { .max = RANGE_BODY_MAX };

	if (t->serve != SERVE_FULL || is_awaited(e, x->ranged) ||
	    is_busy(e, t) || x->held.ms != 0)
		return LK_NONE;
	if (g->unclear_len == 0 || g->unclear_len > RANGE_AUTHORS_MAX)
		TRY(range_open(&b, &set));
	else
		TRY(range_open_authors(&b, &set,
		    (const uint8_t(*)[LK_TOPIC_LEN])g->unclear,
		    g->unclear_len));
	x->ranged = e->now.mono;
	x->rounds = 0;
	return ranges_send(e, l, number, &b);
}

/* What two vectors say is done: what he lacks is sent, and of whom they do not
 * tell the ranges are compared. */
static lk_err
vector_follow(struct engine *e, struct link *l, uint32_t number,
    const struct vector_gap *g, bool answer)
{
	struct link_topic *t = topics_number(l, number);
	struct exchange *x = t->exchange;

	if (g->unclear_len > 0)
		TRY(ranges_open(e, l, number, g));
	x->next = g->start;
	x->sending = g->lacks;
	if (g->lacks) {
		TRY(welcome_renew(e, l, t));
		return reconcile_pump(e, l);
	}
	vector_clear(&x->vector);
	/* Both hold the newest of everybody, and yet not the same. */
	if (answer && t->differs && !g->brings && g->unclear_len == 0)
		TRY(ranges_open(e, l, number, g));
	/* Equal, for all we know: he should know that we are. */
	return acks_send(e, l, number);
}

static lk_err
vector_taken(struct engine *e, struct link *l, const struct version_vector *vv,
    const struct vector_gap *g)
{
	struct link_topic *t = topics_number(l, vv->topic);
	struct exchange *x = t->exchange;

	/* What his answer says he lacks is on its way to him. */
	if (vv->answer &&
	    (t->crossed || x->sending || is_awaited(e, x->streamed))) {
		if (!x->sending)
			vector_clear(&x->vector);
		return LK_NONE;
	}
	if (t->serve == SERVE_FAREWELL)
		return stream_farewell(e, l, t);
	if (t->serve == SERVE_FULL)
		return vector_follow(e, l, vv->topic, g, vv->answer);
	x->sending = false;
	vector_clear(&x->vector);
	return LK_NONE;
}

lk_err
reconcile_vv(struct engine *e, struct link *l, struct bytes body)
{
	struct vector_gap g = { .lacks = false };
	struct version_vector vv;
	struct link_topic *t;
	struct exchange *x;
	lk_err err = LK_NONE;

	TRY(version_vector_decode(&vv, body));
	t = topics_number(l, vv.topic);
	if (t == NULL)
		return LK_ERR(LK_E_MALFORMED, "VV number");
	if (!link_affords(e, l, vv.topic, body.len))
		return LK_NONE;
	if (t->forgotten_here)
		return acks_note(e, t->docno);
	/* Who asks for it keeps it again. */
	if (t->forgotten_there)
		TRY(forgotten_no_more(e, l, t));
	TRY(topics_serve(e, l, t));
	TRY(exchange_need(t, &x));
	TRY(vector_keep(&x->vector, &vv));
	TRY(vector_compare(
	    e->r->txn, t->docno, &x->vector, link_topic_is_shared(t), &g));
	l->spent += 2 * g.steps;
	if (vv.answer)
		x->held.ms = 0;
	if (!vv.answer && !(g.brings && exchange_hold(e, l, t->docno, x))) {
		t->crossed = x->asked.ms != 0;
		err = vector_send(e, l, vv.topic, true);
	}
	if (g.brings && x->held.ms == 0)
		x->asked = e->now.mono;
	else if (vv.answer)
		x->asked.ms = 0;
	if (err.code == LK_OK)
		err = vector_taken(e, l, &vv, &g);
	vector_gap_clear(&g);
	return err;
}

/* Somewhere in the set, as likely near the end of a short chain as anywhere in
 * a long one. */
static lk_err
audit_from(struct engine *e, const struct link_topic *t,
    uint8_t from[static ENVELOPE_KEY_LEN])
{
	static const uint8_t no_id[LK_ID_LEN];
	uint8_t tag[LK_TOPIC_LEN];
	struct fingerprint f;
	uint64_t block;
	lk_err err;

	random_fill(&e->random, tag, sizeof(tag));
	err = fingerprint_next_author(e->r->txn, t->docno, tag, &f);
	if (err.code == LK_E_NOTFOUND) {
		memset(tag, 0, sizeof(tag));
		err = fingerprint_next_author(e->r->txn, t->docno, tag, &f);
	}
	TRY(err);
	TRY(fingerprint_last_block(e->r->txn, t->docno, tag, &block));
	block = random_below(&e->random, block + 1);
	envelope_key(from, tag, block << FP_BLOCK_SHIFT, no_id);
	return LK_NONE;
}

/* Of what was found equal by sums some is compared exactly now and then. */
static lk_err
reconcile_audit(struct engine *e, struct link *l)
{
	uint8_t from[ENVELOPE_KEY_LEN];
	BUF_SCOPED b = { .max = RANGE_BODY_MAX };
	struct link_topic *t;
	struct exchange *x;
	struct range_set set;
	uint32_t number;
	lk_err err;

	/* Whoever says so, though nothing has a number. */
	if (l->numbers_len == 0 || random_below(&e->random, AUDIT_ODDS) != 0)
		return LK_NONE;
	number = (uint32_t)random_below(&e->random, l->numbers_len);
	t = topics_number(l, number);
	if (t == NULL || !link_topic_is_shared(t) ||
	    is_awaited(e, exchange_of(t)->ranged) || is_busy(e, t))
		return LK_NONE;
	err = audit_from(e, t, from);
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	set = range_set_of(e, l, t);
	err = range_open_exact(&b, &set, from);
	if (err.code == LK_E_LIMIT)
		return LK_NONE;
	TRY(err);
	TRY(exchange_need(t, &x));
	x->ranged = e->now.mono;
	x->rounds = 0;
	return ranges_send(e, l, number, &b);
}

/* What a message of ranges has shown. */
static lk_err
ranges_follow(struct engine *e, struct link *l, uint32_t number,
    const struct range_result *r, const struct buf *answer)
{
	struct link_topic *t = topics_number(l, number);

	t->exchange->ranged.ms = r->parts > 0 ? e->now.mono.ms : 0;
	if (r->answers)
		TRY(ranges_send(e, l, number, answer));
	want_send(e, l, number, r->want, r->want_len);
	TRY(stream_queue(l, t, r->send, r->send_len));
	return reconcile_pump(e, l);
}

lk_err
reconcile_range(struct engine *e, struct link *l, struct bytes body)
{
	struct range_result r = { .answers = false };
	BUF_SCOPED b = { .max = RANGE_BODY_MAX };
	struct range_message m;
	struct range_set set;
	struct link_topic *t;
	struct exchange *x;
	lk_err err;

	TRY(range_message_decode(&m, body));
	t = topics_number(l, m.topic);
	if (t == NULL)
		return LK_ERR(LK_E_MALFORMED, "RANGE number");
	TRY(topics_serve(e, l, t));
	/* Whoever was thrown out here may have been let in again there, by what
	 * waits for a branch that only ranges bring. */
	if (t->serve != SERVE_FULL)
		return LK_NONE;
	TRY(exchange_need(t, &x));
	if (!is_awaited(e, x->ranged))
		x->rounds = 0;
	if (++x->rounds > RANGE_ROUNDS_MAX ||
	    !link_affords(e, l, m.topic, body.len))
		return LK_NONE;
	set = range_set_of(e, l, t);
	TRY(range_answer(&b, &set, m.ranges, RANGE_STEPS_MAX, &r));
	l->spent += r.steps;
	err = ranges_follow(e, l, m.topic, &r, &b);
	range_result_clear(&r);
	return err;
}

/* Compares what others have acknowledged, if there is news since that was
 * last done. */
static lk_err
reconcile_acks(struct engine *e, struct link *l)
{
	struct fp_range all = { .acks = true,
		.last = (uint32_t)(l->numbers_len - 1) };

	if (l->numbers_len == 0 || l->acks_compared == e->acks_generation)
		return LK_NONE;
	l->acks_compared = e->acks_generation;
	TRY(topics_sum(e, l, &all));
	topics_sum_send(e, l, &all);
	return LK_NONE;
}

/* Some documents are equal; when it is all of them there is time for more. */
static lk_err
fp_equal(struct engine *e, struct link *l, const struct fp_range *theirs,
    struct fp_range *ours)
{
	if (ours->acks)
		return LK_NONE;
	TRY(reconcile_equal(e, l, ours));
	if (!theirs->answer) {
		ours->answer = true;
		topics_sum_send(e, l, ours);
		return LK_NONE;
	}
	if (ours->first != 0 || ours->last + 1 < l->numbers_len)
		return LK_NONE;
	TRY(reconcile_acks(e, l));
	return reconcile_audit(e, l);
}

/* One document differs. */
static lk_err
fp_differs(struct engine *e, struct link *l, const struct fp_range *theirs,
    struct fp_range *ours)
{
	struct link_topic *t = topics_number(l, ours->first);

	if (ours->acks) {
		TRY(acks_tell(e, l, ours->first));
		ours->answer = true;
		if (!theirs->answer)
			topics_sum_send(e, l, ours);
		return LK_NONE;
	}
	if (t != NULL)
		t->differs = true;
	return reconcile_ask(e, l, ours->first);
}

lk_err
reconcile_again(struct engine *e, struct link *l, uint32_t number)
{
	struct fp_range one = { .first = number, .last = number };

	TRY(topics_sum(e, l, &one));
	topics_sum_send(e, l, &one);
	return LK_NONE;
}

lk_err
reconcile_fp(struct engine *e, struct link *l, struct bytes body)
{
	struct fp_range theirs, ours;
	uint32_t span, step;

	TRY(fp_range_decode(&theirs, body));
	ours = (struct fp_range){
		.acks = theirs.acks, .first = theirs.first, .last = theirs.last
	};
	if (theirs.last >= 2 * (uint32_t)l->numbers_len + FP_SUBRANGES)
		return LK_ERR(LK_E_MALFORMED, "FP range");
	if (!link_affords(e, l, theirs.first,
		2 * ((size_t)theirs.last - theirs.first + 1) + body.len))
		return LK_NONE;
	/* Nothing happened here since both were equal. */
	if (!ours.acks && l->equal_generation == e->generation &&
	    e->generation != 0 && l->equal.first == ours.first &&
	    l->equal.last == ours.last)
		ours = l->equal;
	else
		TRY(topics_sum(e, l, &ours));
	if (ours.acks)
		l->spent += ours.count;
	if (ours.count == theirs.count &&
	    memcmp(ours.hash, theirs.hash, FP_LEN) == 0)
		return fp_equal(e, l, &theirs, &ours);
	if (ours.first == ours.last)
		return fp_differs(e, l, &theirs, &ours);
	span = ours.last - ours.first + 1;
	step = (span + FP_SUBRANGES - 1) / FP_SUBRANGES;
	for (uint32_t at = ours.first; at <= ours.last; at += step) {
		struct fp_range part = {
			.acks = ours.acks, .first = at, .last = at + step - 1
		};

		if (part.last > ours.last)
			part.last = ours.last;
		TRY(topics_sum(e, l, &part));
		topics_sum_send(e, l, &part);
	}
	return LK_NONE;
}
