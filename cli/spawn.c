#include "cli/spawn.h"

#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* lkd beside this executable, else $LKD, else whatever PATH has. */
static const char *
lkd_find(char out[static PATH_MAX])
{
	const char *given = getenv("LKD");
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 8);
	char *slash;

	if (n > 0) {
		out[n] = '\0';
		slash = strrchr(out, '/');
		if (slash != NULL) {
			memcpy(slash + 1, "lkd", sizeof("lkd"));
			if (access(out, X_OK) == 0)
				return out;
		}
	}
	return given != NULL && given[0] != '\0' ? given : "lkd";
}

/* The last line the daemon wrote before it gave up, without its prefix. */
static void
complaint_read(FILE *log, char *out, size_t size)
{
	char line[COMPLAINT_MAX];

	rewind(log);
	while (fgets(line, sizeof(line), log) != NULL) {
		const char *text = line;

		line[strcspn(line, "\n")] = '\0';
		if (strncmp(text, "lkd: ", 5) == 0)
			text += 5;
		if (text[0] != '\0')
			(void)strlcpy(out, text, size);
	}
}

/* `dir`: to scan, with `out` for it, or NULL. */
static int
lkd_run(const char *path, const char *dir, FILE *out, FILE *log, int *status)
{
	const char *argv[] = { path, dir == NULL ? NULL : "-s", dir, NULL };
	posix_spawn_file_actions_t files;
	pid_t pid;
	int error;

	posix_spawn_file_actions_init(&files);
	/* At a terminal it may have to ask for the passphrase. */
	if (!isatty(STDIN_FILENO))
		posix_spawn_file_actions_addopen(
		    &files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (out == NULL)
		posix_spawn_file_actions_addopen(
		    &files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	else
		posix_spawn_file_actions_adddup2(
		    &files, fileno(out), STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, fileno(log), STDERR_FILENO);
	/* posix_spawnp does not change the strings. */
	error = posix_spawnp(
	    &pid, path, &files, NULL, (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&files);
	if (error != 0)
		return error;
	while (waitpid(pid, status, 0) == -1)
		if (errno != EINTR)
			return errno;
	return 0;
}

/* What became of it. */
static void
run_judge(
    struct complaint *why, const char *lkd, int error, int status, FILE *log)
{
	if (error == 0 && status != 0)
		complaint_read(log, why->text, sizeof(why->text));
	why->status =
	    error == 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 69;
	if (error == 0)
		return;
	(void)snprintf(why->text, sizeof(why->text),
	    "%.2048s: cannot be started: %s", lkd, strerror(error));
	why->hint = "install lkd beside lk, or set LKD";
}

int
lkd_start(struct complaint *why)
{
	char path[PATH_MAX];
	const char *lkd = lkd_find(path);
	FILE *log = tmpfile();
	int error, status = 0;

	*why = (struct complaint){ .text = "lkd: did not start" };
	if (log == NULL) {
		(void)snprintf(why->text, sizeof(why->text),
		    "lkd: cannot make a temporary file: %s", strerror(errno));
		return why->status = 74;
	}
	error = lkd_run(lkd, NULL, NULL, log, &status);
	run_judge(why, lkd, error, status, log);
	fclose(log);
	return why->status;
}

static lk_err
all_read(FILE *from, struct buf *out)
{
	uint8_t piece[16384];
	size_t n;

	rewind(from);
	while ((n = fread(piece, 1, sizeof(piece), from)) > 0)
		buf_mem(out, piece, n);
	return ferror(from) ? LK_SYS("read") : buf_err(out, "read");
}

int
lkd_scan(struct lk *lk, const char *dir, struct buf *out)
{
	char path[PATH_MAX];
	const char *lkd = lkd_find(path);
	FILE *log = tmpfile(), *scan = tmpfile();
	struct complaint why = { .text = "lkd: did not start" };
	int error = errno, status = 0;
	lk_err err = LK_NONE;

	if (log != NULL && scan != NULL) {
		error = lkd_run(lkd, dir, scan, log, &status);
		run_judge(&why, lkd, error, status, log);
		if (why.status == 0)
			err = all_read(scan, out);
	} else
		why.status = 74;
	if (log != NULL)
		fclose(log);
	if (scan != NULL)
		fclose(scan);
	if (why.status != 0)
		return lkd_complain(lk, &why);
	return err.code == LK_OK ? 0 : lk_fail_err(lk, err, dir, NULL);
}

int
lkd_complain(struct lk *lk, const struct complaint *why)
{
	return lk_fail(lk, why->status,
	    why->status == 78       ? "config"
		: why->status == 77 ? "denied"
		: why->status == 69 ? "unavailable"
				    : "daemon",
	    why->hint, "%s", why->text);
}
