#include "daemon/options.h"

#include <libutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/setting.h"

_Static_assert(SETTING_ADDRESS_MAX == NET_ADDRESS_MAX,
    "an address of the configuration is one of the network");

lk_err
options_listen(struct options *o, const char *value)
{
	return (setting_listen(value, o->listen_host, &o->listen_port));
}

lk_err
options_log(struct options *o, const char *value)
{
	if (setting_log_level(value, &o->log_level))
		return (LK_NONE);
	if (value[0] == '\0' ||
	    strlcpy(o->log_path, value, sizeof(o->log_path)) >=
		sizeof(o->log_path))
		return (LK_ERR(LK_E_MALFORMED, "log"));
	return (LK_NONE);
}

static lk_err
options_address(struct options *o, const char *value)
{
	if (o->addresses_len == PEER_ADDRESS_MAX)
		return (LK_ERR(LK_E_MALFORMED, "address"));
	TRY(setting_address(value));
	(void)strlcpy(o->addresses[o->addresses_len++], value, NET_ADDRESS_MAX);
	return (LK_NONE);
}

static lk_err
options_discovery(struct options *o, const char *value)
{
	return (setting_switch(value, &o->discovery));
}

static lk_err
options_backup_age(struct options *o, const char *value)
{
	return (setting_span(value, &o->backup_age_ms)
		? LK_NONE
		: LK_ERR(LK_E_MALFORMED, "backup-age"));
}

static lk_err (*const setters[SETTINGS_COUNT])(
    struct options *, const char *value) = {
	[SETTING_LISTEN] = options_listen,
	[SETTING_LOG] = options_log,
	[SETTING_ADDRESS] = options_address,
	[SETTING_DISCOVERY] = options_discovery,
	[SETTING_BACKUP_AGE] = options_backup_age,
};

lk_err
options_line(struct options *o, const char *line)
{
	struct setting_line l;

	TRY(setting_line_read(&l, line));
	return (l.given ? setters[l.id](o, l.value) : LK_NONE);
}

static lk_err
config_read(struct options *o, struct options_flaw *flaw)
{
	char path[PATH_MAX + 8], *line;
	size_t len, number = 0;
	lk_err err = LK_NONE;
	FILE *f;

	snprintf(path, sizeof(path), "%s/" SETTING_FILE, o->home);
	if ((f = fopen(path, "re")) == NULL) {
		if (errno == ENOENT || errno == ENOTDIR)
			return (LK_NONE);
		snprintf(flaw->text, sizeof(flaw->text), "%s: %s", path,
		    strerror(errno));
		return (LK_ERR(LK_E_CONFIG, "read the configuration"));
	}
	while (err.code == LK_OK && number < SETTING_FILE_LINES_MAX &&
	    (line = fparseln(f, &len, &number, NULL, 0)) != NULL) {
		err = options_line(o, line);
		if (err.code != LK_OK)
			snprintf(flaw->text, sizeof(flaw->text),
			    "%s: line %zu: not understood: %.100s", path,
			    number, line);
		free(line);
	}
	fclose(f);
	return (err.code == LK_OK ? err : LK_ERR(LK_E_CONFIG, "configuration"));
}

static lk_err
environment_read(struct options *o, struct options_flaw *flaw)
{
	const char *listen = getenv("LK_LISTEN"), *log = getenv("LK_LOG");

	if (listen != NULL && listen[0] != '\0' &&
	    options_listen(o, listen).code != LK_OK) {
		snprintf(flaw->text, sizeof(flaw->text),
		    "LK_LISTEN: not an address and port: %.100s", listen);
		return (LK_ERR(LK_E_CONFIG, "LK_LISTEN"));
	}
	if (log != NULL && log[0] != '\0' &&
	    options_log(o, log).code != LK_OK) {
		snprintf(flaw->text, sizeof(flaw->text),
		    "LK_LOG: neither a level nor a file");
		return (LK_ERR(LK_E_CONFIG, "LK_LOG"));
	}
	return (LK_NONE);
}

static lk_err
arguments_read(
    struct options *o, int argc, char *const *argv, struct options_flaw *flaw)
{
	int c;

	optreset = 1;
	optind = 1;
	opterr = 0;
	while ((c = getopt(argc, argv, "fvd:p:s:")) != -1) {
		const char *wrong = NULL;

		if (c == 'f')
			o->foreground = true;
		else if (c == 'v')
			o->verbose = true;
		else if (c == 'p')
			o->passphrase_file = optarg;
		else if (c == 's')
			o->scan = optarg;
		else if (c == 'd')
			o->passphrase_fd =
			    (int)strtonum(optarg, 0, INT_MAX, &wrong);
		if (c == '?' || wrong != NULL)
			break;
	}
	if (c == -1 && optind == argc)
		return (LK_NONE);
	snprintf(flaw->text, sizeof(flaw->text), "usage: lkd [-fv] [-d descriptor] [-p file]; lkd -s folder");
	return (LK_ERR(LK_E_USAGE, "arguments"));
}

static lk_err
paths_find(struct options *o, struct options_flaw *flaw)
{
	lk_err err = home_path(o->home);

	if (err.code != LK_OK) {
		snprintf(flaw->text, sizeof(flaw->text),
		    "LK_HOME: no usable directory: %s",
		    err.code == LK_E_SYS ? strerror(err.sys) : err.what);
		return (LK_ERR(LK_E_CONFIG, "LK_HOME"));
	}
	if (home_socket_path(o->home, o->socket).code != LK_OK) {
		snprintf(flaw->text, sizeof(flaw->text),
		    "LK_SOCKET: longer than the %d bytes a socket's path may "
		    "have",
		    HOME_SOCKET_MAX);
		return (LK_ERR(LK_E_CONFIG, "LK_SOCKET"));
	}
	return (LK_NONE);
}

/* A path of the log that is relative is so to `dir`: the daemon leaves its
 * current directory. */
static lk_err
log_path_complete(struct options *o, const char *dir, struct options_flaw *flaw)
{
	char path[2 * PATH_MAX];

	if (o->log_path[0] == '\0' || o->log_path[0] == '/')
		return (LK_NONE);
	snprintf(path, sizeof(path), "%s/%s", dir, o->log_path);
	if (strlcpy(o->log_path, path, sizeof(o->log_path)) <
	    sizeof(o->log_path))
		return (LK_NONE);
	snprintf(flaw->text, sizeof(flaw->text), "log: the path is too long");
	return (LK_ERR(LK_E_CONFIG, "log"));
}

lk_err
options_read(
    struct options *o, int argc, char *const *argv, struct options_flaw *flaw)
{
	char cwd[PATH_MAX];

	*o = (struct options){ .log_level = LOG_LEVEL_INFO,
		.discovery = true,
		.backup_age_ms = BACKUP_AGE_DEFAULT_MS,
		.passphrase_fd = -1 };
	TRY(arguments_read(o, argc, argv, flaw));
	if (o->scan != NULL)
		return (LK_NONE);
	TRY(paths_find(o, flaw));
	TRY(config_read(o, flaw));
	TRY(log_path_complete(o, o->home, flaw));
	TRY(environment_read(o, flaw));
	if (getcwd(cwd, sizeof(cwd)) != NULL)
		TRY(log_path_complete(o, cwd, flaw));
	if (o->verbose)
		o->log_level = LOG_LEVEL_DEBUG;
	return (LK_NONE);
}
