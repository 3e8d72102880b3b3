/* Devices that find each other by beacons, on a network that only they are on.
 */
#include "sync/by_code.h"
#include "sync/discovery.h"
#include "sync/pairing.h"
#include "tests/unit/sync/pair.h"

#define HEARD_MAX 4000
#define MINUTE 60000

/* All that was ever said on the network, and what of it is passed on. */
struct said {
	const struct host *by;
	int64_t ms;
	size_t len;
	uint8_t bytes[BEACON_MAX];
};
static struct {
	struct said at[HEARD_MAX];
	size_t len;
	bool blocked;
} air;

static void
ip_of(const struct host *h, uint8_t ip[static BEACON_ADDRESS_LEN], char *host)
{
	struct address a;

	(void)snprintf(
	    host, 32, "%.*s", (int)strcspn(h->address, ":"), h->address);
	ok(endpoint_parse(&a, h->address));
	memset(ip, 0, BEACON_ADDRESS_LEN);
	ip[10] = ip[11] = 0xff;
	memcpy(ip + 12, a.ip, 4);
}

/* One datagram, as if from there. */
static void
deliver(struct host *to, const struct host *from, struct bytes bytes)
{
	struct beacon_source source;
	char host[32];

	ip_of(from, source.ip, host);
	source.host = host;
	engine_heard(to->e, bytes, &source, to->d.now);
}

static void
announce(struct wires *w, struct host *h, unsigned beacons)
{
	for (unsigned type = BEACON_DEVICE; type <= BEACON_WINDOW; type++) {
		struct said *s = &air.at[air.len];
		uint8_t ip[BEACON_ADDRESS_LEN];
		char host[32];

		if (!(beacons & 1u << type))
			continue;
		assert_true(air.len < HEARD_MAX);
		ip_of(h, ip, host);
		s->by = h;
		s->ms = w->ms;
		s->len =
		    engine_beacon(h->e, (enum beacon_type)type, ip, s->bytes);
		if (s->len == 0 || h->cut)
			continue;
		air.len++;
		for (size_t i = 0; i < w->hosts_len && !air.blocked; i++)
			if (!w->hosts[i]->cut)
				deliver(
				    w->hosts[i], h, BYTES(s->bytes, s->len));
	}
}

static void
configure(struct host *h, bool discovery)
{
	const char *address = h->address;
	struct engine_config config = { .listen_port = 1000,
		.discovery = discovery,
		.addresses = &address,
		.addresses_len = 1 };

	device_begin(&h->d);
	ok(engine_configure(h->e, &config));
	host_commit(h);
}

/* It is somewhere else now. */
static void
move(struct host *h, unsigned number)
{
	(void)snprintf(
	    h->address, sizeof(h->address), "10.0.0.%u:1000", number);
	configure(h, true);
	engine_network_changed(h->e, h->d.now);
}

static bool
connected(struct host *a, const struct host *b)
{
	struct link *l = link_of(a->e, b->d.identity.sign.pk);

	return l != NULL && !link_is_suspect(a->e, l);
}

/* A laptop and a phone of one person, a contact of whom nothing is shared but a
 * document, and a stranger. */
struct scene {
	struct wires w;
	struct host laptop, phone, ann, stranger;
};

static void
scene_make(struct scene *s)
{
	char text[TICKET_TEXT_MAX + 1];
	uint32_t plan;

	memset(s, 0, sizeof(*s));
	memset(&air, 0, sizeof(air));
	s->w.announce = announce;
	host_make(&s->w, &s->laptop, 1, "laptop");
	host_make(&s->w, &s->phone, 2, "phone");
	host_make(&s->w, &s->ann, 3, "ann");
	host_make(&s->w, &s->stranger, 4, "eve");
	for (size_t i = 0; i < s->w.hosts_len; i++)
		configure(s->w.hosts[i], true);
	pair(&s->w, &s->laptop, &s->phone);
	plan = document(&s->laptop.d, "plan");
	host_edit(&s->laptop, plan, "by", "me");
	ticket_make(&s->laptop, plan, ROLE_WRITE, 1, text);
	assert_true(redeemed(&s->ann, redeem(&s->w, &s->ann, text)) != 0);
	/* Cards and the home document go round. */
	wires_run(&s->w, 10000);
	assert_true(connected(&s->laptop, &s->phone));
	assert_true(connected(&s->laptop, &s->ann));
	air.len = 0;
}

