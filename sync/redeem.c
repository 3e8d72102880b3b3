#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/endpoint.h"
#include "sync/forget.h"
#include "sync/home.h"
#include "sync/names.h"
#include "sync/pair_run.h"
#include "sync/person.h"
#include "sync/relay_client.h"

#define REDEEM_RETRY_MS 1000
#define REDEEM_CHECK_MS 50
#define REDEEM_AGAIN_MS 200
#define REFUSALS_MAX 5
#define REDEEM_ARENA_MAX ((size_t)64 * 1024)
#define NAME_ID_LEN 4 /* of a document's id, beside a name that is taken */
/* Documents of others that are known by name only. */
#define WELCOMES_EMPTY_MAX 64

static void
redeem_end(struct engine *e, struct redeem *q)
{
	TAILQ_REMOVE(&e->redeems, q, next);
	free((void *)(uintptr_t)q->card.ptr);
	secret_wipe(q, sizeof(*q));
	free(q);
}

void
redeem_leave(struct engine *e, struct redeem *q)
{
	struct link *l;

	TAILQ_FOREACH (l, &e->links, next) {
		if (l->redeem != q)
			continue;
		l->redeem = NULL;
		link_close(e, l, CLOSE_DONE);
	}
	redeem_end(e, q);
}

void
redeem_free(struct engine *e)
{
	struct redeem *q;

	while ((q = TAILQ_FIRST(&e->redeems)) != NULL)
		redeem_end(e, q);
}

/* Pairing makes this device somebody else's: it must own nothing. */
lk_err
redeem_allowed(struct engine *e, enum ticket_purpose purpose)
{
	struct doc_summary doc;
	uint32_t docno = 0;

	if (purpose != TICKET_DEVICE)
		return LK_NONE;
	while (replica_doc_next(e->r, docno, &docno).code == LK_OK) {
		TRY(replica_doc(e->r, docno, &doc));
		if (!doc.home)
			return LK_ERR(LK_E_DENIED,
			    "this device has documents of its own");
	}
	return LK_NONE;
}

static void
redeem_address(struct redeem *q, const struct address *a)
{
	struct redeem_relay *relay = &q->relays[q->relays_len];

	if (endpoint_format(q->addresses[q->addresses_len], a)) {
		q->addresses_len++;
		return;
	}
	if (a->type != ADDRESS_RELAY || q->relays_len == REDEEM_RELAYS_MAX)
		return;
	memcpy(relay->pk, a->relay, DH_LEN);
	(void)snprintf(relay->host, sizeof(relay->host), "%.*s:%u",
	    (int)a->host.len, (const char *)a->host.ptr, a->port);
	q->relays_len++;
}

const struct redeem_relay *
redeem_relay(struct engine *e, size_t i)
{
	struct redeem *q;

	TAILQ_FOREACH (q, &e->redeems, next) {
		if (!redeem_asks(q))
			continue;
		if (i < q->relays_len)
			return &q->relays[i];
		i -= q->relays_len;
	}
	return NULL;
}

bool
engine_relay_offered(struct engine *e, char url[static REMOTE_URL_MAX + 1])
{
	char key[2 * DH_LEN + 1], account[2 * SIGN_PK_LEN + 1];
	struct redeem *q;

	TAILQ_FOREACH (q, &e->redeems, next)
		for (size_t i = 0; i < q->relays_len; i++) {
			struct redeem_relay *at = &q->relays[i];
			struct remote_url parsed;

			if (!at->offered)
				continue;
			at->offered = false;
			hex_encode(key, BYTES_OF(at->pk));
			hex_encode(account, BYTES_OF(at->account));
			(void)snprintf(url, REMOTE_URL_MAX + 1,
			    "relay://%s@%s?account=%s", key, at->host, account);
			if (remote_url_parse(&parsed, url).code == LK_OK)
				return true;
		}
	return false;
}

