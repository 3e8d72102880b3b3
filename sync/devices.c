/*
 * The devices of this person.  Who is one, and who is senior to whom, the
 * authority of the home document says; what is written in it, by any of them,
 * adds a name, a certificate, and that one is gone.
 */
#include <stdlib.h>
#include <string.h>

#include "sync/docstate.h"
#include "sync/home_doc.h"
#include "sync/person.h"

static bool
gone_of_entry(struct doc *doc, struct op_id map, struct gone *out)
{
	struct bytes bytes;
	struct rd rd;

	if (!home_bytes_get(doc, map, "gone", &bytes))
		return false;
	rd = rd_over(bytes);
	gone_read(&rd, out);
	return rd_done(&rd);
}

/* Its own word, so that whoever wrote it down does not matter. */
static bool
box_of_entry(struct doc *doc, struct op_id map, const struct cert *cert,
    struct box_statement *out)
{
	struct box_statement box;
	struct bytes bytes;
	struct rd rd;

	if (!home_bytes_get(doc, map, "box", &bytes))
		return false;
	rd = rd_over(bytes);
	box_newer_read(&rd, &box);
	if (!rd_done(&rd) || !box_newer_verify(&box, cert))
		return false;
	*out = box;
	return true;
}

/* A device's certificate as the home document has it. */
static bool
cert_of_entry(
    struct doc *doc, struct op_id map, const struct cert *of, struct cert *out)
{
	struct bytes bytes;
	struct cert c;

	if (!home_bytes_get(doc, map, "cert", &bytes) ||
	    cert_decode(&c, bytes).code != LK_OK || c.rank == 0 ||
	    memcmp(c.block.device_pk, of->block.device_pk, SIGN_PK_LEN) != 0 ||
	    memcmp(c.root_pk, of->root_pk, SIGN_PK_LEN) != 0)
		return false;
	*out = c;
	return true;
}

/* Not verified by anything: it only lets a beacon be recognised. */
static void
beacon_of_entry(
    struct doc *doc, struct op_id map, uint8_t key[static BEACON_KEY_LEN])
{
	struct bytes bytes;

	if (home_bytes_get(doc, map, "beacon", &bytes) &&
	    bytes.len == BEACON_KEY_LEN)
		memcpy(key, bytes.ptr, BEACON_KEY_LEN);
}

static lk_err
own_cert(const struct identity *me, struct cert *out)
{
	return cert_decode(out, BYTES(me->cert, me->cert_len));
}

struct device_list {
	struct replica *r;
	struct person_device *devices;
	size_t len;
};

static struct person_device *
list_find(const struct device_list *l, const uint8_t pk[static 32])
{
	for (size_t i = 0; i < l->len; i++)
		if (memcmp(l->devices[i].cert.block.device_pk, pk, 32) == 0)
			return &l->devices[i];
	return NULL;
}

const struct person_device *
person_device_in(const struct person_device *devices, size_t len,
    const uint8_t pk[static 32])
{
	const struct device_list l = {
		.devices = (struct person_device *)(uintptr_t)devices,
		.len = len
	};

	return list_find(&l, pk);
}

/* Everybody with a grant there but the root; the first to come are there first,
 * so that no later flood hides them. */
static void
list_members(struct device_list *l, const struct graph *g)
{
	const uint8_t *root = l->r->identity->root_pk;

	for (size_t i = 0; i < graph_members_len(g); i++) {
		struct person_device *d;
		struct member m;

		graph_member(g, i, &m);
		if (memcmp(m.key, root, SIGN_PK_LEN) == 0)
			continue;
		d = list_find(l, m.key);
		if (d == NULL && l->len == PERSON_ENTRIES_MAX)
			continue;
		if (d == NULL) {
			d = &l->devices[l->len++];
			*d = (struct person_device){ .rank = m.rank };
			memcpy(d->cert.block.device_pk, m.key, SIGN_PK_LEN);
			memcpy(d->cert.root_pk, root, SIGN_PK_LEN);
		}
		if (m.rank < d->rank)
			d->rank = m.rank;
		d->now = m.now > d->now ? m.now : d->now;
	}
}

static int
device_compare(const void *a, const void *b)
{
	const struct person_device *x = a, *y = b;

	return memcmp(
	    x->cert.block.device_pk, y->cert.block.device_pk, SIGN_PK_LEN);
}