static void
scene_clear(struct scene *s)
{
	for (size_t i = 0; i < s->w.hosts_len; i++)
		host_remove(s->w.hosts[i]);
}

/* Nobody hears anybody, until it is over. */
static void
all_move(struct scene *s)
{
	for (size_t i = 0; i < s->w.hosts_len; i++)
		s->w.hosts[i]->cut = true;
	wires_cut(&s->w);
	wires_run(&s->w, MINUTE);
	assert_false(connected(&s->laptop, &s->phone));
	for (size_t i = 0; i < s->w.hosts_len; i++) {
		s->w.hosts[i]->cut = false;
		move(s->w.hosts[i], 101 + (unsigned)i);
	}
}

static void
devices_whose_addresses_all_changed_find_each_other_at_once(void **state)
{
	static struct scene s;

	(void)state;
	scene_make(&s);
	all_move(&s);
	wires_run(&s.w, 2000);
	assert_true(connected(&s.laptop, &s.phone));
	assert_true(connected(&s.laptop, &s.ann));
	/* Whom he has never met in person, but shares a document with. */
	assert_true(connected(&s.phone, &s.ann));
	assert_null(link_of(s.stranger.e, s.laptop.d.identity.sign.pk));
	scene_clear(&s);
}

static void
where_multicast_is_blocked_addresses_are_remembered(void **state)
{
	static struct scene s;

	(void)state;
	scene_make(&s);
	air.blocked = true;
	s.phone.cut = true;
	wires_cut(&s.w);
	wires_run(&s.w, MINUTE);
	assert_false(connected(&s.laptop, &s.phone));
	s.phone.cut = false;
	move(&s.phone, 102);
	wires_run(&s.w, 2000);
	assert_true(connected(&s.laptop, &s.phone));
	scene_clear(&s);
}

/* Connections that do not end by themselves: as with a cable pulled. */
static void
connections_dead_where(struct scene *s, struct host *moves, bool multicast)
{
	struct host *stays = moves == &s->phone ? &s->laptop : &s->phone;
	const uint8_t *pk = moves->d.identity.sign.pk;
	uint64_t conn = link_of(stays->e, pk)->conn;

	air.blocked = !multicast;
	for (size_t i = 0; i < s->w.len; i++)
		s->w.at[i].up = false;
	move(moves, moves == &s->phone ? 102 : 101);
	wires_run(&s->w, 5000);
	assert_true(connected(&s->laptop, &s->phone));
	assert_true(connected(&s->phone, &s->laptop));
	assert_true(link_of(stays->e, pk)->conn != conn);
}

static void
a_connection_nobody_answers_on_gives_way(void **state)
{
	static struct scene s;

	(void)state;
	for (int i = 0; i < 4; i++) {
		scene_make(&s);
		connections_dead_where(
		    &s, i < 2 ? &s.phone : &s.laptop, i % 2 == 0);
		scene_clear(&s);
	}
}

static void
a_second_address_of_who_is_connected_is_remembered_and_no_more(void **state)
{
	static struct scene s;
	struct host second = { .address = "10.0.0.77:1000" };
	struct link *l;
	uint64_t conn;

	(void)state;
	scene_make(&s);
	l = link_of(s.laptop.e, s.phone.d.identity.sign.pk);
	conn = l->conn;
	for (int i = 0; i < 10; i++) {
		uint8_t out[BEACON_MAX], ip[BEACON_ADDRESS_LEN];
		char host[32];

		ip_of(&second, ip, host);
		(void)engine_beacon(s.phone.e, BEACON_DEVICE, ip, out);
		deliver(&s.laptop, &second, BYTES(out, BEACON_DEVICE_LEN));
		/* Asked once. */
		assert_int_equal(l->probed.ms != 0, i == 0);
		wires_run(&s.w, 1000);
		assert_int_equal(l->probed.ms, 0);
	}
	l = link_of(s.laptop.e, s.phone.d.identity.sign.pk);
	assert_int_equal(l->conn, conn);
	scene_clear(&s);
}

