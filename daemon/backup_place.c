/* What lies at the place of backups: its list, and objects in order. */
#include <stdlib.h>
#include <string.h>

#include "daemon/backup.h"
#include "daemon/subject.h"

#define OBJECTS_MAX (4u * 1024 * 1024)
#define AHEAD_MAX_MS (INT64_C(24) * 60 * 60 * 1000)

bool
stored_is_ahead(const struct stored *s, struct wall now)
{
	return (s->at.time_ms > now.ms + AHEAD_MAX_MS);
}

void
listing_clear(struct listing *l)
{
	free(l->v);
	*l = (struct listing){ .prefix = l->prefix };
}

/* A link or a directory that is called as a snapshot, or as what they are in:
 * behind it there may be one. */
static void
strange_look(struct listing *l, const struct object_entry *e)
{
	size_t at = strlen(SEALED_SNAP), len;
	char name[OBJECT_NAME_MAX + 1];
	struct sealed_place p;

	(void)strlcpy(name, e->name, sizeof(name));
	if (strncmp(name, SEALED_SNAP, at) == 0) {
		len = at + strcspn(name + at, "/");
		if (!e->strange && name[len] == '\0')
			return;
		name[len] = '\0';
		if (!sealed_path_parse(&p, name))
			return;
	} else if (!e->strange || strlen(name) != at - 1 ||
	    strncmp(name, SEALED_SNAP, at - 1) != 0)
		return;
	(void)strlcpy(l->strange, name, sizeof(l->strange));
}

static lk_err
listing_add(struct listing *l, const struct object_entry *e)
{
	struct stored s = { .size = e->size, .time_ms = e->time_ms };

	strange_look(l, e);
	if (e->strange)
		return (LK_NONE);
	if (strcmp(e->name, BACKUP_APPEND_ONLY) == 0)
		l->append_only = true;
	/* What is not ours is somebody's all the same. */
	if (!sealed_path_parse(&s.at, e->name) ||
	    (s.at.mark && l->prefix == NULL))
		return (LK_NONE);
	if (l->len == OBJECTS_MAX)
		return (LK_ERR(LK_E_LIMIT, "too many objects"));
	if (l->len == l->cap) {
		size_t cap = l->cap == 0 ? 256 : 2 * l->cap;
		struct stored *v = reallocarray(l->v, cap, sizeof(*v));

		if (v == NULL)
			return (LK_ERR(LK_E_NOMEM, "list of a place"));
		l->v = v;
		l->cap = cap;
	}
	l->v[l->len++] = s;
	return (LK_NONE);
}

static lk_err
page_take(struct listing *l, const struct object_answer *a)
{
	for (size_t i = 0; i < a->entries_len; i++) {
		/* Whoever answers may not have us go round for ever. */
		if (strcmp(a->entries[i].name, l->after) <= 0)
			return (LK_ERR(LK_E_DATA, "a list out of order"));
		(void)strlcpy(l->after, a->entries[i].name, sizeof(l->after));
		TRY(listing_add(l, &a->entries[i]));
	}
	return (LK_NONE);
}

lk_err
listing_step(struct request *r, struct depot *p, struct listing *l, bool *done)
{
	struct object_answer a;
	lk_err err;
	bool more;

	*done = false;
	while (l->asked && depot_take(p, &a)) {
		err = a.err.code == LK_OK ? page_take(l, &a)
					  : depot_fail(r, p, &a);
		more = a.more && a.entries_len > 0;
		object_answer_clear(&a);
		TRY(err);
		l->asked = false;
		*done = !more;
	}
	if (!*done && !l->asked) {
		depot_ask(p, OBJECT_LIST,
		    l->prefix == NULL ? BACKUP_ROOT : l->prefix, l->after, NULL,
		    1);
		l->asked = true;
	}
	if (!*done)
		return (LK_NONE);
	/* "data" comes before "snap". */
	l->snapshots = 0;
	while (l->snapshots < l->len && !l->v[l->snapshots].at.snapshot)
		l->snapshots++;
	return (LK_NONE);
}

const struct stored *
listing_find(
    const struct listing *l, const uint8_t name[static SEALED_NAME_LEN])
{
	size_t low = 0, high = l->snapshots;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = memcmp(l->v[mid].at.name, name, SEALED_NAME_LEN);

		if (c == 0)
			return (&l->v[mid]);
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return (NULL);
}

lk_err
fetch_add(struct fetch *f, const struct stored *s)
{
	const struct stored **v = reallocarray(f->v, f->len + 1, sizeof(*f->v));

	if (v == NULL)
		return (LK_ERR(LK_E_NOMEM, "objects of a backup"));
	f->v = v;
	f->v[f->len++] = s;
	return (LK_NONE);
}

lk_err
fetch_unlisted(struct fetch *f, const uint8_t name[static SEALED_NAME_LEN])
{
	struct stored **v = reallocarray(
	    f->unlisted, f->unlisted_len + 1, sizeof(*f->unlisted));
	struct stored *s = calloc(1, sizeof(*s));

	if (v != NULL)
		f->unlisted = v;
	if (v == NULL || s == NULL) {
		free(s);
		return (LK_ERR(LK_E_NOMEM, "objects of a backup"));
	}
	memcpy(s->at.name, name, sizeof(s->at.name));
	f->unlisted[f->unlisted_len++] = s;
	return (fetch_add(f, s));
}

static void
fetch_ask(struct fetch *f)
{
	char path[OBJECT_NAME_MAX + 1];

	while (f->asked < f->len && f->asked - f->given < DEPOT_PENDING_MAX &&
	    f->place->pending < DEPOT_PENDING_MAX) {
		sealed_path(path, &f->v[f->asked]->at);
		depot_ask(f->place, OBJECT_GET, path, "", NULL, f->asked);
		f->asked++;
	}
}

bool
fetch_next(
    struct fetch *f, const struct stored **what, struct object_answer *out)
{
	struct object_answer a;
	size_t slot;

	fetch_ask(f);
	while (depot_take(f->place, &a)) {
		slot = a.request % DEPOT_PENDING_MAX;
		f->slots[slot] = a;
		f->there[slot] = true;
	}
	slot = f->given % DEPOT_PENDING_MAX;
	if (fetch_done(f) || !f->there[slot])
		return (false);
	*out = f->slots[slot];
	*what = f->v[f->given++];
	f->there[slot] = false;
	fetch_ask(f);
	return (true);
}

bool
fetch_done(const struct fetch *f)
{
	return (f->given == f->len);
}

void
fetch_clear(struct fetch *f)
{
	for (size_t i = 0; i < DEPOT_PENDING_MAX; i++)
		if (f->there[i])
			object_answer_clear(&f->slots[i]);
	for (size_t i = 0; i < f->unlisted_len; i++)
		free(f->unlisted[i]);
	free(f->unlisted);
	free(f->v);
	*f = (struct fetch){ .v = NULL };
}

lk_err
fetch_progress(
    struct request *r, const struct fetch *f, struct progress *progress)
{
	struct json_object *event;

	if (!progress_due(r, progress))
		return (LK_NONE);
	event = json_object_new_object();
	json_add_text(event, "what", "objects");
	json_add_number(event, "done", f->given);
	json_add_number(event, "of", f->len);
	return (request_notify(r, event));
}
