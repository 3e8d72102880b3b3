/*
 * thief - what a device can do to others with keys that are its own and a
 * program that is not lkd (access.md section 11): it writes envelopes no honest
 * device would, pushes them to one peer without being asked, and gives nothing
 * that others wrote unless it is told to.  It takes whatever it is given.
 *
 * usage: thief LK_HOME DOCUMENT ADDRESS STEP...
 *
 *   own            every envelope of this device, as its store has them
 *   all            every envelope of the document
 *   edit KEY TEXT  an edit that its store does not keep: the next one is at the
 *                  same place of the chain, a fork
 *   flood N        N envelopes of 16 ops that do nothing, one upon another
 *   forks N        N envelopes at one place of the chain
 *   lies N         N envelopes against the rules: out of turn, under a grant
 *                  of somebody else, against those above, or badly signed
 *   again          all the steps before it once more
 *
 * The daemon of LK_HOME must not run.  Steps are prepared before the thief
 * hears anything from the peer, so they stand on what his store knew.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sync/admit.h"
#include "sync/engine_state.h"
#include "sync/home.h"
#include "tests/tools/thief/socket.h"

#define STEPS_MAX 64
#define PATIENCE_MS 60000
#define PIECE (64 * 1024) /* of a BATCH that goes out */
#define CHUNK (256 * 1024)

enum what { BYTES_HELD, FLOOD, FORKS, LIES };

struct step {
	enum what what;
	struct buf held; /* BYTES_HELD: u32 length and bytes, each */
	uint64_t n;
};

/* The place in the chain that forged envelopes begin at. */
struct place {
	uint64_t seq;
	uint8_t prev[LK_ID_LEN];
	uint8_t deps[ENVELOPE_DEPS_MAX][LK_ID_LEN];
	size_t deps_len;
	struct grant_ref grant, root; /* his, and that of the first device */
	struct topic topic;
	struct epoch epoch;
	uint8_t docid[LK_ID_LEN];
};

struct thief {
	struct identity identity;
	struct random random;
	struct store *store;
	struct txn *txn;
	struct replica *r;
	struct engine *e;
	uint32_t docno;
	struct place place;
	struct step steps[STEPS_MAX];
	size_t steps_len;
	const char *address;
	int fd;
	uint64_t conn, sent;
	struct link_topic *topic;
	uint32_t number;
	struct buf batch;
	uint8_t input[CHUNK];
};

static struct now
now_get(void)
{
	struct timespec mono, wall;

	(void)clock_gettime(CLOCK_MONOTONIC, &mono);
	(void)clock_gettime(CLOCK_REALTIME, &wall);
	return (struct now){
		.mono.ms = (int64_t)mono.tv_sec * 1000 + mono.tv_nsec / 1000000,
		.wall.ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000
	};
}

static lk_err
thief_begin(struct thief *t)
{
	TRY(txn_begin(t->store, TXN_WRITE, &t->txn));
	replica_begin(t->r, t->txn, now_get());
	return LK_NONE;
}

static lk_err
thief_commit(struct thief *t)
{
	const struct replica_event *events;
	size_t n;

	TRY(txn_commit(t->txn));
	replica_committed(t->r, &events, &n);
	return LK_NONE;
}

static lk_err
thief_open(struct thief *t, const char *home, const char *document)
{
	struct verifier verifier = { .run = verify_jobs_here };
	char dir[PATH_MAX];

	TRY(crypto_start());
	t->fd = -1;
	t->random = random_system();
	buf_init(&t->batch, MESSAGE_MAX);
	TRY(identity_load(&t->identity, home));
	(void)snprintf(dir, sizeof(dir), "%s/store", home);
	TRY(store_open(&t->store, dir, 0));
	TRY(replica_new(&t->r, &t->identity, t->random, verifier));
	TRY(thief_begin(t));
	TRY(home_find(t->r, document, &t->docno));
	return thief_commit(t);
}

/* Where his next envelope stands, as far as he knows. */
static lk_err
place_take(struct thief *t)
{
	const uint8_t *me = t->identity.sign.pk;
	struct place *p = &t->place;
	uint8_t etag[ETAG_LEN];
	struct docstate *ds;
	struct member first;
	uint32_t tip;
	bool forked;

	TRY(docstate_get(t->r, t->docno, &ds));
	TRY(graph_deps(ds->graph, me, p->deps, &p->deps_len));
	TRY(graph_grant_for(ds->graph, me, ROLE_READ, &p->grant));
	graph_member(ds->graph, 0, &first);
	p->root = first.grant;
	p->topic = ds->topic;
	memcpy(p->docid, ds->docid, LK_ID_LEN);
	graph_any_epoch(ds->graph, etag);
	TRY(docstate_key(t->r, t->docno, etag, &p->epoch));
	tip = graph_tip(ds->graph, me, &forked);
	p->seq = 1;
	if (tip != GRAPH_NONE) {
		p->seq = graph_seq(ds->graph, tip) + 1;
		graph_id(ds->graph, tip, p->prev);
	}
	return LK_NONE;
}

