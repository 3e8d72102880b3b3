#include <stdlib.h>
#include <string.h>

#include "crypto/sign.h"
#include "sync/acks.h"
#include "sync/bucket.h"
#include "sync/docno_list.h"
#include "sync/forget.h"

#define ACK_DELAY_MS 20
#define ACK_CROWD_MS 2000
#define ACK_PLAIN_MAX (1 + ACK_HEADS_MAX * LK_ID_LEN + SIGN_LEN)

static void
acks_arm(struct engine *e)
{
	if (e->acks_due.ms == 0)
		e->acks_due.ms = e->now.mono.ms + ACK_DELAY_MS;
	if (e->acks_due.ms < e->wake.ms)
		e->wake = e->acks_due;
}

lk_err
acks_note(struct engine *e, uint32_t docno)
{
	/* In a crowd several edits are acknowledged together. */
	if (overlay_crowd(e, docno) != NULL) {
		if (e->late_len == 0)
			e->late_due.ms = e->now.mono.ms + ACK_CROWD_MS;
		return docno_list_add(
		    &e->late, &e->late_len, &e->late_cap, docno);
	}
	acks_arm(e);
	return docno_list_add(&e->acks, &e->acks_len, &e->acks_cap, docno);
}

lk_err
acks_counter(struct engine *e, uint32_t docno, uint64_t *out)
{
	struct docstate *ds;
	struct node node;

	*out = 0;
	TRY(docstate_get(e->r, docno, &ds));
	if (ds->forgotten)
		return forgotten_counter(e->r, ds, out);
	if (graph_len(ds->graph) == 0)
		return LK_NONE;
	TRY(node_get(e->r, docno, graph_len(ds->graph) - 1, &node));
	/* The one after what was there was used when it was forgotten. */
	*out = node.lsn + (ds->floor > 0);
	return LK_NONE;
}

/* "u8 n, ids" of the heads, and the signature over docid, AAD and that. */
static lk_err
ack_plain(struct engine *e, const struct docstate *ds, struct bytes aad,
    struct bytes heads, struct buf *plain)
{
	uint8_t sig[SIGN_LEN];
	BUF_SCOPED said = { .max = 4096 };

	buf_u8(plain, (uint8_t)(heads.len / LK_ID_LEN));
	buf_add(plain, heads);
	buf_add(&said, aad);
	buf_add(&said, buf_bytes(plain));
	TRY(buf_err(&said, "ACK"));
	sign(sig, &e->identity->sign, SIGN_ACK, BYTES(ds->docid, LK_ID_LEN),
	    buf_bytes(&said));
	buf_mem(plain, sig, sizeof(sig));
	return buf_err(plain, "ACK");
}

lk_err
acks_write(struct engine *e, struct docstate *ds, uint64_t counter,
    struct bytes heads, struct buf *b)
{
	uint8_t etag[ETAG_LEN], tag[LK_TOPIC_LEN], nonce[SEAL_NONCE_LEN];
	uint8_t key[EPOCH_SECRET_LEN];
	struct epoch epoch;
	BUF_SCOPED aad = { .max = 128 };
	BUF_SCOPED plain = { .max = ACK_PLAIN_MAX };
	lk_err err;

	if (graph_len(ds->graph) == 0 ||
	    graph_role(ds->graph, e->identity->sign.pk) < ROLE_READ)
		return LK_NONE;
	graph_any_epoch(ds->graph, etag);
	err = docstate_key(e->r, ds->docno, etag, &epoch);
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	epoch_ack_key(key, &epoch);
	secret_wipe(&epoch, sizeof(epoch));
	author_tag(tag, &ds->topic, e->identity->sign.pk);
	buf_mem(&aad, ds->topic.id, LK_TOPIC_LEN);
	buf_mem(&aad, tag, LK_TOPIC_LEN);
	buf_mem(&aad, e->incarnation, INCARNATION_LEN);
	buf_u64(&aad, counter);
	buf_mem(&aad, etag, ETAG_LEN);
	TRY(ack_plain(e, ds, buf_bytes(&aad), heads, &plain));
	random_fill(&e->random, nonce, sizeof(nonce));
	buf_mem(b, aad.ptr + LK_TOPIC_LEN, aad.len - LK_TOPIC_LEN);
	buf_mem(b, nonce, sizeof(nonce));
	seal(b, key, nonce, buf_bytes(&aad), buf_bytes(&plain));
	secret_wipe(key, sizeof(key));
	return buf_err(b, "ACK");
}

