/* The codecs of bodies and of facts. */
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "access/graph.h"

#define BODY_LEN 16384

/* A body made by hand, byte by byte. */
struct draft {
	uint8_t b[BODY_LEN];
	size_t len;
};

static void
put(struct draft *d, size_t n, uint8_t with)
{
	memset(d->b + d->len, with, n);
	d->len += n;
}

static void
put_op(struct draft *d, uint8_t kind, const struct draft *op)
{
	put(d, 1, kind);
	if (op->len >= 128)
		put(d, 1, (uint8_t)(0x80 | (op->len & 0x7f)));
	put(d, 1, (uint8_t)(op->len >= 128 ? op->len >> 7 : op->len));
	memcpy(d->b + d->len, op->b, op->len);
	d->len += op->len;
}

static struct draft
head(uint8_t deps, uint8_t ops)
{
	struct draft d = { .len = 0 };

	put(&d, 1, 1);
	put(&d, 32, 0x77);
	put(&d, 1, 3);
	put(&d, 1, deps);
	for (uint8_t i = 0; i < deps; i++)
		put(&d, 32, (uint8_t)(i + 1));
	put(&d, 1, ops);
	return d;
}

static struct draft
grant_op(bool boxed, uint8_t role, uint8_t flags)
{
	struct draft d = { .len = 0 };

	put(&d, 32, 0x11);
	put(&d, 32, boxed ? 0x22 : 0);
	if (boxed) {
		put(&d, 4, 0);
		put(&d, 64, 0x33);
	}
	put(&d, 1, role);
	put(&d, 2, 9);
	put(&d, 1, flags);
	if (flags & GRANT_PARENT_HERE)
		put(&d, 1, 0);
	return d;
}

static struct draft
revoke_op(uint8_t entries, uint8_t level, uint8_t flags, uint8_t keep)
{
	struct draft d = { .len = 0 };

	put(&d, 1, entries);
	for (uint8_t i = 0; i < entries; i++) {
		put(&d, 32, (uint8_t)(i + 1));
		put(&d, 1, 0);
		put(&d, 1, level);
		put(&d, 1, flags);
		put(&d, 1, keep);
		for (uint8_t k = 0; k < keep; k++)
			put(&d, 32, (uint8_t)(k + 9));
	}
	return d;
}

static struct draft
bytes_op(size_t n, uint8_t first, uint8_t rest)
{
	struct draft d = { .len = 0 };

	if (n > 0)
		put(&d, 1, first);
	if (n > 1)
		put(&d, n - 1, rest);
	return d;
}

static struct draft
genesis_op(uint8_t policy, uint8_t k, uint8_t m)
{
	struct draft d = { .len = 0 };

	put(&d, 32, 0x01);
	put(&d, 32, 0x02);
	put(&d, 32, 0x03);
	put(&d, 4, 0);
	put(&d, 1, policy);
	if (policy & GENESIS_ROOT_BOX) {
		put(&d, 32, 0x04);
		put(&d, 64, 0x05);
	}
	put(&d, 1, k);
	put(&d, 1, m);
	for (uint8_t i = 0; i < m; i++)
		put(&d, 32, (uint8_t)(i + 1));
	return d;
}

static struct draft
adopt_op(uint8_t n)
{
	struct draft d = { .len = 0 };

	put(&d, 1, n);
	for (uint8_t i = 0; i < n; i++)
		put(&d, 32, (uint8_t)(i + 1));
	return d;
}

static struct draft
rekey_op(uint8_t box)
{
	struct draft d = bytes_op(32, box, box);

	put(&d, 3, 0);
	put(&d, 1, 1);
	return d;
}

static struct draft
guard_op(uint8_t kind, const struct draft *op, uint8_t sigs)
{
	struct draft d = { .len = 0 };

	put_op(&d, kind, op);
	put(&d, GUARD_NONCE_LEN, 0x77);
	put(&d, 1, sigs);
	for (uint8_t i = 0; i < sigs; i++) {
		put(&d, 1, i);
		put(&d, 64, 0x66);
	}
	return d;
}