static void
held_add(struct buf *held, struct bytes envelope)
{
	buf_u32(held, (uint32_t)envelope.len);
	buf_add(held, envelope);
}

static lk_err
hold_log(struct thief *t, bool all, struct buf *held)
{
	uint8_t mine[LK_TOPIC_LEN];
	struct log_entry entry;
	uint64_t lsn = 1;

	author_tag(mine, &t->place.topic, t->identity.sign.pk);
	for (;; lsn = entry.lsn + 1) {
		lk_err err = log_next(t->txn, t->docno, lsn, &entry);

		if (err.code == LK_E_NOTFOUND)
			return buf_err(held, "log");
		TRY(err);
		if (all || memcmp(entry.tag, mine, sizeof(mine)) == 0)
			held_add(held, entry.envelope);
	}
}

struct setting {
	const char *key, *text;
};

static lk_err
setting_fill(void *ctx, struct edit *e, struct doc *doc)
{
	const struct setting *s = ctx;
	struct prop prop = { .is_key = true, .key = BYTES_STR(s->key) };
	struct value v = { .type = VALUE_STR, .bytes = BYTES_STR(s->text) };

	(void)doc;
	return edit_put(e, DOC_ROOT, prop, &v);
}

static lk_err
hold_edit(struct thief *t, struct setting *s, struct buf *held)
{
	uint8_t hash[LK_ID_LEN], id[LK_ID_LEN];
	struct log_entry entry;
	struct docstate *ds;
	bool changed, forked;

	TRY(replica_nest(t->r));
	TRY(replica_edit(
	    t->r, t->docno, setting_fill, s, NULL, &changed, hash));
	TRY(docstate_get(t->r, t->docno, &ds));
	graph_id(
	    ds->graph, graph_tip(ds->graph, t->identity.sign.pk, &forked), id);
	TRY(log_by_id(t->r->txn, id, &entry));
	held_add(held, entry.envelope);
	TRY(replica_unnest(t->r, false));
	return buf_err(held, "edit");
}

static lk_err
forge(struct thief *t, const struct body *b, const struct sign_key *author,
    struct buf *out, uint8_t id[static LK_ID_LEN])
{
	uint8_t random[32];
	struct place *p = &t->place;
	struct envelope_draft draft = { .author = author,
		.topic = &p->topic,
		.epoch = &p->epoch,
		.docid = p->docid,
		.seq = p->seq,
		.prev = p->seq == 1 ? NULL : p->prev,
		.random = random };
	BUF_SCOPED body = { .max = ENVELOPE_BODY_MAX };

	random_fill(&t->random, random, sizeof(random));
	body_encode(&body, b);
	draft.body = buf_bytes(&body);
	TRY(buf_err(&body, "body"));
	return envelope_make(out, id, &draft);
}

static void
body_begin(const struct place *p, struct body *b)
{
	memset(b, 0, sizeof(*b));
	/* Who is not at the beginning of his chain says it only when it is
	 * another one. */
	b->has_grant = p->seq == 1;
	b->grant = p->grant;
	b->deps = p->deps[0];
	b->deps_len = p->deps_len;
}

static void
body_idle(struct body *b, size_t ops)
{
	while (b->ops_len < ops)
		b->ops[b->ops_len++].kind = OP_NO_EFFECT_MIN;
}

/* He goes to nobody else. */
static bool
is_victim(const struct thief *t, const char *address)
{
	size_t len = strlen(t->address);

	return t->fd < 0 && strncmp(address, t->address, len) == 0 &&
	    address[len] == ':';
}

static lk_err
output_carry(struct thief *t, struct engine_output *out)
{
	lk_err err = LK_NONE;

	switch (out->what) {
	case ENGINE_DIAL:
		if (!is_victim(t, out->address) ||
		    socket_dial(out->address, &t->fd).code != LK_OK)
			return engine_closed(t->e, out->conn, now_get());
		t->conn = out->conn;
		return engine_dialed(t->e, out->conn, now_get());
	case ENGINE_SEND:
		if (out->conn == t->conn && t->fd >= 0)
			err = socket_write(t->fd, buf_bytes(&out->bytes));
		buf_clear(&out->bytes);
		engine_pending(t->e, out->conn, 0);
		return err;
	case ENGINE_ANNOUNCE:
		break;
	case ENGINE_OBJECT:
		object_request_clear(&out->object);
		break;
	case ENGINE_CLOSE:
		if (out->conn == t->conn && t->fd >= 0) {
			(void)close(t->fd);
			t->fd = -1;
		}
		return engine_closed(t->e, out->conn, now_get());
	}
	return err;
}

