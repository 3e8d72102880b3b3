#include "daemon/instance.h"

#include <fcntl.h>
#include <libutil.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define TRIES_MAX 8 /* of others that begin and fail */

/* Locks or unlocks the first byte. */
static int
starting_set(int fd, int command, short type)
{
	struct flock lock = {
		.l_type = type, .l_whence = SEEK_SET, .l_len = 1
	};

	return (fcntl(fd, command, &lock));
}

/* Waits until nobody is starting. */
static lk_err
starting_wait(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC), rv;

	if (fd == -1)
		return (LK_SYS("lock"));
	do
		rv = starting_set(fd, F_OFD_SETLKW, F_WRLCK);
	while (rv == -1 && errno == EINTR);
	close(fd);
	return (rv == -1 ? LK_SYS("lock") : LK_NONE);
}

lk_err
instance_lock(const char *home, int *fd)
{
	char path[PATH_MAX + 8];
	int held;

	snprintf(path, sizeof(path), "%s/" INSTANCE_FILE, home);
	for (int i = 0; i < TRIES_MAX; i++) {
		held = flopen(
		    path, O_RDWR | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600);
		if (held != -1) {
			if (starting_set(held, F_OFD_SETLK, F_WRLCK) == -1) {
				close(held);
				continue;
			}
			*fd = held;
			return (LK_NONE);
		}
		if (errno != EWOULDBLOCK)
			return (LK_SYS("lock"));
		/* The second time round nobody is starting: he runs. */
		if (i > 0)
			break;
		TRY(starting_wait(path));
	}
	return (LK_ERR(LK_E_UNAVAILABLE, "lock"));
}

void
instance_ready(int fd)
{
	/* The file says who, for people. */
	if (ftruncate(fd, 0) == 0)
		dprintf(fd, "%ld\n", (long)getpid());
	(void)starting_set(fd, F_OFD_SETLK, F_UNLCK);
}
