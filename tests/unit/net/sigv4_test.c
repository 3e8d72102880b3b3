/*
 * Against vectors an independent implementation made (tests/remote/sigv4.py),
 * and against those of Amazon's own libraries where they are (LK_SHARED).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"
#include "net/sigv4.h"

#define FILE_MAX 4096
#define EMPTY_HASH \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const char *
text_of(json_object *o, const char *key)
{
	return json_object_get_string(json_object_object_get(o, key));
}

static size_t
pairs_of(struct sigv4_pair out[static SIGV4_PAIRS_MAX], json_object *list)
{
	size_t n = json_object_array_length(list);

	assert_true(n <= SIGV4_PAIRS_MAX);
	for (size_t i = 0; i < n; i++) {
		json_object *pair = json_object_array_get_idx(list, i);

		out[i].name =
		    json_object_get_string(json_object_array_get_idx(pair, 0));
		out[i].value =
		    json_object_get_string(json_object_array_get_idx(pair, 1));
	}
	return n;
}

static void
assert_text(struct buf *got, const char *wanted)
{
	buf_u8(got, '\0');
	assert_int_equal(buf_err(got, "sign").code, LK_OK);
	assert_string_equal((const char *)got->ptr, wanted);
	buf_clear(got);
}

static void
vector_check(json_object *v)
{
	struct sigv4_pair query[SIGV4_PAIRS_MAX], headers[SIGV4_PAIRS_MAX];
	struct sigv4_request r = { .method = text_of(v, "method"),
		.path = text_of(v, "path"),
		.query = query,
		.query_len =
		    pairs_of(query, json_object_object_get(v, "query")),
		.headers = headers,
		.headers_len =
		    pairs_of(headers, json_object_object_get(v, "headers")),
		.payload_hash = text_of(v, "payload_hash") };
	json_object *k = json_object_object_get(v, "key");
	struct sigv4_key key = { .id = text_of(k, "id"),
		.secret = text_of(k, "secret"),
		.region = text_of(k, "region"),
		.service = text_of(k, "service") };
	struct buf out = { .max = FILE_MAX };

	strlcpy(key.date, text_of(k, "date"), sizeof(key.date));
	sigv4_canonical(&out, &r);
	assert_text(&out, text_of(v, "canonical"));
	sigv4_authorize(&out, &r, &key);
	assert_text(&out, text_of(v, "authorization"));
}

static void
every_vector_of_an_independent_implementation_holds(void **state)
{
	json_object *root = json_object_from_file(
			LK_TEST_DATA "/sigv4/vectors.json"),
		    *list;

	(void)state;
	assert_non_null(root);
	list = json_object_object_get(root, "vectors");
	assert_true(json_object_array_length(list) > 0);
	for (size_t i = 0; i < json_object_array_length(list); i++)
		vector_check(json_object_array_get_idx(list, i));
	json_object_put(root);
}

/* One request of the shared vectors: HTTP, not quite as on a wire. */
struct plain_request {
	char text[FILE_MAX], path[FILE_MAX];
	struct sigv4_pair query[SIGV4_PAIRS_MAX], headers[SIGV4_PAIRS_MAX];
	struct sigv4_request r;
	char hash[SIGV4_HASH_LEN + 1];
};

static void
file_read(char out[static FILE_MAX], const char *dir, const char *name)
{
	char path[FILE_MAX];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "re");
	assert_non_null(f);
	n = fread(out, 1, FILE_MAX - 1, f);
	out[n] = '\0';
	fclose(f);
}

static void
query_cut(struct plain_request *p, char *at)
{
	for (char *pair; (pair = strsep(&at, "&")) != NULL;) {
		struct sigv4_pair *q = &p->query[p->r.query_len++];

		q->name = strsep(&pair, "=");
		q->value = pair == NULL ? "" : pair;
	}
}

static void
header_put(struct plain_request *p, const char *name, const char *value)
{
	assert_true(p->r.headers_len < SIGV4_PAIRS_MAX);
	p->headers[p->r.headers_len++] =
	    (struct sigv4_pair){ .name = name, .value = value };
}

static void
request_read(struct plain_request *p, const char *dir)
{
	char *at = p->text, *line, *query, *end;

	file_read(p->text, dir, "request.txt");
	p->r.query = p->query;
	p->r.headers = p->headers;
	line = strsep(&at, "\n");
	p->r.method = strsep(&line, " ");
	/* The target may have spaces. */
	end = strrchr(line, ' ');
	*end = '\0';
	query = strchr(line, '?');
	if (query != NULL) {
		*query = '\0';
		query_cut(p, query + 1);
	}
	p->r.path = line;
	while ((line = strsep(&at, "\n")) != NULL && line[0] != '\0') {
		char *value = line, *name = strsep(&value, ":");

		header_put(p, name, value);
	}
	strlcpy(p->hash, EMPTY_HASH, sizeof(p->hash));
	p->r.payload_hash = p->hash;
	if (at != NULL && at[0] != '\0') {
		uint8_t hash[SHA256_LEN];

		sha256(hash, BYTES_STR(at));
		hex_encode(p->hash, BYTES_OF(hash));
	}
}

