#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

static void
times_are_read_with_any_offset(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "1970-01-01T01:00:00+01:00", 0 },
		{ "1969-12-31T19:00:00.001-05:00", 1 },
		{ "2026-11-21T02:29:41.123Z", INT64_C(1795228181123) },
		{ "2000-02-29t12:00:00.98765z", INT64_C(951825600987) },
		{ "0000-01-01T00:00:00Z", INT64_C(-62167219200000) },
		{ "9999-12-31T23:59:59.999Z", INT64_C(253402300799999) },
	};
	static const char *const bad[] = { "", "2026", "2026-11-21",
		"2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
		"2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
		"2026-01-01T00:00:00", "2026-01-01T00:00:00.Z",
		"2026-01-01T00:00:00+25:00", "2026-01-01T00:00:00Zx",
		"2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z" };
	struct wall at;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(
		    wall_read(&at, BYTES_STR(good[i].text)).code, LK_OK);
		assert_int_equal(at.ms, good[i].ms);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (wall_read(&at, BYTES_STR(bad[i])).code != LK_E_DATA)
			fail_msg("accepted: %s", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_read_with_any_offset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
