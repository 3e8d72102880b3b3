#include "tests/unit/crypto/vectors.h"
#include "tests/unit/sync/session_link.h"

static void
every_pattern_establishes_a_session(void **state)
{
	static const enum session_pattern patterns[] = { SESSION_XK,
		SESSION_XKPSK3, SESSION_XX, SESSION_NK };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct session_event event;
		struct link l;

		link_open(&l, patterns[i], 1 + i);
		link_establish(&l, patterns[i]);
		assert_int_equal(session_send(l.side[1], &l.wire[1], TYPE_SMALL,
				     BYTES_STR("welcome"))
				     .code,
		    LK_OK);
		deliver_expect(&l, 0, SESSION_MESSAGE, &event);
		assert_int_equal(event.message, TYPE_SMALL);
		assert_true(bytes_equal(event.body, BYTES_STR("welcome")));
		deliver_expect(&l, 0, SESSION_NOTHING, &event);
		link_close(&l);
	}
}

static void
the_wire_begins_with_the_preface_of_the_protocol(void **state)
{
	static const uint8_t known[XK_PREFACE] = { 'L', 'K', 1, 1, 0 };
	static const uint8_t invited[XK_PREFACE] = { 'L', 'K', 1, 2, 8 };
	static const uint8_t coded[] = { 'L', 'K', 1, 3, 1, WINDOW };
	struct link l;

	(void)state;
	link_open(&l, SESSION_XK, 3);
	assert_int_equal(l.wire[0].len, XK_PREFACE + MESSAGE_1);
	assert_memory_equal(l.wire[0].ptr, known, XK_PREFACE);
	assert_int_equal(l.wire[0].ptr[XK_PREFACE + 1], MESSAGE_1 - 2);
	assert_int_equal(l.wire[1].len, 0);
	link_close(&l);
	link_open(&l, SESSION_XKPSK3, 4);
	assert_int_equal(l.wire[0].len, TICKET_PREFACE + MESSAGE_1);
	assert_memory_equal(l.wire[0].ptr, invited, XK_PREFACE);
	assert_memory_equal(
	    l.wire[0].ptr + XK_PREFACE, ticket, SESSION_TICKET_LEN);
	link_close(&l);
	link_open(&l, SESSION_XX, 4);
	assert_memory_equal(l.wire[0].ptr, coded, sizeof(coded));
	link_close(&l);
}

/* `n` bytes off the front of a wire, and back. */
static void
part_check(struct buf *wire, struct bytes expected)
{
	assert_true(wire->len >= expected.len);
	assert_memory_equal(wire->ptr, expected.ptr, expected.len);
	wire_drop(wire, expected.len);
}

/* What is on the wire: the preface, then each message behind its length. */
static void
vector_wire_check(struct json_object *v, struct buf *to, struct buf *back)
{
	struct json_object *list = vector_field(v, "messages");
	VECTOR prologue = vector_get(v, "prologue");

	part_check(to, VECTOR_VIEW(prologue));
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		VECTOR message = vector_get(
		    json_object_array_get_idx(list, i), "ciphertext");
		uint8_t len[2] = { (uint8_t)(message.len >> 8),
			(uint8_t)message.len };

		part_check(i % 2 == 0 ? to : back, BYTES_OF(len));
		part_check(i % 2 == 0 ? to : back, VECTOR_VIEW(message));
	}
	assert_int_equal(to->len + back->len, 0);
}

