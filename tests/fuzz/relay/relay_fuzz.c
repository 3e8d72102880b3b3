/*
 * A script of what clients of a relay do, unknown ones and known ones, in any
 * order, against a real relay with a real store: it goes on, what it says is
 * bounded, nothing leaves but to who has shown that he may have it, and no
 * account has more than is counted, nor than it may.  Nothing is committed: the
 * next script begins where this one did.
 *
 * Steps: one byte, whose upper half says which client, and what it takes.
 */
#include "tests/fuzz/established.h"
#include "tests/fuzz/relay/relay_cast.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define GUESTS 4
#define STEPS_MAX 96
#define NUMBERS 4

enum step_kind {
	STEP_COME,       /* how, where from: a new connection, established */
	STEP_BYTES,      /* u8 length: as they are, a handshake or not */
	STEP_MESSAGE,    /* type, u16 length, body */
	STEP_CREDENTIAL, /* number, whose, topic, credential, how signed */
	STEP_LOGIN,      /* what, account, how signed */
	STEP_REGISTER,   /* topic, n credentials and scopes */
	STEP_SLOTS,      /* more or fewer, which */
	STEP_LEAVE,      /* PUT: number, topic, which, keys, size */
	STEP_ASK,        /* WANT, FP or an empty RANGE of a number */
	STEP_LETTER,     /* PUT, GET or DELETE, slot, size */
	STEP_ROUND,      /* u16 * 16 ms go by, and the tick */
	STEP_PENDING,    /* it does not read; or is gone */
	STEP_OPERATOR,   /* limits, removal or an invitation */
	STEP_FAILURE,    /* an account's database fails in its commit */
	STEP_KINDS
};

/* What a client has shown, at the most; whatever the relay made of it. */
enum { SHOWN_KEYS = 1, SHOWN_READ = 2, SHOWN_FULL = 4, SHOWN_ACCOUNT = 8 };

struct guest {
	uint64_t conn; /* 0: none */
	struct session *session;
	unsigned shown;
	struct item_state in[NUMBERS], out[NUMBERS];
};

struct script {
	struct rd rd;
	struct guest guests[GUESTS];
	uint64_t conn_last;
	/* Who speaks for an account said what credentials may do. */
	bool scopes_changed, limits_changed;
};

static struct cast cast;
static struct established open_pair;
static uint32_t target_max[SESSION_TYPES], guest_max[SESSION_TYPES];

static void
sessions_make(void)
{
	struct session_config target = { .noise = &cast.noise,
		.body_max = target_max,
		.pattern = SESSION_NK };
	struct session_config guest = { .body_max = guest_max,
		.pattern = SESSION_NK,
		.remote = cast.noise.pk };

	message_body_max(guest_max);
	relay_answer_max(guest_max);
	established_make(&open_pair, &target, &guest);
}

static void
guest_gone(struct guest *g)
{
	session_free(g->session);
	for (size_t i = 0; i < NUMBERS; i++) {
		item_state_clear(&g->in[i]);
		item_state_clear(&g->out[i]);
	}
	*g = (struct guest){ .conn = 0 };
}

static void
opened_check(struct guest *g, struct bytes body)
{
	struct relay_opened m;

	must(relay_opened_decode(&m, body));
	LK_ASSERT(m.scope == RELAY_REFUSED || g->shown != 0);
	if (m.number < NUMBERS) {
		item_state_clear(&g->in[m.number]);
		item_state_clear(&g->out[m.number]);
	}
}

/* Who has shown no more than a credential for keys gets nothing else. */
static void
batch_check(struct script *s, struct guest *g, struct bytes body)
{
	ARENA_SCOPED arena = { .max = 4 * MESSAGE_MAX };
	struct batch batch;

	must(batch_decode(&batch, body));
	LK_ASSERT(batch.topic < NUMBERS);
	while (batch.items.left.len > 0) {
		struct envelope env;
		struct bytes all;

		must(item_decode(&batch.items, &g->in[batch.topic],
		    cast.topics[0], &arena, &all));
		must(envelope_parse(&env, all));
		LK_ASSERT(env.key_section.len > 0 || s->scopes_changed ||
		    (g->shown & (SHOWN_READ | SHOWN_FULL)) != 0);
	}
}

