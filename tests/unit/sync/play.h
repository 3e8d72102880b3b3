/*
 * play.h - for tests: the people of the scenarios of access.md section 12, each
 * with a real replica, and what they tell each other in every order.
 */
#ifndef TESTS_UNIT_SYNC_PLAY_H
#define TESTS_UNIT_SYNC_PLAY_H

#include "sync/refusals.h"
#include "sync/revoke.h"
#include "tests/unit/sync/forge.h"

#define EXPECTED_MAX 8
#define ORDER_MAX 5
#define SHUFFLES 60

/* ann owns the document; eve and fay write, max is a junior admin; gil only
 * watches: what all others wrote reaches him in every order. */
enum { ANN, EVE, FAY, MAX, GIL, CAST };

struct play {
	struct device at[CAST];
	uint32_t in[CAST];
	uint64_t seen[CAST]; /* lsn from which on it is new */
	struct bag news;
	struct buf state; /* gil's after the first order */
};

static const char *const names[CAST] = { "ann", "eve", "fay", "max", "gil" };
static const enum role roles[CAST] = { ROLE_ADMIN, ROLE_WRITE, ROLE_WRITE,
	ROLE_ADMIN, ROLE_READ };

static inline const uint8_t *
pk(const struct play *p, int who)
{
	return p->at[who].identity.sign.pk;
}

static inline const uint8_t *
root(const struct play *p, int who)
{
	return p->at[who].identity.root_pk;
}

static inline size_t
graph_size(struct play *p, int who)
{
	struct graph *g;
	size_t n;

	device_begin(&p->at[who]);
	ok(replica_graph(p->at[who].r, p->in[who], &g));
	n = graph_len(g);
	device_commit(&p->at[who]);
	return n;
}

static inline void
play_make(struct play *p)
{
	struct bag b = { .len = 0 };

	memset(p, 0, sizeof(*p));
	for (int i = 0; i < CAST; i++)
		device_make(&p->at[i], (uint8_t)(i + 1), names[i]);
	p->in[ANN] = document(&p->at[ANN], "plan");
	for (int i = 1; i < CAST; i++)
		ok(share_try(&p->at[ANN], p->in[ANN], &p->at[i], roles[i]));
	p->seen[ANN] = bag_take(&b, &p->at[ANN], p->in[ANN], 1);
	for (int i = 1; i < CAST; i++) {
		struct bag none = { .len = 0 };

		p->in[i] = welcome(&p->at[i], &p->at[ANN], p->in[ANN]);
		give_all(&p->at[i], p->in[i], &b);
		p->seen[i] = bag_take(&none, &p->at[i], p->in[i], 1);
		bag_clear(&none);
		assert_int_equal(
		    role_of(&p->at[i], p->in[i], pk(p, i)), roles[i]);
	}
	bag_clear(&b);
}

static inline void
play_clear(struct play *p)
{
	bag_clear(&p->news);
	buf_clear(&p->state);
	for (int i = 0; i < CAST; i++)
		device_remove(&p->at[i]);
}

/* What `who` wrote or took last goes to the others named, and to gil later. */
static inline void
tell(struct play *p, int who, int to, bool news)
{
	struct bag b = { .len = 0 };
	struct bag none = { .len = 0 };

	p->seen[who] = bag_take(&b, &p->at[who], p->in[who], p->seen[who]);
	if (to != CAST) {
		give_all(&p->at[to], p->in[to], &b);
		p->seen[to] =
		    bag_take(&none, &p->at[to], p->in[to], p->seen[to]);
	}
	for (size_t i = 0; i < b.len && news; i++)
		bag_put(&p->news, buf_bytes(&b.at[i]));
	bag_clear(&b);
	bag_clear(&none);
}

struct expected {
	const char *shown[EXPECTED_MAX], *hidden[EXPECTED_MAX];
};

/* The same device again, in a directory of its own, closed. */
static inline struct device
device_copy(const struct device *d)
{
	struct device copy = *d;
	char command[256];

	(void)snprintf(copy.dir, sizeof(copy.dir), "/tmp/lk-member-XXXXXX");
	assert_non_null(mkdtemp(copy.dir));
	(void)snprintf(
	    command, sizeof(command), "cp %s/* %s/", d->dir, copy.dir);
	assert_int_equal(system(command), 0);
	return copy;
}

static inline void
device_discard(struct device *d)
{
	char command[128];

	device_close(d);
	(void)snprintf(command, sizeof(command), "rm -rf %s", d->dir);
	assert_int_equal(system(command), 0);
}

