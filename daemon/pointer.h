/*
 * pointer.h - JSON Pointers (RFC 6901) into a document: where a path leads.
 *
 * Paths of a map document start at its root; those of a text or list document
 * at the root's one key `content`, unless the root is asked for (cli.md section
 * 1).  "-" is the place behind the last element of a list.  Views are borrowed
 * from the document and the arena.  Not thread safe.  The `what` of an error
 * here is a reason that people can read.
 */
#ifndef DAEMON_POINTER_H
#define DAEMON_POINTER_H

#include "base/arena.h"
#include "crdt/doc.h"

/* Where paths start. */
struct base {
	struct op_id obj;
	enum obj_type type;
	bool content; /* it is what the root shows at `content` */
};

/* `type` is the document's, "map", "text" or "list".  NOTFOUND when it has no
 * content (yet, or any more), DATA when it is of another type. */
LK_MUST_USE lk_err base_find(
    struct base *, struct doc *, const char *type, bool root);

struct place {
	/* The slot: a container and a position in it.  The base of a map
	 * document has none (`root`). */
	struct op_id obj;
	enum obj_type obj_type;
	struct prop prop;
	bool root, end; /* end: "-", prop.index is the length */
	bool shown;     /* something is there: */
	struct item item;
};

/*
 * Follows `path`.  A last step that shows nothing is no error (`shown`).
 *   USAGE     not a pointer: no leading slash, ~ without 0 or 1
 *   NOTFOUND  a step before the last shows nothing, or is no container
 *   DATA      not a valid index of a list, or inside a text
 */
LK_MUST_USE lk_err pointer_follow(struct place *, struct doc *,
    const struct base *, const char *path, struct arena *);

/* Appends a key as a step of a pointer, "/" first. */
void pointer_step(struct buf *, struct bytes key);

#endif
