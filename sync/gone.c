/*
 * A device of this person that is his no more: in one document, and in his home
 * (access.md section 9).  fanout.c carries it into all others.
 */
#include <stdlib.h>
#include <string.h>

#include "sync/admit.h"
#include "sync/home_doc.h"
#include "sync/person.h"

/* What ends the grants of a key in one document. */
struct ending {
	struct replica *r;
	struct docstate *ds;
	const uint8_t *key;
	struct wall since;
	struct arena *arena;
	struct member mine;
	enum role need; /* that the revocation is written with */
	struct revoke_entry entries[REVOKE_ENTRIES_MAX];
	size_t len, live;
};

/* The grant to write under: as admin, else for one's own devices. */
static lk_err
ending_author(struct ending *e)
{
	const uint8_t *me = e->r->identity->sign.pk;
	struct grant_ref ref;
	lk_err err;

	e->need = ROLE_ADMIN;
	err = graph_grant_for(e->ds->graph, me, e->need, &ref);
	if (err.code == LK_E_DENIED) {
		e->need = ROLE_RELAY;
		err = graph_grant_for(e->ds->graph, me, e->need, &ref);
	}
	if (err.code == LK_E_NOTFOUND)
		return LK_ERR(LK_E_DENIED, "not a member");
	TRY(err);
	return graph_member_find(e->ds->graph, &ref, &e->mine)
	    ? LK_NONE
	    : LK_ERR(LK_E_DENIED, "not a member");
}

static bool
ending_may(const struct ending *e, const struct member *target)
{
	struct member m = *target;

	if (target->rank <= e->mine.rank)
		return false;
	if (e->need == ROLE_ADMIN)
		return true;
	while ((m.flags & GRANT_OWN) != 0) {
		if (grant_ref_equal(&m.parent, &e->mine.grant))
			return true;
		if (!graph_member_find(e->ds->graph, &m.parent, &m))
			return false;
	}
	return false;
}

/*
 * Whether an envelope was written before `since`.  When it came says more than
 * the time its author claims, unless the whole document came later.
 */
static lk_err
node_before(const struct ending *e, uint32_t n, bool late, bool *before)
{
	struct node node;

	TRY(node_get(e->r, e->ds->docno, n, &node));
	*before = late ? node.time > 0 && node.time < e->since.ms / 1000
		       : node.received.ms < e->since.ms;
	return LK_NONE;
}

/* The tips of what was written under a grant before `since`, ascending. */
static lk_err
tips_before(const struct ending *e, const struct grant_ref *grant,
    uint8_t tips[][LK_ID_LEN], size_t *len)
{
	const struct graph *g = e->ds->graph;
	uint32_t nodes[REVOKE_KEEP_MAX];
	size_t n = 0;
	bool late;

	TRY(node_before(e, 0, false, &late));
	late = !late;
	for (uint32_t i = 0; i < graph_len(g); i++) {
		struct graph_author by = graph_node_author(g, i);
		size_t kept = 0;
		bool before;

		if (!grant_ref_equal(&by.grant, grant) ||
		    !graph_essential(g, i))
			continue;
		TRY(node_before(e, i, late, &before));
		if (!before)
			continue;
		for (size_t k = 0; k < n; k++)
			if (!graph_in_past(g, nodes[k], i))
				nodes[kept++] = nodes[k];
		if (kept < REVOKE_KEEP_MAX)
			nodes[kept++] = i;
		n = kept;
	}
	for (size_t k = 0; k < n; k++)
		graph_id(g, nodes[k], tips[k]);
	qsort(tips, n, LK_ID_LEN, lk_id_compare);
	*len = n;
	return LK_NONE;
}

static lk_err
ending_add(struct ending *e, const struct member *m)
{
	uint8_t(*tips)[LK_ID_LEN] =
	    arena_alloc(e->arena, REVOKE_KEEP_MAX * LK_ID_LEN);
	struct revoke_entry *entry;
	size_t at = e->len;

	if (tips == NULL)
		return LK_ERR(LK_E_NOMEM, "revoke");
	/* An op has them in the order of the grants' names. */
	for (; at > 0 &&
	     grant_ref_compare(&m->grant, &e->entries[at - 1].target) < 0;
	     at--)
		e->entries[at] = e->entries[at - 1];
	entry = &e->entries[at];
	*entry = (struct revoke_entry){
		.target = m->grant, .level = ROLE_NONE, .keep = tips[0]
	};
	e->len++;
	if (e->since.ms > 0)
		return tips_before(e, &m->grant, tips, &entry->keep_len);
	return graph_tips_of(e->ds->graph,
	    &(struct graph_work){ .grant = m->grant }, tips, &entry->keep_len);
}

