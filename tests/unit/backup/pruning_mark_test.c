/* What says which objects of backups are about to be removed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "backup/pruning_mark.h"

static void
mark_fill(struct buf *out)
{
	static uint8_t names[3][SEALED_NAME_LEN];
	struct pruning_mark m = { .from_ms = INT64_C(0x0123456789ab),
		.names = BYTES(names[0], sizeof(names)) };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		memset(names[i], (int)i + 1, SEALED_NAME_LEN);
	buf_init(out, 4096);
	pruning_mark_write(out, &m);
}

static void
a_mark_gives_back_its_time_and_names(void **state)
{
	struct pruning_mark m;
	BUF_SCOPED object = { .max = 1 };

	(void)state;
	mark_fill(&object);
	assert_int_equal(pruning_mark_read(&m, buf_bytes(&object)).code, LK_OK);
	assert_int_equal(m.from_ms, INT64_C(0x0123456789ab));
	assert_int_equal(m.names.len, 3 * SEALED_NAME_LEN);
	for (size_t i = 0; i < m.names.len; i++)
		assert_int_equal(m.names.ptr[i], i / SEALED_NAME_LEN + 1);
}

static void
every_proper_prefix_of_a_mark_is_truncated(void **state)
{
	struct pruning_mark m;
	BUF_SCOPED object = { .max = 1 };

	(void)state;
	mark_fill(&object);
	for (size_t len = 0; len < object.len; len++)
		assert_int_equal(
		    pruning_mark_read(&m, BYTES(object.ptr, len)).code,
		    LK_E_TRUNCATED);
	buf_u8(&object, 0);
	assert_int_equal(
	    pruning_mark_read(&m, buf_bytes(&object)).code, LK_E_MALFORMED);
}

static void
a_mark_of_another_form_is_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t byte;
		enum lk_code code;
	} wrong[] = {
		{ 0, 'M', LK_E_MALFORMED }, { 4, 0, LK_E_MALFORMED },
		{ 4, 2, LK_E_VERSION },
		{ 5, 3, LK_E_MALFORMED },  /* a snapshot */
		{ 6, 1, LK_E_MALFORMED },  /* later than any path can say */
		{ 14, 0, LK_E_MALFORMED }, /* of nothing */
		{ 14, 4, LK_E_TRUNCATED }, /* one name more than there is */
		{ 14, 2, LK_E_MALFORMED }, /* one less */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct pruning_mark m;
		BUF_SCOPED object = { .max = 1 };

		mark_fill(&object);
		object.ptr[wrong[i].at] = wrong[i].byte;
		assert_int_equal(pruning_mark_read(&m, buf_bytes(&object)).code,
		    wrong[i].code);
	}
}

static void
a_mark_has_a_bound(void **state)
{
	struct pruning_mark m;
	BUF_SCOPED object = { .max = 64 };

	(void)state;
	buf_str(&object, "LKBK");
	buf_u8(&object, SEALED_VERSION);
	buf_u8(&object, PRUNING_MARK_KIND);
	buf_u64(&object, 0);
	buf_uleb(&object, PRUNING_MARK_NAMES_MAX + 1);
	assert_int_equal(
	    pruning_mark_read(&m, buf_bytes(&object)).code, LK_E_MALFORMED);
	object.len = 14;
	buf_uleb(&object, UINT64_MAX);
	assert_int_equal(
	    pruning_mark_read(&m, buf_bytes(&object)).code, LK_E_MALFORMED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mark_gives_back_its_time_and_names),
		cmocka_unit_test(every_proper_prefix_of_a_mark_is_truncated),
		cmocka_unit_test(a_mark_of_another_form_is_refused),
		cmocka_unit_test(a_mark_has_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
