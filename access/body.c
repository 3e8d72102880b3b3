#include "access/body.h"

#include <string.h>

#define FORM_MAX 1 /* change: plain or deflated; import: last or not */
#define GRANT_FLAGS (GRANT_ENROLL | GRANT_COLD | GRANT_OWN | GRANT_PARENT_HERE)
#define REVOKE_FLAGS (REVOKE_SOFT | REVOKE_TREE)

/* Which ops a body has had so far. */
struct seen {
	size_t contents, keys, denials;
};

static bool
all_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != 0)
			return false;
	}
	return true;
}

/* n strings of 32 bytes, strictly ascending, borrowed from the input. */
static lk_err
ids_read(struct rd *r, size_t n, const uint8_t **out, const char *what)
{
	const uint8_t *p = rd_take(r, n * LK_ID_LEN).ptr;

	for (size_t i = 1; p != NULL && i < n; i++) {
		if (memcmp(p + (i - 1) * LK_ID_LEN, p + i * LK_ID_LEN,
			LK_ID_LEN) >= 0)
			return LK_ERR(LK_E_MALFORMED, what);
	}
	*out = p;
	return LK_NONE;
}

static lk_err
genesis_read(struct op_genesis *o, struct rd *r)
{
	rd_copy(r, o->root_pk, sizeof(o->root_pk));
	rd_copy(r, o->device_pk, sizeof(o->device_pk));
	rd_copy(r, o->device_box, sizeof(o->device_box));
	o->box_counter = rd_u32(r);
	o->policy = rd_u8(r);
	if (o->policy & ~GENESIS_ROOT_BOX)
		return LK_ERR(LK_E_VERSION, "genesis policy");
	if (o->policy & GENESIS_ROOT_BOX) {
		rd_copy(r, o->root_box, sizeof(o->root_box));
		rd_copy(r, o->box_sig, sizeof(o->box_sig));
	}
	o->k = rd_u8(r);
	o->m = rd_u8(r);
	if (o->m > GENESIS_GUARDIANS_MAX)
		return LK_ERR(LK_E_LIMIT, "genesis guardians");
	TRY(ids_read(r, o->m, &o->guardians, "genesis guardians order"));
	if (r->failed)
		return LK_NONE;
	if (o->k > o->m || (o->k == 0) != (o->m == 0))
		return LK_ERR(LK_E_MALFORMED, "genesis guardians needed");
	if (all_zero(o->device_box, ACCESS_KEY_LEN) ||
	    ((o->policy & GENESIS_ROOT_BOX) &&
		all_zero(o->root_box, ACCESS_KEY_LEN)))
		return LK_ERR(LK_E_MALFORMED, "genesis box key");
	if (memcmp(o->root_pk, o->device_pk, ACCESS_KEY_LEN) == 0)
		return LK_ERR(LK_E_MALFORMED, "genesis keys");
	return LK_NONE;
}

static void
genesis_write(struct buf *b, const struct op_genesis *o)
{
	buf_mem(b, o->root_pk, sizeof(o->root_pk));
	buf_mem(b, o->device_pk, sizeof(o->device_pk));
	buf_mem(b, o->device_box, sizeof(o->device_box));
	buf_u32(b, o->box_counter);
	buf_u8(b, o->policy);
	if (o->policy & GENESIS_ROOT_BOX) {
		buf_mem(b, o->root_box, sizeof(o->root_box));
		buf_mem(b, o->box_sig, sizeof(o->box_sig));
	}
	buf_u8(b, o->k);
	buf_u8(b, o->m);
	buf_mem(b, o->guardians, (size_t)o->m * ACCESS_KEY_LEN);
}

