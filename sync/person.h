/*
 * person.h - inside sync/: this person's keys, devices and contacts as they
 * stand in the home document (access.md section 9), and what is made of them:
 * certificates, cards, grants.
 */
#ifndef SYNC_PERSON_H
#define SYNC_PERSON_H

#include "sync/card.h"
#include "sync/replica.h"

#define PERSON_ENTRIES_MAX 256
#define PERSON_ARENA_MAX ((size_t)512 * 1024)

/* A device of this person: a key with a grant in the home document, and what
 * that says of it.  Certificates there are anybody's to write: what they say
 * counts only where it is verified, for others. */
struct person_device {
	struct cert cert; /* not verified; rank 0: none, but for the keys */
	uint16_t rank;    /* of its most senior grant in the home document */
	enum role now;    /* its role there */
	bool listed;      /* it has an entry there */
	bool gone;        /* revoked: a verified statement says so */
	struct gone statement;
	struct box_statement
	    box; /* newer than the certificate's, or counter 0 */
	uint8_t beacon_key[BEACON_KEY_LEN]; /* zero: it has not said it */
	struct wall since; /* what it did from then on does not stay; 0: all
			    * that was seen stays */
};
/* All there ever were, at most PERSON_ENTRIES_MAX, the first to come, ascending
 * by key; the array is in the arena.  65 us for each that is gone. */
LK_MUST_USE lk_err person_all(struct replica *, struct arena *,
    const struct person_device **, size_t *len);
/* The one with this key, or NULL. */
const struct person_device *person_device_in(
    const struct person_device *, size_t len, const uint8_t pk[static 32]);
/*
 * Ends a device: the home document takes its grant away and says that it is
 * gone, and devices it has certified get a certificate of this one.  With
 * `since` what it did from then on does not stay.
 *   NOTFOUND  no device; EXISTS  gone already; DENIED  not senior to it
 */
LK_MUST_USE lk_err person_revoke(
    struct replica *, const uint8_t pk[static 32], struct wall since);
/* The same by the root key, and in every document at once.  DENIED also when
 * the key is of somebody else. */
LK_MUST_USE lk_err person_revoke_by_root(struct replica *,
    const struct sign_key *root, const uint8_t pk[static 32],
    struct wall since);
/* The first half of it, in the home document; and the other, in one document,
 * keeping all the device's work: NOTFOUND, DENIED. */
LK_MUST_USE lk_err person_revoke_at_home_by_root(struct replica *,
    const struct sign_key *root, const uint8_t pk[static 32],
    struct wall since);
LK_MUST_USE lk_err person_revoke_in_by_root(struct replica *,
    const struct sign_key *root, uint32_t docno, const uint8_t pk[static 32]);
/*
 * Ends every grant of a device of this person in a document that this device
 * may end, keeping all its work, or what was here before `since`.
 *   NOTFOUND  it has none; DENIED  none that is for this device to end
 */
LK_MUST_USE lk_err person_revoke_in(struct replica *, uint32_t docno,
    const uint8_t pk[static 32], struct wall since);
/* Enters a box key of this device, and its secrets in the escrow, into the home
 * document; `next` is this device with that key. */
LK_MUST_USE lk_err person_rotate(struct replica *, const struct identity *next);
/* u8 1, genesis seed 32, n x box secret 32: what the phrase gives back. */
#define ESCROW_MAX (1 + 32 + IDENTITY_BOXES_MAX * DH_LEN)
/* Appends it, sealed to the root's recovery box. */
LK_MUST_USE lk_err escrow_seal(const struct identity *,
    const uint8_t recovery[static DH_LEN], struct buf *out);
/* The root's recovery box, by the home document.  NOTFOUND. */
LK_MUST_USE lk_err person_recovery_box(
    struct replica *, uint32_t home, uint8_t out[static DH_LEN]);
/* Puts this device's secrets there when it is listed and has none yet. */
LK_MUST_USE lk_err person_escrow(struct replica *);
/* Says this device's newest box key in a document.  EXISTS: it is known there;
 * DENIED: no reader here. */
