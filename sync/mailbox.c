#include "sync/mailbox.h"

#include <stdlib.h>
#include <string.h>

#include "sync/bucket.h"
#include "sync/forget.h"
#include "sync/home.h"
#include "sync/pairing.h"
#include "sync/person.h"

/* A card above this goes with no letter. */
#define CARD_WITH_MAX 3000
#define CARD_ARENA_MAX ((size_t)1024 * 1024)
/* More devices than that are not known to anybody. */
#define MAILBOXES_MAX (4 * PEERS_MAX)

struct mailboxes {
	struct engine *e;
	struct mailbox *at; /* owned */
	size_t len, cap;
};

static lk_err
mailboxes_add(struct mailboxes *m, const struct mailbox *box)
{
	struct mailbox *grown;
	size_t cap = m->cap == 0 ? 16 : m->cap * 2;

	if (m->len == MAILBOXES_MAX)
		return LK_NONE;
	if (m->len == m->cap) {
		/* Not reallocated: what is left behind would hold keys. */
		grown = calloc(cap, sizeof(*grown));
		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "mailboxes");
		if (m->len > 0)
			memcpy(grown, m->at, m->len * sizeof(*grown));
		mailboxes_free(m->at, m->len);
		m->at = grown;
		m->cap = cap;
	}
	m->at[m->len++] = *box;
	return LK_NONE;
}

void
mailboxes_free(struct mailbox *at, size_t len)
{
	if (at != NULL)
		secret_wipe(at, len * sizeof(*at));
	free(at);
}

/* Those of one device, for each box key this one has had. */
static lk_err
device_add(struct mailboxes *m, const struct cert *cert, bool own)
{
	const struct identity *me = m->e->identity;
	struct mailbox box = { .kind = MAILBOX_DEVICE, .own = own };
	lk_err err = LK_NONE;

	if (memcmp(cert->block.device_pk, me->sign.pk, 32) == 0)
		return LK_NONE;
	memcpy(box.from, cert->block.device_pk, 32);
	for (size_t i = 0; i < me->boxes_len && err.code == LK_OK; i++) {
		struct mail_ends ends = { .box_sk = me->boxes[i].sk,
			.box_pk = cert->block.box_pk,
			.sender_pk = box.from,
			.receiver_pk = me->sign.pk };

		if (mail_route(&box.route, &ends))
			err = mailboxes_add(m, &box);
	}
	secret_wipe(&box, sizeof(box));
	return err;
}

static lk_err
contacts_add(struct mailboxes *m)
{
	struct home_contact contact;

	for (size_t i = 0; home_contact(m->e->r, i, &contact).code == LK_OK;
	     i++) {
		ARENA_SCOPED arena = { .max = CARD_ARENA_MAX };
		struct card card;
		lk_err err =
		    person_contact(m->e->r, contact.root_pk, &arena, &card);

		if (err.code == LK_E_NOTFOUND)
			continue;
		TRY(err);
		for (size_t d = 0; d < card.devices_len; d++) {
			struct cert cert = cert_grantee(
			    &card.devices[d].cert, &card.devices[d].box);

			TRY(device_add(m, &cert, false));
		}
	}
	return LK_NONE;
}

