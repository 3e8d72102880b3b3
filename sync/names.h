/*
 * names.h - inside sync/: the names of this person's documents, in order, as
 * the home document has them.  A cache of derived state: dropped whenever the
 * home document changes from outside, extended when a name is given here.
 */
#ifndef SYNC_NAMES_H
#define SYNC_NAMES_H

#include "sync/docstate.h"

struct name_entry {
	char *name; /* owned; of a branch with what it is a branch of: x/y */
	uint8_t docid[LK_ID_LEN];
	uint8_t of[LK_ID_LEN]; /* zero: no branch */
	char type[8];
	unsigned copy; /* 0, or how many with this name have a lower id */
};

struct names {
	struct name_entry *entries; /* ascending by name, then document id */
	size_t len, cap;
};

void names_free(struct names *); /* accepts NULL */
/* Loaded if need be; borrowed until the home document changes. */
LK_MUST_USE lk_err names_get(struct replica *, struct names **);
/* The home document changed: what was loaded is no longer right. */
void names_drop(struct replica *);
/* What a document is called; `of` NULL: it is no branch. */
struct name_given {
	const char *name, *type;
	const uint8_t *of;
};
/* Adds or replaces the entry of a document. */
LK_MUST_USE lk_err names_put(
    struct names *, const uint8_t docid[static 32], const struct name_given *);
bool name_is_branch(const struct name_entry *);
/* The name people see: "x~2" when two took one name.  False: cut off. */
bool name_shown(const struct name_entry *, char *out, size_t len);
/* The entries with this name: the first, and how many. */
size_t names_find(const struct names *, const char *name, size_t *first);
const struct name_entry *names_of(
    const struct names *, const uint8_t docid[static 32]);

#endif