static struct draft
one(uint8_t kind, struct draft op)
{
	struct draft d = head(2, 1);

	put_op(&d, kind, &op);
	return d;
}

static struct draft
two(uint8_t kind, struct draft op, uint8_t kind2, struct draft op2)
{
	struct draft d = head(1, 2);

	put_op(&d, kind, &op);
	put_op(&d, kind2, &op2);
	return d;
}

static struct draft
genesis_body(struct draft op)
{
	struct draft d = { .len = 0 };

	put(&d, 3, 0);
	d.b[2] = 1;
	put_op(&d, OP_GENESIS, &op);
	return d;
}

static struct draft
everything(void)
{
	struct draft d = head(3, 10), op;

	op = grant_op(true, ROLE_WRITE, GRANT_ENROLL);
	put_op(&d, OP_GRANT, &op);
	op = grant_op(true, ROLE_READ, GRANT_OWN | GRANT_PARENT_HERE);
	put_op(&d, OP_GRANT, &op);
	op = grant_op(false, ROLE_ADMIN, GRANT_COLD);
	put_op(&d, OP_GRANT, &op);
	op = revoke_op(2, ROLE_READ, REVOKE_SOFT | REVOKE_TREE, 3);
	put_op(&d, OP_REVOKE, &op);
	op = bytes_op(32, 8, 8);
	put_op(&d, OP_BAN, &op);
	op = adopt_op(2);
	put_op(&d, OP_ADOPT, &op);
	op = rekey_op(1);
	put_op(&d, OP_REKEY, &op);
	op = bytes_op(65, 2, 0x44);
	put_op(&d, OP_SHARE, &op);
	op = bytes_op(9, 1, 0x55);
	put_op(&d, OP_CHANGE, &op);
	op = bytes_op(3, 7, 7);
	put_op(&d, 200, &op);
	return d;
}

static struct draft
guarded(uint8_t kind)
{
	struct draft inner = kind == OP_GRANT ? grant_op(true, ROLE_ADMIN, 0)
					      : revoke_op(1, 0, 0, 1);

	return one(OP_GUARD, guard_op(kind, &inner, 2));
}

static lk_err
decode(const struct draft *d, struct body *body, struct arena *arena)
{
	return body_decode(body, arena, BYTES(d->b, d->len));
}

static enum lk_code
verdict(struct draft d)
{
	ARENA_SCOPED arena = { 0 };
	struct body body;

	arena_init(&arena, 1 << 20);
	return decode(&d, &body, &arena).code;
}

static void
assert_round_trip(struct draft d)
{
	ARENA_SCOPED arena = { 0 };
	struct body body;
	BUF_SCOPED out = { 0 };

	arena_init(&arena, 1 << 20);
	buf_init(&out, BODY_LEN);
	assert_int_equal(decode(&d, &body, &arena).code, LK_OK);
	body_encode(&out, &body);
	assert_int_equal(buf_err(&out, "").code, LK_OK);
	assert_int_equal(out.len, d.len);
	assert_memory_equal(out.ptr, d.b, d.len);
}

static void
every_kind_of_op_survives_a_round_trip(void **state)
{
	(void)state;
	assert_round_trip(everything());
	assert_round_trip(genesis_body(genesis_op(0, 0, 0)));
	assert_round_trip(genesis_body(genesis_op(GENESIS_ROOT_BOX, 2, 3)));
	assert_round_trip(guarded(OP_GRANT));
	assert_round_trip(guarded(OP_REVOKE));
	assert_round_trip(one(OP_LEAVE, bytes_op(0, 0, 0)));
	assert_round_trip(one(OP_IMPORT, bytes_op(4, 1, 2)));
	assert_round_trip(
	    two(OP_EPOCH, bytes_op(0, 0, 0), OP_CHANGE, bytes_op(1, 0, 0)));
	assert_round_trip(one(255, bytes_op(0, 0, 0)));
}

