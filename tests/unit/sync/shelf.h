/*
 * shelf.h - for tests: an object store in memory, which several devices reach,
 * and what may go wrong with one.
 */
#ifndef TESTS_UNIT_SYNC_SHELF_H
#define TESTS_UNIT_SYNC_SHELF_H

#include "sync/bucket.h"
#include "tests/unit/sync/pair.h"

#define SHELF_MAX 20000

struct book {
	char name[OBJECT_NAME_MAX + 1];
	struct buf bytes;
};

struct shelf {
	struct book books[SHELF_MAX]; /* ascending by name */
	size_t len;
	size_t lists, gets, puts, deletes;
	bool away;      /* nobody reaches it */
	bool read_only; /* it takes nothing */
	bool no_mail;   /* or no letters */
	/* Of every so many requests one: 0 none. */
	unsigned lost_puts, stale_lists, short_gets;
	unsigned count;
	uint32_t page; /* names of a list; 0: OBJECT_LIST_MAX */
};

#define SHELF_NUMBER 7

static inline struct shelf *
shelf_new(void)
{
	struct shelf *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	return s;
}

static inline void
shelf_empty(struct shelf *s)
{
	for (size_t i = 0; i < s->len; i++)
		buf_clear(&s->books[i].bytes);
	s->len = 0;
}

static inline void
shelf_free(struct shelf *s)
{
	shelf_empty(s);
	free(s);
}

