/* Somebody between two devices that pair by code. */
#include "sync/pair_run.h"
#include "tests/unit/sync/wired.h"

#define MIDDLE "10.0.0.99:1000"
#define CONN 77 /* of the laptop's link to the middle */
#define WIRE_MAX ((size_t)1024 * 1024)

/* [0] speaks to the phone, as if it were the laptop, and [1] to the laptop, as
 * if it were the phone.  Whatever the one says the middle says on. */
struct middle {
	struct host *end[2];
	uint64_t conn[2];
	struct session *session[2];
	struct buf out[2];
	struct dh_key key;
	uint32_t body_max[256];
	uint8_t window;
	struct buf held; /* the phone's HELLO, while the laptop has none */
	size_t said[256];
};

static const uint8_t secret[DH_LEN] = { 11 }, ephemeral[DH_LEN] = { 22 };

static void
middle_session(struct middle *m, int side)
{
	struct session_config config = {
		.role = side == 0 ? SESSION_RESPONDER : SESSION_INITIATOR,
		.noise = &m->key,
		.ephemeral = ephemeral,
		.body_max = m->body_max,
		.pattern = SESSION_XX,
		.window = m->window,
	};

	ok(session_new(&m->session[side], &config, &m->out[side]));
}

static void
middle_make(struct middle *m, struct host *phone, struct host *laptop)
{
	memset(m, 0, sizeof(*m));
	m->end[0] = phone;
	m->end[1] = laptop;
	m->conn[1] = CONN;
	dh_key_from_secret(&m->key, secret);
	message_body_max(m->body_max);
	buf_init(&m->out[0], WIRE_MAX);
	buf_init(&m->out[1], WIRE_MAX);
	buf_init(&m->held, WIRE_MAX);
	middle_session(m, 0);
}

static void
middle_clear(struct middle *m)
{
	for (int i = 0; i < 2; i++) {
		session_free(m->session[i]);
		buf_clear(&m->out[i]);
	}
	buf_clear(&m->held);
	dh_key_clear(&m->key);
}

static void
middle_event(struct middle *m, int side, const struct session_event *ev)
{
	if (ev->type == SESSION_WINDOW) {
		m->window = ev->window;
		session_window(m->session[0], &m->key);
		middle_session(m, 1);
		device_begin(&m->end[1]->d);
		ok(engine_accepted(
		    m->end[1]->e, CONN, "10.0.0.88:5000", m->end[1]->d.now));
		host_commit(m->end[1]);
	}
	if (ev->type == SESSION_MESSAGE) {
		lk_err err = session_send(m->session[1 - side],
		    &m->out[1 - side], ev->message, ev->body);

		m->said[ev->message]++;
		if (err.code == LK_E_AGAIN)
			buf_add(&m->held, ev->body);
		else
			ok(err);
	}
	if (ev->type == SESSION_ESTABLISHED && side == 1)
		ok(session_send(
		    m->session[1], &m->out[1], MSG_HELLO, buf_bytes(&m->held)));
}

/* Bytes from one of the two. */
static void
middle_hears(struct middle *m, int side, struct bytes in)
{
	for (;;) {
		struct session_event ev;

		if (session_step(m->session[side], &in, &m->out[side], &ev)
			.code != LK_OK)
			return;
		if (ev.type == SESSION_NOTHING)
			return;
		middle_event(m, side, &ev);
	}
}

static bool
middle_speaks(struct middle *m, int side)
{
	struct host *h = m->end[side];
	BUF_SCOPED bytes = { .max = WIRE_MAX };

	if (m->out[side].len == 0)
		return false;
	buf_add(&bytes, buf_bytes(&m->out[side]));
	buf_reset(&m->out[side]);
	device_begin(&h->d);
	ok(engine_bytes(h->e, m->conn[side], buf_bytes(&bytes), h->d.now));
	host_commit(h);
	return true;
}

static bool
host_speaks(struct middle *m, int side)
{
	struct host *h = m->end[side];
	struct engine_output out;

	if (!engine_take(h->e, &out))
		return false;
	if (out.what == ENGINE_DIAL) {
		assert_string_equal(out.address, MIDDLE);
		m->conn[side] = out.conn;
		device_begin(&h->d);
		ok(engine_dialed(h->e, out.conn, h->d.now));
		host_commit(h);
	} else if (out.what == ENGINE_SEND) {
		middle_hears(m, side, buf_bytes(&out.bytes));
		buf_clear(&out.bytes);
	} else {
		device_begin(&h->d);
		ok(engine_closed(h->e, out.conn, h->d.now));
		host_commit(h);
	}
	return true;
}

static void
middle_run(struct middle *m)
{
	bool moved = true;

	for (int i = 0; moved; i++) {
		assert_true(i < 1000);
		moved = false;
		for (int side = 0; side < 2; side++) {
			moved |= host_speaks(m, side);
			moved |= m->conn[side] != 0 && middle_speaks(m, side);
		}
	}
}

static void
whoever_swaps_the_keys_in_between_agrees_with_nobody(void **state)
{
	static const enum code_purpose purposes[] = { CODE_DEVICE,
		CODE_CONTACT };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char text[CODE_TEXT_LEN];
		struct code_typed typed = { .address = MIDDLE,
			.purpose = purposes[i] };
		struct host laptop, phone;
		struct redeem_status here;
		struct code_status there;
		struct home_contact contact;
		uint64_t shown, handle;
		struct middle m;
		struct mono until;
		struct wires w = { .len = 0 };

		host_make(&w, &laptop, 1, "laptop");
		host_make(&w, &phone, 2, "phone");
		middle_make(&m, &phone, &laptop);
		device_begin(&laptop.d);
		ok(engine_code_show(
		    laptop.e, purposes[i], laptop.d.now, text, &until, &shown));
		host_commit(&laptop);
		device_begin(&phone.d);
		typed.text = BYTES_STR(text);
		ok(engine_code_type(phone.e, &typed, phone.d.now, &handle));
		host_commit(&phone);
		host_tick(&phone);
		middle_run(&m);
		device_begin(&phone.d);
		ok(engine_redeemed(phone.e, handle, &here));
		assert_int_equal(
		    home_contact(phone.d.r, 0, &contact).code, LK_E_NOTFOUND);
		host_commit(&phone);
		device_begin(&laptop.d);
		ok(engine_code_shown(laptop.e, shown, &there));
		assert_int_equal(
		    home_contact(laptop.d.r, 0, &contact).code, LK_E_NOTFOUND);
		host_commit(&laptop);
		assert_int_equal(here.state, REDEEM_REFUSED);
		assert_string_equal(
		    here.why, "not the code that is shown there");
		assert_int_equal(there.state, CODE_DEAD);
		assert_string_equal(there.why, "a wrong code was typed");
		/* Both sides spoke, through him, up to the one confirmation. */
		assert_int_equal(m.said[MSG_CODE_SHARE_BACK], 1);
		assert_int_equal(m.said[MSG_CODE_CONFIRM], 1);
		assert_int_equal(m.said[MSG_CODE_CONFIRM_BACK], 0);
		assert_int_equal(m.said[MSG_CODE_KEYS], 0);
		assert_int_equal(m.said[MSG_CODE_KEYS_BACK], 0);
		assert_memory_not_equal(phone.d.identity.root_pk,
		    laptop.d.identity.root_pk, SIGN_PK_LEN);
		middle_clear(&m);
		host_remove(&laptop);
		host_remove(&phone);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    whoever_swaps_the_keys_in_between_agrees_with_nobody),
	};

	if (crypto_start().code != LK_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
