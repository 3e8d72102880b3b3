#include "crypto/noise.h"
#include "tests/unit/sync/session_link.h"

static uint8_t zeros_200[200];

/* The body is a function of its number, so it need not be kept. */
static size_t
body_make(uint8_t *body, size_t size_max, uint32_t number)
{
	struct random_seeded seed;
	struct random random = random_from_seed(&seed, number);
	size_t len = (size_t)random_below(&random, 60);

	if (number % 50 == 7)
		len = (size_t)random_below(&random, 70000);
	if (number % 1000 == 9)
		len = (size_t)random_below(&random, size_max + 1);
	random_fill(&random, body, len);
	return len;
}

/* One fragment to `side`; counts the messages that come out of it. */
static void
fragment_deliver(struct link *l, int side, uint32_t *expected, uint8_t *scratch)
{
	struct buf *from = &l->wire[1 - side];
	struct session_event event = { .type = SESSION_MESSAGE };
	uint64_t size_max = random_below(&l->random, 8) == 0 ? 200000 : 90;
	size_t n = (size_t)random_below(&l->random, size_max + 1);
	struct bytes in = { from->ptr, n < from->len ? n : from->len };

	n = in.len;
	while (event.type != SESSION_NOTHING) {
		size_t len;

		assert_int_equal(
		    session_step(l->side[side], &in, &l->wire[side], &event)
			.code,
		    LK_OK);
		if (event.type != SESSION_MESSAGE)
			continue;
		len = body_make(scratch, MESSAGE_MAX, *expected);
		assert_int_equal(event.message, TYPE_ANY);
		assert_true(bytes_equal(event.body, BYTES(scratch, len)));
		(*expected)++;
	}
	assert_int_equal(in.len, 0);
	if (n > 0)
		wire_drop(from, n);
}

static void
ten_thousand_messages_arrive_whatever_the_fragments(void **state)
{
	static uint8_t scratch[MESSAGE_MAX];
	const uint32_t total = 5000;
	uint32_t sent[2] = { 0 }, got[2] = { 0 };
	struct link l;

	(void)state;
	link_open(&l, SESSION_XK, 10);
	while (got[0] < total || got[1] < total) {
		int side = (int)random_below(&l.random, 2);
		size_t len = body_make(scratch, MESSAGE_MAX, sent[side]);
		lk_err err = LK_ERR(LK_E_AGAIN, "nothing to send");

		/* What is on the way is bounded, as a socket's buffer is. */
		if (sent[side] < total && l.wire[side].len < 100000)
			err = session_queue(l.side[side], &l.wire[side],
			    TYPE_ANY, BYTES(scratch, len));
		assert_true(err.code == LK_OK || err.code == LK_E_AGAIN);
		sent[side] += err.code == LK_OK;
		if (random_below(&l.random, 4) == 0)
			assert_int_equal(
			    session_flush(l.side[side], &l.wire[side]).code,
			    LK_OK);
		fragment_deliver(&l, side, &got[side], scratch);
	}
	assert_int_equal(l.wire[0].len + l.wire[1].len, 0);
	link_close(&l);
}

static void
what_is_said_together_goes_in_one_frame(void **state)
{
	struct session_event event;
	struct bytes in;
	struct link l;
	struct buf *wire = &l.wire[0];

	(void)state;
	link_ready(&l, 30);
	for (int i = 0; i < 3; i++)
		assert_int_equal(session_queue(l.side[0], wire, TYPE_ANY,
				     BYTES_OF(zeros_200))
				     .code,
		    LK_OK);
	assert_int_equal(wire->len, 0);
	assert_int_equal(session_flush(l.side[0], wire).code, LK_OK);
	assert_int_equal(wire->len, 2 + 3 * (5 + 200) + 16);
	assert_int_equal(session_flush(l.side[0], wire).code, LK_OK);
	in = buf_bytes(wire);
	assert_int_equal(in.len, 2 + 3 * (5 + 200) + 16);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(
		    session_step(l.side[1], &in, &l.wire[1], &event).code,
		    LK_OK);
		assert_int_equal(event.type, SESSION_MESSAGE);
		assert_int_equal(event.body.len, 200);
	}
	buf_reset(wire);
	link_close(&l);
}

