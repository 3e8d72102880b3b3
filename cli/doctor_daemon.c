/* What lk doctor sees of its daemon, and by asking it. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/setting.h"
#include "cli/client.h"
#include "cli/doctor.h"
#include "cli/restart.h"
#include "cli/spawn.h"

#define CONNECT_MS 2000
/* A device that is used now and then has been seen in this time. */
#define SEEN_DAYS 30

static const struct finding fine = { .verdict = VERDICT_OK };

static size_t
length(json_object *list)
{
	return list == NULL ? 0 : json_object_array_length(list);
}

/* Whether the daemon has answered; else that is said. */
static bool
ask(struct doctor *d, const char *method, json_object **result)
{
	struct finding f = { .verdict = VERDICT_WRONG,
		.hint = "lk daemon logs may say why" };

	if (lk_call(d->lk, method, NULL, result) == 0)
		return true;
	doctor_say(d, f, "the daemon does not answer");
	return false;
}

void
check_daemon(struct doctor *d)
{
	struct finding f = { .verdict = VERDICT_WRONG };
	struct complaint why;
	char identity[PATH_MAX + 16];
	bool started = false;

	(void)snprintf(identity, sizeof(identity), "%s/identity", d->home);
	if (!lk_running(d->lk)) {
		if (access(identity, F_OK) == -1 && !doctor_is_relay(d)) {
			f.hint = "lk init starts it";
			doctor_say(
			    d, f, "it does not run, and has no identity");
			return;
		}
		if (lkd_start(&why) != 0 || !lk_running(d->lk)) {
			f.hint = why.hint;
			doctor_say(d, f, "it does not start: %s", why.text);
			return;
		}
		started = true;
	}
	if (!ask(d, "daemon.status", &d->daemon))
		return;
	d->running = true;
	doctor_say(d, fine, "pid %lld, %s",
	    (long long)field_int(d->daemon, "pid"),
	    started ? "started now, as it did not run"
		    : field_ago(d->daemon, "started"));
}

/* Cuts a copy at a whole character. */
static void
line_copy(char out[static 128], const char *text)
{
	size_t len = strlen(text);

	if (len > 127)
		for (len = 127; len > 0 && ((uint8_t)text[len] & 0xc0) == 0x80;
		     len--)
			continue;
	(void)snprintf(out, 128, "%.*s", (int)len, text);
}

/* The first line of the file that is not understood; false when there is none,
 * or no file. */
static bool
config_flaw(const char *path, char line[static 128])
{
	FILE *f = fopen(path, "re");
	struct setting_line read;
	char *text = NULL;
	size_t size = 0;
	bool found = false;

	while (f != NULL && !found && getline(&text, &size, f) > 0) {
		text[strcspn(text, "#\n")] = '\0';
		found = setting_line_read(&read, text).code != LK_OK;
		line_copy(line, text);
	}
	free(text);
	if (f != NULL)
		fclose(f);
	return found;
}

/* Whether it was changed after the daemon had read it. */
static bool
is_news(struct doctor *d, const char *path)
{
	struct wall started;
	struct stat st;

	return d->running && stat(path, &st) == 0 &&
	    wall_read(&started, BYTES_STR(field(d->daemon, "started"))).code ==
	    LK_OK &&
	    (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000 >
	    started.ms;
}

void
check_config(struct doctor *d)
{
	char path[PATH_MAX + 16], line[128];
	struct finding f = { VERDICT_WRONG,
		"mend it, else lkd does not start; lk.conf(5)", false };

	(void)snprintf(path, sizeof(path), "%s/" SETTING_FILE, d->home);
	if (config_flaw(path, line)) {
		doctor_say(d, f, "%s: not understood: %s", path, line);
	} else if (is_news(d, path)) {
		f = (struct finding){ VERDICT_WARNING, "lk daemon restart",
			false };
		doctor_say(
		    d, f, "%s was changed since the daemon started", path);
	} else {
		doctor_say(d, fine, "lk config ls shows the settings");
	}
}

/* Whether the program it runs has another file in its place now. */
static bool
is_replaced(int64_t pid)
{
	static const char mark[] = " (deleted)";
	char link[64], path[PATH_MAX];
	ssize_t len;

	(void)snprintf(link, sizeof(link), "/proc/%lld/exe", (long long)pid);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < (ssize_t)sizeof(mark))
		return false;
	path[len] = '\0';
	return strcmp(path + len - (ssize_t)strlen(mark), mark) == 0;
}

