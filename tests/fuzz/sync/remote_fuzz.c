/*
 * A script of what a relay and a bucket answer, either of which may be
 * anybody's, to a real engine that keeps a document there and was let in by
 * invitation: whatever they say, in any order, it goes on, asks for nothing
 * that is no name, says no more than a link may hold, and nobody becomes a
 * member of anything.  Nothing is committed: the next script begins where this
 * one did.
 *
 * The first byte says whether the relay answers by itself; then steps: one
 * byte, and what it takes.
 */
#include "sync/bucket.h"
#include "sync/mailbox.h"
#include "sync/relay_client.h"
#include "sync/welcome.h"
#include "tests/fuzz/sync/engine_cast.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define STEPS_MAX 96
#define WIRE_MAX ((size_t)8 * MESSAGE_MAX)
#define ASKED_MAX 32
#define OBJECTS 24
#define MADE_MAX 8

enum step_kind {
	STEP_ANSWER,  /* which question, how: the relay's */
	STEP_MESSAGE, /* type, u16 length, body: of the relay */
	STEP_SEAL,    /* u16 length: what a writer changed, to be given */
	STEP_GIVE,    /* number, which, where, how: a BATCH of one */
	STEP_LETTER,  /* whose box, by which way, u16 length: what is in it */
	STEP_OBJECT,  /* which request, how: the bucket's answer */
	STEP_NAME,    /* u8 length, u16 length: an object there */
	STEP_PACK,    /* from which, how: a pack of what the writer made */
	STEP_TIME,    /* u16 * 16 ms */
	STEP_EVENTS,  /* what was taken is durable, for the engine */
	STEP_LOST,    /* the relay breaks off */
	STEP_KINDS
};

/* What the engine asked the relay, in short. */
struct asked {
	uint8_t type;
	uint8_t head[32];
	size_t len;
};

struct object {
	char name[OBJECT_NAME_MAX + 1];
	struct buf bytes;
};

struct script {
	struct rd rd;
	struct engine *e;
	uint64_t conn; /* of the relay; 0: none */
	struct session *session;
	bool open, answers;
	struct asked asked[ASKED_MAX];
	size_t asked_len;
	struct object_request pending[FLIGHTS_MAX];
	size_t pending_len;
	struct object objects[OBJECTS];
	size_t objects_len;
	struct buf made[MADE_MAX]; /* of the writer, in order */
	size_t made_len;
	uint8_t prev[LK_ID_LEN];
};

static struct cast cast;
static struct dh_key relay_key;
static char relay_url[REMOTE_URL_MAX];
static uint32_t relay_max[SESSION_TYPES];

static void
wire_give(struct script *s, struct buf *wire)
{
	if (wire->len > 0 && s->conn != 0)
		must(engine_bytes(s->e, s->conn, buf_bytes(wire), cast.now));
}

static void
say(struct script *s, unsigned type, struct bytes body)
{
	BUF_SCOPED wire = { .max = WIRE_MAX };

	if (s->open &&
	    session_send(s->session, &wire, (uint8_t)type, body).code == LK_OK)
		wire_give(s, &wire);
}

static void
relay_end(struct script *s)
{
	session_free(s->session);
	s->session = NULL;
	s->conn = 0;
	s->open = false;
	s->asked_len = 0;
}

static void
relay_hello(struct script *s)
{
	struct hello hello = { .min = PROTOCOL_VERSION,
		.max = PROTOCOL_VERSION,
		.message_max = MESSAGE_MAX };
	BUF_SCOPED b = { .max = 64 };

	s->open = true;
	hello_encode(&b, &hello);
	say(s, MSG_HELLO, buf_bytes(&b));
}

