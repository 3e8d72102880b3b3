#include <stdlib.h>
#include <string.h>

#include "relay/relay_state.h"

#define BATCH_BYTES ((size_t)128 * 1024)
#define OPEN_WORK 8

static int
channel_compare(const struct channel *a, const struct channel *b)
{
	int c = memcmp(a->account, b->account, SIGN_PK_LEN);

	return c != 0 ? c : memcmp(a->topic, b->topic, LK_TOPIC_LEN);
}

RB_PROTOTYPE(channels, channel, entry, channel_compare)
RB_GENERATE(channels, channel, entry, channel_compare)

static struct channel *
channel_find(struct relay *r, const uint8_t *account, const uint8_t *topic)
{
	struct channel wanted;

	memcpy(wanted.account, account, SIGN_PK_LEN);
	memcpy(wanted.topic, topic, LK_TOPIC_LEN);
	return RB_FIND(channels, &r->channels, &wanted);
}

static lk_err
channel_get(struct relay *r, const struct relay_open *m, uint32_t docno,
    struct channel **out)
{
	struct channel *at = channel_find(r, m->account, m->topic);

	if (at == NULL) {
		at = calloc(1, sizeof(*at));
		if (at == NULL)
			return LK_ERR(LK_E_NOMEM, "topic");
		memcpy(at->account, m->account, SIGN_PK_LEN);
		memcpy(at->topic, m->topic, LK_TOPIC_LEN);
		TAILQ_INIT(&at->all);
		RB_INSERT(channels, &r->channels, at);
	}
	at->docno = docno;
	*out = at;
	return LK_NONE;
}

struct subscription *
subscription_find(struct client *v, uint32_t number)
{
	return number < v->numbers_len ? v->numbers[number] : NULL;
}

/* Both sides do so at each answer to OPEN, asked for or not. */
static void
items_anew(struct subscription *o)
{
	o->client->authors -= o->in.len + o->out.len;
	item_state_clear(&o->in);
	item_state_clear(&o->out);
}

void
subscription_free(struct relay *r, struct subscription *o)
{
	struct client *v = o->client;

	TAILQ_REMOVE(&o->channel->all, o, meets);
	if (TAILQ_EMPTY(&o->channel->all)) {
		RB_REMOVE(channels, &r->channels, o->channel);
		free(o->channel);
	}
	if (o->sending)
		TAILQ_REMOVE(&v->sending, o, sends);
	v->numbers[o->number] = NULL;
	items_anew(o);
	free(o);
}

static lk_err
numbers_grow(struct client *v, uint32_t number)
{
	size_t len = v->numbers_len == 0 ? 16 : v->numbers_len;
	struct subscription **grown;

	while (len <= number)
		len *= 2;
	if (len == v->numbers_len)
		return LK_NONE;
	grown = reallocarray(v->numbers, len, sizeof(struct subscription *));
	if (grown == NULL)
		return LK_ERR(LK_E_NOMEM, "topics");
	for (size_t i = v->numbers_len; i < len; i++)
		grown[i] = NULL;
	v->numbers = grown;
	v->numbers_len = len;
	return LK_NONE;
}

static void
subscription_send(
    struct relay *r, struct client *v, uint32_t number, enum relay_scope scope)
{
	struct relay_opened m = { number, scope };
	BUF_SCOPED b = { .max = 64 };

	relay_opened_encode(&b, &m);
	client_send(r, v, MSG_RELAY_OPEN, buf_bytes(&b));
}

static void
sending_begin(struct subscription *o)
{
	if (o->sending)
		return;
	o->sending = true;
	TAILQ_INSERT_TAIL(&o->client->sending, o, sends);
}

static void
sending_end(struct subscription *o)
{
	o->sending = o->catching = false;
	TAILQ_REMOVE(&o->client->sending, o, sends);
}

void
subscription_acks(struct subscription *o)
{
	o->acking = true;
	memset(o->ack_at, 0, sizeof(o->ack_at));
	sending_begin(o);
}

/* What it may have from now on; who gets keys alone gets all there are, others
 * all acknowledgements. */