/* A session with the keys of a vector, keeping all that passes. */
static void
vector_check(struct json_object *v)
{
	VECTOR prologue = vector_get(v, "prologue");
	VECTOR shared = vector_get(v, "psk");
	VECTOR hash = vector_get(v, "h");
	struct json_object *messages = vector_field(v, "messages");
	VECTOR payload = vector_get(json_object_array_get_idx(messages,
					json_object_array_length(messages) - 1),
	    "payload");
	enum session_pattern pattern = prologue.ptr[3];
	struct session_event event = { .type = SESSION_NOTHING };
	struct session_config config;
	struct buf all[2];
	struct link l;

	link_open(&l, pattern, 5);
	for (int i = 0; i < 2; i++) {
		VECTOR secret =
		    vector_get(v, i == 0 ? "init_static" : "resp_static");
		VECTOR once =
		    vector_get(v, i == 0 ? "init_ephemeral" : "resp_ephemeral");

		/* Who dials a relay has none. */
		if (secret.len > 0)
			dh_key_from_secret(&l.keys[i], secret.ptr);
		memcpy(l.ephemerals[i], once.ptr, DH_LEN);
		session_free(l.side[i]);
		buf_init(&all[i], WIRE_MAX);
	}
	buf_reset(&l.wire[0]);
	for (int i = 0; i < 2; i++) {
		config_make(&config, &l, i, pattern);
		config.payload = VECTOR_VIEW(payload);
		config.psk = shared.ptr;
		config.ticket = prologue.ptr + XK_PREFACE;
		assert_int_equal(
		    session_new(&l.side[i], &config, &l.wire[i]).code, LK_OK);
	}
	for (int side = 1, done = 0; done < 2; side = 1 - side) {
		buf_add(&all[1 - side], buf_bytes(&l.wire[1 - side]));
		assert_int_equal(deliver(&l, side, &event).code, LK_OK);
		done += event.type == SESSION_ESTABLISHED;
		if (event.type != SESSION_TICKET)
			continue;
		session_psk(l.side[1], shared.ptr);
		deliver_expect(&l, 1, SESSION_NOTHING, &event);
	}
	assert_true(bytes_equal(event.payload, VECTOR_VIEW(payload)));
	assert_memory_equal(session_hash(l.side[0]), hash.ptr, hash.len);
	assert_memory_equal(session_hash(l.side[1]), hash.ptr, hash.len);
	vector_wire_check(v, &all[0], &all[1]);
	buf_clear(&all[0]);
	buf_clear(&all[1]);
	link_close(&l);
}

static void
the_handshakes_of_the_protocol_hold(void **state)
{
	struct json_object *file =
	    json_object_from_file(LK_TEST_DATA "/protocol/noise.json");
	struct json_object *list = vector_field(file, "handshakes");
	size_t ran = 0;

	(void)state;
	assert_non_null(list);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *v = json_object_array_get_idx(list, i);
		VECTOR prologue = vector_get(v, "prologue");

		if (prologue.ptr[3] == SESSION_XX)
			continue;
		vector_check(v);
		ran++;
	}
	assert_int_equal(ran, 4);
	json_object_put(file);
}

/* Who pairs by code has keys for this once: no certificate names them. */
static void
the_handshakes_of_pairing_by_code_hold(void **state)
{
	static const char *const statics[] = { "typer_static",
		"displayer_static" };
	static const char *const once[] = { "typer_ephemeral",
		"displayer_ephemeral" };
	struct json_object *file =
	    json_object_from_file(LK_TEST_DATA "/protocol/code.json");
	struct json_object *runs = vector_field(file, "runs");

	(void)state;
	assert_int_equal(json_object_array_length(runs), 2);
	for (size_t n = 0; n < json_object_array_length(runs); n++) {
		struct json_object *v = json_object_array_get_idx(runs, n);
		VECTOR preface = vector_get(v, "preface");
		VECTOR h = vector_get(v, "h");
		struct session_config config;
		struct session_event event;
		struct link l;

		link_open(&l, SESSION_XX, 5);
		for (int i = 0; i < 2; i++) {
			VECTOR secret = vector_get(v, statics[i]);
			VECTOR fresh = vector_get(v, once[i]);

			dh_key_from_secret(&l.keys[i], secret.ptr);
			memcpy(l.ephemerals[i], fresh.ptr, DH_LEN);
			session_free(l.side[i]);
			buf_reset(&l.wire[i]);
			config_make(&config, &l, i, SESSION_XX);
			config.window = preface.ptr[XK_PREFACE];
			assert_int_equal(
			    session_new(&l.side[i], &config, &l.wire[i]).code,
			    LK_OK);
		}
		assert_memory_equal(l.wire[0].ptr, preface.ptr, preface.len);
		deliver_expect(&l, 1, SESSION_WINDOW, &event);
		session_window(l.side[1], &l.keys[1]);
		deliver_expect(&l, 1, SESSION_NOTHING, &event);
		deliver_expect(&l, 0, SESSION_ESTABLISHED, &event);
		deliver_expect(&l, 1, SESSION_ESTABLISHED, &event);
		assert_int_equal(event.window, preface.ptr[XK_PREFACE]);
		assert_memory_equal(event.hash, h.ptr, h.len);
		assert_memory_equal(session_hash(l.side[0]), h.ptr, h.len);
		link_close(&l);
	}
	json_object_put(file);
}

