#include <stdlib.h>
#include <string.h>

#include "sync/message.h"
#include "sync/relay_message.h"
#include "tests/unit/sync/codec.h"

#define OUT_MAX (1024u * 1024)

static uint8_t h[RELAY_HASH_LEN];

typedef lk_err again_fn(struct buf *, struct bytes body);

static lk_err
open_again(struct buf *out, struct bytes body)
{
	struct relay_open m;

	TRY(relay_open_decode(&m, body));
	buf_u32(out, m.number);
	buf_mem(out, m.account, SIGN_PK_LEN);
	buf_mem(out, m.topic, LK_TOPIC_LEN);
	buf_mem(out, m.pk, SIGN_PK_LEN);
	buf_mem(out, m.sig, SIGN_LEN);
	return LK_NONE;
}

static lk_err
register_again(struct buf *out, struct bytes body)
{
	static const struct sign_key nobody;
	struct relay_register m;

	TRY(relay_register_decode(&m, body));
	relay_register_encode(out, &m, &nobody, h);
	/* The signature is another's; where it stands is what counts here. */
	if (m.sig != NULL)
		memcpy(out->ptr + out->len - SIGN_LEN, m.sig, SIGN_LEN);
	return LK_NONE;
}

static lk_err
purge_again(struct buf *out, struct bytes body)
{
	const uint8_t *topic;

	TRY(relay_purge_decode(&topic, body));
	relay_purge_encode(out, topic);
	return LK_NONE;
}

static lk_err
put_again(struct buf *out, struct bytes body)
{
	struct mailbox_put m;

	TRY(mailbox_put_decode(&m, body));
	mailbox_put_encode(out, &m);
	return LK_NONE;
}

static lk_err
get_again(struct buf *out, struct bytes body)
{
	const uint8_t *slot;

	TRY(mailbox_get_decode(&slot, body));
	mailbox_get_encode(out, slot);
	return LK_NONE;
}

static lk_err
delete_again(struct buf *out, struct bytes body)
{
	uint64_t numbers[MAILBOX_LETTERS_MAX];
	struct mailbox_delete m;

	TRY(mailbox_delete_decode(&m, body));
	assert_in_range(m.len, 1, MAILBOX_LETTERS_MAX);
	for (size_t i = 0; i < m.len; i++)
		numbers[i] = rd_u64(&m.numbers);
	assert_true(rd_done(&m.numbers));
	mailbox_delete_encode(out, m.slot, numbers, m.len);
	return LK_NONE;
}

static lk_err
opened_again(struct buf *out, struct bytes body)
{
	struct relay_opened m;

	TRY(relay_opened_decode(&m, body));
	relay_opened_encode(out, &m);
	return LK_NONE;
}

static lk_err
registered_again(struct buf *out, struct bytes body)
{
	struct relay_registered m;

	TRY(relay_registered_decode(&m, body));
	relay_registered_encode(out, &m);
	return LK_NONE;
}

static lk_err
stored_again(struct buf *out, struct bytes body)
{
	struct relay_stored m;

	TRY(relay_stored_decode(&m, body));
	assert_in_range(m.len, 1, RELAY_IDS_MAX);
	relay_stored_encode(out, &m);
	return LK_NONE;
}

static lk_err
quota_again(struct buf *out, struct bytes body)
{
	struct relay_quota m;

	TRY(relay_quota_decode(&m, body));
	relay_quota_encode(out, &m);
	return LK_NONE;
}

static lk_err
posted_again(struct buf *out, struct bytes body)
{
	struct mailbox_posted m;

	TRY(mailbox_posted_decode(&m, body));
	mailbox_posted_encode(out, &m);
	return LK_NONE;
}

static lk_err
content_again(struct buf *out, struct bytes body)
{
	struct mailbox_content m;
	struct mailbox_letter l;
	size_t n = 0;

	TRY(mailbox_content_decode(&m, body));
	mailbox_content_encode(out, m.slot, m.len);
	for (; mailbox_letter_next(&m, &l); n++)
		mailbox_letter_encode(out, &l);
	assert_int_equal(n, m.len);
	return LK_NONE;
}

