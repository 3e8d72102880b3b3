#include <stdlib.h>
#include <string.h>

#include "relay/relay_state.h"

static void
registered_send(struct relay *r, struct client *v,
    enum relay_register_what what, enum relay_result result)
{
	struct relay_registered m = { what, result };
	BUF_SCOPED b = { .max = 64 };

	relay_registered_encode(&b, &m);
	client_send(r, v, MSG_RELAY_REGISTER, buf_bytes(&b));
}

/* What a refusal is called; anything else is not the client's fault. */
static bool
refusal_of(lk_err err, enum relay_result *result)
{
	switch ((int)err.code) {
	case LK_E_DENIED:
	case LK_E_NOTFOUND:
		*result = RELAY_DENIED;
		return true;
	case LK_E_EXISTS:
		*result = RELAY_EXISTS;
		return true;
	case LK_E_LIMIT:
		*result = RELAY_LIMIT;
		return true;
	default:
		return false;
	}
}

/* A guess more; too many end the session. */
static lk_err
refused(struct client *v)
{
	return ++v->refusals <= RELAY_REFUSALS_MAX
	    ? LK_NONE
	    : LK_ERR(LK_E_LIMIT, "too many refusals");
}

static lk_err
client_login(struct relay *r, struct client *v, const uint8_t *account)
{
	TRY(client_known(r, v, account));
	v->logged_in = true;
	memcpy(v->account, account, SIGN_PK_LEN);
	return LK_NONE;
}

static lk_err
login(struct relay *r, struct client *v, const struct relay_register *m)
{
	struct account a;

	TRY(account_get(relay_records(r), m->account, &a));
	if (!relay_register_verify(m, a.key, session_hash(v->session)))
		return LK_ERR(LK_E_DENIED, "account");
	return client_login(r, v, a.id);
}

static lk_err
create(struct relay *r, struct client *v, const struct relay_register *m)
{
	struct account a = { .topics = 0 };

	if (!sign_pk_valid(m->account) || !sign_pk_valid(m->successor) ||
	    !relay_register_verify(m, m->account, session_hash(v->session)))
		return LK_ERR(LK_E_DENIED, "account");
	memcpy(a.id, m->account, SIGN_PK_LEN);
	memcpy(a.successor, m->successor, SIGN_PK_LEN);
	TRY(account_create(relay_records(r), m->invite, r->now.wall, &a));
	return client_login(r, v, a.id);
}

/* Who spoke for the account by the key before does not any more. */
static void
sessions_end(struct relay *r, const struct client *but, const uint8_t *account)
{
	struct client *v;

	TAILQ_FOREACH (v, &r->clients, next)
		if (v != but && v->logged_in &&
		    memcmp(v->account, account, SIGN_PK_LEN) == 0)
			client_close(r, v, CLOSE_DONE);
}

static lk_err
succeed(struct relay *r, struct client *v, const struct relay_register *m)
{
	struct account a;

	TRY(account_get(relay_records(r), m->account, &a));
	if (!sign_pk_valid(m->key) || !sign_pk_valid(m->successor) ||
	    !relay_register_verify(m, a.successor, session_hash(v->session)))
		return LK_ERR(LK_E_DENIED, "account");
	memcpy(a.key, m->key, SIGN_PK_LEN);
	memcpy(a.successor, m->successor, SIGN_PK_LEN);
	TRY(account_put(relay_records(r), &a));
	sessions_end(r, v, a.id);
	return client_login(r, v, a.id);
}

static lk_err
credentials(struct relay *r, const struct relay_register *m, struct account *a)
{
	struct topic_record t;

	TRY(topic_register(relay_records(r), a, m));
	TRY(topic_get(relay_records(r), a->id, m->topic, &t));
	subscription_judge(r, a->id, m->topic, &t);
	return LK_NONE;
}

/* With their letters. */
static lk_err
slots_drop(struct relay *r, struct client *v, const struct relay_register *m,
    struct account *a)
{
	struct vault *vault;

