#include "tests/unit/crypto/vectors.h"
#include "tests/unit/sync/item_set.h"

/* LK_LONG makes it so many. */
#define BIG 100000
#define BIG_LONG 1000000

struct traffic {
	size_t messages, bytes, first;
};

/* Lets the sides talk from what `body` says on, `a` having said it. */
static void
talk(struct side *a, struct side *b, struct buf *body, struct traffic *t)
{
	struct side *sides[2] = { a, b };
	bool more = true;

	memset(t, 0, sizeof(*t));
	t->first = body->len;
	while (more) {
		struct side *to = sides[++t->messages % 2];
		struct range_result *r = &to->told[to->told_len++];
		struct buf answer;

		assert_true(t->messages <= 2 * ROUNDS);
		assert_in_range(body->len, 1, RANGE_BODY_MAX);
		t->bytes += body->len;
		buf_init(&answer, RANGE_BODY_MAX);
		assert_ok(range_answer(
		    &answer, &to->set, buf_bytes(body), RANGE_STEPS_MAX, r));
		assert_true(r->steps <= RANGE_STEPS_MAX);
		assert_true(r->answers == (answer.len > 0));
		more = r->answers;
		buf_clear(body);
		*body = answer;
	}
	buf_clear(body);
}

static void
talk_all(struct side *a, struct side *b, struct traffic *t)
{
	struct buf body;

	buf_init(&body, RANGE_BODY_MAX);
	assert_ok(range_open(&body, &a->set));
	talk(a, b, &body, t);
}

/* Carries over what an exchange has shown `from` to have and `to` to lack. */
static size_t
carry(struct side *from, struct side *to)
{
	size_t moved = 0;

	for (size_t i = 0; i < from->told_len; i++)
		for (size_t k = 0; k < from->told[i].send_len; k++) {
			uint64_t lsn = from->told[i].send[k];
			struct log_entry e;

			assert_true(k == 0 || lsn > from->told[i].send[k - 1]);
			assert_ok(log_next(from->txn, DOCNO, lsn, &e));
			assert_int_equal(e.lsn, lsn);
			assert_true(e.essential);
			/* The rest of a message that was full is cut anew. */
			if (side_counts(to, e.id))
				continue;
			assert_ok(log_append(to->txn, &e));
			assert_ok(essential_set(to->txn, e.id, true));
			moved++;
		}
	for (size_t i = 0; i < to->told_len; i++)
		for (size_t k = 0; k < to->told[i].want_len; k++) {
			const uint8_t *id = to->told[i].want + k * LK_ID_LEN;
			struct log_entry e;

			assert_ok(log_by_id(from->txn, id, &e));
			assert_true(e.essential);
			if (log_has(to->txn, id))
				continue;
			assert_ok(log_append(to->txn, &e));
			assert_ok(essential_set(to->txn, e.id, true));
			moved++;
		}
	return moved;
}

static void
carry_both(struct side *a, struct side *b)
{
	(void)carry(a, b);
	(void)carry(b, a);
	side_forget(a);
	side_forget(b);
}

static void
assert_equal_sets(struct side *a, struct side *b)
{
	struct fingerprint x, y;

	assert_ok(fingerprint_doc(a->txn, DOCNO, &x));
	assert_ok(fingerprint_doc(b->txn, DOCNO, &y));
	assert_int_equal(x.count, y.count);
	assert_memory_equal(x.sum, y.sum, sizeof(x.sum));
}

/* Some sets: of few or many authors, long or short, forked, with what one has
 * and does not count, and a part that both have. */
