#include <string.h>

#include "sync/endpoint.h"
#include "sync/pairing.h"
#include "sync/person.h"
#include "sync/relay_client.h"

/* Who asks late hears that it has expired; then what lies at relays is cleared
 * away; then it is forgotten. */
#define TICKET_OVER_MS (INT64_C(7) * 24 * 3600 * 1000)
#define TICKET_FORGOTTEN_MS (2 * TICKET_OVER_MS)
#define TICKET_KEY_LEN (1 + TICKET_ID_LEN)
#define PAIR_EXPIRES_MS (INT64_C(10) * 60 * 1000)
#define INVITE_EXPIRES_MS (INT64_C(7) * 24 * 3600 * 1000)

/* STORE_DEVICE, SPACE_META: "k" ticket id -> purpose, role, document, uses
 * left, made, expiry, secret, how many devices were refused by letter, these,
 * those that used it. */

static struct bytes
ticket_key(
    uint8_t out[static TICKET_KEY_LEN], const uint8_t id[static TICKET_ID_LEN])
{
	out[0] = 'k';
	memcpy(out + 1, id, TICKET_ID_LEN);
	return BYTES(out, TICKET_KEY_LEN);
}

static lk_err
ticket_parse(struct ticket_record *out, struct bytes value)
{
	struct rd rd = rd_over(value);
	struct ticket_record t;

	t.purpose = (enum ticket_purpose)rd_u8(&rd);
	t.role = (enum role)rd_u8(&rd);
	t.docno = rd_u32(&rd);
	t.uses = rd_u32(&rd);
	t.made.ms = (int64_t)rd_u64(&rd);
	t.expires.ms = (int64_t)rd_u64(&rd);
	rd_copy(&rd, t.secret, sizeof(t.secret));
	t.refused = rd_take(&rd, (size_t)32 * rd_u8(&rd));
	t.redeemers = rd_take(&rd, rd.left.len);
	if (rd.failed || t.redeemers.len % 32 != 0)
		return LK_ERR(LK_E_CORRUPT, "ticket record");
	*out = t;
	return LK_NONE;
}

static lk_err
ticket_put(struct engine *e, const uint8_t id[static TICKET_ID_LEN],
    const struct ticket_record *t)
{
	uint8_t key[TICKET_KEY_LEN];
	BUF_SECRET b = { .max = KV_VALUE_MAX };

	buf_u8(&b, (uint8_t)t->purpose);
	buf_u8(&b, (uint8_t)t->role);
	buf_u32(&b, t->docno);
	buf_u32(&b, t->uses);
	buf_u64(&b, (uint64_t)t->made.ms);
	buf_u64(&b, (uint64_t)t->expires.ms);
	buf_mem(&b, t->secret, sizeof(t->secret));
	buf_u8(&b, (uint8_t)(t->refused.len / 32));
	buf_add(&b, t->refused);
	buf_add(&b, t->redeemers);
	TRY(buf_err(&b, "ticket record"));
	return kv_put(docstate_space(e->r, STORE_DEVICE, SPACE_META),
	    ticket_key(key, id), buf_bytes(&b));
}

static lk_err
ticket_read(struct engine *e, const uint8_t id[static TICKET_ID_LEN],
    struct ticket_record *out)
{
	uint8_t key[TICKET_KEY_LEN];
	struct bytes value;

	TRY(kv_get(docstate_space(e->r, STORE_DEVICE, SPACE_META),
	    ticket_key(key, id), &value));
	return ticket_parse(out, value);
}

lk_err
ticket_get(struct engine *e, const uint8_t id[static TICKET_ID_LEN],
    struct ticket_record *out)
{
	TRY(ticket_read(e, id, out));
	if (out->expires.ms <= e->now.wall.ms)
		return LK_ERR(LK_E_NOTFOUND, "ticket expired");
	return LK_NONE;
}

static lk_err
ticket_walk(struct engine *e, uint8_t id[static TICKET_ID_LEN], bool over,
    struct ticket_record *out)
{
	struct kv kv = docstate_space(e->r, STORE_DEVICE, SPACE_META);
	uint8_t at[TICKET_KEY_LEN];

	(void)ticket_key(at, id);
	for (;;) {
		struct bytes value;

		TRY(kv_walk(kv, at, sizeof(at), 1, &value));
		TRY(ticket_parse(out, value));
		memcpy(id, at + 1, TICKET_ID_LEN);
		if ((out->expires.ms + TICKET_OVER_MS <= e->now.wall.ms) ==
		    over)
			return LK_NONE;
		if (!bytes_next(at, sizeof(at)))
			return LK_ERR(LK_E_NOTFOUND, "ticket");
	}
}

lk_err
ticket_next(struct engine *e, uint8_t id[static TICKET_ID_LEN],
    struct ticket_record *out)
{
	return ticket_walk(e, id, false, out);
}

lk_err
ticket_over(struct engine *e, uint8_t id[static TICKET_ID_LEN],
    struct ticket_record *out)
{
	return ticket_walk(e, id, true, out);
}

