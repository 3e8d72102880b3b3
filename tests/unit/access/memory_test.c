/*
 * Memory that runs out: every allocation of a judgement fails once, and what
 * was appended for it is gone again.
 *
 * All arrays of access/ grow with reallocarray(), which this program defines
 * itself in front of the C library's.
 */
#include <dlfcn.h>

#include "tests/unit/access/history_share.h"
#include "tests/unit/access/scenario.h"

static bool failing, failed;
static size_t left;

void *
reallocarray(void *p, size_t n, size_t size)
{
	static void *(*real)(void *, size_t, size_t);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "reallocarray");
	if (failing && !failed && left-- == 0) {
		failed = true;
		return NULL;
	}
	return real(p, n, size);
}

static void
history_of_everything(struct history *h)
{
	struct access_op ops[2] = { op_plain(OP_EPOCH), op_plain(OP_CHANGE) };

	base(h);
	assert_true(w_grant(
	    h, "gD", "A", "G", "gF", op_grant_to("D", ROLE_READ, 50000, 0)));
	assert_true(history_write(h, "x1", "E", "gE", "gF", ops, 2));
	assert_true(w_change(h, "f1", "F", "gF", "x1"));
	assert_true(w_share(h, "s", "E", "gE", "f1 gD", "x1", "D"));
	assert_true(w_change(h, "m1", "M", "gM", "gD"));
	assert_true(w_cut(h, "c", "A", "G", "s m1", CUT("gM", "m1")));
	assert_true(history_write(h, "x2", "F", "gF", "c", ops, 2));
	assert_true(w_plain(h, "l", "F", "gF", "x2", OP_LEAVE));
}

/* Judges with the n-th allocation failing, for every n there is. */
static void
judge_failing(struct graph *g, const struct facts *f)
{
	for (size_t n = 0;; n++) {
		struct judgement j;
		lk_err err;

		left = n;
		failing = true;
		failed = false;
		err = graph_judge(g, f, &j);
		failing = false;
		if (err.code == LK_OK && !failed)
			return;
		if (err.code != LK_OK)
			assert_int_equal(err.code, LK_E_NOMEM);
	}
}

static void
a_judgement_without_memory_leaves_the_graph_as_it_was(void **state)
{
	struct history h;
	struct outcome want, got;
	struct graph *g;

	(void)state;
	history_of_everything(&h);
	history_load(&h, &want);
	assert_int_equal(graph_new(&g).code, LK_OK);
	for (size_t i = 0; i < h.len; i++) {
		judge_failing(g, &h.env[i]->facts);
		assert_int_equal(graph_len(g), i);
		graph_must_add(g, &h.env[i]->facts);
	}
	outcome_of(&h, g, &got);
	outcome_equal(&h, &want, &got);
	graph_free(g);
	history_clear(&h);
}

static void
adding_without_memory_says_so_or_does_without(void **state)
{
	struct history h;
	struct outcome want, got;
	bool through = false;

	(void)state;
	history_of_everything(&h);
	history_load(&h, &want);
	for (size_t n = 0; !through; n++) {
		struct graph *g;
		const struct flip *flips;
		size_t len;
		lk_err err = LK_NONE;

		assert_int_equal(graph_new(&g).code, LK_OK);
		left = n;
		failing = true;
		failed = false;
		for (size_t i = 0; i < h.len && err.code == LK_OK; i++)
			err = graph_add(g, &h.env[i]->facts, &flips, &len);
		failing = false;
		through = !failed;
		if (err.code == LK_OK) {
			outcome_of(&h, g, &got);
			outcome_equal(&h, &want, &got);
		} else {
			assert_int_equal(err.code, LK_E_NOMEM);
			assert_true(failed);
		}
		graph_free(g);
	}
	history_clear(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_judgement_without_memory_leaves_the_graph_as_it_was),
		cmocka_unit_test(adding_without_memory_says_so_or_does_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