/* One round of the engine: what arrived, a tick, what is to go out. */
static lk_err
wire_round(struct thief *t, int wait_ms)
{
	struct timespec rest = { .tv_nsec = 1000000L * wait_ms };
	struct engine_output out;
	size_t n = 0;

	if (t->fd < 0)
		(void)nanosleep(&rest, NULL);
	else
		TRY(socket_read(
		    t->fd, wait_ms, t->input, sizeof(t->input), &n));
	TRY(thief_begin(t));
	if (n > 0)
		TRY(engine_bytes(t->e, t->conn, BYTES(t->input, n), now_get()));
	TRY(engine_tick(t->e, now_get()));
	TRY(thief_commit(t));
	while (engine_take(t->e, &out)) {
		TRY(thief_begin(t));
		TRY(output_carry(t, &out));
		TRY(thief_commit(t));
	}
	return LK_NONE;
}

/* Until the peer and he have agreed on a number for the document. */
static lk_err
wire_meet(struct thief *t)
{
	struct engine_config config = { .listen_port = 1 };
	int64_t end = now_get().mono.ms + PATIENCE_MS;

	TRY(thief_begin(t));
	TRY(engine_new(&t->e, t->r, &t->identity, t->random));
	TRY(engine_configure(t->e, &config));
	engine_poke(t->e, now_get());
	TRY(thief_commit(t));
	while (now_get().mono.ms < end) {
		struct link *l;

		TRY(wire_round(t, 50));
		l = t->fd < 0 ? NULL : link_find(t->e, t->conn);
		if (l == NULL || l->state != LINK_OPEN ||
		    topics_of(l, t->docno) == GRAPH_NONE)
			continue;
		t->number = topics_of(l, t->docno);
		return LK_NONE;
	}
	return LK_ERR(LK_E_AGAIN, "the peer does not speak of it");
}

static lk_err
wire_flush(struct thief *t)
{
	struct link *l = link_find(t->e, t->conn);

	if (t->batch.len == 0)
		return LK_NONE;
	if (l == NULL)
		return LK_ERR(LK_E_UNAVAILABLE, "the peer went");
	link_send(t->e, l, MSG_BATCH, buf_bytes(&t->batch));
	t->batch.len = 0;
	return wire_round(t, 0);
}

static lk_err
wire_give(struct thief *t, struct bytes envelope)
{
	struct link *l = link_find(t->e, t->conn);
	struct link_topic *topic;
	struct envelope env;

	if (l == NULL)
		return LK_ERR(LK_E_UNAVAILABLE, "the peer went");
	topic = topics_number(l, t->number);
	if (topic == NULL)
		return LK_ERR(LK_E_UNAVAILABLE, "the number is gone");
	if (t->batch.len == 0)
		batch_encode(&t->batch, t->number, false);
	TRY(envelope_parse(&env, envelope));
	TRY(link_topic_item(topic, &env, &t->batch));
	TRY(buf_err(&t->batch, "BATCH"));
	t->sent++;
	return t->batch.len < PIECE ? LK_NONE : wire_flush(t);
}

static lk_err
step_held(struct thief *t, const struct step *s)
{
	struct rd rd = rd_over(buf_bytes(&s->held));

	while (rd.left.len > 0) {
		uint32_t len = rd_u32(&rd);

		TRY(wire_give(t, rd_take(&rd, len)));
	}
	return LK_NONE;
}

static lk_err
step_flood(struct thief *t, uint64_t n, bool forks)
{
	struct place began = t->place;
	BUF_SCOPED out = { .max = ENVELOPE_MAX };
	struct body b;

	for (uint64_t i = 0; i < n; i++) {
		uint8_t id[LK_ID_LEN];

		body_begin(&t->place, &b);
		body_idle(&b, ENVELOPE_OPS_MAX);
		out.len = 0;
		TRY(forge(t, &b, &t->identity.sign, &out, id));
		TRY(wire_give(t, buf_bytes(&out)));
		if (forks)
			continue;
		memcpy(t->place.prev, id, LK_ID_LEN);
		t->place.seq++;
		t->place.deps_len = 0;
	}
	t->place = began;
	return LK_NONE;
}