static void
sets_draw(struct side *a, struct side *b, struct scratch *s)
{
	size_t authors = 1 + scratch_below(s, 40);
	size_t shared = scratch_below(s, 101), other = scratch_below(s, 101);

	for (size_t author = 0; author < authors; author++) {
		size_t length = scratch_below(s, 5) == 0 ? scratch_below(s, 900)
							 : scratch_below(s, 30);
		size_t forks = scratch_below(s, 4) == 0;

		for (size_t i = 0; i < length * (1 + forks); i++) {
			bool both = scratch_below(s, 100) < shared;
			bool mine = scratch_below(s, 100) < other;
			struct item x;

			item_make(&x, (uint8_t)author, 1 + i / (1 + forks),
			    (uint8_t)(i % (1 + forks)));
			if (both || mine)
				side_put(
				    a, &x, both || scratch_below(s, 8) > 0);
			if (both || !mine)
				side_put(b, &x, true);
		}
	}
}

static void
any_two_sets_are_the_same_after_one_exchange(void **state)
{
	struct scratch s;

	(void)state;
	scratch_init(&s, 1);
	for (int run = 0; run < 25; run++) {
		struct side a, b;
		struct traffic t;

		side_make(&a, 1);
		side_make(&b, 2);
		sets_draw(&a, &b, &s);
		talk_all(&a, &b, &t);
		assert_in_range(t.messages, 1, 2 * ROUNDS);
		carry_both(&a, &b);
		assert_equal_sets(&a, &b);
		talk_all(&a, &b, &t);
		assert_int_equal(t.messages, 1);
		side_clear(&a);
		side_clear(&b);
	}
	scratch_clear(&s);
}

/* More differences than fit a message: the first are found, and then the
 * others. */
static void
sets_that_have_nothing_in_common_come_together_in_several_exchanges(
    void **state)
{
	struct side a, b;
	struct traffic t;
	size_t exchanges = 0;

	(void)state;
	side_make(&a, 1);
	side_make(&b, 2);
	for (uint64_t seq = 1; seq <= 5000; seq++)
		for (uint8_t author = 0; author < 2; author++) {
			side_add(&a, author, seq, 1);
			side_add(&b, author, seq, 2);
		}
	do {
		talk_all(&a, &b, &t);
		carry_both(&a, &b);
		assert_true(++exchanges < 20);
	} while (t.messages > 1);
	assert_equal_sets(&a, &b);
	side_clear(&a);
	side_clear(&b);
}

static int
tag_compare(const void *a, const void *b)
{
	return memcmp(a, b, LK_TOPIC_LEN);
}

static void
only_the_authors_that_were_asked_about_are_compared(void **state)
{
	uint8_t tags[3][LK_TOPIC_LEN];
	struct side a, b;
	struct item x;
	struct traffic t;
	struct buf body;

	(void)state;
	side_make(&a, 1);
	side_make(&b, 2);
	for (uint8_t author = 0; author < 20; author++) {
		side_add(&a, author, 1, 1);
		side_add(&b, author, 1, 2);
	}
	for (uint8_t i = 0; i < 3; i++) {
		item_make(&x, (uint8_t)(3 * i), 1, 1);
		memcpy(tags[i], x.entry.tag, LK_TOPIC_LEN);
	}
	qsort(tags, 3, LK_TOPIC_LEN, tag_compare);
	buf_init(&body, RANGE_BODY_MAX);
	assert_ok(range_open_authors(
	    &body, &a.set, (const uint8_t(*)[LK_TOPIC_LEN])tags, 3));
	talk(&a, &b, &body, &t);
	assert_int_equal(carry(&a, &b), 3);
	assert_int_equal(carry(&b, &a), 3);
	side_clear(&a);
	side_clear(&b);
}

