#include "crypto/noise.h"

#include <sodium.h>
#include <string.h>

#include "crypto/digest.h"

#define BLOCK_LEN 128
#define MESSAGES_MAX 3
#define TOKENS_MAX 4
#define REKEY_MASK 0xffffu

_Static_assert(
    NOISE_KEY_LEN == crypto_aead_chacha20poly1305_ietf_KEYBYTES, "ChaChaPoly");
_Static_assert(
    NOISE_TAG_LEN == crypto_aead_chacha20poly1305_ietf_ABYTES, "ChaChaPoly");
_Static_assert(
    NOISE_HASH_LEN == crypto_generichash_blake2b_BYTES_MAX, "BLAKE2b");

enum token { END, E, S, EE, ES, SE, PSK };

/* Messages go to and fro, the initiator's first. */
static const struct pattern {
	const char *name;
	bool responder_known; /* "<- s" before the first message */
	bool psk;
	size_t messages_count;
	enum token messages[MESSAGES_MAX][TOKENS_MAX + 1];
} patterns[] = {
	[NOISE_XK] = { "Noise_XK_25519_ChaChaPoly_BLAKE2b", true, false, 3,
	    { { E, ES }, { E, EE }, { S, SE } } },
	[NOISE_XKPSK3] = { "Noise_XKpsk3_25519_ChaChaPoly_BLAKE2b", true, true,
	    3, { { E, ES }, { E, EE }, { S, SE, PSK } } },
	[NOISE_XX] = { "Noise_XX_25519_ChaChaPoly_BLAKE2b", false, false, 3,
	    { { E }, { E, EE, S, ES }, { S, SE } } },
	[NOISE_NK] = { "Noise_NK_25519_ChaChaPoly_BLAKE2b", true, false, 2,
	    { { E, ES }, { E, EE } } },
};

static void
hash_two(uint8_t out[static NOISE_HASH_LEN], struct bytes a, struct bytes b)
{
	crypto_generichash_blake2b_state st;

	(void)crypto_generichash_blake2b_init(&st, NULL, 0, NOISE_HASH_LEN);
	if (a.len > 0)
		(void)crypto_generichash_blake2b_update(&st, a.ptr, a.len);
	if (b.len > 0)
		(void)crypto_generichash_blake2b_update(&st, b.ptr, b.len);
	(void)crypto_generichash_blake2b_final(&st, out, NOISE_HASH_LEN);
	sodium_memzero(&st, sizeof(st));
}

/* HMAC with a key no longer than a block (RFC 2104), over a || b. */
static void
hmac(uint8_t out[static NOISE_HASH_LEN], const uint8_t *key, struct bytes a,
    struct bytes b)
{
	uint8_t pad[BLOCK_LEN + NOISE_HASH_LEN + 1];
	uint8_t inner[NOISE_HASH_LEN];
	struct bytes block = { pad, BLOCK_LEN + a.len };

	LK_ASSERT(a.len <= sizeof(pad) - BLOCK_LEN);
	for (size_t i = 0; i < BLOCK_LEN; i++)
		pad[i] = (uint8_t)((i < NOISE_HASH_LEN ? key[i] : 0) ^ 0x36);
	if (a.len > 0)
		memcpy(pad + BLOCK_LEN, a.ptr, a.len);
	hash_two(inner, block, b);
	for (size_t i = 0; i < BLOCK_LEN; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	hash_two(out, BYTES(pad, BLOCK_LEN), BYTES_OF(inner));
	sodium_memzero(pad, sizeof(pad));
	sodium_memzero(inner, sizeof(inner));
}

/* HKDF of the Noise specification: n outputs, one behind the other. */
static void
hkdf(uint8_t *out, size_t n, const uint8_t chain[static NOISE_HASH_LEN],
    struct bytes material)
{
	uint8_t temp[NOISE_HASH_LEN];
	struct bytes before = { 0 };

