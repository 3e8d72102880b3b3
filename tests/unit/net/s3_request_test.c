#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "net/s3_request.h"

#define NOON INT64_C(1440938160000) /* 2015-08-30 12:36 */

static void
assert_url(const char *address, const char *region, enum object_op op,
    const char *last, const char *wanted)
{
	static const struct credentials keys = { .id = "ID", .secret = "S" };
	struct object_request r = { .op = op, .name = "lk1/a", .after = "" };
	struct remote_url url;
	struct s3_where where = { .url = &url, .keys = &keys };
	struct s3_message m;

	where.wall_ms = NOON;
	assert_int_equal(remote_url_parse(&url, address).code, LK_OK);
	strlcpy(where.region, region, sizeof(where.region));
	assert_int_equal(s3_message_make(&m, &where, &r, last).code, LK_OK);
	assert_string_equal((const char *)m.url.ptr, wanted);
	assert_string_equal(m.headers[1], "x-amz-date: 20150830T123600Z");
	assert_non_null(strstr(m.headers[3],
	    "Authorization: AWS4-HMAC-SHA256 Credential=ID/20150830/"));
	assert_null(m.headers[4]);
	s3_message_clear(&m);
}

static void
amazon_has_a_name_for_each_region_and_bucket(void **state)
{
	(void)state;
	assert_url("s3://notes/p", "eu-west-1", OBJECT_GET, "",
	    "https://notes.s3.eu-west-1.amazonaws.com/p/lk1/a");
	assert_url("s3://my.notes", "us-east-1", OBJECT_PUT, "",
	    "https://s3.us-east-1.amazonaws.com/my.notes/lk1/a");
	assert_url("s3://notes", "cn-north-1", OBJECT_DELETE, "",
	    "https://notes.s3.cn-north-1.amazonaws.com.cn/lk1/a");
}

static void
a_store_is_asked_where_it_is(void **state)
{
	(void)state;
	assert_url("s3://notes/a%20b?endpoint=http://h:9000", "r", OBJECT_GET,
	    "", "http://h:9000/notes/a%20b/lk1/a");
	assert_url("s3://notes?endpoint=https://h&style=virtual", "r",
	    OBJECT_GET, "", "https://notes.h/lk1/a");
	assert_url("s3://notes/p?endpoint=h", "r", OBJECT_LIST, "",
	    "https://h/notes?list-type=2&max-keys=1000&prefix=p%2Flk1%2Fa");
	assert_url("s3://notes?endpoint=h&style=virtual", "r", OBJECT_LIST,
	    "lk1/~ ",
	    "https://notes.h/?list-type=2&max-keys=1000&prefix=lk1%2Fa"
	    "&start-after=lk1%2F~%20");
}

static void
a_session_token_is_sent_and_signed(void **state)
{
	static const struct credentials keys = {
		.id = "ID", .secret = "S", .token = "T/+="
	};
	struct object_request r = { .op = OBJECT_GET, .name = "lk1/a" };
	struct remote_url url;
	struct s3_where where = { .url = &url, .keys = &keys, .region = "r" };
	struct s3_message m;

	(void)state;
	assert_int_equal(remote_url_parse(&url, "s3://notes").code, LK_OK);
	assert_int_equal(s3_message_make(&m, &where, &r, "").code, LK_OK);
	assert_string_equal(m.headers[3], "x-amz-security-token: T/+=");
	assert_non_null(strstr(m.headers[4],
	    "SignedHeaders=host;x-amz-content-sha256;x-amz-date;"
	    "x-amz-security-token,"));
	s3_message_clear(&m);
}

struct judged {
	enum object_op op;
	int status;
	const char *code; /* of the answer, or NULL for one that is no XML */
	const char *region, *date;
	enum s3_verdict verdict;
	enum lk_code err;
};

