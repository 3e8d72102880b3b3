#include "cli/file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/output.h"

#define READ_STEP (256 * 1024)

static int
read_fail(struct lk *lk, const char *path)
{
	if (errno == ENOENT || errno == ENOTDIR)
		return lk_fail(
		    lk, 66, "not-found", NULL, "%s: no such file", safe(path));
	return lk_fail(
	    lk, 74, "system", NULL, "%s: %s", safe(path), strerror(errno));
}

static int
all_read(struct lk *lk, int fd, const char *path, struct buf *out)
{
	for (;;) {
		size_t had = out->len;
		size_t room =
		    out->max - had < READ_STEP ? out->max - had : READ_STEP;
		uint8_t *at = room == 0 ? NULL : buf_extend(out, room);
		uint8_t one;
		ssize_t n;

		do
			n = read(
			    fd, at == NULL ? &one : at, at == NULL ? 1 : room);
		while (n == -1 && errno == EINTR);
		if (n == -1)
			return read_fail(lk, path);
		if (at == NULL && n > 0)
			return lk_fail(lk, 65, "limit", NULL,
			    "%s: larger than %zu MiB", safe(path),
			    out->max >> 20);
		out->len = had + (at == NULL ? 0 : (size_t)n);
		if (n == 0)
			return 0;
	}
}

int
file_read(struct lk *lk, const char *path, struct buf *out)
{
	int fd, status;

	if (strcmp(path, "-") == 0)
		return all_read(lk, STDIN_FILENO, "standard input", out);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return read_fail(lk, path);
	status = all_read(lk, fd, path, out);
	close(fd);
	return status;
}

static bool
all_write(int fd, struct bytes b)
{
	while (b.len > 0) {
		ssize_t n = write(fd, b.ptr, b.len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return false;
		b = BYTES(b.ptr + n, b.len - (size_t)n);
	}
	return true;
}

static mode_t
file_mode(const char *path)
{
	struct stat st;
	mode_t mask;

	if (stat(path, &st) == 0)
		return st.st_mode & 0777;
	mask = umask(0);
	(void)umask(mask);
	return 0666 & ~mask;
}

/* Anything but a regular file (a pipe, /dev/null) is written to, not replaced.
 */
static bool
is_replaceable(const char *path)
{
	struct stat st;

	return lstat(path, &st) == -1 || S_ISREG(st.st_mode);
}

static bool
is_link(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

static int
write_through(struct lk *lk, const char *path, struct bytes b)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd != -1 && all_write(fd, b);
	int error = errno;

	if (fd != -1)
		close(fd);
	if (good)
		return 0;
	return lk_fail(lk, fd == -1 ? 73 : 74, "system", NULL, "%s: %s",
	    safe(path), strerror(error));
}

/* Writes to `part`, whose name ends in XXXXXX, and renames it. */
static int
write_and_rename(struct lk *lk, char *part, const char *path, struct bytes b)
{
	bool good;
	int fd, error;

	fd = mkostemp(part, O_CLOEXEC);
	if (fd == -1)
		return lk_fail(lk, 73, "system", NULL, "%s: %s", safe(path),
		    strerror(errno));
	good = all_write(fd, b) && fchmod(fd, file_mode(path)) == 0 &&
	    fsync(fd) == 0;
	error = errno;
	if (close(fd) == -1 && good) {
		good = false;
		error = errno;
	}
	if (good && rename(part, path) == 0)
		return 0;
	if (good)
		error = errno;
	(void)unlink(part);
	return lk_fail(
	    lk, 74, "system", NULL, "%s: %s", safe(path), strerror(error));
}

static int
path_fail(struct lk *lk, const char *path)
{
	return lk_fail(
	    lk, 73, "system", NULL, "%s: the path is too long", safe(path));
}

int
file_write(struct lk *lk, const char *path, struct bytes b)
{
	char part[PATH_MAX], real[PATH_MAX];

	if (path == NULL || strcmp(path, "-") == 0) {
		output_bytes(b.ptr, b.len);
		return 0;
	}
	/* A link stays one: what it names is replaced. */
	if (is_link(path) && realpath(path, real) != NULL)
		path = real;
	if (!is_replaceable(path))
		return write_through(lk, path, b);
	if (snprintf(part, sizeof(part), "%s.lk-XXXXXX", path) >=
	    (int)sizeof(part))
		return path_fail(lk, path);
	return write_and_rename(lk, part, path, b);
}

/* Makes the folders above a path, from `at` on. */
static int
folders_make(struct lk *lk, char *path, size_t at)
{
	for (char *slash = path + at; (slash = strchr(slash, '/')) != NULL;
	     slash++) {
		if (slash == path)
			continue;
		*slash = '\0';
		if (mkdir(path, 0777) == -1 && errno != EEXIST)
			return lk_fail(lk, 73, "system", NULL, "%s: %s",
			    safe(path), strerror(errno));
		*slash = '/';
	}
	return 0;
}

int
file_write_below(
    struct lk *lk, const char *folder, const char *path, struct bytes b)
{
	char full[PATH_MAX], part[PATH_MAX];

	if (snprintf(full, sizeof(full), "%s/%s", folder, path) >=
		(int)sizeof(full) ||
	    snprintf(part, sizeof(part), "%s/.lk-XXXXXX", folder) >=
		(int)sizeof(part))
		return path_fail(lk, folder);
	DO(folders_make(lk, full, strlen(folder)));
	return write_and_rename(lk, part, full, b);
}
