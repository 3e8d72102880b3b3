#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/sandbox.h"

/* The first version that lets a file be renamed into another directory: with
 * an older one the identity file could not take its place. */
#define LANDLOCK_ABI_MIN 2
#define LANDLOCK_ABI_TRUNCATE 3
#define RIGHT_TRUNCATE                                         \
	(UINT64_C(1) << 14) /* not in the headers of Debian 12 \
			     */

#define RIGHTS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RIGHTS_WRITE                                                         \
	(RIGHTS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE |                       \
	    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
	    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |      \
	    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REFER)
#define RIGHTS_ALL                                                        \
	(RIGHTS_WRITE | LANDLOCK_ACCESS_FS_EXECUTE |                      \
	    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_FIFO | \
	    LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)
#define RIGHTS_OF_FILES                                                 \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
	    RIGHT_TRUNCATE)

/* Names are resolved with what is here. */
static const char *const system_dirs[] = { "/etc", "/lib", "/lib64", "/usr",
	"/run", "/proc", "/sys" };
static const char *const system_files[] = { "/dev/null", "/dev/urandom" };

static void
rule_add(int ruleset, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights };

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	/* What is not there needs no permission. */
	if (rule.parent_fd == -1)
		return;
	(void)syscall(SYS_landlock_add_rule, ruleset,
	    LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	close(rule.parent_fd);
}

/* The version enforced, or 0. */
static int
landlock_enter(const char *const *dirs, size_t n)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = RIGHTS_ALL };
	uint64_t truncate = 0;
	int abi, ruleset;
	bool done;

	abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < LANDLOCK_ABI_MIN)
		return (0);
	if (abi >= LANDLOCK_ABI_TRUNCATE)
		truncate = RIGHT_TRUNCATE;
	attr.handled_access_fs |= truncate;
	ruleset =
	    (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset == -1)
		return (0);
	for (size_t i = 0; i < sizeof(system_dirs) / sizeof(*system_dirs); i++)
		rule_add(ruleset, system_dirs[i], RIGHTS_READ);
	for (size_t i = 0; i < sizeof(system_files) / sizeof(*system_files);
	     i++)
		rule_add(ruleset, system_files[i],
		    (RIGHTS_OF_FILES & ~RIGHT_TRUNCATE) | truncate);
	for (size_t i = 0; i < n; i++)
		rule_add(ruleset, dirs[i], RIGHTS_WRITE | truncate);
	done = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
	close(ruleset);
	return (done ? abi : 0);
}

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#define NUMBER_MAX 0x3fffffff /* above: the other calling convention */
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#define NUMBER_MAX UINT32_MAX
#else
#define ARCH 0 /* the numbers are not known: nothing is filtered */
#define NUMBER_MAX UINT32_MAX
#endif

/* What a byte stream to strangers should never turn into. */
static const uint32_t refused_calls[] = {
	SYS_execve,
	SYS_execveat,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_mount,
	SYS_umount2,
	SYS_pivot_root,
	SYS_chroot,
	SYS_setns,
	SYS_unshare,
	SYS_bpf,
	SYS_perf_event_open,
	SYS_userfaultfd,
	SYS_io_uring_setup, /* what goes by it passes no filter */
	SYS_keyctl,
	SYS_add_key,
	SYS_request_key,
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
	SYS_kexec_load,
	SYS_swapon,
	SYS_swapoff,
	SYS_reboot,
#ifndef __SANITIZE_ADDRESS__ /* it looks for leaks by this call */
	SYS_ptrace,
#endif
};
#define REFUSED_LEN (sizeof(refused_calls) / sizeof(*refused_calls))
/* Beside them, to who has one socket already and wants no other. */
static const uint32_t refused_sockets[] = {
	SYS_socket,
	SYS_socketpair,
	SYS_connect,
	SYS_bind,
	SYS_listen,
	SYS_accept4,
	SYS_kill,
};
#define SOCKETS_LEN (sizeof(refused_sockets) / sizeof(*refused_sockets))

