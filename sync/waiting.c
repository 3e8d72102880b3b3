#include "sync/admit.h"

#include <stdlib.h>
#include <string.h>

/*
 * SPACE_WAIT: what is missing, id, part -> a part of the envelope, before the
 * first one the device that sent it (zeros: nobody known).  Ordered by what is
 * missing, so that an arrival finds what waited for it with one seek.
 */
#define WAIT_KEY_LEN (LK_ID_LEN + LK_ID_LEN + 1)
#define WAIT_PART ((size_t)60 * 1024)

void
waiting_for_key(
    uint8_t missing[static LK_ID_LEN], const uint8_t etag[static ETAG_LEN])
{
	memset(missing, 0, LK_ID_LEN);
	memcpy(missing, etag, ETAG_LEN);
}

static struct bytes
waiting_key(uint8_t out[static WAIT_KEY_LEN], const uint8_t *missing,
    const uint8_t *id, uint8_t part)
{
	memcpy(out, missing, LK_ID_LEN);
	memcpy(out + LK_ID_LEN, id, LK_ID_LEN);
	out[WAIT_KEY_LEN - 1] = part;
	return BYTES(out, WAIT_KEY_LEN);
}

/* NOMEM. */
static lk_err
waiter_of(struct docstate *ds, const uint8_t from[static SIGN_PK_LEN],
    struct waiter **out)
{
	struct waiter *grown;
	size_t i = 0;

	while (i < ds->waiters_len &&
	    memcmp(ds->waiters[i].from, from, SIGN_PK_LEN) != 0)
		i++;
	if (i == ds->waiters_len) {
		grown = reallocarray(ds->waiters, i + 1, sizeof(*grown));
		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "waiting");
		ds->waiters = grown;
		ds->waiters[i] = (struct waiter){ 0 };
		memcpy(ds->waiters[i].from, from, SIGN_PK_LEN);
		ds->waiters_len++;
	}
	*out = &ds->waiters[i];
	return LK_NONE;
}

static uint32_t
less(uint32_t a, size_t b)
{
	return b < a ? a - (uint32_t)b : 0;
}

/* One envelope of that length is there no more. */
static lk_err
waiter_leaves(
    struct docstate *ds, const uint8_t from[static SIGN_PK_LEN], size_t len)
{
	struct waiter *w;

	TRY(waiter_of(ds, from, &w));
	w->envelopes = less(w->envelopes, 1);
	w->bytes = less(w->bytes, len);
	ds->waiting = less(ds->waiting, 1);
	ds->waiting_bytes = less(ds->waiting_bytes, len);
	ds->dirty = true;
	if (w->envelopes == 0)
		*w = ds->waiters[--ds->waiters_len];
	return LK_NONE;
}

lk_err
waiting_count(struct replica *r, struct docstate *ds)
{
	struct kv wait = docstate_space(r, ds->docno, SPACE_WAIT);
	uint8_t key[WAIT_KEY_LEN] = { 0 };
	uint8_t from[SIGN_PK_LEN] = { 0 };
	struct bytes part;
	struct waiter *w;

	ds->waiting = ds->waiting_bytes = 0;
	ds->waiters_len = 0;
	for (;;) {
		lk_err err = kv_walk(wait, key, sizeof(key), 0, &part);
		bool first = key[WAIT_KEY_LEN - 1] == 0;

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		if (first) {
			if (part.len < SIGN_PK_LEN)
				return LK_ERR(LK_E_CORRUPT, "waiting");
			memcpy(from, part.ptr, SIGN_PK_LEN);
			part.len -= SIGN_PK_LEN;
		}
		TRY(waiter_of(ds, from, &w));
		w->envelopes += first;
		w->bytes += (uint32_t)part.len;
		ds->waiting += first;
		ds->waiting_bytes += (uint32_t)part.len;
		if (!bytes_next(key, sizeof(key)))
			return LK_NONE;
	}
}

lk_err
waiting_load(struct replica *r, struct docstate *ds)
{
	uint32_t waiting = ds->waiting, bytes = ds->waiting_bytes;
	lk_err err = LK_NONE;

	if (waiting > 0)
		err = waiting_count(r, ds);
	if (err.code != LK_E_CORRUPT)
		return err;
	/* It is found, and mended, when it is wanted. */
	ds->waiting = waiting;
	ds->waiting_bytes = bytes;
	return LK_NONE;
}

/* Takes out the envelope at a key, part by part. */
static lk_err
waiting_remove(struct admission *a, uint8_t key[static WAIT_KEY_LEN],
    struct buf *envelope, uint8_t from[static SIGN_PK_LEN])
{
	struct kv wait = docstate_space(a->r, a->ds->docno, SPACE_WAIT);
	struct bytes value, at = BYTES(key, WAIT_KEY_LEN);

