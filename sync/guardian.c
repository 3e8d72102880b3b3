#include "sync/guardian.h"

#include <string.h>

#include "sync/admit.h"
#include "sync/home.h"
#include "sync/person.h"
#include "sync/revoke.h"

static lk_err
contact_senior(struct replica *r, const uint8_t root_pk[static 32],
    struct arena *arena, struct cert *out)
{
	const struct cert *best;
	struct person person;

	TRY(home_person(r, root_pk, arena, &person));
	best = &person.devices[0];
	for (size_t i = 1; i < person.devices_len; i++)
		if (person.devices[i].rank < best->rank)
			best = &person.devices[i];
	*out = *best;
	return LK_NONE;
}

/* The device that is to get a role. */
static lk_err
grantee_find(struct replica *r, const uint8_t key[static 32],
    struct arena *arena, struct cert *out)
{
	const struct identity *me = r->identity;
	lk_err err;

	if (memcmp(key, me->root_pk, SIGN_PK_LEN) == 0)
		return person_device(r, me->sign.pk, out);
	err = contact_senior(r, key, arena, out);
	return err.code == LK_E_NOTFOUND ? person_device(r, key, out) : err;
}

/* Not a root key with own devices below it: a guard has room for one grant, and
 * a root key alone lets nobody read. */
static lk_err
ask_grant(struct replica *r, const struct graph *g,
    const struct guard_order *order, struct arena *arena, struct access_op *op)
{
	struct cert cert;

	TRY(grantee_find(r, order->key, arena, &cert));
	if (graph_role(g, cert.block.device_pk) >= order->role)
		return LK_ERR(LK_E_EXISTS, "has this role already");
	op->kind = OP_GRANT;
	grant_own_device(&op->grant, &cert, order->role,
	    person_rank(order->role, GUARD_RANK));
	op->grant.flags = GRANT_ENROLL;
	return LK_NONE;
}

/* Who says it, and whose grants it takes. */
static lk_err
statement_make(struct replica *r, struct docstate *ds, struct arena *arena,
    struct guard_statement *s)
{
	const struct op_revoke *o = &s->op->revoke;
	uint8_t(*keys)[ACCESS_KEY_LEN];

	memcpy(s->docid, ds->docid, LK_ID_LEN);
	memcpy(s->author, r->identity->sign.pk, SIGN_PK_LEN);
	random_fill(&r->random, s->nonce, sizeof(s->nonce));
	if (s->op->kind != OP_REVOKE)
		return LK_NONE;
	keys = arena_alloc(arena, o->entries_len * sizeof(*keys));
	if (keys == NULL)
		return LK_ERR(LK_E_NOMEM, "request");
	s->targets = keys[0];
	return guard_targets(ds->graph, o, keys);
}

static lk_err
name_make(
    struct replica *r, uint32_t docno, struct arena *arena, struct bytes *out)
{
	struct home_name name;

	TRY(home_name(r, docno, &name));
	*out = arena_copy(arena, BYTES_STR(name.name));
	return out->ptr == NULL ? LK_ERR(LK_E_NOMEM, "request") : LK_NONE;
}

lk_err
replica_guard_ask(struct replica *r, uint32_t docno,
    const struct guard_order *order, struct arena *arena,
    struct guard_request *out)
{
	const struct revoke_order revoke = { .key = order->key,
		.level = order->role };
	struct access_op *op = arena_alloc(arena, sizeof(*op));
	struct guard_request q = { .said = { .op = op } };
	const uint8_t(*keys)[ACCESS_KEY_LEN];
	struct docstate *ds;

	if (op == NULL)
		return LK_ERR(LK_E_NOMEM, "request");
	TRY(name_make(r, docno, arena, &q.name));
	TRY(docstate_get(r, docno, &ds));
	q.m = graph_guardians(ds->graph, &keys, &q.k);
	if (q.m == 0)
		return LK_ERR(LK_E_DENIED, "it has no guardians");
	if (graph_role(ds->graph, r->identity->sign.pk) == ROLE_NONE)
		return LK_ERR(LK_E_DENIED, "this device is no member");
	TRY(order->revoke ? revoke_op_make(r, ds, &revoke, arena, op)
			  : ask_grant(r, ds->graph, order, arena, op));
	q.guardians =
	    arena_copy(arena, BYTES(keys[0], q.m * sizeof(*keys))).ptr;
	if (q.guardians == NULL)
		return LK_ERR(LK_E_NOMEM, "request");
	TRY(statement_make(r, ds, arena, &q.said));
	*out = q;
	return LK_NONE;
}

