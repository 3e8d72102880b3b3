/*
 * files.h - how a document holds the files of a folder (decisions/0040).
 *
 *	{ ID: { "path": "a/b.md", "text": Text } }        a text
 *	{ ID: { "path": "a/c.png", "bytes": BYTES } }     anything else
 *	{ ID: { "path": "a/d.mp4", "pieces": BYTES } }    the same, when long
 *
 * ID is 32 hex digits, drawn when the file is new: a file that is moved is the
 * same one.  PIECES is a list (pieces.h); what they hold is in the log beside
 * the document.  Beside these "exec": true, of what is no text "saved": a time,
 * and "gone": the digest of the content that was deleted.  A file is deleted as
 * long as it has that content, so what others wrote into it meanwhile brings it
 * back.
 *
 * Of two files with one path the one with the lesser ID has it.  What in a
 * document is not of this shape is left alone.  Pure.
 */
#ifndef MIRROR_FILES_H
#define MIRROR_FILES_H

#include "crdt/tree.h"
#include "mirror/name.h"
#include "mirror/pieces.h"

#define FILE_ID_LEN 32 /* digits */
/* What is kept of a folder: an op a letter, a value in one change, or pieces;
 * and what a text, or the list of the pieces, may be in memory. */
#define FILE_TEXT_MAX (4u * 1024 * 1024)
#define FILE_INLINE_MAX (64u * 1024)
#define FILE_BYTES_MAX (8u * 1024 * 1024)

struct file_id {
	char hex[FILE_ID_LEN + 1];
};
LK_MUST_USE bool file_id_read(struct file_id *, struct bytes key);

/* Whether a content is kept as a text: short enough, UTF-8, no NUL. */
bool file_is_text(struct bytes content);

/* A file as a document shows it. */
struct file_entry {
	struct op_id obj, text; /* text: of a text */
	struct op_id path_by;   /* what gave it its path */
	char path[PATH_BYTES_MAX + 1];
	size_t path_len;  /* 0: none that could be one here */
	const char *flaw; /* why it has none; static */
	bool is_text, is_pieces, exec;
	bool gone;        /* deleted, with this content */
	int64_t saved_ms; /* when the content was; 0: not known */
	uint8_t digest[FILE_DIGEST_LEN];
};
/* Reads one, and its content, or the list of its pieces, appended.  NOTFOUND:
 * there is none of this shape; LIMIT: longer than the buffer; the document's
 * errors. */
LK_MUST_USE lk_err file_read(struct doc *, const struct file_id *,
    struct file_entry *, struct buf *content);
/* Calls `each` for everything that may be a file; it may read. */
typedef lk_err file_fn(void *ctx, const struct file_id *);
LK_MUST_USE lk_err files_each(struct doc *, file_fn *each, void *ctx);

/* What a file holds. */
struct file_content {
	struct bytes bytes; /* or the list of its pieces */
	bool is_text, is_pieces, exec;
	int64_t saved_ms; /* of what is no text; 0: not known */
};

/* Edits; the errors of edit_* (doc.h). */
LK_MUST_USE lk_err file_make(struct edit *, const struct file_id *,
    struct bytes path, const struct file_content *);
/* The changes from `base` to `wanted`, made in what the file holds now.  A base
 * that is not text, or NULL, has no lines in common with anything: texts are
 * united, and of other contents the wanted one counts.  A file that was deleted
 * is there again. */
LK_MUST_USE lk_err file_change(struct edit *, struct doc *,
    const struct file_id *, const struct file_content *base,
    const struct file_content *wanted);
/* Another content for a while, of which not both are texts, so that it is in
 * the history; and back to what the file held, which is the one that counts. */
LK_MUST_USE lk_err file_lend(struct edit *, struct doc *,
    const struct file_id *, const struct file_content *wanted);
LK_MUST_USE lk_err file_give_back(struct edit *, struct doc *,
    const struct file_id *, const struct file_content *held);
LK_MUST_USE lk_err file_move(
    struct edit *, struct doc *, const struct file_id *, struct bytes path);
/* Deleted, where it held what has this digest. */
LK_MUST_USE lk_err file_delete(struct edit *, struct doc *,
    const struct file_id *, const uint8_t digest[static FILE_DIGEST_LEN]);

#endif
