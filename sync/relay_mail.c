#include <stdlib.h>
#include <string.h>

#include "sync/bucket.h"
#include "sync/mailbox.h"
#include "sync/relay_client.h"

#define LETTERS_AT_ONCE 16
#define WELCOMES_AT_ONCE 64 /* in one letter */
#define LOOK_MS 300000      /* the relay tells of what comes */
#define ASK_AGAIN_MS 60000
#define LETTER_WORK 256 /* of one, in records read */

struct enclosed {
	uint32_t docno;
	uint8_t grant[LK_ID_LEN];
};

/* A letter that is being written, or has been sent and is not answered. */
struct letter {
	TAILQ_ENTRY(letter) next;
	struct recipient to;
	struct buf plain;
	struct enclosed in[WELCOMES_AT_ONCE];
	size_t len;
	bool sent;
};

static void
letter_free(struct relay_client *c, struct letter *l)
{
	TAILQ_REMOVE(&c->letters, l, next);
	c->letters_len--;
	buf_wipe(&l->plain);
	secret_wipe(l, sizeof(*l));
	free(l);
}

void
relay_client_mail_clear(struct relay_client *c)
{
	while (!TAILQ_EMPTY(&c->letters))
		letter_free(c, TAILQ_FIRST(&c->letters));
	mailboxes_free(c->boxes, c->boxes_len);
	c->boxes = NULL;
	c->boxes_len = 0;
	c->boxes_made = false;
}

/* The one for this device that is not sealed yet; *out NULL: there is none to
 * be had now. */
static lk_err
letter_to(struct engine *e, struct relay_client *c, const uint8_t pk[static 32],
    struct letter **out)
{
	struct letter *l;
	lk_err err;

	*out = NULL;
	TAILQ_FOREACH (l, &c->letters, next)
		if (memcmp(l->to.pk, pk, 32) == 0)
			break;
	if (l != NULL || c->letters_len == LETTERS_AT_ONCE) {
		*out = l == NULL || l->sent ? NULL : l;
		return LK_NONE;
	}
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return LK_ERR(LK_E_NOMEM, "letter");
	buf_init(&l->plain, MAIL_PLAIN_MAX);
	TAILQ_INSERT_TAIL(&c->letters, l, next);
	c->letters_len++;
	err = mailbox_to(e, pk, &l->to);
	if (err.code == LK_OK)
		err = mailbox_card(e, &l->to, &l->plain);
	if (err.code == LK_OK) {
		*out = l;
		return err;
	}
	letter_free(c, l);
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

/* A welcome for a member whom this device has let in and nobody has met. */
static lk_err
welcome_enclose(struct engine *e, struct relay_client *c, struct docstate *ds,
    const struct member *m, bool *all)
{
	BUF_SECRET body = { .max = WELCOME_MAX };
	struct letter *l;
	enum welcome_due is;

	TRY(welcome_is_due(e, c->remote, ds, m, &is));
	*all &= is == WELCOME_NOBODY;
	if (is != WELCOME_NOW)
		return LK_NONE;
	TRY(letter_to(e, c, m->key, &l));
	if (l == NULL)
		return LK_NONE;
	TRY(welcome_compose(e, ds, m->key, l->to.own, &body));
	if (body.len == 0 || l->len == WELCOMES_AT_ONCE ||
	    !mail_add(&l->plain, MSG_WELCOME, buf_bytes(&body)))
		return LK_NONE;
	l->in[l->len].docno = ds->docno;
	memcpy(l->in[l->len++].grant, m->grant.env, LK_ID_LEN);
	return LK_NONE;
}

static lk_err
welcomes_write(struct engine *e, struct relay_client *c, struct relay_topic *x)
{
	struct docstate *ds;
	bool all = true;
	lk_err err = docstate_get(e->r, x->docno, &ds);

	/* The home of one that was paired meanwhile is gone. */
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	for (size_t i = 0; i < graph_members_len(ds->graph); i++) {
		struct member m;

		graph_member(ds->graph, i, &m);
		TRY(welcome_enclose(e, c, ds, &m, &all));
	}
	x->all_came = all;
	return LK_NONE;
}

static lk_err
letters_write(struct engine *e, struct relay_client *c)
{
	for (size_t i = 0; i < c->opened; i++)
		if (!c->topics[i].all_came)
			TRY(welcomes_write(e, c, &c->topics[i]));
	return LK_NONE;
}

/* `what` RELAY_SLOTS, RELAY_SLOTS_OPEN or RELAY_SLOTS_DROP; ascending. */
static lk_err
slots_say(struct engine *e, struct relay_client *c,
    enum relay_register_what what, const uint8_t *list, size_t len)
{
	struct relay_register m = { .what = what };
	BUF_SCOPED b = { .max = 8192 };

