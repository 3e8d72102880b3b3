#include <stdlib.h>
#include <string.h>

#include "sync/relay_client.h"

#define NUMBERS_MAX 16384 /* what a relay takes in a session */
#define COMPARE_MS 20     /* after an answer, to compare */
#define REFUSED_MS 30000  /* until all credentials are tried anew */
#define REFUSED_GUEST_MS 300000
#define OPEN_SLICE 64 /* documents begun in one turn */
#define KEY_WORK 16   /* of a credential that is made, in records read */

static const uint8_t nobody[SIGN_PK_LEN];

static void
relay_topic_reset(struct relay_topic *x)
{
	item_state_clear(&x->in);
	item_state_clear(&x->out);
	free(x->send);
	x->send = NULL;
	x->send_len = x->send_cap = x->send_at = 0;
	x->state = RELAY_TOPIC_NEW;
	x->tried_len = x->rounds = 0;
	x->registered = x->stopped = x->again_due = x->met = false;
	x->all_came = x->ack_due = x->ack_settled = false;
	x->unstored = 0;
}

void
relay_topics_reset(struct relay_client *c)
{
	for (size_t i = 0; i < c->relay_topics_len; i++)
		relay_topic_reset(&c->topics[i]);
	c->opened = 0;
	c->met_generation = 0;
	c->compare.ms = 0;
	relay_topic_acks_clear(c);
}

void
relay_topics_clear(struct relay_client *c)
{
	relay_topics_reset(c);
	free(c->topics);
	c->topics = NULL;
	c->relay_topics_len = c->relay_topics_cap = 0;
	c->listed = false;
}

static struct relay_topic *
relay_topic_of(struct relay_client *c, uint32_t docno)
{
	for (size_t i = c->relay_topics_len; i-- > 0;)
		if (c->topics[i].docno == docno)
			return &c->topics[i];
	return NULL;
}

static lk_err
relay_topic_add(struct relay_client *c, const struct member_entry *m)
{
	struct relay_topic *x = relay_topic_of(c, m->docno);

	if (x != NULL || c->relay_topics_len == NUMBERS_MAX)
		return LK_NONE;
	if (c->relay_topics_len == c->relay_topics_cap) {
		size_t cap = c->relay_topics_cap + c->relay_topics_cap / 2 + 16;
		struct relay_topic *grown =
		    reallocarray(c->topics, cap, sizeof(*grown));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "relay");
		c->topics = grown;
		c->relay_topics_cap = cap;
	}
	x = &c->topics[c->relay_topics_len++];
	*x = (struct relay_topic){ .docno = m->docno };
	memcpy(x->topic, m->topic, LK_TOPIC_LEN);
	return LK_NONE;
}

/* Documents this device is a member of, or was welcomed to and knows nothing of
 * yet. */
static lk_err
relay_topics_list(struct engine *e, struct relay_client *c, const uint8_t *pk)
{
	struct member_entry m = { .docno = 0 };

	for (;; m.docno++) {
		lk_err err = member_index_next(e->r, pk, &m);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		if (!m.was)
			TRY(relay_topic_add(c, &m));
	}
}

static bool
was_tried(const struct relay_topic *x, const uint8_t *etag)
{
	for (size_t i = 0; i < x->tried_len; i++)
		if (memcmp(x->tried[i], etag, LK_TOPIC_LEN) == 0)
			return true;
	return false;
}

/* The epoch it would write under; without a graph, one it was handed. */
static lk_err
epoch_present(struct engine *e, const struct relay_topic *x, struct epoch *out)
{
	uint8_t etag[LK_TOPIC_LEN] = { 0 };
	struct bytes value;
	struct graph *g;

	TRY(replica_graph(e->r, x->docno, &g));
	if (graph_len(g) > 0) {
		graph_any_epoch(g, etag);
		return docstate_key(e->r, x->docno, etag, out);
	}
	TRY(kv_walk(docstate_space(e->r, x->docno, SPACE_KEYS), etag,
	    sizeof(etag), 0, &value));
	if (value.len != EPOCH_SECRET_LEN)
		return LK_ERR(LK_E_CORRUPT, "epoch key");
	epoch_derive(out, value.ptr);
	return LK_NONE;
}

