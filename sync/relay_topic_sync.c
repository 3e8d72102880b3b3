#include <stdlib.h>
#include <string.h>

#include "sync/bucket.h"
#include "sync/range.h"
#include "sync/relay_client.h"

#define BATCH_BYTES ((size_t)128 * 1024)
#define COMPARE_MS 500 /* after what was lacking is there */
#define RECEIVE_MAX 4096
#define IGNORED_MAX 65536
#define SEND_MAX (4u * RANGE_SEND_MAX)

static struct relay_topic *
relay_topic_numbered(struct relay_client *c, uint32_t number)
{
	return number < c->opened ? &c->topics[number] : NULL;
}

static struct range_set
relay_topic_set(
    struct engine *e, const struct relay_client *c, const struct relay_topic *x)
{
	return (struct range_set){ .txn = e->r->txn,
		.docno = x->docno,
		.session = { session_hash(c->session), SESSION_HASH_LEN } };
}

static void
range_say(struct engine *e, struct relay_client *c, const struct relay_topic *x,
    struct bytes ranges)
{
	struct range_message m = { .topic = (uint32_t)(x - c->topics),
		.ranges = ranges };
	BUF_SCOPED b = { .max = MESSAGE_MAX };

	range_message_encode(&b, &m);
	if (!b.failed)
		relay_client_send(e, c, MSG_RANGE, buf_bytes(&b));
}

lk_err
relay_topic_range_begin(
    struct engine *e, struct relay_client *c, struct relay_topic *x)
{
	struct range_set set = relay_topic_set(e, c, x);
	BUF_SCOPED ranges = { .max = RANGE_BODY_MAX };

	x->rounds = 1;
	TRY(range_open(&ranges, &set));
	range_say(e, c, x, buf_bytes(&ranges));
	return LK_NONE;
}

lk_err
relay_topic_send(struct relay_topic *x, uint64_t lsn)
{
	if (x->state != RELAY_TOPIC_OPEN || x->stopped ||
	    x->send_len >= SEND_MAX)
		return LK_NONE;
	if (x->send_len == x->send_cap) {
		size_t cap = x->send_cap + x->send_cap / 2 + 16;
		uint64_t *grown = reallocarray(x->send, cap, sizeof(*grown));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "relay");
		x->send = grown;
		x->send_cap = cap;
	}
	x->send[x->send_len++] = lsn;
	return LK_NONE;
}

/* One BATCH of what the relay lacks. */
static lk_err
batch_fill(struct engine *e, struct relay_topic *x, struct buf *b)
{
	while (x->send_at < x->send_len && b->len < BATCH_BYTES) {
		struct log_entry entry;
		struct envelope env;
		lk_err err =
		    log_next(e->r->txn, x->docno, x->send[x->send_at], &entry);

		if (err.code == LK_OK && b->len > 64 &&
		    b->len + entry.envelope.len > BATCH_BYTES)
			return LK_NONE;
		/* Dropped meanwhile, or damaged: another device has it. */
		if (err.code == LK_E_NOTFOUND || err.code == LK_E_CORRUPT ||
		    (err.code == LK_OK && entry.lsn != x->send[x->send_at])) {
			x->send_at++;
			continue;
		}
		TRY(err);
		x->send_at++;
		TRY(envelope_parse(&env, entry.envelope));
		TRY(item_encode(b, &x->out, &env));
		x->unstored++;
	}
	return LK_NONE;
}

lk_err
relay_topic_pump(
    struct engine *e, struct relay_client *c, struct relay_topic *x)
{
	if (x->state != RELAY_TOPIC_OPEN || x->stopped)
		x->send_len = x->send_at = 0;
	while (x->send_at < x->send_len && relay_client_has_room(c)) {
		BUF_SCOPED b = { .max = MESSAGE_MAX };
		size_t head;

		batch_encode(&b, (uint32_t)(x - c->topics), false);
		head = b.len;
		TRY(batch_fill(e, x, &b));
		TRY(buf_err(&b, "BATCH"));
		if (b.len > head)
			relay_client_send(e, c, MSG_BATCH, buf_bytes(&b));
	}
	if (x->send_at == x->send_len)
		x->send_len = x->send_at = 0;
	return LK_NONE;
}

