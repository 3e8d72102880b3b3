#include "sync/envelope.h"
#include "sync/fanout.h"
#include "sync/home_doc.h"
#include "tests/unit/sync/forge.h"
#include "tests/unit/sync/wired.h"

struct pair {
	struct wires w;
	struct host a, b;
	uint32_t in_a, in_b;
	char ticket[TICKET_TEXT_MAX + 1];
};

static const uint8_t *
pk(const struct host *h)
{
	return h->d.identity.sign.pk;
}

/* b is invited to a document of a, with a ticket for two. */
static void
pair_make(struct pair *p)
{
	memset(p, 0, sizeof(*p));
	host_make(&p->w, &p->a, 1, "ann");
	host_make(&p->w, &p->b, 2, "bob");
	p->in_a = document(&p->a.d, "plan");
	ticket_make(&p->a, p->in_a, ROLE_WRITE, 2, p->ticket);
	p->in_b = redeemed(&p->b, redeem(&p->w, &p->b, p->ticket));
	assert_int_not_equal(p->in_b, 0);
	assert_int_equal(role_of(&p->b.d, p->in_b, pk(&p->b)), ROLE_WRITE);
}

static void
pair_clear(struct pair *p)
{
	host_remove(&p->a);
	host_remove(&p->b);
}

static void
a_removed_person_cannot_use_his_ticket_again(void **state)
{
	struct pair p;

	(void)state;
	pair_make(&p);
	host_evict(&p.a, p.in_a, p.b.d.identity.root_pk);
	wires_run(&p.w, 2000);
	(void)redeem(&p.w, &p.b, p.ticket);
	assert_int_equal(role_of(&p.a.d, p.in_a, pk(&p.b)), ROLE_NONE);
	assert_int_equal(
	    role_of(&p.a.d, p.in_a, p.b.d.identity.root_pk), ROLE_NONE);
	/* A ticket made since is another word. */
	ticket_make(&p.a, p.in_a, ROLE_READ, 1, p.ticket);
	(void)redeem(&p.w, &p.b, p.ticket);
	assert_int_equal(role_of(&p.a.d, p.in_a, pk(&p.b)), ROLE_READ);
	pair_clear(&p);
}

static void
who_has_his_place_uses_his_ticket_twice(void **state)
{
	struct pair p;
	struct doc_summary before, after;

	(void)state;
	pair_make(&p);
	device_begin(&p.a.d);
	ok(replica_doc(p.a.d.r, p.in_a, &before));
	device_commit(&p.a.d);
	assert_int_equal(redeemed(&p.b, redeem(&p.w, &p.b, p.ticket)), p.in_b);
	device_begin(&p.a.d);
	ok(replica_doc(p.a.d.r, p.in_a, &after));
	device_commit(&p.a.d);
	assert_int_equal(before.envelopes, after.envelopes);
	pair_clear(&p);
}

static void
fan_out(struct host *h)
{
	device_begin(&h->d);
	ok(fanout_start(h->e, 0));
	host_commit(h);
	h->d.now.mono.ms++;
	host_tick(h);
}

/* A device thrown out of a document stays out, though its person's others add
 * what is theirs in the background. */
static void
a_revoked_device_of_ones_own_is_not_enrolled_again(void **state)
{
	struct wires w = { .len = 0 };
	struct host a, phone;
	struct device_block block;
	struct cert cert;
	uint32_t docno;

	(void)state;
	host_make(&w, &a, 1, "laptop");
	host_make(&w, &phone, 2, "phone");
	docno = document(&a.d, "plan");
	device_block_make(&block, &phone.d.identity.sign,
	    phone.d.identity.noise.pk, phone.d.identity.box.pk, 0);
	device_begin(&a.d);
	ok(person_certify(a.d.r, &block, &cert));
	ok(person_add_device(a.d.r, &cert, "phone"));
	host_commit(&a);
	fan_out(&a);
	assert_int_equal(role_of(&a.d, docno, pk(&phone)), ROLE_ADMIN);
	host_evict(&a, docno, pk(&phone));
	fan_out(&a);
	assert_int_equal(role_of(&a.d, docno, pk(&phone)), ROLE_NONE);
	host_remove(&a);
	host_remove(&phone);
}

