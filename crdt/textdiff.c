#include "crdt/textdiff.h"

#include <stdlib.h>
#include <string.h>

/* Edits looked for at a time; the search costs their square in memory. */
#define EDITS_MAX 256

#define TOKENS_FIRST 64

/* Pieces of a text; equal pieces of both texts have equal numbers. */
struct tokens {
	struct bytes text;
	size_t *at; /* len + 1 offsets */
	uint32_t *number;
	size_t len, cap;
};

/* Numbers for pieces: a hash table of views. */
struct token_names {
	struct bytes *names;
	uint32_t *numbers;
	size_t cap;
	uint32_t len;
};

typedef size_t piece_fn(struct bytes);

/* One search: ends of the furthest paths, for each number of edits. */
struct search {
	const struct tokens *a, *b;
	size_t a_at, b_at; /* where it begins */
	size_t *trace;     /* (EDITS_MAX + 1) rows */
	size_t edits;
};

void
textdiff_clear(struct textdiff *d)
{
	free(d->hunks);
	*d = (struct textdiff){ 0 };
}

static void
tokens_clear(struct tokens *t)
{
	free(t->at);
	free(t->number);
	*t = (struct tokens){ 0 };
}

static void
names_clear(struct token_names *n)
{
	free(n->names);
	free(n->numbers);
	*n = (struct token_names){ 0 };
}

/* Length of the line at the front, with its newline. */
static size_t
piece_line(struct bytes s)
{
	const uint8_t *end = memchr(s.ptr, '\n', s.len);

	return end == NULL ? s.len : (size_t)(end - s.ptr) + 1;
}

enum letter { LETTER_WORD, LETTER_SPACE, LETTER_OTHER };