/* Ids somebody made so that their sums are the same. */
static void
what_has_one_sum_is_told_apart_by_an_exact_range(void **state)
{
	uint8_t from[ENVELOPE_KEY_LEN] = { 0 };
	struct side a, b, *sides[2] = { &a, &b };
	struct item x;
	struct traffic t;
	struct buf body;

	(void)state;
	side_make(&a, 1);
	side_make(&b, 2);
	for (uint8_t i = 0; i < 2; i++)
		for (uint64_t seq = 1; seq <= 3000; seq++)
			side_add(sides[i], 0, seq, 0);
	for (uint8_t i = 0; i < 4; i++) {
		static const uint8_t last[4] = { 1, 4, 2, 3 };

		item_make(&x, 1, 1, i);
		memset(x.entry.id, 7, LK_ID_LEN);
		x.entry.id[LK_ID_LEN - 1] = last[i];
		side_put(sides[i / 2], &x, true);
	}
	talk_all(&a, &b, &t);
	assert_int_equal(t.messages, 1);
	side_forget(&b);
	item_make(&x, 1, 1, 0);
	envelope_key(from, x.entry.tag, 0, (uint8_t[LK_ID_LEN]){ 0 });
	buf_init(&body, RANGE_BODY_MAX);
	assert_ok(range_open_exact(&body, &a.set, from));
	assert_true(body.len < 60);
	talk(&a, &b, &body, &t);
	assert_true(t.messages > 1);
	/* A list is answered by its receiver, who then knows both. */
	assert_int_equal(a.told_len, 1);
	assert_int_equal(a.told[0].want_len, 2);
	assert_int_equal(a.told[0].send_len, 2);
	side_clear(&a);
	side_clear(&b);
}

/* A range that is too long is cut, and stays exact. */
static void
an_exact_range_is_cut_into_exact_ranges(void **state)
{
	uint8_t from[ENVELOPE_KEY_LEN] = { 0 };
	struct side a, b;
	struct traffic t;
	struct buf body;

	(void)state;
	side_make(&a, 1);
	side_make(&b, 2);
	for (uint64_t seq = 1; seq <= RANGE_EXACT_MAX + 100; seq++) {
		side_add(&a, 0, seq, 0);
		side_add(&b, 0, seq, seq == 1000);
	}
	buf_init(&body, RANGE_BODY_MAX);
	assert_ok(range_open_exact(&body, &a.set, from));
	talk(&a, &b, &body, &t);
	carry_both(&a, &b);
	assert_equal_sets(&a, &b);
	side_clear(&a);
	side_clear(&b);
}

/* Eight authors, one of whom wrote more than all others. */
static void
big_make(struct side *a, struct side *b, uint32_t big)
{
	side_make(a, 1);
	side_make(b, 2);
	for (uint32_t i = 0; i < big; i++) {
		uint8_t author = (uint8_t)(i % 16 < 9 ? 0 : i % 8);
		struct item x;

		item_make(&x, author, 1 + i, 0);
		side_put(a, &x, true);
		side_put(b, &x, true);
	}
}

static void
differences_of_large_sets_cost_little(void **state)
{
	uint32_t big = getenv("LK_LONG") == NULL ? BIG : BIG_LONG;
	struct side a, b, newcomer;
	struct traffic t;
	struct buf body;

	(void)state;
	big_make(&a, &b, big);
	talk_all(&a, &b, &t);
	assert_int_equal(t.messages, 1);
	assert_true(t.bytes < 100);
	assert_true(b.told[0].steps < 10);
	side_forget(&b);

	for (uint64_t i = 1; i <= 10; i++)
		side_add(&a, 0, big + i, 0);
	talk_all(&a, &b, &t);
	print_message("ten recent differences in %u: %zu messages, %zu bytes\n",
	    big, t.messages, t.bytes);
	assert_true(t.messages <= 6);
	assert_true(t.bytes < 4000);
	assert_int_equal(carry(&a, &b), 10);
	side_forget(&a);
	side_forget(&b);
	assert_equal_sets(&a, &b);

	/* Who has nothing gets what is first in the log, and as much of it as
	 * one exchange may tell. */
	side_make(&newcomer, 3);
	buf_init(&body, RANGE_BODY_MAX);
	assert_ok(range_open(&body, &newcomer.set));
	talk(&newcomer, &a, &body, &t);
	assert_int_equal(a.told[a.told_len - 1].send_len, RANGE_SEND_MAX);
	assert_int_equal(a.told[a.told_len - 1].send[0], 1);
	assert_int_equal(
	    a.told[a.told_len - 1].send[RANGE_SEND_MAX - 1], RANGE_SEND_MAX);
	side_clear(&newcomer);
	side_clear(&a);
	side_clear(&b);
}

