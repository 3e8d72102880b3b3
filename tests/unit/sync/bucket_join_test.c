/* Packs of a few envelopes become large ones. */
#include "tests/unit/sync/apart.h"

#define EDITS 280

/* What a device that is online all day leaves behind: a pack for each of its
 * envelopes. */
static void
put_one_by_one(struct host *h, uint32_t docno, struct shelf *shelf)
{
	struct log_entry entry;
	uint64_t lsn = 1;

	device_begin(&h->d);
	while (log_next(h->d.txn, docno, lsn, &entry).code == LK_OK) {
		BUF_SCOPED bytes = { .max = OBJECT_BYTES_MAX };
		char text[OBJECT_NAME_MAX + 1];
		struct stored_name name;

		ok(pack_encode(&bytes, &name, &entry.envelope, 1));
		stored_name_format(text, &name);
		shelf_put(shelf, text, buf_bytes(&bytes));
		lsn = entry.lsn + 1;
	}
	device_commit(&h->d);
}

static void
edit_often(struct host *h, uint32_t docno)
{
	device_begin(&h->d);
	for (int i = 0; i < EDITS; i++) {
		char text[16];
		struct setting s = { "n", text };
		uint8_t hash[LK_ID_LEN];
		bool changed;

		(void)snprintf(text, sizeof(text), "%d", i);
		ok(replica_edit(
		    h->d.r, docno, setting_fill, &s, NULL, &changed, hash));
	}
	device_commit(&h->d);
}

static void
many_small_packs_are_joined_and_then_deleted(void **state)
{
	struct story *s = story_begin();
	struct host *laptop = &s->at[LAPTOP];
	uint32_t plan = host_document(laptop, "plan");
	size_t before;

	(void)state;
	edit_often(laptop, plan);
	put_one_by_one(laptop, plan, s->shelf);
	pass(s, 2 * MINUTE);
	before = s->shelf->len;
	assert_true(before > EDITS);
	assert_int_equal(shelf_count(s->shelf, "lk1/", "-0100-"), 1);
	assert_same(s, "plan");
	s->ms += INT64_C(25) * 3600 * 1000;
	pass(s, 5 * MINUTE);
	assert_true(s->shelf->len < before - 250);
	assert_stored(laptop, "plan");
	/* Who comes now reads them as well as who was there before. */
	host_edit(laptop, plan, "last", "word");
	pass(s, MINUTE);
	assert_true(host_shows(&s->at[PHONE], "plan", "last"));
	story_end(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_small_packs_are_joined_and_then_deleted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
