#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/base64.h"
#include "daemon/control.h"

#define PATIENCE_S 60
#define FLOOD_REQUESTS 8000

/* A whole daemon in this process: the core runs on a thread, the tests are its
 * clients. */
struct fixture {
	struct daemon *d;
	pthread_t core;
};

static void *
core_run(void *d)
{
	loop_run(d);
	return (NULL);
}

static void
fixture_open(struct fixture *f)
{
	struct daemon *d = calloc(1, sizeof(*d));
	char run[PATH_MAX + 8];

	assert_non_null(d);
	strlcpy(d->options.home, "/tmp/lkloopXXXXXX", sizeof(d->options.home));
	assert_non_null(mkdtemp(d->options.home));
	snprintf(run, sizeof(run), "%s/run", d->options.home);
	assert_int_equal(mkdir(run, 0700), 0);
	snprintf(d->options.socket, sizeof(d->options.socket), "%.40s/run/s",
	    d->options.home);
	strlcpy(d->options.listen_host, "127.0.0.1",
	    sizeof(d->options.listen_host));
	d->lock_fd = d->signal_fd = -1;
	d->now = now_read();
	control_init(&d->control);
	log_init(STDERR_FILENO, LOG_LEVEL_ERROR);
	assert_int_equal(store_open_home(d).code, LK_OK);
	assert_int_equal(workers_open(&d->workers, 1).code, LK_OK);
	assert_int_equal(net_open(&d->net, -1).code, LK_OK);
	assert_int_equal(
	    own_port_listen(&d->options, d->net, &d->port).code, LK_OK);
	own_addresses_find(&d->addresses, &d->options, d->port);
	assert_int_equal(
	    net_listen_control(d->net, d->options.socket).code, LK_OK);
	f->d = d;
	assert_int_equal(pthread_create(&f->core, NULL, core_run, d), 0);
}

static int
client_open(const struct fixture *f)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = PATIENCE_S };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	strlcpy(sun.sun_path, f->d->options.socket, sizeof(sun.sun_path));
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return (fd);
}

static void
text_send(int fd, const char *text)
{
	size_t len = strlen(text);

	assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* One request, with `id` 1 if none is in it. */
static void
call_send(int fd, const char *method, const char *params)
{
	char line[4096];

	snprintf(line, sizeof(line),
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}\n",
	    method, params);
	text_send(fd, line);
}

/* The next line, as a tree; NULL at the end. */
static json_object *
answer_read(int fd)
{
	static uint8_t piece[65536];
	json_object *tree;
	struct buf line;

	buf_init(&line, CONTROL_LINE_MAX);
	do {
		ssize_t n = recv(fd, piece, sizeof(piece), MSG_PEEK);
		uint8_t *end;

		if (n == 0) {
			assert_int_equal(line.len, 0);
			return (NULL);
		}
		assert_true(n > 0);
		end = memchr(piece, '\n', (size_t)n);
		if (end != NULL)
			n = end - piece + 1;
		/* What is behind the line stays for the next call. */
		assert_int_equal(recv(fd, piece, (size_t)n, 0), n);
		buf_mem(&line, piece, (size_t)n);
		assert_int_equal(buf_err(&line, "line").code, LK_OK);
	} while (line.ptr[line.len - 1] != '\n');
	line.ptr[line.len - 1] = '\0';
	tree = json_tokener_parse((char *)line.ptr);
	assert_non_null(tree);
	buf_clear(&line);
	return (tree);
}

static json_object *
member(json_object *tree, const char *name)
{
	json_object *value = NULL;

	(void)json_object_object_get_ex(tree, name, &value);
	return (value);
}

/* The error code of the next answer; 0 when it is a result. */
static int
answer_code(int fd)
{
	json_object *tree = answer_read(fd);
	json_object *error = member(tree, "error");
	int code =
	    error == NULL ? 0 : json_object_get_int(member(error, "code"));

	if (error == NULL)
		assert_non_null(member(tree, "result"));
	else {
		assert_non_null(member(error, "message"));
		assert_non_null(member(member(error, "data"), "error"));
	}
	json_object_put(tree);
	return (code);
}

static int
call_code(int fd, const char *method, const char *params)
{
	call_send(fd, method, params);
	return (answer_code(fd));
}

