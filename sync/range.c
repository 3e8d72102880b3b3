#include "sync/range.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"
#include "sync/message.h"

#define PART_MAX (2 + ENVELOPE_KEY_LEN + 1 + 10 + FP_LEN)
/* Of the parts a range is cut into none but the last has less than three
 * quarters of its share. */
#define ANSWER_MAX ((RANGE_PARTS * 4 / 3 + 2) * PART_MAX)

/* A range in which the other side has told all it has. */
struct gap {
	struct key_span span;
	const uint8_t *ids; /* in the message */
	size_t ids_len;
	uint64_t count; /* of ours */
};

/* A body being written. */
struct task {
	const struct range_set *set;
	struct buf *out;
	size_t room_end;
	size_t steps;                  /* records that may still be read */
	uint8_t low[ENVELOPE_KEY_LEN]; /* the last bound that was written */
	/* Nothing is said up to here, which is not written yet. */
	uint8_t skip[ENVELOPE_KEY_LEN];
	bool skipping;
	struct gap *gaps; /* owned */
	size_t gaps_len, gaps_cap;
};

void
range_result_clear(struct range_result *r)
{
	free(r->want);
	free(r->send);
	*r = (struct range_result){ .answers = false };
}

static void
bound_write(struct task *t, const uint8_t high[static ENVELOPE_KEY_LEN])
{
	size_t shared = 0, end = ENVELOPE_KEY_LEN;

	while (high[shared] == t->low[shared])
		shared++;
	while (high[end - 1] == 0)
		end--;
	buf_u8(t->out, (uint8_t)shared);
	buf_u8(t->out, (uint8_t)(end - shared));
	buf_mem(t->out, high + shared, end - shared);
	memcpy(t->low, high, ENVELOPE_KEY_LEN);
}

/* Nothing is said below this key. */
static void
part_skip(struct task *t, const uint8_t high[static ENVELOPE_KEY_LEN])
{
	t->skipping = memcmp(high, t->low, ENVELOPE_KEY_LEN) > 0;
	memcpy(t->skip, high, ENVELOPE_KEY_LEN);
}

/* A part that begins where the last one ended, or the skipping. */
static void
part_begin(struct task *t, const struct key_span *span, enum range_mode mode)
{
	if (t->skipping) {
		bound_write(t, t->skip);
		buf_u8(t->out, RANGE_SKIP);
		t->skipping = false;
	}
	if (span->endless)
		buf_u8(t->out, UINT8_MAX);
	else
		bound_write(t, span->high);
	buf_u8(t->out, (uint8_t)mode);
}

static void
hash_begin(const struct task *t, struct digest *d)
{
	digest_init(d, FP_LEN, DIGEST_FP, NULL);
	digest_add(d, t->set->session);
}

static void
sum_hash(const struct task *t, const struct fingerprint *f,
    uint8_t out[static FP_LEN])
{
	struct digest d;

	hash_begin(t, &d);
	digest_add(&d, BYTES_OF(f->sum));
	digest_final(&d, out);
}

static void
sum_write(struct task *t, const struct key_span *span,
    const struct fingerprint *f, const uint8_t *exact)
{
	uint8_t hash[FP_LEN];

	if (exact == NULL)
		sum_hash(t, f, hash);
	part_begin(t, span, exact == NULL ? RANGE_SUM : RANGE_EXACT);
	buf_uleb(t->out, f->count);
	buf_mem(t->out, exact == NULL ? hash : exact, FP_LEN);
}

static lk_err
span_sum(struct task *t, const struct key_span *span, struct fingerprint *f)
{
	struct pieces p;

	if (span->endless &&
	    memcmp(span->low, (uint8_t[ENVELOPE_KEY_LEN]){ 0 },
		ENVELOPE_KEY_LEN) == 0)
		return fingerprint_doc(t->set->txn, t->set->docno, f);
	pieces_begin(&p, t->set->txn, t->set->docno, span, &t->steps);
	return pieces_sum(&p, f);
}

/* The hash over the ids of a range, in order. */
static lk_err
span_exact(
    struct task *t, const struct key_span *span, uint8_t out[static FP_LEN])
{
	struct digest d;
	struct pieces p;
	struct piece piece;
	lk_err err;

