/*
 * A script of what strangers do to a real engine that shows a code and has
 * tickets out: they dial with any pattern and any payload, or are dialled, as
 * whoever shows a code or made a ticket may be anybody; then anything in any
 * order, and datagrams.  The engine goes on, is sure of nobody's key who did
 * not show it, and lets nobody in who had neither code, ticket nor the phrase.
 * Nothing is committed: the next script begins where this one did.
 *
 * The first byte says whether the device has documents; then steps: one byte,
 * whose upper half says which stranger, and what it takes.
 */
#include "sync/by_code.h"
#include "sync/code_run.h"
#include "sync/endpoint.h"
#include "sync/pairing.h"
#include "sync/welcome.h"
#include "tests/fuzz/sync/engine_cast.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define GUESTS 4
#define STEPS_MAX 64
#define WIRE_MAX ((size_t)8 * MESSAGE_MAX)
#define TYPED_AT "192.0.2.9:4"

enum step_kind {
	STEP_COME,    /* pattern, who, payload: a connection, to its end */
	STEP_BYTES,   /* u8 length: as they are, a handshake or not */
	STEP_HELLO,   /* how: an honest one, or other numbers */
	STEP_MESSAGE, /* type, u16 length, body */
	STEP_CODE,    /* how: what is next in pairing by code */
	STEP_CARD,    /* whose, how: honest, or one byte changed */
	STEP_WELCOME, /* which document, how signed */
	STEP_BEACON,  /* u8 length: a datagram */
	STEP_TYPE,    /* a code is typed here, or a ticket */
	STEP_ASK,     /* the owner looks, shows another code or hides it */
	STEP_TIME,    /* u16 * 16 ms */
	STEP_LEAVE,   /* the connection breaks off */
	STEP_KINDS
};

struct guest {
	uint64_t conn; /* 0: none */
	struct session *session;
	bool open, dialled;
	enum who who;
	struct code code;
	struct code_run run;
	bool runs;
	uint8_t reply; /* of the run; with `said` */
	struct buf said;
};

struct script {
	struct rd rd;
	struct engine *e;
	struct guest guests[GUESTS];
	uint64_t conn_last;
	uint64_t shown[2]; /* handles */
	struct code code[2];
	struct ticket tickets[2];
	struct ticket_keys keys[2];
	bool entitled; /* somebody showed what lets in, or was believed */
};

static struct cast casts[2], *cast;
static struct identity identities[2]; /* as they were made */
static uint32_t guest_max[SESSION_TYPES];

static void
guest_end(struct guest *g)
{
	session_free(g->session);
	code_run_clear(&g->run);
	buf_clear(&g->said);
	*g = (struct guest){ .conn = 0 };
}

static struct guest *
guest_of(struct script *s, uint64_t conn)
{
	for (size_t i = 0; i < GUESTS; i++)
		if (s->guests[i].conn == conn)
			return &s->guests[i];
	return NULL;
}

static void
run_begin(struct guest *g)
{
	static const uint8_t random[CPACE_RANDOM_LEN] = { 6 };
	struct code_run_config config = { .role = g->dialled ? CODE_DISPLAYER
							     : CODE_TYPER,
		.purpose = CODE_CONTACT,
		.code = &g->code,
		.h = session_hash(g->session),
		.random = random };

	if (cast == &casts[1] && !g->dialled)
		config.purpose = CODE_DEVICE;
	must(code_run_init(&g->run, &config));
	g->runs = true;
}

/* What the engine says in a run, as an honest one hears it. */
static void
run_hears(struct guest *g, uint8_t type, struct bytes body)
{
	if (type < MSG_CODE_SHARE || type > MSG_CODE_CONFIRM_BACK || !g->runs)
		return;
	buf_clear(&g->said);
	buf_init(&g->said, CODE_CONFIRM_LEN);
	g->reply = 0;
	(void)code_run_take(&g->run, type, body, &g->said, &g->reply).code;
}

