#include "daemon/scrub.h"

#include <string.h>

#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/subject.h"

#define SCRUB_KEY "scrub"
#define SCRUB_VERSION 1

void
scrub_encode(struct buf *b, const struct scrub *s)
{
	buf_u8(b, SCRUB_VERSION);
	buf_u64(b, (uint64_t)s->begun.ms);
	buf_u64(b, (uint64_t)s->last.ms);
	buf_u64(b, (uint64_t)s->whole.ms);
	buf_u64(b, s->damaged);
	buf_u64(b, s->scan.bytes);
	buf_u64(b, s->scan.damaged);
	buf_u8(b, s->scan.done);
	buf_u8(b, s->scan.table);
	buf_counted(b, BYTES(s->scan.key, s->scan.key_len));
}

lk_err
scrub_decode(struct scrub *out, struct bytes value)
{
	struct rd r = rd_over(value);
	struct scrub s = { .known = true };
	struct bytes key;
	uint8_t version = rd_u8(&r);

	s.begun.ms = (int64_t)rd_u64(&r);
	s.last.ms = (int64_t)rd_u64(&r);
	s.whole.ms = (int64_t)rd_u64(&r);
	s.damaged = rd_u64(&r);
	s.scan.bytes = rd_u64(&r);
	s.scan.damaged = rd_u64(&r);
	s.scan.done = rd_u8(&r) != 0;
	s.scan.table = rd_u8(&r);
	key = rd_counted(&r);
	if (!rd_done(&r) || version != SCRUB_VERSION ||
	    key.len > sizeof(s.scan.key) || s.begun.ms < 0 || s.last.ms < 0)
		return (LK_ERR(LK_E_CORRUPT, "place of the scrub"));
	if (key.len > 0)
		memcpy(s.scan.key, key.ptr, key.len);
	s.scan.key_len = (uint16_t)key.len;
	*out = s;
	return (LK_NONE);
}

struct wall
scrub_next(const struct scrub *s, uint64_t used)
{
	int64_t step = s->last.ms + SCRUB_STEP_MS;
	double part = 1;
	int64_t in_step;

	if (!s->scan.done && s->scan.bytes < used)
		part = (double)s->scan.bytes / (double)used;
	in_step = s->begun.ms + (int64_t)(part * (double)SCRUB_PASS_MS);
	return ((struct wall){ in_step > step ? in_step : step });
}

uint64_t
scrub_share(struct scrub *s, uint64_t used, struct wall now)
{
	int64_t since = now.ms - s->last.ms;
	uint64_t share;

	if (s->scan.done) {
		s->scan = (struct store_scan){ .done = false };
		s->begun = now;
	}
	if (since < SCRUB_STEP_MS)
		since = SCRUB_STEP_MS;
	if (since > SCRUB_DAY_MS)
		since = SCRUB_DAY_MS;
	share = used / (uint64_t)(SCRUB_PASS_MS / since);
	return (share < SCRUB_SLICE ? SCRUB_SLICE : share);
}

/* Waits until then, by the clock on the wall; looks again after a day, since
 * that may be set. */
static void
scrub_wait(struct daemon *d, struct wall until)
{
	int64_t ms = until.ms - d->now.wall.ms;

	if (ms < 0)
		ms = 0;
	if (ms > SCRUB_DAY_MS)
		ms = SCRUB_DAY_MS;
	d->scrub.due.ms = d->now.mono.ms + ms;
}

static lk_err
scrub_save(struct daemon *d)
{
	BUF_SCOPED b = { .max = 1024 };

	scrub_encode(&b, &d->scrub);
	TRY(buf_err(&b, "place of the scrub"));
	return (kv_put(txn_space(d->txn, STORE_DEVICE, SPACE_META),
	    BYTES_STR(SCRUB_KEY), buf_bytes(&b)));
}

