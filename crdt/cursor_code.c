#include <string.h>

#include "crdt/cursor.h"

/* Version 0 knew only places of ops, and those not `before`. */
#define CURSOR_VERSION_OLD 0
#define CURSOR_VERSION 1

enum cursor_tag { TAG_START = 1, TAG_END, TAG_OP };
enum cursor_side { SIDE_BEFORE = 1, SIDE_AFTER };

static lk_err
not_a_cursor(void)
{
	return LK_ERR(LK_E_MALFORMED, "not a cursor");
}

/* The digits of a number without a sign or zeros in front. */
static bool
ctr_read(uint32_t *out, struct bytes digits)
{
	uint64_t n = 0;

	if (digits.len == 0 || digits.ptr[0] == '0')
		return false;
	for (size_t i = 0; i < digits.len; i++) {
		if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
			return false;
		n = 10 * n + (uint64_t)(digits.ptr[i] - '0');
		if (n > OP_COUNTER_MAX)
			return false;
	}
	*out = (uint32_t)n;
	return true;
}

static bool
actor_read(struct cursor *c, struct bytes hex)
{
	char text[2 * ACTOR_LEN_MAX + 1];

	if (hex.len == 0 || hex.len % 2 != 0 || hex.len >= sizeof(text))
		return false;
	for (size_t i = 0; i < hex.len; i++)
		if (hex.ptr[i] >= 'A' && hex.ptr[i] <= 'F')
			return false;
	memcpy(text, hex.ptr, hex.len);
	text[hex.len] = '\0';
	c->actor_len = hex.len / 2;
	return hex_decode(c->actor, c->actor_len, text);
}

lk_err
cursor_read(struct cursor *out, struct bytes text)
{
	struct cursor c = { .kind = CURSOR_OP };
	const uint8_t *at;
	size_t len;

	if (bytes_equal(text, BYTES_STR("s")) ||
	    bytes_equal(text, BYTES_STR("e"))) {
		c.kind = text.ptr[0] == 's' ? CURSOR_START : CURSOR_END;
		*out = c;
		return LK_NONE;
	}
	c.before = text.len > 0 && text.ptr[0] == '-';
	if (c.before)
		text = BYTES(text.ptr + 1, text.len - 1);
	at = text.len == 0 ? NULL : memchr(text.ptr, '@', text.len);
	if (at == NULL)
		return not_a_cursor();
	len = (size_t)(at - text.ptr);
	if (!ctr_read(&c.ctr, BYTES(text.ptr, len)) ||
	    !actor_read(&c, BYTES(at + 1, text.len - len - 1)))
		return not_a_cursor();
	*out = c;
	return LK_NONE;
}

void
cursor_write(struct buf *b, const struct cursor *c)
{
	char hex[2 * ACTOR_LEN_MAX + 1];

	switch (c->kind) {
	case CURSOR_START:
		buf_str(b, "s");
		return;
	case CURSOR_END:
		buf_str(b, "e");
		return;
	case CURSOR_OP:
		break;
	}
	hex_encode(hex, BYTES(c->actor, c->actor_len));
	buf_printf(b, "%s%u@%s", c->before ? "-" : "", c->ctr, hex);
}

static void
op_decode(struct cursor *c, struct rd *r, bool side)
{
	struct bytes actor = rd_counted(r);
	uint64_t ctr = rd_uleb(r);
	uint8_t way = side ? rd_u8(r) : SIDE_AFTER;

	if (r->failed)
		return;
	if (actor.len < 1 || actor.len > ACTOR_LEN_MAX || ctr < 1 ||
	    ctr > OP_COUNTER_MAX || way < SIDE_BEFORE || way > SIDE_AFTER) {
		r->failed = r->malformed = true;
		return;
	}
	c->kind = CURSOR_OP;
	c->ctr = (uint32_t)ctr;
	c->before = way == SIDE_BEFORE;
	c->actor_len = actor.len;
	memcpy(c->actor, actor.ptr, actor.len);
}

lk_err
cursor_decode(struct cursor *out, struct bytes bytes)
{
	struct rd r = rd_over(bytes);
	struct cursor c = { 0 };
	uint8_t version = rd_u8(&r), tag = TAG_OP;

	if (!r.failed && version > CURSOR_VERSION)
		return LK_ERR(LK_E_VERSION, "cursor");
	if (version != CURSOR_VERSION_OLD)
		tag = rd_u8(&r);
	if (!r.failed && (tag < TAG_START || tag > TAG_OP))
		return not_a_cursor();
	if (tag == TAG_OP)
		op_decode(&c, &r, version != CURSOR_VERSION_OLD);
	else
		c.kind = tag == TAG_START ? CURSOR_START : CURSOR_END;
	TRY(rd_end(&r, "cursor"));
	*out = c;
	return LK_NONE;
}

void
cursor_encode(struct buf *b, const struct cursor *c)
{
	buf_u8(b, CURSOR_VERSION);
	switch (c->kind) {
	case CURSOR_START:
		buf_u8(b, TAG_START);
		return;
	case CURSOR_END:
		buf_u8(b, TAG_END);
		return;
	case CURSOR_OP:
		break;
	}
	buf_u8(b, TAG_OP);
	buf_counted(b, BYTES(c->actor, c->actor_len));
	buf_uleb(b, c->ctr);
	buf_u8(b, c->before ? SIDE_BEFORE : SIDE_AFTER);
}