static void
heard(struct script *s, struct guest *g, uint8_t type, struct bytes body)
{
	unsigned needs = 0;

	switch (type) {
	case MSG_RELAY_OPEN:
		opened_check(g, body);
		break;
	case MSG_BATCH:
		batch_check(s, g, body);
		needs = SHOWN_KEYS | SHOWN_READ | SHOWN_FULL;
		break;
	case MSG_FP:
		needs = SHOWN_KEYS | SHOWN_READ | SHOWN_FULL | SHOWN_ACCOUNT;
		break;
	case MSG_ACK:
	case MSG_RANGE:
		needs = SHOWN_READ | SHOWN_FULL;
		break;
	case MSG_WANT:
	case MSG_RELAY_STORED:
		needs = SHOWN_FULL;
		break;
	case MSG_RELAY_PURGE:
		needs = SHOWN_ACCOUNT;
		break;
	default:
		break;
	}
	/* A credential may have become one for more, in another topic. */
	LK_ASSERT(needs == 0 || (g->shown & needs) != 0 ||
	    (s->scopes_changed && g->shown != 0));
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
hears(struct script *s, struct guest *g, struct bytes in)
{
	struct session_event ev = { .type = SESSION_MESSAGE };
	BUF_SCOPED answer = { .max = 64 };

	if (g == NULL || g->session == NULL)
		return; /* it never came to a session */
	while (ev.type != SESSION_NOTHING) {
		must(session_step(g->session, &in, &answer, &ev));
		if (ev.type == SESSION_MESSAGE)
			heard(s, g, ev.message, ev.body);
	}
}

/* The relay's own work, and what it says. */
static void
settle(struct script *s)
{
	struct relay_output o;

	must(relay_tick(cast.relay));
	while (relay_take(cast.relay, &o)) {
		struct guest *g = guest_of(s, o.conn);

		if (o.what == RELAY_CLOSE) {
			relay_closed(cast.relay, o.conn);
			if (g != NULL)
				guest_gone(g);
			continue;
		}
		LK_ASSERT(o.bytes.len <= CLIENT_OUT_MAX);
		hears(s, g, buf_bytes(&o.bytes));
		buf_clear(&o.bytes);
		relay_pending(cast.relay, o.conn, 0);
	}
}

static void
tell(struct guest *g, struct bytes bytes)
{
	if (g->conn != 0)
		must(relay_bytes(cast.relay, g->conn, bytes));
}

static void
say(struct guest *g, enum message_type type, struct bytes body)
{
	BUF_SCOPED wire = { .max = WIRE_MAX };

	if (g->session != NULL &&
	    session_send(g->session, &wire, (uint8_t)type, body).code == LK_OK)
		tell(g, buf_bytes(&wire));
}

static struct client *
client_at(uint64_t conn)
{
	struct client *v;

	TAILQ_FOREACH (v, &cast.relay->clients, next)
		if (v->conn == conn)
			return v;
	return NULL;
}

static void
step_come(struct script *s, struct guest *g)
{
	static const char *const places[] = { "192.0.2.1:1", "192.0.2.2:1",
		"[2001:db8::1]:1", "nowhere" };
	struct hello hello = { .min = PROTOCOL_VERSION,
		.max = PROTOCOL_VERSION,
		.message_max = MESSAGE_MAX };
	uint8_t how = rd_u8(&s->rd);
	struct client *v;
	BUF_SCOPED b = { .max = 64 };

	/* The one before stays, and nobody listens to it. */
	guest_gone(g);
	g->conn = ++s->conn_last;
	must(relay_accepted(cast.relay, g->conn, places[how % 4]));
	v = client_at(g->conn);
	LK_ASSERT(v != NULL);
	if ((how & 4) != 0 || v->session == NULL)
		return; /* it begins with a handshake, or was not let in */
	session_free(v->session);
	v->session = session_copy(open_pair.target);
	v->session->body_max = v->body_max;
	v->state = CLIENT_HELLO;
	g->session = session_copy(open_pair.other);
	hello_encode(&b, &hello);
	if ((how & 8) == 0)
		say(g, MSG_HELLO, buf_bytes(&b));
}

/* As somebody speaks who holds a key, or who does not: then one bit is wrong.
 */
static void
say_signed(struct guest *g, enum message_type type, struct buf *b, bool good)
{
	if (b->failed || b->len == 0)
		return;
	if (!good)
		b->ptr[b->len - 1] ^= 1;
	say(g, type, buf_bytes(b));
}

static void
step_credential(struct script *s, struct guest *g)
{
	uint8_t number = rd_u8(&s->rd), what = rd_u8(&s->rd);
	size_t scope = what / 4 % SCOPES;
	bool good = (what & 128) == 0;
	struct relay_open m = { .number = number % NUMBERS,
		.account = cast.accounts[what % 2].pk,
		.topic = cast.topics[what / 2 % 2] };
	BUF_SCOPED b = { .max = 512 };

	if (g->session == NULL)
		return;
	if (good)
		g->shown |= scope == 0 ? SHOWN_FULL
		    : scope == 1       ? SHOWN_READ
				       : SHOWN_KEYS;
	relay_open_encode(
	    &b, &m, &cast.credentials[scope], session_hash(g->session));
	say_signed(g, MSG_RELAY_OPEN, &b, good);
}

static void
step_login(struct script *s, struct guest *g)
{
	uint8_t what = rd_u8(&s->rd), who = rd_u8(&s->rd) % (ACCOUNTS + 1);
	bool good = (what & 128) == 0;
	struct relay_register m = { .what = (enum relay_register_what)(
					RELAY_LOGIN + what % 3),
		.account = cast.accounts[who].pk,
		.key = cast.accounts[(who + what / 4) % 3].pk,
		.successor = cast.successors[(who + what / 16) % 3].pk,
		.invite = cast.invite };
	const struct sign_key *signer = m.what == RELAY_SUCCEED
	    ? &cast.successors[who]
	    : &cast.accounts[(who + ((what & 64) != 0)) % 3];
	BUF_SCOPED b = { .max = 512 };

	if (g->session == NULL)
		return;
	if (good)
		g->shown |= SHOWN_ACCOUNT;
	relay_register_encode(&b, &m, signer, session_hash(g->session));
	say_signed(g, MSG_RELAY_REGISTER, &b, good);
}

static void
step_register(struct script *s, struct guest *g)
{
	uint8_t list[SCOPES * RELAY_CREDENTIAL_LEN];
	uint8_t what = rd_u8(&s->rd);
	struct relay_register m = { .what = RELAY_CREDENTIALS,
		.topic =
		    (what & 2) != 0 ? cast.slots[0] : cast.topics[what % 2],
		.list = list };
	BUF_SCOPED b = { .max = 512 };

	for (size_t i = 0; i < SCOPES; i++) {
		uint8_t *at = list + m.len * RELAY_CREDENTIAL_LEN;

		if ((what >> (2 + i) & 1) == 0)
			continue;
		memcpy(at, cast.credentials[i].pk, SIGN_PK_LEN);
		at[SIGN_PK_LEN] = rd_u8(&s->rd) % 4;
		m.len++;
	}
	s->scopes_changed = true;
	relay_register_encode(&b, &m, NULL, NULL);
	say(g, MSG_RELAY_REGISTER, buf_bytes(&b));
}

static void
step_slots(struct script *s, struct guest *g)
{
	uint8_t what = rd_u8(&s->rd);
	struct relay_register m = { .what = (what & 1) != 0 ? RELAY_SLOTS
							    : RELAY_SLOTS_DROP,
		.list = cast.slots[what / 2 % SLOTS],
		.len = 1 };
	BUF_SCOPED b = { .max = 512 };

	relay_register_encode(&b, &m, NULL, NULL);
	say(g, MSG_RELAY_REGISTER, buf_bytes(&b));
}

static void
step_leave(struct script *s, struct guest *g)
{
	uint8_t what = rd_u8(&s->rd), n = rd_u8(&s->rd);
	uint32_t number = what % NUMBERS;
	struct envelope env;
	BUF_SCOPED raw = { .max = 4096 };
	BUF_SCOPED b = { .max = MESSAGE_MAX };

	batch_encode(&b, number, (what & 16) != 0);
	for (uint32_t i = 0; i <= what / 32u; i++) {
		buf_reset(&raw);
		envelope_noise(&raw, cast.topics[what / 4 % 2], n + i,
		    (what & 8) != 0, n % 13);
		must(envelope_parse(&env, buf_bytes(&raw)));
		must(item_encode(&b, &g->out[number], &env));
	}
	say(g, MSG_BATCH, buf_bytes(&b));
}

static void
ask_want(struct script *s, struct guest *g, uint32_t number)
{
	uint8_t n = rd_u8(&s->rd);
	struct want w = { .topic = number,
		.ids = cast.ids[n % 2][n / 2 % 2][n % LEFT],
		.len = 1 + (n / 16u) % (LEFT - n % LEFT) };
	BUF_SCOPED b = { .max = 1024 };

	want_encode(&b, &w);
	say(g, MSG_WANT, buf_bytes(&b));
}

static void
step_ask(struct script *s, struct guest *g)
{
	uint8_t what = rd_u8(&s->rd);
	uint32_t number = what % NUMBERS;
	BUF_SCOPED b = { .max = MESSAGE_MAX };

	if (what / 4 % 3 == 0) {
		ask_want(s, g, number);
	} else if (what / 4 % 3 == 1) {
		struct fp_range f = { .first = number,
			.last = number + what / 16u,
			.count = what };

		fp_range_encode(&b, &f);
		say(g, MSG_FP, buf_bytes(&b));
	} else {
		struct range_message m = { .topic = number };

		m.ranges = take_long(&s->rd);
		range_message_encode(&b, &m);
		say(g, MSG_RANGE, buf_bytes(&b));
	}
}

static void
step_letter(struct script *s, struct guest *g)
{
	static const uint8_t letter[MAILBOX_LETTER_MAX];
	uint8_t what = rd_u8(&s->rd);
	const uint8_t *slot = cast.slots[what / 4 % SLOTS];
	struct mailbox_put put = { .slot = slot,
		.letter = BYTES(letter, (size_t)1 << what / 16 % 14) };
	uint64_t numbers[2] = { what / 16u, what / 8u + 1 };
	BUF_SCOPED b = { .max = 2 * MAILBOX_LETTER_MAX };

	switch (what % 4) {
	case 0:
		mailbox_get_encode(&b, slot);
		say(g, MSG_MAILBOX_GET, buf_bytes(&b));
		break;
	case 1:
		mailbox_delete_encode(&b, slot, numbers, 1 + what / 128u);
		say(g, MSG_MAILBOX_DELETE, buf_bytes(&b));
		break;
	default:
		mailbox_put_encode(&b, &put);
		say(g, MSG_MAILBOX_PUT, buf_bytes(&b));
	}
}

static void
step_round(struct script *s)
{
	int64_t ms = (int64_t)rd_u16(&s->rd) * 16;

	settle(s);
	clients_part(cast.relay);
	cast.now.mono.ms += ms;
	cast.now.wall.ms += ms;
	relay_begin(cast.relay, cast.txn, cast.now);
	settle(s);
}

static void
step_pending(struct script *s, struct guest *g)
{
	uint8_t what = rd_u8(&s->rd);

	if (what >= 128) {
		relay_closed(cast.relay, g->conn);
		guest_gone(g);
	} else {
		relay_pending(cast.relay, g->conn, (size_t)1 << what % 25);
	}
}

static void
step_operator(struct script *s)
{
	uint8_t what = rd_u8(&s->rd);
	const uint8_t *id = cast.accounts[what / 4 % 3].pk;
	struct account_limits limits = { .bytes = (uint64_t)1 << what / 8,
		.envelopes = what,
		.puts = what };
	struct invitation i = { .expires = cast.now.wall, .limits = limits };
	lk_err err = LK_NONE;

	switch (what % 4) {
	case 0:
		err = relay_account_limit(cast.relay, id, &limits);
		s->limits_changed = true;
		break;
	case 1:
		err = relay_account_remove(cast.relay, id);
		break;
	case 2:
		i.expires.ms += what;
		err = relay_invite(cast.relay, &i);
		break;
	default:
		settle(s);
	}
	LK_ASSERT(err.code == LK_OK || err.code == LK_E_NOTFOUND);
}

static bool
heard_of(const struct client *v, const struct vault *vault)
{
	if (v->uses_len > CLIENT_USES_MAX)
		return true;
	for (size_t i = 0; i < v->uses_len; i++)
		if (v->uses[i] == vault)
			return true;
	return false;
}

/* As relay_save does it: of what was said with it nothing leaves. */
static void
step_failure(struct script *s)
{
	size_t which = rd_u8(&s->rd) % (ACCOUNTS + 1);
	struct client *v, *heard[GUESTS];
	struct vault *vault;
	size_t n = 0;

	must(relay_tick(cast.relay));
	TAILQ_FOREACH (vault, &cast.relay->vaults.open, next)
		if (which-- == 0)
			break;
	if (vault == NULL || vault->txn == NULL)
		return;
	TAILQ_FOREACH (v, &cast.relay->clients, next)
		if (n < GUESTS && heard_of(v, vault))
			heard[n++] = v;
	vault_fail(vault);
	clients_part(cast.relay);
	vaults_rest(&cast.relay->vaults);
	while (n-- > 0)
		LK_ASSERT(heard[n]->state == CLIENT_CLOSED &&
		    heard[n]->closing && heard[n]->out.len == 0);
	settle(s);
}

static void
script_step(struct script *s)
{
	uint8_t what = rd_u8(&s->rd), type;
	struct guest *g = &s->guests[what / 16 % GUESTS];

	switch ((enum step_kind)(what % 16 % STEP_KINDS)) {
	case STEP_COME:
		step_come(s, g);
		break;
	case STEP_BYTES:
		tell(g, rd_take(&s->rd, rd_u8(&s->rd)));
		break;
	case STEP_MESSAGE:
		type = rd_u8(&s->rd);
		/* It may know what a key may do, if it speaks for an account.
		 */
		s->scopes_changed |= (g->shown & SHOWN_ACCOUNT) != 0;
		say(g, (enum message_type)type, take_long(&s->rd));
		break;
	case STEP_CREDENTIAL:
		step_credential(s, g);
		break;
	case STEP_LOGIN:
		step_login(s, g);
		break;
	case STEP_REGISTER:
		step_register(s, g);
		break;
	case STEP_SLOTS:
		step_slots(s, g);
		break;
	case STEP_LEAVE:
		step_leave(s, g);
		break;
	case STEP_ASK:
		step_ask(s, g);
		break;
	case STEP_LETTER:
		step_letter(s, g);
		break;
	case STEP_ROUND:
		step_round(s);
		break;
	case STEP_PENDING:
		step_pending(s, g);
		break;
	case STEP_OPERATOR:
		step_operator(s);
		break;
	case STEP_FAILURE:
		step_failure(s);
		break;
	case STEP_KINDS:
		break;
	}
}

static uint64_t
cost(size_t len)
{
	return len + RELAY_ENVELOPE_COST;
}

static void
topic_count(struct vault *vault, uint32_t docno, struct vault_usage *u)
{
	struct log_entry entry = { .lsn = 0 };
	uint8_t tag[LK_TOPIC_LEN] = { 0 };
	struct bytes said;

	for (; log_next(vault->txn, docno, entry.lsn, &entry).code == LK_OK;
	     entry.lsn++, u->envelopes++)
		u->bytes += cost(entry.envelope.len);
	while (vault_ack_next(vault, docno, tag, &said).code == LK_OK) {
		u->bytes += cost(said.len);
		u->envelopes++;
		if (!bytes_next(tag, sizeof(tag)))
			break;
	}
}

static void
account_check(const struct script *s, const struct account *a)
{
	uint8_t other[LK_TOPIC_LEN];
	const uint8_t *topics[TOPICS + 1] = { cast.topics[0], cast.topics[1],
		other };
	struct vault_usage u = { 0 };
	struct vault *vault;

	memcpy(other, cast.slots[0], sizeof(other));
	must(vault_get(&cast.relay->vaults, a, &vault));
	for (size_t i = 0; i <= TOPICS; i++) {
		struct topic_record t;

		if (topic_get(relay_records(cast.relay), a->id, topics[i], &t)
			.code == LK_OK)
			topic_count(vault, t.docno, &u);
	}
	for (size_t i = 0; i < SLOTS; i++) {
		struct mailbox_letter l = { .number = 0 };

		for (; letter_next(vault, cast.slots[i], &l).code == LK_OK;
		     l.number++, u.envelopes++)
			u.bytes += cost(l.letter.len);
	}
	LK_ASSERT(u.bytes <= vault->usage.bytes);
	LK_ASSERT(u.envelopes <= vault->usage.envelopes);
	LK_ASSERT(s->limits_changed || u.bytes <= a->limits.bytes);
	LK_ASSERT(s->limits_changed || u.envelopes <= a->limits.envelopes);
}

static void
accounts_check(const struct script *s)
{
	for (size_t i = 0; i <= ACCOUNTS; i++) {
		struct vault *vault;
		struct account a;

		if (account_get(
			relay_records(cast.relay), cast.accounts[i].pk, &a)
			.code != LK_OK)
			continue;
		TAILQ_FOREACH (vault, &cast.relay->vaults.open, next)
			if (vault->number == a.number && vault->txn != NULL)
				break;
		if (vault != NULL)
			account_check(s, &a);
	}
}

static void
script_end(struct script *s)
{
	struct vault *vault;

	settle(s);
	accounts_check(s);
	for (size_t i = 0; i < GUESTS; i++)
		guest_gone(&s->guests[i]);
	relay_aborted(cast.relay);
	for (uint64_t conn = 1; conn <= s->conn_last; conn++)
		relay_closed(cast.relay, conn);
	txn_abort(cast.txn);
	/* What a vault had room for lately. */
	TAILQ_FOREACH (vault, &cast.relay->vaults.open, next)
		vault->filled = 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = { .rd = rd_over(BYTES(data, size)) };

	if (open_pair.target == NULL) {
		cast_make(&cast);
		sessions_make();
	}
	cast.now = (struct now){ { 1000000 }, { INT64_C(1780000000000) } };
	cast.seeded.counter = 1;
	cast_begin(&cast);
	for (int i = 0; i < STEPS_MAX && s.rd.left.len > 0 && !s.rd.failed; i++)
		script_step(&s);
	script_end(&s);
	return 0;
}
