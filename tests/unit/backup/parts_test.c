/* What is in objects of backups: parcels, rolls, snapshots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "backup/parcel.h"
#include "backup/roll.h"
#include "backup/snapshot.h"

/* Reads all groups and envelopes; the number of bytes these have. */
static lk_err
parcel_walk(struct bytes plain, size_t *bytes)
{
	struct parcel_reader reader;
	struct parcel_group g;
	struct bytes envelope;
	lk_err err;

	*bytes = 0;
	parcel_begin(&reader, plain);
	while (parcel_next(&reader, &g, &err))
		while (parcel_envelope(&g, &envelope))
			*bytes += envelope.len;
	return err;
}

static void
parcel_fill(struct buf *out)
{
	struct parcel_group g = { .docno = 3, .envelopes = 2 };
	BUF_SCOPED bytes = { .max = 1024 };

	buf_init(out, 4096);
	buf_counted(&bytes, BYTES_STR("one"));
	buf_counted(&bytes, BYTES_STR("seven"));
	g.bytes = buf_bytes(&bytes);
	memset(g.docid, 3, sizeof(g.docid));
	parcel_write(out, &g);
	g.docno = 300;
	g.envelopes = 1;
	g.bytes.len = 4;
	parcel_write(out, &g);
}

static void
a_parcel_gives_back_its_envelopes(void **state)
{
	size_t bytes;
	BUF_SCOPED plain = { .max = 1 };

	(void)state;
	parcel_fill(&plain);
	assert_int_equal(parcel_walk(buf_bytes(&plain), &bytes).code, LK_OK);
	assert_int_equal(bytes, 3 + 5 + 3);
	assert_int_equal(parcel_walk(BYTES(NULL, 0), &bytes).code, LK_OK);
}

/* A cut between two groups is well formed: the seal says where the end is. */
static void
a_parcel_that_is_cut_within_a_group_is_truncated(void **state)
{
	size_t bytes, first = 1 + LK_ID_LEN + 1 + 4 + 6;
	BUF_SCOPED plain = { .max = 1 };

	(void)state;
	parcel_fill(&plain);
	for (size_t n = 1; n < plain.len; n++)
		if (n != first)
			assert_int_equal(
			    parcel_walk(BYTES(plain.ptr, n), &bytes).code,
			    LK_E_TRUNCATED);
}

static void
a_parcel_out_of_order_or_with_nothing_in_it_is_malformed(void **state)
{
	struct parcel_group g = { .docno = 5, .envelopes = 0 };
	size_t bytes;
	BUF_SCOPED plain = { .max = 4096 };

	(void)state;
	parcel_write(&plain, &g);
	assert_int_equal(
	    parcel_walk(buf_bytes(&plain), &bytes).code, LK_E_MALFORMED);
	buf_reset(&plain);
	g.docno = 0;
	g.envelopes = 1;
	g.bytes = BYTES_STR("\x01x");
	parcel_write(&plain, &g);
	assert_int_equal(
	    parcel_walk(buf_bytes(&plain), &bytes).code, LK_E_MALFORMED);
	buf_reset(&plain);
	g.docno = 5;
	parcel_write(&plain, &g);
	parcel_write(&plain, &g);
	assert_int_equal(
	    parcel_walk(buf_bytes(&plain), &bytes).code, LK_E_MALFORMED);
	buf_reset(&plain);
	g.bytes = BYTES_STR("\xff\xff\xff\x7f");
	parcel_write(&plain, &g);
	assert_int_equal(
	    parcel_walk(buf_bytes(&plain), &bytes).code, LK_E_TRUNCATED);
}

static void
roll_fill(struct buf *out)
{
	uint8_t keys[2 * ROLL_SECRET_LEN] = { 9 };
	struct roll_entry e = { .docno = 7,
		.name = BYTES_STR("shopping"),
		.type = BYTES_STR("map"),
		.keys = BYTES_OF(keys) };

	buf_init(out, 4096);
	roll_write(out, &e);
	e.docno = 8;
	e.home = true;
	e.name = e.type = BYTES(NULL, 0);
	roll_write(out, &e);
}

