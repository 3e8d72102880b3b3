#include <stdlib.h>
#include <string.h>

#include "sync/fanout.h"
#include "sync/home.h"
#include "sync/pairing.h"
#include "sync/person.h"

#define CARD_ARENA_MAX ((size_t)1024 * 1024)

lk_err
pairing_psk(struct engine *e, struct link *l, uint8_t psk[static 32])
{
	struct ticket_record t;
	struct ticket_keys keys;
	lk_err err = ticket_get(e, l->ticket, &t);

	/* Whoever guesses ids must not learn which of them exist. */
	random_fill(&e->random, psk, SESSION_PSK_LEN);
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	ticket_derive(&keys, t.secret);
	memcpy(psk, keys.psk, SESSION_PSK_LEN);
	secret_wipe(&keys, sizeof(keys));
	secret_wipe(&t, sizeof(t));
	return LK_NONE;
}

lk_err
pairing_device_read(struct rd rd, struct device_block *out, struct bytes *name)
{
	struct device_block block;
	struct bytes said;

	device_block_read(&rd, &block);
	said = rd_take(&rd, rd_u8(&rd));
	TRY(rd_end(&rd, "joining device"));
	if (said.len == 0 || !utf8_valid(said) ||
	    memchr(said.ptr, 0, said.len) != NULL)
		return LK_ERR(LK_E_MALFORMED, "name of device");
	if (!device_block_verify(&block))
		return LK_ERR(LK_E_MALFORMED, "keys of device");
	*out = block;
	*name = said;
	return LK_NONE;
}

static lk_err
joined_device(struct link *l, struct rd rd)
{
	struct device_block block;
	struct bytes name;

	TRY(pairing_device_read(rd, &block, &name));
	if (memcmp(block.noise_pk, l->noise_pk, DH_LEN) != 0)
		return LK_ERR(LK_E_MALFORMED, "keys of device");
	memcpy(l->pk, block.device_pk, 32);
	return LK_NONE;
}

static lk_err
joined_person(struct link *l, struct rd rd)
{
	ARENA_SCOPED arena = { .max = CARD_ARENA_MAX };
	const struct card_device *device;
	struct card card;

	TRY(card_decode(&card, &arena, rd.left));
	TRY(card_verify(&card));
	device = card_device_by_noise(&card, l->noise_pk);
	if (device == NULL)
		return LK_ERR(LK_E_MALFORMED, "card of another");
	memcpy(l->pk, device->cert.block.device_pk, 32);
	return LK_NONE;
}

lk_err
pairing_keep(struct link *l, struct bytes payload)
{
	uint8_t *copy = malloc(payload.len);

	if (copy == NULL)
		return LK_ERR(LK_E_NOMEM, "joining device");
	memcpy(copy, payload.ptr, payload.len);
	l->payload = BYTES(copy, payload.len);
	return LK_NONE;
}

lk_err
pairing_joined(struct engine *e, struct link *l, struct bytes payload)
{
	struct rd rd = rd_over(payload);
	uint8_t purpose = rd_u8(&rd);

	if (purpose == TICKET_DEVICE)
		TRY(joined_device(l, rd));
	else if (purpose == TICKET_INVITE)
		TRY(joined_person(l, rd));
	else
		return LK_ERR(LK_E_MALFORMED, "purpose of ticket");
	if (memcmp(l->pk, e->identity->sign.pk, 32) == 0)
		return LK_ERR(LK_E_MALFORMED, "own ticket");
	l->known = true;
	return pairing_keep(l, payload);
}

lk_err
pairing_send_card(struct engine *e, struct link *l)
{
	BUF_SCOPED card = { .max = CARD_MAX };

	TRY(person_card(e->r, &card));
	link_send(e, l, MSG_CARD, buf_bytes(&card));
	return LK_NONE;
}

lk_err
pairing_enter(struct engine *e, struct link *l,
    const struct device_block *block, const char *name)
{
	struct cert cert;

	if (block != NULL) {
		TRY(person_certify(e->r, block, &cert));
		TRY(person_add_device(e->r, &cert, name));
		TRY(peers_learn(e, &cert, NULL, NULL));
		TRY(fanout_start(e, 0));
	}
	memcpy(l->root_pk, e->identity->root_pk, 32);
	return LK_NONE;
}

