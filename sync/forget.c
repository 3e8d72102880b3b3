#include "sync/forget.h"

#include <string.h>

#include "sync/bucket.h"
#include "sync/engine_state.h"
#include "sync/home.h"
#include "sync/pairing.h"
#include "sync/relay_client.h"

#define AGAIN_MS 200 /* the lists of documents are through by then */

/* The least seq this device may ever write after what it wrote so far. */
static uint64_t
floor_of(const struct engine *e, const struct docstate *ds)
{
	uint64_t floor = 1;
	uint32_t tip;
	bool forked;

	tip = graph_tip(ds->graph, e->identity->sign.pk, &forked);
	if (tip != GRAPH_NONE)
		floor = graph_seq(ds->graph, tip) + 1;
	return floor > ds->floor ? floor : ds->floor;
}

/* What this device has signed; empty where that is lost. */
static lk_err
said_get(struct replica *r, const struct docstate *ds, struct ack_record *out)
{
	lk_err err = ack_record_get(r, ds->docno, r->identity->sign.pk, out);

	if (err.code != LK_E_NOTFOUND)
		return err;
	*out = (struct ack_record){ .counter = 0 };
	return LK_NONE;
}

/* Signs that nothing is kept, as *mine of this device.  Where it cannot be
 * said, as nothing of the document is here, what was said before is still true.
 */
static lk_err
forgotten_say(struct engine *e, struct docstate *ds, struct ack_record *mine,
    struct buf *said)
{
	struct ack_record before;

	TRY(acks_counter(e, ds->docno, &mine->counter));
	mine->counter++;
	memcpy(mine->incarnation, e->incarnation, INCARNATION_LEN);
	TRY(acks_write(e, ds, mine->counter, BYTES(NULL, 0), said));
	if (said->len == 0) {
		TRY(said_get(e->r, ds, &before));
		mine->counter = before.counter;
		buf_add(said, before.said);
		TRY(buf_err(said, "ACK"));
	}
	mine->said = buf_bytes(said);
	return LK_NONE;
}

/* Whether a list of documents is on its way: its answer gives numbers. */
static bool
lists_documents(const struct link *l)
{
	return l->listed || (l->set_sent && !l->set_received);
}

/* To those who are connected; the numbers of the session mean what was there
 * before, or are about to, so all of them begin anew. */
static lk_err
links_part(struct engine *e, uint32_t docno, struct bytes said)
{
	struct link *l;

	TAILQ_FOREACH (l, &e->links, next) {
		uint32_t number = topics_of(l, docno);
		BUF_SCOPED b = { .max = 4096 };

		if (l->state != LINK_OPEN ||
		    (number == GRAPH_NONE && !lists_documents(l)))
			continue;
		if (number != GRAPH_NONE && said.len > 0 &&
		    topics_number(l, number)->serve == SERVE_FULL) {
			buf_u32(&b, number);
			buf_add(&b, said);
			TRY(buf_err(&b, "ACK"));
			link_send(e, l, MSG_ACK, buf_bytes(&b));
		}
		link_close(e, l, CLOSE_DONE);
	}
	return LK_NONE;
}

/* SPACE_META "f" -> uLEB length, name, uLEB length, type. */
static lk_err
name_keep(struct replica *r, uint32_t docno, const struct home_name *name)
{
	BUF_SCOPED b = { .max = sizeof(*name) + 8 };

	buf_counted(&b, BYTES_STR(name->name));
	buf_counted(&b, BYTES_STR(name->type));
	TRY(buf_err(&b, "name"));
	return kv_put(docstate_space(r, docno, SPACE_META), BYTES_STR("f"),
	    buf_bytes(&b));
}

static bool
string_read(struct rd *rd, char *out, size_t len)
{
	struct bytes text = rd_counted(rd);

	if (rd->failed || text.len >= len)
		return false;
	if (text.len > 0)
		memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return true;
}

lk_err
forgotten_name(struct replica *r, uint32_t docno, struct home_name *out)
{
	struct bytes value;
	struct rd rd;

	TRY(kv_get(
	    docstate_space(r, docno, SPACE_META), BYTES_STR("f"), &value));
	rd = rd_over(value);
	if (!string_read(&rd, out->name, sizeof(out->name)) ||
	    !string_read(&rd, out->type, sizeof(out->type)) || !rd_done(&rd))
		return LK_ERR(LK_E_CORRUPT, "name of a forgotten document");
	return LK_NONE;
}

static lk_err
remotes_tell(struct engine *e, uint32_t full, uint32_t empty)
{
	const struct replica_event ev = { .docno = empty };
	struct remote *r;

	TAILQ_FOREACH (r, &e->remotes, next)
		TRY(record_complete_del(e, r->status.number, full));
	e->remotes_anew = true;
	return engine_remotes_event(e, &ev);
}

lk_err
engine_forget(struct engine *e, uint32_t docno, struct now now, uint32_t *empty)
{
	struct ack_record mine = { .when = now.wall };
	struct home_name name;
	struct docstate *ds;
	uint64_t floor;
	BUF_SCOPED said = { .max = 4096 };

	e->now = now;
	TRY(home_name(e->r, docno, &name));
	TRY(docstate_get(e->r, docno, &ds));
	if (ds->home)
		return LK_ERR(LK_E_DENIED, "the home document");
	if (ds->forgotten)
		return LK_ERR(LK_E_EXISTS, "forgotten already");
	floor = floor_of(e, ds);
	TRY(forgotten_say(e, ds, &mine, &said));
	TRY(links_part(e, docno, mine.said));
	TRY(tickets_use_up(e, docno));
	TRY(docstate_empty(e->r, docno, &ds));
	ds->forgotten = true;
	ds->floor = floor;
	TRY(docstate_save(e->r, ds));
	TRY(name_keep(e->r, ds->docno, &name));
	TRY(ack_record_put(e->r, ds->docno, e->identity->sign.pk, &mine));
	*empty = ds->docno;
	e->wake = now.mono;
	TRY(overlay_access(e, docno));
	return remotes_tell(e, docno, ds->docno);
}

