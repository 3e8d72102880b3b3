#include "base/passphrase.h"

#include <fcntl.h>
#include <readpassphrase.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"

static const char *
environment(const char *name)
{
	const char *value = getenv(name);

	return value == NULL || value[0] == '\0' ? NULL : value;
}

struct passphrase_source
passphrase_environment(const char *prompt)
{
	return (struct passphrase_source){
		.file = environment("LK_PASSPHRASE_FILE"),
		.fd = -1,
		.command = environment("LK_PASSPHRASE_COMMAND"),
		.prompt = prompt,
	};
}

/* A line, a byte at a time: what follows it is not for us. */
static lk_err
line_read(struct buf *out, int fd)
{
	uint8_t byte;
	ssize_t n;

	while ((n = read(fd, &byte, 1)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return LK_SYS("passphrase");
		if (byte == '\n')
			break;
		if (out->len == PASSPHRASE_MAX)
			return LK_ERR(LK_E_DATA, "longer than 1,024 bytes");
		buf_u8(out, byte);
	}
	if (out->len == 0)
		return LK_ERR(LK_E_DATA, "empty");
	return buf_err(out, "passphrase");
}

static lk_err
file_line(struct buf *out, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	lk_err err;

	if (fd == -1)
		return LK_SYS("passphrase file");
	err = line_read(out, fd);
	(void)close(fd);
	return err;
}

static lk_err
command_line(struct buf *out, const char *command)
{
	FILE *f = popen(command, "re");
	lk_err err;
	int status;

	if (f == NULL)
		return LK_SYS("passphrase command");
	err = line_read(out, fileno(f));
	status = pclose(f);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return LK_ERR(LK_E_DATA, "the command failed");
	return err;
}

static lk_err
typed(struct buf *out, const struct passphrase_source *from)
{
	char first[PASSPHRASE_MAX + 2], second[PASSPHRASE_MAX + 2];
	bool same = true;
	lk_err err = LK_NONE;

	if (readpassphrase(
		from->prompt, first, sizeof(first), RPP_REQUIRE_TTY) == NULL)
		return LK_SYS("passphrase");
	if (from->again != NULL)
		same = readpassphrase(from->again, second, sizeof(second),
			   RPP_REQUIRE_TTY) != NULL &&
		    strcmp(first, second) == 0;
	if (!same)
		err = LK_ERR(LK_E_USAGE, "the two differ");
	else if (first[0] == '\0' || strlen(first) > PASSPHRASE_MAX)
		err = LK_ERR(LK_E_DATA,
		    first[0] == '\0' ? "empty" : "longer than 1,024 bytes");
	else
		buf_str(out, first);
	explicit_bzero(first, sizeof(first));
	explicit_bzero(second, sizeof(second));
	return err.code == LK_OK ? buf_err(out, "passphrase") : err;
}

lk_err
passphrase_read(struct buf *out, const struct passphrase_source *from)
{
	buf_init(out, PASSPHRASE_MAX);
	if (from->file != NULL)
		return file_line(out, from->file);
	if (from->fd != -1)
		return line_read(out, from->fd);
	if (from->command != NULL)
		return command_line(out, from->command);
	if (from->prompt != NULL && isatty(STDIN_FILENO))
		return typed(out, from);
	return LK_ERR(LK_E_CONFIG, "no passphrase given");
}
