#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/random.h"
#include "sync/message.h"
#include "tests/unit/crypto/vectors.h"

#define OUT_MAX (4u * 1024 * 1024)
#define ARENA_MAX ((size_t)16 * 1024 * 1024)
#define LIST_BODY_MAX ((size_t)64 * 1024)

static struct json_object *vectors;

static int
vectors_load(void **state)
{
	(void)state;
	vectors = json_object_from_file(LK_TEST_DATA "/protocol/messages.json");
	return vectors == NULL ? -1 : 0;
}

static int
vectors_free(void **state)
{
	(void)state;
	json_object_put(vectors);
	return 0;
}

static uint64_t
field_int(struct json_object *o, const char *name)
{
	return (uint64_t)json_object_get_int64(vector_field(o, name));
}

/* A message that was decoded, and what its encoder makes of it. */
typedef lk_err again_fn(struct buf *, struct bytes body);

static lk_err
hello_again(struct buf *out, struct bytes body)
{
	struct hello m;

	TRY(hello_decode(&m, body));
	hello_encode(out, &m);
	return LK_NONE;
}

static lk_err
topic_set_again(struct buf *out, struct bytes body)
{
	struct topic_set m;

	TRY(topic_set_decode(&m, body));
	topic_set_encode(out, &m);
	return LK_NONE;
}

static lk_err
topic_list_again(struct buf *out, struct bytes body)
{
	struct topic_list m;

	TRY(topic_list_decode(&m, body));
	assert_int_equal(m.len % TOPIC_LIST_PAD, 0);
	topic_list_encode(out, &m);
	return LK_NONE;
}

static lk_err
match_again(struct buf *out, struct bytes body)
{
	struct match m;

	TRY(match_decode(&m, body));
	for (size_t i = 0; i < m.len; i++)
		buf_u32(out, rd_u32(&m.indexes));
	assert_true(rd_done(&m.indexes));
	return LK_NONE;
}

static lk_err
fp_again(struct buf *out, struct bytes body)
{
	struct fp_range m;

	TRY(fp_range_decode(&m, body));
	assert_true(m.first <= m.last);
	fp_range_encode(out, &m);
	return LK_NONE;
}

static lk_err
vv_again(struct buf *out, struct bytes body)
{
	struct version_vector m;
	struct version_entry e;

	TRY(version_vector_decode(&m, body));
	version_vector_encode(out, m.topic, m.answer);
	while (version_entry_next(&m, &e))
		version_entry_encode(out, &e);
	assert_true(rd_done(&m.entries));
	return LK_NONE;
}

/* Header only, too: range_test.c has the rest. */
static lk_err
range_again(struct buf *out, struct bytes body)
{
	struct range_message m;

	TRY(range_message_decode(&m, body));
	range_message_encode(out, &m);
	return LK_NONE;
}

/* Header only: the items are another decoder's. */
static lk_err
batch_again(struct buf *out, struct bytes body)
{
	struct batch m;

	TRY(batch_decode(&m, body));
	batch_encode(out, m.topic, m.end);
	buf_add(out, m.items.left);
	return LK_NONE;
}

static lk_err
want_again(struct buf *out, struct bytes body)
{
	struct want m;

	TRY(want_decode(&m, body));
	assert_in_range(m.len, 1, WANT_MAX);
	want_encode(out, &m);
	return LK_NONE;
}

static lk_err
ack_again(struct buf *out, struct bytes body)
{
	struct ack m;

	TRY(ack_decode(&m, body));
	buf_u32(out, m.topic);
	buf_mem(out, m.tag, sizeof(m.tag));
	buf_mem(out, m.incarnation, sizeof(m.incarnation));
	buf_u64(out, m.counter);
	buf_mem(out, m.etag, sizeof(m.etag));
	assert_true(bytes_equal(m.clear, BYTES(out->ptr + 4, out->len - 4)));
	buf_mem(out, m.nonce, sizeof(m.nonce));
	buf_add(out, m.sealed);
	return LK_NONE;
}

static lk_err
peers_again(struct buf *out, struct bytes body)
{
	struct peer_list m;
	struct peer_entry e;
	size_t n = 0;

	TRY(peer_list_decode(&m, body));
	assert_in_range(m.len, 0, PEER_LIST_MAX);
	peer_list_encode(out, m.len);
	for (; peer_entry_next(&m, &e); n++)
		peer_entry_encode(out, &e);
	assert_int_equal(n, m.len);
	return LK_NONE;
}

