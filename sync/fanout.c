#include <string.h>

#include "sync/fanout.h"
#include "sync/pairing.h"

#define FANOUT_SLICE 64 /* documents a step */
/* The device that made another one this person's grants it everywhere at
 * once; the rest wait for that to arrive before they fill what is left. */
#define FANOUT_OTHERS_MS 60000
/* The one that revoked another takes it out everywhere at once; where it may
 * not, others may. */
#define FANOUT_GONE_MS 2000

static const char fanout_key[] = "fanout";
/* How many devices and how many that are gone a fanout was begun for: one that
 * stops between hearing of it and beginning finds out by them. */
static const char known_key[] = "devices";

static lk_err
fanout_cursor(struct engine *e, uint32_t *docno)
{
	struct bytes value;
	struct rd rd;

	TRY(kv_get(docstate_space(e->r, STORE_DEVICE, SPACE_META),
	    BYTES_STR(fanout_key), &value));
	rd = rd_over(value);
	*docno = rd_u32(&rd);
	return LK_NONE;
}

static lk_err
fanout_save(struct engine *e, uint32_t docno)
{
	BUF_SCOPED b = { .max = 4 };

	buf_u32(&b, docno);
	TRY(buf_err(&b, "fanout"));
	return kv_put(docstate_space(e->r, STORE_DEVICE, SPACE_META),
	    BYTES_STR(fanout_key), buf_bytes(&b));
}

lk_err
fanout_load(struct engine *e, struct fanout_list *out)
{
	ARENA_SCOPED arena = { .max = PERSON_ARENA_MAX };
	const struct person_device *all;
	size_t len;

	TRY(person_all(e->r, &arena, &all, &len));
	out->len = out->gone_len = 0;
	out->boxes = 0;
	for (size_t i = 0; i < len; i++) {
		const uint8_t *pk = all[i].cert.block.device_pk;

		if (all[i].gone) {
			out->gone[out->gone_len].since = all[i].since;
			memcpy(out->gone[out->gone_len++].pk, pk, 32);
		} else if (out->len < PERSON_DEVICES_MAX &&
		    all[i].cert.rank > 0) {
			out->certs[out->len++] =
			    cert_grantee(&all[i].cert, &all[i].box);
			out->boxes += all[i].box.counter;
		}
	}
	return LK_NONE;
}

static lk_err
known_load(struct engine *e)
{
	struct bytes value;
	struct rd rd;
	lk_err err;

	if (e->devices_known != 0)
		return LK_NONE;
	err = kv_get(docstate_space(e->r, STORE_DEVICE, SPACE_META),
	    BYTES_STR(known_key), &value);
	if (err.code != LK_OK)
		return err.code == LK_E_NOTFOUND ? LK_NONE : err;
	rd = rd_over(value);
	e->devices_known = rd_u32(&rd);
	e->gone_known = rd_u32(&rd);
	return LK_NONE;
}

lk_err
contacts_tell(struct engine *e)
{
	struct link *l;

	TAILQ_FOREACH (l, &e->links, next)
		if (l->state == LINK_OPEN)
			TRY(link_tell_card(e, l));
	return LK_NONE;
}

static lk_err
known_save(struct engine *e, const struct fanout_list *list)
{
	bool same =
	    e->devices_known == list->len && e->gone_known == list->gone_len;
	bool tell =
	    list->gone_len > e->gone_known || list->boxes > e->boxes_known;
	BUF_SCOPED b = { .max = 8 };

	e->boxes_known = list->boxes;
	e->gone_known = list->gone_len;
	if (tell)
		TRY(contacts_tell(e));
	if (same)
		return LK_NONE;
	e->devices_known = list->len;
	buf_u32(&b, (uint32_t)list->len);
	buf_u32(&b, (uint32_t)list->gone_len);
	TRY(buf_err(&b, "devices"));
	return kv_put(docstate_space(e->r, STORE_DEVICE, SPACE_META),
	    BYTES_STR(known_key), buf_bytes(&b));
}

lk_err
fanout_start(struct engine *e, int64_t delay_ms)
{
	struct fanout_list list;

	TRY(fanout_load(e, &list));
	TRY(known_load(e));
	TRY(known_save(e, &list));
	TRY(fanout_save(e, 0));
	e->fanout.ms = e->now.mono.ms + delay_ms;
	if (e->fanout.ms < 1)
		e->fanout.ms = 1;
	if (e->fanout.ms < e->wake.ms)
		e->wake = e->fanout;
	return LK_NONE;
}

/* The home document changed: has it a device that was not there before, or is
 * one revoked? */
lk_err
fanout_watch(struct engine *e)
{
	struct fanout_list list;

	TRY(person_escrow(e->r));
	TRY(person_certificate(e->r, e->identity));
	TRY(fanout_load(e, &list));
	TRY(known_load(e));
	for (size_t i = 0; i < list.len; i++)
		TRY(peers_learn(e, &list.certs[i], NULL, NULL));
	if (e->devices_known != 0 && list.gone_len > e->gone_known)
		return fanout_start(e, FANOUT_GONE_MS);
	if (e->devices_known != 0 && list.len > e->devices_known)
		return fanout_start(e, FANOUT_OTHERS_MS);
	return known_save(e, &list);
}

