#include "sync/range.h"
#include "tests/unit/relay/guest.h"

#define MB (1024u * 1024)

static const uint8_t topic[LK_TOPIC_LEN] = "a topic of one";

static size_t
stored_len(struct guest *g)
{
	struct relay_stored m;

	ok(relay_stored_decode(&m, guest_heard(g, MSG_RELAY_STORED)));
	return m.len;
}

static enum relay_quota_why
quota_why(struct guest *g)
{
	struct relay_quota q;

	ok(relay_quota_decode(&q, guest_heard(g, MSG_RELAY_QUOTA)));
	return q.why;
}

static void
an_account_needs_an_invitation_that_is_good_once(void **state)
{
	struct invitation i;
	struct owner o, other;
	struct house h;
	struct guest *g;

	(void)state;
	house_open(&h, 1);
	invite_draw(&h, &i, MB);
	key_draw(&h, &o.key);
	key_draw(&h, &o.successor);
	key_draw(&h, &other.key);
	key_draw(&h, &other.successor);
	g = guest_come(&h, "192.0.2.1:1");
	assert_int_equal(guest_create(&h, g, &o, &i), RELAY_DONE);
	g = guest_come(&h, "192.0.2.1:2");
	assert_int_equal(guest_create(&h, g, &other, &i), RELAY_DENIED);
	assert_int_equal(guest_create(&h, g, &o, &i), RELAY_EXISTS);
	invite_draw(&h, &i, MB);
	h.now.wall.ms = i.expires.ms;
	assert_int_equal(guest_create(&h, g, &other, &i), RELAY_DENIED);
	house_close(&h);
}

static void
only_the_key_of_an_account_speaks_for_it_until_its_successor_does(void **state)
{
	struct sign_key next, after;
	struct owner o;
	struct house h;
	struct guest *g, *old;
	struct relay_register m = { .what = RELAY_SUCCEED };

	(void)state;
	house_open(&h, 2);
	old = guest_with_account(&h, &o, MB);
	key_draw(&h, &next);
	key_draw(&h, &after);
	g = guest_come(&h, "192.0.2.1:2");
	assert_int_equal(guest_login(&h, g, o.key.pk, &next), RELAY_DENIED);
	assert_int_equal(guest_login(&h, g, next.pk, &next), RELAY_DENIED);
	assert_int_equal(guest_login(&h, g, o.key.pk, &o.key), RELAY_DONE);
	m.account = o.key.pk;
	m.key = next.pk;
	m.successor = after.pk;
	g = guest_come(&h, "192.0.2.1:3");
	assert_int_equal(guest_register(&h, g, &m, &o.key), RELAY_DENIED);
	assert_int_equal(guest_register(&h, g, &m, &o.successor), RELAY_DONE);
	/* Who was there by the key before is shown out. */
	assert_true(old->ended);
	g = guest_come(&h, "192.0.2.1:4");
	assert_int_equal(guest_login(&h, g, o.key.pk, &o.key), RELAY_DENIED);
	assert_int_equal(guest_login(&h, g, o.key.pk, &next), RELAY_DONE);
	house_close(&h);
}

static void
what_is_stored_survives_and_reaches_who_asks_and_who_is_there(void **state)
{
	struct sign_key credential;
	struct owner o;
	struct house h;
	struct guest *a, *b;
	uint8_t id[LK_ID_LEN];
	struct want want = { .ids = id, .len = 1 };
	BUF_SCOPED ask = { .max = 64 };
	bool has;

	(void)state;
	house_open(&h, 3);
	a = guest_with_account(&h, &o, MB);
	key_draw(&h, &credential);
	assert_int_equal(
	    guest_credential(&h, a, topic, &credential, RELAY_FULL),
	    RELAY_DONE);
	b = guest_come(&h, "192.0.2.2:1");
	assert_int_equal(
	    guest_opens(&h, a, o.key.pk, topic, &credential), RELAY_FULL);
	assert_int_equal(
	    guest_opens(&h, b, o.key.pk, topic, &credential), RELAY_FULL);
	guest_puts_one(&h, a, topic, false, id);
	assert_int_equal(stored_len(a), 1);
	/* At once to the one, not back to the other. */
	assert_int_equal(guest_got(b, topic, id, &has), 1);
	assert_true(has);
	assert_int_equal(guest_got(a, topic, id, &has), 0);
	house_stop(&h);
	house_start(&h);
	b = guest_come(&h, "192.0.2.2:1");
	assert_int_equal(
	    guest_opens(&h, b, o.key.pk, topic, &credential), RELAY_FULL);
	want_encode(&ask, &want);
	guest_send(b, MSG_WANT, buf_bytes(&ask));
	house_settle(&h);
	assert_int_equal(guest_heard(b, MSG_BATCH).ptr[4], 1);
	assert_int_equal(guest_got(b, topic, id, &has), 1);
	assert_true(has);
	house_close(&h);
}