	for (size_t at = 0; at < len; at += m.len) {
		m.list = list + at * RELAY_SLOT_LEN;
		m.len = len - at < RELAY_SLOTS_MAX ? len - at : RELAY_SLOTS_MAX;
		buf_reset(&b);
		relay_register_encode(&b, &m, NULL, NULL);
		TRY(buf_err(&b, "slots"));
		relay_client_send(e, c, MSG_RELAY_REGISTER, buf_bytes(&b));
	}
	return LK_NONE;
}

static lk_err
letter_put(struct engine *e, struct relay_client *c,
    const struct mail_route *route, const struct buf *plain)
{
	struct mailbox_put put = { .slot = route->slot };
	BUF_SCOPED sealed = { .max = MAIL_MAX };
	BUF_SCOPED b = { .max = 2 * MAIL_MAX };

	TRY(mail_seal(&sealed, route, buf_bytes(plain)));
	put.letter = buf_bytes(&sealed);
	mailbox_put_encode(&b, &put);
	TRY(buf_err(&b, "letter"));
	relay_client_send(e, c, MSG_MAILBOX_PUT, buf_bytes(&b));
	return LK_NONE;
}

/* One's own devices read it as the account, which they may not have been here
 * for yet; others as those who know the slot, which may be theirs. */
static lk_err
letter_post(struct engine *e, struct relay_client *c, struct letter *l)
{
	TRY(slots_say(e, c, l->to.own ? RELAY_SLOTS : RELAY_SLOTS_OPEN,
	    l->to.route.slot, 1));
	TRY(letter_put(e, c, &l->to.route, &l->plain));
	l->sent = true;
	return LK_NONE;
}

static lk_err
letters_post(struct engine *e, struct relay_client *c)
{
	struct letter *l, *next;

	TAILQ_FOREACH_SAFE (l, &c->letters, next, next) {
		if (l->sent)
			continue;
		if (l->len == 0)
			letter_free(c, l);
		else
			TRY(letter_post(e, c, l));
	}
	return LK_NONE;
}

lk_err
relay_client_posted(struct engine *e, struct relay_client *c, struct bytes body)
{
	struct mailbox_posted m;
	struct letter *l;

	TRY(mailbox_posted_decode(&m, body));
	TAILQ_FOREACH (l, &c->letters, next)
		if (l->sent &&
		    memcmp(l->to.route.slot, m.slot, RELAY_SLOT_LEN) == 0)
			break;
	if (l == NULL)
		return LK_NONE;
	for (size_t i = 0; m.result == RELAY_DONE && i < l->len; i++)
		TRY(record_welcomed_put(
		    e, c->remote, l->in[i].docno, l->to.pk, l->in[i].grant));
	/* There may be more for him; else the next round tries again. */
	c->mail_due |= m.result == RELAY_DONE;
	letter_free(c, l);
	e->wake = e->now.mono;
	return LK_NONE;
}

/* Whether a mailbox of this device is one of this relay.  A guest does not show
 * it those in which nobody there leaves anything. */
static bool
box_is_here(
    struct engine *e, const struct relay_client *c, const struct mailbox *box)
{
	switch (box->kind) {
	case MAILBOX_DEVICE:
		return c->speaks || (!c->visit && !box->own);
	case MAILBOX_ASKED:
		return c->speaks;
	case MAILBOX_ANSWER:
		return mailbox_is_at(e, box, c->at.relay_key);
	}
	return false;
}

/* The account's own, and those that are no more. */
static lk_err
boxes_register(struct engine *e, struct relay_client *c)
{
	uint8_t(*slots)[RELAY_SLOT_LEN] =
	    calloc(RELAY_ACCOUNT_SLOTS_MAX, sizeof(*slots));
	size_t len = 0;
	lk_err err;

	if (slots == NULL)
		return LK_ERR(LK_E_NOMEM, "slots");
	for (size_t i = 0; i < c->boxes_len && len < RELAY_ACCOUNT_SLOTS_MAX;
	     i++) {
		const uint8_t *slot = c->boxes[i].route.slot;

		if (c->boxes[i].kind != MAILBOX_ANSWER &&
		    (len == 0 ||
			memcmp(slots[len - 1], slot, RELAY_SLOT_LEN) != 0))
			memcpy(slots[len++], slot, RELAY_SLOT_LEN);
	}
	err = slots_say(e, c, RELAY_SLOTS, slots[0], len);
	if (err.code == LK_OK)
		err = mailboxes_over(e, slots, RELAY_ACCOUNT_SLOTS_MAX, &len);
	if (err.code == LK_OK)
		err = slots_say(e, c, RELAY_SLOTS_DROP, slots[0], len);
	free(slots);
	return err;
}

/* Mailboxes follow from who is known; the relay has to know them. */
static lk_err
boxes_refresh(struct engine *e, struct relay_client *c)
{
	if (c->boxes_made && c->boxes_at == e->people)
		return LK_NONE;
	mailboxes_free(c->boxes, c->boxes_len);
	c->boxes = NULL;
	c->boxes_len = 0;
	TRY(mailboxes_make(e, &c->boxes, &c->boxes_len));
	c->boxes_at = e->people;
	c->boxes_made = true;
	c->look.ms = c->ask_again.ms = 0;
	return c->speaks ? boxes_register(e, c) : LK_NONE;
}

static lk_err
boxes_look(struct engine *e, struct relay_client *c)
{
	if (c->look.ms > e->now.mono.ms)
		return LK_NONE;
	c->look.ms = e->now.mono.ms + LOOK_MS;
	for (size_t i = 0; i < c->boxes_len; i++)
		if (box_is_here(e, c, &c->boxes[i]))
			relay_client_send(e, c, MSG_MAILBOX_GET,
			    BYTES(c->boxes[i].route.slot, RELAY_SLOT_LEN));
	return LK_NONE;
}

/* Asks the issuers of tickets that are used here. */
static lk_err
asks_post(struct engine *e, struct relay_client *c)
{
	uint64_t after = 0;

	if (c->ask_again.ms > e->now.mono.ms)
		return LK_NONE;
	c->ask_again.ms = e->now.mono.ms + ASK_AGAIN_MS;
	for (;;) {
		BUF_SCOPED plain = { .max = MAIL_PLAIN_MAX };
		struct mail_asked ask;
		lk_err err =
		    mailbox_ask(e, after, c->at.relay_key, &ask, &plain);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		after = ask.handle;
		err = letter_put(e, c, &ask.route, &plain);
		secret_wipe(&ask.route, sizeof(ask.route));
		TRY(err);
	}
}

lk_err
relay_client_mail(struct engine *e, struct relay_client *c)
{
	c->mail_due = false;
	TRY(boxes_refresh(e, c));
	TRY(asks_post(e, c));
	TRY(boxes_look(e, c));
	if (!c->speaks)
		return LK_NONE;
	TRY(letters_write(e, c));
	return letters_post(e, c);
}

/* To who has asked about a ticket: where the document lies, too, if he was let
 * in. */
static lk_err
reply_post(struct engine *e, struct relay_client *c, struct mail_reply *reply)
{
	uint8_t at[DH_LEN + SIGN_PK_LEN];

	if (reply->plain.len == 0 || !c->speaks)
		return LK_NONE;
	memcpy(at, c->at.relay_key, DH_LEN);
	memcpy(at + DH_LEN, c->account, SIGN_PK_LEN);
	if (reply->invited)
		(void)mail_add(&reply->plain, MAIL_RELAY, BYTES_OF(at));
	TRY(slots_say(e, c, RELAY_SLOTS_OPEN, reply->route.slot, 1));
	return letter_put(e, c, &reply->route, &reply->plain);
}

/* What is inside is a letter of this mailbox, or nothing to anybody. */
static lk_err
letter_read(struct engine *e, struct relay_client *c, const struct mailbox *box,
    struct bytes letter)
{
	BUF_SECRET plain = { .max = MAIL_PLAIN_MAX };
	struct mail_reply reply = MAIL_REPLY_INIT;
	bool news;
	lk_err err = mail_open(&plain, &box->route, letter);