static void
every_proper_prefix_is_truncated(void **state)
{
	struct draft d[] = { everything(), guarded(OP_GRANT),
		guarded(OP_REVOKE),
		genesis_body(genesis_op(GENESIS_ROOT_BOX, 2, 3)) };

	(void)state;
	for (size_t i = 0; i < sizeof(d) / sizeof(*d); i++) {
		for (size_t n = 0; n < d[i].len; n++) {
			struct draft cut = d[i];

			cut.len = n;
			assert_int_equal(verdict(cut), LK_E_TRUNCATED);
		}
	}
}

static void
bytes_left_over_are_refused(void **state)
{
	struct draft d = everything();

	(void)state;
	put(&d, 1, 0);
	assert_int_equal(verdict(d), LK_E_MALFORMED);
}

/* Whatever a flipped bit makes of it: one encoding for one content. */
static void
every_flip_is_refused_or_is_another_body(void **state)
{
	struct draft d = everything();

	(void)state;
	for (size_t bit = 0; bit < d.len * 8; bit++) {
		struct draft flipped = d;

		flipped.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (verdict(flipped) == LK_OK)
			assert_round_trip(flipped);
	}
}

static void
numbers_that_are_not_in_shortest_form_are_refused(void **state)
{
	struct draft d = head(0, 1);

	(void)state;
	d.b[34] = 0x80;
	d.b[35] = 0;
	put(&d, 1, 1);
	put(&d, 2, 0);
	d.b[d.len - 2] = OP_LEAVE;
	assert_int_equal(verdict(d), LK_E_MALFORMED);
}

static void
counts_above_their_limits_are_refused_before_they_are_believed(void **state)
{
	struct draft d = head(0, 17), inner;

	(void)state;
	assert_int_equal(verdict(d), LK_E_LIMIT);
	d = head(0, 1);
	d.b[34] = 65;
	assert_int_equal(verdict(d), LK_E_LIMIT);
	d = one(OP_REVOKE, revoke_op(65, 0, 0, 0));
	assert_int_equal(verdict(d), LK_E_LIMIT);
	assert_int_equal(
	    verdict(one(OP_REVOKE, revoke_op(1, 0, 0, 17))), LK_E_LIMIT);
	d = genesis_body(genesis_op(0, 1, 17));
	assert_int_equal(verdict(d), LK_E_LIMIT);
	d = one(OP_ADOPT, bytes_op(2, 0x81, 2));
	assert_int_equal(verdict(d), LK_E_LIMIT);
	inner = revoke_op(1, 0, 0, 1);
	d = one(OP_GUARD, guard_op(OP_REVOKE, &inner, 17));
	assert_int_equal(verdict(d), LK_E_LIMIT);
	/* 2^63 devices in a share of a few bytes. */
	d = one(OP_SHARE, bytes_op(10, 0x80, 0x80));
	d.b[d.len - 1] = 1;
	assert_int_equal(verdict(d), LK_E_LIMIT);
}

static void
ids_that_do_not_ascend_are_refused(void **state)
{
	struct draft d = head(2, 1);
	struct draft op = bytes_op(0, 0, 0);

	(void)state;
	put_op(&d, OP_LEAVE, &op);
	assert_int_equal(verdict(d), LK_OK);
	d.b[35] = 9;
	assert_int_equal(verdict(d), LK_E_MALFORMED);
	memset(d.b + 35, 2, 32);
	assert_int_equal(verdict(d), LK_E_MALFORMED);
	d = one(OP_REVOKE, revoke_op(2, 0, 0, 2));
	assert_int_equal(verdict(d), LK_OK);
	d.b[d.len - 1] = 0;
	d.b[d.len - 32] = 0;
	assert_int_equal(verdict(d), LK_E_MALFORMED);
	d = genesis_body(genesis_op(0, 1, 2));
	d.b[d.len - 32] = 0;
	assert_int_equal(verdict(d), LK_E_MALFORMED);
	d = one(OP_ADOPT, adopt_op(2));
	assert_int_equal(verdict(d), LK_OK);
	d.b[d.len - 32] = 0;
	assert_int_equal(verdict(d), LK_E_MALFORMED);
}