/* What is the same in all: magic and type; and the port, by which they were
 * numbered anyway. */
static void
in_an_hour_of_beacons_no_bytes_are_said_twice(void **state)
{
	static struct scene s;
	size_t by_laptop = 0;
	int64_t last = -1;

	(void)state;
	scene_make(&s);
	wires_run(&s.w, 60 * MINUTE);
	for (size_t i = 0; i < air.len; i++) {
		const struct said *a = &air.at[i];

		assert_int_equal(a->len, BEACON_DEVICE_LEN);
		assert_memory_equal(a->bytes, "LKB1\1", 5);
		assert_memory_equal(a->bytes + 13, "\3\350", 2);
		for (size_t j = 0; j < i; j++)
			for (size_t x = 5; x + 4 <= BEACON_DEVICE_LEN; x++)
				for (size_t y = 5; y + 4 <= BEACON_DEVICE_LEN;
				     y++)
					if (x > 15 || x + 4 < 13 || y > 15 ||
					    y + 4 < 13)
						assert_true(
						    memcmp(a->bytes + x,
							air.at[j].bytes + y,
							4) != 0);
		if (a->by != &s.laptop)
			continue;
		if (last >= 0) {
			assert_true(a->ms - last >= 40000);
			assert_true(a->ms - last <= 80500);
		}
		last = a->ms;
		by_laptop++;
	}
	assert_in_range(by_laptop, 45, 90);
	scene_clear(&s);
}

static void
a_beacon_repeated_from_elsewhere_leads_nowhere(void **state)
{
	static struct scene s;
	struct host liar = { .address = "10.0.0.66:1000" };
	struct engine_output out;
	size_t dials = 0;

	(void)state;
	scene_make(&s);
	wires_run(&s.w, 2 * MINUTE);
	s.laptop.cut = true;
	wires_cut(&s.w);
	wires_run(&s.w, 10000);
	for (size_t i = 0; i < air.len; i++) {
		s.phone.d.now.mono.ms += 1000;
		deliver(&s.phone, &liar, BYTES(air.at[i].bytes, air.at[i].len));
		host_tick(&s.phone);
		while (engine_take(s.phone.e, &out)) {
			if (out.what == ENGINE_DIAL) {
				assert_null(strstr(out.address, "10.0.0.66"));
				dials++;
				device_begin(&s.phone.d);
				ok(engine_closed(
				    s.phone.e, out.conn, s.phone.d.now));
				host_commit(&s.phone);
			}
			if (out.what == ENGINE_SEND)
				buf_clear(&out.bytes);
		}
	}
	/* He goes on trying where the laptop was. */
	assert_true(air.len >= 3 && dials > 0);
	scene_clear(&s);
}

static void
the_same_beacon_again_and_again_is_one_dial_in_five_seconds(void **state)
{
	static struct scene s;
	struct engine_output out;
	const struct said *last = NULL;
	size_t dials = 0;

	(void)state;
	scene_make(&s);
	wires_run(&s.w, 2 * MINUTE);
	for (size_t i = 0; i < air.len; i++)
		if (air.at[i].by == &s.laptop)
			last = &air.at[i];
	assert_non_null(last);
	s.laptop.cut = true;
	wires_cut(&s.w);
	wires_run(&s.w, 10 * MINUTE);
	for (int i = 0; i < 1000; i++) {
		s.phone.d.now.mono.ms += 10;
		deliver(&s.phone, &s.laptop, BYTES(last->bytes, last->len));
		host_tick(&s.phone);
		while (engine_take(s.phone.e, &out)) {
			if (out.what == ENGINE_SEND)
				buf_clear(&out.bytes);
			if (out.what != ENGINE_DIAL)
				continue;
			dials += strcmp(out.address, s.laptop.address) == 0;
			device_begin(&s.phone.d);
			ok(engine_closed(s.phone.e, out.conn, s.phone.d.now));
			host_commit(&s.phone);
		}
	}
	/* Ten seconds: two or three for the beacon, few of its own. */
	assert_in_range(dials, 1, 8);
	scene_clear(&s);
}

