/*
 * lk_world: one world of many devices.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/entropy.h"
#include "tests/sim/large/large.h"

static void
usage(void)
{
	(void)fprintf(stderr,
	    "usage: lk_world [-cgv] [-n devices] [-s seed] [-e edits] "
	    "[-t seconds] [-w seconds] [-o open] [-k contacts]\n");
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
		.awake_max = 4000,
		.contacts = 3 };
	while ((c = getopt(argc, argv, "cgvn:s:e:t:w:o:k:")) != -1) {
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
		else if (c == 'k')
			o->contacts = (uint32_t)number(optarg, 64);
		else
			usage();
	}
	if (optind != argc || o->devices < 2)
		usage();
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
	    "%ld.%01ld s user, %ld.%01ld s system, %ld kB each at most\n",
	    (unsigned long long)w->events, (unsigned long long)w->commits,
	    (unsigned long long)w->store_opens, use.ru_utime.tv_sec,
	    use.ru_utime.tv_usec / 100000, use.ru_stime.tv_sec,
	    use.ru_stime.tv_usec / 100000, (long)((double)use.ru_maxrss / n));
}

int
main(int argc, char *argv[])
{
	const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	static struct large world;
	char dir[PATH_MAX], hex[65];
	uint8_t trace[32];

	options_parse(&world.o, argc, argv);
	entropy_start();
	(void)snprintf(dir, sizeof(dir), "%s/lk-world-XXXXXX", tmp);
	if (mkdtemp(dir) == NULL) {
		perror("lk_world: directory");
		return 1;
	}
	large_run(&world, dir, trace);
	report(&world);
	large_clear(&world);
	hex_encode(hex, BYTES_OF(trace));
	(void)printf("seed %llu: %s\n", (unsigned long long)world.o.seed, hex);
	directory_remove(dir);
	return 0;
}
