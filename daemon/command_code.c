/* Codes: pairing two devices by what one shows and the other one types. */
#include <stdlib.h>
#include <string.h>

#include "daemon/commands.h"
#include "daemon/subject.h"
#include "sync/by_code.h"
#include "sync/endpoint.h"

#define TIMEOUT_DEFAULT 60000
#define TYPED_MAX 512

/* A code that is shown, or was typed, on behalf of a client. */
struct coding {
	struct daemon *daemon;
	uint64_t handle;
	enum code_purpose purpose;
	bool shown;
	/* Typed without an address: until its window is heard of. */
	bool looking;
	uint8_t window;
	char typed[CODE_TEXT_LEN];
	struct progress progress;
};

/* A client that goes away takes its code with it. */
static void
coding_free(void *state)
{
	struct coding *c = state;
	struct engine *e = daemon_engine(c->daemon);

	if (e != NULL && c->shown)
		engine_code_hide(e, c->handle);
	else if (e != NULL && !c->looking)
		engine_code_leave(e, c->handle);
	secret_wipe(c->typed, sizeof(c->typed));
	free(c);
}

static lk_err
coding_new(struct request *r, struct coding **out)
{
	struct coding *c = calloc(1, sizeof(*c));
	const char *purpose;
	lk_err err;

	if (c == NULL)
		return LK_ERR(LK_E_NOMEM, "code");
	c->daemon = r->daemon;
	err = param_string(r, "purpose", &purpose);
	if (err.code == LK_OK && strcmp(purpose, "device") == 0)
		c->purpose = CODE_DEVICE;
	else if (err.code == LK_OK && strcmp(purpose, "contact") == 0)
		c->purpose = CODE_CONTACT;
	else if (err.code == LK_OK)
		err = request_fail(r, LK_ERR(LK_E_USAGE, "purpose"),
		    "%s: a code is for a device or a contact", purpose);
	if (err.code != LK_OK) {
		free(c);
		return err;
	}
	*out = c;
	return LK_NONE;
}

/* Who it is, and by what both sides can tell that they mean each other. */
static void
paired_json(struct json_object *o, enum code_purpose purpose,
    const uint8_t pk[static 32], const char *name, const char *words)
{
	json_add_text(o, "name", name);
	json_add_id(
	    o, purpose == CODE_DEVICE ? "device" : "person", BYTES(pk, 32));
	json_add_text(o, "words", words);
}

static const char *
command_of(enum code_purpose purpose)
{
	return purpose == CODE_DEVICE ? "lk pair" : "lk contact pair";
}

static lk_err
shown_dead(
    struct request *r, const struct coding *c, const char *why, bool expired)
{
	request_hint(r, "%s shows a new one", command_of(c->purpose));
	if (expired)
		return request_fail(r, LK_ERR(LK_E_AGAIN, "code"),
		    "code: nobody typed it in time");
	return request_fail(r, LK_ERR(LK_E_DENIED, "code"), "code: %s", why);
}

static lk_err
show_poll(struct request *r, bool *done)
{
	const struct coding *c = r->state;
	struct json_object *event;
	struct code_status s;

	TRY(engine_code_shown(r->engine, c->handle, &s));
	switch (s.state) {
	case CODE_OPEN:
	case CODE_ENTERED:
		return LK_NONE;
	case CODE_DEAD:
		return shown_dead(r, c, s.why, s.expired);
	case CODE_DONE:
		break;
	}
	event = json_object_new_object();
	json_add_text(event, "event", "paired");
	paired_json(event, c->purpose, s.pk, s.name, s.words);
	*done = true;
	return request_notify(r, event);
}

static lk_err
show_event(struct request *r, const struct coding *c, const char *text,
    struct mono until)
{
	struct json_object *event = json_object_new_object();
	struct json_object *list = json_object_new_array();
	struct daemon_info info;

	daemon_info(r->daemon, &info);
	json_add_text(event, "event", "code");
	json_add_text(
	    event, "purpose", c->purpose == CODE_DEVICE ? "device" : "contact");
	json_add_text(event, "code", text);
	json_add_number(
	    event, "expires_ms", (uint64_t)(until.ms - r->now.mono.ms));
	json_object_object_add(event, "addresses", list);
	for (size_t i = 0; i < info.addresses_len; i++)
		json_object_array_add(
		    list, json_object_new_string(info.addresses[i]));
	return request_notify(r, event);
}