static void
scope_set(struct subscription *o, enum relay_scope scope)
{
	items_anew(o);
	o->scope = scope;
	if (scope != RELAY_KEYS) {
		subscription_acks(o);
		return;
	}
	o->acking = false;
	o->next = 0;
	o->catching = true;
	sending_begin(o);
}

static lk_err
subscription_new(struct relay *r, struct client *v, const struct relay_open *m,
    const struct topic_record *t, struct subscription **out)
{
	struct channel *channel;
	struct subscription *o;

	TRY(numbers_grow(v, m->number));
	if (v->numbers[m->number] != NULL)
		subscription_free(r, v->numbers[m->number]);
	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return LK_ERR(LK_E_NOMEM, "topic");
	if (channel_get(r, m, t->docno, &channel).code != LK_OK) {
		free(o);
		return LK_ERR(LK_E_NOMEM, "topic");
	}
	o->client = v;
	o->channel = channel;
	o->number = m->number;
	memcpy(o->pk, m->pk, SIGN_PK_LEN);
	TAILQ_INSERT_TAIL(&channel->all, o, meets);
	v->numbers[m->number] = o;
	*out = o;
	return LK_NONE;
}

/* What a stranger could not yet say: a message of a megabyte. */
static void
body_max_raise(struct client *v, enum relay_scope scope)
{
	v->body_max[MSG_FP] = 64;
	v->body_max[MSG_WANT] = 4 + WANT_MAX * LK_ID_LEN;
	v->body_max[MSG_RANGE] = 64 * 1024;
	if (scope == RELAY_FULL)
		v->body_max[MSG_BATCH] = MESSAGE_MAX;
}

static lk_err
subscription_begin(struct relay *r, struct client *v,
    const struct relay_open *m, const struct topic_record *t)
{
	enum relay_scope scope = topic_scope(t, m->pk);
	struct vault *vault;
	struct account a;
	struct subscription *o;
	uint64_t last;

	TRY(client_known(r, v, m->pk));
	TRY(account_get(relay_records(r), m->account, &a));
	TRY(client_vault(r, v, &a, &vault));
	TRY(lsn_last(vault->txn, &last));
	TRY(subscription_new(r, v, m, t, &o));
	o->next = last + 1;
	body_max_raise(v, scope);
	subscription_send(r, v, m->number, scope);
	scope_set(o, scope);
	return LK_NONE;
}

/* Whether this is a credential that is registered, and its holder. */
static lk_err
open_check(struct relay *r, struct client *v, const struct relay_open *m,
    struct topic_record *t, bool *good)
{
	lk_err err = topic_get(relay_records(r), m->account, m->topic, t);

	*good = false;
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	*good = topic_scope(t, m->pk) != RELAY_REFUSED &&
	    relay_open_verify(m, session_hash(v->session));
	return LK_NONE;
}

lk_err
open_taken(struct relay *r, struct client *v, struct bytes body)
{
	struct relay_open m;
	struct topic_record t;
	bool good;

	TRY(relay_open_decode(&m, body));
	if (m.number >= RELAY_OPEN_MAX)
		return LK_ERR(LK_E_LIMIT, "OPEN number");
	TRY(client_work(r, v, OPEN_WORK));
	TRY(open_check(r, v, &m, &t, &good));
	if (good)
		return subscription_begin(r, v, &m, &t);
	if (++v->refusals > RELAY_REFUSALS_MAX && !v->known)
		return LK_ERR(LK_E_LIMIT, "too many refusals");
	/* What the number meant before, it does not any more. */
	if (subscription_find(v, m.number) != NULL)
		subscription_free(r, v->numbers[m.number]);
	subscription_send(r, v, m.number, RELAY_REFUSED);
	return LK_NONE;
}

void
subscription_judge(struct relay *r, const uint8_t account[static SIGN_PK_LEN],
    const uint8_t topic[static LK_TOPIC_LEN], const struct topic_record *t)
{
	struct channel *m = channel_find(r, account, topic);
	struct subscription *o, *next;
	struct subscriptions all;

	if (m == NULL)
		return;
	all = m->all;
	for (o = TAILQ_FIRST(&all); o != NULL; o = next) {
		enum relay_scope scope = topic_scope(t, o->pk);

		next = TAILQ_NEXT(o, meets);
		if (scope == o->scope)
			continue;
		subscription_send(r, o->client, o->number, scope);
		if (scope == RELAY_REFUSED)
			subscription_free(r, o);
		else
			scope_set(o, scope);
	}
}