lk_err
pairing_take_in(struct engine *e, struct link *l,
    const struct device_block *block, const char *name)
{
	uint32_t home;

	TRY(pairing_enter(e, l, block, name));
	TRY(pairing_send_card(e, l));
	TRY(replica_home(e->r, &home));
	return welcome_send(e, l, home);
}

lk_err
pairing_device(struct engine *e, const uint8_t pk[static 32], bool *known)
{
	ARENA_SCOPED arena = { .max = PERSON_ARENA_MAX };
	const struct person_device *all, *d;
	size_t len;

	TRY(person_all(e->r, &arena, &all, &len));
	d = person_device_in(all, len, pk);
	if (d != NULL && d->gone)
		return LK_ERR(LK_E_DENIED, "revoked");
	*known = d != NULL && d->listed && d->cert.rank > 0;
	return *known && d->now == ROLE_NONE
	    ? LK_ERR(LK_E_DENIED, "no device any more")
	    : LK_NONE;
}

/* A new device of this person: certificate, home document, and, behind that,
 * every other document. */
static lk_err
answer_device(struct engine *e, struct link *l)
{
	struct rd rd = rd_over(BYTES(l->payload.ptr + 1, l->payload.len - 1));
	char name[LK_NAME_MAX + 1];
	struct device_block block;
	struct bytes said;
	bool known;

	device_block_read(&rd, &block);
	said = rd_take(&rd, rd_u8(&rd));
	memcpy(name, said.ptr, said.len);
	name[said.len] = '\0';
	TRY(pairing_device(e, l->pk, &known));
	return pairing_take_in(e, l, known ? NULL : &block, name);
}

/* STORE_DEVICE, SPACE_META. */
static const char kept_key[] = "proof";

lk_err
pairing_keep_proof(struct engine *e, const struct card *card)
{
	BUF_SCOPED b = { .max = PROOF_LEN_MAX };
	struct proof proof;

	TRY(card_proof(card, &proof, e->identity->sign.pk));
	proof_write(&b, &proof);
	TRY(buf_err(&b, "proof"));
	return kv_put(docstate_space(e->r, STORE_DEVICE, SPACE_META),
	    BYTES_STR(kept_key), buf_bytes(&b));
}

lk_err
pairing_proof(struct engine *e, struct proof *out)
{
	struct bytes value;
	lk_err err = person_proof(e->r, e->identity->sign.pk, out);

	if (err.code != LK_E_NOTFOUND)
		return err;
	TRY(kv_get(docstate_space(e->r, STORE_DEVICE, SPACE_META),
	    BYTES_STR(kept_key), &value));
	err = proof_decode(out, value);
	return err.code == LK_OK ? err : LK_ERR(LK_E_CORRUPT, "kept proof");
}

lk_err
pairing_learn(struct engine *e, const struct card *card)
{
	for (size_t i = 0; i < card->devices_len; i++)
		TRY(peers_learn(e, &card->devices[i].cert, NULL,
		    &card->devices[i].addresses));
	return LK_NONE;
}

/* Whether somebody was removed after he had this ticket, or after it was made:
 * then it does not bring him back. */
static lk_err
was_removed(struct engine *e, const struct ticket_record *t,
    const uint8_t root_pk[static 32], bool again, bool *removed)
{
	struct graph *g;

	TRY(replica_graph(e->r, t->docno, &g));
	*removed = again && graph_role(g, root_pk) < ROLE_READ;
	if (again || graph_role(g, root_pk) >= t->role)
		return LK_NONE;
	for (size_t i = 0; i < graph_members_len(g) && !*removed; i++) {
		struct member m;
		struct node end;

		graph_member(g, i, &m);
		if (memcmp(m.key, root_pk, 32) != 0 || !m.named ||
		    m.ended_by == GRAPH_NONE)
			continue;
		TRY(node_get(e->r, t->docno, m.ended_by, &end));
		*removed = end.received.ms >= t->made.ms;
	}
	return LK_NONE;
}