static lk_err
grant_read(struct op_grant *o, struct rd *r)
{
	bool boxed;

	rd_copy(r, o->key, sizeof(o->key));
	rd_copy(r, o->box, sizeof(o->box));
	boxed = !all_zero(o->box, sizeof(o->box));
	if (boxed) {
		o->box_counter = rd_u32(r);
		rd_copy(r, o->box_sig, sizeof(o->box_sig));
	}
	o->role = rd_u8(r);
	o->rank = rd_u16(r);
	o->flags = rd_u8(r);
	if (o->flags & GRANT_PARENT_HERE)
		o->parent_index = rd_u8(r);
	if (r->failed)
		return LK_NONE;
	if (o->flags & ~GRANT_FLAGS)
		return LK_ERR(LK_E_VERSION, "grant flags");
	if (o->role < ROLE_RELAY || o->role > ROLE_ADMIN)
		return LK_ERR(LK_E_MALFORMED, "grant role");
	if (boxed == ((o->flags & GRANT_COLD) || o->role == ROLE_RELAY))
		return LK_ERR(LK_E_MALFORMED, "grant box key");
	if ((o->flags & GRANT_PARENT_HERE) && !(o->flags & GRANT_OWN))
		return LK_ERR(LK_E_MALFORMED, "grant parent");
	return LK_NONE;
}

static void
grant_write(struct buf *b, const struct op_grant *o)
{
	buf_mem(b, o->key, sizeof(o->key));
	buf_mem(b, o->box, sizeof(o->box));
	if (!all_zero(o->box, sizeof(o->box))) {
		buf_u32(b, o->box_counter);
		buf_mem(b, o->box_sig, sizeof(o->box_sig));
	}
	buf_u8(b, o->role);
	buf_u16(b, o->rank);
	buf_u8(b, o->flags);
	if (o->flags & GRANT_PARENT_HERE)
		buf_u8(b, o->parent_index);
}

static lk_err
entry_read(struct revoke_entry *e, struct rd *r)
{
	uint64_t n;

	rd_copy(r, e->target.env, LK_ID_LEN);
	e->target.index = rd_u8(r);
	e->level = rd_u8(r);
	e->flags = rd_u8(r);
	n = rd_uleb(r);
	if (n > REVOKE_KEEP_MAX)
		return LK_ERR(LK_E_LIMIT, "revoke keep");
	e->keep_len = (size_t)n;
	TRY(ids_read(r, e->keep_len, &e->keep, "revoke keep order"));
	if (r->failed)
		return LK_NONE;
	if (e->flags & ~REVOKE_FLAGS)
		return LK_ERR(LK_E_VERSION, "revoke flags");
	if (e->level >= ROLE_ADMIN)
		return LK_ERR(LK_E_MALFORMED, "revoke level");
	return LK_NONE;
}

static lk_err
revoke_read(struct op_revoke *o, struct arena *arena, struct rd *r)
{
	uint64_t n = rd_uleb(r);
	struct revoke_entry *entries;

	if (r->failed)
		return LK_NONE;
	if (n == 0)
		return LK_ERR(LK_E_MALFORMED, "revoke empty");
	if (n > REVOKE_ENTRIES_MAX)
		return LK_ERR(LK_E_LIMIT, "revoke entries");
	entries = arena_alloc(arena, (size_t)n * sizeof(*entries));
	if (entries == NULL)
		return LK_ERR(LK_E_NOMEM, "revoke entries");
	for (size_t i = 0; i < n; i++) {
		TRY(entry_read(&entries[i], r));
		if (r->failed)
			return LK_NONE;
		if (i > 0 &&
		    grant_ref_compare(
			&entries[i - 1].target, &entries[i].target) >= 0)
			return LK_ERR(LK_E_MALFORMED, "revoke order");
	}
	o->entries = entries;
	o->entries_len = (size_t)n;
	return LK_NONE;
}

static void
revoke_write(struct buf *b, const struct op_revoke *o)
{
	buf_uleb(b, o->entries_len);
	for (size_t i = 0; i < o->entries_len; i++) {
		const struct revoke_entry *e = &o->entries[i];

		buf_mem(b, e->target.env, LK_ID_LEN);
		buf_u8(b, e->target.index);
		buf_u8(b, e->level);
		buf_u8(b, e->flags);
		buf_uleb(b, e->keep_len);
		buf_mem(b, e->keep, e->keep_len * LK_ID_LEN);
	}
}

