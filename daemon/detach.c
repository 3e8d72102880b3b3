#include "daemon/detach.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_UNKNOWN 70

/* Waits for the byte that says ready, or for the child's end. */
static _Noreturn void
parent_wait(int fd, pid_t child)
{
	uint8_t byte;
	ssize_t n;
	int status;

	do
		n = read(fd, &byte, 1);
	while (n == -1 && errno == EINTR);
	if (n == 1)
		_exit(0);
	while (waitpid(child, &status, 0) == -1)
		if (errno != EINTR)
			_exit(STATUS_UNKNOWN);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_UNKNOWN);
}

lk_err
detach(int *ready_fd)
{
	int fds[2];
	pid_t child;

	if (pipe2(fds, O_CLOEXEC) == -1)
		return (LK_SYS("pipe"));
	child = fork();
	if (child == -1)
		return (LK_SYS("fork"));
	if (child > 0) {
		close(fds[1]);
		parent_wait(fds[0], child);
	}
	close(fds[0]);
	if (setsid() == -1)
		return (LK_SYS("setsid"));
	/* What it keeps open, its current directory too, could not be
	 * unmounted. */
	if (chdir("/") == -1)
		return (LK_SYS("chdir"));
	*ready_fd = fds[1];
	return (LK_NONE);
}

void
detach_ready(int ready_fd, int log_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null != -1) {
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDOUT_FILENO);
		if (null > STDERR_FILENO)
			close(null);
	}
	(void)dup2(log_fd, STDERR_FILENO);
	if (write(ready_fd, "", 1) == 1)
		close(ready_fd);
}