static struct link *
link_between(struct host *h, const struct host *to)
{
	struct link *l = link_of(h->e, pk(to));

	assert_non_null(l);
	return l;
}

/* Of a document, opened or not. */
static size_t
envelopes(struct device *d, uint32_t docno)
{
	struct doc_summary s;

	device_begin(d);
	ok(replica_doc(d->r, docno, &s));
	device_commit(d);
	return (size_t)(s.envelopes + s.waiting);
}

/* Somebody who reads slowly has a stream that does not end; his removal ends
 * it. */
static void
a_stream_ends_with_the_right_to_it(void **state)
{
	static char big[200 * 1024];
	struct pair p;
	size_t had;

	(void)state;
	pair_make(&p);
	wires_cut(&p.w);
	p.a.slow = true;
	for (size_t i = 0; i < 8; i++) {
		for (size_t k = 0; k + 1 < sizeof(big); k++)
			big[k] = (char)('a' + random_below(&p.a.d.random, 26));
		host_edit(&p.a, p.in_a, "big", big);
	}
	wires_run(&p.w, 3000);
	had = envelopes(&p.b.d, p.in_b);
	assert_true(had < envelopes(&p.a.d, p.in_a));
	host_evict(&p.a, p.in_a, p.b.d.identity.root_pk);
	host_edit(&p.a, p.in_a, "secret", "not for bob");
	p.a.slow = false;
	wires_run(&p.w, 60000);
	assert_int_equal(role_of(&p.b.d, p.in_b, pk(&p.b)), ROLE_NONE);
	/* The revocation and its past, not what came after. */
	assert_int_equal(
	    envelopes(&p.b.d, p.in_b), envelopes(&p.a.d, p.in_a) - 1);
	pair_clear(&p);
}

/* What cannot be opened is asked for once, not for ever. */
static void
a_key_that_lacks_is_no_reason_to_ask_without_end(void **state)
{
	struct pair p;
	struct device m;
	struct dh_key kept;

	(void)state;
	pair_make(&p);
	device_make(&m, 9, "mal");
	ok(share_try(&p.a.d, p.in_a, &m, ROLE_READ));
	wires_run(&p.w, 40000);
	kept = p.b.d.identity.box;
	random_fill(&p.b.d.random, p.b.d.identity.box.sk, sizeof(kept.sk));
	evict(&p.a.d, p.in_a, m.identity.root_pk, ROLE_NONE);
	host_edit(&p.a, p.in_a, "next", "under a new key");
	p.w.carried = 0;
	wires_run(&p.w, 20000);
	assert_true(p.w.carried < 200);
	device_remove(&m);
	pair_clear(&p);
}

static size_t
documents(struct device *d)
{
	uint32_t docno = 0;
	size_t n = 0;

	device_begin(d);
	while (replica_doc_next(d->r, docno, &docno).code == LK_OK)
		n++;
	device_commit(d);
	return n;
}

/* c knows where a is, and makes him a member of what he never asked for. */
static void
push(struct wires *w, struct host *c, struct host *a, const char *name)
{
	struct addresses addresses = { .len = 1 };
	uint32_t docno = document(&c->d, name);
	struct cert cert;
	struct person person = { .devices = &cert, .devices_len = 1 };

	ok(cert_decode(
	    &cert, BYTES(a->d.identity.cert, a->d.identity.cert_len)));
	ok(endpoint_parse(&addresses.at[0], a->address));
	memcpy(person.root_pk, a->d.identity.root_pk, 32);
	device_begin(&c->d);
	ok(replica_share(c->d.r, docno, &person, ROLE_READ));
	ok(peers_learn(c->e, &cert, NULL, &addresses));
	host_commit(c);
	wires_run(w, 40000);
}

static void
a_stranger_gives_nobody_a_document(void **state)
{
	struct wires w = { .len = 0 };
	struct host a, c;

	(void)state;
	host_make(&w, &a, 1, "ann");
	host_make(&w, &c, 3, "cat");
	push(&w, &c, &a, "spam");
	assert_int_equal(documents(&a.d), 1);
	host_remove(&a);
	host_remove(&c);
}

