/*
 * lk_sim: runs the simulator over seeds, each in a process of its own, so that
 * an assertion or a sanitizer names its seed too.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sim/entropy.h"
#include "tests/sim/prepare.h"
#include "tests/sim/world.h"

#define SEED_SECONDS_MAX 300
#define JOBS_MAX 64
#define FAILED_NAMED_MAX 32

/* Seeds under way, and those that failed, for the last line. */
struct runs {
	struct {
		pid_t pid;
		uint64_t seed;
	} running[JOBS_MAX];
	unsigned running_len, failed;
	uint64_t failed_seeds[FAILED_NAMED_MAX];
};

struct options {
	uint64_t first, last;
	bool twice, keep;
	unsigned jobs, verbose;
};

static char root[PATH_MAX];

static void
usage(void)
{
	(void)fprintf(stderr,
	    "usage: lk_sim [-kv] [--twice] [-j jobs] --seed N | --seeds N | "
	    "--from N --to N\n"
	    "  --seed N    replays one seed, in this process\n"
	    "  --seeds N   runs 1 to N\n"
	    "  --twice     runs each twice and compares the traces\n"
	    "  -j jobs     so many at a time (1)\n"
	    "  -v          says what happens; -vv: everything\n"
	    "  -k          keeps the stores\n");
	exit(64);
}

static uint64_t
number(const char *text)
{
	const char *bad = NULL;
	long long n = strtonum(text, 1, INT64_MAX / 16, &bad);

	if (bad != NULL)
		usage();
	return (uint64_t)n;
}

static void
options_parse(struct options *o, int argc, char *argv[])
{
	static const struct option longs[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "seeds", required_argument, NULL, 'n' },
		{ "from", required_argument, NULL, 'f' },
		{ "to", required_argument, NULL, 't' },
		{ "twice", no_argument, NULL, '2' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*o = (struct options){ .jobs = 1 };
	while ((c = getopt_long(argc, argv, "kvj:", longs, NULL)) != -1) {
		if (c == 's')
			o->first = o->last = number(optarg);
		else if (c == 'n')
			o->first = 1, o->last = number(optarg);
		else if (c == 'f')
			o->first = number(optarg);
		else if (c == 't')
			o->last = number(optarg);
		else if (c == '2')
			o->twice = true;
		else if (c == 'v')
			o->verbose++;
		else if (c == 'k')
			o->keep = true;
		else if (c == 'j' && number(optarg) <= JOBS_MAX)
			o->jobs = (unsigned)number(optarg);
		else
			usage();
	}
	if (o->first == 0 || o->last < o->first || optind != argc)
		usage();
}

static void
run_once(const struct options *o, uint64_t seed, uint8_t trace[static 32])
{
	static struct world world;
	char dir[PATH_MAX + 32];

	(void)snprintf(
	    dir, sizeof(dir), "%s/%llu", root, (unsigned long long)seed);
	LK_ASSERT(mkdir(dir, 0700) == 0);
	memset(&world, 0, sizeof(world));
	world.verbose = o->verbose;
	world_run(&world, seed, root, dir, trace);
	if (o->verbose)
		(void)printf("%llu events, %llu commits, %llu crashes, agreed "
			     "after %llu ms\n",
		    (unsigned long long)world.events,
		    (unsigned long long)world.commits,
		    (unsigned long long)world.crashes,
		    (unsigned long long)world.converged_ms);
	if (!o->keep)
		directory_remove(dir);
}

/* Everything of one seed; ends the process when it fails. */
static void
run_seed(const struct options *o, uint64_t seed)
{
	uint8_t trace[32], again[32];
	char hex[65];

	(void)alarm(SEED_SECONDS_MAX);
	run_once(o, seed, trace);
	if (o->twice) {
		run_once(o, seed, again);
		if (memcmp(trace, again, sizeof(trace)) != 0) {
			(void)fprintf(stderr,
			    "FAILED: seed %llu: two runs, two traces\n",
			    (unsigned long long)seed);
			exit(1);
		}
	}
	hex_encode(hex, BYTES_OF(trace));
	(void)printf("seed %llu: %s\n", (unsigned long long)seed, hex);
	(void)fflush(stdout);
	(void)alarm(0);
}

static void
run_child(struct runs *r, const struct options *o, uint64_t seed)
{
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	LK_ASSERT(pid >= 0);
	if (pid == 0) {
		run_seed(o, seed);
		_exit(0);
	}
	r->running[r->running_len].pid = pid;
	r->running[r->running_len++].seed = seed;
}

/* Waits for one. */
static void
child_wait(struct runs *r)
{
	unsigned i = 0;
	uint64_t seed;
	int status;
	pid_t pid = wait(&status);

	while (i < r->running_len && r->running[i].pid != pid)
		i++;
	LK_ASSERT(i < r->running_len);
	seed = r->running[i].seed;
	r->running[i] = r->running[--r->running_len];
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	if (WIFSIGNALED(status))
		(void)fprintf(stderr, "FAILED: seed %llu: ended by signal %d\n",
		    (unsigned long long)seed, WTERMSIG(status));
	if (r->failed < FAILED_NAMED_MAX)
		r->failed_seeds[r->failed] = seed;
	r->failed++;
}

static void
run_all(struct runs *r, const struct options *o)
{
	for (uint64_t seed = o->first; seed <= o->last; seed++) {
		if (r->running_len == o->jobs)
			child_wait(r);
		run_child(r, o, seed);
	}
	while (r->running_len > 0)
		child_wait(r);
	(void)printf("%llu seeds, %u failed%s",
	    (unsigned long long)(o->last - o->first + 1), r->failed,
	    r->failed > 0 ? ":" : "");
	for (unsigned i = 0; i < r->failed && i < FAILED_NAMED_MAX; i++)
		(void)printf(" %llu", (unsigned long long)r->failed_seeds[i]);
	(void)printf("\n");
}

int
main(int argc, char *argv[])
{
	const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	struct runs runs = { 0 };
	struct options o;

	options_parse(&o, argc, argv);
	entropy_start();
	(void)snprintf(root, sizeof(root), "%s/lk-sim-XXXXXX", tmp);
	if (mkdtemp(root) == NULL) {
		perror("lk_sim: directory");
		return 1;
	}
	prepare_stores(root);
	if (o.first == o.last && o.jobs == 1)
		run_seed(&o, o.first);
	else
		run_all(&runs, &o);
	if (o.keep)
		(void)printf("stores: %s\n", root);
	else
		directory_remove(root);
	return runs.failed == 0 ? 0 : 1;
}
