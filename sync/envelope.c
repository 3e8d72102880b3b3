#include "sync/envelope.h"

#include <string.h>

#include "sync/keysection.h"

#define BUCKET_STEP 32
#define BUCKET_SMALL 512 /* up to here multiples of BUCKET_STEP */
#define GRANT_REF_LEN (LK_ID_LEN + 1)
#define SALT_LEN 8

size_t
padding_bucket(size_t n)
{
	unsigned e = 0, s = 1;
	size_t step;

	LK_ASSERT(n <= ENVELOPE_MAX);
	if (n <= BUCKET_SMALL)
		return (n + BUCKET_STEP - 1) / BUCKET_STEP * BUCKET_STEP;
	while (n >> (e + 1) != 0)
		e++;
	while (e >> s != 0)
		s++;
	step = (size_t)1 << (e - s);
	return (n + step - 1) / step * step;
}

void
envelope_id(uint8_t id[static LK_ID_LEN], struct bytes all)
{
	digest(id, LK_ID_LEN, DIGEST_ENVELOPE, NULL, all);
}

static bool
is_zero(const uint8_t *p, size_t n)
{
	uint8_t any = 0;

	for (size_t i = 0; i < n; i++)
		any |= p[i];
	return any == 0;
}

/* The ciphertext must be a whole bucket and the tag of its AEAD. */
static lk_err
ciphertext_check(struct bytes c)
{
	if (c.len < SIGN_LEN + BUCKET_STEP + SEAL_TAG_LEN)
		return LK_ERR(LK_E_TRUNCATED, "envelope ciphertext");
	if (padding_bucket(c.len - SEAL_TAG_LEN) != c.len - SEAL_TAG_LEN)
		return LK_ERR(LK_E_MALFORMED, "envelope is no bucket");
	return LK_NONE;
}

lk_err
envelope_parse(struct envelope *out, struct bytes in)
{
	struct envelope e = { .all = in };
	struct keysection section;
	struct rd r = rd_over(in);

	if (in.len > ENVELOPE_MAX)
		return LK_ERR(LK_E_LIMIT, "envelope");
	if (rd_u8(&r) != ENVELOPE_VERSION && !r.failed)
		return LK_ERR(LK_E_VERSION, "envelope");
	e.flags = rd_u8(&r);
	rd_copy(&r, e.topic, sizeof(e.topic));
	rd_copy(&r, e.tag, sizeof(e.tag));
	e.seq = rd_u64(&r);
	rd_copy(&r, e.prev, sizeof(e.prev));
	rd_copy(&r, e.etag, sizeof(e.etag));
	rd_copy(&r, e.salt, sizeof(e.salt));
	if (r.failed)
		return LK_ERR(LK_E_TRUNCATED, "envelope header");
	if (e.flags & ~ENVELOPE_KEY_SECTION)
		return LK_ERR(LK_E_MALFORMED, "envelope flags");
	if (e.seq == 0 || (e.seq == 1) != is_zero(e.prev, sizeof(e.prev)))
		return LK_ERR(LK_E_MALFORMED, "envelope seq and prev");
	if (e.flags & ENVELOPE_KEY_SECTION) {
		TRY(keysection_read(&section, &r, e.etag));
		e.key_section = section.all;
	}
	e.ciphertext = r.left;
	TRY(ciphertext_check(e.ciphertext));
	envelope_id(e.id, in);
	*out = e;
	return LK_NONE;
}

lk_err
envelope_rebuild(
    struct bytes *all, struct arena *arena, const struct envelope_parts *p)
{
	size_t len;
	struct buf b;

	if (p->rest.len > ENVELOPE_MAX - ENVELOPE_HEADER_LEN)
		return LK_ERR(LK_E_LIMIT, "envelope");
	len = ENVELOPE_HEADER_LEN + p->rest.len;
	/* A buffer that never grows: its memory stays the arena's. */
	b = (struct buf){
		.ptr = arena_alloc(arena, len), .cap = len, .max = len
	};
	if (b.ptr == NULL)
		return LK_ERR(LK_E_NOMEM, "envelope");
	buf_u8(&b, ENVELOPE_VERSION);
	buf_u8(&b, p->key_section ? ENVELOPE_KEY_SECTION : 0);
	buf_mem(&b, p->topic, LK_TOPIC_LEN);
	buf_mem(&b, p->tag, LK_TOPIC_LEN);
	buf_u64(&b, p->seq);
	buf_mem(&b, p->prev, LK_ID_LEN);
	buf_mem(&b, p->etag, LK_TOPIC_LEN);
	buf_mem(&b, p->salt, SALT_LEN);
	buf_add(&b, p->rest);
	*all = buf_bytes(&b);
	return LK_NONE;
}

