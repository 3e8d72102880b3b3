#include <string.h>

#include "sync/pairing.h"

/* The issuer decides how long a ticket is good; he may never answer. */
#define REDEEM_KEPT_MS (INT64_C(30) * 24 * 3600 * 1000)
#define RECORD_KEY_LEN (1 + TICKET_ID_LEN)
#define RECORD_MAX (128 + TICKET_TEXT_MAX)

/* STORE_DEVICE, SPACE_META: "w" ticket id -> since when, what has become of it,
 * the issuer, the document, the ticket as it was typed. */
enum kept_state { KEPT_ASKING, KEPT_ANSWERED, KEPT_REFUSED, KEPT_STATES };

struct record {
	struct wall since;
	enum kept_state state;
	const uint8_t *issuer, *docid; /* 32 each */
	struct bytes text;
};

static struct kv
records(struct engine *e)
{
	return docstate_space(e->r, STORE_DEVICE, SPACE_META);
}

static struct bytes
record_key(
    uint8_t out[static RECORD_KEY_LEN], const uint8_t id[static TICKET_ID_LEN])
{
	out[0] = 'w';
	memcpy(out + 1, id, TICKET_ID_LEN);
	return BYTES(out, RECORD_KEY_LEN);
}

static lk_err
record_parse(struct record *out, struct bytes value)
{
	struct rd rd = rd_over(value);
	struct record r;
	uint8_t state;

	r.since.ms = (int64_t)rd_u64(&rd);
	state = rd_u8(&rd);
	r.issuer = rd_take(&rd, 32).ptr;
	r.docid = rd_take(&rd, LK_ID_LEN).ptr;
	r.text = rd_take(&rd, rd.left.len);
	if (rd.failed || state >= KEPT_STATES || r.text.len > TICKET_TEXT_MAX)
		return LK_ERR(LK_E_CORRUPT, "ticket in use");
	r.state = state;
	*out = r;
	return LK_NONE;
}

static enum kept_state
state_of(const struct redeem *q)
{
	static const uint8_t none[32];

	if (q->status.state == REDEEM_REFUSED)
		return KEPT_REFUSED;
	/* What a session has answered is worth nothing without it. */
	return q->answered && memcmp(q->docid, none, sizeof(none)) != 0
	    ? KEPT_ANSWERED
	    : KEPT_ASKING;
}

static lk_err
record_put(struct engine *e, struct redeem *q, struct bytes text)
{
	uint8_t key[RECORD_KEY_LEN];
	BUF_SECRET b = { .max = RECORD_MAX };

	q->kept_as = state_of(q);
	buf_u64(&b, (uint64_t)q->since.ms);
	buf_u8(&b, (uint8_t)q->kept_as);
	buf_mem(&b, q->issuer, sizeof(q->issuer));
	buf_mem(&b, q->docid, sizeof(q->docid));
	buf_add(&b, text);
	TRY(buf_err(&b, "ticket in use"));
	return kv_put(records(e), record_key(key, q->keys.id), buf_bytes(&b));
}

