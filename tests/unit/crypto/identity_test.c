#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto/identity.h"

#define PATH_LEN 256

static char root[] = "/tmp/lk-identity-XXXXXX";
static char home[PATH_LEN], file[PATH_LEN + 16];

static void
identity_make(struct identity *id)
{
	struct random_seeded seed;
	struct random random = random_from_seed(&seed, 11);

	assert_int_equal(
	    identity_create(id, &random, "laptop of Jos\xc3\xa9").code, LK_OK);
	id->box_counter = 7;
	memset(id->root_pk, 0x33, sizeof(id->root_pk));
	memset(id->cert, 0x44, 362);
	id->cert_len = 362;
}

static void
assert_same(const struct identity *a, const struct identity *b)
{
	BUF_SCOPED one = { 0 };
	BUF_SCOPED two = { 0 };

	buf_init(&one, 4096);
	buf_init(&two, 4096);
	identity_encode(&one, a);
	identity_encode(&two, b);
	assert_false(one.failed);
	assert_true(bytes_equal(buf_bytes(&one), buf_bytes(&two)));
	assert_memory_equal(a->sign.pk, b->sign.pk, SIGN_PK_LEN);
	assert_memory_equal(a->noise.pk, b->noise.pk, DH_LEN);
	assert_memory_equal(a->box.pk, b->box.pk, DH_LEN);
}

static int
home_setup(void **state)
{
	(void)state;
	(void)unlink(file);
	(void)snprintf(home, sizeof(home), "%s/home", root);
	(void)snprintf(file, sizeof(file), "%s/%s", home, IDENTITY_FILE);
	return 0;
}

static int
home_teardown(void **state)
{
	(void)state;
	(void)chmod(home, 0700);
	(void)rmdir(file);
	(void)unlink(file);
	(void)rmdir(home);
	return 0;
}

