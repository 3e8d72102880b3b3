#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define LINE_MAX_BYTES 1024

static struct {
	int fd;
	enum log_level level;
} sink = { .fd = STDERR_FILENO, .level = LOG_LEVEL_INFO };

void
log_init(int fd, enum log_level level)
{
	sink.fd = fd;
	sink.level = level;
}

void
log_line(enum log_level level, const char *fmt, ...)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	char line[LINE_MAX_BYTES], when[WALL_TEXT_LEN];
	struct timespec ts;
	va_list ap;
	int head, body;
	size_t len;

	if (level > sink.level)
		return;
	clock_gettime(CLOCK_REALTIME, &ts);
	wall_format(when,
	    (struct wall){ (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 });
	head = snprintf(line, sizeof(line), "%s %s ", when, names[level]);
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
