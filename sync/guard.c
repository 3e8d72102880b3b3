#include "sync/guard.h"

#include <string.h>

#include "crypto/digest.h"

#define GUARD_TEXT_LEN \
	(LK_ID_LEN + SIGN_PK_LEN + GUARD_NONCE_LEN + GUARD_DIGEST_LEN)

lk_err
guard_targets(const struct graph *g, const struct op_revoke *o,
    uint8_t keys[][ACCESS_KEY_LEN])
{
	struct member m;

	for (size_t i = 0; i < o->entries_len; i++) {
		if (!graph_member_find(g, &o->entries[i].target, &m))
			return LK_ERR(LK_E_MALFORMED, "A6 guard");
		memcpy(keys[i], m.key, ACCESS_KEY_LEN);
	}
	return LK_NONE;
}

static lk_err
guard_text(struct buf *out, const struct guard_statement *s)
{
	BUF_SCOPED said = { .max = ENVELOPE_BODY_MAX };
	uint8_t hash[GUARD_DIGEST_LEN];

	body_op_encode(&said, s->op);
	if (s->op->kind == OP_REVOKE)
		buf_mem(&said, s->targets,
		    s->op->revoke.entries_len * ACCESS_KEY_LEN);
	TRY(buf_err(&said, "guard"));
	digest(hash, sizeof(hash), DIGEST_GUARD, NULL, buf_bytes(&said));
	buf_mem(out, s->docid, LK_ID_LEN);
	buf_mem(out, s->author, SIGN_PK_LEN);
	buf_mem(out, s->nonce, GUARD_NONCE_LEN);
	buf_mem(out, hash, sizeof(hash));
	return buf_err(out, "guard");
}

lk_err
guard_digest(
    uint8_t out[static GUARD_DIGEST_LEN], const struct guard_statement *s)
{
	BUF_SCOPED text = { .max = GUARD_TEXT_LEN };

	TRY(guard_text(&text, s));
	digest(out, GUARD_DIGEST_LEN, DIGEST_GUARD, NULL, buf_bytes(&text));
	return LK_NONE;
}

lk_err
guard_sign(uint8_t sig[static SIGN_LEN], const struct sign_key *guardian,
    const struct guard_statement *s)
{
	BUF_SCOPED text = { .max = GUARD_TEXT_LEN };

	TRY(guard_text(&text, s));
	sign(sig, guardian, SIGN_GUARD, buf_bytes(&text), (struct bytes){ 0 });
	return LK_NONE;
}

lk_err
guard_verify(const uint8_t sig[static SIGN_LEN],
    const uint8_t guardian[static SIGN_PK_LEN], const struct guard_statement *s,
    bool *genuine)
{
	BUF_SCOPED text = { .max = GUARD_TEXT_LEN };

	TRY(guard_text(&text, s));
	*genuine = sign_verify(
	    sig, guardian, SIGN_GUARD, buf_bytes(&text), (struct bytes){ 0 });
	return LK_NONE;
}
