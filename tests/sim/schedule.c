#include "tests/sim/schedule.h"

#include <stdlib.h>

#include "base/err.h"

void
schedule_clear(struct schedule *s)
{
	free(s->heap);
	*s = (struct schedule){ 0 };
}

static bool
event_before(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void
event_swap(struct event *a, struct event *b)
{
	struct event t = *a;

	*a = *b;
	*b = t;
}

void
schedule_put(
    struct schedule *s, int64_t at, enum event_kind kind, size_t a, size_t b)
{
	size_t i;

	if (s->len == s->cap) {
		s->cap = s->cap == 0 ? 64 : s->cap * 2;
		s->heap = reallocarray(s->heap, s->cap, sizeof(*s->heap));
		LK_ASSERT(s->heap != NULL);
	}
	i = s->len++;
	s->heap[i] = (struct event){
		.at = at, .order = s->order++, .kind = kind, .a = a, .b = b
	};
	while (i > 0 && event_before(&s->heap[i], &s->heap[(i - 1) / 2])) {
		event_swap(&s->heap[i], &s->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
}

bool
schedule_take(struct schedule *s, struct event *out)
{
	size_t i = 0;

	if (s->len == 0)
		return false;
	*out = s->heap[0];
	s->heap[0] = s->heap[--s->len];
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= s->len)
			return true;
		if (child + 1 < s->len &&
		    event_before(&s->heap[child + 1], &s->heap[child]))
			child++;
		if (!event_before(&s->heap[child], &s->heap[i]))
			return true;
		event_swap(&s->heap[i], &s->heap[child]);
		i = child;
	}
}
