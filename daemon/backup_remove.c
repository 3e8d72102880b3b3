/* What is removed from a place of backups. */
#include <stdlib.h>
#include <string.h>

#include "daemon/backup.h"

lk_err
removal_add(struct removal *m, const struct sealed_place *at)
{
	if ((m->len & (m->len + 1)) == 0) {
		struct sealed_place *v =
		    reallocarray(m->v, 2 * m->len + 1, sizeof(*v));

		if (v == NULL)
			return (LK_ERR(LK_E_NOMEM, "objects of a backup"));
		m->v = v;
	}
	m->v[m->len++] = *at;
	return (LK_NONE);
}

void
removal_clear(struct removal *m)
{
	free(m->v);
	*m = (struct removal){ .v = NULL };
}

static lk_err
refused(struct request *r, const struct removal *m, const char *why)
{
	request_hint(
	    r, "who may delete there can do it; what is there stays as it is");
	return (request_fail(r, LK_ERR(LK_E_DENIED, "place"),
	    "%s: backups can only be added here: %s", m->place->url, why));
}

/* To remove what nothing is named is allowed, or not, as anything is. */
static void
probe_ask(struct removal *m)
{
	struct sealed_place nothing = { .snapshot =
					    m->len > 0 && m->v[0].snapshot };
	char path[OBJECT_NAME_MAX + 1];

	sealed_path(path, &nothing);
	depot_ask(m->place, OBJECT_DELETE, path, "", NULL, 0);
	m->probed = true;
}

static lk_err
answers_take(struct request *r, struct removal *m)
{
	struct object_answer a;
	lk_err err = LK_NONE;

	while (err.code == LK_OK && depot_take(m->place, &a)) {
		err = a.err;
		if (err.code == LK_E_DENIED)
			err =
			    refused(r, m, a.why[0] != '\0' ? a.why : err.what);
		else if (err.code != LK_OK)
			err = depot_fail(r, m->place, &a);
		object_answer_clear(&a);
		if (err.code == LK_OK && m->allowed)
			m->done++;
		if (err.code == LK_OK)
			m->allowed = true;
	}
	return (err);
}

lk_err
removal_step(
    struct request *r, struct removal *m, const struct listing *l, bool *done)
{
	char path[OBJECT_NAME_MAX + 1];

	if (l->append_only)
		return (
		    refused(r, m, "there is an object " BACKUP_APPEND_ONLY));
	if (!m->probed)
		probe_ask(m);
	else
		TRY(answers_take(r, m));
	while (m->allowed && m->asked < m->len &&
	    m->place->pending < DEPOT_PENDING_MAX) {
		sealed_path(path, &m->v[m->asked++]);
		depot_ask(m->place, OBJECT_DELETE, path, "", NULL, 0);
	}
	*done = m->allowed && m->done == m->len;
	return (LK_NONE);
}