static void
a_shared_document_takes_nobodys_name(void **state)
{
	struct pair p;
	uint32_t docno;

	(void)state;
	pair_make(&p);
	/* Whichever has the lower id: one of these would be first. */
	push(&p.w, &p.b, &p.a, "own");
	for (int i = 0; i < 4; i++) {
		struct home_name name;
		char own[8];
		uint32_t mine;

		(void)snprintf(own, sizeof(own), "own%d", i);
		mine = document(&p.a.d, own);
		push(&p.w, &p.b, &p.a, own);
		device_begin(&p.a.d);
		ok(home_find(p.a.d.r, own, &docno));
		ok(home_name(p.a.d.r, docno, &name));
		device_commit(&p.a.d);
		assert_int_equal(docno, mine);
		assert_string_equal(name.name, own);
	}
	assert_int_equal(documents(&p.a.d), 2 + 1 + 8);
	pair_clear(&p);
}

/* A peer that repeats itself takes no memory. */
static void
what_a_peer_repeats_is_kept_once(void **state)
{
	struct pair p;
	struct link *l;
	struct docstate *ds;
	BUF_SCOPED b = { .max = 1 << 20 };
	uint8_t proof[ANNOUNCE_PROOF_LEN];
	size_t numbers;

	(void)state;
	pair_make(&p);
	wires_run(&p.w, 1000);
	l = link_between(&p.b, &p.a);
	numbers = link_between(&p.a, &p.b)->numbers_len;
	device_begin(&p.b.d);
	ok(docstate_get(p.b.d.r, p.in_b, &ds));
	announce_proof(
	    proof, &ds->topic, session_hash(l->session), l->initiator ? 1 : 2);
	buf_u8(&b, 1);
	for (int i = 0; i < 1024; i++)
		buf_mem(&b, proof, sizeof(proof));
	/* MATCH unasked would end the session. */
	l->listed = true;
	link_send(p.b.e, l, MSG_TOPICS, buf_bytes(&b));
	host_commit(&p.b);
	(void)wires_settle(&p.w);
	assert_true(link_between(&p.a, &p.b)->numbers_len <= numbers + 2);
	pair_clear(&p);
}

/* Somebody who forks without end makes more heads than an acknowledgement
 * holds. */
static void
more_heads_than_fit_are_acknowledged_in_part(void **state)
{
	enum { BRANCHES = ENVELOPE_DEPS_MAX + 6 };
	struct pair p;
	struct forgery f;
	uint8_t id[LK_ID_LEN];
	struct sync_status s;

	(void)state;
	pair_make(&p);
	wires_run(&p.w, 1000);
	forge_place(&p.b.d, p.in_b, &f);
	f.body.ops[f.body.ops_len++].kind = OP_NO_EFFECT_MIN;
	for (int i = 0; i < BRANCHES; i++) {
		struct buf envelope;

		f.random = (uint8_t)i;
		forge_seal(&p.b.d, p.in_b, &f, &envelope, id);
		assert_int_equal(
		    give(&p.a.d, p.in_a, buf_bytes(&envelope)).what,
		    RECEIPT_ACCEPTED);
		buf_clear(&envelope);
	}
	wires_run(&p.w, 40000);
	device_begin(&p.a.d);
	ok(engine_sync_status(p.a.e, p.in_a, 0, &s));
	device_commit(&p.a.d);
	assert_int_not_equal(s.state, SYNC_UNKNOWN);
	host_edit(&p.a, p.in_a, "still", "writes");
	pair_clear(&p);
}

/* An envelope of nothing at a place of its author's chain. */
static void
forge_branch(struct device *d, uint32_t docno, struct forgery *f,
    uint8_t random, struct buf *out)
{
	uint8_t id[LK_ID_LEN];

	f->random = random;
	f->body.ops_len = 0;
	f->body.ops[f->body.ops_len++].kind = OP_NO_EFFECT_MIN;
	forge_seal(d, docno, f, out, id);
	/* The next one stands behind it. */
	f->seq++;
	memcpy(f->prev, id, LK_ID_LEN);
	f->body.has_grant = false;
	f->body.deps_len = 0;
}