static lk_err
roll_walk(struct bytes plain, size_t *n)
{
	struct roll_reader reader;
	struct roll_entry e;
	lk_err err;

	roll_begin(&reader, plain);
	for (*n = 0; roll_next(&reader, &e, &err); ++*n)
		assert_int_equal(e.keys.len, 2 * ROLL_SECRET_LEN);
	return err;
}

static void
a_roll_gives_back_its_documents(void **state)
{
	struct roll_reader reader;
	struct roll_entry e;
	size_t n;
	lk_err err;
	BUF_SCOPED plain = { .max = 1 };

	(void)state;
	roll_fill(&plain);
	assert_int_equal(roll_walk(buf_bytes(&plain), &n).code, LK_OK);
	assert_int_equal(n, 2);
	roll_begin(&reader, buf_bytes(&plain));
	assert_true(roll_next(&reader, &e, &err));
	assert_true(bytes_equal(e.name, BYTES_STR("shopping")));
	assert_false(e.home);
	assert_true(roll_next(&reader, &e, &err));
	assert_true(e.home);
	assert_int_equal(e.name.len, 0);
}

static void
a_roll_that_is_cut_within_an_entry_is_truncated(void **state)
{
	size_t n, seen;
	BUF_SCOPED plain = { .max = 1 };

	(void)state;
	roll_fill(&plain);
	for (n = 1; n < plain.len; n++) {
		lk_err err = roll_walk(BYTES(plain.ptr, n), &seen);

		assert_true(err.code == LK_E_TRUNCATED ||
		    (err.code == LK_OK && seen == 1));
	}
}

static void
a_roll_with_a_name_that_is_none_is_malformed(void **state)
{
	static const char *const names[] = { "a\xff", "x" };
	struct roll_entry e = { .docno = 1 };
	size_t n;
	BUF_SCOPED plain = { .max = 4096 };

	(void)state;
	e.name = BYTES_STR(names[0]);
	roll_write(&plain, &e);
	assert_int_equal(roll_walk(buf_bytes(&plain), &n).code, LK_E_MALFORMED);
	buf_reset(&plain);
	e.name = BYTES((const uint8_t *)"a\0b", 3);
	roll_write(&plain, &e);
	assert_int_equal(roll_walk(buf_bytes(&plain), &n).code, LK_E_MALFORMED);
	buf_reset(&plain);
	e.name = BYTES_STR(names[1]);
	e.type = BYTES_STR("12345678");
	roll_write(&plain, &e);
	assert_int_equal(roll_walk(buf_bytes(&plain), &n).code, LK_E_MALFORMED);
}

static void
signer(struct sign_key *key)
{
	uint8_t seed[32] = { 4 };

	sign_key_from_seed(key, seed);
}

static void
snapshot_fill(struct buf *clear, struct buf *plain)
{
	uint8_t names[2 * SEALED_NAME_LEN] = { 5 };
	struct snapshot_head head = { .time_ms = 1234567890123,
		.names = BYTES_OF(names) };
	struct sign_key key;
	struct snapshot_about about = { .device_name = "laptop" };

	signer(&key);
	about.device_pk = about.root_pk = key.pk;
	snapshot_machine(head.machine, key.pk);
	buf_init(clear, 4096);
	buf_init(plain, 4096);
	snapshot_head_write(clear, &head);
	snapshot_begin(plain, &about);
	buf_uleb(plain, 1);
	snapshot_parcel_write(plain,
	    &(struct snapshot_parcel){ .size = 4000,
		.first = 1,
		.last = 9,
		.envelopes = 8,
		.documents = BYTES_STR("\x03\x01"),
		.documents_len = 2 });
	buf_uleb(plain, 1);
	snapshot_roll_write(
	    plain, &(struct snapshot_roll){ .size = 77, .block = 0 });
	buf_uleb(plain, 1);
	snapshot_setting_write(plain,
	    &(struct snapshot_setting){ .kind = BYTES_STR("mirror"),
		.of = BYTES_STR("d"),
		.value = BYTES_STR("/home/ann/d") });
	snapshot_sign(plain, buf_bytes(clear), &key);
}