	hash_begin(t, &d);
	pieces_begin(&p, t->set->txn, t->set->docno, span, &t->steps);
	while (pieces_envelope(&p, &piece, &err))
		digest_add(&d, BYTES_OF(piece.fp.sum));
	digest_final(&d, out);
	return err;
}

/* Tells all that is in a range: at most RANGE_IDS_MAX. */
static lk_err
list_write(struct task *t, const struct key_span *span)
{
	uint8_t ids[RANGE_IDS_MAX][LK_ID_LEN];
	struct pieces p;
	struct piece piece;
	size_t n = 0;
	lk_err err;

	pieces_begin(&p, t->set->txn, t->set->docno, span, &t->steps);
	while (pieces_envelope(&p, &piece, &err)) {
		/* The sums were damaged, then. */
		if (n == RANGE_IDS_MAX)
			return LK_ERR(LK_E_CORRUPT, "fingerprint record");
		memcpy(ids[n++], piece.fp.sum, LK_ID_LEN);
	}
	TRY(err);
	qsort(ids, n, LK_ID_LEN, lk_id_compare);
	part_begin(t, span, RANGE_LIST);
	buf_uleb(t->out, n);
	buf_mem(t->out, ids, n * LK_ID_LEN);
	return LK_NONE;
}

/* The shortest bound above all that is below `above`, and not above `key`. */
static void
bound_between(uint8_t out[static ENVELOPE_KEY_LEN],
    const uint8_t above[static ENVELOPE_KEY_LEN],
    const uint8_t key[static ENVELOPE_KEY_LEN])
{
	memset(out, 0, ENVELOPE_KEY_LEN);
	for (size_t i = 0;
	     i < ENVELOPE_KEY_LEN && memcmp(out, above, ENVELOPE_KEY_LEN) < 0;
	     i++)
		out[i] = key[i];
}

/* A range being cut into parts. */
struct cutting {
	struct pieces pieces;
	struct key_span part;   /* begins at the last cut */
	struct fingerprint sum; /* of what is in it so far */
	struct digest exact;
	bool is_exact;
	uint64_t most; /* in one part */
	/* Where the last piece that is in the part ends. */
	uint8_t passed[ENVELOPE_KEY_LEN];
};

static void
cut(struct task *t, struct cutting *c)
{
	uint8_t hash[FP_LEN];

	if (c->is_exact)
		digest_final(&c->exact, hash);
	sum_write(t, &c->part, &c->sum, c->is_exact ? hash : NULL);
	c->sum = (struct fingerprint){ .count = 0 };
	memcpy(c->part.low, c->part.high, ENVELOPE_KEY_LEN);
	if (c->is_exact)
		hash_begin(t, &c->exact);
}

/* The next piece that fits into the part; *full: none does. */
static lk_err
cutting_next(struct cutting *c, struct piece *piece, bool *full)
{
	enum piece_kind most = c->is_exact ? PIECE_ENVELOPE : PIECE_AUTHOR;

	for (;;) {
		TRY(pieces_peek(&c->pieces, most, piece));
		*full = c->sum.count + piece->fp.count > c->most;
		if (!*full || piece->kind == PIECE_ENVELOPE ||
		    (c->sum.count > 0 && piece->fp.count <= c->most / 4))
			return LK_NONE;
		most = (enum piece_kind)(piece->kind - 1);
	}
}

/* Cuts a range of ours into parts of about the same size. */
static lk_err
split(struct task *t, const struct key_span *span, uint64_t count, bool exact)
{
	struct cutting c = { .part = *span,
		.is_exact = exact,
		.most = (count + RANGE_PARTS - 1) / RANGE_PARTS };
	struct piece piece;
	bool full;
	lk_err err;

	hash_begin(t, &c.exact);
	pieces_begin(&c.pieces, t->set->txn, t->set->docno, span, &t->steps);
	while ((err = cutting_next(&c, &piece, &full)).code == LK_OK) {
		if (full) {
			c.part.endless = false;
			bound_between(c.part.high, c.passed, piece.low);
			cut(t, &c);
			continue;
		}
		fingerprint_join(&c.sum, &piece.fp);
		if (exact)
			digest_add(&c.exact, BYTES_OF(piece.fp.sum));
		pieces_pass(&c.pieces, &piece);
		memcpy(c.passed, c.pieces.left.low, ENVELOPE_KEY_LEN);
	}
	if (err.code != LK_E_NOTFOUND)
		return err;
	c.part.endless = span->endless;
	memcpy(c.part.high, span->high, ENVELOPE_KEY_LEN);
	cut(t, &c);
	return LK_NONE;
}

