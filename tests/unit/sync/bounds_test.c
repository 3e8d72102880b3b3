/* What counts for nothing, or waits for what never comes, takes a bounded part
 * of a device: access.md section 6, protocol section 9. */
#include "tests/unit/sync/group.h"

static struct received
give_from(struct device *d, uint32_t docno, const uint8_t *from,
    struct bytes envelope)
{
	struct received got;

	device_begin(d);
	ok(replica_receive(d->r, docno, from, &envelope, 1, &got));
	device_commit(d);
	return got;
}

/* An envelope of an op that needs write, on a branch of its own. */
static void
branch(struct device *d, uint32_t docno, const struct forgery *at, size_t i,
    struct buf *out)
{
	uint8_t number[2] = { (uint8_t)i, (uint8_t)(i >> 8) };
	uint8_t id[LK_ID_LEN];
	struct forgery f = *at;

	f.body.deps = at->deps[0];
	f.body.ops[f.body.ops_len++] = (struct access_op){ .kind = 200,
		.content = { .data = BYTES_OF(number) } };
	forge_seal(d, docno, &f, out, id);
}

struct flood {
	struct buf *at; /* owned */
	size_t len;
};

/* What mal, who has not heard that he is out, writes on many branches. */
static void
flood_make(struct flood *f, struct device *d, uint32_t docno, size_t len)
{
	struct forgery at;

	f->at = calloc(len, sizeof(*f->at));
	assert_non_null(f->at);
	f->len = len;
	forge_place(d, docno, &at);
	for (size_t i = 0; i < len; i++)
		branch(d, docno, &at, i, &f->at[i]);
}

static void
flood_clear(struct flood *f)
{
	for (size_t i = 0; i < f->len; i++)
		buf_clear(&f->at[i]);
	free(f->at);
}

/* Gives all of it, from either end, and says how much was taken. */
static size_t
flood_give(const struct flood *f, struct device *d, uint32_t docno,
    const uint8_t *from, bool backwards)
{
	size_t taken = 0;

	device_begin(d);
	for (size_t i = 0; i < f->len; i++) {
		size_t k = backwards ? f->len - 1 - i : i;
		struct bytes envelope = buf_bytes(&f->at[k]);
		struct received got;

		ok(replica_receive(d->r, docno, from, &envelope, 1, &got));
		taken += got.what == RECEIPT_ACCEPTED;
		if (got.what != RECEIPT_ACCEPTED && got.what != RECEIPT_KNOWN)
			assert_int_equal(got.what, RECEIPT_DROPPED);
	}
	device_commit(d);
	return taken;
}

/* Where the log of a device ends. */
static uint64_t
log_end(struct device *d, uint32_t docno)
{
	struct log_entry entry = { .lsn = 0 };

	device_begin(d);
	while (log_next(d->txn, docno, entry.lsn + 1, &entry).code == LK_OK)
		continue;
	device_commit(d);
	return entry.lsn + 1;
}

/* Gives what came into the log since, as a member does. */
static void
carry_since(struct device *from, uint32_t in_from, uint64_t lsn,
    struct device *to, uint32_t in_to)
{
	struct bag b = { .len = 0 };

	(void)bag_take(&b, from, in_from, lsn);
	for (size_t i = 0; i < b.len; i++)
		(void)give_from(to, in_to, pk(from), buf_bytes(&b.at[i]));
	bag_clear(&b);
}

static struct fingerprint
essential_of(struct device *d, uint32_t docno)
{
	struct fingerprint fp;

	device_begin(d);
	ok(fingerprint_doc(d->txn, docno, &fp));
	device_commit(d);
	return fp;
}

static void
assert_equal(struct device *a, uint32_t in_a, struct device *b, uint32_t in_b)
{
	struct fingerprint x = essential_of(a, in_a), y = essential_of(b, in_b);

	assert_int_equal(x.count, y.count);
	assert_memory_equal(x.sum, y.sum, sizeof(x.sum));
}

static struct doc_summary
summary_of(struct device *d, uint32_t docno)
{
	struct doc_summary s;

	device_begin(d);
	ok(replica_doc(d->r, docno, &s));
	device_commit(d);
	return s;
}

static uint64_t
envelopes_of(struct device *d, uint32_t docno)
{
	return summary_of(d, docno).envelopes;
}

static uint64_t
waiting_of(struct device *d, uint32_t docno)
{
	return summary_of(d, docno).waiting;
}