/* The next credential to try: NOTFOUND when there is none. */
static lk_err
epoch_next(struct engine *e, const struct relay_topic *x, struct epoch *out)
{
	struct docstate *ds;
	lk_err err = epoch_present(e, x, out);

	if (err.code == LK_OK && !was_tried(x, out->etag))
		return LK_NONE;
	if (err.code != LK_OK && err.code != LK_E_NOTFOUND)
		return err;
	TRY(docstate_get(e->r, x->docno, &ds));
	for (size_t i = ds->loose_len; i-- > 0;)
		if (!was_tried(x, ds->loose[i].etag)) {
			*out = ds->loose[i];
			return LK_NONE;
		}
	return LK_ERR(LK_E_NOTFOUND, "credential");
}

/* Ed25519 seed H[32]("lk1 relay cred", K; topic). */
static void
credential_key(
    struct sign_key *out, const struct epoch *epoch, const uint8_t *topic)
{
	uint8_t seed[SIGN_SEED_LEN];

	digest(seed, sizeof(seed), DIGEST_RELAY_CRED, epoch->content,
	    BYTES(topic, LK_TOPIC_LEN));
	sign_key_from_seed(out, seed);
	secret_wipe(seed, sizeof(seed));
}

static lk_err
relay_topic_open(struct engine *e, struct relay_client *c,
    struct relay_topic *x, const struct epoch *epoch)
{
	struct relay_open m = { .number = (uint32_t)(x - c->topics),
		.topic = x->topic };
	struct sign_key credential;
	BUF_SCOPED b = { .max = 512 };

	m.account = c->account;
	credential_key(&credential, epoch, x->topic);
	relay_open_encode(&b, &m, &credential, session_hash(c->session));
	sign_key_clear(&credential);
	TRY(buf_err(&b, "OPEN"));
	if (x->tried_len < RELAY_TOPIC_TRIES_MAX)
		memcpy(x->tried[x->tried_len++], epoch->etag, LK_TOPIC_LEN);
	memcpy(x->etag, epoch->etag, LK_TOPIC_LEN);
	x->state = RELAY_TOPIC_ASKED;
	relay_client_send(e, c, MSG_RELAY_OPEN, buf_bytes(&b));
	return LK_NONE;
}