	for (uint8_t part = 0;; part++) {
		lk_err err;

		key[WAIT_KEY_LEN - 1] = part;
		err = kv_get(wait, at, &value);
		if (err.code == LK_E_NOTFOUND && part > 0)
			break;
		TRY(err);
		if (part == 0) {
			if (value.len < SIGN_PK_LEN)
				return LK_ERR(LK_E_CORRUPT, "waiting");
			memcpy(from, value.ptr, SIGN_PK_LEN);
			value.ptr += SIGN_PK_LEN;
			value.len -= SIGN_PK_LEN;
		}
		buf_add(envelope, value);
		TRY(kv_del(wait, at));
	}
	TRY(buf_err(envelope, "waiting envelope"));
	return waiter_leaves(a->ds, from, envelope->len);
}

/* Drops one of those that a device sent. */
static lk_err
waiting_drop(struct admission *a, const uint8_t from[static SIGN_PK_LEN])
{
	struct kv wait = docstate_space(a->r, a->ds->docno, SPACE_WAIT);
	uint8_t key[WAIT_KEY_LEN] = { 0 }, was[SIGN_PK_LEN];
	BUF_SCOPED dropped = { .max = ENVELOPE_MAX };
	struct bytes part;

	for (;;) {
		TRY(kv_walk(wait, key, sizeof(key), 0, &part));
		if (key[WAIT_KEY_LEN - 1] == 0 && part.len >= SIGN_PK_LEN &&
		    memcmp(part.ptr, from, SIGN_PK_LEN) == 0)
			return waiting_remove(a, key, &dropped, was);
		if (!bytes_next(key, sizeof(key)))
			return LK_ERR(LK_E_NOTFOUND, "waiting");
	}
}

/* Makes room for one more of a device, at the cost of those that have more. */
static lk_err
waiting_room(struct admission *a, const uint8_t from[static SIGN_PK_LEN],
    size_t len, bool *room)
{
	struct docstate *ds = a->ds;

	for (;;) {
		bool many = ds->waiting >= WAITING_ENVELOPES_MAX;
		const struct waiter *most = NULL;
		struct waiter *own, victim;

		*room = !many && ds->waiting_bytes + len <= WAITING_BYTES_MAX;
		if (*room)
			return LK_NONE;
		TRY(waiter_of(ds, from, &own));
		for (size_t i = 0; i < ds->waiters_len; i++) {
			const struct waiter *w = &ds->waiters[i];

			if (most == NULL ||
			    (many ? w->envelopes > most->envelopes
				  : w->bytes > most->bytes))
				most = w;
		}
		if (most == NULL ||
		    (many ? most->envelopes <= own->envelopes + 1
			  : most->bytes <= own->bytes + len))
			return LK_NONE;
		victim = *most;
		TRY(waiting_drop(a, victim.from));
	}
}

lk_err
waiting_put(struct admission *a, const struct envelope *e,
    const uint8_t missing[static LK_ID_LEN], bool *is_new)
{
	static const uint8_t nobody[SIGN_PK_LEN];
	const uint8_t *from = a->from == NULL ? nobody : a->from;
	struct kv wait = docstate_space(a->r, a->ds->docno, SPACE_WAIT);
	BUF_SCOPED first = { .max = SIGN_PK_LEN + WAIT_PART };
	uint8_t key[WAIT_KEY_LEN];
	struct bytes known, part;
	struct waiter *w;
	uint8_t n = 0;
	bool room = true;
	lk_err err;

	*is_new = false;
	err = kv_get(wait, waiting_key(key, missing, e->id, 0), &known);
	if (err.code != LK_E_NOTFOUND)
		return err;
	/* What was admitted before is nobody's to fill the room with. */
	if (a->again == 0)
		TRY(waiting_room(a, from, e->all.len, &room));
	if (!room)
		return LK_NONE;
	for (size_t at = 0; at < e->all.len; at += part.len) {
		size_t left = e->all.len - at;

		part =
		    BYTES(e->all.ptr + at, left < WAIT_PART ? left : WAIT_PART);
		buf_reset(&first);
		if (n == 0)
			buf_mem(&first, from, SIGN_PK_LEN);
		buf_add(&first, part);
		TRY(buf_err(&first, "waiting envelope"));
		TRY(kv_put(wait, waiting_key(key, missing, e->id, n++),
		    buf_bytes(&first)));
	}
	TRY(waiter_of(a->ds, from, &w));
	w->envelopes++;
	w->bytes += (uint32_t)e->all.len;
	*is_new = true;
	a->ds->waiting++;
	a->ds->waiting_bytes += (uint32_t)e->all.len;
	a->ds->dirty = true;
	return LK_NONE;
}

lk_err
waiting_take(struct admission *a, const uint8_t missing[static LK_ID_LEN],
    struct buf *envelope, uint8_t from[static SIGN_PK_LEN])
{
	struct kv wait = docstate_space(a->r, a->ds->docno, SPACE_WAIT);
	static const uint8_t first[LK_ID_LEN];
	uint8_t key[WAIT_KEY_LEN];
	struct bytes found, value;

	TRY(kv_seek(wait, KV_FIRST_GE, waiting_key(key, missing, first, 0),
	    &found, &value));
	if (found.len != WAIT_KEY_LEN ||
	    memcmp(found.ptr, missing, LK_ID_LEN) != 0)
		return LK_ERR(LK_E_NOTFOUND, "waiting");
	memcpy(key, found.ptr, WAIT_KEY_LEN);
	return waiting_remove(a, key, envelope, from);
}
