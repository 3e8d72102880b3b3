#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/remote_url.h"

static void
parse(struct remote_url *u, const char *text)
{
	memset(u, 0xa5, sizeof(*u));
	assert_int_equal(remote_url_parse(u, text).code, LK_OK);
}

static void
a_folder_is_an_absolute_path(void **state)
{
	struct remote_url u;

	(void)state;
	parse(&u, "file:///media/stick");
	assert_int_equal(u.kind, REMOTE_URL_FOLDER);
	assert_string_equal(u.path, "/media/stick");
	parse(&u, "file:///media/My%20stick/%C3%A4//");
	assert_string_equal(u.path, "/media/My stick/ä");
	parse(&u, "file:///");
	assert_string_equal(u.path, "/");
}

static void
a_bucket_of_amazon_has_a_name_of_its_own(void **state)
{
	struct remote_url u;

	(void)state;
	parse(&u, "s3://notes");
	assert_int_equal(u.kind, REMOTE_URL_BUCKET);
	assert_string_equal(u.bucket, "notes");
	assert_string_equal(u.prefix, "");
	assert_string_equal(u.host, "");
	assert_string_equal(u.region, "");
	assert_false(u.path_style || u.plain);
	parse(&u, "s3://notes/my/lk?region=eu-central-1&profile=home");
	assert_string_equal(u.prefix, "my/lk/");
	assert_string_equal(u.region, "eu-central-1");
	assert_string_equal(u.profile, "home");
	parse(&u, "s3://my.notes/");
	assert_true(u.path_style);
	parse(&u, "s3://my.notes/?style=virtual");
	assert_false(u.path_style);
}

static void
an_endpoint_of_ones_own_has_paths_unless_it_says_otherwise(void **state)
{
	struct remote_url u;

	(void)state;
	parse(&u, "s3://notes/?endpoint=http://127.0.0.1:9000");
	assert_string_equal(u.host, "127.0.0.1:9000");
	assert_true(u.plain && u.path_style);
	parse(&u, "s3://notes/a?style=virtual&endpoint=https://[::1]:9/");
	assert_string_equal(u.host, "[::1]:9");
	assert_false(u.plain || u.path_style);
	parse(&u, "s3://notes/a?endpoint=minio.example.org");
	assert_string_equal(u.host, "minio.example.org");
	assert_false(u.plain);
}

#define KEY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void
a_relay_has_a_key_a_place_and_perhaps_an_invitation(void **state)
{
	struct remote_url u;

	(void)state;
	parse(&u, "relay://" KEY "@example.org:4711");
	assert_int_equal(u.kind, REMOTE_URL_RELAY);
	assert_string_equal(u.host, "example.org:4711");
	assert_int_equal(u.relay_key[31], 0xef);
	assert_false(u.invited || u.has_account);
	parse(&u,
	    "relay://" KEY "@[fd00::2]:7"
	    "?invite=0123456789abcdef0123456789abcdef");
	assert_string_equal(u.host, "[fd00::2]:7");
	assert_true(u.invited);
	assert_int_equal(u.invite[15], 0xef);
	parse(&u, "relay://" KEY "@10.0.0.1:7?account=" KEY);
	assert_string_equal(u.host, "10.0.0.1:7");
	assert_true(u.has_account && !u.invited);
	assert_int_equal(u.account[0], 0x01);
}

static void
everything_else_is_refused_in_words(void **state)
{
	static const char *const bad[] = { "", "/media/stick", "file://",
		"file://stick", "file:///a%0", "file:///a%00", "file:///%ff",
		"file:///a\nb", "s3://", "s3://ab", "s3://Notes", "s3://no_tes",
		"s3://-notes", "s3://AKIA:secret@notes/x", "s3://notes/../x",
		"s3://notes//x", "s3://notes/./", "s3://notes/x//y",
		"s3://notes?style=both", "s3://notes?x=y",
		"s3://notes?endpoint=ftp://h", "s3://notes?endpoint=http://",
		"s3://notes?endpoint=https://h/path",
		"s3://notes?endpoint=https://a:b@h",
		"s3://notes?region=", "s3://notes?region=a/b", "relay://",
		"relay://a b", "relay://KEY@h:1", "relay://" KEY "@h",
		"relay://" KEY "h:1", "relay://" KEY "@h:1?invite=00",
		"relay://" KEY "@h:1?account=00", "relay://" KEY "@h:1?x=y",
		"relay://" KEY "@", "http://x", "S3://notes" };
	struct remote_url u;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		lk_err err = remote_url_parse(&u, bad[i]);

		assert_int_equal(err.code, LK_E_MALFORMED);
		assert_true(strlen(err.what) > 0);
	}
	/* A line that was not copied to its end. */
	assert_non_null(
	    strstr(remote_url_parse(&u, "relay://" KEY "@h:1?invite=00").what,
		"copy all of it"));
}

static void
what_is_too_long_is_refused(void **state)
{
	char text[REMOTE_URL_MAX + 2];
	struct remote_url u;

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "file:///", 8);
	assert_int_equal(remote_url_parse(&u, text).code, LK_E_LIMIT);
	text[REMOTE_URL_MAX] = '\0';
	assert_int_equal(remote_url_parse(&u, text).code, LK_OK);
	memcpy(text, "s3://notes/", 11);
	assert_int_equal(remote_url_parse(&u, text).code, LK_E_MALFORMED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_folder_is_an_absolute_path),
		cmocka_unit_test(a_bucket_of_amazon_has_a_name_of_its_own),
		cmocka_unit_test(
		    an_endpoint_of_ones_own_has_paths_unless_it_says_otherwise),
		cmocka_unit_test(
		    a_relay_has_a_key_a_place_and_perhaps_an_invitation),
		cmocka_unit_test(everything_else_is_refused_in_words),
		cmocka_unit_test(what_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