/* Those that count, then those that are void for another reason: they would be
 * back if that were itself voided. */
static lk_err
ending_collect(struct ending *e)
{
	const struct graph *g = e->ds->graph;

	for (int dead = 0; dead < 2; dead++) {
		for (size_t i = 0; i < graph_members_len(g); i++) {
			struct member m;

			graph_member(g, i, &m);
			if (memcmp(m.key, e->key, ACCESS_KEY_LEN) != 0 ||
			    m.named || (m.now == ROLE_NONE) != (dead == 1))
				continue;
			if (!ending_may(e, &m))
				continue;
			if (e->len == REVOKE_ENTRIES_MAX)
				return LK_NONE;
			TRY(ending_add(e, &m));
			e->live += dead == 0;
		}
	}
	return LK_NONE;
}

static lk_err
end_some(struct replica *r, uint32_t docno, const uint8_t pk[static 32],
    struct wall since)
{
	ARENA_SCOPED arena = { .max = ENVELOPE_MAX };
	struct ending *e = arena_alloc(&arena, sizeof(*e));
	struct access_op op = { .kind = OP_REVOKE };

	if (e == NULL)
		return LK_ERR(LK_E_NOMEM, "revoke");
	*e = (struct ending){
		.r = r, .key = pk, .since = since, .arena = &arena
	};
	TRY(docstate_get(r, docno, &e->ds));
	if (graph_role(e->ds->graph, pk) == ROLE_NONE)
		return LK_ERR(LK_E_NOTFOUND, "nothing to revoke");
	TRY(ending_author(e));
	TRY(ending_collect(e));
	if (e->live == 0)
		return LK_ERR(LK_E_DENIED, "as senior as this device");
	op.revoke.entries = e->entries;
	op.revoke.entries_len = e->len;
	return author_ops(r, e->ds, &op, 1, e->need);
}

lk_err
person_revoke_in(struct replica *r, uint32_t docno, const uint8_t pk[static 32],
    struct wall since)
{
	lk_err err = end_some(r, docno, pk, since);

	/* It may have granted itself more than one op can name. */
	while (err.code == LK_OK) {
		err = end_some(r, docno, pk, since);
		if (err.code == LK_E_NOTFOUND || err.code == LK_E_DENIED)
			return LK_NONE;
	}
	return err;
}

/* What the home document says of a device that is gone. */
struct farewell {
	struct replica *r;
	const struct person_device *all;
	size_t len;
	const struct person_device *target;
	struct wall since;
	const struct sign_key *by; /* of this device, or the root's */
	uint16_t rank;             /* of that */
};

/* A device that the one that goes has certified gets another certificate:
 * nobody could follow the old one to the root any more. */
static lk_err
certify_again(const struct farewell *f, const struct person_device *d,
    struct edit *e, struct doc *doc)
{
	struct cert cert = d->cert;
	struct op_id map;
	BUF_SCOPED bytes = { .max = CERT_LEN };

	/* What the one that goes may have written; where that cannot be gone
	 * beyond, the device itself puts back what it has. */
	cert.rank = d->rank;
	if (cert.serial < UINT32_MAX)
		cert.serial++;
	cert_sign(&cert, f->by);
	cert_write(&bytes, &cert);
	TRY(buf_err(&bytes, "certificate"));
	TRY(home_entry_make(e, doc, "devices", cert.block.device_pk, &map));
	return home_bytes_put(e, map, "cert", buf_bytes(&bytes));
}

static lk_err
farewell_fill(void *ctx, struct edit *e, struct doc *doc)
{
	const struct farewell *f = ctx;
	const struct cert *gone = &f->target->cert;
	struct gone statement;
	struct op_id map;
	BUF_SCOPED bytes = { .max = GONE_LEN };

	gone_make(&statement, gone->root_pk, gone->block.device_pk,
	    gone->serial, f->by);
	gone_write(&bytes, &statement);
	TRY(buf_err(&bytes, "statement"));
	TRY(home_entry_make(e, doc, "devices", gone->block.device_pk, &map));
	TRY(home_bytes_put(e, map, "gone", buf_bytes(&bytes)));
	if (f->since.ms > 0)
		TRY(home_time_put(e, map, "since", f->since));
	for (size_t i = 0; i < f->len; i++)
		if (!f->all[i].gone && f->all[i].rank > f->rank &&
		    f->all[i].cert.rank > 0 &&
		    memcmp(f->all[i].cert.issuer_pk, gone->block.device_pk,
			SIGN_PK_LEN) == 0)
			TRY(certify_again(f, &f->all[i], e, doc));
	return LK_NONE;
}

