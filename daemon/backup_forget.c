/*
 * Backups that are not wanted any more: their snapshots are removed.  A backup
 * is there as long as its snapshot is, and nothing else refers to one, so this
 * needs no lock: whoever is at it at the same time, each is there or is not.
 * What only these backups had stays until it is pruned.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/backup.h"
#include "daemon/daemon.h"
#include "daemon/subject.h"

#define FORGET_DIGITS_MIN 4

struct forgetting {
	struct depot *place;
	struct listing listing;
	struct removal removal;
	bool listed, dry_run;
};

static void
forgetting_free(void *state)
{
	struct forgetting *f = state;

	removal_clear(&f->removal);
	depot_close(f->place);
	listing_clear(&f->listing);
	free(f);
}

/* The one whose name begins so; NULL for a whole name that is there no more:
 * somebody else was at it too. */
static lk_err
snapshot_find(struct request *r, const struct forgetting *f, const char *wanted,
    const struct stored **out)
{
	size_t found = 0;

	*out = NULL;
	if (strlen(wanted) < FORGET_DIGITS_MIN)
		return (request_fail(r, LK_ERR(LK_E_USAGE, "backup"),
		    "%s: %d digits of a backup are needed", wanted,
		    FORGET_DIGITS_MIN));
	for (size_t i = f->listing.snapshots; i < f->listing.len; i++) {
		char hex[2 * SEALED_NAME_LEN + 1];

		hex_encode(hex, BYTES_OF(f->listing.v[i].at.name));
		if (strncmp(hex, wanted, strlen(wanted)) != 0)
			continue;
		*out = &f->listing.v[i];
		found++;
	}
	if (found == 0 && strlen(wanted) < 2 * SEALED_NAME_LEN)
		return (request_fail(r, LK_ERR(LK_E_NOTFOUND, "backup"),
		    "%s: no backup %s there", f->place->url, wanted));
	if (found > 1)
		return (request_fail(r, LK_ERR(LK_E_USAGE, "backup"),
		    "%s: more than one backup begins so", wanted));
	return (LK_NONE);
}

/* Each of them once. */
static lk_err
wanted_add(struct request *r, struct forgetting *f, struct json_object *said,
    const char *wanted)
{
	const struct stored *s;
	struct json_object *o;

	TRY(snapshot_find(r, f, wanted, &s));
	if (s == NULL)
		return (LK_NONE);
	for (size_t i = 0; i < f->removal.len; i++)
		if (memcmp(f->removal.v[i].name, s->at.name, SEALED_NAME_LEN) ==
			0 &&
		    f->removal.v[i].time_ms == s->at.time_ms)
			return (LK_NONE);
	o = json_object_new_object();
	json_add_snapshot(o, s);
	json_object_array_add(said, o);
	return (removal_add(&f->removal, &s->at));
}

static lk_err
wanted_read(struct request *r, struct forgetting *f)
{
	struct json_object *list, *said = json_object_new_array();

	json_object_object_add(r->result, "forgotten", said);
	json_add_text(r->result, "place", f->place->url);
	json_add_flag(r->result, "dry_run", f->dry_run);
	if (!json_object_object_get_ex(r->params, "snapshots", &list) ||
	    !json_object_is_type(list, json_type_array))
		return (
		    LK_ERR(LK_E_USAGE, "snapshots: expected a list of them"));
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		if (!json_object_is_type(o, json_type_string))
			return (LK_ERR(
			    LK_E_USAGE, "snapshots: expected their names"));
		TRY(wanted_add(r, f, said, json_object_get_string(o)));
	}
	return (LK_NONE);
}

static lk_err
forgetting_poll(struct request *r, bool *done)
{
	struct forgetting *f = r->state;

	if (!f->listed) {
		TRY(listing_step(r, f->place, &f->listing, &f->listed));
		if (!f->listed)
			return (LK_NONE);
		TRY(wanted_read(r, f));
	}
	*done = f->dry_run && !f->listing.append_only;
	return (
	    *done ? LK_NONE : removal_step(r, &f->removal, &f->listing, done));
}

lk_err
backup_forget(struct request *r)
{
	struct forgetting *f = calloc(1, sizeof(*f));
	lk_err err;

	if (f == NULL)
		return (LK_ERR(LK_E_NOMEM, "backups"));
	err = param_bool_or(r, "dry_run", false, &f->dry_run);
	if (err.code == LK_OK)
		err = depot_open(r, &f->place);
	if (err.code != LK_OK) {
		forgetting_free(f);
		return (err);
	}
	f->removal.place = f->place;
	request_defer(
	    r, forgetting_poll, (struct mono){ 0 }, f, forgetting_free);
	return (LK_NONE);
}
