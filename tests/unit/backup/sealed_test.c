/* Objects of a repository of backups: what is sealed, and by whom it opens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backup/sealed.h"

static struct random_seeded seed;

static void
draft(struct sealed_draft *d, const uint8_t (*keys)[DH_LEN], size_t n)
{
	*d = (struct sealed_draft){ .kind = SEALED_SNAPSHOT,
		.clear = BYTES_STR("for anybody"),
		.plain = BYTES_STR("for few"),
		.keys = keys,
		.keys_len = n };
}

static void
key_make(struct dh_key *k, uint8_t fill)
{
	uint8_t sk[DH_LEN];

	memset(sk, fill, sizeof(sk));
	dh_key_from_secret(k, sk);
}

static void
write_one(struct buf *out, const uint8_t (*keys)[DH_LEN], size_t n)
{
	struct random random = random_from_seed(&seed, 1);
	struct sealed_draft d;

	draft(&d, keys, n);
	buf_init(out, OBJECT_BYTES_MAX);
	assert_int_equal(sealed_write(out, &d, &random).code, LK_OK);
}

static void
each_of_its_keys_opens_it_and_no_other_does(void **state)
{
	struct dh_key k[3];
	uint8_t pks[2][DH_LEN];
	struct sealed s;
	BUF_SCOPED object = { .max = 1 };

	(void)state;
	for (size_t i = 0; i < 3; i++)
		key_make(&k[i], (uint8_t)(7 + i));
	memcpy(pks[0], k[0].pk, DH_LEN);
	memcpy(pks[1], k[1].pk, DH_LEN);
	write_one(&object, (const uint8_t(*)[DH_LEN])pks[0], 2);
	assert_int_equal(sealed_read(&s, buf_bytes(&object)).code, LK_OK);
	assert_int_equal(s.kind, SEALED_SNAPSHOT);
	assert_true(bytes_equal(s.clear, BYTES_STR("for anybody")));
	for (size_t i = 0; i < 3; i++) {
		BUF_SCOPED plain = { .max = 1 };
		lk_err err = sealed_open(&plain, &s, &k[i]);

		assert_int_equal(err.code, i < 2 ? LK_OK : LK_E_DENIED);
		if (i < 2)
			assert_true(bytes_equal(
			    buf_bytes(&plain), BYTES_STR("for few")));
	}
}

static void
every_proper_prefix_is_refused(void **state)
{
	struct dh_key k;
	struct sealed s;
	BUF_SCOPED object = { .max = 1 };

	(void)state;
	key_make(&k, 7);
	write_one(&object, (const uint8_t(*)[DH_LEN])k.pk, 1);
	for (size_t n = 0; n < object.len; n++) {
		BUF_SCOPED plain = { .max = 1 };
		lk_err err = sealed_read(&s, BYTES(object.ptr, n));

		if (err.code == LK_OK)
			err = sealed_open(&plain, &s, &k);
		assert_true(
		    err.code == LK_E_TRUNCATED || err.code == LK_E_MALFORMED);
	}
}

static void
every_flipped_bit_changes_the_name_and_opens_nothing(void **state)
{
	uint8_t name[SEALED_NAME_LEN], other[SEALED_NAME_LEN];
	struct dh_key k;
	struct sealed s;
	BUF_SCOPED object = { .max = 1 };

	(void)state;
	key_make(&k, 7);
	write_one(&object, (const uint8_t(*)[DH_LEN])k.pk, 1);
	sealed_name(name, buf_bytes(&object));
	for (size_t i = 0; i < 8 * object.len; i++) {
		BUF_SCOPED plain = { .max = 1 };
		lk_err err;

		object.ptr[i / 8] ^= (uint8_t)(1 << i % 8);
		sealed_name(other, buf_bytes(&object));
		assert_memory_not_equal(name, other, sizeof(name));
		err = sealed_read(&s, buf_bytes(&object));
		if (err.code == LK_OK)
			err = sealed_open(&plain, &s, &k);
		assert_int_not_equal(err.code, LK_OK);
		object.ptr[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

static void
a_newer_version_is_called_so(void **state)
{
	struct dh_key k;
	struct sealed s;
	BUF_SCOPED object = { .max = 1 };

	(void)state;
	key_make(&k, 7);
	write_one(&object, (const uint8_t(*)[DH_LEN])k.pk, 1);
	object.ptr[4] = SEALED_VERSION + 1;
	assert_int_equal(
	    sealed_read(&s, buf_bytes(&object)).code, LK_E_VERSION);
	object.ptr[4] = 0;
	assert_int_equal(
	    sealed_read(&s, buf_bytes(&object)).code, LK_E_MALFORMED);
	object.ptr[4] = SEALED_VERSION;
	object.ptr[5] = SEALED_SNAPSHOT + 1;
	assert_int_equal(
	    sealed_read(&s, buf_bytes(&object)).code, LK_E_MALFORMED);
}

static void
what_is_too_long_is_refused(void **state)
{
	struct random random = random_from_seed(&seed, 1);
	struct sealed_draft d;
	struct dh_key k;
	uint8_t *much = calloc(1, SEALED_PLAIN_MAX + 1);
	BUF_SCOPED object = { .max = OBJECT_BYTES_MAX };

	(void)state;
	assert_non_null(much);
	key_make(&k, 7);
	draft(&d, (const uint8_t(*)[DH_LEN])k.pk, 1);
	d.plain = BYTES(much, SEALED_PLAIN_MAX + 1);
	assert_int_equal(sealed_write(&object, &d, &random).code, LK_E_LIMIT);
	d.plain.len--;
	assert_int_equal(sealed_write(&object, &d, &random).code, LK_OK);
	free(much);
}

static void
paths_say_name_and_time_and_nothing_else_is_one(void **state)
{
	static const char *const none[] = { "", "lk1/backup/data/",
		"lk1/backup/snap/0123", "lk1/backup/data/00", "lk1/x" };
	struct sealed_place p = { .snapshot = true,
		.time_ms = INT64_C(0x0123456789ab) },
			    again;
	char path[OBJECT_NAME_MAX + 1];

	(void)state;
	memset(p.name, 0xc5, sizeof(p.name));
	for (int kind = 0; kind < 3; kind++) {
		p.snapshot = kind == 1;
		p.mark = kind == 2;
		p.time_ms = kind > 0 ? SEALED_TIME_MAX : 0;
		sealed_path(path, &p);
		assert_true(object_name_is_valid(path));
		assert_true(sealed_path_parse(&again, path));
		assert_int_equal(again.snapshot, p.snapshot);
		assert_int_equal(again.mark, p.mark);
		assert_int_equal(again.time_ms, p.time_ms);
		assert_memory_equal(again.name, p.name, sizeof(p.name));
		for (size_t i = 0; path[i] != '\0'; i++) {
			char kept = path[i];

			path[i] = 'G';
			assert_false(sealed_path_parse(&again, path));
			path[i] = '\0';
			assert_false(sealed_path_parse(&again, path));
			path[i] = kept;
		}
		(void)strlcat(path, "0", sizeof(path));
		assert_false(sealed_path_parse(&again, path));
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(sealed_path_parse(&again, none[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_of_its_keys_opens_it_and_no_other_does),
		cmocka_unit_test(every_proper_prefix_is_refused),
		cmocka_unit_test(
		    every_flipped_bit_changes_the_name_and_opens_nothing),
		cmocka_unit_test(a_newer_version_is_called_so),
		cmocka_unit_test(what_is_too_long_is_refused),
		cmocka_unit_test(
		    paths_say_name_and_time_and_nothing_else_is_one),
	};

	return crypto_start().code == LK_OK
	    ? cmocka_run_group_tests(tests, NULL, NULL)
	    : 1;
}
