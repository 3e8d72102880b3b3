/* lkd - the daemon that keeps a person's documents on this machine. */
#include <libutil.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/passphrase.h"
#include "base/standard_files.h"
#include "base/stream_folder.h"
#include "crypto/lock.h"
#include "daemon/control.h"
#include "daemon/detach.h"
#include "daemon/hosting.h"
#include "daemon/instance.h"
#include "daemon/mirrors.h"
#include "daemon/sandbox.h"
#include "mirror/scan.h"
#include "net/broker.h"

#define DIRS_OWN_MAX 3

/* Says why it does not start, to whoever started it and in the log. */
static lk_err complain(lk_err, const char *, ...)
    __attribute__((format(printf, 2, 3)));

static lk_err
complain(lk_err err, const char *fmt, ...)
{
	char text[2 * PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (err.code == LK_E_SYS)
		fprintf(stderr, "lkd: %s: %s\n", text, strerror(err.sys));
	else
		fprintf(stderr, "lkd: %s\n", text);
	return (err);
}

static lk_err
options_get(struct daemon *d, int argc, char **argv)
{
	struct options_flaw flaw;
	lk_err err = options_read(&d->options, argc, argv, &flaw);

	return (err.code == LK_OK ? err : complain(err, "%s", flaw.text));
}

/* What does not depend on anything. */
static void
process_prepare(void)
{
	struct rlimit none = { 0, 0 };

	umask(077);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)signal(SIGPIPE, SIG_IGN);
	/* A limit on files is an error like a full disk. */
	(void)signal(SIGXFSZ, SIG_IGN);
	/* Somebody wants to write to a file of a mirror that is just being
	 * replaced: he is let in when that is done. */
	(void)signal(SIGIO, SIG_IGN);
}

/* Whatever is wrong with the directory is a matter of configuration. */
static lk_err
home_prepare(struct daemon *d)
{
	lk_err err = home_directory(d->options.home, 1);

	if (err.code == LK_OK &&
	    access(d->options.home, R_OK | W_OK | X_OK) == -1)
		err = LK_SYS("access");
	if (err.code == LK_OK)
		return (err);
	if (err.code == LK_E_SYS)
		(void)complain(err, "%s", d->options.home);
	else
		(void)complain(err, "%s: %s", d->options.home, err.what);
	return (LK_ERR(LK_E_CONFIG, "LK_HOME"));
}

static lk_err
instance_get(struct daemon *d)
{
	lk_err err = instance_lock(d->options.home, &d->lock_fd);

	if (err.code == LK_E_UNAVAILABLE)
		return (complain(
		    err, "%s: another lkd is running here", d->options.home));
	return (err.code == LK_OK
		? err
		: complain(err, "%s/" INSTANCE_FILE, d->options.home));
}

static lk_err
log_prepare(struct daemon *d)
{
	struct options *o = &d->options;
	char path[PATH_MAX + 8];
	lk_err err;

	if (o->foreground && o->log_path[0] == '\0') {
		log_init(STDERR_FILENO, o->log_level);
		if (log_is_journal(STDERR_FILENO))
			log_to_journal();
		return (LK_NONE);
	}
	if (o->log_path[0] != '\0')
		strlcpy(path, o->log_path, sizeof(path));
	else
		snprintf(path, sizeof(path), "%s/log", o->home);
	err = logfile_open(&d->logfile, path);
	if (err.code != LK_OK)
		return (complain(err, "%s", path));
	log_init(d->logfile.fd, o->log_level);
	return (LK_NONE);
}

static lk_err
store_prepare(struct daemon *d)
{
	lk_err err = crypto_start();

	if (err.code == LK_OK)
		err = store_open_home(d);
	if (err.code == LK_OK) {
		scratch_sweep(d);
		stream_folders_sweep(d->options.home);
		return (err);
	}
	if (err.code == LK_E_VERSION)
		return (complain(err,
		    "%s/store: written by a newer lk: install that one; "
		    "nothing was changed",
		    d->options.home));
	return (err.code == LK_E_SYS
		? complain(err, "%s/store", d->options.home)
		: complain(err, "%s/store: %s%s", d->options.home, err.what,
		      err.code == LK_E_CORRUPT ? ": damaged" : ""));
}