/* The same of what this device has now. */
static lk_err
ack_write(struct engine *e, struct docstate *ds, struct buf *b)
{
	uint8_t heads[ACK_HEADS_MAX][LK_ID_LEN];
	uint64_t counter;
	size_t n;

	if (ds->forgotten)
		return forgotten_said(e->r, ds, b);
	/* Of more, because somebody forks without end, what fits is no lie. */
	n = graph_heads(ds->graph, heads, ACK_HEADS_MAX);
	if (n > ACK_HEADS_MAX)
		n = ACK_HEADS_MAX;
	qsort(heads, n, LK_ID_LEN, lk_id_compare);
	TRY(acks_counter(e, ds->docno, &counter));
	return acks_write(e, ds, counter, BYTES(heads[0], n * LK_ID_LEN), b);
}

lk_err
acks_body(struct engine *e, uint32_t docno, uint32_t number, struct buf *b)
{
	struct docstate *ds;

	TRY(docstate_get(e->r, docno, &ds));
	buf_u32(b, number);
	TRY(ack_write(e, ds, b));
	if (b->len == 4)
		buf_reset(b);
	return LK_NONE;
}

lk_err
acks_send(struct engine *e, struct link *l, uint32_t number)
{
	const struct link_topic *t = topics_number(l, number);
	uint32_t docno = t->docno, devices;
	BUF_SCOPED b = { .max = 4096 };

	TRY(acks_pass_among(e, docno, &devices));
	if (devices == 0 && !t->forgotten_here) {
		acks_arm(e);
		return acks_say_soon(l, number);
	}
	TRY(acks_body(e, docno, number, &b));
	if (b.len > 0)
		link_send(e, l, MSG_ACK, buf_bytes(&b));
	return LK_NONE;
}

lk_err
acks_late(struct engine *e)
{
	if (e->late_len == 0 || e->late_due.ms > e->now.mono.ms)
		return LK_NONE;
	for (size_t i = 0; i < e->late_len; i++)
		TRY(docno_list_add(
		    &e->acks, &e->acks_len, &e->acks_cap, e->late[i]));
	e->late_len = 0;
	acks_arm(e);
	return LK_NONE;
}

/* In a crowd only neighbours are told. */
static bool
ack_wanted(const struct engine *e, struct link *l, uint32_t docno)
{
	uint32_t number = topics_of(l, docno);
	struct link_topic *t;

	if (l->state != LINK_OPEN || number == GRAPH_NONE)
		return false;
	t = topics_number(l, number);
	if (t->forgotten_here)
		return true;
	return t->serve == SERVE_FULL &&
	    (overlay_crowd(e, docno) == NULL || neighbour_active(t) != NULL);
}

lk_err
acks_flush(struct engine *e, size_t max)
{
	size_t n = e->acks_len < max ? e->acks_len : max;
	struct link *l;

	if (e->acks_due.ms == 0 || e->acks_due.ms > e->now.mono.ms)
		return LK_NONE;
	for (size_t i = 0; i < n; i++) {
		TAILQ_FOREACH (l, &e->links, next) {
			if (ack_wanted(e, l, e->acks[i]))
				TRY(acks_send(e, l, topics_of(l, e->acks[i])));
		}
	}
	if (n > 0)
		memmove(
		    e->acks, e->acks + n, (e->acks_len - n) * sizeof(*e->acks));
	e->acks_len -= n;
	TAILQ_FOREACH (l, &e->links, next)
		TRY(acks_say(e, l));
	e->acks_due.ms = e->acks_len > 0 ? e->now.mono.ms : 0;
	return LK_NONE;
}