static void
a_guard_holds_one_grant_or_revocation_and_no_signer_twice(void **state)
{
	struct draft revoke = revoke_op(1, 0, 0, 1), none = bytes_op(0, 0, 0);
	struct draft own = grant_op(true, ROLE_READ, GRANT_OWN);
	struct draft twice = guard_op(OP_REVOKE, &revoke, 2);
	struct draft longer = revoke, once = guard_op(OP_REVOKE, &revoke, 1);

	(void)state;
	assert_int_equal(verdict(one(OP_GUARD, twice)), LK_OK);
	twice.b[twice.len - 65] = 0;
	assert_int_equal(verdict(one(OP_GUARD, twice)), LK_E_MALFORMED);
	assert_int_equal(verdict(one(OP_GUARD, guard_op(OP_LEAVE, &none, 1))),
	    LK_E_MALFORMED);
	assert_int_equal(verdict(one(OP_GUARD, guard_op(OP_GRANT, &own, 1))),
	    LK_E_MALFORMED);
	assert_int_equal(
	    verdict(two(OP_GUARD, once, 200, none)), LK_E_MALFORMED);
	put(&longer, 1, 0);
	assert_int_equal(
	    verdict(one(OP_GUARD, guard_op(OP_REVOKE, &longer, 1))),
	    LK_E_MALFORMED);
}

static void
an_adopt_names_something_and_a_rekey_gives_a_key(void **state)
{
	(void)state;
	assert_int_equal(verdict(one(OP_ADOPT, adopt_op(0))), LK_E_MALFORMED);
	assert_int_equal(verdict(one(OP_REKEY, rekey_op(0))), LK_E_MALFORMED);
	assert_int_equal(verdict(one(OP_REKEY, rekey_op(1))), LK_OK);
	assert_int_equal(
	    verdict(one(OP_BAN, bytes_op(31, 1, 1))), LK_E_MALFORMED);
}

static void
entries_of_a_revocation_ascend_by_target(void **state)
{
	struct draft op = revoke_op(2, 0, 0, 0);

	(void)state;
	memset(op.b + 1, 2, 32);
	assert_int_equal(verdict(one(OP_REVOKE, op)), LK_E_MALFORMED);
	op.b[1 + 36 + 32] = 1;
	assert_int_equal(verdict(one(OP_REVOKE, op)), LK_OK);
	assert_int_equal(
	    verdict(one(OP_REVOKE, revoke_op(0, 0, 0, 0))), LK_E_MALFORMED);
	assert_int_equal(
	    verdict(one(OP_REVOKE, revoke_op(1, ROLE_ADMIN, 0, 0))),
	    LK_E_MALFORMED);
}

static void
box_keys_stand_exactly_where_a_device_reads(void **state)
{
	(void)state;
	assert_int_equal(
	    verdict(one(OP_GRANT, grant_op(true, ROLE_READ, 0))), LK_OK);
	assert_int_equal(verdict(one(OP_GRANT, grant_op(false, ROLE_READ, 0))),
	    LK_E_MALFORMED);
	assert_int_equal(verdict(one(OP_GRANT, grant_op(true, ROLE_RELAY, 0))),
	    LK_E_MALFORMED);
	assert_int_equal(
	    verdict(one(OP_GRANT, grant_op(false, ROLE_RELAY, 0))), LK_OK);
	assert_int_equal(
	    verdict(one(OP_GRANT, grant_op(true, ROLE_ADMIN, GRANT_COLD))),
	    LK_E_MALFORMED);
	assert_int_equal(
	    verdict(one(OP_GRANT, grant_op(true, 5, 0))), LK_E_MALFORMED);
	assert_int_equal(
	    verdict(one(OP_GRANT, grant_op(true, 0, 0))), LK_E_MALFORMED);
}

static void
a_parent_here_is_an_earlier_grant_of_the_envelope(void **state)
{
	struct draft own =
	    grant_op(true, ROLE_READ, GRANT_OWN | GRANT_PARENT_HERE);
	struct draft plain = grant_op(true, ROLE_READ, GRANT_PARENT_HERE);
	struct draft leave = bytes_op(0, 0, 0);

	(void)state;
	assert_int_equal(verdict(one(OP_GRANT, own)), LK_E_MALFORMED);
	assert_int_equal(
	    verdict(two(OP_LEAVE, leave, OP_GRANT, own)), LK_E_MALFORMED);
	assert_int_equal(
	    verdict(two(OP_GRANT, grant_op(true, ROLE_READ, 0), OP_GRANT, own)),
	    LK_OK);
	assert_int_equal(verdict(two(OP_GRANT, grant_op(true, ROLE_READ, 0),
			     OP_GRANT, plain)),
	    LK_E_MALFORMED);
}