static void
what_a_removed_member_sends_is_bounded_and_nobody_is_the_worse(void **state)
{
	struct group g;
	struct flood flood;
	uint64_t had;

	(void)state;
	group_make(&g);
	edit(&g.m, g.in_m, "m", "seen");
	carry(&g.m, g.in_m, &g.a, g.in_a);
	carry(&g.m, g.in_m, &g.f, g.in_f);
	flood_make(&flood, &g.m, g.in_m, LEFTOVERS_AUTHOR_MAX + 100);
	evict(&g.a, g.in_a, g.m.identity.root_pk, ROLE_NONE);
	carry(&g.a, g.in_a, &g.f, g.in_f);
	had = envelopes_of(&g.a, g.in_a);
	assert_int_equal(flood_give(&flood, &g.a, g.in_a, pk(&g.m), false),
	    LEFTOVERS_AUTHOR_MAX);
	/* From the other end, so that it keeps others. */
	assert_int_equal(flood_give(&flood, &g.f, g.in_f, pk(&g.m), true),
	    LEFTOVERS_AUTHOR_MAX);
	device_reopen(&g.a);
	assert_int_equal(flood_give(&flood, &g.a, g.in_a, pk(&g.m), true), 0);
	assert_int_equal(
	    envelopes_of(&g.a, g.in_a), had + LEFTOVERS_AUTHOR_MAX);
	assert_equal(&g.a, g.in_a, &g.f, g.in_f);
	had = log_end(&g.f, g.in_f);
	edit(&g.f, g.in_f, "f", "goes on");
	carry_since(&g.f, g.in_f, had, &g.a, g.in_a);
	assert_true(shows(&g.a, g.in_a, "f"));
	assert_true(shows(&g.a, g.in_a, "m"));
	assert_equal(&g.a, g.in_a, &g.f, g.in_f);
	flood_clear(&flood);
	group_clear(&g);
}

static void
what_was_dropped_comes_when_a_member_builds_on_it(void **state)
{
	struct group g;
	struct flood flood;
	struct bag news = { .len = 0 }, revoked = { .len = 0 };
	uint64_t lsn, end;

	(void)state;
	group_make(&g);
	edit(&g.m, g.in_m, "m", "seen");
	carry(&g.m, g.in_m, &g.a, g.in_a);
	carry(&g.m, g.in_m, &g.f, g.in_f);
	flood_make(&flood, &g.m, g.in_m, LEFTOVERS_AUTHOR_MAX);
	lsn = bag_take(&news, &g.f, g.in_f, 1);
	bag_clear(&news);
	for (char key[2] = "1"; key[0] < '5'; key[0]++)
		edit(&g.m, g.in_m, key, "not seen by ann");
	carry(&g.m, g.in_m, &g.f, g.in_f);
	edit(&g.f, g.in_f, "f", "on top");
	(void)bag_take(&news, &g.f, g.in_f, lsn);
	end = log_end(&g.a, g.in_a);
	evict(&g.a, g.in_a, g.m.identity.root_pk, ROLE_NONE);
	(void)bag_take(&revoked, &g.a, g.in_a, end);
	(void)flood_give(&flood, &g.a, g.in_a, pk(&g.m), false);
	for (size_t i = 0; i + 1 < news.len; i++)
		assert_int_not_equal(
		    give_from(&g.a, g.in_a, pk(&g.f), buf_bytes(&news.at[i]))
			.what,
		    RECEIPT_ACCEPTED);
	assert_int_equal(
	    give_from(&g.a, g.in_a, pk(&g.f), buf_bytes(&news.at[news.len - 1]))
		.what,
	    RECEIPT_WAITING);
	/* A former member is not believed that somebody wants it. */
	assert_int_equal(
	    give_from(&g.a, g.in_a, pk(&g.m), buf_bytes(&news.at[0])).what,
	    RECEIPT_DROPPED);
	for (size_t i = 0; i < news.len; i++)
		(void)give_from(&g.a, g.in_a, pk(&g.f), buf_bytes(&news.at[i]));
	assert_true(shows(&g.a, g.in_a, "f"));
	assert_false(shows(&g.a, g.in_a, "1"));
	assert_int_equal(waiting_of(&g.a, g.in_a), 0);
	/* And no more than that. */
	edit(&g.m, g.in_m, "5", "later");
	bag_clear(&news);
	(void)bag_take(&news, &g.m, g.in_m, 1);
	assert_int_equal(
	    give_from(&g.a, g.in_a, pk(&g.f), buf_bytes(&news.at[news.len - 1]))
		.what,
	    RECEIPT_DROPPED);
	bag_clear(&news);
	give_all(&g.f, g.in_f, &revoked);
	bag_clear(&revoked);
	assert_equal(&g.a, g.in_a, &g.f, g.in_f);
	flood_clear(&flood);
	group_clear(&g);
}

