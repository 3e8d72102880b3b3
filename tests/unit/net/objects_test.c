/*
 * Remotes as the core sees them: requests go in, events come out.  The folders
 * are seen by a broker, as in the daemon.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/random.h"
#include "net/broker.h"
#include "net/net.h"

#define REMOTE 3
#define WAIT_MS 30000

struct remote_scene {
	struct net *net;
	int broker;
	char dir[64], url[128];
};

static void
confine_not(void)
{
}

static int
scene_make(void **state)
{
	struct remote_scene *s = calloc(1, sizeof(*s));
	struct remote_url url;
	char path[128];

	assert_non_null(s);
	assert_int_equal(crypto_start().code, LK_OK);
	strlcpy(s->dir, "/tmp/lkobjects.XXXXXX", sizeof(s->dir));
	assert_non_null(mkdtemp(s->dir));
	snprintf(path, sizeof(path), "%s/" OBJECT_ROOT, s->dir);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(s->url, sizeof(s->url), "file://%s", s->dir);
	assert_int_equal(broker_start(&s->broker, confine_not).code, LK_OK);
	assert_int_equal(net_open(&s->net, -1).code, LK_OK);
	net_broker(s->net, s->broker);
	assert_int_equal(remote_url_parse(&url, s->url).code, LK_OK);
	assert_int_equal(net_remote_open(s->net, REMOTE, &url).code, LK_OK);
	*state = s;
	return 0;
}

static int
scene_remove(void **state)
{
	struct remote_scene *s = *state;
	char command[128];

	net_close(s->net);
	/* The broker may be at the last request still, and put something. */
	snprintf(command, sizeof(command),
	    "until rm -rf %s 2>/dev/null; do :; done", s->dir);
	assert_int_equal(system(command), 0);
	free(s);
	return 0;
}

static lk_err
ask(struct remote_scene *s, uint64_t number, enum object_op op, unsigned name)
{
	struct object_request r = { .remote = REMOTE,
		.request = number,
		.op = op,
		.max = OBJECT_BYTES_MAX };
	lk_err err;

	if (op != OBJECT_LIST)
		snprintf(r.name, sizeof(r.name), "lk1/%u/o", name);
	buf_init(&r.bytes, OBJECT_BYTES_MAX);
	if (op == OBJECT_PUT)
		buf_printf(&r.bytes, "object %u", name);
	err = net_object(s->net, &r);
	if (err.code == LK_OK)
		assert_int_equal(r.bytes.len, 0);
	object_request_clear(&r);
	return err;
}

/* The answers to requests 1 to n, each exactly once, in any order. */
static void
answers_take(struct remote_scene *s, struct object_answer *out, size_t n)
{
	struct net_event events[8];
	size_t seen = 0, got;

	memset(out, 0, (n + 1) * sizeof(*out));
	while (seen < n) {
		assert_int_equal(
		    net_wait(s->net, WAIT_MS, events, 8, &got).code, LK_OK);
		assert_true(got > 0);
		for (size_t i = 0; i < got; i++, seen++) {
			struct object_answer *a = events[i].answer;

			assert_int_equal(events[i].type, NET_OBJECT);
			assert_int_equal(a->remote, REMOTE);
			assert_in_range(a->request, 1, n);
			assert_int_equal(out[a->request].request, 0);
			out[a->request] = *a;
			a->entries = NULL;
			a->entries_len = 0;
			a->bytes = (struct buf){ 0 };
		}
	}
	assert_int_equal(net_wait(s->net, 0, events, 8, &got).code, LK_OK);
	assert_int_equal(got, 0);
}

static void
every_request_is_answered_exactly_once(void **state)
{
	enum { OBJECTS = NET_OBJECTS_MAX };
	struct object_answer answers[OBJECTS + 1];
	struct remote_scene *s = *state;
	char text[32];

	for (unsigned i = 1; i <= OBJECTS; i++)
		assert_int_equal(ask(s, i, OBJECT_PUT, i).code, LK_OK);
	answers_take(s, answers, OBJECTS);
	for (unsigned i = 1; i <= OBJECTS; i++) {
		assert_int_equal(answers[i].err.code, LK_OK);
		assert_int_equal(ask(s, i, OBJECT_GET, i).code, LK_OK);
	}
	answers_take(s, answers, OBJECTS);
	for (unsigned i = 1; i <= OBJECTS; i++) {
		assert_int_equal(answers[i].err.code, LK_OK);
		snprintf(text, sizeof(text), "object %u", i);
		assert_true(
		    bytes_equal(buf_bytes(&answers[i].bytes), BYTES_STR(text)));
		object_answer_clear(&answers[i]);
	}
	assert_int_equal(ask(s, 1, OBJECT_LIST, 0).code, LK_OK);
	answers_take(s, answers, 1);
	assert_int_equal(answers[1].entries_len, OBJECTS);
	assert_string_equal(answers[1].entries[0].name, "lk1/1/o");
	assert_int_equal(answers[1].entries[0].size, strlen("object 1"));
	object_answer_clear(&answers[1]);
}