static lk_err
step_lies(struct thief *t, uint64_t n)
{
	struct place began = t->place;
	BUF_SCOPED out = { .max = ENVELOPE_MAX };
	struct revoke_entry senior = { .target = t->place.root };
	uint8_t id[LK_ID_LEN];

	for (uint64_t i = 0; i < n; i++) {
		struct sign_key author = t->identity.sign;
		struct body b;

		t->place = began;
		body_begin(&t->place, &b);
		if (i % 4 == 0)
			t->place.seq += 2;
		if (i % 4 == 1) {
			b.has_grant = true;
			b.grant = t->place.root;
		}
		if (i % 4 == 2)
			b.ops[b.ops_len++] =
			    (struct access_op){ .kind = OP_REVOKE,
				    .revoke = { &senior, 1 } };
		else
			body_idle(&b, 1);
		if (i % 4 == 3)
			random_fill(&t->random, author.pk, sizeof(author.pk));
		out.len = 0;
		TRY(forge(t, &b, &author, &out, id));
		TRY(wire_give(t, buf_bytes(&out)));
	}
	t->place = began;
	return LK_NONE;
}

static lk_err
steps_take(struct thief *t)
{
	for (size_t i = 0; i < t->steps_len; i++) {
		const struct step *s = &t->steps[i];

		switch (s->what) {
		case BYTES_HELD:
			TRY(step_held(t, s));
			break;
		case FLOOD:
		case FORKS:
			TRY(step_flood(t, s->n, s->what == FORKS));
			break;
		case LIES:
			TRY(step_lies(t, s->n));
			break;
		}
	}
	return wire_flush(t);
}

/* Says no more and takes what the peer says, until that goes too: it has then
 * dealt with all that was sent. */
static lk_err
wire_end(struct thief *t)
{
	int64_t end = now_get().mono.ms + 20 * PATIENCE_MS;

	if (t->fd < 0)
		return LK_ERR(LK_E_UNAVAILABLE, "the peer went");
	TRY(socket_end(t->fd));
	while (now_get().mono.ms < end) {
		size_t n;

		if (socket_read(t->fd, 1000, t->input, sizeof(t->input), &n)
			.code != LK_OK)
			return LK_NONE;
		TRY(thief_begin(t));
		TRY(engine_bytes(t->e, t->conn, BYTES(t->input, n), now_get()));
		TRY(thief_commit(t));
	}
	return LK_ERR(LK_E_AGAIN, "the peer does not end");
}

static lk_err
step_read(struct thief *t, int argc, char *argv[], int *at)
{
	struct step *s = &t->steps[t->steps_len];
	const char *what = argv[(*at)++];
	int left = argc - *at;

	if (t->steps_len == STEPS_MAX)
		return LK_ERR(LK_E_USAGE, "too many steps");
	t->steps_len++;
	buf_init(&s->held, (size_t)1 << 30);
	if (strcmp(what, "own") == 0 || strcmp(what, "all") == 0)
		return hold_log(t, what[0] == 'a', &s->held);
	if (strcmp(what, "edit") == 0 && left >= 2) {
		struct setting set = { argv[*at], argv[*at + 1] };

		*at += 2;
		return hold_edit(t, &set, &s->held);
	}
	if (left < 1)
		return LK_ERR(LK_E_USAGE, "what to do");
	s->n = strtoull(argv[(*at)++], NULL, 10);
	s->what = strcmp(what, "flood") == 0 ? FLOOD
	    : strcmp(what, "forks") == 0     ? FORKS
	    : strcmp(what, "lies") == 0      ? LIES
					     : BYTES_HELD;
	return s->what == BYTES_HELD ? LK_ERR(LK_E_USAGE, "what to do")
				     : LK_NONE;
}

static lk_err
thief_run(struct thief *t, int argc, char *argv[])
{
	bool again = strcmp(argv[argc - 1], "again") == 0;
	lk_err err = LK_NONE;

	TRY(thief_open(t, argv[1], argv[2]));
	t->address = argv[3];
	TRY(thief_begin(t));
	TRY(place_take(t));
	for (int at = 4; at < argc - again;)
		TRY(step_read(t, argc - again, argv, &at));
	TRY(thief_commit(t));
	TRY(wire_meet(t));
	for (int i = 0; i <= again && err.code == LK_OK; i++)
		err = steps_take(t);
	return err.code == LK_OK ? wire_end(t) : err;
}

int
main(int argc, char *argv[])
{
	static struct thief t;
	lk_err err;

	if (argc < 5) {
		fprintf(
		    stderr, "usage: thief LK_HOME DOCUMENT ADDRESS STEP...\n");
		return 64;
	}
	err = thief_run(&t, argc, argv);
	printf("%llu envelopes\n", (unsigned long long)t.sent);
	if (err.code != LK_OK) {
		fprintf(stderr, "thief: %s: %s\n", err.what,
		    err.code == LK_E_SYS ? strerror(err.sys)
					 : lk_strcode(err.code));
		return lk_exit_status(err.code);
	}
	for (size_t i = 0; i < t.steps_len; i++)
		buf_clear(&t.steps[i].held);
	buf_clear(&t.batch);
	if (t.fd >= 0)
		(void)close(t.fd);
	engine_free(t.e);
	replica_free(t.r);
	store_close(t.store);
	identity_clear(&t.identity);
	return 0;
}
