#include "sync/vector.h"

#include <stdlib.h>
#include <string.h>

#include "sync/pieces.h"

void
vector_clear(struct vector *v)
{
	free(v->at);
	*v = (struct vector){ 0 };
}

void
vector_gap_clear(struct vector_gap *g)
{
	free(g->unclear);
	*g = (struct vector_gap){ 0 };
}

static lk_err
vector_add(struct vector *v, const struct vector_entry *entry)
{
	if (v->len == v->cap) {
		void *more = reallocarray(
		    v->at, 2 * v->cap + 8, sizeof(struct vector_entry));

		if (more == NULL)
			return LK_ERR(LK_E_NOMEM, "VV");
		v->cap = 2 * v->cap + 8;
		v->at = more;
	}
	v->at[v->len++] = *entry;
	return LK_NONE;
}

/* An author's newest, which is in his last block. */
static lk_err
vector_newest(
    struct txn *t, uint32_t docno, struct vector_entry *out, size_t *read)
{
	static const uint8_t no_id[LK_ID_LEN];
	struct key_span span = { .endless = false };
	size_t steps = SIZE_MAX;
	struct pieces p;
	struct piece piece;
	uint64_t block;
	lk_err err;

	TRY(fingerprint_last_block(t, docno, out->entry.tag, &block));
	envelope_key(span.low, out->entry.tag, block << FP_BLOCK_SHIFT, no_id);
	memcpy(span.high, out->entry.tag, LK_TOPIC_LEN);
	span.endless = !bytes_next(span.high, LK_TOPIC_LEN);
	pieces_begin(&p, t, docno, &span, &steps);
	while (pieces_envelope(&p, &piece, &err)) {
		struct rd r = rd_over(BYTES(piece.low + LK_TOPIC_LEN, 8));
		uint64_t seq = rd_u64(&r);

		if (seq <= out->entry.seq)
			continue;
		out->entry.seq = seq;
		memcpy(out->entry.prefix, piece.fp.sum, ID_PREFIX_LEN);
	}
	*read += SIZE_MAX - steps + 2;
	return err;
}

lk_err
vector_own(struct txn *t, uint32_t docno, struct vector *v)
{
	uint8_t tag[LK_TOPIC_LEN] = { 0 };
	struct fingerprint f;

	do {
		struct vector_entry entry = { .forked = false };
		lk_err err = fingerprint_next_author(t, docno, tag, &f);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		memcpy(entry.entry.tag, tag, LK_TOPIC_LEN);
		TRY(vector_newest(t, docno, &entry, &v->steps));
		/* One branch counts from its first envelope on. */
		entry.forked = f.count != entry.entry.seq;
		TRY(vector_add(v, &entry));
	} while (bytes_next(tag, LK_TOPIC_LEN));
	return LK_NONE;
}

lk_err
vector_keep(struct vector *v, struct version_vector *said)
{
	struct vector_entry entry = { .forked = false };

	v->len = 0;
	while (version_entry_next(said, &entry.entry))
		TRY(vector_add(v, &entry));
	return LK_NONE;
}

static int
entry_compare(const void *a, const void *b)
{
	const struct vector_entry *x = a, *y = b;

	return memcmp(x->entry.tag, y->entry.tag, LK_TOPIC_LEN);
}

static struct version_entry *
vector_find(const struct vector *v, const uint8_t tag[static LK_TOPIC_LEN])
{
	struct vector_entry wanted, *found;

	if (v->len == 0)
		return NULL;
	memcpy(wanted.entry.tag, tag, LK_TOPIC_LEN);
	found = bsearch(&wanted, v->at, v->len, sizeof(wanted), entry_compare);
	return found == NULL ? NULL : &found->entry;
}

/* The next envelope of this author with this seq; NOTFOUND behind the last. */
static lk_err
rung_next(struct txn *t, uint32_t docno, const uint8_t tag[static LK_TOPIC_LEN],
    uint64_t seq, struct log_entry *at)
{
	TRY(chain_next(t, docno, at));
	return at->seq == seq && memcmp(at->tag, tag, LK_TOPIC_LEN) == 0
	    ? LK_NONE
	    : LK_ERR(LK_E_NOTFOUND, "envelope");
}

/* What is here of the peer's newest of an author. */
struct newest {
	bool here, counts;
};

static lk_err
newest_find(struct txn *t, uint32_t docno, const struct version_entry *theirs,
    struct newest *out)
{
	struct log_entry at = { .seq = theirs->seq };

	memcpy(at.tag, theirs->tag, LK_TOPIC_LEN);
	*out = (struct newest){ .here = false };
	for (; !out->here; chain_step(&at)) {
		lk_err err = rung_next(t, docno, theirs->tag, theirs->seq, &at);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		out->here = memcmp(at.id, theirs->prefix, ID_PREFIX_LEN) == 0;
		out->counts = out->here && at.essential;
	}
	return LK_NONE;
}

