#include <string.h>

#include "sync/message.h"
#include "sync/relay_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define OUT_MAX (256u * 1024)

static const uint8_t h[RELAY_HASH_LEN] = { 1 };
static const struct sign_key nobody;

static void
register_fuzz(struct bytes in, struct buf *out)
{
	struct relay_register m;

	if (relay_register_decode(&m, in).code != LK_OK)
		return;
	relay_register_encode(out, &m, &nobody, h);
	LK_ASSERT(out->len == in.len);
	LK_ASSERT(memcmp(out->ptr, in.ptr,
		      in.len - (m.sig == NULL ? 0 : SIGN_LEN)) == 0);
	if (m.sig != NULL)
		LK_ASSERT(!relay_register_verify(&m, m.account, h));
	for (size_t i = 0; m.what == RELAY_CREDENTIALS && i < m.len; i++)
		LK_ASSERT(relay_credential(&m, i).scope != RELAY_REFUSED);
}

/* What strangers send to a relay. */
static void
asked_fuzz(uint8_t type, struct bytes in, struct buf *out)
{
	struct mailbox_put put;
	struct mailbox_delete gone;
	struct relay_open m;
	const uint8_t *name;

	if (type == MSG_RELAY_OPEN && relay_open_decode(&m, in).code == LK_OK)
		LK_ASSERT(!relay_open_verify(&m, h));
	if (type == MSG_RELAY_REGISTER)
		register_fuzz(in, out);
	if (type == MSG_RELAY_PURGE)
		(void)relay_purge_decode(&name, in).code;
	if (type == MSG_MAILBOX_GET)
		(void)mailbox_get_decode(&name, in).code;
	if (type == MSG_MAILBOX_DELETE &&
	    mailbox_delete_decode(&gone, in).code == LK_OK)
		LK_ASSERT(gone.len >= 1 && gone.len <= MAILBOX_LETTERS_MAX);
	if (type == MSG_MAILBOX_PUT &&
	    mailbox_put_decode(&put, in).code == LK_OK) {
		mailbox_put_encode(out, &put);
		LK_ASSERT(bytes_equal(buf_bytes(out), in));
	}
}

static bool
fixed_answer(uint8_t type, struct bytes in, struct buf *out)
{
	struct relay_registered registered;
	struct mailbox_posted posted;
	struct relay_opened opened;
	struct relay_stored stored;
	struct relay_quota quota;

	if (type == MSG_RELAY_OPEN &&
	    relay_opened_decode(&opened, in).code == LK_OK)
		relay_opened_encode(out, &opened);
	else if (type == MSG_RELAY_REGISTER &&
	    relay_registered_decode(&registered, in).code == LK_OK)
		relay_registered_encode(out, &registered);
	else if (type == MSG_RELAY_STORED &&
	    relay_stored_decode(&stored, in).code == LK_OK)
		relay_stored_encode(out, &stored);
	else if (type == MSG_RELAY_QUOTA &&
	    relay_quota_decode(&quota, in).code == LK_OK)
		relay_quota_encode(out, &quota);
	else if (type == MSG_MAILBOX_PUT &&
	    mailbox_posted_decode(&posted, in).code == LK_OK)
		mailbox_posted_encode(out, &posted);
	else
		return false;
	return true;
}

/* What a relay answers, who may be anybody's. */
static void
answered_fuzz(uint8_t type, struct bytes in, struct buf *out)
{
	struct mailbox_content content;
	struct mailbox_letter letter;

	if (type == MSG_MAILBOX_GET &&
	    mailbox_content_decode(&content, in).code == LK_OK) {
		mailbox_content_encode(out, content.slot, content.len);
		while (mailbox_letter_next(&content, &letter))
			mailbox_letter_encode(out, &letter);
	} else if (!fixed_answer(type, in, out)) {
		return;
	}
	LK_ASSERT(bytes_equal(buf_bytes(out), in));
}

/* The first byte is the type of the message with 128 for an answer, the rest
 * its body. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes body;
	BUF_SCOPED out = { 0 };

	buf_init(&out, OUT_MAX);
	if (size < 1)
		return 0;
	body = BYTES(data + 1, size - 1);
	if (data[0] & 128)
		answered_fuzz(data[0] & 127, body, &out);
	else
		asked_fuzz(data[0], body, &out);
	return 0;
}