static void
every_wrong_preface_is_refused_at_its_first_wrong_byte(void **state)
{
	static const struct {
		uint8_t bytes[XK_PREFACE];
		size_t good;
		enum lk_code code;
	} cases[] = {
		{ { 'G' }, 0, LK_E_MALFORMED },
		{ { 'L', 'L' }, 1, LK_E_MALFORMED },
		{ { 'L', 'K', 2 }, 2, LK_E_VERSION },
		{ { 'L', 'K', 0 }, 2, LK_E_VERSION },
		{ { 'L', 'K', 1, 0 }, 3, LK_E_VERSION },
		{ { 'L', 'K', 1, 4 }, 3, LK_E_VERSION },
		{ { 'L', 'K', 1, 1, 8 }, 4, LK_E_MALFORMED },
		{ { 'L', 'K', 1, 1, 1 }, 4, LK_E_MALFORMED },
		{ { 'L', 'K', 1, 2, 0 }, 4, LK_E_MALFORMED },
		{ { 'L', 'K', 1, 2, 9 }, 4, LK_E_MALFORMED },
		{ { 'L', 'K', 1, 3, 0 }, 4, LK_E_MALFORMED },
		{ { 'L', 'K', 1, 3, 2 }, 4, LK_E_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct session_event event;
		struct link l;
		struct bytes in = { cases[i].bytes, cases[i].good };

		link_open(&l, SESSION_XK, 30);
		assert_int_equal(
		    session_step(l.side[1], &in, &l.wire[1], &event).code,
		    LK_OK);
		assert_int_equal(event.type, SESSION_NOTHING);
		in = BYTES(cases[i].bytes + cases[i].good, 1);
		assert_int_equal(
		    session_step(l.side[1], &in, &l.wire[1], &event).code,
		    cases[i].code);
		assert_dead(&l, 1, cases[i].code);
		assert_int_equal(l.wire[1].len, 0);
		link_close(&l);
	}
}

/* Nobody learns from a device that it speaks NK, nor from a relay that it
 * speaks anything else. */
static void
a_relay_takes_only_who_knows_its_key_and_shows_none(void **state)
{
	static const uint8_t others[][XK_PREFACE] = { { 'L', 'K', 1, 1, 0 },
		{ 'L', 'K', 1, 2, 8 }, { 'L', 'K', 1, 3, 1 } };
	struct session_event event;
	struct link l;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct bytes in = BYTES_OF(others[i]);

		link_open(&l, SESSION_NK, 31);
		assert_int_equal(
		    session_step(l.side[1], &in, &l.wire[1], &event).code,
		    LK_E_VERSION);
		assert_int_equal(l.wire[1].len, 0);
		link_close(&l);
	}
	link_open(&l, SESSION_NK, 32);
	l.wire[0].ptr[l.wire[0].len - 1] ^= 1;
	assert_int_equal(deliver(&l, 1, &event).code, LK_E_MALFORMED);
	assert_int_equal(l.wire[1].len, 0);
	link_close(&l);
	/* Somebody else answers: the device does not go on. */
	link_open(&l, SESSION_NK, 33);
	deliver_expect(&l, 1, SESSION_ESTABLISHED, &event);
	l.wire[1].ptr[l.wire[1].len - 1] ^= 1;
	assert_int_equal(deliver(&l, 0, &event).code, LK_E_MALFORMED);
	link_close(&l);
}

