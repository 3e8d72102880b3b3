#include "cli/nearest.h"

#include <stdint.h>
#include <string.h>

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Letters inserted, deleted, replaced, or swapped with their neighbour. */
static size_t
spelling_distance(const char *a, const char *b)
{
	size_t rows[3][NEAREST_WORD_MAX + 1];
	size_t len = strlen(b);

	if (len > NEAREST_WORD_MAX || strlen(a) > NEAREST_WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= len; j++)
		rows[0][j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t *now = rows[i % 3], *last = rows[(i + 2) % 3],
		       *before = rows[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= len; j++) {
			size_t same = a[i - 1] == b[j - 1] ? 0 : 1;

			now[j] = least(
			    last[j - 1] + same, least(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
	}
	return rows[strlen(a) % 3][len];
}

void
nearest_init(struct nearest *n, const char *typed)
{
	*n = (struct nearest){ .typed = typed };
	/* More than a third of the word wrong is no misspelling. */
	n->distance = (strlen(typed) + 2) / 3 + 1;
}

void
nearest_offer(struct nearest *n, const char *word)
{
	size_t distance = spelling_distance(n->typed, word);

	if (strncmp(word, n->typed, strlen(n->typed)) == 0 &&
	    strlcpy(n->begun, word, sizeof(n->begun)) < sizeof(n->begun))
		n->begun_count++;
	if (distance < n->distance) {
		n->distance = distance;
		(void)strlcpy(n->like, word, sizeof(n->like));
	}
}

const char *
nearest_word(const struct nearest *n)
{
	if (n->begun_count == 1)
		return n->begun;
	return n->like[0] == '\0' ? NULL : n->like;
}