static lk_err
busy_again(struct buf *out, struct bytes body)
{
	struct busy m;

	TRY(busy_decode(&m, body));
	busy_encode(out, &m);
	return LK_NONE;
}

/* What an item state of 64 slots tells apart. */
#define SLOTS 64
static lk_err
acks_again(struct buf *out, struct bytes body)
{
	static struct item_slot slots[SLOTS];
	const struct item_state items = { .slots = slots, .len = SLOTS };
	struct acks_entry entry;
	struct acks m;
	uint64_t next = 0;

	for (size_t i = 0; i < SLOTS; i++)
		memset(slots[i].last, (int)(0xc0 + i), LK_ID_LEN);
	TRY(acks_decode(&m, body));
	while (acks_entry_next(&m, &entry)) {
		acks_entry_encode(
		    out, &next, entry.topic, entry.counter, entry.len);
		for (size_t i = 0; i < entry.len; i++) {
			uint8_t id[LK_ID_LEN];

			TRY(acks_head_next(&entry, &items, id));
			acks_head_encode(out, &items, id);
		}
	}
	return LK_NONE;
}

static const struct {
	enum message_type type;
	again_fn *again;
	bool list;  /* a prefix may be a shorter message */
	bool lossy; /* addresses of an unknown type are skipped */
} kinds[] = {
	{ MSG_HELLO, hello_again, false, false },
	{ MSG_SET, topic_set_again, false, false },
	{ MSG_TOPICS, topic_list_again, true, false },
	{ MSG_MATCH, match_again, true, false },
	{ MSG_FP, fp_again, false, false },
	{ MSG_VV, vv_again, true, false },
	{ MSG_RANGE, range_again, true, false },
	{ MSG_BATCH, batch_again, true, false },
	{ MSG_WANT, want_again, true, false },
	{ MSG_ACK, ack_again, true, false },
	{ MSG_BUSY, busy_again, false, false },
	{ MSG_ACKS, acks_again, true, false },
	{ MSG_PEERS, peers_again, false, true },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The row of a type, or KINDS: what message.c has no decoder for. */
static size_t
kind_of(uint64_t type)
{
	size_t i = 0;

	while (i < KINDS && (uint64_t)kinds[i].type != type)
		i++;
	return i;
}

typedef void vector_fn(size_t kind, struct json_object *, struct bytes body);

/* Calls `each` for every vector of a list whose type is decoded here. */
static size_t
vectors_each(const char *list, vector_fn *each)
{
	struct json_object *all = vector_field(vectors, list);
	size_t n = json_object_array_length(all), called = 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *v = json_object_array_get_idx(all, i);
		size_t kind = kind_of(field_int(v, "type"));
		VECTOR body = vector_get(v, "body");

		if (kind == KINDS)
			continue;
		each(kind, v, VECTOR_VIEW(body));
		called++;
	}
	return called;
}

static void
again_check(size_t kind, struct json_object *v, struct bytes body)
{
	BUF_SCOPED out = { 0 };

	buf_init(&out, OUT_MAX);
	if (kinds[kind].again(&out, body).code != LK_OK)
		fail_msg("%s: refused", vector_text(v, "name"));
	if (!bytes_equal(buf_bytes(&out), body))
		fail_msg("%s: other bytes", vector_text(v, "name"));
}

static void
every_message_of_the_vectors_is_read_and_written_again(void **state)
{
	(void)state;
	assert_int_equal(vectors_each("messages", again_check), 18);
}

static void
refused_check(size_t kind, struct json_object *v, struct bytes body)
{
	BUF_SCOPED out = { 0 };

	buf_init(&out, OUT_MAX);
	if (kinds[kind].again(&out, body).code == LK_OK)
		fail_msg("%s: taken", vector_text(v, "name"));
}

static void
every_bad_message_of_the_vectors_is_refused(void **state)
{
	(void)state;
	assert_int_equal(vectors_each("bad", refused_check), 30);
}