/* Where an id is among the ignored, or belongs. */
static size_t
ignored_place(const struct relay_client *c, const uint8_t *id, bool *is)
{
	size_t low = 0, high = c->ignored_len;

	*is = false;
	while (low < high && !*is) {
		size_t mid = low + (high - low) / 2;
		int order = memcmp(c->ignored[mid], id, LK_ID_LEN);

		*is = order == 0;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return *is ? high : low;
}

static lk_err
ignored_add(struct engine *e, struct relay_client *c, const uint8_t *id)
{
	struct remote_status *s = remote_status(e, c->remote);
	bool is;
	size_t at = ignored_place(c, id, &is);

	if (is)
		return LK_NONE;
	if (c->ignored_len == IGNORED_MAX) {
		relay_client_says(e, c, LK_ERR(LK_E_CORRUPT, "relay"),
		    "it holds too much that is refused");
		return LK_NONE;
	}
	if (c->ignored_len == c->ignored_cap) {
		size_t cap = c->ignored_cap + c->ignored_cap / 2 + 16;
		void *grown = reallocarray(c->ignored, cap, LK_ID_LEN);

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "relay");
		c->ignored = grown;
		c->ignored_cap = cap;
	}
	memmove(c->ignored + at + 1, c->ignored + at,
	    (c->ignored_len - at) * LK_ID_LEN);
	memcpy(c->ignored[at], id, LK_ID_LEN);
	c->ignored_len++;
	if (s != NULL)
		s->ignored = c->ignored_len;
	return LK_NONE;
}

/* Asks for what the relay has and this device has not, but for what was refused
 * before. */
static void
wants_say(struct engine *e, struct relay_client *c, const struct relay_topic *x,
    const struct range_result *found)
{
	BUF_SCOPED ids = { .max = WANT_MAX * LK_ID_LEN };
	struct want w = { .topic = (uint32_t)(x - c->topics) };

	for (size_t i = 0; i < found->want_len; i++) {
		const uint8_t *id = found->want + i * LK_ID_LEN;
		bool is;

		(void)ignored_place(c, id, &is);
		if (!is)
			buf_mem(&ids, id, LK_ID_LEN);
		if (ids.failed || ids.len == 0 ||
		    (ids.len < WANT_MAX * LK_ID_LEN && i + 1 < found->want_len))
			continue;
		BUF_SCOPED b = { .max = MESSAGE_MAX };

		w.ids = ids.ptr;
		w.len = ids.len / LK_ID_LEN;
		want_encode(&b, &w);
		relay_client_send(e, c, MSG_WANT, buf_bytes(&b));
		buf_reset(&ids);
	}
}

lk_err
relay_topic_range(struct engine *e, struct relay_client *c, struct bytes body)
{
	struct range_result found = { .answers = false };
	struct range_message m;
	struct range_set set;
	struct relay_topic *x;
	BUF_SCOPED answer = { .max = RANGE_BODY_MAX };
	lk_err err;

	TRY(range_message_decode(&m, body));
	TRY(relay_client_work(e, c, 1));
	x = relay_topic_numbered(c, m.topic);
	if (x == NULL || x->state != RELAY_TOPIC_OPEN)
		return LK_NONE;
	set = relay_topic_set(e, c, x);
	err = range_answer(&answer, &set, m.ranges, RANGE_STEPS_MAX, &found);
	if (err.code == LK_OK)
		err = relay_client_work(e, c, found.steps);
	if (err.code == LK_OK && found.answers &&
	    x->rounds++ < RANGE_ROUNDS_MAX)
		range_say(e, c, x, buf_bytes(&answer));
	if (err.code == LK_OK)
		wants_say(e, c, x, &found);
	for (size_t i = 0; err.code == LK_OK && i < found.send_len; i++)
		err = relay_topic_send(x, found.send[i]);
	range_result_clear(&found);
	TRY(err);
	return relay_topic_pump(e, c, x);
}

/* One that the relay lacks, if it is one of this document that counts. */
static lk_err
wanted_send(struct engine *e, struct relay_topic *x, const uint8_t *id)
{
	struct log_entry entry;
	lk_err err = log_by_id(e->r->txn, id, &entry);

	if (err.code == LK_OK && entry.docno == x->docno && entry.essential)
		return relay_topic_send(x, entry.lsn);
	return err.code == LK_E_NOTFOUND || err.code == LK_E_CORRUPT ? LK_NONE
								     : err;
}

