#include <string.h>

#include "sync/acks.h"
#include "sync/engine_state.h"

/* How many essential envelopes lie outside the past of the heads a device has
 * acknowledged, and since when; *lacking when it holds one we do not. */
static lk_err
ack_missing(struct replica *r, struct docstate *ds, const struct ack_record *a,
    struct sync_status *s, bool *lacking)
{
	uint32_t heads[ACK_HEADS_MAX];
	size_t n = 0;

	*lacking = false;
	for (size_t i = 0; i < a->heads_len; i++) {
		uint32_t node = graph_find(ds->graph, a->heads + i * LK_ID_LEN);

		if (node == GRAPH_NONE)
			*lacking = true;
		else
			heads[n++] = node;
	}
	for (uint32_t node = graph_len(ds->graph); node-- > 0;) {
		struct node record;
		bool has = false;

		if (!graph_essential(ds->graph, node))
			continue;
		for (size_t i = 0; i < n && !has; i++)
			has = graph_in_past(ds->graph, node, heads[i]);
		if (has)
			continue;
		s->pending++;
		TRY(node_get(r, ds->docno, node, &record));
		s->oldest = record.received;
	}
	return LK_NONE;
}

/* Whether these heads say what this device's own do; *sure false: one of them
 * counts for nothing here, so that it takes more to tell. */
static bool
heads_agree(const struct docstate *ds, const struct ack_record *a, bool *sure)
{
	uint8_t mine[ACK_HEADS_MAX][LK_ID_LEN];
	size_t n = graph_heads(ds->graph, mine, ACK_HEADS_MAX);
	bool agree = n <= ACK_HEADS_MAX;

	*sure = agree;
	for (size_t i = 0; i < a->heads_len; i++) {
		uint32_t node = graph_find(ds->graph, a->heads + i * LK_ID_LEN);

		if (node == GRAPH_NONE)
			return false;
		*sure &= graph_essential(ds->graph, node);
	}
	for (size_t i = 0; i < n && agree; i++) {
		bool said = false;

		for (size_t k = 0; k < a->heads_len && !said; k++)
			said = memcmp(mine[i], a->heads + k * LK_ID_LEN,
				   LK_ID_LEN) == 0;
		agree = said;
	}
	return agree;
}

lk_err
acks_equal(struct replica *r, struct docstate *ds, struct ack_record *a)
{
	struct sync_status s = { .pending = 0 };
	struct fingerprint fp;
	bool sure = true, agree = heads_agree(ds, a, &sure), lacking = false;

	if (!sure) {
		TRY(ack_missing(r, ds, a, &s, &lacking));
		agree = s.pending == 0 && !lacking;
	}
	if (!agree)
		return LK_NONE;
	TRY(fingerprint_doc(r->txn, ds->docno, &fp));
	memcpy(a->equal, fp.sum, sizeof(a->equal));
	return LK_NONE;
}

/* The i-th other device that may read the document. */
bool
acks_reader(const struct engine *e, const struct docstate *ds, size_t i,
    uint8_t pk[static 32])
{
	for (size_t m = 0; m < graph_members_len(ds->graph); m++) {
		struct member member, before;
		bool again = false;

		graph_member(ds->graph, m, &member);
		if ((member.flags & GRANT_COLD) != 0 || member.rank == 0 ||
		    memcmp(member.key, e->identity->sign.pk, 32) == 0 ||
		    graph_role(ds->graph, member.key) < ROLE_READ)
			continue;
		for (size_t b = 0; b < m && !again; b++) {
			graph_member(ds->graph, b, &before);
			again = memcmp(before.key, member.key, 32) == 0;
		}
		if (!again && i-- == 0) {
			memcpy(pk, member.key, 32);
			return true;
		}
	}
	return false;
}

lk_err
acks_cover(struct engine *e, struct docstate *ds, const uint8_t pk[static 32],
    uint32_t node, bool *cover)
{
	struct ack_record a;
	lk_err err = ack_record_get(e->r, ds->docno, pk, &a);

	*cover = false;
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	/* Whoever passed it on knows other keys than we do. */
	if (a.passed)
		return LK_NONE;
	*cover = ack_says_forgotten(&a);
	for (size_t i = 0; i < a.heads_len && !*cover; i++) {
		uint32_t head = graph_find(ds->graph, a.heads + i * LK_ID_LEN);

		*cover =
		    head != GRAPH_NONE && graph_in_past(ds->graph, node, head);
	}
	return LK_NONE;
}

lk_err
acks_stand(
    struct engine *e, uint32_t docno, const uint8_t pk[static 32], bool *stand)
{
	struct fingerprint fp;
	struct ack_record a;
	lk_err err = ack_record_get(e->r, docno, pk, &a);

	*stand = false;
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	TRY(fingerprint_doc(e->r->txn, docno, &fp));
	*stand = fp.count > 0 && memcmp(fp.sum, a.equal, sizeof(a.equal)) == 0;
	return LK_NONE;
}

lk_err
engine_sync_status(
    struct engine *e, uint32_t docno, size_t i, struct sync_status *out)
{
	struct sync_status s = { .state = SYNC_UNKNOWN };
	struct grant_ref mine;
	struct ack_record a;
	struct docstate *ds;
	struct peer *peer;
	bool lacking;
	lk_err err;

	TRY(docstate_get(e->r, docno, &ds));
	/* Who was revoked is told nothing, so he cannot say who has what. */
	if (graph_grant_for(ds->graph, e->identity->sign.pk, ROLE_RELAY, &mine)
		    .code == LK_E_DENIED ||
	    !acks_reader(e, ds, i, s.pk))
		return LK_ERR(LK_E_NOTFOUND, "device");
	s.connected = link_of(e, s.pk) != NULL;
	err = ack_record_get(e->r, docno, s.pk, &a);
	if (err.code == LK_E_NOTFOUND) {
		peer = peers_find(e, s.pk);
		if (peer != NULL)
			s.oldest = peer->seen;
		*out = s;
		return LK_NONE;
	}
	TRY(err);
	if (ack_says_forgotten(&a)) {
		s.state = SYNC_FORGOTTEN;
		s.oldest = a.when;
		*out = s;
		return LK_NONE;
	}
	TRY(ack_missing(e->r, ds, &a, &s, &lacking));
	s.state = s.pending > 0 || lacking ? SYNC_PENDING : SYNC_DONE;
	if (s.pending == 0)
		s.oldest = a.when;
	*out = s;
	return LK_NONE;
}
