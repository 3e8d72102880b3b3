#include "access/vclock.h"

#include <stdlib.h>
#include <string.h>

#include "access/array.h"

#define VCLOCK_BITS 4
#define VCLOCK_LEVELS 8 /* 32 bits of index */

void
vclock_pool_clear(struct vclock_pool *p)
{
	free(p->nodes);
	lookup_clear(&p->index);
	*p = (struct vclock_pool){ 0 };
}

void
vclock_rollback(struct vclock_pool *p, uint32_t len)
{
	while (p->len > len) {
		lookup_pop(&p->index);
		p->len--;
	}
}

static uint32_t
level_of(const struct vclock_pool *p, uint32_t clock)
{
	return clock == 0 ? 0 : p->nodes[clock - 1].level;
}

/* The lowest level at which a tree has a place for entry i. */
static uint32_t
level_for(uint32_t i)
{
	uint32_t level = 0;

	while (level + 1 < VCLOCK_LEVELS && i >> (VCLOCK_BITS * (level + 1)))
		level++;
	return level;
}

static uint32_t
slot_of(uint32_t i, uint32_t level)
{
	return i >> (VCLOCK_BITS * level) & (VCLOCK_FANOUT - 1);
}

static uint32_t
node_hash(const struct vclock_node *n)
{
	uint64_t h = n->level;

	for (size_t i = 0; i < VCLOCK_FANOUT; i++) {
		h = (h ^ n->v[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return (uint32_t)(h ^ h >> 32);
}

static uint32_t
node_intern(struct vclock_pool *p, const struct vclock_node *n)
{
	uint32_t hash = node_hash(n);

	for (uint32_t i = lookup_first(&p->index, hash); i != LOOKUP_END;
	     i = lookup_next(&p->index, i)) {
		if (memcmp(&p->nodes[i], n, sizeof(*n)) == 0)
			return i + 1;
	}
	if (p->len == p->cap)
		p->nodes = array_grow(p->nodes, &p->cap, sizeof(*p->nodes));
	if (p->len == p->cap || !lookup_push(&p->index, hash)) {
		p->failed = true;
		return 0;
	}
	p->nodes[p->len++] = *n;
	return p->len;
}

/* The same clock as a tree of that level. */
static uint32_t
lift(struct vclock_pool *p, uint32_t clock, uint32_t level)
{
	while (clock != 0 && level_of(p, clock) < level) {
		struct vclock_node n = { .v = { clock },
			.level = level_of(p, clock) + 1 };

		clock = node_intern(p, &n);
	}
	return clock;
}

uint32_t
vclock_get(const struct vclock_pool *p, uint32_t clock, uint32_t i)
{
	uint32_t level = level_of(p, clock);

	if (level_for(i) > level)
		return 0;
	while (clock != 0) {
		clock = p->nodes[clock - 1].v[slot_of(i, level)];
		if (level-- == 0)
			break;
	}
	return clock;
}

uint32_t
vclock_raise(
    struct vclock_pool *p, uint32_t clock, uint32_t i, uint32_t position)
{
	uint32_t level = level_for(i), above = level_of(p, clock);
	uint32_t path[VCLOCK_LEVELS] = { 0 }, value = position;

	if (position == 0 || vclock_get(p, clock, i) >= position)
		return clock;
	if (above > level)
		level = above;
	clock = lift(p, clock, level);
	for (uint32_t l = level + 1; l-- > 0;) {
		path[l] = clock;
		if (clock != 0)
			clock = p->nodes[clock - 1].v[slot_of(i, l)];
	}
	for (uint32_t l = 0; l <= level; l++) {
		struct vclock_node n = { .level = l };

		if (path[l] != 0)
			n = p->nodes[path[l] - 1];
		n.v[slot_of(i, l)] = value;
		value = node_intern(p, &n);
	}
	return value;
}

/* A node of the first tree that is being merged with one of the second. */
struct merging {
	struct vclock_node n;
	uint32_t b, slot;
};

/* Whether two entries need no look inside; *out is their merge then. */
static bool
merge_trivial(uint32_t a, uint32_t b, uint32_t level, uint32_t *out)
{
	*out = a > b ? a : b;
	/* Positions stand below the last level, handles above. */
	return level == 0 || a == b || a == 0 || b == 0;
}

/* Both are trees of this level and not empty. */
static uint32_t
merge_at(struct vclock_pool *p, uint32_t a, uint32_t b, uint32_t level)
{
	struct merging path[VCLOCK_LEVELS];
	uint32_t l = level;

	path[l] = (struct merging){ p->nodes[a - 1], b, 0 };
	for (;;) {
		struct merging *m = &path[l];
		uint32_t *mine = &m->n.v[m->slot], other, done;

		if (m->slot == VCLOCK_FANOUT) {
			done = node_intern(p, &m->n);
			if (l == level)
				return done;
			l++;
			path[l].n.v[path[l].slot++] = done;
			continue;
		}
		other = p->nodes[m->b - 1].v[m->slot];
		if (merge_trivial(*mine, other, l, &done)) {
			*mine = done;
			m->slot++;
			continue;
		}
		l--;
		path[l] = (struct merging){ p->nodes[*mine - 1], other, 0 };
	}
}

uint32_t
vclock_merge(struct vclock_pool *p, uint32_t a, uint32_t b)
{
	uint32_t level = level_of(p, a), other = level_of(p, b);

	if (a == b || b == 0)
		return a;
	if (a == 0)
		return b;
	if (other > level)
		level = other;
	a = lift(p, a, level);
	b = lift(p, b, level);
	/* Without memory a tree may be gone. */
	return a == 0 || b == 0 || a == b ? a : merge_at(p, a, b, level);
}

bool
vclock_next(const struct vclock_pool *p, uint32_t clock, uint32_t *i,
    uint32_t *position)
{
	uint32_t top = level_of(p, clock);
	uint64_t at = *i, end = UINT64_C(1) << (VCLOCK_BITS * (top + 1));

	while (clock != 0 && at < end) {
		uint32_t h = clock, level = top;

		for (;;) {
			h = p->nodes[h - 1].v[slot_of((uint32_t)at, level)];
			if (h == 0 || level == 0)
				break;
			level--;
		}
		if (h != 0) {
			*i = (uint32_t)at;
			*position = h;
			return true;
		}
		at = ((at >> (VCLOCK_BITS * level)) + 1)
		    << (VCLOCK_BITS * level);
	}
	return false;
}
