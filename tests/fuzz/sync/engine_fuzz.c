/*
 * A script of messages on an authenticated link, to a real engine with a real
 * document: whoever it is who speaks, the engine goes on, no more is said than
 * a link may hold, and what was taken is what would be made of the log anew.
 * Nothing is committed: the next script begins where this one did.
 *
 * The first byte says who speaks (engine_cast.h); then steps: one byte, and
 * what it takes.
 */
#include "tests/fuzz/established.h"
#include "tests/fuzz/sync/engine_cast.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define CONN 1
#define STEPS_MAX 64
#define ANNOUNCED (TOPIC_LIST_PAD * ANNOUNCE_LEN)

enum step_kind {
	STEP_MESSAGE,  /* type, u16 length, body */
	STEP_ANNOUNCE, /* the document gets a number */
	STEP_SEALED,   /* u16 length: the body of an envelope at his place */
	STEP_OPS,     /* count, kinds and references: one that is well formed */
	STEP_CHANGED, /* which of the log, where, how */
	STEP_ITEMS,   /* u16 length: of a BATCH */
	STEP_TIME,    /* u16 ms */
	STEP_EVENTS,  /* what was taken is durable, for the engine */
	STEP_KINDS
};

static struct cast cast;
static struct established open_pair;
static uint32_t body_max[SESSION_TYPES];

struct script {
	struct rd rd;
	struct engine *e;
	struct link *l;
	struct session *other;
	enum who who;
	struct item_state items;
	uint64_t seq; /* of his last envelope here; 0: none yet */
	uint8_t prev[LK_ID_LEN];
	size_t told;
	bool took;
};

static void
sessions_make(void)
{
	struct session_config target = { .noise = &cast.identity.noise,
		.body_max = body_max,
		.pattern = SESSION_XK };
	struct session_config other = { .noise = &cast.others[WRITER].noise,
		.body_max = body_max,
		.pattern = SESSION_XK,
		.remote = cast.identity.noise.pk };

	message_body_max(body_max);
	established_make(&open_pair, &target, &other);
}

/* What it says is taken away; how much that is, is bounded. */
static void
drain(struct script *s)
{
	struct engine_output o;

	while (engine_take(s->e, &o)) {
		if (o.what == ENGINE_DIAL)
			must(engine_closed(s->e, o.conn, cast.now));
		if (o.what != ENGINE_SEND)
			continue;
		LK_ASSERT(o.bytes.len <= LINK_OUT_MAX);
		s->told += o.bytes.len;
		buf_clear(&o.bytes);
		engine_pending(s->e, o.conn, 0);
	}
}

static void
say(struct script *s, unsigned type, struct bytes body)
{
	BUF_SCOPED wire = { .max = WIRE_MAX };

	if (session_send(s->other, &wire, (uint8_t)type, body).code != LK_OK)
		return;
	/* What he sends is never this device's own error. */
	must(engine_bytes(s->e, CONN, buf_bytes(&wire), cast.now));
	drain(s);
}

static void
step_announce(struct script *s)
{
	struct topic_set set = { .count = 1 };
	uint8_t hashes[ANNOUNCED] = { 0 };
	struct topic_list list = {
		.last = true, .hashes = hashes, .len = TOPIC_LIST_PAD
	};
	struct topic topic;
	BUF_SCOPED b = { .max = 1024 };

	must(docstate_topic(cast.r, cast.docno, &topic));
	announce_proof(hashes, &topic, session_hash(s->other), 1);
	topic_set_encode(&b, &set);
	say(s, MSG_SET, buf_bytes(&b));
	buf_reset(&b);
	topic_list_encode(&b, &list);
	say(s, MSG_TOPICS, buf_bytes(&b));
}

static void
give(struct script *s, struct bytes envelope)
{
	struct envelope env;
	BUF_SCOPED b = { .max = MESSAGE_MAX };

	if (envelope_parse(&env, envelope).code != LK_OK)
		return;
	batch_encode(&b, 0, false);
	if (item_encode(&b, &s->items, &env).code == LK_OK)
		say(s, MSG_BATCH, buf_bytes(&b));
}