/* What a device exports of the document, and the fingerprint of what counts. */
static inline void
state_of(struct device *d, uint32_t docno, struct buf *out)
{
	BUF_SCOPED heads = { .max = 1 << 20 };
	struct fingerprint f;

	buf_init(out, 1 << 24);
	device_begin(d);
	ok(replica_export(d->r, docno, EXPORT_CLEAN, out, &heads));
	ok(fingerprint_doc(d->txn, docno, &f));
	device_commit(d);
	buf_u64(out, f.count);
	buf_mem(out, f.sum, sizeof(f.sum));
	ok(buf_err(out, "state"));
}

/* gil as he was, given the news in this order. */
static inline void
play_order(struct play *p, const size_t *order, const struct expected *x)
{
	struct buf state;
	struct device gil = device_copy(&p->at[GIL]);
	uint32_t in = p->in[GIL];

	device_open(&gil);
	for (size_t i = 0; i < p->news.len; i++) {
		(void)give(&gil, in, buf_bytes(&p->news.at[order[i]]));
		device_reopen(&gil);
	}
	for (size_t i = 0; x->shown[i] != NULL; i++)
		if (!shows(&gil, in, x->shown[i]))
			fail_msg("%s is not shown", x->shown[i]);
	for (size_t i = 0; x->hidden[i] != NULL; i++)
		if (shows(&gil, in, x->hidden[i]))
			fail_msg("%s is shown", x->hidden[i]);
	state_of(&gil, in, &state);
	if (p->state.len == 0)
		buf_add(&p->state, buf_bytes(&state));
	else if (!bytes_equal(buf_bytes(&p->state), buf_bytes(&state)))
		fail_msg("another order, another state");
	buf_clear(&state);
	device_discard(&gil);
}

static inline void
play_orders(struct play *p, const struct expected *x, size_t *order, size_t n)
{
	if (n == p->news.len) {
		play_order(p, order, x);
		return;
	}
	for (size_t i = 0; i < p->news.len; i++) {
		bool used = false;

		for (size_t k = 0; k < n; k++)
			used |= order[k] == i;
		if (used)
			continue;
		order[n] = i;
		play_orders(p, x, order, n + 1);
	}
}

/* Random orders, where there are too many for all. */
static inline void
play_shuffled(struct play *p, const struct expected *x)
{
	size_t order[BAG_MAX];

	for (int run = 0; run < SHUFFLES; run++) {
		for (size_t i = 0; i < p->news.len; i++) {
			size_t k = random_below(&p->at[GIL].random, i + 1);

			order[i] = order[k];
			order[k] = i;
		}
		play_order(p, order, x);
	}
}

/* gil comes to what is expected, and to one state, in every order. */
static inline void
everywhere(struct play *p, const struct expected *x)
{
	size_t order[ORDER_MAX];

	device_close(&p->at[GIL]);
	buf_clear(&p->state);
	buf_init(&p->state, 1 << 24);
	if (p->news.len <= ORDER_MAX)
		play_orders(p, x, order, 0);
	else
		play_shuffled(p, x);
	device_open(&p->at[GIL]);
}

/* All the news reach `who`, and are none for the others. */
static inline void
hear(struct play *p, int who)
{
	struct bag none = { .len = 0 };

	give_all(&p->at[who], p->in[who], &p->news);
	p->seen[who] = bag_take(&none, &p->at[who], p->in[who], p->seen[who]);
	bag_clear(&none);
}

/* He and what is on his device are the same as another's. */
static inline void
assert_same_state(struct play *p, int a, int b)
{
	struct buf x, y;

	state_of(&p->at[a], p->in[a], &x);
	state_of(&p->at[b], p->in[b], &y);
	if (!bytes_equal(buf_bytes(&x), buf_bytes(&y)))
		fail_msg("%s and %s differ", names[a], names[b]);
	buf_clear(&x);
	buf_clear(&y);
}

static inline void
envelope_name(const struct buf *envelope, uint8_t id[static LK_ID_LEN])
{
	struct envelope env;

	ok(envelope_parse(&env, buf_bytes(envelope)));
	memcpy(id, env.id, LK_ID_LEN);
}

/* Adopts what an envelope brought. */
static inline void
adopt(struct play *p, int who, const struct buf *envelope)
{
	uint8_t id[LK_ID_LEN];
	struct graph *g;
	uint32_t node;

	envelope_name(envelope, id);
	device_begin(&p->at[who]);
	ok(replica_graph(p->at[who].r, p->in[who], &g));
	node = graph_find(g, id);
	assert_int_not_equal(node, GRAPH_NONE);
	ok(replica_adopt(p->at[who].r, p->in[who], &node, 1));
	device_commit(&p->at[who]);
}

/* eve edits e1, which ann sees and keeps when she throws eve out. */
static inline void
eve_goes(struct play *p)
{
	edit(&p->at[EVE], p->in[EVE], "e1", "seen");
	tell(p, EVE, ANN, true);
	evict(&p->at[ANN], p->in[ANN], root(p, EVE), ROLE_NONE);
	tell(p, ANN, CAST, true);
}

#endif