	hmac(temp, chain, BYTES(NULL, 0), material);
	for (size_t i = 0; i < n; i++) {
		uint8_t number = (uint8_t)(i + 1);
		uint8_t *at = out + i * NOISE_HASH_LEN;

		hmac(at, temp, before, BYTES(&number, 1));
		before = BYTES(at, NOISE_HASH_LEN);
	}
	sodium_memzero(temp, sizeof(temp));
}

static void
nonce_bytes(
    uint8_t out[static crypto_aead_chacha20poly1305_ietf_NPUBBYTES], uint64_t n)
{
	memset(out, 0, 4);
	for (size_t i = 0; i < sizeof(n); i++)
		out[4 + i] = (uint8_t)(n >> (8 * i));
}

/* In place; `at` has room for the tag behind the n bytes. */
static void
cipher_seal(const struct noise_cipher *c, uint64_t nonce, uint8_t *at, size_t n,
    struct bytes aad)
{
	uint8_t raw[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

	nonce_bytes(raw, nonce);
	(void)crypto_aead_chacha20poly1305_ietf_encrypt(
	    at, NULL, at, n, aad.ptr, aad.len, NULL, raw, c->key);
}

static bool
cipher_open(const struct noise_cipher *c, uint8_t *out, struct bytes in,
    struct bytes aad)
{
	uint8_t raw[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

	nonce_bytes(raw, c->nonce);
	return crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL,
		   in.ptr, in.len, aad.ptr, aad.len, raw, c->key) == 0;
}

/* REKEY of the specification: encrypt zeros under the reserved nonce. */
static void
cipher_next(struct noise_cipher *c)
{
	uint8_t key[NOISE_KEY_LEN + NOISE_TAG_LEN] = { 0 };

	c->nonce++;
	if ((c->nonce & REKEY_MASK) != 0)
		return;
	cipher_seal(c, UINT64_MAX, key, NOISE_KEY_LEN, BYTES(NULL, 0));
	memcpy(c->key, key, NOISE_KEY_LEN);
	sodium_memzero(key, sizeof(key));
}

lk_err
noise_seal(struct noise_cipher *c, struct buf *out, struct bytes head,
    struct bytes body)
{
	uint8_t *at;

