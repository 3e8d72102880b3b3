#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "net/s3_xml.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

static const char list[] =
    HEAD "<!-- a list --><ListBucketResult xmlns='http://s3/'>\n"
	 "  <Name>notes</Name><Prefix/><IsTruncated>true</IsTruncated >\n"
	 "  <Contents><Key>p&amp;q/lk1/b</Key><ETag>&quot;x&quot;</ETag>"
	 "<Owner><ID>1</ID></Owner><Size>12</Size></Contents>\n"
	 "  <Contents>\n <Key>p&#38;q/lk1/a</Key>\n <Size>0</Size>\n"
	 "  </Contents>\n"
	 "  <Contents><Size>7</Size><Key>p&#x26;q/z</Key></Contents>\n"
	 "</ListBucketResult>\n";

static lk_err
page_of(struct s3_page *page, struct bytes in)
{
	struct object_request r = { .op = OBJECT_LIST };

	return (s3_page_parse(page, in, "p&q/", &r));
}

static int
page_make(void **state)
{
	struct s3_page *page = calloc(1, sizeof(*page));

	assert_non_null(page);
	page->entries = calloc(OBJECT_LIST_MAX, sizeof(*page->entries));
	assert_non_null(page->entries);
	*state = page;
	return (0);
}

static int
page_free(void **state)
{
	struct s3_page *page = *state;

	free(page->entries);
	free(page);
	return (0);
}

static void
a_list_is_read(void **state)
{
	struct s3_page *page = *state;

	assert_int_equal(page_of(page, BYTES_STR(list)).code, LK_OK);
	assert_int_equal(page->entries_len, 2);
	assert_string_equal(page->entries[0].name, "lk1/a");
	assert_int_equal(page->entries[0].size, 0);
	assert_string_equal(page->entries[1].name, "lk1/b");
	assert_int_equal(page->entries[1].size, 12);
	assert_true(page->more);
	assert_string_equal(page->last, "p&q/z");
}

static void
every_proper_prefix_is_malformed(void **state)
{
	/* Without the newline behind it, it is whole. */
	for (size_t n = 0; n < sizeof(list) - 2; n++)
		assert_int_equal(
		    page_of(*state, BYTES((const uint8_t *)list, n)).code,
		    LK_E_MALFORMED);
}

static void
what_is_no_such_list_is_malformed(void **state)
{
	static const char *const bad[] = { "", " ", "text", HEAD, "<Error/>",
		"<ListBucketResult/>x", "<ListBucketResult/><a/>",
		"<ListBucketResult>&unknown;</ListBucketResult>",
		"<ListBucketResult>&#0;</ListBucketResult>",
		"<ListBucketResult>&#x110000;</ListBucketResult>",
		"<ListBucketResult>&#12345678;</ListBucketResult>",
		"<ListBucketResult>&#;</ListBucketResult>",
		"<ListBucketResult><![CDATA[x]]></ListBucketResult>",
		"<!DOCTYPE a><ListBucketResult/>",
		"<ListBucketResult><?x?></ListBucketResult>",
		"<ListBucketResult a></ListBucketResult>",
		"<ListBucketResult a=b></ListBucketResult>",
		"<ListBucketResult a='<'></ListBucketResult>",
		"<ListBucketResult></listBucketResult>",
		"<ListBucketResult>x<a/></ListBucketResult>",
		"<ListBucketResult><a/>x</ListBucketResult>",
		"<ListBucketResult><a></ListBucketResult></a>",
		"<a/><ListBucketResult/>" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(
		    page_of(*state, BYTES_STR(bad[i])).code, LK_E_MALFORMED);
	assert_int_equal(
	    page_of(*state, BYTES_STR("<ListBucketResult/>")).code, LK_OK);
}

static void
depth_and_texts_have_a_bound(void **state)
{
	BUF_SCOPED b = { .max = 65536 };

	for (int i = 0; i < 30; i++)
		buf_str(&b, "<a>");
	assert_int_equal(page_of(*state, buf_bytes(&b)).code, LK_E_MALFORMED);
	buf_reset(&b);
	buf_str(&b, "<ListBucketResult>");
	for (int i = 0; i < XML_TEXT_MAX + 1; i++)
		buf_u8(&b, 'x');
	buf_str(&b, "</ListBucketResult>");
	assert_int_equal(page_of(*state, buf_bytes(&b)).code, LK_E_MALFORMED);
	buf_reset(&b);
	buf_u8(&b, '<');
	for (int i = 0; i < XML_PATH_MAX; i++)
		buf_u8(&b, 'x');
	buf_str(&b, "/>");
	assert_int_equal(page_of(*state, buf_bytes(&b)).code, LK_E_MALFORMED);
}

static void
an_error_is_read_and_what_is_none_says_nothing(void **state)
{
	struct s3_error e;

	(void)state;
	s3_error_parse(&e,
	    BYTES_STR(HEAD "<Error><Code>NoSuchKey</Code><Message>not "
			   "&lt;here&gt; \xc3\xa4 &#xe4;&#x20ac;&#x1f600;"
			   "</Message><Region>eu-west-1</Region></Error>"));
	assert_string_equal(e.code, "NoSuchKey");
	assert_string_equal(e.message, "not <here> ä ä€😀");
	assert_string_equal(e.region, "eu-west-1");
	s3_error_parse(&e, BYTES_STR("<Error><Code>NoSuchKey</Code>"));
	assert_string_equal(e.code, "");
	s3_error_parse(&e, BYTES_STR("<html><body>Bad Gateway</body></html>"));
	assert_string_equal(e.code, "");
}

#define PAGE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, page_make, page_free)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PAGE_TEST(a_list_is_read),
		PAGE_TEST(every_proper_prefix_is_malformed),
		PAGE_TEST(what_is_no_such_list_is_malformed),
		PAGE_TEST(depth_and_texts_have_a_bound),
		PAGE_TEST(an_error_is_read_and_what_is_none_says_nothing),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