static void
guest_hears(
    struct script *s, struct guest *g, struct bytes in, struct buf *answer)
{
	struct session_event ev = { .type = SESSION_MESSAGE };

	while (ev.type != SESSION_NOTHING && g->session != NULL) {
		if (session_step(g->session, &in, answer, &ev).code != LK_OK) {
			session_free(g->session);
			g->session = NULL;
			return;
		}
		switch (ev.type) {
		case SESSION_NOTHING:
			break;
		case SESSION_TICKET:
			session_psk(g->session, s->keys[1].psk);
			break;
		case SESSION_WINDOW:
			session_window(g->session, &cast->others[g->who].noise);
			break;
		case SESSION_ESTABLISHED:
			g->open = true;
			if (ev.pattern == SESSION_XX)
				run_begin(g);
			break;
		case SESSION_MESSAGE:
			run_hears(g, ev.message, ev.body);
			break;
		}
	}
}

/* Somebody is dialled who says he is whom the engine looks for. */
static void
dialled(struct script *s, const struct engine_output *o)
{
	static const uint8_t ephemeral[DH_LEN] = { 40 };
	struct guest *g = guest_of(s, 0);
	struct session_config config = { .role = SESSION_RESPONDER,
		.noise = &cast->others[UNKNOWN].noise,
		.ephemeral = ephemeral,
		.body_max = guest_max };
	BUF_SCOPED none = { .max = 1 };

	if (g == NULL) {
		must(engine_closed(s->e, o->conn, cast->now));
		return;
	}
	*g = (struct guest){ .conn = o->conn, .dialled = true, .who = UNKNOWN };
	g->code = (struct code){ .window = 7, .secret = 77 };
	must(session_new(&g->session, &config, &none));
	must(engine_dialed(s->e, o->conn, cast->now));
}

static void say_wire(struct script *, struct guest *, struct buf *);

/* What the engine says is heard; how much that is, is bounded. */
static void
drain(struct script *s)
{
	struct engine_output o;

	while (engine_take(s->e, &o)) {
		struct guest *g = guest_of(s, o.conn);
		BUF_SCOPED answer = { .max = WIRE_MAX };

		if (o.what == ENGINE_DIAL)
			dialled(s, &o);
		if (o.what == ENGINE_CLOSE) {
			must(engine_closed(s->e, o.conn, cast->now));
			if (g != NULL)
				guest_end(g);
		}
		if (o.what != ENGINE_SEND)
			continue;
		LK_ASSERT(o.bytes.len <= LINK_OUT_MAX);
		engine_pending(s->e, o.conn, 0);
		if (g != NULL) {
			guest_hears(s, g, buf_bytes(&o.bytes), &answer);
			say_wire(s, g, &answer);
		}
		buf_clear(&o.bytes);
	}
}

/* Whoever the engine is sure of has shown that key. */
static void
known_check(struct script *s, const struct guest *g)
{
	struct link *l = link_find(s->e, g->conn);

	/* Whom it dials it has a key of, which the handshake is for. */
	if (g->dialled && !g->open)
		return;
	if (l != NULL && l->known && l->state != LINK_CLOSED)
		LK_ASSERT(memcmp(l->pk, cast->others[g->who].sign.pk, 32) == 0);
}

static void
say_wire(struct script *s, struct guest *g, struct buf *wire)
{
	if (wire->len > 0 && g->conn != 0) {
		must(engine_bytes(s->e, g->conn, buf_bytes(wire), cast->now));
		known_check(s, g);
	}
	buf_reset(wire);
}

static void
say(struct script *s, struct guest *g, unsigned type, struct bytes body)
{
	BUF_SCOPED wire = { .max = WIRE_MAX };

	if (g->session == NULL || !g->open ||
	    session_send(g->session, &wire, (uint8_t)type, body).code != LK_OK)
		return;
	say_wire(s, g, &wire);
	drain(s);
}