static void
daemon_renew(struct doctor *d)
{
	JSON_SCOPED *stopped = NULL;

	if (daemon_stop_wait(d->lk, &stopped) == 0) {
		client_close(d->lk->client);
		d->lk->client = NULL;
		json_object_put(d->daemon);
		d->daemon = NULL;
		if (lk_connect(d->lk, CONNECT_START) == 0 &&
		    ask(d, "daemon.status", &d->daemon)) {
			doctor_mended(d, "the daemon runs lkd %s now",
			    field(d->daemon, "version"));
			return;
		}
	}
	d->running = false;
	doctor_say(d, (struct finding){ .verdict = VERDICT_WRONG },
	    "the daemon could not be started again");
}

void
check_versions(struct doctor *d)
{
	const char *version = field(d->daemon, "version");
	bool background = field(d->daemon, "log")[0] != '\0';
	int newer = strverscmp(version, LK_VERSION);
	bool other = newer != 0;
	struct finding f = { .verdict = VERDICT_WRONG,
		.hint = newer > 0 ? "use the lk that came with it"
		    : background  ? "lk daemon restart"
				  : "end lkd, and start it again",
		.fixable = background && newer <= 0 };

	if (!other && !is_replaced(field_int(d->daemon, "pid"))) {
		doctor_say(d, fine, "lk and lkd are %s", LK_VERSION);
		return;
	}
	if (d->fix && f.fixable) {
		daemon_renew(d);
		return;
	}
	if (other)
		doctor_say(d, f, "lk is %s, the lkd that runs is %s",
		    LK_VERSION, version);
	else
		doctor_say(
		    d, f, "the lkd that runs has been replaced on the disk");
}

void
check_socket(struct doctor *d)
{
	char dir[HOME_SOCKET_MAX + 1];

	(void)strlcpy(dir, d->socket, sizeof(dir));
	*strrchr(dir, '/') = '\0';
	if (doctor_private(d, d->socket, 077) &&
	    doctor_private(d, dir[0] == '\0' ? "/" : dir, 022))
		doctor_say(d, fine, "%s", d->socket);
}

void
check_sandbox(struct doctor *d)
{
	const struct finding less = { VERDICT_WARNING,
		"documents are as safe from others as before, but a mistake in "
		"lkd could reach more", false };
	json_object *layers = field_list(d->daemon, "sandbox_layers");
	bool all = true;

	for (size_t i = 0; i < length(layers); i++) {
		json_object *l = json_object_array_get_idx(layers, i);

		if (field_bool(l, "enforced"))
			continue;
		all = false;
		doctor_say(d, less, "%s: %s", safe(field(l, "layer")),
		    safe(field(l, "does_not")));
	}
	if (all)
		doctor_say(d, fine, "%s", safe(field(d->daemon, "sandbox")));
}

/* What the daemon has met while it read the store, bit by bit. */
void
check_scrub(struct doctor *d)
{
	const struct finding damaged = { VERDICT_WARNING,
		"lk verify says what is left of it; this disk or its memory "
		"goes bad", false };
	json_object *s = NULL;
	long long met;

	if (!json_object_object_get_ex(d->daemon, "scrub", &s) ||
	    field(s, "begun")[0] == '\0') {
		doctor_say(d, fine,
		    "the store is read while there is nothing else to do; not "
		    "begun yet");
		return;
	}
	met = field_int(s, "damaged") + field_int(s, "damaged_before");
	if (met > 0)
		doctor_say(d, damaged,
		    "%lld damaged records or envelopes were met, and mended "
		    "where that can be done here",
		    met);
	else if (field(s, "whole")[0] == '\0')
		doctor_say(d, fine,
		    "%lld KiB of the store were read, nothing was damaged",
		    (long long)(field_int(s, "bytes") / 1024));
	else
		doctor_say(d, fine,
		    "all of the store was read %s, nothing was damaged",
		    field_ago(s, "whole"));
}

