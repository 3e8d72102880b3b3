/* What goes to guardians and comes back from them. */
#include "tests/unit/sync/codec.h"

#include "sync/armor.h"
#include "sync/guard_request.h"

static const struct armor guard_text = { .prefix = "lkg1-",
	.label = DIGEST_GUARD,
	.text_max = GUARD_TEXT_MAX,
	.what = "test" };

/* A revocation of `entries` grants, each of which keeps as much as it may. */
struct sample {
	struct access_op op;
	struct revoke_entry entries[REVOKE_ENTRIES_MAX];
	uint8_t keep[REVOKE_KEEP_MAX][LK_ID_LEN];
	uint8_t targets[REVOKE_ENTRIES_MAX][ACCESS_KEY_LEN];
	uint8_t guardians[GENESIS_GUARDIANS_MAX][SIGN_PK_LEN];
	struct guard_request q;
};

static void
sample_fill(struct sample *s, uint8_t guardians)
{
	assert_ok(crypto_start());
	for (uint8_t i = 0; i < GENESIS_GUARDIANS_MAX; i++)
		s->guardians[i][0] = i;
	s->q = (struct guard_request){ .said = { .docid = { 1 },
					   .author = { 2 },
					   .nonce = { 3 },
					   .op = &s->op,
					   .targets = s->targets[0] },
		.k = 1,
		.m = guardians,
		.guardians = s->guardians[0],
		.name = BYTES_STR("plan") };
}

static void
sample_revoke(struct sample *s, size_t entries)
{
	memset(s, 0, sizeof(*s));
	sample_fill(s, GENESIS_GUARDIANS_MAX);
	for (uint8_t i = 0; i < REVOKE_KEEP_MAX; i++)
		s->keep[i][0] = i;
	for (uint8_t i = 0; i < entries; i++) {
		s->entries[i] = (struct revoke_entry){ .target = { { i }, 1 },
			.flags = REVOKE_TREE,
			.keep = s->keep[0],
			.keep_len = REVOKE_KEEP_MAX };
		s->targets[i][0] = (uint8_t)(i + 7);
	}
	s->op.kind = OP_REVOKE;
	s->op.revoke.entries = s->entries;
	s->op.revoke.entries_len = entries;
}

static void
sample_grant(struct sample *s)
{
	memset(s, 0, sizeof(*s));
	sample_fill(s, 3);
	s->op.kind = OP_GRANT;
	s->op.grant = (struct op_grant){ .key = { 5 },
		.box = { 6 },
		.role = ROLE_ADMIN,
		.rank = 999,
		.flags = GRANT_ENROLL };
}

/* The binary, without its check. */
static void
opened(struct buf *binary, struct bytes text)
{
	ARENA_SCOPED arena = { .max = 1 << 20 };
	struct bytes b;

	assert_ok(armor_decode(&b, &arena, &guard_text, text));
	buf_add(binary, b);
}

/* Any bytes with a good check. */
static enum lk_code
request_of(struct bytes binary, struct guard_request *q, struct arena *arena)
{
	BUF_SCOPED b = { .max = 2 * GUARD_BINARY_MAX };
	BUF_SCOPED text = { .max = 2 * GUARD_TEXT_MAX };

	buf_add(&b, binary);
	assert_ok(armor_encode(&text, &guard_text, &b));
	return guard_request_decode(q, arena, buf_bytes(&text)).code;
}

static void
same_statement(const struct guard_statement *a, const struct guard_statement *b)
{
	uint8_t x[GUARD_DIGEST_LEN], y[GUARD_DIGEST_LEN];

	assert_ok(guard_digest(x, a));
	assert_ok(guard_digest(y, b));
	assert_memory_equal(x, y, sizeof(x));
}

