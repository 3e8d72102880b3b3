#include <string.h>

#include "relay/relay_state.h"
#include "sync/range.h"

#define SUBRANGES 16
#define ITEMS_MAX 4096

/* Adds what is under one number; one that is not open, or for keys only, counts
 * as empty. */
static lk_err
sum_add(struct relay *r, struct client *v, const struct subscription *o,
    struct fingerprint *fp)
{
	struct vault *vault;
	struct account a;

	*fp = (struct fingerprint){ .count = 0 };
	if (o == NULL || o->scope == RELAY_KEYS)
		return LK_NONE;
	TRY(account_get(relay_records(r), o->channel->account, &a));
	TRY(client_vault(r, v, &a, &vault));
	return fingerprint_doc(vault->txn, o->channel->docno, fp);
}

/* Of the numbers first to last. */
static lk_err
range_own(struct relay *r, struct client *v, struct fp_range *f)
{
	struct fingerprint fp;
	struct digest d;

	digest_init(&d, FP_LEN, DIGEST_FP, NULL);
	digest_add(&d, BYTES(session_hash(v->session), SESSION_HASH_LEN));
	f->count = 0;
	for (uint32_t n = f->first; n <= f->last; n++) {
		TRY(sum_add(r, v, subscription_find(v, n), &fp));
		digest_add(&d, BYTES_OF(fp.sum));
		f->count += fp.count;
	}
	digest_final(&d, f->hash);
	return LK_NONE;
}

static void
range_send(struct relay *r, struct client *v, const struct fp_range *f)
{
	BUF_SCOPED b = { .max = 64 };

	fp_range_encode(&b, f);
	client_send(r, v, MSG_FP, buf_bytes(&b));
}

static lk_err
parts_send(struct relay *r, struct client *v, const struct fp_range *all)
{
	uint32_t step = (all->last - all->first + SUBRANGES) / SUBRANGES;
	uint32_t left = all->last - all->first + 1;

	while (left > 0) {
		struct fp_range part = { .first = all->last + 1 - left };

		part.last = part.first + (step < left ? step : left) - 1;
		left -= part.last - part.first + 1;
		TRY(range_own(r, v, &part));
		range_send(r, v, &part);
	}
	return LK_NONE;
}

/* Equal: the same again.  Else the parts, down to one topic, as they are
 * here; the client knows where his are others. */
lk_err
fp_taken(struct relay *r, struct client *v, struct bytes body)
{
	struct fp_range theirs, ours;

	TRY(fp_range_decode(&theirs, body));
	if (theirs.acks)
		return LK_ERR(LK_E_MALFORMED, "FP flags");
	if (theirs.last >= RELAY_OPEN_MAX)
		return LK_ERR(LK_E_LIMIT, "FP range");
	TRY(client_work(r, v, 2 * (uint64_t)(theirs.last - theirs.first + 1)));
	ours = (struct fp_range){ .first = theirs.first, .last = theirs.last };
	TRY(range_own(r, v, &ours));
	ours.answer = ours.count == theirs.count &&
	    memcmp(ours.hash, theirs.hash, FP_LEN) == 0;
	if (!ours.answer && ours.first != ours.last)
		return parts_send(r, v, &ours);
	range_send(r, v, &ours);
	return LK_NONE;
}

lk_err
want_taken(struct relay *r, struct client *v, struct bytes body)
{
	struct want want;
	struct subscription *o;
	struct vault *vault;
	struct account a;

	TRY(want_decode(&want, body));
	o = subscription_find(v, want.topic);
	if (o == NULL)
		return LK_ERR(LK_E_MALFORMED, "WANT number");
	TRY(client_work(r, v, want.len));
	if (v->orders_len >= ORDERS_MAX - want.len)
		return LK_ERR(LK_E_LIMIT, "asks too much");
	TRY(account_get(relay_records(r), o->channel->account, &a));
	TRY(client_vault(r, v, &a, &vault));
	for (size_t i = 0; i < want.len; i++) {
		struct log_entry entry;
		lk_err err =
		    log_by_id(vault->txn, want.ids + i * LK_ID_LEN, &entry);

		if (err.code == LK_E_NOTFOUND || err.code == LK_E_CORRUPT)
			continue;
		TRY(err);
		if (entry.docno == o->channel->docno)
			TRY(client_order(v, want.topic, entry.lsn));
	}
	r->wake = r->now.mono;
	return client_order(v, want.topic, 0);
}

