/*
 * nearest.h - which of some words a mistyped one was meant to be: the only one
 * that begins like it, else the one that is spelled most like it.
 */
#ifndef CLI_NEAREST_H
#define CLI_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

/* Longer ones are nobody's misspelling. */
#define NEAREST_WORD_MAX 32

struct nearest {
	const char *typed; /* borrowed */
	char begun[NEAREST_WORD_MAX + 1], like[NEAREST_WORD_MAX + 1];
	size_t begun_count; /* how many begin so */
	size_t distance;    /* of `like`; what is not nearer is not taken */
};

void nearest_init(struct nearest *, const char *typed);
/* Considers one word, which is copied. */
void nearest_offer(struct nearest *, const char *word);
/* The word, in the struct, or NULL when none is near. */
const char *nearest_word(const struct nearest *);

#endif
