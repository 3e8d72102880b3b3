#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/backup_restoring.h"
#include "daemon/daemon.h"

#define DIR "scratch"
#define NAME "scratch"
/* Not the limit of anything: where one is given there is no ballast. */
#define MAP_MAX (SIZE_MAX > UINT32_MAX ? (size_t)1 << 38 : (size_t)1 << 30)
/* Of one transaction, whose pages are in memory. */
#define ENVELOPES_MAX 8192
#define ENVELOPE_BYTES_MAX (UINT64_C(4) << 20)

static lk_err
scratch_fill(struct scratch *s, struct daemon *d)
{
	struct verifier verifier = { .run = verify_run, .ctx = d };
	struct random random = random_system();

	TRY(store_remove(s->dir));
	TRY(store_open(&s->store, s->dir, MAP_MAX));
	TRY(identity_create(&s->identity, &random, NAME));
	return (
	    replica_new(&s->replica, &s->identity, random_system(), verifier));
}

static bool
scratch_dir(char out[static PATH_MAX], const struct daemon *d)
{
	return (snprintf(out, PATH_MAX, "%s/" DIR, d->options.home) < PATH_MAX);
}

void
scratch_sweep(const struct daemon *d)
{
	char dir[PATH_MAX];

	if (scratch_dir(dir, d) && store_remove(dir).code != LK_OK)
		log_warn("backup: %s: not removed, ignoring", dir);
}

lk_err
scratch_open(struct request *r, struct scratch **out)
{
	struct scratch *s;
	lk_err err;

	if (r->daemon->restoring)
		return (request_fail(r, LK_ERR(LK_E_EXISTS, "restoring"),
		    "a backup is being looked at or restored here already"));
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return (LK_ERR(LK_E_NOMEM, "scratch store"));
	err = scratch_dir(s->dir, r->daemon)
	    ? scratch_fill(s, r->daemon)
	    : LK_ERR(LK_E_LIMIT, "scratch store");
	if (err.code != LK_OK) {
		scratch_close(s);
		return (err);
	}
	*out = s;
	return (LK_NONE);
}

static void
scratch_abort(struct scratch *s)
{
	if (s->txn == NULL)
		return;
	replica_aborted(s->replica);
	txn_abort(s->txn);
	s->txn = NULL;
}

void
scratch_close(struct scratch *s)
{
	bool opened;

	if (s == NULL)
		return;
	opened = s->store != NULL;
	scratch_abort(s);
	replica_free(s->replica);
	identity_clear(&s->identity);
	store_close(s->store);
	/* What stays is removed by the next one. */
	if (opened && store_remove(s->dir).code != LK_OK)
		log_warn("backup: %s: not removed, ignoring", s->dir);
	free(s);
}

static lk_err
scratch_commit(struct scratch *s)
{
	const struct replica_event *events;
	size_t len;
	lk_err err = txn_commit(s->txn);

	s->txn = NULL;
	if (err.code != LK_OK)
		replica_aborted(s->replica);
	else
		replica_committed(s->replica, &events, &len);
	return (err);
}

lk_err
scratch_begin(
    struct scratch *s, struct now now, uint64_t envelopes, uint64_t bytes)
{
	if (s->txn != NULL &&
	    (envelopes - s->committed >= ENVELOPES_MAX ||
		bytes - s->committed_bytes >= ENVELOPE_BYTES_MAX)) {
		TRY(scratch_commit(s));
		s->committed = envelopes;
		s->committed_bytes = bytes;
	}
	if (s->txn != NULL)
		return (LK_NONE);
	TRY(txn_begin(s->store, TXN_WRITE, &s->txn));
	replica_begin(s->replica, s->txn, now);
	return (LK_NONE);
}

lk_err
scratch_poll(struct request *r, scratch_look_fn *look, bool *done)
{
	struct restoring *c = r->state;
	struct mono begun = now_read().mono;
	bool idle = false;

	TRY(scratch_begin(c->scratch, r->now, c->accepted, c->bytes));
	c->replica = c->scratch->replica;
	while (!idle && !*done && c->step != TAKEN_IN &&
	    now_read().mono.ms - begun.ms < BACKUP_SLICE_MS)
		TRY(restoring_work(r, c, done, &idle));
	if (c->step == TAKEN_IN)
		TRY(look(r, c, done));
	if (*done)
		return (LK_NONE);
	TRY(restoring_progress(r, c));
	/* With no room for what is said it is woken when there is some. */
	if (!idle && (c->step != TAKEN_IN || request_room(r)))
		request_again(r, 0);
	return (LK_NONE);
}

lk_err
scratch_defer(struct request *r, request_poll_fn *poll)
{
	struct restoring *c = NULL;
	lk_err err;

	TRY(restoring_new(r, &c));
	err = scratch_open(r, &c->scratch);
	if (err.code != LK_OK) {
		restoring_free(c);
		return (err);
	}
	c->daemon = r->daemon;
	c->daemon->restoring = true;
	request_defer(r, poll, (struct mono){ 0 }, c, restoring_free);
	return (LK_NONE);
}