static void
assert_equal_sets(struct pair *p)
{
	struct fingerprint of_a, of_b;

	device_begin(&p->a.d);
	ok(fingerprint_doc(p->a.d.txn, p->in_a, &of_a));
	device_commit(&p->a.d);
	device_begin(&p->b.d);
	ok(fingerprint_doc(p->b.d.txn, p->in_b, &of_b));
	device_commit(&p->b.d);
	assert_int_equal(of_a.count, of_b.count);
	assert_memory_equal(of_a.sum, of_b.sum, sizeof(of_a.sum));
}

/* Somebody's branches are 0, 2 and 1, 3.  One device hears of them in this
 * order, and the other one only of some. */
static void
check_branches(const size_t order[4], bool known[4])
{
	struct bag all = { .len = 0 };
	struct buf branch[4];
	struct forgery f, other;
	struct device m;
	uint32_t in_m;
	struct pair p;

	pair_make(&p);
	device_make(&m, 3, "mal");
	ok(share_try(&p.a.d, p.in_a, &m, ROLE_WRITE));
	in_m = welcome(&m, &p.a.d, p.in_a);
	(void)bag_take(&all, &p.a.d, p.in_a, 1);
	give_all(&m, in_m, &all);
	wires_run(&p.w, 40000);
	wires_cut(&p.w);
	forge_place(&m, in_m, &f);
	other = f;
	other.body.deps = other.deps[0];
	for (uint8_t i = 0; i < 4; i++)
		forge_branch(&m, in_m, i % 2 == 0 ? &f : &other, i, &branch[i]);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(
		    give(&p.a.d, p.in_a, buf_bytes(&branch[order[i]])).what,
		    RECEIPT_ACCEPTED);
	for (size_t i = 0; i < 4; i++)
		if (known[i])
			(void)give(&p.b.d, p.in_b, buf_bytes(&branch[i]));
	wires_run(&p.w, 60000);
	assert_equal_sets(&p);
	for (size_t i = 0; i < 4; i++)
		buf_clear(&branch[i]);
	bag_clear(&all);
	device_remove(&m);
	pair_clear(&p);
}

static void
a_branch_that_a_peer_lacks_reaches_it(void **state)
{
	(void)state;
	check_branches(
	    (size_t[]){ 0, 1, 2, 3 }, (bool[]){ false, true, false, true });
	/* One of these is the first by its id, and the other by its place. */
	check_branches(
	    (size_t[]){ 0, 2, 1, 3 }, (bool[]){ true, true, false, false });
	check_branches(
	    (size_t[]){ 1, 3, 0, 2 }, (bool[]){ true, true, false, false });
}

/* The device begins anew, with its store as `command` leaves it. */
static void
store_change(struct wires *w, struct host *h, const char *command)
{
	char text[300];

	wires_cut(w);
	w->len = 0;
	engine_free(h->e);
	device_close(&h->d);
	(void)snprintf(text, sizeof(text), "cd %s && %s", h->d.dir, command);
	assert_int_equal(system(text), 0);
	device_open(&h->d);
	host_engine(h);
}

#define KEEP "mkdir old && find . -maxdepth 1 -type f -exec cp -t old {} +"
#define PUT_BACK "mv old/* . && rmdir old"

/* A device whose store was put back has less than it said before: what it says
 * itself now counts. */
static void
a_store_put_back_is_not_taken_for_complete(void **state)
{
	struct pair p;
	struct link *l;
	struct sync_status s;

	(void)state;
	pair_make(&p);
	store_change(&p.w, &p.b, KEEP);
	wires_run(&p.w, 3000);
	host_edit(&p.a, p.in_a, "later", "than the copy");
	wires_run(&p.w, 40000);
	device_begin(&p.a.d);
	ok(engine_sync_status(p.a.e, p.in_a, 0, &s));
	device_commit(&p.a.d);
	assert_int_equal(s.state, SYNC_DONE);
	store_change(&p.w, &p.b, PUT_BACK);
	/* He says what he has, and nothing more reaches him. */
	p.a.slow = true;
	wires_run(&p.w, 3000);
	l = link_between(&p.b, &p.a);
	device_begin(&p.b.d);
	ok(acks_send(p.b.e, l, topics_of(l, p.in_b)));
	host_commit(&p.b);
	assert_true(wires_settle(&p.w));
	assert_true(envelopes(&p.b.d, p.in_b) < envelopes(&p.a.d, p.in_a));
	device_begin(&p.a.d);
	ok(engine_sync_status(p.a.e, p.in_a, 0, &s));
	device_commit(&p.a.d);
	assert_int_equal(s.state, SYNC_PENDING);
	pair_clear(&p);
}

