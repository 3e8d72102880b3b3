#include "cli/cursor_file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* The longest number, a space, a key in hex, the end of the line. */
#define LINE_LEN (19 + 1 + 64 + 1)

static int
file_fail(struct lk *lk, const struct cursor_file *f, int status)
{
	return lk_fail(lk, status, "system", NULL, "%s: %s", safe(f->path),
	    strerror(errno));
}

static bool
is_key(const char *text)
{
	return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* Takes "CURSOR [DEVICE]", in which spaces may follow. */
static bool
line_take(struct cursor_file *f, char *line)
{
	char *number = strsep(&line, " \n"), *key;
	const char *why;

	f->cursor = strtonum(number, 0, INT64_MAX, &why);
	if (why != NULL)
		return false;
	while ((key = strsep(&line, " \n")) != NULL) {
		if (*key == '\0')
			continue;
		if (f->device[0] != '\0' || !is_key(key))
			return false;
		(void)strlcpy(f->device, key, sizeof(f->device));
	}
	return true;
}

static int
file_take(struct lk *lk, struct cursor_file *f)
{
	char line[LINE_LEN + 2];
	ssize_t n = pread(f->fd, line, sizeof(line) - 1, 0);

	if (n == -1)
		return file_fail(lk, f, 74);
	if (n == 0)
		return 0;
	line[n] = '\0';
	if (n <= LINE_LEN && strlen(line) == (size_t)n && line_take(f, line))
		return 0;
	return lk_fail(lk, 65, "data", "name a file that holds nothing else",
	    "%s: there is something else in it than a cursor", safe(f->path));
}

int
cursor_file_open(struct lk *lk, struct cursor_file *f, const char *path)
{
	int status;

	*f = (struct cursor_file){ .path = path, .cursor = CURSOR_NONE };
	f->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (f->fd == -1)
		return file_fail(lk, f, 73);
	if (flock(f->fd, LOCK_EX | LOCK_NB) == 0)
		status = file_take(lk, f);
	else if (errno == EWOULDBLOCK)
		status = lk_fail(lk, 75, "again", "one file for each of them",
		    "%s: another lk watch goes on from it", safe(path));
	else
		status = file_fail(lk, f, 74);
	if (status != 0)
		cursor_file_close(f);
	return status;
}

void
cursor_file_close(struct cursor_file *f)
{
	(void)close(f->fd);
	f->fd = -1;
}

int
cursor_file_write(struct lk *lk, struct cursor_file *f, int64_t cursor)
{
	char line[LINE_LEN + 1];
	int n = snprintf(
	    line, sizeof(line), "%-19" PRId64 " %-64s\n", cursor, f->device);

	if (pwrite(f->fd, line, (size_t)n, 0) != n ||
	    ftruncate(f->fd, n) == -1 || fdatasync(f->fd) == -1)
		return file_fail(lk, f, 74);
	f->cursor = cursor;
	return 0;
}
