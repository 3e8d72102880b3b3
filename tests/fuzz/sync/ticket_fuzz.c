/*
 * Tickets: any text; and any binary with a good check, which random text would
 * never have.
 */
#include <string.h>

#include "crypto/digest.h"
#include "crypto/random.h"
#include "sync/ticket.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* What decodes encodes to something that decodes to the same. */
static void
decode_any(struct bytes text)
{
	BUF_SCOPED out = { .max = TICKET_TEXT_MAX };
	struct ticket t, got;
	ARENA_SCOPED arena = { 0 };

	arena_init(&arena, 64 * 1024);
	if (ticket_decode(&t, &arena, text).code != LK_OK)
		return;
	LK_ASSERT(ticket_encode(&out, &t).code == LK_OK);
	LK_ASSERT(ticket_decode(&got, &arena, buf_bytes(&out)).code == LK_OK);
	LK_ASSERT(got.purpose == t.purpose &&
	    got.addresses.len == t.addresses.len &&
	    memcmp(got.secret, t.secret, sizeof(t.secret)) == 0);
}

/* Base32 without a thought for speed. */
static void
checked_any(struct bytes binary)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	BUF_SCOPED all = { .max = TICKET_MAX };
	BUF_SCOPED text = { .max = TICKET_TEXT_MAX };
	uint8_t check[4];

	buf_add(&all, binary);
	digest(check, sizeof(check), DIGEST_TICKET, NULL, binary);
	buf_mem(&all, check, sizeof(check));
	buf_str(&text, "lk1-");
	for (size_t bit = 0; bit < all.len * 8; bit += 5) {
		unsigned d = 0;

		for (size_t b = bit; b < bit + 5; b++)
			d = d << 1 |
			    (b < all.len * 8 ? all.ptr[b / 8] >> (7 - b % 8) & 1
					     : 0);
		buf_u8(&text, (uint8_t)digits[d]);
	}
	if (!all.failed && !text.failed)
		decode_any(buf_bytes(&text));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LK_ASSERT(crypto_start().code == LK_OK);
	decode_any(BYTES(data, size));
	if (size <= TICKET_MAX - 4)
		checked_any(BYTES(data, size));
	return 0;
}
