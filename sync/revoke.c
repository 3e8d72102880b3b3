#include <stdlib.h>
#include <string.h>

#include "sync/admit.h"
#include "sync/home.h"
#include "sync/revoke.h"

/* Somebody may have himself granted many times before he is thrown out. */
#define REVOKE_OPS_MAX 8
#define BANS_MAX (PERSON_DEVICES_MAX + 1)
/* An epoch may stand in front of them. */
#define ENVELOPE_OWN_OPS_MAX (ENVELOPE_OPS_MAX - 1)

/* What a revocation is made of: as many ops as its entries need, and bans. */
struct revocation {
	const struct revoke_order *order;
	struct person person; /* whose root key it is, if a contact's */
	int32_t rank;         /* of who revokes */
	struct docstate *ds;
	struct arena *arena;
	struct revoke_entry entries[REVOKE_OPS_MAX * REVOKE_ENTRIES_MAX];
	size_t len;
	bool live; /* some entry takes what counts until now */
	bool more; /* not all of them found room */
	struct access_op ops[BANS_MAX + REVOKE_OPS_MAX];
	size_t ops_len, bans;
	struct member *all;
	bool *ended; /* by member */
	size_t members;
};

/* A device of a person has grants that do not fall with those of his root key
 * where it made the document, or guardians let it in. */
static bool
is_full(const struct revocation *v)
{
	return v->len == sizeof(v->entries) / sizeof(v->entries[0]);
}

static bool
of_key(const struct revocation *v, const struct member *m)
{
	if (memcmp(m->key, v->order->key, ACCESS_KEY_LEN) == 0)
		return true;
	for (size_t i = 0; i < v->person.devices_len; i++)
		if (!(m->flags & GRANT_OWN) &&
		    memcmp(m->key, v->person.devices[i].block.device_pk,
			ACCESS_KEY_LEN) == 0)
			return true;
	return false;
}

static lk_err
entry_add(struct revocation *v, const struct member *m, bool all)
{
	const struct revoke_order *o = v->order;
	struct graph_work work = { .grant = m->grant,
		.tree = true,
		.until = all ? NULL : o->keep,
		.until_len = o->keep_len,
		.hardened = !o->soft,
		.level = o->level };
	uint8_t(*tips)[LK_ID_LEN] =
	    arena_alloc(v->arena, REVOKE_KEEP_MAX * LK_ID_LEN);
	struct revoke_entry *e = &v->entries[v->len];

	if (tips == NULL)
		return LK_ERR(LK_E_NOMEM, "revoke");
	*e = (struct revoke_entry){ .target = m->grant,
		.level = (uint8_t)o->level,
		.flags = o->soft ? REVOKE_TREE | REVOKE_SOFT : REVOKE_TREE,
		.keep = tips[0] };
	TRY(graph_tips_of(v->ds->graph, &work, tips, &e->keep_len));
	v->len++;
	return LK_NONE;
}

/* Whether the order takes something from a grant that counts for less than
 * before already. */
static bool
asks_more(const struct revoke_order *o, const struct member *m)
{
	return o->keep != NULL || o->ban || (m->soft && !o->soft);
}

/*
 * The grants of the key.  One that is void already is named too, as far as
 * there is room: it would be back if what voids it were itself voided.
 */
static lk_err
targets_add(struct revocation *v, bool void_ones)
{
	const struct revoke_order *o = v->order;

	for (size_t i = 0; i < v->members; i++) {
		const struct member *m = &v->all[i];

		if (!of_key(v, m) || m->role <= o->level ||
		    (m->now > o->level) == void_ones)
			continue;
		if (m->rank <= v->rank) {
			if (void_ones)
				continue;
			return LK_ERR(LK_E_DENIED,
			    "their grant is as senior as this device's");
		}
		if (is_full(v)) {
			v->more |= !void_ones;
			return LK_NONE;
		}
		v->ended[i] = true;
		v->live |= !void_ones || asks_more(o, m);
		TRY(entry_add(v, m, false));
	}
	return LK_NONE;
}

