/* How members come to the same, and what that costs. */
#include "tests/unit/sync/carried.h"
#include "tests/unit/sync/wired.h"

#define BEFORE 120 /* edits of mal before he is copied */
#define AFTER 3    /* and after that, by each of the two */
#define MINUTE 60000
#define PIECES 60
#define PIECE_LEN 6000

/* ann shares a document with mal and fay. */
struct trio {
	struct wires w;
	struct host a, m, f;
	uint32_t in_a, in_m, in_f;
	struct device copy; /* of mal's device, used beside it */
};

static void
edits(struct device *d, uint32_t docno, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++) {
		char key[32];

		(void)snprintf(key, sizeof(key), "%s%zu", text, i);
		edit(d, docno, key, text);
	}
}

static void
copy_make(struct trio *t)
{
	char command[160];

	t->copy = t->m.d;
	(void)snprintf(
	    t->copy.dir, sizeof(t->copy.dir), "/tmp/lk-member-XXXXXX");
	assert_non_null(mkdtemp(t->copy.dir));
	(void)snprintf(
	    command, sizeof(command), "cp %s/* %s/", t->m.d.dir, t->copy.dir);
	engine_free(t->m.e);
	device_close(&t->m.d);
	assert_int_equal(system(command), 0);
	device_open(&t->m.d);
	device_open(&t->copy);
	host_engine(&t->m);
}

static void
trio_meet(struct trio *t)
{
	char text[TICKET_TEXT_MAX + 1];

	memset(t, 0, sizeof(*t));
	host_make(&t->w, &t->a, 1, "ann");
	host_make(&t->w, &t->m, 2, "mal");
	host_make(&t->w, &t->f, 3, "fay");
	t->in_a = document(&t->a.d, "plan");
	ticket_make(&t->a, t->in_a, ROLE_WRITE, 2, text);
	t->in_m = redeemed(&t->m, redeem(&t->w, &t->m, text));
	t->in_f = redeemed(&t->f, redeem(&t->w, &t->f, text));
	edits(&t->m.d, t->in_m, BEFORE, "both");
	wires_run(&t->w, MINUTE);
	wires_cut(&t->w);
}

/* Everybody has the same; then two copies of mal write, and nobody knows of
 * either yet. */
static void
trio_make(struct trio *t)
{
	trio_meet(t);
	t->m.cut = true;
	copy_make(t);
	edits(&t->m.d, t->in_m, AFTER, "one");
	edits(&t->copy, t->in_m, AFTER, "two");
}

static void
trio_clear(struct trio *t)
{
	host_remove(&t->a);
	host_remove(&t->m);
	host_remove(&t->f);
	if (t->copy.dir[0] != '\0')
		device_remove(&t->copy);
}

static void
hear(struct trio *t, struct device *from, struct host *to, uint32_t in)
{
	struct bag b = { .len = 0 };

	(void)bag_take(&b, from, t->in_m, 1);
	give_all(&to->d, in, &b);
	bag_clear(&b);
}

static bool
are_equal(struct trio *t)
{
	struct fingerprint x, y;

	device_begin(&t->a.d);
	ok(fingerprint_doc(t->a.d.txn, t->in_a, &x));
	device_commit(&t->a.d);
	device_begin(&t->f.d);
	ok(fingerprint_doc(t->f.d.txn, t->in_f, &y));
	device_commit(&t->f.d);
	return x.count == y.count && memcmp(x.sum, y.sum, sizeof(x.sum)) == 0;
}

/* Lets them talk until they have the same; how many bytes that took, and at
 * most so long. */
static uint64_t
bytes_until_equal(struct trio *t, int64_t ms_max)
{
	uint64_t before = t->w.bytes;
	int64_t end = t->w.ms + ms_max;

	assert_false(are_equal(t));
	while (!are_equal(t)) {
		assert_true(t->w.ms < end);
		wires_run(&t->w, 500);
	}
	return t->w.bytes - before;
}

static void
of_a_fork_only_what_is_missing_is_sent(void **state)
{
	struct trio t;
	uint64_t bytes;

	(void)state;
	trio_make(&t);
	hear(&t, &t.m.d, &t.a, t.in_a);
	hear(&t, &t.copy, &t.f, t.in_f);
	bytes = bytes_until_equal(&t, 2 * MINUTE);
	print_message("a fork: %llu bytes\n", (unsigned long long)bytes);
	assert_true(bytes < 15000);
	assert_true(shows(&t.a.d, t.in_a, "two2"));
	assert_true(shows(&t.f.d, t.in_f, "one2"));
	trio_clear(&t);
}

