/* The operator's side of a relay. */
#include <stdio.h>
#include <string.h>

#include "daemon/commands.h"
#include "daemon/daemon.h"
#include "daemon/hosting.h"
#include "daemon/subject.h"

#define ACCOUNTS_LISTED_MAX 1024
#define BYTES_DEFAULT (INT64_C(1) << 30)
#define BYTES_MOST (INT64_C(1) << 44)
#define ENVELOPES_DEFAULT 2000000
#define PUTS_DEFAULT 60000
#define EXPIRES_DEFAULT (7 * INT64_C(86400000))
#define TOKEN_TEXT_LEN (2 * RELAY_INVITE_LEN + 1)

static lk_err
relay_wanted(struct request *r)
{
	if (r->daemon->relay != NULL)
		return LK_NONE;
	request_hint(r, "lk relay init, with an LK_HOME of its own");
	return request_fail(
	    r, LK_ERR(LK_E_CONFIG, "relay"), "this is no relay's home");
}

/* relay://KEY@ each address, with an invitation where there is one. */
static void
addresses_add(struct request *r, const char *token)
{
	struct json_object *list = json_object_new_array();
	const struct own_addresses *own = &r->daemon->addresses;
	char key[2 * DH_LEN + 1], text[512];

	hex_encode(key, BYTES_OF(r->daemon->relay_pk));
	for (size_t i = 0; i < own->len; i++) {
		snprintf(text, sizeof(text), "relay://%s@%s%s%s", key,
		    own->list[i], token == NULL ? "" : "?invite=",
		    token == NULL ? "" : token);
		json_object_array_add(list, json_object_new_string(text));
	}
	json_object_object_add(r->result, "addresses", list);
}

static lk_err
relay_init_(struct request *r)
{
	struct daemon *d = r->daemon;

	if (d->relay != NULL)
		return request_fail(
		    r, LK_ERR(LK_E_EXISTS, "relay"), "this is a relay already");
	if (d->has_identity) {
		request_hint(r, "a relay has an LK_HOME of its own");
		return request_fail(r, LK_ERR(LK_E_EXISTS, "identity"),
		    "there are documents here");
	}
	TRY(hosting_make(d));
	log_info("relay: made");
	addresses_add(r, NULL);
	return LK_NONE;
}

static lk_err
relay_status(struct request *r)
{
	struct relay_account a = { .bytes = 0 };
	struct store_usage usage;
	uint64_t accounts = 0, bytes = 0, envelopes = 0;

	TRY(relay_wanted(r));
	while (accounts < ACCOUNTS_LISTED_MAX) {
		lk_err err = relay_account(r->daemon->relay, &a);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		accounts++;
		bytes += a.bytes;
		envelopes += a.envelopes;
		if (!bytes_next(a.account.id, sizeof(a.account.id)))
			break;
	}
	TRY(store_usage(r->daemon->store, &usage));
	addresses_add(r, NULL);
	json_add_number(r->result, "accounts", accounts);
	json_add_number(r->result, "bytes", bytes);
	json_add_number(r->result, "envelopes", envelopes);
	json_add_number(
	    r->result, "sessions", relay_sessions(r->daemon->relay));
	json_add_number(r->result, "disk_free", usage.disk_free);
	return LK_NONE;
}

/* What is not said stays as it is. */
static lk_err
limits_param(struct request *r, struct account_limits *l)
{
	int64_t bytes = (int64_t)l->bytes, envelopes = (int64_t)l->envelopes;
	int64_t puts = l->puts;

	TRY(param_int_or(r, "bytes", 1, BYTES_MOST, &bytes));
	TRY(param_int_or(r, "envelopes", 1, INT64_MAX / 2, &envelopes));
	TRY(param_int_or(r, "puts", 1, INT32_MAX, &puts));
	*l = (struct account_limits){ .bytes = (uint64_t)bytes,
		.envelopes = (uint64_t)envelopes,
		.puts = (uint32_t)puts };
	return LK_NONE;
}

static lk_err
relay_invite_(struct request *r)
{
	struct invitation i = { .limits = { BYTES_DEFAULT, ENVELOPES_DEFAULT,
				    PUTS_DEFAULT } };
	int64_t expires = EXPIRES_DEFAULT;
	char token[TOKEN_TEXT_LEN];
	lk_err err;

	TRY(relay_wanted(r));
	TRY(limits_param(r, &i.limits));
	TRY(param_int_or(r, "expires", 1, SPAN_MS_MAX, &expires));
	i.expires.ms = r->now.wall.ms + expires;
	err = relay_invite(r->daemon->relay, &i);
	if (err.code == LK_E_LIMIT)
		return request_fail(
		    r, err, "%d invitations are open", RELAY_INVITATIONS_MAX);
	TRY(err);
	hex_encode(token, BYTES_OF(i.token));
	addresses_add(r, token);
	json_add_time(r->result, "expires", i.expires);
	json_add_number(r->result, "bytes", i.limits.bytes);
	return LK_NONE;
}

