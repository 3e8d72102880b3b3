#include <stdlib.h>
#include <string.h>

#include "sync/bucket.h"
#include "sync/docno_list.h"
#include "sync/mailbox.h"
#include "sync/pairing.h"
#include "sync/person.h"

/* In one letter, of the shortest. */
#define WELCOMED_MAX 128
#define ASK_AGAIN_MS 60000

/* Whether a letter is under way, or waits to be written. */
static bool
is_written(const struct bucket *b, const struct welcomed *w)
{
	const struct flight *f;

	for (size_t i = 0; i < b->welcomes_len; i++)
		if (b->welcomes[i].docno == w->docno &&
		    memcmp(b->welcomes[i].pk, w->pk, 32) == 0)
			return true;
	TAILQ_FOREACH (f, &b->flights, next)
		for (size_t i = 0; i < f->welcomed_len; i++)
			if (f->welcomed[i].docno == w->docno &&
			    memcmp(f->welcomed[i].pk, w->pk, 32) == 0)
				return true;
	return false;
}

static lk_err
welcomes_add(struct bucket *b, const struct welcomed *w)
{
	size_t cap = b->welcomes_cap == 0 ? 16 : b->welcomes_cap * 2;
	struct welcomed *grown;

	if (b->welcomes_len == b->welcomes_cap) {
		grown = reallocarray(b->welcomes, cap, sizeof(*grown));
		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "letters");
		b->welcomes = grown;
		b->welcomes_cap = cap;
	}
	b->welcomes[b->welcomes_len++] = *w;
	return LK_NONE;
}

lk_err
welcome_is_due(struct engine *e, uint32_t remote, struct docstate *ds,
    const struct member *m, enum welcome_due *is)
{
	struct graph_author by = graph_node_author(ds->graph, m->node);
	struct member newest;
	struct wall due;
	bool done;

	*is = WELCOME_NOBODY;
	if (m->now < ROLE_READ || (m->flags & GRANT_COLD) != 0 ||
	    memcmp(m->key, e->identity->sign.pk, 32) == 0 ||
	    memcmp(by.key, e->identity->sign.pk, 32) != 0 ||
	    !reader_grant(ds->graph, m->key, &newest) || newest.node != m->node)
		return LK_NONE;
	TRY(acks_cover(e, ds, m->key, m->node, &done));
	if (done)
		return record_welcomed_del(e, remote, ds->docno, m->key);
	TRY(record_welcomed(e, remote, ds->docno, m->key, m->grant.env, &due));
	/* A letter may have been lost, or damaged where it lay. */
	*is = due.ms <= e->now.wall.ms && link_of(e, m->key) == NULL
	    ? WELCOME_NOW
	    : WELCOME_LATER;
	return LK_NONE;
}

lk_err
bucket_letters(
    struct engine *e, struct remote *r, struct docstate *ds, bool *all)
{
	for (size_t i = 0; i < graph_members_len(ds->graph); i++) {
		struct welcomed w = { .docno = ds->docno };
		struct cert cert;
		struct member m;
		enum welcome_due is;
		lk_err err;

		graph_member(ds->graph, i, &m);
		TRY(welcome_is_due(e, r->status.number, ds, &m, &is));
		if (is != WELCOME_NOW)
			continue;
		err = person_device(e->r, m.key, &cert);
		if (err.code == LK_E_NOTFOUND)
			continue; /* nobody whose mailbox is known */
		TRY(err);
		*all = false;
		memcpy(w.pk, m.key, 32);
		memcpy(w.grant, m.grant.env, LK_ID_LEN);
		if (!is_written(&r->bucket, &w))
			TRY(welcomes_add(&r->bucket, &w));
	}
	return LK_NONE;
}

/* Seals a letter and puts it. */
static lk_err
letter_put(struct engine *e, struct remote *r, const struct mail_route *route,
    const struct buf *plain, struct flight **out)
{
	BUF_SCOPED letter = { .max = MAIL_MAX };
	struct stored_name name = { .kind = STORED_MAIL };

	TRY(mail_seal(&letter, route, buf_bytes(plain)));
	memcpy(name.topic, route->slot, MAIL_SLOT_LEN);
	digest(name.hash, sizeof(name.hash), DIGEST_MAILBOX, NULL,
	    buf_bytes(&letter));
	return bucket_put(e, r, FLIGHT_LETTER, &name, &letter, out);
}

/* Takes those for one device out of what waits, as far as a letter has room. */
static lk_err
letter_fill(struct engine *e, struct bucket *b, const struct recipient *to,
    struct buf *plain, struct welcomed *in, size_t *len)
{
	size_t kept = 0;
	bool full = false;

