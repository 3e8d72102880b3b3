/*
 * roll.h - a list of documents with what opens them (docs/backup.md):
 *
 *   n x (uLEB number, docid 32, S 32, u8 f, uLEB length, name,
 *        uLEB length, type, uLEB m, m x L 32)
 *
 * f & 1: the home document.  Numbers ascend.  Holds secrets.  Pure; any thread.
 */
#ifndef BACKUP_ROLL_H
#define BACKUP_ROLL_H

#include "base/bytes.h"
#include "base/limits.h"

/* A branch has two names and a slash, and "~2" behind. */
#define ROLL_NAME_MAX (2 * LK_NAME_MAX + 16)
#define ROLL_TYPE_MAX 7
#define ROLL_SECRET_LEN 32

struct roll_entry {
	uint32_t docno;
	uint8_t docid[LK_ID_LEN];
	uint8_t secret[ROLL_SECRET_LEN]; /* S of its topic */
	bool home;
	struct bytes name, type; /* UTF-8 without NUL; borrowed, as the keys */
	struct bytes keys;       /* L after L */
};

void roll_write(struct buf *out, const struct roll_entry *);
struct roll_reader {
	struct rd rd;
	uint32_t last;
	bool begun;
};
void roll_begin(struct roll_reader *, struct bytes plain);
/* The next entry; false at the end or after an error.  TRUNCATED, MALFORMED,
 * in *err. */
bool roll_next(struct roll_reader *, struct roll_entry *, lk_err *err);

#endif