static void
above_twenty_in_a_second_beacons_are_not_looked_at(void **state)
{
	static struct scene s;
	uint8_t junk[BEACON_DEVICE_LEN] = "LKB1\1";
	const uint8_t number = 42;

	(void)state;
	scene_make(&s);
	wires_run(&s.w, 2 * MINUTE);
	s.phone.d.now.mono.ms += 1000;
	for (int i = 0; i < BEACONS_A_SECOND; i++)
		deliver(&s.phone, &s.stranger, BYTES_OF(junk));
	discovery_window(s.laptop.e, &number);
	{
		uint8_t window[BEACON_MAX], ip[BEACON_ADDRESS_LEN] = { 0 };
		char address[ADDRESS_TEXT_MAX];
		size_t len =
		    engine_beacon(s.laptop.e, BEACON_WINDOW, ip, window);

		deliver(&s.phone, &s.laptop, BYTES(window, len));
		assert_int_equal(engine_window_heard(
				     s.phone.e, 42, 0, s.phone.d.now, address)
				     .code,
		    LK_E_NOTFOUND);
		s.phone.d.now.mono.ms += 1000;
		deliver(&s.phone, &s.laptop, BYTES(window, len));
		ok(engine_window_heard(
		    s.phone.e, 42, 0, s.phone.d.now, address));
	}
	scene_clear(&s);
}

static void
a_removed_device_recognises_nobody_any_more(void **state)
{
	static struct scene s;
	static struct beacon_book before;
	size_t known = 0;

	(void)state;
	scene_make(&s);
	/* It keeps what it has read, and does not hear that it is gone. */
	before = s.phone.e->discovery.book;
	assert_true(before.len >= 2);
	s.phone.cut = true;
	for (size_t i = 0; i < s.w.len; i++)
		if (s.w.at[i].end[0] == &s.phone ||
		    s.w.at[i].end[1] == &s.phone)
			wire_cut(&s.w.at[i]);
	assert_true(connected(&s.laptop, &s.ann));
	device_begin(&s.laptop.d);
	ok(engine_device_revoke(s.laptop.e, s.phone.d.identity.sign.pk,
	    (struct wall){ 0 }, s.laptop.d.now));
	host_commit(&s.laptop);
	wires_run(&s.w, MINUTE);
	assert_true(connected(&s.laptop, &s.ann));
	air.len = 0;
	wires_run(&s.w, 3 * MINUTE);
	for (size_t i = 0; i < air.len; i++) {
		uint8_t ip[BEACON_ADDRESS_LEN];
		struct beacon b;
		char host[32];

		if (air.at[i].by != &s.laptop && air.at[i].by != &s.ann)
			continue;
		ip_of(air.at[i].by, ip, host);
		ok(beacon_decode(&b, BYTES(air.at[i].bytes, air.at[i].len)));
		for (size_t k = 0; k < before.len; k++)
			assert_false(beacon_is_from(&b, before.at[k].key, ip));
	}
	/* The others, who were connected all the time, know the new ones. */
	for (size_t k = 0; k < s.ann.e->discovery.book.len; k++)
		known += memcmp(s.ann.e->discovery.book.at[k].key,
			     s.laptop.e->discovery.book.mine, 32) == 0;
	assert_int_equal(known, 1);
	scene_clear(&s);
}

/* Shows a code; its number. */
static uint8_t
code_shown(struct host *at, uint64_t *handle)
{
	char text[CODE_TEXT_LEN];
	struct mono until;

	ok(engine_code_show(
	    at->e, CODE_CONTACT, at->d.now, text, &until, handle));
	return (uint8_t)((text[0] - '0') * 10 + (text[1] - '0'));
}