/* What an honest relay would say to that, or with another number in it. */
static void
answer(struct script *s, const struct asked *a, uint8_t how)
{
	uint32_t number = (uint32_t)a->head[2] << 8 | a->head[3];
	struct relay_opened opened = { number, how % 4 };
	struct relay_registered registered = { a->head[0],
		how % RELAY_RESULTS };
	struct mailbox_posted posted = { a->head, how % RELAY_RESULTS };
	struct fp_range fp = { .first = number, .last = number };
	BUF_SCOPED b = { .max = 1024 };

	switch (a->type) {
	case MSG_RELAY_OPEN:
		relay_opened_encode(&b, &opened);
		break;
	case MSG_RELAY_REGISTER:
		relay_registered_encode(&b, &registered);
		break;
	case MSG_MAILBOX_PUT:
		mailbox_posted_encode(&b, &posted);
		break;
	case MSG_MAILBOX_GET:
		mailbox_content_encode(&b, a->head, 0);
		break;
	case MSG_FP:
		fp.answer = how % 2 == 0;
		fp.count = how / 2;
		fp_range_encode(&b, &fp);
		break;
	default:
		buf_mem(&b, a->head, a->len);
	}
	say(s, a->type, buf_bytes(&b));
}

static void
relay_hears(struct script *s, const struct session_event *ev)
{
	struct asked *a = &s->asked[s->asked_len % ASKED_MAX];

	s->asked_len++;
	*a = (struct asked){ .type = ev->message };
	a->len =
	    ev->body.len < sizeof(a->head) ? ev->body.len : sizeof(a->head);
	if (a->len > 0)
		memcpy(a->head, ev->body.ptr, a->len);
	if (s->answers &&
	    (a->type == MSG_RELAY_REGISTER || a->type == MSG_MAILBOX_GET))
		answer(s, a, 0);
	if (s->answers && a->type == MSG_RELAY_OPEN)
		answer(s, a, RELAY_FULL);
}

static void
relay_bytes_in(struct script *s, struct bytes in)
{
	struct session_event ev = { .type = SESSION_MESSAGE };

	while (ev.type != SESSION_NOTHING && s->session != NULL) {
		BUF_SCOPED back = { .max = WIRE_MAX };

		must(session_step(s->session, &in, &back, &ev));
		wire_give(s, &back);
		if (ev.type == SESSION_ESTABLISHED)
			relay_hello(s);
		if (ev.type == SESSION_MESSAGE)
			relay_hears(s, &ev);
	}
}

static void
dialled(struct script *s, const struct engine_output *o)
{
	static const uint8_t ephemeral[DH_LEN] = { 40 };
	struct session_config config = { .role = SESSION_RESPONDER,
		.pattern = SESSION_NK,
		.noise = &relay_key,
		.ephemeral = ephemeral,
		.body_max = relay_max };
	BUF_SCOPED none = { .max = 1 };

	if (s->conn != 0 || strcmp(o->address, "192.0.2.8:4711") != 0) {
		must(engine_closed(s->e, o->conn, cast.now));
		return;
	}
	s->conn = o->conn;
	must(session_new(&s->session, &config, &none));
	must(engine_dialed(s->e, o->conn, cast.now));
}

static void
object_asked(struct script *s, struct object_request *r)
{
	must(object_request_check(r));
	LK_ASSERT(r->bytes.len <= OBJECT_BYTES_MAX);
	if (s->pending_len == FLIGHTS_MAX) {
		/* One that was given up. */
		object_request_clear(&s->pending[0]);
		s->pending_len--;
		memmove(
		    s->pending, s->pending + 1, s->pending_len * sizeof(*r));
	}
	s->pending[s->pending_len++] = *r;
}

static void
drain(struct script *s)
{
	struct engine_output o;

	while (engine_take(s->e, &o)) {
		if (o.what == ENGINE_DIAL)
			dialled(s, &o);
		if (o.what == ENGINE_OBJECT)
			object_asked(s, &o.object);
		if (o.what == ENGINE_CLOSE) {
			must(engine_closed(s->e, o.conn, cast.now));
			if (o.conn == s->conn)
				relay_end(s);
		}
		if (o.what != ENGINE_SEND)
			continue;
		LK_ASSERT(o.bytes.len <= LINK_OUT_MAX);
		engine_pending(s->e, o.conn, 0);
		if (o.conn == s->conn)
			relay_bytes_in(s, buf_bytes(&o.bytes));
		buf_clear(&o.bytes);
	}
}

