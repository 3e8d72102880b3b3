#include "sync/guard.h"

#include <string.h>

#include "crypto/digest.h"

#define GUARD_DIGEST_LEN 32
#define GUARD_TEXT_LEN \
	(LK_ID_LEN + SIGN_PK_LEN + LK_ID_LEN + 8 + GUARD_DIGEST_LEN)

static lk_err
guard_text(
    struct buf *out, const struct guard_place *p, const struct access_op *op)
{
	BUF_SCOPED said = { 0 };
	uint8_t hash[GUARD_DIGEST_LEN];

	buf_init(&said, ENVELOPE_BODY_MAX);
	body_op_encode(&said, op);
	TRY(buf_err(&said, "guard"));
	digest(hash, sizeof(hash), DIGEST_GUARD, NULL, buf_bytes(&said));
	buf_mem(out, p->docid, LK_ID_LEN);
	buf_mem(out, p->author, SIGN_PK_LEN);
	buf_mem(out, p->prev, LK_ID_LEN);
	buf_u64(out, p->seq);
	buf_mem(out, hash, sizeof(hash));
	return buf_err(out, "guard");
}

lk_err
guard_sign(uint8_t sig[static SIGN_LEN], const struct sign_key *guardian,
    const struct guard_place *place, const struct access_op *op)
{
	BUF_SCOPED text = { 0 };

	buf_init(&text, GUARD_TEXT_LEN);
	TRY(guard_text(&text, place, op));
	sign(sig, guardian, SIGN_GUARD, buf_bytes(&text), (struct bytes){ 0 });
	return LK_NONE;
}

lk_err
guard_verify(const uint8_t sig[static SIGN_LEN],
    const uint8_t guardian[static SIGN_PK_LEN], const struct guard_place *place,
    const struct access_op *op, bool *genuine)
{
	BUF_SCOPED text = { 0 };

	buf_init(&text, GUARD_TEXT_LEN);
	TRY(guard_text(&text, place, op));
	*genuine = sign_verify(
	    sig, guardian, SIGN_GUARD, buf_bytes(&text), (struct bytes){ 0 });
	return LK_NONE;
}
