#include <stdlib.h>
#include <string.h>

#include "sync/engine_state.h"
#include "sync/forget.h"

#define TOPIC_PIECE 4096 /* proofs in one TOPICS, a multiple of the padding */
#define TOPICS_MAX (1024 * 1024 / ANNOUNCE_LEN)
#define ROLE_INITIATOR 1
#define ROLE_RESPONDER 2

static const uint8_t nobody[32];

lk_err
topics_serve(struct engine *e, const struct link *l, struct link_topic *t)
{
	struct member_entry m = { .docno = t->docno };
	uint32_t node;
	struct graph *g;
	lk_err err;

	if (t->forgotten_here || t->forgotten_there) {
		t->serve = SERVE_NOTHING;
		return LK_NONE;
	}
	err = member_index_next(e->r, l->pk, &m);
	if (err.code != LK_E_NOTFOUND)
		TRY(err);
	if (err.code == LK_OK && m.docno == t->docno && !m.was) {
		t->serve = SERVE_FULL;
	} else {
		TRY(replica_graph(e->r, t->docno, &g));
		if (graph_role(g, l->pk) >= ROLE_RELAY)
			t->serve = SERVE_FULL;
		else if (graph_farewell(g, l->pk, &node, 1) > 0)
			t->serve = SERVE_FAREWELL;
		else
			t->serve = SERVE_TAKE;
	}
	/* Granted again, he needs other keys. */
	t->welcomed &= t->serve == SERVE_FULL;
	m.docno = t->docno;
	err = member_index_next(e->r, e->identity->sign.pk, &m);
	t->ended = err.code == LK_OK && m.docno == t->docno && m.was;
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

struct listing {
	struct listed *all;
	size_t len, cap;
};

static lk_err
listing_add(struct listing *l, const struct member_entry *m)
{
	if (l->len == l->cap) {
		size_t cap = l->cap == 0 ? 64 : l->cap * 2;
		struct listed *grown =
		    reallocarray(l->all, cap, sizeof(*grown));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "topics");
		l->all = grown;
		l->cap = cap;
	}
	memcpy(l->all[l->len].topic, m->topic, LK_TOPIC_LEN);
	l->all[l->len++].docno = m->docno;
	return LK_NONE;
}

static lk_err
listing_of(struct engine *e, const uint8_t pk[static 32], struct listing *l)
{
	struct member_entry m = { .docno = 0 };

	for (;; m.docno++) {
		lk_err err = member_index_next(e->r, pk, &m);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		TRY(listing_add(l, &m));
	}
}

static int
listed_compare(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	return memcmp(x->topic, y->topic, LK_TOPIC_LEN);
}

/* The documents we believe shared with this peer, ascending by topic: those he
 * is or was a member of, and those we know nothing of yet. */
static lk_err
listing_for(struct engine *e, const struct link *l, struct listing *out)
{
	lk_err err = listing_of(e, l->pk, out);

	if (err.code == LK_OK)
		err = listing_of(e, nobody, out);
	if (err.code != LK_OK) {
		free(out->all);
		return err;
	}
	if (out->len > 1)
		qsort(out->all, out->len, sizeof(*out->all), listed_compare);
	return LK_NONE;
}

static void
listing_hash(
    const struct link *l, const struct listing *list, struct topic_set *out)
{
	struct digest d;

	digest_init(&d, FP_LEN, DIGEST_ANNOUNCE, NULL);
	digest_add(&d, BYTES(session_hash(l->session), SESSION_HASH_LEN));
	for (size_t i = 0; i < list->len; i++)
		digest_add(&d, BYTES_OF(list->all[i].topic));
	digest_final(&d, out->hash);
	out->count = (uint32_t)list->len;
}

struct link_topic *
topics_number(struct link *l, uint32_t number)
{
	size_t at = number / 2;

	if (number >= l->numbers_len || at >= l->numbers_cap[number % 2] ||
	    l->numbers[number % 2][at].docno == 0)
		return NULL;
	return &l->numbers[number % 2][at];
}

uint32_t
topics_of(const struct link *l, uint32_t docno)
{
	if (docno >= l->by_docno_len || l->by_docno[docno] == 0 ||
	    l->by_docno[docno] == TOPIC_WELCOMED)
		return GRAPH_NONE;
	return l->by_docno[docno] - 1;
}

/* Makes an array of `size` byte elements at least `need` long, new ones zero.
 */