static void
every_answer_has_one_meaning(void **state)
{
	static const char date[] = "Sun, 30 Aug 2015 12:36:00 GMT";
	static const struct judged all[] = {
		{ OBJECT_GET, 200, NULL, "", "", S3_DONE, LK_OK },
		{ OBJECT_DELETE, 204, NULL, "", "", S3_DONE, LK_OK },
		{ OBJECT_DELETE, 404, "NoSuchKey", "", "", S3_DONE, LK_OK },
		{ OBJECT_GET, 404, "NoSuchKey", "", "", S3_FAILED,
		    LK_E_NOTFOUND },
		{ OBJECT_GET, 404, NULL, "", "", S3_FAILED, LK_E_NOTFOUND },
		{ OBJECT_GET, 404, "NoSuchBucket", "", "", S3_FAILED,
		    LK_E_CONFIG },
		{ OBJECT_PUT, 404, NULL, "", "", S3_FAILED, LK_E_CONFIG },
		{ OBJECT_PUT, 403, "AccessDenied", "", "", S3_FAILED,
		    LK_E_DENIED },
		{ OBJECT_PUT, 403, NULL, "", "", S3_FAILED, LK_E_DENIED },
		{ OBJECT_PUT, 400, "ExpiredToken", "", "", S3_KEYS,
		    LK_E_DENIED },
		{ OBJECT_PUT, 403, "RequestTimeTooSkewed", "", date, S3_CLOCK,
		    LK_E_DENIED },
		{ OBJECT_PUT, 403, "RequestTimeTooSkewed", "", "yesterday",
		    S3_FAILED, LK_E_DENIED },
		{ OBJECT_PUT, 301, "PermanentRedirect", "eu-west-1", "",
		    S3_REGION, LK_E_CONFIG },
		{ OBJECT_PUT, 307, NULL, "eu-west-1", "", S3_REGION,
		    LK_E_CONFIG },
		{ OBJECT_PUT, 301, NULL, "", "", S3_FAILED, LK_E_CONFIG },
		{ OBJECT_PUT, 301, NULL, "../a", "", S3_FAILED, LK_E_CONFIG },
		{ OBJECT_PUT, 503, "SlowDown", "", "", S3_WAIT,
		    LK_E_UNAVAILABLE },
		{ OBJECT_PUT, 500, NULL, "", "", S3_WAIT, LK_E_UNAVAILABLE },
		{ OBJECT_PUT, 429, NULL, "", "", S3_WAIT, LK_E_UNAVAILABLE },
		{ OBJECT_PUT, 507, NULL, "", "", S3_FAILED, LK_E_FULL },
		{ OBJECT_PUT, 400, "Strange", "", "", S3_FAILED,
		    LK_E_UNAVAILABLE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct http_answer a = { .status = all[i].status,
			.body = { .max = 1024 } };
		struct s3_judgement j;

		if (all[i].code != NULL)
			buf_printf(&a.body, "<Error><Code>%s</Code></Error>",
			    all[i].code);
		else
			buf_str(&a.body, "Bad gateway");
		strlcpy(a.region, all[i].region, sizeof(a.region));
		strlcpy(a.date, all[i].date, sizeof(a.date));
		s3_judge(&j, all[i].op, &a);
		assert_int_equal(j.verdict, all[i].verdict);
		assert_int_equal(j.err.code, all[i].err);
		if (j.verdict == S3_CLOCK)
			assert_int_equal(j.wall_ms, NOON);
		if (j.verdict == S3_REGION)
			assert_string_equal(j.region, all[i].region);
		http_answer_clear(&a);
	}
}

static void
what_a_store_says_is_printable(void **state)
{
	struct http_answer a = { .status = 503, .body = { .max = 1024 } };
	struct s3_judgement j;

	(void)state;
	buf_str(&a.body,
	    "<Error><Code>&#27;[31m</Code><Message>\n\xc3\xa4"
	    "</Message></Error>");
	s3_judge(&j, OBJECT_GET, &a);
	assert_string_equal(j.why, "the bucket answers 503 ?[31m: ???");
	http_answer_clear(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(amazon_has_a_name_for_each_region_and_bucket),
		cmocka_unit_test(a_store_is_asked_where_it_is),
		cmocka_unit_test(a_session_token_is_sent_and_signed),
		cmocka_unit_test(every_answer_has_one_meaning),
		cmocka_unit_test(what_a_store_says_is_printable),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