static void
tree_remove(const char *path)
{
	char inner[PATH_MAX];
	struct dirent *e;
	DIR *dir = opendir(path);

	while (dir != NULL && (e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(inner, sizeof(inner), "%s/%s", path, e->d_name);
		if (unlink(inner) == -1)
			tree_remove(inner);
	}
	if (dir != NULL)
		closedir(dir);
	rmdir(path);
}

static void
fixture_close(struct fixture *f)
{
	int fd = client_open(f);

	assert_int_equal(call_code(fd, "daemon.stop", "{}"), 0);
	pthread_join(f->core, NULL);
	control_clear(f->d);
	net_close(f->d->net);
	assert_null(answer_read(fd));
	close(fd);
	replica_stop(f->d);
	workers_close(f->d->workers);
	store_close(f->d->store);
	identity_clear(&f->d->identity);
	tree_remove(f->d->options.home);
	free(f->d);
}

static void
requests_of_every_form_are_answered_in_order(void **state)
{
	struct fixture f;
	int fd;

	(void)state;
	fixture_open(&f);
	fd = client_open(&f);
	text_send(fd,
	    "\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\"}"
	    "\r\nnonsense\n[]\n"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"version\"}\n"
	    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"none\"}\n"
	    "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"doc.list\"}\n"
	    "{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"init\"}\n");
	assert_int_equal(answer_code(fd), 0);
	assert_int_equal(answer_code(fd), RPC_PARSE);
	assert_int_equal(answer_code(fd), RPC_INVALID);
	assert_int_equal(answer_code(fd), RPC_METHOD);
	assert_int_equal(answer_code(fd), 78);
	assert_int_equal(answer_code(fd), RPC_PARAMS);
	close(fd);
	fixture_close(&f);
}

static void
a_client_that_has_said_all_gets_all_its_answers(void **state)
{
	struct fixture f;
	int fd;

	(void)state;
	fixture_open(&f);
	fd = client_open(&f);
	call_send(fd, "version", "{}");
	call_send(fd, "version", "{}");
	shutdown(fd, SHUT_WR);
	assert_int_equal(answer_code(fd), 0);
	assert_int_equal(answer_code(fd), 0);
	assert_null(answer_read(fd));
	close(fd);
	fixture_close(&f);
}

static void
a_line_that_is_too_long_ends_the_connection_with_a_reason(void **state)
{
	char *big = malloc(CONTROL_LINE_MAX + 2);
	struct fixture f;
	int fd;

	(void)state;
	memset(big, ' ', CONTROL_LINE_MAX + 1);
	big[CONTROL_LINE_MAX + 1] = '\0';
	fixture_open(&f);
	fd = client_open(&f);
	text_send(fd, big);
	assert_int_equal(answer_code(fd), RPC_INVALID);
	assert_null(answer_read(fd));
	close(fd);
	free(big);
	fixture_close(&f);
}

static void *
flood_send(void *arg)
{
	const int *fd = arg;

	for (int i = 0; i < FLOOD_REQUESTS; i++)
		call_send(*fd, "daemon.status", "{}");
	return (NULL);
}

static void
a_client_that_does_not_read_is_slowed_and_others_are_served(void **state)
{
	struct fixture f;
	pthread_t sender;
	int slow, other;

	(void)state;
	fixture_open(&f);
	slow = client_open(&f);
	other = client_open(&f);
	/* The answers do not fit into the socket by far: the sender blocks. */
	assert_int_equal(pthread_create(&sender, NULL, flood_send, &slow), 0);
	for (int i = 0; i < 200; i++)
		assert_int_equal(call_code(other, "version", "{}"), 0);
	for (int i = 0; i < FLOOD_REQUESTS; i++)
		assert_int_equal(answer_code(slow), 0);
	pthread_join(sender, NULL);
	close(slow);
	close(other);
	fixture_close(&f);
}

static void
one_client_too_many_is_told_so(void **state)
{
	int fds[CONTROL_CLIENTS_MAX + 1];
	struct fixture f;

	(void)state;
	fixture_open(&f);
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		fds[i] = client_open(&f);
		assert_int_equal(call_code(fds[i], "version", "{}"), 0);
	}
	fds[CONTROL_CLIENTS_MAX] = client_open(&f);
	assert_int_equal(answer_code(fds[CONTROL_CLIENTS_MAX]), RPC_INVALID);
	assert_null(answer_read(fds[CONTROL_CLIENTS_MAX]));
	for (size_t i = 0; i <= CONTROL_CLIENTS_MAX; i++)
		close(fds[i]);
	/* Their places are free again as soon as the daemon has noticed. */
	for (int code = RPC_INVALID; code != 0;) {
		int fd = client_open(&f);

		call_send(fd, "version", "{}");
		code = answer_code(fd);
		close(fd);
	}
	fixture_close(&f);
}

