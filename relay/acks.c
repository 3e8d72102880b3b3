#include <string.h>

#include "relay/relay_state.h"

/* What the device said, under the number it has here. */
static void
ack_send(struct relay *r, struct subscription *o, struct bytes said)
{
	BUF_SCOPED b = { .max = RELAY_ACK_MAX };

	buf_u32(&b, o->number);
	buf_add(&b, said);
	if (!b.failed)
		client_send(r, o->client, MSG_ACK, buf_bytes(&b));
}

/* To all who meet there; who has much to read yet gets all of them later. */
static lk_err
ack_pass(struct relay *r, const struct subscription *from,
    const struct account *a, struct bytes said)
{
	struct subscription *o;

	TAILQ_FOREACH (o, &from->channel->all, meets) {
		struct vault *vault;

		if (o == from || o->scope == RELAY_KEYS)
			continue;
		if (o->acking || !client_has_room(o->client)) {
			subscription_acks(o);
			continue;
		}
		TRY(client_vault(r, o->client, a, &vault));
		ack_send(r, o, said);
	}
	return LK_NONE;
}

/* Of more tags than are kept one gives way by chance: whoever it is of says it
 * again when he opens the topic. */
static lk_err
ack_make_room(struct relay *r, struct vault *vault, uint32_t docno)
{
	uint8_t tag[LK_TOPIC_LEN] = { 0 };
	struct bytes said;
	size_t n = 0;
	uint64_t one;
	lk_err err;

	while ((err = vault_ack_next(vault, docno, tag, &said)).code == LK_OK) {
		n++;
		if (!bytes_next(tag, sizeof(tag)))
			break;
	}
	if (err.code != LK_OK && err.code != LK_E_NOTFOUND)
		return err;
	if (n < RELAY_ACKS_MAX)
		return LK_NONE;
	one = random_below(&r->random, n);
	memset(tag, 0, sizeof(tag));
	TRY(vault_ack_next(vault, docno, tag, &said));
	for (; one > 0 && bytes_next(tag, sizeof(tag)); one--)
		TRY(vault_ack_next(vault, docno, tag, &said));
	return vault_ack_put(vault, docno, tag, BYTES(NULL, 0));
}

/* The last one counts, as only its device could tell which is newer. */
static lk_err
ack_keep(struct relay *r, struct subscription *o, struct vault *vault,
    const struct ack *a, bool *news)
{
	uint32_t docno = o->channel->docno;
	struct bytes known;
	lk_err err = vault_ack_get(vault, docno, a->tag, &known);

	*news = err.code != LK_OK || !bytes_equal(known, a->said);
	if (err.code == LK_E_NOTFOUND) {
		TRY(client_work(r, o->client, RELAY_ACKS_MAX));
		TRY(ack_make_room(r, vault, docno));
	} else {
		TRY(err);
	}
	return *news ? vault_ack_put(vault, docno, a->tag, a->said) : LK_NONE;
}

lk_err
ack_taken(struct relay *r, struct client *v, struct bytes body)
{
	struct ack a;
	struct account account;
	struct vault *vault;
	struct subscription *o;
	bool news;

	TRY(ack_decode(&a, body));
	TRY(client_work(r, v, 1));
	o = subscription_find(v, a.topic);
	/* It may have sunk, or ended, when this was on its way. */
	if (o == NULL || o->scope == RELAY_KEYS || o->stopped)
		return LK_NONE;
	TRY(account_get(relay_records(r), o->channel->account, &account));
	TRY(client_vault(r, v, &account, &vault));
	if (!subscription_has_room(r, o, &account, vault, a.said.len))
		return LK_NONE;
	vault_put_counted(vault);
	TRY(ack_keep(r, o, vault, &a, &news));
	return news ? ack_pass(r, o, &account, a.said) : LK_NONE;
}

lk_err
acks_pump(struct relay *r, struct subscription *o, struct vault *vault)
{
	while (o->acking && client_has_room(o->client)) {
		struct bytes said;
		lk_err err =
		    vault_ack_next(vault, o->channel->docno, o->ack_at, &said);

		if (err.code == LK_E_NOTFOUND) {
			o->acking = false;
			return LK_NONE;
		}
		TRY(err);
		TRY(client_work(r, o->client, 1));
		ack_send(r, o, said);
		o->acking = bytes_next(o->ack_at, sizeof(o->ack_at));
	}
	return LK_NONE;
}