/* Whether a part that was summed up is not as here; `ours`: the sum here. */
static lk_err
part_differs(struct task *t, const struct range_part *part,
    struct fingerprint *ours, bool *differs)
{
	uint8_t hash[FP_LEN];

	TRY(span_sum(t, &part->span, ours));
	*differs = ours->count != part->count;
	if (*differs)
		return LK_NONE;
	if (part->mode == RANGE_EXACT)
		TRY(span_exact(t, &part->span, hash));
	else
		sum_hash(t, ours, hash);
	*differs = memcmp(hash, part->hash, FP_LEN) != 0;
	return LK_NONE;
}

static lk_err
gap_add(struct task *t, const struct range_part *part)
{
	if (t->gaps_len == t->gaps_cap) {
		size_t cap = t->gaps_cap == 0 ? 16 : t->gaps_cap * 2;
		struct gap *grown = reallocarray(t->gaps, cap, sizeof(*grown));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "RANGE");
		t->gaps = grown;
		t->gaps_cap = cap;
	}
	t->gaps[t->gaps_len++] = (struct gap){
		.span = part->span, .ids = part->ids, .ids_len = part->ids_len
	};
	return LK_NONE;
}

/* Answers one part; `end` is where the message ends. */
static lk_err
part_answer(struct task *t, const struct range_part *part,
    const struct key_span *end, bool *full, struct range_result *r)
{
	struct fingerprint ours;
	struct key_span rest;
	bool differs;

	part_skip(t, part->span.high);
	if (part->mode == RANGE_SKIP)
		return LK_NONE;
	if (part->mode == RANGE_LIST) {
		r->parts++;
		return gap_add(t, part);
	}
	if (*full)
		return LK_NONE;
	TRY(part_differs(t, part, &ours, &differs));
	if (!differs)
		return LK_NONE;
	r->parts++;
	part_skip(t, part->span.low);
	*full = t->out->len + ANSWER_MAX + 2 * PART_MAX > t->room_end;
	if (!*full && ours.count <= RANGE_IDS_MAX)
		return list_write(t, &part->span);
	if (!*full)
		return split(t, &part->span, ours.count,
		    part->mode == RANGE_EXACT && ours.count <= RANGE_EXACT_MAX);
	/* No room for more: the rest at once, to be cut by the other side. */
	rest = *end;
	memcpy(rest.low, part->span.low, ENVELOPE_KEY_LEN);
	TRY(span_sum(t, &rest, &ours));
	sum_write(t, &rest, &ours, NULL);
	return LK_NONE;
}

static bool
is_listed(const struct gap *g, const uint8_t *id)
{
	return g->ids_len > 0 &&
	    bsearch(id, g->ids, g->ids_len, LK_ID_LEN, lk_id_compare) != NULL;
}

/* What was listed and is not in the log. */
static lk_err
wants_find(struct task *t, struct range_result *r)
{
	size_t listed = 0, n = 0;

	for (size_t i = 0; i < t->gaps_len; i++)
		listed += t->gaps[i].ids_len;
	if (listed == 0)
		return LK_NONE;
	r->want = reallocarray(NULL, listed, LK_ID_LEN);
	if (r->want == NULL)
		return LK_ERR(LK_E_NOMEM, "RANGE");
	for (size_t i = 0; i < t->gaps_len; i++)
		for (size_t k = 0; k < t->gaps[i].ids_len; k++) {
			const uint8_t *id = t->gaps[i].ids + k * LK_ID_LEN;

			if (!log_has(t->set->txn, id))
				memcpy(
				    r->want + n++ * LK_ID_LEN, id, LK_ID_LEN);
		}
	qsort(r->want, n, LK_ID_LEN, lk_id_compare);
	for (size_t i = 0; i < n; i++) {
		const uint8_t *id = r->want + i * LK_ID_LEN;

		if (i == 0 || memcmp(id, id - LK_ID_LEN, LK_ID_LEN) != 0)
			memmove(
			    r->want + r->want_len++ * LK_ID_LEN, id, LK_ID_LEN);
	}
	return LK_NONE;
}