/* What was read at a remote before is to be read again. */
static lk_err
remote_again(struct engine *e, struct remote *r, const struct docstate *ds)
{
	struct stored_name at = { .kind = STORED_PACK };
	struct record record;

	memcpy(at.topic, ds->topic.id, LK_TOPIC_LEN);
	for (;;) {
		lk_err err = record_next(e, r->status.number, &at, &record);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		if (memcmp(record.name.topic, ds->topic.id, LK_TOPIC_LEN) != 0)
			break;
		TRY(record_del(e, r->status.number, &record.name));
		at = record.name;
	}
	return LK_NONE;
}

/* Not while one of them is being heard. */
static void
remotes_begin(struct engine *e)
{
	struct remote *r;

	if (!e->remotes_anew)
		return;
	e->remotes_anew = false;
	relay_clients_anew(e);
	TAILQ_FOREACH (r, &e->remotes, next) {
		bucket_clear(r);
		r->bucket.next = e->now.mono;
	}
}

lk_err
forgotten_step(struct engine *e)
{
	uint32_t docno;
	lk_err err;

	remotes_begin(e);
	err = docstate_erasing(e->r, &docno);
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	e->wake = e->now.mono;
	return docstate_erase(e->r, docno);
}

lk_err
engine_recall(struct engine *e, uint32_t docno, struct now now)
{
	struct docstate *ds;
	struct remote *r;
	uint32_t erasing;

	e->now = now;
	TRY(docstate_get(e->r, docno, &ds));
	if (!ds->forgotten)
		return LK_ERR(LK_E_NOTFOUND, "not forgotten");
	/* Envelopes are found by their ids, whichever document they are of. */
	if (docstate_erasing(e->r, &erasing).code != LK_E_NOTFOUND)
		return LK_ERR(LK_E_AGAIN, "still being removed");
	ds->forgotten = false;
	TRY(docstate_save(e->r, ds));
	TRY(links_part(e, docno, BYTES(NULL, 0)));
	TAILQ_FOREACH (r, &e->remotes, next)
		TRY(remote_again(e, r, ds));
	e->remotes_anew = true;
	e->wake = now.mono;
	return LK_NONE;
}

lk_err
forgotten_wanted(struct engine *e, uint32_t docno)
{
	struct forgotten f;
	uint32_t erasing;
	lk_err err;

	TRY(docstate_forgotten(e->r, docno, &f));
	if (!f.is)
		return LK_NONE;
	/* A welcome comes once: what is left of it goes at once. */
	while ((err = docstate_erasing(e->r, &erasing)).code == LK_OK)
		TRY(docstate_erase(e->r, erasing));
	return err.code == LK_E_NOTFOUND ? engine_recall(e, docno, e->now)
					 : err;
}

lk_err
forgotten_look(struct engine *e, const struct link *l, struct link_topic *t)
{
	struct ack_record a;
	struct forgotten f;
	struct exchange *x;
	struct node node;
	lk_err err;

	TRY(docstate_forgotten(e->r, t->docno, &f));
	t->forgotten_here = f.is;
	t->forgotten_there = false;
	if (f.is)
		return LK_NONE;
	/* Of two who had both forgotten it each would wait for the other. */
	if (f.floor == 0) {
		err = ack_record_get(e->r, t->docno, l->pk, &a);
		t->forgotten_there =
		    err.code == LK_OK && ack_says_forgotten(&a);
		return err.code == LK_E_NOTFOUND ? LK_NONE : err;
	}
	/* It is wanted again, and nobody would offer it. */
	err = node_get(e->r, t->docno, 0, &node);
	if (err.code != LK_E_NOTFOUND)
		return err;
	TRY(exchange_need(t, &x));
	x->held = e->now.mono;
	e->held_due.ms = e->now.mono.ms + AGAIN_MS;
	return LK_NONE;
}

/* The counter stays, or what was said before that would be news again. */
lk_err
forgotten_no_more(struct engine *e, struct link *l, struct link_topic *t)
{
	struct ack_record a, none = { .when = e->now.wall };

	t->forgotten_there = false;
	l->equal_generation = 0;
	TRY(ack_record_get(e->r, t->docno, l->pk, &a));
	none.counter = a.counter;
	memcpy(none.incarnation, a.incarnation, INCARNATION_LEN);
	memcpy(none.former, a.former, INCARNATION_LEN);
	return ack_record_put(e->r, t->docno, l->pk, &none);
}

lk_err
forgotten_counter(
    struct replica *r, const struct docstate *ds, uint64_t *counter)
{
	struct ack_record mine;

	TRY(said_get(r, ds, &mine));
	*counter = mine.said.len > 0 ? mine.counter : 0;
	return LK_NONE;
}

lk_err
forgotten_said(struct replica *r, const struct docstate *ds, struct buf *b)
{
	struct ack_record mine;

	TRY(said_get(r, ds, &mine));
	buf_add(b, mine.said);
	return buf_err(b, "ACK");
}