	if (head.len > NOISE_PLAIN_MAX ||
	    body.len > NOISE_PLAIN_MAX - head.len || c->nonce == UINT64_MAX)
		return LK_ERR(LK_E_LIMIT, "noise message");
	at = buf_extend(out, head.len + body.len + NOISE_TAG_LEN);
	if (at == NULL)
		return buf_err(out, "noise message");
	if (head.len > 0)
		memcpy(at, head.ptr, head.len);
	if (body.len > 0)
		memcpy(at + head.len, body.ptr, body.len);
	cipher_seal(c, c->nonce, at, head.len + body.len, BYTES(NULL, 0));
	cipher_next(c);
	return LK_NONE;
}

lk_err
noise_open(struct noise_cipher *c, struct buf *out, struct bytes message)
{
	size_t len = out->len;
	uint8_t *at;

	if (message.len < NOISE_TAG_LEN)
		return LK_ERR(LK_E_TRUNCATED, "noise message");
	if (message.len > NOISE_MESSAGE_MAX || c->nonce == UINT64_MAX)
		return LK_ERR(LK_E_LIMIT, "noise message");
	at = buf_extend(out, message.len - NOISE_TAG_LEN);
	if (out->failed)
		return buf_err(out, "noise message");
	if (!cipher_open(c, at, message, BYTES(NULL, 0))) {
		out->len = len;
		return LK_ERR(LK_E_MALFORMED, "noise message");
	}
	cipher_next(c);
	return LK_NONE;
}

void
noise_cipher_clear(struct noise_cipher *c)
{
	sodium_memzero(c, sizeof(*c));
}

static void
mix_hash(struct noise *n, struct bytes b)
{
	hash_two(n->hash, BYTES(n->hash, NOISE_HASH_LEN), b);
}

static void
cipher_set(struct noise *n, const uint8_t key[static NOISE_KEY_LEN])
{
	memcpy(n->cipher.key, key, NOISE_KEY_LEN);
	n->cipher.nonce = 0;
	n->keyed = true;
}

static void
mix_key(struct noise *n, struct bytes material)
{
	uint8_t out[2 * NOISE_HASH_LEN];

	hkdf(out, 2, n->chain, material);
	memcpy(n->chain, out, NOISE_HASH_LEN);
	cipher_set(n, out + NOISE_HASH_LEN);
	sodium_memzero(out, sizeof(out));
}

static void
mix_key_and_hash(struct noise *n, struct bytes material)
{
	uint8_t out[3 * NOISE_HASH_LEN];

	hkdf(out, 3, n->chain, material);
	memcpy(n->chain, out, NOISE_HASH_LEN);
	mix_hash(n, BYTES(out + NOISE_HASH_LEN, NOISE_HASH_LEN));
	cipher_set(n, out + 2 * NOISE_HASH_LEN);
	sodium_memzero(out, sizeof(out));
}

static lk_err
mix_dh(struct noise *n, const struct dh_key *ours,
    const uint8_t theirs[static DH_LEN])
{
	uint8_t shared[DH_LEN];

	if (!dh(shared, ours->sk, theirs))
		return LK_ERR(LK_E_MALFORMED, "noise: low-order point");
	mix_key(n, BYTES_OF(shared));
	sodium_memzero(shared, sizeof(shared));
	return LK_NONE;
}

/* A key of our own in their place is our own bytes thrown back at us. */
static lk_err
own_key_check(const struct noise *n, const uint8_t key[static DH_LEN])
{
	if (digest_equal(key, n->local.pk, DH_LEN) ||
	    digest_equal(key, n->ephemeral.pk, DH_LEN))
		return LK_ERR(LK_E_DENIED, "noise: our own key came back");
	return LK_NONE;
}

static lk_err
mix_token(struct noise *n, enum token t)
{
	switch (t) {
	case EE:
		return mix_dh(n, &n->ephemeral, n->remote_ephemeral);
	case ES:
		return n->initiator ? mix_dh(n, &n->ephemeral, n->remote)
				    : mix_dh(n, &n->local, n->remote_ephemeral);
	case SE:
		return n->initiator ? mix_dh(n, &n->local, n->remote_ephemeral)
				    : mix_dh(n, &n->ephemeral, n->remote);
	case PSK:
		mix_key_and_hash(n, BYTES_OF(n->psk));
		return LK_NONE;
	case E:
	case S:
	case END:
		break;
	}
	return LK_NONE;
}

/* Encrypts once there is a key; either way h covers what is on the wire. */
static lk_err
write_part(struct noise *n, struct buf *out, struct bytes plain)
{
	size_t len = plain.len + (n->keyed ? NOISE_TAG_LEN : 0);
	uint8_t *at = buf_extend(out, len);

	if (out->failed)
		return buf_err(out, "noise handshake");
	if (plain.len > 0)
		memcpy(at, plain.ptr, plain.len);
	if (n->keyed) {
		cipher_seal(&n->cipher, n->cipher.nonce, at, plain.len,
		    BYTES_OF(n->hash));
		n->cipher.nonce++;
	}
	mix_hash(n, BYTES(at, len));
	return LK_NONE;
}

static lk_err
read_part(struct noise *n, uint8_t *out, struct bytes in)
{
	if (n->keyed) {
		if (!cipher_open(&n->cipher, out, in, BYTES_OF(n->hash)))
			return LK_ERR(LK_E_MALFORMED, "noise handshake");
		n->cipher.nonce++;
	} else if (in.len > 0) {
		memcpy(out, in.ptr, in.len);
	}
	mix_hash(n, in);
	return LK_NONE;
}

static void
mix_ephemeral(struct noise *n, struct bytes pk)
{
	mix_hash(n, pk);
	if (patterns[n->pattern].psk)
		mix_key(n, pk);
}

static lk_err
write_token(struct noise *n, struct buf *out, enum token t)
{
	if (t == E) {
		buf_mem(out, n->ephemeral.pk, DH_LEN);
		mix_ephemeral(n, BYTES_OF(n->ephemeral.pk));
		return LK_NONE;
	}
	if (t == S)
		return write_part(n, out, BYTES_OF(n->local.pk));
	return mix_token(n, t);
}

static lk_err
read_token(struct noise *n, struct rd *in, enum token t)
{
	struct bytes part;

	if (t == E) {
		part = rd_take(in, DH_LEN);
		TRY(own_key_check(n, part.ptr));
		memcpy(n->remote_ephemeral, part.ptr, DH_LEN);
		mix_ephemeral(n, part);
		return LK_NONE;
	}
	if (t == S) {
		part = rd_take(in, DH_LEN + (n->keyed ? NOISE_TAG_LEN : 0));
		TRY(read_part(n, n->remote, part));
		return own_key_check(n, n->remote);
	}
	return mix_token(n, t);
}

void
noise_init(struct noise *n, const struct noise_config *config)
{
	const struct pattern *p = &patterns[config->pattern];

	LK_ASSERT(config->psk != NULL || !p->psk);
	LK_ASSERT(config->remote != NULL || !config->initiator ||
	    !p->responder_known);
	LK_ASSERT(config->local != NULL ||
	    (config->initiator && config->pattern == NOISE_NK));
	memset(n, 0, sizeof(*n));
	n->pattern = config->pattern;
	n->initiator = config->initiator;
	memcpy(n->hash, p->name, strlen(p->name));
	memcpy(n->chain, n->hash, NOISE_HASH_LEN);
	mix_hash(n, config->prologue);
	dh_key_from_secret(&n->ephemeral, config->ephemeral);
	if (config->local != NULL)
		n->local = *config->local;
	if (p->psk)
		memcpy(n->psk, config->psk, NOISE_PSK_LEN);
	if (!p->responder_known)
		return;
	if (n->initiator)
		memcpy(n->remote, config->remote, DH_LEN);
	mix_hash(n, BYTES(n->initiator ? n->remote : n->local.pk, DH_LEN));
}

void
noise_clear(struct noise *n)
{
	sodium_memzero(n, sizeof(*n));
}

bool
noise_done(const struct noise *n)
{
	return n->message == patterns[n->pattern].messages_count;
}

bool
noise_writes(const struct noise *n)
{
	return !noise_done(n) && n->initiator == (n->message % 2 == 0);
}

size_t
noise_overhead(const struct noise *n)
{
	bool keyed = n->keyed;
	size_t len = 0;

	LK_ASSERT(!noise_done(n));
	for (const enum token *t = patterns[n->pattern].messages[n->message];
	     *t != END; t++) {
		if (*t == E || *t == S)
			len += DH_LEN;
		if (*t == S && keyed)
			len += NOISE_TAG_LEN;
		if (*t != S && (*t != E || patterns[n->pattern].psk))
			keyed = true;
	}
	return len + (keyed ? NOISE_TAG_LEN : 0);
}

static lk_err
message_write(struct noise *n, struct buf *out, struct bytes payload)
{
	size_t overhead = noise_overhead(n);

	if (payload.len > NOISE_MESSAGE_MAX - overhead)
		return LK_ERR(LK_E_LIMIT, "noise handshake");
	/* An initiator that was given its own key would talk to itself. */
	if (n->initiator && n->message == 0)
		TRY(own_key_check(n, n->remote));
	for (const enum token *t = patterns[n->pattern].messages[n->message];
	     *t != END; t++)
		TRY(write_token(n, out, *t));
	return write_part(n, out, payload);
}

static lk_err
message_read(struct noise *n, struct buf *payload, struct bytes message)
{
	size_t overhead = noise_overhead(n);
	struct rd in = rd_over(message);
	uint8_t *at;

	/* From here on, every part that is taken is there. */
	if (message.len < overhead)
		return LK_ERR(LK_E_TRUNCATED, "noise handshake");
	if (message.len > NOISE_MESSAGE_MAX)
		return LK_ERR(LK_E_LIMIT, "noise handshake");
	for (const enum token *t = patterns[n->pattern].messages[n->message];
	     *t != END; t++)
		TRY(read_token(n, &in, *t));
	at = buf_extend(payload, message.len - overhead);
	if (payload->failed)
		return buf_err(payload, "noise handshake");
	return read_part(n, at, in.left);
}

/* Whatever a failed message appended is taken back; the handshake is over. */
static lk_err
message_end(struct noise *n, struct buf *b, size_t len, lk_err err)
{
	if (err.code == LK_OK) {
		n->message++;
		return err;
	}
	b->len = len;
	noise_clear(n);
	n->failed = err;
	return err;
}

lk_err
noise_write(struct noise *n, struct buf *out, struct bytes payload)
{
	size_t len = out->len;

	TRY(n->failed);
	LK_ASSERT(noise_writes(n));
	return message_end(n, out, len, message_write(n, out, payload));
}

lk_err
noise_read(struct noise *n, struct buf *payload, struct bytes message)
{
	size_t len = payload->len;

	TRY(n->failed);
	LK_ASSERT(!noise_done(n) && !noise_writes(n));
	return message_end(n, payload, len, message_read(n, payload, message));
}

void
noise_split(
    struct noise *n, struct noise_cipher *send, struct noise_cipher *receive)
{
	uint8_t out[2 * NOISE_HASH_LEN], hash[NOISE_HASH_LEN], remote[DH_LEN];
	uint8_t *first = out, *second = out + NOISE_HASH_LEN;

	LK_ASSERT(n->failed.code == LK_OK && noise_done(n));
	hkdf(out, 2, n->chain, BYTES(NULL, 0));
	memset(send, 0, sizeof(*send));
	memset(receive, 0, sizeof(*receive));
	memcpy(send->key, n->initiator ? first : second, NOISE_KEY_LEN);
	memcpy(receive->key, n->initiator ? second : first, NOISE_KEY_LEN);
	memcpy(hash, n->hash, sizeof(hash));
	memcpy(remote, n->remote, sizeof(remote));
	noise_clear(n);
	memcpy(n->hash, hash, sizeof(hash));
	memcpy(n->remote, remote, sizeof(remote));
	sodium_memzero(out, sizeof(out));
}
