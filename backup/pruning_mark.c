#include "backup/pruning_mark.h"

#include <string.h>

static const char magic[] = { 'L', 'K', 'B', 'K' };

void
pruning_mark_write(struct buf *out, const struct pruning_mark *m)
{
	buf_mem(out, magic, sizeof(magic));
	buf_u8(out, SEALED_VERSION);
	buf_u8(out, PRUNING_MARK_KIND);
	buf_u64(out, (uint64_t)m->from_ms);
	buf_uleb(out, m->names.len / SEALED_NAME_LEN);
	buf_add(out, m->names);
}

lk_err
pruning_mark_read(struct pruning_mark *out, struct bytes object)
{
	struct rd r = rd_over(object);
	struct bytes start = rd_take(&r, sizeof(magic));
	uint8_t version = rd_u8(&r), kind;
	uint64_t from, n;
	struct pruning_mark m;

	if (!r.failed && memcmp(start.ptr, magic, sizeof(magic)) != 0)
		return LK_ERR(LK_E_MALFORMED, "no object of a backup");
	if (!r.failed && version > SEALED_VERSION)
		return LK_ERR(LK_E_VERSION, "mark of a newer lk");
	kind = rd_u8(&r);
	from = rd_u64(&r);
	n = rd_uleb(&r);
	if (!r.failed &&
	    (version != SEALED_VERSION || kind != PRUNING_MARK_KIND ||
		from > (uint64_t)SEALED_TIME_MAX || n == 0 ||
		n > PRUNING_MARK_NAMES_MAX))
		return LK_ERR(LK_E_MALFORMED, "mark");
	m.names = rd_take(&r, r.failed ? 0 : (size_t)n * SEALED_NAME_LEN);
	TRY(rd_end(&r, "mark"));
	m.from_ms = (int64_t)from;
	*out = m;
	return LK_NONE;
}