/* Adds up a member of all documents. */
static int64_t
total(json_object *documents, const char *key)
{
	int64_t n = 0;

	for (size_t i = 0; i < length(documents); i++)
		n += field_int(json_object_array_get_idx(documents, i), key);
	return n;
}

/* Documents of which a member says something. */
static size_t
holding(json_object *documents, const char *key, bool list)
{
	size_t n = 0;

	for (size_t i = 0; i < length(documents); i++) {
		json_object *doc = json_object_array_get_idx(documents, i);

		if (list ? length(field_list(doc, key)) > 0
			 : field_bool(doc, key))
			n++;
	}
	return n;
}

static void
damage_mend(struct doctor *d, int64_t damaged)
{
	JSON_SCOPED *result = NULL;
	struct finding f = { .verdict = VERDICT_WRONG,
		.hint = "they are asked of every device that has them" };
	int64_t left = 0;
	json_object *list;

	if (!ask(d, "doc.verify", &result))
		return;
	list = field_list(result, "documents");
	for (size_t i = 0; i < length(list); i++)
		left += (int64_t)length(
		    field_list(json_object_array_get_idx(list, i), "damaged"));
	if (left == 0)
		doctor_mended(d, "%lld changes were damaged on this disk",
		    (long long)damaged);
	else
		doctor_say(d, f, "%lld changes are damaged on this disk",
		    (long long)left);
}

void
check_store(struct doctor *d)
{
	struct finding f = { .verdict = VERDICT_WRONG };
	JSON_SCOPED *status = NULL;
	json_object *documents;
	int64_t damaged;

	if (field_bool(d->daemon, "read_only")) {
		f.hint =
		    "lk daemon logs says what failed; then lk daemon restart";
		doctor_say(d, f, "read-only: writing has failed twice");
		return;
	}
	if (!ask(d, "status", &status))
		return;
	documents = field_list(status, "documents");
	damaged = total(documents, "damaged");
	if (damaged > 0 && d->fix) {
		damage_mend(d, damaged);
	} else if (damaged > 0) {
		f = (struct finding){ VERDICT_WRONG, "lk verify", true };
		doctor_say(d, f, "%lld changes are damaged on this disk",
		    (long long)damaged);
	}
	if (holding(documents, "revoked", false) > 0) {
		f = (struct finding){ VERDICT_WARNING,
			"lk log --access DOC shows who did; what is here can "
			"still be read",
			false };
		doctor_say(d, f,
		    "this device has lost its access to %zu of %zu documents",
		    holding(documents, "revoked", false), length(documents));
	}
	if (holding(documents, "newer", false) > 0) {
		f = (struct finding){ VERDICT_WARNING, "install a newer lk",
			false };
		doctor_say(d, f, "%zu documents have changes of a newer lk",
		    holding(documents, "newer", false));
	}
	if (holding(documents, "forks", true) > 0) {
		f = (struct finding){ VERDICT_WRONG,
			"lk status says whose, and what to do", false };
		doctor_say(d, f,
		    "in %zu documents a device's key was used twice",
		    holding(documents, "forks", true));
	}
	if (damaged == 0)
		doctor_say(d, fine, "%zu %s, none damaged", length(documents),
		    length(documents) == 1 ? "document" : "documents");
}

