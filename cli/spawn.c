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

static int
lkd_run(const char *path, FILE *log, int *status)
{
	const char *argv[] = { path, NULL };
	posix_spawn_file_actions_t files;
	pid_t pid;
	int error;

	posix_spawn_file_actions_init(&files);
	/* At a terminal it may have to ask for the passphrase. */
	if (!isatty(STDIN_FILENO))
		posix_spawn_file_actions_addopen(
		    &files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(
	    &files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
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
	error = lkd_run(lkd, log, &status);
	if (error == 0 && status != 0)
		complaint_read(log, why->text, sizeof(why->text));
	fclose(log);
	if (error != 0) {
		(void)snprintf(why->text, sizeof(why->text),
		    "%.2048s: cannot be started: %s", lkd, strerror(error));
		why->hint = "install lkd beside lk, or set LKD";
		return why->status = 69;
	}
	why->status = WIFEXITED(status) ? WEXITSTATUS(status) : 69;
	return why->status;
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