static int64_t
result_int(int fd, const char *name)
{
	json_object *tree = answer_read(fd);
	json_object *value = member(member(tree, "result"), name);
	int64_t n;

	assert_non_null(value);
	n = json_object_get_int64(value);
	json_object_put(tree);
	return (n);
}

/* Uploads `text` and sends a request whose params it is. */
static void
call_send_uploaded(int fd, const char *method, const char *text)
{
	struct buf line;
	int64_t handle;
	size_t len = strlen(text);

	call_send(fd, "upload.begin", "{}");
	handle = result_int(fd, "handle");
	for (size_t at = 0; at < len; at += TRANSFER_PIECE_MAX) {
		size_t n = len - at < TRANSFER_PIECE_MAX ? len - at
							 : TRANSFER_PIECE_MAX;

		buf_init(&line, CONTROL_LINE_MAX);
		buf_printf(&line,
		    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":"
		    "\"upload.append\",\"params\":{\"handle\":%lld,\"data\":\"",
		    (long long)handle);
		base64_encode(&line, BYTES((const uint8_t *)text + at, n));
		buf_str(&line, "\"}}\n");
		buf_u8(&line, 0);
		assert_int_equal(buf_err(&line, "line").code, LK_OK);
		text_send(fd, (char *)line.ptr);
		assert_int_equal(result_int(fd, "size"), (int64_t)(at + n));
		buf_clear(&line);
	}
	buf_init(&line, CONTROL_LINE_MAX);
	buf_printf(&line,
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\","
	    "\"params_upload\":%lld}\n",
	    method, (long long)handle);
	buf_u8(&line, 0);
	text_send(fd, (char *)line.ptr);
	buf_clear(&line);
}

/* Fetches the result an answer left to be fetched. */
static json_object *
result_download(int fd)
{
	json_object *tree = answer_read(fd), *reply;
	json_object *download = member(tree, "result_download");
	char params[64];
	int64_t left = 1, size;
	struct buf text;

	assert_non_null(download);
	size = json_object_get_int64(member(download, "size"));
	snprintf(params, sizeof(params), "{\"handle\":%lld}",
	    (long long)json_object_get_int64(member(download, "handle")));
	json_object_put(tree);
	buf_init(&text, SIZE_MAX);
	while (left > 0) {
		const char *data;

		call_send(fd, "download.read", params);
		reply = answer_read(fd);
		data = json_object_get_string(
		    member(member(reply, "result"), "data"));
		assert_non_null(data);
		assert_int_equal(
		    base64_decode(&text, BYTES_STR(data)).code, LK_OK);
		left = json_object_get_int64(
		    member(member(reply, "result"), "left"));
		json_object_put(reply);
	}
	assert_int_equal(text.len, size);
	buf_u8(&text, 0);
	tree = json_tokener_parse((char *)text.ptr);
	buf_clear(&text);
	return (tree);
}

/* Fills the document `d` of a fresh device. */
static void
device_init(int fd)
{
	assert_int_equal(call_code(fd, "init", "{\"name\":\"one\"}"), 0);
	assert_int_equal(call_code(fd, "doc.new", "{\"name\":\"d\"}"), 0);
}

static void
what_is_too_long_for_a_line_travels_in_pieces(void **state)
{
	static const char head[] = "{\"doc\":\"d\",\"path\":\"/big\",\"as\":"
				   "\"string\",\"json\":\"\\\"",
			  tail[] = "\\\"\"}";
	size_t len = CONTROL_LINE_MAX + 200000;
	char *params = malloc(sizeof(head) + len + sizeof(tail));
	json_object *result;
	const char *json;
	struct fixture f;
	int fd;

	(void)state;
	memcpy(params, head, sizeof(head) - 1);
	memset(params + sizeof(head) - 1, 'x', len);
	memcpy(params + sizeof(head) - 1 + len, tail, sizeof(tail));
	fixture_open(&f);
	fd = client_open(&f);
	device_init(fd);
	call_send_uploaded(fd, "doc.set", params);
	assert_int_equal(answer_code(fd), 0);
	call_send(fd, "doc.get", "{\"doc\":\"d\"}");
	result = result_download(fd);
	json = json_object_get_string(member(result, "json"));
	assert_true(strlen(json) > len);
	json_object_put(result);
	call_send_uploaded(fd, "doc.set", "{\"doc\":");
	assert_int_equal(answer_code(fd), RPC_PARAMS);
	call_send_uploaded(fd, "doc.set", "[]");
	assert_int_equal(answer_code(fd), RPC_PARAMS);
	close(fd);
	free(params);
	fixture_close(&f);
}