lk_err
tickets_use_up(struct engine *e, uint32_t docno)
{
	uint8_t id[TICKET_ID_LEN] = { 0 };
	struct ticket_record t;
	lk_err err;

	while ((err = ticket_next(e, id, &t)).code == LK_OK) {
		if (t.purpose == TICKET_INVITE && t.docno == docno &&
		    t.uses > 0) {
			t.uses = 0;
			err = ticket_put(e, id, &t);
		}
		secret_wipe(t.secret, sizeof(t.secret));
		TRY(err);
		if (!bytes_next(id, sizeof(id)))
			return LK_NONE;
	}
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

lk_err
ticket_back(struct engine *e, const uint8_t id[static TICKET_ID_LEN],
    const uint8_t device_pk[static SIGN_PK_LEN], struct mail_route *out)
{
	struct ticket_record t;

	TRY(ticket_read(e, id, &t));
	mail_route_answer(out, t.secret, device_pk);
	secret_wipe(&t, sizeof(t));
	return LK_NONE;
}

static bool
keys_have(struct bytes keys, const uint8_t pk[static 32])
{
	for (size_t at = 0; at < keys.len; at += 32)
		if (memcmp(keys.ptr + at, pk, 32) == 0)
			return true;
	return false;
}

lk_err
ticket_refuse(struct engine *e, const uint8_t id[static TICKET_ID_LEN],
    const uint8_t device_pk[static SIGN_PK_LEN], bool *answers)
{
	struct ticket_record t;
	BUF_SCOPED refused = { .max = (size_t)32 * TICKET_REFUSED_MAX };
	bool known;
	lk_err err = LK_NONE;

	TRY(ticket_read(e, id, &t));
	known = keys_have(t.redeemers, device_pk) ||
	    keys_have(t.refused, device_pk);
	*answers = known || t.refused.len < refused.max;
	if (*answers && !known) {
		buf_add(&refused, t.refused);
		buf_mem(&refused, device_pk, 32);
		t.refused = buf_bytes(&refused);
		err = buf_err(&refused, "ticket record");
		if (err.code == LK_OK)
			err = ticket_put(e, id, &t);
	}
	secret_wipe(t.secret, sizeof(t.secret));
	return err;
}

lk_err
ticket_use(struct engine *e, const uint8_t id[static TICKET_ID_LEN],
    const uint8_t pk[static 32], struct ticket_record *out, bool *again)
{
	struct ticket_record t;
	BUF_SCOPED redeemers = { .max = KV_VALUE_MAX / 2 };

	TRY(ticket_get(e, id, &t));
	*again = keys_have(t.redeemers, pk);
	buf_add(&redeemers, t.redeemers);
	if (!*again) {
		if (t.uses == 0)
			return LK_ERR(LK_E_DENIED, "ticket used");
		t.uses--;
		buf_mem(&redeemers, pk, 32);
		t.redeemers = buf_bytes(&redeemers);
		TRY(buf_err(&redeemers, "ticket record"));
		TRY(ticket_put(e, id, &t));
	}
	t.redeemers = t.refused = (struct bytes){ 0 };
	*out = t;
	return LK_NONE;
}

/* Removes expired tickets; how many are left that can still be used. */
static lk_err
tickets_sweep(struct engine *e, size_t *outstanding)
{
	struct kv kv = docstate_space(e->r, STORE_DEVICE, SPACE_META);
	uint8_t at[TICKET_KEY_LEN] = { 'k' };

	*outstanding = 0;
	do {
		struct bytes value;
		struct ticket_record t;
		lk_err err = kv_walk(kv, at, sizeof(at), 1, &value);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		TRY(ticket_parse(&t, value));
		if (t.expires.ms + TICKET_FORGOTTEN_MS <= e->now.wall.ms)
			TRY(kv_del(kv, BYTES_OF(at)));
		else
			*outstanding +=
			    t.uses > 0 && t.expires.ms > e->now.wall.ms;
	} while (bytes_next(at, sizeof(at)));
	return LK_NONE;
}

/* Where somebody who never meets this device leaves a letter for it, first; a
 * device is paired in a session. */
static lk_err
ticket_addresses(
    struct engine *e, enum ticket_purpose purpose, struct addresses *out)
{
	struct addresses here, all = { .len = 0 };

	if (purpose == TICKET_INVITE)
		TRY(relay_clients_addresses(e, &all, REDEEM_RELAYS_MAX));
	person_addresses(e->r, &here);
	for (size_t i = 0; i < here.len && all.len < PEER_ADDRESS_MAX; i++)
		all.at[all.len++] = here.at[i];
	*out = all;
	return LK_NONE;
}

lk_err
engine_ticket(struct engine *e, const struct ticket_request *q, struct now now,
    char *out, size_t len)
{
	struct ticket_record record = { .purpose = q->purpose,
		.docno = q->docno,
		.role = q->role,
		.made = now.wall,
		.uses = q->uses == 0 ? 1 : q->uses };
	struct ticket ticket = { .purpose = q->purpose };
	struct ticket_keys keys;
	size_t outstanding;
	int64_t lasts = q->expires_ms > 0 ? q->expires_ms
	    : q->purpose == TICKET_DEVICE ? PAIR_EXPIRES_MS
					  : INVITE_EXPIRES_MS;
	BUF_SECRET text = { .max = TICKET_TEXT_MAX };

	e->now = now;
	e->people++;
	e->wake = now.mono;
	TRY(tickets_sweep(e, &outstanding));
	if (outstanding >= TICKETS_MAX)
		return LK_ERR(LK_E_LIMIT, "too many tickets outstanding");
	random_fill(&e->random, record.secret, sizeof(record.secret));
	record.expires.ms = now.wall.ms + lasts;
	memcpy(ticket.secret, record.secret, sizeof(ticket.secret));
	memcpy(ticket.noise_pk, e->identity->noise.pk, DH_LEN);
	TRY(ticket_addresses(e, q->purpose, &ticket.addresses));
	ticket_derive(&keys, record.secret);
	TRY(ticket_put(e, keys.id, &record));
	TRY(ticket_encode(&text, &ticket));
	if (text.len >= len)
		return LK_ERR(LK_E_LIMIT, "ticket");
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	secret_wipe(&keys, sizeof(keys));
	secret_wipe(record.secret, sizeof(record.secret));
	secret_wipe(ticket.secret, sizeof(ticket.secret));
	return LK_NONE;
}
