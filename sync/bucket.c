#include "sync/bucket.h"

#include <stdlib.h>
#include <string.h>

#include "sync/docno_list.h"
#include "sync/mailbox.h"

/* What is written here is gathered for as long before it is put. */
#define GATHER_MS 300
/* Between passes: a folder costs little, a bucket is paid for by the request.
 */
#define FOLDER_MS 8000
#define BUCKET_MS 30000
#define MUTE_MS 60000 /* what cannot be written is not tried again before */
#define STUCK_MS (INT64_C(30) * 60 * 1000)
#define FAILURES_MAX 32
#define RETRY_MS 2000
#define RETRY_MOST_MS (INT64_C(5) * 60 * 1000)
#define FOLDER_RETRY_MOST_MS 60000 /* a stick is put in again */

static void
flight_free(struct bucket *b, struct flight *f)
{
	TAILQ_REMOVE(&b->flights, f, next);
	b->flights_len--;
	object_request_clear(&f->request);
	free(f->welcomed);
	free(f);
}

void
bucket_clear(struct remote *r)
{
	struct bucket *b = &r->bucket;
	struct flight *f;

	if (!b->started)
		return;
	while ((f = TAILQ_FIRST(&b->flights)) != NULL)
		flight_free(b, f);
	bucket_read_clear(b);
	r->status.unread = 0;
	free(b->dirty.at);
	free(b->later.at);
	free(b->due.at);
	mailboxes_free(b->boxes, b->boxes_len);
	free(b->welcomes);
	free(b->letters);
	*b = (struct bucket){
		.failures = b->failures, .next = b->next, .mute = b->mute
	};
}

bool
bucket_has_room(const struct bucket *b)
{
	return b->flights_len < FLIGHTS_MAX;
}

struct flight *
bucket_ask(struct engine *e, struct remote *r, enum flight_kind kind,
    enum object_op op, const struct stored_name *name)
{
	struct bucket *b = &r->bucket;
	struct flight *f;

	if (b->flights_len == FLIGHTS_MAX)
		return NULL;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return NULL;
	f->kind = kind;
	f->request.remote = r->status.number;
	f->request.request = ++e->next_request;
	f->request.op = op;
	if (name != NULL) {
		f->record.name = *name;
		stored_name_format(f->request.name, name);
	}
	buf_init(&f->request.bytes, OBJECT_BYTES_MAX);
	TAILQ_INSERT_TAIL(&b->flights, f, next);
	b->flights_len++;
	return f;
}

lk_err
bucket_put(struct engine *e, struct remote *r, enum flight_kind kind,
    const struct stored_name *name, struct buf *bytes, struct flight **out)
{
	struct flight *f = bucket_ask(e, r, kind, OBJECT_PUT, name);

	if (f == NULL)
		return LK_ERR(LK_E_NOMEM, "request");
	f->record.size = bytes->len;
	f->request.bytes = *bytes;
	buf_init(bytes, 0);
	*out = f;
	return LK_NONE;
}

bool
bucket_take(struct remote *r, struct engine_output *out)
{
	struct flight *f;

	TAILQ_FOREACH (f, &r->bucket.flights, next) {
		if (f->sent)
			continue;
		f->sent = true;
		f->asked = r->bucket.now;
		*out = (struct engine_output){ .what = ENGINE_OBJECT,
			.object = f->request };
		buf_init(&f->request.bytes, OBJECT_BYTES_MAX);
		return true;
	}
	return false;
}

/* A pause that doubles, and differs from everybody else's. */
static int64_t
pause_ms(struct engine *e, const struct remote *r)
{
	bool folder = r->status.kind == REMOTE_FOLDER;
	int64_t ms = folder ? FOLDER_MS : BUCKET_MS;
	int64_t most = folder ? FOLDER_RETRY_MOST_MS : RETRY_MOST_MS;
	unsigned n = r->bucket.failures;

	if (n > 0)
		for (ms = RETRY_MS; n > 1 && 2 * ms <= most; n--)
			ms *= 2;
	/* A long list is not asked for as often. */
	ms += (int64_t)r->bucket.pages * 1000;
	return ms + (int64_t)random_below(&e->random, (uint64_t)ms);
}

static void
reached(struct engine *e, struct remote *r, bool is)
{
	struct remote_status *s = &r->status;

	if (!s->tried || s->reachable != is)
		s->since = e->now.wall;
	s->tried = true;
	s->reachable = is;
}

