/* What guardians sign, and that it fits one place only. */
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "sync/guard.h"

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
genuine(const uint8_t *sig, const uint8_t *pk, const struct guard_place *place,
    const struct access_op *op)
{
	bool yes = false;

	assert_int_equal(guard_verify(sig, pk, place, op, &yes).code, LK_OK);
	return yes;
}

static void
a_signature_holds_for_its_op_and_place_alone(void **state)
{
	static const uint8_t seed[32] = { 9 };
	struct guard_place place = {
		.docid = { 1 }, .author = { 2 }, .prev = { 3 }, .seq = 4
	};
	struct guard_place other;
	struct access_op op = some_grant(), changed;
	struct sign_key key;
	uint8_t sig[SIGN_LEN];

	(void)state;
	sign_key_from_seed(&key, seed);
	assert_int_equal(guard_sign(sig, &key, &place, &op).code, LK_OK);
	assert_true(genuine(sig, key.pk, &place, &op));
	other = place;
	other.docid[31] = 1;
	assert_false(genuine(sig, key.pk, &other, &op));
	other = place;
	other.author[0] = 1;
	assert_false(genuine(sig, key.pk, &other, &op));
	other = place;
	other.prev[0] = 0;
	assert_false(genuine(sig, key.pk, &other, &op));
	other = place;
	other.seq = 5;
	assert_false(genuine(sig, key.pk, &other, &op));
	changed = op;
	changed.grant.rank = 2;
	assert_false(genuine(sig, key.pk, &place, &changed));
	sign_key_clear(&key);
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
	buf_uleb(&body, len + 1);
	buf_mem(&body, said, len);
	buf_u8(&body, 0);
	in = arena_copy(arena, buf_bytes(&body));
	assert_int_equal(body_decode(b, arena, in).code, LK_OK);
	return b->ops[0].guard.op;
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
		struct guard_place place = { .seq = 2 };
		uint8_t pk[SIGN_PK_LEN], sig[SIGN_LEN];
		const struct access_op *op;

		arena_init(&arena, 1 << 16);
		op = vector_op(&arena, o);
		hex_field(o, "document", place.docid, LK_ID_LEN);
		hex_field(o, "author", place.author, SIGN_PK_LEN);
		hex_field(o, "prev", place.prev, LK_ID_LEN);
		hex_field(o, "guardian", pk, sizeof(pk));
		hex_field(o, "signature", sig, sizeof(sig));
		assert_true(genuine(sig, pk, &place, op));
		sig[0] ^= 1;
		assert_false(genuine(sig, pk, &place, op));
	}
	json_object_put(all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signature_holds_for_its_op_and_place_alone),
		cmocka_unit_test(
		    guardians_of_the_protocols_vectors_are_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
