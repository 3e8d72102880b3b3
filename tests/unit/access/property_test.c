/*
 * The invariants of access.md section 11 over random histories in which every
 * device may lie about what it has seen.  A failure names its seed.
 */
#include "tests/unit/access/history_deliver.h"

#define SEEDS 60
#define STEPS 34

static const char *const keys[] = { "R", "A", "B", "C", "D", "E" };
#define KEYS (sizeof(keys) / sizeof(*keys))

/* Where a test is; it did not get to the end if it failed. */
static uint64_t at_seed;

static int
seed_print(void **state)
{
	(void)state;
	if (at_seed < SEEDS)
		print_error("seed %llu\n", (unsigned long long)at_seed);
	return 0;
}

/* The whole history in one graph, and what is asked about it. */
struct whole {
	struct history h;
	struct graph *g;
	struct outcome now;
};

static struct graph_author
author_of(const struct whole *w, size_t i)
{
	return graph_node_author(w->g, graph_find(w->g, w->h.env[i]->facts.id));
}

static bool
grant_same(const struct grant_ref *a, const struct grant_ref *b)
{
	return memcmp(a->env, b->env, LK_ID_LEN) == 0 && a->index == b->index;
}

/* The member entry of a grant. */
static struct member
member_of(const struct graph *g, const struct grant_ref *ref)
{
	struct member m;

	for (size_t i = 0; i < graph_members_len(g); i++) {
		graph_member(g, i, &m);
		if (grant_same(&m.grant, ref))
			return m;
	}
	fail_msg("a grant is not among the members");
	return m;
}

/* Whether `above` is the grant or one it came from; own: through own grants. */
static bool
descends(const struct graph *g, struct grant_ref ref,
    const struct grant_ref *above, bool own)
{
	static const uint8_t none[LK_ID_LEN];

	for (;;) {
		struct member m = member_of(g, &ref);

		if (grant_same(&ref, above))
			return true;
		if (memcmp(m.parent.env, none, LK_ID_LEN) == 0 ||
		    (own && !(m.flags & GRANT_OWN)))
			return false;
		ref = m.parent;
	}
}

static void
view_random(struct history *h, char view[1024])
{
	bool all[HISTORY_MAX] = { 0 };
	size_t n = 1 + history_random(h, 3);

	view[0] = '\0';
	if (history_random(h, 10) < 7) {
		/* Everything: the envelopes nobody else has in his past. */
		for (size_t i = 0; i < h->len; i++) {
			for (size_t k = 0; k < h->len; k++)
				all[i] = all[i] || h->env[k]->past[i];
			if (!all[i]) {
				strlcat(view, " ", 1024);
				strlcat(view, h->env[i]->name, 1024);
			}
		}
		return;
	}
	while (n-- > 0) {
		const char *name =
		    h->env[history_random(h, (uint32_t)h->len)]->name;

		strlcat(view, " ", 1024);
		if (strstr(view, name) == NULL)
			strlcat(view, name, 1024);
	}
}

static void
grant_name_of(const struct grant_ref *ref, char out[40])
{
	snprintf(out, 40, "%.32s#%u", (const char *)ref->env, ref->index);
}

/* A grant of the view, of that key if there is one. */
static bool
grant_pick(
    struct history *h, const char *view, const char *key, struct member *out)
{
	bool in[HISTORY_MAX];
	uint8_t want[32];
	struct graph *g;
	size_t n = 0;
	struct member m;

	view_close(h, view, in);
	g = view_graph(h, in);
	if (key != NULL)
		name_key(want, key);
	for (size_t i = 0; i < graph_members_len(g); i++) {
		graph_member(g, i, &m);
		if (key != NULL && memcmp(m.key, want, 32) != 0)
			continue;
		if (history_random(h, (uint32_t)++n) == 0)
			*out = m;
	}
	graph_free(g);
	return n > 0;
}