static void
the_genesis_is_the_first_op_and_names_nothing(void **state)
{
	struct draft g = genesis_op(0, 0, 0), leave = bytes_op(0, 0, 0), d;

	(void)state;
	assert_int_equal(verdict(one(OP_GENESIS, g)), LK_E_MALFORMED);
	assert_int_equal(
	    verdict(two(OP_LEAVE, leave, OP_GENESIS, g)), LK_E_MALFORMED);
	assert_int_equal(
	    verdict(genesis_body(genesis_op(0, 2, 1))), LK_E_MALFORMED);
	assert_int_equal(
	    verdict(genesis_body(genesis_op(0, 0, 1))), LK_E_MALFORMED);
	memset(g.b + 32, 1, 32);
	assert_int_equal(verdict(genesis_body(g)), LK_E_MALFORMED);
	d = genesis_body(genesis_op(GENESIS_ROOT_BOX, 0, 0));
	d.b[2] = 2;
	put_op(&d, OP_CHANGE, &(struct draft){ .len = 1 });
	assert_int_equal(verdict(d), LK_E_MALFORMED);
	d = genesis_body(genesis_op(0, 0, 0));
	d.b[2] = 2;
	put_op(&d, OP_CHANGE, &(struct draft){ .len = 1 });
	assert_int_equal(verdict(d), LK_OK);
}

static void
only_one_content_and_one_key_op_fit_an_envelope(void **state)
{
	struct draft none = bytes_op(0, 0, 0), c = bytes_op(2, 0, 0);
	struct draft import = bytes_op(2, 1, 0);

	(void)state;
	assert_int_equal(
	    verdict(two(OP_CHANGE, c, OP_CHANGE, c)), LK_E_MALFORMED);
	assert_int_equal(
	    verdict(two(OP_CHANGE, c, OP_IMPORT, import)), LK_E_MALFORMED);
	assert_int_equal(
	    verdict(two(OP_EPOCH, none, OP_EPOCH, none)), LK_E_MALFORMED);
	assert_int_equal(
	    verdict(two(OP_SHARE, bytes_op(1, 0, 0), OP_EPOCH, none)),
	    LK_E_MALFORMED);
	assert_int_equal(
	    verdict(two(OP_BAN, bytes_op(32, 1, 1), OP_EPOCH, none)),
	    LK_E_MALFORMED);
	assert_int_equal(
	    verdict(two(OP_REVOKE, revoke_op(1, 0, 0, 0), OP_EPOCH, none)),
	    LK_E_MALFORMED);
	assert_int_equal(
	    verdict(two(OP_EPOCH, none, OP_REVOKE, revoke_op(1, 0, 0, 0))),
	    LK_E_MALFORMED);
	assert_int_equal(verdict(two(OP_GRANT, grant_op(true, ROLE_READ, 0),
			     OP_EPOCH, none)),
	    LK_OK);
}

static void
what_a_newer_version_may_mean_waits(void **state)
{
	static const uint8_t later[] = { 13, 127 };
	struct draft g = genesis_op(0, 0, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(later); i++)
		assert_int_equal(
		    verdict(one(later[i], bytes_op(3, 1, 2))), LK_E_VERSION);
	assert_int_equal(verdict(one(0, bytes_op(0, 0, 0))), LK_E_MALFORMED);
	assert_int_equal(
	    verdict(one(OP_GRANT, grant_op(true, ROLE_READ, 2))), LK_E_VERSION);
	assert_int_equal(
	    verdict(one(OP_REVOKE, revoke_op(1, 0, 4, 0))), LK_E_VERSION);
	g.b[100] = 2;
	assert_int_equal(verdict(genesis_body(g)), LK_E_VERSION);
}

