/* Box keys of a device: new ones, whose word counts, what the phrase opens. */
#include "crypto/phrase.h"
#include "sync/home_doc.h"
#include "tests/unit/sync/members.h"

struct said {
	const uint8_t *pk; /* the entry */
	const struct sign_key *by;
	const uint8_t *box;
	uint32_t counter;
};

static lk_err
said_fill(void *ctx, struct edit *e, struct doc *doc)
{
	const struct said *s = ctx;
	uint8_t sig[SIGN_LEN];
	struct op_id map;
	BUF_SCOPED bytes = { .max = DH_LEN + 4 + SIGN_LEN };

	box_statement_sign(sig, s->by, s->box, s->counter);
	buf_mem(&bytes, s->box, DH_LEN);
	buf_u32(&bytes, s->counter);
	buf_mem(&bytes, sig, sizeof(sig));
	TRY(home_entry_make(e, doc, "devices", s->pk, &map));
	return home_bytes_put(e, map, "box", buf_bytes(&bytes));
}

static void
say(struct device *d, const struct said *said)
{
	uint8_t hash[LK_ID_LEN];
	uint32_t home;
	bool changed;

	device_begin(d);
	ok(replica_home(d->r, &home));
	ok(replica_edit(d->r, home, said_fill, (void *)(uintptr_t)said, NULL,
	    &changed, hash));
	device_commit(d);
}

/* The box key that a grant to the only device would name. */
static void
granted_box(struct device *d, uint8_t box[static DH_LEN])
{
	struct cert certs[PERSON_DEVICES_MAX];
	size_t len;

	device_begin(d);
	ok(person_devices(d->r, certs, &len));
	device_commit(d);
	assert_int_equal(len, 1);
	memcpy(box, certs[0].block.box_pk, DH_LEN);
}

static void
only_the_device_itself_says_a_newer_box_key(void **state)
{
	struct device d, other;
	uint8_t box[DH_LEN];
	const struct identity *me = &d.identity;

	(void)state;
	device_make(&d, 1, "laptop");
	device_make(&other, 2, "other");
	say(&d,
	    &(struct said){
		me->sign.pk, &other.identity.sign, other.identity.box.pk, 9 });
	granted_box(&d, box);
	assert_memory_equal(box, me->box.pk, DH_LEN);
	say(&d,
	    &(struct said){ me->sign.pk, &me->sign, other.identity.box.pk, 0 });
	granted_box(&d, box);
	assert_memory_equal(box, me->box.pk, DH_LEN);
	say(&d,
	    &(struct said){ me->sign.pk, &me->sign, other.identity.box.pk, 1 });
	granted_box(&d, box);
	assert_memory_equal(box, other.identity.box.pk, DH_LEN);
	device_remove(&d);
	device_remove(&other);
}

static void
a_document_hears_of_a_new_key_once_and_goes_on_under_it(void **state)
{
	struct device d;
	struct identity next;
	uint32_t docno;

	(void)state;
	device_make(&d, 1, "laptop");
	docno = document(&d, "d");
	for (uint32_t n = 1; n <= IDENTITY_BOXES_MAX + 2; n++) {
		uint8_t box[DH_LEN];
		char key[16];

		(void)snprintf(key, sizeof(key), "key %u", n);
		next = d.identity;
		ok(identity_rotate(&next, &d.random));
		device_begin(&d);
		ok(person_rotate(d.r, &next));
		d.identity = next;
		ok(person_rekey_in(d.r, docno));
		assert_int_equal(person_rekey_in(d.r, docno).code, LK_E_EXISTS);
		device_commit(&d);
		granted_box(&d, box);
		assert_memory_equal(box, d.identity.box.pk, DH_LEN);
		edit(&d, docno, key, "x");
		device_reopen(&d);
		assert_true(shows(&d, docno, key));
	}
	assert_int_equal(d.identity.boxes_len, IDENTITY_BOXES_MAX);
	device_remove(&d);
}

static void
the_phrase_opens_the_escrow(void **state)
{
	struct device d;
	struct dh_key recovery;
	struct identity next;
	uint8_t entropy[16] = { 1 }, seed[ROOT_SEED_LEN], secret[32];
	struct op_id map;
	struct bytes sealed;
	struct doc *doc;
	uint32_t home;
	BUF_SECRET plain = { .max = ESCROW_MAX };

	(void)state;
	device_make(&d, 1, "laptop");
	next = d.identity;
	ok(identity_rotate(&next, &d.random));
	device_begin(&d);
	ok(person_rotate(d.r, &next));
	d.identity = next;
	ok(replica_home(d.r, &home));
	ok(replica_open_doc(d.r, home, &doc));
	ok(home_entry(doc, "escrow", d.identity.sign.pk, &map));
	assert_true(home_bytes_get(doc, map, "box", &sealed));
	ok(phrase_root_seed(seed, entropy));
	root_secret(secret, seed, ROOT_BOX);
	dh_key_from_secret(&recovery, secret);
	ok(box_open(&plain, &recovery, sealed));
	doc_free(doc);
	device_commit(&d);
	assert_int_equal(plain.len, 1 + 32 + 2 * DH_LEN);
	assert_memory_equal(plain.ptr + 1, d.identity.genesis_seed, 32);
	assert_memory_equal(plain.ptr + 33, d.identity.boxes[0].sk, DH_LEN);
	assert_memory_equal(plain.ptr + 65, d.identity.boxes[1].sk, DH_LEN);
	device_remove(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_device_itself_says_a_newer_box_key),
		cmocka_unit_test(
		    a_document_hears_of_a_new_key_once_and_goes_on_under_it),
		cmocka_unit_test(the_phrase_opens_the_escrow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
