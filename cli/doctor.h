/*
 * doctor.h - inside lk doctor: what one check has to work with.
 *
 * A check looks at one thing and says one line of it, or one for each of
 * several (doctor_say).  With --fix it first does what cannot do harm: nothing
 * is deleted, nothing leaves this machine, nobody's access changes.
 *
 * doctor.c has the table of checks, in the order in which they are made: those
 * of this machine (doctor_machine.c) need no daemon; those of lkd
 * (doctor_daemon.c) are skipped when it does not run and does not start.
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include <limits.h>

#include "base/home.h"
#include "cli/lk.h"

enum verdict {
	VERDICT_OK,
	VERDICT_WARNING, /* may be meant so */
	VERDICT_WRONG,   /* something does not work, or will not */
};

struct doctor {
	struct lk *lk;
	const char *check; /* the name of the present one */
	bool fix;          /* what can be mended is to be */
	bool running;      /* the daemon answers */
	char home[PATH_MAX];
	char socket[HOME_SOCKET_MAX + 1];
	json_object *daemon; /* what daemon.status said; NULL before */
	json_object *said;   /* an array of what was found */
};

/* One line about the present check.  `hint` says what to do, or NULL;
 * `fixable`: lk doctor --fix does it. */
struct finding {
	enum verdict verdict;
	const char *hint;
	bool fixable;
};
void doctor_say(struct doctor *, struct finding, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* It was wrong and has been mended. */
void doctor_mended(struct doctor *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

typedef void check_fn(struct doctor *);

/* doctor_machine.c */
check_fn check_home, check_identity, check_disk, check_clock, check_inotify;

/* doctor_daemon.c */
/* Starts the daemon when none runs, and sets d->running and d->daemon. */
check_fn check_daemon;
check_fn check_config, check_versions, check_socket, check_sandbox, check_store, check_scrub, check_port,
    check_multicast, check_peers, check_remotes, check_mirrors, check_copies;

/* doctor_backup.c */
check_fn check_backups;

/* Whether the home is a relay's, which has no identity and no documents. */
bool doctor_is_relay(const struct doctor *);
/* Whether a path of lk is for its user alone: `mode` is what must not be set.
 * Says what is wrong, or mends it. */
bool doctor_private(struct doctor *, const char *path, unsigned mode);

#endif
