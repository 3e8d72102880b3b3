/* Tickets: pair, invite, accept. */
#include <stdlib.h>
#include <string.h>

#include "daemon/commands.h"
#include "daemon/subject.h"

#define TICKET_LINE_MAX (TICKET_TEXT_MAX + 1)
#define TIMEOUT_DEFAULT 60000
#define PAIR_EXPIRES_MS (INT64_C(10) * 60 * 1000)
#define INVITE_EXPIRES_MS (INT64_C(7) * 86400000)

static lk_err
ticket_make(struct request *r, struct ticket_request *want)
{
	char ticket[TICKET_LINE_MAX];
	lk_err err;
	int64_t uses = want->uses;

	TRY(param_int_or(r, "uses", 1, TICKET_USES_MAX, &uses));
	TRY(param_int_or(r, "expires_ms", 1, SPAN_MS_MAX, &want->expires_ms));
	want->uses = (uint32_t)uses;
	err = engine_ticket(r->engine, want, r->now, ticket, sizeof(ticket));
	if (err.code == LK_E_LIMIT) {
		request_hint(r, "wait until one is used or has expired");
		return request_fail(
		    r, err, "32 tickets are outstanding already");
	}
	TRY(err);
	json_add_text(r->result, "ticket", ticket);
	json_add_number(r->result, "uses", want->uses);
	json_add_time(r->result, "expires",
	    (struct wall){ r->now.wall.ms + want->expires_ms });
	return LK_NONE;
}

static lk_err
pair_ticket(struct request *r)
{
	struct ticket_request want = { .purpose = TICKET_DEVICE,
		.uses = 1,
		.expires_ms = PAIR_EXPIRES_MS };

	return ticket_make(r, &want);
}

static lk_err
invite(struct request *r)
{
	struct ticket_request want = { .purpose = TICKET_INVITE,
		.uses = 1,
		.expires_ms = INVITE_EXPIRES_MS };
	struct subject s;
	const char *role;

	TRY(subject_find(r, &s));
	TRY(param_string_or(r, "role", "write", &role));
	TRY(role_read(r, role, &want.role));
	if (want.role == ROLE_RELAY) {
		request_hint(r, "lk share makes a relay of a contact");
		return request_fail(r, LK_ERR(LK_E_USAGE, "invite"),
		    "relay: a ticket is for somebody who reads");
	}
	if (s.summary.role < ROLE_ADMIN)
		return subject_denied(r, &s, "invite");
	want.docno = s.docno;
	json_add_subject(r->result, &s);
	json_add_text(r->result, "role", role);
	return ticket_make(r, &want);
}

/* A ticket that is being redeemed. */
struct redeeming {
	uint64_t handle;
	enum ticket_purpose purpose;
	struct progress progress;
};

static lk_err
redeem_refused(struct request *r, const struct redeem_status *status)
{
	request_hint(r, "ask for a new ticket");
	return request_fail(r, LK_ERR(LK_E_DENIED, "redeem"), "ticket: %s",
	    status->why == NULL ? "refused" : status->why);
}

static lk_err
redeem_late(struct request *r)
{
	request_hint(
	    r, "it goes on in the background; lk ls shows what has arrived");
	return request_fail(r, LK_ERR(LK_E_AGAIN, "redeem"),
	    "ticket: the other device does not answer");
}

static lk_err
redeem_done(struct request *r, const struct redeeming *state,
    const struct redeem_status *status)
{
	struct subject s;

	if (state->purpose == TICKET_DEVICE) {
		json_add_number(r->result, "documents", status->documents);
		return LK_NONE;
	}
	TRY(subject_load(r, status->docno, &s));
	json_add_subject(r->result, &s);
	json_add_text(r->result, "type", s.name.type);
	json_add_text(r->result, "role", role_name(s.summary.role));
	return LK_NONE;
}

static lk_err
redeem_poll(struct request *r, bool *done)
{
	struct redeeming *state = r->state;
	struct redeem_status status;

	TRY(engine_redeemed(r->engine, state->handle, &status));
	switch (status.state) {
	case REDEEM_TRYING:
		return r->expired
		    ? redeem_late(r)
		    : progress_arrived(r, &state->progress, status.documents);
	case REDEEM_REFUSED:
		return redeem_refused(r, &status);
	case REDEEM_DONE:
		break;
	}
	*done = true;
	return redeem_done(r, state, &status);
}

