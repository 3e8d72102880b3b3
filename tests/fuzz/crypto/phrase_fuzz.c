#include <ctype.h>
#include <string.h>

#include "crypto/phrase.h"
#include "crypto/random.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* What decodes is, apart from case and white space, what encodes again. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t entropy[PHRASE_ENTROPY_LEN];
	char text[PHRASE_TEXT_LEN];
	size_t at = 0;

	if (phrase_decode(entropy, BYTES(data, size)).code == LK_OK) {
		phrase_encode(text, entropy);
		for (size_t i = 0; i < size; i++) {
			if (isspace(data[i]))
				continue;
			if (text[at] == ' ')
				at++;
			LK_ASSERT(text[at++] == tolower(data[i]));
		}
		LK_ASSERT(at == PHRASE_TEXT_LEN - 1);
	}
	/* Any sixteen bytes are a phrase. */
	if (size >= PHRASE_ENTROPY_LEN) {
		uint8_t back[PHRASE_ENTROPY_LEN];

		phrase_encode(text, data);
		LK_ASSERT(phrase_decode(back, BYTES_STR(text)).code == LK_OK);
		LK_ASSERT(memcmp(back, data, sizeof(back)) == 0);
	}
	return 0;
}
