/* Letters: any bytes; and any plain text, sealed with the right key. */
#include <string.h>

#include "crypto/random.h"
#include "sync/mail.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mail_route route = { .slot = { 2 }, .key = { 3 } };
	BUF_SCOPED plain = { .max = MAIL_PLAIN_MAX };
	BUF_SCOPED opened = { .max = MAIL_PLAIN_MAX };
	BUF_SCOPED letter = { .max = MAIL_MAX };
	struct mail_item item;
	size_t held = 0;
	struct rd rd;

	LK_ASSERT(crypto_start().code == LK_OK);
	LK_ASSERT(mail_open(&plain, &route, BYTES(data, size)).code != LK_OK);
	if (mail_seal(&letter, &route, BYTES(data, size)).code != LK_OK)
		return 0;
	LK_ASSERT(letter.len <= MAIL_MAX);
	LK_ASSERT(mail_open(&opened, &route, buf_bytes(&letter)).code == LK_OK);
	LK_ASSERT(size == 0 || memcmp(opened.ptr, data, size) == 0);
	rd = rd_over(buf_bytes(&opened));
	while (mail_next(&rd, &item))
		held += MAIL_ITEM_LEN(item.body.len);
	LK_ASSERT(held <= opened.len);
	return 0;
}