/* What is honest, or one byte of it changed; or anything. */
static void
twist(struct script *s, struct buf *b)
{
	uint8_t how = rd_u8(&s->rd);
	struct bytes other;
	size_t at;

	if (how < 128)
		return;
	if (how < 192 && b->len > 0) {
		at = rd_u16(&s->rd) % b->len;
		b->ptr[at] ^= rd_u8(&s->rd);
		return;
	}
	other = take_long(&s->rd);
	buf_reset(b);
	buf_add(b, other);
}

/* With `both`, this device is one of his. */
static void
card_write(struct buf *b, enum who who, uint8_t serial, bool both)
{
	const struct identity *me = &cast->identity;
	struct card_device devices[2] = { { .cert = cast->certs[who] },
		{ .cert = { .rank = 2, .serial = 1 } } };
	struct cert *mine = &devices[1].cert;
	struct card card = { .serial = serial,
		.name = BYTES_STR("somebody"),
		.devices = devices,
		.devices_len = both ? 2 : 1 };

	memcpy(card.root_pk, cast->certs[who].root_pk, SIGN_PK_LEN);
	memcpy(mine->root_pk, card.root_pk, SIGN_PK_LEN);
	device_block_make(
	    &mine->block, &me->sign, me->noise.pk, me->box.pk, me->box_counter);
	cert_sign(mine, &cast->others[who].sign);
	must(card_encode(b, &card, &cast->others[who].sign));
}

/* What a device says of itself, as one to be taken in, or as a contact. */
static void
keys_write(struct buf *b, enum who who, uint8_t purpose)
{
	buf_u8(b, purpose);
	if (purpose != TICKET_DEVICE) {
		card_write(b, who, purpose, false);
		return;
	}
	device_block_write(b, &cast->certs[who].block);
	buf_u8(b, 3);
	buf_str(b, "new");
}

static void
payload_write(
    struct buf *b, enum who who, enum session_pattern pattern, uint8_t how)
{
	struct proof proof = { .certs = { cast->certs[who] }, .len = 1 };
	struct cert cert = cast->certs[who];

	if (pattern == SESSION_XKPSK3) {
		keys_write(b, who, 1 + how % 2);
	} else if (pattern == SESSION_XK && how % 2 == 0) {
		proof_write(b, &proof);
	} else if (pattern == SESSION_XK) {
		buf_u8(b, 0);
		if (how % 4 == 1)
			cert_sign(&cert, &cast->roots[who]);
		cert_write(b, &cert);
		buf_u8(b, 3);
		buf_str(b, "new");
	}
}

static bool
ticket_fill(struct script *s, struct session_config *c, uint8_t how)
{
	static const uint8_t wrong[TICKET_PSK_LEN] = { 1 };
	bool right = (how & 16) == 0;

	c->ticket = s->keys[how / 8 % 2].id;
	c->psk = right ? s->keys[how / 8 % 2].psk : wrong;
	return right;
}