/* Whether several of his branches have an envelope with this seq. */
static lk_err
is_parted(
    struct txn *t, uint32_t docno, const struct version_entry *of, bool *parted)
{
	struct log_entry at = { .seq = of->seq };
	lk_err err;

	memcpy(at.tag, of->tag, LK_TOPIC_LEN);
	err = rung_next(t, docno, of->tag, of->seq, &at);
	if (err.code == LK_OK) {
		chain_step(&at);
		err = rung_next(t, docno, of->tag, of->seq, &at);
	}
	*parted = err.code == LK_OK;
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

/* Whether the peer's newest of an author does not tell which of ours he has.
 * One that is here and void may be on a branch that does not count; where all
 * pass through one envelope it is not. */
static lk_err
is_unclear(struct txn *t, uint32_t docno, const struct vector_entry *own,
    const struct version_entry *has, const struct newest *n, bool *unclear)
{
	*unclear = own->forked || (!n->counts && has->seq <= own->entry.seq);
	return *unclear || !n->here || n->counts
	    ? LK_NONE
	    : is_parted(t, docno, &own->entry, unclear);
}

/* The lowest lsn of an author's envelopes from a seq on: one of the first of
 * these, of which a fork has several. */
static lk_err
chain_least(struct txn *t, uint32_t docno, struct log_entry at, uint64_t *lsn)
{
	lk_err err = chain_next(t, docno, &at);
	struct log_entry first = at;

	while (err.code == LK_OK && at.seq == first.seq &&
	    memcmp(at.tag, first.tag, LK_TOPIC_LEN) == 0) {
		if (at.lsn < *lsn)
			*lsn = at.lsn;
		chain_step(&at);
		err = chain_next(t, docno, &at);
	}
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

static lk_err
gap_unclear(struct vector_gap *g, const uint8_t tag[static LK_TOPIC_LEN])
{
	void *grown =
	    reallocarray(g->unclear, g->unclear_len + 1, LK_TOPIC_LEN);

	if (grown == NULL)
		return LK_ERR(LK_E_NOMEM, "VV");
	g->unclear = grown;
	memcpy(g->unclear[g->unclear_len++], tag, LK_TOPIC_LEN);
	return LK_NONE;
}

/* What the peer has of one author of ours. */
static lk_err
own_compare(struct txn *t, uint32_t docno, const struct vector_entry *own,
    struct version_entry *has, struct vector_gap *g)
{
	struct log_entry at = { .seq = 1 };
	struct newest n;
	bool unclear;

	memcpy(at.tag, own->entry.tag, LK_TOPIC_LEN);
	if (has != NULL) {
		TRY(newest_find(t, docno, has, &n));
		TRY(is_unclear(t, docno, own, has, &n, &unclear));
		g->brings |= !n.here;
		if (unclear && g->ranges)
			TRY(gap_unclear(g, own->entry.tag));
		if (unclear && !g->ranges)
			has->seq = 0;
		else if (!n.here)
			has->seq = UINT64_MAX;
		if (has->seq >= own->entry.seq)
			return LK_NONE;
		at.seq = has->seq + 1;
	}
	g->lacks = true;
	return chain_least(t, docno, at, &g->start);
}

static lk_err
vectors_compare(struct txn *t, uint32_t docno, const struct vector *own,
    struct vector *theirs, struct vector_gap *g)
{
	for (size_t i = 0; i < theirs->len; i++) {
		const struct version_entry *has = &theirs->at[i].entry;
		struct newest n = { .here = true };

		if (vector_find(own, has->tag) == NULL)
			TRY(newest_find(t, docno, has, &n));
		g->brings |= !n.here;
	}
	for (size_t i = 0; i < own->len; i++)
		TRY(own_compare(t, docno, &own->at[i],
		    vector_find(theirs, own->at[i].entry.tag), g));
	return LK_NONE;
}

lk_err
vector_compare(struct txn *t, uint32_t docno, struct vector *theirs,
    bool ranges, struct vector_gap *out)
{
	struct vector_gap g = { .start = UINT64_MAX, .ranges = ranges };
	struct vector own = { 0 };
	lk_err err = vector_own(t, docno, &own);

	if (err.code == LK_OK)
		err = vectors_compare(t, docno, &own, theirs, &g);
	g.steps = own.steps + own.len + theirs->len;
	vector_clear(&own);
	if (err.code != LK_OK) {
		vector_gap_clear(&g);
		return err;
	}
	*out = g;
	return LK_NONE;
}

bool
vector_covers(const struct vector *v, const uint8_t tag[static LK_TOPIC_LEN],
    uint64_t seq)
{
	const struct version_entry *has = vector_find(v, tag);

	return has != NULL && seq <= has->seq;
}