static void
prefix_check(size_t kind, struct json_object *v, struct bytes body)
{
	for (size_t n = 0; n < body.len; n++) {
		struct bytes part = BYTES(body.ptr, n);
		BUF_SCOPED out = { 0 };
		lk_err err;

		buf_init(&out, OUT_MAX);
		err = kinds[kind].again(&out, part);
		if (err.code == LK_OK) {
			/* Shorter lists are messages of their own. */
			assert_true(kinds[kind].list);
			assert_true(bytes_equal(buf_bytes(&out), part));
		} else if (err.code != LK_E_TRUNCATED && !kinds[kind].list) {
			fail_msg("%s: cut to %zu: %s", vector_text(v, "name"),
			    n, err.what);
		}
	}
}

static void
every_proper_prefix_is_truncated_or_a_shorter_list(void **state)
{
	(void)state;
	(void)vectors_each("messages", prefix_check);
}

static void
flip_check(size_t kind, struct json_object *v, struct bytes body)
{
	uint8_t *copy = malloc(body.len + 1);
	struct bytes changed = BYTES(copy, body.len);

	assert_non_null(copy);
	memcpy(copy, body.ptr, body.len);
	for (size_t bit = 0; bit < 8 * body.len; bit++) {
		uint8_t mask = (uint8_t)(1 << bit % 8);
		BUF_SCOPED out = { 0 };

		buf_init(&out, OUT_MAX);
		copy[bit / 8] ^= mask;
		if (kinds[kind].again(&out, changed).code == LK_OK &&
		    !kinds[kind].lossy &&
		    !bytes_equal(buf_bytes(&out), changed))
			fail_msg("%s: two forms of one message, bit %zu",
			    vector_text(v, "name"), bit);
		copy[bit / 8] ^= mask;
	}
	/* One byte too many. */
	copy[body.len] = 0;
	if (!kinds[kind].list) {
		BUF_SCOPED out = { 0 };

		buf_init(&out, OUT_MAX);
		assert_int_equal(
		    kinds[kind].again(&out, BYTES(copy, body.len + 1)).code,
		    LK_E_MALFORMED);
	}
	free(copy);
}

static void
every_flipped_bit_is_refused_or_says_something_else(void **state)
{
	(void)state;
	(void)vectors_each("messages", flip_check);
}

static struct json_object *
vector_named(const char *name)
{
	struct json_object *all = vector_field(vectors, "messages");

	for (size_t i = 0; i < json_object_array_length(all); i++) {
		struct json_object *v = json_object_array_get_idx(all, i);

		if (strcmp(vector_text(v, "name"), name) == 0)
			return v;
	}
	fail_msg("no vector %s", name);
	return NULL;
}

static void
the_fields_are_those_of_the_vectors(void **state)
{
	struct json_object *v = vector_named("hello");
	VECTOR hello_body = vector_get(v, "body");
	VECTOR incarnation = vector_get(v, "incarnation");
	VECTOR fp_body = vector_get(vector_named("fp, equal"), "body");
	VECTOR ack_body = vector_get(vector_named("ack"), "body");
	VECTOR want_body = vector_get(vector_named("want"), "body");
	struct hello h;
	struct fp_range f;
	struct ack a;
	struct want w;

	(void)state;
	assert_int_equal(hello_decode(&h, VECTOR_VIEW(hello_body)).code, LK_OK);
	assert_int_equal(h.min, 1);
	assert_int_equal(h.max, 1);
	assert_int_equal(h.message_max, field_int(v, "max_message"));
	assert_int_equal(h.port, field_int(v, "port"));
	assert_memory_equal(h.incarnation, incarnation.ptr, INCARNATION_LEN);
	assert_int_equal(fp_range_decode(&f, VECTOR_VIEW(fp_body)).code, LK_OK);
	assert_true(f.answer);
	assert_int_equal(f.last, 2);
	assert_int_equal(f.count, 28);
	assert_int_equal(ack_decode(&a, VECTOR_VIEW(ack_body)).code, LK_OK);
	assert_int_equal(a.counter, 17);
	assert_int_equal(a.clear.len, 16 + 8 + 8 + 16);
	assert_int_equal(want_decode(&w, VECTOR_VIEW(want_body)).code, LK_OK);
	assert_int_equal(w.len, 2);
}