static void
round_trip(const struct guard_request *q)
{
	BUF_SCOPED text = { .max = GUARD_TEXT_MAX };
	BUF_SCOPED again = { .max = GUARD_TEXT_MAX };
	ARENA_SCOPED arena = { .max = 1 << 20 };
	struct guard_request got;

	assert_ok(guard_request_encode(&text, q));
	assert_ok(guard_request_decode(&got, &arena, buf_bytes(&text)));
	same_statement(&got.said, &q->said);
	assert_int_equal(got.k, q->k);
	assert_int_equal(got.m, q->m);
	assert_memory_equal(
	    got.guardians, q->guardians, (size_t)q->m * SIGN_PK_LEN);
	assert_bytes(got.name, q->name);
	assert_ok(guard_request_encode(&again, &got));
	assert_bytes(buf_bytes(&again), buf_bytes(&text));
}

static void
requests_round_trip_up_to_the_longest_revocation(void **state)
{
	static struct sample s;

	(void)state;
	sample_grant(&s);
	round_trip(&s.q);
	for (size_t n = 1; n <= REVOKE_ENTRIES_MAX; n += 21) {
		sample_revoke(&s, n);
		round_trip(&s.q);
	}
}

static void
every_proper_prefix_of_a_request_is_refused_with_a_good_check_too(void **state)
{
	static struct sample s;

	(void)state;
	for (int revoke = 0; revoke < 2; revoke++) {
		BUF_SCOPED text = { .max = GUARD_TEXT_MAX };
		BUF_SCOPED binary = { .max = GUARD_BINARY_MAX };

		if (revoke == 1)
			sample_revoke(&s, 1);
		else
			sample_grant(&s);
		assert_ok(guard_request_encode(&text, &s.q));
		opened(&binary, buf_bytes(&text));
		for (size_t n = 0; n <= binary.len + 1; n++) {
			ARENA_SCOPED arena = { .max = 1 << 20 };
			BUF_SCOPED cut = { .max = GUARD_BINARY_MAX };
			struct guard_request q;

			buf_mem(
			    &cut, binary.ptr, n < binary.len ? n : binary.len);
			if (n > binary.len)
				buf_u8(&cut, 0);
			assert_int_equal(
			    request_of(buf_bytes(&cut), &q, &arena) == LK_OK,
			    n == binary.len);
		}
	}
}

static void
never_reads_otherwise(struct bytes in, void *ctx)
{
	const struct guard_request *q = ctx;
	ARENA_SCOPED arena = { .max = 1 << 20 };
	struct guard_request got;

	/* Only the other case of a letter. */
	if (guard_request_decode(&got, &arena, in).code == LK_OK)
		same_statement(&got.said, &q->said);
}

static void
a_typing_error_is_noticed(void **state)
{
	static struct sample s;
	BUF_SCOPED text = { .max = GUARD_TEXT_MAX };

	(void)state;
	sample_grant(&s);
	assert_ok(guard_request_encode(&text, &s.q));
	codec_damage(buf_bytes(&text), 3000, never_reads_otherwise, &s.q);
}

static enum lk_code
said_of(const struct guard_request *q)
{
	BUF_SCOPED text = { .max = GUARD_TEXT_MAX };
	ARENA_SCOPED arena = { .max = 1 << 20 };
	struct guard_request got;

	assert_ok(guard_request_encode(&text, q));
	return guard_request_decode(&got, &arena, buf_bytes(&text)).code;
}

static void
what_no_document_has_is_refused(void **state)
{
	static char name[GUARD_NAME_MAX + 2];
	static struct sample s;

	(void)state;
	sample_grant(&s);
	s.q.k = 4;
	assert_int_equal(said_of(&s.q), LK_E_MALFORMED);
	s.q.k = 0;
	assert_int_equal(said_of(&s.q), LK_E_MALFORMED);
	s.q.k = 1;
	s.guardians[1][0] = 0;
	assert_int_equal(said_of(&s.q), LK_E_MALFORMED);
	sample_grant(&s);
	s.q.name = BYTES_STR("");
	assert_int_equal(said_of(&s.q), LK_E_MALFORMED);
	s.q.name = BYTES_STR("\xff");
	assert_int_equal(said_of(&s.q), LK_E_MALFORMED);
	memset(name, 'n', sizeof(name) - 1);
	s.q.name = BYTES_STR(name);
	assert_int_equal(said_of(&s.q), LK_E_MALFORMED);
	sample_grant(&s);
	s.op.grant.flags = GRANT_OWN;
	assert_int_equal(said_of(&s.q), LK_E_MALFORMED);
	s.op.grant.flags = 2; /* a flag to come */
	assert_int_equal(said_of(&s.q), LK_E_VERSION);
}