lk_err
redeem_make(struct engine *e, const char *text, struct redeem **out)
{
	ARENA_SCOPED arena = { .max = REDEEM_ARENA_MAX };
	struct ticket ticket;
	struct redeem *q;

	TRY(ticket_decode(&ticket, &arena, BYTES_STR(text)));
	q = calloc(1, sizeof(*q));
	if (q == NULL)
		return LK_ERR(LK_E_NOMEM, "ticket");
	q->handle = ++e->next_handle;
	q->purpose = ticket.purpose;
	ticket_derive(&q->keys, ticket.secret);
	memcpy(q->noise_pk, ticket.noise_pk, DH_LEN);
	mail_route_answer(&q->answer, ticket.secret, e->identity->sign.pk);
	for (size_t i = 0; i < ticket.addresses.len; i++)
		redeem_address(q, &ticket.addresses.at[i]);
	secret_wipe(&ticket, sizeof(ticket));
	TAILQ_INSERT_TAIL(&e->redeems, q, next);
	*out = q;
	return LK_NONE;
}

lk_err
engine_ticket_id(const char *text, uint8_t id[static TICKET_ID_LEN])
{
	ARENA_SCOPED arena = { .max = REDEEM_ARENA_MAX };
	struct ticket ticket;
	struct ticket_keys keys;

	TRY(ticket_decode(&ticket, &arena, BYTES_STR(text)));
	ticket_derive(&keys, ticket.secret);
	memcpy(id, keys.id, TICKET_ID_LEN);
	secret_wipe(&keys, sizeof(keys));
	secret_wipe(ticket.secret, sizeof(ticket.secret));
	return LK_NONE;
}

/* Whether a ticket can be used here. */
static lk_err
redeem_check(struct engine *e, const char *text, enum ticket_purpose purpose)
{
	ARENA_SCOPED arena = { .max = REDEEM_ARENA_MAX };
	struct ticket ticket;

	TRY(ticket_decode(&ticket, &arena, BYTES_STR(text)));
	secret_wipe(ticket.secret, sizeof(ticket.secret));
	if (ticket.purpose != purpose)
		return LK_ERR(LK_E_USAGE,
		    purpose == TICKET_DEVICE
			? "this ticket is an invitation: lk accept"
			: "this ticket pairs a device: lk pair");
	if (memcmp(ticket.noise_pk, e->identity->noise.pk, DH_LEN) == 0)
		return LK_ERR(LK_E_USAGE, "this device made that ticket");
	return redeem_allowed(e, purpose);
}

lk_err
engine_redeem(struct engine *e, const char *text, enum ticket_purpose purpose,
    struct now now, uint64_t *handle)
{
	uint8_t id[TICKET_ID_LEN];
	struct redeem *q;
	lk_err err;

	e->now = now;
	TRY(redeem_check(e, text, purpose));
	TRY(engine_ticket_id(text, id));
	TRY(redeems_load(e));
	q = redeem_again(e, id);
	if (q == NULL) {
		TRY(redeem_make(e, text, &q));
		err = purpose == TICKET_INVITE ? redeem_keep(e, q, text)
					       : LK_NONE;
		if (err.code != LK_OK) {
			redeem_leave(e, q);
			return err;
		}
	}
	e->people++;
	e->wake = now.mono;
	*handle = q->handle;
	return LK_NONE;
}

lk_err
redeem_payload(struct engine *e, const struct redeem *q, struct buf *out)
{
	struct device_block block;
	const struct identity *me = e->identity;

	if (q->recovers)
		return recover_hello(e, q, out);
	buf_u8(out, (uint8_t)q->purpose);
	if (q->purpose == TICKET_INVITE)
		return person_card(e->r, out);
	device_block_make(
	    &block, &me->sign, me->noise.pk, me->box.pk, me->box_counter);
	device_block_write(out, &block);
	buf_u8(out, (uint8_t)strlen(me->name));
	buf_str(out, me->name);
	return buf_err(out, "ticket");
}