static lk_err
array_reach(void **array, size_t *len, size_t need, size_t size)
{
	size_t wanted = *len;
	uint8_t *grown;

	if (need <= *len)
		return LK_NONE;
	/* Not by doubling: these tables stay as long as the session. */
	while (wanted < need)
		wanted += wanted / 4 + 16;
	grown = reallocarray(*array, wanted, size);
	if (grown == NULL)
		return LK_ERR(LK_E_NOMEM, "topics");
	memset(grown + *len * size, 0, (wanted - *len) * size);
	*array = grown;
	*len = wanted;
	return LK_NONE;
}

bool
topics_is_welcomed(const struct link *l, uint32_t docno)
{
	return docno < l->by_docno_len && l->by_docno[docno] == TOPIC_WELCOMED;
}

void
topics_welcomed(struct link *l, uint32_t docno, bool is)
{
	void *array = l->by_docno;

	if (!is) {
		if (topics_is_welcomed(l, docno))
			l->by_docno[docno] = 0;
		return;
	}
	/* Without memory he is welcomed once more: that does no harm. */
	if (array_reach(&array, &l->by_docno_len, (size_t)docno + 1,
		sizeof(*l->by_docno))
		.code == LK_OK) {
		l->by_docno = array;
		if (l->by_docno[docno] == 0)
			l->by_docno[docno] = TOPIC_WELCOMED;
	}
}

void
topics_free(struct link *l)
{
	for (int side = 0; side < 2; side++) {
		for (size_t i = 0; i < l->numbers_cap[side]; i++)
			link_topic_clear(&l->numbers[side][i]);
		free(l->numbers[side]);
	}
	free(l->by_docno);
	free(l->offered);
	free(l->acks);
	free(l->set_list);
	buf_clear(&l->match);
}

void
topics_rest(struct link *l, struct mono now)
{
	for (int side = 0; side < 2; side++)
		for (size_t i = 0; i < l->numbers_cap[side]; i++)
			link_topic_rest(&l->numbers[side][i], now);
}

static lk_err
number_set(struct engine *e, struct link *l, uint32_t number, uint32_t docno)
{
	bool welcomed = topics_is_welcomed(l, docno);
	uint32_t side = number % 2;
	struct link_topic *t;
	void *array = l->numbers[side];
	lk_err err = array_reach(
	    &array, &l->numbers_cap[side], (size_t)number / 2 + 1, sizeof(*t));

	l->numbers[side] = array;
	TRY(err);
	array = l->by_docno;
	err = array_reach(
	    &array, &l->by_docno_len, (size_t)docno + 1, sizeof(*l->by_docno));
	l->by_docno = array;
	TRY(err);
	/* Of two numbers both sides must go by the same one: the lower. */
	if (topics_of(l, docno) == GRAPH_NONE || topics_of(l, docno) > number)
		l->by_docno[docno] = number + 1;
	if (number >= l->numbers_len)
		l->numbers_len = (size_t)number + 1;
	t = &l->numbers[side][number / 2];
	t->docno = docno;
	t->welcomed = welcomed;
	TRY(forgotten_look(e, l, t));
	/* What was found equal did not hold this one. */
	l->equal_generation = 0;
	TRY(topics_serve(e, l, t));
	overlay_matched(e, t);
	return LK_NONE;
}

lk_err
topics_start(struct engine *e, struct link *l)
{
	struct listing list = { 0 };
	BUF_SCOPED b = { .max = 64 };

	TRY(listing_for(e, l, &list));
	listing_hash(l, &list, &l->set);
	l->set_list = list.all;
	l->set_len = list.len;
	topic_set_encode(&b, &l->set);
	link_send(e, l, MSG_SET, buf_bytes(&b));
	l->set_sent = true;
	return LK_NONE;
}

/* Both lists are the same: the i-th topic has number 2i. */
static lk_err
topics_equal(struct engine *e, struct link *l)
{
	for (size_t i = 0; i < l->set_len; i++)
		TRY(number_set(e, l, (uint32_t)(2 * i), l->set_list[i].docno));
	/* Later lists go on behind these, on the initiator's side. */
	*(l->initiator ? &l->offered_base : &l->answered_base) = l->set_len;
	l->matched = true;
	return l->initiator ? reconcile_start(e, l) : LK_NONE;
}

lk_err
topics_set(struct engine *e, struct link *l, struct bytes body)
{
	struct topic_set theirs;
	lk_err err = LK_NONE;

	TRY(topic_set_decode(&theirs, body));
	if (l->set_received)
		return LK_ERR(LK_E_MALFORMED, "second SET");
	l->set_received = true;
	if (!l->set_sent)
		TRY(topics_start(e, l));
	if (theirs.count == l->set.count &&
	    memcmp(theirs.hash, l->set.hash, FP_LEN) == 0)
		err = topics_equal(e, l);
	free(l->set_list);
	l->set_list = NULL;
	TRY(err);
	/* Equal, this finds only what is new since the SET went out. */
	l->list_again = true;
	return topics_offer(e, l);
}

