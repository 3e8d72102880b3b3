/* Two devices of one person that never meet, and a relay between them. */
#include "tests/unit/sync/forgetting.h"
#include "tests/unit/sync/pair.h"

#include "relay/relay_state.h"
#include "sync/relay_client.h"
#include "tests/unit/relay/guest.h"

#define RELAY_AT "relay.example:1"

struct stay {
	struct host *host;
	bool online;
	uint64_t conn, visit; /* the engine's; the relay's */
};

struct scene {
	struct wires w;
	struct house house;
	struct host laptop, phone;
	struct stay stays[2];
	uint32_t in_laptop, in_phone;
	uint64_t visits;
	bool ends;     /* a session may end by itself */
	unsigned lose; /* what is said so often from now on, and its session */
};

static struct stay *
stay_of(struct scene *s, uint64_t visit)
{
	for (size_t i = 0; i < 2; i++)
		if (s->stays[i].visit == visit && visit != 0)
			return &s->stays[i];
	return NULL;
}

/* Ends a round of the relay and carries what it says. */
static void
relay_round(struct scene *s)
{
	struct house *h = &s->house;
	struct relay_output out;

	ok(relay_tick(h->relay));
	relay_save(h->relay);
	ok(txn_commit(h->txn));
	relay_committed(h->relay);
	while (relay_take(h->relay, &out)) {
		struct stay *at = stay_of(s, out.conn);

		assert_int_equal(out.what, RELAY_SEND);
		relay_pending(h->relay, out.conn, 0);
		assert_non_null(at);
		device_begin(&at->host->d);
		ok(engine_bytes(at->host->e, at->conn, buf_bytes(&out.bytes),
		    at->host->d.now));
		host_commit(at->host);
		buf_clear(&out.bytes);
	}
}

static void
stay_dial(struct scene *s, struct stay *at, const struct engine_output *out)
{
	bool there = at->online && strcmp(out->address, RELAY_AT) == 0;

	device_begin(&at->host->d);
	if (there)
		ok(engine_dialed(at->host->e, out->conn, at->host->d.now));
	else
		ok(engine_closed(at->host->e, out->conn, at->host->d.now));
	host_commit(at->host);
	if (!there)
		return;
	at->conn = out->conn;
	at->visit = ++s->visits;
	house_begin(&s->house);
	ok(relay_accepted(s->house.relay, at->visit, "192.0.2.1:1"));
	relay_round(s);
}

/* Neither side hears of the other any more. */
static void
stay_cut(struct scene *s, struct stay *at)
{
	device_begin(&at->host->d);
	ok(engine_closed(at->host->e, at->conn, at->host->d.now));
	host_commit(at->host);
	relay_closed(s->house.relay, at->visit);
	at->visit = 0;
}

static bool
stay_speaks(struct scene *s, struct stay *at)
{
	struct engine_output out;
	bool moved = false;

	for (; engine_take(at->host->e, &out); moved = true) {
		if (out.what == ENGINE_DIAL) {
			stay_dial(s, at, &out);
			continue;
		}
		if (out.what == ENGINE_CLOSE && s->ends) {
			relay_closed(s->house.relay, at->visit);
			at->visit = 0;
			continue;
		}
		assert_int_equal(out.what, ENGINE_SEND);
		if (s->lose > 0 && --s->lose == 0) {
			buf_clear(&out.bytes);
			stay_cut(s, at);
			continue;
		}
		house_begin(&s->house);
		ok(relay_bytes(
		    s->house.relay, at->visit, buf_bytes(&out.bytes)));
		relay_round(s);
		device_begin(&at->host->d);
		engine_pending(at->host->e, out.conn, 0);
		host_commit(at->host);
		buf_clear(&out.bytes);
	}
	return moved;
}

/* Those who are online, and the relay, for some time. */
static void
scene_run(struct scene *s, int64_t ms)
{
	for (int64_t end = s->w.ms + ms; s->w.ms < end; s->w.ms += 100) {
		s->house.now.mono.ms = s->w.ms;
		s->house.now.wall.ms = START_MS + s->w.ms;
		house_begin(&s->house);
		relay_round(s);
		for (size_t i = 0; i < 2; i++) {
			struct host *h = s->stays[i].host;

			if (!s->stays[i].online)
				continue;
			h->d.now = s->house.now;
			host_tick(h);
			while (stay_speaks(s, &s->stays[i]))
				;
		}
	}
}

/* Who comes begins anew, and whoever else was there has gone. */
static void
only(struct scene *s, struct host *h)
{
	for (size_t i = 0; i < 2; i++) {
		struct stay *at = &s->stays[i];

		if (at->online && at->host != h) {
			at->online = false;
			stay_cut(s, at);
		}
		at->online |= at->host == h;
	}
	/* Longer than it waits after a connection that was lost. */
	scene_run(s, 40000);
}