static lk_err
redeem_try(struct engine *e, struct redeem *q)
{
	struct session_config config = {
		.pattern = q->recovers ? SESSION_XK : SESSION_XKPSK3,
		.remote = q->noise_pk,
		.ticket = q->keys.id,
		.psk = q->keys.psk
	};
	struct link *l;
	struct cert mine;
	BUF_SCOPED payload = { .max = CARD_MAX + 1 };
	lk_err err = person_device(e->r, e->identity->sign.pk, &mine);

	/* Just paired, and the home that says who we are is not here yet. */
	if (q->purpose == TICKET_INVITE && err.code == LK_E_NOTFOUND) {
		q->again.ms = e->now.mono.ms + REDEEM_RETRY_MS;
		return LK_NONE;
	}
	if (err.code != LK_E_NOTFOUND)
		TRY(err);
	TRY(redeem_payload(e, q, &payload));
	config.payload = buf_bytes(&payload);
	TRY(link_open(e, e->next_conn++, true,
	    q->addresses[q->dialled++ % q->addresses_len], &l));
	l->redeem = q;
	q->conn = l->conn;
	err = link_start(e, l, &config);
	if (err.code != LK_OK) {
		link_free(e, l);
		q->conn = 0;
		q->status.state = REDEEM_REFUSED;
		q->status.why = "no usable key";
	}
	return err.code == LK_E_NOMEM ? err : LK_NONE;
}

bool
redeem_wanted(const struct redeem *q)
{
	return q->status.state == REDEEM_TRYING && q->conn == 0 &&
	    !q->answered && q->addresses_len > 0;
}

lk_err
redeem_dial(struct engine *e)
{
	struct redeem *q;

	TAILQ_FOREACH (q, &e->redeems, next)
		if (redeem_wanted(q) && q->again.ms <= e->now.mono.ms)
			TRY(q->coded ? typed_try(e, q) : redeem_try(e, q));
	return LK_NONE;
}

void
redeem_lost(struct engine *e, struct link *l)
{
	struct redeem *q = l->redeem;
	bool hung_up = l->state == LINK_HELLO;

	if (q == NULL)
		return;
	l->redeem = NULL;
	q->conn = 0;
	/* Without the welcome the card is worth nothing, and a document of which
	 * nothing came says of nobody that he has it: ask again. */
	if (!q->welcomed ||
	    (q->purpose == TICKET_INVITE &&
		q->status.state == REDEEM_TRYING)) {
		free((void *)(uintptr_t)q->card.ptr);
		q->card = (struct bytes){ 0 };
		q->answered = false;
	}
	/* One he does not know he cannot refuse in words: he hangs up on our
	 * proof.  A broken connection looks the same, but not every time. */
	if (hung_up)
		q->refusals++;
	else if (!l->refused)
		q->refusals = 0;
	if (!q->answered && (l->refused || q->refusals == REFUSALS_MAX)) {
		q->status.state = REDEEM_REFUSED;
		q->status.why = q->recovers
		    ? "that device is none of the person of this phrase"
		    : "wrong, used or expired";
	}
	q->again.ms =
	    e->now.mono.ms + (hung_up ? REDEEM_AGAIN_MS : REDEEM_RETRY_MS);
}

lk_err
redeem_card(struct engine *e, struct link *l, const struct card *card,
    struct bytes bytes)
{
	struct redeem *q = l->redeem;
	const struct card_device *issuer =
	    card_device_by_noise(card, q->noise_pk);
	bool is_new;

	if (issuer == NULL ||
	    (q->recovers &&
		memcmp(card->root_pk, q->cert.root_pk, SIGN_PK_LEN) != 0))
		return LK_ERR(LK_E_MALFORMED, "card of another");
	memcpy(l->pk, issuer->cert.block.device_pk, 32);
	l->known = true;
	memcpy(l->root_pk, card->root_pk, 32);
	q->answered = true;
	if (q->purpose == TICKET_DEVICE) {
		uint8_t *copy = malloc(bytes.len);

		if (copy == NULL)
			return LK_ERR(LK_E_NOMEM, "card");
		memcpy(copy, bytes.ptr, bytes.len);
		free((void *)(uintptr_t)q->card.ptr);
		q->card = BYTES(copy, bytes.len);
		return LK_NONE;
	}
	TRY(person_keep_card(e->r, bytes, &is_new));
	for (size_t i = 0; i < card->devices_len; i++)
		TRY(peers_learn(e, &card->devices[i].cert, NULL,
		    &card->devices[i].addresses));
	return peers_address(e, l->pk, l->address);
}

