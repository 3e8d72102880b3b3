#include <stdlib.h>
#include <string.h>

#include "sync/engine_state.h"
#include "sync/member_index.h"

#define PASS_DELAY_MS 500    /* for what follows at once */
#define PASS_A_DEVICE_MS 100 /* and longer, the more there are */

static struct ack_pass *
pass_find(struct engine *e, uint32_t docno, const uint8_t pk[static 32])
{
	for (size_t i = 0; i < e->passes_len; i++)
		if (e->passes[i].docno == docno &&
		    memcmp(e->passes[i].pk, pk, 32) == 0)
			return &e->passes[i];
	return NULL;
}

/* NULL: there are too many, and comparing finds it later. */
static struct ack_pass *
pass_new(struct engine *e)
{
	size_t cap = e->passes_cap == 0 ? 16 : 2 * e->passes_cap;
	struct ack_pass *grown;

	if (e->passes_len < e->passes_cap)
		return &e->passes[e->passes_len++];
	if (e->passes_len == ACK_PASSES_MAX)
		return NULL;
	grown = reallocarray(e->passes, cap, sizeof(*grown));
	if (grown == NULL)
		return NULL;
	e->passes = grown;
	e->passes_cap = cap;
	return &e->passes[e->passes_len++];
}

lk_err
acks_pass_among(struct engine *e, uint32_t docno, uint32_t *devices)
{
	TRY(member_index_count(e->r, docno, devices));
	if (*devices < 3 || *devices > ACK_PASS_DEVICES_MAX)
		*devices = 0;
	return LK_NONE;
}

lk_err
acks_pass_note(struct engine *e, uint32_t docno, const uint8_t pk[static 32],
    uint64_t conn)
{
	struct ack_pass *p = pass_find(e, docno, pk);
	uint32_t devices;

	TRY(acks_pass_among(e, docno, &devices));
	if (devices == 0)
		return LK_NONE;
	e->acks_generation++;
	if (p == NULL) {
		p = pass_new(e);
		if (p == NULL)
			return LK_NONE;
		*p = (struct ack_pass){ .docno = docno };
		memcpy(p->pk, pk, 32);
		p->due.ms = e->now.mono.ms + PASS_DELAY_MS +
		    PASS_A_DEVICE_MS * (int64_t)devices;
	}
	/* Who had the one before has not this one. */
	p->from[0] = conn;
	p->from_len = 1;
	if (p->due.ms < e->wake.ms)
		e->wake = p->due;
	return LK_NONE;
}

lk_err
acks_pass_known(
    struct engine *e, struct link *l, uint32_t docno, const struct ack *a)
{
	for (size_t i = 0; i < e->passes_len; i++) {
		struct ack_pass *p = &e->passes[i];
		struct ack_record known;

		if (p->docno != docno || p->from_len == ACK_PASS_FROM_MAX ||
		    ack_record_get(e->r, docno, p->pk, &known).code != LK_OK)
			continue;
		if (bytes_equal(known.said, a->said))
			p->from[p->from_len++] = l->conn;
	}
	return LK_NONE;
}

static bool
pass_has(const struct ack_pass *p, const struct link *l)
{
	for (size_t i = 0; i < p->from_len; i++)
		if (p->from[i] == l->conn)
			return true;
	return memcmp(p->pk, l->pk, 32) == 0;
}

static lk_err
pass_send(struct engine *e, struct link *l, uint32_t number, struct bytes said)
{
	BUF_SCOPED b = { .max = 8192 };

	buf_u32(&b, number);
	buf_add(&b, said);
	TRY(buf_err(&b, "ACK"));
	link_send(e, l, MSG_ACK, buf_bytes(&b));
	return LK_NONE;
}

static lk_err
pass_on(struct engine *e, const struct ack_pass *p)
{
	struct ack_record a;
	struct link *l;
	lk_err err = ack_record_get(e->r, p->docno, p->pk, &a);

	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	if (a.said.len == 0)
		return LK_NONE;
	TAILQ_FOREACH (l, &e->links, next) {
		uint32_t number = topics_of(l, p->docno);

		if (l->state == LINK_OPEN && number != GRAPH_NONE &&
		    link_topic_is_shared(topics_number(l, number)) &&
		    link_has_room(l) && !pass_has(p, l))
			TRY(pass_send(e, l, number, a.said));
	}
	return LK_NONE;
}

lk_err
acks_pass_step(struct engine *e)
{
	size_t kept = 0;

	for (size_t i = 0; i < e->passes_len; i++) {
		if (e->passes[i].due.ms > e->now.mono.ms)
			e->passes[kept++] = e->passes[i];
		else
			TRY(pass_on(e, &e->passes[i]));
	}
	e->passes_len = kept;
	return LK_NONE;
}

int64_t
acks_pass_next_ms(const struct engine *e)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < e->passes_len; i++)
		if (e->passes[i].due.ms < next)
			next = e->passes[i].due.ms;
	return next;
}

/* The next record of a document's member that can be passed on, and is neither
 * the peer's nor our own. Of who is none any more nothing new is taken, so
 * devices would differ about him for ever. */
static lk_err
known_next(struct engine *e, const struct link *l, uint32_t docno,
    uint8_t pk[static 32], struct ack_record *a)
{
	for (;;) {
		bool member = false;

		TRY(ack_record_next(e->r, docno, pk, a));
		if (a->said.len > 0 && memcmp(pk, l->pk, 32) != 0 &&
		    memcmp(pk, e->identity->sign.pk, 32) != 0)
			TRY(member_index_has(e->r, docno, pk, &member));
		if (member)
			return LK_NONE;
		if (!bytes_next(pk, 32))
			return LK_ERR(LK_E_NOTFOUND, "ACK record");
	}
}

/* Each message begins with whose it is, incarnation and counter. */
lk_err
acks_sum(struct engine *e, const struct link *l, uint32_t docno,
    struct fingerprint *f)
{
	uint8_t pk[32] = { 0 }, one[32];
	struct ack_record a;
	uint32_t devices;

	*f = (struct fingerprint){ .count = 0 };
	TRY(acks_pass_among(e, docno, &devices));
	if (devices == 0)
		return LK_NONE;
	do {
		lk_err err = known_next(e, l, docno, pk, &a);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		digest(one, sizeof(one), DIGEST_FP, NULL,
		    BYTES(a.said.ptr, LK_TOPIC_LEN + INCARNATION_LEN + 8));
		fingerprint_add(f, one);
	} while (bytes_next(pk, sizeof(pk)));
	return LK_NONE;
}

lk_err
acks_tell(struct engine *e, struct link *l, uint32_t number)
{
	struct link_topic *t = topics_number(l, number);
	uint8_t pk[32] = { 0 };
	struct ack_record a;
	uint32_t devices, n = 0;

	if (t == NULL || !link_topic_is_shared(t))
		return LK_NONE;
	TRY(acks_pass_among(e, t->docno, &devices));
	if (devices == 0)
		return LK_NONE;
	do {
		lk_err err = known_next(e, l, t->docno, pk, &a);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		TRY(pass_send(e, l, number, a.said));
	} while (++n < ACK_PASS_DEVICES_MAX && bytes_next(pk, sizeof(pk)));
	l->spent += n;
	return LK_NONE;
}