#define LOAD(field)                                             \
	(struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
	    (uint32_t)offsetof(struct seccomp_data, field))
#define REFUSE               \
	(struct sock_filter) \
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1 /* EPERM */)
#define ALLOW (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static unsigned short
calls_refuse(struct sock_filter *code, const uint32_t *calls, size_t len)
{
	unsigned short n = 0;

	for (size_t i = 0; i < len; i++) {
		code[n++] = (struct sock_filter)BPF_JUMP(
		    BPF_JMP | BPF_JEQ | BPF_K, calls[i], 0, 1);
		code[n++] = REFUSE;
	}
	return (n);
}

static bool
seccomp_enter(bool sockets_too)
{
	struct sock_filter code[(REFUSED_LEN + SOCKETS_LEN) * 2 + 8];
	struct sock_fprog program = { .filter = code };
	unsigned short n = 0;

	if (ARCH == 0)
		return (false);
	code[n++] = LOAD(arch);
	code[n++] =
	    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	code[n++] = REFUSE;
	code[n++] = LOAD(nr);
	code[n++] = (struct sock_filter)BPF_JUMP(
	    BPF_JMP | BPF_JGT | BPF_K, NUMBER_MAX, 0, 1);
	code[n++] = REFUSE;
	n = (unsigned short)(n +
	    calls_refuse(code + n, refused_calls, REFUSED_LEN));
	if (sockets_too)
		n = (unsigned short)(n +
		    calls_refuse(code + n, refused_sockets, SOCKETS_LEN));
	code[n++] = ALLOW;
	program.len = n;
	return (
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0);
}

static struct sandbox_layer
files_layer(int abi)
{
	struct sandbox_layer l = { .name = "landlock",
		.enforced = abi > 0,
		.version = abi,
		.does = "writes below LK_HOME and mirrored folders only, reads "
			"there and where the system's files are" };

	if (abi == 0)
		l.does_not = "this kernel has no Landlock that can be used: the "
			     "daemon reaches all files of its user";
	else if (abi < LANDLOCK_ABI_TRUNCATE)
		l.does_not = "the process that keeps remotes reaches all files "
			     "of its user; this kernel keeps no file from "
			     "being cut to nothing";
	else
		l.does_not = "the process that keeps remotes reaches all files "
			     "of its user";
	return (l);
}

static struct sandbox_layer
calls_layer(bool calls)
{
	return ((struct sandbox_layer){ .name = "seccomp",
	    .enforced = calls,
	    .version = calls,
	    .does = "starts no program, looks into no other process, mounts "
		    "nothing, loads nothing into the kernel",
	    .does_not = calls ? "the network: it is what a daemon is for"
			      : "system calls are not restricted on this "
				"kernel or processor" });
}

void
sandbox_enter(const char *const *dirs, size_t n, struct sandbox *said)
{
	char files[64] = "files not restricted";
	bool privileges, calls = false;
	int abi = 0;

	/* Both need it, and it is good in itself. */
	privileges = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
	if (privileges) {
		abi = landlock_enter(dirs, n);
		calls = seccomp_enter(false);
	}
	if (abi > 0)
		snprintf(files, sizeof(files), "files (Landlock %d)", abi);
	snprintf(said->line, sizeof(said->line), "%s, %s", files,
	    calls ? "system calls (seccomp)" : "system calls not restricted");
	said->layers[0] = (struct sandbox_layer){ .name = "no_new_privs",
		.enforced = privileges,
		.version = privileges,
		.does = "gains no rights by starting what has them",
		.does_not = privileges ? NULL : "this kernel cannot" };
	said->layers[1] = files_layer(abi);
	said->layers[2] = calls_layer(calls);
	said->len = 3;
}

void
sandbox_enter_broker(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		(void)seccomp_enter(true);
}