static lk_err
offered_add(struct link *l, uint32_t docno)
{
	/* Grown when the length is a power of two, or zero. */
	if ((l->offered_len & (l->offered_len - 1)) == 0) {
		uint32_t *grown = reallocarray(l->offered,
		    l->offered_len == 0 ? 1 : l->offered_len * 2,
		    sizeof(*grown));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "topics");
		l->offered = grown;
	}
	l->offered[l->offered_len++] = docno;
	return LK_NONE;
}

static void
offer_send(struct engine *e, struct link *l, struct buf *hashes, bool last)
{
	struct topic_list list = { .last = last };
	BUF_SCOPED b = { .max = 128 * 1024 };

	while (hashes->len % (ANNOUNCE_LEN * TOPIC_LIST_PAD) != 0) {
		uint8_t filler[ANNOUNCE_LEN];

		random_fill(&e->random, filler, sizeof(filler));
		buf_mem(hashes, filler, sizeof(filler));
	}
	list.hashes = hashes->ptr;
	list.len = hashes->len / ANNOUNCE_LEN;
	topic_list_encode(&b, &list);
	link_send(e, l, MSG_TOPICS, buf_bytes(&b));
	buf_reset(hashes);
}

static lk_err
offer_hash(struct engine *e, const struct link *l, uint32_t docno,
    bool of_initiator, uint8_t out[static ANNOUNCE_LEN])
{
	struct topic topic;

	TRY(docstate_topic(e->r, docno, &topic));
	announce_proof(out, &topic, session_hash(l->session),
	    of_initiator ? ROLE_INITIATOR : ROLE_RESPONDER);
	secret_wipe(&topic, sizeof(topic));
	return LK_NONE;
}

lk_err
topics_offer(struct engine *e, struct link *l)
{
	struct listing list = { 0 };
	BUF_SCOPED hashes = { .max = 64 * 1024 };
	lk_err err = LK_NONE;

	/* One announcement at a time: its answer gives the numbers. */
	if (!l->list_again || !l->set_received || l->listed ||
	    !link_has_room(l))
		return LK_NONE;
	l->list_again = false;
	l->offered_len = 0;
	TRY(listing_for(e, l, &list));
	for (size_t i = 0; i < list.len && err.code == LK_OK; i++) {
		uint8_t hash[ANNOUNCE_LEN];

		/* One he was welcomed to is his to offer. */
		if (topics_of(l, list.all[i].docno) != GRAPH_NONE ||
		    topics_is_welcomed(l, list.all[i].docno))
			continue;
		err = offer_hash(e, l, list.all[i].docno, l->initiator, hash);
		if (err.code == LK_OK)
			err = offered_add(l, list.all[i].docno);
		buf_mem(&hashes, hash, sizeof(hash));
		if (l->offered_len % TOPIC_PIECE == 0)
			offer_send(e, l, &hashes, false);
	}
	free(list.all);
	TRY(err);
	if (l->offered_len == 0 && l->matched)
		return LK_NONE;
	l->listed = true;
	offer_send(e, l, &hashes, true);
	return LK_NONE;
}

struct proof_entry {
	uint8_t hash[ANNOUNCE_LEN];
	uint32_t docno;
};

static int
proof_compare(const void *a, const void *b)
{
	const struct proof_entry *x = a, *y = b;

	return memcmp(x->hash, y->hash, ANNOUNCE_LEN);
}

/* What the peer would send for each of our documents, ascending. */
static lk_err
proofs_expected(struct engine *e, const struct link *l,
    struct proof_entry **out, size_t *len)
{
	struct proof_entry *all = NULL;
	size_t n = 0, cap = 0;
	uint32_t docno = 0;

	for (;;) {
		lk_err err = replica_doc_next(e->r, docno, &docno);

		if (err.code == LK_E_NOTFOUND)
			break;
		if (err.code == LK_OK && n == cap) {
			cap = cap == 0 ? 64 : cap * 2;
			struct proof_entry *grown =
			    reallocarray(all, cap, sizeof(*grown));

			if (grown == NULL)
				err = LK_ERR(LK_E_NOMEM, "topics");
			else
				all = grown;
		}
		if (err.code == LK_OK) {
			all[n].docno = docno;
			err = offer_hash(
			    e, l, docno, !l->initiator, all[n++].hash);
		}
		if (err.code != LK_OK) {
			free(all);
			return err;
		}
	}
	if (n > 1)
		qsort(all, n, sizeof(*all), proof_compare);
	*out = all;
	*len = n;
	return LK_NONE;
}

