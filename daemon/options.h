/*
 * options.h - what lkd is told: by its arguments, the environment, and the file
 * `config` of LK_HOME, in this order of precedence (cli.md section 2).
 *
 * What the file may say is in base/setting.h.
 */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include <limits.h>

#include "base/home.h"
#include "base/log.h"
#include "net/net.h"

/* 14 days, as settings[] says. */
#define BACKUP_AGE_DEFAULT_MS (INT64_C(14) * 24 * 60 * 60 * 1000)

struct options {
	bool foreground, verbose;
	const char *scan; /* NULL, or the folder to look at, and no more */
	const char *passphrase_file; /* NULL: as the environment says */
	int passphrase_fd;           /* -1: none */
	char home[PATH_MAX];
	char socket[HOME_SOCKET_MAX + 1];
	/* Where to listen.  `host` is a numeric address, "" for all of them;
	 * port 0: the one that was kept, or a new one. */
	char listen_host[NET_ADDRESS_MAX];
	uint16_t listen_port;
	bool discovery;        /* beacons on the local network; on by default */
	int64_t backup_age_ms; /* older: lk doctor warns; 0: never */
	char log_path[PATH_MAX]; /* "": LK_HOME/log, or stderr with -f */
	enum log_level log_level;
	char addresses[PEER_ADDRESS_MAX][NET_ADDRESS_MAX];
	size_t addresses_len;
};

/* What was wrong, for people. */
struct options_flaw {
	char text[PATH_MAX + 256];
};

/*
 * Reads all three.
 *   USAGE   the arguments; flaw is what to say
 *   CONFIG  the environment or the file; likewise
 */
LK_MUST_USE lk_err options_read(
    struct options *, int argc, char *const *argv, struct options_flaw *);

/* The pieces, for tests.  MALFORMED when it is none. */
/* "host:port", ":port" or "port"; a host is a numeric address, in brackets
 * when it is IPv6, or "localhost". */
LK_MUST_USE lk_err options_listen(struct options *, const char *value);
/* "error", "warn", "info" or "debug", or the path of a file. */
LK_MUST_USE lk_err options_log(struct options *, const char *value);
/* One line of the file without comment; empty lines are fine. */
LK_MUST_USE lk_err options_line(struct options *, const char *line);

#endif
