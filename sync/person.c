#include "sync/person.h"

#include <string.h>

#include "crypto/phrase.h"
#include "sync/docstate.h"
#include "sync/envelope.h"
#include "sync/home.h"
#include "sync/home_doc.h"

#define CERT_RANK_FIRST 1000

/* A device entered into the home document, with the person's name when this is
 * the first. */
struct device_entry {
	const struct cert *cert;
	const char *name, *person;
	struct wall now;
	struct bytes escrow, beacon_key;
};

static lk_err
device_fill(void *ctx, struct edit *e, struct doc *doc)
{
	const struct device_entry *d = ctx;
	struct prop person = { .is_key = true, .key = BYTES_STR("person") };
	struct op_id map;
	BUF_SCOPED cert = { 0 };

	buf_init(&cert, CERT_LEN);
	cert_write(&cert, d->cert);
	TRY(buf_err(&cert, "certificate"));
	if (d->person != NULL) {
		TRY(edit_make(e, DOC_ROOT, person, OBJ_MAP, &map));
		TRY(home_text_put(e, map, "name", d->person));
	}
	TRY(home_entry_make(e, doc, "devices", d->cert->block.device_pk, &map));
	TRY(home_text_put(e, map, "name", d->name));
	TRY(home_bytes_put(e, map, "cert", buf_bytes(&cert)));
	TRY(home_time_put(e, map, "added", d->now));
	if (d->beacon_key.len > 0)
		TRY(home_bytes_put(e, map, "beacon", d->beacon_key));
	if (d->escrow.len == 0)
		return LK_NONE;
	TRY(home_entry_make(e, doc, "escrow", d->cert->block.device_pk, &map));
	return home_bytes_put(e, map, "box", d->escrow);
}

static lk_err
device_enter(struct replica *r, const struct device_entry *d)
{
	uint8_t hash[LK_ID_LEN];
	uint32_t home;
	bool changed;

	TRY(replica_home(r, &home));
	/* The entry is only read. */
	return replica_edit(
	    r, home, device_fill, (void *)(uintptr_t)d, NULL, &changed, hash);
}

lk_err
person_enter_device(
    struct replica *r, const struct cert *cert, const char *name)
{
	struct device_entry d = {
		.cert = cert, .name = name, .now = r->now.wall
	};

	return device_enter(r, &d);
}

lk_err
person_add_device(struct replica *r, const struct cert *cert, const char *name)
{
	uint32_t home;
	lk_err err;

	TRY(replica_home(r, &home));
	err = replica_enroll(r, home, cert);
	if (err.code != LK_OK && err.code != LK_E_EXISTS)
		return err;
	return person_enter_device(r, cert, name);
}

lk_err
person_certify(
    struct replica *r, const struct device_block *block, struct cert *out)
{
	struct cert mine;

	TRY(cert_decode(
	    &mine, BYTES(r->identity->cert, r->identity->cert_len)));
	if (mine.rank >= UINT16_MAX)
		return LK_ERR(LK_E_LIMIT, "rank of this device");
	*out = (struct cert){
		.block = *block, .rank = (uint16_t)(mine.rank + 1), .serial = 1
	};
	memcpy(out->root_pk, mine.root_pk, SIGN_PK_LEN);
	cert_sign(out, &r->identity->sign);
	return LK_NONE;
}

void
person_addresses(struct replica *r, struct addresses *out)
{
	*out = r->addresses;
}

/* Whether others can follow a device to the root: one whose certificate is
 * none would make the whole card one. */
static bool
card_can_list(
    const struct person_device *all, size_t len, const struct person_device *d)
{
	struct proof proof;

	if (person_proof_among(all, len, d->cert.block.device_pk, &proof)
		.code != LK_OK)
		return false;
	for (size_t i = 0; i < proof.len; i++)
		if (person_device_in(all, len, proof.certs[i].block.device_pk)
			->gone)
			return false;
	return proof_verify(&proof, d->cert.root_pk);
}

/* Those that are this person's, and as many that are not any more: what one
 * that is gone itself said of another nobody can check. */
static lk_err
card_devices(struct replica *r, struct card *card)
{
	ARENA_SCOPED arena = { .max = PERSON_ARENA_MAX };
	const struct identity *me = r->identity;
	const struct person_device *all, *issuer;
	size_t len;

	TRY(person_all(r, &arena, &all, &len));
	for (size_t i = 0; i < len; i++) {
		const struct person_device *p = &all[i];
		struct card_device *d = &card->devices[card->devices_len];

		issuer = person_device_in(all, len, p->statement.issuer_pk);
		if (p->gone && card->gone_len < CARD_GONE_MAX &&
		    (issuer == NULL || !issuer->gone))
			card->gone[card->gone_len++] = p->statement;
		if (p->gone || card->devices_len == PERSON_DEVICES_MAX ||
		    !card_can_list(all, len, p))
			continue;
		*d = (struct card_device){ .cert = p->cert, .box = p->box };
		memcpy(d->beacon_key, p->beacon_key, BEACON_KEY_LEN);
		card->devices_len++;
		if (memcmp(p->cert.block.device_pk, me->sign.pk, 32) != 0)
			continue;
		TRY(person_beacon_key(r, d->beacon_key));
		person_addresses(r, &d->addresses);
	}
	return LK_NONE;
}