static void
after_a_rotation_the_former_key_gets_key_envelopes_and_no_other(void **state)
{
	struct sign_key old, new;
	struct owner o;
	struct house h;
	struct guest *a, *gone;
	uint8_t content[LK_ID_LEN], keys[LK_ID_LEN], id[LK_ID_LEN];
	struct want want = { .ids = content, .len = 1 };
	BUF_SCOPED ask = { .max = 64 };
	bool has;

	(void)state;
	house_open(&h, 4);
	a = guest_with_account(&h, &o, MB);
	key_draw(&h, &old);
	key_draw(&h, &new);
	assert_int_equal(
	    guest_credential(&h, a, topic, &old, RELAY_FULL), RELAY_DONE);
	assert_int_equal(guest_opens(&h, a, o.key.pk, topic, &old), RELAY_FULL);
	gone = guest_come(&h, "192.0.2.2:1");
	assert_int_equal(
	    guest_opens(&h, gone, o.key.pk, topic, &old), RELAY_FULL);
	/* The rotation, in a session that goes on, and in one that comes. */
	assert_int_equal(
	    guest_credential(&h, a, topic, &new, RELAY_FULL), RELAY_DONE);
	assert_int_equal(
	    guest_credential(&h, a, topic, &old, RELAY_KEYS), RELAY_DONE);
	assert_int_equal(guest_opens(&h, a, o.key.pk, topic, &new), RELAY_FULL);
	guest_forget(gone);
	guest_puts_one(&h, a, topic, false, content);
	guest_puts_one(&h, a, topic, true, keys);
	item_state_clear(&gone->items);
	assert_int_equal(guest_got(gone, topic, keys, &has), 1);
	assert_true(has);
	/* He asks for the content by its id. */
	want_encode(&ask, &want);
	guest_send(gone, MSG_WANT, buf_bytes(&ask));
	house_settle(&h);
	assert_int_equal(guest_got(gone, topic, content, &has), 0);
	/* And puts something, which nobody gets. */
	(void)guest_got(a, topic, NULL, &has);
	guest_puts_one(&h, gone, topic, false, id);
	assert_false(guest_heard_any(gone, MSG_RELAY_STORED));
	assert_int_equal(guest_got(a, topic, id, &has), 0);
	gone = guest_come(&h, "192.0.2.2:2");
	assert_int_equal(
	    guest_opens(&h, gone, o.key.pk, topic, &old), RELAY_KEYS);
	assert_int_equal(guest_heard(gone, MSG_BATCH).ptr[4], 1);
	assert_int_equal(guest_got(gone, topic, keys, &has), 1);
	assert_true(has);
	house_close(&h);
}

/* A device that missed the rotation registers what it knows. */
static void
no_registration_gives_a_credential_its_rights_back(void **state)
{
	struct sign_key old;
	struct owner o;
	struct house h;
	struct guest *a;

	(void)state;
	house_open(&h, 5);
	a = guest_with_account(&h, &o, MB);
	key_draw(&h, &old);
	assert_int_equal(
	    guest_credential(&h, a, topic, &old, RELAY_KEYS), RELAY_DONE);
	assert_int_equal(
	    guest_credential(&h, a, topic, &old, RELAY_FULL), RELAY_DONE);
	assert_int_equal(guest_opens(&h, a, o.key.pk, topic, &old), RELAY_KEYS);
	/* Others come and go; of 64 the earliest that sank gives way. */
	for (int i = 0; i < RELAY_CREDENTIALS_MAX; i++) {
		struct sign_key other;

		key_draw(&h, &other);
		assert_int_equal(
		    guest_credential(&h, a, topic, &other, RELAY_FULL),
		    RELAY_DONE);
	}
	assert_int_equal(
	    guest_opens(&h, a, o.key.pk, topic, &old), RELAY_REFUSED);
	assert_int_equal(
	    guest_credential(&h, a, topic, &old, RELAY_FULL), RELAY_LIMIT);
	house_close(&h);
}

