/*
 * scan.h - what a folder has, as bytes: read by a process that sees it, for one
 * that does not and is to say what would become of it (plan.h).
 *
 *	u8 1 || u32 skipped || u8 has .lkignore || u32 n || n bytes of it
 *	each file: u8 flags || u64 time saved (ms) || 32 digest || u16 n || path
 *
 * Flags: 1 a text, 2 x, 4 too large, 8 cannot be read, as a folder may be too.
 * Files with names that cannot be in a document, and what is no file, are not in
 * it; the former are counted.  Reading is pure.
 */
#ifndef MIRROR_SCAN_H
#define MIRROR_SCAN_H

#include "mirror/folder.h"
#include "mirror/plan.h"

#define SCAN_FILES_MAX 200000
/* A full header, and so many files with the longest paths there are on average.
 */
#define SCAN_BYTES_MAX ((size_t)128 * 1024 * 1024)

/* Appends the scan of a folder, in which nothing is changed; what its .lkignore
 * names is left out.  LIMIT: too many files, or the buffer; the errors of
 * folder_walk. */
LK_MUST_USE lk_err scan_folder(
    struct buf *, const struct folder *, struct wall now);

struct scan {
	struct plan_entry *entries; /* ascending by path, no two of one */
	size_t len;
	struct bytes ignore; /* borrowed */
	bool has_ignore;
	uint32_t skipped;
	char *paths; /* of the entries */
};
/* MALFORMED, TRUNCATED, VERSION, LIMIT, NOMEM; *out is then empty. */
LK_MUST_USE lk_err scan_read(struct scan *out, struct bytes);
void scan_clear(struct scan *);

#endif
