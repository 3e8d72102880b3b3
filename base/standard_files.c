#include "base/standard_files.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

lk_err
standard_files_fill(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) != -1 || errno != EBADF)
			continue;
		/* The least number that is free, which is this one; and open
		 * the wrong way, so that nobody takes it for the real one. */
		if (open("/dev/null",
			fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) == -1)
			return LK_SYS("open /dev/null");
	}
	return LK_NONE;
}