static lk_err
ack_again(struct buf *out, struct bytes body)
{
	struct ack a;

	TRY(ack_decode(&a, body));
	buf_u32(out, a.topic);
	buf_add(out, a.clear);
	buf_mem(out, a.nonce, sizeof(a.nonce));
	buf_add(out, a.sealed);
	assert_int_equal(a.said.len, body.len - 4);
	return LK_NONE;
}

static const struct kind {
	uint64_t type, answer;
	again_fn *again;
	bool list; /* a prefix may be a shorter message */
} kinds[] = {
	{ MSG_RELAY_OPEN, 0, open_again, false },
	{ MSG_RELAY_REGISTER, 0, register_again, false },
	{ MSG_RELAY_PURGE, 0, purge_again, false },
	{ MSG_MAILBOX_PUT, 0, put_again, true },
	{ MSG_MAILBOX_GET, 0, get_again, false },
	{ MSG_MAILBOX_DELETE, 0, delete_again, true },
	{ MSG_ACK, 0, ack_again, true },
	{ MSG_RELAY_OPEN, 1, opened_again, false },
	{ MSG_RELAY_REGISTER, 1, registered_again, false },
	{ MSG_RELAY_STORED, 1, stored_again, true },
	{ MSG_RELAY_PURGE, 1, purge_again, false },
	{ MSG_RELAY_QUOTA, 1, quota_again, false },
	{ MSG_MAILBOX_PUT, 1, posted_again, false },
	{ MSG_MAILBOX_GET, 1, content_again, false },
	{ MSG_MAILBOX_DELETE, 1, delete_again, true },
	{ MSG_ACK, 1, ack_again, true },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const struct kind *
kind_of(struct json_object *v)
{
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].type == codec_number(v, "type") &&
		    kinds[i].answer == codec_number(v, "answer"))
			return &kinds[i];
	return NULL;
}

static void
every_message_of_the_protocol_is_read_and_written_again(void **state)
{
	struct json_object *all = codec_vectors("relay"), *v;
	bool seen[KINDS] = { false };

	(void)state;
	codec_get(h, sizeof(h), all, "h");
	for (size_t i = 0; (v = codec_item(all, "messages", i)) != NULL; i++) {
		VECTOR body = vector_get(v, "body");
		const struct kind *k = kind_of(v);
		BUF_SCOPED out = { .max = OUT_MAX };

		if (k == NULL) {
			assert_int_equal(body.len, 0);
			continue;
		}
		assert_ok(k->again(&out, VECTOR_VIEW(body)));
		assert_bytes(buf_bytes(&out), VECTOR_VIEW(body));
		seen[k - kinds] = true;
	}
	for (size_t i = 0; i < KINDS; i++)
		assert_true(seen[i]);
	json_object_put(all);
}

static void
every_body_the_protocol_calls_bad_is_refused(void **state)
{
	struct json_object *all = codec_vectors("relay"), *v;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "bad", i)) != NULL; i++) {
		VECTOR body = vector_get(v, "body");
		const struct kind *k = kind_of(v);
		BUF_SCOPED out = { .max = OUT_MAX };

		if (k != NULL)
			assert_true(
			    k->again(&out, VECTOR_VIEW(body)).code != LK_OK);
	}
	json_object_put(all);
}

struct damage {
	const struct kind *kind;
	size_t len;
};

/* What is taken is written again as it was; a prefix is taken of a list only.
 */
static void
damaged_decode(struct bytes body, void *ctx)
{
	const struct damage *d = ctx;
	BUF_SCOPED out = { .max = OUT_MAX };

	if (d->kind->again(&out, body).code != LK_OK)
		return;
	assert_bytes(buf_bytes(&out), body);
	assert_true(d->kind->list || body.len == d->len);
}

static void
a_prefix_or_a_byte_more_is_no_message_and_no_flipped_bit_is_lost(void **state)
{
	struct json_object *all = codec_vectors("relay"), *v;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "messages", i)) != NULL; i++) {
		VECTOR body = vector_get(v, "body");
		struct damage d = { kind_of(v), body.len };

		if (d.kind != NULL)
			codec_damage(
			    VECTOR_VIEW(body), 200, damaged_decode, &d);
	}
	json_object_put(all);
}

