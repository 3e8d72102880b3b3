/*
 * card.h - what a person tells contacts: name, devices with their certificates
 * and addresses, devices that are gone, relays; signed by one of the devices
 * (docs/protocol.md section 9).
 *
 *   u8 1, root pk 32, serial u64, u8 n, name,
 *   u8 n (1..32), n x (certificate, beacon key 32, u8 k <= 8, k x TLV
 *   [, u8 0 or 1, box pk 32, counter u32, sig 64]),
 *   u8 n <= 32, n x gone, u8 n <= 8, n x relay TLV, signer pk 32, sig 64
 *
 * The first byte is 2 when some device has a newer box key than its certificate
 * says; then each device ends with whether, and which.  Which of two the
 * receiver keeps: card_supersedes. Pure; any thread.
 */
#ifndef SYNC_CARD_H
#define SYNC_CARD_H

#include "base/arena.h"
#include "sync/address.h"
#include "sync/beacon.h"
#include "sync/cert.h"

#define CARD_MAX (24 * 1024)
#define CARD_GONE_MAX 32

struct card_device {
	struct cert cert;
	uint8_t
	    beacon_key[BEACON_KEY_LEN]; /* zero: the signer does not know it */
	struct addresses addresses;
	struct box_statement box; /* counter 0: that of the certificate */
};

struct card {
	uint8_t root_pk[SIGN_PK_LEN];
	uint64_t serial;
	struct bytes name; /* UTF-8, at most LK_NAME_MAX bytes */
	struct card_device *devices;
	size_t devices_len; /* 1 to PERSON_DEVICES_MAX */
	struct gone *gone;
	size_t gone_len;
	struct addresses relays;
	/* Set by decoding: */
	uint8_t signer_pk[SIGN_PK_LEN];
	uint8_t sig[SIGN_LEN];
	struct bytes signed_part;
};

/* Appends the card, signed by a listed device.  LIMIT when over CARD_MAX or a
 * count or the name is out of bounds, with out as it was; NOMEM. */
LK_MUST_USE lk_err card_encode(
    struct buf *out, const struct card *, const struct sign_key *signer);
/* Shape only.  Arrays are in the arena, views borrow the input.  TRUNCATED,
 * MALFORMED, LIMIT, NOMEM; VERSION when the first byte is
 * neither 1 nor 2. */
LK_MUST_USE lk_err card_decode(struct card *, struct arena *, struct bytes);
/*
 * MALFORMED unless: no device is listed twice; each one's certificate chains
 * through listed ones to the root with falling rank, in at most
 * PROOF_CERTS_MAX steps; newer box keys are their devices' own word; the issuer
 * of a gone statement is the root or listed, its signature is good and its
 * device not listed; the signer is listed and the signature good.  200 us a
 * device.
 */
LK_MUST_USE lk_err card_verify(const struct card *);

/*
 * Whether a verified card takes the place of another of the same person.  It
 * has a greater serial and says something else, or ends a device that the known
 * one lists.  And it says that none is gone without somebody senior to it
 * having said so, makes none junior to what it was, goes back to no older box
 * key, and takes back nothing that somebody senior said of one that is gone.
 */
LK_MUST_USE bool card_supersedes(const struct card *known, const struct card *);

/* The device with this key, or NULL. */
const struct card_device *card_device_by_pk(
    const struct card *, const uint8_t device_pk[static SIGN_PK_LEN]);
const struct card_device *card_device_by_noise(
    const struct card *, const uint8_t noise_pk[static DH_LEN]);
/* The chain of a listed device of a verified card. NOTFOUND. */
LK_MUST_USE lk_err card_proof(const struct card *, struct proof *,
    const uint8_t device_pk[static SIGN_PK_LEN]);

#endif