static void
a_head_may_be_named_by_the_slot_it_was_sent_in(void **state)
{
	VECTOR body = vector_get(vector_named("acks"), "body");
	struct item_slot slot = { .seq = 1 };
	const struct item_state none = { .len = 0 },
				one = { .slots = &slot, .len = 1 };
	uint8_t id[LK_ID_LEN];
	struct acks_entry e;
	struct acks m;

	(void)state;
	memset(slot.last, 7, LK_ID_LEN);
	assert_int_equal(acks_decode(&m, VECTOR_VIEW(body)).code, LK_OK);
	assert_true(acks_entry_next(&m, &e));
	assert_int_equal(e.topic, 0);
	assert_int_equal(e.counter, 17);
	assert_int_equal(e.len, 2);
	assert_int_equal(acks_head_next(&e, &one, id).code, LK_OK);
	assert_memory_equal(id, slot.last, LK_ID_LEN);
	assert_int_equal(acks_head_next(&e, &one, id).code, LK_OK);
	assert_memory_not_equal(id, slot.last, LK_ID_LEN);
	assert_true(acks_entry_next(&m, &e));
	assert_int_equal(e.topic, 2);
	assert_int_equal(e.len, 0);
	assert_true(acks_entry_next(&m, &e));
	assert_int_equal(e.topic, 5);
	assert_false(acks_entry_next(&m, &e));
	assert_int_equal(acks_decode(&m, VECTOR_VIEW(body)).code, LK_OK);
	assert_true(acks_entry_next(&m, &e));
	assert_int_equal(acks_head_next(&e, &none, id).code, LK_E_MALFORMED);
}

static void
lists_over_their_bounds_are_refused(void **state)
{
	size_t len = 4 + (WANT_MAX + 1) * LK_ID_LEN;
	uint8_t *zeros = calloc(1, LIST_BODY_MAX + 1024);
	struct topic_list topics;
	struct peer_list peers;
	struct want want;

	(void)state;
	assert_non_null(zeros);
	assert_int_equal(
	    want_decode(&want, BYTES(zeros, len)).code, LK_E_LIMIT);
	assert_int_equal(
	    want_decode(&want, BYTES(zeros, len - LK_ID_LEN)).code, LK_OK);
	len = 1 + (TOPIC_LIST_MAX + TOPIC_LIST_PAD) * ANNOUNCE_LEN;
	assert_int_equal(
	    topic_list_decode(&topics, BYTES(zeros, len)).code, LK_E_LIMIT);
	len = 1 + TOPIC_LIST_MAX * ANNOUNCE_LEN;
	assert_int_equal(
	    topic_list_decode(&topics, BYTES(zeros, len)).code, LK_OK);
	zeros[0] = PEER_LIST_MAX + 1;
	assert_int_equal(
	    peer_list_decode(&peers, BYTES(zeros, LIST_BODY_MAX)).code,
	    LK_E_LIMIT);
	free(zeros);
}

/* docs/protocol.md, section 12, the column "limit". */
static void
the_greatest_body_of_every_type_is_the_protocols(void **state)
{
	static const struct {
		uint8_t type;
		uint32_t least; /* what a well-formed one may need */
	} needs[] = {
		{ MSG_HELLO, 24 },
		{ MSG_CLOSE, 1 },
		{ MSG_PING, 8 },
		{ MSG_PONG, 8 },
		{ MSG_SET, 20 },
		{ MSG_TOPICS, 1 + TOPIC_LIST_MAX * ANNOUNCE_LEN },
		{ MSG_MATCH, 512 * 1024 },
		{ MSG_FP, 33 },
		{ MSG_VV, 256 * 1024 },
		{ MSG_RANGE, 64 * 1024 },
		{ MSG_BATCH, 1024 * 1024 },
		{ MSG_WANT, 4 + 512 * LK_ID_LEN },
		{ MSG_ACK, 4 * 1024 },
		{ MSG_BUSY, 8 },
		{ MSG_ACKS, 64 * 1024 },
		{ MSG_WELCOME, 4 * 1024 },
		{ MSG_CARD, 24 * 1024 },
		{ MSG_PEERS, 256 * 1024 },
		{ MSG_PUSH, 1024 * 1024 },
		{ MSG_IHAVE, 4 + 64 * LK_ID_LEN },
		{ MSG_GRAFT, 4 + 64 * LK_ID_LEN },
		{ MSG_PRUNE, 4 },
		{ MSG_NEIGHBOUR, 5 },
		{ MSG_WALK, 32 * 1024 },
		{ MSG_SHUFFLED, 32 * 1024 },
		{ MSG_CODE_SHARE, 32 },
		{ MSG_CODE_SHARE_BACK, 32 },
		{ MSG_CODE_CONFIRM, 32 },
		{ MSG_CODE_CONFIRM_BACK, 32 },
		{ MSG_CODE_KEYS, 1 + 24 * 1024 + 64 },
		{ MSG_CODE_KEYS_BACK, 24 * 1024 + 64 },
	};
	uint32_t max[256];
	size_t known = 0;

	(void)state;
	message_body_max(max);
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		if (max[needs[i].type] < needs[i].least)
			fail_msg("type %u: %u is less than %u", needs[i].type,
			    max[needs[i].type], needs[i].least);
	}
	for (size_t i = 0; i < 256; i++) {
		assert_true(max[i] <= MESSAGE_MAX);
		known += i < MSG_UNKNOWN_MIN && max[i] > 0;
	}
	assert_int_equal(known, sizeof(needs) / sizeof(needs[0]));
	for (size_t i = MSG_UNKNOWN_MIN; i < 256; i++)
		assert_true(max[i] > 0);
}