/* Bits of `how`: pattern 2, payload 1, which ticket or code, right or wrong. */
static void
step_come(struct script *s, struct guest *g)
{
	static const enum session_pattern patterns[] = { SESSION_XK,
		SESSION_XKPSK3, SESSION_XX, SESSION_XK };
	static const uint8_t ephemeral[DH_LEN] = { 48 };
	uint8_t how = rd_u8(&s->rd), who = rd_u8(&s->rd);
	struct session_config config = { .role = SESSION_INITIATOR,
		.pattern = patterns[how % 4],
		.ephemeral = ephemeral,
		.body_max = guest_max };
	BUF_SCOPED payload = { .max = HANDSHAKE_BYTES_MAX / 2 };
	BUF_SCOPED wire = { .max = WIRE_MAX };
	bool right = false;

	if (g->conn != 0)
		must(engine_closed(s->e, g->conn, cast->now));
	guest_end(g);
	g->conn = ++s->conn_last;
	g->who = (enum who)(who % WHO);
	must(engine_accepted(s->e, g->conn,
	    (who & 64) != 0 ? "192.0.2.7:4000" : "[2001:db8::7]:4000",
	    cast->now));
	if ((how & 128) != 0)
		return; /* bytes follow */
	config.noise = &cast->others[g->who].noise;
	if (config.pattern != SESSION_XX)
		config.remote = cast->identity.noise.pk;
	payload_write(&payload, g->who, config.pattern, how / 4);
	if (config.pattern == SESSION_XKPSK3)
		right = ticket_fill(s, &config, how);
	if (config.pattern == SESSION_XX) {
		g->code = s->code[how / 8 % 2];
		right = (how & 16) == 0;
		config.window = g->code.window;
		g->code.secret ^= right ? 0 : 1;
	} else {
		twist(s, &payload);
		config.payload = buf_bytes(&payload);
	}
	s->entitled |= right || g->who == OWN;
	if (session_new(&g->session, &config, &wire).code != LK_OK)
		return;
	say_wire(s, g, &wire);
	drain(s);
}

static void
step_hello(struct script *s, struct guest *g)
{
	uint8_t how = rd_u8(&s->rd);
	struct hello hello = { .min = PROTOCOL_VERSION,
		.max = PROTOCOL_VERSION,
		.message_max = MESSAGE_MAX,
		.port = 4000 };
	BUF_SCOPED b = { .max = MESSAGE_MAX };

	hello_encode(&b, &hello);
	if (how >= 128)
		twist(s, &b);
	say(s, g, MSG_HELLO, buf_bytes(&b));
}

/* Keys and the proof over them. */
static void
code_keys(struct script *s, struct guest *g)
{
	uint8_t sig[SIGN_LEN];
	BUF_SCOPED keys = { .max = 2 * CARD_MAX };

	if (g->dialled)
		card_write(&keys, g->who, 2, true);
	else
		keys_write(&keys, g->who,
		    cast == &casts[1] ? TICKET_DEVICE : TICKET_INVITE);
	twist(s, &keys);
	code_run_prove(
	    &g->run, sig, &cast->others[g->who].sign, buf_bytes(&keys));
	buf_mem(&keys, sig, sizeof(sig));
	say(s, g, g->dialled ? MSG_CODE_KEYS_BACK : MSG_CODE_KEYS,
	    buf_bytes(&keys));
}

static void
step_code(struct script *s, struct guest *g)
{
	uint8_t how = rd_u8(&s->rd);
	BUF_SCOPED b = { .max = MESSAGE_MAX };

	if (!g->runs)
		return;
	if (how % 4 == 3) {
		say(s, g, MSG_CODE_DONE, BYTES(NULL, 0));
		return;
	}
	if (g->run.state == RUN_AGREED && how % 4 == 2) {
		code_keys(s, g);
		return;
	}
	if (!g->dialled && g->run.state == RUN_SHARE)
		buf_mem(&b, g->run.cpace.share, CPACE_POINT_LEN);
	else
		buf_add(&b, buf_bytes(&g->said));
	twist(s, &b);
	say(s, g, g->reply != 0 ? g->reply : MSG_CODE_SHARE, buf_bytes(&b));
}

static void
step_card(struct script *s, struct guest *g)
{
	uint8_t how = rd_u8(&s->rd), serial = rd_u8(&s->rd);
	BUF_SCOPED b = { .max = MESSAGE_MAX };

	card_write(&b, (enum who)(how % WHO), serial, how >= 128);
	twist(s, &b);
	say(s, g, MSG_CARD, buf_bytes(&b));
}