/* Seals a body at his next place; as well as he can. */
static void
seal_up(struct script *s, struct bytes body)
{
	uint8_t random[32] = { (uint8_t)s->seq }, id[LK_ID_LEN];
	uint8_t etag[ETAG_LEN];
	struct docstate *ds;
	struct epoch epoch;
	struct envelope_draft draft = { .author = &cast.others[s->who].sign,
		.epoch = &epoch,
		.seq = s->seq + 1,
		.prev = s->seq == 0 ? NULL : s->prev,
		.body = body,
		.random = random };
	BUF_SCOPED out = { .max = ENVELOPE_MAX };

	must(docstate_get(cast.r, cast.docno, &ds));
	graph_any_epoch(ds->graph, etag);
	/* After somebody left it has none that is clean. */
	if (docstate_key(cast.r, cast.docno, etag, &epoch).code != LK_OK)
		return;
	draft.topic = &ds->topic;
	draft.docid = ds->docid;
	if (body.len == 0 || body.len > ENVELOPE_BODY_MAX ||
	    envelope_make(&out, id, &draft).code != LK_OK)
		return;
	give(s, buf_bytes(&out));
	must(docstate_get(cast.r, cast.docno, &ds));
	if (graph_find(ds->graph, id) == GRAPH_NONE)
		return;
	s->seq++;
	s->took = true;
	memcpy(s->prev, id, LK_ID_LEN);
}

static struct member
member_any(struct script *s, const struct docstate *ds)
{
	struct member m;

	graph_member(
	    ds->graph, rd_u8(&s->rd) % graph_members_len(ds->graph), &m);
	return m;
}

/* One op of a kind the script names, about members and envelopes there are. */
static void
op_any(struct script *s, const struct docstate *ds, struct access_op *op,
    struct revoke_entry *entry, uint8_t id[static LK_ID_LEN])
{
	static const uint8_t kinds[] = { OP_GRANT, OP_REVOKE, OP_BAN, OP_LEAVE,
		OP_CHANGE, OP_ADOPT, OP_REKEY, OP_NO_EFFECT_MIN };
	const struct identity *whom = &cast.others[rd_u8(&s->rd) % WHO];

	*op = (struct access_op){ .kind = kinds[rd_u8(&s->rd) % 8] };
	graph_id(ds->graph, rd_u8(&s->rd) % graph_len(ds->graph), id);
	if (op->kind == OP_GRANT) {
		memcpy(op->grant.key, whom->sign.pk, ACCESS_KEY_LEN);
		op->grant.role = rd_u8(&s->rd);
		op->grant.rank = rd_u16(&s->rd);
		op->grant.flags = rd_u8(&s->rd);
	} else if (op->kind == OP_REVOKE) {
		*entry =
		    (struct revoke_entry){ .target = member_any(s, ds).grant,
			    .level = rd_u8(&s->rd),
			    .flags = rd_u8(&s->rd),
			    .keep = id,
			    .keep_len = rd_u8(&s->rd) % 2 };
		op->revoke = (struct op_revoke){ entry, 1 };
	} else if (op->kind == OP_BAN) {
		memcpy(op->ban.key, whom->sign.pk, ACCESS_KEY_LEN);
	} else if (op->kind == OP_ADOPT) {
		op->adopt = (struct op_adopt){ id, 1 };
	} else if (op->kind == OP_REKEY) {
		memcpy(op->rekey.box, whom->box.pk, DH_LEN);
		op->rekey.box_counter = rd_u8(&s->rd);
	} else if (op->kind == OP_CHANGE) {
		op->content.form = 0; /* as it is */
		op->content.data = take_long(&s->rd);
	}
}

static void
step_ops(struct script *s)
{
	uint8_t deps[ENVELOPE_DEPS_MAX][LK_ID_LEN];
	uint8_t ids[ENVELOPE_OPS_MAX][LK_ID_LEN];
	struct revoke_entry entries[ENVELOPE_OPS_MAX];
	struct body body = { .has_grant = s->seq == 0 };
	const uint8_t *me = cast.others[s->who].sign.pk;
	struct docstate *ds;
	BUF_SCOPED b = { .max = ENVELOPE_BODY_MAX };

	must(docstate_get(cast.r, cast.docno, &ds));
	if (graph_deps(ds->graph, me, deps, &body.deps_len).code != LK_OK)
		return;
	body.deps = deps[0];
	if (graph_grant_for(ds->graph, me, ROLE_RELAY, &body.grant).code !=
	    LK_OK)
		body.grant = member_any(s, ds).grant;
	body.ops_len = 1 + rd_u8(&s->rd) % 4;
	for (size_t i = 0; i < body.ops_len; i++)
		op_any(s, ds, &body.ops[i], &entries[i], ids[i]);
	body_encode(&b, &body);
	if (!b.failed)
		seal_up(s, buf_bytes(&b));
}