static void
what_waits_when_a_session_is_ended_is_not_sent(void **state)
{
	struct link l;
	struct buf *wire = &l.wire[0];

	(void)state;
	link_ready(&l, 31);
	assert_int_equal(
	    session_queue(l.side[0], wire, TYPE_ANY, BYTES_OF(zeros_200)).code,
	    LK_OK);
	session_end(l.side[0]);
	assert_int_equal(session_flush(l.side[0], wire).code, LK_OK);
	assert_int_equal(wire->len, 0);
	assert_dead(&l, 0, LK_E_AGAIN);
	link_close(&l);
}

/* The wire of a whole conversation, one byte at a time. */
static void
a_truncated_stream_gives_no_message(void **state)
{
	struct session_event event;
	struct link l;
	struct buf *wire = &l.wire[0];

	(void)state;
	link_ready(&l, 20);
	assert_int_equal(
	    session_send(l.side[0], wire, TYPE_ANY, BYTES_OF(zeros_200)).code,
	    LK_OK);
	for (size_t i = 0; i + 1 < wire->len; i++) {
		struct bytes in = { wire->ptr + i, 1 };

		assert_int_equal(
		    session_step(l.side[1], &in, &l.wire[1], &event).code,
		    LK_OK);
		assert_int_equal(event.type, SESSION_NOTHING);
		assert_int_equal(in.len, 0);
	}
	wire_drop(wire, wire->len - 1);
	deliver_expect(&l, 1, SESSION_MESSAGE, &event);
	assert_int_equal(event.body.len, 200);
	link_close(&l);
}

static void
garbage_in_an_open_session_ends_it(void **state)
{
	struct session_event event;
	struct link l;

	(void)state;
	for (uint64_t seed = 0; seed < 50; seed++) {
		uint8_t garbage[400];

		link_ready(&l, 80 + seed);
		random_fill(&l.random, garbage, sizeof(garbage));
		garbage[0] = 0;
		garbage[1] |= 17;
		buf_mem(&l.wire[0], garbage, sizeof(garbage));
		assert_int_equal(deliver(&l, 1, &event).code, LK_E_MALFORMED);
		assert_dead(&l, 1, LK_E_MALFORMED);
		link_close(&l);
	}
}

static void
every_flipped_bit_of_a_frame_ends_the_session(void **state)
{
	size_t len = 1;

	(void)state;
	for (size_t bit = 0; bit < len * 8; bit++) {
		struct session_event event = { .type = SESSION_NOTHING };
		struct link l;
		lk_err err;

		link_ready(&l, 140);
		assert_int_equal(session_send(l.side[0], &l.wire[0], TYPE_SMALL,
				     BYTES_STR("ok"))
				     .code,
		    LK_OK);
		len = l.wire[0].len;
		l.wire[0].ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
		err = deliver(&l, 1, &event);
		assert_int_equal(event.type, SESSION_NOTHING);
		/* A length that became greater keeps it waiting. */
		assert_true(err.code == LK_E_MALFORMED || bit < 16);
		link_close(&l);
	}
}

static void
frames_repeated_exchanged_or_thrown_back_end_the_session(void **state)
{
	(void)state;
	for (int what = 0; what < 3; what++) {
		struct session_event event;
		uint8_t held[2][64];
		size_t len;
		struct link l;

		link_ready(&l, 150);
		for (int i = 0; i < 2; i++) {
			assert_int_equal(session_send(l.side[0], &l.wire[0],
					     TYPE_SMALL, BYTES_STR("one"))
					     .code,
			    LK_OK);
			len = l.wire[0].len;
			memcpy(held[i], l.wire[0].ptr, len);
			buf_reset(&l.wire[0]);
		}
		if (what == 0) {
			buf_mem(&l.wire[0], held[0], len);
			buf_mem(&l.wire[0], held[0], len);
			deliver_expect(&l, 1, SESSION_MESSAGE, &event);
		} else if (what == 1) {
			buf_mem(&l.wire[0], held[1], len);
			buf_mem(&l.wire[0], held[0], len);
		} else {
			buf_mem(&l.wire[1], held[0], len);
		}
		assert_int_equal(deliver(&l, what == 2 ? 0 : 1, &event).code,
		    LK_E_MALFORMED);
		link_close(&l);
	}
}