	*len = 0;
	for (size_t i = 0; i < b->welcomes_len; i++) {
		const struct welcomed *w = &b->welcomes[i];
		BUF_SECRET body = { .max = WELCOME_MAX };
		struct docstate *ds;
		lk_err err;

		if (full || *len == WELCOMED_MAX ||
		    memcmp(w->pk, to->pk, 32) != 0) {
			b->welcomes[kept++] = *w;
			continue;
		}
		err = docstate_get(e->r, w->docno, &ds);
		if (err.code == LK_E_NOTFOUND)
			continue;
		TRY(err);
		TRY(welcome_compose(e, ds, w->pk, to->own, &body));
		if (body.len == 0)
			continue;
		full = !mail_add(plain, MSG_WELCOME, buf_bytes(&body));
		if (full)
			b->welcomes[kept++] = *w;
		else
			in[(*len)++] = *w;
	}
	b->welcomes_len = kept;
	return LK_NONE;
}

/* One letter to whoever comes first among those who wait for one. */
static lk_err
letter_write(struct engine *e, struct remote *r)
{
	struct bucket *b = &r->bucket;
	BUF_SECRET plain = { .max = MAIL_PLAIN_MAX };
	struct recipient to;
	struct flight *f;
	struct welcomed *in;
	size_t len;
	lk_err err;

	err = mailbox_to(e, b->welcomes[0].pk, &to);
	if (err.code == LK_E_NOTFOUND) {
		b->welcomes[0] = b->welcomes[--b->welcomes_len];
		return LK_NONE;
	}
	TRY(err);
	in = calloc(WELCOMED_MAX, sizeof(*in));
	if (in == NULL)
		return LK_ERR(LK_E_NOMEM, "letter");
	err = mailbox_card(e, &to, &plain);
	if (err.code == LK_OK)
		err = letter_fill(e, b, &to, &plain, in, &len);
	if (err.code == LK_OK && len > 0)
		err = letter_put(e, r, &to.route, &plain, &f);
	secret_wipe(&to, sizeof(to));
	if (err.code != LK_OK || len == 0) {
		free(in);
		return err;
	}
	f->welcomed = in;
	f->welcomed_len = len;
	return LK_NONE;
}

/* Asks the issuers of tickets that are used here. */
static lk_err
asks_write(struct engine *e, struct remote *r)
{
	struct bucket *b = &r->bucket;

	/* What was asked, or answered, may have been lost. */
	if (b->ask_again.ms <= e->now.mono.ms) {
		b->asked = 0;
		b->ask_again.ms = e->now.mono.ms + ASK_AGAIN_MS;
	}
	while (bucket_has_room(b)) {
		BUF_SCOPED plain = { .max = MAIL_PLAIN_MAX };
		struct mail_asked ask;
		struct flight *f;
		lk_err err = mailbox_ask(e, b->asked, NULL, &ask, &plain);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		err = letter_put(e, r, &ask.route, &plain, &f);
		secret_wipe(&ask.route, sizeof(ask.route));
		TRY(err);
		b->asked = ask.handle;
	}
	return LK_NONE;
}

static lk_err
letters_fetch(struct engine *e, struct remote *r)
{
	struct bucket *b = &r->bucket;

	while (b->letters_len > 0 && bucket_has_room(b)) {
		struct flight *f = bucket_ask(e, r, FLIGHT_OPEN, OBJECT_GET,
		    &b->letters[--b->letters_len]);

		if (f == NULL)
			return LK_ERR(LK_E_NOMEM, "letter");
		f->request.max = MAIL_MAX;
	}
	return LK_NONE;
}

lk_err
bucket_post(struct engine *e, struct remote *r)
{
	struct bucket *b = &r->bucket;

	TRY(letters_fetch(e, r));
	if (b->mute.ms > e->now.mono.ms)
		return LK_NONE;
	TRY(asks_write(e, r));
	while (b->welcomes_len > 0 && bucket_has_room(b))
		TRY(letter_write(e, r));
	return LK_NONE;
}

lk_err
bucket_letter_sent(struct engine *e, struct remote *r, const struct flight *f)
{
	struct bucket *b = &r->bucket;

	for (size_t i = 0; i < f->welcomed_len; i++) {
		const struct welcomed *w = &f->welcomed[i];

		TRY(record_welcomed_put(
		    e, r->status.number, w->docno, w->pk, w->grant));
		TRY(bucket_dirty(b, w->docno));
	}
	if (f->welcomed_len > 0 && b->remind.ms == INT64_MAX)
		b->remind.ms = e->now.mono.ms + REMIND_MS;
	return LK_NONE;
}

