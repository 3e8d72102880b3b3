/*
 * When this device last made a backup at each place: SPACE_BACKUPS of the
 * device.
 *
 *   "t" place 8 -> u64 time, name 32, uLEB length, address
 */
#include <string.h>

#include "crypto/digest.h"
#include "daemon/backup.h"
#include "daemon/daemon.h"
#include "daemon/subject.h"

#define KEY_LEN (1 + HELD_PLACE_LEN)

static struct kv
space(struct daemon *d)
{
	return (txn_space(d->txn, STORE_DEVICE, SPACE_BACKUPS));
}

lk_err
held_made(struct daemon *d, const char *url, const struct sealed_place *s)
{
	uint8_t key[KEY_LEN] = { 't' };
	BUF_SCOPED b = { .max = KV_VALUE_MAX };

	digest(key + 1, HELD_PLACE_LEN, DIGEST_BACKUP, NULL, BYTES_STR(url));
	buf_u64(&b, (uint64_t)s->time_ms);
	buf_mem(&b, s->name, sizeof(s->name));
	buf_counted(&b, BYTES_STR(url));
	TRY(buf_err(&b, "note of a backup"));
	return (kv_put(space(d), BYTES_OF(key), buf_bytes(&b)));
}

/* A stream is where it belongs when its client says so. */
lk_err
backup_made(struct request *r)
{
	struct sealed_place s = { .snapshot = true };
	const char *hex, *text;
	struct wall time;

	TRY(param_string(r, "snapshot", &hex));
	TRY(param_string(r, "time", &text));
	if (strlen(hex) != 2 * sizeof(s.name) ||
	    !hex_decode(s.name, sizeof(s.name), hex) ||
	    wall_read(&time, BYTES_STR(text)).code != LK_OK || time.ms < 0 ||
	    time.ms > SEALED_TIME_MAX)
		return (request_fail(r, LK_ERR(LK_E_USAGE, "backup"),
		    "%s, %s: no backup and its time", hex, text));
	s.time_ms = time.ms;
	return (held_made(r->daemon, "-", &s));
}

/* A note that makes no sense says nothing. */
static void
place_say(struct json_object *list, struct bytes note)
{
	struct stored s = { .at = { .snapshot = true } };
	struct rd r = rd_over(note);
	struct json_object *o;
	uint64_t time = rd_u64(&r);
	struct bytes url;

	rd_copy(&r, s.at.name, sizeof(s.at.name));
	url = rd_counted(&r);
	if (!rd_done(&r) || time > SEALED_TIME_MAX || !utf8_valid(url))
		return;
	s.at.time_ms = (int64_t)time;
	o = json_object_new_object();
	json_add_bytes(o, "place", url);
	json_add_snapshot(o, &s);
	json_object_array_add(list, o);
}

lk_err
backup_places(struct request *r)
{
	struct json_object *list = json_object_new_array();
	uint8_t key[KEY_LEN] = { 't' };
	lk_err err;

	json_add_number(
	    r->result, "age_ms", (uint64_t)r->daemon->options.backup_age_ms);
	json_object_object_add(r->result, "places", list);
	do {
		struct bytes note;

		err = kv_walk(space(r->daemon), key, sizeof(key), 1, &note);
		if (err.code == LK_E_NOTFOUND)
			return (LK_NONE);
		if (err.code == LK_E_CORRUPT)
			continue;
		TRY(err);
		place_say(list, note);
	} while (bytes_next(key, sizeof(key)));
	return (LK_NONE);
}