static void
who_may_only_read_puts_nothing(void **state)
{
	struct sign_key writer, reader;
	struct owner o;
	struct house h;
	struct guest *a, *b;
	uint8_t id[LK_ID_LEN];
	bool has;

	(void)state;
	house_open(&h, 6);
	a = guest_with_account(&h, &o, MB);
	key_draw(&h, &writer);
	key_draw(&h, &reader);
	assert_int_equal(
	    guest_credential(&h, a, topic, &writer, RELAY_FULL), RELAY_DONE);
	assert_int_equal(
	    guest_credential(&h, a, topic, &reader, RELAY_READ), RELAY_DONE);
	b = guest_come(&h, "192.0.2.2:1");
	(void)guest_opens(&h, a, o.key.pk, topic, &writer);
	assert_int_equal(
	    guest_opens(&h, b, o.key.pk, topic, &reader), RELAY_READ);
	guest_puts_one(&h, a, topic, false, id);
	assert_int_equal(guest_got(b, topic, id, &has), 1);
	assert_true(has);
	guest_puts_one(&h, b, topic, false, id);
	/* It was told; who goes on all the same is shown out. */
	assert_true(b->ended || !guest_heard_any(b, MSG_RELAY_STORED));
	assert_int_equal(guest_got(a, topic, id, &has), 0);
	house_close(&h);
}

static void
two_accounts_with_the_same_topic_share_nothing(void **state)
{
	struct sign_key credential;
	struct owner one, two;
	struct house h;
	struct guest *a, *b;
	uint8_t id[LK_ID_LEN];
	bool has;
	BUF_SCOPED raw = { .max = 4096 };

	(void)state;
	house_open(&h, 7);
	a = guest_with_account(&h, &one, MB);
	b = guest_with_account(&h, &two, MB);
	key_draw(&h, &credential);
	assert_int_equal(
	    guest_credential(&h, a, topic, &credential, RELAY_FULL),
	    RELAY_DONE);
	(void)guest_opens(&h, a, one.key.pk, topic, &credential);
	assert_int_equal(
	    guest_opens(&h, b, two.key.pk, topic, &credential), RELAY_REFUSED);
	assert_int_equal(
	    guest_credential(&h, b, topic, &credential, RELAY_FULL),
	    RELAY_DONE);
	assert_int_equal(
	    guest_opens(&h, b, two.key.pk, topic, &credential), RELAY_FULL);
	envelope_noise(&h, &raw, topic, 1, false, 96);
	envelope_id(id, buf_bytes(&raw));
	guest_puts(&h, a, buf_bytes(&raw));
	assert_int_equal(stored_len(a), 1);
	assert_int_equal(guest_got(b, topic, id, &has), 0);
	/* The same envelope is as new to the other. */
	guest_puts(&h, b, buf_bytes(&raw));
	assert_int_equal(stored_len(b), 1);
	house_close(&h);
}

