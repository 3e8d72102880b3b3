#include "sync/card.h"

#include <string.h>

#define CARD_VERSION 1
#define CARD_VERSION_BOXES 2 /* some device has a newer box key */

/* Whether a card can be written at all. */
static bool
card_bounded(const struct card *c)
{
	return c->name.len <= LK_NAME_MAX && c->devices_len >= 1 &&
	    c->devices_len <= PERSON_DEVICES_MAX &&
	    c->gone_len <= CARD_GONE_MAX;
}

static bool
has_boxes(const struct card *c)
{
	for (size_t i = 0; i < c->devices_len; i++)
		if (c->devices[i].box.counter > 0)
			return true;
	return false;
}

static void
card_write(struct buf *out, const struct card *c, const uint8_t *signer_pk)
{
	bool boxes = has_boxes(c);

	buf_u8(out, boxes ? CARD_VERSION_BOXES : CARD_VERSION);
	buf_mem(out, c->root_pk, sizeof(c->root_pk));
	buf_u64(out, c->serial);
	buf_u8(out, (uint8_t)c->name.len);
	buf_add(out, c->name);
	buf_u8(out, (uint8_t)c->devices_len);
	for (size_t i = 0; i < c->devices_len; i++) {
		cert_write(out, &c->devices[i].cert);
		buf_mem(out, c->devices[i].beacon_key, BEACON_KEY_LEN);
		addresses_write(out, &c->devices[i].addresses);
		if (boxes)
			buf_u8(out, c->devices[i].box.counter > 0);
		if (c->devices[i].box.counter > 0)
			box_newer_write(out, &c->devices[i].box);
	}
	buf_u8(out, (uint8_t)c->gone_len);
	for (size_t i = 0; i < c->gone_len; i++)
		gone_write(out, &c->gone[i]);
	addresses_write(out, &c->relays);
	buf_mem(out, signer_pk, SIGN_PK_LEN);
}

lk_err
card_encode(
    struct buf *out, const struct card *c, const struct sign_key *signer)
{
	BUF_SCOPED card = { .max = CARD_MAX - SIGN_LEN };
	uint8_t sig[SIGN_LEN];

	if (!card_bounded(c))
		return LK_ERR(LK_E_LIMIT, "card");
	card_write(&card, c, signer->pk);
	TRY(buf_err(&card, "card"));
	if (out->failed || out->max - out->len < card.len + SIGN_LEN)
		return LK_ERR(LK_E_LIMIT, "card");
	sign(sig, signer, SIGN_CARD, buf_bytes(&card), (struct bytes){ 0 });
	buf_add(out, buf_bytes(&card));
	buf_mem(out, sig, sizeof(sig));
	return buf_err(out, "card");
}

/* 0: none, and 1 with one that is one. */
static void
box_read(struct card_device *d, struct rd *r)
{
	uint8_t has = rd_u8(r);

	d->box = (struct box_statement){ .counter = 0 };
	if (has == 1)
		box_newer_read(r, &d->box);
	if (!r->failed && has != (d->box.counter > 0))
		r->failed = r->malformed = true;
}

static lk_err
devices_read(struct card *c, struct arena *arena, struct rd *r, bool boxes)
{
	uint8_t n = rd_u8(r);

	if (r->failed)
		return LK_ERR(LK_E_TRUNCATED, "card");
	if (n == 0 || n > PERSON_DEVICES_MAX)
		return LK_ERR(LK_E_MALFORMED, "number of devices of a card");
	c->devices = arena_alloc(arena, n * sizeof(c->devices[0]));
	if (c->devices == NULL)
		return LK_ERR(LK_E_NOMEM, "card");
	for (; c->devices_len < n && !r->failed; c->devices_len++) {
		struct card_device *d = &c->devices[c->devices_len];

		cert_read(r, &d->cert);
		rd_copy(r, d->beacon_key, sizeof(d->beacon_key));
		addresses_read(r, &d->addresses);
		d->box.counter = 0;
		if (boxes)
			box_read(d, r);
	}
	if (!r->failed && boxes && !has_boxes(c))
		return LK_ERR(LK_E_MALFORMED, "card without newer box keys");
	return LK_NONE;
}

static lk_err
gone_list_read(struct card *c, struct arena *arena, struct rd *r)
{
	uint8_t n = rd_u8(r);

	if (n > CARD_GONE_MAX)
		return LK_ERR(LK_E_MALFORMED, "statements of a card");
	if (n == 0)
		return LK_NONE;
	c->gone = arena_alloc(arena, n * sizeof(c->gone[0]));
	if (c->gone == NULL)
		return LK_ERR(LK_E_NOMEM, "card");
	for (; c->gone_len < n && !r->failed; c->gone_len++)
		gone_read(r, &c->gone[c->gone_len]);
	return LK_NONE;
}

