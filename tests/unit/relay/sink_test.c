/* A credential that sinks while its session is open. */
#include "tests/unit/relay/guest.h"

#define MB (1024u * 1024)

static const uint8_t topic[LK_TOPIC_LEN] = "plan";

static void
what_it_gets_then_rests_on_nothing_that_was_said_before(void **state)
{
	struct sign_key writer, former;
	struct owner o;
	struct house h;
	struct guest *a, *b;
	struct relay_opened said;
	uint8_t id[LK_ID_LEN];
	bool has;

	(void)state;
	house_open(&h, 41);
	a = guest_with_account(&h, &o, MB);
	key_draw(&h, &writer);
	key_draw(&h, &former);
	(void)guest_credential(&h, a, topic, &writer, RELAY_FULL);
	(void)guest_credential(&h, a, topic, &former, RELAY_FULL);
	b = guest_come(&h, "192.0.2.2:1");
	(void)guest_opens(&h, a, o.key.pk, topic, &writer);
	(void)guest_opens(&h, b, o.key.pk, topic, &former);
	guest_puts_one(&h, a, topic, true, id);
	assert_int_equal(guest_got(b, topic, id, &has), 1);
	assert_true(has);
	(void)guest_credential(&h, a, topic, &former, RELAY_KEYS);
	ok(relay_opened_decode(&said, guest_heard(b, MSG_RELAY_OPEN)));
	assert_int_equal(said.scope, RELAY_KEYS);
	item_state_clear(&b->items);
	assert_int_equal(guest_got(b, topic, id, &has), 1);
	assert_true(has);
	house_close(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_it_gets_then_rests_on_nothing_that_was_said_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