/* Whether somebody accepts connections there. */
static bool
is_reachable(const char *host, int port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)port) };
	bool is_v6 = inet_pton(AF_INET6, host, &v6.sin6_addr) == 1;
	struct pollfd p = { .events = POLLOUT };
	int error = ECONNREFUSED;
	socklen_t len = sizeof(error);

	if (!is_v6 && inet_pton(AF_INET, host, &v4.sin_addr) != 1)
		return true; /* nothing that could be tried */
	p.fd = socket(is_v6 ? AF_INET6 : AF_INET,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p.fd == -1)
		return false;
	if (connect(p.fd,
		is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4,
		is_v6 ? sizeof(v6) : sizeof(v4)) == 0)
		error = 0;
	else if (errno == EINPROGRESS && poll(&p, 1, CONNECT_MS) == 1)
		(void)getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &error, &len);
	close(p.fd);
	return error == 0;
}

void
check_port(struct doctor *d)
{
	const char *listen = field(d->daemon, "listen");
	int port = (int)field_int(d->daemon, "port");
	struct finding f = { .verdict = VERDICT_WRONG,
		.hint = "lk daemon logs may say why" };
	json_object *addresses = field_list(d->daemon, "addresses");
	char host[INET6_ADDRSTRLEN + 2];
	size_t len;

	/* "host:port" or "[host]:port"; all addresses have this one too. */
	(void)strlcpy(
	    host, listen[0] == '[' ? listen + 1 : listen, sizeof(host));
	len = listen[0] == '[' ? strcspn(host, "]") : strcspn(host, ":");
	host[len] = '\0';
	if (host[0] == '\0' || strcmp(host, "0.0.0.0") == 0)
		(void)strlcpy(host, "127.0.0.1", sizeof(host));
	if (port == 0) {
		f = (struct finding){ VERDICT_WARNING,
			"connect this machine to a network; the daemon "
			"notices",
			false };
		doctor_say(d, f,
		    "there is no network, so nobody can connect to this one");
	} else if (!is_reachable(host, port)) {
		doctor_say(
		    d, f, "%s, port %d, takes no connection", host, port);
	} else if (length(addresses) == 0) {
		f = (struct finding){ VERDICT_WARNING,
			"connect this machine to a network", false };
		doctor_say(
		    d, f, "port %d, but no address to tell others", port);
	} else {
		doctor_say(d, fine, "port %d, of %zu addresses", port,
		    length(addresses));
	}
}

static size_t
multicast_interfaces(void)
{
	struct ifaddrs *all;
	size_t n = 0;

	if (getifaddrs(&all) == -1)
		return 0;
	for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next)
		if (i->ifa_addr != NULL && i->ifa_addr->sa_family == AF_INET &&
		    (i->ifa_flags & (IFF_UP | IFF_MULTICAST | IFF_LOOPBACK)) ==
			(IFF_UP | IFF_MULTICAST))
			n++;
	freeifaddrs(all);
	return n;
}

void
check_multicast(struct doctor *d)
{
	const char *discovery = field(d->daemon, "discovery");
	struct finding f = { .verdict = VERDICT_WARNING,
		.hint = "devices are looked for where they were last" };
	size_t n = multicast_interfaces();

	if (strcmp(discovery, "off") == 0)
		doctor_say(d, fine, "off, as configured");
	else if (strcmp(discovery, "on") != 0)
		doctor_say(d, f, "%s", discovery);
	else if (n == 0)
		doctor_say(d, f, "no network here has it");
	else
		doctor_say(d, fine, "on, on %zu %s", n,
		    n == 1 ? "network" : "networks");
}

/* Days since the time in a field; -1: never. */
static int64_t
days_since(json_object *o, const char *key)
{
	struct wall at;

	if (wall_read(&at, BYTES_STR(field(o, key))).code != LK_OK)
		return -1;
	return ((int64_t)time(NULL) * 1000 - at.ms) / 86400000;
}

