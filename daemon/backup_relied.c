/* What there is at a place of backups that nobody is about to remove. */
#include <stdlib.h>
#include <string.h>

#include "daemon/backup.h"

#define MARKED_MAX (128u * 1024 * 1024)

lk_err
backup_mark(
    struct pruning_mark *out, struct bytes object, const struct stored *as)
{
	uint8_t name[SEALED_NAME_LEN];
	lk_err err;

	sealed_name(name, object);
	if (memcmp(name, as->at.name, sizeof(name)) != 0)
		return (LK_ERR(LK_E_DATA, "mark"));
	err = pruning_mark_read(out, object);
	if (err.code == LK_E_TRUNCATED || err.code == LK_E_MALFORMED)
		err.code = LK_E_DATA;
	if (err.code == LK_OK && out->from_ms != as->at.time_ms)
		err = LK_ERR(LK_E_DATA, "mark");
	return (err);
}

void
relied_again(struct relied *l)
{
	listing_clear(&l->marks);
	listing_clear(&l->data);
	fetch_clear(&l->fetch);
	l->listed = l->fetched = false;
}

void
relied_clear(struct relied *l)
{
	relied_again(l);
	buf_clear(&l->read);
	buf_clear(&l->marked);
}

/* Marks are written once: one that was read before has not changed. */
static lk_err
marks_listed(struct relied *l)
{
	l->fetch.place = l->place;
	for (size_t i = 0; i < l->marks.len; i++) {
		bool known = false;

		for (size_t k = 0; k < l->read.len && !known;
		     k += SEALED_NAME_LEN)
			known = memcmp(l->read.ptr + k, l->marks.v[i].at.name,
				    SEALED_NAME_LEN) == 0;
		if (!known)
			TRY(fetch_add(&l->fetch, &l->marks.v[i]));
	}
	return (LK_NONE);
}

static lk_err
mark_take(struct relied *l, const struct stored *s, struct bytes object)
{
	struct pruning_mark m;
	lk_err err = backup_mark(&m, object, s);

	/* Who removes things goes by those only that can be read. */
	if (err.code == LK_E_DATA)
		return (LK_NONE);
	TRY(err);
	l->read.max = l->marked.max = MARKED_MAX;
	buf_mem(&l->read, s->at.name, SEALED_NAME_LEN);
	buf_add(&l->marked, m.names);
	TRY(buf_err(&l->read, "marks"));
	return (buf_err(&l->marked, "marks"));
}

/* *done: all that is listed. */
static lk_err
marks_step(struct request *r, struct relied *l, bool *done)
{
	const struct stored *s;
	struct object_answer a;

	if (!l->listed) {
		l->marks.prefix = SEALED_MARK;
		TRY(listing_step(r, l->place, &l->marks, &l->listed));
		if (!l->listed)
			return (LK_NONE);
		TRY(marks_listed(l));
	}
	while (fetch_next(&l->fetch, &s, &a)) {
		lk_err err = LK_NONE;

		if (a.err.code == LK_OK)
			err = mark_take(l, s, buf_bytes(&a.bytes));
		/* What it named is gone, and the list of data shows that. */
		else if (a.err.code != LK_E_NOTFOUND)
			err = depot_fail(r, l->place, &a);
		object_answer_clear(&a);
		TRY(err);
	}
	*done = fetch_done(&l->fetch);
	return (LK_NONE);
}

static int
name_compare(const void *a, const void *b)
{
	return (memcmp(a, b, SEALED_NAME_LEN));
}

static void
marked_leave_out(struct relied *l)
{
	size_t n = l->marked.len / SEALED_NAME_LEN, kept = 0;

	if (n == 0)
		return;
	qsort(l->marked.ptr, n, SEALED_NAME_LEN, name_compare);
	for (size_t i = 0; i < l->data.len; i++)
		if (bsearch(l->data.v[i].at.name, l->marked.ptr, n,
			SEALED_NAME_LEN, name_compare) == NULL)
			l->data.v[kept++] = l->data.v[i];
	l->data.len = l->data.snapshots = kept;
}

lk_err
relied_step(struct request *r, struct relied *l, bool *done)
{
	*done = false;
	if (!l->fetched)
		TRY(marks_step(r, l, &l->fetched));
	if (!l->fetched)
		return (LK_NONE);
	l->data.prefix = SEALED_DATA;
	TRY(listing_step(r, l->place, &l->data, done));
	if (*done)
		marked_leave_out(l);
	return (LK_NONE);
}
