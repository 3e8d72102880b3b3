/* Remotes: the list of them, and whether one keeps what it is given. */
#include <stdlib.h>
#include <string.h>

#include "daemon/commands.h"
#include "daemon/daemon.h"
#include "daemon/remotes.h"
#include "daemon/subject.h"

#define TEST_BYTES 1000
#define TEST_MS 120000

static lk_err
list_read(struct request *r, struct remotes *out)
{
	return remotes_read(
	    txn_space(r->daemon->txn, STORE_DEVICE, SPACE_META), out);
}

static const char *
kind_word(const char *url)
{
	return strncmp(url, "file:", 5) == 0 ? "folder"
	    : strncmp(url, "s3:", 3) == 0    ? "bucket"
					     : "relay";
}

static bool
status_find(struct request *r, uint32_t number, struct remote_status *out)
{
	for (size_t i = 0; engine_remote(r->engine, i, out).code == LK_OK; i++)
		if (out->number == number)
			return true;
	return false;
}

static lk_err
remote_json(
    struct request *r, const struct remote_known *k, struct json_object *o)
{
	struct remote_status s;
	uint64_t lacks;

	json_add_text(o, "name", k->name);
	json_add_text(o, "kind", kind_word(k->url));
	json_add_text(o, "url", k->url);
	if (!status_find(r, k->number, &s))
		return LK_NONE;
	json_add_flag(o, "tried", s.tried);
	json_add_flag(o, "reachable", s.reachable);
	if (s.address[0] != '\0')
		json_add_text(o, "address", s.address);
	if (s.tried)
		json_add_time(o, "since", s.since);
	if (s.err.code != LK_OK) {
		json_add_text(o, "error", lk_strcode(s.err.code));
		json_add_text(o, "why", s.why);
	}
	if (s.complete.ms != 0)
		json_add_time(o, "complete", s.complete);
	json_add_number(o, "unread", s.unread);
	json_add_number(o, "ignored", s.ignored);
	TRY(engine_remote_lacks(r->engine, k->number, &lacks));
	json_add_number(o, "lacking", lacks);
	return LK_NONE;
}

static lk_err
remote_list(struct request *r)
{
	struct json_object *list = json_object_new_array();
	struct remotes all;

	json_object_object_add(r->result, "remotes", list);
	TRY(list_read(r, &all));
	for (size_t i = 0; i < all.len; i++) {
		struct json_object *o = json_object_new_object();

		json_object_array_add(list, o);
		TRY(remote_json(r, &all.list[i], o));
	}
	return LK_NONE;
}

/* The answer is that it is so, not that it will be. */
static lk_err
adopted_poll(struct request *r, bool *done)
{
	*done = !r->daemon->remotes_stale;
	return LK_NONE;
}

static lk_err
list_write(struct request *r, const struct remotes *all)
{
	TRY(remotes_write(r->daemon, all));
	request_defer(r, adopted_poll, (struct mono){ .ms = 0 }, NULL, NULL);
	return LK_NONE;
}

static lk_err
remote_check(struct request *r, const struct remotes *all, const char *name,
    const char *url)
{
	struct remote_url parsed;
	lk_err err = remote_url_parse(&parsed, url);

	if (err.code != LK_OK)
		return request_fail(
		    r, LK_ERR(LK_E_USAGE, "address"), "%s: %s", url, err.what);
	if (!remote_name_is_valid(name))
		return request_fail(r, LK_ERR(LK_E_USAGE, "name"),
		    "%s: a name is 1 to 64 letters, digits and . _ -", name);
	if (remotes_find(all, name) != NULL)
		return request_fail(r, LK_ERR(LK_E_EXISTS, "name"),
		    "%s: there is a remote of this name", name);
	for (size_t i = 0; i < all->len; i++)
		if (strcmp(all->list[i].url, url) == 0)
			return request_fail(r, LK_ERR(LK_E_EXISTS, "address"),
			    "%s: it is the remote %s", url, all->list[i].name);
	if (all->len == REMOTES_MAX)
		return request_fail(r, LK_ERR(LK_E_LIMIT, "remotes"),
		    "%s: there are %d remotes already", name, REMOTES_MAX);
	return LK_NONE;
}