static void
step_welcome(struct script *s, struct guest *g)
{
	uint8_t how = rd_u8(&s->rd), ladder[EPOCH_SECRET_LEN] = { how / 4 };
	struct welcome w = { .docid = { how / 4 }, .keys_len = 1 };
	BUF_SCOPED b = { .max = MESSAGE_MAX };

	epoch_derive(&w.keys[0], ladder);
	topic_derive(&w.topic, ladder);
	w.secret_implied = (how & 2) != 0;
	if (how >= 128 && cast->docno != 0) {
		w.secret_implied = false;
		must(docstate_topic(cast->r, cast->docno, &w.topic));
	}
	if (welcome_encode(&b, &w, cast->identity.sign.pk,
		(how & 1) != 0 ? &cast->others[g->who].sign : NULL)
		.code != LK_OK)
		return;
	twist(s, &b);
	say(s, g, MSG_WELCOME, buf_bytes(&b));
}

static void
step_beacon(struct script *s)
{
	struct beacon_source from = { .host = "192.0.2.7" };
	struct bytes in = rd_take(&s->rd, rd_u8(&s->rd));
	char at[ADDRESS_TEXT_MAX];

	engine_heard(s->e, in, &from, cast->now);
	(void)engine_window_heard(s->e, 7, 0, cast->now, at).code;
	drain(s);
}

static void
step_type(struct script *s)
{
	static const struct code code = { .window = 7, .secret = 77 };
	struct address at = { .port = 4 };
	struct ticket t = { .purpose = TICKET_INVITE, .secret = { 3 } };
	uint8_t how = rd_u8(&s->rd);
	enum code_purpose purpose = how % 2 == 0 ? CODE_CONTACT : CODE_DEVICE;
	char text[CODE_TEXT_LEN];
	uint64_t handle;
	BUF_SCOPED b = { .max = TICKET_TEXT_MAX + 1 };

	s->entitled = true;
	if (how % 4 < 2) {
		struct code_typed typed = { .purpose = purpose,
			.address = TYPED_AT };

		code_encode(text, &code, purpose);
		typed.text = BYTES_STR(text);
		(void)engine_code_type(s->e, &typed, cast->now, &handle).code;
		return;
	}
	if (how % 2 == 1)
		t.purpose = TICKET_DEVICE;
	must(endpoint_parse(&at, TYPED_AT));
	memcpy(t.noise_pk, cast->others[UNKNOWN].noise.pk, DH_LEN);
	t.addresses.at[t.addresses.len++] = at;
	must(ticket_encode(&b, &t));
	buf_u8(&b, 0);
	ticket_derive(&s->keys[1], t.secret);
	(void)engine_redeem(
	    s->e, (const char *)b.ptr, t.purpose, cast->now, &handle)
	    .code;
}

static void
code_show(struct script *s, size_t i)
{
	enum code_purpose purpose =
	    cast == &casts[1] ? CODE_DEVICE : CODE_CONTACT;
	char text[CODE_TEXT_LEN];
	struct mono until;

	if (engine_code_show(
		s->e, purpose, cast->now, text, &until, &s->shown[i])
		.code != LK_OK)
		return;
	must(code_decode(&s->code[i], BYTES_STR(text), purpose));
}

static void
step_ask(struct script *s)
{
	uint8_t how = rd_u8(&s->rd);
	struct code_status status;
	struct redeem_status redeemed;

	switch (how % 4) {
	case 0:
		(void)engine_code_shown(s->e, s->shown[how / 4 % 2], &status)
		    .code;
		break;
	case 1:
		engine_code_hide(s->e, s->shown[how / 4 % 2]);
		break;
	case 2:
		code_show(s, how / 4 % 2);
		break;
	default:
		(void)engine_redeemed(s->e, how / 4, &redeemed).code;
		engine_code_leave(s->e, how / 4);
	}
	drain(s);
}

static void
step_leave(struct script *s, struct guest *g)
{
	if (g->conn != 0)
		must(engine_closed(s->e, g->conn, cast->now));
	guest_end(g);
}

static void
tick(struct script *s, int64_t ms)
{
	cast->now.mono.ms += ms;
	cast->now.wall.ms += ms;
	must(engine_tick(s->e, cast->now));
	drain(s);
}

