/*
 * Three texts, each ended by a NUL: the differences from the first to the
 * second give the second, and can be made in the third.
 */
#include <string.h>

#include "crdt/textdiff.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define OUT_MAX (1u << 20)

static void
apply(struct buf *out, const struct textdiff *d, struct bytes old,
    struct bytes new)
{
	size_t at = 0;

	buf_init(out, OUT_MAX);
	for (size_t i = 0; i < d->hunks_len; i++) {
		const struct text_hunk *h = &d->hunks[i];

		LK_ASSERT(h->old_at >= at && h->old_len <= old.len &&
		    h->old_at <= old.len - h->old_len &&
		    h->new_len <= new.len && h->new_at <= new.len - h->new_len);
		LK_ASSERT(
		    h->old_point == utf8_count(BYTES(old.ptr, h->old_at)));
		buf_mem(out, old.ptr + at, h->old_at - at);
		buf_mem(out, new.ptr + h->new_at, h->new_len);
		at = h->old_at + h->old_len;
	}
	buf_mem(out, old.ptr + at, old.len - at);
	LK_ASSERT(!out->failed && utf8_valid(buf_bytes(out)));
}

static void
compare(struct aligner *al, const struct bytes t[3])
{
	TEXTDIFF_SCOPED mine = { 0 };
	TEXTDIFF_SCOPED theirs = { 0 };
	TEXTDIFF_SCOPED onto = { 0 };
	struct buf out;

	LK_ASSERT(textdiff(&mine, al, t[0], t[1]).code == LK_OK);
	apply(&out, &mine, t[0], t[1]);
	LK_ASSERT(bytes_equal(buf_bytes(&out), t[1]));
	buf_clear(&out);
	LK_ASSERT(textdiff(&theirs, al, t[0], t[2]).code == LK_OK);
	LK_ASSERT(textdiff_onto(&onto, (struct text_change){ &mine, t[1] },
		      (struct text_change){ &theirs, t[2] })
		      .code == LK_OK);
	apply(&out, &onto, t[2], t[1]);
	buf_clear(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes texts[3] = { { 0 } }, left = BYTES(data, size);
	ALIGNER_SCOPED al = NULL;

	for (int i = 0; i < 3; i++) {
		const uint8_t *end =
		    left.len == 0 ? NULL : memchr(left.ptr, 0, left.len);
		size_t n = end == NULL ? left.len : (size_t)(end - left.ptr);

		texts[i] = BYTES(left.ptr, n);
		if (!utf8_valid(texts[i]))
			return 0;
		n += end != NULL;
		left = BYTES(left.ptr + n, left.len - n);
	}
	LK_ASSERT(aligner_new(&al).code == LK_OK);
	compare(al, texts);
	return 0;
}