static void
another_version_type_or_length_is_refused(void **state)
{
	static struct sample s;
	BUF_SCOPED text = { .max = GUARD_TEXT_MAX };
	BUF_SCOPED binary = { .max = GUARD_BINARY_MAX };
	BUF_SCOPED much = { .max = 2 * GUARD_TEXT_MAX };
	ARENA_SCOPED arena = { .max = 1 << 20 };
	struct guard_request q;

	(void)state;
	sample_grant(&s);
	assert_ok(guard_request_encode(&text, &s.q));
	opened(&binary, buf_bytes(&text));
	binary.ptr[0] = 2;
	assert_int_equal(
	    request_of(buf_bytes(&binary), &q, &arena), LK_E_VERSION);
	binary.ptr[0] = 1;
	binary.ptr[1] = 2;
	assert_int_equal(
	    request_of(buf_bytes(&binary), &q, &arena), LK_E_MALFORMED);
	while (much.len < GUARD_TEXT_MAX + 1)
		buf_u8(&much, 'a');
	assert_code(
	    guard_request_decode(&q, &arena, buf_bytes(&much)), LK_E_LIMIT);
}

static void
signature_or_not(struct bytes in, void *ctx)
{
	const struct guard_signature *s = ctx;
	ARENA_SCOPED arena = { .max = 1 << 20 };
	struct guard_signature got;

	if (guard_signature_decode(&got, &arena, in).code == LK_OK)
		assert_memory_equal(&got, s, sizeof(got));
}

static void
signatures_round_trip_and_are_no_requests(void **state)
{
	struct guard_signature s = { { 1 }, { 2 }, { 3 } };
	struct guard_signature got;
	struct guard_request q;
	BUF_SCOPED text = { .max = GUARD_TEXT_MAX };
	BUF_SCOPED binary = { .max = GUARD_BINARY_MAX };
	ARENA_SCOPED arena = { .max = 1 << 20 };

	(void)state;
	assert_ok(crypto_start());
	assert_ok(guard_signature_encode(&text, &s));
	assert_ok(guard_signature_decode(&got, &arena, buf_bytes(&text)));
	assert_memory_equal(&got, &s, sizeof(s));
	assert_code(
	    guard_request_decode(&q, &arena, buf_bytes(&text)), LK_E_MALFORMED);
	codec_damage(buf_bytes(&text), 3000, signature_or_not, &s);
	opened(&binary, buf_bytes(&text));
	for (size_t n = 0; n <= binary.len + 1; n++) {
		BUF_SCOPED cut = { .max = GUARD_BINARY_MAX };
		BUF_SCOPED part = { .max = GUARD_TEXT_MAX };

		buf_mem(&cut, binary.ptr, n < binary.len ? n : binary.len);
		if (n > binary.len)
			buf_u8(&cut, 0);
		assert_ok(armor_encode(&part, &guard_text, &cut));
		assert_int_equal(
		    guard_signature_decode(&got, &arena, buf_bytes(&part))
			    .code == LK_OK,
		    n == binary.len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    requests_round_trip_up_to_the_longest_revocation),
		cmocka_unit_test(
		    every_proper_prefix_of_a_request_is_refused_with_a_good_check_too),
		cmocka_unit_test(a_typing_error_is_noticed),
		cmocka_unit_test(what_no_document_has_is_refused),
		cmocka_unit_test(another_version_type_or_length_is_refused),
		cmocka_unit_test(signatures_round_trip_and_are_no_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
