/*
 * Envelopes as they arrive.  The first byte chooses: bytes for the parser; or
 * a plaintext of any kind, sealed with a good key, for what comes after the
 * AEAD, where random bytes would never get.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/random.h"
#include "sync/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const uint8_t seed[32] = { 1 };

static void
open_any(const struct envelope *e, const struct epoch *epoch)
{
	struct envelope_content c;
	ARENA_SCOPED arena = { 0 };

	arena_init(&arena, 2 * ENVELOPE_MAX);
	if (envelope_open(e, epoch, &arena, &c).code == LK_OK)
		LK_ASSERT(
		    padding_bucket(SIGN_LEN + c.body.len) + SEAL_TAG_LEN ==
		    e->ciphertext.len);
}

static void
parse_any(struct bytes in)
{
	struct epoch epoch;
	struct envelope e;
	uint8_t id[LK_ID_LEN];

	if (envelope_parse(&e, in).code != LK_OK)
		return;
	LK_ASSERT(ENVELOPE_HEADER_LEN + e.key_section.len + e.ciphertext.len ==
	    in.len);
	envelope_id(id, in);
	LK_ASSERT(memcmp(id, e.id, sizeof(id)) == 0);
	epoch_derive(&epoch, seed);
	/* Any key is the right one here. */
	memcpy(epoch.etag, e.etag, sizeof(epoch.etag));
	open_any(&e, &epoch);
}

/* in: a plaintext behind its signature, padded to a bucket. */
static void
sealed_any(struct bytes in)
{
	size_t len = padding_bucket(SIGN_LEN + in.len + 1);
	BUF_SCOPED plain = { .max = ENVELOPE_MAX };
	BUF_SCOPED all = { .max = ENVELOPE_MAX };
	uint8_t nonce[SEAL_NONCE_LEN], *at;
	struct bytes header;
	struct epoch epoch;
	struct envelope e;

	epoch_derive(&epoch, seed);
	at = buf_extend(&plain, len);
	if (at == NULL)
		return;
	memset(at, 0, len);
	if (in.len > 0)
		memcpy(at + SIGN_LEN, in.ptr, in.len);
	buf_u8(&all, ENVELOPE_VERSION);
	buf_u8(&all, 0);
	at = buf_extend(&all, 2 * (size_t)LK_TOPIC_LEN);
	LK_ASSERT(at != NULL);
	memset(at, 7, 2 * (size_t)LK_TOPIC_LEN);
	buf_u64(&all, 2);
	buf_mem(&all, seed, LK_ID_LEN);
	buf_mem(&all, epoch.etag, sizeof(epoch.etag));
	buf_u64(&all, 0);
	header = buf_bytes(&all);
	digest(nonce, sizeof(nonce), DIGEST_NONCE, NULL, header);
	if (buf_extend(&all, len + SEAL_TAG_LEN) == NULL)
		return;
	all.len -= len + SEAL_TAG_LEN;
	seal(&all, epoch.content, nonce, BYTES(all.ptr, header.len),
	    buf_bytes(&plain));
	LK_ASSERT(envelope_parse(&e, buf_bytes(&all)).code == LK_OK);
	open_any(&e, &epoch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LK_ASSERT(crypto_start().code == LK_OK);
	if (size == 0 || size > 4096)
		return 0;
	if (data[0] & 1)
		sealed_any(BYTES(data + 1, size - 1));
	else
		parse_any(BYTES(data + 1, size - 1));
	return 0;
}