static void
range_tell(struct relay *r, struct client *v, const struct subscription *o,
    struct bytes ranges)
{
	struct range_message m = { .topic = o->number, .ranges = ranges };
	BUF_SCOPED b = { .max = MESSAGE_MAX };

	range_message_encode(&b, &m);
	if (!b.failed)
		client_send(r, v, MSG_RANGE, buf_bytes(&b));
}

/* What the client has and the relay has not. */
static void
range_want(struct relay *r, struct client *v, const struct subscription *o,
    const struct range_result *found)
{
	for (size_t at = 0; at < found->want_len; at += WANT_MAX) {
		struct want w = { .topic = o->number,
			.ids = found->want + at * LK_ID_LEN,
			.len = found->want_len - at };
		BUF_SCOPED b = { .max = 64 * 1024 };

		if (w.len > WANT_MAX)
			w.len = WANT_MAX;
		want_encode(&b, &w);
		client_send(r, v, MSG_WANT, buf_bytes(&b));
	}
}

/* What the relay has and the client has not; while more is on its way than is
 * kept in mind, the next exchange finds the rest. */
static lk_err
range_orders(struct relay *r, struct client *v, const struct subscription *o,
    const struct range_result *found)
{
	for (size_t i = 0;
	     i < found->send_len && v->orders_len < ORDERS_MAX - 1; i++)
		TRY(client_order(v, o->number, found->send[i]));
	r->wake = r->now.mono;
	return client_order(v, o->number, 0);
}

static lk_err
range_follow(struct relay *r, struct client *v, const struct subscription *o,
    const struct range_result *found, struct bytes answer)
{
	TRY(client_work(r, v, found->steps));
	if (found->answers)
		range_tell(r, v, o, answer);
	if (o->scope == RELAY_FULL && !o->stopped)
		range_want(r, v, o, found);
	return found->send_len > 0 && v->orders_len < ORDERS_MAX - 1
	    ? range_orders(r, v, o, found)
	    : LK_NONE;
}

lk_err
range_taken(struct relay *r, struct client *v, struct bytes body)
{
	struct range_result found = { .answers = false };
	struct range_message m;
	struct range_set set;
	struct subscription *o;
	struct vault *vault;
	struct account a;
	BUF_SCOPED answer = { .max = RANGE_BODY_MAX };
	lk_err err;

	TRY(range_message_decode(&m, body));
	TRY(client_work(r, v, 1));
	o = subscription_find(v, m.topic);
	if (o == NULL || o->scope == RELAY_KEYS)
		return LK_NONE;
	TRY(account_get(relay_records(r), o->channel->account, &a));
	TRY(client_vault(r, v, &a, &vault));
	set = (struct range_set){ .txn = vault->txn,
		.docno = o->channel->docno,
		.session = { session_hash(v->session), SESSION_HASH_LEN } };
	err = range_answer(&answer, &set, m.ranges, RANGE_STEPS_MAX, &found);
	if (err.code == LK_OK)
		err = range_follow(r, v, o, &found, buf_bytes(&answer));
	range_result_clear(&found);
	return err;
}

/* What came of one BATCH. */
struct intake {
	struct relay *r;
	struct subscription *o;
	struct account account;
	struct vault *vault;
	struct buf ids; /* durable with the commit */
	size_t ids_len;
};

static void
stored_send(struct intake *in)
{
	struct relay_stored m = {
		.number = in->o->number, .ids = in->ids.ptr, .len = in->ids_len
	};
	BUF_SCOPED b = { .max = MESSAGE_MAX };

	if (in->ids_len == 0)
		return;
	relay_stored_encode(&b, &m);
	client_send(in->r, in->o->client, MSG_RELAY_STORED, buf_bytes(&b));
	buf_reset(&in->ids);
	in->ids_len = 0;
}