static void
nonce_of(uint8_t nonce[static SEAL_NONCE_LEN], struct bytes header)
{
	digest(nonce, SEAL_NONCE_LEN, DIGEST_NONCE, NULL, header);
}

static void
digest_signed(uint8_t out[static 32], struct bytes aad, struct bytes padded)
{
	struct digest d;

	digest_init(&d, 32, DIGEST_ENV_SIGN, NULL);
	digest_add(&d, aad);
	digest_add(&d, padded);
	digest_final(&d, out);
}

/*
 * Where the body ends is told by the body alone: walks its outline, `u8 g,
 * [33], uLEB ndeps, deps, u8 nops, nops x (kind, uLEB length, bytes)`.  The
 * body's decoder looks into it again, strictly.
 */
static lk_err
body_outline(struct bytes padded, size_t *len)
{
	struct rd r = rd_over(padded);
	uint8_t g = rd_u8(&r), ops;
	uint64_t deps;

	if (g > 1)
		return LK_ERR(LK_E_MALFORMED, "body grant flag");
	if (g == 1)
		(void)rd_take(&r, GRANT_REF_LEN);
	deps = rd_uleb(&r);
	if (deps > ENVELOPE_DEPS_MAX)
		return LK_ERR(LK_E_MALFORMED, "number of deps");
	(void)rd_take(&r, (size_t)deps * LK_ID_LEN);
	ops = rd_u8(&r);
	if (!r.failed && (ops == 0 || ops > ENVELOPE_OPS_MAX))
		return LK_ERR(LK_E_MALFORMED, "number of ops");
	for (uint8_t i = 0; i < ops && !r.failed; i++) {
		(void)rd_u8(&r);
		(void)rd_counted(&r);
	}
	/* The AEAD was good: what ends too early was written so. */
	if (r.failed)
		return LK_ERR(LK_E_MALFORMED, "body outline");
	*len = padded.len - r.left.len;
	return LK_NONE;
}

lk_err
envelope_open(const struct envelope *e, const struct epoch *epoch,
    struct arena *arena, struct envelope_content *out)
{
	size_t plain_len = e->ciphertext.len - SEAL_TAG_LEN, body_len;
	struct bytes aad = BYTES(e->all.ptr, e->all.len - e->ciphertext.len);
	uint8_t nonce[SEAL_NONCE_LEN], *plain;
	struct bytes padded;

	if (memcmp(epoch->etag, e->etag, sizeof(e->etag)) != 0)
		return LK_ERR(LK_E_WAIT, "epoch key");
	plain = arena_alloc(arena, plain_len);
	if (plain == NULL)
		return LK_ERR(LK_E_NOMEM, "envelope");
	nonce_of(nonce, BYTES(e->all.ptr, ENVELOPE_HEADER_LEN));
	TRY(unseal(plain, epoch->content, nonce, aad, e->ciphertext));
	padded = BYTES(plain + SIGN_LEN, plain_len - SIGN_LEN);
	TRY(body_outline(padded, &body_len));
	if (padding_bucket(SIGN_LEN + body_len) != plain_len ||
	    !is_zero(padded.ptr + body_len, padded.len - body_len))
		return LK_ERR(LK_E_MALFORMED, "envelope padding");
	out->body = BYTES(padded.ptr, body_len);
	memcpy(out->sig, plain, SIGN_LEN);
	digest_signed(out->signed_digest, aad, padded);
	return LK_NONE;
}

static const uint8_t no_docid[LK_ID_LEN];

bool
envelope_verify(const uint8_t sig[static SIGN_LEN],
    const uint8_t author_pk[static SIGN_PK_LEN], const uint8_t *docid,
    const uint8_t signed_digest[static 32])
{
	return sign_verify(sig, author_pk, SIGN_ENVELOPE,
	    BYTES(docid == NULL ? no_docid : docid, LK_ID_LEN),
	    BYTES(signed_digest, 32));
}

