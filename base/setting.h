/*
 * setting.h - what can be set in the file `config` of LK_HOME, for lkd, which
 * follows it, and lk, which writes it (lk.conf(5)).
 *
 * The file has lines of a name and a value with blanks between them; # begins a
 * comment.  A line that is not understood keeps lkd from starting.
 */
#ifndef BASE_SETTING_H
#define BASE_SETTING_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"

#define SETTING_FILE "config" /* in LK_HOME */
#define SETTING_FILE_LINES_MAX 1000
#define SETTING_ADDRESS_MAX 272 /* "[v6]:port" or "name:port" */

enum setting_id {
	SETTING_LISTEN,
	SETTING_LOG,
	SETTING_ADDRESS,
	SETTING_DISCOVERY,
	SETTING_BACKUP_AGE,
};
#define SETTINGS_COUNT 5

struct setting {
	const char *name;
	const char *fallback; /* what holds without it; "" for nothing */
	const char *variable; /* that goes before the file, or NULL */
	const char *about;    /* one line */
	size_t values_max;    /* lines of it; of more than one, all hold */
};

/* Indexed by enum setting_id. */
extern const struct setting settings[SETTINGS_COUNT];
/* NOTFOUND. */
LK_MUST_USE lk_err setting_find(const char *name, enum setting_id *);
/* MALFORMED when it is no value of this setting; err.what is what one is. */
LK_MUST_USE lk_err setting_check(enum setting_id, const char *value);

struct setting_line {
	bool given; /* false: an empty line */
	enum setting_id id;
	char value[PATH_MAX];
};
/* One line of the file, without its end and comment.  MALFORMED when there is
 * no such setting or no such value. */
LK_MUST_USE lk_err setting_line_read(struct setting_line *, const char *line);

/* What values say.  MALFORMED. */

/* "host:port", ":port" or "port"; a host is a numeric address, in brackets when
 * it is IPv6, or "localhost"; "" in `host` is all addresses. */
LK_MUST_USE lk_err setting_listen(
    const char *value, char host[static SETTING_ADDRESS_MAX], uint16_t *port);
/* "error", "warn", "info" or "debug"; false when it is none of these. */
bool setting_log_level(const char *value, enum log_level *);
/* "host:port", both given. */
LK_MUST_USE lk_err setting_address(const char *value);
LK_MUST_USE lk_err setting_switch(const char *value, bool *on);
/* 90s, 10m, 2h, 7d, 500ms, or 30, which is seconds; up to SPAN_DAYS_MAX. */
bool setting_span(const char *value, int64_t *ms);

#endif
