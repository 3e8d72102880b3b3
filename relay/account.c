#include "relay/account.h"

#include <string.h>

#define RECORD_MAX 4096
#define ACCOUNT_KEY_LEN (1 + SIGN_PK_LEN)
#define TOPIC_KEY_LEN (1 + SIGN_PK_LEN + LK_TOPIC_LEN)
#define SLOT_KEY_LEN (1 + RELAY_SLOT_LEN)
#define SLOT_LEN (SIGN_PK_LEN + 1)
#define INVITE_KEY_LEN (1 + RELAY_INVITE_LEN)

static struct bytes
account_key(uint8_t out[static ACCOUNT_KEY_LEN], const uint8_t *id)
{
	out[0] = 'A';
	memcpy(out + 1, id, SIGN_PK_LEN);
	return BYTES(out, ACCOUNT_KEY_LEN);
}

static struct bytes
topic_key(uint8_t out[static TOPIC_KEY_LEN], const uint8_t *account,
    const uint8_t *topic)
{
	out[0] = 'T';
	memcpy(out + 1, account, SIGN_PK_LEN);
	memcpy(out + 1 + SIGN_PK_LEN, topic, LK_TOPIC_LEN);
	return BYTES(out, TOPIC_KEY_LEN);
}

static struct bytes
slot_key(uint8_t out[static SLOT_KEY_LEN], const uint8_t *slot)
{
	out[0] = 'S';
	memcpy(out + 1, slot, RELAY_SLOT_LEN);
	return BYTES(out, SLOT_KEY_LEN);
}

static struct bytes
invite_key(uint8_t out[static INVITE_KEY_LEN], const uint8_t *token)
{
	out[0] = 'I';
	memcpy(out + 1, token, RELAY_INVITE_LEN);
	return BYTES(out, INVITE_KEY_LEN);
}

static void
limits_encode(struct buf *b, const struct account_limits *l)
{
	buf_u64(b, l->bytes);
	buf_u64(b, l->envelopes);
	buf_u32(b, l->puts);
}

static void
limits_decode(struct rd *r, struct account_limits *l)
{
	l->bytes = rd_u64(r);
	l->envelopes = rd_u64(r);
	l->puts = rd_u32(r);
}

/* A record of ours that does not fit its form. */
static lk_err
record_end(const struct rd *r)
{
	return rd_done(r) ? LK_NONE : LK_ERR(LK_E_CORRUPT, "relay's record");
}

lk_err
account_put(struct kv kv, const struct account *a)
{
	uint8_t key[ACCOUNT_KEY_LEN];
	BUF_SCOPED b = { .max = RECORD_MAX };

	buf_mem(&b, a->key, SIGN_PK_LEN);
	buf_mem(&b, a->successor, SIGN_PK_LEN);
	buf_u32(&b, a->number);
	buf_u32(&b, a->docno);
	buf_u32(&b, a->topics);
	buf_u32(&b, a->slots);
	limits_encode(&b, &a->limits);
	buf_u64(&b, (uint64_t)a->created.ms);
	TRY(buf_err(&b, "account"));
	return kv_put(kv, account_key(key, a->id), buf_bytes(&b));
}

static lk_err
account_decode(struct account *out, const uint8_t *id, struct bytes value)
{
	struct rd r = rd_over(value);
	struct account a;

	memcpy(a.id, id, SIGN_PK_LEN);
	rd_copy(&r, a.key, SIGN_PK_LEN);
	rd_copy(&r, a.successor, SIGN_PK_LEN);
	a.number = rd_u32(&r);
	a.docno = rd_u32(&r);
	a.topics = rd_u32(&r);
	a.slots = rd_u32(&r);
	limits_decode(&r, &a.limits);
	a.created.ms = (int64_t)rd_u64(&r);
	TRY(record_end(&r));
	*out = a;
	return LK_NONE;
}

lk_err
account_get(
    struct kv kv, const uint8_t id[static SIGN_PK_LEN], struct account *out)
{
	uint8_t key[ACCOUNT_KEY_LEN];
	struct bytes value;

	TRY(kv_get(kv, account_key(key, id), &value));
	return account_decode(out, id, value);
}

