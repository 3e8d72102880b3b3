/*
 * guest.h - what guests of a relay say and hear, for tests.
 */
#ifndef TESTS_UNIT_RELAY_GUEST_H
#define TESTS_UNIT_RELAY_GUEST_H

#include "tests/unit/relay/house.h"

static inline void
key_draw(struct house *h, struct sign_key *k)
{
	uint8_t seed[SIGN_SEED_LEN];

	random_fill(&h->random, seed, sizeof(seed));
	sign_key_from_seed(k, seed);
}

static inline enum relay_result
guest_register(struct house *h, struct guest *g, const struct relay_register *m,
    const struct sign_key *key)
{
	struct relay_registered answer;
	BUF_SCOPED b = { .max = 8192 };

	relay_register_encode(&b, m, key, session_hash(g->session));
	guest_send(g, MSG_RELAY_REGISTER, buf_bytes(&b));
	house_settle(h);
	ok(relay_registered_decode(
	    &answer, guest_heard(g, MSG_RELAY_REGISTER)));
	assert_int_equal(answer.what, m->what);
	return answer.result;
}

struct owner {
	struct sign_key key, successor;
};

static inline void
invite_draw(struct house *h, struct invitation *i, uint64_t bytes)
{
	*i = (struct invitation){ .expires.ms = h->now.wall.ms + 1000000,
		.limits = { .bytes = bytes, .envelopes = 1000, .puts = 600 } };
	house_begin(h);
	ok(relay_invite(h->relay, i));
	house_end(h);
}

static inline enum relay_result
guest_create(struct house *h, struct guest *g, struct owner *o,
    const struct invitation *i)
{
	struct relay_register m = { .what = RELAY_CREATE,
		.account = o->key.pk,
		.successor = o->successor.pk,
		.invite = i->token };

	return guest_register(h, g, &m, &o->key);
}

/* A guest with a new account of so many bytes. */
static inline struct guest *
guest_with_account(struct house *h, struct owner *o, uint64_t bytes)
{
	struct guest *g = guest_come(h, "192.0.2.1:1");
	struct invitation i;

	key_draw(h, &o->key);
	key_draw(h, &o->successor);
	invite_draw(h, &i, bytes);
	assert_int_equal(guest_create(h, g, o, &i), RELAY_DONE);
	return g;
}

static inline enum relay_result
guest_login(struct house *h, struct guest *g, const uint8_t *account,
    const struct sign_key *key)
{
	struct relay_register m = { .what = RELAY_LOGIN, .account = account };

	return guest_register(h, g, &m, key);
}

static inline enum relay_result
guest_credential(struct house *h, struct guest *g, const uint8_t *topic,
    const struct sign_key *credential, enum relay_scope scope)
{
	uint8_t list[RELAY_CREDENTIAL_LEN];
	struct relay_register m = { .what = RELAY_CREDENTIALS,
		.topic = topic,
		.list = list,
		.len = 1 };

	memcpy(list, credential->pk, SIGN_PK_LEN);
	list[SIGN_PK_LEN] = (uint8_t)scope;
	return guest_register(h, g, &m, NULL);
}

/* Number 0 is the topic everywhere. */
static inline enum relay_scope
guest_opens(struct house *h, struct guest *g, const uint8_t *account,
    const uint8_t *topic, const struct sign_key *credential)
{
	struct relay_open m = { .account = account, .topic = topic };
	struct relay_opened answer;
	BUF_SCOPED b = { .max = 512 };

	item_state_clear(&g->items);
	item_state_clear(&g->sending);
	relay_open_encode(&b, &m, credential, session_hash(g->session));
	guest_send(g, MSG_RELAY_OPEN, buf_bytes(&b));
	house_settle(h);
	ok(relay_opened_decode(&answer, guest_heard(g, MSG_RELAY_OPEN)));
	assert_int_equal(answer.number, 0);
	return answer.scope;
}

/* What a relay can check of an envelope is right; the rest is noise. */
static inline void
envelope_noise(struct house *h, struct buf *out, const uint8_t *topic,
    uint64_t seq, bool has_keys, size_t plain)
{
	uint8_t noise[2048];

	assert_true(plain + 16 <= sizeof(noise));
	buf_u8(out, 1);
	buf_u8(out, has_keys ? 1 : 0);
	buf_mem(out, topic, LK_TOPIC_LEN);
	random_fill(&h->random, noise, 72);
	buf_mem(out, noise, LK_TOPIC_LEN);
	buf_u64(out, seq);
	if (seq == 1)
		memset(noise + 16, 0, LK_ID_LEN);
	buf_mem(out, noise + 16, LK_ID_LEN + LK_TOPIC_LEN + 8);
	random_fill(&h->random, noise, sizeof(noise));
	if (has_keys) {
		buf_u8(out, 1);
		buf_mem(out, noise, 32);
		buf_u16(out, 1);
		buf_mem(out, noise + 32, 36);
		buf_u8(out, 0);
	}
	buf_mem(out, noise, plain + 16);
}

static inline void
guest_puts(struct house *h, struct guest *g, struct bytes envelope)
{
	struct envelope env;
	BUF_SCOPED b = { .max = MESSAGE_MAX };

	ok(envelope_parse(&env, envelope));
	batch_encode(&b, 0, false);
	ok(item_encode(&b, &g->sending, &env));
	guest_send(g, MSG_BATCH, buf_bytes(&b));
	house_settle(h);
}

/* One more, of a new author; its id. */
static inline void
guest_puts_one(struct house *h, struct guest *g, const uint8_t *topic,
    bool has_keys, uint8_t id[static LK_ID_LEN])
{
	BUF_SCOPED raw = { .max = 4096 };

	envelope_noise(h, &raw, topic, 1, has_keys, 96);
	envelope_id(id, buf_bytes(&raw));
	guest_puts(h, g, buf_bytes(&raw));
}

/* How many envelopes are in the BATCHes said so far, and whether one has this
 * id; what was said is forgotten. */
static inline size_t
guest_got(struct guest *g, const uint8_t *topic, const uint8_t *id, bool *has)
{
	size_t n = 0;

	*has = false;
	for (size_t i = 0; i < g->said_len; i++) {
		struct batch batch;
		ARENA_SCOPED arena = { .max = 8u << 20 };

		if (g->said[i].type != MSG_BATCH)
			continue;
		ok(batch_decode(&batch, buf_bytes(&g->said[i].body)));
		for (; batch.items.left.len > 0; n++) {
			struct bytes all;
			uint8_t got[LK_ID_LEN];

			ok(item_decode(
			    &batch.items, &g->items, topic, &arena, &all));
			envelope_id(got, all);
			*has |= id != NULL && memcmp(got, id, LK_ID_LEN) == 0;
		}
	}
	guest_forget(g);
	return n;
}

#endif