lk_err
card_decode(struct card *out, struct arena *arena, struct bytes in)
{
	struct rd r = rd_over(in);
	struct card c = { 0 };
	uint8_t version = rd_u8(&r);

	if (in.len > CARD_MAX)
		return LK_ERR(LK_E_LIMIT, "card");
	if (!r.failed && version != CARD_VERSION &&
	    version != CARD_VERSION_BOXES)
		return LK_ERR(LK_E_VERSION, "card");
	rd_copy(&r, c.root_pk, sizeof(c.root_pk));
	c.serial = rd_u64(&r);
	c.name = rd_take(&r, rd_u8(&r));
	TRY(devices_read(&c, arena, &r, version == CARD_VERSION_BOXES));
	TRY(gone_list_read(&c, arena, &r));
	addresses_read(&r, &c.relays);
	rd_copy(&r, c.signer_pk, sizeof(c.signer_pk));
	c.signed_part = BYTES(in.ptr, in.len - r.left.len);
	rd_copy(&r, c.sig, sizeof(c.sig));
	TRY(rd_end(&r, "card"));
	if (!utf8_valid(c.name))
		return LK_ERR(LK_E_MALFORMED, "name on a card");
	*out = c;
	return LK_NONE;
}

const struct card_device *
card_device_by_pk(
    const struct card *c, const uint8_t device_pk[static SIGN_PK_LEN])
{
	for (size_t i = 0; i < c->devices_len; i++)
		if (memcmp(c->devices[i].cert.block.device_pk, device_pk,
			SIGN_PK_LEN) == 0)
			return &c->devices[i];
	return NULL;
}

const struct card_device *
card_device_by_noise(
    const struct card *c, const uint8_t noise_pk[static DH_LEN])
{
	for (size_t i = 0; i < c->devices_len; i++)
		if (memcmp(c->devices[i].cert.block.noise_pk, noise_pk,
			DH_LEN) == 0)
			return &c->devices[i];
	return NULL;
}

/* Whether the chain of a device closes inside the card, by shape alone. */
static bool
chain_closes(const struct card *c, const struct cert *cert)
{
	for (size_t n = 1; n <= PROOF_CERTS_MAX; n++) {
		const struct card_device *issuer;

		if (memcmp(cert->root_pk, c->root_pk, SIGN_PK_LEN) != 0)
			return false;
		if (memcmp(cert->issuer_pk, c->root_pk, SIGN_PK_LEN) == 0)
			return true;
		issuer = card_device_by_pk(c, cert->issuer_pk);
		if (issuer == NULL || issuer->cert.rank >= cert->rank)
			return false;
		cert = &issuer->cert;
	}
	return false;
}

static lk_err
gone_check(const struct card *c, const struct gone *g)
{
	if (memcmp(g->issuer_pk, c->root_pk, SIGN_PK_LEN) != 0 &&
	    card_device_by_pk(c, g->issuer_pk) == NULL)
		return LK_ERR(LK_E_MALFORMED, "card: issuer not listed");
	if (card_device_by_pk(c, g->device_pk) != NULL)
		return LK_ERR(LK_E_MALFORMED, "card: device listed and gone");
	if (!gone_verify(g, c->root_pk))
		return LK_ERR(LK_E_MALFORMED, "card: gone signature");
	return LK_NONE;
}

lk_err
card_verify(const struct card *c)
{
	if (card_device_by_pk(c, c->signer_pk) == NULL ||
	    !sign_verify(c->sig, c->signer_pk, SIGN_CARD, c->signed_part,
		(struct bytes){ 0 }))
		return LK_ERR(LK_E_MALFORMED, "card: signature");
	for (size_t i = 0; i < c->devices_len; i++) {
		const struct cert *cert = &c->devices[i].cert;

		/* The first with a key is found: a second is not itself. */
		if (card_device_by_pk(c, cert->block.device_pk) !=
		    &c->devices[i])
			return LK_ERR(LK_E_MALFORMED, "card: device twice");
		if (!chain_closes(c, cert))
			return LK_ERR(LK_E_MALFORMED, "card: chain");
	}
	for (size_t i = 0; i < c->gone_len; i++)
		TRY(gone_check(c, &c->gone[i]));
	for (size_t i = 0; i < c->devices_len; i++)
		if (!cert_verify(&c->devices[i].cert))
			return LK_ERR(LK_E_MALFORMED, "card: certificate");
	for (size_t i = 0; i < c->devices_len; i++)
		if (c->devices[i].box.counter > 0 &&
		    !box_newer_verify(&c->devices[i].box, &c->devices[i].cert))
			return LK_ERR(LK_E_MALFORMED, "card: box key");
	return LK_NONE;
}

