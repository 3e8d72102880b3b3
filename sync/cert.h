/*
 * cert.h - who a device says it is, who vouches for it, and the statement that
 * it is gone (docs/protocol.md section 9).
 *
 *   device block (228): device pk, noise pk, box pk, box counter u32,
 *                       box signature, self signature
 *   certificate (362):  root pk, block, rank u16, serial u32, issuer pk, sig
 *   gone (132):         device pk, serial u32, issuer pk, sig
 *   proof:              u8 n (1..8), n x certificate: mine, then the issuer's
 *                       of the one before, the last signed by the root
 *
 * Decoding checks lengths only; what is decoded means nothing before its
 * _verify.  Plain structs without views.  Pure; any thread.
 */
#ifndef SYNC_CERT_H
#define SYNC_CERT_H

#include "crypto/seal.h"
#include "crypto/sign.h"

#define DEVICE_BLOCK_LEN 228
#define CERT_LEN 362
#define GONE_LEN 132
#define PROOF_CERTS_MAX 8
#define PROOF_LEN_MAX (1 + PROOF_CERTS_MAX * CERT_LEN)

struct device_block {
	uint8_t device_pk[SIGN_PK_LEN];
	uint8_t noise_pk[DH_LEN];
	uint8_t box_pk[DH_LEN];
	uint32_t box_counter;
	uint8_t box_sig[SIGN_LEN]; /* by the device, over box key and counter */
	uint8_t self_sig[SIGN_LEN]; /* by the device, over its noise key */
};

/* A box key that can enter a document: X25519 with it gives no zero. */
LK_MUST_USE bool box_pk_valid(const uint8_t pk[static DH_LEN]);
/* The box statement: "lk1 box cert", device pk, box pk, counter. */
void box_statement_sign(uint8_t sig[static SIGN_LEN],
    const struct sign_key *device, const uint8_t box_pk[static DH_LEN],
    uint32_t counter);
LK_MUST_USE bool box_statement_verify(const uint8_t sig[static SIGN_LEN],
    const uint8_t device_pk[static SIGN_PK_LEN],
    const uint8_t box_pk[static DH_LEN], uint32_t counter);

void device_block_make(struct device_block *, const struct sign_key *device,
    const uint8_t noise_pk[static DH_LEN], const uint8_t box_pk[static DH_LEN],
    uint32_t box_counter);
void device_block_write(struct buf *, const struct device_block *);
void device_block_read(struct rd *, struct device_block *);
/* Keys are valid and both signatures are the device's. */
LK_MUST_USE bool device_block_verify(const struct device_block *);

struct cert {
	uint8_t root_pk[SIGN_PK_LEN];
	struct device_block block;
	uint16_t rank; /* above 0, the root's */
	uint32_t serial;
	uint8_t issuer_pk[SIGN_PK_LEN];
	uint8_t sig[SIGN_LEN];
};

/* *cert has root_pk, block, rank and serial set; issuer_pk and sig follow. */
void cert_sign(struct cert *, const struct sign_key *issuer);
void cert_write(struct buf *, const struct cert *);
void cert_read(struct rd *, struct cert *);
/* All of in; TRUNCATED, MALFORMED. */
LK_MUST_USE lk_err cert_decode(struct cert *, struct bytes in);
/* What a certificate alone can show: block, rank, issuer's signature. */
LK_MUST_USE bool cert_verify(const struct cert *);

/* A newer box key than that of a certificate, as the device itself states it.
 */
struct box_statement {
	uint8_t pk[DH_LEN];
	uint32_t counter; /* 0: there is none */
	uint8_t sig[SIGN_LEN];
};
#define BOX_NEWER_LEN 100
void box_newer_write(struct buf *, const struct box_statement *);
void box_newer_read(struct rd *, struct box_statement *);
/* The device's own word, and newer than what the certificate has. */
LK_MUST_USE bool box_newer_verify(
    const struct box_statement *, const struct cert *);
/* The certificate as a grant is made from it: with the newer box key, where
 * there is one.  It is not the issuer's word any more. */
struct cert cert_grantee(const struct cert *, const struct box_statement *);

struct proof {
	struct cert certs[PROOF_CERTS_MAX];
	size_t len;
};

void proof_write(struct buf *, const struct proof *);
/* A count out of 1..PROOF_CERTS_MAX makes the reader fail as malformed. */
void proof_read(struct rd *, struct proof *);
LK_MUST_USE lk_err proof_decode(struct proof *, struct bytes in);
/* Every certificate alone, one root in all, each issued by the next one's
 * device with a strictly smaller rank, the last by the root; and that root is
 * root_pk unless NULL.  200 us a certificate. */
LK_MUST_USE bool proof_verify(const struct proof *, const uint8_t *root_pk);

struct gone {
	uint8_t device_pk[SIGN_PK_LEN];
	uint32_t serial;
	uint8_t issuer_pk[SIGN_PK_LEN];
	uint8_t sig[SIGN_LEN];
};

void gone_make(struct gone *, const uint8_t root_pk[static SIGN_PK_LEN],
    const uint8_t device_pk[static SIGN_PK_LEN], uint32_t serial,
    const struct sign_key *issuer);
void gone_write(struct buf *, const struct gone *);
void gone_read(struct rd *, struct gone *);
/* The signature only. */
LK_MUST_USE bool gone_verify(
    const struct gone *, const uint8_t root_pk[static SIGN_PK_LEN]);
/* Whether a verified statement ends the device of this verified certificate:
 * the issuer is the root, or the device of `issuer` with a smaller rank.
 * `issuer` may be NULL. */
LK_MUST_USE bool gone_ends(
    const struct gone *, const struct cert *target, const struct cert *issuer);

#endif
