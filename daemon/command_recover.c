/* The recovery phrase put to use: a new device, and the end of a lost one. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "crypto/phrase.h"
#include "daemon/commands.h"
#include "daemon/subject.h"

#define TIMEOUT_DEFAULT 60000
#define SESSION_KEY_HEX 64

lk_err
param_phrase(struct request *r, uint8_t entropy[static PHRASE_ENTROPY_LEN])
{
	const char *text;
	lk_err err;

	TRY(param_string(r, "phrase", &text));
	err = phrase_decode(entropy, BYTES_STR(text));
	param_wipe(r, "phrase");
	if (err.code == LK_OK)
		return err;
	request_hint(r, "the twelve words that lk init printed");
	return request_fail(
	    r, LK_ERR(LK_E_USAGE, "phrase"), "phrase: %s", err.what);
}

struct recovering {
	uint64_t handle;
	char address[256];
};

static lk_err
recover_refused(struct request *r, const struct recovering *state)
{
	engine_recover_cancel(daemon_engine(r->daemon));
	request_hint(
	    r, "is it the phrase of who owns that device? Nothing was changed");
	return request_fail(r, LK_ERR(LK_E_DENIED, "recover"),
	    "%s: it is no device of the person of this phrase, or may not add "
	    "one",
	    state->address);
}

static lk_err
recover_late(struct request *r, const struct recovering *state)
{
	engine_recover_cancel(daemon_engine(r->daemon));
	if (daemon_identity(r->daemon) != NULL) {
		request_hint(r,
		    "the rest goes on in the background; lk ls shows what has "
		    "arrived");
		return request_fail(r, LK_ERR(LK_E_AGAIN, "recover"),
		    "this is a device of yours now, but not all documents "
		    "are here");
	}
	request_hint(r,
	    "is lkd running there, and is KEY what lk key show calls "
	    "sessions?");
	return request_fail(
	    r, LK_ERR(LK_E_AGAIN, "recover"), "%s: no answer", state->address);
}

static lk_err
recover_poll(struct request *r, bool *done)
{
	const struct recovering *state = r->state;
	struct redeem_status status;

	/* There was neither when the request came. */
	r->replica = daemon_replica(r->daemon);
	r->engine = daemon_engine(r->daemon);
	TRY(engine_redeemed(r->engine, state->handle, &status));
	if (status.state == REDEEM_REFUSED)
		return recover_refused(r, state);
	if (status.state == REDEEM_TRYING)
		return r->expired ? recover_late(r, state) : LK_NONE;
	*done = true;
	json_add_identity(r->result, daemon_identity(r->daemon));
	json_add_number(r->result, "documents", status.documents);
	return json_add_others(r);
}

/* "KEY@host:port" */
static lk_err
param_peer(struct request *r, uint8_t noise_pk[static 32], const char **address)
{
	char hex[SESSION_KEY_HEX + 1];
	const char *text, *at;

	TRY(param_string(r, "peer", &text));
	at = strchr(text, '@');
	if (at != NULL && at - text == SESSION_KEY_HEX) {
		memcpy(hex, text, SESSION_KEY_HEX);
		hex[SESSION_KEY_HEX] = '\0';
		*address = at + 1;
		if (hex_decode(noise_pk, 32, hex))
			return LK_NONE;
	}
	request_hint(
	    r, "KEY@HOST:PORT, the key that lk key show calls sessions there");
	return request_fail(
	    r, LK_ERR(LK_E_USAGE, "peer"), "%s: no key and address", text);
}

static lk_err
recover_begin(
    struct request *r, struct recovering *state, const struct recovery *from)
{
	const char *name;
	lk_err err;

	TRY(param_string(r, "name", &name));
	TRY(request_init_empty(r, name));
	err = engine_recover(
	    daemon_engine(r->daemon), from, r->now, &state->handle);
	if (err.code == LK_E_USAGE || err.code == LK_E_MALFORMED) {
		request_hint(r, "KEY@HOST:PORT");
		return request_fail(r, LK_ERR(LK_E_USAGE, "peer"),
		    "%s: no address", from->address);
	}
	return err;
}

static lk_err
init_recover(struct request *r)
{
	uint8_t entropy[PHRASE_ENTROPY_LEN], noise_pk[32];
	struct recovery from = { .entropy = entropy, .noise_pk = noise_pk };
	int64_t timeout_ms = TIMEOUT_DEFAULT;
	struct recovering *state;
	lk_err err;

	TRY(param_int_or(r, "timeout_ms", 0, SPAN_MS_MAX, &timeout_ms));
	TRY(param_peer(r, noise_pk, &from.address));
	TRY(param_phrase(r, entropy));
	state = calloc(1, sizeof(*state));
	if (state == NULL)
		return LK_ERR(LK_E_NOMEM, "recover");
	(void)strlcpy(state->address, from.address, sizeof(state->address));
	err = recover_begin(r, state, &from);
	explicit_bzero(entropy, sizeof(entropy));
	if (err.code != LK_OK) {
		free(state);
		return err;
	}
	request_defer(r, recover_poll,
	    (struct mono){ r->now.mono.ms + timeout_ms }, state, free);
	return LK_NONE;
}

static const struct command table[] = {
	{ "init.recover", init_recover, COMMAND_WRITES | COMMAND_ALONE },
	{ NULL, NULL, 0 },
};

const struct command *const commands_recover = table;
