#include "crdt/textdiff.h"

#include <stdlib.h>
#include <string.h>

/* Pieces of both texts together: what they cost is 150 MiB. */
#define PIECES_MAX (4u * 1024 * 1024)
#define HUNKS_FIRST 64

void
textdiff_clear(struct textdiff *d)
{
	free(d->hunks);
	*d = (struct textdiff){ 0 };
}

/* Length of the line at the front, with its newline. */
static size_t
text_line(struct bytes s)
{
	const uint8_t *end = memchr(s.ptr, '\n', s.len);

	return end == NULL ? s.len : (size_t)(end - s.ptr) + 1;
}

enum letter { LETTER_WORD, LETTER_SPACE, LETTER_WHOLE };

static enum letter
letter_kind(uint8_t c)
{
	/* From U+3000 on. */
	if (c >= 0xe3)
		return LETTER_WHOLE;
	if (c >= 0x80 || (c >= '0' && c <= '9') || c == '_' ||
	    ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
		return LETTER_WORD;
	return c == ' ' || c == '\t' ? LETTER_SPACE : LETTER_WHOLE;
}

size_t
text_word(struct bytes s)
{
	enum letter kind = letter_kind(s.ptr[0]);
	size_t n = 1;

	if (kind == LETTER_WHOLE) {
		while (n < s.len && (s.ptr[n] & 0xc0) == 0x80)
			n++;
		return n;
	}
	while (n < s.len && letter_kind(s.ptr[n]) == kind)
		n++;
	return n;
}

uint64_t
text_hash(struct bytes s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ s.ptr[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* A part of each text, by offsets into the whole. */
struct region {
	struct bytes old, new;
	size_t old_at, new_at;
};

struct job {
	struct textdiff *out;
	struct aligner *al;
};

/* What each pair of parts that differ is given to. */
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

typedef size_t piece_fn(struct bytes);

static struct bytes
bytes_from(struct bytes b, size_t at)
{
	return BYTES(b.ptr + at, b.len - at);
}

/*
 * The same in whole pieces of both texts.  A line put before one that begins
 * like it is a line, not the end of one and the beginning of another: with
 * what others did to that one it would become neither.
 */
static struct region
region_trim_pieces(struct region r, piece_fn *piece)
{
	struct region t = region_trim(r);
	size_t head = t.old_at - r.old_at;
	size_t tail = r.old.len - head - t.old.len, from = 0, i, j;

	while (from < head) {
		size_t n = piece(bytes_from(r.old, from));

		if (from + n > head || piece(bytes_from(r.new, from)) != n)
			break;
		from += n;
	}
	for (i = j = from;
	     r.old.len - i > tail || r.old.len - i != r.new.len - j;)
		if (r.old.len - i >= r.new.len - j)
			i += piece(bytes_from(r.old, i));
		else
			j += piece(bytes_from(r.new, j));
	return (struct region){
		.old = BYTES(r.old.ptr + from, i - from),
		.new = BYTES(r.new.ptr + from, j - from),
		.old_at = r.old_at + from,
		.new_at = r.new_at + from,
	};
}

static lk_err
hunk_add(struct textdiff *d, struct text_hunk h)
{
	if (d->hunks_len == d->hunks_cap) {
		size_t cap = d->hunks_cap == 0 ? HUNKS_FIRST : 2 * d->hunks_cap;
		struct text_hunk *hunks =
		    reallocarray(d->hunks, cap, sizeof(*hunks));

		if (hunks == NULL)
			return LK_ERR(LK_E_NOMEM, "comparing texts");
		d->hunks = hunks;
		d->hunks_cap = cap;
	}
	d->hunks[d->hunks_len++] = h;
	return LK_NONE;
}

static lk_err
region_add(struct job *job, struct region r)
{
	r = region_trim(r);
	if (r.old.len == 0 && r.new.len == 0)
		return LK_NONE;
	return hunk_add(job->out,
	    (struct text_hunk){ .old_at = r.old_at,
		.old_len = r.old.len,
		.new_at = r.new_at,
		.new_len = r.new.len });
}

/* Both parts of a region cut into pieces: first those of the old text. */
struct pieces {
	struct bytes old, new;
	size_t old_len, new_len;
	uint32_t *ends; /* each in its text */
	uint32_t *numbers;
	uint32_t *match; /* of the old ones */
};

static void
pieces_clear(struct pieces *p)
{
	free(p->ends);
	free(p->numbers);
	free(p->match);
}

static size_t
pieces_cut(uint32_t *ends, struct bytes text, piece_fn *piece)
{
	size_t n = 0;

	for (size_t at = 0; at < text.len; n++) {
		at += piece(BYTES(text.ptr + at, text.len - at));
		if (ends != NULL)
			ends[n] = (uint32_t)at;
	}
	return n;
}

static size_t
piece_start(const struct pieces *p, size_t i)
{
	return i == 0 || i == p->old_len ? 0 : p->ends[i - 1];
}

static struct bytes
piece_bytes(const struct pieces *p, size_t i)
{
	size_t from = piece_start(p, i);
	const uint8_t *text = i < p->old_len ? p->old.ptr : p->new.ptr;

	return BYTES(text + from, p->ends[i] - from);
}

static bool
pieces_same(const void *ctx, uint32_t i, uint32_t j)
{
	return bytes_equal(piece_bytes(ctx, i), piece_bytes(ctx, j));
}

static lk_err
pieces_number(struct pieces *p)
{
	size_t n = p->old_len + p->new_len;
	struct label *labels = reallocarray(NULL, n, sizeof(*labels));

	if (labels == NULL)
		return LK_ERR(LK_E_NOMEM, "comparing texts");
	for (size_t i = 0; i < n; i++)
		labels[i] =
		    (struct label){ text_hash(piece_bytes(p, i)), (uint32_t)i };
	labels_number(labels, n, pieces_same, p, p->numbers);
	free(labels);
	return LK_NONE;
}

static lk_err
pieces_match(struct pieces *p, struct aligner *al, piece_fn *piece)
{
	size_t n = p->old_len + p->new_len;

	p->ends = reallocarray(NULL, n, sizeof(*p->ends));
	p->numbers = reallocarray(NULL, n, sizeof(*p->numbers));
	p->match = reallocarray(NULL, p->old_len, sizeof(*p->match));
	if (p->ends == NULL || p->numbers == NULL || p->match == NULL)
		return LK_ERR(LK_E_NOMEM, "comparing texts");
	(void)pieces_cut(p->ends, p->old, piece);
	(void)pieces_cut(p->ends + p->old_len, p->new, piece);
	TRY(pieces_number(p));
	return align_match(al, p->match,
	    (struct series){ p->numbers, p->old_len },
	    (struct series){ p->numbers + p->old_len, p->new_len });
}

/* Offsets of old piece i and new piece j, or of the end. */
static size_t
old_offset(const struct pieces *p, size_t i)
{
	return i == 0 ? 0 : p->ends[i - 1];
}

static size_t
new_offset(const struct pieces *p, size_t j)
{
	return j == 0 ? 0 : p->ends[p->old_len + j - 1];
}

/* Gives what lies between pieces that are in both texts to `each`. */
static lk_err
pieces_walk(struct job *job, const struct pieces *p, struct region whole,
    region_fn *each)
{
	size_t a = 0, b = 0;

	for (size_t i = 0; i <= p->old_len; i++) {
		size_t j = p->new_len, from, to;

		if (i < p->old_len && p->match[i] == ALIGN_NONE)
			continue;
		if (i < p->old_len)
			j = p->match[i];
		from = old_offset(p, a);
		to = new_offset(p, b);
		if (i > a || j > b)
			TRY(each(job,
			    (struct region){
				.old = BYTES(
				    p->old.ptr + from, old_offset(p, i) - from),
				.new = BYTES(
				    p->new.ptr + to, new_offset(p, j) - to),
				.old_at = whole.old_at + from,
				.new_at = whole.new_at + to,
			    }));
		a = i + 1;
		b = j + 1;
	}
	return LK_NONE;
}

/* Compares a region piece by piece. */
static lk_err
region_compare(
    struct job *job, struct region r, piece_fn *piece, region_fn *each)
{
	struct pieces p;
	lk_err err;

	r = region_trim_pieces(r, piece);
	if (r.old.len == 0 || r.new.len == 0)
		return region_add(job, r);
	p = (struct pieces){ .old = r.old,
		.new = r.new,
		.old_len = pieces_cut(NULL, r.old, piece),
		.new_len = pieces_cut(NULL, r.new, piece) };
	if (p.old_len + p.new_len > PIECES_MAX)
		return region_add(job, r);
	err = pieces_match(&p, job->al, piece);
	if (err.code == LK_OK)
		err = pieces_walk(job, &p, r, each);
	pieces_clear(&p);
	return err;
}

static lk_err
region_words(struct job *job, struct region r)
{
	return region_compare(job, r, text_word, region_add);
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

/* Offsets into no memory at all are undefined, 0 too. */
static struct bytes
text_somewhere(struct bytes text)
{
	static const uint8_t nothing[1];

	return text.len == 0 ? BYTES(nothing, 0) : text;
}

lk_err
textdiff(struct textdiff *out, struct aligner *al, struct bytes old,
    struct bytes new)
{
	struct job job = { .out = out, .al = al };

	old = text_somewhere(old);
	new = text_somewhere(new);
	TRY(region_compare(&job, (struct region){ .old = old, .new = new },
	    text_line, region_words));
	hunks_count(out, old);
	return LK_NONE;
}

/* Walks their hunks while mine ascend. */
struct onto {
	struct textdiff *out;
	const struct textdiff *theirs;
	size_t next; /* their first hunk that begins behind the place */
};

/* Where a place of the base is in their text: behind what they put there. */
static size_t
onto_place(const struct onto *o, size_t at)
{
	const struct text_hunk *h;

	if (o->next == 0)
		return at;
	h = &o->theirs->hunks[o->next - 1];
	if (at < h->old_at + h->old_len)
		at = h->old_at + h->old_len;
	return h->new_at + h->new_len + (at - h->old_at - h->old_len);
}

static void
onto_advance(struct onto *o, size_t at)
{
	while (o->next < o->theirs->hunks_len &&
	    o->theirs->hunks[o->next].old_at <= at)
		o->next++;
}

/* Whether they have inserted the same at the same place. */
static bool
onto_twice(const struct onto *o, const struct text_hunk *mine,
    struct text_change my, struct text_change their)
{
	const struct text_hunk *h;

	if (o->next == 0 || mine->new_len == 0)
		return false;
	h = &o->theirs->hunks[o->next - 1];
	return h->old_at == mine->old_at &&
	    bytes_equal(BYTES(their.text.ptr + h->new_at, h->new_len),
		BYTES(my.text.ptr + mine->new_at, mine->new_len));
}

/* One hunk of mine: an insertion, and deletions of what is left there. */
static lk_err
onto_hunk(struct onto *o, struct text_hunk h)
{
	size_t at = h.old_at, end = h.old_at + h.old_len;

	h.old_at = onto_place(o, at);
	h.old_len = 0;
	while (at < end) {
		size_t place = onto_place(o, at), stop = end;

		if (o->next > 0) {
			const struct text_hunk *g =
			    &o->theirs->hunks[o->next - 1];

			if (at < g->old_at + g->old_len)
				at = g->old_at + g->old_len;
		}
		if (at >= end)
			break;
		if (o->next < o->theirs->hunks_len &&
		    o->theirs->hunks[o->next].old_at < end)
			stop = o->theirs->hunks[o->next].old_at;
		if (place != h.old_at + h.old_len) {
			if (h.old_len + h.new_len > 0)
				TRY(hunk_add(o->out, h));
			h = (struct text_hunk){ .old_at = place };
		}
		h.old_len += stop - at;
		at = stop;
		onto_advance(o, at);
	}
	return h.old_len + h.new_len > 0 ? hunk_add(o->out, h) : LK_NONE;
}

lk_err
textdiff_onto(
    struct textdiff *out, struct text_change mine, struct text_change theirs)
{
	struct onto o = { .out = out, .theirs = theirs.diff };

	mine.text = text_somewhere(mine.text);
	theirs.text = text_somewhere(theirs.text);
	for (size_t i = 0; i < mine.diff->hunks_len; i++) {
		struct text_hunk h = mine.diff->hunks[i];

		onto_advance(&o, h.old_at);
		if (onto_twice(&o, &h, mine, theirs))
			h.new_len = 0;
		TRY(onto_hunk(&o, h));
	}
	hunks_count(out, theirs.text);
	return LK_NONE;
}