/* Bodies of every kind. */
static void
bodies_make(struct buf *out, size_t n, struct side *a)
{
	uint8_t from[ENVELOPE_KEY_LEN] = { 3 };
	struct side b;
	struct range_result r;

	side_make(&b, 2);
	for (uint64_t seq = 1; seq <= 60; seq++)
		side_add(a, (uint8_t)(seq % 3), seq, 0);
	side_add(&b, 1, 1, 9);
	for (size_t i = 0; i < n; i++)
		buf_init(&out[i], RANGE_BODY_MAX);
	assert_ok(range_open(&out[0], &b.set));
	assert_ok(range_open_exact(&out[1], &a->set, from));
	assert_ok(range_answer(
	    &out[2], &a->set, buf_bytes(&out[0]), RANGE_STEPS_MAX, &r));
	range_result_clear(&r);
	assert_ok(range_answer(
	    &out[3], &b.set, buf_bytes(&out[2]), RANGE_STEPS_MAX, &r));
	range_result_clear(&r);
	side_clear(&b);
}

static void
every_prefix_and_every_flipped_bit_is_refused_or_another_message(void **state)
{
	enum { N = 4 };
	struct buf bodies[N];
	struct side a;

	(void)state;
	side_make(&a, 1);
	bodies_make(bodies, N, &a);
	for (size_t i = 0; i < N; i++) {
		struct bytes all = buf_bytes(&bodies[i]);

		assert_ok(range_check(all));
		for (size_t n = 0; n < all.len; n++) {
			lk_err err = range_check(BYTES(all.ptr, n));

			assert_true(
			    err.code == LK_OK || err.code == LK_E_TRUNCATED);
		}
		for (size_t bit = 0; bit < 8 * all.len; bit++) {
			struct range_result r = { .answers = false };
			BUF_SCOPED answer = { .max = RANGE_BODY_MAX };
			lk_err err;

			bodies[i].ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
			err = range_answer(&answer, &a.set, all, 5000, &r);
			if (err.code == LK_OK)
				assert_true(r.steps <= 5000);
			else
				assert_true(err.code == LK_E_TRUNCATED ||
				    err.code == LK_E_MALFORMED ||
				    err.code == LK_E_LIMIT);
			range_result_clear(&r);
			bodies[i].ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		buf_clear(&bodies[i]);
	}
	side_clear(&a);
}

static void
what_has_no_form_is_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum lk_code code;
	} bad[] = {
		{ "", 0, LK_E_TRUNCATED },
		{ "\xff", 1, LK_E_TRUNCATED },
		{ "\xff\x04", 2, LK_E_MALFORMED },         /* mode */
		{ "\xff\0\xff\0", 4, LK_E_MALFORMED },     /* after the end */
		{ "\0\0\0", 3, LK_E_MALFORMED },           /* empty bound */
		{ "\0\1\0\0", 4, LK_E_MALFORMED },         /* bound zero */
		{ "\0\2\1\0\0", 5, LK_E_MALFORMED },       /* zero at the end */
		{ "\0\1\2\0\0\1\2\0", 8, LK_E_MALFORMED }, /* the same */
		{ "\0\1\2\0\0\1\1\0", 8, LK_E_MALFORMED }, /* descending */
		{ "\0\2\2\1\0\0\2\2\2\0", 10,
		    LK_E_MALFORMED },                  /* shares more */
		{ "\x38\1\1\0", 4, LK_E_MALFORMED },   /* 57 bytes */
		{ "\xff\2\xff\xff\3", 5, LK_E_LIMIT }, /* 65535 ids */
		{ "\xff\1\x80\0", 4, LK_E_MALFORMED }, /* long number */
		{ "\xff\3\x80\x20", 4, LK_E_TRUNCATED },
	};
	uint8_t twice[3 + 2 * LK_ID_LEN] = { 0xff, RANGE_LIST, 2 };
	uint8_t exact[2 + 2 + 16] = { 0xff, RANGE_EXACT, 0x81, 0x10 };
	uint8_t *large = calloc(1, RANGE_BODY_MAX + 1);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		lk_err err = range_check(
		    BYTES((const uint8_t *)bad[i].bytes, bad[i].len));

		if (err.code != bad[i].code)
			fail_msg("%zu: %s", i, lk_strcode(err.code));
	}
	assert_code(range_check(BYTES_OF(twice)), LK_E_MALFORMED);
	assert_code(range_check(BYTES_OF(exact)), LK_E_LIMIT);
	assert_non_null(large);
	assert_code(range_check(BYTES(large, RANGE_BODY_MAX + 1)), LK_E_LIMIT);
	free(large);
}

