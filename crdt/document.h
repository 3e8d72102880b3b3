/*
 * document.h - document chunks and files: automerge-format sections 7 and 8.
 *
 * Reading turns any Automerge file (documents, changes, mixtures, any order,
 * repetition) into change bodies in causal order, each canonical, each with
 * its hash; the row order of a document chunk is checked, never trusted.
 * Writing puts a set of changes in one fixed topological order (ties by hash)
 * and has one deflate rule, so that equal heads give equal bytes.
 */
#ifndef CRDT_DOCUMENT_H
#define CRDT_DOCUMENT_H

#include "crdt/change.h"

/* What a file holds.  Owns everything it points to. */
struct history {
	struct arena arena;
	struct change *changes; /* decoded; a dependency precedes dependants;
				 * of their ops only ops_len */
	size_t changes_len;
	struct change *orphans; /* a dependency is missing; any order; right
				 * behind the others */
	size_t orphans_len;
};

/*
 * Reads a whole file and verifies all that needs no op state: framing,
 * checksums, columns, canonical changes, heads, head indexes, row order (RGA
 * order included), seq without gaps, (actor, seq) only once.  What refers to
 * other ops (13.3 points 5 and 6) is checked when doc_apply gets the changes.
 * Zero bytes are an empty history.  Known hashes are ignored.
 * `what` names the first rule broken; nothing is kept then.
 */
LK_MUST_USE lk_err history_read(struct history *, struct bytes file);
/* From change bodies (type-1) instead of a file: the same checks. */
LK_MUST_USE lk_err history_from_changes(
    struct history *, const struct bytes *bodies, size_t n);
/* The same for part of a history: whatever depends on something else is in
 * order too, there are no orphans, and seqs may have gaps. */
LK_MUST_USE lk_err history_read_part(struct history *, struct bytes file);
LK_MUST_USE lk_err history_part_from_changes(
    struct history *, const struct bytes *bodies, size_t n);
/*
 * Reads what can be read of several files that belong together, after a crash
 * tore some of them: chunks in any order, what is damaged left out
 * (automerge-format 13.4).  Each stretch left out is told, in order.  Framing
 * is looked for again behind it, with an end: a file that is little but
 * beginnings of chunks is given up.
 * DATA, MALFORMED: what was read cannot be one history; LIMIT; or the error of
 * `flaw`.
 */
struct history_flaw {
	size_t file;    /* which one */
	size_t at, len; /* both 0: the file is empty */
	lk_err err;     /* why */
};
typedef lk_err history_flaw_fn(void *ctx, const struct history_flaw *);
LK_MUST_USE lk_err history_salvage(struct history *, const struct bytes *files,
    size_t n, history_flaw_fn *flaw, void *ctx);
/* Of a document of ours, in which authors may have forked: two changes may have
 * one actor and seq.  No file can hold them: export.h. */
LK_MUST_USE lk_err history_with_forks(
    struct history *, const struct bytes *bodies, size_t n);
void history_clear(struct history *);

/* Gets a change that lives until it returns; its error ends the reading. */
typedef lk_err change_fn(void *ctx, const struct change *);
/*
 * Reads a file as history_read does, and hands its changes out one after the
 * other, a dependency before its dependants, instead of keeping them: of a
 * document chunk only its rows are in memory.  What is about the whole file,
 * the heads among it, is known last: after an error, what was handed out is
 * void.  WAIT when a dependency is missing, before anything is handed out.
 */
LK_MUST_USE lk_err history_each(struct bytes file, change_fn *, void *ctx);
/* The same for part of a history, as history_read_part. */
LK_MUST_USE lk_err history_each_part(struct bytes file, change_fn *, void *ctx);

/*
 * Writes one document chunk of changes that are given one after the other, in
 * any order; it keeps none of them.  The bytes are a function of the set.
 */
struct history_writer;
LK_MUST_USE lk_err history_writer_new(struct history_writer **);
void history_writer_free(struct history_writer *); /* accepts NULL */
/* After an error it is only to be freed.  LIMIT, NOMEM. */
LK_MUST_USE lk_err history_writer_add(
    struct history_writer *, const struct change *);
/*
 * Appends the chunk, and the hashes of the heads, ascending.  Once; then it is
 * to be freed.  DATA: not a closed set of changes that one document can have;
 * LIMIT: also when they have more ops than a document chunk may; NOMEM.
 */
LK_MUST_USE lk_err history_writer_finish(
    struct history_writer *, struct buf *chunk, struct buf *heads);
/*
 * Appends a file holding these changes (a closed set): one document chunk.  Where
 * that would have more ops than limits.h lets it, it holds the first changes,
 * up to OPS_FREE, and the others follow as change chunks.  A function of the set: any
 * order given yields the same bytes.
 */
LK_MUST_USE lk_err history_write(
    struct buf *, const struct change *changes, size_t n);

/* A file as history_write would write it, with little but rows in memory where
 * it is one document chunk and becomes one; nothing of a file without changes.
 * WAIT when a dependency is missing. */
LK_MUST_USE lk_err history_rewrite(struct buf *, struct bytes file);

/* The hashes no change depends on, ascending; *n times LK_ID_LEN bytes from
 * the arena. */
LK_MUST_USE lk_err history_heads(const struct change *, size_t count,
    struct arena *, uint8_t **heads, size_t *n);
/* What they depend on that is not among them, likewise. */
LK_MUST_USE lk_err history_missing(const struct change *, size_t count,
    struct arena *, uint8_t **hashes, size_t *n);

/* Of pointers to changes, for qsort: by the place in their actor's work, which
 * is actor and seq. */
int change_place_order(const void *, const void *);

#endif
