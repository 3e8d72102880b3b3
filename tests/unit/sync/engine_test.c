#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include <cmocka.h>

#include "sync/engine.h"
#include "sync/home.h"
#include "sync/revoke.h"

#define DEVICES_MAX 4
#define WIRES_MAX 256
#define ROUNDS_MAX 200 /* of one device at one moment */
#define SECOND 1000
#define MINUTE 60000

/* Something that happens to a device: bytes, or the beginning (with the address
 * it comes from) or end of a connection. */
struct happening {
	STAILQ_ENTRY(happening) next;
	enum { ACCEPTED, DIALED, FAILED, BYTES_CAME, CLOSED } what;
	uint64_t conn;
	struct buf bytes;
};

/* A device on an ideal network: everything sent arrives at once. */
struct device {
	char dir[64];
	size_t number; /* reached at 10.0.0.number */
	struct identity identity;
	struct random_seeded seed;
	struct random random;
	struct store *store;
	struct txn *txn;
	struct replica *r;
	struct engine *e;
	STAILQ_HEAD(, happening) inbox;
	size_t rounds; /* at this moment */
	size_t sent;   /* bytes */
};

struct net {
	struct device devices[DEVICES_MAX];
	size_t len;
	int64_t now;
	struct {
		struct device *end[2];
		uint64_t conn[2];
	} wires[WIRES_MAX];
	size_t wires_len;
};

static void
ok(lk_err err)
{
	if (err.code != LK_OK)
		fail_msg("%s: %s", lk_strcode(err.code), err.what);
}

static struct now
net_now(const struct net *net)
{
	return (struct now){ .mono = { net->now },
		.wall = { 1800000000000 + net->now } };
}

static void
begin(struct net *net, struct device *d)
{
	ok(txn_begin(d->store, TXN_WRITE, &d->txn));
	replica_begin(d->r, d->txn, net_now(net));
}

static void
happen(struct device *d, int what, uint64_t conn, struct bytes bytes)
{
	struct happening *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	h->what = what;
	h->conn = conn;
	buf_init(&h->bytes, 64 << 20);
	buf_add(&h->bytes, bytes);
	STAILQ_INSERT_TAIL(&d->inbox, h, next);
}

static void
dial(struct net *net, struct device *d, const struct engine_output *out)
{
	size_t to = (size_t)(out->address[strlen("10.0.0.")] - '0');
	size_t w = net->wires_len++;
	char from[32] = { 0 };

	(void)snprintf(from, sizeof(from), "10.0.0.%zu:5000", d->number);
	assert_true(w < WIRES_MAX);
	net->wires[w].end[0] = d;
	net->wires[w].conn[0] = out->conn;
	net->wires[w].conn[1] = w + 1;
	net->wires[w].end[1] = to < net->len ? &net->devices[to] : NULL;
	happen(d, to < net->len ? DIALED : FAILED, out->conn, BYTES(NULL, 0));
	if (to < net->len)
		happen(net->wires[w].end[1], ACCEPTED, w + 1,
		    BYTES((const uint8_t *)from, sizeof(from)));
}

/* The other end of a connection is told. */
static void
tell(struct net *net, struct device *d, uint64_t conn, int what,
    struct bytes bytes)
{
	for (size_t w = 0; w < net->wires_len; w++)
		for (size_t i = 0; i < 2; i++)
			if (net->wires[w].end[i] == d &&
			    net->wires[w].conn[i] == conn &&
			    net->wires[w].end[1 - i] != NULL)
				happen(net->wires[w].end[1 - i], what,
				    net->wires[w].conn[1 - i], bytes);
}

static void
outputs(struct net *net, struct device *d)
{
	struct engine_output out;

	while (engine_take(d->e, &out)) {
		if (out.what == ENGINE_DIAL)
			dial(net, d, &out);
		if (out.what == ENGINE_SEND) {
			d->sent += out.bytes.len;
			tell(net, d, out.conn, BYTES_CAME,
			    buf_bytes(&out.bytes));
			buf_clear(&out.bytes);
			engine_pending(d->e, out.conn, 0);
		}
		if (out.what == ENGINE_CLOSE) {
			tell(net, d, out.conn, CLOSED, BYTES(NULL, 0));
			happen(d, CLOSED, out.conn, BYTES(NULL, 0));
		}
	}
}

