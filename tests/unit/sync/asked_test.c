/* Letters about a ticket, from whoever has it. */
#include "sync/mailbox.h"
#include "sync/pairing.h"
#include "tests/unit/sync/wired.h"

#define ASKERS (TICKET_REFUSED_MAX + 12)
#define DAY_MS (INT64_C(24) * 3600 * 1000)

/* The request of the n-th stranger, as it stands in a letter. */
static void
ask_write(struct buf *plain, const struct mailbox *box, unsigned n)
{
	uint8_t seed[32] = { 1, (uint8_t)n }, sig[SIGN_LEN];
	struct card_device device = { .cert = { .rank = 10, .serial = 1 } };
	struct card card = {
		.serial = 1, .name = BYTES_STR("x"), .devices = &device
	};
	struct sign_key root, key;
	struct dh_key dh;
	BUF_SCOPED said = { .max = MAIL_PLAIN_MAX };

	dh_key_from_secret(&dh, seed);
	sign_key_from_seed(&key, seed);
	seed[0] = 2;
	sign_key_from_seed(&root, seed);
	memcpy(card.root_pk, root.pk, SIGN_PK_LEN);
	memcpy(device.cert.root_pk, root.pk, SIGN_PK_LEN);
	device_block_make(&device.cert.block, &key, dh.pk, dh.pk, 0);
	cert_sign(&device.cert, &root);
	card.devices_len = 1;
	buf_u8(&said, TICKET_INVITE);
	ok(card_encode(&said, &card, &key));
	sign(sig, &key, SIGN_PAIR_POP, BYTES(box->from, TICKET_ID_LEN),
	    buf_bytes(&said));
	buf_mem(&said, sig, sizeof(sig));
	ok(buf_err(&said, "request"));
	assert_true(mail_add(plain, MAIL_ASK, buf_bytes(&said)));
}

/* Whether he is told anything, and at which slot. */
static bool
ask_answered(
    struct host *h, const struct mailbox *box, unsigned n, uint8_t *slot)
{
	struct mail_reply reply = MAIL_REPLY_INIT;
	BUF_SCOPED plain = { .max = MAIL_PLAIN_MAX };
	bool news, answered;

	ask_write(&plain, box, n);
	ok(mailbox_take(h->e, box, buf_bytes(&plain), &news, &reply));
	answered = reply.plain.len > 0;
	memcpy(slot, reply.route.slot, MAIL_SLOT_LEN);
	mail_reply_clear(&reply);
	return answered;
}

static void
who_has_a_used_ticket_opens_no_end_of_mailboxes(void **state)
{
	static struct wires w;
	static struct host h;
	struct ticket_request want = { .purpose = TICKET_INVITE,
		.role = ROLE_WRITE };
	char text[TICKET_TEXT_MAX + 1];
	uint8_t answers[ASKERS][MAIL_SLOT_LEN], over[64][MAIL_SLOT_LEN], no[16];
	struct mailbox *boxes;
	size_t len, n = 0;

	(void)state;
	host_make(&w, &h, 1, "laptop");
	device_begin(&h.d);
	ok(replica_create(h.d.r, "notes", "map", NULL, NULL, &want.docno));
	ok(engine_ticket(h.e, &want, h.d.now, text, sizeof(text)));
	ok(mailboxes_make(h.e, &boxes, &len));
	assert_int_equal(len, 1);
	for (unsigned i = 0; i < ASKERS; i++)
		n += ask_answered(&h, &boxes[0], i, answers[n]);
	/* One was let in. */
	assert_int_equal(n, 1 + TICKET_REFUSED_MAX);
	/* Who was told is told again. */
	for (unsigned i = 0; i < n; i++)
		assert_true(ask_answered(&h, &boxes[0], i, no));
	assert_false(ask_answered(&h, &boxes[0], ASKERS - 1, no));
	host_commit(&h);

	/* What was opened is closed when the ticket is over. */
	h.d.now.wall.ms += 15 * DAY_MS;
	host_tick(&h);
	device_begin(&h.d);
	ok(mailboxes_over(h.e, over, 64, &len));
	assert_int_equal(len, 1 + n);
	for (size_t i = 0; i < n; i++) {
		size_t at = 0;

		while (at < len && memcmp(over[at], answers[i], 16) != 0)
			at++;
		assert_true(at < len);
	}
	host_commit(&h);
	mailboxes_free(boxes, 1);
	host_remove(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    who_has_a_used_ticket_opens_no_end_of_mailboxes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
