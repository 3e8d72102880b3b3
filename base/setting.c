#include "base/setting.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

#define PORT_MAX 65535

const struct setting settings[SETTINGS_COUNT] = {
	[SETTING_LISTEN] = { "listen", "0", "LK_LISTEN",
	    "where other devices connect to", 1 },
	[SETTING_LOG] = { "log", "info", "LK_LOG",
	    "how much is logged, and where", 2 },
	[SETTING_ADDRESS] = { "address", "", NULL,
	    "addresses to tell others besides those found", PEER_ADDRESS_MAX },
	[SETTING_DISCOVERY] = { "discovery", "on", NULL,
	    "whether devices are found on the local network", 1 },
	[SETTING_BACKUP_AGE] = { "backup-age", "14d", NULL,
	    "how old a backup is when lk doctor warns; 0: never", 1 },
};

lk_err
setting_find(const char *name, enum setting_id *id)
{
	for (size_t i = 0; i < SETTINGS_COUNT; i++) {
		if (strcmp(settings[i].name, name) != 0)
			continue;
		*id = (enum setting_id)i;
		return LK_NONE;
	}
	return LK_ERR(LK_E_NOTFOUND, "no such setting");
}

static lk_err
port_read(uint16_t *port, const char *text)
{
	const char *wrong;
	long long n = strtonum(text, 0, PORT_MAX, &wrong);

	if (wrong != NULL || strspn(text, "0123456789") != strlen(text))
		return LK_ERR(LK_E_MALFORMED, "port");
	*port = (uint16_t)n;
	return LK_NONE;
}

/* The host of "host:port", without brackets. */
static lk_err
host_read(char out[static SETTING_ADDRESS_MAX], const char *text, size_t len)
{
	char host[SETTING_ADDRESS_MAX];
	uint8_t ip[16];
	bool v6 = len >= 2 && text[0] == '[' && text[len - 1] == ']';

	if (v6) {
		text++;
		len -= 2;
	}
	if (len >= sizeof(host))
		return LK_ERR(LK_E_MALFORMED, "address");
	memcpy(host, text, len);
	host[len] = '\0';
	if (strcmp(host, "localhost") == 0)
		(void)strlcpy(host, "127.0.0.1", sizeof(host));
	if (len > 0 && inet_pton(v6 ? AF_INET6 : AF_INET, host, ip) != 1)
		return LK_ERR(LK_E_MALFORMED, "address");
	(void)strlcpy(out, host, SETTING_ADDRESS_MAX);
	return LK_NONE;
}

lk_err
setting_listen(
    const char *value, char out[static SETTING_ADDRESS_MAX], uint16_t *port)
{
	char host[SETTING_ADDRESS_MAX] = "";
	const char *colon = strrchr(value, ':');
	uint16_t n;

	TRY(port_read(&n, colon == NULL ? value : colon + 1));
	if (colon != NULL)
		TRY(host_read(host, value, (size_t)(colon - value)));
	(void)strlcpy(out, host, SETTING_ADDRESS_MAX);
	*port = n;
	return LK_NONE;
}

bool
setting_log_level(const char *value, enum log_level *level)
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

	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
		if (strcmp(value, levels[i].name) != 0)
			continue;
		*level = levels[i].level;
		return true;
	}
	return false;
}

lk_err
setting_address(const char *value)
{
	const char *colon = strrchr(value, ':');
	uint16_t port;

	if (colon == NULL || colon == value ||
	    strlen(value) >= SETTING_ADDRESS_MAX)
		return LK_ERR(LK_E_MALFORMED, "address");
	TRY(port_read(&port, colon + 1));
	return port == 0 ? LK_ERR(LK_E_MALFORMED, "port") : LK_NONE;
}

lk_err
setting_switch(const char *value, bool *on)
{
	if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
		return LK_ERR(LK_E_MALFORMED, "neither on nor off");
	*on = strcmp(value, "on") == 0;
	return LK_NONE;
}

bool
setting_span(const char *text, int64_t *ms)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {
		{ "", 1000 },
		{ "ms", 1 },
		{ "s", 1000 },
		{ "m", 60000 },
		{ "h", 3600000 },
		{ "d", 86400000 },
	};
	char digits[20];
	size_t len = strspn(text, "0123456789");
	const char *wrong;
	int64_t n;

	if (len == 0 || len >= sizeof(digits))
		return false;
	memcpy(digits, text, len);
	digits[len] = '\0';
	n = strtonum(digits, 0, SPAN_MS_MAX, &wrong);
	if (wrong != NULL)
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(text + len, units[i].name) != 0)
			continue;
		if (n > SPAN_MS_MAX / units[i].ms)
			return false;
		*ms = n * units[i].ms;
		return true;
	}
	return false;
}

lk_err
setting_check(enum setting_id id, const char *value)
{
	char host[SETTING_ADDRESS_MAX];
	uint16_t port;
	int64_t ms;
	bool on;

	switch (id) {
	case SETTING_LISTEN:
		return setting_listen(value, host, &port).code == LK_OK
		    ? LK_NONE
		    : LK_ERR(LK_E_MALFORMED,
			  "expected HOST:PORT, :PORT or PORT, HOST in digits");
	case SETTING_LOG:
		return value[0] != '\0' && strlen(value) < PATH_MAX
		    ? LK_NONE
		    : LK_ERR(LK_E_MALFORMED,
			  "expected error, warn, info, debug or a file");
	case SETTING_ADDRESS:
		return setting_address(value).code == LK_OK
		    ? LK_NONE
		    : LK_ERR(LK_E_MALFORMED, "expected HOST:PORT");
	case SETTING_DISCOVERY:
		return setting_switch(value, &on).code == LK_OK
		    ? LK_NONE
		    : LK_ERR(LK_E_MALFORMED, "expected on or off");
	case SETTING_BACKUP_AGE:
		/* A number alone would be seconds, and is meant as days. */
		return setting_span(value, &ms) &&
			(ms == 0 || strspn(value, "0123456789") < strlen(value))
		    ? LK_NONE
		    : LK_ERR(LK_E_MALFORMED,
			  "expected a time span like 12h, 14d, up to 366d");
	}
	LK_ASSERT(false);
	return LK_NONE;
}

lk_err
setting_line_read(struct setting_line *out, const char *line)
{
	static const char blank[] = " \t\r";
	const char *name = line + strspn(line, blank);
	size_t len = strcspn(name, blank);
	const char *rest = name + len + strspn(name + len, blank);
	char word[32];

	out->given = false;
	if (len == 0)
		return LK_NONE;
	if (len >= sizeof(word) ||
	    strlcpy(out->value, rest, sizeof(out->value)) >= sizeof(out->value))
		return LK_ERR(LK_E_MALFORMED, "line");
	memcpy(word, name, len);
	word[len] = '\0';
	len = strlen(out->value);
	while (len > 0 && strchr(blank, out->value[len - 1]) != NULL)
		out->value[--len] = '\0';
	if (setting_find(word, &out->id).code != LK_OK)
		return LK_ERR(LK_E_MALFORMED, "no such setting");
	out->given = true;
	return setting_check(out->id, out->value);
}