lk_err
relay_topic_want(struct engine *e, struct relay_client *c, struct bytes body)
{
	struct want want;
	struct relay_topic *x;

	TRY(want_decode(&want, body));
	TRY(relay_client_work(e, c, want.len));
	x = relay_topic_numbered(c, want.topic);
	for (size_t i = 0; x != NULL && i < want.len; i++)
		TRY(wanted_send(e, x, want.ids + i * LK_ID_LEN));
	return x == NULL ? LK_NONE : relay_topic_pump(e, c, x);
}

static lk_err
verdicts_note(struct engine *e, struct relay_client *c,
    const struct bytes *envelopes, const struct received *verdicts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t id[LK_ID_LEN];

		envelope_id(id, envelopes[i]);
		if (verdicts[i].what == RECEIPT_ACCEPTED)
			TRY(origin_note(e, id, c->conn));
		if (verdicts[i].what == RECEIPT_REFUSED)
			TRY(ignored_add(e, c, id));
	}
	return LK_NONE;
}

lk_err
relay_topic_batch(struct engine *e, struct relay_client *c, struct bytes body)
{
	ARENA_SCOPED arena = { .max = 4 * MESSAGE_MAX };
	struct bytes *envelopes;
	struct received *verdicts;
	struct batch batch;
	struct relay_topic *x;
	size_t n = 0;

	TRY(batch_decode(&batch, body));
	x = relay_topic_numbered(c, batch.topic);
	/* Of a credential that was given up meanwhile. */
	if (x == NULL ||
	    (x->state != RELAY_TOPIC_OPEN && x->state != RELAY_TOPIC_KEYS))
		return LK_NONE;
	envelopes = arena_alloc(&arena, RECEIVE_MAX * sizeof(*envelopes));
	verdicts = arena_alloc(&arena, RECEIVE_MAX * sizeof(*verdicts));
	if (envelopes == NULL || verdicts == NULL)
		return LK_ERR(LK_E_NOMEM, "BATCH");
	for (; batch.items.left.len > 0 && n < RECEIVE_MAX; n++)
		TRY(item_decode(
		    &batch.items, &x->in, x->topic, &arena, &envelopes[n]));
	if (batch.items.left.len > 0)
		return LK_ERR(LK_E_LIMIT, "BATCH items");
	TRY(replica_receive(
	    e->r, x->docno, c->at.relay_key, envelopes, n, verdicts));
	TRY(verdicts_note(e, c, envelopes, verdicts, n));
	return batch.end ? relay_topic_retry(e, c, x) : LK_NONE;
}

/* Of what is open in full; the rest counts as empty, there as here. */
static lk_err
sum_own(struct engine *e, const struct relay_client *c, uint32_t number,
    struct fingerprint *fp)
{
	const struct relay_topic *x = &c->topics[number];

	*fp = (struct fingerprint){ .count = 0 };
	return x->state == RELAY_TOPIC_OPEN
	    ? fingerprint_doc(e->r->txn, x->docno, fp)
	    : LK_NONE;
}

static lk_err
fp_own(struct engine *e, const struct relay_client *c, struct fp_range *f)
{
	struct bytes session = { session_hash(c->session), SESSION_HASH_LEN };
	uint32_t n = f->first;
	struct digest d;
	lk_err err = LK_NONE;

	f->count = 0;
	digest_init(&d, FP_LEN, DIGEST_FP, NULL);
	digest_add(&d, session);
	while (n <= f->last && err.code == LK_OK) {
		struct fingerprint fp;

		err = sum_own(e, c, n++, &fp);
		f->count += fp.count;
		digest_add(&d, BYTES_OF(fp.sum));
	}
	digest_final(&d, f->hash);
	return err;
}

static void
fp_say(struct engine *e, struct relay_client *c, const struct fp_range *f)
{
	BUF_SCOPED b = { .max = 64 };

	fp_range_encode(&b, f);
	relay_client_send(e, c, MSG_FP, buf_bytes(&b));
}