lk_err
bucket_remind(struct engine *e, struct remote *r)
{
	struct bucket *b = &r->bucket;
	struct welcomed at = { .docno = 0 };
	bool any = false, more = true;

	if (b->remind.ms > e->now.mono.ms)
		return LK_NONE;
	while (more) {
		struct wall due;
		lk_err err = record_welcomed_next(e, r->status.number, &at);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		any = true;
		TRY(record_welcomed(
		    e, r->status.number, at.docno, at.pk, at.grant, &due));
		if (due.ms <= e->now.wall.ms)
			TRY(docno_list_add(&b->later.at, &b->later.len,
			    &b->later.cap, at.docno));
		more = welcome_step(&at);
	}
	b->remind.ms = any ? e->now.mono.ms + REMIND_MS / 2 : INT64_MAX;
	return LK_NONE;
}

/* The mailboxes as they follow from who is known now. */
static lk_err
boxes_refresh(struct engine *e, struct bucket *b)
{
	struct mailbox *boxes;
	size_t len;

	if (b->boxes_known && b->boxes_at == e->people)
		return LK_NONE;
	TRY(mailboxes_make(e, &boxes, &len));
	mailboxes_free(b->boxes, b->boxes_len);
	b->boxes = boxes;
	b->boxes_len = len;
	b->boxes_at = e->people;
	b->boxes_known = true;
	return LK_NONE;
}

lk_err
bucket_letter_found(
    struct engine *e, struct remote *r, const struct stored_name *name)
{
	struct bucket *b = &r->bucket;
	const struct flight *f;

	TRY(boxes_refresh(e, b));
	if (b->letters_len == LETTERS_MAX ||
	    mailbox_find(b->boxes, b->boxes_len, name->topic) == NULL)
		return LK_NONE;
	TAILQ_FOREACH (f, &b->flights, next)
		if (f->record.name.kind == STORED_MAIL &&
		    stored_name_same(&f->record.name, name))
			return LK_NONE;
	for (size_t i = 0; i < b->letters_len; i++)
		if (stored_name_same(&b->letters[i], name))
			return LK_NONE;
	if (b->letters == NULL) {
		b->letters = calloc(LETTERS_MAX, sizeof(*b->letters));
		if (b->letters == NULL)
			return LK_ERR(LK_E_NOMEM, "letters");
	}
	b->letters[b->letters_len++] = *name;
	return LK_NONE;
}

/* What cannot be opened may have been damaged on its way: it is fetched once
 * more before it is thrown away. */
static bool
letter_was_broken(struct bucket *b, const struct stored_name *name)
{
	for (size_t i = 0; i < BROKEN_MAX; i++)
		if (memcmp(b->broken[i], name->hash, STORED_HASH_LEN) == 0)
			return true;
	memcpy(b->broken[b->broken_next++ % BROKEN_MAX], name->hash,
	    STORED_HASH_LEN);
	return false;
}

lk_err
bucket_letter_open(struct engine *e, struct remote *r, const struct flight *f,
    const struct object_answer *a)
{
	const struct stored_name *name = &f->record.name;
	struct bucket *b = &r->bucket;
	BUF_SECRET plain = { .max = MAIL_PLAIN_MAX };
	struct mail_reply reply = MAIL_REPLY_INIT;
	const struct mailbox *box;
	struct flight *answer;
	bool news = false;
	lk_err err;

	if (a->err.code != LK_OK || b->flights_len + 2 > FLIGHTS_MAX)
		return LK_NONE; /* the next pass finds it, if it is there */
	TRY(boxes_refresh(e, b));
	box = mailbox_find(b->boxes, b->boxes_len, name->topic);
	if (box == NULL)
		return LK_NONE;
	err = mail_open(&plain, &box->route, buf_bytes(&a->bytes));
	if (err.code == LK_E_NOMEM)
		return err;
	if (err.code != LK_OK && !letter_was_broken(b, name))
		return LK_NONE;
	if (err.code == LK_OK) {
		err = mailbox_take(e, box, buf_bytes(&plain), &news, &reply);
		if (err.code == LK_OK && reply.plain.len > 0)
			err = letter_put(
			    e, r, &reply.route, &reply.plain, &answer);
		mail_reply_clear(&reply);
		TRY(err);
		b->soon |= news;
	}
	return bucket_ask(e, r, FLIGHT_DELETE, OBJECT_DELETE, name) == NULL
	    ? LK_ERR(LK_E_NOMEM, "letter")
	    : LK_NONE;
}
