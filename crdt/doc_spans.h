/*
 * doc_spans.h - a text with its marks and blocks: automerge-format 11.1, 11.2,
 * ghosts.md 3.7.
 *
 * A mark is a name and a scalar in force from one place of a text to another.
 * Of several of one name the greatest op id counts; null is no mark.  A block
 * is a map inserted into a text, one code point wide.  What a void change
 * marked is not marked.
 */
#ifndef CRDT_DOC_SPANS_H
#define CRDT_DOC_SPANS_H

#include "crdt/doc.h"

struct mark {
	struct bytes name;
	struct value value; /* never null */
};

/* A run of text, or a block.  Positions are code points. */
struct span {
	uint64_t start, length; /* length is not 0; of a block 1 */
	bool is_block;
	struct bytes text;  /* of a run; what is no string and no map: U+FFFC */
	struct op_id block; /* the map */
	/* In force, by names ascending; also those around a block. */
	const struct mark *marks;
	size_t marks_len;
};

/*
 * Calls `each` for the whole text in order.  Neighbouring runs differ in their
 * marks.  What the span points to lives until `each` returns.  Returning an
 * error from `each` stops the walk with that error.  `each` may not write.
 * DATA: no text; LIMIT: a run of more than DOCUMENT_BODY_MAX bytes.
 */
typedef lk_err span_fn(void *ctx, const struct span *);
LK_MUST_USE lk_err doc_spans(
    struct doc *, struct op_id text, span_fn *, void *ctx);

/*
 * Where the text is marked, by start, then by name.  Ranges of one name with
 * equal values do not touch each other.  Otherwise as doc_spans.
 */
struct mark_range {
	uint64_t start, end;
	struct mark mark;
};
/* Orders ranges by name, then by start, for qsort. */
int mark_range_compare(const void *, const void *);
typedef lk_err mark_fn(void *ctx, const struct mark_range *);
LK_MUST_USE lk_err doc_marks(
    struct doc *, struct op_id text, mark_fn *, void *ctx);

#endif