lk_err
redeem_become(struct engine *e, struct link *l, const struct welcome *w)
{
	ARENA_SCOPED arena = { .max = (size_t)1024 * 1024 };
	struct identity *me = e->identity;
	const struct card_device *mine;
	struct card card;
	uint32_t old, docno;
	lk_err err;
	BUF_SCOPED cert = { .max = IDENTITY_CERT_MAX };

	TRY(card_decode(&card, &arena, l->redeem->card));
	mine = card_device_by_pk(&card, me->sign.pk);
	if (mine == NULL ||
	    memcmp(mine->cert.block.noise_pk, me->noise.pk, DH_LEN) != 0)
		return LK_ERR(LK_E_MALFORMED, "no certificate for us");
	err = replica_home(e->r, &old);
	if (err.code == LK_OK) {
		/* The sessions with relays speak for who this was. */
		relay_clients_anew(e);
		err = docstate_drop(e->r, old);
	}
	if (err.code != LK_E_NOTFOUND) /* one that recovers has none yet */
		TRY(err);
	TRY(replica_welcome(e->r, w, &docno));
	TRY(docstate_make_home(e->r, docno));
	cert_write(&cert, &mine->cert);
	TRY(buf_err(&cert, "certificate"));
	TRY(pairing_keep_proof(e, &card));
	memcpy(me->root_pk, card.root_pk, 32);
	memcpy(me->cert, cert.ptr, cert.len);
	me->cert_len = cert.len;
	for (size_t i = 0; i < card.devices_len; i++)
		TRY(peers_learn(e, &card.devices[i].cert, NULL,
		    &card.devices[i].addresses));
	return peers_address(e, l->pk, l->address);
}

/* Whether a name means something here already, be it as "x~2" or as the start
 * of an id. */
static lk_err
name_taken(struct engine *e, struct names *names, const char *name, bool *taken)
{
	uint32_t docno;
	size_t first;
	lk_err err;

	*taken = names_find(names, name, &first) > 0;
	if (*taken)
		return LK_NONE;
	err = home_find(e->r, name, &docno);
	*taken = err.code == LK_OK || err.code == LK_E_USAGE;
	return err.code == LK_E_NOTFOUND || *taken ? LK_NONE : err;
}

/* A document somebody else shared gets a name here: what he suggests, unless
 * it would take the place of another's. */
static lk_err
welcome_name(struct engine *e, const struct welcome *w, uint32_t docno)
{
	char name[LK_NAME_MAX + 1], hex[2 * NAME_ID_LEN + 1];
	struct names *names;
	lk_err err;
	bool taken;

	TRY(names_get(e->r, &names));
	if (names_of(names, w->docid) != NULL)
		return LK_NONE;
	memcpy(name, w->name, sizeof(name));
	hex_encode(hex, BYTES(w->docid, NAME_ID_LEN));
	if (!home_name_valid(name))
		memcpy(name, hex, sizeof(hex));
	TRY(name_taken(e, names, name, &taken));
	if (taken && strlen(name) + sizeof(hex) < sizeof(name))
		(void)snprintf(
		    name + strlen(name), sizeof(hex) + 1, "-%s", hex);
	else if (taken)
		memcpy(name, hex, sizeof(hex));
	err = home_name_set(
	    e->r, docno, name, w->type[0] == '\0' ? "map" : w->type);
	/* A device that has just been paired cannot write its home yet; those
	 * that can were given the document too, and name it. */
	return err.code == LK_E_NOTFOUND || err.code == LK_E_DENIED ? LK_NONE
								    : err;
}