static void
what_is_over_the_quota_is_refused_before_it_is_read(void **state)
{
	struct sign_key credential;
	struct owner o;
	struct house h;
	struct guest *a;
	uint8_t id[LK_ID_LEN];
	uint8_t junk[] = { 0, 0, 0, 0, 0, 0xff, 0xff, 0xff };
	bool has;

	(void)state;
	house_open(&h, 8);
	a = guest_with_account(&h, &o, 1500);
	key_draw(&h, &credential);
	(void)guest_credential(&h, a, topic, &credential, RELAY_FULL);
	(void)guest_opens(&h, a, o.key.pk, topic, &credential);
	guest_puts_one(&h, a, topic, false, id);
	guest_puts_one(&h, a, topic, false, id);
	assert_false(guest_heard_any(a, MSG_RELAY_QUOTA));
	guest_forget(a);
	/* Not even an item: who reads it ends the session. */
	guest_send(a, MSG_BATCH, BYTES_OF(junk));
	house_settle(&h);
	assert_false(a->ended);
	assert_int_equal(quota_why(a), RELAY_QUOTA_BYTES);
	guest_forget(a);
	guest_send(a, MSG_BATCH, BYTES_OF(junk));
	house_settle(&h);
	assert_int_equal(guest_got(a, topic, NULL, &has), 0);
	assert_false(a->ended);
	/* With room it is read, and that is that. */
	a = guest_with_account(&h, &o, MB);
	(void)guest_credential(&h, a, topic, &credential, RELAY_FULL);
	(void)guest_opens(&h, a, o.key.pk, topic, &credential);
	guest_send(a, MSG_BATCH, BYTES_OF(junk));
	house_settle(&h);
	assert_true(a->ended);
	house_close(&h);
}

static void
of_a_batch_no_more_is_taken_than_there_is_room_for(void **state)
{
	static const size_t sizes[] = { 96, 512 };
	struct sign_key credential;
	struct owner o;
	struct house h;
	struct guest *a;
	struct relay_account got = { .bytes = 0 };
	BUF_SCOPED b = { .max = 4096 };

	(void)state;
	house_open(&h, 21);
	/* Room for the message, not for what is reckoned of both in it. */
	a = guest_with_account(&h, &o, 1500);
	key_draw(&h, &credential);
	(void)guest_credential(&h, a, topic, &credential, RELAY_FULL);
	(void)guest_opens(&h, a, o.key.pk, topic, &credential);
	batch_encode(&b, 0, false);
	for (size_t i = 0; i < 2; i++) {
		struct envelope env;
		BUF_SCOPED raw = { .max = 4096 };

		envelope_noise(&h, &raw, topic, 1, false, sizes[i]);
		ok(envelope_parse(&env, buf_bytes(&raw)));
		ok(item_encode(&b, &a->sending, &env));
	}
	guest_send(a, MSG_BATCH, buf_bytes(&b));
	house_settle(&h);
	assert_int_equal(stored_len(a), 1);
	assert_int_equal(quota_why(a), RELAY_QUOTA_BYTES);
	house_begin(&h);
	ok(relay_account(h.relay, &got));
	house_end(&h);
	assert_int_equal(got.envelopes, 1);
	house_close(&h);
}

static void
so_many_a_minute_are_taken_and_then_more(void **state)
{
	struct sign_key credential;
	struct owner o;
	struct house h;
	struct guest *a;
	uint8_t id[LK_ID_LEN];
	int n = 0;

	(void)state;
	house_open(&h, 9);
	a = guest_with_account(&h, &o, 100 * MB);
	key_draw(&h, &credential);
	(void)guest_credential(&h, a, topic, &credential, RELAY_FULL);
	(void)guest_opens(&h, a, o.key.pk, topic, &credential);
	for (; !guest_heard_any(a, MSG_RELAY_QUOTA) && n < 1000; n++) {
		guest_forget(a);
		guest_puts_one(&h, a, topic, false, id);
	}
	assert_int_equal(n, 601);
	assert_int_equal(quota_why(a), RELAY_QUOTA_RATE);
	h.now.mono.ms += 30000;
	guest_forget(a);
	(void)guest_opens(&h, a, o.key.pk, topic, &credential);
	for (n = 0; !guest_heard_any(a, MSG_RELAY_QUOTA) && n < 1000; n++) {
		guest_forget(a);
		guest_puts_one(&h, a, topic, false, id);
	}
	assert_int_equal(n, 301);
	house_close(&h);
}