/* One flipped bit anywhere between the two, and there is no message. */
static void
every_flipped_bit_of_the_handshake_ends_it(void **state)
{
	(void)state;
	for (size_t stage = 0; stage < 3; stage++) {
		size_t len = 1;

		for (size_t bit = 0; bit < len * 8; bit++) {
			struct session_event event = { .type =
							   SESSION_NOTHING };
			int to = stage == 1 ? 0 : 1;
			struct buf *wire;
			struct link l;
			lk_err err;

			link_open(&l, SESSION_XK, 40);
			if (stage > 0)
				deliver_expect(&l, 1, SESSION_NOTHING, &event);
			if (stage > 1)
				deliver_expect(
				    &l, 0, SESSION_ESTABLISHED, &event);
			wire = &l.wire[1 - to];
			len = wire->len;
			wire->ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
			event.type = SESSION_NOTHING;
			err = deliver(&l, to, &event);
			/* A flip that makes a length greater, or that makes it
			 * another preface, leaves it waiting. */
			assert_true(event.type == SESSION_NOTHING ||
			    event.type == SESSION_TICKET);
			if (err.code == LK_OK)
				assert_true(stage != 1);
			link_close(&l);
		}
	}
}

static void
a_wrong_psk_shows_in_the_last_message(void **state)
{
	uint8_t wrong[SESSION_PSK_LEN] = { 1 };
	struct session_event event;
	struct link l;

	(void)state;
	link_open(&l, SESSION_XKPSK3, 50);
	deliver_expect(&l, 1, SESSION_TICKET, &event);
	session_psk(l.side[1], wrong);
	deliver_expect(&l, 1, SESSION_NOTHING, &event);
	deliver_expect(&l, 0, SESSION_ESTABLISHED, &event);
	assert_int_equal(deliver(&l, 1, &event).code, LK_E_MALFORMED);
	assert_dead(&l, 1, LK_E_MALFORMED);
	link_close(&l);
}

/* 64 KiB in all, and no byte of it is waited for once the length says so. */
static void
a_handshake_ends_at_its_bound(void **state)
{
	static uint8_t payload[HANDSHAKE_BYTES_MAX];
	const size_t room =
	    HANDSHAKE_BYTES_MAX - TICKET_PREFACE - MESSAGE_1 - 2 - 64;
	struct session_config config;
	struct session_event event;
	struct session *none = NULL;
	struct link l;

	(void)state;
	link_open(&l, SESSION_XKPSK3, 60);
	config_make(&config, &l, 0, SESSION_XKPSK3);
	config.payload = BYTES(payload, room + 1);
	assert_int_equal(
	    session_new(&none, &config, &l.wire[1]).code, LK_E_LIMIT);
	assert_null(none);
	session_free(l.side[0]);
	config.payload = BYTES(payload, room);
	buf_reset(&l.wire[0]);
	assert_int_equal(
	    session_new(&l.side[0], &config, &l.wire[0]).code, LK_OK);
	deliver_expect(&l, 1, SESSION_TICKET, &event);
	session_psk(l.side[1], psk);
	deliver_expect(&l, 1, SESSION_NOTHING, &event);
	deliver_expect(&l, 0, SESSION_ESTABLISHED, &event);
	deliver_expect(&l, 1, SESSION_ESTABLISHED, &event);
	assert_int_equal(event.payload.len, room);
	link_close(&l);

	link_open(&l, SESSION_XKPSK3, 61);
	deliver_expect(&l, 1, SESSION_TICKET, &event);
	session_psk(l.side[1], psk);
	deliver_expect(&l, 1, SESSION_NOTHING, &event);
	buf_reset(&l.wire[0]);
	buf_u16(&l.wire[0], (uint16_t)(room + 64 + 1));
	assert_int_equal(deliver(&l, 1, &event).code, LK_E_LIMIT);
	link_close(&l);
}

