/* Mailboxes at a relay: whose they are, and what strangers can do with them. */
#include "tests/unit/relay/guest.h"

#define MB (1u << 20)

static void
letters_wait_for_the_account_and_for_nobody_else(void **state)
{
	static const uint8_t slot[RELAY_SLOT_LEN] = "a slot of alice", no[16];
	struct relay_register m = {
		.what = RELAY_SLOTS, .list = slot, .len = 1
	};
	struct mailbox_put put = { slot, BYTES_STR("sealed") };
	struct owner alice, bob;
	struct house h;
	struct guest *a, *b, *stranger;
	struct mailbox_content content;
	struct mailbox_letter l;
	struct mailbox_posted posted;
	BUF_SCOPED out = { .max = 4096 };

	(void)state;
	house_open(&h, 11);
	a = guest_with_account(&h, &alice, MB);
	b = guest_with_account(&h, &bob, MB);
	assert_int_equal(guest_register(&h, a, &m, NULL), RELAY_DONE);
	assert_int_equal(guest_register(&h, b, &m, NULL), RELAY_DENIED);
	stranger = guest_come(&h, "192.0.2.9:1");
	for (int i = 0; i < 9; i++) {
		static const char *const said = "sealed letters";

		put.letter = BYTES((const uint8_t *)said, 6 + (size_t)i);
		buf_reset(&out);
		mailbox_put_encode(&out, &put);
		guest_send(stranger, MSG_MAILBOX_PUT, buf_bytes(&out));
		house_settle(&h);
		ok(mailbox_posted_decode(
		    &posted, guest_heard(stranger, MSG_MAILBOX_PUT)));
		assert_int_equal(
		    posted.result, i < 8 ? RELAY_DONE : RELAY_LIMIT);
	}
	put.slot = no;
	buf_reset(&out);
	mailbox_put_encode(&out, &put);
	guest_send(stranger, MSG_MAILBOX_PUT, buf_bytes(&out));
	house_settle(&h);
	ok(mailbox_posted_decode(
	    &posted, guest_heard(stranger, MSG_MAILBOX_PUT)));
	assert_int_equal(posted.result, RELAY_DENIED);
	guest_send(b, MSG_MAILBOX_GET, BYTES_OF(slot));
	guest_send(a, MSG_MAILBOX_GET, BYTES_OF(slot));
	house_settle(&h);
	ok(mailbox_content_decode(&content, guest_heard(b, MSG_MAILBOX_GET)));
	assert_int_equal(content.len, 0);
	ok(mailbox_content_decode(&content, guest_heard(a, MSG_MAILBOX_GET)));
	assert_int_equal(content.len, 8);
	assert_true(mailbox_letter_next(&content, &l));
	assert_true(bytes_equal(l.letter, BYTES_STR("sealed")));
	buf_reset(&out);
	mailbox_delete_encode(&out, slot, &l.number, 1);
	guest_send(b, MSG_MAILBOX_DELETE, buf_bytes(&out));
	guest_send(a, MSG_MAILBOX_DELETE, buf_bytes(&out));
	guest_send(a, MSG_MAILBOX_GET, BYTES_OF(slot));
	house_settle(&h);
	ok(mailbox_content_decode(&content, guest_heard(a, MSG_MAILBOX_GET)));
	assert_int_equal(content.len, 7);
	/* A stranger reads nothing at all. */
	guest_send(stranger, MSG_MAILBOX_GET, BYTES_OF(slot));
	house_settle(&h);
	ok(mailbox_content_decode(
	    &content, guest_heard(stranger, MSG_MAILBOX_GET)));
	assert_int_equal(content.len, 0);
	house_close(&h);
}

static size_t
letters_in(struct house *h, struct guest *g, const uint8_t *slot)
{
	struct mailbox_content content;

	guest_send(g, MSG_MAILBOX_GET, BYTES(slot, RELAY_SLOT_LEN));
	house_settle(h);
	ok(mailbox_content_decode(&content, guest_heard(g, MSG_MAILBOX_GET)));
	return content.len;
}