/* Whether a revocation, or the device's own leave, named a grant of this key:
 * then nothing that happens in the background brings it back. */
static bool
was_named(const struct graph *g, const uint8_t key[static 32])
{
	struct member m;

	for (size_t i = 0; i < graph_members_len(g); i++) {
		graph_member(g, i, &m);
		if (m.named && memcmp(m.key, key, ACCESS_KEY_LEN) == 0)
			return true;
	}
	return false;
}

/* Takes the document away from devices that are gone, where they have it still
 * and this device may. */
static lk_err
document_end(struct engine *e, uint32_t docno, const struct fanout_list *list)
{
	for (size_t i = 0; i < list->gone_len; i++) {
		struct member_entry at = { .docno = docno };
		lk_err err = member_index_next(e->r, list->gone[i].pk, &at);

		if (err.code == LK_E_NOTFOUND ||
		    (err.code == LK_OK && (at.docno != docno || at.was)))
			continue;
		TRY(err);
		err = person_revoke_in(
		    e->r, docno, list->gone[i].pk, list->gone[i].since);
		if (err.code != LK_OK && err.code != LK_E_DENIED &&
		    err.code != LK_E_NOTFOUND)
			return err;
	}
	return LK_NONE;
}

/* Says the new box key of this device, where there is one. */
static lk_err
document_rekey(struct engine *e, uint32_t docno)
{
	lk_err err;

	if (e->identity->box_counter == 0)
		return LK_NONE;
	err = person_rekey_in(e->r, docno);
	return err.code == LK_E_EXISTS || err.code == LK_E_DENIED ||
		err.code == LK_E_NOTFOUND
	    ? LK_NONE
	    : err;
}

lk_err
fanout_document(
    struct engine *e, uint32_t docno, const struct fanout_list *list)
{
	TRY(document_end(e, docno, list));
	TRY(document_rekey(e, docno));
	for (size_t i = 0; i < list->len; i++) {
		const struct cert *cert = &list->certs[i];
		struct graph *g;
		lk_err err;

		TRY(replica_graph(e->r, docno, &g));
		if (memcmp(cert->block.device_pk, e->identity->sign.pk, 32) ==
			0 ||
		    was_named(g, cert->block.device_pk))
			continue;
		err = replica_enroll(e->r, docno, cert);
		if (err.code != LK_OK && err.code != LK_E_EXISTS &&
		    err.code != LK_E_DENIED && err.code != LK_E_NOTFOUND)
			return err;
	}
	return LK_NONE;
}

lk_err
fanout_step(struct engine *e)
{
	struct fanout_list list;
	uint32_t docno;
	lk_err err;

	if (e->fanout.ms == 0 || e->fanout.ms > e->now.mono.ms)
		return LK_NONE;
	err = fanout_cursor(e, &docno);
	if (err.code == LK_E_NOTFOUND) {
		e->fanout.ms = 0;
		return LK_NONE;
	}
	TRY(err);
	TRY(fanout_load(e, &list));
	for (int i = 0; i < FANOUT_SLICE; i++) {
		err = replica_doc_next(e->r, docno, &docno);
		if (err.code == LK_E_NOTFOUND) {
			e->fanout.ms = 0;
			return kv_del(
			    docstate_space(e->r, STORE_DEVICE, SPACE_META),
			    BYTES_STR(fanout_key));
		}
		TRY(err);
		TRY(fanout_document(e, docno, &list));
	}
	e->wake = e->now.mono;
	return fanout_save(e, docno);
}

lk_err
engine_device_revoke(struct engine *e, const uint8_t pk[static 32],
    struct wall since, struct now now)
{
	e->now = now;
	TRY(person_revoke(e->r, pk, since));
	return fanout_start(e, 0);
}

lk_err
engine_device_revoke_by_phrase(struct engine *e,
    const uint8_t entropy[static 16], const uint8_t pk[static 32],
    struct wall since, struct now now)
{
	struct sign_key root;
	lk_err err;

	e->now = now;
	TRY(recover_root(&root, entropy));
	err = person_revoke_by_root(e->r, &root, pk, since);
	sign_key_clear(&root);
	TRY(err);
	/* Where that one had certified this device, the root has done so now:
	 * what contacts are told next has to lead there. */
	TRY(person_certificate(e->r, e->identity));
	return fanout_start(e, 0);
}

lk_err
engine_key_rotate(struct engine *e, struct now now)
{
	struct identity next = *e->identity;
	lk_err err;

	e->now = now;
	err = identity_rotate(&next, &e->random);
	if (err.code == LK_OK)
		err = person_rotate(e->r, &next);
	if (err.code == LK_OK)
		err = fanout_start(e, 0);
	if (err.code == LK_OK)
		*e->identity = next;
	identity_clear(&next);
	return err;
}

bool
engine_fanning_out(const struct engine *e)
{
	return e->fanout.ms != 0;
}

lk_err
engine_device_left(struct engine *e, const uint8_t pk[static 32],
    uint32_t after, uint32_t *docno)
{
	struct member_entry at = { .docno = after };

	do {
		at.docno++;
		TRY(member_index_next(e->r, pk, &at));
	} while (at.was);
	*docno = at.docno;
	return LK_NONE;
}