static void
what_was_saved_is_loaded(void **state)
{
	struct identity id, back;
	struct stat st;

	(void)state;
	identity_make(&id);
	assert_int_equal(identity_save(&id, home).code, LK_OK);
	assert_int_equal(identity_load(&back, home).code, LK_OK);
	assert_same(&id, &back);
	assert_int_equal(stat(home, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void
saving_again_replaces_the_file_and_leaves_nothing_else(void **state)
{
	struct identity id, back;
	char other[sizeof(file) + 8];
	FILE *f;

	(void)state;
	identity_make(&id);
	assert_int_equal(identity_save(&id, home).code, LK_OK);
	/* As after a crash between writing and renaming. */
	(void)snprintf(other, sizeof(other), "%s.new", file);
	f = fopen(other, "w");
	assert_non_null(f);
	(void)fputs("half", f);
	(void)fclose(f);
	id.box_counter = 8;
	id.cert_len = 0;
	memset(id.cert, 0, sizeof(id.cert));
	assert_int_equal(identity_save(&id, home).code, LK_OK);
	assert_int_equal(identity_load(&back, home).code, LK_OK);
	assert_same(&id, &back);
	assert_int_not_equal(access(other, F_OK), 0);
}

static void
without_a_file_there_is_no_identity(void **state)
{
	struct identity id;

	(void)state;
	assert_int_equal(identity_load(&id, home).code, LK_E_CONFIG);
	assert_int_equal(mkdir(home, 0700), 0);
	assert_int_equal(identity_load(&id, home).code, LK_E_CONFIG);
}

static void
a_file_open_to_others_is_refused(void **state)
{
	static const mode_t modes[] = { 0640, 0620, 0610, 0604, 0602, 0601 };
	struct identity id;

	(void)state;
	identity_make(&id);
	assert_int_equal(identity_save(&id, home).code, LK_OK);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(chmod(file, modes[i]), 0);
		assert_int_equal(identity_load(&id, home).code, LK_E_DENIED);
	}
	assert_int_equal(chmod(file, 0400), 0);
	assert_int_equal(identity_load(&id, home).code, LK_OK);
}

static void
a_directory_others_may_write_is_refused(void **state)
{
	struct identity id;

	(void)state;
	identity_make(&id);
	assert_int_equal(identity_save(&id, home).code, LK_OK);
	assert_int_equal(chmod(home, 0720), 0);
	assert_int_equal(identity_load(&id, home).code, LK_E_DENIED);
	assert_int_equal(identity_save(&id, home).code, LK_E_DENIED);
	assert_int_equal(chmod(home, 0702), 0);
	assert_int_equal(identity_load(&id, home).code, LK_E_DENIED);
	assert_int_equal(chmod(home, 0755), 0);
	assert_int_equal(identity_load(&id, home).code, LK_OK);
}

static void
somebody_elses_file_is_refused(void **state)
{
	struct identity id;

	(void)state;
	if (geteuid() != 0) {
		print_message("not root, so no file can be given away\n");
		skip();
	}
	identity_make(&id);
	assert_int_equal(identity_save(&id, home).code, LK_OK);
	assert_int_equal(chown(file, 65534, 65534), 0);
	assert_int_equal(identity_load(&id, home).code, LK_E_DENIED);
	assert_int_equal(chown(file, 0, 0), 0);
	assert_int_equal(chown(home, 65534, 65534), 0);
	assert_int_equal(identity_load(&id, home).code, LK_E_DENIED);
	assert_int_equal(chown(home, 0, 0), 0);
}

static void
links_pipes_and_directories_are_refused(void **state)
{
	struct identity id;
	char other[sizeof(file) + 8];

	(void)state;
	identity_make(&id);
	assert_int_equal(identity_save(&id, home).code, LK_OK);
	(void)snprintf(other, sizeof(other), "%s.moved", file);
	assert_int_equal(rename(file, other), 0);
	assert_int_equal(symlink(other, file), 0);
	assert_int_equal(identity_load(&id, home).code, LK_E_DENIED);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(unlink(other), 0);
	assert_int_equal(mkfifo(file, 0600), 0);
	assert_int_equal(identity_load(&id, home).code, LK_E_DENIED);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(mkdir(file, 0700), 0);
	assert_int_equal(identity_load(&id, home).code, LK_E_DENIED);
}

static void
a_file_that_is_far_too_long_is_damaged(void **state)
{
	struct identity id;

	(void)state;
	identity_make(&id);
	assert_int_equal(identity_save(&id, home).code, LK_OK);
	assert_int_equal(truncate(file, 1 << 30), 0);
	assert_int_equal(identity_load(&id, home).code, LK_E_CORRUPT);
}

static void
every_prefix_and_every_flipped_bit_is_damage(void **state)
{
	struct identity id, back;
	BUF_SCOPED out = { 0 };

	(void)state;
	identity_make(&id);
	memset(&back, 0x77, sizeof(back));
	buf_init(&out, 4096);
	identity_encode(&out, &id);
	for (size_t n = 0; n < out.len; n++)
		assert_int_equal(identity_decode(&back, BYTES(out.ptr, n)).code,
		    LK_E_CORRUPT);
	for (size_t bit = 0; bit < out.len * 8; bit++) {
		out.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(
		    identity_decode(&back, buf_bytes(&out)).code, LK_E_CORRUPT);
		out.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t i = 0; i < sizeof(back); i++)
		assert_int_equal(((uint8_t *)&back)[i], 0x77);
	assert_int_equal(identity_decode(&back, buf_bytes(&out)).code, LK_OK);
	assert_same(&id, &back);
}

static void
a_newer_version_is_named_as_such(void **state)
{
	struct identity back;
	/* "LKID", version 2, and the BLAKE2b of these five bytes. */
	static const char text[] =
	    "4c4b494402"
	    "6ec8506b8521e2c80d87e9a8176b915973bba850af1cb48ae307dc8d8175686e";
	uint8_t raw[5 + 32];

	(void)state;
	assert_true(hex_decode(raw, sizeof(raw), text));
	assert_int_equal(
	    identity_decode(&back, BYTES_OF(raw)).code, LK_E_VERSION);
}

static void
names_are_text_of_1_to_255_bytes(void **state)
{
	struct random_seeded seed;
	struct random random = random_from_seed(&seed, 12);
	struct identity id;
	char name[LK_NAME_MAX + 2];

	(void)state;
	assert_int_equal(identity_create(&id, &random, "").code, LK_E_USAGE);
	assert_int_equal(
	    identity_create(&id, &random, "\xff").code, LK_E_USAGE);
	memset(name, 'n', sizeof(name));
	name[LK_NAME_MAX + 1] = '\0';
	assert_int_equal(identity_create(&id, &random, name).code, LK_E_USAGE);
	name[LK_NAME_MAX] = '\0';
	assert_int_equal(identity_create(&id, &random, name).code, LK_OK);
	assert_int_equal(identity_save(&id, home).code, LK_OK);
	assert_int_equal(identity_load(&id, home).code, LK_OK);
	assert_string_equal(id.name, name);
}

static void
every_key_of_a_new_identity_is_another(void **state)
{
	struct random random = random_system();
	struct identity a, b;

	(void)state;
	assert_int_equal(identity_create(&a, &random, "a").code, LK_OK);
	assert_int_equal(identity_create(&b, &random, "b").code, LK_OK);
	assert_memory_not_equal(a.sign.pk, b.sign.pk, 32);
	assert_memory_not_equal(a.noise.pk, b.noise.pk, 32);
	assert_memory_not_equal(a.noise.sk, a.box.sk, 32);
	assert_memory_not_equal(a.sign.sk, a.box.sk, 32);
	assert_memory_not_equal(a.genesis_seed, a.beacon_key, 32);
	assert_int_equal(a.box_counter, 0);
	assert_int_equal(a.cert_len, 0);
}

static void
clearing_leaves_zeros(void **state)
{
	struct identity id;

	(void)state;
	identity_make(&id);
	identity_clear(&id);
	for (size_t i = 0; i < sizeof(id); i++)
		assert_int_equal(((uint8_t *)&id)[i], 0);
	identity_clear(NULL);
}

#define TEST_AT_HOME(t) \
	cmocka_unit_test_setup_teardown(t, home_setup, home_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_AT_HOME(what_was_saved_is_loaded),
		TEST_AT_HOME(
		    saving_again_replaces_the_file_and_leaves_nothing_else),
		TEST_AT_HOME(without_a_file_there_is_no_identity),
		TEST_AT_HOME(a_file_open_to_others_is_refused),
		TEST_AT_HOME(a_directory_others_may_write_is_refused),
		TEST_AT_HOME(somebody_elses_file_is_refused),
		TEST_AT_HOME(links_pipes_and_directories_are_refused),
		TEST_AT_HOME(a_file_that_is_far_too_long_is_damaged),
		cmocka_unit_test(every_prefix_and_every_flipped_bit_is_damage),
		cmocka_unit_test(a_newer_version_is_named_as_such),
		TEST_AT_HOME(names_are_text_of_1_to_255_bytes),
		cmocka_unit_test(every_key_of_a_new_identity_is_another),
		cmocka_unit_test(clearing_leaves_zeros),
	};
	int failed;

	if (crypto_start().code != LK_OK || mkdtemp(root) == NULL)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)rmdir(root);
	return failed;
}