static void
tick(struct script *s, int64_t ms)
{
	cast.now.mono.ms += ms;
	cast.now.wall.ms += ms;
	must(engine_tick(s->e, cast.now));
	drain(s);
}

/* One byte of it changed, or not. */
static void
twist(struct script *s, struct buf *b)
{
	uint8_t how = rd_u8(&s->rd);
	size_t at;

	if (how < 128 || b->len == 0)
		return;
	at = rd_u16(&s->rd) % b->len;
	b->ptr[at] ^= rd_u8(&s->rd);
}

static void
step_answer(struct script *s)
{
	uint8_t which = rd_u8(&s->rd), how = rd_u8(&s->rd);

	if (s->asked_len > 0)
		answer(s,
		    &s->asked[(s->asked_len - 1 - which % s->asked_len) %
			ASKED_MAX],
		    how);
}

/* The next envelope of the writer, who may be trusted with nothing else. */
static void
step_seal(struct script *s)
{
	uint8_t deps[ENVELOPE_DEPS_MAX][LK_ID_LEN], etag[ETAG_LEN];
	uint8_t random[32] = { (uint8_t)s->made_len };
	const uint8_t *me = cast.others[WRITER].sign.pk;
	struct body body = { .has_grant = s->made_len == 0, .ops_len = 1 };
	struct bytes data = take_long(&s->rd);
	struct epoch epoch;
	struct docstate *ds;
	struct envelope_draft draft = { .author = &cast.others[WRITER].sign,
		.epoch = &epoch,
		.seq = s->made_len + 1,
		.prev = s->made_len == 0 ? NULL : s->prev,
		.random = random };
	BUF_SCOPED b = { .max = ENVELOPE_BODY_MAX };

	must(docstate_get(cast.r, cast.docno, &ds));
	graph_any_epoch(ds->graph, etag);
	if (s->made_len == MADE_MAX ||
	    docstate_key(cast.r, cast.docno, etag, &epoch).code != LK_OK ||
	    graph_deps(ds->graph, me, deps, &body.deps_len).code != LK_OK ||
	    graph_grant_for(ds->graph, me, ROLE_RELAY, &body.grant).code !=
		LK_OK)
		return;
	body.deps = deps[0];
	body.ops[0] = (struct access_op){ .kind = OP_CHANGE };
	body.ops[0].content.data = data;
	body_encode(&b, &body);
	draft.topic = &ds->topic;
	draft.docid = ds->docid;
	draft.body = buf_bytes(&b);
	buf_init(&s->made[s->made_len], ENVELOPE_MAX);
	if (!b.failed &&
	    envelope_make(&s->made[s->made_len], s->prev, &draft).code == LK_OK)
		s->made_len++;
}

static void
step_give(struct script *s)
{
	uint8_t number = rd_u8(&s->rd), which = rd_u8(&s->rd);
	struct item_state items = { .len = 0 };
	struct envelope env;
	BUF_SCOPED all = { .max = ENVELOPE_MAX };
	BUF_SCOPED b = { .max = MESSAGE_MAX };

	if (s->made_len == 0)
		return;
	buf_add(&all, buf_bytes(&s->made[which % s->made_len]));
	twist(s, &all);
	if (envelope_parse(&env, buf_bytes(&all)).code != LK_OK)
		return;
	batch_encode(&b, number, which >= 128);
	if (item_encode(&b, &items, &env).code == LK_OK)
		say(s, MSG_BATCH, buf_bytes(&b));
	item_state_clear(&items);
}

static struct object *
object_new(struct script *s, const char *name)
{
	struct object *o;

	for (size_t i = 0; i < s->objects_len; i++)
		if (strcmp(s->objects[i].name, name) == 0) {
			buf_clear(&s->objects[i].bytes);
			buf_init(&s->objects[i].bytes, OBJECT_BYTES_MAX);
			return &s->objects[i];
		}
	if (s->objects_len == OBJECTS)
		return NULL;
	o = &s->objects[s->objects_len++];
	(void)strlcpy(o->name, name, sizeof(o->name));
	buf_init(&o->bytes, OBJECT_BYTES_MAX);
	return o;
}

