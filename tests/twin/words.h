/*
 * words.h - the words of a command to lk_twin.  The other end is a test of
 * ours: a word that is not what it should be ends the program.
 */
#ifndef TESTS_TWIN_WORDS_H
#define TESTS_TWIN_WORDS_H

#include "tests/twin/twin.h"

struct words {
	char *left;         /* NULL: no more */
	struct arena arena; /* what was decoded of them; zeroed at first */
};

void words_clear(struct words *);
/* "" when there is none. */
const char *words_next(struct words *);
bool words_more(const struct words *);
uint64_t words_number(struct words *);
/* Valid until words_clear. */
struct bytes words_hex(struct words *);
struct twin *words_twin(struct words *, struct twins *);

/* The object that a word names. */
lk_err words_obj(struct words *, struct doc *, struct op_id *);

/* edit.c: the commands "edit" and "old". */
lk_err run_edit(struct twins *, struct words *, struct buf *out);
lk_err run_old(struct twins *, struct words *, struct buf *out);
/* cursor.c: the commands "cursor" and "find". */
lk_err run_cursor(struct twins *, struct words *, struct buf *out);
lk_err run_find(struct twins *, struct words *, struct buf *out);

#endif
