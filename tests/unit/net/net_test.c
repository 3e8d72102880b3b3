#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/net.h"

#define PATIENCE_MS 30000 /* far more than any event takes */
#define STREAM_BYTES (6u * 1024 * 1024)
#define PIECE_MAX 40000
#define ROUNDS 6
#define NOBODY 65534
#define DIAL(n) (NET_DIALED_FIRST + (n))

static uint64_t
next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return (*x);
}

static struct net_event
next_event(struct net *net)
{
	struct net_event event;
	size_t n = 0;

	assert_int_equal(net_wait(net, PATIENCE_MS, &event, 1, &n).code, LK_OK);
	assert_int_equal(n, 1);
	return (event);
}

static struct net_event
expect_event(struct net *net, enum net_event_type type)
{
	struct net_event event = next_event(net);

	assert_int_equal(event.type, type);
	return (event);
}

static void
expect_quiet(struct net *net)
{
	struct net_event event;
	size_t n = 7;

	assert_int_equal(net_wait(net, 0, &event, 1, &n).code, LK_OK);
	assert_int_equal(n, 0);
}

static lk_err
send_bytes(struct net *net, uint64_t conn, const void *bytes, size_t len)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	buf_mem(&b, bytes, len);
	return (net_send(net, conn, &b));
}

/* One net that talks to itself: `near` was dialed, `far` accepted. */
struct pair {
	struct net *net;
	uint16_t port;
	uint64_t near, far;
};

static void
pair_dial(struct pair *p, const char *host, uint64_t conn)
{
	bool dialed = false, accepted = false;
	char address[64];

	snprintf(address, sizeof(address), "%s:%u", host, p->port);
	assert_int_equal(net_dial(p->net, conn, address).code, LK_OK);
	p->near = conn;
	while (!dialed || !accepted) {
		struct net_event event = next_event(p->net);

		if (event.type == NET_ACCEPTED) {
			p->far = event.conn;
			accepted = true;
			assert_true(event.conn < NET_DIALED_FIRST);
			assert_non_null(strchr(event.address, ':'));
		} else {
			assert_int_equal(event.type, NET_DIALED);
			assert_int_equal(event.conn, conn);
			dialed = true;
		}
	}
}

static void
pair_open(struct pair *p)
{
	assert_int_equal(net_open(&p->net, -1).code, LK_OK);
	assert_int_equal(
	    net_listen_tcp(p->net, "127.0.0.1", 0, &p->port).code, LK_OK);
	pair_dial(p, "127.0.0.1", DIAL(1));
}

/* One direction of a stream whose content follows from its seed. */
struct flow {
	uint64_t send_seed, receive_seed, size_seed;
	size_t sent, received;
};

static void
flow_init(struct flow *f, uint64_t seed)
{
	*f = (struct flow){
		.send_seed = seed, .receive_seed = seed, .size_seed = seed * 31
	};
}

/* Sends pieces of random sizes while there is room. */
static void
flow_send(struct flow *f, struct net *net, uint64_t conn)
{
	while (f->sent < STREAM_BYTES &&
	    net_pending(net, conn) < PEER_PENDING_MAX) {
		size_t len = 1 + next_random(&f->size_seed) % PIECE_MAX;
		struct buf b;

		if (next_random(&f->size_seed) % 4 != 0)
			len = 1 + len % 64;
		if (len > STREAM_BYTES - f->sent)
			len = STREAM_BYTES - f->sent;
		buf_init(&b, SIZE_MAX);
		for (size_t i = 0; i < len; i++)
			buf_u8(&b, (uint8_t)next_random(&f->send_seed));
		f->sent += len;
		assert_int_equal(net_send(net, conn, &b).code, LK_OK);
		assert_null(b.ptr);
	}
}

static void
flow_receive(struct flow *f, struct bytes got)
{
	assert_true(got.len <= NET_RECEIVED_MAX);
	for (size_t i = 0; i < got.len; i++)
		if (got.ptr[i] != (uint8_t)next_random(&f->receive_seed))
			fail_msg("byte %zu differs", f->received + i);
	f->received += got.len;
}