static lk_err
person_revoke_allowed(struct farewell *f)
{
	const struct identity *me = f->r->identity;
	const struct person_device *mine =
	    person_device_in(f->all, f->len, me->sign.pk);

	f->rank = f->by == &me->sign && mine != NULL ? mine->rank : 0;
	if (f->target == NULL)
		return LK_ERR(LK_E_NOTFOUND, "no such device");
	if (f->target->gone)
		return LK_ERR(LK_E_EXISTS, "revoked already");
	if (f->target == mine)
		return LK_ERR(LK_E_DENIED, "this is the device itself");
	if (mine == NULL || mine->gone || f->rank >= f->target->rank)
		return LK_ERR(LK_E_DENIED, "not senior to it");
	return LK_NONE;
}

/* The root's grants are cold: it revokes, and has no part in what documents
 * hold, so the home's entry is for this device to write. */
static lk_err
revoke_in_by(
    const struct farewell *f, uint32_t docno, const uint8_t pk[static 32])
{
	struct replica *r = f->r;
	const struct identity *me = r->identity;
	struct identity by = *me;
	lk_err err;

	by.sign = *f->by;
	r->identity = &by;
	err = person_revoke_in(r, docno, pk, f->since);
	r->identity = me;
	identity_clear(&by);
	return err;
}

static lk_err
revoke_by(struct farewell *f, const uint8_t pk[static 32])
{
	ARENA_SCOPED arena = { .max = PERSON_ARENA_MAX };
	struct person_device target;
	uint8_t hash[LK_ID_LEN];
	uint32_t home;
	bool changed;
	lk_err err;

	TRY(person_all(f->r, &arena, &f->all, &f->len));
	f->target = person_device_in(f->all, f->len, pk);
	TRY(person_revoke_allowed(f));
	target = *f->target;
	TRY(replica_home(f->r, &home));
	err = revoke_in_by(f, home, pk);
	if (err.code != LK_OK && err.code != LK_E_NOTFOUND)
		return err;
	/* A device it added afterwards may be none any more. */
	arena_reset(&arena);
	TRY(person_all(f->r, &arena, &f->all, &f->len));
	f->target = &target;
	return replica_edit(f->r, home, farewell_fill, f, NULL, &changed, hash);
}

lk_err
person_revoke(struct replica *r, const uint8_t pk[static 32], struct wall since)
{
	struct farewell f = {
		.r = r, .since = since, .by = &r->identity->sign
	};

	return revoke_by(&f, pk);
}

lk_err
person_revoke_at_home_by_root(struct replica *r, const struct sign_key *root,
    const uint8_t pk[static 32], struct wall since)
{
	struct farewell f = { .r = r, .since = since, .by = root };

	if (memcmp(root->pk, r->identity->root_pk, SIGN_PK_LEN) != 0)
		return LK_ERR(LK_E_DENIED, "the phrase of somebody else");
	return revoke_by(&f, pk);
}

lk_err
person_revoke_in_by_root(struct replica *r, const struct sign_key *root,
    uint32_t docno, const uint8_t pk[static 32])
{
	const struct farewell f = { .r = r, .by = root };

	return revoke_in_by(&f, docno, pk);
}

lk_err
person_revoke_by_root(struct replica *r, const struct sign_key *root,
    const uint8_t pk[static 32], struct wall since)
{
	struct farewell f = { .r = r, .since = since, .by = root };
	uint32_t docno = 0;
	lk_err err;

	TRY(person_revoke_at_home_by_root(r, root, pk, since));
	while ((err = replica_doc_next(r, docno, &docno)).code == LK_OK) {
		err = revoke_in_by(&f, docno, pk);
		if (err.code != LK_OK && err.code != LK_E_DENIED &&
		    err.code != LK_E_NOTFOUND)
			return err;
	}
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}
