#include "mirror/unite.h"

#include <stdlib.h>
#include <string.h>

#include "crdt/textdiff.h"

struct lines {
	struct bytes *items; /* without their ends */
	size_t len;
};

struct uniting {
	struct lines theirs, mine;
	struct label *labels;
	uint32_t *numbers, *match; /* numbers: theirs, then mine */
};

static bool
line_take(struct bytes *text, struct bytes *line)
{
	const uint8_t *end;

	if (text->len == 0)
		return false;
	end = memchr(text->ptr, '\n', text->len);
	*line = BYTES(
	    text->ptr, end == NULL ? text->len : (size_t)(end - text->ptr));
	*text = end == NULL ? BYTES(text->ptr + text->len, 0)
			    : BYTES(end + 1, text->len - line->len - 1);
	return true;
}

static lk_err
lines_read(struct lines *out, struct bytes text)
{
	struct bytes line, left = text;
	size_t n = 0;

	while (line_take(&left, &line))
		n++;
	if (n >= UINT32_MAX / 2)
		return LK_ERR(LK_E_LIMIT, "unite texts");
	out->items = calloc(n + 1, sizeof(*out->items));
	if (out->items == NULL)
		return LK_ERR(LK_E_NOMEM, "unite texts");
	while (line_take(&text, &line))
		out->items[out->len++] = line;
	return LK_NONE;
}

static struct bytes
line_at(const struct uniting *u, uint32_t i)
{
	return i < u->theirs.len ? u->theirs.items[i]
				 : u->mine.items[i - u->theirs.len];
}

static bool
lines_same(const void *ctx, uint32_t a, uint32_t b)
{
	return bytes_equal(line_at(ctx, a), line_at(ctx, b));
}

/* match[i]: which line of theirs my line i is. */
static lk_err
lines_match(struct uniting *u)
{
	ALIGNER_SCOPED aligner = NULL;
	size_t n = u->theirs.len + u->mine.len;

	u->labels = calloc(n + 1, sizeof(*u->labels));
	u->numbers = calloc(n + 1, sizeof(*u->numbers));
	u->match = calloc(u->mine.len + 1, sizeof(*u->match));
	if (u->labels == NULL || u->numbers == NULL || u->match == NULL)
		return LK_ERR(LK_E_NOMEM, "unite texts");
	for (uint32_t i = 0; i < n; i++)
		u->labels[i] = (struct label){ text_hash(line_at(u, i)), i };
	labels_number(u->labels, n, lines_same, u, u->numbers);
	TRY(aligner_new(&aligner));
	return align_match(aligner, u->match,
	    (struct series){ u->numbers + u->theirs.len, u->mine.len },
	    (struct series){ u->numbers, u->theirs.len });
}

static void
line_add(struct buf *out, struct bytes line)
{
	buf_add(out, line);
	buf_u8(out, '\n');
}

static void
lines_write(const struct uniting *u, struct buf *out)
{
	size_t next = 0;

	for (size_t i = 0; i < u->mine.len; i++) {
		if (u->match[i] == ALIGN_NONE) {
			/* Theirs up to the next line in common go first. */
			size_t j = i, until = u->theirs.len;

			while (j < u->mine.len && u->match[j] == ALIGN_NONE)
				j++;
			if (j < u->mine.len)
				until = u->match[j];
			while (next < until)
				line_add(out, u->theirs.items[next++]);
			line_add(out, u->mine.items[i]);
			continue;
		}
		while (next <= u->match[i])
			line_add(out, u->theirs.items[next++]);
	}
	while (next < u->theirs.len)
		line_add(out, u->theirs.items[next++]);
}

static bool
is_ended(struct bytes text)
{
	return text.len == 0 || text.ptr[text.len - 1] == '\n';
}

lk_err
text_unite(struct buf *out, struct bytes theirs, struct bytes mine)
{
	struct uniting u = { 0 };
	lk_err err = lines_read(&u.theirs, theirs);

	if (err.code == LK_OK)
		err = lines_read(&u.mine, mine);
	if (err.code == LK_OK)
		err = lines_match(&u);
	if (err.code == LK_OK) {
		lines_write(&u, out);
		if (!is_ended(theirs) && !is_ended(mine) && !out->failed &&
		    out->len > 0)
			out->len--;
		err = buf_err(out, "unite texts");
	}
	free(u.theirs.items);
	free(u.mine.items);
	free(u.labels);
	free(u.numbers);
	free(u.match);
	return err;
}