/* Adds ours of one gap that were not listed. */
static lk_err
gap_sends(struct task *t, const struct gap *g, struct range_result *r)
{
	struct pieces p;
	struct piece piece;
	lk_err err;

	pieces_begin(&p, t->set->txn, t->set->docno, &g->span, &t->steps);
	while (
	    pieces_envelope(&p, &piece, &err) && r->send_len < RANGE_SEND_MAX)
		if (!is_listed(g, piece.fp.sum))
			r->send[r->send_len++] = piece.lsn;
	return err;
}

/* The least lsn in a gap: that of an author's first envelope, or, where the gap
 * begins among several of one seq, of one that follows. */
static lk_err
gap_least(struct task *t, const struct gap *g, uint64_t *least)
{
	uint8_t after[ENVELOPE_KEY_LEN];
	bool any = false;
	struct pieces p;
	struct piece piece;
	lk_err err;

	pieces_begin(&p, t->set->txn, t->set->docno, &g->span, &t->steps);
	while (pieces_envelope(&p, &piece, &err)) {
		if (!any || memcmp(piece.low, after, LK_TOPIC_LEN) != 0) {
			any = true;
			memcpy(after, piece.low, LK_TOPIC_LEN + 8);
			memset(after + LK_TOPIC_LEN + 8, UINT8_MAX, LK_ID_LEN);
			(void)bytes_next(after, LK_TOPIC_LEN + 8);
		}
		if (piece.lsn < *least)
			*least = piece.lsn;
		piece.kind = PIECE_AUTHOR;
		if (memcmp(piece.low, after, ENVELOPE_KEY_LEN) > 0)
			pieces_pass(&p, &piece);
	}
	return err;
}