/* Before there is a secret, and outside of the sandbox. */
static lk_err
broker_prepare(struct daemon *d)
{
	lk_err err = broker_start(&d->broker_fd, sandbox_enter_broker);

	return (err.code == LK_OK ? err : complain(err, "%s", err.what));
}

/* Signals become something the loop waits for. */
static lk_err
signals_prepare(struct daemon *d)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == 0)
		d->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return (d->signal_fd == -1 ? complain(LK_SYS("signals"), "signals")
				   : LK_NONE);
}

/* The directory of the socket: ours alone, whoever it is that named it. */
static lk_err
socket_prepare(struct daemon *d)
{
	char dir[HOME_SOCKET_MAX + 1], *slash;
	lk_err err = LK_NONE;

	strlcpy(dir, d->options.socket, sizeof(dir));
	slash = strrchr(dir, '/');
	if (slash == NULL || slash == dir)
		return (complain(LK_ERR(LK_E_CONFIG, "control socket"),
		    "%s: not the absolute path of a socket", dir));
	*slash = '\0';
	slash = strrchr(dir, '/');
	/* The folder above the one of last resort is in /tmp, where anybody
	 * may have made it. */
	if (strncmp(dir, "/tmp/lk-", 8) == 0 && slash > dir + 8) {
		*slash = '\0';
		err = home_directory(dir, 1);
		*slash = '/';
	}
	if (err.code == LK_OK)
		err = home_directory(dir, 1);
	if (err.code == LK_OK)
		return (err);
	if (err.code == LK_E_SYS)
		(void)complain(err, "%s", dir);
	else
		(void)complain(err, "%s: %s", dir, err.what);
	return (LK_ERR(LK_E_CONFIG, "control socket"));
}

static void
directory_of(char out[static PATH_MAX], const char *path)
{
	char *slash;

	strlcpy(out, path, PATH_MAX);
	slash = strrchr(out, '/');
	if (slash != NULL)
		slash[slash == out] = '\0';
}

/* Its own directories, and those of mirrors: what is mirrored later needs
 * another start. */
static lk_err
sandbox_prepare(struct daemon *d)
{
	char socket[PATH_MAX], log[PATH_MAX];
	const char *dirs[DIRS_OWN_MAX + MIRRORS_MAX] = { d->options.home,
		socket };
	size_t len = 2;
	char **mirrors = NULL;
	lk_err err;

	directory_of(socket, d->options.socket);
	directory_of(log, d->logfile.path);
	if (d->logfile.path[0] != '\0')
		dirs[len++] = log;
	err = mirrors_dirs(d->store, &mirrors);
	if (err.code != LK_OK)
		return (
		    complain(err, "%s/store: %s", d->options.home, err.what));
	for (size_t i = 0; mirrors[i] != NULL; i++)
		dirs[len++] = mirrors[i];
	sandbox_enter(dirs, len, &d->sandbox);
	for (size_t i = 0; mirrors[i] != NULL; i++)
		free(mirrors[i]);
	free(mirrors);
	log_info("sandbox: %s", d->sandbox.line);
	return (LK_NONE);
}

static lk_err
net_prepare(struct daemon *d)
{
	const struct options *o = &d->options;
	lk_err err = workers_open(&d->workers, workers_suggested());

	if (err.code == LK_OK)
		err = net_open(&d->net, d->signal_fd);
	if (err.code != LK_OK)
		return (complain(err, "%s", err.what));
	net_broker(d->net, d->broker_fd);
	d->broker_fd = -1;
	err = own_port_listen(o, d->net, &d->port);
	/* Any port would do: there is no network, and one may come. */
	if (err.code == LK_E_UNAVAILABLE && o->listen_port == 0)
		err = LK_NONE;
	if (err.code == LK_E_UNAVAILABLE)
		return (complain(err,
		    "%s:%u: in use, or no address of this machine: "
		    "LK_LISTEN chooses another",
		    o->listen_host[0] == '\0' ? "*" : o->listen_host,
		    o->listen_port));
	if (err.code != LK_OK)
		return (complain(err, "port %u", o->listen_port));
	own_addresses_find(&d->addresses, o, d->port);
	lan_prepare(d);
	return (LK_NONE);
}

/* Whether the identity file, or one that is about to take its place, needs a
 * passphrase. */
