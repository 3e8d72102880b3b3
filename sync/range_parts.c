#include <string.h>

#include "sync/range.h"

#define NO_BOUND 255

/*
 * A bound is what it shares with the one before it, how many bytes follow, and
 * these; zeros after that.  It is above the one before, so its first byte is
 * too; and its last is not zero, so that there is one form.
 */
static lk_err
bound_next(struct range_reader *r, struct key_span *out)
{
	uint8_t shared = rd_u8(&r->in), len;

	memcpy(out->low, r->low, ENVELOPE_KEY_LEN);
	out->endless = shared == NO_BOUND;
	if (out->endless) {
		r->end = true;
		return LK_NONE;
	}
	len = rd_u8(&r->in);
	if (r->in.failed)
		return LK_ERR(LK_E_TRUNCATED, "RANGE bound");
	if (len == 0 || shared + len > ENVELOPE_KEY_LEN)
		return LK_ERR(LK_E_MALFORMED, "RANGE bound");
	memset(out->high, 0, ENVELOPE_KEY_LEN);
	memcpy(out->high, r->low, shared);
	rd_copy(&r->in, out->high + shared, len);
	if (r->in.failed)
		return LK_ERR(LK_E_TRUNCATED, "RANGE bound");
	if (out->high[shared] <= r->low[shared] ||
	    out->high[shared + len - 1] == 0)
		return LK_ERR(LK_E_MALFORMED, "RANGE bounds order");
	memcpy(r->low, out->high, ENVELOPE_KEY_LEN);
	return LK_NONE;
}

static lk_err
list_next(struct range_reader *r, struct range_part *out)
{
	uint64_t n = rd_uleb(&r->in);

	if (n > RANGE_BODY_MAX / LK_ID_LEN)
		return LK_ERR(LK_E_LIMIT, "RANGE ids");
	out->ids_len = (size_t)n;
	out->ids = rd_take(&r->in, out->ids_len * LK_ID_LEN).ptr;
	if (r->in.failed)
		return LK_ERR(LK_E_TRUNCATED, "RANGE ids");
	for (size_t i = 1; i < out->ids_len; i++)
		if (lk_id_compare(out->ids + (i - 1) * LK_ID_LEN,
			out->ids + i * LK_ID_LEN) >= 0)
			return LK_ERR(LK_E_MALFORMED, "RANGE ids order");
	return LK_NONE;
}

lk_err
range_part_next(struct range_reader *r, struct range_part *out)
{
	uint8_t mode;

	if (r->in.left.len == 0)
		return LK_ERR(LK_E_NOTFOUND, "range");
	if (r->end)
		return LK_ERR(LK_E_MALFORMED, "RANGE after the end");
	*out = (struct range_part){ .mode = RANGE_SKIP };
	TRY(bound_next(r, &out->span));
	mode = rd_u8(&r->in);
	if (r->in.failed)
		return LK_ERR(LK_E_TRUNCATED, "RANGE");
	if (mode >= RANGE_MODES)
		return LK_ERR(LK_E_MALFORMED, "RANGE mode");
	out->mode = (enum range_mode)mode;
	if (out->mode == RANGE_LIST)
		return list_next(r, out);
	if (out->mode == RANGE_SKIP)
		return LK_NONE;
	out->count = rd_uleb(&r->in);
	rd_copy(&r->in, out->hash, sizeof(out->hash));
	if (r->in.failed)
		return r->in.malformed ? LK_ERR(LK_E_MALFORMED, "RANGE count")
				       : LK_ERR(LK_E_TRUNCATED, "RANGE count");
	if (out->mode == RANGE_EXACT && out->count > RANGE_EXACT_MAX)
		return LK_ERR(LK_E_LIMIT, "RANGE exact");
	return LK_NONE;
}

lk_err
range_check(struct bytes body)
{
	struct range_reader r = { .in = rd_over(body) };
	struct range_part part;
	lk_err err;

	if (body.len == 0)
		return LK_ERR(LK_E_TRUNCATED, "RANGE");
	if (body.len > RANGE_BODY_MAX)
		return LK_ERR(LK_E_LIMIT, "RANGE");
	do
		err = range_part_next(&r, &part);
	while (err.code == LK_OK);
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}