static struct cut_spec
cut_random(struct history *h, const char *view, const struct member *target,
    char name[40], char keep[1024])
{
	bool in[HISTORY_MAX];
	struct graph *g;
	uint8_t tips[REVOKE_KEEP_MAX][LK_ID_LEN];
	size_t n = 0;
	struct cut_spec c = { .level = (enum role)(history_random(h, 8) < 5
				      ? ROLE_NONE
				      : history_random(h, ROLE_ADMIN)),
		.flags = (uint8_t)history_random(h, 4) };

	view_close(h, view, in);
	g = view_graph(h, in);
	grant_name_of(&target->grant, name);
	keep[0] = '\0';
	if (history_random(h, 4) > 0 &&
	    graph_tips_of(g,
		&(struct graph_work){ .grant = target->grant,
		    .tree = c.flags & REVOKE_TREE },
		tips, &n)
		    .code == LK_OK) {
		for (size_t i = 0; i < n; i++) {
			strlcat(keep, " ", 1024);
			strlcat(keep, (const char *)tips[i], 1024);
		}
	}
	graph_free(g);
	c.target = name;
	c.keep = keep;
	return c;
}

static bool
step_grant(struct history *h, const char *name, const char *author,
    const char *grant, const char *view, const struct member *me)
{
	struct access_op op = op_grant_to(keys[1 + history_random(h, KEYS - 1)],
	    (enum role)(1 + history_random(h, me->role)),
	    (uint16_t)(me->rank + history_random(h, 3)), 0);

	if (history_random(h, 2))
		op.grant.flags |= GRANT_ENROLL;
	if (me->flags & GRANT_ENROLL && history_random(h, 2))
		op.grant.flags |= GRANT_OWN;
	return w_grant(h, name, author, grant, view, op);
}

/* Something of the view, adopted or not; a ban; a new box key. */
static void
step_other(struct history *h, const char *name, const char *author,
    const char *grant, const char *view)
{
	uint32_t dice = history_random(h, 6);

	if (dice < 2) {
		(void)w_ban(h, name, author, grant, view,
		    keys[1 + history_random(h, KEYS - 1)]);
	} else if (dice < 3) {
		struct access_op op =
		    op_rekey_to(author, 1 + history_random(h, 4));

		(void)history_write(h, name, author, grant, view, &op, 1);
	} else {
		bool in[HISTORY_MAX];
		size_t i = history_random(h, (uint32_t)h->len);

		view_close(h, view, in);
		while (i > 0 && !in[i])
			i--;
		(void)w_adopt(h, name, author, grant, view, h->env[i]->name);
	}
}

static void
step(struct history *h, size_t number)
{
	char name[16], grant[40], target[40], view[1024], keep[1024];
	const char *author = keys[history_random(h, KEYS)];
	struct member me, other;
	uint32_t dice = history_random(h, 100);

	snprintf(name, sizeof(name), "n%zu.", number);
	view_random(h, view);
	if (!grant_pick(h, view, author, &me))
		return;
	grant_name_of(&me.grant, grant);
	if (dice < 30) {
		if (!w_change(h, name, author, grant, view) &&
		    history_random(h, 2)) {
			struct access_op ops[2] = { op_plain(OP_EPOCH),
				op_plain(OP_CHANGE) };

			(void)history_write(
			    h, name, author, grant, view, ops, 2);
		}
	} else if (dice < 55) {
		(void)step_grant(h, name, author, grant, view, &me);
	} else if (dice < 75) {
		if (grant_pick(h, view, NULL, &other))
			(void)w_cut(h, name, author, grant, view,
			    cut_random(h, view, &other, target, keep));
	} else if (dice < 88) {
		(void)w_plain(h, name, author, grant, view, OP_EPOCH);
	} else if (dice < 90) {
		(void)w_plain(h, name, author, grant, view, OP_LEAVE);
	} else if (dice < 96) {
		step_other(h, name, author, grant, view);
	} else {
		struct access_op piece = op_plain(OP_IMPORT);

		piece.content.form = (uint8_t)history_random(h, 2);
		(void)history_write(h, name, author, grant, view, &piece, 1);
	}
}

static void
whole_make(struct whole *w, uint64_t seed)
{
	bool all[HISTORY_MAX];

	memset(w, 0, sizeof(*w));
	history_start(&w->h, seed * UINT64_C(0x9e3779b97f4a7c15) + seed);
	for (size_t i = 0; i < STEPS; i++)
		step(&w->h, i);
	memset(all, 1, sizeof(all));
	w->g = view_graph(&w->h, all);
	history_load(&w->h, &w->now);
}

static void
whole_clear(struct whole *w)
{
	graph_free(w->g);
	history_clear(&w->h);
}

