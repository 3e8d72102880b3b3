/* What the home document says of devices is done in every document, whatever
 * happens in between. */
#include "tests/unit/sync/forge.h"
#include "tests/unit/sync/pair.h"

#define LAPTOP 1
#define PHONE 2
#define SERVER 3
#define FRIEND 4

static uint32_t
home_of(struct device *d)
{
	uint32_t home;

	device_begin(d);
	ok(replica_home(d->r, &home));
	device_commit(d);
	return home;
}

/* The server alone may end the phone in the document it made; it stops when it
 * has stored that the phone is gone, and has done nothing about it yet. */
static void
a_device_that_stops_when_it_has_heard_ends_the_other_when_it_is_back(
    void **state)
{
	struct wires w = { .len = 0 };
	struct host laptop, phone, server;
	struct bag news = { .len = 0 };
	uint32_t d;

	(void)state;
	host_make(&w, &laptop, LAPTOP, "laptop");
	host_make(&w, &phone, PHONE, "phone");
	host_make(&w, &server, SERVER, "server");
	pair(&w, &laptop, &phone);
	pair(&w, &laptop, &server);
	d = document(&server.d, "d");
	host_edit(&server, d, "by", "server");
	wires_run(&w, 90000);
	assert_int_equal(
	    role_of(&server.d, d, phone.d.identity.sign.pk), ROLE_ADMIN);
	server.cut = phone.cut = laptop.cut = true;
	wires_cut(&w);
	device_begin(&laptop.d);
	ok(engine_device_revoke(laptop.e, phone.d.identity.sign.pk,
	    (struct wall){ 0 }, laptop.d.now));
	host_commit(&laptop);
	(void)bag_take(&news, &laptop.d, home_of(&laptop.d), 1);
	give_all(&server.d, home_of(&server.d), &news);
	bag_clear(&news);
	engine_free(server.e);
	device_reopen(&server.d);
	host_engine(&server);
	wires_run(&w, 20000);
	assert_int_equal(
	    role_of(&server.d, d, phone.d.identity.sign.pk), ROLE_NONE);
	host_remove(&laptop);
	host_remove(&phone);
	host_remove(&server);
}

static void
host_give(struct host *to, uint32_t docno, const struct bag *b)
{
	for (size_t i = 0; i < b->len; i++) {
		struct bytes one = buf_bytes(&b->at[i]);
		struct received verdict;

		device_begin(&to->d);
		ok(replica_receive(to->d.r, docno, NULL, &one, 1, &verdict));
		host_commit(to);
	}
}

static void
host_share(struct host *h, uint32_t docno, const struct device *with)
{
	struct cert cert;
	struct person person = { .devices = &cert, .devices_len = 1 };

	ok(cert_decode(
	    &cert, BYTES(with->identity.cert, with->identity.cert_len)));
	memcpy(person.root_pk, with->identity.root_pk, 32);
	device_begin(&h->d);
	ok(replica_share(h->d.r, docno, &person, ROLE_READ));
	host_commit(h);
}

/* The phone hears of the server, and lets a friend in; the grant that the
 * laptop has made for the server is on its way. */
static void
who_made_a_device_grants_it_and_the_others_only_what_is_left(void **state)
{
	struct wires w = { .len = 0 };
	struct host laptop, phone, server;
	struct bag news = { .len = 0 };
	struct device fay;
	const uint8_t *pk;
	uint32_t d;

	(void)state;
	host_make(&w, &laptop, LAPTOP, "laptop");
	host_make(&w, &phone, PHONE, "phone");
	host_make(&w, &server, SERVER, "server");
	device_make(&fay, FRIEND, "fay");
	pk = server.d.identity.sign.pk;
	pair(&w, &laptop, &phone);
	d = document(&phone.d, "d");
	wires_run(&w, 5000);
	phone.cut = true;
	wires_cut(&w);
	pair(&w, &laptop, &server);
	(void)bag_take(&news, &laptop.d, home_of(&laptop.d), 1);
	host_give(&phone, home_of(&phone.d), &news);
	bag_clear(&news);
	host_share(&phone, d, &fay);
	wires_run(&w, 20000);
	assert_int_equal(role_of(&phone.d, d, pk), ROLE_NONE);
	wires_run(&w, 60000);
	assert_int_equal(role_of(&phone.d, d, pk), ROLE_ADMIN);
	device_remove(&fay);
	host_remove(&laptop);
	host_remove(&phone);
	host_remove(&server);
}

/* What ann would grant a device of this person under now. */
static void
box_at(struct host *ann, const struct identity *of, uint8_t out[static DH_LEN])
{
	ARENA_SCOPED arena = { .max = (size_t)1024 * 1024 };
	struct person person;

	device_begin(&ann->d);
	ok(home_person(ann->d.r, of->root_pk, &arena, &person));
	device_commit(&ann->d);
	assert_int_equal(person.devices_len, 1);
	memcpy(out, person.devices[0].block.box_pk, DH_LEN);
}

static void
a_contact_who_is_connected_hears_of_a_new_box_key(void **state)
{
	struct wires w = { .len = 0 };
	struct host ann, laptop;
	uint8_t box[DH_LEN], first[DH_LEN];
	char text[TICKET_TEXT_MAX + 1];
	uint32_t d;

	(void)state;
	host_make(&w, &ann, SERVER, "ann");
	host_make(&w, &laptop, LAPTOP, "laptop");
	d = document(&ann.d, "d");
	ticket_make(&ann, d, ROLE_WRITE, 1, text);
	assert_true(redeemed(&laptop, redeem(&w, &laptop, text)) != 0);
	memcpy(first, laptop.d.identity.box.pk, DH_LEN);
	box_at(&ann, &laptop.d.identity, box);
	assert_memory_equal(box, first, DH_LEN);
	device_begin(&laptop.d);
	ok(engine_key_rotate(laptop.e, laptop.d.now));
	host_commit(&laptop);
	wires_run(&w, 5000);
	assert_memory_not_equal(laptop.d.identity.box.pk, first, DH_LEN);
	box_at(&ann, &laptop.d.identity, box);
	assert_memory_equal(box, laptop.d.identity.box.pk, DH_LEN);
	host_remove(&ann);
	host_remove(&laptop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    who_made_a_device_grants_it_and_the_others_only_what_is_left),
		cmocka_unit_test(
		    a_contact_who_is_connected_hears_of_a_new_box_key),
		cmocka_unit_test(
		    a_device_that_stops_when_it_has_heard_ends_the_other_when_it_is_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
