/*
 * Which backup of a place is restored: the one that was named; else the newest
 * of those that open with the phrase, if they are all of one machine.  What
 * lies there of other people is passed over.  One of a time to come is of a
 * clock that was wrong, and comes after all others.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/backup.h"
#include "daemon/subject.h"

void
choice_clear(struct choice *c)
{
	fetch_clear(&c->fetch);
	buf_clear(&c->clear);
	buf_wipe(&c->plain);
}

/* Of those whose name begins so the ones of a time to come, or the others, the
 * newest first. */
static lk_err
candidates_fetch(struct request *r, struct choice *c, const struct listing *l,
    const char *wanted, bool ahead)
{
	for (size_t i = l->len; i > l->snapshots; i--) {
		const struct stored *s = &l->v[i - 1];
		char hex[2 * SEALED_NAME_LEN + 1];

		hex_encode(hex, BYTES_OF(s->at.name));
		if (strncmp(hex, wanted, strlen(wanted)) == 0 &&
		    ahead == stored_is_ahead(s, r->now.wall))
			TRY(fetch_add(&c->fetch, s));
	}
	return (LK_NONE);
}

lk_err
choice_begin(struct request *r, struct choice *c, const struct listing *l,
    struct depot *place)
{
	const char *wanted;

	c->fetch.place = place;
	TRY(param_string_or(r, "snapshot", "", &wanted));
	c->named = wanted[0] != '\0';
	TRY(candidates_fetch(r, c, l, wanted, false));
	TRY(candidates_fetch(r, c, l, wanted, true));
	if (c->fetch.len == 0)
		return (request_fail(r, LK_ERR(LK_E_NOTFOUND, "backup"),
		    "%s: no %s%s there", place->url,
		    c->named ? "backup " : "backup", wanted));
	if (c->fetch.len > 1 && c->named)
		return (request_fail(r, LK_ERR(LK_E_USAGE, "backup"),
		    "%s: more than one backup begins so", wanted));
	return (LK_NONE);
}

static lk_err
not_readable(struct request *r, const struct choice *c, lk_err err)
{
	const char *url = c->fetch.place->url;

	if (err.code == LK_E_DENIED)
		return (request_fail(
		    r, err, "%s: the phrase of somebody else", url));
	if (err.code == LK_E_DATA || err.code == LK_E_NOTFOUND) {
		request_hint(r,
		    "lk backup check says what else is damaged; --snapshot "
		    "takes an older one, see lk backup ls");
		err.code = LK_E_CORRUPT;
	}
	return (request_fail(
	    r, err, "%s: the backup is damaged: %s", url, err.what));
}

/* It opens: the first one is it, unless another machine has one too. */
static lk_err
candidate_add(struct choice *c, const struct stored *as, struct buf *clear,
    struct buf *plain, const struct snapshot *read)
{
	struct choice_machine *m;

	for (size_t i = 0; i < c->machines_len; i++)
		if (memcmp(c->machines[i].pk, read->device_pk, SIGN_PK_LEN) ==
		    0)
			return (LK_NONE);
	if (c->machines_len == CHOICE_MACHINES_MAX)
		return (LK_NONE);
	m = &c->machines[c->machines_len++];
	m->stored = as;
	memcpy(m->pk, read->device_pk, SIGN_PK_LEN);
	memcpy(m->name, read->device_name.ptr, read->device_name.len);
	m->name[read->device_name.len] = '\0';
	if (c->machines_len > 1)
		return (LK_NONE);
	c->stored = as;
	c->read = *read;
	c->clear = *clear;
	c->plain = *plain;
	*clear = (struct buf){ .max = 1 };
	*plain = (struct buf){ .max = 1 };
	return (LK_NONE);
}

static lk_err
snapshot_try(struct choice *c, struct bytes object, const struct stored *as,
    const struct backup_secrets *secrets)
{
	struct snapshot_head head;
	struct snapshot read;
	struct sealed sealed;
	BUF_SCOPED clear = { .max = SEALED_CLEAR_MAX };
	BUF_SECRET plain = { .max = 1 };
	lk_err err;

	TRY(backup_open(object, as, &secrets->reading, &sealed, &plain));
	TRY(backup_head(&head, sealed.clear, as));
	buf_add(&clear, sealed.clear);
	TRY(buf_err(&clear, "snapshot"));
	err = snapshot_read(&read, buf_bytes(&clear), buf_bytes(&plain));
	if (err.code == LK_E_MALFORMED || err.code == LK_E_TRUNCATED)
		err.code = LK_E_DATA;
	TRY(err);
	if (memcmp(read.root_pk, secrets->root.pk, SIGN_PK_LEN) != 0)
		return (LK_ERR(LK_E_DENIED, "root"));
	return (candidate_add(c, as, &clear, &plain, &read));
}

/* Several machines: who restores has to say which. */
static lk_err
several_say(struct request *r, const struct choice *c)
{
	struct json_object *list = json_object_new_array();
	BUF_SCOPED text = { .max = 1024 };

	for (size_t i = 0; i < c->machines_len; i++) {
		const struct choice_machine *m = &c->machines[i];
		struct json_object *o = json_object_new_object();
		char hex[2 * SEALED_NAME_LEN + 1], time[WALL_TEXT_LEN];

		hex_encode(hex, BYTES_OF(m->stored->at.name));
		wall_format(time, (struct wall){ .ms = m->stored->at.time_ms });
		if (i < CHOICE_SAID_MAX)
			buf_printf(&text, "%s%.60s %s %.8s", i == 0 ? "" : ", ",
			    m->name, time, hex);
		json_add_snapshot(o, m->stored);
		json_add_text(o, "device_name", m->name);
		json_object_array_add(list, o);
	}
	if (c->machines_len > CHOICE_SAID_MAX)
		buf_printf(&text, ", ...");
	buf_u8(&text, 0);
	request_detail(r, "candidates", list);
	request_hint(r, "--snapshot says which; lk backup ls has all");
	return (request_fail(r, LK_ERR(LK_E_USAGE, "backup"),
	    "%s: backups of %zu machines: %s", c->fetch.place->url,
	    c->machines_len, text.failed ? "..." : (const char *)text.ptr));
}

static lk_err
choice_end(struct request *r, const struct choice *c)
{
	if (c->flaw.code != LK_OK)
		return (not_readable(r, c, c->flaw));
	if (c->machines_len == 0)
		return (not_readable(r, c, LK_ERR(LK_E_DENIED, "backup")));
	return (c->machines_len > 1 ? several_say(r, c) : LK_NONE);
}

lk_err
choice_step(struct request *r, struct choice *c,
    const struct backup_secrets *secrets, bool *done, bool *idle)
{
	const struct stored *what;
	struct object_answer a;
	lk_err err;

	*idle = !fetch_next(&c->fetch, &what, &a);
	if (*idle)
		return (LK_NONE);
	if (a.err.code == LK_OK)
		err = snapshot_try(c, buf_bytes(&a.bytes), what, secrets);
	else
		err = depot_fail(r, c->fetch.place, &a);
	object_answer_clear(&a);
	if (err.code == LK_E_DENIED && a.err.code == LK_OK)
		c->others++;
	else if (err.code == LK_E_DATA || err.code == LK_E_VERSION) {
		/* An older one is no answer to who wants the newest. */
		if (c->machines_len == 0 && c->flaw.code == LK_OK)
			c->flaw = err;
	} else
		TRY(err);
	*done = fetch_done(&c->fetch);
	return (*done ? choice_end(r, c) : LK_NONE);
}