static lk_err
ban_read(struct op_ban *o, struct rd *r)
{
	rd_copy(r, o->key, sizeof(o->key));
	return LK_NONE;
}

static lk_err
adopt_read(struct op_adopt *o, struct rd *r)
{
	uint64_t n = rd_uleb(r);

	if (n > ADOPT_IDS_MAX)
		return LK_ERR(LK_E_LIMIT, "adopt ids");
	if (n == 0 && !r->failed)
		return LK_ERR(LK_E_MALFORMED, "adopt empty");
	o->ids_len = (size_t)n;
	return ids_read(r, o->ids_len, &o->ids, "adopt order");
}

static lk_err
rekey_read(struct op_rekey *o, struct rd *r)
{
	rd_copy(r, o->box, sizeof(o->box));
	o->box_counter = rd_u32(r);
	if (!r->failed && all_zero(o->box, sizeof(o->box)))
		return LK_ERR(LK_E_MALFORMED, "rekey");
	return LK_NONE;
}

static lk_err
share_read(struct op_share *o, struct rd *r)
{
	uint64_t n = rd_uleb(r);

	if (n > EPOCH_BOXES_MAX)
		return LK_ERR(LK_E_LIMIT, "share devices");
	o->keys_len = (size_t)n;
	o->keys = rd_take(r, o->keys_len * ACCESS_KEY_LEN).ptr;
	return LK_NONE;
}

static lk_err
content_read(struct op_content *o, uint8_t kind, struct rd *r)
{
	if (kind == OP_CHANGE || kind == OP_IMPORT)
		o->form = rd_u8(r);
	if (o->form > FORM_MAX)
		return LK_ERR(LK_E_MALFORMED, "content form");
	o->data = kind == OP_IMPORT ? rd_counted(r) : rd_take(r, r->left.len);
	return LK_NONE;
}

static void
content_write(struct buf *b, uint8_t kind, const struct op_content *o)
{
	if (kind == OP_CHANGE || kind == OP_IMPORT)
		buf_u8(b, o->form);
	if (kind == OP_IMPORT)
		buf_counted(b, o->data);
	else
		buf_add(b, o->data);
}

lk_err
body_op_read(struct access_op *op, struct arena *arena, struct rd *r)
{
	struct bytes in;
	struct rd inner;

	op->kind = rd_u8(r);
	in = rd_counted(r);
	if (r->failed)
		return LK_NONE;
	inner = rd_over(in);
	if (op->kind == OP_GRANT)
		TRY(grant_read(&op->grant, &inner));
	else if (op->kind == OP_REVOKE)
		TRY(revoke_read(&op->revoke, arena, &inner));
	else
		return LK_ERR(LK_E_MALFORMED, "guard kind");
	if (!rd_done(&inner))
		return LK_ERR(LK_E_MALFORMED, "guard length");
	if (op->kind == OP_GRANT && (op->grant.flags & GRANT_OWN))
		return LK_ERR(LK_E_MALFORMED, "guard own");
	return LK_NONE;
}

static lk_err
guard_read(struct op_guard *o, struct arena *arena, struct rd *r)
{
	struct access_op *op = arena_alloc(arena, sizeof(*op));

	if (op == NULL)
		return LK_ERR(LK_E_NOMEM, "guard");
	TRY(body_op_read(op, arena, r));
	o->op = op;
	rd_copy(r, o->nonce, sizeof(o->nonce));
	o->sigs_len = rd_u8(r);
	if (o->sigs_len > GENESIS_GUARDIANS_MAX)
		return LK_ERR(LK_E_LIMIT, "guard signatures");
	o->sigs = rd_take(r, o->sigs_len * GUARD_SIG_LEN).ptr;
	for (size_t i = 1; o->sigs != NULL && i < o->sigs_len; i++) {
		if (o->sigs[(i - 1) * GUARD_SIG_LEN] >=
		    o->sigs[i * GUARD_SIG_LEN])
			return LK_ERR(LK_E_MALFORMED, "guard order");
	}
	return LK_NONE;
}