	TRY(client_vault(r, v, a, &vault));
	for (size_t i = 0; i < m->len; i++) {
		const uint8_t *slot = m->list + i * RELAY_SLOT_LEN;
		struct mailbox_letter l = { .number = 0 };
		lk_err err;

		TRY(slot_drop(relay_records(r), a, slot));
		while ((err = letter_next(vault, slot, &l)).code == LK_OK)
			TRY(letter_remove(vault, slot, l.number));
		if (err.code != LK_E_NOTFOUND)
			return err;
	}
	return LK_NONE;
}

static lk_err
of_account(struct relay *r, struct client *v, const struct relay_register *m)
{
	struct account a;

	TRY(client_work(r, v, m->len));
	TRY(account_get(relay_records(r), v->account, &a));
	if (m->what == RELAY_CREDENTIALS)
		return credentials(r, m, &a);
	return m->what == RELAY_SLOTS_DROP ? slots_drop(r, v, m, &a)
					   : slots_add(relay_records(r), &a, m);
}

static lk_err
register_do(struct relay *r, struct client *v, const struct relay_register *m)
{
	switch (m->what) {
	case RELAY_LOGIN:
		return login(r, v, m);
	case RELAY_CREATE:
		return create(r, v, m);
	case RELAY_SUCCEED:
		return succeed(r, v, m);
	case RELAY_CREDENTIALS:
	case RELAY_SLOTS:
	case RELAY_SLOTS_DROP:
	case RELAY_SLOTS_OPEN:
		break;
	}
	return of_account(r, v, m);
}

lk_err
register_taken(struct relay *r, struct client *v, struct bytes body)
{
	enum relay_result result = RELAY_DONE;
	struct relay_register m;
	lk_err err;

	TRY(relay_register_decode(&m, body));
	if (m.sig == NULL && !v->logged_in)
		return LK_ERR(LK_E_MALFORMED, "message out of place");
	err = register_do(r, v, &m);
	if (err.code != LK_OK) {
		if (!refusal_of(err, &result))
			return err;
		TRY(refused(v));
	}
	registered_send(r, v, m.what, result);
	return LK_NONE;
}

lk_err
purge_taken(struct relay *r, struct client *v, struct bytes body)
{
	const uint8_t *topic;
	struct account a;
	struct topic_record t;
	struct vault *vault;
	BUF_SCOPED b = { .max = 64 };
	lk_err err;

	TRY(relay_purge_decode(&topic, body));
	TRY(account_get(relay_records(r), v->account, &a));
	err = topic_get(relay_records(r), a.id, topic, &t);
	if (err.code == LK_OK) {
		TRY(client_vault(r, v, &a, &vault));
		TRY(vault_drop(vault, t.docno));
		TRY(topic_remove(relay_records(r), &a, topic));
		subscription_end(r, a.id, topic);
		r->wake = r->now.mono;
	} else if (err.code != LK_E_NOTFOUND) {
		return err;
	}
	relay_purge_encode(&b, topic);
	client_send(r, v, MSG_RELAY_PURGE, buf_bytes(&b));
	return LK_NONE;
}

void
quota_send(struct relay *r, struct client *v, struct relay_quota *q,
    const struct account *a, const struct vault *vault)
{
	BUF_SCOPED b = { .max = 64 };

	q->bytes = vault->usage.bytes;
	q->bytes_max = a->limits.bytes;
	q->envelopes = vault->usage.envelopes;
	q->envelopes_max = a->limits.envelopes;
	q->puts_max = a->limits.puts;
	relay_quota_encode(&b, q);
	client_send(r, v, MSG_RELAY_QUOTA, buf_bytes(&b));
}

lk_err
quota_taken(struct relay *r, struct client *v, struct bytes body)
{
	struct relay_quota q = { .number = UINT32_MAX,
		.why = RELAY_QUOTA_ASKED };
	struct vault *vault;
	struct account a;

	if (body.len != 0)
		return LK_ERR(LK_E_MALFORMED, "QUOTA");
	TRY(account_get(relay_records(r), v->account, &a));
	TRY(client_vault(r, v, &a, &vault));
	quota_send(r, v, &q, &a, vault);
	return LK_NONE;
}
