/*
 * log.h - lines for the operator, from daemon/ and cli/ only.
 *
 * Form: "subject: event: detail".  Remote text is passed through strvis(3)
 * before it gets here; keys and document content never get here.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Lines go to `fd` from now on, up to `level`; the default is stderr, info. */
void log_init(int fd, enum log_level);
/* Whether `fd` is systemd's journal, going by what it says in JOURNAL_STREAM. */
bool log_is_journal(int fd);
/* From now on lines begin with a priority, "<6>", in place of time and level:
 * what the journal reads. */
void log_to_journal(void);
/* Writes one line with time and level, in one write(2).  Thread safe. */
void log_line(enum log_level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