static lk_err
show_start(struct request *r, struct coding *c)
{
	char text[CODE_TEXT_LEN];
	struct mono until;
	lk_err err;

	err = engine_code_show(
	    r->engine, c->purpose, r->now, text, &until, &c->handle);
	if (err.code == LK_E_LIMIT) {
		request_hint(r, "end one of the commands that show them");
		return request_fail(
		    r, err, "%d codes are shown already", CODES_MAX);
	}
	TRY(err);
	c->shown = true;
	err = show_event(r, c, text, until);
	explicit_bzero(text, sizeof(text));
	if (err.code != LK_OK)
		engine_code_hide(r->engine, c->handle);
	return err;
}

static lk_err
code_show(struct request *r)
{
	struct coding *c;
	lk_err err;

	TRY(coding_new(r, &c));
	err = show_start(r, c);
	if (err.code != LK_OK) {
		free(c);
		return err;
	}
	request_defer(r, show_poll, (struct mono){ 0 }, c, coding_free);
	return LK_NONE;
}

static lk_err
typed_refused(
    struct request *r, const struct coding *c, const struct redeem_status *s)
{
	request_hint(r, "%s there shows a new code", command_of(c->purpose));
	return request_fail(r,
	    s->broken ? LK_ERR(LK_E_AGAIN, "code")
		      : LK_ERR(LK_E_DENIED, "code"),
	    "code: %s", s->why);
}

static lk_err
typed_late(struct request *r, const struct redeem_status *s)
{
	if (s->words[0] != '\0')
		request_hint(
		    r, "this device is paired; lk ls shows what has arrived");
	else
		request_hint(r, "is the address right? the code is still good");
	return request_fail(r, LK_ERR(LK_E_AGAIN, "code"), "code: %s",
	    s->words[0] != '\0' ? "not all documents have arrived"
				: "nobody answers at that address");
}

/* The one run that a code pays for, with the device at this address. */
static lk_err
type_begin(
    struct request *r, struct coding *c, const char *typed, const char *address)
{
	struct code_typed how = { .text = BYTES_STR(typed),
		.address = address,
		.purpose = c->purpose };
	lk_err err = engine_code_type(r->engine, &how, r->now, &c->handle);

	if (err.code == LK_E_DENIED) {
		request_hint(
		    r, "pair from a device without documents: another LK_HOME");
		return request_fail(
		    r, err, "pair: this device has documents of its own");
	}
	if (err.code == LK_E_USAGE) {
		request_hint(r, "type it on the other device");
		return request_fail(r, err, "code: %s", err.what);
	}
	return err;
}

/* Where a window of this number is open.  A device is heard from several
 * addresses, all with its one port. */
static lk_err
window_look(const struct request *r, uint8_t number,
    char out[static ADDRESS_TEXT_MAX], bool *found, bool *several)
{
	char heard[ADDRESS_TEXT_MAX];

	*found = *several = false;
	for (size_t i = 0;; i++) {
		lk_err err =
		    engine_window_heard(r->engine, number, i, r->now, heard);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		if (*found &&
		    strcmp(strrchr(heard, ':'), strrchr(out, ':')) != 0)
			*several = true;
		/* IPv4 first: it needs no interface to be named. */
		if (!*found || (*out == '[' && *heard != '['))
			(void)strlcpy(out, heard, ADDRESS_TEXT_MAX);
		*found = true;
	}
}

static lk_err
type_look(struct request *r, struct coding *c)
{
	char address[ADDRESS_TEXT_MAX];
	bool found, several;
	lk_err err;

	TRY(window_look(r, c->window, address, &found, &several));
	request_hint(r, "CODE@HOST:PORT says where; the other device shows it");
	if (several)
		return request_fail(r, LK_ERR(LK_E_USAGE, "code"),
		    "code: two devices here show one with this number");
	if (!found && r->expired)
		return request_fail(r, LK_ERR(LK_E_AGAIN, "code"),
		    "code: no device on this network shows it");
	if (!found)
		return LK_NONE;
	c->looking = false;
	err = type_begin(r, c, c->typed, address);
	secret_wipe(c->typed, sizeof(c->typed));
	return err;
}