static void
forms_of_content_are_zero_or_one(void **state)
{
	(void)state;
	assert_int_equal(
	    verdict(one(OP_CHANGE, bytes_op(2, 2, 0))), LK_E_MALFORMED);
	assert_int_equal(
	    verdict(one(OP_CHANGE, bytes_op(0, 0, 0))), LK_E_MALFORMED);
	assert_int_equal(
	    verdict(one(OP_IMPORT, bytes_op(3, 0, 2))), LK_E_MALFORMED);
	assert_int_equal(
	    verdict(one(OP_LEAVE, bytes_op(1, 0, 0))), LK_E_MALFORMED);
	assert_int_equal(verdict(two(OP_LEAVE, bytes_op(0, 0, 0), OP_CHANGE,
			     bytes_op(1, 0, 0))),
	    LK_E_MALFORMED);
}

static struct facts
facts_of(struct body *body, struct arena *arena, const struct draft *d)
{
	static const struct shared_key shared[2] = {
		{ .etag = { 1 }, .key = { 2 } }, { .etag = { 3 }, .key = { 4 } }
	};
	static const struct key_link links[1] = { { .newer = { 5 },
	    .older = { 6 } } };
	struct facts f = { .id = { 7 },
		.prev = { 8 },
		.seq = 300,
		.etag = { 9 },
		.body = body,
		.keys = KEYS_SHARE,
		.boxes_len = 2,
		.shared = shared,
		.shared_len = 2,
		.links = links,
		.links_len = 1,
		.wrong_share = true };

	assert_int_equal(decode(d, body, arena).code, LK_OK);
	return f;
}

static void
facts_survive_a_round_trip_without_content(void **state)
{
	ARENA_SCOPED arena = { 0 };
	BUF_SCOPED out, again;
	struct body body, read;
	struct draft d = everything();
	struct facts f, got;

	(void)state;
	arena_init(&arena, 1 << 20);
	buf_init(&out, BODY_LEN);
	buf_init(&again, BODY_LEN);
	f = facts_of(&body, &arena, &d);
	facts_encode(&out, &f);
	assert_int_equal(
	    facts_decode(&got, &read, &arena, buf_bytes(&out)).code, LK_OK);
	assert_memory_equal(got.id, f.id, LK_ID_LEN);
	assert_memory_equal(got.prev, f.prev, LK_ID_LEN);
	assert_int_equal(got.seq, 300);
	assert_int_equal(got.shared_len, 2);
	assert_memory_equal(
	    got.shared, f.shared, 2 * sizeof(struct shared_key));
	assert_memory_equal(got.links, f.links, sizeof(struct key_link));
	assert_true(got.wrong_share);
	assert_int_equal(read.ops_len, 10);
	assert_int_equal(read.ops[8].content.data.len, 0);
	assert_int_equal(read.ops[8].content.form, 1);
	facts_encode(&again, &got);
	assert_true(bytes_equal(buf_bytes(&out), buf_bytes(&again)));
	f.seq = 1;
	f.keys = KEYS_NONE;
	f.wrong_share = false;
	buf_reset(&out);
	facts_encode(&out, &f);
	assert_int_equal(
	    facts_decode(&got, &read, &arena, buf_bytes(&out)).code, LK_OK);
	assert_int_equal(got.shared_len, 0);
	assert_false(got.wrong_share);
	/* Only a share can be wrong, and other bits say nothing. */
	for (uint8_t bit = 0x08; bit != 0; bit = (uint8_t)(bit << 1)) {
		out.ptr[0] |= bit;
		assert_int_equal(
		    facts_decode(&got, &read, &arena, buf_bytes(&out)).code,
		    LK_E_MALFORMED);
		out.ptr[0] = (uint8_t)(out.ptr[0] & ~bit);
	}
}

static void
every_proper_prefix_of_facts_is_truncated(void **state)
{
	ARENA_SCOPED arena = { 0 };
	BUF_SCOPED out = { 0 };
	struct body body;
	struct draft d = everything();
	struct facts f;

	(void)state;
	arena_init(&arena, 1 << 24);
	buf_init(&out, BODY_LEN);
	f = facts_of(&body, &arena, &d);
	facts_encode(&out, &f);
	for (size_t n = 0; n < out.len; n++)
		assert_int_equal(
		    facts_decode(&f, &body, &arena, BYTES(out.ptr, n)).code,
		    LK_E_TRUNCATED);
}