/*
 * The initiator's sending key, so that a test can say what session_send never
 * would: the handshake is pure, so doing it again gives the same key.
 */
static void
sender_forge(struct noise_cipher *send, const struct link *l)
{
	static const uint8_t preface[XK_PREFACE] = { 'L', 'K', 1, 1, 0 };
	struct noise side[2];
	struct noise_cipher unused;

	for (int i = 0; i < 2; i++) {
		struct noise_config config = {
			.pattern = NOISE_XK,
			.initiator = i == 0,
			.prologue = BYTES_OF(preface),
			.ephemeral = l->ephemerals[i],
			.local = &l->keys[i],
			.remote = l->keys[1].pk,
		};

		noise_init(&side[i], &config);
	}
	for (int i = 0; i < 3; i++) {
		BUF_SCOPED wire = { 0 };
		BUF_SCOPED got = { 0 };

		buf_init(&wire, NOISE_MESSAGE_MAX);
		buf_init(&got, NOISE_MESSAGE_MAX);
		assert_int_equal(noise_write(&side[i % 2], &wire,
				     i == 2 ? BYTES_STR("proof of who I am")
					    : BYTES(NULL, 0))
				     .code,
		    LK_OK);
		assert_int_equal(
		    noise_read(&side[1 - i % 2], &got, buf_bytes(&wire)).code,
		    LK_OK);
	}
	noise_split(&side[0], send, &unused);
}

static void
frame_forge(struct link *l, struct noise_cipher *send, struct bytes plain)
{
	buf_u16(&l->wire[0], (uint16_t)(plain.len + NOISE_TAG_LEN));
	assert_int_equal(
	    noise_seal(send, &l->wire[0], plain, BYTES(NULL, 0)).code, LK_OK);
}

static void
lengths_over_their_bound_are_refused_when_the_head_is_there(void **state)
{
	static const struct {
		uint8_t head[5];
		size_t len;
		enum lk_code code;
	} cases[] = {
		{ { 0, 0, 0, 0 }, 4, LK_E_MALFORMED },
		{ { 0xff, 0xff, 0xff, 0xff }, 4, LK_E_LIMIT },
		{ { 0, 0x11, 0, 2 }, 4, LK_E_LIMIT },
		{ { 0, 0x11, 0, 1, TYPE_SMALL }, 5, LK_E_LIMIT },
		{ { 0, 0, 0, 66, TYPE_SMALL }, 5, LK_E_LIMIT },
		{ { 0, 0, 0, 2, TYPE_EMPTY }, 5, LK_E_LIMIT },
		{ { 0, 0x11, 0, 1, TYPE_ANY }, 5, LK_OK },
		{ { 0, 0, 0, 65, TYPE_SMALL }, 5, LK_OK },
		{ { 0, 0, 0, 1, 200 }, 5, LK_OK },
	};

	(void)state;
	assert_int_equal(MESSAGE_MAX + 1, 0x110001);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct session_event event;
		struct noise_cipher send;
		struct link l;

		link_ready(&l, 160);
		sender_forge(&send, &l);
		frame_forge(&l, &send, BYTES(cases[i].head, cases[i].len));
		assert_int_equal(deliver(&l, 1, &event).code, cases[i].code);
		link_close(&l);
	}
}

static void
messages_may_share_frames_and_frames_may_cut_heads(void **state)
{
	static const uint8_t plain[] = { 0, 0, 0, 3, TYPE_SMALL, 'a', 'b', 0, 0,
		0, 1, TYPE_EMPTY, 0, 0 };
	static const uint8_t rest[] = { 0, 2, TYPE_SMALL, 'c' };
	struct session_event event;
	struct noise_cipher send;
	struct link l;

	(void)state;
	link_ready(&l, 170);
	sender_forge(&send, &l);
	frame_forge(&l, &send, BYTES_OF(plain));
	deliver_expect(&l, 1, SESSION_MESSAGE, &event);
	assert_true(bytes_equal(event.body, BYTES_STR("ab")));
	deliver_expect(&l, 1, SESSION_MESSAGE, &event);
	assert_int_equal(event.message, TYPE_EMPTY);
	assert_int_equal(event.body.len, 0);
	deliver_expect(&l, 1, SESSION_NOTHING, &event);
	frame_forge(&l, &send, BYTES_OF(rest));
	deliver_expect(&l, 1, SESSION_MESSAGE, &event);
	assert_true(bytes_equal(event.body, BYTES_STR("c")));
	link_close(&l);
}

