#include "sync/mail.h"

#include <string.h>

#include "crypto/digest.h"

static const uint8_t magic[4] = { 'L', 'K', 'M', '1' };

bool
mail_route(struct mail_route *out, const struct mail_ends *ends)
{
	uint8_t shared[DH_LEN], both[64];

	if (!dh(shared, ends->box_sk, ends->box_pk))
		return false;
	memcpy(both, ends->sender_pk, 32);
	memcpy(both + 32, ends->receiver_pk, 32);
	digest(out->slot, sizeof(out->slot), DIGEST_MAILBOX, shared,
	    BYTES(ends->receiver_pk, 32));
	digest(
	    out->key, sizeof(out->key), DIGEST_MAILBOX, shared, BYTES_OF(both));
	secret_wipe(shared, sizeof(shared));
	return true;
}

void
mail_route_ask(struct mail_route *out, const struct ticket_keys *keys)
{
	memcpy(out->slot, keys->slot, sizeof(out->slot));
	memcpy(out->key, keys->ask, sizeof(out->key));
}

void
mail_route_answer(struct mail_route *out,
    const uint8_t secret[static TICKET_SECRET_LEN],
    const uint8_t device_pk[static SIGN_PK_LEN])
{
	struct ticket_answer a;

	ticket_derive_answer(&a, secret, device_pk);
	memcpy(out->slot, a.slot, sizeof(out->slot));
	memcpy(out->key, a.key, sizeof(out->key));
	secret_wipe(&a, sizeof(a));
}

bool
mail_add(struct buf *plain, uint8_t type, struct bytes body)
{
	if (MAIL_ITEM_LEN(body.len) > MAIL_PLAIN_MAX - plain->len)
		return false;
	buf_u8(plain, type);
	buf_u16(plain, (uint16_t)body.len);
	buf_add(plain, body);
	return true;
}

static void
mail_aad(struct buf *aad, const struct mail_route *route)
{
	buf_mem(aad, magic, sizeof(magic));
	buf_mem(aad, route->slot, sizeof(route->slot));
}

lk_err
mail_seal(struct buf *out, const struct mail_route *route, struct bytes plain)
{
	uint8_t nonce[SEAL_NONCE_LEN];
	BUF_SECRET padded = { .max = MAIL_PLAIN_MAX };
	BUF_SCOPED aad = { .max = 64 };

	buf_add(&padded, plain);
	while (
	    !padded.failed && (padded.len == 0 || padded.len % MAIL_PAD != 0))
		buf_u8(&padded, 0);
	mail_aad(&aad, route);
	TRY(buf_err(&padded, "letter"));
	TRY(buf_err(&aad, "letter"));
	digest(nonce, sizeof(nonce), DIGEST_MAILBOX, route->key,
	    buf_bytes(&padded));
	buf_mem(out, magic, sizeof(magic));
	buf_mem(out, nonce, SEAL_NONCE_LEN);
	seal(out, route->key, nonce, buf_bytes(&aad), buf_bytes(&padded));
	return buf_err(out, "letter");
}

lk_err
mail_open(struct buf *plain, const struct mail_route *route, struct bytes in)
{
	struct rd r = rd_over(in);
	struct bytes first = rd_take(&r, sizeof(magic));
	struct bytes nonce = rd_take(&r, SEAL_NONCE_LEN);
	BUF_SCOPED aad = { .max = 64 };
	uint8_t *room;

	if (in.len > MAIL_MAX)
		return LK_ERR(LK_E_LIMIT, "letter");
	if (r.failed || r.left.len < SEAL_TAG_LEN)
		return LK_ERR(LK_E_TRUNCATED, "letter");
	if (memcmp(first.ptr, magic, sizeof(magic)) != 0 ||
	    (r.left.len - SEAL_TAG_LEN) % MAIL_PAD != 0)
		return LK_ERR(LK_E_MALFORMED, "letter");
	mail_aad(&aad, route);
	TRY(buf_err(&aad, "letter"));
	room = buf_extend(plain, r.left.len - SEAL_TAG_LEN);
	TRY(buf_err(plain, "letter"));
	return unseal(room, route->key, nonce.ptr, buf_bytes(&aad), r.left);
}

bool
mail_next(struct rd *plain, struct mail_item *out)
{
	struct mail_item item;

	if (plain->left.len == 0)
		return false;
	item.type = rd_u8(plain);
	if (item.type == 0)
		return false;
	item.body = rd_take(plain, rd_u16(plain));
	if (plain->failed)
		return false;
	*out = item;
	return true;
}