static void
relay_add(struct scene *s, struct host *h, const char *query)
{
	char key[2 * DH_LEN + 1], url[REMOTE_URL_MAX + 1];
	struct remote_config config = {
		.number = 1, .kind = REMOTE_RELAY, .name = "relay", .url = url
	};

	hex_encode(key, BYTES_OF(s->house.noise.pk));
	(void)snprintf(
	    url, sizeof(url), "relay://%s@%s?%s", key, RELAY_AT, query);
	device_begin(&h->d);
	ok(engine_remotes_configure(h->e, &config, 1, h->d.now));
	host_commit(h);
}

static void
invited(struct scene *s, struct host *h)
{
	char hex[2 * RELAY_INVITE_LEN + 1], query[128];
	struct invitation i;

	invite_draw(&s->house, &i, 1u << 20);
	hex_encode(hex, BYTES_OF(i.token));
	(void)snprintf(query, sizeof(query), "invite=%s", hex);
	relay_add(s, h, query);
	only(s, h);
}

static void
account_make(struct scene *s)
{
	char hex[2 * SIGN_PK_LEN + 1], query[128];
	struct relay_account a = { .sessions = 0 };

	invited(s, &s->laptop);
	house_begin(&s->house);
	ok(relay_account(s->house.relay, &a));
	relay_round(s);
	hex_encode(hex, BYTES_OF(a.account.id));
	(void)snprintf(query, sizeof(query), "account=%s", hex);
	relay_add(s, &s->phone, query);
}

static void
scene_hosts(struct scene *s)
{
	house_open(&s->house, 9);
	s->house.now.wall.ms = START_MS;
	host_make(&s->w, &s->laptop, 1, "laptop");
	host_make(&s->w, &s->phone, 2, "phone");
	s->stays[0].host = &s->laptop;
	s->stays[1].host = &s->phone;
	s->in_laptop = document(&s->laptop.d, "plan");
}

static void
scene_make(struct scene *s, unsigned lose)
{
	uint8_t docid[LK_ID_LEN];
	struct doc_summary sum;

	memset(s, 0, sizeof(*s));
	s->lose = lose;
	scene_hosts(s);
	pair(&s->w, &s->laptop, &s->phone);
	wires_run(&s->w, 30000);
	wires_cut(&s->w);
	device_begin(&s->laptop.d);
	ok(replica_doc(s->laptop.d.r, s->in_laptop, &sum));
	memcpy(docid, sum.docid, sizeof(docid));
	device_commit(&s->laptop.d);
	device_begin(&s->phone.d);
	ok(replica_doc_by_id(s->phone.d.r, docid, &s->in_phone));
	device_commit(&s->phone.d);
	account_make(s);
}

static void
scene_clear(struct scene *s)
{
	host_remove(&s->laptop);
	host_remove(&s->phone);
	house_close(&s->house);
}

/* How one sees the other. */
static enum sync_state
seen(struct host *h, uint32_t docno)
{
	struct sync_status s;

	device_begin(&h->d);
	ok(engine_sync_status(h->e, docno, 0, &s));
	device_commit(&h->d);
	return s.state;
}

static void
devices_that_never_meet_know_what_the_other_has(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	(void)state;
	assert_non_null(s);
	scene_make(s, 0);
	host_edit(&s->laptop, s->in_laptop, "title", "new");
	scene_run(s, 3000);
	assert_int_equal(seen(&s->laptop, s->in_laptop), SYNC_PENDING);
	only(s, &s->phone);
	assert_int_equal(seen(&s->phone, s->in_phone), SYNC_DONE);
	assert_int_equal(seen(&s->laptop, s->in_laptop), SYNC_PENDING);
	only(s, &s->laptop);
	assert_int_equal(seen(&s->laptop, s->in_laptop), SYNC_DONE);
	/* Both there: at once. */
	s->stays[1].online = true;
	scene_run(s, 40000);
	host_edit(&s->laptop, s->in_laptop, "title", "newer");
	assert_int_equal(seen(&s->laptop, s->in_laptop), SYNC_PENDING);
	scene_run(s, 1000);
	assert_int_equal(seen(&s->laptop, s->in_laptop), SYNC_DONE);
	scene_clear(s);
	free(s);
}