static struct json_object *
account_json(const struct relay_account *a)
{
	struct json_object *o = json_object_new_object();

	json_add_id(o, "account", BYTES_OF(a->account.id));
	json_add_time(o, "created", a->account.created);
	json_add_number(o, "bytes", a->bytes);
	json_add_number(o, "bytes_max", a->account.limits.bytes);
	json_add_number(o, "envelopes", a->envelopes);
	json_add_number(o, "envelopes_max", a->account.limits.envelopes);
	json_add_number(o, "puts_max", a->account.limits.puts);
	json_add_number(o, "topics", a->account.topics);
	json_add_number(o, "mailboxes", a->account.slots);
	json_add_number(o, "sessions", a->sessions);
	json_object_object_add(
	    o, "damaged", json_object_new_boolean(a->damaged));
	return o;
}

static lk_err
relay_accounts(struct request *r)
{
	struct json_object *list = json_object_new_array();
	struct relay_account a = { .bytes = 0 };

	json_object_object_add(r->result, "accounts", list);
	TRY(relay_wanted(r));
	for (size_t n = 0; n < ACCOUNTS_LISTED_MAX; n++) {
		lk_err err = relay_account(r->daemon->relay, &a);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		json_object_array_add(list, account_json(&a));
		if (!bytes_next(a.account.id, sizeof(a.account.id)))
			break;
	}
	return LK_NONE;
}

/* The first account at or above *a, if its key begins with these digits. */
static lk_err
account_next_of(
    struct request *r, struct relay_account *a, const char *digits, bool *is)
{
	char hex[2 * SIGN_PK_LEN + 1];
	lk_err err = relay_account(r->daemon->relay, a);

	*is = false;
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	hex_encode(hex, BYTES_OF(a->account.id));
	*is = strncasecmp(hex, digits, strlen(digits)) == 0;
	return LK_NONE;
}

/* One by its key, or 4 or more digits that it alone begins with. */
static lk_err
account_param(struct request *r, struct relay_account *out)
{
	struct relay_account a = { .bytes = 0 };
	char first[2 * SIGN_PK_LEN + 1] = "";
	const char *text;
	size_t len;
	bool found = false, several = false;

	TRY(relay_wanted(r));
	TRY(param_string(r, "account", &text));
	len = strlen(text);
	memset(first, '0', sizeof(first) - 1);
	if (len >= 4 && len < sizeof(first))
		memcpy(first, text, len);
	if (len >= 4 && hex_decode(a.account.id, SIGN_PK_LEN, first))
		TRY(account_next_of(r, &a, text, &found));
	*out = a;
	if (found && bytes_next(a.account.id, sizeof(a.account.id)))
		TRY(account_next_of(r, &a, text, &several));
	if (found && !several)
		return LK_NONE;
	request_hint(r, "lk relay ls lists them");
	return several ? request_fail(r, LK_ERR(LK_E_USAGE, "account"),
			     "%s: several accounts begin so", text)
		       : request_fail(r, LK_ERR(LK_E_NOTFOUND, "account"),
			     "%s: no such account", text);
}

static lk_err
relay_limit(struct request *r)
{
	struct relay_account a;

	TRY(account_param(r, &a));
	TRY(limits_param(r, &a.account.limits));
	TRY(relay_account_limit(
	    r->daemon->relay, a.account.id, &a.account.limits));
	json_object_put(r->result);
	r->result = account_json(&a);
	return LK_NONE;
}

static lk_err
relay_rm(struct request *r)
{
	struct relay_account a;

	TRY(account_param(r, &a));
	TRY(relay_account_remove(r->daemon->relay, a.account.id));
	json_object_put(r->result);
	r->result = account_json(&a);
	return LK_NONE;
}

static const struct command table[] = {
	{ "relay.init", relay_init_, COMMAND_WRITES | COMMAND_ALONE },
	{ "relay.status", relay_status, 0 },
	{ "relay.invite", relay_invite_, COMMAND_WRITES },
	{ "relay.accounts", relay_accounts, 0 },
	{ "relay.limit", relay_limit, COMMAND_WRITES },
	{ "relay.rm", relay_rm, COMMAND_WRITES },
	{ NULL, NULL, 0 },
};
const struct command *const commands_relay = table;
