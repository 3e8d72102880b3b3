#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/base58.h"

/* From the first draft of the specification of base58. */
static const struct {
	const char *hex, *text;
} known[] = {
	{ "", "" },
	{ "00", "1" },
	{ "61", "2g" },
	{ "0000287fb4cd", "11233QC4" },
	{ "48656c6c6f20576f726c6421", "2NEpo7TZRRrLZSi2U" },
	{ "54686520717569636b2062726f776e20666f78206a756d7073206f7665722074686"
	  "5206c617a7920646f672e",
	    "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z" },
};

static void
known_numbers_are_written_and_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		uint8_t bytes[64];
		size_t n = strlen(known[i].hex) / 2;
		BUF_SCOPED text = { .max = 1024 };
		BUF_SCOPED back = { .max = 1024 };

		assert_true(hex_decode(bytes, n, known[i].hex));
		base58_encode(&text, BYTES(bytes, n));
		assert_true(
		    bytes_equal(buf_bytes(&text), BYTES_STR(known[i].text)));
		assert_int_equal(
		    base58_decode(&back, BYTES_STR(known[i].text)).code, LK_OK);
		assert_true(bytes_equal(buf_bytes(&back), BYTES(bytes, n)));
	}
}

static void
every_length_survives(void **state)
{
	static const uint8_t fills[] = { 0, 1, 57, 58, 0x80, 0xff };
	uint8_t bytes[BASE58_BYTES_MAX];

	(void)state;
	for (size_t f = 0; f < sizeof(fills); f++) {
		memset(bytes, fills[f], sizeof(bytes));
		for (size_t n = 0; n <= sizeof(bytes); n++) {
			BUF_SCOPED text = { .max = 1024 };
			BUF_SCOPED back = { .max = 1024 };

			base58_encode(&text, BYTES(bytes, n));
			assert_true(text.len <= BASE58_LEN(n));
			if (text.len > BASE58_BYTES_MAX)
				continue;
			assert_int_equal(
			    base58_decode(&back, buf_bytes(&text)).code, LK_OK);
			assert_true(
			    bytes_equal(buf_bytes(&back), BYTES(bytes, n)));
		}
	}
}

static void
other_characters_are_refused(void **state)
{
	BUF_SCOPED out = { .max = 1024 };
	char many[BASE58_BYTES_MAX + 2] = { 0 };

	(void)state;
	for (int c = 0; c < 256; c++) {
		uint8_t text[3] = { '2', (uint8_t)c, '3' };
		bool digit = c != 0 &&
		    strchr("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrs"
			   "tuvwxyz",
			c) != NULL;

		buf_reset(&out);
		assert_int_equal(base58_decode(&out, BYTES(text, 3)).code,
		    digit ? LK_OK : LK_E_MALFORMED);
		assert_int_equal(out.len > 0, digit);
	}
	memset(many, 'z', sizeof(many) - 1);
	buf_reset(&out);
	assert_int_equal(base58_decode(&out, BYTES_STR(many)).code, LK_E_LIMIT);
	assert_int_equal(out.len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_numbers_are_written_and_read),
		cmocka_unit_test(every_length_survives),
		cmocka_unit_test(other_characters_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