static void
an_empty_frame_is_refused(void **state)
{
	struct session_event event;
	struct noise_cipher send;
	struct link l;

	(void)state;
	link_ready(&l, 180);
	sender_forge(&send, &l);
	frame_forge(&l, &send, BYTES(NULL, 0));
	assert_int_equal(deliver(&l, 1, &event).code, LK_E_MALFORMED);
	link_close(&l);
}

static void
sending_waits_for_the_handshake_and_for_room(void **state)
{
	static uint8_t body[MESSAGE_MAX + 1];
	struct session_event event;
	struct buf small;
	struct link l;

	(void)state;
	link_open(&l, SESSION_XK, 190);
	assert_int_equal(
	    session_send(l.side[0], &l.wire[0], TYPE_ANY, BYTES(body, 10)).code,
	    LK_E_AGAIN);
	assert_int_equal(
	    session_send(l.side[1], &l.wire[1], TYPE_ANY, BYTES(body, 10)).code,
	    LK_E_AGAIN);
	link_establish(&l, SESSION_XK);
	assert_int_equal(
	    session_send(l.side[0], &l.wire[0], TYPE_ANY, BYTES_OF(body)).code,
	    LK_E_LIMIT);
	buf_init(&small, SESSION_WIRE_MAX(100) - 1);
	assert_int_equal(
	    session_send(l.side[0], &small, TYPE_ANY, BYTES(body, 100)).code,
	    LK_E_LIMIT);
	assert_int_equal(small.len, 0);
	assert_int_equal(
	    session_send(l.side[0], &small, TYPE_ANY, BYTES(body, 99)).code,
	    LK_OK);
	buf_mem(&l.wire[0], small.ptr, small.len);
	buf_clear(&small);
	deliver_expect(&l, 1, SESSION_MESSAGE, &event);
	assert_int_equal(event.body.len, 99);
	assert_int_equal(session_send(l.side[0], &l.wire[0], TYPE_ANY,
			     BYTES(body, MESSAGE_MAX))
			     .code,
	    LK_OK);
	assert_true(l.wire[0].len <= SESSION_WIRE_MAX(MESSAGE_MAX));
	deliver_expect(&l, 1, SESSION_MESSAGE, &event);
	assert_int_equal(event.body.len, MESSAGE_MAX);
	link_close(&l);
}

/* A frame key changes after 65,536 frames; both sides agree when. */
static void
a_session_outlives_its_first_keys(void **state)
{
	struct session_event event;
	struct link l;

	(void)state;
	link_ready(&l, 220);
	for (uint32_t i = 0; i < 66000; i++) {
		assert_int_equal(session_send(l.side[1], &l.wire[1], TYPE_SMALL,
				     BYTES((uint8_t *)&i, sizeof(i)))
				     .code,
		    LK_OK);
		deliver_expect(&l, 0, SESSION_MESSAGE, &event);
		assert_memory_equal(event.body.ptr, &i, sizeof(i));
	}
	link_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    ten_thousand_messages_arrive_whatever_the_fragments),
		cmocka_unit_test(what_is_said_together_goes_in_one_frame),
		cmocka_unit_test(
		    what_waits_when_a_session_is_ended_is_not_sent),
		cmocka_unit_test(a_truncated_stream_gives_no_message),
		cmocka_unit_test(garbage_in_an_open_session_ends_it),
		cmocka_unit_test(every_flipped_bit_of_a_frame_ends_the_session),
		cmocka_unit_test(
		    frames_repeated_exchanged_or_thrown_back_end_the_session),
		cmocka_unit_test(
		    lengths_over_their_bound_are_refused_when_the_head_is_there),
		cmocka_unit_test(
		    messages_may_share_frames_and_frames_may_cut_heads),
		cmocka_unit_test(an_empty_frame_is_refused),
		cmocka_unit_test(sending_waits_for_the_handshake_and_for_room),
		cmocka_unit_test(a_session_outlives_its_first_keys),
	};

	if (crypto_start().code != LK_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
