#include "sync/pieces.h"

#include <string.h>

#define BLOCK_SEQS (UINT64_C(1) << FP_BLOCK_SHIFT)

static const uint8_t no_id[LK_ID_LEN];

void
envelope_key(uint8_t out[static ENVELOPE_KEY_LEN],
    const uint8_t tag[static LK_TOPIC_LEN], uint64_t seq,
    const uint8_t id[static LK_ID_LEN])
{
	memcpy(out, tag, LK_TOPIC_LEN);
	for (size_t i = 0; i < 8; i++)
		out[LK_TOPIC_LEN + i] = (uint8_t)(seq >> (56 - 8 * i));
	memcpy(out + LK_TOPIC_LEN + 8, id, LK_ID_LEN);
}

static uint64_t
key_seq(const uint8_t key[static ENVELOPE_KEY_LEN])
{
	struct rd r = rd_over(BYTES(key + LK_TOPIC_LEN, 8));

	return rd_u64(&r);
}

static bool
is_below(const uint8_t *key, const struct key_span *s)
{
	return s->endless || memcmp(key, s->high, ENVELOPE_KEY_LEN) < 0;
}

bool
key_span_has(const struct key_span *s, const uint8_t *key)
{
	return memcmp(key, s->low, ENVELOPE_KEY_LEN) >= 0 && is_below(key, s);
}

void
pieces_begin(struct pieces *p, struct txn *txn, uint32_t docno,
    const struct key_span *span, size_t *steps)
{
	*p = (struct pieces){
		.txn = txn, .docno = docno, .left = *span, .steps = steps
	};
}

/* Goes on at a key; false: it is behind the span. */
static bool
pieces_move(struct pieces *p, const uint8_t key[static ENVELOPE_KEY_LEN])
{
	memcpy(p->left.low, key, ENVELOPE_KEY_LEN);
	p->end |= !is_below(key, &p->left);
	return !p->end;
}

/* Where a piece ends; false: nothing can follow it. */
static bool
piece_high(const struct piece *p, uint8_t out[static ENVELOPE_KEY_LEN])
{
	uint64_t next = (key_seq(p->low) >> FP_BLOCK_SHIFT) + 1;

	memcpy(out, p->low, ENVELOPE_KEY_LEN);
	switch (p->kind) {
	case PIECE_ENVELOPE:
		return bytes_next(out, ENVELOPE_KEY_LEN);
	case PIECE_BLOCK:
		if (next <= UINT64_MAX >> FP_BLOCK_SHIFT) {
			envelope_key(
			    out, p->low, next << FP_BLOCK_SHIFT, no_id);
			return true;
		}
		break;
	case PIECE_AUTHOR:
		break;
	}
	memset(out + LK_TOPIC_LEN, 0, ENVELOPE_KEY_LEN - LK_TOPIC_LEN);
	return bytes_next(out, LK_TOPIC_LEN);
}

void
pieces_pass(struct pieces *p, const struct piece *piece)
{
	uint8_t next[ENVELOPE_KEY_LEN];

	if (piece_high(piece, next))
		(void)pieces_move(p, next);
	else
		p->end = true;
}

/* Whether a piece ends within what is left. */
static bool
is_whole(const struct pieces *p, const struct piece *piece)
{
	uint8_t high[ENVELOPE_KEY_LEN];

	return p->left.endless ||
	    (piece_high(piece, high) &&
		memcmp(high, p->left.high, ENVELOPE_KEY_LEN) <= 0);
}

static lk_err
pieces_step(struct pieces *p)
{
	if (*p->steps == 0)
		return LK_ERR(LK_E_LIMIT, "RANGE steps");
	--*p->steps;
	return LK_NONE;
}

/* An author from his first envelope on; the first that has any. */
static lk_err
peek_author(struct pieces *p, struct piece *out)
{
	uint8_t tag[LK_TOPIC_LEN];

	memcpy(tag, p->left.low, LK_TOPIC_LEN);
	TRY(pieces_step(p));
	TRY(fingerprint_next_author(p->txn, p->docno, tag, &out->fp));
	out->kind = PIECE_AUTHOR;
	envelope_key(out->low, tag, 0, no_id);
	return LK_NONE;
}

/* The first block of the author with something in it; what is left begins with
 * one. */
