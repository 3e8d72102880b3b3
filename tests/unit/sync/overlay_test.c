#include "tests/unit/sync/device.h"

#include "sync/endpoint.h"
#include "sync/engine_state.h"

#define ADDRESS "192.0.2.7:4000"
#define LINKS_MAX 24
#define MEMBERS_MAX 96

/* A device with a document of many, and links to members that are made up:
 * what it says goes nowhere. */
struct host {
	struct device d;
	struct engine *e;
	uint32_t docno;
	uint8_t members[MEMBERS_MAX][32];
	struct cert certs[MEMBERS_MAX];
	size_t members_len;
	struct link *links[LINKS_MAX];
	size_t links_len;
};

static lk_err
put_nothing(void *ctx, struct edit *e, struct doc *doc)
{
	(void)ctx;
	(void)e;
	(void)doc;
	return LK_NONE;
}

static void
member_add(struct host *h)
{
	struct cert cert = { .rank = 1000, .serial = 1 };
	struct person person = { .devices = &cert, .devices_len = 1 };
	struct sign_key root, device;
	struct dh_key noise, box;
	uint8_t secrets[4][32];

	random_fill(&h->d.random, secrets, sizeof(secrets));
	sign_key_from_seed(&root, secrets[0]);
	sign_key_from_seed(&device, secrets[1]);
	dh_key_from_secret(&noise, secrets[2]);
	dh_key_from_secret(&box, secrets[3]);
	memcpy(cert.root_pk, root.pk, 32);
	memcpy(person.root_pk, root.pk, 32);
	device_block_make(&cert.block, &device, noise.pk, box.pk, 0);
	cert_sign(&cert, &root);
	ok(replica_share(h->d.r, h->docno, &person, ROLE_WRITE));
	h->certs[h->members_len] = cert;
	memcpy(h->members[h->members_len++], device.pk, 32);
}

static void
host_make(struct host *h, size_t members)
{
	const struct engine_config config = { .listen_port = 1 };

	memset(h, 0, sizeof(*h));
	device_make(&h->d, 1);
	ok(engine_new(&h->e, h->d.r, &h->d.identity, h->d.random));
	device_begin(&h->d);
	ok(replica_create(h->d.r, "plan", "map", put_nothing, NULL, &h->docno));
	while (h->members_len < members)
		member_add(h);
	ok(engine_configure(h->e, &config));
	h->e->now = h->d.now;
	ok(overlay_step(h->e));
}

static void
host_remove(struct host *h)
{
	device_commit(&h->d);
	engine_free(h->e);
	device_remove(&h->d);
}

static void
later(struct host *h, int64_t ms)
{
	h->e->now.mono.ms += ms;
}

static struct link *
link_make(struct host *h)
{
	struct link *l;

	ok(link_open(h->e, 1 + h->links_len, false, ADDRESS, &l));
	l->state = LINK_OPEN;
	l->known = true;
	memcpy(l->pk, h->members[h->links_len], 32);
	l->numbers[0] = calloc(1, sizeof(*l->numbers[0]));
	l->by_docno = calloc(h->docno + 1, sizeof(*l->by_docno));
	assert_non_null(l->numbers[0]);
	assert_non_null(l->by_docno);
	l->numbers_len = l->numbers_cap[0] = 1;
	l->numbers[0]->docno = h->docno;
	l->numbers[0]->serve = SERVE_FULL;
	l->by_docno_len = h->docno + 1;
	l->by_docno[h->docno] = 1;
	h->links[h->links_len++] = l;
	return l;
}

static void
says(struct host *h, struct link *l, enum neighbour_word word)
{
	BUF_SCOPED b = { .max = 64 };

	neighbour_encode(&b, 0, word);
	ok(overlay_neighbour(h->e, l, buf_bytes(&b)));
}

static bool
is_active(const struct link *l)
{
	return neighbour_active(l->numbers[0]) != NULL;
}

static void
a_document_of_more_than_twelve_others_is_a_crowd(void **state)
{
	struct host h;

	(void)state;
	host_make(&h, MESH_MAX);
	assert_null(overlay_crowd(h.e, h.docno));
	member_add(&h);
	ok(overlay_access(h.e, h.docno));
	assert_non_null(overlay_crowd(h.e, h.docno));
	host_remove(&h);
}

static void
neighbours_chosen_here_are_not_displaced_by_those_who_come(void **state)
{
	struct crowd *c;
	struct host h;

	(void)state;
	host_make(&h, LINKS_MAX);
	c = overlay_crowd(h.e, h.docno);
	for (int i = 0; i < 2; i++) {
		struct link *l = link_make(&h);

		later(&h, 10000);
		ok(overlay_step(h.e));
		assert_int_equal(
		    neighbour_of(l->numbers[0])->standing, STANDING_ASKED);
		says(&h, l, NEIGHBOUR_LOW);
		assert_true(is_active(l));
	}
	while (h.links_len < LINKS_MAX)
		says(&h, link_make(&h),
		    h.links_len % 2 == 0 ? NEIGHBOUR_HIGH : NEIGHBOUR_JOIN);
	assert_true(is_active(h.links[0]) && is_active(h.links[1]));
	assert_in_range(c->active, 3, ACTIVE_MOST);
	host_remove(&h);
}