lk_err
person_card(struct replica *r, struct buf *out)
{
	struct card_device devices[PERSON_DEVICES_MAX];
	struct gone gone[CARD_GONE_MAX];
	struct card card = { .devices = devices, .gone = gone };
	struct home_text name = { "" };
	struct op_id map;
	struct doc *doc;
	uint32_t home;

	TRY(card_devices(r, &card));
	TRY(replica_home(r, &home));
	TRY(replica_open_doc(r, home, &doc));
	{
		struct prop person = { .is_key = true,
			.key = BYTES_STR("person") };
		struct item item;

		if (doc_get(doc, DOC_ROOT, person, &item).code == LK_OK &&
		    item.is_obj) {
			map = item.id;
			(void)home_text_get(doc, map, "name", &name);
		}
	}
	doc_free(doc);
	memcpy(card.root_pk, r->identity->root_pk, 32);
	card.name = BYTES_STR(name.text);
	/* Later is newer; a clock that went back is corrected by the next. */
	card.serial = (uint64_t)r->now.wall.ms;
	return card_encode(out, &card, &r->identity->sign);
}

struct contact_entry {
	const uint8_t *root_pk;
	struct bytes card;
};

static lk_err
contact_fill(void *ctx, struct edit *e, struct doc *doc)
{
	const struct contact_entry *c = ctx;
	struct op_id map;

	TRY(home_entry_make(e, doc, "contacts", c->root_pk, &map));
	return home_bytes_put(e, map, "card", c->card);
}

lk_err
person_keep_card(struct replica *r, struct bytes bytes, bool *is_new)
{
	ARENA_SCOPED arena = { 0 };
	struct card card, known;
	struct contact_entry c = { .card = bytes };
	uint8_t hash[LK_ID_LEN];
	uint32_t home;
	bool changed;
	lk_err err;

	arena_init(&arena, (size_t)1024 * 1024);
	TRY(card_decode(&card, &arena, bytes));
	c.root_pk = card.root_pk;
	err = person_contact(r, card.root_pk, &arena, &known);
	*is_new = err.code == LK_E_NOTFOUND;
	if (err.code == LK_OK && !card_supersedes(&known, &card))
		return LK_NONE;
	if (err.code != LK_OK && err.code != LK_E_NOTFOUND)
		return err;
	TRY(replica_home(r, &home));
	return replica_edit(r, home, contact_fill, &c, NULL, &changed, hash);
}

lk_err
person_contact(struct replica *r, const uint8_t root_pk[static 32],
    struct arena *arena, struct card *out)
{
	struct op_id map;
	struct bytes bytes;
	struct doc *doc;
	uint32_t home;
	lk_err err;

	TRY(replica_home(r, &home));
	TRY(replica_open_doc(r, home, &doc));
	err = home_entry(doc, "contacts", root_pk, &map);
	if (err.code == LK_OK && !home_bytes_get(doc, map, "card", &bytes))
		err = LK_ERR(LK_E_NOTFOUND, "contact");
	if (err.code == LK_OK) {
		bytes = arena_copy(arena, bytes);
		/* What is no card of this person is as good as none. */
		if (card_decode(out, arena, bytes).code != LK_OK ||
		    memcmp(out->root_pk, root_pk, 32) != 0)
			err = LK_ERR(LK_E_NOTFOUND, "contact");
	}
	doc_free(doc);
	return err;
}

struct cert_search {
	struct doc *doc;
	const uint8_t *pk;
	struct cert cert;
	bool found;
};

static lk_err
cert_visit(void *ctx, const struct doc_visit *v)
{
	struct cert_search *s = ctx;
	const struct card_device *d;
	ARENA_SCOPED arena = { 0 };
	struct bytes bytes;
	struct card card;

	arena_init(&arena, (size_t)1024 * 1024);
	if (!v->winner || !v->item.is_obj || s->found ||
	    !home_bytes_get(s->doc, v->item.id, "card", &bytes) ||
	    card_decode(&card, &arena, bytes).code != LK_OK)
		return LK_NONE;
	d = card_device_by_pk(&card, s->pk);
	if (d != NULL) {
		s->cert = d->cert;
		s->found = true;
	}
	return LK_NONE;
}

lk_err
person_device(
    struct replica *r, const uint8_t device_pk[static 32], struct cert *out)
{
	struct cert certs[PERSON_DEVICES_MAX];
	struct cert_search s = { .pk = device_pk };
	uint32_t home;
	size_t len;
	lk_err err;

