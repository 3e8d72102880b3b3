/*
 * A device that is killed before any of its writes (access.md section 12, L5):
 * after the next start, and when it has been told the rest, it has the state it
 * would have had.  The child is traced; the parent kills it where it is about
 * to enter the n-th system call that writes.
 */
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/unit/sync/play.h"

static bool
call_writes(uint64_t nr)
{
	static const long calls[] = { SYS_write, SYS_writev, SYS_pwrite64,
		SYS_pwritev, SYS_fdatasync, SYS_fsync, SYS_msync, SYS_ftruncate,
		SYS_fallocate };

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (nr == (uint64_t)calls[i])
			return true;
	return false;
}

/* Whether the child, stopped at a system call, is about to write. */
static bool
about_to_write(pid_t pid)
{
	struct __ptrace_syscall_info info;
	long got =
	    ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info);

	assert_true(got > 0);
	return info.op == PTRACE_SYSCALL_INFO_ENTRY &&
	    call_writes(info.entry.nr);
}

typedef void (*work_fn)(struct device *, uint32_t docno, const struct bag *);

static _Noreturn void
child_run(work_fn work, struct device *d, uint32_t docno, const struct bag *b)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0 || raise(SIGSTOP) != 0)
		_exit(2);
	work(d, docno, b);
	_exit(0);
}

/* Does the work in a process that is killed before its n-th write; false when
 * it had fewer. */
static bool
killed_at(size_t n, work_fn work, struct device *d, uint32_t docno,
    const struct bag *b)
{
	int status;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0)
		child_run(work, d, docno, b);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(
	    ptrace(PTRACE_SETOPTIONS, pid, NULL,
		(void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)),
	    0);
	for (;;) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), 0);
			return false;
		}
		assert_true(WIFSTOPPED(status));
		if (WSTOPSIG(status) == (SIGTRAP | 0x80) &&
		    about_to_write(pid) && --n == 0)
			break;
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	return true;
}

/* ann throws out eve, whose e9 only fay has seen, who builds on it and adopts
 * it, and is then thrown out herself. */
static void
play_through(struct play *p)
{
	size_t e9;

	play_make(p);
	eve_goes(p);
	edit(&p->at[EVE], p->in[EVE], "e9", "unseen");
	tell(p, EVE, FAY, true);
	e9 = p->news.len - 1;
	hear(p, FAY);
	adopt(p, FAY, &p->news.at[e9]);
	edit(&p->at[FAY], p->in[FAY], "f1", "after it");
	tell(p, FAY, ANN, true);
	evict(&p->at[ANN], p->in[ANN], root(p, FAY), ROLE_READ);
	edit(&p->at[ANN], p->in[ANN], "a1", "in the end");
	tell(p, ANN, CAST, true);
}

static void
take_in(struct device *d, uint32_t docno, const struct bag *b)
{
	device_open(d);
	give_all(d, docno, b);
	device_close(d);
}

static void
killed_while_it_is_told_a_device_comes_to_the_same_state(void **state)
{
	struct play p;
	struct buf want, got;
	size_t n = 0;
	bool killed = true;

	(void)state;
	play_through(&p);
	hear(&p, MAX);
	state_of(&p.at[MAX], p.in[MAX], &want);
	device_close(&p.at[GIL]);
	while (killed) {
		struct device gil = device_copy(&p.at[GIL]);

		killed = killed_at(++n, take_in, &gil, p.in[GIL], &p.news);
		device_open(&gil);
		if (killed)
			give_all(&gil, p.in[GIL], &p.news);
		state_of(&gil, p.in[GIL], &got);
		if (!bytes_equal(buf_bytes(&want), buf_bytes(&got)))
			fail_msg("killed before write %zu: another state", n);
		buf_clear(&got);
		device_discard(&gil);
	}
	print_message("%zu envelopes, %zu kills\n", p.news.len, n - 1);
	assert_true(n > 2 * p.news.len);
	device_open(&p.at[GIL]);
	buf_clear(&want);
	play_clear(&p);
}

static uint8_t eves_root[ACCESS_KEY_LEN];

static void
revoke_and_write(struct device *d, uint32_t docno, const struct bag *b)
{
	(void)b;
	device_open(d);
	edit(d, docno, "a1", "before");
	evict(d, docno, eves_root, ROLE_NONE);
	edit(d, docno, "a2", "under a new key");
	device_close(d);
}

/* What ann has in the end reaches gil, in whose graph nobody forked. */
static void
assert_goes_on(struct play *p, struct device *ann, size_t n)
{
	struct device gil = device_copy(&p->at[GIL]);
	struct bag all = { .len = 0 };
	struct buf hers, his;
	struct graph *g;
	bool forked;

	edit(ann, p->in[ANN], "a3", "after the kill");
	(void)bag_take(&all, ann, p->in[ANN], 1);
	device_open(&gil);
	give_all(&gil, p->in[GIL], &all);
	assert_true(shows(&gil, p->in[GIL], "a3"));
	state_of(ann, p->in[ANN], &hers);
	state_of(&gil, p->in[GIL], &his);
	if (!bytes_equal(buf_bytes(&hers), buf_bytes(&his)))
		fail_msg("killed before write %zu: the two differ", n);
	device_begin(&gil);
	ok(replica_graph(gil.r, p->in[GIL], &g));
	(void)graph_tip(g, pk(p, ANN), &forked);
	assert_false(forked);
	device_commit(&gil);
	buf_clear(&hers);
	buf_clear(&his);
	bag_clear(&all);
	device_discard(&gil);
}

static void
killed_while_it_revokes_a_device_goes_on_without_a_fork(void **state)
{
	struct play p;
	size_t n = 0;
	bool killed = true;

	(void)state;
	play_make(&p);
	memcpy(eves_root, root(&p, EVE), sizeof(eves_root));
	device_close(&p.at[GIL]);
	device_close(&p.at[ANN]);
	while (killed) {
		struct device ann = device_copy(&p.at[ANN]);

		killed =
		    killed_at(++n, revoke_and_write, &ann, p.in[ANN], &p.news);
		device_open(&ann);
		assert_goes_on(&p, &ann, n);
		device_discard(&ann);
	}
	print_message("%zu kills\n", n - 1);
	assert_true(n > 6);
	device_open(&p.at[ANN]);
	device_open(&p.at[GIL]);
	play_clear(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    killed_while_it_is_told_a_device_comes_to_the_same_state),
		cmocka_unit_test(
		    killed_while_it_revokes_a_device_goes_on_without_a_fork),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