/* Loads the marked envelopes only. */
static void
part_outcome(
    const struct history *h, const bool in[HISTORY_MAX], struct outcome *out)
{
	struct graph *g = view_graph(h, in);

	outcome_of(h, g, out);
	graph_free(g);
}

static void
i1_the_order_of_arrival_changes_nothing(void **state)
{
	(void)state;
	for (at_seed = 0; at_seed < SEEDS; at_seed++) {
		struct whole w;

		whole_make(&w, at_seed);
		(void)history_outcome(&w.h, 4);
		whole_clear(&w);
	}
}

static void
i1_every_prefix_is_what_loading_it_gives(void **state)
{
	(void)state;
	for (at_seed = 0; at_seed < SEEDS; at_seed++) {
		struct whole w;
		struct graph *step_by_step, *loaded;
		struct outcome a, b;

		whole_make(&w, at_seed);
		assert_int_equal(graph_new(&step_by_step).code, LK_OK);
		for (size_t n = 0; n < w.h.len; n++) {
			graph_must_add(step_by_step, &w.h.env[n]->facts);
			assert_int_equal(graph_new(&loaded).code, LK_OK);
			for (size_t i = 0; i <= n; i++)
				assert_int_equal(
				    graph_load(loaded, &w.h.env[i]->facts).code,
				    LK_OK);
			assert_int_equal(graph_settle(loaded).code, LK_OK);
			outcome_of(&w.h, step_by_step, &a);
			outcome_of(&w.h, loaded, &b);
			outcome_equal(&w.h, &a, &b);
			graph_free(loaded);
		}
		graph_free(step_by_step);
		whole_clear(&w);
	}
}

static void
i2_grants_of_effective_ops_are_effective_up_to_the_genesis(void **state)
{
	static const uint8_t none[LK_ID_LEN];

	(void)state;
	for (at_seed = 0; at_seed < SEEDS; at_seed++) {
		struct whole w;

		whole_make(&w, at_seed);
		for (size_t i = 1; i < w.h.len; i++) {
			struct graph_author a = author_of(&w, i);
			struct member m;

			if (w.now.effective[i] == 0)
				continue;
			m = member_of(w.g, &a.grant);
			assert_memory_equal(m.key, a.key, 32);
			while (memcmp(m.parent.env, none, LK_ID_LEN) != 0) {
				uint8_t op = m.grant.index;

				assert_true(graph_effective(w.g, m.node, op));
				m = member_of(w.g, &m.parent);
			}
			assert_int_equal(m.node, 0);
		}
		whole_clear(&w);
	}
}

static uint8_t
need_at_least(const struct access_op *op)
{
	switch (op->kind) {
	case OP_CHANGE:
	case OP_IMPORT:
	case OP_EPOCH:
	case OP_ADOPT:
		return ROLE_WRITE;
	case OP_REKEY:
		return ROLE_READ;
	case OP_BAN:
		return ROLE_ADMIN;
	case OP_GRANT:
		return op->grant.flags & GRANT_OWN ? op->grant.role
						   : ROLE_ADMIN;
	case OP_LEAVE:
	case OP_REVOKE:
		return ROLE_RELAY;
	default:
		return ROLE_NONE;
	}
}

static bool
kept(const struct whole *w, const struct revoke_entry *e, size_t x)
{
	for (size_t k = 0; k < e->keep_len; k++) {
		size_t tip =
		    history_find(&w->h, (const char *)e->keep + k * LK_ID_LEN);

		if (tip == x || w->h.env[tip]->past[x])
			return true;
	}
	return false;
}

static void
check_revoked(const struct whole *w, size_t c, const struct revoke_entry *e)
{
	for (size_t x = 1; x < w->h.len; x++) {
		struct graph_author a = author_of(w, x);
		const struct body *b = &w->h.env[x]->body;

		if (kept(w, e, x) ||
		    !(e->flags & REVOKE_TREE
			    ? descends(w->g, a.grant, &e->target, true)
			    : grant_same(&a.grant, &e->target)))
			continue;
		for (size_t k = 0; k < b->ops_len; k++) {
			if (need_at_least(&b->ops[k]) <= e->level ||
			    (e->flags & REVOKE_SOFT &&
				(b->ops[k].kind == OP_REVOKE ||
				    b->ops[k].kind == OP_BAN) &&
				!w->h.env[x]->past[c]))
				continue;
			if (w->now.effective[x] & 1u << k)
				fail_msg("%s is effective after %s",
				    w->h.env[x]->name, w->h.env[c]->name);
		}
	}
}