static void
an_envelope_whose_header_is_wrong_ends_the_session(void **state)
{
	struct sign_key credential;
	struct owner o;
	struct house h;
	struct guest *a;
	BUF_SCOPED b = { .max = 4096 };
	uint8_t zeros[128] = { 0 };

	(void)state;
	house_open(&h, 10);
	a = guest_with_account(&h, &o, MB);
	key_draw(&h, &credential);
	(void)guest_credential(&h, a, topic, &credential, RELAY_FULL);
	(void)guest_opens(&h, a, o.key.pk, topic, &credential);
	/* A ciphertext of 113 bytes: no bucket. */
	batch_encode(&b, 0, false);
	buf_u8(&b, 7);
	buf_uleb(&b, 0);
	buf_mem(&b, zeros, 16);
	buf_uleb(&b, 1);
	buf_mem(&b, zeros, 24);
	buf_uleb(&b, 113);
	buf_mem(&b, zeros, 113);
	guest_send(a, MSG_BATCH, buf_bytes(&b));
	house_settle(&h);
	assert_true(a->ended);
	house_close(&h);
}

static void
a_stranger_has_little_time_and_few_words(void **state)
{
	static uint8_t body[8];
	struct house h;
	struct guest *g;

	(void)state;
	house_open(&h, 12);
	g = guest_come(&h, "192.0.2.9:1");
	for (int i = 0; i < 4000 && !g->ended; i++) {
		guest_send(g, MSG_PING, BYTES_OF(body));
		if (i % 100 != 0)
			continue;
		house_settle(&h);
		guest_forget(g);
	}
	assert_true(g->ended);
	g = guest_come(&h, "192.0.2.9:2");
	h.now.mono.ms += 9999;
	house_settle(&h);
	assert_false(g->ended);
	h.now.mono.ms += 1;
	house_settle(&h);
	assert_true(g->ended);
	/* Nine from one place are one too many. */
	for (int i = 0; i < 9; i++) {
		g = guest_come(&h, "192.0.2.9:3");
		assert_int_equal(g->ended, i == 8);
	}
	house_close(&h);
}

static void
credentials_are_not_to_be_guessed(void **state)
{
	struct sign_key guess;
	struct owner o;
	struct house h;
	struct guest *a, *g;
	int n = 0;

	(void)state;
	house_open(&h, 13);
	a = guest_with_account(&h, &o, MB);
	key_draw(&h, &guess);
	(void)guest_credential(&h, a, topic, &guess, RELAY_FULL);
	g = guest_come(&h, "192.0.2.9:1");
	for (; !g->ended; n++) {
		struct relay_open m = { .account = o.key.pk, .topic = topic };
		BUF_SCOPED b = { .max = 512 };

		key_draw(&h, &guess);
		relay_open_encode(&b, &m, &guess, session_hash(g->session));
		guest_send(g, MSG_RELAY_OPEN, buf_bytes(&b));
		house_settle(&h);
	}
	assert_int_equal(n, RELAY_REFUSALS_MAX + 1);
	house_close(&h);
}

static void
a_topic_that_was_purged_is_gone_and_may_come_again(void **state)
{
	struct relay_account who = { .bytes = 1 };
	struct sign_key credential;
	struct owner o;
	struct house h;
	struct guest *a;
	uint8_t id[LK_ID_LEN];
	BUF_SCOPED raw = { .max = 4096 };

	(void)state;
	house_open(&h, 14);
	a = guest_with_account(&h, &o, MB);
	key_draw(&h, &credential);
	(void)guest_credential(&h, a, topic, &credential, RELAY_FULL);
	(void)guest_opens(&h, a, o.key.pk, topic, &credential);
	envelope_noise(&h, &raw, topic, 1, false, 96);
	envelope_id(id, buf_bytes(&raw));
	guest_puts(&h, a, buf_bytes(&raw));
	guest_send(a, MSG_RELAY_PURGE, BYTES_OF(topic));
	house_settle(&h);
	(void)guest_heard(a, MSG_RELAY_PURGE);
	house_begin(&h);
	ok(relay_account(h.relay, &who));
	house_end(&h);
	assert_int_equal(who.bytes, 0);
	assert_int_equal(who.envelopes, 0);
	assert_int_equal(who.account.topics, 0);
	assert_int_equal(
	    guest_opens(&h, a, o.key.pk, topic, &credential), RELAY_REFUSED);
	(void)guest_credential(&h, a, topic, &credential, RELAY_FULL);
	(void)guest_opens(&h, a, o.key.pk, topic, &credential);
	guest_forget(a);
	guest_puts(&h, a, buf_bytes(&raw));
	assert_int_equal(stored_len(a), 1);
	house_close(&h);
}