	if (err.code != LK_OK)
		return err.code == LK_E_NOMEM ? err : LK_NONE;
	err = mailbox_take(e, box, buf_bytes(&plain), &news, &reply);
	if (err.code == LK_OK)
		err = reply_post(e, c, &reply);
	mail_reply_clear(&reply);
	return err;
}

lk_err
relay_client_letters(
    struct engine *e, struct relay_client *c, struct bytes body)
{
	uint64_t numbers[MAILBOX_LETTERS_MAX];
	struct mailbox_content m;
	struct mailbox_letter l;
	const struct mailbox *box;
	size_t n = 0;
	BUF_SCOPED b = { .max = 256 };

	TRY(mailbox_content_decode(&m, body));
	box = mailbox_find(c->boxes, c->boxes_len, m.slot);
	if (box == NULL || m.len == 0)
		return LK_NONE;
	while (mailbox_letter_next(&m, &l)) {
		TRY(relay_client_work(e, c, LETTER_WORK));
		TRY(letter_read(e, c, box, l.letter));
		numbers[n++] = l.number;
	}
	mailbox_delete_encode(&b, m.slot, numbers, n);
	relay_client_send(e, c, MSG_MAILBOX_DELETE, buf_bytes(&b));
	e->wake = e->now.mono;
	return LK_NONE;
}
