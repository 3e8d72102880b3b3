#include "backup/parcel.h"

#include <string.h>

void
parcel_write(struct buf *out, const struct parcel_group *g)
{
	buf_uleb(out, g->docno);
	buf_mem(out, g->docid, sizeof(g->docid));
	buf_uleb(out, g->envelopes);
	buf_add(out, g->bytes);
}

void
parcel_begin(struct parcel_reader *p, struct bytes plain)
{
	*p = (struct parcel_reader){ .rd = rd_over(plain) };
}

static lk_err
group_read(struct parcel_reader *p, struct parcel_group *g)
{
	const uint8_t *begin;
	uint64_t docno = rd_uleb(&p->rd);

	rd_copy(&p->rd, g->docid, sizeof(g->docid));
	g->envelopes = rd_uleb(&p->rd);
	begin = p->rd.left.ptr;
	/* Each takes two bytes or more, so a false count ends soon. */
	for (uint64_t i = 0; i < g->envelopes && !p->rd.failed; i++) {
		size_t len = rd_counted(&p->rd).len;

		if (!p->rd.failed && (len == 0 || len > ENVELOPE_MAX))
			return LK_ERR(LK_E_MALFORMED, "length in a parcel");
	}
	if (p->rd.failed)
		return p->rd.malformed ? LK_ERR(LK_E_MALFORMED, "parcel")
				       : LK_ERR(LK_E_TRUNCATED, "parcel");
	if (docno == 0 || docno > UINT32_MAX || g->envelopes == 0 ||
	    (p->begun && docno <= p->last))
		return LK_ERR(LK_E_MALFORMED, "document in a parcel");
	g->docno = p->last = (uint32_t)docno;
	g->bytes = BYTES(begin, (size_t)(p->rd.left.ptr - begin));
	p->begun = true;
	return LK_NONE;
}

bool
parcel_next(struct parcel_reader *p, struct parcel_group *out, lk_err *err)
{
	struct parcel_group g;

	*err = LK_NONE;
	if (p->rd.left.len == 0 || p->rd.failed)
		return false;
	*err = group_read(p, &g);
	if (err->code != LK_OK) {
		p->rd.failed = true;
		return false;
	}
	*out = g;
	return true;
}

bool
parcel_envelope(struct parcel_group *g, struct bytes *out)
{
	struct rd r = rd_over(g->bytes);

	if (g->envelopes == 0)
		return false;
	*out = rd_counted(&r);
	g->bytes = r.left;
	g->envelopes--;
	return true;
}