static void
whoever_knows_an_open_slot_reads_it(void **state)
{
	static const uint8_t slot[RELAY_SLOT_LEN] = "open to a friend";
	struct relay_register m = {
		.what = RELAY_SLOTS_OPEN, .list = slot, .len = 1
	};
	struct mailbox_put put = { slot, BYTES_STR("sealed") };
	struct owner alice, bob;
	struct house h;
	struct guest *a, *b, *friend;
	struct mailbox_content content;
	struct mailbox_letter l;
	BUF_SCOPED out = { .max = 4096 };

	(void)state;
	house_open(&h, 21);
	a = guest_with_account(&h, &alice, MB);
	b = guest_with_account(&h, &bob, MB);
	friend = guest_come(&h, "192.0.2.9:1");
	/* He may look before it is there, and hears then what comes. */
	assert_int_equal(letters_in(&h, friend, slot), 0);
	assert_int_equal(guest_register(&h, a, &m, NULL), RELAY_DONE);
	/* Of two accounts that name one slot the first has it. */
	assert_int_equal(guest_register(&h, b, &m, NULL), RELAY_DONE);
	m.what = RELAY_SLOTS;
	assert_int_equal(guest_register(&h, b, &m, NULL), RELAY_DONE);
	mailbox_put_encode(&out, &put);
	for (int i = 0; i < 3; i++)
		guest_send(a, MSG_MAILBOX_PUT, buf_bytes(&out));
	house_settle(&h);
	ok(mailbox_content_decode(
	    &content, guest_heard(friend, MSG_MAILBOX_GET)));
	/* The same letter thrice is one. */
	assert_int_equal(content.len, 1);
	assert_true(mailbox_letter_next(&content, &l));
	assert_true(bytes_equal(l.letter, BYTES_STR("sealed")));
	/* Having shown a slot he is no stranger, who would have to go by now.
	 */
	h.now.mono.ms += RELAY_STRANGER_MS + 1000;
	assert_int_equal(letters_in(&h, friend, slot), 1);
	assert_int_equal(letters_in(&h, b, slot), 1);
	buf_reset(&out);
	mailbox_delete_encode(&out, slot, &l.number, 1);
	guest_send(friend, MSG_MAILBOX_DELETE, buf_bytes(&out));
	house_settle(&h);
	assert_int_equal(letters_in(&h, a, slot), 0);
	/* It is gone when its account says so, and nobody else. */
	m.what = RELAY_SLOTS_DROP;
	assert_int_equal(guest_register(&h, b, &m, NULL), RELAY_DONE);
	assert_int_equal(letters_in(&h, friend, slot), 0);
	assert_int_equal(guest_register(&h, a, &m, NULL), RELAY_DONE);
	buf_reset(&out);
	mailbox_put_encode(&out, &put);
	guest_send(a, MSG_MAILBOX_PUT, buf_bytes(&out));
	house_settle(&h);
	assert_int_equal(letters_in(&h, friend, slot), 0);
	house_close(&h);
}

static void
a_stranger_who_guesses_slots_goes(void **state)
{
	uint8_t slot[RELAY_SLOT_LEN] = { 0 };
	struct house h;
	struct guest *g;

	(void)state;
	house_open(&h, 22);
	g = guest_come(&h, "192.0.2.9:1");
	for (int i = 0; i <= RELAY_REFUSALS_MAX && !g->ended; i++) {
		slot[0] = (uint8_t)i;
		guest_send(g, MSG_MAILBOX_GET, BYTES_OF(slot));
		house_settle(&h);
		assert_int_equal(g->ended, i == RELAY_REFUSALS_MAX);
	}
	house_close(&h);
}

/* A device may have more members to welcome than that. */
static void
a_stranger_leaves_so_many_letters_and_who_is_known_more(void **state)
{
	static const uint8_t slot[RELAY_SLOT_LEN] = "a slot of alice";
	struct relay_register m = {
		.what = RELAY_SLOTS, .list = slot, .len = 1
	};
	struct mailbox_put put = { slot, BYTES_STR("sealed") };
	struct owner alice;
	struct house h;
	struct guest *a, *stranger;
	BUF_SCOPED out = { .max = 64 };

	(void)state;
	house_open(&h, 23);
	a = guest_with_account(&h, &alice, MB);
	stranger = guest_come(&h, "192.0.2.9:1");
	assert_int_equal(guest_register(&h, a, &m, NULL), RELAY_DONE);
	mailbox_put_encode(&out, &put);
	for (int i = 0; i <= RELAY_REFUSALS_MAX; i++) {
		assert_false(stranger->ended);
		guest_send(stranger, MSG_MAILBOX_PUT, buf_bytes(&out));
		guest_send(a, MSG_MAILBOX_PUT, buf_bytes(&out));
		house_settle(&h);
		guest_forget(stranger);
		guest_forget(a);
	}
	assert_true(stranger->ended);
	assert_false(a->ended);
	house_close(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    letters_wait_for_the_account_and_for_nobody_else),
		cmocka_unit_test(whoever_knows_an_open_slot_reads_it),
		cmocka_unit_test(a_stranger_who_guesses_slots_goes),
		cmocka_unit_test(
		    a_stranger_leaves_so_many_letters_and_who_is_known_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
