/*
 * lk_killed_at [-f] N PROGRAM ARGUMENT... - runs a program and kills it, with
 * all its threads, where it is about to enter the N-th system call that writes:
 * to a file, a folder or a socket.  0 kills never, and says how many there were
 * when the program ends.  With -f calls of the processes it forks count as
 * well, and all of them are killed.
 *
 * Exit status: 137 when it was killed, else that of the program.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static bool
call_writes(uint64_t nr)
{
	static const long calls[] = { SYS_pwrite64, SYS_pwritev, SYS_fdatasync,
		SYS_fsync, SYS_msync, SYS_ftruncate, SYS_fallocate,
		SYS_renameat, SYS_renameat2, SYS_unlinkat, SYS_mkdirat,
		SYS_fchmod, SYS_sendmsg, SYS_sendto };

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (nr == (uint64_t)calls[i])
			return true;
	return false;
}

static bool
about_to_write(pid_t pid)
{
	struct __ptrace_syscall_info info;

	return ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info),
		   &info) > 0 &&
	    info.op == PTRACE_SYSCALL_INFO_ENTRY && call_writes(info.entry.nr);
}

/* The signal to pass on to a thread that stopped. */
static int
signal_of(int status)
{
	int sig = WSTOPSIG(status);

	return sig == (SIGTRAP | 0x80) || sig == SIGTRAP || sig == SIGSTOP ||
		status >> 16 != 0
	    ? 0
	    : sig;
}

static int
watch(pid_t child, bool forks, long long n)
{
	long long met = 0;
	int status, sig = 0;
	pid_t pid = child;

	if (waitpid(child, &status, 0) != child ||
	    ptrace(PTRACE_SETOPTIONS, child, NULL,
		(void *)(uintptr_t)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL |
		    PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
		    (forks ? PTRACE_O_TRACEFORK : 0))) != 0)
		return 2;
	for (;;) {
		(void)ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(intptr_t)sig);
		pid = waitpid(-1, &status, __WALL);
		if (pid == -1)
			return 2;
		sig = 0;
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (pid != child)
				continue;
			fprintf(stderr, "lk_killed_at: %lld writes\n", met);
			return WIFEXITED(status) ? WEXITSTATUS(status)
						 : 128 + WTERMSIG(status);
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			if (about_to_write(pid) && ++met == n) {
				/* The end of who traces them is theirs. */
				if (forks)
					return 137;
				(void)kill(child, SIGKILL);
				/* Its threads are ours to bury, and the first
				 * one comes last. */
				while (waitpid(-1, &status, __WALL) != -1)
					continue;
				return 137;
			}
		} else
			sig = signal_of(status);
	}
}

int
main(int argc, char **argv)
{
	bool forks = argc > 1 && strcmp(argv[1], "-f") == 0;
	pid_t child;

	argv += forks;
	argc -= forks;
	if (argc < 3) {
		fprintf(stderr, "usage: lk_killed_at [-f] N program ...\n");
		return 64;
	}
	child = fork();
	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0 ||
		    raise(SIGSTOP) != 0)
			_exit(2);
		execv(argv[2], argv + 2);
		_exit(127);
	}
	return child == -1
	    ? 2
	    : watch(child, forks, strtonum(argv[1], 0, INT32_MAX, NULL));
}
