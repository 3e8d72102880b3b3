/*
 * Two texts, apart at the first NUL: every line of either is in their union, in
 * its order, and nothing else is.
 */
#include <string.h>

#include "mirror/unite.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Takes the first line, without its end; false: there is none. */
static bool
line_take(struct bytes *text, struct bytes *line)
{
	const uint8_t *end;
	size_t n;

	if (text->len == 0)
		return false;
	end = memchr(text->ptr, '\n', text->len);
	n = end == NULL ? text->len : (size_t)(end - text->ptr);
	*line = BYTES(text->ptr, n);
	n += end == NULL ? 0 : 1;
	*text = BYTES(text->ptr + n, text->len - n);
	return true;
}

/* Whether the lines of one are all in the other, in this order. */
static bool
is_in(struct bytes whole, struct bytes part)
{
	struct bytes wanted, line;

	while (line_take(&part, &wanted)) {
		do
			if (!line_take(&whole, &line))
				return false;
		while (!bytes_equal(line, wanted));
	}
	return true;
}

static size_t
lines_of(struct bytes text)
{
	struct bytes line;
	size_t n = 0;

	while (line_take(&text, &line))
		n++;
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const uint8_t *end = len == 0 ? NULL : memchr(bytes, 0, len);
	BUF_SCOPED whole = { .max = 2 * len + 2 };
	struct bytes theirs, mine;

	if (end == NULL)
		return 0;
	theirs = BYTES(bytes, (size_t)(end - bytes));
	mine = BYTES(end + 1, len - theirs.len - 1);
	if (memchr(mine.ptr, 0, mine.len) != NULL || !utf8_valid(theirs) ||
	    !utf8_valid(mine))
		return 0;
	LK_ASSERT(text_unite(&whole, theirs, mine).code == LK_OK);
	LK_ASSERT(is_in(buf_bytes(&whole), theirs));
	LK_ASSERT(is_in(buf_bytes(&whole), mine));
	LK_ASSERT(
	    lines_of(buf_bytes(&whole)) <= lines_of(theirs) + lines_of(mine));
	return 0;
}
