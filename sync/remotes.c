#include "sync/remotes.h"

#include <stdlib.h>
#include <string.h>

#include "sync/bucket.h"
#include "sync/relay_client.h"

void
engine_remotes_free(struct engine *e)
{
	struct remote *r;

	while ((r = TAILQ_FIRST(&e->remotes)) != NULL) {
		TAILQ_REMOVE(&e->remotes, r, next);
		bucket_clear(r);
		free(r);
	}
}

/* Whether it is one this engine reads and writes by objects. */
static bool
is_bucket(const struct remote *r)
{
	return r->status.kind != REMOTE_RELAY;
}

void
engine_remotes_aborted(struct engine *e)
{
	struct remote *r;

	/* What was asked for and is answered now, nobody waits for; and what
	 * made this happen does not happen again at once. */
	TAILQ_FOREACH (r, &e->remotes, next)
		if (r->bucket.started)
			bucket_rest(e, r);
}

lk_err
engine_remotes_tick(struct engine *e)
{
	struct remote *r;

	TAILQ_FOREACH (r, &e->remotes, next)
		if (is_bucket(r))
			TRY(bucket_tick(e, r));
	return LK_NONE;
}

lk_err
engine_remotes_event(struct engine *e, const struct replica_event *ev)
{
	struct remote *r;

	TAILQ_FOREACH (r, &e->remotes, next)
		if (is_bucket(r))
			TRY(bucket_event(e, r, ev));
	return LK_NONE;
}

int64_t
engine_remotes_next_ms(const struct engine *e)
{
	int64_t next = INT64_MAX;
	struct remote *r;

	TAILQ_FOREACH (r, &e->remotes, next)
		if (is_bucket(r) && bucket_next_ms(e, r) < next)
			next = bucket_next_ms(e, r);
	return next;
}

bool
engine_remotes_take(struct engine *e, struct engine_output *out)
{
	struct remote *r;

	TAILQ_FOREACH (r, &e->remotes, next)
		if (bucket_take(r, out))
			return true;
	return false;
}

static struct remote *
remote_find(struct engine *e, uint32_t number)
{
	struct remote *r;

	TAILQ_FOREACH (r, &e->remotes, next)
		if (r->status.number == number)
			return r;
	return NULL;
}

/* Whether the list can be taken as it is. */
static lk_err
config_check(const struct remote_config *all, size_t n)
{
	if (n > REMOTES_MAX)
		return LK_ERR(LK_E_LIMIT, "remotes");
	for (size_t i = 0; i < n; i++) {
		if (all[i].number == 0 ||
		    strlen(all[i].name) > REMOTE_NAME_MAX ||
		    strlen(all[i].url) > REMOTE_URL_MAX)
			return LK_ERR(LK_E_USAGE, "remote");
		for (size_t j = 0; j < i; j++)
			if (all[j].number == all[i].number)
				return LK_ERR(LK_E_USAGE, "remote");
	}
	return LK_NONE;
}

static lk_err
remote_keep(struct engine *e, const struct remote_config *config)
{
	struct remote *r = remote_find(e, config->number);

	if (r == NULL) {
		r = calloc(1, sizeof(*r));
		if (r == NULL)
			return LK_ERR(LK_E_NOMEM, "remote");
		r->status.number = config->number;
		TAILQ_INSERT_TAIL(&e->remotes, r, next);
	}
	r->status.kind = config->kind;
	(void)strlcpy(r->status.name, config->name, sizeof(r->status.name));
	(void)strlcpy(r->status.url, config->url, sizeof(r->status.url));
	return LK_NONE;
}

lk_err
engine_remotes_configure(
    struct engine *e, const struct remote_config *all, size_t n, struct now now)
{
	struct remote *r, *next;

	e->now = now;
	TRY(config_check(all, n));
	TAILQ_FOREACH_SAFE (r, &e->remotes, next, next) {
		bool stays = false;

		for (size_t i = 0; i < n && !stays; i++)
			stays = all[i].number == r->status.number;
		if (stays)
			continue;
		TRY(records_clear(e, r->status.number));
		TAILQ_REMOVE(&e->remotes, r, next);
		bucket_clear(r);
		free(r);
	}
	for (size_t i = 0; i < n; i++)
		TRY(remote_keep(e, &all[i]));
	e->wake = now.mono;
	return LK_NONE;
}

lk_err
engine_object(
    struct engine *e, const struct object_answer *answer, struct now now)
{
	struct remote *r = remote_find(e, answer->remote);

	e->now = now;
	if (r == NULL || !is_bucket(r))
		return LK_NONE;
	e->wake = now.mono;
	return bucket_answer(e, r, answer);
}

struct remote_status *
remote_status(struct engine *e, uint32_t number)
{
	struct remote *r = remote_find(e, number);

	return r == NULL ? NULL : &r->status;
}

lk_err
engine_remote(struct engine *e, size_t i, struct remote_status *out)
{
	struct remote *r;

	TAILQ_FOREACH (r, &e->remotes, next)
		if (i-- == 0) {
			*out = r->status;
			return LK_NONE;
		}
	return LK_ERR(LK_E_NOTFOUND, "remote");
}

lk_err
engine_remote_holds(
    struct engine *e, uint32_t number, uint32_t docno, bool *holds)
{
	struct fingerprint fp, there;
	lk_err err;

	if (remote_find(e, number) == NULL)
		return LK_ERR(LK_E_NOTFOUND, "remote");
	*holds = false;
	TRY(fingerprint_doc(e->r->txn, docno, &fp));
	err = record_complete(e, number, docno, &there);
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	*holds = fp.count == there.count &&
	    memcmp(fp.sum, there.sum, sizeof(fp.sum)) == 0;
	return LK_NONE;
}

lk_err
engine_remote_lacks(struct engine *e, uint32_t number, uint64_t *lacks)
{
	uint32_t docno = 0;
	uint64_t n = 0;

	for (;;) {
		struct graph *g;
		bool holds;
		lk_err err = replica_doc_next(e->r, docno, &docno);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		TRY(engine_remote_holds(e, number, docno, &holds));
		if (holds)
			continue;
		TRY(replica_graph(e->r, docno, &g));
		n += graph_len(g) > 0 &&
		    graph_role(g, e->identity->sign.pk) >= ROLE_READ;
	}
	*lacks = n;
	return LK_NONE;
}