void
bucket_complain(struct remote *r, lk_err err, const char *why)
{
	r->status.err = err;
	(void)strlcpy(r->status.why, why, sizeof(r->status.why));
}

/* It takes nothing more, though what it has can be read. */
static bool
only_read(const struct flight *f, const struct object_answer *a)
{
	return (f->request.op == OBJECT_PUT ||
		   f->request.op == OBJECT_DELETE) &&
	    (a->err.code == LK_E_DENIED || a->err.code == LK_E_FULL ||
		a->err.code == LK_E_LIMIT);
}

void
bucket_rest(struct engine *e, struct remote *r)
{
	struct bucket *b = &r->bucket;

	if (b->failures < FAILURES_MAX)
		b->failures++;
	bucket_clear(r);
	b->next.ms = e->now.mono.ms + pause_ms(e, r);
}

/* It cannot be used at present: what was asked of it is asked again later. */
static void
failed(struct engine *e, struct remote *r, lk_err err, const char *why)
{
	reached(e, r, false);
	bucket_complain(r, err, why[0] != '\0' ? why : err.what);
	bucket_rest(e, r);
}

/* An answer that got lost on its way here is not waited for for ever. */
static bool
is_stuck(const struct engine *e, const struct bucket *b)
{
	const struct flight *f;

	TAILQ_FOREACH (f, &b->flights, next)
		if (f->sent && f->asked.ms + STUCK_MS <= e->now.mono.ms)
			return true;
	return false;
}

static lk_err
begin(struct engine *e, struct remote *r)
{
	struct bucket *b = &r->bucket;

	TAILQ_INIT(&b->flights);
	b->started = true;
	/* What was known of it may be from long ago. */
	b->look_again = true;
	return records_ignored(e, r->status.number, &r->status.ignored);
}

static lk_err
pass_step(struct engine *e, struct remote *r)
{
	struct bucket *b = &r->bucket;
	struct flight *f, *other;

	if (!b->listing) {
		if (e->now.mono.ms < b->next.ms)
			return LK_NONE;
		b->listing = true;
		b->after[0] = '\0';
		b->compared = (struct stored_name){ .kind = STORED_PACK };
		b->pages = 0;
		b->pass++;
		b->began = e->now.wall;
	}
	TAILQ_FOREACH (other, &b->flights, next)
		if (other->kind == FLIGHT_LIST)
			return LK_NONE;
	f = bucket_ask(e, r, FLIGHT_LIST, OBJECT_LIST, NULL);
	if (f == NULL)
		return LK_NONE;
	(void)strlcpy(f->request.name, STORED_PREFIX, sizeof(f->request.name));
	(void)strlcpy(f->request.after, b->after, sizeof(f->request.after));
	return LK_NONE;
}

lk_err
bucket_tick(struct engine *e, struct remote *r)
{
	struct bucket *b = &r->bucket;

	b->now = e->now.mono;
	if (b->started && is_stuck(e, b))
		failed(e, r, LK_ERR(LK_E_UNAVAILABLE, "remote"),
		    "it did not answer");
	if (!b->started) {
		if (e->now.mono.ms < b->next.ms)
			return LK_NONE;
		TRY(begin(e, r));
	}
	/* The list of objects to be read has an end. */
	if (!bucket_is_busy(b))
		TRY(pass_step(e, r));
	TRY(bucket_read(e, r));
	if (b->mute.ms <= e->now.mono.ms)
		TRY(bucket_write(e, r));
	TRY(bucket_post(e, r));
	/* Whatever a letter was about lies there, seen and passed by. */
	if (b->soon && !b->listing && b->letters_len == 0) {
		b->soon = false;
		b->next = e->now.mono;
		e->wake = e->now.mono;
	}
	return LK_NONE;
}

int64_t
bucket_next_ms(const struct engine *e, const struct remote *r)
{
	const struct bucket *b = &r->bucket;
	int64_t next = INT64_MAX, write = b->dirty_due.ms;

	if (!b->started)
		return b->next.ms;
	/* What is under way wakes it with its answer. */
	if (TAILQ_EMPTY(&b->flights))
		next = b->listing ? e->now.mono.ms + RETRY_MS : b->next.ms;
	else if (!b->listing && !bucket_is_busy(b))
		next = b->next.ms;
	if (next <= b->now.ms)
		next = b->now.ms + RETRY_MS;
	if (write < b->mute.ms)
		write = b->mute.ms;
	if (b->dirty.len > 0 && write > b->now.ms && write < next)
		next = write;
	return next;
}

