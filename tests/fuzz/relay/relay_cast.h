/*
 * relay_cast.h - a relay for relay_fuzz.c, with what two people left there: its
 * store in memory's file system, made once.  Each has an account with two
 * topics, in them envelopes and an acknowledgement, and a mailbox with a
 * letter; there is an open invitation.  Included by it alone.
 */
#ifndef TESTS_FUZZ_RELAY_RELAY_CAST_H
#define TESTS_FUZZ_RELAY_RELAY_CAST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "relay/relay_state.h"
#include "sync/envelope.h"
#include "tests/fuzz/script.h"

#define ACCOUNTS 2
#define TOPICS 2 /* of each account */
#define SCOPES 3
#define LEFT 5  /* envelopes in each topic */
#define SLOTS 3 /* the last is nobody's */

struct cast {
	struct dh_key noise;
	struct random_seeded seeded;
	struct random random;
	struct store *store;
	struct relay *relay;
	struct txn *txn;
	struct now now;
	/* The last account is not created yet. */
	struct sign_key accounts[ACCOUNTS + 1], successors[ACCOUNTS + 1];
	struct sign_key credentials[SCOPES];
	uint8_t topics[TOPICS][LK_TOPIC_LEN];
	uint8_t slots[SLOTS][RELAY_SLOT_LEN];
	uint8_t invite[RELAY_INVITE_LEN];
	uint8_t ids[ACCOUNTS][TOPICS][LEFT][LK_ID_LEN];
};

static inline void
key_make(struct sign_key *k, uint8_t n)
{
	uint8_t seed[SIGN_SEED_LEN] = { n, 1 };

	sign_key_from_seed(k, seed);
}

/* What a relay can check of an envelope is right; the rest is what `n` says. */
static inline void
envelope_noise(struct buf *out, const uint8_t topic[static LK_TOPIC_LEN],
    uint32_t n, bool has_keys, size_t steps)
{
	uint8_t noise[36], zeros[32] = { 0 };

	memset(noise, (int)(1 + n % 251), sizeof(noise));
	buf_u8(out, 1);
	buf_u8(out, has_keys ? 1 : 0);
	buf_mem(out, topic, LK_TOPIC_LEN);
	buf_mem(out, noise, LK_TOPIC_LEN);
	buf_u64(out, 1 + n / 251);
	buf_mem(out, n < 251 ? zeros : noise, LK_ID_LEN);
	buf_mem(out, noise, LK_TOPIC_LEN + 8);
	if (has_keys) {
		buf_u8(out, 1);
		buf_mem(out, noise, 32);
		buf_u16(out, 1);
		buf_mem(out, noise, 36);
		buf_u8(out, 0);
	}
	for (size_t i = 0; i < 3 + steps; i++)
		buf_mem(out, noise, 32);
	buf_mem(out, noise, 16);
}

static inline void
cast_topic(struct cast *c, struct account *a, size_t who, size_t topic)
{
	static const uint8_t said[RELAY_ACK_MAX / 8] = { 1 };
	uint8_t list[SCOPES * RELAY_CREDENTIAL_LEN];
	struct relay_register m = { .what = RELAY_CREDENTIALS,
		.topic = c->topics[topic],
		.list = list,
		.len = SCOPES };
	struct kv kv = relay_records(c->relay);
	struct topic_record t;
	struct vault *vault;

	for (size_t i = 0; i < SCOPES; i++) {
		uint8_t *at = list + i * RELAY_CREDENTIAL_LEN;

		memcpy(at, c->credentials[i].pk, SIGN_PK_LEN);
		at[SIGN_PK_LEN] = (uint8_t)(RELAY_FULL + i);
	}
	must(topic_register(kv, a, &m));
	must(topic_get(kv, a->id, c->topics[topic], &t));
	must(vault_get(&c->relay->vaults, a, &vault));
	must(vault_ack_put(vault, t.docno, c->topics[topic], BYTES_OF(said)));
	for (uint32_t n = 0; n < LEFT; n++) {
		struct log_entry entry = { .docno = t.docno };
		struct envelope env;
		BUF_SCOPED b = { .max = 4096 };

		envelope_noise(&b, c->topics[topic], n, n % 2 == 1, n);
		must(envelope_parse(&env, buf_bytes(&b)));
		memcpy(entry.id, env.id, LK_ID_LEN);
		memcpy(entry.tag, env.tag, LK_TOPIC_LEN);
		memcpy(c->ids[who][topic][n], env.id, LK_ID_LEN);
		entry.seq = env.seq;
		entry.envelope = buf_bytes(&b);
		must(vault_append(vault, &entry, n % 2 == 1));
	}
}