/* Commits, lets the effects out, and passes on what is durable. */
static void
finish(struct net *net, struct device *d)
{
	const struct replica_event *events;
	size_t len;

	for (;;) {
		struct replica_event *copy;

		ok(engine_tick(d->e, net_now(net)));
		ok(txn_commit(d->txn));
		replica_committed(d->r, &events, &len);
		outputs(net, d);
		if (len == 0)
			return;
		copy = reallocarray(NULL, len, sizeof(*copy));
		assert_non_null(copy);
		memcpy(copy, events, len * sizeof(*copy));
		begin(net, d);
		ok(engine_events(d->e, copy, len, net_now(net)));
		free(copy);
	}
}

static void
take(struct net *net, struct device *d, struct happening *h)
{
	struct now now = net_now(net);
	const char *address, *why;
	uint64_t conn;

	if (h->what == ACCEPTED)
		ok(engine_accepted(
		    d->e, h->conn, (const char *)h->bytes.ptr, now));
	if (h->what == DIALED)
		ok(engine_dialed(d->e, h->conn, now));
	if (h->what == FAILED)
		ok(engine_closed(d->e, h->conn, now));
	if (h->what == BYTES_CAME)
		ok(engine_bytes(d->e, h->conn, buf_bytes(&h->bytes), now));
	if (h->what == CLOSED)
		ok(engine_closed(d->e, h->conn, now));
	while (engine_dropped(d->e, &conn, &address, &why))
		fail_msg("%s was dropped: %s", address, why);
}

static bool
is_due(const struct net *net, const struct device *d)
{
	return !STAILQ_EMPTY(&d->inbox) || engine_next(d->e).ms <= net->now;
}

static void
round_of(struct net *net, struct device *d)
{
	begin(net, d);
	while (!STAILQ_EMPTY(&d->inbox)) {
		struct happening *h = STAILQ_FIRST(&d->inbox);

		STAILQ_REMOVE_HEAD(&d->inbox, next);
		take(net, d, h);
		buf_clear(&h->bytes);
		free(h);
	}
	finish(net, d);
	if (++d->rounds > ROUNDS_MAX)
		fail_msg("device %zu is never done at %lld", d->number,
		    (long long)net->now);
}

static void
run(struct net *net, int64_t ms)
{
	int64_t end = net->now + ms;

	while (net->now <= end) {
		int64_t next = end + 1;
		bool any = false;

		for (size_t i = 0; i < net->len; i++) {
			struct device *d = &net->devices[i];

			if (is_due(net, d)) {
				round_of(net, d);
				any = true;
			}
			if (engine_next(d->e).ms < next)
				next = engine_next(d->e).ms;
		}
		if (any)
			continue;
		net->now = next;
		for (size_t i = 0; i < net->len; i++)
			net->devices[i].rounds = 0;
	}
}