/* A whole pass is over. */
static lk_err
pass_end(struct engine *e, struct remote *r)
{
	struct bucket *b = &r->bucket;

	b->listing = false;
	b->listed = true;
	b->fed = false;
	bucket_read_passed(r);
	r->status.complete = e->now.wall;
	b->next.ms = e->now.mono.ms + pause_ms(e, r);
	TRY(bucket_remind(e, r));
	return bucket_passed(e, r);
}

static lk_err
page_answer(struct engine *e, struct remote *r, const struct object_answer *a)
{
	struct bucket *b = &r->bucket;
	char before[OBJECT_NAME_MAX + 1];
	bool on;

	memcpy(before, b->after, sizeof(before));
	TRY(bucket_page(e, r, a));
	/* A list that does not go on would never end. */
	on = a->more && strcmp(before, b->after) != 0;
	if (on && ++b->pages < PAGES_MAX)
		return LK_NONE;
	if (b->pages == PAGES_MAX)
		bucket_complain(r, LK_ERR(LK_E_LIMIT, "objects"),
		    "it lists more objects than anybody needs");
	return pass_end(e, r);
}

/* What the answer to a request brings, by what it was. */
static lk_err
flight_land(struct engine *e, struct remote *r, struct flight *f,
    const struct object_answer *a)
{
	switch (f->kind) {
	case FLIGHT_LIST:
		return page_answer(e, r, a);
	case FLIGHT_READ:
		return bucket_fetched(e, r, f, a);
	case FLIGHT_PACK:
	case FLIGHT_ACK:
		return bucket_written(e, r, f);
	case FLIGHT_LETTER:
		return bucket_letter_sent(e, r, f);
	case FLIGHT_OPEN:
		return bucket_letter_open(e, r, f, a);
	case FLIGHT_DELETE:
		return f->request.op == OBJECT_DELETE &&
			f->record.name.kind != STORED_MAIL
		    ? record_del(e, r->status.number, &f->record.name)
		    : LK_NONE;
	}
	return LK_NONE;
}

lk_err
bucket_answer(struct engine *e, struct remote *r, const struct object_answer *a)
{
	struct bucket *b = &r->bucket;
	struct flight *f;
	bool gone = a->err.code == LK_E_NOTFOUND || a->err.code == LK_E_LIMIT;
	lk_err err = LK_NONE;

	if (!b->started)
		return LK_NONE;
	TAILQ_FOREACH (f, &b->flights, next)
		if (f->sent && f->request.request == a->request)
			break;
	if (f == NULL)
		return LK_NONE;
	if (only_read(f, a)) {
		bucket_complain(
		    r, a->err, a->why[0] != '\0' ? a->why : a->err.what);
		b->mute.ms = e->now.mono.ms + MUTE_MS;
		TRY(bucket_put_failed(r, f));
		flight_free(b, f);
		return LK_NONE;
	}
	/* An object may be gone again before it was read: that is no fault. */
	if (a->err.code != LK_OK && !(gone && f->request.op == OBJECT_GET)) {
		failed(e, r, a->err, a->why);
		return LK_NONE;
	}
	reached(e, r, true);
	if (f->kind == FLIGHT_LIST) {
		b->failures = 0;
		if (b->mute.ms <= e->now.mono.ms)
			bucket_complain(r, LK_NONE, "");
	}
	/* What follows may ask for something in its place. */
	TAILQ_REMOVE(&b->flights, f, next);
	b->flights_len--;
	err = flight_land(e, r, f, a);
	TAILQ_INSERT_TAIL(&b->flights, f, next);
	b->flights_len++;
	flight_free(b, f);
	return err;
}

lk_err
bucket_dirty(struct bucket *b, uint32_t docno)
{
	return docno_list_add(
	    &b->dirty.at, &b->dirty.len, &b->dirty.cap, docno);
}

lk_err
bucket_event(struct engine *e, struct remote *r, const struct replica_event *ev)
{
	struct bucket *b = &r->bucket;

	if (!b->started)
		return LK_NONE;
	if (b->dirty.len == 0)
		b->dirty_due.ms = e->now.mono.ms + GATHER_MS;
	b->fed = false;
	TRY(bucket_dirty(b, ev->docno));
	return docno_list_add(
	    &b->later.at, &b->later.len, &b->later.cap, ev->docno);
}
