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

/* edit.c: the command "edit". */
lk_err run_edit(struct twins *, struct words *, struct buf *out);

#endif