/* Whether a document is one this person asked for: known here, or listed. */
static lk_err
welcome_known(struct engine *e, const struct welcome *w, bool *known)
{
	struct names *names;
	uint32_t docno;
	lk_err err = replica_doc_by_id(e->r, w->docid, &docno);

	*known = err.code == LK_OK;
	if (err.code != LK_E_NOTFOUND)
		return err;
	TRY(names_get(e->r, &names));
	*known = names_of(names, w->docid) != NULL;
	return LK_NONE;
}

/*
 * Whether to take a document from somebody met: from devices of this person and
 * whoever issued the ticket in use any, from others as long as what they
 * welcomed us to arrives.
 */
static lk_err
welcome_wanted(
    struct engine *e, const struct welcome *w, bool any, bool *wanted)
{
	struct member_entry empty = { .docno = 0 };
	static const uint8_t nobody[32];

	*wanted = any;
	if (!*wanted)
		TRY(welcome_known(e, w, wanted));
	for (size_t n = 0; n < WELCOMES_EMPTY_MAX && !*wanted;
	     n++, empty.docno++) {
		lk_err err = member_index_next(e->r, nobody, &empty);

		*wanted = err.code == LK_E_NOTFOUND;
		if (!*wanted)
			TRY(err);
	}
	return LK_NONE;
}

lk_err
welcome_accept(struct engine *e, const struct welcome *w, bool own, bool asked,
    uint32_t *docno)
{
	struct forgotten f = { .is = false };
	uint32_t known;
	bool wanted;
	lk_err err;

	*docno = 0;
	TRY(welcome_wanted(e, w, own || asked, &wanted));
	if (!wanted)
		return LK_NONE;
	err = replica_doc_by_id(e->r, w->docid, &known);
	if (err.code == LK_OK)
		err = docstate_forgotten(e->r, known, &f);
	if (err.code != LK_E_NOTFOUND)
		TRY(err);
	/* Who uses a ticket wants it again, others do not know. */
	if (f.is && !asked)
		return LK_NONE;
	if (f.is)
		TRY(forgotten_wanted(e, known));
	TRY(replica_welcome(e->r, w, docno));
	return own ? LK_NONE : welcome_name(e, w, *docno);
}

static lk_err
welcome_take(struct engine *e, struct link *l, const struct welcome *w)
{
	struct redeem *q = l->redeem;
	uint32_t docno;

	TRY(welcome_accept(
	    e, w, link_is_own(e, l), q != NULL && q->answered, &docno));
	/* The first is what the ticket is for. */
	if (docno != 0 && q != NULL && !q->welcomed &&
	    q->purpose == TICKET_INVITE)
		q->status.docno = docno;
	return LK_NONE;
}

