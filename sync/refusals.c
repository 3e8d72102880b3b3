#include "sync/refusals.h"

#include <string.h>

#include "sync/admit.h"

static bool
refusal_alike(const struct refusal *a, const struct refusal *b)
{
	return a->docno == b->docno && a->why == b->why && a->duel == b->duel &&
	    memcmp(a->from, b->from, sizeof(a->from)) == 0 &&
	    memcmp(a->author, b->author, sizeof(a->author)) == 0 &&
	    memcmp(a->target, b->target, sizeof(a->target)) == 0;
}

/* Whether `a` makes room before `b`. */
static bool
refusal_goes_first(const struct refusal *a, const struct refusal *b)
{
	return a->duel != b->duel ? !a->duel : a->at.ms < b->at.ms;
}

/* The news stand at the end: what makes room is taken out, the rest moves up.
 */
static void
refusals_make_room(struct refusals *all)
{
	size_t least = 0;

	for (size_t i = 1; i < all->len; i++)
		if (refusal_goes_first(&all->list[i], &all->list[least]))
			least = i;
	memmove(&all->list[least], &all->list[least + 1],
	    (all->len - least - 1) * sizeof(*all->list));
	all->len--;
	all->told -= least < all->told;
}

static void
refusals_add(struct refusals *all, const struct refusal *r, struct wall at)
{
	size_t i = 0;

	while (i < all->len && !refusal_alike(&all->list[i], r))
		i++;
	if (i == all->len) {
		if (all->len == REFUSED_MAX)
			refusals_make_room(all);
		i = all->len++;
		all->list[i] = *r;
	}
	all->list[i].count++;
	all->list[i].at = at;
}

/* Whether one of its revocations is of somebody not below its author. */
static bool
duel_find(const struct graph *g, const struct body *body,
    const struct graph_author *author, struct member *target)
{
	struct member issuer;

	if (!graph_member_find(g, &author->grant, &issuer))
		return false;
	for (size_t i = 0; i < body->ops_len; i++) {
		const struct op_revoke *o = &body->ops[i].revoke;

		if (body->ops[i].kind != OP_REVOKE)
			continue;
		for (size_t k = 0; k < o->entries_len; k++)
			if (graph_member_find(
				g, &o->entries[k].target, target) &&
			    target->rank <= issuer.rank)
				return true;
	}
	return false;
}

void
refusal_note(struct admission *a, const struct candidate *c,
    const struct graph_author *author, const char *why)
{
	struct refusal r = { .docno = a->ds->docno, .why = why };
	struct member target;

	if (a->local || a->from == NULL)
		return;
	memcpy(r.from, a->from, sizeof(r.from));
	if (author != NULL &&
	    duel_find(a->ds->graph, &c->body, author, &target)) {
		r.duel = true;
		memcpy(r.author, author->key, sizeof(r.author));
		memcpy(r.target, target.key, sizeof(r.target));
	}
	refusals_add(&a->r->refusals, &r, a->r->now.wall);
}

bool
replica_refusal(const struct replica *r, size_t i, struct refusal *out)
{
	if (i >= r->refusals.len)
		return false;
	*out = r->refusals.list[i];
	return true;
}

bool
replica_refusal_news(struct replica *r, struct refusal *out)
{
	return replica_refusal(r, r->refusals.told, out) &&
	    ++r->refusals.told > 0;
}