static void
what_the_folder_says_comes_through(void **state)
{
	struct object_answer answers[2];
	struct remote_scene *s = *state;
	char path[128];

	assert_int_equal(ask(s, 1, OBJECT_GET, 5).code, LK_OK);
	answers_take(s, answers, 1);
	assert_int_equal(answers[1].err.code, LK_E_NOTFOUND);
	snprintf(path, sizeof(path), "%s/" OBJECT_ROOT, s->dir);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(ask(s, 1, OBJECT_PUT, 5).code, LK_OK);
	answers_take(s, answers, 1);
	assert_int_equal(answers[1].err.code, LK_E_UNAVAILABLE);
	assert_non_null(strstr(answers[1].why, "not mounted?"));
}

static void
what_is_pending_has_a_bound(void **state)
{
	struct object_answer answers[NET_OBJECTS_MAX + 2];
	struct remote_scene *s = *state;

	for (uint64_t i = 1; i <= NET_OBJECTS_MAX + 1; i++)
		assert_int_equal(ask(s, i, OBJECT_GET, 0).code, LK_OK);
	answers_take(s, answers, NET_OBJECTS_MAX + 1);
	for (size_t i = 1; i <= NET_OBJECTS_MAX; i++)
		assert_int_equal(answers[i].err.code, LK_E_NOTFOUND);
	assert_int_equal(answers[NET_OBJECTS_MAX + 1].err.code, LK_E_LIMIT);
	assert_int_equal(ask(s, 1, OBJECT_GET, 0).code, LK_OK);
	answers_take(s, answers, 1);
}

static void
a_remote_that_is_closed_answers_no_more(void **state)
{
	struct object_answer answers[2];
	struct remote_scene *s = *state;
	struct net_event events[8];
	size_t got;

	for (unsigned i = 1; i <= 40; i++)
		assert_int_equal(ask(s, i, OBJECT_PUT, i).code, LK_OK);
	net_remote_close(s->net, REMOTE);
	assert_int_equal(net_wait(s->net, 50, events, 8, &got).code, LK_OK);
	assert_int_equal(got, 0);
	assert_int_equal(ask(s, 1, OBJECT_GET, 1).code, LK_OK);
	answers_take(s, answers, 1);
	assert_int_equal(answers[1].err.code, LK_E_NOTFOUND);
	/* Closing twice is closing nothing. */
	net_remote_close(s->net, REMOTE);
}

static void
closing_the_network_waits_for_nobody(void **state)
{
	struct remote_scene *s = *state;

	for (unsigned i = 1; i <= 40; i++)
		assert_int_equal(ask(s, i, OBJECT_PUT, i).code, LK_OK);
}

static void
without_the_broker_folders_are_not_there(void **state)
{
	struct object_answer answers[3];
	struct remote_scene *s = *state;

	(void)shutdown(s->broker, SHUT_RDWR);
	assert_int_equal(ask(s, 1, OBJECT_GET, 1).code, LK_OK);
	assert_int_equal(ask(s, 2, OBJECT_LIST, 1).code, LK_OK);
	answers_take(s, answers, 2);
	assert_int_equal(answers[1].err.code, LK_E_UNAVAILABLE);
	assert_true(strlen(answers[2].why) > 0);
}

static void
a_request_the_broker_does_not_take_ends_its_channel_only(void **state)
{
	struct object_request r = { .op = OBJECT_LIST };
	struct object_answer a;
	struct remote_scene *s = *state;
	int channel;

	assert_int_equal(broker_connect(s->broker, &channel).code, LK_OK);
	assert_false(broker_folder(channel, "relative", &r, &a));
	assert_int_equal(a.err.code, LK_E_UNAVAILABLE);
	close(channel);
	assert_int_equal(broker_connect(s->broker, &channel).code, LK_OK);
	assert_true(broker_folder(channel, s->dir, &r, &a));
	assert_int_equal(a.err.code, LK_OK);
	object_answer_clear(&a);
	assert_true(broker_folder(channel, "/proc", &r, &a));
	assert_int_equal(a.err.code, LK_E_UNAVAILABLE);
	object_answer_clear(&a);
	close(channel);
}

#define OBJECTS_TEST(name) \
	cmocka_unit_test_setup_teardown(name, scene_make, scene_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OBJECTS_TEST(every_request_is_answered_exactly_once),
		OBJECTS_TEST(what_the_folder_says_comes_through),
		OBJECTS_TEST(what_is_pending_has_a_bound),
		OBJECTS_TEST(a_remote_that_is_closed_answers_no_more),
		OBJECTS_TEST(closing_the_network_waits_for_nobody),
		OBJECTS_TEST(without_the_broker_folders_are_not_there),
		OBJECTS_TEST(
		    a_request_the_broker_does_not_take_ends_its_channel_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
