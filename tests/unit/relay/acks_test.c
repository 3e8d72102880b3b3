/* What devices acknowledge, at a relay that cannot read it. */
#include "tests/unit/relay/guest.h"

#define MB (1024u * 1024)

static const uint8_t topic[LK_TOPIC_LEN] = "plan";

/* An acknowledgement as far as a relay can see. */
static void
ack_make(struct house *h, struct buf *out, uint8_t tag, uint64_t counter)
{
	uint8_t noise[8 + 16 + 24 + 1 + SIGN_LEN + 16 + LK_ID_LEN];
	uint8_t tags[LK_TOPIC_LEN] = { tag };

	random_fill(&h->random, noise, sizeof(noise));
	buf_u32(out, 0);
	buf_mem(out, tags, sizeof(tags));
	buf_mem(out, noise, 8);
	buf_u64(out, counter);
	buf_mem(out, noise + 8, sizeof(noise) - 8);
}

static void
guest_acks(struct house *h, struct guest *g, uint8_t tag, struct buf *said)
{
	BUF_SCOPED b = { .max = RELAY_ACK_MAX };

	ack_make(h, &b, tag, 1);
	guest_send(g, MSG_ACK, buf_bytes(&b));
	house_settle(h);
	if (said != NULL) {
		buf_reset(said);
		buf_add(said, buf_bytes(&b));
	}
}

/* How many were heard; what was heard is forgotten. */
static size_t
guest_acked(struct guest *g, struct bytes one, bool *has)
{
	size_t n = 0;

	*has = false;
	for (size_t i = 0; i < g->said_len; i++) {
		if (g->said[i].type != MSG_ACK)
			continue;
		n++;
		*has |= bytes_equal(buf_bytes(&g->said[i].body), one);
	}
	guest_forget(g);
	return n;
}

static uint64_t
bytes_used(struct house *h)
{
	struct relay_account a = { .sessions = 0 };

	house_begin(h);
	ok(relay_account(h->relay, &a));
	house_end(h);
	return a.bytes;
}

/* An account with a writer, a reader, and one who has keys only. */
struct company {
	struct house h;
	struct owner o;
	struct sign_key writer, reader, former;
	struct guest *a, *b;
};

static void
company_meet(struct company *c, uint64_t seed)
{
	house_open(&c->h, seed);
	c->a = guest_with_account(&c->h, &c->o, MB);
	key_draw(&c->h, &c->writer);
	key_draw(&c->h, &c->reader);
	key_draw(&c->h, &c->former);
	assert_int_equal(
	    guest_credential(&c->h, c->a, topic, &c->writer, RELAY_FULL),
	    RELAY_DONE);
	assert_int_equal(
	    guest_credential(&c->h, c->a, topic, &c->reader, RELAY_READ),
	    RELAY_DONE);
	assert_int_equal(
	    guest_credential(&c->h, c->a, topic, &c->former, RELAY_KEYS),
	    RELAY_DONE);
	c->b = guest_come(&c->h, "192.0.2.2:1");
	(void)guest_opens(&c->h, c->a, c->o.key.pk, topic, &c->writer);
	(void)guest_opens(&c->h, c->b, c->o.key.pk, topic, &c->reader);
}

static void
what_one_says_reaches_who_is_there_and_who_comes(void **state)
{
	struct company c;
	struct guest *late;
	BUF_SCOPED said = { .max = RELAY_ACK_MAX };
	BUF_SCOPED other = { .max = RELAY_ACK_MAX };
	bool has;

	(void)state;
	company_meet(&c, 1);
	guest_acks(&c.h, c.b, 1, &said);
	assert_int_equal(guest_acked(c.a, buf_bytes(&said), &has), 1);
	assert_true(has);
	assert_int_equal(guest_acked(c.b, buf_bytes(&said), &has), 0);
	guest_acks(&c.h, c.a, 2, &other);
	assert_int_equal(guest_acked(c.b, buf_bytes(&other), &has), 1);
	/* The last one of a tag is kept, be it what it may. */
	guest_acks(&c.h, c.b, 1, &said);
	house_stop(&c.h);
	house_start(&c.h);
	late = guest_come(&c.h, "192.0.2.3:1");
	(void)guest_opens(&c.h, late, c.o.key.pk, topic, &c.reader);
	assert_int_equal(guest_acked(late, buf_bytes(&said), &has), 2);
	assert_true(has);
	house_close(&c.h);
}

static void
who_gets_keys_alone_hears_nothing_and_says_nothing(void **state)
{
	struct company c;
	struct guest *former;
	BUF_SCOPED said = { .max = RELAY_ACK_MAX };
	bool has;

	(void)state;
	company_meet(&c, 2);
	guest_acks(&c.h, c.a, 1, NULL);
	former = guest_come(&c.h, "192.0.2.3:1");
	assert_int_equal(
	    guest_opens(&c.h, former, c.o.key.pk, topic, &c.former),
	    RELAY_KEYS);
	guest_forget(c.a);
	guest_acks(&c.h, former, 2, &said);
	guest_acks(&c.h, c.b, 1, NULL);
	assert_int_equal(guest_acked(former, buf_bytes(&said), &has), 0);
	assert_int_equal(guest_acked(c.a, buf_bytes(&said), &has), 1);
	assert_false(has);
	assert_false(former->ended);
	house_close(&c.h);
}