/* Batches of envelopes. */

static void
items_expect(struct json_object *v, struct item_state *s)
{
	struct json_object *envelopes = vector_field(v, "envelopes");
	VECTOR topic = vector_get(v, "topic_id");
	VECTOR body = vector_get(v, "body");
	struct batch batch;
	ARENA_SCOPED arena = { 0 };

	arena_init(&arena, ARENA_MAX);
	assert_int_equal(batch_decode(&batch, VECTOR_VIEW(body)).code, LK_OK);
	assert_int_equal(batch.end, field_int(v, "end"));
	for (size_t i = 0; i < json_object_array_length(envelopes); i++) {
		VECTOR wanted =
		    vector_hex(json_object_array_get_idx(envelopes, i));
		struct bytes got;

		assert_int_equal(
		    item_decode(&batch.items, s, topic.ptr, &arena, &got).code,
		    LK_OK);
		assert_true(bytes_equal(got, VECTOR_VIEW(wanted)));
	}
	assert_true(rd_done(&batch.items));
}

static void
the_batches_of_the_vectors_give_their_envelopes(void **state)
{
	struct item_state s = { 0 };

	(void)state;
	items_expect(vector_named("batch 1, state starts here"), &s);
	items_expect(vector_named("batch 2, same stream, end"), &s);
	item_state_clear(&s);
	assert_null(s.slots);
}

static void
items_write(struct json_object *v, struct item_state *s)
{
	struct json_object *envelopes = vector_field(v, "envelopes");
	VECTOR body = vector_get(v, "body");
	BUF_SCOPED out = { 0 };

	buf_init(&out, OUT_MAX);
	batch_encode(&out, 0, field_int(v, "end") != 0);
	for (size_t i = 0; i < json_object_array_length(envelopes); i++) {
		VECTOR all =
		    vector_hex(json_object_array_get_idx(envelopes, i));
		struct envelope e;

		assert_int_equal(
		    envelope_parse(&e, VECTOR_VIEW(all)).code, LK_OK);
		assert_int_equal(item_encode(&out, s, &e).code, LK_OK);
	}
	assert_true(bytes_equal(buf_bytes(&out), VECTOR_VIEW(body)));
}

static void
the_envelopes_of_the_vectors_make_their_batches(void **state)
{
	struct item_state s = { 0 };

	(void)state;
	items_write(vector_named("batch 1, state starts here"), &s);
	items_write(vector_named("batch 2, same stream, end"), &s);
	item_state_clear(&s);
}