lk_err
relay_topics_compare(struct engine *e, struct relay_client *c)
{
	struct fp_range all = { .first = 0 };

	c->round = e->now.mono;
	c->compare.ms = 0;
	if (c->opened == 0)
		return LK_NONE;
	all.last = (uint32_t)c->opened - 1;
	TRY(fp_own(e, c, &all));
	fp_say(e, c, &all);
	return LK_NONE;
}

/* All that this device has is there: until it has more. */
static lk_err
relay_topic_complete(
    struct engine *e, struct relay_client *c, struct relay_topic *x)
{
	struct fingerprint fp, known;
	lk_err err;

	if (x->state != RELAY_TOPIC_OPEN || !x->met || x->unstored > 0 ||
	    x->send_len > 0)
		return LK_NONE;
	TRY(fingerprint_doc(e->r->txn, x->docno, &fp));
	err = record_complete(e, c->remote, x->docno, &known);
	if (err.code == LK_OK && known.count == fp.count &&
	    memcmp(known.sum, fp.sum, sizeof(fp.sum)) == 0)
		return LK_NONE;
	if (err.code != LK_OK && err.code != LK_E_NOTFOUND)
		return err;
	return record_complete_put(e, c->remote, x->docno, &fp);
}

lk_err
relay_topic_stored(struct engine *e, struct relay_client *c, struct bytes body)
{
	struct relay_stored m;
	struct relay_topic *x;

	TRY(relay_stored_decode(&m, body));
	x = relay_topic_numbered(c, m.number);
	if (x == NULL)
		return LK_NONE;
	x->unstored -= m.len < x->unstored ? m.len : x->unstored;
	if (x->unstored == 0 && x->send_len == 0 && !x->met) {
		c->compare.ms = e->now.mono.ms + COMPARE_MS;
		e->wake = c->compare;
	}
	return relay_topic_complete(e, c, x);
}

static lk_err
relay_topics_met(
    struct engine *e, struct relay_client *c, const struct fp_range *f)
{
	bool all = f->first == 0 && f->last + 1 == c->opened;

	/* Nothing happened since it was the same. */
	if (all && c->met_generation == e->generation)
		return LK_NONE;
	c->met_generation = all ? e->generation : 0;
	for (uint32_t n = f->first; n <= f->last; n++) {
		c->topics[n].met = true;
		if (!c->topics[n].ack_settled)
			relay_topic_ack_note(e, c, &c->topics[n]);
		TRY(relay_topic_complete(e, c, &c->topics[n]));
	}
	return relay_topic_acks_again(e, c);
}

/* It may have lost what it had, too. */
static lk_err
relay_topic_differs(
    struct engine *e, struct relay_client *c, struct relay_topic *x)
{
	struct forgotten f;

	if (x->state != RELAY_TOPIC_OPEN)
		return LK_NONE;
	x->met = false;
	c->met_generation = 0;
	TRY(docstate_forgotten(e->r, x->docno, &f));
	if (f.is) {
		relay_topic_ack_note(e, c, x);
		return LK_NONE;
	}
	TRY(record_complete_del(e, c->remote, x->docno));
	return relay_topic_range_begin(e, c, x);
}

lk_err
relay_topic_fp(struct engine *e, struct relay_client *c, struct bytes body)
{
	struct remote_status *s = remote_status(e, c->remote);
	struct fp_range theirs, ours;

	TRY(fp_range_decode(&theirs, body));
	if (theirs.last >= c->opened)
		return LK_ERR(LK_E_MALFORMED, "FP range");
	TRY(relay_client_work(
	    e, c, (uint64_t)(theirs.last - theirs.first + 1)));
	ours = (struct fp_range){ .first = theirs.first, .last = theirs.last };
	TRY(fp_own(e, c, &ours));
	if (ours.count == theirs.count &&
	    memcmp(ours.hash, theirs.hash, FP_LEN) == 0) {
		if (s != NULL && ours.first == 0 && ours.last + 1 == c->opened)
			s->complete = e->now.wall;
		return relay_topics_met(e, c, &ours);
	}
	if (ours.first == ours.last)
		return relay_topic_differs(e, c, &c->topics[ours.first]);
	fp_say(e, c, &ours);
	return LK_NONE;
}
