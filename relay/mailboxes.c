#include <stdlib.h>
#include <string.h>

#include "relay/relay_state.h"

static void
posted_send(struct relay *r, struct client *v, const uint8_t *slot,
    enum relay_result result)
{
	struct mailbox_posted m = { slot, result };
	BUF_SCOPED b = { .max = 64 };

	mailbox_posted_encode(&b, &m);
	client_send(r, v, MSG_MAILBOX_PUT, buf_bytes(&b));
}

/* Whoever knows the slot may: it is asked for before a database is opened. */
static lk_err
letter_put(struct relay *r, struct client *v, const struct mailbox_put *m,
    enum relay_result *result)
{
	struct slot slot;
	struct account a;
	struct vault *vault;
	lk_err err = slot_get(relay_records(r), m->slot, &slot);

	*result = RELAY_DENIED;
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	TRY(account_get(relay_records(r), slot.account, &a));
	err = client_vault(r, v, &a, &vault);
	*result = RELAY_BUSY;
	if (err.code == LK_E_UNAVAILABLE)
		return LK_NONE;
	TRY(err);
	if (vault_room(vault, &a.limits, m->letter.len, r->now.mono) !=
	    VAULT_ROOM)
		return LK_NONE;
	vault_put_counted(vault);
	err = letter_add(vault, m->slot, m->letter);
	*result = err.code == LK_E_LIMIT ? RELAY_LIMIT : RELAY_DONE;
	return err.code == LK_E_LIMIT ? LK_NONE : err;
}

static bool
slot_is_of(const struct slot *slot, const struct client *v)
{
	return v->logged_in &&
	    memcmp(slot->account, v->account, SIGN_PK_LEN) == 0;
}

/* Whoever knows an open slot was told of it by its account, which is more than
 * a stranger has to show. */
static lk_err
client_shows_slot(struct relay *r, struct client *v, const uint8_t *slot)
{
	uint8_t badge[SIGN_PK_LEN] = { 0 };

	memcpy(badge, slot, RELAY_SLOT_LEN);
	return client_known(r, v, badge);
}

static bool
client_watches(const struct client *v, const uint8_t *slot)
{
	for (size_t i = 0; i < v->watches_len; i++)
		if (memcmp(v->watches[i], slot, RELAY_SLOT_LEN) == 0)
			return true;
	return false;
}

static lk_err
client_watch(struct client *v, const uint8_t *slot)
{
	if (v->watches_len == CLIENT_WATCHES_MAX || client_watches(v, slot))
		return LK_NONE;
	if (v->watches == NULL)
		v->watches = calloc(CLIENT_WATCHES_MAX, sizeof(*v->watches));
	if (v->watches == NULL)
		return LK_ERR(LK_E_NOMEM, "client");
	memcpy(v->watches[v->watches_len++], slot, RELAY_SLOT_LEN);
	return LK_NONE;
}

/* The vault of a slot that the client may read; NULL when it may not. */
static lk_err
slot_vault(struct relay *r, struct client *v, const uint8_t *slot,
    struct vault **vault)
{
	struct slot is;
	struct account a;
	lk_err err = slot_get(relay_records(r), slot, &is);

	*vault = NULL;
	if (err.code == LK_E_NOTFOUND ||
	    (err.code == LK_OK && !is.open && !slot_is_of(&is, v)))
		return v->known || ++v->refusals <= RELAY_REFUSALS_MAX
		    ? LK_NONE
		    : LK_ERR(LK_E_LIMIT, "too many slots");
	TRY(err);
	if (is.open)
		TRY(client_shows_slot(r, v, slot));
	TRY(account_get(relay_records(r), is.account, &a));
	return client_vault(r, v, &a, vault);
}

/* What is in a slot, as far as the client may read it. */
static lk_err
letters_send(struct relay *r, struct client *v, const uint8_t *slot)
{
	struct mailbox_letter l = { .number = 0 };
	struct vault *vault;
	size_t n = 0;
	lk_err err = LK_NONE;
	BUF_SCOPED b = { .max = MESSAGE_MAX };

	TRY(slot_vault(r, v, slot, &vault));
	mailbox_content_encode(&b, slot, 0);
	for (; vault != NULL && n < MAILBOX_LETTERS_MAX; n++, l.number++) {
		err = letter_next(vault, slot, &l);
		if (err.code != LK_OK)
			break;
		mailbox_letter_encode(&b, &l);
	}
	if (err.code != LK_OK && err.code != LK_E_NOTFOUND)
		return err;
	TRY(buf_err(&b, "mailbox"));
	b.ptr[RELAY_SLOT_LEN] = (uint8_t)n;
	client_send(r, v, MSG_MAILBOX_GET, buf_bytes(&b));
	return LK_NONE;
}

lk_err
letters_taken(struct relay *r, struct client *v, struct bytes body)
{
	const uint8_t *slot;

	TRY(mailbox_get_decode(&slot, body));
	TRY(client_work(r, v, MAILBOX_LETTERS_MAX));
	TRY(client_watch(v, slot));
	return letters_send(r, v, slot);
}

/* Those who speak for the account need not ask, nor those who have: it is on
 * the writer. */
static lk_err
readers_tell(struct relay *r, struct client *writer, const uint8_t *slot)
{
	struct slot is;
	struct client *v;

	TRY(slot_get(relay_records(r), slot, &is));
	TAILQ_FOREACH (v, &r->clients, next) {
		lk_err err;

		if (v->state != CLIENT_OPEN || !client_has_room(v) ||
		    !(slot_is_of(&is, v) ||
			(is.open && client_watches(v, slot))))
			continue;
		TRY(client_work(r, writer, MAILBOX_LETTERS_MAX));
		err = letters_send(r, v, slot);
		/* One who may not have another session is not the writer's
		 * concern. */
		if (err.code != LK_E_LIMIT)
			TRY(err);
	}
	return LK_NONE;
}

lk_err
letter_taken(struct relay *r, struct client *v, struct bytes body)
{
	enum relay_result result;
	struct mailbox_put m;

	TRY(mailbox_put_decode(&m, body));
	TRY(client_work(r, v, 1));
	if (!v->known && ++v->refusals > RELAY_REFUSALS_MAX)
		return LK_ERR(LK_E_LIMIT, "too many letters");
	TRY(letter_put(r, v, &m, &result));
	posted_send(r, v, m.slot, result);
	return result == RELAY_DONE ? readers_tell(r, v, m.slot) : LK_NONE;
}

lk_err
delete_taken(struct relay *r, struct client *v, struct bytes body)
{
	struct mailbox_delete m;
	struct vault *vault;

	TRY(mailbox_delete_decode(&m, body));
	TRY(client_work(r, v, m.len));
	TRY(slot_vault(r, v, m.slot, &vault));
	for (size_t i = 0; vault != NULL && i < m.len; i++)
		TRY(letter_remove(vault, m.slot, rd_u64(&m.numbers)));
	client_send(r, v, MSG_MAILBOX_DELETE, body);
	return LK_NONE;
}