static const struct gap *
gap_of(const struct task *t, const struct log_entry *e)
{
	uint8_t key[ENVELOPE_KEY_LEN];
	size_t low = 0, high = t->gaps_len;

	envelope_key(key, e->tag, e->seq, e->id);
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct gap *g = &t->gaps[mid];

		if (key_span_has(&g->span, key))
			return g;
		if (memcmp(key, g->span.low, ENVELOPE_KEY_LEN) < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

/* There are more than can be told at once: the first of them in log order, on
 * which no other of them can rest. */
static lk_err
sends_in_log_order(struct task *t, struct range_result *r)
{
	struct log_entry e = { .lsn = UINT64_MAX };

	for (size_t i = 0; i < t->gaps_len; i++)
		if (t->gaps[i].count > 0)
			TRY(gap_least(t, &t->gaps[i], &e.lsn));
	for (; r->send_len < RANGE_SEND_MAX && t->steps > 0; t->steps--) {
		lk_err err = log_next(t->set->txn, t->set->docno, e.lsn, &e);
		const struct gap *g;

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		/* It comes from somebody who has it whole. */
		if (err.code != LK_E_CORRUPT) {
			TRY(err);
			g = e.essential ? gap_of(t, &e) : NULL;
			if (g != NULL && !is_listed(g, e.id))
				r->send[r->send_len++] = e.lsn;
		}
		e.lsn++;
	}
	return LK_NONE;
}

static int
lsn_compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* What of ours the other side has not. */
static lk_err
sends_find(struct task *t, struct range_result *r)
{
	uint64_t total = 0;

	for (size_t i = 0; i < t->gaps_len; i++) {
		struct fingerprint f;

		TRY(span_sum(t, &t->gaps[i].span, &f));
		t->gaps[i].count = f.count;
		total += f.count;
	}
	if (total == 0)
		return LK_NONE;
	r->send = reallocarray(NULL,
	    total < RANGE_SEND_MAX ? (size_t)total : RANGE_SEND_MAX,
	    sizeof(*r->send));
	if (r->send == NULL)
		return LK_ERR(LK_E_NOMEM, "RANGE");
	if (total > RANGE_SEND_MAX)
		return sends_in_log_order(t, r);
	for (size_t i = 0; i < t->gaps_len; i++)
		TRY(gap_sends(t, &t->gaps[i], r));
	return LK_NONE;
}

/* No steps left is no error: what was not looked at is not answered. */
static lk_err
unless_spent(lk_err err)
{
	return err.code == LK_E_LIMIT ? LK_NONE : err;
}

static lk_err
parts_answer(struct task *t, struct bytes body, struct range_result *r)
{
	struct range_reader reader = { .in = rd_over(body) };
	struct key_span end = { .endless = false };
	struct range_part part;
	bool full = false;
	lk_err err;

	while (range_part_next(&reader, &part).code == LK_OK)
		end = part.span;
	reader = (struct range_reader){ .in = rd_over(body) };
	while ((err = range_part_next(&reader, &part)).code == LK_OK) {
		err = part_answer(t, &part, &end, &full, r);
		if (err.code != LK_OK)
			return unless_spent(err);
	}
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

static void
task_begin(
    struct task *t, const struct range_set *set, struct buf *out, size_t steps)
{
	*t = (struct task){
		.set = set,
		.out = out,
		.room_end = out->len + RANGE_BODY_MAX,
		.steps = steps,
	};
}

lk_err
range_answer(struct buf *answer, const struct range_set *set, struct bytes body,
    size_t steps_max, struct range_result *out)
{
	struct range_result r = { .answers = false };
	size_t before = answer->len;
	struct task t;
	lk_err err;

	TRY(range_check(body));
	/* One half for the parts, one for what is found to be sent. */
	task_begin(&t, set, answer, steps_max / 2);
	err = parts_answer(&t, body, &r);
	if (err.code == LK_OK)
		err = wants_find(&t, &r);
	t.steps += steps_max - steps_max / 2;
	if (err.code == LK_OK)
		err = unless_spent(sends_find(&t, &r));
	if (r.send_len > 1)
		qsort(r.send, r.send_len, sizeof(*r.send), lsn_compare);
	if (err.code == LK_OK)
		err = buf_err(answer, "RANGE");
	r.answers = answer->len > before;
	r.steps = steps_max - t.steps;
	free(t.gaps);
	if (err.code != LK_OK) {
		range_result_clear(&r);
		return err;
	}
	*out = r;
	return LK_NONE;
}

lk_err
range_open(struct buf *b, const struct range_set *set)
{
	struct key_span all = { .endless = true };
	struct fingerprint f;
	struct task t;

	task_begin(&t, set, b, 0);
	TRY(span_sum(&t, &all, &f));
	sum_write(&t, &all, &f, NULL);
	return buf_err(b, "RANGE");
}

lk_err
range_open_authors(struct buf *b, const struct range_set *set,
    const uint8_t (*tags)[LK_TOPIC_LEN], size_t len)
{
	struct task t;

	task_begin(&t, set, b, RANGE_STEPS_MAX);
	for (size_t i = 0; i < len; i++) {
		struct key_span span = { .endless = false };
		struct fingerprint f;

		memcpy(span.low, tags[i], LK_TOPIC_LEN);
		memcpy(span.high, tags[i], LK_TOPIC_LEN);
		span.endless = !bytes_next(span.high, LK_TOPIC_LEN);
		TRY(span_sum(&t, &span, &f));
		part_skip(&t, span.low);
		sum_write(&t, &span, &f, NULL);
	}
	return buf_err(b, "RANGE");
}

/* Where a range ends that begins with `low` and has as many as may be exact. */
static lk_err
exact_span(struct task *t, struct key_span *span, uint64_t *count)
{
	struct pieces p;
	struct piece piece;
	lk_err err;

	span->endless = true;
	*count = 0;
	pieces_begin(&p, t->set->txn, t->set->docno, span, &t->steps);
	while (pieces_envelope(&p, &piece, &err)) {
		if (*count == RANGE_EXACT_MAX) {
			span->endless = false;
			memcpy(span->high, piece.low, ENVELOPE_KEY_LEN);
			break;
		}
		++*count;
	}
	return err;
}

lk_err
range_open_exact(struct buf *b, const struct range_set *set,
    const uint8_t from[static ENVELOPE_KEY_LEN])
{
	struct key_span span = { .endless = true };
	struct fingerprint f = { .count = 0 };
	uint8_t hash[FP_LEN];
	struct task t;

	task_begin(&t, set, b, RANGE_STEPS_MAX);
	memcpy(span.low, from, ENVELOPE_KEY_LEN);
	TRY(exact_span(&t, &span, &f.count));
	TRY(span_exact(&t, &span, hash));
	part_skip(&t, span.low);
	sum_write(&t, &span, &f, hash);
	return buf_err(b, "RANGE");
}
