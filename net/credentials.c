#include "net/credentials.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct bytes
trimmed(struct bytes b)
{
	while (
	    b.len > 0 && strchr(" \t\r", b.ptr[0]) != NULL && b.ptr[0] != '\0')
		b = BYTES(b.ptr + 1, b.len - 1);
	while (b.len > 0 && strchr(" \t\r", b.ptr[b.len - 1]) != NULL &&
	    b.ptr[b.len - 1] != '\0')
		b.len--;
	return (b);
}

/* As it would stand in a header; "" when it cannot. */
static void
value_copy(char *out, size_t size, struct bytes value)
{
	out[0] = '\0';
	if (value.len >= size)
		return;
	for (size_t i = 0; i < value.len; i++)
		if (value.ptr[i] <= ' ' || value.ptr[i] > '~')
			return;
	if (value.len > 0)
		memcpy(out, value.ptr, value.len);
	out[value.len] = '\0';
}

static void
setting_take(struct credentials *c, struct bytes line)
{
	const uint8_t *equals =
	    line.len == 0 ? NULL : memchr(line.ptr, '=', line.len);
	struct bytes key, value;
	struct {
		const char *key;
		char *out;
		size_t size;
	} const settings[] = {
		{ "aws_access_key_id", c->id, sizeof(c->id) },
		{ "aws_secret_access_key", c->secret, sizeof(c->secret) },
		{ "aws_session_token", c->token, sizeof(c->token) },
		{ "region", c->region, sizeof(c->region) },
	};

	if (equals == NULL)
		return;
	key = trimmed(BYTES(line.ptr, (size_t)(equals - line.ptr)));
	value = trimmed(
	    BYTES(equals + 1, line.len - (size_t)(equals - line.ptr) - 1));
	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
		if (bytes_equal(key, BYTES_STR(settings[i].key)))
			value_copy(settings[i].out, settings[i].size, value);
}

/* "[name]", and in the configuration "[profile name]" for all but default. */
static bool
is_section(struct bytes line, const char *profile, enum credentials_file file)
{
	static const char word[] = "profile";
	size_t len = sizeof(word) - 1;
	struct bytes name;

	if (line.len < 2 || line.ptr[line.len - 1] != ']')
		return (false);
	name = trimmed(BYTES(line.ptr + 1, line.len - 2));
	if (file == CREDENTIALS_CONFIG && name.len > len &&
	    memcmp(name.ptr, word, len) == 0 &&
	    (name.ptr[len] == ' ' || name.ptr[len] == '\t'))
		name = trimmed(BYTES(name.ptr + len, name.len - len));
	else if (file == CREDENTIALS_CONFIG && strcmp(profile, "default") != 0)
		return (false);
	return (bytes_equal(name, BYTES_STR(profile)));
}

void
credentials_parse(struct credentials *out, struct bytes file,
    const char *profile, enum credentials_file kind)
{
	struct credentials c = { 0 };
	bool inside = false;

	while (file.len > 0) {
		const uint8_t *end = memchr(file.ptr, '\n', file.len);
		size_t len = end == NULL ? file.len : (size_t)(end - file.ptr);
		struct bytes line = trimmed(BYTES(file.ptr, len));

		if (end != NULL)
			len++;
		file = BYTES(file.ptr + len, file.len - len);
		if (line.len == 0 || line.ptr[0] == '#' || line.ptr[0] == ';')
			continue;
		if (line.ptr[0] == '[')
			inside = is_section(line, profile, kind);
		else if (inside)
			setting_take(&c, line);
	}
	if (out->id[0] == '\0' && c.id[0] != '\0' && c.secret[0] != '\0') {
		memcpy(out->id, c.id, sizeof(out->id));
		memcpy(out->secret, c.secret, sizeof(out->secret));
		memcpy(out->token, c.token, sizeof(out->token));
	}
	if (out->region[0] == '\0')
		memcpy(out->region, c.region, sizeof(out->region));
	explicit_bzero(&c, sizeof(c));
}

static const char *
variable(const char *name)
{
	const char *value = getenv(name);

	return (value == NULL ? "" : value);
}

/* Only a plain file: a pipe would be waited for. */
static void
file_take(struct credentials *c, const char *path, const char *profile,
    enum credentials_file kind)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	BUF_SECRET file = { .max = CREDENTIALS_FILE_MAX };
	struct stat st;
	ssize_t n;

	if (fd == -1)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    st.st_size <= (off_t)CREDENTIALS_FILE_MAX &&
	    buf_extend(&file, (size_t)st.st_size) != NULL) {
		n = read(fd, file.ptr, file.len);
		if (n > 0)
			credentials_parse(
			    c, BYTES(file.ptr, (size_t)n), profile, kind);
	}
	close(fd);
}

static void
default_file(struct credentials *c, const char *given, const char *name,
    const char *profile, enum credentials_file kind)
{
	char path[PATH_MAX];

	if (given[0] != '\0')
		(void)strlcpy(path, given, sizeof(path));
	else if (snprintf(path, sizeof(path), "%s/.aws/%s", variable("HOME"),
		     name) >= (int)sizeof(path))
		return;
	file_take(c, path, profile, kind);
}

static void
environment_take(struct credentials *c)
{
	const char *id = variable("AWS_ACCESS_KEY_ID");
	const char *secret = variable("AWS_SECRET_ACCESS_KEY");

	if (id[0] == '\0' || secret[0] == '\0')
		return;
	value_copy(c->id, sizeof(c->id), BYTES_STR(id));
	value_copy(c->secret, sizeof(c->secret), BYTES_STR(secret));
	value_copy(c->token, sizeof(c->token),
	    BYTES_STR(variable("AWS_SESSION_TOKEN")));
}

lk_err
credentials_read(struct credentials *out, const char *profile)
{
	struct credentials c = { 0 };
	const char *region = variable("AWS_REGION");

	if (region[0] == '\0')
		region = variable("AWS_DEFAULT_REGION");
	value_copy(c.region, sizeof(c.region), BYTES_STR(region));
	/* Who names a profile means that one. */
	if (profile[0] == '\0') {
		environment_take(&c);
		profile = variable("AWS_PROFILE");
	}
	if (profile[0] == '\0')
		profile = "default";
	default_file(&c, variable("AWS_SHARED_CREDENTIALS_FILE"), "credentials",
	    profile, CREDENTIALS_KEYS);
	default_file(&c, variable("AWS_CONFIG_FILE"), "config", profile,
	    CREDENTIALS_CONFIG);
	if (c.id[0] == '\0' || c.secret[0] == '\0') {
		explicit_bzero(&c, sizeof(c));
		return (LK_ERR(LK_E_CONFIG, CREDENTIALS_NONE));
	}
	*out = c;
	explicit_bzero(&c, sizeof(c));
	return (LK_NONE);
}