void
subscription_end(struct relay *r, const uint8_t account[static SIGN_PK_LEN],
    const uint8_t *topic)
{
	struct client *v;

	TAILQ_FOREACH (v, &r->clients, next)
		for (size_t i = 0; i < v->numbers_len; i++) {
			struct subscription *o = v->numbers[i];

			if (o == NULL ||
			    memcmp(o->channel->account, account, SIGN_PK_LEN) !=
				0 ||
			    (topic != NULL &&
				memcmp(o->channel->topic, topic,
				    LK_TOPIC_LEN) != 0))
				continue;
			subscription_send(r, v, o->number, RELAY_REFUSED);
			subscription_free(r, o);
		}
}

bool
subscription_has_room(struct relay *r, struct subscription *o,
    const struct account *a, struct vault *vault, size_t bytes)
{
	static const enum relay_quota_why whys[] = {
		[VAULT_BYTES] = RELAY_QUOTA_BYTES,
		[VAULT_ENVELOPES] = RELAY_QUOTA_ENVELOPES,
		[VAULT_RATE] = RELAY_QUOTA_RATE,
		[VAULT_DISK] = RELAY_QUOTA_DISK,
	};
	static const uint32_t retries[] = { [VAULT_BYTES] = 600,
		[VAULT_ENVELOPES] = 600,
		[VAULT_RATE] = 15,
		[VAULT_DISK] = 600 };
	enum vault_room room =
	    vault_room(vault, &a->limits, bytes, r->now.mono);
	struct relay_quota q = { .number = o->number };

	if (room == VAULT_ROOM)
		return true;
	o->stopped = true;
	q.why = whys[room];
	q.retry_s = retries[room];
	quota_send(r, o->client, &q, a, vault);
	return false;
}

void
subscription_wake(struct relay *r, struct subscription *from, uint64_t lsn)
{
	struct subscription *o;

	/* It has what it brought; unless something else is on the way. */
	if (!from->sending)
		from->next = lsn + 1;
	TAILQ_FOREACH (o, &from->channel->all, meets)
		if (o != from)
			sending_begin(o);
	r->wake = r->now.mono;
}

static lk_err
orders_grow(struct client *v)
{
	size_t cap = v->orders_cap + v->orders_cap / 2 + 64;
	struct ordered *grown = reallocarray(v->orders, cap, sizeof(*grown));

	if (grown == NULL)
		return LK_ERR(LK_E_NOMEM, "orders");
	v->orders = grown;
	v->orders_cap = cap;
	return LK_NONE;
}

lk_err
client_order(struct client *v, uint32_t number, uint64_t lsn)
{
	if (v->orders_len == ORDERS_MAX)
		return LK_ERR(LK_E_LIMIT, "asks too much");
	if (v->orders_len == v->orders_cap)
		TRY(orders_grow(v));
	v->orders[v->orders_len++] = (struct ordered){ number, lsn };
	return LK_NONE;
}

/* Appends one envelope to a batch, if this credential may have it. */
static lk_err
item_add(struct subscription *o, const struct log_entry *entry, struct buf *b)
{
	struct envelope env;
	size_t authors = o->out.len;

	/* Damaged: another may have it whole. */
	if (envelope_parse(&env, entry->envelope).code != LK_OK)
		return LK_NONE;
	if (o->scope == RELAY_KEYS && env.key_section.len == 0)
		return LK_NONE;
	TRY(item_encode(b, &o->out, &env));
	o->client->authors += o->out.len - authors;
	return LK_NONE;
}

/* The next that is whole; others may have the rest. */
static lk_err
stream_next(
    struct vault *vault, struct subscription *o, struct log_entry *entry)
{
	lk_err err;

	do {
		entry->lsn = 0;
		err = o->scope == RELAY_KEYS
		    ? vault_next_keys(vault, o->channel->docno, o->next, entry)
		    : log_next(vault->txn, o->channel->docno, o->next, entry);
		if (err.code == LK_E_CORRUPT && entry->lsn < o->next)
			return err;
		if (err.code == LK_E_CORRUPT)
			o->next = entry->lsn + 1;
	} while (err.code == LK_E_CORRUPT);
	return err;
}

