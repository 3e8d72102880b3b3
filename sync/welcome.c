#include "sync/welcome.h"

#include <string.h>

#include "crypto/seal.h"

enum welcome_flags {
	WELCOME_SECRET = 1, /* S is there */
	WELCOME_SIGNED = 2,
	WELCOME_GRANT = 4, /* the grant's envelope is there */
	WELCOME_NAME = 8,  /* type and name are there */
	WELCOME_FLAGS = 15,
};

void
welcome_clear(struct welcome *w)
{
	if (w != NULL)
		secret_wipe(w, sizeof(*w));
}

/* The keys in the order of their etags, each once; at most as many as there
 * were. */
struct key_order {
	const struct epoch *at[WELCOME_KEYS_MAX];
	size_t len;
};

static void
keys_sort(struct key_order *o, const struct welcome *w)
{
	o->len = 0;
	for (size_t i = 0; i < w->keys_len; i++) {
		const struct epoch *e = &w->keys[i];
		size_t j = o->len;
		int c = 1;

		while (j > 0 &&
		    (c = memcmp(o->at[j - 1]->etag, e->etag, sizeof(e->etag))) >
			0)
			j--;
		if (j > 0 && c == 0)
			continue;
		memmove(
		    &o->at[j + 1], &o->at[j], (o->len - j) * sizeof(o->at[0]));
		o->at[j] = e;
		o->len++;
	}
}

static bool
secret_follows(const struct welcome *w)
{
	struct topic t;
	bool same;

	topic_derive(&t, w->keys[0].ladder);
	same = memcmp(&t, &w->topic, sizeof(t)) == 0;
	secret_wipe(&t, sizeof(t));
	return same;
}

static void
text_write(struct buf *out, const char *text)
{
	buf_u8(out, (uint8_t)strlen(text));
	buf_str(out, text);
}

static void
welcome_write(struct buf *out, const struct welcome *w,
    const struct key_order *keys, const struct sign_key *signer)
{
	bool grant = memcmp(w->grant.env, w->docid, LK_ID_LEN) != 0;

	buf_u8(out,
	    (uint8_t)((w->secret_implied ? 0 : WELCOME_SECRET) |
		(signer == NULL ? 0 : WELCOME_SIGNED) |
		(grant ? WELCOME_GRANT : 0) |
		(w->name[0] != '\0' ? WELCOME_NAME : 0)));
	buf_mem(out, w->docid, LK_ID_LEN);
	if (!w->secret_implied)
		buf_mem(out, w->topic.secret, EPOCH_SECRET_LEN);
	buf_u8(out, (uint8_t)keys->len);
	for (size_t i = 0; i < keys->len; i++)
		buf_mem(out, keys->at[i]->ladder, EPOCH_SECRET_LEN);
	if (grant)
		buf_mem(out, w->grant.env, LK_ID_LEN);
	buf_u8(out, w->grant.index);
	addresses_write(out, &w->remotes);
	if (w->name[0] != '\0') {
		text_write(out, w->type);
		text_write(out, w->name);
	}
	if (signer != NULL)
		buf_mem(out, signer->pk, SIGN_PK_LEN);
}

lk_err
welcome_encode(struct buf *out, const struct welcome *w,
    const uint8_t recipient_pk[static SIGN_PK_LEN],
    const struct sign_key *signer)
{
	BUF_SECRET b = { .max = WELCOME_MAX };
	struct key_order keys;
	uint8_t sig[SIGN_LEN];

	if (w->keys_len == 0 || w->keys_len > WELCOME_KEYS_MAX)
		return LK_ERR(LK_E_LIMIT, "keys of a welcome");
	keys_sort(&keys, w);
	if (w->secret_implied && (keys.len != 1 || !secret_follows(w)))
		return LK_ERR(LK_E_USAGE, "welcome without its secret");
	welcome_write(&b, w, &keys, signer);
	if (signer != NULL && !b.failed) {
		sign(sig, signer, SIGN_WELCOME,
		    BYTES(recipient_pk, SIGN_PK_LEN), buf_bytes(&b));
		buf_mem(&b, sig, sizeof(sig));
	}
	TRY(buf_err(&b, "welcome"));
	if (out->failed || out->max - out->len < b.len)
		return LK_ERR(LK_E_LIMIT, "welcome");
	buf_add(out, buf_bytes(&b));
	return buf_err(out, "welcome");
}

