#include "tests/unit/sync/codec.h"

#include <ctype.h>

#include "sync/ticket.h"

static void
ticket_from(struct ticket *t, struct json_object *v, struct arena *arena)
{
	struct json_object *o;

	*t = (struct ticket){ .purpose = (enum ticket_purpose)codec_number(
				  v, "purpose") };
	codec_get(t->secret, 16, v, "secret");
	codec_get(t->noise_pk, 32, v, "noise");
	for (size_t i = 0; (o = codec_item(v, "tlvs", i)) != NULL; i++) {
		VECTOR value = vector_get(o, "value");
		uint8_t head[3] = { 1, (uint8_t)codec_number(o, "type"),
			(uint8_t)value.len };
		struct addresses one;
		struct buf b = {
			.ptr = arena_alloc(arena, 300), .cap = 300, .max = 300
		};
		struct rd r;

		buf_mem(&b, head, sizeof(head));
		buf_add(&b, VECTOR_VIEW(value));
		r = rd_over(buf_bytes(&b));
		addresses_read(&r, &one);
		assert_true(rd_done(&r));
		/* One of a type to come is skipped. */
		assert_int_equal(one.len, head[1] < 5);
		if (one.len == 1)
			t->addresses.at[t->addresses.len++] = one.at[0];
	}
}

static void
tickets_are_those_of_the_vectors(void **state)
{
	struct json_object *all = codec_vectors("ticket"), *v;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "tickets", i)) != NULL; i++) {
		BUF_SCOPED out = { .max = TICKET_TEXT_MAX };
		const char *text = vector_text(v, "text");
		struct ticket want, got;
		struct ticket_keys keys;
		ARENA_SCOPED arena = { 0 };
		uint8_t b[32];

		arena_init(&arena, 64 * 1024);
		ticket_from(&want, v, &arena);
		assert_ok(ticket_decode(&got, &arena, BYTES_STR(text)));
		assert_ok(ticket_encode(&out, &want));
		/* The same up to what was skipped: 50 bytes and two TLVs of
		 * 8 and 18 are 121 characters and a bit. */
		assert_memory_equal(out.ptr, text, 4 + 121);
		assert_int_equal(got.purpose, want.purpose);
		assert_memory_equal(got.secret, want.secret, 16);
		assert_memory_equal(got.noise_pk, want.noise_pk, 32);
		assert_int_equal(got.addresses.len, want.addresses.len);
		ticket_derive(&keys, got.secret);
		codec_get(b, 32, v, "psk");
		assert_memory_equal(keys.psk, b, 32);
		codec_get(b, 8, v, "id");
		assert_memory_equal(keys.id, b, 8);
		codec_get(b, 16, v, "slot");
		assert_memory_equal(keys.slot, b, 16);
	}
	for (size_t i = 0; (v = codec_item(all, "bad", i)) != NULL; i++) {
		ARENA_SCOPED arena = { 0 };
		struct ticket t;

		arena_init(&arena, 64 * 1024);
		assert_int_not_equal(
		    ticket_decode(&t, &arena, BYTES_STR(vector_text(v, "text")))
			.code,
		    LK_OK);
	}
	json_object_put(all);
}

static void
a_ticket_may_be_typed_in_upper_case(void **state)
{
	struct json_object *all = codec_vectors("ticket");
	const char *text = vector_text(codec_item(all, "tickets", 0), "text");
	struct ticket lower, upper;
	ARENA_SCOPED arena = { 0 };
	char shout[512];
	size_t n = strlen(text);

	(void)state;
	arena_init(&arena, 64 * 1024);
	assert_true(n < sizeof(shout));
	for (size_t i = 0; i < n; i++)
		shout[i] = (char)toupper((unsigned char)text[i]);
	assert_ok(ticket_decode(&lower, &arena, BYTES_STR(text)));
	assert_ok(ticket_decode(&upper, &arena, BYTES((uint8_t *)shout, n)));
	assert_memory_equal(lower.secret, upper.secret, 16);
	json_object_put(all);
}

struct known {
	struct ticket ticket;
	struct bytes text;
};

static void
never_reads_otherwise(struct bytes in, void *ctx)
{
	const struct known *k = ctx;
	ARENA_SCOPED arena = { 0 };
	struct ticket t;

	arena_init(&arena, 64 * 1024);
	if (ticket_decode(&t, &arena, in).code != LK_OK)
		return;
	/* Only the other case of a letter. */
	assert_int_equal(in.len, k->text.len);
	assert_memory_equal(t.secret, k->ticket.secret, 16);
	assert_memory_equal(t.noise_pk, k->ticket.noise_pk, 32);
	for (size_t i = 0; i < in.len; i++)
		assert_int_equal(in.ptr[i] | 0x20, k->text.ptr[i] | 0x20);
}

static void
a_typing_error_is_noticed(void **state)
{
	struct json_object *all = codec_vectors("ticket");
	const char *text = vector_text(codec_item(all, "tickets", 0), "text");
	struct known k = { .text = BYTES_STR(text) };
	ARENA_SCOPED arena = { 0 };

	(void)state;
	arena_init(&arena, 64 * 1024);
	assert_ok(ticket_decode(&k.ticket, &arena, k.text));
	codec_damage(k.text, 3000, never_reads_otherwise, &k);
	json_object_put(all);
}

static void
tickets_of_every_length_round_trip(void **state)
{
	static char host[ADDRESS_HOST_MAX];

	(void)state;
	memset(host, 'h', sizeof(host));
	for (size_t n = 1; n <= ADDRESS_HOST_MAX; n++) {
		BUF_SCOPED out = { .max = TICKET_TEXT_MAX };
		struct ticket t = { .purpose = TICKET_INVITE,
			.addresses = { .len = PEER_ADDRESS_MAX } };
		struct ticket got;
		ARENA_SCOPED arena = { 0 };

		arena_init(&arena, 64 * 1024);
		for (size_t i = 0; i < PEER_ADDRESS_MAX; i++)
			t.addresses.at[i] =
			    (struct address){ .type = ADDRESS_HOST,
				    .port = (uint16_t)i,
				    .host = BYTES((uint8_t *)host, n) };
		assert_ok(ticket_encode(&out, &t));
		assert_ok(ticket_decode(&got, &arena, buf_bytes(&out)));
		assert_int_equal(got.addresses.len, PEER_ADDRESS_MAX);
		assert_int_equal(got.addresses.at[7].port, 7);
		assert_int_equal(got.addresses.at[7].host.len, n);
	}
}

static void
a_host_that_is_none_is_not_written(void **state)
{
	BUF_SCOPED out = { .max = TICKET_TEXT_MAX };
	struct ticket t = { .purpose = TICKET_INVITE,
		.addresses = { .len = 1 } };

	(void)state;
	t.addresses.at[0] = (struct address){ .type = ADDRESS_HOST,
		.host = BYTES_STR("two words") };
	assert_int_not_equal(ticket_encode(&out, &t).code, LK_OK);
	assert_int_equal(out.len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tickets_are_those_of_the_vectors),
		cmocka_unit_test(a_ticket_may_be_typed_in_upper_case),
		cmocka_unit_test(a_typing_error_is_noticed),
		cmocka_unit_test(tickets_of_every_length_round_trip),
		cmocka_unit_test(a_host_that_is_none_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