/* Opens an acknowledgement of a device: its heads, proved. */
static lk_err
ack_open(struct engine *e, const uint8_t pk[static 32], struct docstate *ds,
    const struct ack *a, struct buf *plain)
{
	uint8_t tag[LK_TOPIC_LEN], key[EPOCH_SECRET_LEN];
	struct epoch epoch;
	struct bytes said;
	uint8_t *room;
	BUF_SCOPED aad = { .max = 4096 };
	lk_err err;

	author_tag(tag, &ds->topic, pk);
	if (memcmp(tag, a->tag, LK_TOPIC_LEN) != 0)
		return LK_ERR(LK_E_WAIT, "ACK of somebody else");
	err = docstate_key(e->r, ds->docno, a->etag, &epoch);
	if (err.code == LK_E_NOTFOUND)
		return LK_ERR(LK_E_WAIT, "ACK key");
	TRY(err);
	epoch_ack_key(key, &epoch);
	secret_wipe(&epoch, sizeof(epoch));
	buf_mem(&aad, ds->topic.id, LK_TOPIC_LEN);
	buf_add(&aad, a->clear);
	room = buf_extend(plain, a->sealed.len - SEAL_TAG_LEN);
	TRY(buf_err(plain, "ACK"));
	if (room == NULL)
		return LK_ERR(LK_E_TRUNCATED, "ACK");
	err = unseal(room, key, a->nonce, buf_bytes(&aad), a->sealed);
	secret_wipe(key, sizeof(key));
	TRY(err);
	if (plain->len < 1 + SIGN_LEN ||
	    plain->len != 1 + (size_t)room[0] * LK_ID_LEN + SIGN_LEN ||
	    room[0] > ACK_HEADS_MAX)
		return LK_ERR(LK_E_MALFORMED, "ACK");
	said = BYTES(plain->ptr, plain->len - SIGN_LEN);
	buf_add(&aad, said);
	TRY(buf_err(&aad, "ACK"));
	if (!sign_verify(plain->ptr + said.len, pk, SIGN_ACK,
		BYTES(ds->docid, LK_ID_LEN), buf_bytes(&aad)))
		return LK_ERR(LK_E_MALFORMED, "ACK signature");
	return LK_NONE;
}

lk_err
acks_keep(struct engine *e, struct docstate *ds, const uint8_t pk[static 32],
    struct ack_record *record, uint64_t conn)
{
	struct ack_record old = { .counter = 0 };
	lk_err err = ack_record_get(e->r, ds->docno, pk, &old);
	const struct link *l = link_find(e, conn);
	bool again;

	if (err.code != LK_OK && err.code != LK_E_NOTFOUND)
		return err;
	again = err.code == LK_OK &&
	    memcmp(old.incarnation, record->incarnation, INCARNATION_LEN) == 0;
	memcpy(record->former, again ? old.former : old.incarnation,
	    INCARNATION_LEN);
	again &= old.counter == record->counter && old.said.len > 0;
	record->when = e->now.wall;
	record->passed = l != NULL && memcmp(l->pk, pk, 32) != 0;
	TRY(acks_equal(e->r, ds, record));
	TRY(ack_record_put(e->r, ds->docno, pk, record));
	return again || record->said.len == 0
	    ? LK_NONE
	    : acks_pass_note(e, ds->docno, pk, conn);
}

/* The same of what was signed, its heads in `plain`. */
static lk_err
ack_keep(struct engine *e, struct docstate *ds, const uint8_t pk[static 32],
    const struct ack *a, const struct buf *plain, uint64_t conn)
{
	struct ack_record record = { .counter = a->counter,
		.heads = plain->ptr + 1,
		.heads_len = plain->ptr[0],
		.said = a->said };

	memcpy(record.incarnation, a->incarnation, INCARNATION_LEN);
	return acks_keep(e, ds, pk, &record, conn);
}