lk_err
pairing_welcome(struct engine *e, struct link *l, struct bytes body)
{
	struct welcome w;
	struct link *other;
	uint32_t docno = 0;
	/* Not when it is paired already, and only an answer was lost. */
	bool joining = l->redeem != NULL && l->redeem->answered &&
	    l->redeem->purpose == TICKET_DEVICE &&
	    memcmp(l->root_pk, e->identity->root_pk, 32) != 0;
	lk_err err = LK_NONE;

	if (l->run != NULL)
		return typed_welcome(e, l, body);
	TRY(welcome_decode(&w, body, e->identity->sign.pk));
	if (joining)
		err = redeem_become(e, l, &w);
	else if (!link_is_own(e, l) &&
	    (!w.has_signer || memcmp(w.signer_pk, l->pk, 32) != 0))
		err = LK_ERR(LK_E_MALFORMED, "WELCOME unsigned");
	else if (link_is_met(e, l))
		err = welcome_take(e, l, &w);
	else
		/* Strangers give this device nothing.  One who will be met, as
		 * a ticket is under way, tries again. */
		link_close(e, l, CLOSE_DONE);
	if (err.code == LK_OK && l->state == LINK_OPEN)
		err = replica_doc_by_id(e->r, w.docid, &docno);
	welcome_clear(&w);
	/* Not wanted, it was passed over. */
	if (l->state == LINK_CLOSED || err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	if (l->redeem != NULL)
		l->redeem->welcomed = true;
	/* A second link to him may be the one that stays.  Where both welcome
	 * each other, both offer. */
	TAILQ_FOREACH (other, &e->links, next) {
		if (!other->known || memcmp(other->pk, l->pk, 32) != 0)
			continue;
		topics_welcomed(other, docno, false);
		other->list_again = true;
	}
	if (!l->set_sent)
		return link_opened(e, l);
	return topics_offer(e, l);
}

static bool
document_here(struct engine *e, const uint8_t docid[static LK_ID_LEN])
{
	struct node node;
	uint32_t docno;

	return replica_doc_by_id(e->r, docid, &docno).code == LK_OK &&
	    node_get(e->r, docno, 0, &node).code == LK_OK;
}

/* Whether every document the home document lists has arrived: looked at in
 * their order, going on where the last look ended, and once more at the end,
 * as the list itself may have grown meanwhile. */
static lk_err
redeem_pair_done(struct engine *e, struct redeem_status *s)
{
	struct names *names;
	struct cert cert;
	size_t at, began = s->documents;

	/* Our own entry is the last thing the issuer wrote before. */
	if (person_device(e->r, e->identity->sign.pk, &cert).code != LK_OK)
		return LK_NONE;
	TRY(names_get(e->r, &names));
	for (at = began; at < names->len; at++)
		if (!document_here(e, names->entries[at].docid))
			break;
	for (size_t i = 0; at == names->len && i < began; i++)
		if (!document_here(e, names->entries[i].docid))
			at = i;
	s->documents = at;
	if (at == names->len)
		s->state = REDEEM_DONE;
	return LK_NONE;
}

static lk_err
redeem_invite_done(struct engine *e, struct redeem_status *s)
{
	struct graph *g;
	lk_err err;

	if (s->docno == 0)
		return LK_NONE;
	err = replica_graph(e->r, s->docno, &g);
	/* It has been forgotten before it came. */
	if (err.code == LK_E_NOTFOUND) {
		s->state = REDEEM_DONE;
		return LK_NONE;
	}
	TRY(err);
	if (graph_role(g, e->identity->sign.pk) >= ROLE_READ) {
		s->documents = 1;
		s->state = REDEEM_DONE;
	}
	return LK_NONE;
}

/* What a letter says the ticket is for may have come in another way. */
static void
redeem_arrived(struct engine *e, struct redeem *q)
{
	static const uint8_t none[LK_ID_LEN];
	uint32_t docno;

	if (q->welcomed || !q->answered ||
	    memcmp(q->docid, none, sizeof(none)) == 0 ||
	    replica_doc_by_id(e->r, q->docid, &docno).code != LK_OK)
		return;
	q->status.docno = docno;
	q->welcomed = true;
}

lk_err
redeem_look(struct engine *e, struct redeem *q)
{
	redeem_arrived(e, q);
	if (q->status.state != REDEEM_TRYING || !q->welcomed)
		return LK_NONE;
	if (q->purpose == TICKET_INVITE)
		return redeem_invite_done(e, &q->status);
	if (q->checked.ms + REDEEM_CHECK_MS > e->now.mono.ms)
		return LK_NONE;
	q->checked = e->now.mono;
	return redeem_pair_done(e, &q->status);
}

lk_err
engine_redeemed(struct engine *e, uint64_t handle, struct redeem_status *out)
{
	struct redeem *q;

	TAILQ_FOREACH (q, &e->redeems, next)
		if (q->handle == handle)
			break;
	if (q == NULL)
		return LK_ERR(LK_E_NOTFOUND, "ticket");
	TRY(redeem_look(e, q));
	/* The next look comes without anything having happened meanwhile. */
	if (q->status.state == REDEEM_TRYING && q->welcomed)
		e->wake.ms = e->now.mono.ms + REDEEM_CHECK_MS;
	*out = q->status;
	return LK_NONE;
}
