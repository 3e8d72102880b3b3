#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/session.h"
#include "tests/sim/large/large.h"

#define NOT_YET (-1)
#define DOES_NOT_COUNT (-2)
/* A device that has just started looks for its neighbours first. */
#define SETTLED_MS 15000

static struct device *doing;

lk_err __real_session_queue(
    struct session *, struct buf *out, uint8_t message, struct bytes body);
lk_err __wrap_session_queue(
    struct session *, struct buf *out, uint8_t message, struct bytes body);
lk_err __real_replica_receive(struct replica *, uint32_t docno,
    const uint8_t *from, const struct bytes *envelopes, size_t n,
    struct received *out);
lk_err __wrap_replica_receive(struct replica *, uint32_t docno,
    const uint8_t *from, const struct bytes *envelopes, size_t n,
    struct received *out);

void
measure_device(struct device *d)
{
	doing = d;
}

/* The linker puts these in front of the real ones. */
lk_err
__wrap_session_queue(
    struct session *s, struct buf *out, uint8_t message, struct bytes body)
{
	if (doing != NULL) {
		doing->sent.messages++;
		doing->world->by_message[message]++;
		doing->world->bytes_by_message[message] += body.len;
	}
	return __real_session_queue(s, out, message, body);
}

lk_err
__wrap_replica_receive(struct replica *r, uint32_t docno, const uint8_t *from,
    const struct bytes *envelopes, size_t n, struct received *out)
{
	if (doing != NULL && doing->docno == docno)
		doing->sent.items += n;
	return __real_replica_receive(r, docno, from, envelopes, n, out);
}

static struct edit_seen *
edit_find(struct large *w, const uint8_t id[static LK_ID_LEN])
{
	for (size_t i = w->edits_len; i-- > 0;)
		if (memcmp(w->edits[i].id, id, LK_ID_LEN) == 0)
			return &w->edits[i];
	return NULL;
}

void
measure_edit(struct device *d, const uint8_t id[static LK_ID_LEN])
{
	struct large *w = d->world;
	struct edit_seen *e;

	w->edits = reallocarray(w->edits, w->edits_len + 1, sizeof(*e));
	LK_ASSERT(w->edits != NULL);
	e = &w->edits[w->edits_len++];
	*e = (struct edit_seen){ .at = w->now, .by = d->index };
	memcpy(e->id, id, LK_ID_LEN);
	e->after = calloc(w->o.devices, sizeof(*e->after));
	LK_ASSERT(e->after != NULL);
	for (uint32_t i = 0; i < w->o.devices; i++) {
		const struct device *other = &w->devices[i];

		e->after[i] = other->up && other->member &&
			large_first(w, i) == large_first(w, d->index) &&
			w->now - other->up_at >= SETTLED_MS
		    ? NOT_YET
		    : DOES_NOT_COUNT;
	}
	e->after[d->index] = 0;
}

void
measure_seen(struct device *d, const uint8_t id[static LK_ID_LEN])
{
	struct edit_seen *e = edit_find(d->world, id);

	if (e != NULL && e->after[d->index] == NOT_YET)
		e->after[d->index] = (int32_t)(d->world->now - e->at);
}

void
measure_gone(struct device *d)
{
	struct large *w = d->world;

	for (size_t i = 0; i < w->edits_len; i++)
		if (w->edits[i].after[d->index] == NOT_YET)
			w->edits[i].after[d->index] = DOES_NOT_COUNT;
}

static int
int_compare(const void *a, const void *b)
{
	const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

void
measure_report(struct large *w)
{
	size_t n = 0, cap = w->edits_len * w->o.devices, missing = 0;
	int32_t *all = calloc(cap + 1, sizeof(*all));

	LK_ASSERT(all != NULL);
	for (size_t i = 0; i < w->edits_len; i++)
		for (uint32_t d = 0; d < w->o.devices; d++) {
			int32_t ms = w->edits[i].after[d];

			missing += ms == NOT_YET;
			if (ms >= 0 && d != w->edits[i].by)
				all[n++] = ms;
		}
	qsort(all, n, sizeof(*all), int_compare);
	w->reached = n;
	w->p99 = n > 0 ? all[n * 99 / 100] : 0;
	if (n > 0)
		(void)printf("arrival: %zu of edits at devices, p50 %d ms, p99 "
			     "%d ms, most %d ms, never %zu\n",
		    n, all[n / 2], all[n * 99 / 100], all[n - 1], missing);
	free(all);
	for (size_t i = 0; i < 256; i++)
		if (w->by_message[i] > 0 && w->o.verbose > 0)
			(void)printf(
			    "message %3zu: %8.1f a device, %10.1f bytes\n", i,
			    (double)w->by_message[i] / w->o.devices,
			    (double)w->bytes_by_message[i] / w->o.devices);
}