lk_err
account_next(struct kv kv, struct account *a)
{
	uint8_t key[ACCOUNT_KEY_LEN];
	struct bytes value;

	(void)account_key(key, a->id);
	TRY(kv_walk(kv, key, sizeof(key), 1, &value));
	return account_decode(a, key + 1, value);
}

/* Removes what begins so and, where `value` says something, has that value. */
static lk_err
records_remove(
    struct kv kv, uint8_t *at, size_t len, size_t fixed, struct bytes value)
{
	for (;;) {
		struct bytes found;
		lk_err err = kv_walk(kv, at, len, fixed, &found);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		if (found.len >= value.len &&
		    (value.len == 0 ||
			memcmp(found.ptr, value.ptr, value.len) == 0))
			TRY(kv_del(kv, BYTES(at, len)));
		if (!bytes_next(at, len))
			return LK_NONE;
	}
}

lk_err
account_remove(struct kv kv, const uint8_t id[static SIGN_PK_LEN])
{
	static const uint8_t first[LK_TOPIC_LEN];
	uint8_t key[ACCOUNT_KEY_LEN], topics[TOPIC_KEY_LEN];
	uint8_t slots[SLOT_KEY_LEN];
	struct account a;

	TRY(account_get(kv, id, &a));
	(void)topic_key(topics, id, first);
	(void)slot_key(slots, first);
	TRY(records_remove(
	    kv, topics, sizeof(topics), ACCOUNT_KEY_LEN, BYTES(NULL, 0)));
	TRY(records_remove(
	    kv, slots, sizeof(slots), 1, BYTES(id, SIGN_PK_LEN)));
	return kv_del(kv, account_key(key, id));
}

static lk_err
invitation_decode(struct invitation *out, struct bytes value)
{
	struct rd r = rd_over(value);

	out->expires.ms = (int64_t)rd_u64(&r);
	limits_decode(&r, &out->limits);
	return record_end(&r);
}

/* Takes one out; it is good no more whatever comes of it. */
static lk_err
invitation_take(
    struct kv kv, const uint8_t *token, struct wall now, struct invitation *out)
{
	uint8_t key[INVITE_KEY_LEN];
	struct bytes value;
	lk_err err = kv_get(kv, invite_key(key, token), &value);

	if (err.code == LK_E_NOTFOUND)
		return LK_ERR(LK_E_DENIED, "invitation");
	TRY(err);
	TRY(invitation_decode(out, value));
	TRY(kv_del(kv, invite_key(key, token)));
	return out->expires.ms > now.ms ? LK_NONE
					: LK_ERR(LK_E_DENIED, "invitation");
}

lk_err
invitation_put(struct kv kv, const struct invitation *i, struct wall now)
{
	uint8_t key[INVITE_KEY_LEN] = { 'I' };
	size_t open = 0;
	BUF_SCOPED b = { .max = RECORD_MAX };

	for (bool more = true; more; more = bytes_next(key, sizeof(key))) {
		struct invitation other;
		struct bytes value;
		lk_err err = kv_walk(kv, key, sizeof(key), 1, &value);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		TRY(invitation_decode(&other, value));
		if (other.expires.ms <= now.ms)
			TRY(kv_del(kv, BYTES_OF(key)));
		else
			open++;
	}
	if (open >= RELAY_INVITATIONS_MAX)
		return LK_ERR(LK_E_LIMIT, "invitations");
	buf_u64(&b, (uint64_t)i->expires.ms);
	limits_encode(&b, &i->limits);
	TRY(buf_err(&b, "invitation"));
	return kv_put(kv, invite_key(key, i->token), buf_bytes(&b));
}

/* A number for a vault. */
static lk_err
number_draw(struct kv kv, uint32_t *number)
{
	struct bytes value;
	lk_err err = kv_get(kv, BYTES_STR("N"), &value);
	struct rd r = rd_over(value);
	uint32_t last = 0;
	BUF_SCOPED b = { .max = 4 };

	if (err.code == LK_OK) {
		last = rd_u32(&r);
		TRY(record_end(&r));
	} else if (err.code != LK_E_NOTFOUND) {
		return err;
	}
	if (last == UINT32_MAX)
		return LK_ERR(LK_E_LIMIT, "accounts");
	*number = last + 1;
	buf_u32(&b, *number);
	TRY(buf_err(&b, "account"));
	return kv_put(kv, BYTES_STR("N"), buf_bytes(&b));
}

