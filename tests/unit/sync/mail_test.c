#include "tests/unit/sync/codec.h"

#include "sync/mail.h"

static void
route_of(struct mail_route *route, struct json_object *v, bool ticket)
{
	if (ticket) {
		VECTOR asker = vector_get(v, "asker");
		uint8_t secret[TICKET_SECRET_LEN];
		struct ticket_keys keys;

		codec_get(secret, sizeof(secret), v, "secret");
		ticket_derive(&keys, secret);
		if (VECTOR_VIEW(asker).len == 0)
			mail_route_ask(route, &keys);
		else
			mail_route_answer(
			    route, secret, VECTOR_VIEW(asker).ptr);
	} else {
		uint8_t sk[32], pk[32], sender[32], receiver[32];
		struct mail_ends ends = { sk, pk, sender, receiver };

		codec_get(sk, 32, v, "box_secret");
		codec_get(pk, 32, v, "box");
		codec_get(sender, 32, v, "sender");
		codec_get(receiver, 32, v, "receiver");
		assert_true(mail_route(route, &ends));
	}
}

static void
check_letter(struct json_object *v, bool ticket)
{
	VECTOR letter = vector_get(v, "letter");
	uint8_t slot[MAIL_SLOT_LEN], key[SEAL_KEY_LEN];
	BUF_SCOPED plain = { .max = MAIL_PLAIN_MAX };
	BUF_SCOPED opened = { .max = MAIL_PLAIN_MAX };
	BUF_SCOPED out = { .max = MAIL_MAX };
	struct mail_route route;
	struct mail_item item;
	struct json_object *o;
	struct rd rd;

	codec_get(slot, sizeof(slot), v, "slot");
	codec_get(key, sizeof(key), v, "key");
	route_of(&route, v, ticket);
	assert_memory_equal(route.slot, slot, sizeof(slot));
	assert_memory_equal(route.key, key, sizeof(key));
	for (size_t i = 0; (o = codec_item(v, "items", i)) != NULL; i++) {
		VECTOR body = vector_get(o, "body");

		assert_true(mail_add(&plain, (uint8_t)codec_number(o, "type"),
		    VECTOR_VIEW(body)));
	}
	assert_ok(mail_seal(&out, &route, buf_bytes(&plain)));
	assert_bytes(buf_bytes(&out), VECTOR_VIEW(letter));
	assert_ok(mail_open(&opened, &route, VECTOR_VIEW(letter)));
	rd = rd_over(buf_bytes(&opened));
	for (size_t i = 0; (o = codec_item(v, "items", i)) != NULL; i++) {
		VECTOR body = vector_get(o, "body");

		assert_true(mail_next(&rd, &item));
		assert_int_equal(item.type, codec_number(o, "type"));
		assert_bytes(item.body, VECTOR_VIEW(body));
	}
	assert_false(mail_next(&rd, &item));
}

static void
letters_are_those_of_the_vectors(void **state)
{
	struct json_object *all = codec_vectors("stored"), *v;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "letters", i)) != NULL; i++)
		check_letter(v, false);
	for (size_t i = 0; (v = codec_item(all, "ticket_letters", i)) != NULL;
	     i++)
		check_letter(v, true);
	json_object_put(all);
}

static void
never_opened(struct bytes b, void *ctx)
{
	BUF_SCOPED plain = { .max = MAIL_PLAIN_MAX };

	assert_int_not_equal(
	    mail_open(&plain, (const struct mail_route *)ctx, b).code, LK_OK);
}

static void
a_damaged_letter_does_not_open(void **state)
{
	struct json_object *all = codec_vectors("stored");
	struct json_object *v = codec_item(all, "letters", 2);
	VECTOR letter = vector_get(v, "letter");
	struct mail_route route, other;

	(void)state;
	route_of(&route, v, false);
	codec_damage(VECTOR_VIEW(letter), 500, never_opened, &route);
	/* Nor in another slot, nor under another key. */
	other = route;
	other.slot[0] ^= 1;
	never_opened(VECTOR_VIEW(letter), &other);
	other = route;
	other.key[0] ^= 1;
	never_opened(VECTOR_VIEW(letter), &other);
	json_object_put(all);
}

static void
the_two_ends_find_one_slot_and_one_key(void **state)
{
	struct random_seeded seeded;
	struct random random = random_from_seed(&seeded, 9);
	uint8_t secret[2][32], pk[2][32];
	struct dh_key key[2];
	struct mail_route sent, got, back;

	(void)state;
	assert_ok(crypto_start());
	for (int i = 0; i < 2; i++) {
		random_fill(&random, secret[i], 32);
		random_fill(&random, pk[i], 32);
		dh_key_from_secret(&key[i], secret[i]);
	}
	assert_true(mail_route(
	    &sent, &(struct mail_ends){ key[0].sk, key[1].pk, pk[0], pk[1] }));
	assert_true(mail_route(
	    &got, &(struct mail_ends){ key[1].sk, key[0].pk, pk[0], pk[1] }));
	assert_memory_equal(&sent, &got, sizeof(sent));
	/* The other way there is another slot and key. */
	assert_true(mail_route(
	    &back, &(struct mail_ends){ key[1].sk, key[0].pk, pk[1], pk[0] }));
	assert_memory_not_equal(sent.slot, back.slot, sizeof(sent.slot));
	assert_memory_not_equal(sent.key, back.key, sizeof(sent.key));
	memset(key[1].pk, 0, 32);
	assert_false(mail_route(
	    &sent, &(struct mail_ends){ key[0].sk, key[1].pk, pk[0], pk[1] }));
}

static void
a_letter_holds_what_has_room_and_no_more(void **state)
{
	static const uint8_t body[MAIL_PLAIN_MAX];
	BUF_SCOPED plain = { .max = MAIL_PLAIN_MAX };
	BUF_SCOPED out = { .max = MAIL_MAX };
	struct mail_route route = { .slot = { 1 } };

	(void)state;
	assert_ok(crypto_start());
	assert_false(mail_add(&plain, 48, BYTES(body, MAIL_PLAIN_MAX - 2)));
	assert_true(mail_add(&plain, 48, BYTES(body, MAIL_PLAIN_MAX - 3)));
	assert_false(mail_add(&plain, 48, BYTES(body, 0)));
	assert_ok(mail_seal(&out, &route, buf_bytes(&plain)));
	assert_true(out.len <= MAIL_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letters_are_those_of_the_vectors),
		cmocka_unit_test(a_damaged_letter_does_not_open),
		cmocka_unit_test(the_two_ends_find_one_slot_and_one_key),
		cmocka_unit_test(a_letter_holds_what_has_room_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