static struct device *
device_add(struct net *net, const char *name)
{
	struct verifier verifier = { .run = verify_jobs_here };
	struct device *d = &net->devices[net->len];
	uint8_t entropy[16] = { (uint8_t)(net->len + 1) };
	char address[32];
	const char *addresses[1] = { address };
	struct engine_config config = {
		.listen_port = 1, .addresses = addresses, .addresses_len = 1
	};

	d->number = net->len++;
	STAILQ_INIT(&d->inbox);
	(void)snprintf(d->dir, sizeof(d->dir), "/tmp/lk-engine-XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	(void)snprintf(address, sizeof(address), "10.0.0.%zu:1", d->number);
	d->random = random_from_seed(&d->seed, 40 + d->number);
	ok(identity_create(&d->identity, &d->random, name));
	ok(store_open(&d->store, d->dir, (size_t)256 << 20));
	ok(replica_new(&d->r, &d->identity, d->random, verifier));
	begin(net, d);
	ok(home_create(d->r, &d->identity, entropy));
	ok(engine_new(&d->e, d->r, &d->identity, d->random));
	ok(engine_configure(d->e, &config));
	finish(net, d);
	return d;
}

static int
setup(void **state)
{
	struct net *net = calloc(1, sizeof(*net));

	assert_non_null(net);
	ok(crypto_start());
	net->now = 1000000;
	*state = net;
	return 0;
}

static int
teardown(void **state)
{
	struct net *net = *state;
	char command[128];

	for (size_t i = 0; i < net->len; i++) {
		struct device *d = &net->devices[i];

		engine_free(d->e);
		replica_free(d->r);
		store_close(d->store);
		identity_clear(&d->identity);
		(void)snprintf(command, sizeof(command), "rm -rf %s", d->dir);
		assert_int_equal(system(command), 0);
	}
	free(net);
	return 0;
}

/* What people do. */

static void
ticket(struct net *net, struct device *d, struct ticket_request want,
    char text[static TICKET_TEXT_MAX + 1])
{
	begin(net, d);
	ok(engine_ticket(d->e, &want, net_now(net), text, TICKET_TEXT_MAX + 1));
	finish(net, d);
}

static struct redeem_status
redeem(struct net *net, struct device *d, const char *text,
    enum ticket_purpose purpose)
{
	struct redeem_status status;
	uint64_t handle;

	begin(net, d);
	ok(engine_redeem(d->e, text, purpose, net_now(net), &handle));
	finish(net, d);
	run(net, 20 * SECOND);
	begin(net, d);
	ok(engine_redeemed(d->e, handle, &status));
	finish(net, d);
	return status;
}

static void
pair(struct net *net, struct device *issuer, struct device *joiner)
{
	struct ticket_request want = { .purpose = TICKET_DEVICE };
	char text[TICKET_TEXT_MAX + 1];

	ticket(net, issuer, want, text);
	assert_int_equal(
	    redeem(net, joiner, text, TICKET_DEVICE).state, REDEEM_DONE);
}

static void
invite(struct net *net, struct device *issuer, uint32_t docno,
    struct device *guest, char text[static TICKET_TEXT_MAX + 1])
{
	struct ticket_request want = {
		.purpose = TICKET_INVITE, .docno = docno, .role = ROLE_WRITE
	};

	ticket(net, issuer, want, text);
	assert_int_equal(
	    redeem(net, guest, text, TICKET_INVITE).state, REDEEM_DONE);
}

static lk_err
put_word(void *ctx, struct edit *e, struct doc *doc)
{
	struct value v = { .type = VALUE_STR,
		.bytes = BYTES_STR((const char *)ctx) };
	struct prop key = { .is_key = true, .key = BYTES_STR("word") };

	(void)doc;
	return edit_put(e, DOC_ROOT, key, &v);
}

static uint32_t
create(struct net *net, struct device *d, const char *name)
{
	uint32_t docno;

	begin(net, d);
	ok(replica_create(d->r, name, "map", NULL, NULL, &docno));
	finish(net, d);
	return docno;
}

static void
edit(struct net *net, struct device *d, uint32_t docno, char *word)
{
	uint8_t hash[LK_ID_LEN];
	bool changed;

	begin(net, d);
	ok(replica_edit(d->r, docno, put_word, word, NULL, &changed, hash));
	finish(net, d);
}

static void
throw_out(
    struct net *net, struct device *d, uint32_t docno, const struct device *who)
{
	struct revoke_report report;

	begin(net, d);
	ok(replica_revoke(d->r, docno,
	    &(struct revoke_order){ .key = who->identity.root_pk }, &report));
	finish(net, d);
}

static void
let_in(
    struct net *net, struct device *d, uint32_t docno, const struct device *who)
{
	ARENA_SCOPED arena = { .max = (size_t)1 << 20 };
	struct person person;

	begin(net, d);
	ok(home_person(d->r, who->identity.root_pk, &arena, &person));
	ok(replica_share(d->r, docno, &person, ROLE_WRITE));
	finish(net, d);
}

/* What can be seen. */

static void
look(struct net *net, struct device *d)
{
	ok(txn_begin(d->store, TXN_READ, &d->txn));
	replica_begin(d->r, d->txn, net_now(net));
}

static void
look_end(struct device *d)
{
	replica_aborted(d->r);
	txn_abort(d->txn);
}

/* The same document on another device; 0: it has it not. */
static uint32_t
there(struct net *net, struct device *d, uint32_t docno, struct device *other)
{
	struct doc_summary doc;
	uint32_t found = 0;

	look(net, d);
	ok(replica_doc(d->r, docno, &doc));
	look_end(d);
	look(net, other);
	if (replica_doc_by_id(other->r, doc.docid, &found).code != LK_OK)
		found = 0;
	look_end(other);
	return found;
}

static enum role
role_at(
    struct net *net, struct device *d, uint32_t docno, const struct device *who)
{
	struct graph *g;
	enum role role;

	look(net, d);
	ok(replica_graph(d->r, docno, &g));
	role = graph_role(g, who->identity.sign.pk);
	look_end(d);
	return role;
}

static void
assert_word(struct net *net, struct device *d, uint32_t docno, const char *word)
{
	struct prop key = { .is_key = true, .key = BYTES_STR("word") };
	struct item item;
	struct doc *doc;

	look(net, d);
	ok(replica_open_doc(d->r, docno, &doc));
	ok(doc_get(doc, DOC_ROOT, key, &item));
	assert_true(bytes_equal(item.value.bytes, BYTES_STR(word)));
	doc_free(doc);
	look_end(d);
}

static bool
is_connected(struct net *net, struct device *d, const struct device *other)
{
	struct peer_status s;
	bool connected = false;

	begin(net, d);
	for (size_t i = 0; engine_peer(d->e, i, &s).code == LK_OK; i++)
		if (memcmp(s.pk, other->identity.sign.pk, 32) == 0)
			connected = s.connected;
	finish(net, d);
	return connected;
}

/* Pings and fingerprints, no more: what two devices with nothing to do say in
 * ten minutes.  400 bytes a minute, were they compared once by each it would be
 * more. */
static void
assert_quiet(struct net *net)
{
	size_t before = 0, after = 0, links = net->len * (net->len - 1) / 2;

	run(net, 2 * (int64_t)MINUTE);
	for (size_t i = 0; i < net->len; i++)
		before += net->devices[i].sent;
	run(net, 10 * (int64_t)MINUTE);
	for (size_t i = 0; i < net->len; i++)
		after += net->devices[i].sent;
	assert_in_range(after - before, 1, 4000 * links);
}

static char one[] = "one", two[] = "two";

static void
devices_with_nothing_to_say_are_quiet(void **state)
{
	struct net *net = *state;
	struct device *laptop = device_add(net, "laptop");
	struct device *phone = device_add(net, "phone");
	uint32_t docno = create(net, laptop, "plan");

	pair(net, laptop, phone);
	assert_true(is_connected(net, laptop, phone));
	assert_int_not_equal(there(net, laptop, docno, phone), 0);
	assert_quiet(net);
}

static void
a_third_device_is_told_of_the_second(void **state)
{
	struct net *net = *state;
	struct device *laptop = device_add(net, "laptop");
	struct device *phone = device_add(net, "phone");
	struct device *tablet = device_add(net, "tablet");

	pair(net, laptop, phone);
	pair(net, laptop, tablet);
	run(net, MINUTE);
	assert_true(is_connected(net, phone, tablet));
	assert_true(is_connected(net, tablet, phone));
}

static void
a_device_that_pairs_again_keeps_its_home(void **state)
{
	struct net *net = *state;
	struct device *laptop = device_add(net, "laptop");
	struct device *phone = device_add(net, "phone");
	uint32_t before, after;

	pair(net, laptop, phone);
	look(net, phone);
	ok(replica_home(phone->r, &before));
	look_end(phone);
	pair(net, laptop, phone);
	look(net, phone);
	ok(replica_home(phone->r, &after));
	look_end(phone);
	assert_int_equal(before, after);
}

static void
a_used_ticket_does_not_bring_back_who_was_revoked(void **state)
{
	struct net *net = *state;
	struct device *laptop = device_add(net, "laptop");
	struct device *friend = device_add(net, "friend");
	uint32_t docno = create(net, laptop, "plan");
	char text[TICKET_TEXT_MAX + 1];

	invite(net, laptop, docno, friend, text);
	throw_out(net, laptop, docno, friend);
	run(net, MINUTE);
	assert_int_equal(
	    redeem(net, friend, text, TICKET_INVITE).state, REDEEM_REFUSED);
	assert_int_equal(role_at(net, laptop, docno, friend), ROLE_NONE);
}

static void
who_is_let_in_again_reads_what_was_written_meanwhile(void **state)
{
	struct net *net = *state;
	struct device *laptop = device_add(net, "laptop");
	struct device *friend = device_add(net, "friend");
	uint32_t docno = create(net, laptop, "plan"), his;
	char text[TICKET_TEXT_MAX + 1];

	invite(net, laptop, docno, friend, text);
	his = there(net, laptop, docno, friend);
	edit(net, laptop, docno, one);
	run(net, SECOND);
	throw_out(net, laptop, docno, friend);
	edit(net, laptop, docno, two);
	run(net, MINUTE);
	assert_int_equal(role_at(net, friend, his, friend), ROLE_NONE);
	assert_word(net, friend, his, one);
	let_in(net, laptop, docno, friend);
	run(net, MINUTE);
	assert_int_equal(role_at(net, friend, his, friend), ROLE_WRITE);
	assert_word(net, friend, his, two);
	assert_quiet(net);
}

static void
who_is_revoked_twice_hears_of_it_twice(void **state)
{
	struct net *net = *state;
	struct device *laptop = device_add(net, "laptop");
	struct device *friend = device_add(net, "friend");
	uint32_t docno = create(net, laptop, "plan"), his;
	char text[TICKET_TEXT_MAX + 1];

	invite(net, laptop, docno, friend, text);
	his = there(net, laptop, docno, friend);
	for (int i = 0; i < 2; i++) {
		throw_out(net, laptop, docno, friend);
		edit(net, laptop, docno, i == 0 ? one : two);
		run(net, MINUTE);
		assert_int_equal(role_at(net, friend, his, friend), ROLE_NONE);
		if (i == 0)
			let_in(net, laptop, docno, friend);
		run(net, MINUTE);
	}
	assert_word(net, friend, his, one);
	assert_quiet(net);
}

static void
who_left_is_not_brought_back_by_a_device_of_his_own(void **state)
{
	struct net *net = *state;
	struct device *laptop = device_add(net, "laptop");
	struct device *phone = device_add(net, "phone");
	struct device *friend = device_add(net, "friend");
	uint32_t docno, his;
	char text[TICKET_TEXT_MAX + 1];

	pair(net, laptop, phone);
	docno = create(net, friend, "plan");
	invite(net, friend, docno, laptop, text);
	run(net, MINUTE);
	his = there(net, friend, docno, phone);
	assert_int_not_equal(his, 0);
	begin(net, phone);
	ok(replica_leave(phone->r, his));
	finish(net, phone);
	run(net, 2 * (int64_t)MINUTE);
	assert_int_equal(role_at(net, friend, docno, phone), ROLE_NONE);
	assert_int_equal(role_at(net, friend, docno, laptop), ROLE_WRITE);
	assert_quiet(net);
}

static void
a_document_shared_with_an_old_card_reaches_the_new_device(void **state)
{
	struct net *net = *state;
	struct device *laptop = device_add(net, "laptop");
	struct device *phone = device_add(net, "phone");
	struct device *friend = device_add(net, "friend");
	uint32_t docno = create(net, friend, "plan");
	char text[TICKET_TEXT_MAX + 1];

	invite(net, friend, docno, laptop, text);
	pair(net, laptop, phone);
	docno = create(net, friend, "notes");
	let_in(net, friend, docno, laptop);
	edit(net, friend, docno, one);
	run(net, MINUTE);
	assert_int_equal(role_at(net, friend, docno, phone), ROLE_WRITE);
	assert_word(net, phone, there(net, friend, docno, phone), one);
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(devices_with_nothing_to_say_are_quiet),
		TEST(a_third_device_is_told_of_the_second),
		TEST(a_device_that_pairs_again_keeps_its_home),
		TEST(a_used_ticket_does_not_bring_back_who_was_revoked),
		TEST(who_is_let_in_again_reads_what_was_written_meanwhile),
		TEST(who_is_revoked_twice_hears_of_it_twice),
		TEST(who_left_is_not_brought_back_by_a_device_of_his_own),
		TEST(a_document_shared_with_an_old_card_reaches_the_new_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
