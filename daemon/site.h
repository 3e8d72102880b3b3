/*
 * site.h - the edits of the command line, each at a path: set, rm, insert, inc,
 * splice (cli.md section 1).  Used by the commands of these names and by the
 * lines of a patch.
 *
 * The `what` of an error that is USAGE, NOTFOUND or DATA is a reason that
 * people can read.  After an error the caller undoes the whole edit.
 */
#ifndef DAEMON_SITE_H
#define DAEMON_SITE_H

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
/* NULL is AS_JSON.  USAGE. */
LK_MUST_USE lk_err value_as_read(enum value_as *, const char *word);

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
/* Deletes `del` code points at `pos` of the text and inserts `text`. */
LK_MUST_USE lk_err site_splice(struct site *, const char *path, uint64_t pos,
    uint64_t del, struct bytes text);

#endif
