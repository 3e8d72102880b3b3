/*
 * folder.h - the disk side of a mirror: a folder of the user's, which is read
 * and written without ever losing what somebody saves at the same moment.
 *
 * No path leaves the folder: every one is opened beneath it, through no link
 * and onto no other file system.  A file is replaced by an exchange, and what
 * came out of it is looked at; meanwhile a lease keeps away who would write
 * into the file that goes.  What a crash leaves behind has a name of ours:
 *
 *	.lk-new-ID          not in place yet, of no use
 *	.lk-out-ID-DIGEST   came out when what has this digest (its first
 *	                    16 digits) was about to go in, or is that still
 *	.lk-out-ID          came out when the file was about to be removed
 *
 * What came out and is neither what was expected nor what was put in stays
 * until somebody has looked at it, and nothing is put over it.
 *
 * A file that was read or written is on the disk when the call returns, so a
 * record of it never says more than the disk does.  Calls block as the file
 * system does; network file systems are refused.  One thread.
 */
#ifndef MIRROR_FOLDER_H
#define MIRROR_FOLDER_H

#include <sys/types.h>

#include "base/clock.h"
#include "mirror/files.h"

struct folder {
	int fd; /* -1: not open */
	dev_t dev;
	mode_t mode;
	bool leases; /* the file system has them */
};

#define FOLDER_MARK_LEN 16

/* Opens a directory.  NOTFOUND; CONFIG: no directory of this user's, or on a
 * file system where nothing tells of changes; DENIED: the sandbox or its mode;
 * SYS. */
LK_MUST_USE lk_err folder_open(struct folder *, const char *path);
void folder_close(struct folder *); /* what was never opened has fd -1 */
/* Its marker: a folder without one is not the one it was.  NOTFOUND. */
LK_MUST_USE lk_err folder_mark_read(
    const struct folder *, uint8_t mark[static FOLDER_MARK_LEN]);
LK_MUST_USE lk_err folder_mark_write(
    const struct folder *, const uint8_t mark[static FOLDER_MARK_LEN]);
void folder_mark_remove(const struct folder *);

/* What stat(2) says; with a ctime of 0 only the ino can be relied on. */
struct file_stamp {
	uint64_t ino, size;
	int64_t mtime_ns, ctime_ns;
};
bool file_stamp_same(const struct file_stamp *, const struct file_stamp *);

enum disk_kind { DISK_ABSENT, DISK_FILE, DISK_FOLDER, DISK_OTHER };
struct disk_file {
	enum disk_kind kind;
	struct file_stamp stamp;
	bool exec;
	uint8_t digest[FILE_DIGEST_LEN]; /* once it was read */
};
/* Whether a file that was there is not any more: a folder may have its name. */
static inline bool
disk_is_gone(const struct disk_file *disk)
{
	return disk->kind == DISK_ABSENT || disk->kind == DISK_FOLDER;
}
/* Without reading it. */
LK_MUST_USE lk_err folder_stat(
    const struct folder *, const char *path, struct disk_file *);
/* With its content, appended.  The stamp has no ctime when it was written so
 * lately that the next writing might not show in it (`now`).
 *   AGAIN  it changed meanwhile
 *   LIMIT  longer than the buffer may be */
LK_MUST_USE lk_err folder_read(const struct folder *, const char *path,
    struct wall now, struct disk_file *, struct buf *content);

/* A long file, taken in piece by piece (pieces.h). */
struct folder_reading {
	int fd; /* -1: none */
	struct disk_file disk;
	struct buf window;
	size_t at;     /* in the window */
	uint64_t read; /* of the file */
	bool end;
	bool sync; /* what is read goes to the disk meanwhile */
};
/* Opens it; ->disk says what it is, and only a file is open then. */
LK_MUST_USE lk_err folder_read_begin(
    const struct folder *, const char *path, struct folder_reading *);
/* Its next piece, valid until the next call; empty at the end.  What was not
 * written to the disk yet is, piece by piece: that of a long file at once would
 * hold up everything else. */
LK_MUST_USE lk_err folder_read_piece(struct folder_reading *, struct bytes *);
/* At the end: ->disk as of folder_read, without digest.  AGAIN. */
LK_MUST_USE lk_err folder_read_end(struct folder_reading *, struct wall now);
void folder_read_stop(struct folder_reading *); /* done or not */

enum folder_outcome {
	FOLDER_DONE,
	FOLDER_CHANGED, /* it is not what was expected: nothing was done */
	FOLDER_BUSY,    /* somebody has it open for writing: later */
	FOLDER_LEFT,    /* as CHANGED, and a walk finds what came out of it */
};
/* Puts a content where a file with `expected` is, or (NULL) where none is. */
struct folder_put {
	const char *path;
	const struct file_id *id;
	const uint8_t *expected;        /* FILE_DIGEST_LEN */
	const struct file_stamp *stamp; /* with which it was that; or NULL */
	struct bytes content;
	const uint8_t *staged; /* NULL, or the digest of what was staged */
	uint64_t size;         /* of what is staged in all */
	bool exec;
};
/* Writes the part of a long content that begins at `at`, all before being
 * written; folder_write with ->staged then puts it there.  NOTFOUND: what was
 * written is gone, begin again; FULL at once when there is no room for all of
 * it; else as folder_write. */
LK_MUST_USE lk_err folder_stage(const struct folder *,
    const struct folder_put *, uint64_t at, struct bytes part);
/* Removes what was staged for a path, if anything. */
void folder_unstage(
    const struct folder *, const char *path, const struct file_id *);
/* Whether somebody has it open for writing, as far as the system tells. */
bool folder_is_busy(const struct folder *, const char *path);
/* SYS, DENIED, FULL: nothing was changed. */
LK_MUST_USE lk_err folder_write(
    const struct folder *, const struct folder_put *, enum folder_outcome *);
/* Removes it, and the folders that are empty then; ->content is not looked at.
 */
LK_MUST_USE lk_err folder_remove(
    const struct folder *, const struct folder_put *, enum folder_outcome *);
/* CHANGED: something is at `to`, or nothing at `from`. */
LK_MUST_USE lk_err folder_rename(const struct folder *, const char *from,
    const char *to, enum folder_outcome *);
/* Removes a name of ours that a walk has found. */
LK_MUST_USE lk_err folder_drop(const struct folder *, const char *path);
/* Whether what has this digest was about to go in when the name was made. */
bool folder_out_is_new(
    const char *path, const uint8_t digest[static FILE_DIGEST_LEN]);

/* Calls for all there is: `enter` for a folder ("" is the whole), which goes
 * into it when true, `closed` for one in it that may not be read, `file` for
 * everything else, `out` for what a crash left (of .lk-new- it has none left,
 * but of `staged`).  None may write. */
struct folder_walk {
	bool (*enter)(void *ctx, const char *path);
	void (*closed)(void *ctx, const char *path);
	void (*file)(void *ctx, const char *path, const struct disk_file *);
	void (*out)(void *ctx, const char *path, const struct file_id *);
	void *ctx;
	const struct file_id *staged; /* or NULL */
	bool look_only;               /* nothing is removed */
};
LK_MUST_USE lk_err folder_walk(
    const struct folder *, const char *from, const struct folder_walk *);

/* /proc/self/fd/N/PATH for inotify_add_watch(2). */
void folder_proc_path(
    const struct folder *, const char *path, char *out, size_t len);

#endif
