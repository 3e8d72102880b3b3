/*
 * mirror.h - inside daemon/: one mirror, and what its parts ask of each other
 * (mirrors.h says how it works).
 *
 * Invariants: a file is in `bases` if it has a base, and in `shows` if the
 * document shows it with a path; of several in `shows` with one path the first
 * has it.  No two bases have one path.
 */
#ifndef DAEMON_MIRROR_H
#define DAEMON_MIRROR_H

#include <sys/tree.h>

#include "daemon/mirrors.h"
#include "mirror/ignore.h"
#include "mirror/watch.h"

#define MIRROR_FILES_MAX 200000
/* After a hint; while somebody writes; before what is not there is gone. */
#define MIRROR_SETTLE_MS 15
#define MIRROR_WRITING_MS 1000
#define MIRROR_GRACE_MS 1500
#define MIRROR_HALF_MS 2000 /* while a text may be half written */
#define MIRROR_RETRY_MS 200
#define MIRROR_BUSY_MS 30000 /* at most, while somebody has it open */
#define MIRROR_TROUBLE_MS 10000
#define MIRROR_RESCAN_MS (60 * 60 * 1000)
/* More deletions at once than these are asked about. */
#define MIRROR_GONE_MAX 20
#define MIRROR_GONE_FEW 3 /* of which no share is too large */
#define MIRROR_GONE_PERCENT 30

#define DENIED_HERE "changed here, and this device may not write"
#define TOO_LARGE "in the document it is too large to be kept here"

/* One file: what the base is, and what the document shows. */
struct mirrored {
	RB_ENTRY(mirrored) by_id, by_base, by_shown;
	TAILQ_ENTRY(mirrored) look_link, write_link;
	bool to_look, to_write;
	struct file_id id;
	uint32_t walked; /* number of the walk that met it */
	unsigned asides; /* what came out of it and lies there: until that is
			  * in the log, nothing else happens to it */
	/* The base. */
	char *path; /* NULL: it has none */
	bool is_text, exec;
	uint8_t digest[FILE_DIGEST_LEN];
	struct file_stamp stamp;
	struct mono missing; /* since when it is not on the disk; 0: it is */
	/* The document. */
	char *shown; /* NULL: nothing, or deleted */
	bool shown_text, shown_exec;
	bool ours; /* its path was given by this device, or by nobody known */
	bool too_large; /* to be read here */
	bool flawed;    /* it is there, and cannot be shown here */
	bool vanished;  /* nothing in the document says that it was deleted */
	uint8_t shown_digest[FILE_DIGEST_LEN];
	const char *trouble; /* why it is not in step; static; NULL: it is */
	struct mono retry;   /* it is not written before; 0: at any time */
	unsigned busy;       /* how often it was open for writing by then */
};
RB_HEAD(mirrored_ids, mirrored);
RB_HEAD(mirrored_bases, mirrored);
RB_HEAD(mirrored_shows, mirrored);
RB_PROTOTYPE(mirrored_ids, mirrored, by_id, mirrored_id_compare)
RB_PROTOTYPE(mirrored_bases, mirrored, by_base, mirrored_base_compare)
RB_PROTOTYPE(mirrored_shows, mirrored, by_shown, mirrored_shown_compare)
TAILQ_HEAD(mirrored_queue, mirrored);

/* A path to be looked at on the disk. */
struct touched {
	RB_ENTRY(touched) link;
	struct mono due;
	const char *trouble; /* why it could not be taken in (then it is due
			      * with the next walk); NULL: nothing */
	bool aside;          /* what came out of `of` */
	bool counted;        /* among the asides of that */
	struct file_id of;
	bool noted; /* whether it is missing, since the last hint */
	char path[];
};
RB_HEAD(touched_tree, touched);
RB_PROTOTYPE(touched_tree, touched, link, touched_compare)

/* A long file on its way in, some pieces at a time. */
struct piecing {
	char path[PATH_BYTES_MAX + 1];
	struct folder_reading reading;
	struct buf list; /* of the pieces so far */
};

/* One on its way out. */
struct staging {
	bool on;
	struct file_id id;
	uint8_t digest[FILE_DIGEST_LEN]; /* of all of it */
	size_t pieces;                   /* that are written, */
	uint64_t bytes;                  /* and how long they are */
};

