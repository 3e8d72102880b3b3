#include "base/clock.h"

#include <stdio.h>

#define DAY_MS INT64_C(86400000)
#define WALL_MIN_MS INT64_C(-62167219200000)
#define WALL_MAX_MS INT64_C(253402300799999)

/* Civil date from days since 1970; Howard Hinnant, "chrono-Compatible
 * Low-Level Date Algorithms", civil_from_days. */
static void
civil_date(int64_t days, int *year, unsigned *month, unsigned *day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t in_era = z - era * 146097;
	int64_t y = (in_era - in_era / 1460 + in_era / 36524 -
		      in_era / 146096) / 365;
	int64_t in_year = in_era - (365 * y + y / 4 - y / 100);
	int64_t mp = (5 * in_year + 2) / 153;

	*day = (unsigned)(in_year - (153 * mp + 2) / 5 + 1);
	*month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
	*year = (int)(y + era * 400 + (*month <= 2));
}

void
wall_format(char out[static WALL_TEXT_LEN], struct wall w)
{
	int64_t ms = w.ms < WALL_MIN_MS ? WALL_MIN_MS :
	    w.ms > WALL_MAX_MS		? WALL_MAX_MS :
					  w.ms;
	int64_t days = ms / DAY_MS, rest = ms % DAY_MS;
	unsigned month, day;
	int year;

	if (rest < 0) {
		rest += DAY_MS;
		days--;
	}
	civil_date(days, &year, &month, &day);
	(void)snprintf(out, WALL_TEXT_LEN,
	    "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)year % 10000,
	    month % 100, day % 100, (unsigned)(rest / 3600000) % 100,
	    (unsigned)(rest / 60000 % 60), (unsigned)(rest / 1000 % 60),
	    (unsigned)(rest % 1000));
}
