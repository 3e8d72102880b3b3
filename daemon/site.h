/*
 * site.h - the edits of the command line, each at a path: set, rm, insert, inc,
 * splice, mark (cli.md section 1), and those of blocks.  Used by the commands
 * of these names and by the lines of a patch.
 *
 * The `what` of an error that is USAGE, NOTFOUND or DATA is a reason that
 * people can read.  After an error the caller undoes the whole edit.
 */
#ifndef DAEMON_SITE_H
#define DAEMON_SITE_H

#include "crdt/edit_mark.h"
#include "daemon/json_value.h"
#include "daemon/pointer.h"

/* A document that is being edited, and where paths start. */
struct site {
	struct edit *edit;
	struct doc *doc;
	struct base base;
	struct arena *arena;
};

/* How a JSON value is written into a document. */
enum value_as {
	AS_JSON,    /* strings become text objects */
	AS_TYPED,   /* json_value.h */
	AS_STRING,  /* a scalar string */
	AS_COUNTER, /* an integer */
	AS_BYTES,   /* base64 */
	AS_TIME,    /* RFC 3339, or ms since 1970 */
};
/* The place of a word among n; n: it is none of them. */
size_t word_find(const char *const *words, size_t n, const char *word);
/* NULL is AS_JSON.  USAGE. */
LK_MUST_USE lk_err value_as_read(enum value_as *, const char *word);
/* What a JSON value means; errors and lifetime as json_tree. */
LK_MUST_USE lk_err value_tree(
    struct tree *, json_object *, enum value_as, struct arena *);

/* Assigns; "-" appends to a list.  NOTFOUND, DATA, USAGE (the path). */
LK_MUST_USE lk_err site_set(
    struct site *, const char *path, json_object *, enum value_as);
/* The same by the smallest edit of what is there (edit_tree); "" is the whole
 * document too.  What is neither JSON nor typed is assigned. */
LK_MUST_USE lk_err site_replace(
    struct site *, const char *path, json_object *, enum value_as);
LK_MUST_USE lk_err site_rm(struct site *, const char *path);
/* A new element before the one at the path of a list. */
LK_MUST_USE lk_err site_insert(
    struct site *, const char *path, json_object *, enum value_as);
/* DATA unless a counter is there. */
LK_MUST_USE lk_err site_inc(struct site *, const char *path, int64_t by);

/*
 * In texts (site_text.c).  A position is a number of code points or a cursor in
 * its text form (crdt/cursor.h); NULL: *inout stays as it is.  DATA: it is
 * neither; NOTFOUND: the cursor is of something else.
 */
LK_MUST_USE lk_err text_position(
    struct doc *, struct op_id text, json_object *, uint64_t *inout);
/* Deletes `del` code points at `pos` (NULL: 0) and inserts `text`. */
LK_MUST_USE lk_err site_splice(struct site *, const char *path,
    json_object *pos, uint64_t del, struct bytes text);
struct site_mark {
	json_object *from, *to; /* NULL: the beginning, the end */
	struct bytes name;
	json_object *value; /* NULL: null, which unmarks */
	enum value_as as;
	enum mark_expand expand;
};
/* NULL is EXPAND_AFTER.  USAGE. */
LK_MUST_USE lk_err mark_expand_read(enum mark_expand *, const char *word);
LK_MUST_USE lk_err site_mark(
    struct site *, const char *path, const struct site_mark *);
/* A block at `pos` (NULL: 0) that holds the members of a JSON object, its
 * strings as scalars; NULL: nothing. */
LK_MUST_USE lk_err site_split(
    struct site *, const char *path, json_object *pos, json_object *members);
LK_MUST_USE lk_err site_join(struct site *, const char *path, json_object *pos);
/* Another one in place of that at `pos`. */
LK_MUST_USE lk_err site_update(
    struct site *, const char *path, json_object *pos, json_object *members);

#endif