static void
own_box(const struct identity *me, struct box_statement *out)
{
	*out = (struct box_statement){ .counter = me->box_counter };
	memcpy(out->pk, me->box.pk, DH_LEN);
	box_statement_sign(out->sig, &me->sign, out->pk, out->counter);
}

/* What the home document adds.  Of itself this device knows better. */
static void
device_read(
    const struct device_list *l, struct doc *doc, struct person_device *d)
{
	const struct identity *me = l->r->identity;
	struct op_id map;

	d->listed =
	    home_entry(doc, "devices", d->cert.block.device_pk, &map).code ==
	    LK_OK;
	if (!d->listed)
		return;
	(void)cert_of_entry(doc, map, &d->cert, &d->cert);
	d->gone = gone_of_entry(doc, map, &d->statement);
	(void)box_of_entry(doc, map, &d->cert, &d->box);
	beacon_of_entry(doc, map, d->beacon_key);
	if (memcmp(d->cert.block.device_pk, me->sign.pk, SIGN_PK_LEN) == 0) {
		(void)own_cert(me, &d->cert);
		if (me->box_counter > d->box.counter &&
		    me->box_counter > d->cert.block.box_counter)
			own_box(me, &d->box);
	}
	d->since.ms = home_time_get(doc, map, "since");
}

lk_err
person_proof_among(const struct person_device *devices, size_t len,
    const uint8_t device_pk[static 32], struct proof *out)
{
	const uint8_t *wanted = device_pk;

	out->len = 0;
	while (out->len < PROOF_CERTS_MAX) {
		const struct person_device *d =
		    person_device_in(devices, len, wanted);

		if (d == NULL || d->cert.rank == 0)
			break;
		out->certs[out->len++] = d->cert;
		wanted = d->cert.issuer_pk;
		if (memcmp(wanted, d->cert.root_pk, 32) == 0)
			return LK_NONE;
	}
	return LK_ERR(LK_E_NOTFOUND, "certificates of this device");
}

/* Any device may have written the entry: the statement speaks for itself, and
 * who is senior is not what certificates say, which they may write as well. */
static bool
gone_counts(const struct device_list *l, const struct person_device *d)
{
	const uint8_t *root = d->cert.root_pk;
	const struct person_device *issuer;

	if (memcmp(d->statement.device_pk, d->cert.block.device_pk,
		SIGN_PK_LEN) != 0)
		return false;
	issuer = list_find(l, d->statement.issuer_pk);
	if (memcmp(d->statement.issuer_pk, root, SIGN_PK_LEN) != 0 &&
	    (issuer == NULL || issuer->rank >= d->rank))
		return false;
	return gone_verify(&d->statement, root);
}

lk_err
person_all(struct replica *r, struct arena *arena,
    const struct person_device **out, size_t *len)
{
	struct device_list l = { .r = r };
	struct graph *g;
	struct doc *doc;
	uint32_t home;
	lk_err err = replica_home(r, &home);

	*len = 0;
	*out = NULL;
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	l.devices = arena_alloc(arena, PERSON_ENTRIES_MAX * sizeof(*l.devices));
	if (l.devices == NULL)
		return LK_ERR(LK_E_NOMEM, "devices");
	TRY(replica_graph(r, home, &g));
	list_members(&l, g);
	/* Cards of all devices have them in one order. */
	if (l.len > 1)
		qsort(l.devices, l.len, sizeof(*l.devices), device_compare);
	TRY(replica_open_doc(r, home, &doc));
	for (size_t i = 0; i < l.len; i++)
		device_read(&l, doc, &l.devices[i]);
	doc_free(doc);
	for (size_t i = 0; i < l.len; i++)
		l.devices[i].gone =
		    l.devices[i].gone && gone_counts(&l, &l.devices[i]);
	*out = l.devices;
	*len = l.len;
	return LK_NONE;
}

lk_err
person_devices(struct replica *r, struct cert certs[static PERSON_DEVICES_MAX],
    size_t *len)
{
	ARENA_SCOPED arena = { .max = PERSON_ARENA_MAX };
	const struct person_device *all;
	size_t all_len, n = 0;

	TRY(person_all(r, &arena, &all, &all_len));
	for (size_t i = 0; i < all_len && n < PERSON_DEVICES_MAX; i++)
		if (!all[i].gone && all[i].cert.rank > 0)
			certs[n++] = cert_grantee(&all[i].cert, &all[i].box);
	*len = n;
	return LK_NONE;
}