static const uint8_t stored_magic[4] = { 'L', 'K', 'A', '1' };

lk_err
acks_name(struct engine *e, struct docstate *ds, struct stored_name *name)
{
	struct rd rd = rd_over(BYTES_OF(e->incarnation));
	uint64_t counter;
	uint8_t pk[32];

	if (!ds->forgotten &&
	    (graph_len(ds->graph) == 0 ||
		graph_role(ds->graph, e->identity->sign.pk) < ROLE_READ ||
		!acks_reader(e, ds, 0, pk)))
		return LK_ERR(LK_E_NOTFOUND, "ACK");
	TRY(acks_counter(e, ds->docno, &counter));
	if (counter == 0)
		return LK_ERR(LK_E_NOTFOUND, "ACK");
	*name = (struct stored_name){
		.kind = STORED_ACK, .seq = rd_u64(&rd), .count = counter
	};
	memcpy(name->topic, ds->topic.id, LK_TOPIC_LEN);
	author_tag(name->tag, &ds->topic, e->identity->sign.pk);
	return LK_NONE;
}

lk_err
acks_store(struct engine *e, struct docstate *ds, struct buf *out)
{
	buf_mem(out, stored_magic, sizeof(stored_magic));
	TRY(ack_write(e, ds, out));
	return out->len > sizeof(stored_magic) ? LK_NONE
					       : LK_ERR(LK_E_NOTFOUND, "ACK");
}

/* Whose tag it is: of those who ever were members. */
static bool
tag_owner(const struct docstate *ds, const uint8_t tag[static LK_TOPIC_LEN],
    uint8_t pk[static 32])
{
	for (size_t i = 0; i < graph_members_len(ds->graph); i++) {
		uint8_t its[LK_TOPIC_LEN];
		struct member m;

		graph_member(ds->graph, i, &m);
		author_tag(its, &ds->topic, m.key);
		if (memcmp(its, tag, LK_TOPIC_LEN) != 0)
			continue;
		memcpy(pk, m.key, 32);
		return true;
	}
	return false;
}

/* Whether it says less than is known, or is of a store that is no more. */
static lk_err
ack_is_old(struct engine *e, uint32_t docno, const uint8_t pk[static 32],
    const struct ack *a, bool *old)
{
	struct ack_record known;
	lk_err err = ack_record_get(e->r, docno, pk, &known);

	*old = false;
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	*old = memcmp(known.former, a->incarnation, INCARNATION_LEN) == 0 ||
	    (memcmp(known.incarnation, a->incarnation, INCARNATION_LEN) == 0 &&
		a->counter <= known.counter);
	return LK_NONE;
}

/* Who is meant by an acknowledgement that came from a peer: the peer itself, or
 * somebody of whom it passes on what is news here. */
static lk_err
ack_subject(struct engine *e, struct link *l, struct docstate *ds,
    const struct ack *a, uint8_t pk[static 32], bool *news)
{
	uint8_t tag[LK_TOPIC_LEN];
	bool old;

	author_tag(tag, &ds->topic, l->pk);
	memcpy(pk, l->pk, 32);
	*news = memcmp(tag, a->tag, LK_TOPIC_LEN) == 0;
	if (*news)
		return LK_NONE;
	/* A device that is connected says itself what it has. */
	if (!tag_owner(ds, a->tag, pk) || link_of(e, pk) != NULL ||
	    memcmp(pk, e->identity->sign.pk, 32) == 0 ||
	    graph_role(ds->graph, pk) < ROLE_READ)
		return LK_NONE;
	TRY(ack_is_old(e, ds->docno, pk, a, &old));
	*news = !old;
	return LK_NONE;
}