static void
letter_leave(struct script *s, const struct mail_route *route,
    struct bytes letter, bool relay)
{
	struct stored_name name = { .kind = STORED_MAIL };
	struct mailbox_letter l = { .number = 1, .letter = letter };
	char text[OBJECT_NAME_MAX + 1];
	struct object *o;
	BUF_SCOPED b = { .max = MESSAGE_MAX };

	if (relay) {
		mailbox_content_encode(&b, route->slot, 1);
		mailbox_letter_encode(&b, &l);
		say(s, MSG_MAILBOX_GET, buf_bytes(&b));
		return;
	}
	memcpy(name.topic, route->slot, sizeof(name.topic));
	stored_name_format(text, &name);
	o = object_new(s, text);
	if (o != NULL)
		buf_add(&o->bytes, letter);
}

/* To a document that he has, if it is his to give; signed as he does it. */
static void
welcome_write(struct buf *plain, const struct mailbox *box, uint8_t how)
{
	uint8_t ladder[EPOCH_SECRET_LEN] = { how / 8 };
	struct welcome w = { .docid = { how / 8 }, .keys_len = 1 };
	const struct identity *signer = &cast.others[OWN];
	BUF_SCOPED b = { .max = WELCOME_MAX };

	for (size_t i = 0; i < WHO; i++)
		if (memcmp(box->from, cast.others[i].sign.pk, 32) == 0)
			signer = &cast.others[i];
	epoch_derive(&w.keys[0], ladder);
	topic_derive(&w.topic, ladder);
	if (how >= 192)
		must(docstate_topic(cast.r, cast.docno, &w.topic));
	if (welcome_encode(&b, &w, cast.identity.sign.pk, &signer->sign).code ==
	    LK_OK)
		(void)mail_add(plain, MSG_WELCOME, buf_bytes(&b));
}

/* Of somebody who has the key of the box, with anything in it. */
static void
step_letter(struct script *s)
{
	uint8_t which = rd_u8(&s->rd), how = rd_u8(&s->rd);
	struct bytes said = take_long(&s->rd);
	struct mailbox *boxes;
	size_t len;
	BUF_SCOPED plain = { .max = MAIL_PLAIN_MAX };
	BUF_SCOPED letter = { .max = MAIL_MAX };

	must(mailboxes_make(s->e, &boxes, &len));
	if (how % 8 >= 6 && len > 0)
		welcome_write(&plain, &boxes[which % len], how);
	else if (how % 4 == 0)
		buf_add(&plain, said);
	else
		(void)mail_add(&plain, how / 4, said);
	if (len > 0 && !plain.failed &&
	    mail_seal(&letter, &boxes[which % len].route, buf_bytes(&plain))
		    .code == LK_OK)
		letter_leave(s, &boxes[which % len].route, buf_bytes(&letter),
		    how % 2 == 1);
	mailboxes_free(boxes, len);
}

static int
entry_compare(const void *a, const void *b)
{
	return strcmp(((const struct object_entry *)a)->name,
	    ((const struct object_entry *)b)->name);
}

/* What a list says is in order, names and bounded: net/ sees to that. */
static void
list_fill(
    struct script *s, const struct object_request *r, struct object_answer *a)
{
	static struct object_entry entries[OBJECTS];

	a->entries = entries;
	for (size_t i = 0; i < s->objects_len; i++) {
		const struct object *o = &s->objects[i];

		if (strncmp(o->name, r->name, strlen(r->name)) != 0 ||
		    strcmp(o->name, r->after) <= 0)
			continue;
		(void)strlcpy(entries[a->entries_len].name, o->name,
		    sizeof(entries[0].name));
		entries[a->entries_len++].size = o->bytes.len;
	}
	qsort(entries, a->entries_len, sizeof(entries[0]), entry_compare);
}