static void
only_the_last_handshake_message_may_carry_something(void **state)
{
	static const uint16_t lens[] = { 0, 1, 47, 49, 65535 };

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
		for (int side = 0; side < 2; side++) {
			struct session_event event;
			struct link l;

			link_open(&l, SESSION_XK, 70);
			l.wire[0].len = XK_PREFACE;
			buf_u16(&l.wire[1 - side], lens[i]);
			assert_int_equal(
			    deliver(&l, side, &event).code, LK_E_MALFORMED);
			assert_dead(&l, side, LK_E_MALFORMED);
			link_close(&l);
		}
}

static void
no_handshake_message_of_a_code_may_carry_anything(void **state)
{
	struct session_event event;
	struct link l;

	(void)state;
	link_open(&l, SESSION_XX, 80);
	deliver_expect(&l, 1, SESSION_WINDOW, &event);
	session_window(l.side[1], &l.keys[1]);
	deliver_expect(&l, 1, SESSION_NOTHING, &event);
	buf_reset(&l.wire[0]);
	buf_u16(&l.wire[0], DH_LEN + 16 + 16 + 1);
	assert_int_equal(deliver(&l, 1, &event).code, LK_E_MALFORMED);
	assert_dead(&l, 1, LK_E_MALFORMED);
	link_close(&l);
}

static void
connecting_to_oneself_is_refused(void **state)
{
	struct session_config config;
	struct session *none = NULL;
	struct session_event event;
	struct bytes in;
	struct link l;

	(void)state;
	link_open(&l, SESSION_XK, 200);
	config_make(&config, &l, 0, SESSION_XK);
	config.remote = l.keys[0].pk;
	buf_reset(&l.wire[1]);
	assert_int_equal(
	    session_new(&none, &config, &l.wire[1]).code, LK_E_DENIED);
	assert_int_equal(l.wire[1].len, 0);
	/* Our own bytes, thrown back: the answer has no preface. */
	in = BYTES(l.wire[0].ptr + XK_PREFACE, l.wire[0].len - XK_PREFACE);
	assert_int_equal(
	    session_step(l.side[0], &in, &l.wire[1], &event).code, LK_E_DENIED);
	link_close(&l);
}

static void
a_low_order_key_of_the_responder_is_refused(void **state)
{
	static const uint8_t zeros[DH_LEN] = { 0 };
	struct session_config config;
	struct session *none = NULL;
	struct link l;

	(void)state;
	link_open(&l, SESSION_XK, 210);
	config_make(&config, &l, 0, SESSION_XK);
	config.remote = zeros;
	assert_int_equal(
	    session_new(&none, &config, &l.wire[1]).code, LK_E_MALFORMED);
	assert_null(none);
	link_close(&l);
	session_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pattern_establishes_a_session),
		cmocka_unit_test(
		    the_wire_begins_with_the_preface_of_the_protocol),
		cmocka_unit_test(the_handshakes_of_the_protocol_hold),
		cmocka_unit_test(the_handshakes_of_pairing_by_code_hold),
		cmocka_unit_test(
		    every_wrong_preface_is_refused_at_its_first_wrong_byte),
		cmocka_unit_test(
		    a_relay_takes_only_who_knows_its_key_and_shows_none),
		cmocka_unit_test(every_flipped_bit_of_the_handshake_ends_it),
		cmocka_unit_test(a_wrong_psk_shows_in_the_last_message),
		cmocka_unit_test(a_handshake_ends_at_its_bound),
		cmocka_unit_test(
		    only_the_last_handshake_message_may_carry_something),
		cmocka_unit_test(
		    no_handshake_message_of_a_code_may_carry_anything),
		cmocka_unit_test(connecting_to_oneself_is_refused),
		cmocka_unit_test(a_low_order_key_of_the_responder_is_refused),
	};

	if (crypto_start().code != LK_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