static void
a_request_that_fails_leaves_nothing_behind(void **state)
{
	struct fixture f;
	json_object *result;
	int fd;

	(void)state;
	fixture_open(&f);
	fd = client_open(&f);
	assert_int_equal(call_code(fd, "init", "{\"name\":\"\"}"), 64);
	assert_int_equal(call_code(fd, "doc.list", "{}"), 78);
	device_init(fd);
	assert_int_equal(call_code(fd, "init", "{\"name\":\"two\"}"), 73);
	assert_int_equal(call_code(fd, "doc.new", "{\"name\":\"d\"}"), 73);
	/* The first operation is good, the second is not. */
	assert_int_not_equal(
	    call_code(fd, "doc.apply",
		"{\"doc\":\"d\",\"patch\":\"[{\\\"op\\\":\\\"add\\\","
		"\\\"path\\\":\\\"/a\\\",\\\"value\\\":1},{\\\"op\\\":"
		"\\\"remove\\\",\\\"path\\\":\\\"/none\\\"}]\"}"),
	    0);
	call_send(fd, "doc.get", "{\"doc\":\"d\"}");
	result = answer_read(fd);
	assert_string_equal(
	    json_object_get_string(member(member(result, "result"), "json")),
	    "{}");
	json_object_put(result);
	close(fd);
	fixture_close(&f);
}

static void
a_stream_gives_every_event_once_and_can_be_cancelled(void **state)
{
	struct fixture f;
	int watcher, writer;

	(void)state;
	fixture_open(&f);
	watcher = client_open(&f);
	writer = client_open(&f);
	device_init(writer);
	call_send(watcher, "watch", "{}");
	/* It answers in order, so now it watches. */
	text_send(watcher,
	    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":"
	    "\"version\"}\n");
	assert_int_equal(answer_code(watcher), 0);
	for (int i = 0; i < 50; i++) {
		json_object *event, *change;

		assert_int_equal(call_code(writer, "doc.inc",
				     "{\"doc\":\"d\",\"path\":\"/n\"}"),
		    i == 0 ? 66 : 65);
		assert_int_equal(
		    call_code(writer, "doc.set",
			"{\"doc\":\"d\",\"path\":\"/n\",\"json\":\"[1]\"}"),
		    0);
		event = answer_read(watcher);
		assert_string_equal(
		    json_object_get_string(member(event, "method")), "stream");
		change = member(member(event, "params"), "event");
		assert_non_null(change);
		json_object_put(event);
	}
	text_send(watcher,
	    "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":"
	    "\"cancel\",\"params\":{\"id\":1}}\n");
	assert_int_equal(answer_code(watcher), 75);
	assert_int_equal(answer_code(watcher), 0);
	close(watcher);
	close(writer);
	fixture_close(&f);
}

/* A ticket for another device of this one's person; free it. */
static char *
ticket_make(int fd)
{
	json_object *answer;
	char *ticket;

	call_send(fd, "pair.ticket", "{}");
	answer = answer_read(fd);
	ticket = strdup(
	    json_object_get_string(member(member(answer, "result"), "ticket")));
	json_object_put(answer);
	return (ticket);
}

static int
ticket_join(int fd, const char *ticket, int timeout_ms)
{
	char params[1024];

	snprintf(params, sizeof(params),
	    "{\"ticket\":\"%s\",\"timeout_ms\":%d}", ticket, timeout_ms);
	return (call_code(fd, "pair.join", params));
}

static void
what_waits_ends_with_its_deadline_or_its_client(void **state)
{
	struct fixture a, b;
	char *ticket;
	int fd, gone;

	(void)state;
	fixture_open(&a);
	fd = client_open(&a);
	device_init(fd);
	ticket = ticket_make(fd);
	close(fd);
	fixture_close(&a);
	fixture_open(&b);
	fd = client_open(&b);
	gone = client_open(&b);
	assert_int_equal(call_code(fd, "init", "{\"name\":\"two\"}"), 0);
	call_send(gone, "watch", "{}");
	close(gone);
	/* Whoever made the ticket has gone. */
	assert_int_equal(ticket_join(fd, ticket, 50), 75);
	assert_int_equal(call_code(fd, "version", "{}"), 0);
	close(fd);
	free(ticket);
	fixture_close(&b);
}