static void
an_account_that_was_removed_leaves_nothing(void **state)
{
	struct sign_key credential;
	struct owner o;
	struct house h;
	struct guest *a;
	struct stat st;
	uint8_t id[LK_ID_LEN];
	char path[96];

	(void)state;
	house_open(&h, 15);
	a = guest_with_account(&h, &o, MB);
	key_draw(&h, &credential);
	(void)guest_credential(&h, a, topic, &credential, RELAY_FULL);
	(void)guest_opens(&h, a, o.key.pk, topic, &credential);
	guest_puts_one(&h, a, topic, false, id);
	(void)snprintf(path, sizeof(path), "%s/1", h.dir);
	assert_int_equal(stat(path, &st), 0);
	house_begin(&h);
	ok(relay_account_remove(h.relay, o.key.pk));
	house_end(&h);
	assert_true(a->ended);
	assert_int_equal(stat(path, &st), -1);
	a = guest_come(&h, "192.0.2.1:7");
	assert_int_equal(guest_login(&h, a, o.key.pk, &o.key), RELAY_DENIED);
	house_close(&h);
}

/* A guest with a store of its own, as devices have. */
struct copy {
	char dir[64];
	struct store *store;
	struct txn *txn;
};

static void
copy_put(struct copy *c, struct bytes raw)
{
	struct log_entry entry = { .docno = 1, .envelope = raw };
	struct envelope env;

	ok(envelope_parse(&env, raw));
	memcpy(entry.id, env.id, LK_ID_LEN);
	memcpy(entry.tag, env.tag, LK_TOPIC_LEN);
	entry.seq = env.seq;
	ok(log_append(c->txn, &entry));
	ok(essential_set(c->txn, env.id, true));
}

static void
what_two_lack_is_found_by_ranges(void **state)
{
	struct copy c = { .dir = "/tmp/lk-copy-XXXXXX" };
	struct range_result found = { .answers = false };
	struct range_message m = { .topic = 0 };
	struct sign_key credential;
	struct owner o;
	struct house h;
	struct guest *a;
	struct range_set set = { .docno = 1 };
	uint8_t mine[LK_ID_LEN], theirs[LK_ID_LEN];
	struct want want;
	bool has;
	BUF_SCOPED raw = { .max = 1 << 20 };
	BUF_SCOPED ask = { .max = RANGE_BODY_MAX };
	BUF_SCOPED body = { .max = MESSAGE_MAX };

	(void)state;
	house_open(&h, 16);
	assert_non_null(mkdtemp(c.dir));
	ok(store_open(&c.store, c.dir, (size_t)64 << 20));
	ok(txn_begin(c.store, TXN_WRITE, &c.txn));
	a = guest_with_account(&h, &o, MB);
	key_draw(&h, &credential);
	(void)guest_credential(&h, a, topic, &credential, RELAY_FULL);
	(void)guest_opens(&h, a, o.key.pk, topic, &credential);
	for (int i = 0; i < 10; i++) {
		buf_reset(&raw);
		envelope_noise(&h, &raw, topic, 1, false, 96);
		copy_put(&c, buf_bytes(&raw));
		guest_puts(&h, a, buf_bytes(&raw));
	}
	guest_puts_one(&h, a, topic, false, theirs);
	buf_reset(&raw);
	envelope_noise(&h, &raw, topic, 1, false, 96);
	envelope_id(mine, buf_bytes(&raw));
	copy_put(&c, buf_bytes(&raw));
	guest_forget(a);
	set.txn = c.txn;
	set.session = BYTES(session_hash(a->session), SESSION_HASH_LEN);
	ok(range_open(&ask, &set));
	m.ranges = buf_bytes(&ask);
	range_message_encode(&body, &m);
	guest_send(a, MSG_RANGE, buf_bytes(&body));
	house_settle(&h);
	/* It lists what it has, and we know; or answers a list of ours. */
	ok(range_message_decode(&m, guest_heard(a, MSG_RANGE)));
	buf_reset(&ask);
	ok(range_answer(&ask, &set, m.ranges, RANGE_STEPS_MAX, &found));
	assert_int_equal(found.want_len, 1);
	assert_memory_equal(found.want, theirs, LK_ID_LEN);
	assert_int_equal(found.send_len, 1);
	want = (struct want){ .ids = found.want, .len = 1 };
	buf_reset(&body);
	want_encode(&body, &want);
	guest_send(a, MSG_WANT, buf_bytes(&body));
	house_settle(&h);
	assert_int_equal(guest_got(a, topic, theirs, &has), 1);
	assert_true(has);
	range_result_clear(&found);
	txn_abort(c.txn);
	store_close(c.store);
	ok(store_remove(c.dir));
	house_close(&h);
}

