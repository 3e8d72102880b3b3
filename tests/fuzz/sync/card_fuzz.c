/*
 * Cards and the certificates in them.  What decodes is encoded again, signed
 * by somebody else, and must come back the same in all that is kept of it.
 */
#include <string.h>

#include "crypto/random.h"
#include "sync/card.h"
#include "sync/pairing.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
again(const struct card *c)
{
	static const uint8_t seed[32] = { 1 };
	BUF_SCOPED out = { .max = CARD_MAX };
	struct sign_key signer;
	ARENA_SCOPED arena = { 0 };
	struct card got;

	arena_init(&arena, 256 * 1024);
	sign_key_from_seed(&signer, seed);
	LK_ASSERT(card_encode(&out, c, &signer).code == LK_OK);
	LK_ASSERT(card_decode(&got, &arena, buf_bytes(&out)).code == LK_OK);
	LK_ASSERT(got.devices_len == c->devices_len &&
	    got.gone_len == c->gone_len && got.serial == c->serial &&
	    bytes_equal(got.name, c->name) && got.relays.len == c->relays.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ARENA_SCOPED arena = { 0 };
	struct bytes name;
	struct cert cert;
	struct proof p;
	struct card c;

	LK_ASSERT(crypto_start().code == LK_OK);
	arena_init(&arena, 256 * 1024);
	if (card_decode(&c, &arena, BYTES(data, size)).code == LK_OK) {
		(void)card_device_by_noise(&c, c.root_pk);
		LK_ASSERT(card_verify(&c).code != LK_OK ||
		    card_proof(&c, &p, c.signer_pk).code == LK_OK);
		again(&c);
	}
	if (recover_hello_read(BYTES(data, size), &cert, &name).code == LK_OK)
		LK_ASSERT(name.len >= 1 && name.len <= UINT8_MAX);
	if (proof_decode(&p, BYTES(data, size)).code == LK_OK)
		LK_ASSERT(p.len >= 1 && p.len <= PROOF_CERTS_MAX);
	return 0;
}
