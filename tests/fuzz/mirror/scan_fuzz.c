/*
 * What is in a folder, from any bytes; and what would become of it when it met
 * another one, which the rest of the bytes are: every path once, in order, and
 * nothing that both have is given away.
 */
#include <string.h>

#include "mirror/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct steps {
	const char *last;
	size_t n;
};

static void
step_check(void *ctx, const struct plan_step *step)
{
	struct steps *s = ctx;

	LK_ASSERT(s->last == NULL || strcmp(s->last, step->path) < 0);
	LK_ASSERT(step->disk != NULL || step->doc != NULL);
	LK_ASSERT((step->what == PLAN_CANNOT) == (step->why != NULL));
	if (step->what == PLAN_KEEP || step->what == PLAN_MERGE)
		LK_ASSERT(step->disk != NULL && step->doc != NULL);
	if (step->disk == NULL)
		LK_ASSERT(step->what == PLAN_GIVE || step->what == PLAN_CANNOT);
	if (step->doc == NULL)
		LK_ASSERT(step->what == PLAN_TAKE || step->what == PLAN_CANNOT);
	s->last = step->path;
	s->n++;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct steps steps = { NULL, 0 };
	struct ignore ignore = { 0 };
	struct scan a, b;
	size_t cut;

	if (size < 2)
		return 0;
	cut = (size_t)(data[0] << 8 | data[1]) % (size - 1) + 2;
	if (scan_read(&a, BYTES(data + 2, cut - 2)).code != LK_OK)
		return 0;
	for (size_t i = 1; i < a.len; i++)
		LK_ASSERT(strcmp(a.entries[i - 1].path, a.entries[i].path) < 0);
	/* The rest, or the same again. */
	if (scan_read(&b, BYTES(data + cut, size - cut)).code != LK_OK)
		LK_ASSERT(
		    scan_read(&b, BYTES(data + 2, cut - 2)).code == LK_OK);
	if (ignore_read(&ignore, a.ignore).code == LK_OK) {
		plan_meet(&(struct plan_meeting){ a.entries, b.entries, a.len,
			      b.len, &ignore },
		    step_check, &steps);
		LK_ASSERT(steps.n >= a.len && steps.n >= b.len &&
		    steps.n <= a.len + b.len);
	}
	ignore_clear(&ignore);
	scan_clear(&a);
	scan_clear(&b);
	return 0;
}