static void
streams_arrive_whole_in_both_directions(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		struct pair p;
		struct flow up, down;

		pair_open(&p);
		flow_init(&up, seed);
		flow_init(&down, seed + 1000);
		while (up.received < STREAM_BYTES ||
		    down.received < STREAM_BYTES) {
			struct net_event events[8];
			size_t n;

			flow_send(&up, p.net, p.near);
			flow_send(&down, p.net, p.far);
			assert_int_equal(net_wait(p.net, PATIENCE_MS, events,
					     1 + seed % 8, &n)
					     .code,
			    LK_OK);
			assert_true(n > 0);
			for (size_t i = 0; i < n; i++) {
				if (events[i].type == NET_SENT)
					continue;
				assert_int_equal(events[i].type, NET_BYTES);
				flow_receive(
				    events[i].conn == p.far ? &up : &down,
				    events[i].bytes);
			}
		}
		net_close(p.net);
	}
}

static void
hanging_up_sends_what_was_pending(void **state)
{
	struct pair p;
	struct flow f;
	struct net_event event;

	(void)state;
	pair_open(&p);
	flow_init(&f, 7);
	flow_send(&f, p.net, p.near);
	assert_true(f.sent > PEER_PENDING_MAX);
	net_hang_up(p.net, p.near);
	assert_int_equal(send_bytes(p.net, p.near, "x", 1).code, LK_E_NOTFOUND);
	while ((event = next_event(p.net)).type == NET_BYTES)
		flow_receive(&f, event.bytes);
	assert_int_equal(event.type, NET_CLOSED);
	assert_int_equal(event.conn, p.far);
	assert_int_equal(f.received, f.sent);
	net_hang_up(p.net, p.far);
	expect_quiet(p.net);
	net_close(p.net);
}

static void
closing_in_the_middle_leaves_a_prefix_and_an_end(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct pair p;
		struct flow f;
		uint64_t x = seed;
		size_t end = next_random(&x) % STREAM_BYTES;

		pair_open(&p);
		flow_init(&f, seed);
		while (f.received < end) {
			struct net_event event;

			flow_send(&f, p.net, p.near);
			event = next_event(p.net);
			if (event.type == NET_BYTES)
				flow_receive(&f, event.bytes);
		}
		/* The reader goes away; the writer is told. */
		net_hang_up(p.net, p.far);
		for (;;) {
			struct net_event event;

			flow_send(&f, p.net, p.near);
			event = next_event(p.net);
			if (event.type == NET_CLOSED)
				break;
			assert_int_equal(event.type, NET_SENT);
		}
		assert_int_equal(send_bytes(p.net, p.near, "x", 1).code, LK_OK);
		net_hang_up(p.net, p.near);
		net_close(p.net);
	}
}

static void
a_reader_that_waits_slows_the_writer_and_costs_bounded_memory(void **state)
{
	struct pair p;
	struct flow f;
	uint8_t block[4096] = { 0 };
	size_t sent = 0, received = 0;
	lk_err err;

	(void)state;
	pair_open(&p);
	net_hold(p.net, p.far, true);
	flow_init(&f, 3);
	while ((err = send_bytes(p.net, p.near, block, sizeof(block))).code ==
	    LK_OK) {
		sent += sizeof(block);
		assert_true(net_pending(p.net, p.near) <= NET_PENDING_HARD);
		assert_true(sent < 64u * 1024 * 1024);
	}
	assert_int_equal(err.code, LK_E_LIMIT);
	assert_true(net_pending(p.net, p.near) > NET_PENDING_HARD / 2);
	net_hold(p.net, p.far, false);
	for (bool told = false; received < sent || !told;) {
		struct net_event event = next_event(p.net);

		if (event.type == NET_SENT) {
			told = true;
			assert_int_equal(event.conn, p.near);
		} else
			received += event.bytes.len;
	}
	assert_int_equal(received, sent);
	assert_int_equal(net_pending(p.net, p.near), 0);
	net_close(p.net);
}

/* As behind a cable that was cut. */
static void
what_cannot_be_sent_is_given_up_once(void **state)
{
	uint8_t block[4096] = { 0 };
	struct net_event event;
	struct pair p;
	size_t n = 7;

	(void)state;
	pair_open(&p);
	net_hold(p.net, p.far, true);
	while (send_bytes(p.net, p.near, block, sizeof(block)).code == LK_OK)
		;
	net_hang_up(p.net, p.near);
	/* The other end is still open when its time is over. */
	while (n > 0)
		assert_int_equal(
		    net_wait(p.net, 2 * NET_FLUSH_MS, &event, 1, &n).code,
		    LK_OK);
	net_close(p.net);
}