static void
fingerprints_say_whether_anything_is_new(void **state)
{
	struct sign_key credential;
	struct owner o;
	struct house h;
	struct guest *a;
	struct fp_range f = { .first = 0, .last = 20 }, answer;
	uint8_t id[LK_ID_LEN], zero[32] = { 0 };
	struct digest d;
	BUF_SCOPED b = { .max = 64 };

	(void)state;
	house_open(&h, 17);
	a = guest_with_account(&h, &o, MB);
	key_draw(&h, &credential);
	(void)guest_credential(&h, a, topic, &credential, RELAY_FULL);
	(void)guest_opens(&h, a, o.key.pk, topic, &credential);
	guest_puts_one(&h, a, topic, false, id);
	guest_forget(a);
	digest_init(&d, FP_LEN, DIGEST_FP, NULL);
	digest_add(&d, BYTES(session_hash(a->session), SESSION_HASH_LEN));
	digest_add(&d, BYTES_OF(id));
	for (int i = 0; i < 20; i++)
		digest_add(&d, BYTES_OF(zero));
	digest_final(&d, f.hash);
	f.count = 1;
	fp_range_encode(&b, &f);
	guest_send(a, MSG_FP, buf_bytes(&b));
	house_settle(&h);
	assert_int_equal(a->said_len, 1);
	ok(fp_range_decode(&answer, guest_heard(a, MSG_FP)));
	assert_true(answer.answer);
	guest_forget(a);
	f.count = 2;
	buf_reset(&b);
	fp_range_encode(&b, &f);
	guest_send(a, MSG_FP, buf_bytes(&b));
	house_settle(&h);
	assert_int_equal(a->said_len, 11);
	ok(fp_range_decode(&answer, guest_heard(a, MSG_FP)));
	assert_false(answer.answer);
	assert_int_equal(answer.last, 20);
	house_close(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    an_account_needs_an_invitation_that_is_good_once),
		cmocka_unit_test(
		    only_the_key_of_an_account_speaks_for_it_until_its_successor_does),
		cmocka_unit_test(
		    what_is_stored_survives_and_reaches_who_asks_and_who_is_there),
		cmocka_unit_test(
		    after_a_rotation_the_former_key_gets_key_envelopes_and_no_other),
		cmocka_unit_test(
		    no_registration_gives_a_credential_its_rights_back),
		cmocka_unit_test(who_may_only_read_puts_nothing),
		cmocka_unit_test(
		    two_accounts_with_the_same_topic_share_nothing),
		cmocka_unit_test(
		    what_is_over_the_quota_is_refused_before_it_is_read),
		cmocka_unit_test(
		    of_a_batch_no_more_is_taken_than_there_is_room_for),
		cmocka_unit_test(so_many_a_minute_are_taken_and_then_more),
		cmocka_unit_test(
		    an_envelope_whose_header_is_wrong_ends_the_session),
		cmocka_unit_test(a_stranger_has_little_time_and_few_words),
		cmocka_unit_test(credentials_are_not_to_be_guessed),
		cmocka_unit_test(
		    a_topic_that_was_purged_is_gone_and_may_come_again),
		cmocka_unit_test(an_account_that_was_removed_leaves_nothing),
		cmocka_unit_test(what_two_lack_is_found_by_ranges),
		cmocka_unit_test(fingerprints_say_whether_anything_is_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