/* As many ranges as a message can have, each with a cut in a block. */
static void
a_message_of_many_ranges_costs_no_more_than_its_steps(void **state)
{
	struct side a;
	struct buf body;
	uint64_t seq = 1;

	(void)state;
	side_make(&a, 1);
	for (uint64_t i = 1; i <= 4000; i++)
		side_add(&a, 0, i, 0);
	buf_init(&body, RANGE_BODY_MAX);
	{
		struct item x;

		item_make(&x, 0, 1, 0);
		buf_u8(&body, 0);
		buf_u8(&body, LK_TOPIC_LEN + 8);
		buf_mem(&body, x.entry.tag, LK_TOPIC_LEN);
		buf_u64(&body, seq);
		buf_u8(&body, RANGE_SKIP);
	}
	while (body.len + 40 < RANGE_BODY_MAX && ++seq < 4000) {
		bool carried = (seq & 0xff) == 0;

		if (carried)
			continue;
		buf_u8(&body, LK_TOPIC_LEN + ((seq & 0xff) == 1 ? 6 : 7));
		buf_u8(&body, (seq & 0xff) == 1 ? 2 : 1);
		if ((seq & 0xff) == 1)
			buf_u8(&body, (uint8_t)(seq >> 8));
		buf_u8(&body, (uint8_t)seq);
		buf_u8(&body, RANGE_SUM);
		buf_uleb(&body, 1);
		buf_mem(&body, session, 16);
	}
	assert_ok(range_check(buf_bytes(&body)));
	for (size_t steps = 0; steps <= 40000; steps += steps < 50 ? 1 : 4000) {
		struct range_result r;
		BUF_SCOPED answer = { .max = RANGE_BODY_MAX };

		assert_ok(
		    range_answer(&answer, &a.set, buf_bytes(&body), steps, &r));
		assert_true(r.steps <= steps);
		assert_true(r.answers == (answer.len > 0));
		if (answer.len > 0)
			assert_ok(range_check(buf_bytes(&answer)));
		range_result_clear(&r);
	}
	buf_clear(&body);
	side_clear(&a);
}

/* A set as the vectors tell it. */
static void
side_fill(struct side *s, struct json_object *runs)
{
	for (size_t i = 0; i < json_object_array_length(runs); i++) {
		struct json_object *run = json_object_array_get_idx(runs, i);
		uint64_t n[5];

		for (size_t k = 0; k < 5; k++)
			n[k] = (uint64_t)json_object_get_int64(
			    json_object_array_get_idx(run, k));
		for (uint64_t seq = n[1]; seq <= n[2]; seq += n[3]) {
			struct item x;
			BUF_SCOPED name = { .max = 16 };

			item_make(&x, (uint8_t)n[0], seq, (uint8_t)n[4]);
			buf_u8(&name, (uint8_t)n[0]);
			buf_u64(&name, seq);
			buf_u8(&name, (uint8_t)n[4]);
			digest(x.entry.id, LK_ID_LEN, DIGEST_ENVELOPE, NULL,
			    buf_bytes(&name));
			x.entry.envelope = buf_bytes(&name);
			side_put(s, &x, true);
		}
	}
}