LK_MUST_USE lk_err person_rekey_in(struct replica *, uint32_t docno);
/* What grants to this person's devices are made from (cert_grantee), this one
 * included; none before there is a home document. */
LK_MUST_USE lk_err person_devices(struct replica *,
    struct cert certs[static PERSON_DEVICES_MAX], size_t *len);
/* Adds a device that was certified here: home document and home grant. */
LK_MUST_USE lk_err person_add_device(
    struct replica *, const struct cert *, const char *name);
/* The second half of it: its entry in the home document. */
LK_MUST_USE lk_err person_enter_device(
    struct replica *, const struct cert *, const char *name);
/* Certifies another device as this person's, by this device. */
LK_MUST_USE lk_err person_certify(
    struct replica *, const struct device_block *, struct cert *);
/* The chain from a device's certificate to the root, not verified; NOTFOUND. */
LK_MUST_USE lk_err person_proof(
    struct replica *, const uint8_t device_pk[static 32], struct proof *);
/* The same among these. */
LK_MUST_USE lk_err person_proof_among(const struct person_device *, size_t len,
    const uint8_t device_pk[static 32], struct proof *);
/* Takes a certificate by which a senior device has renewed this one's into the
 * identity, and puts this one's back, with its box key, where the home document
 * has another. */
LK_MUST_USE lk_err person_certificate(struct replica *, struct identity *);
/* Whether a device of these certificates is one of this person that is gone. */
LK_MUST_USE lk_err person_proof_gone(
    struct replica *, const struct proof *, bool *gone);
/* This person's card, signed by this device. */
LK_MUST_USE lk_err person_card(struct replica *, struct buf *card);
/* Keeps a contact's verified card, unless it is older than the one held.
 * *is_new: nobody of this root key was known. */
LK_MUST_USE lk_err person_keep_card(
    struct replica *, struct bytes card, bool *is_new);
/* A contact's card; NOTFOUND. */
LK_MUST_USE lk_err person_contact(struct replica *,
    const uint8_t root_pk[static 32], struct arena *, struct card *);
/* The certificate of a device of this person or of a contact; NOTFOUND. */
LK_MUST_USE lk_err person_device(
    struct replica *, const uint8_t device_pk[static 32], struct cert *);
/* Addresses this device tells others. */
void person_addresses(struct replica *, struct addresses *);

/* beacon_key.c: who is recognised on the local network. */
struct known_beacon {
	uint8_t pk[32], key[BEACON_KEY_LEN];
};
struct beacon_book {
	uint8_t mine[BEACON_KEY_LEN];
	bool said;       /* the home document has mine */
	uint8_t own[32]; /* a hash of all keys of this person's devices */
	size_t len;
	struct known_beacon at[PEERS_MAX]; /* others'; no more than that */
};
/* From the home document and the cards in it.  NOTFOUND without one. */
LK_MUST_USE lk_err person_beacons(struct replica *, struct beacon_book *);
/* The key of this device's beacons as of now; NOTFOUND. */
LK_MUST_USE lk_err person_beacon_key(
    struct replica *, uint8_t key[static BEACON_KEY_LEN]);
/* Says it in the home document, if that lists this device and it may. */
LK_MUST_USE lk_err person_beacon_say(
    struct replica *, const uint8_t key[static BEACON_KEY_LEN]);

/* A grant op for a device of one person under an enrolling grant. */
void grant_own_device(
    struct op_grant *, const struct cert *, enum role, uint16_t rank);
/* The rank of a person's grant by somebody of rank `mine` (access.md section
 * 9). */
uint16_t person_rank(enum role, int32_t mine);
/* Makes a document known and admits its genesis, made here. */
LK_MUST_USE lk_err create_admit(struct replica *, struct bytes envelope,
    const uint8_t *docid, const struct epoch *, const struct topic *, bool home,
    uint32_t *docno);
/* A new document that holds an import of these chunks, none if there are none;
 * it has no name yet. */
LK_MUST_USE lk_err create_imported(
    struct replica *, struct bytes chunks, uint32_t *docno);

#endif
