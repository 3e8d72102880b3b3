#include "sync/remotes.h"

#include <stdlib.h>
#include <string.h>

#include "sync/engine_state.h"

void
remotes_free(struct engine *e)
{
	struct remote *r;

	while ((r = TAILQ_FIRST(&e->remotes)) != NULL) {
		TAILQ_REMOVE(&e->remotes, r, next);
		free(r);
	}
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
		TAILQ_REMOVE(&e->remotes, r, next);
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
	e->now = now;
	if (remote_find(e, answer->remote) == NULL)
		return LK_NONE;
	e->wake = now.mono;
	return LK_NONE;
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
