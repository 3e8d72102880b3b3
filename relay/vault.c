#include "relay/vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USAGE_KEY "usage"
#define LETTERS_KEY "letters" /* the last number given to one */
#define GOING_KEY_LEN 5
#define LETTER_KEY_LEN (1 + RELAY_SLOT_LEN + 8)
#define LSN_LEN 8
#define ACK_KEY_LEN (1 + LK_TOPIC_LEN)
#define DROP_SLICE 1024
/* What an envelope takes of what may come: each ms brings as many of these as
 * envelopes may come in a minute. */
#define PUT_COST 60000
/* What the indexes and half empty pages of a full vault may take beside what
 * is counted; where it is not enough, the database says it is full. */
#define MAP_SPARE ((uint64_t)64 * 1024 * 1024)

void
vaults_init(struct vaults *v, const char *dir)
{
	*v = (struct vaults){ .len = 0 };
	TAILQ_INIT(&v->open);
	(void)strlcpy(v->dir, dir, sizeof(v->dir));
}

static void
vault_close(struct vaults *v, struct vault *vault)
{
	LK_ASSERT(vault->txn == NULL);
	TAILQ_REMOVE(&v->open, vault, next);
	v->len--;
	store_close(vault->store);
	free(vault);
}

void
vaults_clear(struct vaults *v)
{
	vaults_abort(v);
	while (!TAILQ_EMPTY(&v->open))
		vault_close(v, TAILQ_FIRST(&v->open));
}

static lk_err
vault_path(char out[static PATH_MAX], const struct vaults *v, uint32_t number)
{
	int n = snprintf(out, PATH_MAX, "%s/%u", v->dir, (unsigned)number);

	return n > 0 && n < PATH_MAX ? LK_NONE
				     : LK_ERR(LK_E_LIMIT, "path of an account");
}

/* Twice the quota holds any mix of short and long envelopes. */
static size_t
map_size(const struct account_limits *l)
{
	uint64_t most = SIZE_MAX / 4;

	return (size_t)(l->bytes > most / 2 - MAP_SPARE
		? most
		: 2 * l->bytes + MAP_SPARE);
}

static lk_err
vault_open(struct vaults *v, const struct account *a, struct vault **out)
{
	struct vault *vault = calloc(1, sizeof(*vault));
	char path[PATH_MAX];
	lk_err err;

	if (vault == NULL)
		return LK_ERR(LK_E_NOMEM, "account");
	vault->number = a->number;
	err = vault_path(path, v, a->number);
	if (err.code == LK_OK)
		err = store_open(&vault->store, path, map_size(&a->limits));
	if (err.code != LK_OK) {
		free(vault);
		return err;
	}
	TAILQ_INSERT_HEAD(&v->open, vault, next);
	v->len++;
	*out = vault;
	return LK_NONE;
}

/* Of the account (STORE_DEVICE), or of a topic. */
static lk_err
usage_read(struct vault *vault, uint32_t docno, struct vault_usage *out)
{
	struct kv kv = txn_space(vault->txn, docno, SPACE_META);
	struct vault_usage u = { 0 };
	struct bytes value;
	lk_err err = kv_get(kv, BYTES_STR(USAGE_KEY), &value);
	struct rd r;

	if (err.code == LK_OK) {
		r = rd_over(value);
		u.bytes = rd_u64(&r);
		u.envelopes = rd_u64(&r);
		if (!rd_done(&r))
			return LK_ERR(LK_E_CORRUPT, "usage of an account");
	} else if (err.code != LK_E_NOTFOUND) {
		return err;
	}
	*out = u;
	return LK_NONE;
}

static lk_err
usage_write(struct vault *vault, uint32_t docno, const struct vault_usage *u)
{
	struct kv kv = txn_space(vault->txn, docno, SPACE_META);
	BUF_SCOPED b = { .max = 16 };

	buf_u64(&b, u->bytes);
	buf_u64(&b, u->envelopes);
	TRY(buf_err(&b, "usage of an account"));
	return kv_put(kv, BYTES_STR(USAGE_KEY), buf_bytes(&b));
}

/* Big-endian, so that keys sort by it. */
static void
number_write(uint8_t *out, uint64_t number, size_t len)
{
	while (len-- > 0) {
		out[len] = (uint8_t)number;
		number >>= 8;
	}
}

static struct bytes
going_key(uint8_t out[static GOING_KEY_LEN], uint32_t docno)
{
	number_write(out + 1, docno, GOING_KEY_LEN - 1);
	out[0] = 'D';
	return BYTES(out, GOING_KEY_LEN);
}

