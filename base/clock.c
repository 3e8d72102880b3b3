#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

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
	int64_t y =
	    (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	int64_t in_year = in_era - (365 * y + y / 4 - y / 100);
	int64_t mp = (5 * in_year + 2) / 153;

	*day = (unsigned)(in_year - (153 * mp + 2) / 5 + 1);
	*month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
	*year = (int)(y + era * 400 + (*month <= 2));
}

void
wall_format(char out[static WALL_TEXT_LEN], struct wall w)
{
	int64_t ms = w.ms < WALL_MIN_MS ? WALL_MIN_MS
	    : w.ms > WALL_MAX_MS        ? WALL_MAX_MS
					: w.ms;
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

static bool
digits_read(const char **at, int n, int64_t *out)
{
	int64_t value = 0;

	for (int i = 0; i < n; i++, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		value = value * 10 + (**at - '0');
	}
	*out = value;
	return true;
}

static bool
char_read(const char **at, const char *any)
{
	if (**at == '\0' || strchr(any, **at) == NULL)
		return false;
	(*at)++;
	return true;
}

/* Days since 1970 of a civil date: Howard Hinnant, "chrono-Compatible
 * Low-Level Date Algorithms", days_from_civil. */
static int64_t
civil_days(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t in_era = y - era * 400;
	int64_t in_year =
	    (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 +
	    in_year - 719468;
}

static bool
date_read(const char **at, int64_t *days)
{
	static const uint8_t lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30,
		31, 30, 31 };
	int64_t year, month, day;
	bool leap;

	if (!digits_read(at, 4, &year) || !char_read(at, "-") ||
	    !digits_read(at, 2, &month) || !char_read(at, "-") ||
	    !digits_read(at, 2, &day))
		return false;
	leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	if (month < 1 || month > 12 || day < 1 ||
	    day > lengths[month - 1] + (month == 2 && leap))
		return false;
	*days = civil_days(year, month, day);
	return true;
}

static bool
offset_read(const char **at, int64_t *minutes)
{
	int64_t hours, rest;
	bool west = **at == '-';

	*minutes = 0;
	if (char_read(at, "Zz"))
		return true;
	if (!char_read(at, "+-") || !digits_read(at, 2, &hours) ||
	    !char_read(at, ":") || !digits_read(at, 2, &rest) || hours > 23 ||
	    rest > 59)
		return false;
	*minutes = (west ? -1 : 1) * (hours * 60 + rest);
	return true;
}

static bool
clock_read(const char **at, int64_t *ms)
{
	int64_t hours, minutes, seconds, unit = 100, offset;

	*ms = 0;
	if (!digits_read(at, 2, &hours) || !char_read(at, ":") ||
	    !digits_read(at, 2, &minutes) || !char_read(at, ":") ||
	    !digits_read(at, 2, &seconds) || hours > 23 || minutes > 59 ||
	    seconds > 60)
		return false;
	if (char_read(at, ".")) {
		if (**at < '0' || **at > '9')
			return false;
		for (; **at >= '0' && **at <= '9'; (*at)++, unit /= 10)
			*ms += (**at - '0') * unit;
	}
	if (!offset_read(at, &offset))
		return false;
	*ms += ((hours * 60 + minutes - offset) * 60 + seconds) * 1000;
	return true;
}

lk_err
wall_read(struct wall *out, struct bytes text)
{
	char copy[64];
	const char *at = copy;
	int64_t days, rest;

	if (text.len >= sizeof(copy))
		return LK_ERR(LK_E_DATA, "not an RFC 3339 time");
	if (text.len > 0)
		memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	if (!date_read(&at, &days) || !char_read(&at, "Tt ") ||
	    !clock_read(&at, &rest) || at != copy + text.len)
		return LK_ERR(LK_E_DATA, "not an RFC 3339 time");
	out->ms = days * DAY_MS + rest;
	return LK_NONE;
}