lk_err
account_create(struct kv kv, const uint8_t invite[static RELAY_INVITE_LEN],
    struct wall now, struct account *a)
{
	struct invitation used;
	struct account other;
	lk_err err = account_get(kv, a->id, &other);

	if (err.code == LK_OK)
		return LK_ERR(LK_E_EXISTS, "account");
	if (err.code != LK_E_NOTFOUND)
		return err;
	TRY(invitation_take(kv, invite, now, &used));
	a->limits = used.limits;
	a->created = now;
	a->docno = a->topics = a->slots = 0;
	memcpy(a->key, a->id, SIGN_PK_LEN);
	TRY(number_draw(kv, &a->number));
	return account_put(kv, a);
}

lk_err
topic_get(struct kv kv, const uint8_t account[static SIGN_PK_LEN],
    const uint8_t topic[static LK_TOPIC_LEN], struct topic_record *out)
{
	uint8_t key[TOPIC_KEY_LEN];
	struct topic_record t = { .len = 0 };
	struct bytes value;
	struct rd r;

	TRY(kv_get(kv, topic_key(key, account, topic), &value));
	r = rd_over(value);
	t.docno = rd_u32(&r);
	while (r.left.len > 0 && t.len < RELAY_CREDENTIALS_MAX) {
		struct topic_credential *c = &t.credentials[t.len++];
		uint8_t scope;

		rd_copy(&r, c->pk, SIGN_PK_LEN);
		scope = rd_u8(&r);
		if (scope < RELAY_FULL || scope > RELAY_KEYS)
			return LK_ERR(LK_E_CORRUPT, "relay's record");
		c->scope = scope;
	}
	TRY(record_end(&r));
	*out = t;
	return LK_NONE;
}

static lk_err
topic_put(struct kv kv, const uint8_t *account, const uint8_t *topic,
    const struct topic_record *t)
{
	uint8_t key[TOPIC_KEY_LEN];
	BUF_SCOPED b = { .max = RECORD_MAX };

	buf_u32(&b, t->docno);
	for (size_t i = 0; i < t->len; i++) {
		buf_mem(&b, t->credentials[i].pk, SIGN_PK_LEN);
		buf_u8(&b, (uint8_t)t->credentials[i].scope);
	}
	TRY(buf_err(&b, "topic"));
	return kv_put(kv, topic_key(key, account, topic), buf_bytes(&b));
}

static size_t
credential_find(const struct topic_record *t, const uint8_t *pk)
{
	size_t i = 0;

	while (i < t->len && memcmp(t->credentials[i].pk, pk, SIGN_PK_LEN) != 0)
		i++;
	return i;
}

enum relay_scope
topic_scope(const struct topic_record *t, const uint8_t pk[static SIGN_PK_LEN])
{
	size_t i = credential_find(t, pk);

	return i < t->len ? t->credentials[i].scope : RELAY_REFUSED;
}

/* The earliest that is good for keys alone makes room. */
static lk_err
credential_give_way(struct topic_record *t)
{
	size_t i = 0;

	while (i < t->len && t->credentials[i].scope != RELAY_KEYS)
		i++;
	if (i == t->len)
		return LK_ERR(LK_E_LIMIT, "credentials");
	t->len--;
	memmove(t->credentials + i, t->credentials + i + 1,
	    (t->len - i) * sizeof(*t->credentials));
	return LK_NONE;
}

static lk_err
credential_enter(struct topic_record *t, struct relay_credential c)
{
	size_t i = credential_find(t, c.pk);

	if (i < t->len) {
		if (c.scope > t->credentials[i].scope)
			t->credentials[i].scope = c.scope;
		return LK_NONE;
	}
	if (t->len == RELAY_CREDENTIALS_MAX)
		TRY(credential_give_way(t));
	memcpy(t->credentials[t->len].pk, c.pk, SIGN_PK_LEN);
	t->credentials[t->len++].scope = c.scope;
	return LK_NONE;
}

