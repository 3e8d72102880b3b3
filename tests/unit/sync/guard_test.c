/* What guardians sign, and that it fits one statement only. */
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "sync/guard_request.h"

static struct access_op
some_grant(void)
{
	struct access_op op = { .kind = OP_GRANT };

	op.grant.key[0] = 7;
	op.grant.role = ROLE_ADMIN;
	op.grant.rank = 3;
	op.grant.flags = GRANT_COLD;
	return op;
}

static bool
genuine(
    const uint8_t *sig, const uint8_t *pk, const struct guard_statement *said)
{
	bool yes = false;

	assert_int_equal(guard_verify(sig, pk, said, &yes).code, LK_OK);
	return yes;
}

static void
a_signature_holds_for_its_op_author_and_nonce_alone(void **state)
{
	static const uint8_t seed[32] = { 9 };
	struct access_op op = some_grant(), changed = op;
	const struct guard_statement said = {
		.docid = { 1 }, .author = { 2 }, .nonce = { 3 }, .op = &op
	};
	struct guard_statement other;
	struct sign_key key;
	uint8_t sig[SIGN_LEN], one[GUARD_DIGEST_LEN], two[GUARD_DIGEST_LEN];

	(void)state;
	sign_key_from_seed(&key, seed);
	assert_int_equal(guard_sign(sig, &key, &said).code, LK_OK);
	assert_int_equal(guard_digest(one, &said).code, LK_OK);
	assert_true(genuine(sig, key.pk, &said));
	other = said;
	other.docid[31] = 1;
	assert_false(genuine(sig, key.pk, &other));
	other = said;
	other.author[0] = 1;
	assert_false(genuine(sig, key.pk, &other));
	other = said;
	other.nonce[15] = 1;
	assert_false(genuine(sig, key.pk, &other));
	changed.grant.rank = 2;
	other = said;
	other.op = &changed;
	assert_false(genuine(sig, key.pk, &other));
	assert_int_equal(guard_digest(two, &other).code, LK_OK);
	assert_memory_not_equal(one, two, sizeof(one));
	sign_key_clear(&key);
}

/* Else somebody who has not the document could be told another name. */
static void
a_signature_of_a_revocation_holds_for_whom_it_takes_from(void **state)
{
	static const uint8_t seed[32] = { 9 };
	struct revoke_entry entry = { .target = { { 4 }, 0 } };
	struct access_op op = { .kind = OP_REVOKE,
		.revoke = { .entries = &entry, .entries_len = 1 } };
	uint8_t key[ACCESS_KEY_LEN] = { 5 }, sig[SIGN_LEN];
	struct guard_statement said = { .op = &op, .targets = key };
	struct sign_key signer;

	(void)state;
	sign_key_from_seed(&signer, seed);
	assert_int_equal(guard_sign(sig, &signer, &said).code, LK_OK);
	assert_true(genuine(sig, signer.pk, &said));
	key[0] = 6;
	assert_false(genuine(sig, signer.pk, &said));
	sign_key_clear(&signer);
}

static void
hex_field(struct json_object *o, const char *name, uint8_t *out, size_t len)
{
	struct json_object *v;

	assert_true(json_object_object_get_ex(o, name, &v));
	assert_true(hex_decode(out, len, json_object_get_string(v)));
}

/* The inner op of a vector, as an envelope would bring it. */
static const struct access_op *
vector_op(struct arena *arena, struct json_object *o)
{
	BUF_SCOPED body = { 0 };
	struct json_object *v;
	uint8_t said[512];
	size_t len;
	struct body *b = arena_alloc(arena, sizeof(*b));
	struct bytes in;

	assert_true(json_object_object_get_ex(o, "op", &v));
	len = strlen(json_object_get_string(v)) / 2;
	assert_true(len <= sizeof(said));
	assert_true(hex_decode(said, len, json_object_get_string(v)));
	buf_init(&body, 1024);
	buf_u8(&body, 0);
	buf_uleb(&body, 0);
	buf_u8(&body, 1);
	buf_u8(&body, OP_GUARD);
	buf_uleb(&body, len + GUARD_NONCE_LEN + 1);
	buf_mem(&body, said, len);
	buf_mem(&body, (uint8_t[GUARD_NONCE_LEN]){ 0 }, GUARD_NONCE_LEN);
	buf_u8(&body, 0);
	in = arena_copy(arena, buf_bytes(&body));
	assert_int_equal(body_decode(b, arena, in).code, LK_OK);
	return b->ops[0].guard.op;
}