static void
i3_what_a_revocation_does_not_keep_is_void(void **state)
{
	(void)state;
	for (at_seed = 0; at_seed < SEEDS; at_seed++) {
		struct whole w;

		whole_make(&w, at_seed);
		for (size_t c = 0; c < w.h.len; c++) {
			const struct access_op *op = &w.h.env[c]->body.ops[0];

			if (op->kind != OP_REVOKE || !w.now.effective[c])
				continue;
			for (size_t k = 0; k < op->revoke.entries_len; k++)
				check_revoked(&w, c, &op->revoke.entries[k]);
		}
		whole_clear(&w);
	}
}

static void
i4_a_rank_is_untouched_by_those_below_it(void **state)
{
	(void)state;
	for (at_seed = 0; at_seed < SEEDS; at_seed++) {
		struct whole w;
		struct outcome part;
		bool in[HISTORY_MAX] = { true };
		uint16_t rank = 1001;

		whole_make(&w, at_seed);
		rank = (uint16_t)(rank + history_random(&w.h, 3));
		/* Some of the juniors, and what rests on them, never came. */
		for (size_t i = 1; i < w.h.len; i++) {
			struct graph_author a = author_of(&w, i);

			in[i] = member_of(w.g, &a.grant).rank < rank ||
			    history_random(&w.h, 2);
			for (size_t k = 0; k < i; k++)
				in[i] =
				    in[i] && (in[k] || !w.h.env[i]->past[k]);
		}
		part_outcome(&w.h, in, &part);
		for (size_t i = 1; i < w.h.len; i++) {
			struct graph_author a = author_of(&w, i);

			if (in[i] && member_of(w.g, &a.grant).rank < rank)
				assert_int_equal(
				    part.effective[i], w.now.effective[i]);
		}
		whole_clear(&w);
	}
}

static void
i6_no_two_revocations_target_each_other(void **state)
{
	(void)state;
	for (at_seed = 0; at_seed < SEEDS; at_seed++) {
		struct whole w;

		whole_make(&w, at_seed);
		for (size_t c = 1; c < w.h.len; c++) {
			const struct access_op *op = &w.h.env[c]->body.ops[0];
			struct graph_author a = author_of(&w, c);

			if (op->kind != OP_REVOKE)
				continue;
			assert_true(member_of(w.g, &a.grant).rank <
			    member_of(w.g, &op->revoke.entries[0].target).rank);
		}
		whole_clear(&w);
	}
}

static void
i7_what_is_not_essential_can_be_dropped(void **state)
{
	(void)state;
	for (at_seed = 0; at_seed < SEEDS; at_seed++) {
		struct whole w;
		struct outcome part;

		whole_make(&w, at_seed);
		part_outcome(&w.h, w.now.essential, &part);
		outcome_equal(&w.h, &w.now, &part);
		whole_clear(&w);
	}
}

/* What is void with revocation c and was not without it.  Where c gave other
 * denials their effect back, those may have reached further. */
static void
check_touched(const struct whole *w, size_t c, const struct outcome *without)
{
	const struct access_op *op = &w->h.env[c]->body.ops[0];

	for (size_t x = 1; x < w->h.len; x++) {
		if (x != c && w->h.env[x]->body.ops[0].kind != OP_CHANGE &&
		    (w->now.effective[x] & ~without->effective[x]))
			return;
	}
	for (size_t x = 1; x < w->h.len; x++) {
		struct graph_author a = author_of(w, x);

		if (without->effective[x] & ~w->now.effective[x])
			assert_true(descends(w->g, a.grant,
			    &op->revoke.entries[0].target, false));
	}
}

static void
i8_a_revocation_touches_only_what_stands_below_its_target(void **state)
{
	(void)state;
	for (at_seed = 0; at_seed < SEEDS; at_seed++) {
		struct whole w;

		whole_make(&w, at_seed);
		for (size_t c = 1; c < w.h.len; c++) {
			const struct access_op *op = &w.h.env[c]->body.ops[0];
			struct outcome part;
			bool in[HISTORY_MAX], leaf = true;

			for (size_t k = 0; k < w.h.len; k++) {
				in[k] = k != c;
				leaf = leaf && !w.h.env[k]->past[c];
			}
			if (op->kind != OP_REVOKE || !leaf)
				continue;
			part_outcome(&w.h, in, &part);
			check_touched(&w, c, &part);
		}
		whole_clear(&w);
	}
}

