#include "backup/roll.h"

#include <string.h>

enum roll_flags { ROLL_HOME = 1 };

void
roll_write(struct buf *out, const struct roll_entry *e)
{
	buf_uleb(out, e->docno);
	buf_mem(out, e->docid, sizeof(e->docid));
	buf_mem(out, e->secret, sizeof(e->secret));
	buf_u8(out, e->home ? ROLL_HOME : 0);
	buf_counted(out, e->name);
	buf_counted(out, e->type);
	buf_uleb(out, e->keys.len / ROLL_SECRET_LEN);
	buf_add(out, e->keys);
}

void
roll_begin(struct roll_reader *r, struct bytes plain)
{
	*r = (struct roll_reader){ .rd = rd_over(plain) };
}

static bool
text_valid(struct bytes text, size_t max)
{
	return text.len <= max &&
	    (text.len == 0 ||
		(memchr(text.ptr, 0, text.len) == NULL && utf8_valid(text)));
}

static lk_err
entry_read(struct roll_reader *r, struct roll_entry *e)
{
	uint64_t docno = rd_uleb(&r->rd), keys;
	uint8_t flags;

	rd_copy(&r->rd, e->docid, sizeof(e->docid));
	rd_copy(&r->rd, e->secret, sizeof(e->secret));
	flags = rd_u8(&r->rd);
	e->name = rd_counted(&r->rd);
	e->type = rd_counted(&r->rd);
	keys = rd_uleb(&r->rd);
	if (keys > r->rd.left.len / ROLL_SECRET_LEN)
		r->rd.failed = true;
	e->keys = rd_take(&r->rd, (size_t)keys * ROLL_SECRET_LEN);
	if (r->rd.failed)
		return r->rd.malformed
		    ? LK_ERR(LK_E_MALFORMED, "list of documents")
		    : LK_ERR(LK_E_TRUNCATED, "list of documents");
	if (docno == 0 || docno > UINT32_MAX || flags > ROLL_HOME ||
	    (r->begun && docno <= r->last) ||
	    !text_valid(e->name, ROLL_NAME_MAX) ||
	    !text_valid(e->type, ROLL_TYPE_MAX))
		return LK_ERR(LK_E_MALFORMED, "list of documents");
	e->docno = r->last = (uint32_t)docno;
	e->home = flags == ROLL_HOME;
	r->begun = true;
	return LK_NONE;
}

bool
roll_next(struct roll_reader *r, struct roll_entry *out, lk_err *err)
{
	struct roll_entry e;

	*err = LK_NONE;
	if (r->rd.left.len == 0 || r->rd.failed)
		return false;
	*err = entry_read(r, &e);
	if (err->code != LK_OK) {
		r->rd.failed = true;
		return false;
	}
	*out = e;
	return true;
}