static bool
identity_is_sealed(const struct daemon *d)
{
	char next[PATH_MAX + 32];
	const char *dirs[] = { d->options.home, next };
	bool sealed = false;

	snprintf(next, sizeof(next), "%s/" IDENTITY_STAGE_DIR, d->options.home);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		BUF_SECRET file = { .max = IDENTITY_BYTES_MAX };

		sealed |= identity_read(&file, dirs[i]).code == LK_OK &&
		    lock_is_sealed(buf_bytes(&file));
	}
	return (sealed);
}

/* Asked for while there is somebody to ask, and before the sandbox forbids to
 * run a command. */
static lk_err
passphrase_prepare(struct daemon *d)
{
	struct passphrase_source from =
	    passphrase_environment("Passphrase of this device's keys: ");
	lk_err err;

	if (!identity_is_sealed(d))
		return (LK_NONE);
	if (d->options.passphrase_fd != -1)
		from =
		    (struct passphrase_source){ .fd =
						    d->options.passphrase_fd };
	if (d->options.passphrase_file != NULL)
		from.file = d->options.passphrase_file;
	err = passphrase_read(&d->passphrase, &from);
	if (err.code == LK_OK)
		return (err);
	if (err.code == LK_E_CONFIG) {
		(void)complain(err,
		    "the keys are sealed with a passphrase: start the daemon "
		    "at a terminal, or set LK_PASSPHRASE_FILE or "
		    "LK_PASSPHRASE_COMMAND");
		return (LK_ERR(LK_E_DENIED, "passphrase"));
	}
	(void)complain(err, "passphrase%s%s", err.code == LK_E_SYS ? "" : ": ",
	    err.code == LK_E_SYS ? "" : err.what);
	return (LK_ERR(LK_E_DENIED, "passphrase"));
}

static lk_err
identity_get(struct daemon *d)
{
	BUF_SECRET file = { .max = IDENTITY_BYTES_MAX };
	lk_err err = identity_swap_recover(d);

	if (err.code == LK_OK)
		err = identity_read(&file, d->options.home);
	if (err.code == LK_OK)
		err = identity_decode(&d->identity, buf_bytes(&file));
	if (err.code == LK_E_WAIT)
		err = identity_unseal(
		    &d->identity, buf_bytes(&file), buf_bytes(&d->passphrase));
	buf_wipe(&d->passphrase);
	return (err);
}

static lk_err
identity_prepare(struct daemon *d)
{
	lk_err err = identity_get(d);

	if (err.code == LK_E_CONFIG)
		return (LK_NONE);
	if (err.code == LK_E_DENIED && strcmp(err.what, WRONG_PASSPHRASE) == 0)
		return (complain(err, WRONG_PASSPHRASE));
	if (err.code == LK_E_DENIED) {
		(void)complain(err,
		    "%s/" IDENTITY_FILE ": others may read or change it",
		    d->options.home);
		return (LK_ERR(LK_E_CONFIG, "identity"));
	}
	if (err.code != LK_OK)
		return (
		    complain(err, "%s/" IDENTITY_FILE ": %s", d->options.home,
			err.code == LK_E_CORRUPT ? "damaged" : err.what));
	d->identity_saved = d->identity;
	d->has_identity = true;
	return (LK_NONE);
}

static lk_err
replica_prepare(struct daemon *d)
{
	lk_err err;

	TRY(identity_prepare(d));
	err = txn_begin(d->store, TXN_WRITE, &d->txn);
	if (err.code == LK_OK)
		err = d->has_identity ? replica_start(d) : hosting_start(d);
	if (err.code == LK_OK && !d->has_identity)
		log_info("lkd: %s",
		    d->relay != NULL ? "a relay"
				     : "no identity yet: lk init makes one");
	if (err.code != LK_OK)
		return (
		    complain(err, "%s/store: %s", d->options.home, err.what));
	round_end(d);
	return (LK_NONE);
}

static lk_err
mirrors_prepare(struct daemon *d)
{
	lk_err err = mirrors_open(d);

	return (err.code == LK_OK
		? err
		: complain(err, "%s/store: %s", d->options.home, err.what));
}

