#include <string.h>

#include "sync/engine_state.h"
#include "sync/person.h"

#define FANOUT_SLICE 64 /* documents a step */
/* The device that made another one this person's grants it everywhere at
 * once; the rest wait for that to arrive before they fill what is left. */
#define FANOUT_OTHERS_MS 60000

static const char fanout_key[] = "fanout";

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
fanout_start(struct engine *e, int64_t delay_ms)
{
	struct cert certs[PERSON_DEVICES_MAX];

	TRY(person_devices(e->r, certs, &e->devices_known));
	TRY(fanout_save(e, 0));
	e->fanout.ms = e->now.mono.ms + delay_ms;
	if (e->fanout.ms < 1)
		e->fanout.ms = 1;
	if (e->fanout.ms < e->wake.ms)
		e->wake = e->fanout;
	return LK_NONE;
}

/* The home document changed: has it a device that was not there before? */
lk_err
fanout_watch(struct engine *e)
{
	struct cert certs[PERSON_DEVICES_MAX];
	size_t len;

	TRY(person_devices(e->r, certs, &len));
	for (size_t i = 0; i < len; i++)
		TRY(peers_learn(e, &certs[i], NULL, NULL));
	if (e->devices_known != 0 && len > e->devices_known)
		return fanout_start(e, FANOUT_OTHERS_MS);
	e->devices_known = len;
	return LK_NONE;
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

lk_err
fanout_document(
    struct engine *e, uint32_t docno, const struct cert *certs, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		struct graph *g;
		lk_err err;

		TRY(replica_graph(e->r, docno, &g));
		if (memcmp(certs[i].block.device_pk, e->identity->sign.pk,
			32) == 0 ||
		    was_named(g, certs[i].block.device_pk))
			continue;
		err = replica_enroll(e->r, docno, &certs[i]);
		if (err.code != LK_OK && err.code != LK_E_EXISTS &&
		    err.code != LK_E_DENIED && err.code != LK_E_NOTFOUND)
			return err;
	}
	return LK_NONE;
}

lk_err
fanout_step(struct engine *e)
{
	struct cert certs[PERSON_DEVICES_MAX];
	size_t len;
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
	TRY(person_devices(e->r, certs, &len));
	for (int i = 0; i < FANOUT_SLICE; i++) {
		err = replica_doc_next(e->r, docno, &docno);
		if (err.code == LK_E_NOTFOUND) {
			e->fanout.ms = 0;
			return kv_del(
			    docstate_space(e->r, STORE_DEVICE, SPACE_META),
			    BYTES_STR(fanout_key));
		}
		TRY(err);
		TRY(fanout_document(e, docno, certs, len));
	}
	e->wake = e->now.mono;
	return fanout_save(e, docno);
}
