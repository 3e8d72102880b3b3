/*
 * engine_cast.h - a device with a document, for engine_fuzz.c, remote_fuzz.c
 * and stranger_fuzz.c: its store in memory's file system, made once; those who
 * speak to it: a writer of the document, one who was thrown out, a device of
 * the same person, somebody nobody knows.  Included by them alone.
 */
#ifndef TESTS_FUZZ_SYNC_ENGINE_CAST_H
#define TESTS_FUZZ_SYNC_ENGINE_CAST_H

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sync/admit.h"
#include "sync/engine_state.h"
#include "sync/home.h"
#include "sync/person.h"
#include "sync/revoke.h"
#include "tests/fuzz/script.h"

enum who { WRITER, REMOVED, OWN, STRANGER, UNKNOWN, WHO };

struct cast {
	struct identity identity;
	struct random_seeded seeded;
	struct random random;
	struct store *store;
	struct txn *txn;
	struct replica *r;
	struct now now;
	uint32_t docno;
	struct identity others[WHO];
	struct sign_key roots[WHO];
	struct cert certs[WHO];
};

static inline void
cast_begin(struct cast *c)
{
	must(txn_begin(c->store, TXN_WRITE, &c->txn));
	replica_begin(c->r, c->txn, c->now);
}

static inline void
cast_commit(struct cast *c)
{
	const struct replica_event *events;
	size_t n;

	must(txn_commit(c->txn));
	replica_committed(c->r, &events, &n);
}

/* What was taken is durable, for the engine. */
static inline void
cast_durable(struct cast *c, struct engine *e)
{
	const struct replica_event *events;
	struct replica_event *copy;
	size_t n;

	replica_committed(c->r, &events, &n);
	copy = calloc(n + 1, sizeof(*copy));
	LK_ASSERT(copy != NULL);
	if (n > 0)
		memcpy(copy, events, n * sizeof(*copy));
	replica_begin(c->r, c->txn, c->now);
	must(engine_events(e, copy, n, c->now));
	free(copy);
}

/* As if the script had never been: nothing of it is in the store. */
static inline void
cast_end(struct cast *c)
{
	replica_aborted(c->r);
	txn_abort(c->txn);
	/* It takes for durable what cast_durable said is. */
	replica_rest(c->r);
}

static inline size_t
cast_members_len(struct cast *c, uint32_t docno)
{
	struct graph *g;

	must(replica_graph(c->r, docno, &g));
	return graph_members_len(g);
}

/* One key set, one string of a text: what the fuzzer's edits rest on. */
static inline lk_err
cast_fill(void *ctx, struct edit *e, struct doc *d)
{
	struct value v = { .type = VALUE_INT, .i64 = *(int *)ctx };
	struct prop prop = { .is_key = true, .key = BYTES_STR("k") };

	(void)d;
	return edit_put(e, DOC_ROOT, prop, &v);
}

/* A person of one device, whose root certifies it; OWN, by the target. */
static inline void
cast_person(struct cast *c, enum who who)
{
	uint8_t seed[32] = { (uint8_t)(100 + who) };
	struct identity *me = &c->others[who];
	struct cert *cert = &c->certs[who];

	must(identity_create(me, &c->random, "other"));
	sign_key_from_seed(&c->roots[who], seed);
	memcpy(cert->root_pk, c->roots[who].pk, sizeof(cert->root_pk));
	cert->rank = 1;
	device_block_make(&cert->block, &me->sign, me->noise.pk, me->box.pk, 0);
	if (who == OWN)
		must(person_certify(c->r, &cert->block, cert));
	else
		cert_sign(cert, &c->roots[who]);
}

static inline void
cast_members(struct cast *c)
{
	struct revoke_report report;
	int n = 1;

	must(replica_create(c->r, "plan", "map", cast_fill, &n, &c->docno));
	for (enum who who = WRITER; who < WHO; who++) {
		struct person person = { .devices_len = 1 };

		person.devices = &c->certs[who];
		memcpy(person.root_pk, c->certs[who].root_pk, 32);
		if (who == WRITER || who == REMOVED)
			must(
			    replica_share(c->r, c->docno, &person, ROLE_WRITE));
	}
	must(person_add_device(c->r, &c->certs[OWN], "other"));
	must(replica_enroll(c->r, c->docno, &c->certs[OWN]));
	for (n = 2; n < 5; n++) {
		uint8_t hash[LK_ID_LEN];
		bool changed;

		must(replica_edit(
		    c->r, c->docno, cast_fill, &n, NULL, &changed, hash));
	}
	must(replica_revoke(c->r, c->docno,
	    &(struct revoke_order){ .key = c->certs[REMOVED].root_pk },
	    &report));
}

/* Whatever was said, the document is what is found by its topic. */
static inline void
cast_topic_check(struct cast *c)
{
	struct topic topic;
	uint32_t found;

	must(docstate_topic(c->r, c->docno, &topic));
	must(replica_doc_by_topic(c->r, topic.id, &found));
	LK_ASSERT(found == c->docno);
}

/* With the document and its members, or without. */
static inline void
cast_make(struct cast *c, bool has_document)
{
	static const uint8_t entropy[16] = { 7 };
	struct verifier verifier = { .run = verify_jobs_here };
	char dir[] = "/dev/shm/lk-engine-fuzz-XXXXXX", path[PATH_MAX];

	must(crypto_start());
	if (mkdtemp(dir) == NULL)
		abort();
	c->now = (struct now){ { 1000 }, { INT64_C(1780000000000) } };
	c->random = random_from_seed(&c->seeded, 1);
	must(identity_create(&c->identity, &c->random, "target"));
	must(store_open(&c->store, dir, (size_t)64 << 20));
	must(replica_new(&c->r, &c->identity, c->random, verifier));
	cast_begin(c);
	must(home_create(c->r, &c->identity, entropy));
	cast_commit(c);
	cast_begin(c);
	for (enum who who = WRITER; who < WHO; who++)
		cast_person(c, who);
	if (has_document)
		cast_members(c);
	cast_commit(c);
	/* Nobody else needs its names. */
	(void)snprintf(path, sizeof(path), "rm -rf %s", dir);
	LK_ASSERT(system(path) == 0);
}

#endif