/* In a device that holds everything that does not rest on it. */
static enum lk_code
verdict_elsewhere(struct whole *w, size_t i)
{
	bool in[HISTORY_MAX];
	struct judgement j;
	struct graph *g;
	lk_err err;

	for (size_t k = 0; k < w->h.len; k++)
		in[k] = k != i && !w->h.env[k]->past[i];
	g = view_graph(&w->h, in);
	err = graph_judge(g, &w->h.env[i]->facts, &j);
	graph_free(g);
	return err.code;
}

static void
i10_the_verdict_depends_on_the_past_alone(void **state)
{
	(void)state;
	for (at_seed = 0; at_seed < SEEDS; at_seed++) {
		struct whole w;
		struct envelope liar;

		whole_make(&w, at_seed);
		for (size_t i = 1; i < w.h.len; i++) {
			struct envelope *e = w.h.env[i];
			struct graph *g;
			struct judgement j;
			enum lk_code alone, elsewhere;

			assert_int_equal(verdict_elsewhere(&w, i), LK_OK);
			/* The same under a seal or count that may be wrong. */
			liar = *e;
			liar.facts.body = &liar.body;
			name_etag(liar.facts.etag,
			    w.h.env[history_random(&w.h, (uint32_t)w.h.len)]
				->name);
			liar.facts.boxes_len ^= history_random(&w.h, 4) == 0;
			w.h.env[i] = &liar;
			g = view_graph(&w.h, e->past);
			alone = graph_judge(g, &liar.facts, &j).code;
			graph_free(g);
			elsewhere = verdict_elsewhere(&w, i);
			w.h.env[i] = e;
			assert_int_equal(alone, elsewhere);
		}
		whole_clear(&w);
	}
}

static void
judging_leaves_no_trace(void **state)
{
	(void)state;
	for (at_seed = 0; at_seed < SEEDS; at_seed += 2) {
		struct whole w;
		struct graph *g, *quiet;
		struct outcome a, b;

		whole_make(&w, at_seed);
		assert_int_equal(graph_new(&g).code, LK_OK);
		assert_int_equal(graph_new(&quiet).code, LK_OK);
		for (size_t i = 0; i < w.h.len; i++) {
			struct judgement j;

			/* Also what waits, is known, or names the future. */
			for (size_t k = 0; k < w.h.len; k++) {
				lk_err err =
				    graph_judge(g, &w.h.env[k]->facts, &j);

				assert_true(k < i ? err.code == LK_E_EXISTS
						  : err.code == LK_OK ||
					    err.code == LK_E_WAIT);
			}
			graph_must_add(g, &w.h.env[i]->facts);
			graph_must_add(quiet, &w.h.env[i]->facts);
			assert_int_equal(graph_len(g), i + 1);
		}
		outcome_of(&w.h, g, &a);
		outcome_of(&w.h, quiet, &b);
		outcome_equal(&w.h, &a, &b);
		graph_free(g);
		graph_free(quiet);
		whole_clear(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
		    i1_the_order_of_arrival_changes_nothing, seed_print),
		cmocka_unit_test_teardown(
		    i1_every_prefix_is_what_loading_it_gives, seed_print),
		cmocka_unit_test_teardown(
		    i2_grants_of_effective_ops_are_effective_up_to_the_genesis,
		    seed_print),
		cmocka_unit_test_teardown(
		    i3_what_a_revocation_does_not_keep_is_void, seed_print),
		cmocka_unit_test_teardown(
		    i4_a_rank_is_untouched_by_those_below_it, seed_print),
		cmocka_unit_test_teardown(
		    i6_no_two_revocations_target_each_other, seed_print),
		cmocka_unit_test_teardown(
		    i7_what_is_not_essential_can_be_dropped, seed_print),
		cmocka_unit_test_teardown(
		    i8_a_revocation_touches_only_what_stands_below_its_target,
		    seed_print),
		cmocka_unit_test_teardown(
		    i10_the_verdict_depends_on_the_past_alone, seed_print),
		cmocka_unit_test_teardown(judging_leaves_no_trace, seed_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