/* Whether these are the ids of a list of the vectors, which ascends. */
static void
assert_ids(struct json_object *want, const uint8_t *ids, size_t n)
{
	assert_int_equal(json_object_array_length(want), n);
	for (size_t i = 0; i < n; i++) {
		char hex[2 * LK_ID_LEN + 1];

		hex_encode(hex, BYTES(ids + i * LK_ID_LEN, LK_ID_LEN));
		assert_string_equal(hex,
		    json_object_get_string(json_object_array_get_idx(want, i)));
	}
}

static void
sent_check(struct side *s, const struct range_result *r, struct json_object *v)
{
	uint8_t *ids = calloc(r->send_len + 1, LK_ID_LEN);

	assert_non_null(ids);
	for (size_t i = 0; i < r->send_len; i++) {
		struct log_entry e;

		assert_ok(log_next(s->txn, DOCNO, r->send[i], &e));
		memcpy(ids + i * LK_ID_LEN, e.id, LK_ID_LEN);
	}
	qsort(ids, r->send_len, LK_ID_LEN, lk_id_compare);
	assert_ids(vector_field(v, "send"), ids, r->send_len);
	free(ids);
}

/* The messages of the Python implementation tell what they told it. */
static void
exchange_check(struct json_object *v)
{
	struct json_object *messages = vector_field(v, "messages");
	VECTOR h = vector_get(v, "h");
	struct side sides[2];

	for (size_t i = 0; i < 2; i++) {
		side_make(&sides[i], i);
		side_fill(
		    &sides[i], vector_field(v, i == 0 ? "first" : "second"));
		sides[i].set.session = VECTOR_VIEW(h);
	}
	for (size_t i = 0; i < json_object_array_length(messages); i++) {
		struct json_object *m = json_object_array_get_idx(messages, i);
		struct side *to = &sides[(i + 1) % 2];
		VECTOR body = vector_get(m, "body");
		struct range_result r;
		BUF_SCOPED answer = { .max = RANGE_BODY_MAX };

		assert_ok(range_answer(&answer, &to->set,
		    BYTES(body.ptr + 4, body.len - 4), RANGE_STEPS_MAX, &r));
		if (r.answers !=
		    (bool)json_object_get_boolean(vector_field(m, "answered")))
			fail_msg("%s: message %zu", vector_text(v, "name"), i);
		assert_ids(vector_field(m, "want"), r.want, r.want_len);
		sent_check(to, &r, m);
		range_result_clear(&r);
	}
	side_clear(&sides[0]);
	side_clear(&sides[1]);
}

static void
what_another_implementation_said_is_understood(void **state)
{
	struct json_object *file =
	    json_object_from_file(LK_TEST_DATA "/protocol/ranges.json");
	struct json_object *all;

	(void)state;
	assert_non_null(file);
	all = vector_field(file, "exchanges");
	assert_int_equal(json_object_array_length(all), 8);
	for (size_t i = 0; i < json_object_array_length(all); i++)
		exchange_check(json_object_array_get_idx(all, i));
	json_object_put(file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_two_sets_are_the_same_after_one_exchange),
		cmocka_unit_test(
		    sets_that_have_nothing_in_common_come_together_in_several_exchanges),
		cmocka_unit_test(
		    only_the_authors_that_were_asked_about_are_compared),
		cmocka_unit_test(
		    what_has_one_sum_is_told_apart_by_an_exact_range),
		cmocka_unit_test(an_exact_range_is_cut_into_exact_ranges),
		cmocka_unit_test(differences_of_large_sets_cost_little),
		cmocka_unit_test(
		    every_prefix_and_every_flipped_bit_is_refused_or_another_message),
		cmocka_unit_test(what_has_no_form_is_refused),
		cmocka_unit_test(
		    what_another_implementation_said_is_understood),
		cmocka_unit_test(
		    a_message_of_many_ranges_costs_no_more_than_its_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