static lk_err
relay_topic_try(struct engine *e, struct relay_client *c, struct relay_topic *x)
{
	struct epoch epoch;
	lk_err err = LK_ERR(LK_E_NOTFOUND, "credential");

	if (x->tried_len < RELAY_TOPIC_TRIES_MAX)
		err = epoch_next(e, x, &epoch);
	if (err.code == LK_OK) {
		err = relay_topic_open(e, c, x, &epoch);
		secret_wipe(&epoch, sizeof(epoch));
		return err;
	}
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

lk_err
relay_topics_begin(struct engine *e, struct relay_client *c)
{
	size_t slice = 0;

	if (!c->listed || c->memberships != e->r->memberships) {
		TRY(relay_topics_list(e, c, e->identity->sign.pk));
		TRY(relay_topics_list(e, c, nobody));
		c->listed = true;
		c->memberships = e->r->memberships;
	}
	for (; c->opened < c->relay_topics_len && slice < OPEN_SLICE &&
	     relay_client_has_room(c);
	     c->opened++, slice++)
		TRY(relay_topic_try(e, c, &c->topics[c->opened]));
	if (c->opened < c->relay_topics_len)
		e->wake = e->now.mono;
	for (size_t i = 0; i < c->opened; i++) {
		struct relay_topic *x = &c->topics[i];

		if (!x->again_due || e->now.mono.ms < x->again.ms)
			continue;
		x->again_due = x->stopped = false;
		x->tried_len = 0;
		TRY(relay_topic_try(e, c, x));
	}
	return LK_NONE;
}

struct credential_list {
	uint8_t at[RELAY_CREDENTIALS_MAX][RELAY_CREDENTIAL_LEN];
	size_t len;
};

static void
credential_add(struct credential_list *l, const struct epoch *epoch,
    const uint8_t *topic, enum relay_scope scope)
{
	struct sign_key key;

	if (l->len == RELAY_CREDENTIALS_MAX)
		return;
	credential_key(&key, epoch, topic);
	memcpy(l->at[l->len], key.pk, SIGN_PK_LEN);
	l->at[l->len++][SIGN_PK_LEN] = (uint8_t)scope;
	sign_key_clear(&key);
}

static int
credential_compare(const void *a, const void *b)
{
	return memcmp(a, b, SIGN_PK_LEN);
}

static bool
is_among(const uint8_t (*etags)[ETAG_LEN], size_t len, const uint8_t *etag)
{
	for (size_t i = 0; i < len; i++)
		if (memcmp(etags[i], etag, ETAG_LEN) == 0)
			return true;
	return false;
}

/* The maximal epochs in full; what other keys there are, for keys only. */
static lk_err
credentials_list(
    struct engine *e, const struct relay_topic *x, struct credential_list *l)
{
	struct kv keys = docstate_space(e->r, x->docno, SPACE_KEYS);
	const uint8_t(*maximal)[ETAG_LEN];
	uint8_t etag[ETAG_LEN] = { 0 };
	struct epoch epoch;
	struct graph *g;
	size_t len;
	lk_err err = LK_NONE;

	TRY(replica_graph(e->r, x->docno, &g));
	TRY(graph_maximal(g, &maximal, &len));
	for (size_t i = 0; i < len; i++)
		if (docstate_key(e->r, x->docno, maximal[i], &epoch).code ==
		    LK_OK)
			credential_add(l, &epoch, x->topic, RELAY_FULL);
	for (bool more = true; more && err.code == LK_OK;
	     more = bytes_next(etag, sizeof(etag))) {
		struct bytes value;

		err = kv_walk(keys, etag, sizeof(etag), 0, &value);
		if (err.code != LK_OK || value.len != EPOCH_SECRET_LEN ||
		    is_among(maximal, len, etag))
			continue;
		epoch_derive(&epoch, value.ptr);
		credential_add(l, &epoch, x->topic, RELAY_KEYS);
	}
	secret_wipe(&epoch, sizeof(epoch));
	qsort(l->at, l->len, sizeof(l->at[0]), credential_compare);
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

static lk_err
relay_topic_register(
    struct engine *e, struct relay_client *c, struct relay_topic *x)
{
	struct credential_list l = { .len = 0 };
	struct relay_register m = { .what = RELAY_CREDENTIALS,
		.topic = x->topic };
	BUF_SCOPED b = { .max = 8192 };

	x->registered = true;
	TRY(credentials_list(e, x, &l));
	TRY(relay_client_work(e, c, KEY_WORK * l.len));
	if (l.len == 0)
		return LK_NONE;
	m.list = l.at[0];
	m.len = l.len;
	relay_register_encode(&b, &m, NULL, NULL);
	TRY(buf_err(&b, "REGISTER"));
	relay_client_send(e, c, MSG_RELAY_REGISTER, buf_bytes(&b));
	x->tried_len = 0;
	return LK_NONE;
}

/* The relay does not know a credential: of the present epoch it is told. */
static lk_err
relay_topic_refused(
    struct engine *e, struct relay_client *c, struct relay_topic *x)
{
	struct epoch present;
	lk_err err = epoch_present(e, x, &present);

	x->state = RELAY_TOPIC_REFUSED;
	if (err.code == LK_OK && c->speaks && !x->registered &&
	    memcmp(present.etag, x->etag, LK_TOPIC_LEN) == 0)
		TRY(relay_topic_register(e, c, x));
	else if (err.code != LK_OK && err.code != LK_E_NOTFOUND)
		return err;
	TRY(relay_topic_try(e, c, x));
	if (x->state != RELAY_TOPIC_REFUSED)
		return LK_NONE;
	x->again_due = true;
	x->again.ms =
	    e->now.mono.ms + (c->speaks ? REFUSED_MS : REFUSED_GUEST_MS);
	x->registered = false;
	return LK_NONE;
}

lk_err
relay_topic_opened(struct engine *e, struct relay_client *c, struct bytes body)
{
	struct relay_opened m;
	struct relay_topic *x;

	TRY(relay_opened_decode(&m, body));
	if (m.number >= c->opened)
		return LK_ERR(LK_E_MALFORMED, "OPEN answer");
	TRY(relay_client_work(e, c, KEY_WORK));
	x = &c->topics[m.number];
	/* Not asked: it sank. */
	if (x->state != RELAY_TOPIC_ASKED)
		x->tried_len = 0;
	item_state_clear(&x->in);
	item_state_clear(&x->out);
	switch (m.scope) {
	case RELAY_REFUSED:
		return relay_topic_refused(e, c, x);
	case RELAY_KEYS:
		x->state = RELAY_TOPIC_KEYS;
		return LK_NONE;
	case RELAY_FULL:
	case RELAY_READ:
		break;
	}
	x->state = RELAY_TOPIC_OPEN;
	x->met = x->ack_settled = false;
	x->unstored = 0;
	/* Together with the others that are answered now. */
	c->compare.ms = e->now.mono.ms + COMPARE_MS;
	e->wake = c->compare;
	return LK_NONE;
}

lk_err
relay_topic_retry(
    struct engine *e, struct relay_client *c, struct relay_topic *x)
{
	return x->state == RELAY_TOPIC_KEYS ? relay_topic_try(e, c, x)
					    : LK_NONE;
}

/* Under another epoch than the one it is open with: whoever was removed has the
 * former. */
static lk_err
relay_topic_rekey(
    struct engine *e, struct relay_client *c, struct relay_topic *x)
{
	struct epoch present;
	lk_err err;

	if (x->state == RELAY_TOPIC_NEW)
		return LK_NONE;
	err = epoch_present(e, x, &present);
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	if (memcmp(present.etag, x->etag, LK_TOPIC_LEN) == 0 ||
	    was_tried(x, present.etag))
		return LK_NONE;
	x->tried_len = 0;
	x->registered = false;
	return relay_topic_try(e, c, x);
}

lk_err
relay_topics_again(struct engine *e, struct relay_client *c)
{
	for (size_t i = 0; i < c->opened; i++) {
		struct relay_topic *x = &c->topics[i];

		if (x->state != RELAY_TOPIC_REFUSED)
			continue;
		x->tried_len = 0;
		TRY(relay_topic_try(e, c, x));
	}
	return LK_NONE;
}

lk_err
relay_topic_event(
    struct engine *e, struct relay_client *c, const struct replica_event *ev)
{
	struct relay_topic *x = relay_topic_of(c, ev->docno);
	struct log_entry entry;
	lk_err err;

	uint32_t home;

	if (!c->speaks && ev->content &&
	    replica_home(e->r, &home).code == LK_OK && home == ev->docno)
		TRY(relay_client_login(e, c));
	if (x == NULL) {
		c->mail_due = true;
		e->wake = e->now.mono;
		return LK_NONE;
	}
	c->mail_due |= ev->access;
	if (ev->access) {
		x->all_came = false;
		TRY(relay_topic_rekey(e, c, x));
		TRY(relay_topic_acks_again(e, c));
	}
	relay_topic_ack_note(e, c, x);
	if (ev->lsn == 0 || came_from(e, ev->id, c->conn))
		return LK_NONE;
	err = log_by_id(e->r->txn, ev->id, &entry);
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	if (!entry.essential)
		return LK_NONE;
	TRY(relay_topic_send(x, entry.lsn));
	return relay_topic_pump(e, c, x);
}

lk_err
relay_topics_pump(struct engine *e, struct relay_client *c)
{
	for (size_t i = 0; i < c->opened && relay_client_has_room(c); i++)
		if (c->topics[i].send_len > 0)
			TRY(relay_topic_pump(e, c, &c->topics[i]));
	return LK_NONE;
}

lk_err
relay_topic_quota(struct engine *e, struct relay_client *c, struct bytes body)
{
	static const char *const words[] = {
		[RELAY_QUOTA_ASKED] = "",
		[RELAY_QUOTA_BYTES] = "the account is full",
		[RELAY_QUOTA_ENVELOPES] = "the account is full of envelopes",
		[RELAY_QUOTA_RATE] = "more a minute than the account may",
		[RELAY_QUOTA_DISK] = "the relay's disk is full",
	};
	struct relay_quota q;
	struct relay_topic *x;

	TRY(relay_quota_decode(&q, body));
	if (q.why == RELAY_QUOTA_ASKED)
		return LK_NONE;
	if (q.number >= c->opened)
		return LK_ERR(LK_E_MALFORMED, "QUOTA number");
	x = &c->topics[q.number];
	x->stopped = x->again_due = true;
	x->ack_settled = false;
	x->again.ms = e->now.mono.ms +
	    (q.retry_s < 1             ? 1
		    : q.retry_s > 3600 ? 3600
				       : q.retry_s) *
		INT64_C(1000);
	x->send_len = x->send_at = 0;
	relay_client_says(e, c,
	    q.why == RELAY_QUOTA_RATE ? LK_NONE : LK_ERR(LK_E_FULL, "relay"),
	    words[q.why]);
	return LK_NONE;
}