static lk_err
op_read(struct access_op *op, struct arena *arena, struct bytes in)
{
	struct rd r = rd_over(in);

	switch (op->kind) {
	case OP_GENESIS:
		TRY(genesis_read(&op->genesis, &r));
		break;
	case OP_GRANT:
		TRY(grant_read(&op->grant, &r));
		break;
	case OP_REVOKE:
		TRY(revoke_read(&op->revoke, arena, &r));
		break;
	case OP_LEAVE:
	case OP_EPOCH:
		break;
	case OP_BAN:
		TRY(ban_read(&op->ban, &r));
		break;
	case OP_ADOPT:
		TRY(adopt_read(&op->adopt, &r));
		break;
	case OP_SHARE:
		TRY(share_read(&op->share, &r));
		break;
	case OP_REKEY:
		TRY(rekey_read(&op->rekey, &r));
		break;
	case OP_GUARD:
		TRY(guard_read(&op->guard, arena, &r));
		break;
	case 0:
		return LK_ERR(LK_E_MALFORMED, "op kind");
	default:
		if (op->kind != OP_CHANGE && op->kind != OP_IMPORT &&
		    op->kind < OP_NO_EFFECT_MIN)
			return LK_ERR(LK_E_VERSION, "op kind");
		TRY(content_read(&op->content, op->kind, &r));
	}
	/* The length stands in front: too short is as wrong as too long. */
	return rd_done(&r) ? LK_NONE : LK_ERR(LK_E_MALFORMED, "op length");
}

static void op_write(struct buf *, const struct access_op *);

void
body_op_encode(struct buf *out, const struct access_op *op)
{
	struct buf inner;

	buf_init(&inner, ENVELOPE_BODY_MAX);
	op_write(&inner, op);
	buf_u8(out, op->kind);
	buf_counted(out, buf_bytes(&inner));
	out->failed |= inner.failed;
	out->starved |= inner.starved;
	buf_clear(&inner);
}

static void
guard_write(struct buf *b, const struct op_guard *o)
{
	body_op_encode(b, o->op);
	buf_mem(b, o->nonce, sizeof(o->nonce));
	buf_u8(b, (uint8_t)o->sigs_len);
	buf_mem(b, o->sigs, o->sigs_len * GUARD_SIG_LEN);
}

static void
op_write(struct buf *b, const struct access_op *op)
{
	switch (op->kind) {
	case OP_GENESIS:
		genesis_write(b, &op->genesis);
		break;
	case OP_GRANT:
		grant_write(b, &op->grant);
		break;
	case OP_REVOKE:
		revoke_write(b, &op->revoke);
		break;
	case OP_LEAVE:
	case OP_EPOCH:
		break;
	case OP_BAN:
		buf_mem(b, op->ban.key, ACCESS_KEY_LEN);
		break;
	case OP_ADOPT:
		buf_uleb(b, op->adopt.ids_len);
		buf_mem(b, op->adopt.ids, op->adopt.ids_len * LK_ID_LEN);
		break;
	case OP_REKEY:
		buf_mem(b, op->rekey.box, ACCESS_KEY_LEN);
		buf_u32(b, op->rekey.box_counter);
		break;
	case OP_GUARD:
		guard_write(b, &op->guard);
		break;
	case OP_SHARE:
		buf_uleb(b, op->share.keys_len);
		buf_mem(b, op->share.keys, op->share.keys_len * ACCESS_KEY_LEN);
		break;
	default:
		content_write(b, op->kind, &op->content);
	}
}