static void
who_forgets_a_document_says_so_there(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct doc_summary sum;

	(void)state;
	assert_non_null(s);
	scene_make(s, 0);
	s->ends = true;
	only(s, &s->phone);
	host_edit(&s->phone, s->in_phone, "from", "phone");
	only(s, &s->phone);
	only(s, &s->laptop);
	assert_int_equal(seen(&s->laptop, s->in_laptop), SYNC_DONE);
	s->in_phone = host_forget(&s->phone, s->in_phone);
	only(s, &s->phone);
	only(s, &s->laptop);
	assert_int_equal(seen(&s->laptop, s->in_laptop), SYNC_FORGOTTEN);
	host_edit(&s->laptop, s->in_laptop, "title", "new");
	only(s, &s->laptop);
	only(s, &s->phone);
	device_begin(&s->phone.d);
	ok(replica_doc(s->phone.d.r, s->in_phone, &sum));
	device_commit(&s->phone.d);
	assert_int_equal(sum.envelopes, 0);
	host_recall(&s->phone, s->in_phone);
	only(s, &s->phone);
	assert_true(shows(&s->phone.d, s->in_phone, "from"));
	host_edit(&s->phone, s->in_phone, "more", "phone");
	only(s, &s->phone);
	only(s, &s->laptop);
	assert_true(shows(&s->laptop.d, s->in_laptop, "more"));
	assert_int_equal(seen(&s->laptop, s->in_laptop), SYNC_DONE);
	scene_clear(s);
	free(s);
}

/* What the laptop has comes before it is known who that is. */
static void
what_cannot_be_opened_yet_waits(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct setting title = { "title", "new" };
	struct doc_summary sum;
	uint32_t here, there;

	(void)state;
	assert_non_null(s);
	scene_make(s, 0);
	only(s, &s->phone);
	only(s, &s->laptop);
	device_begin(&s->laptop.d);
	ok(replica_create(
	    s->laptop.d.r, "list", "map", setting_fill, &title, &here));
	ok(replica_doc(s->laptop.d.r, here, &sum));
	host_commit(&s->laptop);
	scene_run(s, 3000);
	only(s, &s->phone);
	device_begin(&s->phone.d);
	ok(replica_doc_by_id(s->phone.d.r, sum.docid, &there));
	device_commit(&s->phone.d);
	assert_int_equal(seen(&s->phone, there), SYNC_DONE);
	only(s, &s->laptop);
	assert_int_equal(seen(&s->laptop, here), SYNC_DONE);
	scene_clear(s);
	free(s);
}

/* The relay, or a member, puts something else in every acknowledgement's
 * place. */
static void
acks_spoil(struct scene *s)
{
	struct relay_account a = { .sessions = 0 };
	struct vault *vault;

	house_begin(&s->house);
	ok(relay_account(s->house.relay, &a));
	ok(vault_get(&s->house.relay->vaults, &a.account, &vault));
	for (uint32_t docno = 1; docno <= a.account.docno; docno++) {
		uint8_t tag[LK_TOPIC_LEN] = { 0 };
		struct bytes said;

		while (vault_ack_next(vault, docno, tag, &said).code == LK_OK) {
			BUF_SCOPED other = { .max = RELAY_ACK_MAX };

			buf_add(&other, said);
			other.ptr[other.len - 1] ^= 1;
			ok(vault_ack_put(vault, docno, tag, buf_bytes(&other)));
			if (!bytes_next(tag, sizeof(tag)))
				break;
		}
	}
	relay_round(s);
}

static void
what_is_put_in_anothers_name_counts_for_nothing_and_is_said_again(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	(void)state;
	assert_non_null(s);
	scene_make(s, 0);
	host_edit(&s->laptop, s->in_laptop, "title", "new");
	scene_run(s, 3000);
	only(s, &s->phone);
	only(s, NULL);
	acks_spoil(s);
	only(s, &s->laptop);
	assert_int_equal(seen(&s->laptop, s->in_laptop), SYNC_PENDING);
	only(s, &s->phone);
	only(s, &s->laptop);
	assert_int_equal(seen(&s->laptop, s->in_laptop), SYNC_DONE);
	scene_clear(s);
	free(s);
}

static void
an_account_is_made_though_the_first_words_got_lost(void **state)
{
	(void)state;
	/* The handshake, HELLO, what asks for it, and what comes after. */
	for (unsigned lost = 1; lost <= 6; lost++) {
		struct scene *s = calloc(1, sizeof(*s));

		assert_non_null(s);
		scene_make(s, lost);
		assert_int_equal(s->lose, 0);
		host_edit(&s->laptop, s->in_laptop, "title", "new");
		scene_run(s, 3000);
		only(s, &s->phone);
		assert_int_equal(seen(&s->phone, s->in_phone), SYNC_DONE);
		scene_clear(s);
		free(s);
	}
}