/* Where it was left; a new store, or one of an older lk, begins now. */
static lk_err
scrub_load(struct daemon *d)
{
	struct scrub s = { .known = true };
	struct bytes value;
	lk_err err = kv_get(txn_space(d->txn, STORE_DEVICE, SPACE_META),
	    BYTES_STR(SCRUB_KEY), &value);

	if (err.code == LK_OK)
		err = scrub_decode(&s, value);
	if (err.code != LK_OK && err.code != LK_E_NOTFOUND &&
	    err.code != LK_E_CORRUPT)
		return (err);
	if (err.code != LK_OK || s.last.ms > d->now.wall.ms) {
		s = (struct scrub){
			.known = true, .begun = d->now.wall, .last = d->now.wall
		};
		d->scrub = s;
		log_info("scrub: begun");
		return (scrub_save(d));
	}
	d->scrub = s;
	log_info("scrub: goes on, %llu KiB were read",
	    (unsigned long long)(s.scan.bytes / 1024));
	return (LK_NONE);
}

/* One slice, and what it has met is mended. */
static lk_err
scrub_slice(struct daemon *d)
{
	struct scrub *s = &d->scrub;
	struct store_scan scan = s->scan;
	uint64_t read;
	bool any;

	TRY(store_scan(d->txn, &scan, SCRUB_SLICE));
	read = scan.bytes - s->scan.bytes;
	s->left = read < s->left && !scan.done ? s->left - read : 0;
	if (scan.damaged > s->scan.damaged) {
		log_error("scrub: %llu damaged records or envelopes",
		    (unsigned long long)(scan.damaged - s->scan.damaged));
		TRY(daemon_mend(d, &any));
	}
	s->scan = scan;
	if (scan.done) {
		s->whole = d->now.wall;
		s->damaged = scan.damaged;
		log_info("scrub: all of the store was read, %llu damaged",
		    (unsigned long long)scan.damaged);
	}
	if (s->left > 0)
		return (LK_NONE);
	s->last = d->now.wall;
	return (scrub_save(d));
}

static lk_err
scrub_step(struct daemon *d, uint64_t used)
{
	struct scrub *s = &d->scrub;

	TRY(round_begin(d));
	if (!s->known)
		TRY(scrub_load(d));
	if (s->left == 0 && d->now.wall.ms < scrub_next(s, used).ms)
		return (LK_NONE);
	if (s->left == 0)
		s->left = scrub_share(s, used, d->now.wall);
	return (scrub_slice(d));
}

struct json_object *
scrub_json(const struct scrub *s)
{
	struct json_object *o = json_object_new_object();

	json_add_time(o, "begun", s->begun);
	json_add_time(o, "whole", s->whole);
	json_add_number(o, "bytes", s->scan.done ? 0 : s->scan.bytes);
	json_add_number(o, "damaged", s->scan.done ? 0 : s->scan.damaged);
	json_add_number(o, "damaged_before", s->damaged);
	return (o);
}

int64_t
scrub_next_ms(const struct daemon *d)
{
	/* What has just been done is followed by a rest, and that is first. */
	return (d->worked.ms != 0 || d->replica == NULL || d->read_only ||
		    d->store == NULL
		? INT64_MAX
		: d->scrub.due.ms);
}

void
scrub_run(struct daemon *d)
{
	struct store_usage usage = { 0 };
	lk_err err;

	if (d->stopping || scrub_next_ms(d) > d->now.mono.ms)
		return;
	err = store_usage(d->store, &usage);
	if (err.code == LK_OK && usage.disk_free >= SCRUB_DISK_MIN) {
		err = scrub_step(d, usage.used);
		if (err.code != LK_OK && d->txn != NULL)
			round_abort(d, err);
		round_end(d);
	}
	if (err.code != LK_OK || usage.disk_free < SCRUB_DISK_MIN) {
		d->scrub.left = 0;
		d->scrub.due.ms = d->now.mono.ms + SCRUB_STEP_MS;
	} else if (d->scrub.left > 0) {
		d->scrub.due = d->now.mono;
	} else {
		scrub_wait(d, scrub_next(&d->scrub, usage.used));
		store_rest(d->store);
	}
}
