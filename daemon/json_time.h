/*
 * json_time.h - times as JSON carries them: RFC 3339 text.  Writing is
 * wall_format (base/clock.h).
 */
#ifndef DAEMON_JSON_TIME_H
#define DAEMON_JSON_TIME_H

#include "base/bytes.h"

/* Milliseconds since 1970 of a time with any offset; finer digits are cut off,
 * a leap second counts as the one after it.  DATA when it is no time. */
LK_MUST_USE lk_err json_time_read(struct bytes text, int64_t *ms);

#endif