lk_err
acks_received(struct engine *e, struct link *l, struct bytes body)
{
	struct docstate *ds;
	struct link_topic *t;
	uint8_t pk[32];
	struct ack a;
	bool news;
	BUF_SCOPED plain = { .max = ACK_PLAIN_MAX };
	lk_err err;

	TRY(ack_decode(&a, body));
	t = topics_number(l, a.topic);
	if (t == NULL)
		return LK_ERR(LK_E_MALFORMED, "ACK number");
	TRY(docstate_get(e->r, t->docno, &ds));
	TRY(ack_subject(e, l, ds, &a, pk, &news));
	if (!news)
		return acks_pass_known(e, l, t->docno, &a);
	err = ack_open(e, pk, ds, &a, &plain);
	if (err.code == LK_E_WAIT)
		return LK_NONE;
	TRY(err);
	/* When it is that very device that says so, now, a lower counter than
	 * before means that its store was put back, and that it has less. */
	if (memcmp(pk, l->pk, 32) == 0) {
		link_topic_acked(t);
		if (t->forgotten_there != (plain.ptr[0] == 0)) {
			t->forgotten_there = plain.ptr[0] == 0;
			l->equal_generation = 0;
			TRY(topics_serve(e, l, t));
		}
	}
	return ack_keep(e, ds, pk, &a, &plain, l->conn);
}

lk_err
acks_current(
    struct engine *e, struct docstate *ds, const struct ack *a, bool *current)
{
	BUF_SCOPED plain = { .max = ACK_PLAIN_MAX };
	uint64_t counter;
	lk_err err;

	*current = false;
	TRY(acks_counter(e, ds->docno, &counter));
	if (a->counter != counter ||
	    memcmp(a->incarnation, e->incarnation, INCARNATION_LEN) != 0)
		return LK_NONE;
	err = ack_open(e, e->identity->sign.pk, ds, a, &plain);
	*current = err.code == LK_OK;
	return err.code == LK_E_WAIT || err.code == LK_E_MALFORMED ? LK_NONE
								   : err;
}

lk_err
acks_kept(struct engine *e, struct docstate *ds, const struct ack *a)
{
	BUF_SCOPED plain = { .max = ACK_PLAIN_MAX };
	uint8_t pk[32];
	bool old;

	if (!tag_owner(ds, a->tag, pk))
		return LK_ERR(LK_E_WAIT, "ACK of a stranger");
	TRY(ack_is_old(e, ds->docno, pk, a, &old));
	if (old)
		return LK_NONE;
	/* A device that is connected says itself what it has; but it may be
	 * gone, and nobody knows yet. */
	if (link_of(e, pk) != NULL)
		return LK_ERR(LK_E_WAIT, "ACK of who is connected");
	TRY(ack_open(e, pk, ds, a, &plain));
	return ack_keep(e, ds, pk, a, &plain, 0);
}

lk_err
acks_stored(struct engine *e, struct docstate *ds,
    const struct stored_name *name, struct bytes in)
{
	BUF_SCOPED body = { .max = 8192 };
	struct rd rd = rd_over(in), number;
	struct bytes magic = rd_take(&rd, sizeof(stored_magic));
	struct ack a;

	if (rd.failed)
		return LK_ERR(LK_E_TRUNCATED, "ACK");
	if (memcmp(magic.ptr, stored_magic, sizeof(stored_magic)) != 0)
		return LK_ERR(LK_E_MALFORMED, "ACK");
	buf_u32(&body, 0);
	buf_add(&body, rd.left);
	TRY(buf_err(&body, "ACK"));
	TRY(ack_decode(&a, buf_bytes(&body)));
	number = rd_over(BYTES_OF(a.incarnation));
	if (memcmp(a.tag, name->tag, LK_TOPIC_LEN) != 0 ||
	    rd_u64(&number) != name->seq || a.counter != name->count)
		return LK_ERR(LK_E_MALFORMED, "ACK of another name");
	return acks_kept(e, ds, &a);
}
