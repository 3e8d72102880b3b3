#include "base/log.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define LINE_MAX_BYTES 1024

static struct {
	int fd;
	enum log_level level;
	bool journal;
} sink = { .fd = STDERR_FILENO, .level = LOG_LEVEL_INFO };

void
log_init(int fd, enum log_level level)
{
	sink.fd = fd;
	sink.level = level;
}

bool
log_is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char text[64];
	struct stat st;

	if (stream == NULL || fstat(fd, &st) != 0)
		return false;
	snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	return strcmp(stream, text) == 0;
}

void
log_to_journal(void)
{
	sink.journal = true;
}

/* What a line begins with. */
static int
head_write(char *line, size_t len, enum log_level level)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	static const int priorities[] = { 3, 4, 6, 7 };
	char when[WALL_TEXT_LEN];
	struct timespec ts;

	if (sink.journal)
		return snprintf(line, len, "<%d>", priorities[level]);
	clock_gettime(CLOCK_REALTIME, &ts);
	wall_format(when,
	    (struct wall){ (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 });
	return snprintf(line, len, "%s %s ", when, names[level]);
}

void
log_line(enum log_level level, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	va_list ap;
	int head, body;
	size_t len;

	if (level > sink.level)
		return;
	head = head_write(line, sizeof(line), level);
	if (head < 0)
		return;
	va_start(ap, fmt);
	body = vsnprintf(
	    line + head, sizeof(line) - (size_t)head - 1, fmt, ap);
	va_end(ap);
	if (body < 0)
		return;
	len = (size_t)head + (size_t)body;
	if (len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len] = '\n';
	/* There is nobody left to tell when the log cannot be written. */
	if (write(sink.fd, line, len + 1) < 0)
		return;
}
