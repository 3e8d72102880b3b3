#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "crypto/random.h"
#include "sync/message.h"

#define OUT_MAX (4u * 1024 * 1024)
#define ARENA_MAX ((size_t)16 * 1024 * 1024)

#define AUTHORS 5
#define STREAM_LEN 120

/* Authors who write, fork, jump and change keys at random. */
struct writers {
	struct random_seeded seed;
	struct random random;
	uint8_t topic[LK_TOPIC_LEN];
	uint8_t tags[AUTHORS][LK_TOPIC_LEN], last[AUTHORS][LK_ID_LEN];
	uint64_t seq[AUTHORS];
	uint8_t etag[LK_TOPIC_LEN];
};

static void
writers_init(struct writers *w, uint64_t seed)
{
	*w = (struct writers){ .seq = { 0 } };
	w->random = random_from_seed(&w->seed, seed);
	random_fill(&w->random, w->topic, sizeof(w->topic));
	random_fill(&w->random, w->tags, sizeof(w->tags));
	random_fill(&w->random, w->etag, sizeof(w->etag));
}

/* The next envelope: a header that means something, the rest noise. */
static void
writers_next(struct writers *w, struct arena *arena, struct envelope *out)
{
	size_t author = (size_t)random_below(&w->random, AUTHORS);
	uint8_t rest[300], salt[8];
	struct envelope_parts parts = { .topic = w->topic,
		.tag = w->tags[author],
		.etag = w->etag,
		.prev = w->last[author],
		.salt = salt,
		.rest = BYTES(rest, 40 + random_below(&w->random, 200)) };
	struct bytes all;

	random_fill(&w->random, rest, sizeof(rest));
	random_fill(&w->random, salt, sizeof(salt));
	if (random_below(&w->random, 5) == 0)
		random_fill(&w->random, w->etag, sizeof(w->etag));
	if (random_below(&w->random, 6) == 0 && w->seq[author] > 0) {
		/* A fork or a gap: not what follows in its slot. */
		w->seq[author] += random_below(&w->random, 3);
		random_fill(&w->random, w->last[author], LK_ID_LEN);
	}
	parts.seq = ++w->seq[author];
	if (parts.seq > 1 && random_below(&w->random, 9) == 0) {
		parts.seq = w->seq[author] = 1;
		memset(w->last[author], 0, LK_ID_LEN);
	}
	parts.key_section = random_below(&w->random, 4) == 0;
	assert_int_equal(envelope_rebuild(&all, arena, &parts).code, LK_OK);
	*out = (struct envelope){
		.flags = parts.key_section, .seq = parts.seq, .all = all
	};
	memcpy(out->topic, w->topic, LK_TOPIC_LEN);
	memcpy(out->tag, parts.tag, LK_TOPIC_LEN);
	memcpy(out->etag, w->etag, LK_TOPIC_LEN);
	memcpy(out->prev, w->last[author], LK_ID_LEN);
	memcpy(out->salt, salt, sizeof(salt));
	if (parts.key_section)
		out->key_section = BYTES(all.ptr + ENVELOPE_HEADER_LEN, 40);
	envelope_id(out->id, all);
	memcpy(w->last[author], out->id, LK_ID_LEN);
}

static void
any_stream_of_envelopes_comes_out_as_it_went_in(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct item_state to = { 0 }, from = { 0 };
		struct envelope sent[STREAM_LEN];
		struct bytes got;
		struct writers w;
		struct rd items;
		ARENA_SCOPED arena = { 0 };
		BUF_SCOPED out = { 0 };

		arena_init(&arena, ARENA_MAX);
		buf_init(&out, OUT_MAX);
		writers_init(&w, seed);
		for (size_t i = 0; i < STREAM_LEN; i++) {
			writers_next(&w, &arena, &sent[i]);
			assert_int_equal(
			    item_encode(&out, &to, &sent[i]).code, LK_OK);
		}
		items = rd_over(buf_bytes(&out));
		for (size_t i = 0; i < STREAM_LEN; i++) {
			assert_int_equal(
			    item_decode(&items, &from, w.topic, &arena, &got)
				.code,
			    LK_OK);
			if (!bytes_equal(got, sent[i].all))
				fail_msg("seed %llu: envelope %zu",
				    (unsigned long long)seed, i);
		}
		assert_true(rd_done(&items));
		assert_int_equal(from.len, to.len);
		item_state_clear(&to);
		item_state_clear(&from);
	}
}

/* What follows its slot needs neither tag, seq, prev nor etag. */
static void
a_following_item_carries_nothing_the_receiver_knows(void **state)
{
	struct item_state s = { 0 };
	struct envelope e = { .seq = 1 };
	uint8_t all[ENVELOPE_HEADER_LEN + 100] = { 0 };
	size_t before;
	BUF_SCOPED out = { 0 };

	(void)state;
	buf_init(&out, OUT_MAX);
	e.all = BYTES_OF(all);
	assert_int_equal(item_encode(&out, &s, &e).code, LK_OK);
	before = out.len;
	memcpy(e.prev, e.id, LK_ID_LEN);
	e.seq = 2;
	assert_int_equal(item_encode(&out, &s, &e).code, LK_OK);
	/* f, slot, salt, length and the rest. */
	assert_int_equal(out.len - before, 1 + 1 + 8 + 1 + 100);
	item_state_clear(&s);
}

