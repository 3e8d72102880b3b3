#include "base/stream_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDERS_OPEN 8 /* descriptors for removing */
/* So often one is made: each time another process sweeps in just that moment,
 * as it does once, when it begins. */
#define MAKE_TRIES_MAX 8

static int
one_remove(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return (remove(path));
}

/* Of a process that is there, or no folder: false. */
static bool
lock_take(const char *path, int *out)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd == -1)
		return (false);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		(void)close(fd);
		return (false);
	}
	*out = fd;
	return (true);
}

/* Whether what was locked is what is called so: a sweep may have removed it
 * before it was locked. */
static bool
is_there(const char *path, int fd)
{
	struct stat called, locked;

	return (lstat(path, &called) == 0 && fstat(fd, &locked) == 0 &&
	    called.st_dev == locked.st_dev && called.st_ino == locked.st_ino);
}

bool
stream_folder_make(const char *home, char path[static PATH_MAX], int *out)
{
	for (int i = 0; i < MAKE_TRIES_MAX; i++) {
		if (snprintf(path, PATH_MAX, "%s/" STREAM_FOLDER "XXXXXX",
			home) >= PATH_MAX) {
			errno = ENAMETOOLONG;
			return (false);
		}
		if (mkdtemp(path) == NULL)
			return (false);
		if (!lock_take(path, out))
			continue;
		if (is_there(path, *out))
			return (true);
		(void)close(*out);
	}
	return (false);
}

void
stream_folder_remove(const char *path, int fd)
{
	(void)nftw(path, one_remove, FOLDERS_OPEN, FTW_DEPTH | FTW_PHYS);
	(void)close(fd);
}

void
stream_folders_sweep(const char *home)
{
	DIR *dir = opendir(home);
	struct dirent *e;

	while (dir != NULL && (e = readdir(dir)) != NULL) {
		char path[PATH_MAX];
		int fd;

		if (strncmp(e->d_name, STREAM_FOLDER, strlen(STREAM_FOLDER)) ==
			0 &&
		    snprintf(path, sizeof(path), "%s/%s", home, e->d_name) <
			(int)sizeof(path) &&
		    lock_take(path, &fd))
			stream_folder_remove(path, fd);
	}
	if (dir != NULL)
		(void)closedir(dir);
}
