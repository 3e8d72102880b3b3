#include "sync/keep.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/phrase.h"
#include "sync/admit.h"
#include "sync/names.h"
#include "sync/person.h"

lk_err
keep_document(
    struct replica *r, uint32_t docno, struct kept *out, struct buf *keys)
{
	uint8_t etag[ETAG_LEN] = { 0 };
	struct bytes value;
	struct kept k;
	struct rd rd;
	struct forgotten f;
	lk_err err;

	TRY(docstate_forgotten(r, docno, &f));
	if (f.is)
		return LK_ERR(LK_E_NOTFOUND, "forgotten document");
	TRY(docstate_record(r, docno, &value));
	rd = rd_over(value);
	rd_copy(&rd, k.docid, sizeof(k.docid));
	rd_copy(&rd, k.secret, sizeof(k.secret));
	k.home = rd_u8(&rd) != 0;
	if (rd.failed)
		return LK_ERR(LK_E_CORRUPT, "document record");
	do {
		err = kv_walk(docstate_space(r, docno, SPACE_KEYS), etag,
		    sizeof(etag), 0, &value);
		if (err.code == LK_OK && value.len == EPOCH_SECRET_LEN)
			buf_add(keys, value);
	} while (err.code == LK_OK && bytes_next(etag, sizeof(etag)));
	if (err.code != LK_OK && err.code != LK_E_NOTFOUND)
		return err;
	TRY(buf_err(keys, "keys of a document"));
	*out = k;
	return LK_NONE;
}

lk_err
keep_docid(struct replica *r, uint32_t docno, uint8_t docid[static LK_ID_LEN])
{
	struct bytes value;

	TRY(docstate_record(r, docno, &value));
	if (value.len < LK_ID_LEN)
		return LK_ERR(LK_E_CORRUPT, "document record");
	memcpy(docid, value.ptr, LK_ID_LEN);
	return LK_NONE;
}

/* By the id both begin with. */
static int
kept_name_compare(const void *a, const void *b)
{
	return memcmp(a, b, LK_ID_LEN);
}

lk_err
keep_names(struct replica *r, struct kept_name **out, size_t *len)
{
	struct kept_name *list;
	struct names *names;

	TRY(names_get(r, &names));
	list = calloc(names->len + 1, sizeof(*list));
	if (list == NULL)
		return LK_ERR(LK_E_NOMEM, "names");
	for (size_t i = 0; i < names->len; i++) {
		memcpy(list[i].docid, names->entries[i].docid, LK_ID_LEN);
		(void)name_shown(
		    &names->entries[i], list[i].name, sizeof(list[i].name));
		(void)strlcpy(
		    list[i].type, names->entries[i].type, sizeof(list[i].type));
	}
	qsort(list, names->len, sizeof(*list), kept_name_compare);
	*out = list;
	*len = names->len;
	return LK_NONE;
}

const struct kept_name *
keep_name_of(const struct kept_name *list, size_t len,
    const uint8_t docid[static LK_ID_LEN])
{
	return len == 0
	    ? NULL
	    : bsearch(docid, list, len, sizeof(*list), kept_name_compare);
}

static lk_err
restore_new(struct replica *r, const struct kept *k, uint32_t *docno)
{
	struct docstate *ds;
	struct topic topic;
	lk_err err;

	topic_from_secret(&topic, k->secret);
	err = replica_doc_by_topic(r, topic.id, docno);
	if (err.code == LK_OK)
		return LK_ERR(LK_E_MALFORMED, "secret of another document");
	if (err.code != LK_E_NOTFOUND)
		return err;
	err = docstate_create(r, k->docid, &topic, false, &ds);
	secret_wipe(&topic, sizeof(topic));
	TRY(err);
	*docno = ds->docno;
	return k->home ? docstate_make_home(r, *docno) : LK_NONE;
}

lk_err
keep_restore(
    struct replica *r, const struct kept *k, struct bytes keys, uint32_t *docno)
{
	lk_err err = replica_doc_by_id(r, k->docid, docno);

	if (err.code == LK_E_NOTFOUND)
		err = restore_new(r, k, docno);
	TRY(err);
	for (; keys.len >= EPOCH_SECRET_LEN;
	     keys = BYTES(
		 keys.ptr + EPOCH_SECRET_LEN, keys.len - EPOCH_SECRET_LEN)) {
		struct epoch epoch;
		bool is_new;

		epoch_derive(&epoch, keys.ptr);
		err = docstate_key_add(r, *docno, &epoch, &is_new);
		secret_wipe(&epoch, sizeof(epoch));
		TRY(err);
	}
	return LK_NONE;
}

void
keep_home_secret(
    uint8_t secret[static EPOCH_SECRET_LEN], const uint8_t root_seed[static 32])
{
	uint8_t ladder[EPOCH_SECRET_LEN];
	struct topic topic;

	root_secret(ladder, root_seed, ROOT_HOME);
	topic_derive(&topic, ladder);
	memcpy(secret, topic.secret, EPOCH_SECRET_LEN);
	secret_wipe(ladder, sizeof(ladder));
	secret_wipe(&topic, sizeof(topic));
}