static lk_err
keys_read(struct welcome *w, struct rd *r)
{
	uint8_t n = rd_u8(r);

	if (!r->failed && (n == 0 || n > WELCOME_KEYS_MAX))
		return LK_ERR(LK_E_MALFORMED, "number of keys of a welcome");
	for (; w->keys_len < n && !r->failed; w->keys_len++) {
		struct epoch *e = &w->keys[w->keys_len];
		struct bytes ladder = rd_take(r, EPOCH_SECRET_LEN);

		if (r->failed)
			break;
		epoch_derive(e, ladder.ptr);
		if (w->keys_len > 0 &&
		    memcmp(e[-1].etag, e->etag, sizeof(e->etag)) >= 0)
			return LK_ERR(LK_E_MALFORMED, "keys of a welcome");
	}
	return LK_NONE;
}

static lk_err
grant_read(struct welcome *w, struct rd *r, uint8_t flags)
{
	if (flags & WELCOME_GRANT) {
		rd_copy(r, w->grant.env, LK_ID_LEN);
		if (!r->failed &&
		    memcmp(w->grant.env, w->docid, LK_ID_LEN) == 0)
			return LK_ERR(LK_E_MALFORMED, "grant of a welcome");
	} else {
		memcpy(w->grant.env, w->docid, LK_ID_LEN);
	}
	w->grant.index = rd_u8(r);
	return LK_NONE;
}

/* u8 length, at least one byte of UTF-8 without NUL, into a string. */
static lk_err
text_read(struct rd *r, char *out, size_t size)
{
	struct bytes text = rd_take(r, rd_u8(r));

	if (r->failed)
		return LK_NONE;
	if (text.len == 0 || text.len >= size || !utf8_valid(text) ||
	    memchr(text.ptr, 0, text.len) != NULL)
		return LK_ERR(LK_E_MALFORMED, "name in a welcome");
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return LK_NONE;
}

/* Up to the signature; *secret is S when it is there. */
static lk_err
welcome_read(struct welcome *w, struct rd *r, struct bytes *secret)
{
	uint8_t flags = rd_u8(r);

	if (flags & ~WELCOME_FLAGS)
		return LK_ERR(LK_E_MALFORMED, "flags of a welcome");
	rd_copy(r, w->docid, sizeof(w->docid));
	if (flags & WELCOME_SECRET)
		*secret = rd_take(r, EPOCH_SECRET_LEN);
	TRY(keys_read(w, r));
	if (!(flags & WELCOME_SECRET) && !r->failed && w->keys_len != 1)
		return LK_ERR(LK_E_MALFORMED, "welcome without its secret");
	TRY(grant_read(w, r, flags));
	addresses_read(r, &w->remotes);
	if (flags & WELCOME_NAME) {
		TRY(text_read(r, w->type, sizeof(w->type)));
		TRY(text_read(r, w->name, sizeof(w->name)));
	}
	w->secret_implied = !(flags & WELCOME_SECRET);
	w->has_signer = (flags & WELCOME_SIGNED) != 0;
	if (w->has_signer)
		rd_copy(r, w->signer_pk, sizeof(w->signer_pk));
	return LK_NONE;
}

static lk_err
welcome_decode_into(struct welcome *w, struct bytes in, const uint8_t *my_pk)
{
	struct bytes secret = { 0 }, signed_part, sig;
	struct rd r = rd_over(in);

	if (in.len > WELCOME_MAX)
		return LK_ERR(LK_E_LIMIT, "welcome");
	TRY(welcome_read(w, &r, &secret));
	signed_part = BYTES(in.ptr, in.len - r.left.len);
	sig = rd_take(&r, w->has_signer ? SIGN_LEN : 0);
	TRY(rd_end(&r, "welcome"));
	if (w->secret_implied)
		topic_derive(&w->topic, w->keys[0].ladder);
	else
		topic_from_secret(&w->topic, secret.ptr);
	if (w->has_signer &&
	    !sign_verify(sig.ptr, w->signer_pk, SIGN_WELCOME,
		BYTES(my_pk, SIGN_PK_LEN), signed_part))
		return LK_ERR(LK_E_MALFORMED, "signature of a welcome");
	return LK_NONE;
}

lk_err
welcome_decode(struct welcome *out, struct bytes in,
    const uint8_t my_pk[static SIGN_PK_LEN])
{
	struct welcome w = { 0 };
	lk_err err = welcome_decode_into(&w, in, my_pk);

	if (err.code == LK_OK)
		*out = w;
	welcome_clear(&w);
	return err;
}