static void
two_daemons_pair_and_stay_in_step(void **state)
{
	struct fixture a, b;
	char *ticket;
	int fd, other;

	(void)state;
	fixture_open(&a);
	fixture_open(&b);
	fd = client_open(&a);
	other = client_open(&b);
	device_init(fd);
	assert_int_equal(call_code(other, "init", "{\"name\":\"two\"}"), 0);
	ticket = ticket_make(fd);
	assert_int_equal(ticket_join(other, ticket, 1000 * PATIENCE_S), 0);
	for (int i = 0; i < 20; i++) {
		json_object *event;

		call_send(other, "watch", "{\"count\":1}");
		/* Once this is answered it watches, and the next line is the
		 * event. */
		assert_int_equal(call_code(other, "version", "{}"), 0);
		assert_int_equal(
		    call_code(fd, "doc.set",
			"{\"doc\":\"d\",\"path\":\"/n\",\"json\":\"[1]\"}"),
		    0);
		event = answer_read(other);
		assert_non_null(member(member(event, "params"), "event"));
		json_object_put(event);
		assert_int_equal(answer_code(other), 0);
		assert_int_equal(
		    call_code(fd, "sync", "{\"wait\":1,\"timeout_ms\":60000}"),
		    0);
	}
	close(fd);
	close(other);
	free(ticket);
	fixture_close(&a);
	fixture_close(&b);
}

/* Ends the core alone; the daemon is ours until core_start. */
static void
core_stop(struct fixture *f)
{
	int fd = client_open(f);

	assert_int_equal(call_code(fd, "daemon.stop", "{}"), 0);
	pthread_join(f->core, NULL);
	close(fd);
}

static void
core_start(struct fixture *f)
{
	f->d->stopping = false;
	assert_int_equal(pthread_create(&f->core, NULL, core_run, f->d), 0);
}

/* What the store writes from now on fails, as with a disk that was pulled. */
static void
disk_break(struct fixture *f)
{
	char link[64], path[PATH_MAX];
	int broken = open("/dev/null", O_RDONLY);

	for (int fd = 3; fd < 256; fd++) {
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, path, sizeof(path) - 1);
		if (n <= 0)
			continue;
		path[n] = '\0';
		if (strncmp(path, f->d->options.home,
			strlen(f->d->options.home)) == 0 &&
		    strstr(path, "/data.mdb") != NULL)
			assert_int_equal(dup2(broken, fd), fd);
	}
	close(broken);
}

static int
document_set(struct fixture *f)
{
	int fd = client_open(f), code;

	code = call_code(
	    fd, "doc.set", "{\"doc\":\"d\",\"path\":\"/n\",\"json\":\"[1]\"}");
	close(fd);
	return (code);
}

static void
a_failing_disk_is_tried_again_once_and_then_only_read(void **state)
{
	struct fixture f;
	int fd;

	(void)state;
	fixture_open(&f);
	fd = client_open(&f);
	device_init(fd);
	close(fd);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(document_set(&f), 0);
		core_stop(&f);
		disk_break(&f);
		log_init(STDERR_FILENO, LOG_LEVEL_ERROR);
		core_start(&f);
		assert_int_equal(document_set(&f), 74);
	}
	assert_int_equal(document_set(&f), 74);
	fd = client_open(&f);
	assert_int_equal(call_code(fd, "doc.get", "{\"doc\":\"d\"}"), 0);
	assert_int_equal(call_code(fd, "status", "{}"), 0);
	assert_int_equal(call_code(fd, "peers", "{}"), 0);
	assert_int_equal(call_code(fd, "sync", "{}"), 0);
	assert_int_equal(call_code(fd, "pair.ticket", "{}"), 74);
	close(fd);
	fixture_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_of_every_form_are_answered_in_order),
		cmocka_unit_test(
		    a_client_that_has_said_all_gets_all_its_answers),
		cmocka_unit_test(
		    a_line_that_is_too_long_ends_the_connection_with_a_reason),
		cmocka_unit_test(
		    a_client_that_does_not_read_is_slowed_and_others_are_served),
		cmocka_unit_test(one_client_too_many_is_told_so),
		cmocka_unit_test(what_is_too_long_for_a_line_travels_in_pieces),
		cmocka_unit_test(a_request_that_fails_leaves_nothing_behind),
		cmocka_unit_test(
		    a_stream_gives_every_event_once_and_can_be_cancelled),
		cmocka_unit_test(
		    what_waits_ends_with_its_deadline_or_its_client),
		cmocka_unit_test(two_daemons_pair_and_stay_in_step),
		cmocka_unit_test(
		    a_failing_disk_is_tried_again_once_and_then_only_read),
	};

	if (crypto_start().code != LK_OK)
		return (1);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
