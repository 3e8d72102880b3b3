#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "net/credentials.h"

static const char keys[] = "aws_access_key_id=OUTSIDE\n"
			   "# [default]\n"
			   "[default]\n"
			   "aws_access_key_id = ID\n"
			   "aws_secret_access_key=se/cr+et==\r\n"
			   "  region =  eu-west-1 \n"
			   "unknown = 1\n"
			   "no equals sign\n"
			   "[ work ]\n"
			   "aws_access_key_id=ID2\n"
			   "aws_secret_access_key=S2\n"
			   "aws_session_token=T2\n"
			   "[half]\n"
			   "aws_access_key_id=ID3\n";

static void
parse(struct credentials *c, const char *text, const char *profile,
    enum credentials_file kind)
{
	memset(c, 0, sizeof(*c));
	credentials_parse(c, BYTES_STR(text), profile, kind);
}

static void
a_profile_is_read_and_no_other(void **state)
{
	struct credentials c;

	(void)state;
	parse(&c, keys, "default", CREDENTIALS_KEYS);
	assert_string_equal(c.id, "ID");
	assert_string_equal(c.secret, "se/cr+et==");
	assert_string_equal(c.token, "");
	assert_string_equal(c.region, "eu-west-1");
	parse(&c, keys, "work", CREDENTIALS_KEYS);
	assert_string_equal(c.id, "ID2");
	assert_string_equal(c.token, "T2");
	assert_string_equal(c.region, "");
	parse(&c, keys, "none", CREDENTIALS_KEYS);
	assert_string_equal(c.id, "");
	parse(&c, keys, "half", CREDENTIALS_KEYS);
	assert_string_equal(c.id, "");
}

static void
in_the_configuration_profiles_are_called_so(void **state)
{
	static const char config[] = "[default]\nregion=a\n"
				     "[work]\nregion=b\n"
				     "[profile work]\nregion=c\n"
				     "[profilework]\nregion=d\n";
	struct credentials c;

	(void)state;
	parse(&c, config, "default", CREDENTIALS_CONFIG);
	assert_string_equal(c.region, "a");
	parse(&c, config, "work", CREDENTIALS_CONFIG);
	assert_string_equal(c.region, "c");
}

static void
keys_are_not_mixed(void **state)
{
	struct credentials c = { .id = "MINE", .secret = "S" };

	(void)state;
	credentials_parse(&c, BYTES_STR(keys), "work", CREDENTIALS_KEYS);
	assert_string_equal(c.id, "MINE");
	assert_string_equal(c.secret, "S");
	assert_string_equal(c.token, "");
	credentials_parse(&c, BYTES_STR(keys), "default", CREDENTIALS_KEYS);
	assert_string_equal(c.region, "eu-west-1");
}

static void
what_could_not_stand_in_a_header_is_not_taken(void **state)
{
	char text[CREDENTIAL_MAX + 128] = "[default]\naws_access_key_id=";
	struct credentials c;
	size_t len = strlen(text);

	(void)state;
	memset(text + len, 'a', CREDENTIAL_MAX + 1);
	strlcat(text, "\naws_secret_access_key=b\n", sizeof(text));
	parse(&c, text, "default", CREDENTIALS_KEYS);
	assert_string_equal(c.id, "");
	parse(&c, "[default]\naws_access_key_id=a b\naws_secret_access_key=c",
	    "default", CREDENTIALS_KEYS);
	assert_string_equal(c.id, "");
	parse(&c, "[default]\naws_access_key_id=a\001\naws_secret_access_key=c",
	    "default", CREDENTIALS_KEYS);
	assert_string_equal(c.id, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_profile_is_read_and_no_other),
		cmocka_unit_test(in_the_configuration_profiles_are_called_so),
		cmocka_unit_test(keys_are_not_mixed),
		cmocka_unit_test(what_could_not_stand_in_a_header_is_not_taken),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
