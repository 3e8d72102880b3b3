/* The person: own devices, the ones revoked too, and people met. */
#include <stdlib.h>
#include <string.h>

#include "crypto/phrase.h"
#include "daemon/commands.h"
#include "daemon/subject.h"

#define CHANGE_DIGITS_MIN 4
#define SECONDS_TEXT_LEN 64
#define WORDS_MAX 64

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
			break;
		TRY(err);
		o = json_object_new_object();
		device_json(r, o, &device);
		json_object_array_add(list, o);
	}
	json_object_array_sort(list, json_name_compare);
	return LK_NONE;
}

/* Why a name or key finds no device or contact. */
static lk_err
name_find_fail(struct request *r, lk_err err, const char *who, const char *what)
{
	if (err.code == LK_E_NOTFOUND) {
		request_hint(r, "lk %s ls lists yours", what);
		return request_fail(r, err, "%s: no %s of yours", who, what);
	}
	if (err.code == LK_E_USAGE) {
		request_hint(r, "lk %s ls shows the digits of keys", what);
		return request_fail(
		    r, err, "%s: more than one %s of yours", who, what);
	}
	return err;
}

/* Why one cannot be called so. */
static lk_err
name_give_fail(struct request *r, lk_err err, const char *name)
{
	if (err.code == LK_E_DATA || err.code == LK_E_EXISTS)
		return request_fail(r, err, "%s: %s", name, err.what);
	return err;
}

static lk_err
device_find(struct request *r, struct home_device *out)
{
	const char *who;
	lk_err err;

	TRY(param_string(r, "device", &who));
	err = home_find_device(r->replica, who, out);
	return name_find_fail(r, err, who, "device");
}

/* The documents in which a device has a role. */
static lk_err
documents_json(
    struct request *r, struct json_object *to, const uint8_t pk[static 32])
{
	struct json_object *list = json_object_new_array();
	uint32_t docno = 0;