static void
a_windows_number_is_heard_while_it_is_open(void **state)
{
	static struct scene s;
	char address[ADDRESS_TEXT_MAX], want[ADDRESS_TEXT_MAX];
	uint64_t first, last;
	uint8_t old, number;
	size_t said = 0;

	(void)state;
	scene_make(&s);
	old = code_shown(&s.stranger, &first);
	number = code_shown(&s.stranger, &last);
	wires_run(&s.w, 3000);
	/* Of two the one that was shown last. */
	ok(engine_window_heard(s.phone.e, number, 0, s.phone.d.now, address));
	(void)snprintf(want, sizeof(want), "10.0.0.4:%u", s.stranger.e->port);
	assert_string_equal(address, want);
	assert_int_equal(
	    engine_window_heard(s.phone.e, number, 1, s.phone.d.now, address)
		.code,
	    LK_E_NOTFOUND);
	engine_code_hide(s.stranger.e, last);
	wires_run(&s.w, 3000);
	ok(engine_window_heard(s.phone.e, old, 0, s.phone.d.now, address));
	engine_code_hide(s.stranger.e, first);
	wires_run(&s.w, 1);
	air.len = 0;
	wires_run(&s.w, MINUTE);
	assert_int_equal(
	    engine_window_heard(s.phone.e, number, 0, s.phone.d.now, address)
		.code,
	    LK_E_NOTFOUND);
	for (size_t i = 0; i < air.len; i++)
		said += air.at[i].bytes[4] == BEACON_WINDOW;
	assert_int_equal(said, 0);
	scene_clear(&s);
}

static void
with_discovery_off_nothing_is_said_or_heard(void **state)
{
	static struct scene s;
	size_t said = 0;

	(void)state;
	scene_make(&s);
	configure(&s.laptop, false);
	air.len = 0;
	wires_run(&s.w, 5 * MINUTE);
	for (size_t i = 0; i < air.len; i++)
		said += air.at[i].by == &s.laptop;
	assert_int_equal(said, 0);
	assert_true(air.len > 0);
	scene_clear(&s);
}

static void
strangers_in_masses_leave_room_for_who_was_met(void **state)
{
	static struct scene s;
	char address[64];

	(void)state;
	scene_make(&s);
	wires_cut(&s.w);
	wires_run(&s.w, 1);
	ok(engine_accepted(s.laptop.e, 1000, "10.0.0.2:4000", s.laptop.d.now));
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(address, sizeof(address), "172.16.%u.%u:4000",
		    i >> 8, i & 255);
		ok(engine_accepted(
		    s.laptop.e, 1001 + i, address, s.laptop.d.now));
	}
	assert_int_equal(link_find(s.laptop.e, 1000)->state, LINK_HANDSHAKE);
	scene_clear(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    devices_whose_addresses_all_changed_find_each_other_at_once),
		cmocka_unit_test(
		    where_multicast_is_blocked_addresses_are_remembered),
		cmocka_unit_test(a_connection_nobody_answers_on_gives_way),
		cmocka_unit_test(
		    a_second_address_of_who_is_connected_is_remembered_and_no_more),
		cmocka_unit_test(in_an_hour_of_beacons_no_bytes_are_said_twice),
		cmocka_unit_test(
		    a_beacon_repeated_from_elsewhere_leads_nowhere),
		cmocka_unit_test(
		    the_same_beacon_again_and_again_is_one_dial_in_five_seconds),
		cmocka_unit_test(
		    above_twenty_in_a_second_beacons_are_not_looked_at),
		cmocka_unit_test(a_removed_device_recognises_nobody_any_more),
		cmocka_unit_test(a_windows_number_is_heard_while_it_is_open),
		cmocka_unit_test(with_discovery_off_nothing_is_said_or_heard),
		cmocka_unit_test(
		    strangers_in_masses_leave_room_for_who_was_met),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
