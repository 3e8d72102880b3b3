/* The person: devices, the ones revoked too. */
#include <stdlib.h>
#include <string.h>

#include "daemon/commands.h"
#include "daemon/subject.h"

#define CHANGE_DIGITS_MIN 4
#define SECONDS_TEXT_LEN 64

static void
device_json(
    struct request *r, struct json_object *o, const struct home_device *d)
{
	const uint8_t *root = replica_identity(r->replica)->root_pk;
	char who[HOME_WHO_LEN] = "recovery phrase";

	json_add_text(o, "name", d->name);
	json_add_id(o, "device", BYTES_OF(d->pk));
	json_add_flag(o, "self", d->self);
	json_add_time(o, "added", d->added);
	json_add_number(o, "rank", d->rank);
	if (memcmp(d->issuer, root, sizeof(d->issuer)) != 0)
		home_who(r->replica, d->issuer, who, sizeof(who));
	json_add_text(o, "by", who);
	json_add_flag(o, "revoked", d->gone);
}

static lk_err
device_list(struct request *r)
{
	struct json_object *list = json_object_new_array();
	struct home_device device;

	json_object_object_add(r->result, "devices", list);
	for (size_t i = 0;; i++) {
		struct json_object *o;
		lk_err err = home_device(r->replica, i, &device);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		o = json_object_new_object();
		device_json(r, o, &device);
		json_object_array_add(list, o);
	}
}

static lk_err
device_find(struct request *r, struct home_device *out)
{
	const char *who;
	lk_err err;

	TRY(param_string(r, "device", &who));
	err = home_find_device(r->replica, who, out);
	if (err.code == LK_E_NOTFOUND) {
		request_hint(r, "lk device ls lists your devices");
		return request_fail(r, err, "%s: no device of yours", who);
	}
	if (err.code == LK_E_USAGE) {
		request_hint(r, "lk device ls shows the digits of their keys");
		return request_fail(
		    r, err, "%s: more than one of your devices", who);
	}
	return err;
}

/* The documents in which a device has a role. */
static lk_err
documents_json(struct request *r, const uint8_t pk[static 32])
{
	struct json_object *list = json_object_new_array();
	uint32_t docno = 0;

	json_object_object_add(r->result, "documents", list);
	for (;;) {
		struct json_object *o;
		struct subject s;
		lk_err err = engine_device_left(r->engine, pk, docno, &docno);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		err = subject_load(r, docno, &s);
		if (err.code == LK_E_NOTFOUND) /* the home document */
			continue;
		TRY(err);
		o = json_object_new_object();
		json_add_subject(o, &s);
		json_object_array_add(list, o);
	}
}

static lk_err
device_show(struct request *r)
{
	struct home_device d;

	TRY(device_find(r, &d));
	device_json(r, r->result, &d);
	return documents_json(r, d.pk);
}

static lk_err
device_rename(struct request *r)
{
	struct home_device d;
	const char *name;
	lk_err err;

	TRY(device_find(r, &d));
	TRY(param_string(r, "name", &name));
	err = home_device_rename(r->replica, d.pk, name);
	if (err.code == LK_E_DATA || err.code == LK_E_EXISTS)
		return request_fail(r, err, "%s: %s", name, err.what);
	TRY(err);
	(void)strlcpy(d.name, name, sizeof(d.name));
	device_json(r, r->result, &d);
	return LK_NONE;
}

static bool
change_is(const struct change_info *c, const uint8_t pk[static 32],
    const char *digits)
{
	char hex[2 * LK_ID_LEN + 1];

	hex_encode(hex, BYTES_OF(c->hash));
	return c->has_change && memcmp(c->author, pk, 32) == 0 &&
	    strncmp(hex, digits, strlen(digits)) == 0;
}

/* When the change of a device that begins with these digits came here; the
 * first, when there are several.  NOTFOUND. */
static lk_err
change_received(struct request *r, const uint8_t pk[static 32],
    const char *digits, struct wall *out)
{
	struct change_info c;
	uint32_t docno = 0;

	out->ms = 0;
	while (replica_doc_next(r->replica, docno, &docno).code == LK_OK) {
		for (uint32_t n = 0;; n++) {
			lk_err err = replica_entry(r->replica, docno, n, &c);

			if (err.code == LK_E_NOTFOUND)
				break;
			TRY(err);
			if (change_is(&c, pk, digits) &&
			    (out->ms == 0 || c.received.ms < out->ms))
				*out = c.received;
		}
	}
	return out->ms == 0 ? LK_ERR(LK_E_NOTFOUND, "change") : LK_NONE;
}