static void
nothing_listens_is_a_dial_that_failed(void **state)
{
	struct pair p;
	char address[64];

	(void)state;
	pair_open(&p);
	net_close(p.net);
	snprintf(address, sizeof(address), "127.0.0.1:%u", p.port);
	assert_int_equal(net_open(&p.net, -1).code, LK_OK);
	assert_int_equal(net_dial(p.net, DIAL(5), address).code, LK_OK);
	assert_int_equal(expect_event(p.net, NET_DIAL_FAILED).conn, DIAL(5));
	assert_int_equal(net_dial(p.net, DIAL(5), address).code, LK_E_EXISTS);
	assert_int_equal(
	    send_bytes(p.net, DIAL(5), "x", 1).code, LK_E_NOTFOUND);
	net_hang_up(p.net, DIAL(5));
	net_hang_up(p.net, DIAL(5));
	assert_int_equal(net_dial(p.net, DIAL(5), address).code, LK_OK);
	net_close(p.net);
}

static void
what_is_no_address_is_a_dial_that_failed(void **state)
{
	static const char *const bad[] = { "", ":", "host", "host:", ":80",
		"host:0", "host:65536", "host: 80", "host:+80", "host:80x",
		"a b:80", "host/../x:80", "user@host:80", "http://host:80",
		"[fe80::1%]:80", "[2001:db8::1%lo]:80", "[fe80::1%/]:80",
		"[::1:80", "::1]:80", "[]:80", "[host]:80", "[::1]80", "::1",
		"h\xc3\xa4:80", "a%20b:80", "host:80?x", "host:80#x",
		"host\n:80" };
	char longest[NET_ADDRESS_MAX + 20];
	struct net *net;

	(void)state;
	memset(longest, 'a', sizeof(longest));
	memcpy(longest + sizeof(longest) - 4, ":80", 4);
	assert_int_equal(net_open(&net, -1).code, LK_OK);
	for (size_t i = 0; i <= sizeof(bad) / sizeof(*bad); i++) {
		const char *address =
		    i < sizeof(bad) / sizeof(*bad) ? bad[i] : longest;

		assert_int_equal(net_dial(net, DIAL(i), address).code, LK_OK);
		assert_int_equal(
		    expect_event(net, NET_DIAL_FAILED).conn, DIAL(i));
	}
	net_close(net);
}

static void
names_and_both_families_are_dialed(void **state)
{
	struct pair p;
	struct net *old;

	(void)state;
	assert_int_equal(net_open(&p.net, -1).code, LK_OK);
	assert_int_equal(net_listen_tcp(p.net, NULL, 0, &p.port).code, LK_OK);
	assert_int_not_equal(p.port, 0);
	pair_dial(&p, "127.0.0.1", DIAL(1));
	pair_dial(&p, "localhost", DIAL(2));
	net_close(p.net);
	/* A name that has an IPv6 address as well must work when only that
	 * one listens; machines without IPv6 have nothing to test. */
	assert_int_equal(net_open(&p.net, -1).code, LK_OK);
	old = p.net;
	if (net_listen_tcp(p.net, "::1", 0, &p.port).code == LK_OK)
		pair_dial(&p, "[::1]", DIAL(3));
	net_close(old);
}

static void
an_accepted_ipv4_peer_has_an_ipv4_address(void **state)
{
	struct net_event event;
	struct net *net;
	char address[64];
	uint16_t port;

	(void)state;
	assert_int_equal(net_open(&net, -1).code, LK_OK);
	assert_int_equal(net_listen_tcp(net, NULL, 0, &port).code, LK_OK);
	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	assert_int_equal(net_dial(net, DIAL(1), address).code, LK_OK);
	do
		event = next_event(net);
	while (event.type != NET_ACCEPTED);
	assert_memory_equal(event.address, "127.0.0.1:", 10);
	assert_true(net_peers(net) == 2);
	net_close(net);
}

static void
a_port_in_use_is_unavailable(void **state)
{
	struct net *net, *other;
	uint16_t port, again;

	(void)state;
	assert_int_equal(net_open(&net, -1).code, LK_OK);
	assert_int_equal(net_open(&other, -1).code, LK_OK);
	assert_int_equal(net_listen_tcp(net, NULL, 0, &port).code, LK_OK);
	assert_int_equal(
	    net_listen_tcp(other, NULL, port, &again).code, LK_E_UNAVAILABLE);
	assert_int_equal(net_listen_tcp(other, "127.0.0.1", port, &again).code,
	    LK_E_UNAVAILABLE);
	assert_int_equal(net_listen_tcp(other, "192.0.2.1", 0, &again).code,
	    LK_E_UNAVAILABLE);
	net_close(net);
	assert_int_equal(net_listen_tcp(other, NULL, port, &again).code, LK_OK);
	assert_int_equal(again, port);
	net_close(other);
}