/* Grants made under those of the key; own devices fall with the person. */
static lk_err
cascade_add(struct revocation *v)
{
	for (size_t i = 0; i < v->members; i++) {
		const struct member *m = &v->all[i];
		bool below = false;

		for (size_t k = 0; k < i && !below && !v->ended[i]; k++)
			below = v->ended[k] &&
			    graph_member_below(v->ds->graph, i, k);
		if (!below)
			continue;
		v->ended[i] = true;
		if ((m->flags & GRANT_OWN) || m->now <= v->order->level)
			continue;
		if (is_full(v))
			return LK_ERR(LK_E_LIMIT, "too many grants below them");
		TRY(entry_add(v, m, true));
	}
	return LK_NONE;
}

/* The own grants that fall with what is named; one stands behind its parent. */
static void
trees_note(struct revocation *v)
{
	for (size_t i = 0; i < v->members; i++) {
		const struct member *m = &v->all[i];

		for (size_t k = 0; k < i && (m->flags & GRANT_OWN); k++) {
			if (v->ended[k] &&
			    grant_ref_equal(&v->all[k].grant, &m->parent))
				v->ended[i] = true;
		}
	}
}

static void
ban_add(struct revocation *v, const uint8_t key[static ACCESS_KEY_LEN])
{
	struct access_op *op = &v->ops[v->ops_len];

	for (size_t i = 0; i < v->ops_len; i++)
		if (memcmp(v->ops[i].ban.key, key, ACCESS_KEY_LEN) == 0)
			return;
	if (v->ops_len == BANS_MAX)
		return;
	op->kind = OP_BAN;
	memcpy(op->ban.key, key, ACCESS_KEY_LEN);
	v->bans = ++v->ops_len;
}

/* The person's key, and those of the devices below it: each could be granted
 * something by itself. */
static void
bans_add(struct revocation *v)
{
	ban_add(v, v->order->key);
	for (size_t i = 0; i < v->members; i++)
		if (v->ended[i] &&
		    ((v->all[i].flags & GRANT_OWN) || of_key(v, &v->all[i])))
			ban_add(v, v->all[i].key);
}

static int
entry_compare(const void *a, const void *b)
{
	const struct revoke_entry *x = a, *y = b;

	return grant_ref_compare(&x->target, &y->target);
}

/* Ops of ascending entries. */
static void
entries_write(struct revocation *v)
{
	qsort(v->entries, v->len, sizeof(v->entries[0]), entry_compare);
	for (size_t at = 0; at < v->len; at += REVOKE_ENTRIES_MAX) {
		size_t left = v->len - at;

		v->ops[v->ops_len++] = (struct access_op){ .kind = OP_REVOKE,
			.revoke = { .entries = v->entries + at,
			    .entries_len = left < REVOKE_ENTRIES_MAX
				? left
				: REVOKE_ENTRIES_MAX } };
	}
}

static lk_err
targets_missing(const struct revocation *v)
{
	for (size_t i = 0; i < v->members; i++)
		if (of_key(v, &v->all[i]))
			return LK_ERR(LK_E_EXISTS, "has no more already");
	return LK_ERR(LK_E_NOTFOUND, "not a member");
}

static lk_err
revocation_make(struct replica *r, struct revocation *v)
{
	lk_err err = home_person(r, v->order->key, v->arena, &v->person);

	if (err.code != LK_E_NOTFOUND)
		TRY(err);
	v->members = graph_members_len(v->ds->graph);
	v->all = arena_alloc(v->arena, v->members * sizeof(*v->all));
	v->ended = arena_alloc(v->arena, v->members * sizeof(*v->ended));
	if (v->all == NULL || v->ended == NULL)
		return LK_ERR(LK_E_NOMEM, "revoke");
	for (size_t i = 0; i < v->members; i++)
		graph_member(v->ds->graph, i, &v->all[i]);
	TRY(targets_add(v, false));
	TRY(targets_add(v, true));
	if (!v->live)
		return targets_missing(v);
	trees_note(v);
	if (v->order->ban)
		bans_add(v);
	if (v->order->cascade)
		TRY(cascade_add(v));
	entries_write(v);
	return LK_NONE;
}

