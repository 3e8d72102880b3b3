/* Changes that more than one envelope has brought. */
#include <string.h>

#include "sync/admit.h"

/* Key of the record that says how many envelopes that count have brought a
 * change: of those that more than one has brought. */
struct carried_key {
	uint8_t bytes[1 + LK_ID_LEN];
};

static struct bytes
carried_key(struct carried_key *k, const uint8_t hash[static LK_ID_LEN])
{
	k->bytes[0] = 'c';
	memcpy(k->bytes + 1, hash, LK_ID_LEN);
	return BYTES_OF(k->bytes);
}

/* NOTFOUND: no more than one has. */
static lk_err
carried_get(
    struct admission *a, const uint8_t hash[static LK_ID_LEN], uint64_t *count)
{
	struct carried_key key;
	struct bytes value;
	struct rd r;
	uint64_t n;

	TRY(kv_get(docstate_space(a->r, a->ds->docno, SPACE_META),
	    carried_key(&key, hash), &value));
	r = rd_over(value);
	n = rd_uleb(&r);
	if (!rd_done(&r))
		return LK_ERR(LK_E_CORRUPT, "count of envelopes");
	*count = n;
	return LK_NONE;
}

static lk_err
carried_put(
    struct admission *a, const uint8_t hash[static LK_ID_LEN], uint64_t count)
{
	BUF_SCOPED b = { .max = 16 };
	struct carried_key key;

	buf_uleb(&b, count);
	TRY(buf_err(&b, "count of envelopes"));
	return kv_put(docstate_space(a->r, a->ds->docno, SPACE_META),
	    carried_key(&key, hash), buf_bytes(&b));
}

lk_err
content_carried(
    struct admission *a, const uint8_t hash[static LK_ID_LEN], bool *again)
{
	uint64_t count;
	lk_err err = carried_get(a, hash, &count);

	*again = err.code == LK_OK;
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

/* One more envelope that brought a change counts, or one less: it shows as long
 * as any does. */
lk_err
content_counts(struct admission *a, const uint8_t hash[static LK_ID_LEN],
    bool more, bool *shows)
{
	uint64_t count;
	lk_err err = carried_get(a, hash, &count);

	*shows = more;
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	if (count == (more ? UINT64_MAX : 0))
		return LK_ERR(LK_E_CORRUPT, "count of envelopes");
	count += more ? 1 : (uint64_t)-1;
	*shows = count > 0;
	return carried_put(a, hash, count);
}

lk_err
content_show(
    struct admission *a, const uint8_t hash[static LK_ID_LEN], bool more)
{
	struct doc *doc;
	bool shows;

	TRY(admission_doc(a, &doc));
	TRY(content_counts(a, hash, more, &shows));
	return doc_set_visible(doc, hash, shows);
}

/* An envelope brings a change that is there, and counts. */
lk_err
content_show_again(struct admission *a, const uint8_t hash[static LK_ID_LEN])
{
	struct doc_change_info info;
	struct doc *doc;
	uint64_t count;
	lk_err err = carried_get(a, hash, &count);

	if (err.code == LK_E_NOTFOUND) {
		TRY(admission_doc(a, &doc));
		TRY(doc_change(doc, hash, &info));
		err = carried_put(a, hash, info.visible);
	}
	TRY(err);
	return content_show(a, hash, true);
}
