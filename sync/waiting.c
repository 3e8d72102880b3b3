#include "sync/admit.h"

#include <string.h>

/*
 * SPACE_WAIT: what is missing, id, part -> a part of the envelope.  Ordered by
 * what is missing, so that an arrival finds what waited for it with one seek.
 */
#define WAIT_KEY_LEN (LK_ID_LEN + LK_ID_LEN + 1)
#define WAIT_PART ((size_t)60 * 1024)

void
waiting_for_key(
    uint8_t missing[static LK_ID_LEN], const uint8_t etag[static ETAG_LEN])
{
	memset(missing, 0, LK_ID_LEN);
	memcpy(missing, etag, ETAG_LEN);
}

static struct bytes
waiting_key(uint8_t out[static WAIT_KEY_LEN], const uint8_t *missing,
    const uint8_t *id, uint8_t part)
{
	memcpy(out, missing, LK_ID_LEN);
	memcpy(out + LK_ID_LEN, id, LK_ID_LEN);
	out[WAIT_KEY_LEN - 1] = part;
	return BYTES(out, WAIT_KEY_LEN);
}

lk_err
waiting_put(struct admission *a, const struct envelope *e,
    const uint8_t missing[static LK_ID_LEN], bool *is_new)
{
	struct kv wait = docstate_space(a->r, a->ds->docno, SPACE_WAIT);
	uint8_t key[WAIT_KEY_LEN];
	struct bytes known;
	lk_err err;
	uint8_t part = 0;

	*is_new = false;
	err = kv_get(wait, waiting_key(key, missing, e->id, 0), &known);
	if (err.code != LK_E_NOTFOUND)
		return err;
	/* What was admitted before is nobody's to fill the room with. */
	if (a->again == 0 &&
	    (a->ds->waiting >= WAITING_ENVELOPES_MAX ||
		a->ds->waiting_bytes + e->all.len > WAITING_BYTES_MAX))
		return LK_NONE;
	for (size_t at = 0; at < e->all.len; at += WAIT_PART) {
		size_t n =
		    e->all.len - at < WAIT_PART ? e->all.len - at : WAIT_PART;

		TRY(kv_put(wait, waiting_key(key, missing, e->id, part++),
		    BYTES(e->all.ptr + at, n)));
	}
	*is_new = true;
	a->ds->waiting++;
	a->ds->waiting_bytes += (uint32_t)e->all.len;
	a->ds->dirty = true;
	return LK_NONE;
}

lk_err
waiting_take(struct admission *a, const uint8_t missing[static LK_ID_LEN],
    struct buf *envelope)
{
	struct kv wait = docstate_space(a->r, a->ds->docno, SPACE_WAIT);
	static const uint8_t first[LK_ID_LEN];
	uint8_t key[WAIT_KEY_LEN], id[LK_ID_LEN];
	struct bytes found, value;

	TRY(kv_seek(wait, KV_FIRST_GE, waiting_key(key, missing, first, 0),
	    &found, &value));
	if (found.len != WAIT_KEY_LEN ||
	    memcmp(found.ptr, missing, LK_ID_LEN) != 0)
		return LK_ERR(LK_E_NOTFOUND, "waiting");
	memcpy(id, found.ptr + LK_ID_LEN, LK_ID_LEN);
	for (uint8_t part = 0;; part++) {
		struct bytes at = waiting_key(key, missing, id, part);
		lk_err err = kv_get(wait, at, &value);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		buf_add(envelope, value);
		TRY(kv_del(wait, at));
	}
	TRY(buf_err(envelope, "waiting envelope"));
	if (a->ds->waiting > 0)
		a->ds->waiting--;
	a->ds->waiting_bytes -= a->ds->waiting_bytes < envelope->len
	    ? a->ds->waiting_bytes
	    : (uint32_t)envelope->len;
	a->ds->dirty = true;
	return LK_NONE;
}