static enum letter
letter_kind(uint8_t c)
{
	if (c >= 0x80 || (c >= '0' && c <= '9') || c == '_' ||
	    ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
		return LETTER_WORD;
	return c == ' ' || c == '\t' ? LETTER_SPACE : LETTER_OTHER;
}

/* A word, a run of blanks, or one other character. */
static size_t
piece_word(struct bytes s)
{
	enum letter kind = letter_kind(s.ptr[0]);
	size_t n = 1;

	if (kind == LETTER_OTHER)
		return n;
	while (n < s.len && letter_kind(s.ptr[n]) == kind)
		n++;
	return n;
}

static uint64_t
piece_hash(struct bytes s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ s.ptr[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 29;
}

static size_t
names_place(const struct token_names *n, struct bytes s)
{
	size_t at = (size_t)piece_hash(s);

	for (;; at++) {
		size_t i = at & (n->cap - 1);

		if (n->numbers[i] == 0 || bytes_equal(n->names[i], s))
			return i;
	}
}

static lk_err
names_grow(struct token_names *n)
{
	struct token_names grown = { .len = n->len };

	grown.cap = n->cap == 0 ? TOKENS_FIRST : 2 * n->cap;
	grown.names = calloc(grown.cap, sizeof(*grown.names));
	grown.numbers = calloc(grown.cap, sizeof(*grown.numbers));
	if (grown.names == NULL || grown.numbers == NULL) {
		names_clear(&grown);
		return LK_ERR(LK_E_NOMEM, "comparing texts");
	}
	for (size_t i = 0; i < n->cap; i++) {
		size_t to;

		if (n->numbers[i] == 0)
			continue;
		to = names_place(&grown, n->names[i]);
		grown.names[to] = n->names[i];
		grown.numbers[to] = n->numbers[i];
	}
	names_clear(n);
	*n = grown;
	return LK_NONE;
}

static lk_err
names_number(struct token_names *n, struct bytes s, uint32_t *number)
{
	size_t at;

	if (2 * (size_t)n->len >= n->cap)
		TRY(names_grow(n));
	at = names_place(n, s);
	if (n->numbers[at] == 0) {
		n->names[at] = s;
		n->numbers[at] = ++n->len;
	}
	*number = n->numbers[at];
	return LK_NONE;
}

static lk_err
tokens_add(struct tokens *t, size_t end, uint32_t number)
{
	if (t->len + 1 >= t->cap) {
		size_t cap = t->cap == 0 ? TOKENS_FIRST : 2 * t->cap;
		size_t *at = reallocarray(t->at, cap, sizeof(*at));
		uint32_t *numbers;

		if (at == NULL)
			return LK_ERR(LK_E_NOMEM, "comparing texts");
		t->at = at;
		numbers = reallocarray(t->number, cap, sizeof(*numbers));
		if (numbers == NULL)
			return LK_ERR(LK_E_NOMEM, "comparing texts");
		t->number = numbers;
		t->cap = cap;
	}
	t->number[t->len++] = number;
	t->at[0] = 0;
	t->at[t->len] = end;
	return LK_NONE;
}

static lk_err
tokens_read(struct tokens *t, struct token_names *names, struct bytes text,
    piece_fn *piece)
{
	size_t at = 0;

	t->text = text;
	while (at < text.len) {
		struct bytes rest = BYTES(text.ptr + at, text.len - at);
		size_t n = piece(rest);
		uint32_t number;

		TRY(names_number(names, BYTES(rest.ptr, n), &number));
		at += n;
		TRY(tokens_add(t, at, number));
	}
	return LK_NONE;
}

/* The row of the trace for `edits`: how far into `a`, by diagonal. */
static size_t *
search_row(const struct search *s, size_t edits)
{
	return s->trace + edits * (2 * EDITS_MAX + 3) + EDITS_MAX + 1;
}

/* Furthest along diagonal k with `edits` edits, from the row before. */
static size_t
search_step(const struct search *s, size_t edits, ptrdiff_t k)
{
	const size_t *before = edits == 0 ? NULL : search_row(s, edits - 1);
	ptrdiff_t d = (ptrdiff_t)edits;
	size_t x = 0, y;

	if (edits > 0)
		x = k == -d || (k != d && before[k - 1] < before[k + 1])
		    ? before[k + 1]
		    : before[k - 1] + 1;
	y = (size_t)((ptrdiff_t)x - k);
	while (s->a_at + x < s->a->len && s->b_at + y < s->b->len &&
	    s->a->number[s->a_at + x] == s->b->number[s->b_at + y]) {
		x++;
		y++;
	}
	return x;
}

/*
 * Myers' search, forward and greedy.  Stops at the end of both, or with
 * EDITS_MAX edits on the diagonal that got furthest; false when every path
 * left the texts by then.
 */
static bool
search_run(struct search *s, ptrdiff_t *diagonal)
{
	size_t n = s->a->len - s->a_at, m = s->b->len - s->b_at, best = 0;
	bool found = false;

	for (size_t d = 0; d <= EDITS_MAX; d++) {
		size_t *row = search_row(s, d);

		s->edits = d;
		best = 0;
		found = false;
		for (ptrdiff_t k = -(ptrdiff_t)d; k <= (ptrdiff_t)d; k += 2) {
			size_t x, y;

			row[k] = x = search_step(s, d, k);
			y = (size_t)((ptrdiff_t)x - k);
			if (x > n || y > m || x + y < best)
				continue;
			best = x + y;
			found = true;
			*diagonal = k;
			if (x == n && y == m)
				return true;
		}
	}
	return found;
}

/* Marks the tokens that the path to the end of diagonal k drops or adds. */
static void
search_mark(const struct search *s, ptrdiff_t k, bool *a_gone, bool *b_new)
{
	for (size_t d = s->edits; d > 0; d--) {
		const size_t *before = search_row(s, d - 1);
		ptrdiff_t edits = (ptrdiff_t)d;
		size_t x;

		if (k == -edits ||
		    (k != edits && before[k - 1] < before[k + 1])) {
			k++;
			x = before[k];
			b_new[s->b_at + (size_t)((ptrdiff_t)x - k)] = true;
		} else {
			k--;
			x = before[k];
			a_gone[s->a_at + x] = true;
		}
	}
}

/* Marks what is not common to both, in arrays that are all false. */
static void
tokens_compare(struct search s, bool *a_gone, bool *b_new)
{
	ptrdiff_t k;

	while (s.a_at < s.a->len && s.b_at < s.b->len && search_run(&s, &k)) {
		size_t x = search_row(&s, s.edits)[k];

		search_mark(&s, k, a_gone, b_new);
		s.a_at += x;
		s.b_at += (size_t)((ptrdiff_t)x - k);
	}
	for (size_t i = s.a_at; i < s.a->len; i++)
		a_gone[i] = true;
	for (size_t i = s.b_at; i < s.b->len; i++)
		b_new[i] = true;
}

/* A piece of each text, by offsets into the whole. */
struct region {
	struct bytes old, new;
	size_t old_at, new_at;
};

/* A comparison on its way: memory for one search at a time. */
struct job {
	struct textdiff *out;
	size_t *trace;
};

/* What each pair of pieces that differ is given to. */
typedef lk_err region_fn(struct job *, struct region);

static bool
starts_point(struct bytes s, size_t at)
{
	return at == s.len || (s.ptr[at] & 0xc0) != 0x80;
}

/* Takes off what is equal at both ends, in whole code points. */
static struct region
region_trim(struct region r)
{
	size_t most = r.old.len < r.new.len ? r.old.len : r.new.len;
	size_t head = 0, tail = 0;

	while (head < most && r.old.ptr[head] == r.new.ptr[head])
		head++;
	/* Both have the same bytes before: a boundary of one is one of both,
	 * unless one text ends there. */
	while (head > 0 &&
	    (!starts_point(r.old, head) || !starts_point(r.new, head)))
		head--;
	while (tail < most - head &&
	    r.old.ptr[r.old.len - 1 - tail] == r.new.ptr[r.new.len - 1 - tail])
		tail++;
	while (tail > 0 && !starts_point(r.old, r.old.len - tail))
		tail--;
	return (struct region){
		.old = BYTES(r.old.ptr + head, r.old.len - head - tail),
		.new = BYTES(r.new.ptr + head, r.new.len - head - tail),
		.old_at = r.old_at + head,
		.new_at = r.new_at + head,
	};
}

static lk_err
region_add(struct job *job, struct region r)
{
	struct textdiff *d = job->out;

	r = region_trim(r);
	if (r.old.len == 0 && r.new.len == 0)
		return LK_NONE;
	if (d->hunks_len == d->hunks_cap) {
		size_t cap =
		    d->hunks_cap == 0 ? TOKENS_FIRST : 2 * d->hunks_cap;
		struct text_hunk *hunks =
		    reallocarray(d->hunks, cap, sizeof(*hunks));

		if (hunks == NULL)
			return LK_ERR(LK_E_NOMEM, "comparing texts");
		d->hunks = hunks;
		d->hunks_cap = cap;
	}
	d->hunks[d->hunks_len++] = (struct text_hunk){ .old_at = r.old_at,
		.old_len = r.old.len,
		.new_at = r.new_at,
		.new_len = r.new.len };
	return LK_NONE;
}

static struct bytes
tokens_view(const struct tokens *t, size_t from, size_t to)
{
	return BYTES(t->text.ptr + t->at[from], t->at[to] - t->at[from]);
}

/* Gives every run of marked tokens to `each`. */
static lk_err
regions_walk(struct job *job, struct region whole, const struct search *s,
    const bool *a_gone, const bool *b_new, region_fn *each)
{
	size_t i = 0, j = 0;

	while (i < s->a->len || j < s->b->len) {
		size_t a_from = i, b_from = j;

		while (i < s->a->len && a_gone[i])
			i++;
		while (j < s->b->len && b_new[j])
			j++;
		if (i == a_from && j == b_from) {
			i++;
			j++;
			continue;
		}
		TRY(each(job,
		    (struct region){
			.old = tokens_view(s->a, a_from, i),
			.new = tokens_view(s->b, b_from, j),
			.old_at = whole.old_at + s->a->at[a_from],
			.new_at = whole.new_at + s->b->at[b_from],
		    }));
	}
	return LK_NONE;
}

/* Compares a region piece by piece. */
static lk_err
region_split(struct job *job, struct region r, piece_fn *piece, region_fn *each)
{
	struct tokens a = { 0 }, b = { 0 };
	struct token_names names = { 0 };
	struct search s = { .a = &a, .b = &b, .trace = job->trace };
	bool *marks = NULL;
	lk_err err = tokens_read(&a, &names, r.old, piece);

	if (err.code == LK_OK)
		err = tokens_read(&b, &names, r.new, piece);
	names_clear(&names);
	if (err.code == LK_OK) {
		marks = calloc(a.len + b.len, sizeof(*marks));
		if (marks == NULL)
			err = LK_ERR(LK_E_NOMEM, "comparing texts");
	}
	if (err.code == LK_OK) {
		tokens_compare(s, marks, marks + a.len);
		err = regions_walk(job, r, &s, marks, marks + a.len, each);
	}
	free(marks);
	tokens_clear(&a);
	tokens_clear(&b);
	return err;
}

static lk_err
region_words(struct job *job, struct region r)
{
	r = region_trim(r);
	if (r.old.len == 0 || r.new.len == 0)
		return region_add(job, r);
	return region_split(job, r, piece_word, region_add);
}

/* Positions in code points, for all hunks. */
static void
hunks_count(struct textdiff *d, struct bytes old)
{
	size_t at = 0, point = 0;

	for (size_t i = 0; i < d->hunks_len; i++) {
		struct text_hunk *h = &d->hunks[i];

		point += utf8_count(BYTES(old.ptr + at, h->old_at - at));
		h->old_point = point;
		h->old_points =
		    utf8_count(BYTES(old.ptr + h->old_at, h->old_len));
		point += h->old_points;
		at = h->old_at + h->old_len;
	}
}

lk_err
textdiff(struct textdiff *out, struct bytes old, struct bytes new)
{
	struct job job = { .out = out };
	struct region whole = { .old = old, .new = new };
	lk_err err;

	whole = region_trim(whole);
	if (whole.old.len == 0 || whole.new.len == 0) {
		err = region_add(&job, whole);
	} else {
		job.trace =
		    calloc((size_t)(EDITS_MAX + 1) * (2 * EDITS_MAX + 3),
			sizeof(*job.trace));
		if (job.trace == NULL)
			return LK_ERR(LK_E_NOMEM, "comparing texts");
		err = region_split(&job, whole, piece_line, region_words);
		free(job.trace);
	}
	TRY(err);
	hunks_count(out, old);
	return LK_NONE;
}
