/*
 * mirror_intake.h - inside daemon/: what was found on the disk, as jobs that
 * one change carries out (mirror.h).
 */
#ifndef DAEMON_MIRROR_INTAKE_H
#define DAEMON_MIRROR_INTAKE_H

#include "daemon/mirror.h"
#include "mirror/plan.h"

/* What one change takes in. */
#define JOBS_MAX 64
/* Paths looked at in one slice, whether they make jobs or not. */
#define LOOKED_MAX 256

enum job_what {
	JOB_NEW,    /* a file nobody knew */
	JOB_CHANGE, /* it is not the base any more */
	JOB_UNITE,  /* on both sides, without a base */
	JOB_MOVE,   /* that of `f`, under this path */
	JOB_DELETE,
	JOB_JOIN,  /* `f` into `into`, which has its path */
	JOB_ASIDE, /* what came out of `f`: path is its name */
};

struct job {
	enum job_what what;
	struct mirrored *f, *into;
	char path[PATH_BYTES_MAX + 1];
	struct disk_file disk;
	struct buf content, base;
	struct buf held; /* what the document showed, when `lent` */
	struct file_content held_as;
	bool lent;      /* the content is to be in the history, no more */
	bool is_pieces; /* the content is the list of them */
	bool has_base;
	bool lost; /* the document has no such file any more */
	/* Of ASIDE: its file holds, as `held`, what was put in for what came
	 * out, and `put_stamp` is that of it. */
	bool put;
	struct file_stamp put_stamp;
	uint8_t put_digest[FILE_DIGEST_LEN];
};

struct intake {
	struct daemon *d;
	struct mirror *m;
	struct job jobs[JOBS_MAX];
	size_t jobs_len, looked;
	size_t bytes; /* read */
	bool any;
};

/* What the disk has. */
struct file_content job_content(const struct job *);
/* Makes the change and records what the disk has as the base; inside a round.
 * A device that may not write leaves all as it is. */
LK_MUST_USE lk_err jobs_run(struct intake *);
/* What came out is in the log; where a crash came before what went in was
 * recorded, that is the base now. */
LK_MUST_USE lk_err job_aside_done(struct intake *, struct job *);

#endif