static void
a_snapshot_gives_back_what_it_names(void **state)
{
	struct snapshot_setting setting;
	struct snapshot_parcel p;
	struct snapshot_roll roll;
	struct snapshot s;
	uint32_t docno = 0;
	BUF_SCOPED clear = { .max = 1 };
	BUF_SCOPED plain = { .max = 1 };

	(void)state;
	snapshot_fill(&clear, &plain);
	assert_int_equal(
	    snapshot_read(&s, buf_bytes(&clear), buf_bytes(&plain)).code,
	    LK_OK);
	assert_true(bytes_equal(s.device_name, BYTES_STR("laptop")));
	assert_true(snapshot_parcel_next(&s, &p));
	assert_int_equal(p.last, 9);
	assert_true(snapshot_document_next(&p, &docno));
	assert_int_equal(docno, 3);
	assert_true(snapshot_document_next(&p, &docno));
	assert_int_equal(docno, 4);
	assert_false(snapshot_document_next(&p, &docno));
	assert_false(snapshot_parcel_next(&s, &p));
	assert_true(snapshot_roll_next(&s, &roll));
	assert_int_equal(roll.size, 77);
	assert_false(snapshot_roll_next(&s, &roll));
	assert_true(snapshot_setting_next(&s, &setting));
	assert_true(bytes_equal(setting.value, BYTES_STR("/home/ann/d")));
	assert_false(snapshot_setting_next(&s, &setting));
}

static void
every_proper_prefix_of_a_snapshot_is_refused(void **state)
{
	struct snapshot_head head;
	struct snapshot s;
	BUF_SCOPED clear = { .max = 1 };
	BUF_SCOPED plain = { .max = 1 };

	(void)state;
	snapshot_fill(&clear, &plain);
	for (size_t n = 0; n < clear.len; n++)
		assert_int_equal(
		    snapshot_head_read(&head, BYTES(clear.ptr, n)).code,
		    LK_E_TRUNCATED);
	for (size_t n = 0; n < plain.len; n++)
		assert_int_not_equal(
		    snapshot_read(&s, buf_bytes(&clear), BYTES(plain.ptr, n))
			.code,
		    LK_OK);
}

static void
every_flipped_bit_of_a_snapshot_is_told(void **state)
{
	struct snapshot s;
	BUF_SCOPED clear = { .max = 1 };
	BUF_SCOPED plain = { .max = 1 };
	struct buf *parts[] = { &clear, &plain };

	(void)state;
	snapshot_fill(&clear, &plain);
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < 8 * parts[k]->len; i++) {
			parts[k]->ptr[i / 8] ^= (uint8_t)(1 << i % 8);
			assert_int_not_equal(
			    snapshot_read(
				&s, buf_bytes(&clear), buf_bytes(&plain))
				.code,
			    LK_OK);
			parts[k]->ptr[i / 8] ^= (uint8_t)(1 << i % 8);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_parcel_gives_back_its_envelopes),
		cmocka_unit_test(
		    a_parcel_that_is_cut_within_a_group_is_truncated),
		cmocka_unit_test(
		    a_parcel_out_of_order_or_with_nothing_in_it_is_malformed),
		cmocka_unit_test(a_roll_gives_back_its_documents),
		cmocka_unit_test(
		    a_roll_that_is_cut_within_an_entry_is_truncated),
		cmocka_unit_test(a_roll_with_a_name_that_is_none_is_malformed),
		cmocka_unit_test(a_snapshot_gives_back_what_it_names),
		cmocka_unit_test(every_proper_prefix_of_a_snapshot_is_refused),
		cmocka_unit_test(every_flipped_bit_of_a_snapshot_is_told),
	};

	return crypto_start().code == LK_OK
	    ? cmocka_run_group_tests(tests, NULL, NULL)
	    : 1;
}