static void
they_count_for_the_quota_and_go_with_the_topic(void **state)
{
	struct company c;
	uint64_t one;
	BUF_SCOPED b = { .max = 64 };

	(void)state;
	company_meet(&c, 3);
	assert_int_equal(bytes_used(&c.h), 0);
	guest_acks(&c.h, c.a, 1, NULL);
	one = bytes_used(&c.h);
	assert_true(one > RELAY_ENVELOPE_COST);
	guest_acks(&c.h, c.a, 1, NULL);
	assert_int_equal(bytes_used(&c.h), one);
	guest_acks(&c.h, c.a, 2, NULL);
	assert_int_equal(bytes_used(&c.h), 2 * one);
	relay_purge_encode(&b, topic);
	guest_send(c.a, MSG_RELAY_PURGE, buf_bytes(&b));
	house_settle(&c.h);
	assert_int_equal(bytes_used(&c.h), 0);
	house_close(&c.h);
}

static void
what_is_over_the_quota_is_neither_kept_nor_passed_on(void **state)
{
	struct company c;
	struct account_limits none = {
		.bytes = 1000, .envelopes = 1000, .puts = 600
	};
	struct relay_quota q;
	bool has;

	(void)state;
	company_meet(&c, 4);
	guest_acks(&c.h, c.a, 1, NULL);
	house_begin(&c.h);
	ok(relay_account_limit(c.h.relay, c.o.key.pk, &none));
	house_end(&c.h);
	guest_forget(c.b);
	guest_acks(&c.h, c.a, 2, NULL);
	ok(relay_quota_decode(&q, guest_heard(c.a, MSG_RELAY_QUOTA)));
	assert_int_equal(q.why, RELAY_QUOTA_BYTES);
	assert_int_equal(guest_acked(c.b, BYTES(NULL, 0), &has), 0);
	house_close(&c.h);
}

static void
of_more_tags_than_are_kept_one_gives_way(void **state)
{
	struct company c;
	struct guest *late;
	BUF_SCOPED said = { .max = RELAY_ACK_MAX };
	uint64_t full;
	bool has;

	(void)state;
	company_meet(&c, 5);
	for (int i = 0; i < RELAY_ACKS_MAX; i++)
		guest_acks(&c.h, c.a, (uint8_t)(i + 1), NULL);
	full = bytes_used(&c.h);
	guest_acks(&c.h, c.a, RELAY_ACKS_MAX + 1, &said);
	assert_int_equal(bytes_used(&c.h), full);
	late = guest_come(&c.h, "192.0.2.3:1");
	(void)guest_opens(&c.h, late, c.o.key.pk, topic, &c.reader);
	assert_int_equal(
	    guest_acked(late, buf_bytes(&said), &has), RELAY_ACKS_MAX);
	assert_true(has);
	house_close(&c.h);
}

static void
who_does_not_read_is_told_all_later(void **state)
{
	struct company c;
	BUF_SCOPED said = { .max = RELAY_ACK_MAX };
	bool has;

	(void)state;
	company_meet(&c, 6);
	relay_pending(c.h.relay, c.b->conn, MB);
	guest_acks(&c.h, c.a, 1, NULL);
	guest_acks(&c.h, c.a, 2, &said);
	assert_int_equal(guest_acked(c.b, buf_bytes(&said), &has), 0);
	relay_pending(c.h.relay, c.b->conn, 0);
	house_settle(&c.h);
	assert_int_equal(guest_acked(c.b, buf_bytes(&said), &has), 2);
	assert_true(has);
	house_close(&c.h);
}

static void
what_is_none_ends_the_session(void **state)
{
	struct company c;
	BUF_SCOPED b = { .max = RELAY_ACK_MAX };

	(void)state;
	company_meet(&c, 7);
	ack_make(&c.h, &b, 1, 1);
	b.len -= 8;
	guest_send(c.b, MSG_ACK, buf_bytes(&b));
	house_settle(&c.h);
	assert_true(c.b->ended);
	assert_false(c.a->ended);
	house_close(&c.h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_one_says_reaches_who_is_there_and_who_comes),
		cmocka_unit_test(
		    who_gets_keys_alone_hears_nothing_and_says_nothing),
		cmocka_unit_test(
		    they_count_for_the_quota_and_go_with_the_topic),
		cmocka_unit_test(
		    what_is_over_the_quota_is_neither_kept_nor_passed_on),
		cmocka_unit_test(of_more_tags_than_are_kept_one_gives_way),
		cmocka_unit_test(who_does_not_read_is_told_all_later),
		cmocka_unit_test(what_is_none_ends_the_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