/* The first topic that is being removed.  NOTFOUND. */
static lk_err
going_first(struct vault *vault, uint32_t *docno)
{
	struct kv kv = txn_space(vault->txn, STORE_DEVICE, SPACE_META);
	uint8_t key[GOING_KEY_LEN];
	struct bytes value;
	struct rd r = rd_over(BYTES(key + 1, 4));

	(void)going_key(key, 0);
	TRY(kv_walk(kv, key, sizeof(key), 1, &value));
	*docno = rd_u32(&r);
	return LK_NONE;
}

static lk_err
vault_begin(struct vault *vault)
{
	lk_err err;

	if (vault->failed)
		return LK_ERR(LK_E_SYS, "database of an account");
	if (vault->txn != NULL)
		return LK_NONE;
	TRY(txn_begin(vault->store, TXN_WRITE, &vault->txn));
	vault->used = false;
	err = usage_read(vault, STORE_DEVICE, &vault->usage);
	if (err.code == LK_OK) {
		uint32_t docno;

		vault->going = going_first(vault, &docno).code == LK_OK;
		return LK_NONE;
	}
	txn_abort(vault->txn);
	vault->txn = NULL;
	return err;
}

lk_err
vault_get(struct vaults *v, const struct account *a, struct vault **out)
{
	struct vault *vault;

	TAILQ_FOREACH (vault, &v->open, next)
		if (vault->number == a->number)
			break;
	if (vault == NULL)
		TRY(vault_open(v, a, &vault));
	TAILQ_REMOVE(&v->open, vault, next);
	TAILQ_INSERT_HEAD(&v->open, vault, next);
	TRY(vault_begin(vault));
	*out = vault;
	return LK_NONE;
}

lk_err
vault_look(struct vaults *v, const struct account *a, struct vault_usage *usage)
{
	size_t open = v->len;
	struct vault *vault;

	TRY(vault_get(v, a, &vault));
	*usage = vault->usage;
	if (v->len == open || open < RELAY_VAULTS_MAX)
		return LK_NONE;
	txn_abort(vault->txn);
	vault->txn = NULL;
	vault_close(v, vault);
	return LK_NONE;
}

void
vaults_commit(struct vaults *v)
{
	struct vault *vault;

	TAILQ_FOREACH (vault, &v->open, next) {
		lk_err err = LK_NONE;

		if (vault->txn == NULL)
			continue;
		if (vault->used)
			err = usage_write(vault, STORE_DEVICE, &vault->usage);
		if (err.code != LK_OK)
			txn_abort(vault->txn);
		else
			err = txn_commit(vault->txn);
		vault->txn = NULL;
		vault->failed = err.code != LK_OK;
	}
}

void
vaults_abort(struct vaults *v)
{
	struct vault *vault;

	TAILQ_FOREACH (vault, &v->open, next) {
		txn_abort(vault->txn);
		vault->txn = NULL;
	}
}

void
vaults_rest(struct vaults *v)
{
	struct vault *vault, *next;

	TAILQ_FOREACH_SAFE (vault, &v->open, next, next)
		if (vault->failed)
			vault_close(v, vault);
	while (v->len > RELAY_VAULTS_MAX)
		vault_close(v, TAILQ_LAST(&v->open, vault_list));
}

lk_err
vault_remove(struct vaults *v, uint32_t number)
{
	struct vault *vault;
	char path[PATH_MAX];

	TAILQ_FOREACH (vault, &v->open, next)
		if (vault->number == number)
			break;
	if (vault != NULL)
		vault_close(v, vault);
	TRY(vault_path(path, v, number));
	return store_remove(path);
}

enum vault_room
vault_room(struct vault *vault, const struct account_limits *l, size_t bytes,
    struct mono now)
{
	int64_t most = (int64_t)l->puts * PUT_COST;
	int64_t since = now.ms - vault->filled;
	uint64_t left;

	vault->puts += since < PUT_COST ? since * (int64_t)l->puts : most;
	if (vault->filled == 0 || vault->puts > most)
		vault->puts = most;
	vault->filled = now.ms;
	if (vault->usage.bytes > l->bytes ||
	    bytes + RELAY_ENVELOPE_COST > l->bytes - vault->usage.bytes)
		return VAULT_BYTES;
	if (vault->usage.envelopes >= l->envelopes)
		return VAULT_ENVELOPES;
	if (vault->puts < PUT_COST)
		return VAULT_RATE;
	if (store_disk_free(vault->store, &left).code != LK_OK ||
	    left < RELAY_DISK_MIN)
		return VAULT_DISK;
	return VAULT_ROOM;
}

void
vault_put_counted(struct vault *vault)
{
	vault->puts -= PUT_COST;
}

