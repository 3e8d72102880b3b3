/*
 * A backup is made: the envelopes of this device's log that no parcel at the
 * place holds, the lists of documents that changed, and then the snapshot that
 * names them all.  Until that is there nothing of it counts.
 *
 *   LISTING -> PACKING -> ROLLING -> SETTLING -> LOOKING -> CLOSING
 *                 ^                                 |          |
 *                 +---- something of it is marked --+- CLEANING <- CONFIRMING
 *                                                                   -> done
 *
 * Somebody may be pruning meanwhile: before and after the snapshot is put it is
 * looked whether all it names is there and stays (docs/backup.md, "What is
 * removed"); what is not is written again, when the snapshot over what went
 * away is removed.  The log is taken up to where it ended when the work began.
 *
 * A stream goes to somebody else: nothing of it is there before, and nobody
 * prunes it.  LISTING -> PACKING -> ROLLING -> SETTLING -> CLOSING -> done
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/backup_creating.h"
#include "daemon/daemon.h"
#include "daemon/subject.h"
#include "sync/person.h"

/* So often what was pruned is written again. */
#define CREATE_ROUNDS_MAX 8

static void
creating_free(void *state)
{
	struct creating *c = state;

	for (size_t i = 0; i < DEPOT_PENDING_MAX; i++)
		if (c->putting[i].used && !c->putting[i].is_roll)
			free((void *)(uintptr_t)c->putting[i]
				 .parcel.parcel.documents.ptr);
	relied_clear(&c->relied);
	listing_clear(&c->guard);
	depot_close(c->place);
	held_clear(&c->held);
	states_clear(&c->states);
	free(c->names);
	json_object_put(c->damaged);
	free(c);
}

/* Answers to what was put: it is noted when it is there. */
static lk_err
puts_take(struct request *r, struct creating *c)
{
	struct object_answer a;

	while (depot_take(c->place, &a)) {
		struct putting *p = &c->putting[a.request];
		lk_err err = LK_NONE;

		if (a.err.code != LK_OK)
			err = depot_fail(r, c->place, &a);
		object_answer_clear(&a);
		TRY(err);
		if (c->step == CLOSING)
			continue;
		if (p->is_roll) {
			TRY(held_roll_add(&c->held, r->daemon, &p->roll));
		} else {
			TRY(held_parcel_add(&c->held, r->daemon, &p->parcel));
			free((void *)(uintptr_t)p->parcel.parcel.documents.ptr);
		}
		p->used = false;
	}
	return (LK_NONE);
}

static lk_err
listed(struct request *r, struct creating *c)
{
	bool all;

	TRY(held_compare(&c->held, r->daemon, &c->relied.data, true, &all));
	TRY(lsn_last(r->daemon->txn, &c->upto));
	TRY(store_last_document(r->daemon->txn, &c->docno_last));
	TRY(states_take(&c->states, r->daemon->txn, c->docno_last));
	TRY(keep_names(r->replica, &c->names, &c->names_len));
	c->next = 1;
	c->docno = 1;
	c->step = PACKING;
	return (LK_NONE);
}

/* What went away is written, and all that it was part of. */
static lk_err
again(struct request *r, struct creating *c)
{
	if (++c->rounds == CREATE_ROUNDS_MAX)
		return (request_fail(r, LK_ERR(LK_E_AGAIN, "backup"),
		    "%s: what is put there is removed again and again",
		    c->place->url));
	json_object_put(c->damaged);
	c->damaged = json_object_new_array();
	c->damaged_envelopes = c->documents = 0;
	c->damaged_last = 0;
	c->next = 1;
	c->docno = 1;
	c->step = PACKING;
	return (LK_NONE);
}

/* The snapshot lacks something, and nobody may take it for a backup.  Where it
 * cannot be removed it is damaged for all to see, and hurts nothing else. */
static lk_err
cleaning_step(struct request *r, struct creating *c)
{
	char path[OBJECT_NAME_MAX + 1];
	struct object_answer a;
	bool listed;

	if (!c->removing) {
		c->guard.prefix = BACKUP_APPEND_ONLY;
		TRY(listing_step(r, c->place, &c->guard, &listed));
		if (!listed)
			return (LK_NONE);
		c->removing = !c->guard.append_only;
		listing_clear(&c->guard);
		if (!c->removing)
			return (again(r, c));
		sealed_path(path, &c->snapshot);
		depot_ask(c->place, OBJECT_DELETE, path, "", NULL, 0);
	}
	while (depot_take(c->place, &a))
		object_answer_clear(&a);
	if (c->place->pending > 0)
		return (LK_NONE);
	c->removing = false;
	return (again(r, c));
}

static lk_err
progress_say(struct request *r, struct creating *c)
{
	struct json_object *event;

	if (!progress_due(r, &c->progress))
		return (LK_NONE);
	event = json_object_new_object();
	json_add_text(event, "what", "envelopes");
	json_add_number(event, "done", c->next - 1);
	json_add_number(event, "of", c->upto);
	return (request_notify(r, event));
}

