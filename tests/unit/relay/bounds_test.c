#include "relay/vault.h"
#include "tests/unit/relay/guest.h"

#define MB (1024u * 1024)

static const uint8_t topic[LK_TOPIC_LEN] = "a topic of one";

/* Nothing that is in it can be read any more. */
static void
account_spoil(const struct house *h, unsigned number)
{
	static const uint8_t junk[8192] = { 0xa5 };
	char path[96];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%u/data.mdb", h->dir, number);
	f = fopen(path, "r+");
	assert_non_null(f);
	assert_int_equal(fwrite(junk, sizeof(junk), 1, f), 1);
	assert_int_equal(fclose(f), 0);
}

static void
an_account_whose_database_is_damaged_is_nobody_elses(void **state)
{
	struct relay_account seen = { .bytes = 0 };
	struct sign_key credential;
	struct owner o[2];
	struct house h;
	struct guest *a, *b;
	uint8_t id[LK_ID_LEN];
	bool damaged = false;

	(void)state;
	house_open(&h, 18);
	key_draw(&h, &credential);
	for (int i = 0; i < 2; i++) {
		a = guest_with_account(&h, &o[i], MB);
		(void)guest_credential(&h, a, topic, &credential, RELAY_FULL);
		(void)guest_opens(&h, a, o[i].key.pk, topic, &credential);
		guest_puts_one(&h, a, topic, false, id);
	}
	house_stop(&h);
	account_spoil(&h, 1);
	house_start(&h);
	b = guest_come(&h, "192.0.2.2:1");
	(void)guest_opens(&h, b, o[1].key.pk, topic, &credential);
	a = guest_come(&h, "192.0.2.1:1");
	assert_int_equal(
	    guest_login(&h, a, o[0].key.pk, &o[0].key), RELAY_DONE);
	guest_send(a, MSG_RELAY_QUOTA, BYTES(NULL, 0));
	house_settle(&h);
	assert_true(a->ended);
	assert_false(b->ended);
	guest_forget(b);
	guest_puts_one(&h, b, topic, false, id);
	assert_true(guest_heard_any(b, MSG_RELAY_STORED));
	/* The operator sees both, and can take it away. */
	house_begin(&h);
	for (int i = 0; i < 2; i++) {
		ok(relay_account(h.relay, &seen));
		damaged |= seen.damaged;
		assert_int_equal(seen.damaged,
		    memcmp(seen.account.id, o[0].key.pk, SIGN_PK_LEN) == 0);
		(void)bytes_next(seen.account.id, sizeof(seen.account.id));
	}
	assert_true(damaged);
	ok(relay_account_remove(h.relay, o[0].key.pk));
	house_end(&h);
	assert_false(b->ended);
	house_close(&h);
}

/* What a guest said, and what the relay says to that, as far as one round
 * goes. */
static void
house_round(struct house *h, struct guest *g)
{
	house_begin(h);
	ok(relay_bytes(h->relay, g->conn, buf_bytes(&g->wire)));
	buf_reset(&g->wire);
	house_end(h);
}

static void
who_asks_as_fast_as_he_is_answered_may_go_on(void **state)
{
	static uint8_t ids[300][LK_ID_LEN];
	struct want want = { .ids = ids[0], .len = 300 };
	struct sign_key credential;
	struct owner o;
	struct house h;
	struct guest *a;
	size_t wanted = 0, got = 0;
	BUF_SCOPED ask = { .max = 64 * 1024 };
	bool has;

	(void)state;
	house_open(&h, 19);
	a = guest_with_account(&h, &o, 100 * MB);
	key_draw(&h, &credential);
	(void)guest_credential(&h, a, topic, &credential, RELAY_FULL);
	(void)guest_opens(&h, a, o.key.pk, topic, &credential);
	for (size_t i = 0; i < want.len; i++) {
		BUF_SCOPED raw = { .max = 4096 };

		envelope_noise(&h, &raw, topic, 1, false, 1024);
		envelope_id(ids[i], buf_bytes(&raw));
		guest_puts(&h, a, buf_bytes(&raw));
		guest_forget(a);
	}
	want_encode(&ask, &want);
	for (; wanted < 70000; wanted += want.len) {
		guest_send(a, MSG_WANT, buf_bytes(&ask));
		house_round(&h, a);
		assert_false(a->ended);
		got += guest_got(a, topic, NULL, &has);
	}
	/* And there was always more than one round could bring. */
	assert_true(got < wanted);
	house_settle(&h);
	got += guest_got(a, topic, NULL, &has);
	assert_int_equal(got, wanted);
	house_close(&h);
}

static void
what_may_come_in_a_minute_does_however_often_one_looks(void **state)
{
	struct account a = { .number = 7,
		.limits = { .bytes = MB, .envelopes = 10, .puts = 7 } };
	struct mono now = { .ms = 1000 };
	struct vaults vaults;
	struct vault *vault;
	struct house h;
	int more = 0;

	(void)state;
	house_open(&h, 20);
	vaults_init(&vaults, h.dir);
	ok(vault_get(&vaults, &a, &vault));
	while (vault_room(vault, &a.limits, 1, now) == VAULT_ROOM)
		vault_put_counted(vault);
	for (; now.ms < 1000 + 60000; now.ms++)
		if (vault_room(vault, &a.limits, 1, now) == VAULT_ROOM) {
			vault_put_counted(vault);
			more++;
		}
	assert_int_equal(more, 6);
	assert_int_equal(vault_room(vault, &a.limits, 1, now), VAULT_ROOM);
	vaults_clear(&vaults);
	house_close(&h);
}

static void
who_writes_a_letter_does_not_pay_for_what_its_reader_asked(void **state)
{
	static const uint8_t slot[RELAY_SLOT_LEN] = "a slot of alice";
	struct relay_register m = {
		.what = RELAY_SLOTS, .list = slot, .len = 1
	};
	struct mailbox_put put = { slot, BYTES_STR("sealed") };
	struct fp_range f = { .first = 0, .last = RELAY_OPEN_MAX - 1 };
	struct sign_key credential;
	struct owner alice;
	struct house h;
	struct guest *a, *stranger;
	BUF_SCOPED b = { .max = 64 };

	(void)state;
	house_open(&h, 21);
	a = guest_with_account(&h, &alice, MB);
	assert_int_equal(guest_register(&h, a, &m, NULL), RELAY_DONE);
	key_draw(&h, &credential);
	(void)guest_credential(&h, a, topic, &credential, RELAY_FULL);
	(void)guest_opens(&h, a, alice.key.pk, topic, &credential);
	fp_range_encode(&b, &f);
	for (int i = 0; i < 64; i++) {
		guest_send(a, MSG_FP, buf_bytes(&b));
		house_settle(&h);
		guest_forget(a);
	}
	assert_false(a->ended);
	stranger = guest_come(&h, "192.0.2.9:1");
	buf_reset(&b);
	mailbox_put_encode(&b, &put);
	guest_send(stranger, MSG_MAILBOX_PUT, buf_bytes(&b));
	house_settle(&h);
	assert_false(stranger->ended);
	assert_true(guest_heard_any(a, MSG_MAILBOX_GET));
	house_close(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    an_account_whose_database_is_damaged_is_nobody_elses),
		cmocka_unit_test(who_asks_as_fast_as_he_is_answered_may_go_on),
		cmocka_unit_test(
		    what_may_come_in_a_minute_does_however_often_one_looks),
		cmocka_unit_test(
		    who_writes_a_letter_does_not_pay_for_what_its_reader_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