enum mirror_state {
	MIRROR_BEGINS, /* nothing has been compared yet */
	MIRROR_LIVE,
	MIRROR_PAUSED, /* by the user */
	MIRROR_ASKS,   /* before it deletes so many files */
	MIRROR_BROKEN, /* `why`; it is tried again */
};

struct mirror {
	LIST_ENTRY(mirror) link;
	uint32_t docno;
	char dir[PATH_MAX];
	uint8_t mark[FOLDER_MARK_LEN];
	bool marked; /* the folder has had it */
	struct folder folder;
	enum mirror_state state;
	const char *why; /* of BROKEN and ASKS; static */

	struct mirrored_ids ids;
	struct mirrored_bases bases;
	struct mirrored_shows shows;
	struct mirrored_queue to_look, to_write;
	size_t files, based, missing;
	size_t lost; /* of ASKS: files gone from the document; 0: from the disk */
	struct touched_tree touched;
	struct ignore ignore;
	struct piecing *piecing; /* NULL: none */
	struct staging staging;

	bool changed; /* the document, since `changes` */
	bool look_all;
	uint64_t changes;  /* of the document when it was last looked at */
	bool collides;     /* two files may have one path */
	bool gone_granted; /* the user said so */
	bool fewer;        /* a file with a base is not shown any more */
	bool lost_granted; /* the user said so */
	bool denied;       /* this device may not write */
	uint32_t walks;
	struct mono walk_due; /* INT64_MAX: never */
};

struct mirrors {
	LIST_HEAD(, mirror) all;
	struct watch *watch; /* NULL while there is no mirror */
	uint8_t (*actors)[LK_TOPIC_LEN];
};

/* mirror_files.c */
struct mirrored *mirrored_get(struct mirror *, const struct file_id *);
struct mirrored *mirrored_at(struct mirror *, const char *path);
/* Who has the path in the document; NULL: nobody. */
struct mirrored *mirrored_shown_at(struct mirror *, const char *path);
/* The one of this id, new if need be.  LIMIT, NOMEM. */
LK_MUST_USE lk_err mirrored_add(
    struct mirror *, const struct file_id *, struct mirrored **);
/* Only one to which nothing has happened since it was added; or all. */
void mirrored_free(struct mirror *, struct mirrored *);
/* Sets its base path, or with NULL takes its base away.  NOMEM. */
LK_MUST_USE lk_err mirrored_base(
    struct mirror *, struct mirrored *, const char *path);
LK_MUST_USE lk_err mirrored_show(
    struct mirror *, struct mirrored *, const char *path);
void mirrored_look(struct mirror *, struct mirrored *);
void mirrored_write(struct mirror *, struct mirrored *);
void mirrored_present(struct mirror *, struct mirrored *, bool);
/* To be looked at on the disk, then.  NOMEM is a walk. */
void mirror_touch(struct mirror *, const char *path, struct mono due);
struct touched *mirror_touched(struct mirror *, const char *path);
/* What came out of a file, to be looked at before that is. */
void mirror_aside(
    struct mirror *, const char *path, const struct file_id *, struct mono due);
void touched_free(struct mirror *, struct touched *);
/* What came out stays where it is, and its file as it is, until the next walk.
 */
void mirror_aside_keep(struct touched *, const char *why);
/* What is there is not taken in, and why (static), until the next walk. */
void mirror_refuse(struct mirror *, const char *path, const char *why);
/* What could not be taken in is looked at again. */
void mirror_retry(struct mirror *, struct mono due);
void mirror_walk_at(struct mirror *, struct mono due);
/* Whether so many of those with a base may go only when somebody says so. */
bool mirror_is_much(const struct mirror *, size_t gone);
/* Forgets all files and hints. */
void mirror_forget(struct mirror *);
void mirror_fail(struct mirror *, struct daemon *, lk_err);
/* In words; static. */
const char *mirror_reason(lk_err);
/* Whether the folder that is open is the one it was.  CONFIG, in words. */
LK_MUST_USE lk_err mirror_mark_check(const struct mirror *);