static void
get_fill(
    struct script *s, const struct object_request *r, struct object_answer *a)
{
	a->err = LK_ERR(LK_E_NOTFOUND, "object");
	for (size_t i = 0; i < s->objects_len; i++)
		if (strcmp(s->objects[i].name, r->name) == 0 &&
		    s->objects[i].bytes.len <= r->max) {
			buf_init(&a->bytes, OBJECT_BYTES_MAX);
			buf_add(&a->bytes, buf_bytes(&s->objects[i].bytes));
			a->err = LK_NONE;
		}
}

/* By what is there, changed, or failed; put, or thrown away. */
static void
step_object(struct script *s)
{
	static const enum lk_code failures[] = { LK_E_DENIED, LK_E_FULL,
		LK_E_UNAVAILABLE, LK_E_NOTFOUND, LK_E_LIMIT, LK_E_CONFIG };
	uint8_t which = rd_u8(&s->rd), how = rd_u8(&s->rd);
	struct object_request *r;
	struct object_answer a;

	if (s->pending_len == 0)
		return;
	r = &s->pending[which % s->pending_len];
	a = (struct object_answer){ .remote = r->remote,
		.request = r->request };
	if (r->op == OBJECT_LIST)
		list_fill(s, r, &a);
	if (r->op == OBJECT_GET)
		get_fill(s, r, &a);
	if (r->op == OBJECT_PUT && how % 4 != 3) {
		struct object *o = object_new(s, r->name);

		if (o != NULL)
			buf_add(&o->bytes, buf_bytes(&r->bytes));
	}
	a.more = how % 4 == 1;
	if (how % 4 == 2)
		twist(s, &a.bytes);
	if (how >= 192)
		a.err = LK_ERR(failures[how % 6], "bucket");
	must(engine_object(s->e, &a, cast.now));
	buf_clear(&a.bytes);
	object_request_clear(r);
	*r = s->pending[--s->pending_len];
	drain(s);
}

/* One of the document, by kind, author, seq and count. */
#define NAME_SHORT 4
static void
name_make(char out[static OBJECT_NAME_MAX + 1], const uint8_t *what)
{
	struct stored_name name = { .kind = (enum stored_kind)(what[0] % 4),
		.seq = what[2],
		.count = 1 + what[3] };
	struct docstate *ds;

	must(docstate_get(cast.r, cast.docno, &ds));
	memcpy(name.topic, ds->topic.id, LK_TOPIC_LEN);
	author_tag(name.tag, &ds->topic, cast.others[what[1] % WHO].sign.pk);
	stored_name_format(out, &name);
}

static void
step_name(struct script *s)
{
	struct bytes text = rd_take(&s->rd, rd_u8(&s->rd));
	struct bytes said = take_long(&s->rd);
	char name[OBJECT_NAME_MAX + 1] = "";
	struct object *o;

	if (text.len > OBJECT_NAME_MAX)
		return;
	if (text.len == NAME_SHORT)
		name_make(name, text.ptr);
	else if (text.len > 0)
		memcpy(name, text.ptr, text.len);
	o = object_name_is_valid(name) ? object_new(s, name) : NULL;
	if (o != NULL)
		buf_add(&o->bytes, said);
}

static void
step_pack(struct script *s)
{
	uint8_t from = rd_u8(&s->rd);
	char text[OBJECT_NAME_MAX + 1];
	struct bytes all[MADE_MAX];
	struct stored_name name;
	struct object *o;
	size_t n = 0;
	BUF_SCOPED b = { .max = OBJECT_BYTES_MAX };

	for (size_t i = from % MADE_MAX; i < s->made_len; i++)
		all[n++] = buf_bytes(&s->made[i]);
	if (n == 0 || pack_encode(&b, &name, all, n).code != LK_OK)
		return;
	twist(s, &b);
	stored_name_format(text, &name);
	o = object_new(s, text);
	if (o != NULL)
		buf_add(&o->bytes, buf_bytes(&b));
}