/* Whether the peer's lists have given a document its number already: there is
 * at most one from each side. */
static bool
was_matched(struct link *l, uint32_t docno)
{
	uint32_t number = topics_of(l, docno);

	return number != GRAPH_NONE &&
	    (number % 2 == (l->initiator ? 1u : 0u) ||
		topics_number(l, number)->twice);
}

static lk_err
match_one(struct engine *e, struct link *l, uint32_t docno)
{
	uint32_t number =
	    (uint32_t)(2 * l->answered_base + (l->initiator ? 1 : 0));
	bool again = topics_of(l, docno) != GRAPH_NONE;

	l->answered_base++;
	TRY(number_set(e, l, number, docno));
	topics_number(l, topics_of(l, docno))->twice = again;
	return LK_NONE;
}

/* Each list costs a hash for every document, whatever is in it: of a device
 * that nobody here knows, and that is in none of them, few are looked at. */
static lk_err
lists_bound(struct engine *e, struct link *l)
{
	struct member_entry m = { .docno = 0 };
	lk_err err;

	if (l->lists < STRANGER_LISTS_MAX) {
		l->lists++;
		return LK_NONE;
	}
	if (link_is_met(e, l))
		return LK_NONE;
	err = member_index_next(e->r, l->pk, &m);
	return err.code == LK_E_NOTFOUND
	    ? LK_ERR(LK_E_LIMIT, "TOPICS of a stranger")
	    : err;
}

lk_err
topics_list(struct engine *e, struct link *l, struct bytes body)
{
	struct topic_list list;
	struct proof_entry *expected;
	size_t expected_len;
	lk_err err = LK_NONE;

	TRY(topic_list_decode(&list, body));
	TRY(lists_bound(e, l));
	if (list.len > TOPICS_MAX - l->list_seen)
		return LK_ERR(LK_E_LIMIT, "TOPICS");
	l->match.max = TOPICS_MAX * sizeof(uint32_t);
	TRY(proofs_expected(e, l, &expected, &expected_len));
	for (size_t i = 0; i < list.len && err.code == LK_OK; i++) {
		struct proof_entry wanted, *hit;

		memcpy(
		    wanted.hash, list.hashes + i * ANNOUNCE_LEN, ANNOUNCE_LEN);
		hit = expected_len == 0
		    ? NULL
		    : bsearch(&wanted, expected, expected_len, sizeof(wanted),
			  proof_compare);
		if (hit == NULL || was_matched(l, hit->docno))
			continue;
		/* One number of theirs a document; some may have been dropped
		 * and come back. */
		if (l->answered_base > 2 * expected_len + TOPIC_LIST_PAD) {
			err = LK_ERR(LK_E_LIMIT, "TOPICS again and again");
			break;
		}
		buf_u32(&l->match, (uint32_t)(l->list_seen + i));
		err = match_one(e, l, hit->docno);
	}
	free(expected);
	TRY(err);
	TRY(buf_err(&l->match, "MATCH"));
	l->list_seen += list.len;
	if (!list.last)
		return LK_NONE;
	link_send(e, l, MSG_MATCH, buf_bytes(&l->match));
	buf_reset(&l->match);
	l->list_seen = 0;
	return topics_offer(e, l);
}

lk_err
topics_match(struct engine *e, struct link *l, struct bytes body)
{
	struct match m;
	size_t base = l->offered_base;

	TRY(match_decode(&m, body));
	if (!l->listed)
		return LK_ERR(LK_E_MALFORMED, "MATCH unasked");
	l->listed = false;
	for (size_t i = 0; i < m.len; i++) {
		uint32_t index = rd_u32(&m.indexes);
		uint32_t number =
		    (uint32_t)(2 * (base + i) + (l->initiator ? 0 : 1));
		uint32_t docno;

		if (index >= l->offered_len)
			return LK_ERR(LK_E_MALFORMED, "MATCH index");
		docno = l->offered[index];
		TRY(number_set(e, l, number, docno));
		l->offered_base++;
		/* After the first round there is no common start: ask, one of
		 * both when both have offered it. */
		if (l->matched && topics_of(l, docno) == number)
			TRY(reconcile_ask(e, l, number));
	}
	/* What he did not recognise he does not have: welcome him. */
	for (size_t i = 0; i < l->offered_len; i++)
		if (topics_of(l, l->offered[i]) == GRAPH_NONE)
			TRY(welcome_send(e, l, l->offered[i]));
	if (!l->matched) {
		l->matched = true;
		TRY(reconcile_start(e, l));
	}
	return topics_offer(e, l);
}
