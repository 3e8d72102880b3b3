/*
 * document_read.h - from the body of a document chunk to its changes:
 * automerge-format sections 7 and 8.  Internal to crdt.  Pure.
 */
#ifndef CRDT_DOCUMENT_READ_H
#define CRDT_DOCUMENT_READ_H

#include "crdt/document.h"
#include "crdt/document_table.h"
#include "crdt/history_order.h"

/* That `row` lists the op `ctr` of `actor` among its successors. */
struct document_edge {
	uint32_t row, ctr, actor;
};

struct document_columns {
	struct column at[DOCUMENT_COLUMNS_MAX];
	size_t len;
};

/* A document's tables, decoded, their rows in the order of the file. */
struct document {
	struct arena arena; /* what the rest points to, besides the body */
	size_t inflated;    /* bytes of columns that were deflated */
	struct bytes *actors;
	size_t actors_len;
	const uint8_t *heads;
	size_t heads_len;
	struct document_columns change_columns, op_columns;
	struct bytes head_rows;
	struct document_changes changes; /* not read yet */
	struct document_row *rows;
	size_t rows_len;
	struct document_edge *edges;
	size_t edges_len;
};

/* Decodes and checks everything that is about one row at a time, and the
 * order of the rows.  Initialises d; clear it afterwards in any case. */
LK_MUST_USE lk_err document_parse(struct document *, struct bytes body);
void document_clear(struct document *);

/*
 * Makes the changes of a parsed document one after the other, a dependency
 * before its dependants, and checks all that section 8 says.  What is about
 * all of them, the heads among it, is checked after the last was handed out.
 */
LK_MUST_USE lk_err document_rebuild(
    struct document *, change_fn *, void *ctx);
/* Parses and rebuilds. */
LK_MUST_USE lk_err document_each(struct bytes body, change_fn *, void *ctx);

#endif
