#include "cli/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

void
hooks_hold(struct hook_signals *before)
{
	/* Of a command that does not read what it is given. */
	const struct sigaction ignored = { .sa_handler = SIG_IGN };
	/* Else there would be nothing to wait for. */
	const struct sigaction usual = { .sa_handler = SIG_DFL };
	sigset_t ending;

	(void)sigemptyset(&ending);
	(void)sigaddset(&ending, SIGHUP);
	(void)sigaddset(&ending, SIGINT);
	(void)sigaddset(&ending, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &ending, &before->mask);
	(void)sigaction(SIGPIPE, &ignored, &before->pipe);
	(void)sigaction(SIGCHLD, &usual, &before->child);
}

void
hooks_release(const struct hook_signals *before)
{
	(void)sigaction(SIGCHLD, &before->child, NULL);
	(void)sigaction(SIGPIPE, &before->pipe, NULL);
	(void)sigprocmask(SIG_SETMASK, &before->mask, NULL);
}

static _Noreturn void
child_run(const char *command, int in, const struct hook_variable *v,
    const struct hook_signals *before)
{
	bool ready = dup2(in, STDIN_FILENO) != -1;

	for (; v->name != NULL; v++)
		ready = setenv(v->name, v->value, 1) == 0 && ready;
	hooks_release(before);
	if (ready)
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

/* That it does not want all of it is its own affair.  Up to its end: what it has
 * started may hold the pipe for ever. */
static void
input_write(int fd, pid_t pid, struct bytes b)
{
	struct pollfd p[] = { { .fd = fd, .events = POLLOUT },
		{ .fd = (int)syscall(SYS_pidfd_open, pid, 0),
		    .events = POLLIN } };

	if (p[1].fd != -1)
		(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	while (b.len > 0) {
		ssize_t n = write(fd, b.ptr, b.len);

		if (n >= 0)
			b = BYTES(b.ptr + n, b.len - (size_t)n);
		else if (errno == EAGAIN && p[1].revents == 0)
			(void)poll(p, 2, -1);
		else if (errno != EINTR)
			break;
	}
	if (p[1].fd != -1)
		(void)close(p[1].fd);
}

lk_err
hook_run(const char *command, struct bytes input,
    const struct hook_variable *variables, const struct hook_signals *before,
    int *status)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) == -1)
		return LK_SYS("make a pipe");
	pid = fork();
	if (pid == 0)
		child_run(command, ends[0], variables, before);
	(void)close(ends[0]);
	if (pid == -1) {
		lk_err err = LK_SYS("start a process");

		(void)close(ends[1]);
		return err;
	}
	input_write(ends[1], pid, input);
	(void)close(ends[1]);
	while (waitpid(pid, status, 0) == -1)
		if (errno != EINTR)
			return LK_SYS("wait for a process");
	return LK_NONE;
}