static const uint8_t *
targets_field(struct json_object *o, uint8_t targets[2][ACCESS_KEY_LEN])
{
	struct json_object *list;

	assert_true(json_object_object_get_ex(o, "targets", &list));
	assert_true(json_object_array_length(list) <= 2);
	for (size_t i = 0; i < json_object_array_length(list); i++)
		assert_true(hex_decode(targets[i], ACCESS_KEY_LEN,
		    json_object_get_string(
			json_object_array_get_idx(list, i))));
	return targets[0];
}

static struct bytes
text_field(struct json_object *o, const char *name)
{
	struct json_object *v;

	assert_true(json_object_object_get_ex(o, name, &v));
	return BYTES_STR(json_object_get_string(v));
}

/* The request for a statement is the text of the vector. */
static void
request_is(struct json_object *o, const struct guard_statement *said)
{
	ARENA_SCOPED arena = { .max = 1 << 20 };
	BUF_SCOPED again = { .max = GUARD_TEXT_MAX };
	struct bytes text = text_field(o, "request");
	struct guard_request q;

	assert_int_equal(guard_request_decode(&q, &arena, text).code, LK_OK);
	assert_int_equal(q.k, 2);
	assert_int_equal(q.m, 2);
	assert_true(bytes_equal(q.name, BYTES_STR("Plan")));
	q.said = *said;
	assert_int_equal(guard_request_encode(&again, &q).code, LK_OK);
	assert_true(bytes_equal(buf_bytes(&again), text));
}

static void
answer_is(struct json_object *o, const struct guard_statement *said,
    const uint8_t *sig)
{
	ARENA_SCOPED arena = { .max = 1 << 20 };
	uint8_t digest[GUARD_DIGEST_LEN];
	struct guard_signature s;

	assert_int_equal(
	    guard_signature_decode(&s, &arena, text_field(o, "answer")).code,
	    LK_OK);
	assert_int_equal(guard_digest(digest, said).code, LK_OK);
	assert_memory_equal(s.digest, digest, sizeof(digest));
	assert_memory_equal(s.sig, sig, SIGN_LEN);
}

static void
guardians_of_the_protocols_vectors_are_believed(void **state)
{
	struct json_object *all =
	    json_object_from_file(LK_TEST_DATA "/protocol/body.json");
	struct json_object *list;

	(void)state;
	assert_true(json_object_object_get_ex(all, "guards", &list));
	assert_int_equal(json_object_array_length(list), 2);
	for (size_t i = 0; i < 2; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		ARENA_SCOPED arena = { 0 };
		struct guard_statement said = { .op = NULL };
		uint8_t pk[SIGN_PK_LEN], sig[SIGN_LEN];
		uint8_t targets[2][ACCESS_KEY_LEN];

		arena_init(&arena, 1 << 16);
		said.op = vector_op(&arena, o);
		said.targets = targets_field(o, targets);
		hex_field(o, "document", said.docid, LK_ID_LEN);
		hex_field(o, "author", said.author, SIGN_PK_LEN);
		hex_field(o, "nonce", said.nonce, GUARD_NONCE_LEN);
		hex_field(o, "guardian", pk, sizeof(pk));
		hex_field(o, "signature", sig, sizeof(sig));
		assert_true(genuine(sig, pk, &said));
		request_is(o, &said);
		answer_is(o, &said, sig);
		sig[0] ^= 1;
		assert_false(genuine(sig, pk, &said));
	}
	json_object_put(all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_signature_holds_for_its_op_author_and_nonce_alone),
		cmocka_unit_test(
		    a_signature_of_a_revocation_holds_for_whom_it_takes_from),
		cmocka_unit_test(
		    guardians_of_the_protocols_vectors_are_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