static void
one_author_more_than_there_are_slots_is_refused(void **state)
{
	struct item_state s = { 0 };
	struct envelope e = { .seq = 1 };
	uint8_t all[ENVELOPE_HEADER_LEN + 100] = { 0 };
	BUF_SCOPED out = { 0 };

	(void)state;
	buf_init(&out, OUT_MAX);
	e.all = BYTES_OF(all);
	for (size_t i = 0; i <= ITEM_SLOTS_MAX; i++) {
		for (size_t n = 0; n < 3; n++)
			e.tag[n] = (uint8_t)(i >> 8 * n);
		buf_reset(&out);
		assert_int_equal(item_encode(&out, &s, &e).code,
		    i == ITEM_SLOTS_MAX ? LK_E_LIMIT : LK_OK);
	}
	assert_int_equal(out.len, 0);
	item_state_clear(&s);
}

static void
a_sequence_number_does_not_run_over(void **state)
{
	struct item_slot *slot = calloc(1, sizeof(*slot));
	struct item_state s = { .slots = slot, .len = 1, .has_etag = true };
	static const uint8_t topic[LK_TOPIC_LEN];
	uint8_t item[1 + 1 + 8 + 1 + 9] = { 0 };
	struct rd items = rd_over(BYTES_OF(item));
	struct bytes got;
	ARENA_SCOPED arena = { 0 };

	(void)state;
	arena_init(&arena, ARENA_MAX);
	item[10] = 9;
	slot->seq = UINT64_MAX;
	assert_int_equal(
	    item_decode(&items, &s, topic, &arena, &got).code, LK_E_MALFORMED);
	item_state_clear(&s);
}

/* An item with a new slot and the least of everything else. */
static void
slot_item(struct buf *b, uint32_t slot, const uint8_t tag[static LK_TOPIC_LEN])
{
	static const uint8_t zeros[LK_TOPIC_LEN];

	buf_u8(b, 1 | 2 | 4);
	buf_uleb(b, slot);
	buf_mem(b, tag, LK_TOPIC_LEN);
	buf_uleb(b, 1);
	buf_mem(b, zeros, LK_TOPIC_LEN);
	buf_mem(b, zeros, 8);
	buf_uleb(b, 0);
}

static void
all_slots_of_a_topic_are_taken_in_little_time(void **state)
{
	static const uint8_t topic[LK_TOPIC_LEN];
	struct item_state s = { 0 };
	struct timespec from, to;
	struct random_seeded seeded;
	struct random random = random_from_seed(&seeded, 7);
	uint8_t tag[LK_TOPIC_LEN];
	BUF_SCOPED b = { .max = 256 };
	double seconds;

	(void)state;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	for (uint32_t i = 0; i <= ITEM_SLOTS_MAX; i++) {
		ARENA_SCOPED arena = { .max = ENVELOPE_MAX };
		struct bytes all;
		struct rd r;

		random_fill(&random, tag, sizeof(tag));
		buf_reset(&b);
		slot_item(&b, i, tag);
		r = rd_over(buf_bytes(&b));
		assert_int_equal(item_decode(&r, &s, topic, &arena, &all).code,
		    i == ITEM_SLOTS_MAX ? LK_E_LIMIT : LK_OK);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	seconds = (double)(to.tv_sec - from.tv_sec) +
	    (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	print_message("%u slots: %.2f s\n", ITEM_SLOTS_MAX, seconds);
	/* Two megabytes of input; comparing each with all before takes 25 s. */
	assert_true(seconds < 10);
	/* A tag that has a slot gets no second one. */
	item_state_clear(&s);
	for (uint32_t i = 0; i < 2; i++) {
		ARENA_SCOPED arena = { .max = ENVELOPE_MAX };
		struct bytes all;
		struct rd r;

		buf_reset(&b);
		slot_item(&b, i, tag);
		r = rd_over(buf_bytes(&b));
		assert_int_equal(item_decode(&r, &s, topic, &arena, &all).code,
		    i == 1 ? LK_E_MALFORMED : LK_OK);
	}
	item_state_clear(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    any_stream_of_envelopes_comes_out_as_it_went_in),
		cmocka_unit_test(
		    a_following_item_carries_nothing_the_receiver_knows),
		cmocka_unit_test(
		    one_author_more_than_there_are_slots_is_refused),
		cmocka_unit_test(a_sequence_number_does_not_run_over),
		cmocka_unit_test(all_slots_of_a_topic_are_taken_in_little_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