/* Fills one batch from where the stream is; false when it is through. */
static lk_err
stream_fill(
    struct vault *vault, struct subscription *o, struct buf *b, bool *more)
{
	size_t head = b->len;

	*more = true;
	while (*more && b->len < BATCH_BYTES) {
		struct log_entry entry;
		lk_err err = stream_next(vault, o, &entry);

		*more = err.code == LK_OK;
		if (err.code != LK_OK)
			return err.code == LK_E_NOTFOUND ? LK_NONE : err;
		if (b->len > head && b->len + entry.envelope.len > BATCH_BYTES)
			break;
		o->next = entry.lsn + 1;
		TRY(item_add(o, &entry, b));
	}
	return LK_NONE;
}

static lk_err
stream_pump(struct relay *r, struct subscription *o)
{
	struct client *v = o->client;
	struct vault *vault;
	struct account a;

	TRY(account_get(relay_records(r), o->channel->account, &a));
	TRY(client_vault(r, v, &a, &vault));
	TRY(acks_pump(r, o, vault));
	while (o->sending && client_has_room(v)) {
		BUF_SCOPED b = { .max = MESSAGE_MAX };
		bool more, says;
		size_t empty;

		batch_encode(&b, o->number, false);
		empty = b.len;
		TRY(stream_fill(vault, o, &b, &more));
		TRY(buf_err(&b, "BATCH"));
		says = b.len > empty || (!more && o->catching);
		if (!more && o->catching)
			b.ptr[4] = 1;
		if (!more)
			sending_end(o);
		if (says)
			client_send(r, v, MSG_BATCH, buf_bytes(&b));
	}
	return LK_NONE;
}

/* Of what was asked for: as much as is next for one topic. */
static lk_err
orders_fill(struct client *v, struct subscription *o, struct vault *vault,
    struct buf *b, bool *end)
{
	*end = false;
	while (v->orders_at < v->orders_len && b->len < BATCH_BYTES && !*end) {
		const struct ordered *at = &v->orders[v->orders_at];
		struct log_entry entry;
		lk_err err;

		if (at->number != o->number)
			return LK_NONE;
		v->orders_at++;
		*end = at->lsn == 0;
		if (*end)
			continue;
		err = log_next(vault->txn, o->channel->docno, at->lsn, &entry);
		if (err.code == LK_E_NOTFOUND || err.code == LK_E_CORRUPT)
			continue;
		TRY(err);
		if (entry.lsn == at->lsn)
			TRY(item_add(o, &entry, b));
	}
	return LK_NONE;
}

static lk_err
orders_pump(struct relay *r, struct client *v)
{
	while (v->orders_at < v->orders_len && client_has_room(v)) {
		struct subscription *o =
		    subscription_find(v, v->orders[v->orders_at].number);
		struct vault *vault;
		struct account a;
		bool end;
		BUF_SCOPED b = { .max = 2 * MESSAGE_MAX };

		if (o == NULL) {
			v->orders_at++;
			continue;
		}
		TRY(account_get(relay_records(r), o->channel->account, &a));
		TRY(client_vault(r, v, &a, &vault));
		batch_encode(&b, o->number, false);
		TRY(orders_fill(v, o, vault, &b, &end));
		TRY(buf_err(&b, "BATCH"));
		b.ptr[4] = end;
		client_send(r, v, MSG_BATCH, buf_bytes(&b));
	}
	/* What is through makes room for what is asked for meanwhile. */
	v->orders_len -= v->orders_at;
	memmove(v->orders, v->orders + v->orders_at,
	    v->orders_len * sizeof(*v->orders));
	v->orders_at = 0;
	return LK_NONE;
}

lk_err
subscription_pump(struct relay *r, struct client *v)
{
	struct subscription *o;

	if (v->state != CLIENT_OPEN)
		return LK_NONE;
	if (v->orders_len > 0)
		TRY(orders_pump(r, v));
	while ((o = TAILQ_FIRST(&v->sending)) != NULL && client_has_room(v))
		TRY(stream_pump(r, o));
	return LK_NONE;
}
