#include "tests/sim/prepare.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/sim/node.h"

#define MAP_MAX ((size_t)256 * 1024 * 1024)
#define DATA_FILE "store/data.mdb"

static lk_err
prepare_write(struct identity *me, const char *dir, uint64_t number)
{
	struct verifier verifier = { .run = verify_jobs_here };
	struct now now = { { 1000 }, { SIM_EPOCH_MS - 86400000 } };
	struct random_seeded seeded;
	struct random random = random_from_seed(&seeded, number);
	uint8_t entropy[16] = { 0 };
	const struct replica_event *events;
	char path[PATH_MAX + 16];
	struct replica *r;
	struct store *s;
	struct txn *txn;
	size_t len;

	(void)snprintf(path, sizeof(path), "%s/store", dir);
	entropy[0] = (uint8_t)(number + 1);
	TRY(store_open(&s, path, MAP_MAX));
	TRY(txn_begin(s, TXN_WRITE, &txn));
	TRY(replica_new(&r, me, random, verifier));
	replica_begin(r, txn, now);
	TRY(home_create(r, me, entropy));
	TRY(txn_commit(txn));
	replica_committed(r, &events, &len);
	replica_free(r);
	store_close(s);
	return identity_save(me, dir);
}

void
prepare_stores(const char *dir)
{
	static const char *const names[EVERYBODY] = { "laptop", "phone",
		"tablet", "friend", "fourth", "mallory", "trudy", "relay" };

	for (size_t i = 0; i < EVERYBODY; i++) {
		struct random_seeded seeded;
		struct random random = random_from_seed(&seeded, 1000 + i);
		struct identity me;
		char path[PATH_MAX];
		lk_err err;

		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		LK_ASSERT(mkdir(path, 0700) == 0);
		err = identity_create(&me, &random, names[i]);
		if (err.code == LK_OK)
			err = prepare_write(&me, path, i);
		if (err.code != LK_OK) {
			fprintf(stderr, "lk_sim: prepare %s: %s\n", names[i],
			    err.what);
			exit(1);
		}
		identity_clear(&me);
	}
}

static void
file_copy(struct world *w, const char *to, const char *from)
{
	char block[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ssize_t n;

	if (in < 0 || out < 0)
		world_fail(w, "cannot copy %s", from);
	while ((n = read(in, block, sizeof(block))) > 0)
		if (write(out, block, (size_t)n) != n)
			world_fail(w, "cannot write %s", to);
	(void)close(in);
	(void)close(out);
}

static void
store_copy(struct node *n, const char *dir)
{
	char from[PATH_MAX + 64], to[PATH_MAX + 64];

	(void)snprintf(to, sizeof(to), "%s/store", n->dir);
	if (mkdir(n->dir, 0700) != 0 || mkdir(to, 0700) != 0)
		world_fail(n->world, "cannot make %s", to);
	(void)snprintf(to, sizeof(to), "%s/" DATA_FILE, n->dir);
	(void)snprintf(from, sizeof(from), "%s/" DATA_FILE, dir);
	file_copy(n->world, to, from);
}

void
prepare_clone(struct node *clone, const struct node *n)
{
	LK_ASSERT(n->txn == NULL);
	store_copy(clone, n->dir);
}

void
prepare_copy(struct node *n, const char *prepared)
{
	char from[PATH_MAX + 64];

	(void)snprintf(from, sizeof(from), "%s/%s", prepared, n->name);
	store_copy(n, from);
	world_need(
	    n->world, identity_load(&n->identity, from), "identity_load");
}