static void
salt_of(uint8_t salt[static SALT_LEN], const struct envelope_draft *d)
{
	struct digest h;

	if (d->salt != NULL) {
		memcpy(salt, d->salt, SALT_LEN);
		return;
	}
	digest_init(&h, SALT_LEN, DIGEST_NONCE, d->epoch->content);
	digest_add(&h, BYTES(d->random, 32));
	digest_add(&h, d->key_section);
	digest_add(&h, d->body);
	digest_final(&h, salt);
}

static void
header_write(struct buf *out, const struct envelope_draft *d)
{
	uint8_t tag[LK_TOPIC_LEN], salt[SALT_LEN];

	author_tag(tag, d->topic, d->author->pk);
	salt_of(salt, d);
	buf_u8(out, ENVELOPE_VERSION);
	buf_u8(out, d->key_section.len > 0 ? ENVELOPE_KEY_SECTION : 0);
	buf_mem(out, d->topic->id, LK_TOPIC_LEN);
	buf_mem(out, tag, sizeof(tag));
	buf_u64(out, d->seq);
	buf_mem(out, d->prev == NULL ? no_docid : d->prev, LK_ID_LEN);
	buf_mem(out, d->epoch->etag, LK_TOPIC_LEN);
	buf_mem(out, salt, sizeof(salt));
	buf_add(out, d->key_section);
}

/* signature || body || padding. */
static void
plain_write(struct buf *plain, struct bytes aad, const struct envelope_draft *d,
    size_t plain_len)
{
	uint8_t hash[32], *at = buf_extend(plain, plain_len);
	const uint8_t *docid = d->docid == NULL ? no_docid : d->docid;

	if (at == NULL)
		return;
	memcpy(at + SIGN_LEN, d->body.ptr, d->body.len);
	memset(
	    at + SIGN_LEN + d->body.len, 0, plain_len - SIGN_LEN - d->body.len);
	digest_signed(hash, aad, BYTES(at + SIGN_LEN, plain_len - SIGN_LEN));
	sign(at, d->author, SIGN_ENVELOPE, BYTES(docid, LK_ID_LEN),
	    BYTES_OF(hash));
}

lk_err
envelope_make(struct buf *out, uint8_t id[static LK_ID_LEN],
    const struct envelope_draft *d)
{
	size_t start = out->len, aad_len, plain_len;
	uint8_t nonce[SEAL_NONCE_LEN];
	struct bytes aad;
	bool failed = out->failed;
	BUF_SECRET plain = { .max = ENVELOPE_MAX };
	lk_err err;

	LK_ASSERT((d->seq == 1) == (d->prev == NULL));
	LK_ASSERT((d->random == NULL) != (d->salt == NULL));
	aad_len = ENVELOPE_HEADER_LEN + d->key_section.len;
	LK_ASSERT(d->body.len > 0);
	if (d->body.len > ENVELOPE_BODY_MAX || aad_len > ENVELOPE_MAX)
		return LK_ERR(LK_E_LIMIT, "envelope");
	plain_len = padding_bucket(SIGN_LEN + d->body.len);
	if (plain_len + SEAL_TAG_LEN > ENVELOPE_MAX - aad_len ||
	    aad_len + plain_len + SEAL_TAG_LEN > out->max - out->len)
		return LK_ERR(LK_E_LIMIT, "envelope");
	header_write(out, d);
	/* Room first: the AAD may not move while it is read. */
	if (buf_extend(out, plain_len + SEAL_TAG_LEN) != NULL) {
		out->len -= plain_len + SEAL_TAG_LEN;
		aad = BYTES(out->ptr + start, aad_len);
		plain_write(&plain, aad, d, plain_len);
		nonce_of(nonce, BYTES(aad.ptr, ENVELOPE_HEADER_LEN));
		if (!plain.failed)
			seal(out, d->epoch->content, nonce, aad,
			    buf_bytes(&plain));
	}
	err = buf_err(plain.failed ? &plain : out, "envelope");
	if (err.code != LK_OK) {
		out->len = start;
		out->failed = failed;
		return err;
	}
	envelope_id(id, BYTES(out->ptr + start, out->len - start));
	return LK_NONE;
}