static void
usage_add(struct vault *vault, size_t bytes)
{
	vault->usage.bytes += bytes + RELAY_ENVELOPE_COST;
	vault->usage.envelopes++;
	vault->used = true;
}

static struct bytes
keys_key(uint8_t out[static LSN_LEN], uint64_t lsn)
{
	number_write(out, lsn, LSN_LEN);
	return BYTES(out, LSN_LEN);
}

lk_err
vault_append(struct vault *vault, struct log_entry *entry, bool has_keys)
{
	uint8_t key[LSN_LEN];
	struct vault_usage u;

	TRY(log_append(vault->txn, entry));
	TRY(essential_set(vault->txn, entry->id, true));
	if (has_keys)
		TRY(kv_put(txn_space(vault->txn, entry->docno, SPACE_KEYS),
		    keys_key(key, entry->lsn), BYTES_STR("k")));
	TRY(usage_read(vault, entry->docno, &u));
	u.bytes += entry->envelope.len + RELAY_ENVELOPE_COST;
	u.envelopes++;
	TRY(usage_write(vault, entry->docno, &u));
	usage_add(vault, entry->envelope.len);
	return LK_NONE;
}

lk_err
vault_next_keys(
    struct vault *vault, uint32_t docno, uint64_t lsn, struct log_entry *out)
{
	struct kv kv = txn_space(vault->txn, docno, SPACE_KEYS);
	uint8_t key[LSN_LEN];
	struct bytes value;
	struct rd r = rd_over(BYTES_OF(key));

	(void)keys_key(key, lsn);
	TRY(kv_walk(kv, key, sizeof(key), 0, &value));
	return log_next(vault->txn, docno, rd_u64(&r), out);
}

static struct bytes
ack_key(uint8_t out[static ACK_KEY_LEN], const uint8_t *tag)
{
	out[0] = 'a';
	memcpy(out + 1, tag, LK_TOPIC_LEN);
	return BYTES(out, ACK_KEY_LEN);
}

lk_err
vault_ack_get(struct vault *vault, uint32_t docno,
    const uint8_t tag[static LK_TOPIC_LEN], struct bytes *said)
{
	struct kv kv = txn_space(vault->txn, docno, SPACE_PEERS);
	uint8_t key[ACK_KEY_LEN];

	return kv_get(kv, ack_key(key, tag), said);
}

lk_err
vault_ack_next(struct vault *vault, uint32_t docno,
    uint8_t tag[static LK_TOPIC_LEN], struct bytes *said)
{
	struct kv kv = txn_space(vault->txn, docno, SPACE_PEERS);
	uint8_t key[ACK_KEY_LEN];

	(void)ack_key(key, tag);
	TRY(kv_walk(kv, key, sizeof(key), 1, said));
	memcpy(tag, key + 1, LK_TOPIC_LEN);
	return LK_NONE;
}

/* A topic's usage and the account's, by one record. */
static lk_err
usage_change(struct vault *vault, uint32_t docno, size_t before, size_t after)
{
	uint64_t was = before == 0 ? 0 : before + RELAY_ENVELOPE_COST;
	uint64_t is = after == 0 ? 0 : after + RELAY_ENVELOPE_COST;
	struct vault_usage u;

	TRY(usage_read(vault, docno, &u));
	u.bytes += is - was;
	u.envelopes += (uint64_t)(after > 0) - (before > 0);
	TRY(usage_write(vault, docno, &u));
	vault->usage.bytes += is - was;
	vault->usage.envelopes += (uint64_t)(after > 0) - (before > 0);
	vault->used = true;
	return LK_NONE;
}

lk_err
vault_ack_put(struct vault *vault, uint32_t docno,
    const uint8_t tag[static LK_TOPIC_LEN], struct bytes said)
{
	struct kv kv = txn_space(vault->txn, docno, SPACE_PEERS);
	uint8_t key[ACK_KEY_LEN];
	struct bytes before = { .len = 0 };
	lk_err err = kv_get(kv, ack_key(key, tag), &before);

	if (err.code != LK_E_NOTFOUND)
		TRY(err);
	TRY(usage_change(vault, docno, before.len, said.len));
	return said.len > 0 ? kv_put(kv, BYTES_OF(key), said)
			    : kv_del(kv, BYTES_OF(key));
}

lk_err
vault_drop(struct vault *vault, uint32_t docno)
{
	uint8_t key[GOING_KEY_LEN];
	struct vault_usage u;

	TRY(usage_read(vault, docno, &u));
	vault->usage.bytes -= u.bytes;
	vault->usage.envelopes -= u.envelopes;
	vault->used = vault->going = true;
	return kv_put(txn_space(vault->txn, STORE_DEVICE, SPACE_META),
	    going_key(key, docno), BYTES_STR("d"));
}