lk_err
person_proof(
    struct replica *r, const uint8_t device_pk[static 32], struct proof *out)
{
	ARENA_SCOPED arena = { .max = PERSON_ARENA_MAX };
	const struct person_device *all;
	size_t len;

	TRY(person_all(r, &arena, &all, &len));
	return person_proof_among(all, len, device_pk, out);
}

lk_err
person_proof_gone(struct replica *r, const struct proof *proof, bool *gone)
{
	ARENA_SCOPED arena = { .max = PERSON_ARENA_MAX };
	const struct person_device *all, *d;
	size_t len;

	*gone = false;
	TRY(person_all(r, &arena, &all, &len));
	for (size_t i = 0; i < proof->len; i++) {
		d = person_device_in(all, len, proof->certs[i].block.device_pk);
		*gone |= d != NULL && d->gone;
	}
	return LK_NONE;
}

static lk_err
certificate_fill(void *ctx, struct edit *e, struct doc *doc)
{
	const struct identity *me = ctx;
	struct box_statement box;
	struct op_id map;
	BUF_SCOPED bytes = { .max = BOX_NEWER_LEN };

	TRY(home_entry_make(e, doc, "devices", me->sign.pk, &map));
	TRY(home_bytes_put(e, map, "cert", BYTES(me->cert, me->cert_len)));
	if (me->box_counter == 0)
		return LK_NONE;
	own_box(me, &box);
	box_newer_write(&bytes, &box);
	TRY(buf_err(&bytes, "box key"));
	return home_bytes_put(e, map, "box", buf_bytes(&bytes));
}

/* Whether a senior has certified this device again, as it was. */
static bool
cert_renews(const struct person_device *all, size_t len,
    const struct cert *mine, const struct cert *found)
{
	struct proof above, p = { .len = 1 };

	if (found->rank > mine->rank || found->serial <= mine->serial)
		return false;
	p.certs[0] = *found;
	if (memcmp(found->issuer_pk, found->root_pk, SIGN_PK_LEN) != 0) {
		if (person_proof_among(all, len, found->issuer_pk, &above)
			    .code != LK_OK ||
		    above.len == PROOF_CERTS_MAX)
			return false;
		memcpy(&p.certs[1], above.certs,
		    above.len * sizeof(above.certs[0]));
		p.len += above.len;
	}
	return proof_verify(&p, mine->root_pk);
}

/* What the home document has for this device: *is_one: a certificate; *same:
 * and no other, with its newest box key.  NOTFOUND: no entry. */
static lk_err
certificate_found(struct replica *r, const struct identity *me,
    const struct cert *mine, struct cert *out, bool *is_one, bool *same)
{
	struct box_statement box = { .counter = mine->block.box_counter };
	struct doc *doc;
	struct op_id map;
	uint32_t home;
	lk_err err;

	TRY(replica_home(r, &home));
	TRY(replica_open_doc(r, home, &doc));
	err = home_entry(doc, "devices", mine->block.device_pk, &map);
	*is_one = err.code == LK_OK && cert_of_entry(doc, map, mine, out);
	if (err.code == LK_OK)
		(void)box_of_entry(doc, map, mine, &box);
	*same = *is_one && memcmp(out->sig, mine->sig, SIGN_LEN) == 0 &&
	    box.counter >= me->box_counter;
	doc_free(doc);
	return err;
}

lk_err
person_certificate(struct replica *r, struct identity *me)
{
	ARENA_SCOPED arena = { .max = PERSON_ARENA_MAX };
	const struct person_device *all;
	struct cert mine, found;
	uint8_t hash[LK_ID_LEN];
	bool is_one, same, changed;
	uint32_t home;
	size_t len;
	lk_err err;
	BUF_SCOPED bytes = { .max = CERT_LEN };

	if (own_cert(me, &mine).code != LK_OK)
		return LK_NONE;
	err = certificate_found(r, me, &mine, &found, &is_one, &same);
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	if (same)
		return LK_NONE;
	TRY(person_all(r, &arena, &all, &len));
	if (is_one && cert_renews(all, len, &mine, &found)) {
		cert_write(&bytes, &found);
		TRY(buf_err(&bytes, "certificate"));
		memcpy(me->cert, bytes.ptr, bytes.len);
		me->cert_len = bytes.len;
		return LK_NONE;
	}
	TRY(replica_home(r, &home));
	err = replica_edit(r, home, certificate_fill, me, NULL, &changed, hash);
	return err.code == LK_E_DENIED || err.code == LK_E_NOTFOUND ? LK_NONE
								    : err;
}