static inline void
cast_account(struct cast *c, size_t who)
{
	struct kv kv = relay_records(c->relay);
	struct account a = { .topics = 0 };
	struct relay_register m = {
		.what = RELAY_SLOTS, .list = c->slots[who], .len = 1
	};
	struct vault *vault;

	memcpy(a.id, c->accounts[who].pk, SIGN_PK_LEN);
	memcpy(a.successor, c->successors[who].pk, SIGN_PK_LEN);
	must(account_create(kv, c->invite, c->now.wall, &a));
	must(slots_add(kv, &a, &m));
	must(vault_get(&c->relay->vaults, &a, &vault));
	must(letter_add(vault, c->slots[who], BYTES_STR("a letter")));
	for (size_t topic = 0; topic < TOPICS; topic++)
		cast_topic(c, &a, who, topic);
	must(account_put(kv, &a));
}

static inline void
cast_begin(struct cast *c)
{
	must(txn_begin(c->store, TXN_WRITE, &c->txn));
	relay_begin(c->relay, c->txn, c->now);
}

/* Small, so that every quota is met. */
static inline void
cast_invitation(struct cast *c)
{
	struct invitation i = { .expires.ms = c->now.wall.ms + 1000000,
		.limits = { .bytes = 32 * 1024, .envelopes = 40, .puts = 30 } };

	memcpy(i.token, c->invite, sizeof(i.token));
	must(invitation_put(relay_records(c->relay), &i, c->now.wall));
}

static inline void
cast_keys(struct cast *c)
{
	static const uint8_t secret[DH_LEN] = { 9 };

	dh_key_from_secret(&c->noise, secret);
	for (uint8_t i = 0; i <= ACCOUNTS; i++) {
		key_make(&c->accounts[i], i);
		key_make(&c->successors[i], (uint8_t)(16 + i));
	}
	for (uint8_t i = 0; i < SCOPES; i++)
		key_make(&c->credentials[i], (uint8_t)(32 + i));
	/* A list of them ascends. */
	for (size_t i = 0; i < SCOPES; i++)
		for (size_t j = i + 1; j < SCOPES; j++)
			if (memcmp(c->credentials[i].pk, c->credentials[j].pk,
				SIGN_PK_LEN) > 0) {
				struct sign_key other = c->credentials[i];

				c->credentials[i] = c->credentials[j];
				c->credentials[j] = other;
			}
	for (uint8_t i = 0; i < TOPICS; i++)
		memset(c->topics[i], 0x40 + i, LK_TOPIC_LEN);
	for (uint8_t i = 0; i < SLOTS; i++)
		memset(c->slots[i], 0x60 + i, RELAY_SLOT_LEN);
	memset(c->invite, 0x80, sizeof(c->invite));
}

static char cast_dir[] = "/dev/shm/lk-relay-fuzz-XXXXXX";

/* Not before: how much room there is is asked by name. */
static inline void
cast_remove(void)
{
	char command[sizeof(cast_dir) + 8];

	(void)snprintf(command, sizeof(command), "rm -rf %s", cast_dir);
	if (system(command) != 0)
		abort();
}

static inline void
cast_make(struct cast *c)
{
	struct relay_config config = { .dir = cast_dir, .noise = &c->noise };
	char path[sizeof(cast_dir) + 8];

	must(crypto_start());
	if (mkdtemp(cast_dir) == NULL || atexit(cast_remove) != 0)
		abort();
	(void)snprintf(path, sizeof(path), "%s/own", cast_dir);
	c->now = (struct now){ { 1000000 }, { INT64_C(1780000000000) } };
	cast_keys(c);
	config.random = random_from_seed(&c->seeded, 1);
	must(store_open(&c->store, path, (size_t)64 << 20));
	must(relay_new(&c->relay, &config));
	cast_begin(c);
	for (size_t i = 0; i < ACCOUNTS; i++) {
		cast_invitation(c);
		cast_account(c, i);
	}
	cast_invitation(c);
	relay_save(c->relay);
	must(txn_commit(c->txn));
	relay_committed(c->relay);
}

#endif