static struct json_object *
message_named(struct json_object *all, const char *name)
{
	struct json_object *v;

	for (size_t i = 0; (v = codec_item(all, "messages", i)) != NULL; i++)
		if (strcmp(json_object_get_string(vector_field(v, "name")),
			name) == 0)
			return v;
	fail();
	return NULL;
}

static void
a_topic_is_opened_with_the_credential_of_its_epoch(void **state)
{
	struct json_object *all = codec_vectors("relay");
	struct json_object *v = message_named(all, "open");
	VECTOR body = vector_get(v, "body");
	VECTOR ladder = vector_get(v, "L");
	uint8_t seed[SIGN_SEED_LEN], content[32];
	struct relay_open m;
	struct sign_key key;
	BUF_SCOPED out = { .max = OUT_MAX };

	(void)state;
	codec_get(h, sizeof(h), all, "h");
	assert_ok(relay_open_decode(&m, VECTOR_VIEW(body)));
	assert_true(relay_open_verify(&m, h));
	digest(content, 32, DIGEST_CONTENT, ladder.ptr, BYTES(NULL, 0));
	digest(seed, sizeof(seed), DIGEST_RELAY_CRED, content,
	    BYTES(m.topic, LK_TOPIC_LEN));
	sign_key_from_seed(&key, seed);
	assert_memory_equal(key.pk, m.pk, SIGN_PK_LEN);
	relay_open_encode(&out, &m, &key, h);
	assert_bytes(buf_bytes(&out), VECTOR_VIEW(body));
	/* In another session it opens nothing. */
	h[0] ^= 1;
	assert_false(relay_open_verify(&m, h));
	json_object_put(all);
}

static void
an_account_signs_for_this_session_only(void **state)
{
	static const char *const names[] = { "login", "create", "succeed" };
	struct json_object *all = codec_vectors("relay");

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct json_object *v = message_named(all, names[i]);
		VECTOR body = vector_get(v, "body");
		VECTOR seed = vector_get(v, "signer");
		struct relay_register m;
		struct sign_key key;
		BUF_SCOPED out = { .max = OUT_MAX };

		codec_get(h, sizeof(h), all, "h");
		sign_key_from_seed(&key, seed.ptr);
		assert_ok(relay_register_decode(&m, VECTOR_VIEW(body)));
		assert_true(relay_register_verify(&m, key.pk, h));
		relay_register_encode(&out, &m, &key, h);
		assert_bytes(buf_bytes(&out), VECTOR_VIEW(body));
		h[63] ^= 1;
		assert_false(relay_register_verify(&m, key.pk, h));
	}
	json_object_put(all);
}

static void
each_side_takes_what_the_other_says_and_no_more(void **state)
{
	struct json_object *all = codec_vectors("relay"), *v;
	uint32_t max[2][256] = { { 0 }, { 0 } };

	(void)state;
	relay_body_max(max[0]);
	relay_answer_max(max[1]);
	for (size_t i = 0; (v = codec_item(all, "messages", i)) != NULL; i++) {
		VECTOR body = vector_get(v, "body");

		assert_true(body.len <=
		    max[codec_number(v, "answer")][codec_number(v, "type")]);
	}
	assert_int_equal(max[0][MSG_RELAY_STORED], 0);
	assert_int_equal(max[0][MSG_MAILBOX_PUT], 16 + 8192);
	assert_int_equal(max[1][MSG_MAILBOX_GET], 17 + 8 * (10 + 8192));
	json_object_put(all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    every_message_of_the_protocol_is_read_and_written_again),
		cmocka_unit_test(every_body_the_protocol_calls_bad_is_refused),
		cmocka_unit_test(
		    a_prefix_or_a_byte_more_is_no_message_and_no_flipped_bit_is_lost),
		cmocka_unit_test(
		    a_topic_is_opened_with_the_credential_of_its_epoch),
		cmocka_unit_test(an_account_signs_for_this_session_only),
		cmocka_unit_test(
		    each_side_takes_what_the_other_says_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