static void
host_share(struct host *h, uint32_t docno, const struct host *with)
{
	struct cert cert;
	struct person person = { .devices = &cert, .devices_len = 1 };

	ok(cert_decode(
	    &cert, BYTES(with->d.identity.cert, with->d.identity.cert_len)));
	memcpy(person.root_pk, with->d.identity.root_pk, 32);
	device_begin(&h->d);
	ok(replica_share(h->d.r, docno, &person, ROLE_WRITE));
	host_commit(h);
}

/* Who had acknowledged his grant, and knows neither it nor its keys any more.
 */
static void
a_store_put_back_is_given_its_keys_again(void **state)
{
	struct pair p;

	(void)state;
	pair_make(&p);
	host_evict(&p.a, p.in_a, p.b.d.identity.root_pk);
	host_edit(&p.a, p.in_a, "secret", "not for bob");
	wires_run(&p.w, 40000);
	store_change(&p.w, &p.b, KEEP);
	host_share(&p.a, p.in_a, &p.b);
	wires_run(&p.w, 40000);
	assert_true(shows(&p.b.d, p.in_b, "secret"));
	store_change(&p.w, &p.b, PUT_BACK);
	assert_false(shows(&p.b.d, p.in_b, "secret"));
	wires_run(&p.w, 40000);
	assert_true(shows(&p.b.d, p.in_b, "secret"));
	assert_equal_sets(&p);
	pair_clear(&p);
}

/* The number a document of one device has on another. */
static uint32_t
number_there(struct device *of, uint32_t docno, struct device *d)
{
	uint8_t docid[LK_ID_LEN];
	struct docstate *ds;
	uint32_t there;

	device_begin(of);
	ok(docstate_get(of->r, docno, &ds));
	memcpy(docid, ds->docid, sizeof(docid));
	device_commit(of);
	device_begin(d);
	ok(replica_doc_by_id(d->r, docid, &there));
	device_commit(d);
	return there;
}

/* ann has just thrown somebody out, of which bob knows nothing: each lets cat
 * in, and she meets ann only. */
static void
who_was_let_in_by_two_needs_to_meet_one(void **state)
{
	struct wires w = { .len = 0 };
	struct host a, b, c;
	struct device m;
	uint32_t in_a, in_b, other;
	char ticket[TICKET_TEXT_MAX + 1];

	(void)state;
	host_make(&w, &a, 1, "ann");
	host_make(&w, &b, 2, "bob");
	host_make(&w, &c, 3, "cat");
	in_a = document(&a.d, "plan");
	ticket_make(&a, in_a, ROLE_ADMIN, 1, ticket);
	in_b = redeemed(&b, redeem(&w, &b, ticket));
	other = document(&a.d, "how they met");
	ticket_make(&a, other, ROLE_READ, 1, ticket);
	(void)redeem(&w, &c, ticket);
	device_make(&m, 9, "mal");
	ok(share_try(&a.d, in_a, &m, ROLE_READ));
	wires_run(&w, 40000);
	c.cut = true;
	a.apart = &b;
	wires_cut(&w);
	host_evict(&a, in_a, m.identity.root_pk);
	host_edit(&a, in_a, "secret", "under a new key");
	host_share(&a, in_a, &c);
	host_share(&b, in_b, &c);
	a.apart = NULL;
	wires_run(&w, 80000);
	assert_true(shows(&b.d, in_b, "secret"));
	wires_cut(&w);
	b.cut = true;
	c.cut = false;
	wires_run(&w, 80000);
	assert_true(shows(&c.d, number_there(&a.d, in_a, &c.d), "secret"));
	device_remove(&m);
	host_remove(&a);
	host_remove(&b);
	host_remove(&c);
}

struct planted {
	const uint8_t *key;
	struct bytes card;
};

static lk_err
plant_fill(void *ctx, struct edit *e, struct doc *doc)
{
	const struct planted *p = ctx;
	struct op_id map;

	TRY(home_entry_make(e, doc, "contacts", p->key, &map));
	return home_bytes_put(e, map, "card", p->card);
}