void
vault_fail(struct vault *vault)
{
	txn_abort(vault->txn);
	vault->txn = NULL;
	vault->failed = true;
}

/* A slice of one topic. */
static lk_err
vault_step(struct vault *vault)
{
	uint8_t key[GOING_KEY_LEN];
	uint32_t docno;
	bool done;
	lk_err err;

	TRY(vault_begin(vault));
	err = going_first(vault, &docno);
	vault->going = err.code == LK_OK;
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	TRY(store_drop(vault->txn, docno, DROP_SLICE, &done));
	return done ? kv_del(txn_space(vault->txn, STORE_DEVICE, SPACE_META),
			  going_key(key, docno))
		    : LK_NONE;
}

bool
vaults_step(struct vaults *v)
{
	struct vault *vault;
	bool more = false;

	TAILQ_FOREACH (vault, &v->open, next) {
		if (!vault->going || vault->failed)
			continue;
		if (vault_step(vault).code != LK_OK)
			vault_fail(vault);
		more |= vault->going;
	}
	return more;
}

static void
letter_key(
    uint8_t out[static LETTER_KEY_LEN], const uint8_t *slot, uint64_t number)
{
	out[0] = 'M';
	memcpy(out + 1, slot, RELAY_SLOT_LEN);
	(void)keys_key(out + 1 + RELAY_SLOT_LEN, number);
}

lk_err
letter_next(struct vault *vault, const uint8_t slot[static RELAY_SLOT_LEN],
    struct mailbox_letter *l)
{
	struct kv kv = txn_space(vault->txn, STORE_DEVICE, SPACE_WAIT);
	uint8_t key[LETTER_KEY_LEN];
	struct bytes value;
	struct rd r = rd_over(BYTES(key + 1 + RELAY_SLOT_LEN, LSN_LEN));

	letter_key(key, slot, l->number);
	TRY(kv_walk(kv, key, sizeof(key), 1 + RELAY_SLOT_LEN, &value));
	l->number = rd_u64(&r);
	l->letter = value;
	return LK_NONE;
}

/* Numbers are never used again, so that a DELETE that comes twice takes away
 * nothing that came in between. */
static lk_err
letter_number(struct vault *vault, uint64_t *number)
{
	struct kv kv = txn_space(vault->txn, STORE_DEVICE, SPACE_META);
	uint8_t next[LSN_LEN];
	struct bytes value;
	lk_err err = kv_get(kv, BYTES_STR(LETTERS_KEY), &value);
	struct rd r = rd_over(value);

	*number = 1;
	if (err.code == LK_OK)
		*number = rd_u64(&r) + 1;
	else if (err.code != LK_E_NOTFOUND)
		return err;
	return kv_put(kv, BYTES_STR(LETTERS_KEY), keys_key(next, *number));
}

lk_err
letter_add(struct vault *vault, const uint8_t slot[static RELAY_SLOT_LEN],
    struct bytes letter)
{
	struct kv kv = txn_space(vault->txn, STORE_DEVICE, SPACE_WAIT);
	uint8_t key[LETTER_KEY_LEN];
	struct mailbox_letter l = { .number = 0 };
	size_t n = 0;
	lk_err err;

	while ((err = letter_next(vault, slot, &l)).code == LK_OK) {
		if (bytes_equal(l.letter, letter))
			return LK_NONE;
		l.number++;
		n++;
	}
	if (err.code != LK_E_NOTFOUND)
		return err;
	if (n >= MAILBOX_LETTERS_MAX)
		return LK_ERR(LK_E_LIMIT, "mailbox");
	TRY(letter_number(vault, &l.number));
	letter_key(key, slot, l.number);
	TRY(kv_put(kv, BYTES_OF(key), letter));
	usage_add(vault, letter.len);
	return LK_NONE;
}

lk_err
letter_remove(struct vault *vault, const uint8_t slot[static RELAY_SLOT_LEN],
    uint64_t number)
{
	struct kv kv = txn_space(vault->txn, STORE_DEVICE, SPACE_WAIT);
	uint8_t key[LETTER_KEY_LEN];
	struct bytes value;
	lk_err err;

	letter_key(key, slot, number);
	err = kv_get(kv, BYTES_OF(key), &value);
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	vault->usage.bytes -= value.len + RELAY_ENVELOPE_COST;
	vault->usage.envelopes--;
	vault->used = true;
	return kv_del(kv, BYTES_OF(key));
}
