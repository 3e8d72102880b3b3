#include "store/ballast.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* With less than this it would only make a full disk fuller. */
#define DISK_PLENTY (16ull * BALLAST_LEN)

static bool
ballast_path(char out[static PATH_MAX], const struct store *s)
{
	int n = snprintf(out, PATH_MAX, "%s/" BALLAST_FILE, s->dir);

	return n > 0 && n < PATH_MAX;
}

void
ballast_keep(struct store *s)
{
	char path[PATH_MAX];
	struct statvfs fs;
	struct stat st;
	int fd;

	s->commits = 0;
	if (s->limited || !ballast_path(path, s))
		return;
	s->ballast = stat(path, &st) == 0 && st.st_size == BALLAST_LEN;
	if (s->ballast || statvfs(s->dir, &fs) != 0 ||
	    (uint64_t)fs.f_bavail * fs.f_frsize < DISK_PLENTY)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1)
		return;
	s->ballast = posix_fallocate(fd, 0, BALLAST_LEN) == 0;
	(void)close(fd);
	if (!s->ballast)
		(void)unlink(path);
}

bool
ballast_needed(const struct store *s)
{
	struct rlimit most;
	struct statvfs fs;
	struct stat st;
	int fd;

	if (statvfs(s->dir, &fs) == 0 &&
	    (uint64_t)fs.f_bavail * fs.f_frsize < BALLAST_LEN)
		return true;
	return getrlimit(RLIMIT_FSIZE, &most) == 0 &&
	    most.rlim_cur != RLIM_INFINITY &&
	    mdb_env_get_fd(s->env, &fd) == 0 && fstat(fd, &st) == 0 &&
	    (uint64_t)st.st_size + BALLAST_LEN > most.rlim_cur;
}

void
ballast_release(struct store *s)
{
	char path[PATH_MAX];

	if (!s->full)
		return;
	/* A map may only be replaced while nobody looks into it. */
	if (s->map_spare > 0 && s->live == 0 &&
	    mdb_env_set_mapsize(s->env, s->map_size + s->map_spare) == 0) {
		s->map_size += s->map_spare;
		s->map_spare = 0;
	}
	if (s->ballast && ballast_path(path, s)) {
		(void)unlink(path);
		s->ballast = false;
	}
	s->full = false;
}