/* A time, a day, or a change of that device: what it did from then on does not
 * stay. */
static lk_err
since_read(struct request *r, const struct home_device *d, struct wall *since)
{
	char day[SECONDS_TEXT_LEN];
	const char *text;
	lk_err err;

	since->ms = 0;
	TRY(param_string_or(r, "since", "", &text));
	if (text[0] == '\0')
		return LK_NONE;
	if (wall_read(since, BYTES_STR(text)).code == LK_OK && since->ms > 0)
		return LK_NONE;
	(void)strlcpy(day, text, sizeof(day) - sizeof("T00:00:00Z"));
	(void)strlcat(day, "T00:00:00Z", sizeof(day));
	if (wall_read(since, BYTES_STR(day)).code == LK_OK && since->ms > 0)
		return LK_NONE;
	err = LK_ERR(LK_E_NOTFOUND, "change");
	if (strlen(text) >= CHANGE_DIGITS_MIN &&
	    strspn(text, "0123456789abcdef") == strlen(text))
		err = change_received(r, d->pk, text, since);
	if (err.code != LK_E_NOTFOUND)
		return err;
	request_hint(r,
	    "a day (2026-11-16), a time (2026-11-16T09:00:00Z), or 4 or more "
	    "digits of a change");
	return request_fail(
	    r, err, "%s: no time, and no change by %s", text, d->name);
}

struct revoking {
	struct home_device device;
};

/* Devices that the one revoked had added stay. */
static lk_err
added_json(struct request *r, const uint8_t pk[static 32])
{
	struct json_object *list = json_object_new_array();
	struct home_device d;

	json_object_object_add(r->result, "added_by_it", list);
	for (size_t i = 0; home_device(r->replica, i, &d).code == LK_OK; i++)
		if (!d.gone && memcmp(d.issuer, pk, sizeof(d.issuer)) == 0)
			json_object_array_add(
			    list, json_object_new_string(d.name));
	return LK_NONE;
}

static lk_err
revoke_poll(struct request *r, bool *done)
{
	const struct revoking *state = r->state;

	if (engine_fanning_out(r->engine))
		return LK_NONE;
	*done = true;
	return documents_json(r, state->device.pk);
}

static lk_err
revoke_fail(struct request *r, const struct home_device *d, lk_err err)
{
	if (err.code == LK_E_EXISTS)
		return request_fail(
		    r, err, "%s: it was revoked before", d->name);
	if (err.code != LK_E_DENIED)
		return request_fail(r, err, "%s: %s", d->name, err.what);
	request_hint(r,
	    d->self ? "revoke it from another device of yours"
		    : "lk device ls --json shows ranks: a smaller one may");
	return request_fail(r, err, "%s: not permitted: %s", d->name,
	    d->self ? "a device does not revoke itself"
		    : "only a more senior device may");
}

static lk_err
device_revoke(struct request *r)
{
	struct revoking *state;
	struct home_device d;
	struct wall since;
	lk_err err;

	TRY(device_find(r, &d));
	TRY(since_read(r, &d, &since));
	state = calloc(1, sizeof(*state));
	if (state == NULL)
		return LK_ERR(LK_E_NOMEM, "revoke");
	state->device = d;
	err = added_json(r, d.pk);
	if (err.code == LK_OK)
		err = engine_device_revoke(r->engine, d.pk, since, r->now);
	if (err.code != LK_OK) {
		free(state);
		return revoke_fail(r, &d, err);
	}
	d.gone = true;
	device_json(r, r->result, &d);
	json_add_time(r->result, "since", since);
	request_defer(r, revoke_poll, (struct mono){ .ms = 0 }, state, free);
	return LK_NONE;
}

#define PERSON_WRITES (COMMAND_IDENTITY | COMMAND_WRITES | COMMAND_NESTED)

static const struct command table[] = {
	{ "device.list", device_list, COMMAND_IDENTITY },
	{ "device.show", device_show, COMMAND_IDENTITY },
	{ "device.rename", device_rename, PERSON_WRITES },
	{ "device.revoke", device_revoke, PERSON_WRITES },
	{ NULL, NULL, 0 },
};

const struct command *const commands_person = table;