static void
stored_note(struct intake *in, const uint8_t *id)
{
	buf_mem(&in->ids, id, LK_ID_LEN);
	if (++in->ids_len == RELAY_IDS_MAX)
		stored_send(in);
}

static bool
intake_has_room(struct intake *in, size_t bytes)
{
	if (vault_room(in->vault, &in->account.limits, bytes,
		in->r->now.mono) == VAULT_ROOM)
		return true;
	stored_send(in);
	return subscription_has_room(
	    in->r, in->o, &in->account, in->vault, bytes);
}

/* It is there: as it should be, or damaged, which it is now no more; or of a
 * topic that is being removed, and then it has to come again. */
static lk_err
intake_again(struct intake *in, const struct envelope *env, bool *there)
{
	struct log_entry entry;
	lk_err err = log_by_id(in->vault->txn, env->id, &entry);

	if (err.code == LK_E_CORRUPT) {
		TRY(log_heal(in->vault->txn, env->id, env->all));
		err = log_by_id(in->vault->txn, env->id, &entry);
	}
	TRY(err);
	*there = entry.docno == in->o->channel->docno;
	return LK_NONE;
}

static lk_err
intake_one(struct intake *in, struct bytes bytes)
{
	struct log_entry entry = { .docno = in->o->channel->docno,
		.envelope = bytes };
	struct envelope env;
	bool there = true;
	lk_err err;

	TRY(envelope_parse(&env, bytes));
	memcpy(entry.id, env.id, LK_ID_LEN);
	memcpy(entry.tag, env.tag, LK_TOPIC_LEN);
	entry.seq = env.seq;
	vault_put_counted(in->vault);
	err = vault_append(in->vault, &entry, env.key_section.len > 0);
	if (err.code == LK_E_EXISTS)
		TRY(intake_again(in, &env, &there));
	else
		TRY(err);
	if (err.code == LK_OK)
		subscription_wake(in->r, in->o, entry.lsn);
	if (there)
		stored_note(in, env.id);
	return LK_NONE;
}

static lk_err
intake_all(struct intake *in, struct batch *batch)
{
	ARENA_SCOPED arena = { .max = 4 * MESSAGE_MAX };
	struct subscription *o = in->o;
	size_t before = o->in.len;

	for (size_t n = 0; batch->items.left.len > 0; n++) {
		struct bytes envelope;

		if (n == ITEMS_MAX)
			return LK_ERR(LK_E_LIMIT, "BATCH items");
		TRY(item_decode(&batch->items, &o->in, o->channel->topic,
		    &arena, &envelope));
		/* An item may be much shorter than what is made of it. */
		if (!intake_has_room(in, envelope.len))
			break;
		TRY(intake_one(in, envelope));
	}
	o->client->authors += o->in.len - before;
	stored_send(in);
	return o->client->authors <= RELAY_AUTHORS_MAX
	    ? LK_NONE
	    : LK_ERR(LK_E_LIMIT, "too many authors");
}

lk_err
batch_taken(struct relay *r, struct client *v, struct bytes body)
{
	struct intake in = { .r = r };
	struct batch batch;
	lk_err err;

	TRY(batch_decode(&batch, body));
	in.o = subscription_find(v, batch.topic);
	/* It may have sunk, or ended, when this was on its way. */
	if (in.o == NULL || in.o->scope != RELAY_FULL || in.o->stopped)
		return LK_NONE;
	TRY(account_get(relay_records(r), in.o->channel->account, &in.account));
	TRY(client_vault(r, v, &in.account, &in.vault));
	if (!intake_has_room(&in, batch.items.left.len))
		return LK_NONE;
	buf_init(&in.ids, RELAY_IDS_MAX * LK_ID_LEN);
	err = intake_all(&in, &batch);
	buf_clear(&in.ids);
	return err;
}