static lk_err
redeem_fail(struct request *r, enum ticket_purpose purpose, lk_err err)
{
	if (err.code == LK_E_MALFORMED || err.code == LK_E_TRUNCATED) {
		request_hint(r, "copy the whole line, from lk1- to its end");
		return request_fail(
		    r, err, "ticket: mistyped or not a ticket of lk");
	}
	if (err.code == LK_E_USAGE) {
		request_hint(r,
		    purpose == TICKET_DEVICE ? "lk accept takes it"
					     : "lk pair takes it");
		return request_fail(r, err, "ticket: it is for %s",
		    purpose == TICKET_DEVICE ? "a document" : "a device");
	}
	if (err.code == LK_E_DENIED) {
		request_hint(
		    r, "pair from a device without documents: another LK_HOME");
		return request_fail(
		    r, err, "pair: this device has documents of its own");
	}
	if (err.code == LK_E_LIMIT) {
		request_hint(r,
		    "lk status shows them, lk accept --cancel "
		    "gives one up");
		return request_fail(r, err,
		    "ticket: %d wait for an answer already", REDEEMS_MAX);
	}
	return err;
}

static lk_err
redeem(struct request *r, enum ticket_purpose purpose)
{
	int64_t timeout_ms = TIMEOUT_DEFAULT;
	struct redeeming *state;
	const char *ticket;
	lk_err err;

	TRY(param_string(r, "ticket", &ticket));
	TRY(param_int_or(r, "timeout_ms", 0, SPAN_MS_MAX, &timeout_ms));
	state = calloc(1, sizeof(*state));
	if (state == NULL)
		return LK_ERR(LK_E_NOMEM, "redeem");
	state->purpose = purpose;
	err = progress_wanted(r, &state->progress);
	if (err.code == LK_OK)
		err = engine_redeem(
		    r->engine, ticket, purpose, r->now, &state->handle);
	if (err.code != LK_OK) {
		free(state);
		return redeem_fail(r, purpose, err);
	}
	request_defer(r, redeem_poll,
	    (struct mono){ r->now.mono.ms + timeout_ms }, state, free);
	return LK_NONE;
}

static lk_err
pair_join(struct request *r)
{
	return redeem(r, TICKET_DEVICE);
}

/* Who is let in is the person, with the devices that are known there: one that
 * is none of them would bring the others a document they cannot name. */
static lk_err
accept_(struct request *r)
{
	struct doc_summary home;
	uint32_t docno;

	TRY(replica_home(r->replica, &docno));
	TRY(replica_doc(r->replica, docno, &home));
	if (home.revoked)
		return request_fail(r, LK_ERR(LK_E_REVOKED, "accept"),
		    "this device was revoked, and is none of its person's any "
		    "more");
	return redeem(r, TICKET_INVITE);
}

/* By the id that status shows, or the ticket itself. */
static lk_err
accept_cancel(struct request *r)
{
	uint8_t id[TICKET_ID_LEN];
	char hex[2 * TICKET_ID_LEN + 1];
	const char *which;
	lk_err err;

	TRY(param_string(r, "ticket", &which));
	if (!hex_decode(id, sizeof(id), which)) {
		err = engine_ticket_id(which, id);
		if (err.code != LK_OK)
			return redeem_fail(r, TICKET_INVITE, err);
	}
	err = engine_ticket_drop(r->engine, id, r->now);
	if (err.code == LK_E_NOTFOUND)
		return request_fail(
		    r, err, "ticket: it does not wait for an answer here");
	TRY(err);
	hex_encode(hex, BYTES_OF(id));
	json_add_text(r->result, "ticket", hex);
	return LK_NONE;
}

#define TICKETS (COMMAND_IDENTITY | COMMAND_WRITES)

static const struct command table[] = {
	{ "pair.ticket", pair_ticket, TICKETS },
	{ "pair.join", pair_join, TICKETS },
	{ "invite", invite, TICKETS },
	{ "accept", accept_, TICKETS },
	{ "accept.cancel", accept_cancel, TICKETS },
	{ NULL, NULL, 0 },
};

const struct command *const commands_pairing = table;
