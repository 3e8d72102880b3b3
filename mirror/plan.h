/*
 * plan.h - what becomes of a file that a folder and a document have: a function
 * of what both had in common last, what the folder has and what the document
 * shows.
 *
 * Laws (tests/unit/mirror/plan_test.c, by seed): carried out, both have the
 * same, and the plan that is made then is empty; nothing that either of them
 * had is lost without the other having deleted or replaced it after it had seen
 * it: it is in both, or in the history of the document.  Pure.
 */
#ifndef MIRROR_PLAN_H
#define MIRROR_PLAN_H

#include "mirror/files.h"
#include "mirror/ignore.h"

/* A file as one of them has it. */
struct plan_side {
	bool there, is_text, exec;
	int64_t saved_ms; /* when it was saved; 0: not known */
	uint8_t digest[FILE_DIGEST_LEN];
};

/* As the document shows it. */
struct plan_side plan_side_of(const struct file_entry *);

enum plan_what {
	PLAN_NOTHING, /* they have the same */
	PLAN_TAKE,    /* what the folder has, or lacks, counts */
	PLAN_GIVE,    /* what the document has, or lacks, counts */
	PLAN_MERGE,   /* texts: the changes of both */
	PLAN_KEEP,    /* as GIVE, but what the folder has becomes a version of
		       * the document before */
	PLAN_CANNOT,  /* it stays on its side */
};
/* What both had last, or NULL when they have met just now; never CANNOT. */
enum plan_what plan_file(const struct plan_side *base,
    const struct plan_side *disk, const struct plan_side *doc);
/* Whether it is a program then. */
bool plan_exec(const struct plan_side *base, const struct plan_side *disk,
    const struct plan_side *doc);

/* A folder and a document that meet. */
struct plan_entry {
	const char *path;
	struct plan_side side;
	const char *flaw; /* why it cannot be on the other side; NULL: it can */
};
/* Both ascending by path; of several of one path in the document the first has
 * it.  `ignore` is what stays out of the folder. */
struct plan_meeting {
	const struct plan_entry *disk, *doc;
	size_t disk_len, doc_len;
	const struct ignore *ignore;
};
struct plan_step {
	enum plan_what what;
	const char *path, *why;              /* why: of CANNOT; static */
	const struct plan_entry *disk, *doc; /* or NULL */
};
typedef void plan_fn(void *ctx, const struct plan_step *);
/* Calls `each` for every file, ascending by path. */
void plan_meet(const struct plan_meeting *, plan_fn *each, void *ctx);

#endif
