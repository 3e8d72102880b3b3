/*
 * Files of credentials: what is taken out of one can stand in a header.
 */
#include <string.h>

#include "net/credentials.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(const char *text)
{
	for (; *text != '\0'; text++)
		LK_ASSERT(*text > ' ' && *text <= '~');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int kind = CREDENTIALS_KEYS; kind <= CREDENTIALS_CONFIG; kind++) {
		struct credentials c = { 0 };

		credentials_parse(
		    &c, BYTES(data, size), "work", (enum credentials_file)kind);
		check(c.id);
		check(c.secret);
		check(c.token);
		check(c.region);
		LK_ASSERT((c.id[0] == '\0') == (c.secret[0] == '\0'));
	}
	return (0);
}