static void
who_becomes_anothers_device_leaves_what_he_was(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct remote_status status;

	(void)state;
	assert_non_null(s);
	scene_hosts(s);
	invited(s, &s->phone);
	s->ends = true;
	pair(&s->w, &s->laptop, &s->phone);
	relay_closed(s->house.relay, s->stays[1].visit);
	s->stays[1].visit = 0;
	scene_run(s, 40000);
	device_begin(&s->phone.d);
	ok(engine_remote(s->phone.e, 0, &status));
	device_commit(&s->phone.d);
	assert_int_equal(status.err.code, LK_E_DENIED);
	scene_clear(s);
	free(s);
}

/* As the relay of somebody hostile may, who is named in a ticket. */
static void
the_relay_says_without_end(
    struct scene *s, enum message_type type, struct bytes body)
{
	struct relay_client *c = TAILQ_FIRST(&s->laptop.e->relay_clients);
	struct client *v = TAILQ_FIRST(&s->house.relay->clients);

	assert_int_equal(c->state, RELAY_CLIENT_OPEN);
	c->work.left = 0;
	c->work.at = s->laptop.d.now.mono;
	for (int n = 0; n < 2 + 100 * RELAY_WORK_SECOND / 1000; n++)
		client_send(s->house.relay, v, type, body);
	scene_run(s, 60000);
	assert_int_equal(c->state, RELAY_CLIENT_IDLE);
	scene_run(s, 500000);
	assert_int_equal(c->state, RELAY_CLIENT_OPEN);
}

static void
a_relay_that_asks_without_end_is_left_alone_for_minutes(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct fp_range f = { .first = 0, .last = 0 };
	struct relay_opened refused = { .scope = RELAY_REFUSED };
	BUF_SCOPED b = { .max = 64 };

	(void)state;
	assert_non_null(s);
	scene_make(s, 0);
	only(s, &s->laptop);
	s->ends = true;
	fp_range_encode(&b, &f);
	the_relay_says_without_end(s, MSG_FP, buf_bytes(&b));
	buf_reset(&b);
	relay_opened_encode(&b, &refused);
	the_relay_says_without_end(s, MSG_RELAY_OPEN, buf_bytes(&b));
	scene_clear(s);
	free(s);
}

static void
an_answer_that_nobody_asked_for_ends_the_session(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct relay_registered m = { RELAY_LOGIN, RELAY_DONE };
	struct relay_client *c;
	BUF_SCOPED b = { .max = 64 };

	(void)state;
	assert_non_null(s);
	scene_make(s, 0);
	only(s, &s->laptop);
	s->ends = true;
	c = TAILQ_FIRST(&s->laptop.e->relay_clients);
	assert_int_equal(c->state, RELAY_CLIENT_OPEN);
	relay_registered_encode(&b, &m);
	client_send(s->house.relay, TAILQ_FIRST(&s->house.relay->clients),
	    MSG_RELAY_REGISTER, buf_bytes(&b));
	scene_run(s, 1000);
	assert_int_equal(c->state, RELAY_CLIENT_IDLE);
	scene_clear(s);
	free(s);
}

static bool
is_loaded(const struct host *h, uint32_t docno)
{
	const struct docstate *ds;

	TAILQ_FOREACH (ds, &h->d.r->states, link)
		if (ds->docno == docno)
			return true;
	return false;
}

/* Of ten thousand documents each would be read twice a minute. */
static void
documents_into_which_all_have_come_are_not_read_each_round(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct docstate *ds;

	(void)state;
	assert_non_null(s);
	scene_make(s, 0);
	only(s, &s->laptop);
	device_begin(&s->laptop.d);
	ok(docstate_get(s->laptop.d.r, s->in_laptop, &ds));
	docstate_free(s->laptop.d.r, ds);
	device_commit(&s->laptop.d);
	scene_run(s, 65000);
	assert_false(is_loaded(&s->laptop, s->in_laptop));
	scene_clear(s);
	free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    who_becomes_anothers_device_leaves_what_he_was),
		cmocka_unit_test(
		    an_account_is_made_though_the_first_words_got_lost),
		cmocka_unit_test(
		    devices_that_never_meet_know_what_the_other_has),
		cmocka_unit_test(who_forgets_a_document_says_so_there),
		cmocka_unit_test(what_cannot_be_opened_yet_waits),
		cmocka_unit_test(
		    what_is_put_in_anothers_name_counts_for_nothing_and_is_said_again),
		cmocka_unit_test(
		    a_relay_that_asks_without_end_is_left_alone_for_minutes),
		cmocka_unit_test(
		    an_answer_that_nobody_asked_for_ends_the_session),
		cmocka_unit_test(
		    documents_into_which_all_have_come_are_not_read_each_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