static void
every_bad_batch_of_the_vectors_is_refused(void **state)
{
	struct json_object *all = vector_field(vectors, "bad_batches");

	(void)state;
	for (size_t i = 0; i < json_object_array_length(all); i++) {
		struct json_object *v = json_object_array_get_idx(all, i);
		VECTOR topic = vector_get(v, "topic_id");
		VECTOR body = vector_get(v, "body");
		struct item_state s = { 0 };
		struct batch batch;
		struct bytes got;
		ARENA_SCOPED arena = { 0 };

		arena_init(&arena, ARENA_MAX);
		assert_int_equal(
		    batch_decode(&batch, VECTOR_VIEW(body)).code, LK_OK);
		if (item_decode(&batch.items, &s, topic.ptr, &arena, &got)
			.code == LK_OK)
			fail_msg("%s: taken", vector_text(v, "name"));
		item_state_clear(&s);
	}
}

/* Reads items until an error or the end; returns how many. */
static size_t
items_count(struct bytes in, const uint8_t *topic, lk_err *err)
{
	struct item_state s = { 0 };
	struct rd items = rd_over(in);
	struct bytes got;
	size_t n = 0;
	ARENA_SCOPED arena = { 0 };

	arena_init(&arena, ARENA_MAX);
	*err = LK_NONE;
	while (items.left.len > 0) {
		*err = item_decode(&items, &s, topic, &arena, &got);
		if (err->code != LK_OK)
			break;
		assert_true(got.len >= ENVELOPE_HEADER_LEN);
		n++;
	}
	item_state_clear(&s);
	return n;
}

static void
a_cut_batch_gives_the_envelopes_before_the_cut(void **state)
{
	struct json_object *v = vector_named("batch 1, state starts here");
	VECTOR topic = vector_get(v, "topic_id");
	VECTOR body = vector_get(v, "body");
	size_t whole, before = 0;
	lk_err err;

	(void)state;
	whole = items_count(BYTES(body.ptr + 5, body.len - 5), topic.ptr, &err);
	assert_int_equal(err.code, LK_OK);
	for (size_t n = 0; n < body.len - 5; n++) {
		size_t got =
		    items_count(BYTES(body.ptr + 5, n), topic.ptr, &err);

		assert_true(got == before || got == before + 1);
		assert_true(got < whole);
		/* Without an error the cut is exactly behind an item. */
		assert_true(
		    err.code == LK_E_MALFORMED || got == before + 1 || n == 0);
		before = got;
	}
}

static void
a_flipped_bit_in_a_batch_never_breaks_the_reader(void **state)
{
	struct json_object *v = vector_named("batch 2, same stream, end");
	VECTOR topic = vector_get(v, "topic_id");
	VECTOR first =
	    vector_get(vector_named("batch 1, state starts here"), "body");
	VECTOR body = vector_get(v, "body");
	BUF_SCOPED stream = { 0 };
	lk_err err;

	(void)state;
	buf_init(&stream, OUT_MAX);
	buf_mem(&stream, first.ptr + 5, first.len - 5);
	buf_mem(&stream, body.ptr + 5, body.len - 5);
	for (size_t bit = 0; bit < 8 * stream.len; bit++) {
		uint8_t mask = (uint8_t)(1 << bit % 8);

		stream.ptr[bit / 8] ^= mask;
		(void)items_count(buf_bytes(&stream), topic.ptr, &err);
		stream.ptr[bit / 8] ^= mask;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    every_message_of_the_vectors_is_read_and_written_again),
		cmocka_unit_test(every_bad_message_of_the_vectors_is_refused),
		cmocka_unit_test(
		    every_proper_prefix_is_truncated_or_a_shorter_list),
		cmocka_unit_test(
		    every_flipped_bit_is_refused_or_says_something_else),
		cmocka_unit_test(the_fields_are_those_of_the_vectors),
		cmocka_unit_test(
		    a_head_may_be_named_by_the_slot_it_was_sent_in),
		cmocka_unit_test(lists_over_their_bounds_are_refused),
		cmocka_unit_test(
		    the_greatest_body_of_every_type_is_the_protocols),
		cmocka_unit_test(
		    the_batches_of_the_vectors_give_their_envelopes),
		cmocka_unit_test(
		    the_envelopes_of_the_vectors_make_their_batches),
		cmocka_unit_test(every_bad_batch_of_the_vectors_is_refused),
		cmocka_unit_test(
		    a_cut_batch_gives_the_envelopes_before_the_cut),
		cmocka_unit_test(
		    a_flipped_bit_in_a_batch_never_breaks_the_reader),
	};

	return cmocka_run_group_tests(tests, vectors_load, vectors_free);
}