void
check_peers(struct doctor *d)
{
	JSON_SCOPED *result = NULL;
	struct finding f = { .verdict = VERDICT_WARNING };
	json_object *list;
	size_t connected = 0, len;

	if (!ask(d, "peers", &result))
		return;
	list = field_list(result, "peers");
	len = length(list);
	for (size_t i = 0; i < len; i++) {
		json_object *p = json_object_array_get_idx(list, i);
		int64_t days = days_since(p, "seen");

		connected += field_bool(p, "connected");
		f.hint = "if it is lost: lk device revoke";
		if (field_bool(p, "own") && days >= SEEN_DAYS)
			doctor_say(d, f, "%s was not seen for %lld days",
			    field(p, "who"), (long long)days);
		f.hint = "lk peers says why";
		if (field_int(p, "refused") > 0)
			doctor_say(d, f, "of %s %lld changes were refused",
			    field(p, "who"),
			    (long long)field_int(p, "refused"));
	}
	doctor_say(d, fine, "%zu known, %zu connected", len, connected);
}

/* Looks at each object of a list that a method answers with. */
static void
each(struct doctor *d, const char *method, const char *key,
    void (*look)(struct doctor *, json_object *))
{
	JSON_SCOPED *result = NULL;
	json_object *list;

	if (!ask(d, method, &result))
		return;
	list = field_list(result, key);
	for (size_t i = 0; i < length(list); i++)
		look(d, json_object_array_get_idx(list, i));
	if (length(list) == 0)
		doctor_say(d, fine, "none");
}

static void
remote_look(struct doctor *d, json_object *r)
{
	const char *name = field(r, "name"), *why = field(r, "why");
	struct finding f = { .verdict = VERDICT_WARNING };
	char hint[256];

	(void)snprintf(hint, sizeof(hint), "lk remote test %s", name);
	f.hint = hint;
	if (field_bool(r, "tried") && !field_bool(r, "reachable"))
		doctor_say(d, f, "%s is not reached: %s", name,
		    why[0] != '\0' ? why : field(r, "error"));
	else if (field_int(r, "lacking") > 0)
		doctor_say(d, f, "%s lacks something of %lld documents", name,
		    (long long)field_int(r, "lacking"));
	else
		doctor_say(d, fine, "%s, a %s", name, field(r, "kind"));
}

void
check_remotes(struct doctor *d)
{
	each(d, "remote.list", "remotes", remote_look);
}

static void
mirror_look(struct doctor *d, json_object *m)
{
	const char *state = field(m, "state"), *dir = field(m, "dir");
	size_t troubles = length(field_list(m, "troubles"));
	struct finding f = { VERDICT_WRONG, "lk mirror status", false };

	if (strcmp(state, "stopped") == 0) {
		doctor_say(d, f, "%s: %s", dir, field(m, "why"));
		return;
	}
	f.verdict = VERDICT_WARNING;
	if (strcmp(state, "asks") == 0)
		doctor_say(d, f, "%s asks before it deletes", dir);
	else if (troubles > 0)
		doctor_say(d, f, "%s: %zu %s not in step", dir, troubles,
		    troubles == 1 ? "file is" : "files are");
	else if (field(m, "why")[0] != '\0')
		doctor_say(d, f, "%s: %s", dir, field(m, "why"));
	else
		doctor_say(d, fine, "%s is %s", dir, state);
}

void
check_mirrors(struct doctor *d)
{
	each(d, "mirror.list", "mirrors", mirror_look);
}

/* What is left when this machine is gone. */
void
check_copies(struct doctor *d)
{
	JSON_SCOPED *devices = NULL;
	struct finding f = { .verdict = VERDICT_WARNING,
		.hint = "lk pair, on a second device of yours" };
	json_object *list;
	size_t others = 0;

	if (!ask(d, "device.list", &devices))
		return;
	list = field_list(devices, "devices");
	for (size_t i = 0; i < length(list); i++) {
		json_object *o = json_object_array_get_idx(list, i);

		if (!field_bool(o, "self") && !field_bool(o, "revoked"))
			others++;
	}
	if (others == 0)
		doctor_say(d, f,
		    "no other device of yours: if this one is lost, so is what "
		    "nobody else has");
	else
		doctor_say(d, fine, "%zu other %s of yours", others,
		    others == 1 ? "device" : "devices");
}
