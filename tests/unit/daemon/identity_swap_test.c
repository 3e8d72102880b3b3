#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/daemon.h"

/* A daemon that has no more than a store. */
static struct daemon *
daemon_with_store(void)
{
	struct daemon *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	strlcpy(d->options.home, "/tmp/lkswapXXXXXX", sizeof(d->options.home));
	assert_non_null(mkdtemp(d->options.home));
	assert_int_equal(store_open_home(d).code, LK_OK);
	return (d);
}

static void
file_remove(struct daemon *d, const char *name)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", d->options.home, name);
	if (unlink(path) == -1)
		(void)rmdir(path);
}

static void
daemon_end(struct daemon *d)
{
	static const char *const files[] = { "identity.next/identity",
		"identity.next", "identity", "store/data.mdb", "store/lock.mdb",
		"store/ballast", "store/lock", "store", "." };

	store_close(d->store);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		file_remove(d, files[i]);
	(void)rmdir(d->options.home);
	identity_clear(&d->identity);
	identity_clear(&d->identity_saved);
	free(d);
}

/* Another name is another identity as far as the file goes. */
static void
identity_change(struct daemon *d, const char *name)
{
	struct random random = random_system();

	assert_int_equal(
	    identity_create(&d->identity, &random, name).code, LK_OK);
	d->has_identity = true;
}

static void
stage_and_end(struct daemon *d, bool commit)
{
	assert_int_equal(txn_begin(d->store, TXN_WRITE, &d->txn).code, LK_OK);
	assert_int_equal(identity_swap_stage(d).code, LK_OK);
	assert_true(d->identity_staged);
	if (commit)
		assert_int_equal(txn_commit(d->txn).code, LK_OK);
	else
		txn_abort(d->txn);
	d->txn = NULL;
}

static void
assert_on_disk(struct daemon *d, const char *name)
{
	struct identity id;
	lk_err err = identity_load(&id, d->options.home);

	if (name == NULL) {
		assert_int_equal(err.code, LK_E_CONFIG);
		return;
	}
	assert_int_equal(err.code, LK_OK);
	assert_string_equal(id.name, name);
	identity_clear(&id);
}

static void
a_committed_identity_takes_its_place(void **state)
{
	struct daemon *d = daemon_with_store();

	(void)state;
	identity_change(d, "one");
	stage_and_end(d, true);
	identity_swap_adopt(d);
	assert_on_disk(d, "one");
	/* Nothing changed, nothing is written. */
	assert_int_equal(identity_swap_stage(d).code, LK_OK);
	assert_false(d->identity_staged);
	assert_int_equal(identity_swap_recover(d).code, LK_OK);
	assert_on_disk(d, "one");
	daemon_end(d);
}

static void
after_a_crash_the_store_says_which_identity_counts(void **state)
{
	struct daemon *d = daemon_with_store();

	(void)state;
	/* Between writing the file and the commit. */
	identity_change(d, "one");
	stage_and_end(d, false);
	assert_int_equal(identity_swap_recover(d).code, LK_OK);
	assert_on_disk(d, NULL);
	/* Between the commit and the file taking its place. */
	stage_and_end(d, true);
	assert_on_disk(d, NULL);
	assert_int_equal(identity_swap_recover(d).code, LK_OK);
	assert_on_disk(d, "one");
	/* The same with one there already. */
	d->identity_saved = d->identity;
	identity_change(d, "two");
	stage_and_end(d, false);
	assert_int_equal(identity_swap_recover(d).code, LK_OK);
	assert_on_disk(d, "one");
	stage_and_end(d, true);
	assert_int_equal(identity_swap_recover(d).code, LK_OK);
	assert_on_disk(d, "two");
	daemon_end(d);
}

static void
a_file_that_was_cut_short_by_a_crash_does_not_count(void **state)
{
	struct daemon *d = daemon_with_store();
	char path[PATH_MAX + 64];

	(void)state;
	identity_change(d, "one");
	stage_and_end(d, false);
	snprintf(
	    path, sizeof(path), "%s/identity.next/identity", d->options.home);
	assert_int_equal(truncate(path, 40), 0);
	assert_int_equal(identity_swap_recover(d).code, LK_OK);
	assert_on_disk(d, NULL);
	assert_int_equal(access(path, F_OK), -1);
	daemon_end(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_committed_identity_takes_its_place),
		cmocka_unit_test(
		    after_a_crash_the_store_says_which_identity_counts),
		cmocka_unit_test(
		    a_file_that_was_cut_short_by_a_crash_does_not_count),
	};

	if (crypto_start().code != LK_OK)
		return (1);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