static lk_err
record_del(struct engine *e, const struct redeem *q)
{
	uint8_t key[RECORD_KEY_LEN];
	lk_err err = kv_del(records(e), record_key(key, q->keys.id));

	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

lk_err
redeem_keep(struct engine *e, struct redeem *q, const char *text)
{
	const struct redeem *other;
	size_t kept = 0;

	TAILQ_FOREACH (other, &e->redeems, next)
		kept += other->kept;
	if (kept >= REDEEMS_MAX)
		return LK_ERR(LK_E_LIMIT, "tickets in use");
	q->kept = true;
	q->since = e->now.wall;
	return record_put(e, q, BYTES_STR(text));
}

/* As the record has it: in memory there may be more that was undone. */
static lk_err
redeem_read(struct engine *e, struct redeem *q, const struct record *r)
{
	q->kept = true;
	q->since = r->since;
	q->kept_as = r->state;
	q->answered = r->state == KEPT_ANSWERED;
	q->welcomed = false;
	memcpy(q->issuer, r->issuer, sizeof(q->issuer));
	memcpy(q->docid, r->docid, sizeof(q->docid));
	q->status.state =
	    r->state == KEPT_REFUSED ? REDEEM_REFUSED : REDEEM_TRYING;
	if (r->state == KEPT_REFUSED && q->status.why == NULL)
		q->status.why = "wrong, used or expired";
	e->people++;
	return LK_NONE;
}

static struct redeem *
redeem_kept(struct engine *e, const uint8_t id[static TICKET_ID_LEN])
{
	struct redeem *q;

	TAILQ_FOREACH (q, &e->redeems, next)
		if (q->kept && memcmp(q->keys.id, id, TICKET_ID_LEN) == 0)
			break;
	return q;
}

struct redeem *
redeem_again(struct engine *e, const uint8_t id[static TICKET_ID_LEN])
{
	struct redeem *q = redeem_kept(e, id);

	if (q != NULL && q->status.state == REDEEM_REFUSED) {
		q->status = (struct redeem_status){ .state = REDEEM_TRYING };
		q->refusals = 0;
		q->answered = false;
	}
	return q;
}

static lk_err
record_load(struct engine *e, const uint8_t id[static TICKET_ID_LEN],
    struct bytes value)
{
	struct record r;
	struct redeem *q = redeem_kept(e, id);
	char text[TICKET_TEXT_MAX + 1];
	lk_err err = LK_NONE;

	TRY(record_parse(&r, value));
	memcpy(text, r.text.ptr, r.text.len);
	text[r.text.len] = '\0';
	if (q == NULL)
		err = redeem_make(e, text, &q);
	secret_wipe(text, sizeof(text));
	TRY(err);
	return redeem_read(e, q, &r);
}

lk_err
redeems_load(struct engine *e)
{
	struct kv kv = records(e);
	uint8_t at[RECORD_KEY_LEN] = { 'w' }, key[RECORD_KEY_LEN];
	struct redeem *q, *next;

	if (e->redeems_loaded)
		return LK_NONE;
	do {
		struct bytes value;
		lk_err err = kv_walk(kv, at, sizeof(at), 1, &value);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		TRY(record_load(e, at + 1, value));
	} while (bytes_next(at, sizeof(at)));
	TAILQ_FOREACH_SAFE (q, &e->redeems, next, next) {
		struct bytes value;
		lk_err err = q->kept
		    ? kv_get(kv, record_key(key, q->keys.id), &value)
		    : LK_NONE;

		/* It was typed in a transaction that was undone. */
		if (err.code == LK_E_NOTFOUND)
			redeem_leave(e, q);
		else
			TRY(err);
	}
	e->redeems_loaded = true;
	return LK_NONE;
}

static lk_err
redeem_settle(struct engine *e, struct redeem *q)
{
	uint8_t key[RECORD_KEY_LEN];
	struct record r;
	struct bytes value;
	BUF_SECRET text = { .max = TICKET_TEXT_MAX };

	if (q->status.state == REDEEM_TRYING)
		TRY(redeem_look(e, q));
	if (q->status.state == REDEEM_DONE) {
		q->kept = false;
		return record_del(e, q);
	}
	if (q->since.ms + REDEEM_KEPT_MS <= e->now.wall.ms) {
		TRY(record_del(e, q));
		redeem_leave(e, q);
		return LK_NONE;
	}
	if (q->kept_as == state_of(q))
		return LK_NONE;
	TRY(kv_get(records(e), record_key(key, q->keys.id), &value));
	TRY(record_parse(&r, value));
	buf_add(&text, r.text);
	TRY(buf_err(&text, "ticket in use"));
	return record_put(e, q, buf_bytes(&text));
}

lk_err
redeems_settle(struct engine *e)
{
	struct redeem *q, *next;

	TRY(redeems_load(e));
	TAILQ_FOREACH_SAFE (q, &e->redeems, next, next)
		if (q->kept)
			TRY(redeem_settle(e, q));
	return LK_NONE;
}

lk_err
engine_ticket_waits(
    struct engine *e, size_t i, struct now now, struct ticket_waits *out)
{
	struct redeem *q;

	e->now = now;
	TRY(redeems_load(e));
	TAILQ_FOREACH (q, &e->redeems, next)
		if (q->kept && i-- == 0)
			break;
	if (q == NULL)
		return LK_ERR(LK_E_NOTFOUND, "ticket");
	*out = (struct ticket_waits){ .since = q->since,
		.answered = q->answered,
		.refused = q->status.state == REDEEM_REFUSED };
	memcpy(out->id, q->keys.id, TICKET_ID_LEN);
	return LK_NONE;
}

lk_err
engine_ticket_drop(
    struct engine *e, const uint8_t id[static TICKET_ID_LEN], struct now now)
{
	struct redeem *q;

	e->now = now;
	TRY(redeems_load(e));
	q = redeem_kept(e, id);
	if (q == NULL)
		return LK_ERR(LK_E_NOTFOUND, "ticket");
	TRY(record_del(e, q));
	redeem_leave(e, q);
	e->people++;
	e->wake = now.mono;
	return LK_NONE;
}