	TRY(person_devices(r, certs, &len));
	for (size_t i = 0; i < len; i++) {
		if (memcmp(certs[i].block.device_pk, device_pk, 32) == 0) {
			*out = certs[i];
			return LK_NONE;
		}
	}
	TRY(replica_home(r, &home));
	TRY(replica_open_doc(r, home, &s.doc));
	err = home_each(s.doc, "contacts", cert_visit, &s);
	doc_free(s.doc);
	TRY(err);
	if (!s.found)
		return LK_ERR(LK_E_NOTFOUND, "certificate");
	*out = s.cert;
	return LK_NONE;
}

/* The home document's first envelope, by the root. */
static lk_err
home_genesis(struct replica *r, const struct identity *me,
    const struct sign_key *root, const struct dh_key *recovery,
    const uint8_t ladder[static EPOCH_SECRET_LEN])
{
	struct body body = { .ops_len = 1 };
	struct op_genesis *g = &body.ops[0].genesis;
	uint8_t random[32], docid[LK_ID_LEN];
	struct epoch epoch;
	struct topic topic;
	struct envelope_draft draft = { .author = root,
		.topic = &topic,
		.epoch = &epoch,
		.seq = 1,
		.random = random };
	BUF_SCOPED bytes = { 0 };
	BUF_SCOPED out = { 0 };
	uint32_t docno;
	lk_err err;

	body.ops[0].kind = OP_GENESIS;
	memcpy(g->root_pk, root->pk, 32);
	memcpy(g->root_box, recovery->pk, 32);
	memcpy(g->device_pk, me->sign.pk, 32);
	memcpy(g->device_box, me->box.pk, 32);
	g->box_counter = me->box_counter;
	g->policy = GENESIS_ROOT_BOX;
	box_statement_sign(g->box_sig, &me->sign, me->box.pk, me->box_counter);
	epoch_derive(&epoch, ladder);
	topic_derive(&topic, ladder);
	random_fill(&r->random, random, sizeof(random));
	buf_init(&bytes, ENVELOPE_BODY_MAX);
	buf_init(&out, ENVELOPE_MAX);
	body_encode(&bytes, &body);
	draft.body = buf_bytes(&bytes);
	err = buf_err(&bytes, "home document");
	if (err.code == LK_OK)
		err = envelope_make(&out, docid, &draft);
	if (err.code == LK_OK)
		err = create_admit(
		    r, buf_bytes(&out), docid, &epoch, &topic, true, &docno);
	secret_wipe(&epoch, sizeof(epoch));
	return err;
}

static lk_err
home_fill(struct replica *r, struct identity *me, const struct sign_key *root,
    const struct dh_key *recovery)
{
	struct cert cert = { .rank = CERT_RANK_FIRST, .serial = 1 };
	struct device_entry d = { .cert = &cert,
		.name = me->name,
		.person = me->name,
		.now = r->now.wall };
	uint8_t nobody[32], beacon_key[BEACON_KEY_LEN];
	BUF_SCOPED bytes = { 0 };
	BUF_SCOPED escrow = { 0 };

	digest(nobody, sizeof(nobody), DIGEST_BEACON, NULL, BYTES(NULL, 0));
	beacon_key_derive(beacon_key, me->beacon_key, nobody);
	d.beacon_key = BYTES_OF(beacon_key);
	memcpy(cert.root_pk, root->pk, 32);
	device_block_make(
	    &cert.block, &me->sign, me->noise.pk, me->box.pk, me->box_counter);
	cert_sign(&cert, root);
	buf_init(&bytes, IDENTITY_CERT_MAX);
	cert_write(&bytes, &cert);
	TRY(buf_err(&bytes, "certificate"));
	memcpy(me->root_pk, root->pk, 32);
	memcpy(me->cert, bytes.ptr, bytes.len);
	me->cert_len = bytes.len;
	buf_init(&escrow, 256);
	TRY(escrow_seal(me, recovery->pk, &escrow));
	d.escrow = buf_bytes(&escrow);
	return device_enter(r, &d);
}

lk_err
home_create(
    struct replica *r, struct identity *me, const uint8_t entropy[static 16])
{
	uint8_t seed[ROOT_SEED_LEN], secret[32];
	struct sign_key root;
	struct dh_key recovery;
	lk_err err;

	TRY(phrase_root_seed(seed, entropy));
	root_secret(secret, seed, ROOT_SIGN);
	sign_key_from_seed(&root, secret);
	root_secret(secret, seed, ROOT_BOX);
	dh_key_from_secret(&recovery, secret);
	root_secret(secret, seed, ROOT_HOME);
	err = home_genesis(r, me, &root, &recovery, secret);
	if (err.code == LK_OK)
		err = home_fill(r, me, &root, &recovery);
	sign_key_clear(&root);
	dh_key_clear(&recovery);
	secret_wipe(seed, sizeof(seed));
	secret_wipe(secret, sizeof(secret));
	return err;
}
