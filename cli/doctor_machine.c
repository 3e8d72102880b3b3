/* What lk doctor sees of this machine by itself. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "cli/doctor.h"

/* Less room than this: a commit will fail soon. */
#define DISK_WRONG (64ULL << 20)
#define DISK_WARNING (1ULL << 30)
#define INODES_WRONG 64

/* Systems give 8,192 and more; a mirror takes one for each folder in it. */
#define WATCHES_WARNING 8192
#define INSTANCES_WARNING 32

/* Clocks of machines differ by less when something keeps them right. */
#define CLOCK_SLACK_S 60
/* Nothing of lk was made before. */
#define CLOCK_FIRST_YEAR 2026

bool
doctor_private(struct doctor *d, const char *path, unsigned mode)
{
	struct finding wrong = { .verdict = VERDICT_WRONG };
	struct stat st;
	char hint[PATH_MAX + 64];

	if (stat(path, &st) == -1) {
		doctor_say(d, wrong, "%s: %s", path, strerror(errno));
		return false;
	}
	if (st.st_uid != geteuid()) {
		wrong.hint = "make it yours, or set LK_HOME to a directory of "
			     "yours";
		doctor_say(d, wrong, "%s belongs to another user", path);
		return false;
	}
	if ((st.st_mode & mode) == 0)
		return true;
	if (d->fix && chmod(path, st.st_mode & 07777 & ~mode) == 0) {
		doctor_mended(d,
		    "%s had mode %03o: others could use it; now it is %03o",
		    path, st.st_mode & 07777u,
		    (st.st_mode & 07777u) & ~mode);
		return false;
	}
	(void)snprintf(hint, sizeof(hint), "chmod %03o %s",
	    (st.st_mode & 07777u) & ~mode, path);
	wrong.hint = hint;
	wrong.fixable = true;
	doctor_say(d, wrong, "%s has mode %03o: others can use it", path,
	    st.st_mode & 07777u);
	return false;
}

/* File systems on which neither the store's locks nor its mapping are to be
 * relied on: another machine may write there. */
static bool
is_network(const char *path)
{
	static const unsigned long long types[] = { 0x6969 /* NFS */,
		0x517b /* SMB */, 0xff534d42 /* CIFS */, 0xfe534d42 /* SMB2 */,
		0x01021997 /* 9P */ };
	struct statfs fs;

	if (statfs(path, &fs) == -1)
		return false;
	for (size_t i = 0; i < nitems(types); i++)
		if (((unsigned long long)fs.f_type & 0xffffffffULL) == types[i])
			return true;
	return false;
}

/* Whether its owner can write there, as one who made it read-only cannot. */
static bool
home_is_writable(struct doctor *d)
{
	struct finding wrong = { .verdict = VERDICT_WRONG };
	char hint[PATH_MAX + 64];

	int error;

	if (access(d->home, R_OK | W_OK | X_OK) == 0)
		return true;
	error = errno;
	if (error == EACCES && d->fix && chmod(d->home, 0700) == 0) {
		doctor_mended(d, "%s could not be written; now it can",
		    d->home);
		return false;
	}
	(void)snprintf(hint, sizeof(hint), "chmod 700 %s", d->home);
	wrong.fixable = error == EACCES;
	wrong.hint = wrong.fixable ? hint : "lk writes there all the time";
	doctor_say(d, wrong, "%s cannot be written: %s", d->home,
	    strerror(error));
	return false;
}

void
check_home(struct doctor *d)
{
	struct finding f = { .verdict = VERDICT_WRONG };

	if (access(d->home, F_OK) == -1 && errno == ENOENT) {
		f.hint = "lk init makes it; or set LK_HOME to where it is";
		doctor_say(d, f, "%s is not there", d->home);
		return;
	}
	if (!doctor_private(d, d->home, 022) || !home_is_writable(d))
		return;
	if (is_network(d->home)) {
		f.hint = "keep it on a disk of this machine";
		doctor_say(d, f, "%s is on a network file system", d->home);
		return;
	}
	f.verdict = VERDICT_OK;
	doctor_say(d, f, "%s, which nobody else can write", d->home);
}

bool
doctor_is_relay(const struct doctor *d)
{
	char path[PATH_MAX + 16];

	(void)snprintf(path, sizeof(path), "%s/accounts", d->home);
	return access(path, F_OK) == 0;
}