static lk_err
remote_add(struct request *r)
{
	struct remote_known *k;
	struct remotes all;
	const char *name, *url;

	TRY(param_string(r, "name", &name));
	TRY(param_string(r, "url", &url));
	TRY(list_read(r, &all));
	TRY(remote_check(r, &all, name, url));
	k = &all.list[all.len++];
	k->number = all.next++;
	strlcpy(k->name, name, sizeof(k->name));
	strlcpy(k->url, url, sizeof(k->url));
	json_add_text(r->result, "name", name);
	json_add_text(r->result, "kind", kind_word(url));
	json_add_text(r->result, "url", url);
	return list_write(r, &all);
}

/* Which one param "name" says. */
static lk_err
remote_named(
    struct request *r, struct remotes *all, const struct remote_known **out)
{
	const char *name;

	TRY(param_string(r, "name", &name));
	TRY(list_read(r, all));
	*out = remotes_find(all, name);
	if (*out != NULL)
		return LK_NONE;
	request_hint(r, "lk remote ls lists yours");
	return request_fail(
	    r, LK_ERR(LK_E_NOTFOUND, "remote"), "%s: no remote", name);
}

static lk_err
remote_rm(struct request *r)
{
	const struct remote_known *k;
	struct remotes all;
	size_t i;

	TRY(remote_named(r, &all, &k));
	json_add_text(r->result, "name", k->name);
	json_add_text(r->result, "kind", kind_word(k->url));
	json_add_text(r->result, "url", k->url);
	i = (size_t)(k - all.list);
	all.len--;
	memmove(&all.list[i], &all.list[i + 1],
	    (all.len - i) * sizeof(all.list[0]));
	return list_write(r, &all);
}

/*
 * A test: an object of its own is put, listed, read and deleted.  Each step is
 * asked when the one before has been answered.
 */
enum test_step { TEST_PUT, TEST_LIST, TEST_GET, TEST_DELETE, TEST_DONE };
static const char *const step_words[] = { "put", "list", "get", "delete" };
static const enum object_op step_ops[] = { OBJECT_PUT, OBJECT_LIST, OBJECT_GET,
	OBJECT_DELETE };

struct remote_test {
	LIST_ENTRY(remote_test) entry; /* daemon->remote_tests */
	struct daemon *daemon;
	uint32_t remote;
	char name[REMOTE_NAME_MAX + 1];
	uint64_t asked; /* the number of the request, 0: none */
	bool answered, put;
	enum test_step step;
	struct mono since;
	char object[OBJECT_NAME_MAX + 1];
	uint8_t bytes[TEST_BYTES];
	struct object_answer answer;
};

void
remote_test_answer(struct daemon *d, struct object_answer *answer)
{
	struct remote_test *t;

	LIST_FOREACH (t, &d->remote_tests, entry)
		if (t->asked == answer->request && !t->answered) {
			t->answer = *answer;
			t->answered = true;
			answer->entries = NULL;
			answer->entries_len = 0;
			answer->bytes = (struct buf){ 0 };
		}
}

static void
step_ask(struct remote_test *t, enum test_step step)
{
	struct object_request request = {
		.remote = t->remote, .op = step_ops[step], .max = TEST_BYTES
	};

	request.request = t->asked = ++t->daemon->remote_request;
	strlcpy(request.name, t->object, sizeof(request.name));
	buf_init(&request.bytes, OBJECT_BYTES_MAX);
	if (step == TEST_PUT)
		buf_add(&request.bytes, BYTES_OF(t->bytes));
	t->put |= step == TEST_PUT;
	t->answered = false;
	remotes_ask(t->daemon, &request);
}

