/*
 * object.h - what an object store is asked, and answers (sync.md section 5):
 * a bucket or a folder that keeps bytes under names and understands nothing.
 *
 * sync/ asks and net/ carries it out, on threads of its own; neither knows the
 * other.  Requests of one remote may be answered in any order; each is answered
 * exactly once.  An answer is a stranger's word: whatever is in it is checked.
 *
 * A name is 1 to OBJECT_NAME_MAX characters of a-z 0-9 . _ - in at most
 * OBJECT_PARTS_MAX parts divided by '/', none of them empty, "." or "..".  The
 * first part is OBJECT_ROOT: in a folder that is the directory by which it is
 * known to be there, and nothing outside of it is touched (DENIED).
 *
 * LIST    names that begin with `name` (as characters; "" for all) and are
 *         above `after` bytewise, ascending, OBJECT_LIST_MAX at most; `more`
 *         when there are others behind them.  What is not such a name is left
 *         out.  When each was put is what the store's clock said.  In a folder
 *         something else than a plain file may have such a name (a link):
 *         `strange`, and there is no object of it.
 * GET     the whole object.  NOTFOUND; LIMIT when it is longer than `max`.
 * PUT     `bytes` under this name, in place of what was there.  Who reads sees
 *         all of it or none, and it is on disk when it is answered.
 * DELETE  no error when it is not there, unless nothing could be removed
 *         there by this user: DENIED, in a bucket and in a folder.
 *
 * Also of each: DENIED (the store refuses this user), CONFIG (no such bucket,
 * no or malformed credentials), FULL, UNAVAILABLE (not reachable, not mounted,
 * or it failed more often than it is worth trying again), USAGE (not such a
 * name, or too long), NOMEM.
 */
#ifndef BASE_OBJECT_H
#define BASE_OBJECT_H

#include "base/bytes.h"

#define OBJECT_NAME_MAX 200
#define OBJECT_PARTS_MAX 8 /* deeper trees are not gone into */
#define OBJECT_ROOT "lk1"
#define OBJECT_LIST_MAX 1000
/* The longest that is put or asked for. */
#define OBJECT_BYTES_MAX (16u * 1024 * 1024)

enum object_op { OBJECT_LIST, OBJECT_GET, OBJECT_PUT, OBJECT_DELETE };

struct object_request {
	uint32_t remote;  /* its number on this device */
	uint64_t request; /* the asker's own number, in the answer again */
	enum object_op op;
	char name[OBJECT_NAME_MAX + 1];
	char after[OBJECT_NAME_MAX + 1]; /* LIST; "": from the beginning */
	size_t max;                      /* GET: at most OBJECT_BYTES_MAX */
	struct buf bytes; /* PUT: owned, taken by whoever carries it out */
};

struct object_entry {
	char name[OBJECT_NAME_MAX + 1];
	uint64_t size;
	int64_t time_ms; /* it was put then, since 1970; 0: not known */
	bool strange;
};

struct object_answer {
	uint32_t remote;
	uint64_t request;
	lk_err err;
	char why[128]; /* in words, where the store said more than err; or "" */
	struct object_entry *entries; /* LIST: owned by the answer */
	size_t entries_len;
	bool more;
	struct buf bytes; /* GET: owned by the answer */
};

/* Whether it is a name as above. */
bool object_name_is_valid(const char *);
/* USAGE or DENIED, as above. */
LK_MUST_USE lk_err object_request_check(const struct object_request *);
/* Frees what it owns. */
void object_request_clear(struct object_request *);
void object_answer_clear(struct object_answer *);

#endif