static lk_err
type_poll(struct request *r, bool *done)
{
	struct coding *c = r->state;
	struct redeem_status s;

	if (c->looking)
		TRY(type_look(r, c));
	if (c->looking)
		return LK_NONE;
	TRY(engine_redeemed(r->engine, c->handle, &s));
	switch (s.state) {
	case REDEEM_TRYING:
		return r->expired
		    ? typed_late(r, &s)
		    : progress_arrived(r, &c->progress, s.documents);
	case REDEEM_REFUSED:
		return typed_refused(r, c, &s);
	case REDEEM_DONE:
		break;
	}
	*done = true;
	if (c->purpose == CODE_CONTACT) {
		paired_json(r->result, c->purpose, s.root_pk, s.name, s.words);
		return LK_NONE;
	}
	json_add_number(r->result, "documents", s.documents);
	json_add_text(r->result, "words", s.words);
	return LK_NONE;
}

static lk_err
code_fail(struct request *r, enum code_purpose purpose, lk_err err)
{
	if (err.code == LK_E_USAGE) {
		request_hint(r, "%s takes it",
		    command_of(
			purpose == CODE_DEVICE ? CODE_CONTACT : CODE_DEVICE));
		return request_fail(r, err, "code: it is for a %s",
		    purpose == CODE_DEVICE ? "contact" : "device");
	}
	request_hint(r,
	    "a number and three words, as the other device shows "
	    "them; it is still good");
	return request_fail(
	    r, err, "%s", err.code == LK_E_DATA ? "code: mistyped" : err.what);
}

/* Code and address, which is behind an @. */
static lk_err
typed_split(
    struct request *r, char typed[static TYPED_MAX], const char **address)
{
	const char *given;
	char *at;

	TRY(param_string(r, "code", &given));
	if (strlcpy(typed, given, TYPED_MAX) >= TYPED_MAX)
		return request_fail(
		    r, LK_ERR(LK_E_LIMIT, "code"), "code: too long");
	at = strchr(typed, '@');
	*address = NULL;
	if (at == NULL)
		return LK_NONE;
	*at = '\0';
	*address = at + 1;
	return LK_NONE;
}

static lk_err
type_start(struct request *r, struct coding *c)
{
	char typed[TYPED_MAX];
	const char *where;
	struct address address;
	struct code code;
	lk_err err;

	TRY(typed_split(r, typed, &where));
	err = code_decode(&code, BYTES_STR(typed), c->purpose);
	c->window = code.window;
	secret_wipe(&code, sizeof(code));
	if (err.code != LK_OK)
		err = code_fail(r, c->purpose, err);
	else if (where == NULL) {
		c->looking = strlcpy(c->typed, typed, sizeof(c->typed)) <
		    sizeof(c->typed);
		if (!c->looking)
			err = LK_ERR(LK_E_LIMIT, "code");
	} else if (endpoint_parse(&address, where).code != LK_OK) {
		request_hint(r, "CODE@HOST:PORT; the other device shows it");
		err = request_fail(r, LK_ERR(LK_E_USAGE, "code"),
		    "code: where is the other device?");
	} else
		err = type_begin(r, c, typed, where);
	explicit_bzero(typed, sizeof(typed));
	return err;
}

static lk_err
code_type(struct request *r)
{
	int64_t timeout_ms = TIMEOUT_DEFAULT;
	struct coding *c;
	lk_err err;

	TRY(param_int_or(r, "timeout_ms", 0, SPAN_MS_MAX, &timeout_ms));
	TRY(coding_new(r, &c));
	err = progress_wanted(r, &c->progress);
	if (err.code == LK_OK)
		err = type_start(r, c);
	if (err.code != LK_OK) {
		free(c);
		return err;
	}
	request_defer(r, type_poll,
	    (struct mono){ r->now.mono.ms + timeout_ms }, c, coding_free);
	return LK_NONE;
}

#define CODES (COMMAND_IDENTITY | COMMAND_WRITES)

static const struct command table[] = {
	{ "code.show", code_show, CODES },
	{ "code.type", code_type, CODES },
	{ NULL, NULL, 0 },
};

const struct command *const commands_code = table;
