#include "sync/ticket.h"

#include <string.h>

#include "crypto/digest.h"
#include "sync/armor.h"

#define TICKET_VERSION 1

enum derived {
	DERIVED_PSK = 1,
	DERIVED_ID = 2,
	DERIVED_SLOT = 3,
	DERIVED_ASK = 4,
	DERIVED_ANSWER = 5,
	DERIVED_ANSWER_SLOT = 6
};

static void
derive(uint8_t *out, size_t n, const uint8_t key[static DIGEST_KEY_LEN],
    enum derived what)
{
	uint8_t number = (uint8_t)what;

	digest(out, n, DIGEST_TICKET, key, BYTES(&number, 1));
}

void
ticket_derive(
    struct ticket_keys *out, const uint8_t secret[static TICKET_SECRET_LEN])
{
	uint8_t key[DIGEST_KEY_LEN] = { 0 };

	memcpy(key, secret, TICKET_SECRET_LEN);
	derive(out->psk, sizeof(out->psk), key, DERIVED_PSK);
	derive(out->id, sizeof(out->id), key, DERIVED_ID);
	derive(out->slot, sizeof(out->slot), key, DERIVED_SLOT);
	derive(out->ask, sizeof(out->ask), key, DERIVED_ASK);
	secret_wipe(key, sizeof(key));
}

void
ticket_derive_answer(struct ticket_answer *out,
    const uint8_t secret[static TICKET_SECRET_LEN],
    const uint8_t device_pk[static SIGN_PK_LEN])
{
	uint8_t key[DIGEST_KEY_LEN] = { 0 }, said[1 + SIGN_PK_LEN];

	memcpy(key, secret, TICKET_SECRET_LEN);
	memcpy(said + 1, device_pk, SIGN_PK_LEN);
	said[0] = DERIVED_ANSWER_SLOT;
	digest(
	    out->slot, sizeof(out->slot), DIGEST_TICKET, key, BYTES_OF(said));
	said[0] = DERIVED_ANSWER;
	digest(out->key, sizeof(out->key), DIGEST_TICKET, key, BYTES_OF(said));
	secret_wipe(key, sizeof(key));
}

static const struct armor ticket_armor = {
	.prefix = "lk1-",
	.label = DIGEST_TICKET,
	.text_max = TICKET_TEXT_MAX,
	.what = "ticket",
};

lk_err
ticket_encode(struct buf *out, const struct ticket *t)
{
	BUF_SECRET b = { .max = TICKET_MAX };

	buf_u8(&b, TICKET_VERSION);
	buf_u8(&b, (uint8_t)t->purpose);
	buf_mem(&b, t->secret, sizeof(t->secret));
	buf_mem(&b, t->noise_pk, sizeof(t->noise_pk));
	addresses_write_bare(&b, &t->addresses);
	return armor_encode(out, &ticket_armor, &b);
}

lk_err
ticket_decode(struct ticket *out, struct arena *arena, struct bytes text)
{
	struct ticket t = { 0 };
	struct bytes binary;
	uint8_t version, purpose;
	struct rd r;

	TRY(armor_decode(&binary, arena, &ticket_armor, text));
	r = rd_over(binary);
	version = rd_u8(&r);
	if (!r.failed && version != TICKET_VERSION)
		return LK_ERR(LK_E_VERSION, "ticket");
	purpose = rd_u8(&r);
	rd_copy(&r, t.secret, sizeof(t.secret));
	rd_copy(&r, t.noise_pk, sizeof(t.noise_pk));
	addresses_read_bare(&r, &t.addresses);
	TRY(rd_end(&r, "ticket"));
	if (purpose != TICKET_DEVICE && purpose != TICKET_INVITE)
		return LK_ERR(LK_E_MALFORMED, "purpose of a ticket");
	t.purpose = purpose;
	*out = t;
	return LK_NONE;
}