/* A control socket in a directory of its own. */
struct control {
	struct net *net;
	char dir[64], path[80];
};

static void
control_open(struct control *c)
{
	strlcpy(c->dir, "/tmp/lknetXXXXXX", sizeof(c->dir));
	assert_non_null(mkdtemp(c->dir));
	snprintf(c->path, sizeof(c->path), "%s/s", c->dir);
	assert_int_equal(net_open(&c->net, -1).code, LK_OK);
	assert_int_equal(net_listen_control(c->net, c->path).code, LK_OK);
}

static void
control_close(struct control *c)
{
	net_close(c->net);
	assert_int_equal(access(c->path, F_OK), -1);
	assert_int_equal(rmdir(c->dir), 0);
}

static int
client_connect(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	strlcpy(sun.sun_path, path, sizeof(sun.sun_path));
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return (fd);
	close(fd);
	return (-1);
}

static void
only_this_user_may_open_the_control_socket(void **state)
{
	struct control c;
	struct stat st;
	int fd;

	(void)state;
	control_open(&c);
	assert_int_equal(stat(c.path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0600);
	fd = client_connect(c.path);
	expect_event(c.net, NET_CONTROL);
	assert_int_equal(write(fd, "hello", 5), 5);
	assert_int_equal(expect_event(c.net, NET_BYTES).bytes.len, 5);
	close(fd);
	expect_event(c.net, NET_CLOSED);
	control_close(&c);
}

static void
another_user_is_turned_away_even_if_the_file_lets_him(void **state)
{
	struct control c;
	struct net_event event;
	int status, fd;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	control_open(&c);
	assert_int_equal(chmod(c.dir, 0755), 0);
	assert_int_equal(chmod(c.path, 0666), 0);
	if ((pid = fork()) == 0) {
		char byte;

		if (setuid(NOBODY) != 0)
			_exit(2);
		fd = client_connect(c.path);
		_exit(fd >= 0 && read(fd, &byte, 1) <= 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* The next one, who may, is served. */
	fd = client_connect(c.path);
	event = expect_event(c.net, NET_CONTROL);
	assert_int_equal(event.conn, 1);
	close(fd);
	control_close(&c);
}

static void
a_client_that_closed_its_half_still_gets_its_answer(void **state)
{
	struct control c;
	struct net_event event;
	char answer[6];
	int fd;

	(void)state;
	control_open(&c);
	fd = client_connect(c.path);
	assert_int_equal(write(fd, "ask\n", 4), 4);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	do
		event = next_event(c.net);
	while (event.type != NET_CLOSED);
	assert_int_equal(
	    send_bytes(c.net, event.conn, "reply\n", 6).code, LK_OK);
	net_hang_up(c.net, event.conn);
	assert_int_equal(recv(fd, answer, 6, MSG_WAITALL), 6);
	assert_memory_equal(answer, "reply\n", 6);
	assert_int_equal(read(fd, answer, 1), 0);
	close(fd);
	control_close(&c);
}

static void
clients_above_the_maximum_wait_for_a_place(void **state)
{
	struct control c;
	int fds[NET_CONTROL_MAX + 1];
	uint64_t first = 0;

	(void)state;
	control_open(&c);
	for (size_t i = 0; i <= NET_CONTROL_MAX; i++) {
		struct net_event event;

		fds[i] = client_connect(c.path);
		assert_true(fds[i] >= 0);
		if (i == NET_CONTROL_MAX)
			break;
		event = expect_event(c.net, NET_CONTROL);
		if (i == 0)
			first = event.conn;
	}
	expect_quiet(c.net);
	net_hang_up(c.net, first);
	expect_event(c.net, NET_CONTROL);
	for (size_t i = 0; i <= NET_CONTROL_MAX; i++)
		close(fds[i]);
	control_close(&c);
}

static void
a_socket_left_behind_is_replaced_and_a_file_is_not(void **state)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct control c;
	struct net *other;
	char path[96], longest[200];
	int fd;

	(void)state;
	control_open(&c);
	assert_int_equal(net_open(&other, -1).code, LK_OK);
	snprintf(path, sizeof(path), "%s/file", c.dir);
	fd = creat(path, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(
	    net_listen_control(other, path).code, LK_E_UNAVAILABLE);
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	strlcpy(sun.sun_path, path, sizeof(sun.sun_path));
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd);
	assert_int_equal(net_listen_control(other, path).code, LK_OK);
	net_close(other);
	assert_int_equal(net_open(&other, -1).code, LK_OK);
	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[108] = '\0';
	assert_int_equal(net_listen_control(other, longest).code, LK_E_LIMIT);
	net_close(other);
	control_close(&c);
}

static void *
wake_soon(void *net)
{
	net_wake(net);
	return (NULL);
}

static void
waking_and_signals_end_a_wait(void **state)
{
	struct net_event event;
	struct net *net;
	pthread_t thread;
	size_t n = 7;
	int fd = eventfd(0, 0);

	(void)state;
	assert_int_equal(net_open(&net, fd).code, LK_OK);
	assert_int_equal(pthread_create(&thread, NULL, wake_soon, net), 0);
	assert_int_equal(net_wait(net, PATIENCE_MS, &event, 1, &n).code, LK_OK);
	assert_int_equal(n, 0);
	pthread_join(thread, NULL);
	assert_int_equal(net_wait(net, 1, &event, 1, &n).code, LK_OK);
	assert_int_equal(n, 0);
	assert_int_equal(write(fd, &(uint64_t){ 1 }, 8), 8);
	expect_event(net, NET_SIGNAL);
	net_close(net);
	close(fd);
}

static void
many_connections_come_and_go(void **state)
{
	struct pair p;
	uint64_t next = DIAL(1), seed = 5;
	uint64_t open[64];
	size_t len = 0;
	char address[64];

	(void)state;
	assert_int_equal(net_open(&p.net, -1).code, LK_OK);
	assert_int_equal(
	    net_listen_tcp(p.net, "127.0.0.1", 0, &p.port).code, LK_OK);
	snprintf(address, sizeof(address), "127.0.0.1:%u", p.port);
	while (next < DIAL(400)) {
		struct net_event event;
		size_t n, pick;

		if (len < 64 && next_random(&seed) % 2 == 0) {
			lk_err err = net_dial(p.net, next, address);

			/* Those that hung up may still take their places. */
			assert_true(
			    err.code == LK_OK || err.code == LK_E_LIMIT);
			if (err.code == LK_OK)
				open[len++] = next++;
		} else if (len > 0) {
			pick = next_random(&seed) % len;
			(void)send_bytes(p.net, open[pick], "hello", 5);
			net_hang_up(p.net, open[pick]);
			open[pick] = open[--len];
		}
		assert_int_equal(net_wait(p.net, 0, &event, 1, &n).code, LK_OK);
		if (n == 1 && event.type == NET_CLOSED)
			net_hang_up(p.net, event.conn);
	}
	net_close(p.net);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_arrive_whole_in_both_directions),
		cmocka_unit_test(hanging_up_sends_what_was_pending),
		cmocka_unit_test(
		    closing_in_the_middle_leaves_a_prefix_and_an_end),
		cmocka_unit_test(
		    a_reader_that_waits_slows_the_writer_and_costs_bounded_memory),
		cmocka_unit_test(what_cannot_be_sent_is_given_up_once),
		cmocka_unit_test(nothing_listens_is_a_dial_that_failed),
		cmocka_unit_test(what_is_no_address_is_a_dial_that_failed),
		cmocka_unit_test(names_and_both_families_are_dialed),
		cmocka_unit_test(an_accepted_ipv4_peer_has_an_ipv4_address),
		cmocka_unit_test(a_port_in_use_is_unavailable),
		cmocka_unit_test(only_this_user_may_open_the_control_socket),
		cmocka_unit_test(
		    another_user_is_turned_away_even_if_the_file_lets_him),
		cmocka_unit_test(
		    a_client_that_closed_its_half_still_gets_its_answer),
		cmocka_unit_test(clients_above_the_maximum_wait_for_a_place),
		cmocka_unit_test(
		    a_socket_left_behind_is_replaced_and_a_file_is_not),
		cmocka_unit_test(waking_and_signals_end_a_wait),
		cmocka_unit_test(many_connections_come_and_go),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