/* ann knows both branches and fay one: her newest is on a chain of ann's. */
static void
who_knows_one_branch_of_a_fork_gets_the_other(void **state)
{
	struct trio t;
	uint64_t bytes;

	(void)state;
	trio_make(&t);
	hear(&t, &t.m.d, &t.a, t.in_a);
	hear(&t, &t.copy, &t.a, t.in_a);
	hear(&t, &t.m.d, &t.f, t.in_f);
	bytes = bytes_until_equal(&t, 2 * MINUTE);
	assert_true(bytes < 15000);
	trio_clear(&t);
}

/* Once both know the fork, hardly anything is said of it any more. */
static void
a_fork_that_both_know_costs_nothing_more(void **state)
{
	struct trio t;
	uint64_t before;

	(void)state;
	trio_make(&t);
	hear(&t, &t.m.d, &t.a, t.in_a);
	hear(&t, &t.copy, &t.f, t.in_f);
	(void)bytes_until_equal(&t, 2 * MINUTE);
	wires_run(&t.w, MINUTE);
	before = t.w.bytes;
	wires_run(&t.w, 10 * (int64_t)MINUTE);
	assert_true(t.w.bytes - before < 30000);
	before = t.w.bytes;
	host_edit(&t.a, t.in_a, "more", "of ann");
	wires_run(&t.w, 10000);
	assert_true(are_equal(&t));
	assert_true(t.w.bytes - before < 3000);
	trio_clear(&t);
}

/* Text that deflates to half of it. */
static void
write_much(struct host *h, uint32_t docno)
{
	char key[16], text[PIECE_LEN + 1] = { 0 };
	uint64_t x = 1;

	for (size_t i = 0; i < PIECES; i++) {
		(void)snprintf(key, sizeof(key), "much%zu", i);
		for (size_t j = 0; j < PIECE_LEN; j++) {
			x = x * 6364136223846793005 + 1442695040888963407;
			text[j] = "0123456789abcdef"[x >> 60];
		}
		host_edit(h, docno, key, text);
	}
}

static unsigned
wires_of(const struct wires *w, const struct host *h)
{
	unsigned n = 0;

	for (size_t i = 0; i < w->len; i++)
		n += w->at[i].up &&
		    (w->at[i].end[0] == h || w->at[i].end[1] == h);
	return n;
}

/* What a host sends gets away again. */
static void
way_free(struct wires *w, struct host *h)
{
	h->slow = false;
	device_begin(&h->d);
	for (size_t i = 0; i < w->len; i++)
		for (int side = 0; side < 2; side++)
			if (w->at[i].up && w->at[i].end[side] == h)
				engine_pending(h->e, w->at[i].conn[side], 0);
	host_commit(h);
}

/* ann and mal have much when fay comes back to both, and neither can send yet;
 * in bytes, what it took to bring it from one to the other. */
static uint64_t
fay_comes_back(struct trio *t)
{
	uint64_t payload;

	trio_meet(t);
	t->f.cut = true;
	wires_run(&t->w, MINUTE);
	payload = t->w.bytes;
	write_much(&t->a, t->in_a);
	wires_run(&t->w, MINUTE);
	payload = t->w.bytes - payload;
	t->f.cut = false;
	t->a.slow = t->m.slow = true;
	device_begin(&t->f.d);
	engine_network_changed(t->f.e, t->f.d.now);
	host_commit(&t->f);
	wires_run(&t->w, 3000);
	assert_int_equal(wires_of(&t->w, &t->f), 2);
	assert_false(are_equal(t));
	return payload;
}

static void
who_comes_back_to_two_gets_everything_once(void **state)
{
	struct trio t;
	uint64_t payload, bytes;

	(void)state;
	payload = fay_comes_back(&t);
	bytes = t.w.bytes;
	way_free(&t.w, &t.a);
	way_free(&t.w, &t.m);
	(void)bytes_until_equal(&t, 5000);
	wires_run(&t.w, MINUTE);
	bytes = t.w.bytes - bytes;
	assert_true(bytes < payload + payload / 8);
	trio_clear(&t);
}

/* Whichever was asked. */
static void
who_was_asked_and_sends_nothing_keeps_nobody_waiting_for_long(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct trio t;

		(void)fay_comes_back(&t);
		way_free(&t.w, i == 0 ? &t.a : &t.m);
		(void)bytes_until_equal(&t, MINUTE);
		trio_clear(&t);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_a_fork_only_what_is_missing_is_sent),
		cmocka_unit_test(who_knows_one_branch_of_a_fork_gets_the_other),
		cmocka_unit_test(a_fork_that_both_know_costs_nothing_more),
		cmocka_unit_test(who_comes_back_to_two_gets_everything_once),
		cmocka_unit_test(
		    who_was_asked_and_sends_nothing_keeps_nobody_waiting_for_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