/* What a key has in a document: its most senior grant that counts, with the
 * role it has in all. */
static bool
place_find(
    const struct graph *g, const uint8_t key[static 32], struct member *out)
{
	bool found = false;

	for (size_t i = 0; i < graph_members_len(g); i++) {
		struct member m;

		graph_member(g, i, &m);
		if (memcmp(m.key, key, ACCESS_KEY_LEN) != 0 ||
		    m.now == ROLE_NONE || (found && m.rank >= out->rank))
			continue;
		*out = m;
		found = true;
	}
	if (found)
		out->now = graph_role(g, key);
	return found;
}

/* The replica's identity is the root's for as long as it writes. */
static lk_err
grant_as_root(struct replica *r, uint32_t docno, const struct member *place,
    const struct cert *device)
{
	struct access_op op = { .kind = OP_GRANT };
	struct docstate *ds;
	struct member root;
	enum role role;

	TRY(docstate_get(r, docno, &ds));
	role = graph_role(ds->graph, r->identity->sign.pk);
	if (role > place->now)
		role = place->now;
	if (role < ROLE_RELAY)
		return LK_ERR(LK_E_DENIED, "the root is no member");
	TRY(author_grant(ds, r, role, &root));
	if (root.rank >= place->rank)
		return LK_ERR(LK_E_DENIED, "the root is not senior");
	grant_own_device(&op.grant, device, role, place->rank);
	/* Where the root may not enroll it lets in as an admin does. */
	if ((root.flags & GRANT_ENROLL) == 0)
		op.grant.flags = GRANT_ENROLL;
	if ((root.flags & GRANT_ENROLL) == 0 && root.role != ROLE_ADMIN)
		return LK_ERR(LK_E_DENIED, "the root may not add devices");
	return author_ops(r, ds, &op, 1, role);
}

static lk_err
grant_by(struct replica *r, const struct sign_key *root, uint32_t docno,
    const struct member *place, const struct cert *device)
{
	const struct identity *me = r->identity;
	struct identity by = *me;
	lk_err err;

	by.sign = *root;
	r->identity = &by;
	err = grant_as_root(r, docno, place, device);
	r->identity = me;
	identity_clear(&by);
	return err;
}

/* In a document the new device has what the old one had, and that is gone. */
static lk_err
place_take(struct replica *r, const struct sign_key *root, uint32_t docno,
    const struct cert *device, const uint8_t old[static 32])
{
	struct member place;
	struct graph *g;

	TRY(replica_graph(r, docno, &g));
	if (!place_find(g, old, &place))
		return LK_ERR(LK_E_NOTFOUND, "nothing of the old device");
	if (graph_role(g, device->block.device_pk) < place.now)
		TRY(grant_by(r, root, docno, &place, device));
	return LK_NONE;
}

static void
cert_make(struct cert *cert, const struct identity *me,
    const struct sign_key *root, uint16_t rank)
{
	*cert = (struct cert){ .rank = rank, .serial = 1 };
	memcpy(cert->root_pk, root->pk, SIGN_PK_LEN);
	device_block_make(
	    &cert->block, &me->sign, me->noise.pk, me->box.pk, me->box_counter);
	cert_sign(cert, root);
}

static lk_err
cert_keep(struct identity *me, const struct cert *cert)
{
	BUF_SCOPED bytes = { .max = IDENTITY_CERT_MAX };

	cert_write(&bytes, cert);
	TRY(buf_err(&bytes, "certificate"));
	memcpy(me->root_pk, cert->root_pk, SIGN_PK_LEN);
	memcpy(me->cert, bytes.ptr, bytes.len);
	me->cert_len = bytes.len;
	return LK_NONE;
}

lk_err
keep_take_place(struct replica *r, struct identity *me,
    const struct sign_key *root, const uint8_t old[static 32])
{
	struct member place;
	struct cert cert;
	struct graph *g;
	uint32_t home;

	if (me->cert_len > 0)
		return LK_ERR(LK_E_EXISTS, "a device already");
	TRY(replica_home(r, &home));
	TRY(replica_graph(r, home, &g));
	if (graph_role(g, root->pk) != ROLE_ADMIN ||
	    !place_find(g, old, &place))
		return LK_ERR(LK_E_DENIED, "no device of this person");
	cert_make(&cert, me, root, place.rank);
	TRY(cert_keep(me, &cert));
	TRY(place_take(r, root, home, &cert, old));
	TRY(person_enter_device(r, &cert, me->name));
	return person_revoke_at_home_by_root(
	    r, root, old, (struct wall){ .ms = 0 });
}

lk_err
keep_take_place_in(struct replica *r, const struct sign_key *root,
    uint32_t docno, const uint8_t old[static 32])
{
	const struct identity *me = r->identity;
	struct cert cert;

	TRY(cert_decode(&cert, BYTES(me->cert, me->cert_len)));
	TRY(place_take(r, root, docno, &cert, old));
	return person_revoke_in_by_root(r, root, docno, old);
}