/* Who of the guardians has signed: by their numbers, NULL for who has not. */
struct signers {
	const struct guard_signature *by[GENESIS_GUARDIANS_MAX];
	size_t len;
};

static lk_err
signer_add(struct signers *s, const struct graph *g,
    const struct guard_statement *said, const struct guard_signature *sig)
{
	const uint8_t(*keys)[ACCESS_KEY_LEN];
	uint8_t needed, m = graph_guardians(g, &keys, &needed), i = 0;
	bool genuine;

	while (i < m && memcmp(keys[i], sig->guardian, SIGN_PK_LEN) != 0)
		i++;
	if (i == m)
		return LK_ERR(
		    LK_E_DENIED, "a signature is by nobody who is a guardian");
	TRY(guard_verify(sig->sig, sig->guardian, said, &genuine));
	if (!genuine)
		return LK_ERR(LK_E_DATA,
		    "a signature does not fit: the request was changed");
	s->len += s->by[i] == NULL;
	s->by[i] = sig;
	return LK_NONE;
}

/* As the document has it, whatever the request says of names. */
static lk_err
signers_find(struct signers *s, const struct graph *g,
    const struct guard_statement *said, const struct guard_answer *answer)
{
	uint8_t targets[REVOKE_ENTRIES_MAX][ACCESS_KEY_LEN];
	uint8_t digest[GUARD_DIGEST_LEN];
	struct guard_statement here = *said;

	TRY(guard_digest(digest, said));
	here.targets = targets[0];
	if (said->op->kind == OP_REVOKE)
		TRY(guard_targets(g, &said->op->revoke, targets));
	for (size_t i = 0; i < answer->len; i++) {
		if (memcmp(answer->list[i].digest, digest, sizeof(digest)) != 0)
			return LK_ERR(
			    LK_E_DATA, "a signature is of another request");
		TRY(signer_add(s, g, &here, &answer->list[i]));
	}
	return LK_NONE;
}

static lk_err
guard_write_down(struct replica *r, struct docstate *ds,
    const struct guard_statement *said, const struct signers *s, size_t needed)
{
	uint8_t sigs[GENESIS_GUARDIANS_MAX][GUARD_SIG_LEN];
	struct access_op op = { .kind = OP_GUARD };
	struct op_guard *o = &op.guard;

	for (size_t i = 0; i < GENESIS_GUARDIANS_MAX && o->sigs_len < needed;
	     i++) {
		if (s->by[i] == NULL)
			continue;
		sigs[o->sigs_len][0] = (uint8_t)i;
		memcpy(sigs[o->sigs_len++] + 1, s->by[i]->sig, SIGN_LEN);
	}
	memcpy(o->nonce, said->nonce, sizeof(o->nonce));
	o->op = said->op;
	o->sigs = sigs[0];
	return author_ops(r, ds, &op, 1, ROLE_RELAY);
}

lk_err
replica_guard_apply(struct replica *r, uint32_t docno,
    const struct guard_request *q, const struct guard_answer *answer,
    size_t *have)
{
	const uint8_t(*keys)[ACCESS_KEY_LEN];
	struct signers signers = { .len = 0 };
	struct docstate *ds;
	uint8_t needed;

	*have = 0;
	TRY(docstate_get(r, docno, &ds));
	(void)graph_guardians(ds->graph, &keys, &needed);
	if (memcmp(q->said.author, r->identity->sign.pk, SIGN_PK_LEN) != 0)
		return LK_ERR(
		    LK_E_DENIED, "another device asked, and has to apply it");
	if (graph_guarded(ds->graph, q->said.author, q->said.nonce))
		return LK_ERR(LK_E_EXISTS, "was applied before");
	TRY(signers_find(&signers, ds->graph, &q->said, answer));
	*have = signers.len;
	if (signers.len < needed)
		return LK_ERR(LK_E_DENIED, "too few guardians have signed");
	return guard_write_down(r, ds, &q->said, &signers, needed);
}