lk_err
card_proof(const struct card *c, struct proof *out,
    const uint8_t device_pk[static SIGN_PK_LEN])
{
	const struct card_device *d = card_device_by_pk(c, device_pk);
	size_t n = 0;

	while (d != NULL && n < PROOF_CERTS_MAX) {
		out->certs[n++] = d->cert;
		if (memcmp(d->cert.issuer_pk, c->root_pk, SIGN_PK_LEN) == 0) {
			out->len = n;
			return LK_NONE;
		}
		d = card_device_by_pk(c, d->cert.issuer_pk);
	}
	return LK_ERR(LK_E_NOTFOUND, "device on a card");
}

/* Whether one has a key of its beacons that the other has not. */
static bool
beacon_differs(const struct card_device *known, const struct card_device *d)
{
	static const uint8_t none[BEACON_KEY_LEN];

	return memcmp(d->beacon_key, none, sizeof(none)) != 0 &&
	    memcmp(d->beacon_key, known->beacon_key, sizeof(none)) != 0;
}

/* Two cards that say the same but for serial, addresses and signature need no
 * edit. */
static bool
says_more(const struct card *known, const struct card *card)
{
	if (card->serial <= known->serial)
		return false;
	if (known->devices_len != card->devices_len ||
	    known->gone_len != card->gone_len ||
	    !bytes_equal(known->name, card->name))
		return true;
	for (size_t i = 0; i < card->devices_len; i++)
		if (memcmp(known->devices[i].cert.sig,
			card->devices[i].cert.sig, SIGN_LEN) != 0 ||
		    known->devices[i].box.counter !=
			card->devices[i].box.counter ||
		    beacon_differs(&known->devices[i], &card->devices[i]))
			return true;
	return false;
}

static uint32_t
box_counter(const struct card_device *d)
{
	return d->box.counter > 0 ? d->box.counter : d->cert.block.box_counter;
}

/* Whether a statement of either card ends a device, as `target` has it; its
 * issuer as the known card has it, where it does. */
static bool
ends(const struct card *known, const struct card *card, const struct gone *g,
    const struct card_device *target)
{
	const struct card_device *issuer =
	    card_device_by_pk(known, g->issuer_pk);

	if (issuer == NULL)
		issuer = card_device_by_pk(card, g->issuer_pk);
	return gone_ends(
	    g, &target->cert, issuer == NULL ? NULL : &issuer->cert);
}

/* Whether a card ends a device that the known one lists; *lies: it says so of
 * one that it cannot end. */
static bool
ends_listed(const struct card *known, const struct card *card, bool *lies)
{
	bool one = false;

	*lies = false;
	for (size_t i = 0; i < card->gone_len; i++) {
		const struct card_device *target =
		    card_device_by_pk(known, card->gone[i].device_pk);

		if (target == NULL)
			continue;
		if (ends(known, card, &card->gone[i], target))
			one = true;
		else
			*lies = true;
	}
	return one;
}

/* Whether a device is junior to what it was, or has an older box key:
 * certificates are renewed with the rank they had, and a junior may certify a
 * senior with any; a box key is replaced because it may be stolen. */
static bool
demotes(const struct card *known, const struct card *card)
{
	for (size_t i = 0; i < card->devices_len; i++) {
		const struct cert *now = &card->devices[i].cert;
		const struct card_device *before =
		    card_device_by_pk(known, now->block.device_pk);

		if (before != NULL &&
		    (now->rank > before->cert.rank ||
			box_counter(&card->devices[i]) < box_counter(before)))
			return true;
	}
	return false;
}

static bool
names_gone(const struct card *card, const uint8_t device_pk[static SIGN_PK_LEN])
{
	for (size_t i = 0; i < card->gone_len; i++)
		if (memcmp(card->gone[i].device_pk, device_pk, SIGN_PK_LEN) ==
		    0)
			return true;
	return false;
}

/* Whether a card takes back that a device is gone: lists it, or does not say so
 * any more though who had said it is still there. */
static bool
takes_back(const struct card *known, const struct card *card)
{
	for (size_t i = 0; i < known->gone_len; i++) {
		const struct gone *g = &known->gone[i];
		const struct card_device *listed =
		    card_device_by_pk(card, g->device_pk);
		bool stands =
		    memcmp(g->issuer_pk, card->root_pk, SIGN_PK_LEN) == 0 ||
		    card_device_by_pk(card, g->issuer_pk) != NULL;

		if (listed != NULL && ends(known, card, g, listed))
			return true;
		if (listed == NULL && stands &&
		    card->gone_len < CARD_GONE_MAX &&
		    !names_gone(card, g->device_pk))
			return true;
	}
	return false;
}

bool
card_supersedes(const struct card *known, const struct card *card)
{
	bool lies, ended = ends_listed(known, card, &lies);

	if (lies || demotes(known, card) || takes_back(known, card))
		return false;
	/* Who is ended must not shut out what comes later, by a serial that
	 * nobody reaches. */
	return ended || says_more(known, card);
}