static lk_err
tickets_add(struct mailboxes *m)
{
	struct mailbox box = { .kind = MAILBOX_ASKED };
	uint8_t id[TICKET_ID_LEN] = { 0 };
	struct ticket_record t;
	struct ticket_keys keys;
	lk_err err = LK_NONE;

	while (err.code == LK_OK &&
	    (err = ticket_next(m->e, id, &t)).code == LK_OK) {
		ticket_derive(&keys, t.secret);
		mail_route_ask(&box.route, &keys);
		memcpy(box.from, id, sizeof(id));
		if (t.purpose == TICKET_INVITE)
			err = mailboxes_add(m, &box);
		if (!bytes_next(id, sizeof(id)))
			break;
	}
	secret_wipe(&t, sizeof(t));
	secret_wipe(&keys, sizeof(keys));
	secret_wipe(&box, sizeof(box));
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

bool
redeem_asks(const struct redeem *q)
{
	return q->purpose == TICKET_INVITE && !q->coded && !q->recovers &&
	    !q->answered && q->status.state == REDEEM_TRYING;
}

static lk_err
redeems_add(struct mailboxes *m)
{
	struct redeem *q;

	TAILQ_FOREACH (q, &m->e->redeems, next) {
		struct mailbox box = { .kind = MAILBOX_ANSWER };

		if (!redeem_asks(q))
			continue;
		box.route = q->answer;
		memcpy(box.from, q->keys.id, TICKET_ID_LEN);
		TRY(mailboxes_add(m, &box));
	}
	return LK_NONE;
}

static int
slot_compare(const void *a, const void *b)
{
	return memcmp(a, b, MAIL_SLOT_LEN);
}

static int
mailbox_compare(const void *a, const void *b)
{
	const struct mailbox *x = a, *y = b;

	return memcmp(x->route.slot, y->route.slot, MAIL_SLOT_LEN);
}

static lk_err
mailboxes_fill(struct mailboxes *m)
{
	struct cert certs[PERSON_DEVICES_MAX];
	size_t len;

	TRY(person_devices(m->e->r, certs, &len));
	for (size_t i = 0; i < len; i++)
		TRY(device_add(m, &certs[i], true));
	TRY(contacts_add(m));
	TRY(tickets_add(m));
	return redeems_add(m);
}

/* Appends the slots of the answers to these devices to n others. */
static size_t
answers_over(const struct ticket_record *t, struct bytes devices,
    uint8_t (*slots)[MAIL_SLOT_LEN], size_t max, size_t n)
{
	struct mail_route route;

	for (size_t i = 0; i < devices.len && n < max; i += 32) {
		mail_route_answer(&route, t->secret, devices.ptr + i);
		memcpy(slots[n++], route.slot, MAIL_SLOT_LEN);
	}
	secret_wipe(&route, sizeof(route));
	return n;
}

lk_err
mailboxes_over(
    struct engine *e, uint8_t (*slots)[MAIL_SLOT_LEN], size_t max, size_t *len)
{
	uint8_t id[TICKET_ID_LEN] = { 0 };
	struct ticket_record t;
	struct ticket_keys keys;
	size_t n = 0;
	lk_err err = LK_NONE;

	while (n < max && (err = ticket_over(e, id, &t)).code == LK_OK) {
		ticket_derive(&keys, t.secret);
		memcpy(slots[n++], keys.slot, MAIL_SLOT_LEN);
		n = answers_over(&t, t.redeemers, slots, max, n);
		n = answers_over(&t, t.refused, slots, max, n);
		if (!bytes_next(id, sizeof(id)))
			break;
	}
	secret_wipe(&t, sizeof(t));
	secret_wipe(&keys, sizeof(keys));
	if (n > 1)
		qsort(slots, n, sizeof(*slots), slot_compare);
	*len = n;
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

lk_err
mailboxes_make(struct engine *e, struct mailbox **out, size_t *len)
{
	struct mailboxes m = { .e = e };
	lk_err err = mailboxes_fill(&m);

	if (err.code != LK_OK) {
		mailboxes_free(m.at, m.len);
		return err;
	}
	if (m.len > 1)
		qsort(m.at, m.len, sizeof(*m.at), mailbox_compare);
	*out = m.at;
	*len = m.len;
	return LK_NONE;
}

const struct mailbox *
mailbox_find(const struct mailbox *at, size_t len,
    const uint8_t slot[static MAIL_SLOT_LEN])
{
	struct mailbox wanted;

	if (len == 0)
		return NULL;
	memcpy(wanted.route.slot, slot, MAIL_SLOT_LEN);
	return bsearch(&wanted, at, len, sizeof(*at), mailbox_compare);
}

lk_err
mailbox_to(struct engine *e, const uint8_t pk[static 32], struct recipient *out)
{
	struct recipient to = { .own = false };
	struct mail_ends ends = { .box_sk = e->identity->box.sk,
		.sender_pk = e->identity->sign.pk,
		.receiver_pk = pk };
	struct cert cert;

	TRY(person_device(e->r, pk, &cert));
	ends.box_pk = cert.block.box_pk;
	if (!mail_route(&to.route, &ends))
		return LK_ERR(LK_E_NOTFOUND, "box key");
	memcpy(to.pk, pk, 32);
	to.own = memcmp(cert.root_pk, e->identity->root_pk, 32) == 0;
	*out = to;
	return LK_NONE;
}

/* What a letter says is its writer's own: none of it is an error here. */
static lk_err
said_wrong(lk_err err)
{
	switch ((int)err.code) {
	case LK_E_SYS:
	case LK_E_NOMEM:
	case LK_E_CORRUPT:
	case LK_E_FULL:
		return err;
	default:
		return LK_NONE;
	}
}

static lk_err
card_read(struct card *card, struct arena *arena, struct bytes bytes)
{
	TRY(card_decode(card, arena, bytes));
	return card_verify(card);
}

static bool
redeem_is_of(const struct redeem *q, const uint8_t issuer[static 32])
{
	return q->answered && q->purpose == TICKET_INVITE &&
	    memcmp(q->issuer, issuer, 32) == 0;
}

static bool
redeem_any_of(struct engine *e, const uint8_t issuer[static 32])
{
	struct redeem *q;

	TAILQ_FOREACH (q, &e->redeems, next)
		if (redeem_is_of(q, issuer))
			return true;
	return false;
}

/* Whether it may be for this document: one that was answered in a session has
 * not said. */
static bool
redeem_is_for(const struct redeem *q, const uint8_t docid[static LK_ID_LEN])
{
	static const uint8_t none[LK_ID_LEN];

	return memcmp(q->docid, none, LK_ID_LEN) == 0 ||
	    memcmp(q->docid, docid, LK_ID_LEN) == 0;
}

static lk_err
welcome_open(struct engine *e, const struct mailbox *box,
    const struct welcome *w, bool *news)
{
	struct redeem *q;
	uint32_t docno;

	if (!w->has_signer || memcmp(w->signer_pk, box->from, 32) != 0)
		return LK_NONE;
	TRY(welcome_accept(
	    e, w, box->own, redeem_any_of(e, box->from), &docno));
	if (docno == 0)
		return LK_NONE;
	*news = true;
	TAILQ_FOREACH (q, &e->redeems, next)
		if (!q->welcomed && redeem_is_of(q, box->from) &&
		    redeem_is_for(q, w->docid)) {
			q->status.docno = docno;
			q->welcomed = true;
		}
	return LK_NONE;
}

static lk_err
device_item(struct engine *e, const struct mailbox *box,
    const struct mail_item *item, bool *news)
{
	ARENA_SCOPED arena = { .max = CARD_ARENA_MAX };
	struct welcome w;
	struct card card;
	lk_err err;

	if (item->type == MSG_CARD) {
		TRY(card_read(&card, &arena, item->body));
		return pairing_card_of(e, box->from, &card, item->body);
	}
	if (item->type != MSG_WELCOME)
		return LK_NONE;
	TRY(welcome_decode(&w, item->body, e->identity->sign.pk));
	err = welcome_open(e, box, &w, news);
	welcome_clear(&w);
	return err;
}

static lk_err
ask_refused(struct engine *e, const uint8_t id[static TICKET_ID_LEN],
    const uint8_t device_pk[static SIGN_PK_LEN], struct mail_reply *reply)
{
	bool answers;

	TRY(ticket_refuse(e, id, device_pk, &answers));
	if (answers)
		(void)mail_add(&reply->plain, MAIL_REFUSED, BYTES(NULL, 0));
	return LK_NONE;
}

/* Somebody has a ticket of ours: u8 purpose, card, signature. */
static lk_err
asked_item(struct engine *e, const struct mailbox *box,
    const struct mail_item *item, struct mail_reply *reply)
{
	ARENA_SCOPED arena = { .max = CARD_ARENA_MAX };
	BUF_SCOPED mine = { .max = CARD_MAX };
	struct rd rd = rd_over(item->body);
	struct docstate *ds;
	struct ticket_record t;
	struct bytes said, sig, bytes;
	struct card card;
	bool again;
	lk_err err;

	/* One letter, one device that asks. */
	if (item->type != MAIL_ASK || item->body.len < 1 + SIGN_LEN ||
	    reply->plain.len > 0)
		return LK_NONE;
	said = rd_take(&rd, item->body.len - SIGN_LEN);
	sig = rd.left;
	bytes = BYTES(said.ptr + 1, said.len - 1);
	TRY(card_read(&card, &arena, bytes));
	if (said.ptr[0] != TICKET_INVITE ||
	    !sign_verify(sig.ptr, card.signer_pk, SIGN_PAIR_POP,
		BYTES(box->from, TICKET_ID_LEN), said))
		return LK_ERR(LK_E_MALFORMED, "request of a ticket");
	TRY(ticket_back(e, box->from, card.signer_pk, &reply->route));
	if (memcmp(card.root_pk, e->identity->root_pk, 32) == 0)
		return ask_refused(e, box->from, card.signer_pk, reply);
	err = ticket_use(e, box->from, card.signer_pk, &t, &again);
	if (err.code == LK_OK)
		err = t.purpose == TICKET_INVITE
		    ? pairing_share(e, &t, &card, bytes, again)
		    : LK_ERR(LK_E_DENIED, "ticket for something else");
	secret_wipe(t.secret, sizeof(t.secret));
	if (err.code == LK_E_DENIED || err.code == LK_E_NOTFOUND)
		return ask_refused(e, box->from, card.signer_pk, reply);
	TRY(err);
	TRY(person_card(e->r, &mine));
	TRY(docstate_get(e->r, t.docno, &ds));
	if (!mail_add(&reply->plain, MSG_CARD, buf_bytes(&mine)) ||
	    !mail_add(&reply->plain, MAIL_INVITED, BYTES(ds->docid, LK_ID_LEN)))
		buf_reset(&reply->plain);
	reply->invited = reply->plain.len > 0;
	return LK_NONE;
}

/* The issuer has answered: who he is. */
static lk_err
answer_card(struct engine *e, struct redeem *q, struct bytes bytes, bool *news)
{
	ARENA_SCOPED arena = { .max = CARD_ARENA_MAX };
	const struct card_device *issuer;
	struct card card;
	bool is_new;

	TRY(card_read(&card, &arena, bytes));
	issuer = card_device_by_noise(&card, q->noise_pk);
	if (issuer == NULL)
		return LK_ERR(LK_E_MALFORMED, "card of another");
	TRY(person_keep_card(e->r, bytes, &is_new));
	TRY(pairing_learn(e, &card));
	memcpy(q->issuer, issuer->cert.block.device_pk, 32);
	q->answered = true;
	e->people++;
	*news = true;
	return LK_NONE;
}

/* And to what: who is a member already is not welcomed once more. */
static lk_err
answer_document(struct engine *e, struct redeem *q, struct bytes docid)
{
	uint32_t docno;

	if (docid.len != LK_ID_LEN)
		return LK_NONE;
	/* A welcome in a session may have come first, and be lost with it. */
	memcpy(q->docid, docid.ptr, LK_ID_LEN);
	if (q->welcomed)
		return LK_NONE;
	TRY(replica_doc_by_id(e->r, docid.ptr, &docno));
	TRY(forgotten_wanted(e, docno));
	q->status.docno = docno;
	q->welcomed = true;
	return LK_NONE;
}

/* And where the document lies: of the relays the ticket names. */
static lk_err
answer_relay(struct redeem *q, struct bytes body)
{
	if (body.len != DH_LEN + SIGN_PK_LEN)
		return LK_ERR(LK_E_MALFORMED, "relay of an answer");
	for (size_t i = 0; i < q->relays_len; i++) {
		struct redeem_relay *at = &q->relays[i];

		if (memcmp(at->pk, body.ptr, DH_LEN) != 0)
			continue;
		memcpy(at->account, body.ptr + DH_LEN, SIGN_PK_LEN);
		at->offered = true;
	}
	return LK_NONE;
}

static lk_err
answer_one(struct engine *e, struct redeem *q, const struct mail_item *item,
    bool *news)
{
	if (item->type == MSG_CARD && !q->answered)
		return answer_card(e, q, item->body, news);
	if (item->type == MAIL_REFUSED && !q->answered) {
		q->status.state = REDEEM_REFUSED;
		q->status.why = "wrong, used or expired";
	}
	if (item->type == MAIL_RELAY && q->answered)
		return answer_relay(q, item->body);
	return item->type == MAIL_INVITED && q->answered
	    ? answer_document(e, q, item->body)
	    : LK_NONE;
}

/* A ticket may be used here more than once. */
static lk_err
answer_item(struct engine *e, const struct mailbox *box,
    const struct mail_item *item, bool *news)
{
	struct redeem *q;

	TAILQ_FOREACH (q, &e->redeems, next)
		if (q->purpose == TICKET_INVITE && !q->coded && !q->recovers &&
		    q->status.state == REDEEM_TRYING &&
		    memcmp(q->keys.id, box->from, TICKET_ID_LEN) == 0)
			TRY(answer_one(e, q, item, news));
	return LK_NONE;
}

lk_err
mailbox_take(struct engine *e, const struct mailbox *box, struct bytes plain,
    bool *news, struct mail_reply *reply)
{
	struct rd rd = rd_over(plain);
	struct mail_item item;

	*news = false;
	while (mail_next(&rd, &item)) {
		lk_err err = LK_NONE;

		switch (box->kind) {
		case MAILBOX_DEVICE:
			err = device_item(e, box, &item, news);
			break;
		case MAILBOX_ASKED:
			err = asked_item(e, box, &item, reply);
			break;
		case MAILBOX_ANSWER:
			err = answer_item(e, box, &item, news);
			break;
		}
		TRY(said_wrong(err));
	}
	return LK_NONE;
}

void
mail_reply_clear(struct mail_reply *reply)
{
	secret_wipe(&reply->route, sizeof(reply->route));
	buf_wipe(&reply->plain);
}

lk_err
mailbox_card(struct engine *e, const struct recipient *to, struct buf *plain)
{
	BUF_SCOPED card = { .max = CARD_MAX };

	if (to->own)
		return LK_NONE;
	TRY(person_card(e->r, &card));
	if (card.len <= CARD_WITH_MAX)
		(void)mail_add(plain, MSG_CARD, buf_bytes(&card));
	return LK_NONE;
}

static bool
redeem_is_at(const struct redeem *q, const uint8_t *relay_pk)
{
	for (size_t i = 0; i < q->relays_len; i++)
		if (memcmp(q->relays[i].pk, relay_pk, DH_LEN) == 0)
			return true;
	return q->relays_len == 0;
}

bool
mailbox_is_at(struct engine *e, const struct mailbox *box,
    const uint8_t relay_pk[static 32])
{
	struct redeem *q;

	TAILQ_FOREACH (q, &e->redeems, next)
		if (redeem_asks(q) && redeem_is_at(q, relay_pk) &&
		    memcmp(q->keys.id, box->from, TICKET_ID_LEN) == 0)
			return true;
	return false;
}

lk_err
mailbox_ask(struct engine *e, uint64_t after, const uint8_t *relay_pk,
    struct mail_asked *out, struct buf *plain)
{
	BUF_SCOPED said = { .max = MAIL_PLAIN_MAX };
	uint8_t sig[SIGN_LEN];
	struct redeem *q;
	struct cert mine;

	TAILQ_FOREACH (q, &e->redeems, next)
		if (q->handle > after && redeem_asks(q) &&
		    (relay_pk == NULL || redeem_is_at(q, relay_pk)))
			break;
	if (q == NULL)
		return LK_ERR(LK_E_NOTFOUND, "ticket");
	/* Just paired, and the home that says who we are is not here yet. */
	TRY(person_device(e->r, e->identity->sign.pk, &mine));
	TRY(redeem_payload(e, q, &said));
	sign(sig, &e->identity->sign, SIGN_PAIR_POP,
	    BYTES(q->keys.id, TICKET_ID_LEN), buf_bytes(&said));
	buf_mem(&said, sig, sizeof(sig));
	TRY(buf_err(&said, "request of a ticket"));
	if (!mail_add(plain, MAIL_ASK, buf_bytes(&said)))
		return LK_ERR(LK_E_NOTFOUND, "room for the card");
	mail_route_ask(&out->route, &q->keys);
	out->handle = q->handle;
	return LK_NONE;
}