void
check_identity(struct doctor *d)
{
	struct finding f = { .verdict = VERDICT_WRONG };
	char path[PATH_MAX + 16];

	if (doctor_is_relay(d)) {
		f.verdict = VERDICT_OK;
		doctor_say(d, f, "a relay's home, which has none");
		return;
	}

	(void)snprintf(path, sizeof(path), "%s/identity", d->home);
	if (access(path, F_OK) == -1 && errno == ENOENT) {
		f.hint = "lk init makes one";
		doctor_say(d, f, "%s has no identity", d->home);
		return;
	}
	if (!doctor_private(d, path, 077))
		return;
	f.verdict = VERDICT_OK;
	doctor_say(d, f, "the keys are this user's alone");
}

void
check_disk(struct doctor *d)
{
	struct finding f = { .verdict = VERDICT_WRONG,
		.hint = "make room: without, nothing new is written" };
	struct statvfs vfs;
	unsigned long long room;
	char text[8];

	if (statvfs(d->home, &vfs) == -1) {
		if (errno == ENOENT)
			return;
		f.hint = NULL;
		doctor_say(d, f, "%s: %s", d->home, strerror(errno));
		return;
	}
	room = (unsigned long long)vfs.f_bavail * vfs.f_frsize;
	(void)humanize_number(text, 7, (int64_t)room, "B", HN_AUTOSCALE,
	    HN_DECIMAL | HN_NOSPACE);
	if (vfs.f_files > 0 && vfs.f_favail < INODES_WRONG) {
		doctor_say(d, f, "no more files can be made");
		return;
	}
	if (room >= DISK_WARNING)
		f = (struct finding){ .verdict = VERDICT_OK };
	else if (room >= DISK_WRONG)
		f.verdict = VERDICT_WARNING;
	doctor_say(d, f, "%s left", text);
}

/* The newest of what lk has written. */
static time_t
last_written(const char *home)
{
	static const char *const names[] = { "identity", "store", "log" };
	time_t last = 0;

	for (size_t i = 0; i < nitems(names); i++) {
		char path[PATH_MAX + 16];
		struct stat st;

		(void)snprintf(path, sizeof(path), "%s/%s", home, names[i]);
		if (stat(path, &st) == 0 && st.st_mtime > last)
			last = st.st_mtime;
	}
	return last;
}

/* What lk decides needs no clock; tickets, times in a log and keys of buckets
 * do. */
void
check_clock(struct doctor *d)
{
	struct finding f = { .verdict = VERDICT_WRONG,
		.hint = "set the clock: timedatectl set-ntp true" };
	time_t now = time(NULL), last = last_written(d->home);
	struct timex state = { .modes = 0 };
	struct tm tm, was;
	char text[32], before[32];

	(void)gmtime_r(&now, &tm);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	(void)gmtime_r(&last, &was);
	(void)strftime(before, sizeof(before), "%Y-%m-%dT%H:%M:%SZ", &was);
	if (tm.tm_year + 1900 < CLOCK_FIRST_YEAR) {
		doctor_say(d, f, "%s cannot be now", text);
	} else if (last > now + CLOCK_SLACK_S) {
		doctor_say(d, f, "%s, but something here was written at %s",
		    text, before);
	} else if (adjtimex(&state) == -1 || (state.status & STA_UNSYNC) != 0) {
		f.verdict = VERDICT_WARNING;
		doctor_say(d, f, "%s, and nothing keeps it right", text);
	} else {
		f = (struct finding){ .verdict = VERDICT_OK };
		doctor_say(d, f, "%s, kept right by the system", text);
	}
}

static long long
limit_read(const char *name)
{
	char path[64], line[32];
	long long n = -1;
	const char *wrong;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/sys/fs/inotify/%s", name);
	f = fopen(path, "re");
	if (f == NULL)
		return -1;
	if (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		n = strtonum(line, 0, LLONG_MAX, &wrong);
		if (wrong != NULL)
			n = -1;
	}
	fclose(f);
	return n;
}

void
check_inotify(struct doctor *d)
{
	long long watches = limit_read("max_user_watches"),
		  instances = limit_read("max_user_instances");
	struct finding f = { .verdict = VERDICT_WARNING,
		.hint = "sysctl fs.inotify.max_user_watches=524288 "
			"fs.inotify.max_user_instances=256" };

	if (watches < 0 || instances < 0) {
		f.hint = "mirrors are looked through again and again";
		doctor_say(d, f, "this system does not tell of changed files");
		return;
	}
	if (watches >= WATCHES_WARNING && instances >= INSTANCES_WARNING)
		f = (struct finding){ .verdict = VERDICT_OK };
	doctor_say(d, f,
	    "%lld folders can be watched, by %lld programs at once", watches,
	    instances);
}