static void
step_changed(struct script *s)
{
	struct log_entry entry;
	struct docstate *ds;
	uint8_t id[LK_ID_LEN], how;
	size_t at;
	BUF_SCOPED b = { .max = ENVELOPE_MAX };

	must(docstate_get(cast.r, cast.docno, &ds));
	graph_id(ds->graph, rd_u8(&s->rd) % graph_len(ds->graph), id);
	must(log_by_id(cast.txn, id, &entry));
	buf_add(&b, entry.envelope);
	at = rd_u16(&s->rd) % b.len;
	how = rd_u8(&s->rd);
	b.ptr[at] ^= how;
	give(s, buf_bytes(&b));
}

static void
step_items(struct script *s)
{
	struct bytes items = take_long(&s->rd);
	BUF_SCOPED b = { .max = MESSAGE_MAX };

	batch_encode(&b, 0, (items.len & 1) != 0);
	buf_add(&b, items);
	say(s, MSG_BATCH, buf_bytes(&b));
}

static void
tick(struct script *s)
{
	must(engine_tick(s->e, cast.now));
	drain(s);
}

static void
script_step(struct script *s)
{
	uint8_t type;

	switch ((enum step_kind)(rd_u8(&s->rd) % STEP_KINDS)) {
	case STEP_MESSAGE:
		type = rd_u8(&s->rd);
		say(s, type, take_long(&s->rd));
		break;
	case STEP_ANNOUNCE:
		step_announce(s);
		break;
	case STEP_SEALED:
		seal_up(s, take_long(&s->rd));
		break;
	case STEP_OPS:
		step_ops(s);
		break;
	case STEP_CHANGED:
		step_changed(s);
		break;
	case STEP_ITEMS:
		step_items(s);
		break;
	case STEP_TIME:
		cast.now.mono.ms += rd_u16(&s->rd);
		tick(s);
		break;
	case STEP_EVENTS:
		cast_durable(&cast, s->e);
		tick(s);
		break;
	case STEP_KINDS:
		break;
	}
}

static void
script_begin(struct script *s)
{
	struct engine_config config = { .listen_port = 1 };

	cast.now.mono.ms = 1000;
	cast_begin(&cast);
	must(engine_new(&s->e, cast.r, &cast.identity, cast.random));
	must(engine_configure(s->e, &config));
	must(link_open(s->e, CONN, false, "192.0.2.7:4000", &s->l));
	s->l->session = session_copy(open_pair.target);
	s->other = session_copy(open_pair.other);
	s->l->dialled = s->l->connected = true;
	s->l->state = LINK_OPEN;
	s->l->known = s->who != UNKNOWN;
	memcpy(s->l->pk, cast.others[s->who].sign.pk, sizeof(s->l->pk));
	memcpy(s->l->root_pk, cast.certs[s->who].root_pk, 32);
}

/* What is kept for each node in memory is what a new look at the store says. */
static void
graph_check(void)
{
	struct docstate *ds;
	uint32_t n;
	uint8_t *kept;

	must(docstate_get(cast.r, cast.docno, &ds));
	n = graph_len(ds->graph);
	kept = malloc(n);
	LK_ASSERT(kept != NULL);
	for (uint32_t i = 0; i < n; i++)
		kept[i] = (uint8_t)(graph_visible(ds->graph, i) |
		    graph_essential(ds->graph, i) << 1 |
		    graph_effective(ds->graph, i, 0) << 2);
	replica_aborted(cast.r);
	replica_rest(cast.r);
	replica_begin(cast.r, cast.txn, cast.now);
	must(docstate_get(cast.r, cast.docno, &ds));
	LK_ASSERT(graph_len(ds->graph) == n);
	for (uint32_t i = 0; i < n; i++)
		LK_ASSERT(kept[i] ==
		    (graph_visible(ds->graph, i) |
			graph_essential(ds->graph, i) << 1 |
			graph_effective(ds->graph, i, 0) << 2));
	free(kept);
}

static void
script_end(struct script *s)
{
	BUF_SCOPED file = { .max = (size_t)16 << 20 };

	if (s->took) {
		must(replica_export(
		    cast.r, cast.docno, EXPORT_HISTORY, &file, &file));
		graph_check();
	}
	item_state_clear(&s->items);
	session_free(s->other);
	engine_free(s->e);
	cast_end(&cast);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = { .rd = rd_over(BYTES(data, size)) };

	if (size < 2)
		return 0;
	if (open_pair.target == NULL) {
		cast_make(&cast, true);
		sessions_make();
	}
	s.who = (enum who)(rd_u8(&s.rd) % WHO);
	script_begin(&s);
	for (int i = 0; i < STEPS_MAX && s.rd.left.len > 0 && !s.rd.failed; i++)
		script_step(&s);
	script_end(&s);
	return 0;
}