lk_err
pairing_share(struct engine *e, const struct ticket_record *t,
    const struct card *card, struct bytes bytes, bool again)
{
	struct cert certs[PERSON_DEVICES_MAX];
	struct person person = { .devices = certs };
	bool is_new, removed;
	lk_err err;

	TRY(was_removed(e, t, card->root_pk, again, &removed));
	if (removed)
		return LK_ERR(LK_E_DENIED, "removed since");
	TRY(person_keep_card(e->r, bytes, &is_new));
	TRY(pairing_learn(e, card));
	memcpy(person.root_pk, card->root_pk, 32);
	for (size_t i = 0; i < card->devices_len; i++)
		certs[i] =
		    cert_grantee(&card->devices[i].cert, &card->devices[i].box);
	person.devices_len = card->devices_len;
	/* The second time a device of his that is newer than the grant waits
	 * for his others. */
	if (again)
		return LK_NONE;
	err = replica_share(e->r, t->docno, &person, t->role);
	return err.code == LK_E_EXISTS ? LK_NONE : err;
}

static lk_err
answer_person(
    struct engine *e, struct link *l, const struct ticket_record *t, bool again)
{
	ARENA_SCOPED arena = { .max = CARD_ARENA_MAX };
	struct bytes bytes = BYTES(l->payload.ptr + 1, l->payload.len - 1);
	struct card card;

	TRY(card_decode(&card, &arena, bytes));
	TRY(pairing_share(e, t, &card, bytes, again));
	TRY(pairing_send_card(e, l));
	return welcome_send(e, l, t->docno);
}

/* Whether this device can take in others: one that has just joined waits for
 * its own place in the home document. */
static lk_err
is_at_home(struct engine *e, bool *is)
{
	const uint8_t *me = e->identity->sign.pk;
	struct member m;
	struct graph *g;
	uint32_t home;

	TRY(replica_home(e->r, &home));
	TRY(replica_graph(e->r, home, &g));
	*is = false;
	for (size_t i = 0; i < graph_members_len(g) && !*is; i++) {
		graph_member(g, i, &m);
		*is = memcmp(m.key, me, sizeof(m.key)) == 0;
	}
	return LK_NONE;
}

lk_err
pairing_answer(struct engine *e, struct link *l)
{
	struct ticket_record t;
	bool again, ready = true;
	lk_err err = LK_NONE;

	if (l->payload.ptr[0] == TICKET_DEVICE)
		err = is_at_home(e, &ready);
	if (err.code == LK_OK && !ready) {
		link_close(e, l, CLOSE_BUSY);
		return LK_NONE;
	}
	if (err.code == LK_OK)
		err = ticket_use(e, l->ticket, l->pk, &t, &again);
	if (err.code == LK_OK && l->payload.ptr[0] != (uint8_t)t.purpose)
		err = LK_ERR(LK_E_DENIED, "ticket for something else");
	if (err.code == LK_OK && t.purpose == TICKET_DEVICE)
		err = answer_device(e, l);
	else if (err.code == LK_OK)
		err = answer_person(e, l, &t, again);
	secret_wipe(t.secret, sizeof(t.secret));
	if (err.code == LK_E_NOTFOUND || err.code == LK_E_DENIED) {
		link_close(e, l, CLOSE_TICKET);
		return LK_NONE;
	}
	return err;
}

lk_err
pairing_card_of(struct engine *e, const uint8_t pk[static 32],
    const struct card *card, struct bytes bytes)
{
	ARENA_SCOPED arena = { .max = CARD_ARENA_MAX };
	struct card known;
	bool is_new, ours;
	lk_err err;

	if (card_device_by_pk(card, pk) == NULL)
		return LK_ERR(LK_E_MALFORMED, "card of another");
	ours = memcmp(card->root_pk, e->identity->root_pk, 32) == 0;
	err = person_contact(e->r, card->root_pk, &arena, &known);
	if (err.code == LK_E_NOTFOUND && !ours)
		return LK_NONE; /* nobody we have met */
	if (!ours)
		TRY(person_keep_card(e->r, bytes, &is_new));
	return pairing_learn(e, card);
}

lk_err
pairing_card(struct engine *e, struct link *l, struct bytes body)
{
	ARENA_SCOPED arena = { .max = CARD_ARENA_MAX };
	struct card card;

	TRY(card_decode(&card, &arena, body));
	TRY(card_verify(&card));
	/* He may have answered before, on another link or by a letter. */
	if (l->redeem != NULL && !l->known)
		return redeem_card(e, l, &card, body);
	if (!l->known)
		return LK_ERR(LK_E_MALFORMED, "card of another");
	return pairing_card_of(e, l->pk, &card, body);
}