static void
script_step(struct script *s)
{
	uint8_t what = rd_u8(&s->rd), type;
	struct guest *g = &s->guests[what / 16 % GUESTS];
	BUF_SCOPED raw = { .max = 256 };

	switch ((enum step_kind)(what % 16 % STEP_KINDS)) {
	case STEP_COME:
		step_come(s, g);
		break;
	case STEP_BYTES:
		buf_add(&raw, rd_take(&s->rd, rd_u8(&s->rd)));
		say_wire(s, g, &raw);
		drain(s);
		break;
	case STEP_HELLO:
		step_hello(s, g);
		break;
	case STEP_MESSAGE:
		type = rd_u8(&s->rd);
		say(s, g, type, take_long(&s->rd));
		break;
	case STEP_CODE:
		step_code(s, g);
		break;
	case STEP_CARD:
		step_card(s, g);
		break;
	case STEP_WELCOME:
		step_welcome(s, g);
		break;
	case STEP_BEACON:
		step_beacon(s);
		break;
	case STEP_TYPE:
		step_type(s);
		break;
	case STEP_ASK:
		step_ask(s);
		break;
	case STEP_TIME:
		tick(s, (int64_t)rd_u16(&s->rd) * 16);
		break;
	case STEP_LEAVE:
		step_leave(s, g);
		break;
	case STEP_KINDS:
		break;
	}
}

static void
ticket_make(struct script *s, size_t i, enum ticket_purpose purpose)
{
	struct ticket_request request = {
		.purpose = purpose, .docno = cast->docno, .role = ROLE_WRITE
	};
	ARENA_SCOPED arena = { .max = 4096 };
	char text[TICKET_TEXT_MAX + 1];

	must(engine_ticket(s->e, &request, cast->now, text, sizeof(text)));
	must(ticket_decode(&s->tickets[i], &arena, BYTES_STR(text)));
	ticket_derive(&s->keys[i], s->tickets[i].secret);
}

static void
script_begin(struct script *s)
{
	struct engine_config config = { .listen_port = 1, .discovery = true };

	cast->now = (struct now){ { 1000 }, { INT64_C(1780000000000) } };
	cast->seeded.counter = 1000;
	cast_begin(cast);
	must(engine_new(&s->e, cast->r, &cast->identity, cast->random));
	must(engine_configure(s->e, &config));
	ticket_make(s, 0, TICKET_DEVICE);
	if (cast->docno != 0)
		ticket_make(s, 1, TICKET_INVITE);
	code_show(s, 0);
	tick(s, 0);
}

static void
script_end(struct script *s)
{
	tick(s, 1000);
	for (size_t i = 0; i < GUESTS; i++)
		guest_end(&s->guests[i]);
	engine_free(s->e);
	cast_end(cast);
	cast->identity = identities[cast - casts];
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = { .rd = rd_over(BYTES(data, size)) };
	size_t home, doc = 0;
	uint32_t docno;

	if (size < 2)
		return 0;
	if (casts[0].store == NULL) {
		message_body_max(guest_max);
		for (size_t i = 0; i < 2; i++) {
			cast_make(&casts[i], i == 0);
			identities[i] = casts[i].identity;
		}
	}
	cast = &casts[rd_u8(&s.rd) % 2];
	script_begin(&s);
	must(replica_home(cast->r, &docno));
	home = cast_members_len(cast, docno);
	if (cast->docno != 0)
		doc = cast_members_len(cast, cast->docno);
	for (int i = 0; i < STEPS_MAX && s.rd.left.len > 0 && !s.rd.failed; i++)
		script_step(&s);
	if (cast->docno != 0)
		cast_topic_check(cast);
	if (!s.entitled) {
		LK_ASSERT(cast_members_len(cast, docno) == home);
		LK_ASSERT(cast->docno == 0 ||
		    cast_members_len(cast, cast->docno) == doc);
	}
	script_end(&s);
	return 0;
}