lk_err
topic_register(struct kv kv, struct account *a, const struct relay_register *m)
{
	struct topic_record t = { .len = 0 };
	lk_err err = topic_get(kv, a->id, m->topic, &t);

	if (err.code == LK_E_NOTFOUND) {
		if (a->topics >= RELAY_TOPICS_MAX || a->docno == UINT32_MAX)
			return LK_ERR(LK_E_LIMIT, "topics");
		t.docno = ++a->docno;
		a->topics++;
	} else {
		TRY(err);
	}
	/* Those that sink first: they make room. */
	for (size_t i = 0; i < m->len; i++)
		if (relay_credential(m, i).scope == RELAY_KEYS)
			TRY(credential_enter(&t, relay_credential(m, i)));
	for (size_t i = 0; i < m->len; i++)
		if (relay_credential(m, i).scope != RELAY_KEYS)
			TRY(credential_enter(&t, relay_credential(m, i)));
	TRY(topic_put(kv, a->id, m->topic, &t));
	return account_put(kv, a);
}

lk_err
topic_remove(
    struct kv kv, struct account *a, const uint8_t topic[static LK_TOPIC_LEN])
{
	uint8_t key[TOPIC_KEY_LEN];
	struct topic_record t;

	TRY(topic_get(kv, a->id, topic, &t));
	TRY(kv_del(kv, topic_key(key, a->id, topic)));
	a->topics--;
	return account_put(kv, a);
}

lk_err
slot_get(
    struct kv kv, const uint8_t slot[static RELAY_SLOT_LEN], struct slot *out)
{
	uint8_t key[SLOT_KEY_LEN];
	struct bytes value;

	TRY(kv_get(kv, slot_key(key, slot), &value));
	if (value.len != SLOT_LEN)
		return LK_ERR(LK_E_CORRUPT, "relay's record");
	memcpy(out->account, value.ptr, SIGN_PK_LEN);
	out->open = value.ptr[SIGN_PK_LEN] != 0;
	return LK_NONE;
}

static lk_err
slot_put(struct kv kv, const uint8_t *slot, const struct slot *s)
{
	uint8_t key[SLOT_KEY_LEN], value[SLOT_LEN];

	memcpy(value, s->account, SIGN_PK_LEN);
	value[SIGN_PK_LEN] = s->open;
	return kv_put(kv, slot_key(key, slot), BYTES_OF(value));
}

lk_err
slots_add(struct kv kv, struct account *a, const struct relay_register *m)
{
	struct slot wanted = { .open = m->what == RELAY_SLOTS_OPEN }, is;
	const uint8_t *added[RELAY_SLOTS_MAX];
	uint32_t n = 0;

	memcpy(wanted.account, a->id, SIGN_PK_LEN);
	for (size_t i = 0; i < m->len; i++) {
		const uint8_t *slot = m->list + i * RELAY_SLOT_LEN;
		lk_err err = slot_get(kv, slot, &is);

		if (err.code == LK_E_NOTFOUND)
			added[n++] = slot;
		else if (err.code != LK_OK)
			return err;
		else if (memcmp(is.account, a->id, SIGN_PK_LEN) != 0 &&
		    !is.open && !wanted.open)
			return LK_ERR(LK_E_DENIED, "slot");
	}
	if (n > RELAY_ACCOUNT_SLOTS_MAX - a->slots)
		return LK_ERR(LK_E_LIMIT, "slots");
	a->slots += n;
	for (uint32_t i = 0; i < n; i++)
		TRY(slot_put(kv, added[i], &wanted));
	return account_put(kv, a);
}

lk_err
slot_drop(
    struct kv kv, struct account *a, const uint8_t slot[static RELAY_SLOT_LEN])
{
	uint8_t key[SLOT_KEY_LEN];
	struct slot is;
	lk_err err = slot_get(kv, slot, &is);

	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	if (memcmp(is.account, a->id, SIGN_PK_LEN) != 0)
		return LK_NONE;
	a->slots--;
	TRY(kv_del(kv, slot_key(key, slot)));
	return account_put(kv, a);
}