static lk_err
peek_block(struct pieces *p, struct piece *out)
{
	uint64_t block = key_seq(p->left.low) >> FP_BLOCK_SHIFT;

	TRY(pieces_step(p));
	TRY(fingerprint_next_block(
	    p->txn, p->docno, p->left.low, &block, &out->fp));
	out->kind = PIECE_BLOCK;
	envelope_key(out->low, p->left.low, block << FP_BLOCK_SHIFT, no_id);
	return LK_NONE;
}

/* The first essential envelope in the block in which what is left begins;
 * NOTFOUND: there is no more in that. */
static lk_err
peek_envelope(struct pieces *p, struct piece *out)
{
	uint64_t first = key_seq(p->left.low), block = first >> FP_BLOCK_SHIFT;
	struct log_entry at = { .seq = first };

	memcpy(at.tag, p->left.low, LK_TOPIC_LEN);
	memcpy(at.id, p->left.low + LK_TOPIC_LEN + 8, LK_ID_LEN);
	for (;; chain_step(&at)) {
		TRY(pieces_step(p));
		TRY(chain_next(p->txn, p->docno, &at));
		if (memcmp(at.tag, p->left.low, LK_TOPIC_LEN) != 0 ||
		    at.seq >> FP_BLOCK_SHIFT != block)
			return LK_ERR(LK_E_NOTFOUND, "envelope");
		if (at.essential)
			break;
	}
	*out = (struct piece){ .kind = PIECE_ENVELOPE, .lsn = at.lsn };
	envelope_key(out->low, at.tag, at.seq, at.id);
	fingerprint_add(&out->fp, at.id);
	return LK_NONE;
}

static bool
is_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != 0)
			return false;
	return true;
}

/* What is left begins within a block, or that is to be taken apart: the next
 * envelope of it, or else on to the next block. */
static lk_err
peek_within(struct pieces *p, struct piece *out, bool *found)
{
	struct piece here = { .kind = PIECE_BLOCK };
	lk_err err = peek_envelope(p, out);

	*found = err.code == LK_OK && is_below(out->low, &p->left);
	if (err.code == LK_OK && !*found)
		p->end = true;
	if (err.code != LK_E_NOTFOUND)
		return err;
	memcpy(here.low, p->left.low, ENVELOPE_KEY_LEN);
	pieces_pass(p, &here);
	return LK_NONE;
}

/* One look at where what is left begins: *found, or it begins further on. */
static lk_err
peek_once(
    struct pieces *p, enum piece_kind most, struct piece *out, bool *found)
{
	const uint8_t *low = p->left.low;
	lk_err err;

	*found = false;
	if (is_zero(low + LK_TOPIC_LEN, ENVELOPE_KEY_LEN - LK_TOPIC_LEN)) {
		TRY(peek_author(p, out));
		*found = most == PIECE_AUTHOR && is_whole(p, out);
		if (*found || !pieces_move(p, out->low))
			return LK_NONE;
	}
	if (key_seq(low) % BLOCK_SEQS == 0 &&
	    is_zero(low + LK_TOPIC_LEN + 8, LK_ID_LEN)) {
		err = peek_block(p, out);
		if (err.code == LK_E_NOTFOUND) {
			struct piece author = { .kind = PIECE_AUTHOR };

			memcpy(author.low, low, LK_TOPIC_LEN);
			pieces_pass(p, &author);
			return LK_NONE;
		}
		TRY(err);
		*found = most >= PIECE_BLOCK && is_whole(p, out);
		if (*found || !pieces_move(p, out->low))
			return LK_NONE;
	}
	return peek_within(p, out, found);
}

lk_err
pieces_peek(struct pieces *p, enum piece_kind most, struct piece *out)
{
	bool found = false;

	while (!p->end) {
		TRY(peek_once(p, most, out, &found));
		if (found)
			return LK_NONE;
	}
	return LK_ERR(LK_E_NOTFOUND, "piece");
}

bool
pieces_envelope(struct pieces *p, struct piece *out, lk_err *err)
{
	*err = pieces_peek(p, PIECE_ENVELOPE, out);
	if (err->code == LK_OK) {
		pieces_pass(p, out);
		return true;
	}
	if (err->code == LK_E_NOTFOUND)
		*err = LK_NONE;
	return false;
}

lk_err
pieces_sum(struct pieces *p, struct fingerprint *out)
{
	struct fingerprint sum = { .count = 0 };
	struct piece piece;

	for (;;) {
		lk_err err = pieces_peek(p, PIECE_AUTHOR, &piece);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		fingerprint_join(&sum, &piece.fp);
		pieces_pass(p, &piece);
	}
	*out = sum;
	return LK_NONE;
}
