#include "base/stream_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define FOLDERS_OPEN 8 /* descriptors for removing */

static int
one_remove(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return (remove(path));
}

bool
stream_folder_lock(const char *path, int *out)
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
		    stream_folder_lock(path, &fd))
			stream_folder_remove(path, fd);
	}
	if (dir != NULL)
		(void)closedir(dir);
}