static void
create_result(struct request *r, struct creating *c)
{
	struct stored s = { .at = c->snapshot };
	uint64_t envelopes = 0, bytes = 0;

	for (size_t i = 0; i < c->held.parcels_len; i++) {
		envelopes += c->held.parcels[i].parcel.envelopes;
		bytes += c->held.parcels[i].parcel.size;
	}
	json_add_text(r->result, "place", c->place->url);
	json_add_snapshot(r->result, &s);
	json_add_number(r->result, "documents", c->documents);
	json_add_number(r->result, "envelopes", envelopes);
	json_add_number(r->result, "bytes", bytes);
	json_add_number(r->result, "added", c->bytes);
	json_add_number(r->result, "objects", c->objects);
	json_add_number(r->result, "damaged_envelopes", c->damaged_envelopes);
	json_object_object_add(r->result, "damaged", c->damaged);
	c->damaged = NULL;
}

/* It is looked what is there now, and then what follows from it. */
static lk_err
relied_look(struct request *r, struct creating *c, bool *done)
{
	bool seen, all;

	TRY(relied_step(r, &c->relied, &seen));
	if (!seen)
		return (LK_NONE);
	if (c->step == LISTING)
		return (listed(r, c));
	TRY(held_compare(&c->held, r->daemon, &c->relied.data, false, &all));
	*done = all && c->step == CONFIRMING;
	if (all)
		return (*done ? LK_NONE : creating_close(r, c));
	if (c->step == LOOKING)
		return (again(r, c));
	c->step = CLEANING;
	return (cleaning_step(r, c));
}

/* What was to be put of a stream is on its way. */
static lk_err
stream_step(struct request *r, struct creating *c, bool *done)
{
	if (c->step == CLOSING) {
		*done = depot_done(c->place);
		return (LK_NONE);
	}
	TRY(creating_close(r, c));
	depot_finish(c->place);
	return (LK_NONE);
}

static lk_err
creating_work(struct request *r, struct creating *c, bool *done)
{
	switch (c->step) {
	case LISTING:
		if (c->held.passing)
			return (listed(r, c));
		return (relied_look(r, c, done));
	case LOOKING:
	case CONFIRMING:
		return (relied_look(r, c, done));
	case PACKING:
		return (creating_pack(r, c));
	case ROLLING:
		return (creating_roll(r, c));
	case SETTLING:
	case CLOSING:
		if (c->place->pending > 0)
			return (LK_NONE);
		if (c->held.passing)
			return (stream_step(r, c, done));
		relied_again(&c->relied);
		c->step = c->step == SETTLING ? LOOKING : CONFIRMING;
		return (relied_look(r, c, done));
	case CLEANING:
		return (cleaning_step(r, c));
	}
	return (LK_NONE);
}

/* Whether what was put is answered in this step. */
static bool
creating_puts(const struct creating *c)
{
	return (c->step == PACKING || c->step == ROLLING ||
	    c->step == SETTLING || c->step == CLOSING);
}

/* Whether the next step needs room for what is put. */
static bool
creating_makes(const struct creating *c)
{
	return (c->step == PACKING || c->step == ROLLING);
}

static lk_err
creating_poll(struct request *r, bool *done)
{
	struct creating *c = r->state;
	struct mono begun = now_read().mono;
	bool busy = true, due;

	while (busy && !*done) {
		TRY(depot_flush(c->place, &due));
		if (creating_puts(c))
			TRY(puts_take(r, c));
		/* Something else than an answer may have woken it. */
		if (creating_makes(c) && creating_room(c) == NULL)
			break;
		TRY(creating_work(r, c, done));
		busy = creating_makes(c) && creating_room(c) != NULL &&
		    c->place->pending < DEPOT_PENDING_MAX &&
		    now_read().mono.ms - begun.ms < BACKUP_SLICE_MS;
	}
	if (*done)
		create_result(r, c);
	if (*done && !c->held.passing)
		TRY(held_made(r->daemon, c->place->url, &c->snapshot));
	TRY(progress_say(r, c));
	/* What waits for an answer is woken by it. */
	if (creating_makes(c) && creating_room(c) != NULL)
		request_again(r, 0);
	else if (c->step == SETTLING && c->place->pending == 0)
		request_again(r, 0);
	TRY(depot_flush(c->place, &due));
	if (due)
		request_again(r, 0);
	return (LK_NONE);
}

/* Where it goes; of what went to somebody as a stream nothing is known. */
static lk_err
place_open(struct request *r, struct creating *c)
{
	const char *place;

	TRY(param_string(r, "place", &place));
	if (strcmp(place, "-") == 0) {
		c->held.passing = true;
		return (depot_open_stream(r, &c->place));
	}
	TRY(depot_open(r, &c->place));
	return (held_load(&c->held, r->daemon, c->place->url));
}

lk_err
backup_create(struct request *r)
{
	struct creating *c = calloc(1, sizeof(*c));
	uint32_t home;
	lk_err err;

	if (c == NULL)
		return (LK_ERR(LK_E_NOMEM, "backup"));
	c->damaged = json_object_new_array();
	err = progress_wanted(r, &c->progress);
	if (err.code == LK_OK)
		err = replica_home(r->replica, &home);
	if (err.code == LK_OK)
		err = person_recovery_box(r->replica, home, c->reading);
	if (err.code == LK_OK)
		err = place_open(r, c);
	c->relied.place = c->place;
	if (err.code != LK_OK) {
		creating_free(c);
		return (err);
	}
	request_defer(r, creating_poll, (struct mono){ 0 }, c, creating_free);
	return (LK_NONE);
}