/* "2015-08-30T12:36:00Z" without what is between the digits. */
static void
date_of(char out[static SIGV4_DATE_LEN + 1], const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		if (strchr("-:", *text) == NULL && n < SIGV4_DATE_LEN)
			out[n++] = *text;
	out[n] = '\0';
}

static void
shared_vector_check(const char *dir)
{
	char path[FILE_MAX], wanted[FILE_MAX], signature[FILE_MAX + 16];
	struct plain_request p = { .text = "" };
	struct buf out = { .max = FILE_MAX };
	struct sigv4_key key = { 0 };
	json_object *context, *who;

	snprintf(path, sizeof(path), "%s/context.json", dir);
	context = json_object_from_file(path);
	assert_non_null(context);
	who = json_object_object_get(context, "credentials");
	key.id = text_of(who, "access_key_id");
	key.secret = text_of(who, "secret_access_key");
	key.region = text_of(context, "region");
	key.service = text_of(context, "service");
	date_of(key.date, text_of(context, "timestamp"));
	request_read(&p, dir);
	header_put(&p, "X-Amz-Date", key.date);
	if (json_object_get_boolean(
		json_object_object_get(context, "sign_body")))
		header_put(&p, "x-amz-content-sha256", p.hash);
	if (text_of(who, "token") != NULL)
		header_put(&p, "X-Amz-Security-Token", text_of(who, "token"));
	file_read(wanted, dir, "header-canonical-request.txt");
	sigv4_canonical(&out, &p.r);
	assert_text(&out, wanted);
	file_read(wanted, dir, "header-string-to-sign.txt");
	sigv4_to_sign(&out, &p.r, &key);
	assert_text(&out, wanted);
	file_read(wanted, dir, "header-signature.txt");
	sigv4_authorize(&out, &p.r, &key);
	buf_u8(&out, '\0');
	snprintf(signature, sizeof(signature), "Signature=%s", wanted);
	assert_non_null(strstr((const char *)out.ptr, signature));
	buf_clear(&out);
	json_object_put(context);
}

static void
every_vector_of_amazons_libraries_holds(void **state)
{
	static const char *const names[] = { "get-header-value-trim",
		"get-space-unnormalized", "get-unreserved", "get-utf8",
		"get-vanilla", "get-vanilla-query",
		"get-vanilla-query-order-key-case",
		"get-vanilla-query-unreserved", "get-vanilla-utf8-query",
		"get-vanilla-with-session-token", "post-vanilla",
		"post-x-www-form-urlencoded" };
	const char *shared = getenv("LK_SHARED");
	char dir[FILE_MAX];

	(void)state;
	if (shared == NULL) {
		print_message("data/sigv4: not there, set LK_SHARED\n");
		return;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(
		    dir, sizeof(dir), "%s/data/sigv4/%s", shared, names[i]);
		shared_vector_check(dir);
	}
}

static void
a_date_is_written_without_anything_between(void **state)
{
	char date[SIGV4_DATE_LEN + 1];

	(void)state;
	sigv4_date(date, INT64_C(1440938160000));
	assert_string_equal(date, "20150830T123600Z");
	sigv4_date(date, INT64_MAX);
	assert_int_equal(strlen(date), SIGV4_DATE_LEN);
}

static void
what_does_not_fit_is_not_signed(void **state)
{
	static char path[100 * 1024];
	struct sigv4_pair headers[] = { { "host", "h" } };
	struct sigv4_request r = { .method = "GET",
		.path = path,
		.headers = headers,
		.headers_len = 1,
		.payload_hash = EMPTY_HASH };
	struct sigv4_key key = { "a", "b", "c", "s3", "20150830T123600Z" };
	struct buf out = { .max = FILE_MAX };

	(void)state;
	memset(path, 'a', sizeof(path) - 1);
	sigv4_authorize(&out, &r, &key);
	assert_int_equal(buf_err(&out, "sign").code, LK_E_LIMIT);
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    every_vector_of_an_independent_implementation_holds),
		cmocka_unit_test(every_vector_of_amazons_libraries_holds),
		cmocka_unit_test(a_date_is_written_without_anything_between),
		cmocka_unit_test(what_does_not_fit_is_not_signed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