static void
plant(struct device *d, const uint8_t key[static 32], struct bytes card)
{
	struct planted p = { key, card };
	uint8_t hash[LK_ID_LEN];
	uint32_t home;
	bool changed;

	ok(replica_home(d->r, &home));
	ok(replica_edit(d->r, home, plant_fill, &p, NULL, &changed, hash));
}

/* A thief of one device writes into the home document what he likes: it gives
 * nobody another's place, and hides nobody. */
static void
a_planted_contact_is_none(void **state)
{
	ARENA_SCOPED arena = { .max = 1 << 20 };
	static const uint8_t zero[32], low[32] = { 1 };
	struct device a, b;
	struct person person;
	struct home_contact contact;
	struct cert certs[PERSON_DEVICES_MAX];
	size_t devices;
	bool is_new;
	BUF_SCOPED card = { .max = CARD_MAX };

	(void)state;
	device_make(&a, 1, "ann");
	device_make(&b, 2, "bob");
	device_begin(&b);
	ok(person_card(b.r, &card));
	device_commit(&b);
	device_begin(&a);
	plant(&a, zero, BYTES_STR("no card"));
	plant(&a, low, buf_bytes(&card));
	ok(person_keep_card(a.r, buf_bytes(&card), &is_new));
	assert_int_equal(
	    home_person(a.r, low, &arena, &person).code, LK_E_NOTFOUND);
	ok(home_person(a.r, b.identity.root_pk, &arena, &person));
	assert_int_equal(person.devices_len, 1);
	ok(home_contact(a.r, 2, &contact));
	assert_string_equal(contact.name, "bob");
	ok(person_devices(a.r, certs, &devices));
	assert_int_equal(devices, 1);
	device_commit(&a);
	device_remove(&a);
	device_remove(&b);
}

static void
what_is_refused_leaves_no_trace(void **state)
{
	struct pair p;
	struct link *l;
	BUF_SCOPED b = { .max = MESSAGE_MAX };
	struct log_entry entry;
	struct envelope env;
	uint8_t bad[4096];

	(void)state;
	pair_make(&p);
	wires_run(&p.w, 1000);
	l = link_between(&p.b, &p.a);
	for (int i = 0; i < 64; i++) {
		uint32_t number;

		device_begin(&p.b.d);
		number = topics_of(l, p.in_b);
		ok(log_next(p.b.d.txn, p.in_b, 1, &entry));
		assert_true(entry.envelope.len < sizeof(bad));
		memcpy(bad, entry.envelope.ptr, entry.envelope.len);
		bad[entry.envelope.len - 1] ^= (uint8_t)(i + 1);
		ok(envelope_parse(&env, BYTES(bad, entry.envelope.len)));
		buf_reset(&b);
		batch_encode(&b, number, true);
		ok(link_topic_item(topics_number(l, number), &env, &b));
		link_send(p.b.e, l, MSG_BATCH, buf_bytes(&b));
		host_commit(&p.b);
		(void)wires_settle(&p.w);
	}
	assert_int_equal(p.a.e->origins_len, 0);
	pair_clear(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_removed_person_cannot_use_his_ticket_again),
		cmocka_unit_test(who_has_his_place_uses_his_ticket_twice),
		cmocka_unit_test(
		    a_revoked_device_of_ones_own_is_not_enrolled_again),
		cmocka_unit_test(a_stream_ends_with_the_right_to_it),
		cmocka_unit_test(
		    a_key_that_lacks_is_no_reason_to_ask_without_end),
		cmocka_unit_test(a_stranger_gives_nobody_a_document),
		cmocka_unit_test(a_shared_document_takes_nobodys_name),
		cmocka_unit_test(what_a_peer_repeats_is_kept_once),
		cmocka_unit_test(a_planted_contact_is_none),
		cmocka_unit_test(what_is_refused_leaves_no_trace),
		cmocka_unit_test(more_heads_than_fit_are_acknowledged_in_part),
		cmocka_unit_test(a_branch_that_a_peer_lacks_reaches_it),
		cmocka_unit_test(a_store_put_back_is_not_taken_for_complete),
		cmocka_unit_test(a_store_put_back_is_given_its_keys_again),
		cmocka_unit_test(who_was_let_in_by_two_needs_to_meet_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