/* mirror_state.c: the records; inside a round. */
LK_MUST_USE lk_err mirror_save(struct daemon *, const struct mirror *);
LK_MUST_USE lk_err mirror_drop(struct daemon *, const struct mirror *);
typedef lk_err mirror_record_fn(void *ctx, const struct mirror *);
LK_MUST_USE lk_err mirrors_each_record(
    struct txn *, mirror_record_fn *, void *ctx);
/* All bases, into memory. */
LK_MUST_USE lk_err mirror_load(struct daemon *, struct mirror *);
/* The base as the struct says; `text`: what it holds, of a text. */
LK_MUST_USE lk_err mirror_base_save(struct daemon *, const struct mirror *,
    const struct mirrored *, struct bytes text);
LK_MUST_USE lk_err mirror_base_drop(
    struct daemon *, const struct mirror *, const struct file_id *);
/* The stamp of the base alone. */
LK_MUST_USE lk_err mirror_stamp_save(
    struct daemon *, const struct mirror *, const struct mirrored *);
/* That what came out of a file with this digest is in the log. */
LK_MUST_USE lk_err mirror_aside_save(struct daemon *, const struct mirror *,
    const struct file_id *, const uint8_t digest[static FILE_DIGEST_LEN]);
bool mirror_aside_has(struct daemon *, const struct mirror *,
    const struct file_id *, const uint8_t digest[static FILE_DIGEST_LEN]);
LK_MUST_USE lk_err mirror_aside_drop(struct daemon *, const struct mirror *,
    const struct file_id *, const uint8_t digest[static FILE_DIGEST_LEN]);
/* What the base of a text holds, appended.  NOTFOUND: it cannot be told. */
LK_MUST_USE lk_err mirror_base_text(struct daemon *, const struct mirror *,
    const struct mirrored *, struct buf *);

/* mirror_look.c: what the document shows; inside a round. */
/* Some of what is to be looked at; *more: not all. */
LK_MUST_USE lk_err mirror_look(struct daemon *, struct mirror *, bool *more);
/* Once all of it was: whether what the document does not show any more may be
 * removed.  If not, the mirror asks. */
LK_MUST_USE lk_err mirror_weigh(struct daemon *, struct mirror *);

/* mirror_intake.c: what was done on the disk; begins and ends its round. */
/* Some of what is due; *any: something was. */
LK_MUST_USE lk_err mirror_intake(struct daemon *, struct mirror *, bool *any);

/* mirror_write.c: what the document shows, to the disk; inside a round that has
 * written nothing yet. */
LK_MUST_USE lk_err mirror_write(struct daemon *, struct mirror *, bool *more);

/* mirror_pieces.c: long files; inside a round.  A piece that is known is not
 * written again. */
/* The pieces of what is in memory, appended.  The errors of replica_piece_add.
 */
LK_MUST_USE lk_err mirror_pieces_make(
    struct daemon *, struct mirror *, struct bytes content, struct buf *list);
/* Some more of a file that is too long for that, which *disk is now; at the end
 * the list, appended, and the file as of folder_read.  WAIT: not all yet; else
 * the errors of both. */
LK_MUST_USE lk_err mirror_pieces_read(struct daemon *, struct mirror *,
    const char *path, struct disk_file *, struct buf *list);
/* Stages some more of what a list says.  WAIT: not all yet; else the errors of
 * folder_stage; CORRUPT: a piece is not what the list says. */
LK_MUST_USE lk_err mirror_pieces_stage(struct daemon *, struct mirror *,
    const struct folder_put *, struct bytes list);
/* Ends what is under way: in; or all. */
void mirror_piecing_end(struct mirror *);
void mirror_pieces_forget(struct mirror *);

/* mirrors.c */
struct mirror *mirror_of(struct daemon *, uint32_t docno);
/* Makes one for a folder that exists, inside a round; the record is written.
 * EXISTS, LIMIT, NOMEM. */
LK_MUST_USE lk_err mirror_new(
    struct daemon *, uint32_t docno, const char *dir, struct mirror **);
/* Ends it: the files stay. */
LK_MUST_USE lk_err mirror_end(struct daemon *, struct mirror *);
void mirror_pause(struct daemon *, struct mirror *, bool pause);
/* Begins, or begins again. */
void mirror_start(struct daemon *, struct mirror *);

#endif
