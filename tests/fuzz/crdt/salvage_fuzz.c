/*
 * Files that were torn: two of them, the first as long as the first two bytes
 * say.  What is left out and what is read never overlap, and what is read is a
 * history that can be written.
 */
#include <string.h>

#include "crdt/document.h"
#include "tests/fuzz/crdt/few_rows.h"

struct stretches {
	const struct bytes *files;
	size_t file, end;
};

static lk_err
flaw(void *ctx, const struct history_flaw *f)
{
	struct stretches *s = ctx;

	LK_ASSERT(f->file < 2 && f->err.code != LK_OK && f->err.what != NULL);
	LK_ASSERT(f->file > s->file || (f->file == s->file && f->at >= s->end));
	LK_ASSERT(f->len <= s->files[f->file].len - f->at);
	s->file = f->file;
	s->end = f->at + f->len;
	return LK_NONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct bytes files[2];
	struct stretches s = { .files = files };
	struct history h;
	BUF_SCOPED out = { .max = DOCUMENT_BODY_MAX };
	size_t first;

	if (len < 2)
		return 0;
	first = (size_t)bytes[0] << 8 | bytes[1];
	if (first > len - 2)
		first = len - 2;
	files[0] = BYTES(bytes + 2, first);
	files[1] = BYTES(bytes + 2 + first, len - 2 - first);
	if (history_salvage(&h, files, 2, flaw, &s).code != LK_OK)
		return 0;
	(void)!history_write(&out, h.changes, h.changes_len).code;
	history_clear(&h);
	return 0;
}
