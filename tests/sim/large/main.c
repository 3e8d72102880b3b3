/*
 * lk_world: one world of many devices.
 */
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/entropy.h"
#include "tests/sim/large/large.h"

#define STORE_FILES 3 /* descriptors of an open store */
/* Above this, memory is the system's again when it is freed: LMDB reserves 3 MB
 * for each environment and touches little of it, unless it gets memory that was
 * used before and has to be cleared. */
#define BLOCK_LEAST (128 * 1024)

static void
usage(void)
{
	(void)fprintf(stderr,
	    "usage: lk_world [-cgv] [-n devices] [-m members] [-s seed] "
	    "[-e edits]\n"
	    "    [-t seconds] [-w seconds] [-o open] [-k contacts] [-p ms] "
	    "[-x hundredths]\n"
	    "  -n devices  100; -m of one document at most: 1000\n"
	    "  -e edits    30, in -t seconds (60), after -w seconds (60)\n"
	    "  -c          devices leave, die, come back and join\n"
	    "  -g          documents of eight devices beside\n"
	    "  -k contacts whom each knows at first: 3\n"
	    "  -o open     stores open at a time: what descriptors allow\n"
	    "  -p, -x      fails when the 99th percentile of arrival is more\n"
	    "              ms, or an edit came more often to a device\n");
	exit(64);
}

static int64_t
number(const char *text, int64_t most)
{
	const char *bad = NULL;
	long long n = strtonum(text, 0, most, &bad);

	if (bad != NULL)
		usage();
	return n;
}

static void
options_parse(struct options *o, int argc, char *argv[])
{
	int c;

	*o = (struct options){ .devices = 100,
		.seed = 1,
		.edits = 30,
		.settle_ms = 60000,
		.active_ms = 60000,
		.contacts = 3,
		.members = 1000 };
	while ((c = getopt(argc, argv, "cgvn:s:e:t:w:o:k:m:p:x:")) != -1) {
		if (c == 'c')
			o->churn = true;
		else if (c == 'g')
			o->groups = true;
		else if (c == 'v')
			o->verbose++;
		else if (c == 'n')
			o->devices = (uint32_t)number(optarg, 60000);
		else if (c == 's')
			o->seed = (uint64_t)number(optarg, INT32_MAX);
		else if (c == 'e')
			o->edits = (uint32_t)number(optarg, 10000);
		else if (c == 't')
			o->active_ms = number(optarg, 100000) * 1000;
		else if (c == 'w')
			o->settle_ms = number(optarg, 100000) * 1000;
		else if (c == 'o')
			o->awake_max = (size_t)number(optarg, 1000000);
		else if (c == 'p')
			o->p99_most = (int32_t)number(optarg, INT32_MAX);
		else if (c == 'x')
			o->payloads_most = (uint32_t)number(optarg, 100000);
		else if (c == 'm')
			o->members = (uint32_t)number(optarg, 60000);
		else if (c == 'k')
			o->contacts = (uint32_t)number(optarg, 64);
		else
			usage();
	}
	if (optind != argc || o->devices < 2 || o->members < 2)
		usage();
}

/* As many stores are open at a time as there are descriptors for. */
static void
awake_choose(struct options *o)
{
	struct rlimit files, more;
	rlim_t wanted = (rlim_t)o->devices * STORE_FILES + 64;

	if (o->awake_max != 0 || getrlimit(RLIMIT_NOFILE, &files) != 0)
		return;
	more = files;
	more.rlim_cur = wanted;
	if (more.rlim_max < wanted)
		more.rlim_max = wanted;
	if (files.rlim_cur < wanted && setrlimit(RLIMIT_NOFILE, &more) != 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
		wanted = files.rlim_cur;
	}
	o->awake_max = (size_t)(wanted - 64) / STORE_FILES;
}

/* What the stores take together: where there is no disk below, that is memory.
 */
static uint64_t
stores_size(const struct large *w)
{
	char dir[PATH_MAX], file[PATH_MAX + 16];
	struct stat st;
	uint64_t size = 0;

	for (uint32_t i = 0; i < w->o.devices; i++) {
		device_path(&w->devices[i], dir);
		(void)snprintf(file, sizeof(file), "%s/data.mdb", dir);
		if (stat(file, &st) == 0)
			size += (uint64_t)st.st_blocks * 512;
	}
	return size;
}

