#include "daemon/options.h"

#include <arpa/inet.h>
#include <libutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONFIG_FILE "config"
#define CONFIG_LINES_MAX 1000
#define PORT_MAX 65535

static lk_err
port_parse(uint16_t *port, const char *text)
{
	const char *wrong;
	long long n = strtonum(text, 0, PORT_MAX, &wrong);

	if (wrong != NULL || strspn(text, "0123456789") != strlen(text))
		return (LK_ERR(LK_E_MALFORMED, "port"));
	*port = (uint16_t)n;
	return (LK_NONE);
}

/* The host of "host:port" as net_listen_tcp wants it. */
static lk_err
host_parse(char out[static NET_ADDRESS_MAX], const char *text, size_t len)
{
	char host[NET_ADDRESS_MAX];
	uint8_t ip[16];
	bool v6 = len >= 2 && text[0] == '[' && text[len - 1] == ']';

	if (v6) {
		text++;
		len -= 2;
	}
	if (len >= sizeof(host))
		return (LK_ERR(LK_E_MALFORMED, "address"));
	memcpy(host, text, len);
	host[len] = '\0';
	if (strcmp(host, "localhost") == 0)
		strlcpy(host, "127.0.0.1", sizeof(host));
	if (len > 0 && inet_pton(v6 ? AF_INET6 : AF_INET, host, ip) != 1)
		return (LK_ERR(LK_E_MALFORMED, "address"));
	strlcpy(out, host, NET_ADDRESS_MAX);
	return (LK_NONE);
}

lk_err
options_listen(struct options *o, const char *value)
{
	char host[NET_ADDRESS_MAX] = "";
	const char *colon = strrchr(value, ':');
	uint16_t port;

	TRY(port_parse(&port, colon == NULL ? value : colon + 1));
	if (colon != NULL)
		TRY(host_parse(host, value, (size_t)(colon - value)));
	strlcpy(o->listen_host, host, sizeof(o->listen_host));
	o->listen_port = port;
	return (LK_NONE);
}

lk_err
options_log(struct options *o, const char *value)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = {
		{ "error", LOG_LEVEL_ERROR },
		{ "warn", LOG_LEVEL_WARN },
		{ "info", LOG_LEVEL_INFO },
		{ "debug", LOG_LEVEL_DEBUG },
	};

	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++)
		if (strcmp(value, levels[i].name) == 0) {
			o->log_level = levels[i].level;
			return (LK_NONE);
		}
	if (value[0] == '\0' ||
	    strlcpy(o->log_path, value, sizeof(o->log_path)) >=
		sizeof(o->log_path))
		return (LK_ERR(LK_E_MALFORMED, "log"));
	return (LK_NONE);
}

static lk_err
options_address(struct options *o, const char *value)
{
	const char *colon = strrchr(value, ':');
	uint16_t port;

	if (colon == NULL || colon == value ||
	    o->addresses_len == PEER_ADDRESS_MAX)
		return (LK_ERR(LK_E_MALFORMED, "address"));
	TRY(port_parse(&port, colon + 1));
	if (port == 0 ||
	    strlcpy(o->addresses[o->addresses_len], value, NET_ADDRESS_MAX) >=
		NET_ADDRESS_MAX)
		return (LK_ERR(LK_E_MALFORMED, "address"));
	o->addresses_len++;
	return (LK_NONE);
}

static lk_err
options_discovery(struct options *o, const char *value)
{
	bool on = strcmp(value, "on") == 0;

	if (!on && strcmp(value, "off") != 0)
		return (LK_ERR(LK_E_MALFORMED, "discovery"));
	o->discovery = on;
	return (LK_NONE);
}

static const struct {
	const char *key;
	lk_err (*set)(struct options *, const char *value);
} config_keys[] = {
	{ "listen", options_listen },
	{ "log", options_log },
	{ "address", options_address },
	{ "discovery", options_discovery },
};

lk_err
options_line(struct options *o, const char *line)
{
	static const char blank[] = " \t\r";
	char value[PATH_MAX];
	const char *key = line + strspn(line, blank);
	size_t key_len = strcspn(key, blank);
	const char *rest = key + key_len + strspn(key + key_len, blank);
	size_t len = strlcpy(value, rest, sizeof(value));

	if (key_len == 0)
		return (LK_NONE);
	if (len >= sizeof(value))
		return (LK_ERR(LK_E_MALFORMED, "value"));
	while (len > 0 && strchr(blank, value[len - 1]) != NULL)
		value[--len] = '\0';
	for (size_t i = 0; i < sizeof(config_keys) / sizeof(*config_keys); i++)
		if (strlen(config_keys[i].key) == key_len &&
		    memcmp(config_keys[i].key, key, key_len) == 0)
			return (config_keys[i].set(o, value));
	return (LK_ERR(LK_E_MALFORMED, "key"));
}

static lk_err
config_read(struct options *o, struct options_flaw *flaw)
{
	char path[PATH_MAX + 8], *line;
	size_t len, number = 0;
	lk_err err = LK_NONE;
	FILE *f;

	snprintf(path, sizeof(path), "%s/" CONFIG_FILE, o->home);
	if ((f = fopen(path, "re")) == NULL) {
		if (errno == ENOENT || errno == ENOTDIR)
			return (LK_NONE);
		snprintf(flaw->text, sizeof(flaw->text), "%s: %s", path,
		    strerror(errno));
		return (LK_ERR(LK_E_CONFIG, "read the configuration"));
	}
	while (err.code == LK_OK && number < CONFIG_LINES_MAX &&
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
	while ((c = getopt(argc, argv, "fvd:p:")) != -1) {
		const char *wrong = NULL;

		if (c == 'f')
			o->foreground = true;
		else if (c == 'v')
			o->verbose = true;
		else if (c == 'p')
			o->passphrase_file = optarg;
		else if (c == 'd')
			o->passphrase_fd =
			    (int)strtonum(optarg, 0, INT_MAX, &wrong);
		if (c == '?' || wrong != NULL)
			break;
	}
	if (c == -1 && optind == argc)
		return (LK_NONE);
	snprintf(flaw->text, sizeof(flaw->text), "usage: lkd [-fv] [-d descriptor] [-p file]");
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
		.passphrase_fd = -1 };
	TRY(arguments_read(o, argc, argv, flaw));
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