static void
what_was_dropped_can_be_adopted_by_who_has_it(void **state)
{
	struct group g;
	struct flood flood;
	struct forgery adopt;
	struct bag news = { .len = 0 };
	uint8_t id[LK_ID_LEN], e9[LK_ID_LEN];
	BUF_SCOPED out = { 0 };
	struct envelope env;

	(void)state;
	group_make(&g);
	edit(&g.m, g.in_m, "m", "seen");
	carry(&g.m, g.in_m, &g.a, g.in_a);
	carry(&g.m, g.in_m, &g.f, g.in_f);
	flood_make(&flood, &g.m, g.in_m, LEFTOVERS_AUTHOR_MAX);
	edit(&g.m, g.in_m, "e9", "not seen");
	(void)bag_take(&news, &g.m, g.in_m, 1);
	evict(&g.a, g.in_a, g.m.identity.root_pk, ROLE_NONE);
	carry(&g.a, g.in_a, &g.f, g.in_f);
	(void)flood_give(&flood, &g.a, g.in_a, pk(&g.m), false);
	carry(&g.m, g.in_m, &g.f, g.in_f);
	ok(envelope_parse(&env, buf_bytes(&news.at[news.len - 1])));
	memcpy(e9, env.id, sizeof(e9));
	forge_place(&g.f, g.in_f, &adopt);
	memcpy(adopt.deps[adopt.body.deps_len++], e9, sizeof(e9));
	qsort(adopt.deps, adopt.body.deps_len, LK_ID_LEN, lk_id_compare);
	adopt.body.ops[adopt.body.ops_len++] =
	    (struct access_op){ .kind = OP_ADOPT,
		    .adopt = { .ids = e9, .ids_len = 1 } };
	forge_seal(&g.f, g.in_f, &adopt, &out, id);
	assert_int_equal(
	    give(&g.f, g.in_f, buf_bytes(&out)).what, RECEIPT_ACCEPTED);
	assert_true(shows(&g.f, g.in_f, "e9"));
	assert_int_equal(
	    give_from(&g.a, g.in_a, pk(&g.f), buf_bytes(&out)).what,
	    RECEIPT_WAITING);
	assert_int_equal(
	    give_from(&g.a, g.in_a, pk(&g.f), buf_bytes(&news.at[news.len - 1]))
		.what,
	    RECEIPT_ACCEPTED);
	assert_true(shows(&g.a, g.in_a, "e9"));
	assert_equal(&g.a, g.in_a, &g.f, g.in_f);
	bag_clear(&news);
	flood_clear(&flood);
	group_clear(&g);
}

static void
who_fills_the_waiting_room_crowds_out_nobody(void **state)
{
	struct group g;
	struct forgery at;
	struct bag news = { .len = 0 };
	uint64_t lsn;

	(void)state;
	group_make(&g);
	lsn = bag_take(&news, &g.f, g.in_f, 1);
	bag_clear(&news);
	edit(&g.f, g.in_f, "one", "first");
	edit(&g.f, g.in_f, "two", "second");
	(void)bag_take(&news, &g.f, g.in_f, lsn);
	forge_place(&g.m, g.in_m, &at);
	/* After something nobody has. */
	memset(at.deps[0], 7, LK_ID_LEN);
	at.body.deps_len = 1;
	for (size_t i = 0; i < WAITING_ENVELOPES_MAX + 50; i++) {
		BUF_SCOPED out = { 0 };

		branch(&g.m, g.in_m, &at, i, &out);
		assert_int_equal(
		    give_from(&g.a, g.in_a, pk(&g.m), buf_bytes(&out)).what,
		    i < WAITING_ENVELOPES_MAX ? RECEIPT_WAITING
					      : RECEIPT_KNOWN);
	}
	device_reopen(&g.a);
	assert_int_equal(
	    give_from(&g.a, g.in_a, pk(&g.f), buf_bytes(&news.at[news.len - 1]))
		.what,
	    RECEIPT_WAITING);
	assert_int_equal(waiting_of(&g.a, g.in_a), WAITING_ENVELOPES_MAX);
	for (size_t i = 0; i + 1 < news.len; i++)
		assert_int_equal(
		    give_from(&g.a, g.in_a, pk(&g.f), buf_bytes(&news.at[i]))
			.what,
		    RECEIPT_ACCEPTED);
	assert_int_equal(waiting_of(&g.a, g.in_a), WAITING_ENVELOPES_MAX - 1);
	assert_true(shows(&g.a, g.in_a, "two"));
	bag_clear(&news);
	group_clear(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_a_removed_member_sends_is_bounded_and_nobody_is_the_worse),
		cmocka_unit_test(
		    what_was_dropped_comes_when_a_member_builds_on_it),
		cmocka_unit_test(what_was_dropped_can_be_adopted_by_who_has_it),
		cmocka_unit_test(who_fills_the_waiting_room_crowds_out_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