static void
script_step(struct script *s)
{
	uint8_t type;

	switch ((enum step_kind)(rd_u8(&s->rd) % STEP_KINDS)) {
	case STEP_ANSWER:
		step_answer(s);
		break;
	case STEP_MESSAGE:
		type = rd_u8(&s->rd);
		say(s, type, take_long(&s->rd));
		break;
	case STEP_SEAL:
		step_seal(s);
		break;
	case STEP_GIVE:
		step_give(s);
		break;
	case STEP_LETTER:
		step_letter(s);
		break;
	case STEP_OBJECT:
		step_object(s);
		break;
	case STEP_NAME:
		step_name(s);
		break;
	case STEP_PACK:
		step_pack(s);
		break;
	case STEP_TIME:
		tick(s, (int64_t)rd_u16(&s->rd) * 16);
		break;
	case STEP_EVENTS:
		cast_durable(&cast, s->e);
		tick(s, 0);
		break;
	case STEP_LOST:
		if (s->conn != 0)
			must(engine_closed(s->e, s->conn, cast.now));
		relay_end(s);
		break;
	case STEP_KINDS:
		break;
	}
	drain(s);
}

static void
relay_make(void)
{
	static const uint8_t secret[DH_LEN] = { 9 };
	char hex[2 * DH_LEN + 1];

	dh_key_from_secret(&relay_key, secret);
	hex_encode(hex, BYTES_OF(relay_key.pk));
	(void)snprintf(relay_url, sizeof(relay_url),
	    "relay://%s@192.0.2.8:4711?invite=%032d", hex, 7);
	message_body_max(relay_max);
	relay_body_max(relay_max);
	for (size_t i = 0; i < SESSION_TYPES; i++)
		relay_max[i] = MESSAGE_MAX;
}

static void
script_begin(struct script *s)
{
	struct remote_config remotes[] = { { 1, REMOTE_FOLDER, "stick",
					       "file:///media/stick" },
		{ 2, REMOTE_RELAY, "relay", relay_url } };
	struct engine_config config = { .listen_port = 1 };
	struct ticket_request request = {
		.purpose = TICKET_INVITE, .docno = cast.docno, .role = ROLE_READ
	};
	char text[TICKET_TEXT_MAX + 1];

	cast.now = (struct now){ { 1000 }, { INT64_C(1780000000000) } };
	cast.seeded.counter = 1000;
	cast_begin(&cast);
	must(engine_new(&s->e, cast.r, &cast.identity, cast.random));
	must(engine_configure(s->e, &config));
	must(engine_remotes_configure(s->e, remotes, 2, cast.now));
	must(engine_ticket(s->e, &request, cast.now, text, sizeof(text)));
	tick(s, 0);
}

static void
script_end(struct script *s)
{
	tick(s, 1000);
	relay_end(s);
	for (size_t i = 0; i < s->pending_len; i++)
		object_request_clear(&s->pending[i]);
	for (size_t i = 0; i < s->objects_len; i++)
		buf_clear(&s->objects[i].bytes);
	for (size_t i = 0; i < MADE_MAX; i++)
		buf_clear(&s->made[i]);
	engine_free(s->e);
	cast_end(&cast);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = { .rd = rd_over(BYTES(data, size)) };
	size_t home, doc;
	uint32_t docno;

	if (size < 2)
		return 0;
	if (cast.store == NULL) {
		cast_make(&cast, true);
		relay_make();
	}
	s.answers = (rd_u8(&s.rd) & 1) == 0;
	script_begin(&s);
	must(replica_home(cast.r, &docno));
	home = cast_members_len(&cast, docno);
	doc = cast_members_len(&cast, cast.docno);
	for (int i = 0; i < STEPS_MAX && s.rd.left.len > 0 && !s.rd.failed; i++)
		script_step(&s);
	cast_topic_check(&cast);
	LK_ASSERT(cast_members_len(&cast, docno) == home &&
	    cast_members_len(&cast, cast.docno) == doc);
	script_end(&s);
	return 0;
}