/* The rules about which ops may stand together, op by op. */
static lk_err
op_place(const struct body *body, size_t i, struct seen *seen)
{
	const struct access_op *op = &body->ops[i];

	seen->contents += op->kind == OP_CHANGE || op->kind == OP_IMPORT;
	seen->keys += op->kind == OP_EPOCH || op->kind == OP_SHARE;
	seen->denials += op->kind == OP_REVOKE || op->kind == OP_BAN;
	if (seen->contents > 1)
		return LK_ERR(LK_E_MALFORMED, "body contents");
	if (seen->keys > 1)
		return LK_ERR(LK_E_MALFORMED, "body key ops");
	if (op->kind == OP_GENESIS &&
	    (i > 0 || body->has_grant || body->deps_len > 0))
		return LK_ERR(LK_E_MALFORMED, "genesis place");
	if (i > 0 && body->ops[0].kind == OP_GENESIS &&
	    (body->ops[0].genesis.policy & GENESIS_ROOT_BOX))
		return LK_ERR(LK_E_MALFORMED, "genesis by the root");
	if (op->kind == OP_GRANT && (op->grant.flags & GRANT_PARENT_HERE) &&
	    (op->grant.parent_index >= i ||
		body->ops[op->grant.parent_index].kind != OP_GRANT))
		return LK_ERR(LK_E_MALFORMED, "grant parent");
	if (op->kind == OP_GUARD && body->ops_len > 1)
		return LK_ERR(LK_E_MALFORMED, "guard is not alone");
	if (op->kind == OP_LEAVE && i + 1 < body->ops_len)
		return LK_ERR(LK_E_MALFORMED, "leave is not last");
	return LK_NONE;
}

/* The genesis is an epoch without a key section, so no other may follow it;
 * a revocation under a new key would be hidden from the revoked. */
static lk_err
body_combination(const struct body *body, const struct seen *seen)
{
	if (body->ops[0].kind == OP_GENESIS && seen->keys > 0)
		return LK_ERR(LK_E_MALFORMED, "genesis with a key op");
	if (seen->denials > 0 && body_has(body, OP_EPOCH))
		return LK_ERR(LK_E_MALFORMED, "revoke with an epoch");
	return LK_NONE;
}

static lk_err
deps_read(struct body *body, struct rd *r)
{
	uint8_t has = rd_u8(r);
	uint64_t n;

	if (has > 1)
		return LK_ERR(LK_E_MALFORMED, "body grant");
	body->has_grant = has == 1;
	if (body->has_grant) {
		rd_copy(r, body->grant.env, LK_ID_LEN);
		body->grant.index = rd_u8(r);
	}
	n = rd_uleb(r);
	if (n > ENVELOPE_DEPS_MAX)
		return LK_ERR(LK_E_LIMIT, "body deps");
	body->deps_len = (size_t)n;
	return ids_read(r, body->deps_len, &body->deps, "body deps order");
}

lk_err
body_decode(struct body *out, struct arena *arena, struct bytes in)
{
	struct rd r = rd_over(in);
	struct body body = { 0 };
	struct seen seen = { 0 };

	if (in.len > ENVELOPE_BODY_MAX)
		return LK_ERR(LK_E_LIMIT, "body");
	TRY(deps_read(&body, &r));
	body.ops_len = rd_u8(&r);
	if (!r.failed && body.ops_len == 0)
		return LK_ERR(LK_E_MALFORMED, "body ops");
	if (body.ops_len > ENVELOPE_OPS_MAX)
		return LK_ERR(LK_E_LIMIT, "body ops");
	for (size_t i = 0; i < body.ops_len; i++) {
		struct bytes op;

		body.ops[i].kind = rd_u8(&r);
		op = rd_counted(&r);
		if (r.failed)
			break;
		TRY(op_read(&body.ops[i], arena, op));
		TRY(op_place(&body, i, &seen));
	}
	TRY(rd_end(&r, "body"));
	TRY(body_combination(&body, &seen));
	*out = body;
	return LK_NONE;
}

void
body_encode(struct buf *out, const struct body *body)
{
	buf_u8(out, body->has_grant);
	if (body->has_grant) {
		buf_mem(out, body->grant.env, LK_ID_LEN);
		buf_u8(out, body->grant.index);
	}
	buf_uleb(out, body->deps_len);
	buf_mem(out, body->deps, body->deps_len * LK_ID_LEN);
	buf_u8(out, (uint8_t)body->ops_len);
	for (size_t i = 0; i < body->ops_len; i++)
		body_op_encode(out, &body->ops[i]);
}

bool
body_has(const struct body *body, enum op_kind kind)
{
	for (size_t i = 0; i < body->ops_len; i++) {
		if (body->ops[i].kind == kind)
			return true;
	}
	return false;
}