/* What the document counts under the grants that were ended. */
static uint64_t
kept_count(const struct graph *g, const struct revocation *v)
{
	uint64_t kept = 0;

	for (uint32_t n = 0; n < graph_len(g); n++) {
		struct graph_author author;

		if (!graph_visible(g, n))
			continue;
		author = graph_node_author(g, n);
		for (size_t i = 0; i < v->members; i++)
			kept += v->ended[i] &&
			    grant_ref_equal(&v->all[i].grant, &author.grant);
	}
	return kept;
}

/* Each epoch that a document has had left a key here. */
static lk_err
epochs_count(struct replica *r, uint32_t docno, uint64_t *count)
{
	struct kv keys = docstate_space(r, docno, SPACE_KEYS);
	uint8_t at[ETAG_LEN] = { 0 };
	struct bytes value;
	uint64_t n = 0;

	do {
		lk_err err = kv_walk(keys, at, sizeof(at), 0, &value);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		n++;
	} while (bytes_next(at, sizeof(at)));
	*count = n;
	return LK_NONE;
}

/* Before it is written. */
static void
revoke_describe(const struct replica *r, const struct revocation *v,
    struct revoke_report *out)
{
	bool ends_admin = false, other_admin = false;

	for (size_t i = 0; i < v->members; i++) {
		const struct member *m = &v->all[i];
		bool admin = m->now == ROLE_ADMIN && !(m->flags & GRANT_COLD) &&
		    m->rank > 0;

		if (v->ended[i]) {
			out->grants += m->now > v->order->level;
			ends_admin |= admin;
		} else if (memcmp(m->key, r->identity->sign.pk,
			       ACCESS_KEY_LEN) != 0) {
			other_admin |= admin;
		}
	}
	out->last_admin = ends_admin && !other_admin;
}

/* Bans first, so that no moment between envelopes lets anybody in again. */
static lk_err
revocation_write(struct replica *r, struct revocation *v)
{
	size_t at = 0;

	while (at < v->ops_len) {
		size_t n = v->ops_len - at < ENVELOPE_OWN_OPS_MAX
		    ? v->ops_len - at
		    : ENVELOPE_OWN_OPS_MAX;

		TRY(author_ops(r, v->ds, v->ops + at, n, ROLE_ADMIN));
		at += n;
	}
	return LK_NONE;
}

/* As many as fit; *more: some are left. */
static lk_err
revoke_some(struct replica *r, uint32_t docno, const struct revoke_order *order,
    struct revoke_report *report, bool *more)
{
	ARENA_SCOPED arena = { .max = REVOKE_MEMORY_MAX };
	struct revocation *v = arena_alloc(&arena, sizeof(*v));
	struct member mine;

	if (v == NULL)
		return LK_ERR(LK_E_NOMEM, "revoke");
	v->order = order;
	v->arena = &arena;
	TRY(docstate_get(r, docno, &v->ds));
	TRY(author_grant(v->ds, r, ROLE_ADMIN, &mine));
	v->rank = mine.rank;
	TRY(revocation_make(r, v));
	revoke_describe(r, v, report);
	TRY(revocation_write(r, v));
	report->kept += kept_count(v->ds->graph, v);
	*more = v->more;
	return LK_NONE;
}

lk_err
replica_revoke(struct replica *r, uint32_t docno,
    const struct revoke_order *order, struct revoke_report *out)
{
	struct revoke_order rest = *order;
	struct revoke_report report = { 0 };
	bool more;

	TRY(epochs_count(r, docno, &report.epoch));
	do {
		TRY(revoke_some(r, docno, &rest, &report, &more));
		/* Once is enough, of what is said of the key. */
		rest.ban = false;
	} while (more);
	*out = report;
	return LK_NONE;
}

lk_err
revoke_op_make(struct replica *r, struct docstate *ds,
    const struct revoke_order *order, struct arena *arena, struct access_op *op)
{
	struct revocation *v = arena_alloc(arena, sizeof(*v));

	if (v == NULL)
		return LK_ERR(LK_E_NOMEM, "revoke");
	v->order = order;
	v->arena = arena;
	v->ds = ds;
	v->rank = GUARD_RANK;
	TRY(revocation_make(r, v));
	if (v->ops_len > 1)
		return LK_ERR(LK_E_LIMIT, "too many grants to revoke");
	*op = v->ops[0];
	return LK_NONE;
}
