/* Opening what backups are made of, and their list. */
#include <stdlib.h>
#include <string.h>

#include "crypto/phrase.h"
#include "daemon/backup.h"
#include "daemon/daemon.h"
#include "daemon/subject.h"

lk_err
backup_secrets(struct request *r, struct backup_secrets *out)
{
	uint8_t entropy[PHRASE_ENTROPY_LEN], secret[32];
	lk_err err;

	TRY(param_phrase(r, entropy));
	err = phrase_root_seed(out->root_seed, entropy);
	secret_wipe(entropy, sizeof(entropy));
	TRY(err);
	root_secret(secret, out->root_seed, ROOT_SIGN);
	sign_key_from_seed(&out->root, secret);
	root_secret(secret, out->root_seed, ROOT_BOX);
	dh_key_from_secret(&out->reading, secret);
	secret_wipe(secret, sizeof(secret));
	return (LK_NONE);
}

void
backup_secrets_clear(struct backup_secrets *s)
{
	secret_wipe(s, sizeof(*s));
}

lk_err
backup_open(struct bytes object, const struct stored *as,
    const struct dh_key *key, struct sealed *out, struct buf *plain)
{
	uint8_t name[SEALED_NAME_LEN];
	lk_err err;

	sealed_name(name, object);
	if (memcmp(name, as->at.name, sizeof(name)) != 0)
		return (LK_ERR(LK_E_DATA,
		    "its bytes are not those it is named "
		    "after"));
	err = sealed_read(out, object);
	if (err.code == LK_OK &&
	    (out->kind == SEALED_SNAPSHOT) != as->at.snapshot)
		err = LK_ERR(LK_E_MALFORMED, "object of another kind");
	if (err.code == LK_OK && key != NULL)
		err = sealed_open(plain, out, key);
	if (err.code == LK_E_TRUNCATED || err.code == LK_E_MALFORMED)
		err.code = LK_E_DATA;
	return (err);
}

lk_err
backup_head(
    struct snapshot_head *out, struct bytes clear, const struct stored *as)
{
	lk_err err = snapshot_head_read(out, clear);

	if (err.code == LK_E_TRUNCATED || err.code == LK_E_MALFORMED)
		err.code = LK_E_DATA;
	if (err.code == LK_OK && out->time_ms != as->at.time_ms)
		err = LK_ERR(LK_E_DATA, "its time is not that of its name");
	return (err);
}

void
json_add_snapshot(struct json_object *o, const struct stored *s)
{
	char hex[2 * SEALED_NAME_LEN + 1];

	hex_encode(hex, BYTES_OF(s->at.name));
	json_add_text(o, "snapshot", hex);
	json_add_time(o, "time", (struct wall){ .ms = s->at.time_ms });
}

/* The list of backups. */
struct listing_all {
	struct depot *place;
	struct listing listing;
	struct fetch fetch;
	struct backup_secrets secrets;
	bool listed, readable;
	struct json_object *list; /* owned until it is in the result */
};

static void
listing_all_free(void *state)
{
	struct listing_all *l = state;

	fetch_clear(&l->fetch);
	depot_close(l->place);
	listing_clear(&l->listing);
	backup_secrets_clear(&l->secrets);
	json_object_put(l->list);
	free(l);
}

/* Of this person's devices the one whose mark it is, by name. */
static void
machine_name(struct request *r, struct json_object *o, const uint8_t *machine)
{
	struct replica *replica = daemon_replica(r->daemon);
	struct home_device device;
	uint8_t mark[SNAPSHOT_MACHINE_LEN];

	if (replica == NULL || daemon_identity(r->daemon) == NULL)
		return;
	for (size_t i = 0; home_device(replica, i, &device).code == LK_OK;
	     i++) {
		snapshot_machine(mark, device.pk);
		if (memcmp(mark, machine, sizeof(mark)) != 0)
			continue;
		json_add_text(o, "device_name", device.name);
		json_add_flag(o, "self", device.self);
	}
}

/* Whether it is of the person whose key that is; DATA, VERSION: damaged, said
 * to be. */
static lk_err
snapshot_is_of(struct bytes object, const struct stored *as,
    const struct backup_secrets *secrets, bool *is)
{
	struct sealed sealed;
	struct snapshot read;
	BUF_SECRET plain = { .max = 1 };
	lk_err err =
	    backup_open(object, as, &secrets->reading, &sealed, &plain);

	*is = false;
	if (err.code == LK_E_DENIED)
		return (LK_NONE);
	TRY(err);
	TRY(snapshot_read(&read, sealed.clear, buf_bytes(&plain)));
	*is = memcmp(read.root_pk, secrets->root.pk, SIGN_PK_LEN) == 0;
	return (LK_NONE);
}

/* What a snapshot says of itself to anybody, and to whom has the key. */
static lk_err
snapshot_say(struct request *r, const struct listing_all *l,
    struct json_object *o, struct bytes object, const struct stored *as)
{
	struct snapshot_head head;
	struct sealed sealed;
	bool opened;

	TRY(backup_open(object, as, NULL, &sealed, NULL));
	TRY(backup_head(&head, sealed.clear, as));
	json_add_id(o, "machine", BYTES_OF(head.machine));
	json_add_number(o, "objects", head.names.len / SEALED_NAME_LEN);
	machine_name(r, o, head.machine);
	if (!l->readable)
		return (LK_NONE);
	TRY(snapshot_is_of(object, as, &l->secrets, &opened));
	json_add_flag(o, "opened", opened);
	return (LK_NONE);
}

static lk_err
listing_all_poll(struct request *r, bool *done)
{
	struct listing_all *l = r->state;
	const struct stored *what;
	struct object_answer a;

	if (!l->listed) {
		TRY(listing_step(r, l->place, &l->listing, &l->listed));
		if (!l->listed)
			return (LK_NONE);
		for (size_t i = l->listing.snapshots; i < l->listing.len; i++)
			TRY(fetch_add(&l->fetch, &l->listing.v[i]));
	}
	while (fetch_next(&l->fetch, &what, &a)) {
		struct json_object *o = json_object_new_object();
		lk_err err = a.err;

		json_object_array_add(l->list, o);
		json_add_snapshot(o, what);
		if (err.code == LK_OK)
			err = snapshot_say(r, l, o, buf_bytes(&a.bytes), what);
		object_answer_clear(&a);
		if (err.code != LK_OK)
			json_add_text(o, "error", err.what);
	}
	*done = fetch_done(&l->fetch);
	if (*done) {
		json_add_text(r->result, "place", l->place->url);
		json_object_object_add(r->result, "snapshots", l->list);
		l->list = NULL;
	}
	return (LK_NONE);
}

lk_err
backup_list(struct request *r)
{
	struct listing_all *l = calloc(1, sizeof(*l));
	lk_err err;

	if (l == NULL)
		return (LK_ERR(LK_E_NOMEM, "backups"));
	l->list = json_object_new_array();
	err = backup_secrets_or(r, &l->secrets, &l->readable);
	if (err.code == LK_OK)
		err = depot_open(r, &l->place);
	if (err.code != LK_OK) {
		listing_all_free(l);
		return (err);
	}
	l->fetch.place = l->place;
	request_defer(
	    r, listing_all_poll, (struct mono){ 0 }, l, listing_all_free);
	return (LK_NONE);
}
