#include "sync/guard_request.h"

#include <string.h>

#include "sync/armor.h"
#include "sync/pairing.h"

#define REQUEST_VERSION 1

enum request_type { TYPE_REQUEST = 1, TYPE_SIGNATURE = 2 };

static const struct armor guard_armor = {
	.prefix = "lkg1-",
	.label = DIGEST_GUARD,
	.text_max = GUARD_TEXT_MAX,
	.what = "text for guardians",
};

static size_t
targets_len(const struct access_op *op)
{
	return op->kind == OP_REVOKE ? op->revoke.entries_len * ACCESS_KEY_LEN
				     : 0;
}

lk_err
guard_request_encode(struct buf *out, const struct guard_request *q)
{
	const struct guard_statement *s = &q->said;
	BUF_SCOPED b = { .max = GUARD_BINARY_MAX };

	buf_u8(&b, REQUEST_VERSION);
	buf_u8(&b, TYPE_REQUEST);
	buf_mem(&b, s->docid, sizeof(s->docid));
	buf_mem(&b, s->author, sizeof(s->author));
	buf_mem(&b, s->nonce, sizeof(s->nonce));
	body_op_encode(&b, s->op);
	buf_mem(&b, s->targets, targets_len(s->op));
	buf_u8(&b, q->k);
	buf_u8(&b, q->m);
	buf_mem(&b, q->guardians, (size_t)q->m * SIGN_PK_LEN);
	buf_counted(&b, q->name);
	return armor_encode(out, &guard_armor, &b);
}

/* The bytes behind version and type. */
static lk_err
text_open(struct rd *r, struct arena *arena, struct bytes text,
    enum request_type wanted)
{
	struct bytes binary;
	uint8_t version;

	TRY(armor_decode(&binary, arena, &guard_armor, text));
	*r = rd_over(binary);
	version = rd_u8(r);
	if (!r->failed && version != REQUEST_VERSION)
		return LK_ERR(LK_E_VERSION, guard_armor.what);
	if (rd_u8(r) != wanted && !r->failed)
		return LK_ERR(LK_E_MALFORMED,
		    wanted == TYPE_REQUEST ? "not a request to guardians"
					   : "not a guardian's signature");
	return LK_NONE;
}

/* As in a genesis. */
static lk_err
guardians_read(struct guard_request *q, struct rd *r)
{
	q->k = rd_u8(r);
	q->m = rd_u8(r);
	q->guardians = rd_take(r, (size_t)q->m * SIGN_PK_LEN).ptr;
	if (r->failed)
		return LK_NONE;
	if (q->m > GENESIS_GUARDIANS_MAX || q->k == 0 || q->k > q->m)
		return LK_ERR(LK_E_MALFORMED, "number of guardians");
	for (size_t i = 1; i < q->m; i++)
		if (memcmp(q->guardians + (i - 1) * SIGN_PK_LEN,
			q->guardians + i * SIGN_PK_LEN, SIGN_PK_LEN) >= 0)
			return LK_ERR(LK_E_MALFORMED, "order of guardians");
	return LK_NONE;
}

lk_err
guard_request_decode(
    struct guard_request *out, struct arena *arena, struct bytes text)
{
	struct access_op *op = arena_alloc(arena, sizeof(*op));
	struct guard_request q = { .said = { .op = op } };
	struct rd r;

	if (op == NULL)
		return LK_ERR(LK_E_NOMEM, guard_armor.what);
	TRY(text_open(&r, arena, text, TYPE_REQUEST));
	rd_copy(&r, q.said.docid, sizeof(q.said.docid));
	rd_copy(&r, q.said.author, sizeof(q.said.author));
	rd_copy(&r, q.said.nonce, sizeof(q.said.nonce));
	TRY(body_op_read(op, arena, &r));
	if (!r.failed)
		q.said.targets = rd_take(&r, targets_len(op)).ptr;
	TRY(guardians_read(&q, &r));
	q.name = rd_counted(&r);
	TRY(rd_end(&r, guard_armor.what));
	if (q.name.len == 0 || q.name.len > GUARD_NAME_MAX ||
	    !utf8_valid(q.name) || memchr(q.name.ptr, 0, q.name.len) != NULL)
		return LK_ERR(LK_E_MALFORMED, "name of a document");
	*out = q;
	return LK_NONE;
}

lk_err
guard_signature_encode(struct buf *out, const struct guard_signature *s)
{
	BUF_SCOPED b = { .max = GUARD_BINARY_MAX };

	buf_u8(&b, REQUEST_VERSION);
	buf_u8(&b, TYPE_SIGNATURE);
	buf_mem(&b, s->digest, sizeof(s->digest));
	buf_mem(&b, s->guardian, sizeof(s->guardian));
	buf_mem(&b, s->sig, sizeof(s->sig));
	return armor_encode(out, &guard_armor, &b);
}

lk_err
guard_signature_decode(
    struct guard_signature *out, struct arena *arena, struct bytes text)
{
	struct guard_signature s;
	struct rd r;

	TRY(text_open(&r, arena, text, TYPE_SIGNATURE));
	rd_copy(&r, s.digest, sizeof(s.digest));
	rd_copy(&r, s.guardian, sizeof(s.guardian));
	rd_copy(&r, s.sig, sizeof(s.sig));
	TRY(rd_end(&r, guard_armor.what));
	*out = s;
	return LK_NONE;
}

static bool
is_asked(const struct guard_request *q, const uint8_t key[static SIGN_PK_LEN])
{
	for (size_t i = 0; i < q->m; i++)
		if (memcmp(q->guardians + i * SIGN_PK_LEN, key, SIGN_PK_LEN) ==
		    0)
			return true;
	return false;
}

lk_err
guardian_sign(struct guard_signature *out, const struct guard_request *q,
    const uint8_t entropy[static PHRASE_ENTROPY_LEN])
{
	struct guard_signature s;
	struct sign_key root;
	lk_err err;

	TRY(guard_digest(s.digest, &q->said));
	TRY(recover_root(&root, entropy));
	memcpy(s.guardian, root.pk, SIGN_PK_LEN);
	err = is_asked(q, root.pk)
	    ? guard_sign(s.sig, &root, &q->said)
	    : LK_ERR(LK_E_DENIED, "phrase of no guardian");
	sign_key_clear(&root);
	if (err.code == LK_OK)
		*out = s;
	return err;
}