static void
test_free(void *state)
{
	struct remote_test *t = state;

	/* Nobody waits for this answer. */
	if (t->put && !t->daemon->stopping)
		step_ask(t, TEST_DELETE);
	LIST_REMOVE(t, entry);
	object_answer_clear(&t->answer);
	free(t);
}

/* Whether the answer is what it should be. */
static lk_err
step_check(const struct remote_test *t)
{
	const struct object_answer *a = &t->answer;

	if (t->step == TEST_LIST &&
	    (a->entries_len != 1 ||
		strcmp(a->entries[0].name, t->object) != 0 ||
		a->entries[0].size != TEST_BYTES))
		return LK_ERR(LK_E_DATA, "what was put is not in the list");
	if (t->step == TEST_GET &&
	    !bytes_equal(buf_bytes(&a->bytes), BYTES_OF(t->bytes)))
		return LK_ERR(LK_E_DATA, "what is read is not what was put");
	return LK_NONE;
}

static lk_err
step_fail(struct request *r, struct remote_test *t, lk_err err)
{
	const char *why = t->answer.why;

	request_detail(r, "step", json_object_new_string(step_words[t->step]));
	return request_fail(r, err, "%s: %s: %s", t->name, step_words[t->step],
	    why[0] != '\0' ? why : err.what);
}

static lk_err
test_poll(struct request *r, bool *done)
{
	struct remote_test *t = r->state;
	lk_err err;

	if (!t->answered)
		return LK_NONE;
	err = t->answer.err;
	if (err.code == LK_OK)
		err = step_check(t);
	if (err.code != LK_OK)
		return step_fail(r, t, err);
	json_add_number(r->result, step_words[t->step],
	    (uint64_t)(r->now.mono.ms - t->since.ms));
	object_answer_clear(&t->answer);
	t->put &= t->step != TEST_DELETE;
	t->since = r->now.mono;
	if (++t->step == TEST_DONE)
		*done = true;
	else
		step_ask(t, t->step);
	return LK_NONE;
}

static lk_err
remote_test(struct request *r)
{
	struct random random = daemon_random(r->daemon);
	struct mono deadline = { .ms = r->now.mono.ms + TEST_MS };
	const struct remote_known *k;
	struct remote_test *t;
	struct remotes all;
	uint8_t id[8];
	char hex[2 * sizeof(id) + 1];

	TRY(remote_named(r, &all, &k));
	if (strcmp(kind_word(k->url), "relay") == 0)
		return request_fail(r, LK_ERR(LK_E_USAGE, "remote"),
		    "%s: a relay keeps no objects", k->name);
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return LK_ERR(LK_E_NOMEM, "remote");
	t->daemon = r->daemon;
	t->remote = k->number;
	t->since = r->now.mono;
	strlcpy(t->name, k->name, sizeof(t->name));
	random_fill(&random, id, sizeof(id));
	random_fill(&random, t->bytes, sizeof(t->bytes));
	hex_encode(hex, BYTES_OF(id));
	snprintf(t->object, sizeof(t->object), OBJECT_ROOT "/test-%s", hex);
	LIST_INSERT_HEAD(&r->daemon->remote_tests, t, entry);
	json_add_text(r->result, "name", k->name);
	json_add_text(r->result, "kind", kind_word(k->url));
	json_add_number(r->result, "bytes", TEST_BYTES);
	step_ask(t, TEST_PUT);
	request_defer(r, test_poll, deadline, t, test_free);
	return LK_NONE;
}

static const struct command table[] = {
	{ "remote.list", remote_list, COMMAND_IDENTITY },
	{ "remote.add", remote_add, COMMAND_IDENTITY | COMMAND_WRITES },
	{ "remote.rm", remote_rm, COMMAND_IDENTITY | COMMAND_WRITES },
	{ "remote.test", remote_test, COMMAND_IDENTITY },
	{ NULL, NULL, 0 },
};

const struct command *const commands_remote = table;
