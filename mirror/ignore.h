/*
 * ignore.h - what of a mirrored folder stays out of it: the patterns of
 * .lkignore, in the syntax of gitignore(5).
 *
 * The file is a document's, so its bytes are a stranger's: a match costs at
 * most pattern times path, and there are at most IGNORE_LINES_MAX patterns.
 * Pure; a list that is read may be used by one thread.
 */
#ifndef MIRROR_IGNORE_H
#define MIRROR_IGNORE_H

#include "base/bytes.h"

#define IGNORE_FILE ".lkignore"
#define IGNORE_LINES_MAX 4096
#define IGNORE_BYTES_MAX (64u * 1024)

struct ignore_rule {
	struct bytes pattern; /* without '!' and the slashes at both ends */
	bool negated, anchored, folders;
};

/* A zeroed struct leaves nothing out. */
struct ignore {
	struct buf text;
	struct ignore_rule *rules;
	size_t rules_len;
};

/* Reads the patterns of a file, behind those that always stand: what editors
 * leave behind.  LIMIT: too long or too many; NOMEM. */
LK_MUST_USE lk_err ignore_read(struct ignore *, struct bytes text);
void ignore_clear(struct ignore *);

/* Whether a path below the folder ("a/b", no slash at the ends) is left out,
 * by itself or with a folder it is in. */
bool ignore_matches(const struct ignore *, struct bytes path, bool is_folder);

#endif
