#include <stdlib.h>
#include <string.h>

#include "daemon/align.h"
#include "daemon/merge.h"

/* A text cut into tokens: lines, or words and what is between them. */
struct tokens {
	struct bytes *at;
	uint32_t *numbers;
	size_t len;
};

static void
tokens_clear(struct tokens *t)
{
	free(t->at);
	free(t->numbers);
	*t = (struct tokens){ 0 };
}

static void
numbering_clear(struct numbering **n)
{
	numbering_free(*n);
}

#define NUMBERING_SCOPED \
	__attribute__((cleanup(numbering_clear))) struct numbering *

static size_t
line_len(struct bytes text)
{
	const uint8_t *end = memchr(text.ptr, '\n', text.len);

	return end == NULL ? text.len : (size_t)(end - text.ptr) + 1;
}

static bool
in_word(uint8_t c)
{
	return c >= 0x80 || (c >= '0' && c <= '9') ||
	    ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static size_t
word_len(struct bytes text)
{
	size_t n = 0;

	while (n < text.len && in_word(text.ptr[n]))
		n++;
	return n == 0 ? 1 : n;
}

typedef size_t cut_fn(struct bytes);

static lk_err
tokens_cut(struct tokens *out, struct bytes text, cut_fn *cut,
    struct numbering *numbering)
{
	struct bytes left = text;
	struct tokens t = { 0 };
	lk_err err = LK_NONE;
	size_t n;

	for (; left.len > 0; t.len++) {
		n = cut(left);
		left = BYTES(left.ptr + n, left.len - n);
	}
	t.at = reallocarray(NULL, t.len + 1, sizeof(*t.at));
	t.numbers = reallocarray(NULL, t.len + 1, sizeof(*t.numbers));
	if (t.at == NULL || t.numbers == NULL)
		err = LK_ERR(LK_E_NOMEM, "merge text");
	left = text;
	for (size_t i = 0; i < t.len && err.code == LK_OK; i++) {
		n = cut(left);
		t.at[i] = BYTES(left.ptr, n);
		left = BYTES(left.ptr + n, left.len - n);
		err = numbering_of(numbering, t.at[i], &t.numbers[i]);
	}
	if (err.code != LK_OK) {
		tokens_clear(&t);
		return err;
	}
	*out = t;
	return LK_NONE;
}

static lk_err
tokens_match(
    uint32_t **match, const struct tokens *from, const struct tokens *to)
{
	uint32_t *m = reallocarray(NULL, from->len + 1, sizeof(*m));
	lk_err err;

	if (m == NULL)
		return LK_ERR(LK_E_NOMEM, "merge text");
	err = align_match(m, (struct series){ from->numbers, from->len },
	    (struct series){ to->numbers, to->len });
	if (err.code != LK_OK) {
		free(m);
		return err;
	}
	*match = m;
	return LK_NONE;
}

/* The bytes of tokens from..to, which are neighbours in one text. */
static struct bytes
tokens_span(const struct tokens *t, size_t from, size_t to)
{
	if (from == to)
		return BYTES(NULL, 0);
	return BYTES(t->at[from].ptr,
	    (size_t)(t->at[to - 1].ptr + t->at[to - 1].len - t->at[from].ptr));
}

struct three {
	struct tokens base, wanted, current;
	uint32_t *to_wanted, *to_current; /* of every base token */
};

static void
three_clear(struct three *t)
{
	tokens_clear(&t->base);
	tokens_clear(&t->wanted);
	tokens_clear(&t->current);
	free(t->to_wanted);
	free(t->to_current);
}

static lk_err
three_cut(struct three *t, const struct bytes texts[3], cut_fn *cut,
    struct numbering *numbering)
{
	TRY(tokens_cut(&t->base, texts[0], cut, numbering));
	TRY(tokens_cut(&t->wanted, texts[1], cut, numbering));
	TRY(tokens_cut(&t->current, texts[2], cut, numbering));
	TRY(tokens_match(&t->to_wanted, &t->base, &t->wanted));
	return tokens_match(&t->to_current, &t->base, &t->current);
}

/* What is done with a stretch between two base tokens that both sides kept:
 * the tokens base, wanted and current have there. */
typedef lk_err stretch_fn(struct buf *, const struct bytes texts[3]);

static lk_err
three_walk(struct buf *out, const struct three *t, stretch_fn *stretch)
{
	size_t b = 0, w = 0, c = 0;

	for (size_t i = 0; i <= t->base.len; i++) {
		bool last = i == t->base.len;

		if (!last &&
		    (t->to_wanted[i] == ALIGN_NONE ||
			t->to_current[i] == ALIGN_NONE))
			continue;
		size_t w_to = last ? t->wanted.len : t->to_wanted[i];
		size_t c_to = last ? t->current.len : t->to_current[i];
		struct bytes parts[3] = { tokens_span(&t->base, b, i),
			tokens_span(&t->wanted, w, w_to),
			tokens_span(&t->current, c, c_to) };

		TRY(stretch(out, parts));
		if (!last)
			buf_add(out, t->base.at[i]);
		b = i + 1;
		w = w_to + 1;
		c = c_to + 1;
	}
	return buf_err(out, "merge text");
}

/* Appends what a side has between its counterparts of two base tokens. */
struct side {
	const struct tokens *tokens;
	const uint32_t *match;
	size_t at; /* tokens before this one are dealt with */
};

static struct bytes
side_inserted(struct side *s, size_t base_index, size_t base_len)
{
	size_t to = s->at, from = s->at;

	if (base_index == base_len)
		to = s->tokens->len;
	else if (s->match[base_index] != ALIGN_NONE)
		to = s->match[base_index];
	s->at = to;
	return tokens_span(s->tokens, from, to);
}

/*
 * Word by word: a base token stays if both sides kept it.  A side's insertion
 * belongs before the next base token that side kept, so nothing is lost when
 * the other side deleted around it.
 */
static lk_err
words_merge(struct buf *out, const struct three *t)
{
	struct side wanted = { &t->wanted, t->to_wanted, 0 };
	struct side current = { &t->current, t->to_current, 0 };

	for (size_t i = 0; i <= t->base.len; i++) {
		struct bytes theirs = side_inserted(&current, i, t->base.len);
		struct bytes mine = side_inserted(&wanted, i, t->base.len);
		bool kept = i < t->base.len;

		buf_add(out, theirs);
		if (!bytes_equal(theirs, mine))
			buf_add(out, mine);
		if (!kept)
			break;
		if (t->to_wanted[i] != ALIGN_NONE)
			wanted.at++;
		else
			kept = false;
		if (t->to_current[i] != ALIGN_NONE)
			current.at++;
		else
			kept = false;
		if (kept)
			buf_add(out, t->base.at[i]);
	}
	return buf_err(out, "merge text");
}

static lk_err
stretch_merge(struct buf *out, const struct bytes texts[3])
{
	NUMBERING_SCOPED numbering = NULL;
	struct three words = { 0 };
	lk_err err;

	/* One side left it alone: the other's is the result. */
	if (bytes_equal(texts[0], texts[2]) ||
	    bytes_equal(texts[1], texts[2])) {
		buf_add(out, texts[1]);
		return LK_NONE;
	}
	if (bytes_equal(texts[0], texts[1])) {
		buf_add(out, texts[2]);
		return LK_NONE;
	}
	TRY(numbering_new(&numbering));
	err = three_cut(&words, texts, word_len, numbering);
	if (err.code == LK_OK)
		err = words_merge(out, &words);
	three_clear(&words);
	return err;
}

lk_err
text_merge(struct buf *out, struct bytes base, struct bytes wanted,
    struct bytes current)
{
	const struct bytes texts[3] = { base, wanted, current };
	NUMBERING_SCOPED numbering = NULL;
	struct three lines = { 0 };
	lk_err err;

	TRY(numbering_new(&numbering));
	err = three_cut(&lines, texts, line_len, numbering);
	if (err.code == LK_OK)
		err = three_walk(out, &lines, stretch_merge);
	three_clear(&lines);
	return err;
}