	json_object_object_add(to, "documents", list);
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

lk_err
json_add_others(struct request *r)
{
	struct json_object *list = json_object_new_array();
	struct home_device d;

	json_object_object_add(r->result, "others", list);
	for (size_t i = 0;; i++) {
		lk_err err = home_device(r->replica, i, &d);
		struct json_object *o;

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		if (d.self || d.gone)
			continue;
		o = json_object_new_object();
		json_object_array_add(list, o);
		device_json(r, o, &d);
		TRY(documents_json(r, o, d.pk));
	}
}

static lk_err
device_show(struct request *r)
{
	struct home_device d;

	TRY(device_find(r, &d));
	device_json(r, r->result, &d);
	return documents_json(r, r->result, d.pk);
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
	TRY(name_give_fail(r, err, name));
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
	return documents_json(r, r->result, state->device.pk);
}

static bool
phrase_given(struct request *r)
{
	return json_object_object_get_ex(r->params, "phrase", NULL);
}

static lk_err
revoke_fail(struct request *r, const struct home_device *d, lk_err err)
{
	if (err.code == LK_E_EXISTS)
		return request_fail(
		    r, err, "%s: it was revoked before", d->name);
	if (err.code == LK_E_USAGE) /* the phrase: said */
		return err;
	if (err.code != LK_E_DENIED)
		return request_fail(r, err, "%s: %s", d->name, err.what);
	if (phrase_given(r) && !d->self)
		return request_fail(r, err, "%s: %s", d->name, err.what);
	request_hint(r,
	    d->self ? "revoke it from another device of yours"
		    : "lk device ls --json shows ranks: a smaller one may, "
		      "and --phrase");
	return request_fail(r, err, "%s: not permitted: %s", d->name,
	    d->self ? "a device does not revoke itself"
		    : "only a more senior device may");
}

/* By this device, or by the phrase where it is given. */
static lk_err
revoke_run(struct request *r, const uint8_t pk[static 32], struct wall since)
{
	uint8_t entropy[PHRASE_ENTROPY_LEN];
	lk_err err;

	if (!phrase_given(r))
		return engine_device_revoke(r->engine, pk, since, r->now);
	TRY(param_phrase(r, entropy));
	err = engine_device_revoke_by_phrase(
	    r->engine, entropy, pk, since, r->now);
	explicit_bzero(entropy, sizeof(entropy));
	return err;
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
		err = revoke_run(r, d.pk, since);
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

static void
contact_json(struct json_object *o, const struct home_contact *c)
{
	json_add_text(o, "name", c->name);
	json_add_id(o, "person", BYTES_OF(c->root_pk));
	json_add_number(o, "devices", c->devices_len);
	json_add_time(o, "verified", c->verified);
}

static lk_err
contact_list(struct request *r)
{
	struct json_object *list = json_object_new_array();
	struct home_contact c;

	json_object_object_add(r->result, "contacts", list);
	for (size_t i = 0;; i++) {
		struct json_object *o;
		lk_err err = home_contact(r->replica, i, &c);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		o = json_object_new_object();
		contact_json(o, &c);
		json_object_array_add(list, o);
	}
	json_object_array_sort(list, json_name_compare);
	return LK_NONE;
}

static lk_err
contact_find(struct request *r, struct home_contact *out)
{
	const char *who;
	lk_err err;

	TRY(param_string(r, "who", &who));
	err = home_find_contact(r->replica, who, out);
	return name_find_fail(r, err, who, "contact");
}

/* The words typed, one space between them, lower case. */
static void
words_normalise(char out[static WORDS_MAX], const char *typed)
{
	size_t len = 0;

	for (const char *p = typed; *p != '\0' && len + 1 < WORDS_MAX; p++) {
		bool space = *p == ' ' || *p == '\t' || *p == '-';

		if (space && (len == 0 || out[len - 1] == ' '))
			continue;
		out[len++] = space           ? ' '
		    : *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a')
					     : *p;
	}
	while (len > 0 && out[len - 1] == ' ')
		len--;
	out[len] = '\0';
}

static lk_err
contact_verify(struct request *r)
{
	const uint8_t *root = replica_identity(r->replica)->root_pk;
	char mine[KEY_WORDS_LEN], theirs[KEY_WORDS_LEN], typed[WORDS_MAX];
	struct home_contact c;
	const char *words;

	TRY(contact_find(r, &c));
	TRY(param_string_or(r, "words", "", &words));
	words_normalise(typed, words);
	if (typed[0] != '\0') {
		TRY(phrase_key_words(theirs, c.root_pk));
		if (strcmp(typed, theirs) != 0) {
			request_hint(r,
			    "ask again, by voice; if it stays so, somebody is "
			    "between you: do not share with this contact");
			return request_fail(r,
			    LK_ERR(LK_E_DENIED, "words differ"),
			    "%s: these are not the words of the key known "
			    "here",
			    c.name);
		}
		TRY(home_contact_verified(r->replica, c.root_pk));
		c.verified = r->now.wall;
	}
	TRY(phrase_key_words(mine, root));
	contact_json(r->result, &c);
	json_add_text(r->result, "my_words", mine);
	return LK_NONE;
}

static lk_err
contact_rename(struct request *r)
{
	struct home_contact c;
	const char *name;
	lk_err err;

	TRY(contact_find(r, &c));
	TRY(param_string(r, "name", &name));
	err = home_contact_rename(r->replica, c.root_pk, name);
	TRY(name_give_fail(r, err, name));
	(void)strlcpy(c.name, name, sizeof(c.name));
	contact_json(r->result, &c);
	return LK_NONE;
}

#define PERSON_WRITES (COMMAND_IDENTITY | COMMAND_WRITES | COMMAND_NESTED)

static const struct command table[] = {
	{ "device.list", device_list, COMMAND_IDENTITY },
	{ "device.show", device_show, COMMAND_IDENTITY },
	{ "device.rename", device_rename, PERSON_WRITES },
	{ "device.revoke", device_revoke, PERSON_WRITES },
	{ "contact.list", contact_list, COMMAND_IDENTITY },
	{ "contact.verify", contact_verify, PERSON_WRITES },
	{ "contact.rename", contact_rename, PERSON_WRITES },
	{ NULL, NULL, 0 },
};

const struct command *const commands_person = table;