static void
low_is_refused_by_who_has_five(void **state)
{
	struct host h;

	(void)state;
	host_make(&h, LINKS_MAX);
	while (h.links_len < LINKS_MAX)
		says(&h, link_make(&h), NEIGHBOUR_LOW);
	assert_int_equal(overlay_crowd(h.e, h.docno)->active, ACTIVE_TARGET);
	assert_true(is_active(h.links[ACTIVE_TARGET - 1]));
	assert_false(is_active(h.links[ACTIVE_TARGET]));
	host_remove(&h);
}

static void
who_announces_without_end_what_never_comes_is_not_heard(void **state)
{
	struct crowd *c;
	struct host h;
	struct link *l;

	(void)state;
	host_make(&h, LINKS_MAX);
	c = overlay_crowd(h.e, h.docno);
	l = link_make(&h);
	says(&h, l, NEIGHBOUR_LOW);
	for (int i = 0; i < 40; i++) {
		uint8_t ids[IDS_MAX * LK_ID_LEN];
		BUF_SCOPED b = { .max = 4096 };

		random_fill(&h.d.random, ids, sizeof(ids));
		id_list_encode(&b, 0, BYTES_OF(ids));
		ok(broadcast_ihave(h.e, l, buf_bytes(&b)));
	}
	assert_int_equal(c->missing_len, 64);
	/* Asked for once each, then forgotten. */
	for (int i = 0; i < 3; i++) {
		later(&h, 1000);
		ok(broadcast_step(h.e));
	}
	assert_int_equal(c->missing_len, 0);
	host_remove(&h);
}

static void
walks_of_a_neighbour_are_counted(void **state)
{
	BUF_SCOPED b = { .max = 8192 };
	BUF_SCOPED entry = { .max = 8192 };
	struct walk w = { .kind = WALK_SHUFFLE, .peers = { .len = 1 } };
	struct peer_entry e = { .proof = { .len = 1 } };
	struct host h;
	struct link *l;

	(void)state;
	host_make(&h, LINKS_MAX);
	l = link_make(&h);
	says(&h, l, NEIGHBOUR_LOW);
	peer_entry_encode(&entry, &e);
	walk_encode(&b, &w, buf_bytes(&entry));
	for (int i = 0; i < 100; i++)
		ok(walk_received(h.e, l, buf_bytes(&b)));
	assert_int_equal(neighbour_of(l->numbers[0])->tokens, 0);
	later(&h, 3000);
	ok(walk_received(h.e, l, buf_bytes(&b)));
	assert_int_equal(neighbour_of(l->numbers[0])->tokens, 2);
	host_remove(&h);
}

static void
a_link_that_ends_is_no_neighbour(void **state)
{
	struct crowd *c;
	struct host h;

	(void)state;
	host_make(&h, LINKS_MAX);
	c = overlay_crowd(h.e, h.docno);
	says(&h, link_make(&h), NEIGHBOUR_LOW);
	says(&h, link_make(&h), NEIGHBOUR_LOW);
	assert_int_equal(c->active, 2);
	link_close(h.e, h.links[0], CLOSE_DONE);
	assert_int_equal(c->active, 1);
	link_free(h.e, h.links[0]);
	assert_int_equal(c->active, 1);
	says(&h, h.links[1], NEIGHBOUR_DONE);
	assert_int_equal(c->active, 0);
	host_remove(&h);
}

/* The links end later than the crowd is looked at again. */
static void
after_an_undone_transaction_nobody_is_a_neighbour(void **state)
{
	struct link *l;
	struct host h;

	(void)state;
	host_make(&h, LINKS_MAX);
	l = link_make(&h);
	says(&h, l, NEIGHBOUR_JOIN);
	assert_true(is_active(l));
	engine_aborted(h.e);
	ok(overlay_step(h.e));
	ok(engine_closed(h.e, l->conn, h.e->now));
	assert_int_equal(overlay_crowd(h.e, h.docno)->active, 0);
	host_remove(&h);
}

/* Whoever tells of all of a crowd at once. */
static void
of_a_crowd_few_are_remembered(void **state)
{
	struct addresses addresses = { .len = 1 };
	size_t known = 0;
	struct peer *p;
	struct host h;

	(void)state;
	host_make(&h, MEMBERS_MAX);
	ok(endpoint_parse(&addresses.at[0], ADDRESS));
	for (size_t i = 0; i < MEMBERS_MAX; i++)
		ok(peers_learn(h.e, &h.certs[i], NULL, &addresses));
	ok(peers_book_trim(h.e));
	TAILQ_FOREACH (p, &h.e->peers, next)
		known++;
	assert_int_equal(known, 2 * BOOK_EACH);
	host_remove(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_document_of_more_than_twelve_others_is_a_crowd),
		cmocka_unit_test(
		    neighbours_chosen_here_are_not_displaced_by_those_who_come),
		cmocka_unit_test(low_is_refused_by_who_has_five),
		cmocka_unit_test(
		    who_announces_without_end_what_never_comes_is_not_heard),
		cmocka_unit_test(walks_of_a_neighbour_are_counted),
		cmocka_unit_test(a_link_that_ends_is_no_neighbour),
		cmocka_unit_test(of_a_crowd_few_are_remembered),
		cmocka_unit_test(
		    after_an_undone_transaction_nobody_is_a_neighbour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
