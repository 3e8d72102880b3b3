#include "cli/spawn.h"

#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMPLAINT_MAX 4096

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

	out[0] = '\0';
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
	posix_spawn_file_actions_addopen(
	    &files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(
	    &files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(
	    &files, fileno(log), STDERR_FILENO);
	/* posix_spawnp does not change the strings. */
	error = posix_spawnp(&pid, path, &files, NULL,
	    (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&files);
	if (error != 0)
		return error;
	while (waitpid(pid, status, 0) == -1)
		if (errno != EINTR)
			return errno;
	return 0;
}

int
lkd_start(struct lk *lk)
{
	char path[PATH_MAX], complaint[COMPLAINT_MAX] = "";
	const char *lkd = lkd_find(path);
	FILE *log = tmpfile();
	int error, status = 0;

	if (log == NULL)
		return lk_fail(lk, 74, "system", NULL,
		    "lkd: cannot make a temporary file: %s", strerror(errno));
	error = lkd_run(lkd, log, &status);
	if (error == 0 && status != 0)
		complaint_read(log, complaint, sizeof(complaint));
	fclose(log);
	if (error != 0)
		return lk_fail(lk, 69, "unavailable",
		    "install lkd beside lk, or set LKD",
		    "%s: cannot be started: %s", lkd, strerror(error));
	if (status == 0)
		return 0;
	error = WIFEXITED(status) ? WEXITSTATUS(status) : 69;
	return lk_fail(lk, error, error == 78 ? "config" : "unavailable",
	    complaint[0] == '\0' ? "lk daemon logs may say why" : NULL, "%s",
	    complaint[0] == '\0' ? "lkd: did not start" : complaint);
}
