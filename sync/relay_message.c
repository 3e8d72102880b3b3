#include "sync/relay_message.h"

#include <string.h>

#include "sync/message.h"

#define OPEN_LEN (4 + 2 * SIGN_PK_LEN + LK_TOPIC_LEN + SIGN_LEN)
#define REGISTER_LEN \
	(1 + LK_TOPIC_LEN + 1 + RELAY_CREDENTIALS_MAX * RELAY_CREDENTIAL_LEN)
#define SLOTS_LEN (2 + RELAY_SLOTS_MAX * RELAY_SLOT_LEN)
#define LETTER_HEAD 10
#define CONTENT_LEN           \
	(RELAY_SLOT_LEN + 1 + \
	    MAILBOX_LETTERS_MAX * (LETTER_HEAD + MAILBOX_LETTER_MAX))
#define SMALL 64

static uint32_t
greater(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

void
relay_body_max(uint32_t out[static 256])
{
	out[MSG_ACK] = RELAY_ACK_MAX;
	out[MSG_RELAY_OPEN] = OPEN_LEN;
	out[MSG_RELAY_REGISTER] = greater(REGISTER_LEN, SLOTS_LEN);
	out[MSG_RELAY_PURGE] = LK_TOPIC_LEN;
	out[MSG_RELAY_QUOTA] = 0;
	out[MSG_MAILBOX_PUT] = RELAY_SLOT_LEN + MAILBOX_LETTER_MAX;
	out[MSG_MAILBOX_GET] = RELAY_SLOT_LEN;
	out[MSG_MAILBOX_DELETE] = RELAY_SLOT_LEN + MAILBOX_LETTERS_MAX * 8;
}

void
relay_answer_max(uint32_t out[static 256])
{
	out[MSG_ACK] = RELAY_ACK_MAX;
	out[MSG_RELAY_OPEN] = SMALL;
	out[MSG_RELAY_REGISTER] = SMALL;
	out[MSG_RELAY_STORED] = 4 + RELAY_IDS_MAX * LK_ID_LEN;
	out[MSG_RELAY_PURGE] = LK_TOPIC_LEN;
	out[MSG_RELAY_QUOTA] = SMALL;
	out[MSG_MAILBOX_PUT] = SMALL;
	out[MSG_MAILBOX_GET] = CONTENT_LEN;
	out[MSG_MAILBOX_DELETE] = RELAY_SLOT_LEN + MAILBOX_LETTERS_MAX * 8;
}

/* What is signed: h, then what the message says. */
static void
signed_make(struct buf *b, const uint8_t *h, struct bytes said)
{
	buf_mem(b, h, RELAY_HASH_LEN);
	buf_add(b, said);
}

static void
open_signed(struct buf *b, const struct relay_open *m, const uint8_t *h)
{
	buf_mem(b, h, RELAY_HASH_LEN);
	buf_mem(b, m->account, SIGN_PK_LEN);
	buf_mem(b, m->topic, LK_TOPIC_LEN);
}

void
relay_open_encode(struct buf *b, const struct relay_open *m,
    const struct sign_key *credential, const uint8_t *h)
{
	uint8_t sig[SIGN_LEN];
	BUF_SCOPED said = { .max = 256 };

	open_signed(&said, m, h);
	sign(
	    sig, credential, SIGN_RELAY_OPEN, buf_bytes(&said), BYTES(NULL, 0));
	buf_u32(b, m->number);
	buf_mem(b, m->account, SIGN_PK_LEN);
	buf_mem(b, m->topic, LK_TOPIC_LEN);
	buf_mem(b, credential->pk, SIGN_PK_LEN);
	buf_mem(b, sig, SIGN_LEN);
}

lk_err
relay_open_decode(struct relay_open *out, struct bytes in)
{
	struct rd r = rd_over(in);
	struct relay_open m = { .number = rd_u32(&r) };

	m.account = rd_take(&r, SIGN_PK_LEN).ptr;
	m.topic = rd_take(&r, LK_TOPIC_LEN).ptr;
	m.pk = rd_take(&r, SIGN_PK_LEN).ptr;
	m.sig = rd_take(&r, SIGN_LEN).ptr;
	TRY(rd_end(&r, "OPEN"));
	if (m.number == UINT32_MAX)
		return LK_ERR(LK_E_MALFORMED, "OPEN number");
	*out = m;
	return LK_NONE;
}

bool
relay_open_verify(const struct relay_open *m, const uint8_t *h)
{
	BUF_SCOPED said = { .max = 256 };

	open_signed(&said, m, h);
	return !said.failed &&
	    sign_verify(m->sig, m->pk, SIGN_RELAY_OPEN, buf_bytes(&said),
		BYTES(NULL, 0));
}

void
relay_opened_encode(struct buf *b, const struct relay_opened *m)
{
	buf_u32(b, m->number);
	buf_u8(b, (uint8_t)m->scope);
}

lk_err
relay_opened_decode(struct relay_opened *out, struct bytes in)
{
	struct rd r = rd_over(in);
	uint32_t number = rd_u32(&r);
	uint8_t scope = rd_u8(&r);

	TRY(rd_end(&r, "OPEN answer"));
	if (scope > RELAY_KEYS)
		return LK_ERR(LK_E_MALFORMED, "OPEN answer");
	*out = (struct relay_opened){ .number = number, .scope = scope };
	return LK_NONE;
}

/* Everything but the signature. */
static void
register_said(struct buf *b, const struct relay_register *m)
{
	buf_u8(b, (uint8_t)m->what);
	switch (m->what) {
	case RELAY_LOGIN:
		buf_mem(b, m->account, SIGN_PK_LEN);
		break;
	case RELAY_CREATE:
		buf_mem(b, m->account, SIGN_PK_LEN);
		buf_mem(b, m->successor, SIGN_PK_LEN);
		buf_mem(b, m->invite, RELAY_INVITE_LEN);
		break;
	case RELAY_SUCCEED:
		buf_mem(b, m->account, SIGN_PK_LEN);
		buf_mem(b, m->key, SIGN_PK_LEN);
		buf_mem(b, m->successor, SIGN_PK_LEN);
		break;
	case RELAY_CREDENTIALS:
		buf_mem(b, m->topic, LK_TOPIC_LEN);
		buf_u8(b, (uint8_t)m->len);
		buf_mem(b, m->list, m->len * RELAY_CREDENTIAL_LEN);
		break;
	case RELAY_SLOTS:
	case RELAY_SLOTS_DROP:
	case RELAY_SLOTS_OPEN:
		buf_u8(b, (uint8_t)m->len);
		buf_mem(b, m->list, m->len * RELAY_SLOT_LEN);
		break;
	}
}

static bool
register_is_signed(enum relay_register_what what)
{
	return what == RELAY_LOGIN || what == RELAY_CREATE ||
	    what == RELAY_SUCCEED;
}

void
relay_register_encode(struct buf *b, const struct relay_register *m,
    const struct sign_key *signer, const uint8_t *h)
{
	uint8_t sig[SIGN_LEN];
	size_t from = b->len;
	BUF_SCOPED said = { .max = 256 };

	register_said(b, m);
	if (!register_is_signed(m->what) || b->failed)
		return;
	signed_make(&said, h, BYTES(b->ptr + from, b->len - from));
	sign(sig, signer, SIGN_RELAY_ACCOUNT, buf_bytes(&said), BYTES(NULL, 0));
	buf_mem(b, sig, SIGN_LEN);
}

bool
relay_register_verify(const struct relay_register *m,
    const uint8_t key[static SIGN_PK_LEN], const uint8_t *h)
{
	BUF_SCOPED said = { .max = 256 };

	LK_ASSERT(register_is_signed(m->what));
	buf_mem(&said, h, RELAY_HASH_LEN);
	register_said(&said, m);
	return !said.failed &&
	    sign_verify(m->sig, key, SIGN_RELAY_ACCOUNT, buf_bytes(&said),
		BYTES(NULL, 0));
}

struct relay_credential
relay_credential(const struct relay_register *m, size_t i)
{
	const uint8_t *at = m->list + i * RELAY_CREDENTIAL_LEN;

	return (struct relay_credential){ .pk = at, .scope = at[SIGN_PK_LEN] };
}

/* u8 n, n entries of that size, the first `key` bytes of each ascending. */
static lk_err
list_decode(struct relay_register *m, struct rd *r, size_t size, size_t key)
{
	m->len = rd_u8(r);
	m->list = rd_take(r, m->len * size).ptr;
	TRY(rd_end(r, "REGISTER"));
	if (m->len == 0)
		return LK_ERR(LK_E_MALFORMED, "REGISTER nothing");
	for (size_t i = 1; i < m->len; i++)
		if (memcmp(m->list + (i - 1) * size, m->list + i * size, key) >=
		    0)
			return LK_ERR(LK_E_MALFORMED, "REGISTER order");
	return LK_NONE;
}

static lk_err
credentials_decode(struct relay_register *m, struct rd *r)
{
	m->topic = rd_take(r, LK_TOPIC_LEN).ptr;
	TRY(list_decode(m, r, RELAY_CREDENTIAL_LEN, SIGN_PK_LEN));
	if (m->len > RELAY_CREDENTIALS_MAX)
		return LK_ERR(LK_E_LIMIT, "REGISTER");
	for (size_t i = 0; i < m->len; i++) {
		enum relay_scope scope = relay_credential(m, i).scope;

		if (scope < RELAY_FULL || scope > RELAY_KEYS)
			return LK_ERR(LK_E_MALFORMED, "REGISTER scope");
	}
	return LK_NONE;
}

static lk_err
account_decode(struct relay_register *m, struct rd *r)
{
	m->account = rd_take(r, SIGN_PK_LEN).ptr;
	if (m->what == RELAY_SUCCEED)
		m->key = rd_take(r, SIGN_PK_LEN).ptr;
	if (m->what != RELAY_LOGIN)
		m->successor = rd_take(r, SIGN_PK_LEN).ptr;
	if (m->what == RELAY_CREATE)
		m->invite = rd_take(r, RELAY_INVITE_LEN).ptr;
	m->sig = rd_take(r, SIGN_LEN).ptr;
	return rd_end(r, "REGISTER");
}

lk_err
relay_register_decode(struct relay_register *out, struct bytes in)
{
	struct rd r = rd_over(in);
	uint8_t what = rd_u8(&r);
	struct relay_register m = { .what = what };

	if (r.failed)
		return LK_ERR(LK_E_TRUNCATED, "REGISTER");
	if (what < RELAY_LOGIN || what > RELAY_SLOTS_OPEN)
		return LK_ERR(LK_E_MALFORMED, "REGISTER");
	if (register_is_signed(m.what))
		TRY(account_decode(&m, &r));
	else if (m.what == RELAY_CREDENTIALS)
		TRY(credentials_decode(&m, &r));
	else
		TRY(list_decode(&m, &r, RELAY_SLOT_LEN, RELAY_SLOT_LEN));
	*out = m;
	return LK_NONE;
}

void
relay_registered_encode(struct buf *b, const struct relay_registered *m)
{
	buf_u8(b, (uint8_t)m->what);
	buf_u8(b, (uint8_t)m->result);
}

lk_err
relay_registered_decode(struct relay_registered *out, struct bytes in)
{
	struct rd r = rd_over(in);
	uint8_t what = rd_u8(&r), result = rd_u8(&r);

	TRY(rd_end(&r, "REGISTER answer"));
	if (what < RELAY_LOGIN || what > RELAY_SLOTS_OPEN ||
	    result >= RELAY_RESULTS)
		return LK_ERR(LK_E_MALFORMED, "REGISTER answer");
	*out = (struct relay_registered){ .what = what, .result = result };
	return LK_NONE;
}

void
relay_stored_encode(struct buf *b, const struct relay_stored *m)
{
	buf_u32(b, m->number);
	buf_mem(b, m->ids, m->len * LK_ID_LEN);
}

lk_err
relay_stored_decode(struct relay_stored *out, struct bytes in)
{
	struct rd r = rd_over(in);
	uint32_t number = rd_u32(&r);

	if (r.failed || r.left.len == 0 || r.left.len % LK_ID_LEN != 0)
		return LK_ERR(LK_E_TRUNCATED, "STORED");
	if (r.left.len / LK_ID_LEN > RELAY_IDS_MAX)
		return LK_ERR(LK_E_LIMIT, "STORED");
	*out = (struct relay_stored){ .number = number,
		.ids = r.left.ptr,
		.len = r.left.len / LK_ID_LEN };
	return LK_NONE;
}

void
relay_purge_encode(struct buf *b, const uint8_t topic[static LK_TOPIC_LEN])
{
	buf_mem(b, topic, LK_TOPIC_LEN);
}

lk_err
relay_purge_decode(const uint8_t **out, struct bytes in)
{
	struct rd r = rd_over(in);
	const uint8_t *topic = rd_take(&r, LK_TOPIC_LEN).ptr;

	TRY(rd_end(&r, "PURGE"));
	*out = topic;
	return LK_NONE;
}

void
relay_quota_encode(struct buf *b, const struct relay_quota *m)
{
	buf_u32(b, m->number);
	buf_u8(b, (uint8_t)m->why);
	buf_u64(b, m->bytes);
	buf_u64(b, m->bytes_max);
	buf_u64(b, m->envelopes);
	buf_u64(b, m->envelopes_max);
	buf_u32(b, m->puts_max);
	buf_u32(b, m->retry_s);
}

lk_err
relay_quota_decode(struct relay_quota *out, struct bytes in)
{
	struct rd r = rd_over(in);
	struct relay_quota m = { .number = rd_u32(&r) };
	uint8_t why = rd_u8(&r);

	m.bytes = rd_u64(&r);
	m.bytes_max = rd_u64(&r);
	m.envelopes = rd_u64(&r);
	m.envelopes_max = rd_u64(&r);
	m.puts_max = rd_u32(&r);
	m.retry_s = rd_u32(&r);
	TRY(rd_end(&r, "QUOTA"));
	if (why >= RELAY_QUOTA_WHYS ||
	    (why == RELAY_QUOTA_ASKED) != (m.number == UINT32_MAX))
		return LK_ERR(LK_E_MALFORMED, "QUOTA");
	m.why = why;
	*out = m;
	return LK_NONE;
}

void
mailbox_put_encode(struct buf *b, const struct mailbox_put *m)
{
	buf_mem(b, m->slot, RELAY_SLOT_LEN);
	buf_add(b, m->letter);
}

lk_err
mailbox_put_decode(struct mailbox_put *out, struct bytes in)
{
	struct rd r = rd_over(in);
	const uint8_t *slot = rd_take(&r, RELAY_SLOT_LEN).ptr;

	if (r.failed || r.left.len == 0)
		return LK_ERR(LK_E_TRUNCATED, "MAILBOX PUT");
	if (r.left.len > MAILBOX_LETTER_MAX)
		return LK_ERR(LK_E_LIMIT, "MAILBOX PUT");
	*out = (struct mailbox_put){ .slot = slot, .letter = r.left };
	return LK_NONE;
}

void
mailbox_posted_encode(struct buf *b, const struct mailbox_posted *m)
{
	buf_mem(b, m->slot, RELAY_SLOT_LEN);
	buf_u8(b, (uint8_t)m->result);
}

lk_err
mailbox_posted_decode(struct mailbox_posted *out, struct bytes in)
{
	struct rd r = rd_over(in);
	const uint8_t *slot = rd_take(&r, RELAY_SLOT_LEN).ptr;
	uint8_t result = rd_u8(&r);

	TRY(rd_end(&r, "MAILBOX PUT answer"));
	if (result >= RELAY_RESULTS)
		return LK_ERR(LK_E_MALFORMED, "MAILBOX PUT answer");
	*out = (struct mailbox_posted){ .slot = slot, .result = result };
	return LK_NONE;
}

void
mailbox_get_encode(struct buf *b, const uint8_t slot[static RELAY_SLOT_LEN])
{
	buf_mem(b, slot, RELAY_SLOT_LEN);
}

lk_err
mailbox_get_decode(const uint8_t **out, struct bytes in)
{
	struct rd r = rd_over(in);
	const uint8_t *slot = rd_take(&r, RELAY_SLOT_LEN).ptr;

	TRY(rd_end(&r, "MAILBOX GET"));
	*out = slot;
	return LK_NONE;
}

void
mailbox_content_encode(
    struct buf *b, const uint8_t slot[static RELAY_SLOT_LEN], size_t len)
{
	buf_mem(b, slot, RELAY_SLOT_LEN);
	buf_u8(b, (uint8_t)len);
}

void
mailbox_letter_encode(struct buf *b, const struct mailbox_letter *l)
{
	buf_u64(b, l->number);
	buf_u16(b, (uint16_t)l->letter.len);
	buf_add(b, l->letter);
}

bool
mailbox_letter_next(struct mailbox_content *m, struct mailbox_letter *out)
{
	struct mailbox_letter l;

	if (m->letters.left.len == 0)
		return false;
	l.number = rd_u64(&m->letters);
	l.letter = rd_take(&m->letters, rd_u16(&m->letters));
	if (m->letters.failed)
		return false;
	*out = l;
	return true;
}

lk_err
mailbox_content_decode(struct mailbox_content *out, struct bytes in)
{
	struct rd r = rd_over(in);
	struct mailbox_content m = { 0 }, walk;
	struct mailbox_letter l = { .number = 0 };
	uint64_t before;
	size_t seen = 0;

	m.slot = rd_take(&r, RELAY_SLOT_LEN).ptr;
	m.len = rd_u8(&r);
	if (r.failed)
		return LK_ERR(LK_E_TRUNCATED, "MAILBOX GET answer");
	if (m.len > MAILBOX_LETTERS_MAX)
		return LK_ERR(LK_E_LIMIT, "MAILBOX GET answer");
	m.letters = r;
	walk = m;
	for (; seen < m.len; seen++) {
		before = l.number;
		if (!mailbox_letter_next(&walk, &l))
			return LK_ERR(LK_E_TRUNCATED, "MAILBOX GET answer");
		if (l.letter.len == 0 || l.letter.len > MAILBOX_LETTER_MAX ||
		    (seen > 0 && l.number <= before))
			return LK_ERR(LK_E_MALFORMED, "MAILBOX GET answer");
	}
	TRY(rd_end(&walk.letters, "MAILBOX GET answer"));
	*out = m;
	return LK_NONE;
}

void
mailbox_delete_encode(struct buf *b, const uint8_t slot[static RELAY_SLOT_LEN],
    const uint64_t *numbers, size_t len)
{
	buf_mem(b, slot, RELAY_SLOT_LEN);
	for (size_t i = 0; i < len; i++)
		buf_u64(b, numbers[i]);
}

lk_err
mailbox_delete_decode(struct mailbox_delete *out, struct bytes in)
{
	struct rd r = rd_over(in);
	struct mailbox_delete m = { 0 };
	uint64_t number = 0, before;

	m.slot = rd_take(&r, RELAY_SLOT_LEN).ptr;
	m.numbers = r;
	if (r.failed || r.left.len == 0 || r.left.len % 8 != 0)
		return LK_ERR(LK_E_TRUNCATED, "MAILBOX DELETE");
	m.len = r.left.len / 8;
	if (m.len > MAILBOX_LETTERS_MAX)
		return LK_ERR(LK_E_LIMIT, "MAILBOX DELETE");
	for (size_t i = 0; i < m.len; i++) {
		before = number;
		number = rd_u64(&r);
		if (i > 0 && number <= before)
			return LK_ERR(LK_E_MALFORMED, "MAILBOX DELETE order");
	}
	*out = m;
	return LK_NONE;
}