static lk_err
control_prepare(struct daemon *d)
{
	lk_err err = net_listen_control(d->net, d->options.socket);

	if (err.code == LK_OK)
		return (err);
	return (err.code == LK_E_SYS
		? complain(err, "%s", d->options.socket)
		: complain(err, "%s: %s", d->options.socket, err.what));
}

/* All that has to be there; in this order, since the sandbox needs what is
 * above it, and threads begin below it. */
static lk_err
daemon_open(struct daemon *d)
{
	int ready_fd = -1;
	lk_err err;

	process_prepare();
	TRY(broker_prepare(d));
	TRY(home_prepare(d));
	TRY(socket_prepare(d));
	TRY(instance_get(d));
	TRY(log_prepare(d));
	TRY(passphrase_prepare(d));
	if (!d->options.foreground) {
		err = detach(&ready_fd);
		if (err.code != LK_OK)
			return (complain(err, "%s", err.what));
	}
	TRY(store_prepare(d));
	TRY(signals_prepare(d));
	TRY(sandbox_prepare(d));
	d->now = now_read();
	d->started = d->now.wall;
	TRY(net_prepare(d));
	TRY(replica_prepare(d));
	TRY(mirrors_prepare(d));
	TRY(control_prepare(d));
	instance_ready(d->lock_fd);
	if (ready_fd != -1)
		detach_ready(ready_fd, d->logfile.fd);
	return (LK_NONE);
}

static void
daemon_close(struct daemon *d)
{
	control_clear(d);
	mirrors_close(d);
	if (d->txn != NULL)
		txn_abort(d->txn);
	net_close(d->net);
	hosting_stop(d);
	replica_stop(d);
	workers_close(d->workers);
	store_close(d->store);
	identity_clear(&d->identity);
	identity_clear(&d->identity_saved);
	buf_wipe(&d->passphrase);
	if (d->signal_fd != -1)
		close(d->signal_fd);
	if (d->lock_fd != -1)
		close(d->lock_fd);
	if (d->broker_fd != -1)
		close(d->broker_fd);
}

/* What a folder has, to standard output: for who does not see it, and is asked
 * what would become of it (mirror/scan.h).  Nothing else is opened. */
static lk_err
folder_tell(const char *path)
{
	struct folder folder = { .fd = -1 };
	BUF_SCOPED scan = { .max = SCAN_BYTES_MAX };
	lk_err err = crypto_start();

	if (err.code == LK_OK)
		err = folder_open(&folder, path);
	if (err.code == LK_OK)
		err = scan_folder(&scan, &folder, now_read().wall);
	folder_close(&folder);
	if (err.code == LK_OK &&
	    (fwrite(scan.ptr, 1, scan.len, stdout) != scan.len ||
		fflush(stdout) == EOF))
		err = LK_SYS("write");
	if (err.code == LK_OK)
		return (err);
	return (err.code == LK_E_SYS ? complain(err, "%s", path)
				     : complain(err, "%s: %s", path, err.what));
}

int
main(int argc, char **argv)
{
	struct daemon *d = calloc(1, sizeof(*d));
	lk_err err = standard_files_fill();
	int status;

	if (err.code == LK_OK && d == NULL)
		err = LK_ERR(LK_E_NOMEM, "daemon");
	if (err.code != LK_OK) {
		free(d);
		return (lk_exit_status(err.code));
	}
	d->lock_fd = d->signal_fd = d->broker_fd = -1;
	d->remote_request = REMOTE_REQUEST_OURS;
	LIST_INIT(&d->remote_tests);
	LIST_INIT(&d->depots);
	control_init(&d->control);
	err = options_get(d, argc, argv);
	if (err.code == LK_OK && d->options.scan != NULL)
		err = folder_tell(d->options.scan);
	else if (err.code == LK_OK)
		err = daemon_open(d);
	if (err.code == LK_OK && d->options.scan == NULL) {
		if (geteuid() == 0)
			log_warn("lkd: running as root, which it never needs");
		if (d->port == 0)
			log_info("lkd: " LK_VERSION
				 " ready; listens when there is a network");
		else
			log_info(
			    "lkd: " LK_VERSION " ready on port %u", d->port);
		loop_run(d);
		log_info("lkd: ending");
	}
	status = err.code == LK_OK ? d->status : lk_exit_status(err.code);
	daemon_close(d);
	free(d);
	return (status);
}