static void
report(const struct large *w)
{
	double n = w->o.devices;
	uint64_t messages = 0, bytes = 0, items = 0, rounds = 0;
	struct rusage use;

	for (uint32_t i = 0; i < w->o.devices; i++) {
		messages += w->devices[i].sent.messages;
		bytes += w->devices[i].sent.bytes;
		items += w->devices[i].sent.items;
		rounds += w->devices[i].sent.rounds;
	}
	(void)getrusage(RUSAGE_SELF, &use);
	(void)printf("devices %u, edits %zu, crashes %llu, leaves %llu, "
		     "joins %llu, agreed %lld ms after the last\n",
	    (unsigned)w->o.devices, w->edits_len,
	    (unsigned long long)w->crashes, (unsigned long long)w->leaves,
	    (unsigned long long)w->joins, (long long)w->agreed_ms);
	(void)printf("per device: %.1f messages, %.0f bytes, %.2f rounds, "
		     "%.2f handshakes, %.2f envelopes received\n",
	    (double)messages / n, (double)bytes / n, (double)rounds / n,
	    2 * (double)w->handshakes / n, (double)items / n);
	(void)printf(
	    "%llu events, %llu commits, %llu stores opened, "
	    "%ld.%01ld s user, %ld.%01ld s system\n",
	    (unsigned long long)w->events, (unsigned long long)w->commits,
	    (unsigned long long)w->store_opens, use.ru_utime.tv_sec,
	    use.ru_utime.tv_usec / 100000, use.ru_stime.tv_sec,
	    use.ru_stime.tv_usec / 100000);
	(void)printf("%ld MB at most at a time, %llu kB of heap and %llu kB of "
		     "store for each device\n",
	    use.ru_maxrss / 1024,
	    (unsigned long long)w->heap / 1024 / w->o.devices,
	    (unsigned long long)stores_size(w) / 1024 / w->o.devices);
}

/* One line for each bound that was given. */
static bool
within(const struct large *w)
{
	const struct options *o = &w->o;
	uint64_t items = 0, hundredths;
	bool good = true;

	for (uint32_t i = 0; i < o->devices; i++)
		items += w->devices[i].sent.items;
	hundredths = w->edits_len == 0
	    ? 0
	    : items * 100 / ((uint64_t)w->reached + w->edits_len);
	(void)printf("ok: %u devices: all have the same in the end\n",
	    (unsigned)o->devices);
	if (o->p99_most > 0) {
		(void)printf("%s: %u devices, 99 of 100 edits arrive within "
			     "%d ms: %d ms\n",
		    w->p99 <= o->p99_most ? "ok" : "not ok",
		    (unsigned)o->devices, o->p99_most, w->p99);
		good &= w->p99 <= o->p99_most;
	}
	if (o->payloads_most > 0) {
		(void)printf("%s: %u devices, an edit is sent to each at most "
			     "%u hundredths of once: %llu\n",
		    hundredths <= o->payloads_most ? "ok" : "not ok",
		    (unsigned)o->devices, (unsigned)o->payloads_most,
		    (unsigned long long)hundredths);
		good &= hundredths <= o->payloads_most;
	}
	return good;
}

int
main(int argc, char *argv[])
{
	const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	static struct large world;
	char dir[PATH_MAX], hex[65];
	uint8_t trace[32];
	bool good;

	options_parse(&world.o, argc, argv);
	(void)mallopt(M_MMAP_THRESHOLD, BLOCK_LEAST);
	awake_choose(&world.o);
	entropy_start();
	(void)snprintf(dir, sizeof(dir), "%s/lk-world-XXXXXX", tmp);
	if (mkdtemp(dir) == NULL) {
		perror("lk_world: directory");
		return 1;
	}
	large_run(&world, dir, trace);
	report(&world);
	hex_encode(hex, BYTES_OF(trace));
	(void)printf("seed %llu: %s\n", (unsigned long long)world.o.seed, hex);
	directory_remove(dir);
	good = within(&world);
	large_clear(&world);
	return good ? 0 : 1;
}