/* What the vectors refuse for reasons that do not show in a body alone. */
static bool
seen_elsewhere(const char *why)
{
	static const char *const reasons[] = { "padding is not zero",
		"key section and ops do not match",
		"share names another number of devices", "genesis place",
		"first envelope names no grant or no deps", "box signature",
		"small-order box key", "device key is no valid point" };

	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		if (strcmp(why, reasons[i]) == 0)
			return true;
	}
	return false;
}

static const char *
text(struct json_object *o, const char *name)
{
	struct json_object *v;

	return json_object_object_get_ex(o, name, &v)
	    ? json_object_get_string(v)
	    : NULL;
}

static struct draft
vector_body(struct json_object *o)
{
	struct draft d = { .len = 0 };
	const char *hex = text(o, "body");
	const char *length = text(o, "length");

	d.len = strlen(hex) / 2;
	assert_true(d.len <= sizeof(d.b));
	assert_true(hex_decode(d.b, d.len, hex));
	/* Good vectors come with their padding. */
	if (length != NULL)
		d.len = (size_t)strtonum(length, 0, (long long)d.len, NULL);
	return d;
}

static void
the_protocols_vectors_are_read_as_they_say(void **state)
{
	struct json_object *all =
	    json_object_from_file(LK_TEST_DATA "/protocol/body.json");
	struct json_object *list, *o;
	size_t refused = 0;

	(void)state;
	assert_non_null(all);
	assert_true(json_object_object_get_ex(all, "good", &list));
	for (size_t i = 0; i < json_object_array_length(list); i++)
		assert_round_trip(
		    vector_body(json_object_array_get_idx(list, i)));
	assert_true(json_object_object_get_ex(all, "bad", &list));
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		o = json_object_array_get_idx(list, i);
		if (seen_elsewhere(text(o, "why")))
			continue;
		refused++;
		if (verdict(vector_body(o)) == LK_OK ||
		    verdict(vector_body(o)) == LK_E_VERSION)
			fail_msg("%s", text(o, "name"));
	}
	assert_true(refused > 20);
	assert_true(json_object_object_get_ex(all, "wait", &list));
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		o = json_object_array_get_idx(list, i);
		if (verdict(vector_body(o)) != LK_E_VERSION)
			fail_msg("%s", text(o, "name"));
	}
	json_object_put(all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_op_survives_a_round_trip),
		cmocka_unit_test(every_proper_prefix_is_truncated),
		cmocka_unit_test(bytes_left_over_are_refused),
		cmocka_unit_test(every_flip_is_refused_or_is_another_body),
		cmocka_unit_test(
		    numbers_that_are_not_in_shortest_form_are_refused),
		cmocka_unit_test(
		    counts_above_their_limits_are_refused_before_they_are_believed),
		cmocka_unit_test(ids_that_do_not_ascend_are_refused),
		cmocka_unit_test(
		    a_guard_holds_one_grant_or_revocation_and_no_signer_twice),
		cmocka_unit_test(
		    an_adopt_names_something_and_a_rekey_gives_a_key),
		cmocka_unit_test(entries_of_a_revocation_ascend_by_target),
		cmocka_unit_test(box_keys_stand_exactly_where_a_device_reads),
		cmocka_unit_test(
		    a_parent_here_is_an_earlier_grant_of_the_envelope),
		cmocka_unit_test(the_genesis_is_the_first_op_and_names_nothing),
		cmocka_unit_test(
		    only_one_content_and_one_key_op_fit_an_envelope),
		cmocka_unit_test(what_a_newer_version_may_mean_waits),
		cmocka_unit_test(forms_of_content_are_zero_or_one),
		cmocka_unit_test(facts_survive_a_round_trip_without_content),
		cmocka_unit_test(every_proper_prefix_of_facts_is_truncated),
		cmocka_unit_test(the_protocols_vectors_are_read_as_they_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