/* The first that is not below. */
static inline size_t
shelf_place(const struct shelf *s, const char *name)
{
	size_t lo = 0, hi = s->len;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (strcmp(s->books[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static inline struct book *
shelf_find(struct shelf *s, const char *name)
{
	size_t i = shelf_place(s, name);

	return i < s->len && strcmp(s->books[i].name, name) == 0 ? &s->books[i]
								 : NULL;
}

static inline void
shelf_put(struct shelf *s, const char *name, struct bytes bytes)
{
	size_t i = shelf_place(s, name);
	struct book *b = shelf_find(s, name);

	if (b == NULL) {
		assert_true(s->len < SHELF_MAX);
		memmove(
		    &s->books[i + 1], &s->books[i], (s->len - i) * sizeof(*b));
		s->len++;
		b = &s->books[i];
		(void)strlcpy(b->name, name, sizeof(b->name));
		buf_init(&b->bytes, OBJECT_BYTES_MAX);
	}
	buf_reset(&b->bytes);
	buf_add(&b->bytes, bytes);
	ok(buf_err(&b->bytes, "book"));
}

static inline void
shelf_delete(struct shelf *s, const char *name)
{
	struct book *b = shelf_find(s, name);
	size_t i;

	if (b == NULL)
		return;
	i = (size_t)(b - s->books);
	buf_clear(&b->bytes);
	memmove(b, b + 1, (s->len - i - 1) * sizeof(*b));
	s->len--;
}

/* How many names begin so. */
static inline size_t
shelf_count(const struct shelf *s, const char *prefix, const char *with)
{
	size_t n = 0;

	for (size_t i = 0; i < s->len; i++)
		n += strncmp(s->books[i].name, prefix, strlen(prefix)) == 0 &&
		    strstr(s->books[i].name, with) != NULL;
	return n;
}

static inline void
shelf_list(
    struct shelf *s, const struct object_request *q, struct object_answer *a)
{
	size_t most = s->page > 0 ? s->page : OBJECT_LIST_MAX;
	bool stale = s->stale_lists > 0 && ++s->count % s->stale_lists == 0;

	s->lists++;
	a->entries = calloc(most, sizeof(*a->entries));
	assert_non_null(a->entries);
	for (size_t i = 0; i < s->len; i++) {
		struct book *b = &s->books[i];
		struct object_entry *entry = &a->entries[a->entries_len];

		if (strncmp(b->name, q->name, strlen(q->name)) != 0 ||
		    strcmp(b->name, q->after) <= 0)
			continue;
		if (stale && i % 3 == 0)
			continue;
		if (a->entries_len == most) {
			a->more = true;
			return;
		}
		(void)strlcpy(entry->name, b->name, sizeof(entry->name));
		entry->size = b->bytes.len;
		a->entries_len++;
	}
}

static inline void
shelf_get(
    struct shelf *s, const struct object_request *q, struct object_answer *a)
{
	struct book *b = shelf_find(s, q->name);
	size_t len;

	s->gets++;
	if (b == NULL) {
		a->err = LK_ERR(LK_E_NOTFOUND, "object");
		return;
	}
	len = b->bytes.len;
	if (len > q->max) {
		a->err = LK_ERR(LK_E_LIMIT, "object");
		return;
	}
	if (s->short_gets > 0 && ++s->count % s->short_gets == 0)
		len /= 2;
	buf_mem(&a->bytes, b->bytes.ptr, len);
}

/* Answers a request, and frees it. */
static inline void
shelf_answer(struct shelf *s, struct object_request *q, struct object_answer *a)
{
	*a = (struct object_answer){ .remote = q->remote,
		.request = q->request };
	buf_init(&a->bytes, OBJECT_BYTES_MAX);
	if (s->away) {
		a->err = LK_ERR(LK_E_UNAVAILABLE, "away");
	} else if (q->op == OBJECT_LIST) {
		shelf_list(s, q, a);
	} else if (q->op == OBJECT_GET) {
		shelf_get(s, q, a);
	} else if (s->read_only ||
	    (s->no_mail && strncmp(q->name, "lk1/mail/", 9) == 0)) {
		a->err = LK_ERR(LK_E_DENIED, "read only");
	} else if (q->op == OBJECT_PUT) {
		s->puts++;
		assert_true(object_name_is_valid(q->name));
		if (s->lost_puts == 0 || ++s->count % s->lost_puts != 0)
			shelf_put(s, q->name, buf_bytes(&q->bytes));
	} else {
		s->deletes++;
		shelf_delete(s, q->name);
	}
	object_request_clear(q);
}

/* Devices that never meet: each reaches only shelves. */
struct reader {
	struct host *host;
	struct shelf *shelf;
	bool away;    /* it does not reach it */
	bool denied;  /* and may not write */
	int64_t last; /* the device's clock after its last turn */
};

static inline void
host_remote(struct host *h, enum remote_kind kind)
{
	struct remote_config config = { .number = SHELF_NUMBER,
		.kind = kind,
		.name = "shelf",
		.url = "file:///shelf" };

	device_begin(&h->d);
	ok(engine_remotes_configure(h->e, &config, 1, h->d.now));
	host_commit(h);
}

/* One turn: carries out what it asks for until it asks no more. */
static inline void
reader_turn(struct reader *r, int64_t ms)
{
	struct host *h = r->host;
	struct engine_output out;
	size_t turns = 0;
	bool any;

	/* A commit costs a disk's patience. */
	if (h->d.now.mono.ms == r->last && engine_next(h->e).ms > ms)
		return;
	h->d.now.mono.ms = ms;
	h->d.now.wall.ms = START_MS + ms;
	host_tick(h);
	do {
		struct object_answer answers[FLIGHTS_MAX];
		size_t n = 0;

		while (engine_take(h->e, &out)) {
			if (out.what == ENGINE_OBJECT) {
				bool away = r->shelf->away;

				assert_true(n < FLIGHTS_MAX);
				r->shelf->away |= r->away;
				r->shelf->read_only = r->denied;
				shelf_answer(
				    r->shelf, &out.object, &answers[n++]);
				r->shelf->away = away;
			} else if (out.what == ENGINE_DIAL) {
				device_begin(&h->d);
				ok(engine_closed(h->e, out.conn, h->d.now));
				host_commit(h);
			}
			buf_clear(&out.bytes);
			object_request_clear(&out.object);
		}
		any = n > 0;
		/* The last one asked comes first. */
		device_begin(&h->d);
		h->d.now.mono.ms = ms;
		while (n-- > 0) {
			ok(engine_object(h->e, &answers[n], h->d.now));
			object_answer_clear(&answers[n]);
		}
		ok(engine_tick(h->e, h->d.now));
		host_commit(h);
		host_tick(h);
		assert_true(++turns < 20000);
	} while (any);
	r->last = h->d.now.mono.ms;
}

/* Lets time pass for all of them, one after the other. */
static inline void
readers_run(struct reader *all, size_t n, int64_t *ms, int64_t lasts)
{
	for (int64_t end = *ms + lasts; *ms < end; *ms += 1000)
		for (size_t i = 0; i < n; i++)
			reader_turn(&all[i], *ms);
}

#endif
