/* Scenarios of access.md section 12 about keys, adopts and what is malformed,
 * on real replicas with real keys. */
#include "tests/unit/sync/play.h"

static void
t4_what_is_adopted_shows_until_who_adopted_it_goes(void **state)
{
	static const struct expected with = { { "e1", "e9", "f1" }, { NULL } };
	static const struct expected after = { { "e1", "f1", "a1" }, { "e9" } };
	struct play p;

	(void)state;
	play_make(&p);
	eve_goes(&p);
	edit(&p.at[EVE], p.in[EVE], "e9", "unseen");
	tell(&p, EVE, FAY, true);
	edit(&p.at[FAY], p.in[FAY], "f1", "kept");
	tell(&p, FAY, ANN, true);
	hear(&p, FAY);
	assert_false(shows(&p.at[FAY], p.in[FAY], "e9"));
	adopt(&p, FAY, &p.news.at[p.news.len - 2]);
	assert_true(shows(&p.at[FAY], p.in[FAY], "e9"));
	tell(&p, FAY, CAST, true);
	everywhere(&p, &with);
	/* ann has f1, and not the adopt. */
	evict(&p.at[ANN], p.in[ANN], root(&p, FAY), ROLE_NONE);
	edit(&p.at[ANN], p.in[ANN], "a1", "later");
	tell(&p, ANN, CAST, true);
	everywhere(&p, &after);
	hear(&p, ANN);
	hear(&p, GIL);
	hear(&p, FAY);
	assert_same_state(&p, ANN, GIL);
	assert_false(shows(&p.at[FAY], p.in[FAY], "e9"));
	play_clear(&p);
}

/* It waits for its key there. */
static void
k1_a_removed_reader_cannot_open_what_is_written_by_who_knows(void **state)
{
	static const struct expected x = { { "e1", "f1" }, { NULL } };
	struct play p;

	(void)state;
	play_make(&p);
	eve_goes(&p);
	hear(&p, FAY);
	edit(&p.at[FAY], p.in[FAY], "f1", "not for eve");
	tell(&p, FAY, CAST, true);
	everywhere(&p, &x);
	hear(&p, EVE);
	device_reopen(&p.at[EVE]);
	assert_int_equal(
	    give(&p.at[EVE], p.in[EVE], buf_bytes(&p.news.at[p.news.len - 1]))
		.what,
	    RECEIPT_KNOWN);
	assert_false(shows(&p.at[EVE], p.in[EVE], "f1"));
	assert_true(shows(&p.at[EVE], p.in[EVE], "e1"));
	play_clear(&p);
}

/* All refuse it, with this reason when there is one. */
static void
refused_by_all(struct play *p, const struct buf *envelope, const char *why)
{
	for (int i = 0; i < CAST; i++) {
		struct received got =
		    give(&p->at[i], p->in[i], buf_bytes(envelope));

		if (got.what != RECEIPT_REFUSED)
			fail_msg("%s takes it (%d): %s", names[i], got.what,
			    got.why);
		if (why != NULL)
			assert_string_equal(got.why, why);
		device_reopen(&p->at[i]);
	}
}

static void
k2_a_change_under_the_key_of_who_is_known_to_be_removed_is_refused(void **state)
{
	struct play p;
	struct forgery f;
	struct buf envelope;
	uint8_t id[LK_ID_LEN];

	(void)state;
	play_make(&p);
	eve_goes(&p);
	for (int i = 0; i < CAST; i++)
		hear(&p, i);
	forge_place(&p.at[FAY], p.in[FAY], &f);
	f.body.ops[f.body.ops_len++] = (struct access_op){ .kind = OP_CHANGE,
		.content = { .data = BYTES_STR("x") } };
	forge_seal(&p.at[FAY], p.in[FAY], &f, &envelope, id);
	refused_by_all(&p, &envelope, "A7 epoch not clean");
	buf_clear(&envelope);
	play_clear(&p);
}

/* An epoch as `who` would write it now, its boxes to be spoilt. */
struct epoch_forgery {
	struct epoch epoch;
	struct graph_reader readers[4 * CAST];
	size_t readers_len;
};

static void
epoch_place(struct play *p, int who, struct epoch_forgery *e)
{
	static const uint8_t fresh[EPOCH_SECRET_LEN] = { 42 };
	const struct graph_reader *readers;
	struct docstate *ds;

	epoch_derive(&e->epoch, fresh);
	device_begin(&p->at[who]);
	ok(docstate_get(p->at[who].r, p->in[who], &ds));
	ok(graph_readers(ds->graph, &readers, &e->readers_len));
	assert_true(e->readers_len <= 4 * CAST);
	memcpy(e->readers, readers, e->readers_len * sizeof(*readers));
	device_commit(&p->at[who]);
}

static void
epoch_seal(struct play *p, int who, const struct epoch_forgery *e,
    struct buf *envelope)
{
	struct device *d = &p->at[who];
	uint8_t tag[LK_TOPIC_LEN], id[LK_ID_LEN];
	struct docstate *ds;
	struct forgery f;
	struct epoch_plan plan = { .epoch = &e->epoch,
		.readers = e->readers,
		.readers_len = e->readers_len };
	BUF_SCOPED section = { .max = KEYSECTION_MAX };

	forge_place(d, p->in[who], &f);
	device_begin(d);
	ok(docstate_get(d->r, p->in[who], &ds));
	author_tag(tag, &ds->topic, pk(p, who));
	plan.place = (struct keysection_place){ ds->topic.id, tag, f.seq };
	ok(keysection_make_epoch(&section, &plan));
	device_commit(d);
	f.key_section = buf_bytes(&section);
	f.under = &e->epoch;
	f.body.ops[f.body.ops_len++].kind = OP_EPOCH;
	forge_seal(d, p->in[who], &f, envelope, id);
}

static void
k6_an_epoch_with_one_box_too_many_or_too_few_is_refused(void **state)
{
	struct play p;
	struct epoch_forgery e;
	struct buf envelope;

	(void)state;
	play_make(&p);
	eve_goes(&p);
	for (int i = 0; i < CAST; i++)
		hear(&p, i);
	epoch_place(&p, FAY, &e);
	/* eve, who is out, gets one as well. */
	memcpy(e.readers[e.readers_len].key, pk(&p, EVE), 32);
	memcpy(e.readers[e.readers_len++].box, p.at[EVE].identity.box.pk, 32);
	epoch_seal(&p, FAY, &e, &envelope);
	refused_by_all(&p, &envelope, "A7 boxes");
	buf_clear(&envelope);
	/* Without one for gil. */
	epoch_place(&p, FAY, &e);
	for (size_t i = 0; i < e.readers_len; i++)
		if (memcmp(e.readers[i].key, pk(&p, GIL), 32) == 0)
			e.readers[i] = e.readers[--e.readers_len];
	epoch_seal(&p, FAY, &e, &envelope);
	assert_int_equal(give(&p.at[ANN], p.in[ANN], buf_bytes(&envelope)).what,
	    RECEIPT_REFUSED);
	assert_int_equal(give(&p.at[MAX], p.in[MAX], buf_bytes(&envelope)).what,
	    RECEIPT_REFUSED);
	/* gil cannot even open it: it waits, and holds nothing up. */
	assert_int_equal(give(&p.at[GIL], p.in[GIL], buf_bytes(&envelope)).what,
	    RECEIPT_WAITING);
	edit(&p.at[ANN], p.in[ANN], "a1", "goes on");
	tell(&p, ANN, GIL, false);
	assert_true(shows(&p.at[GIL], p.in[GIL], "a1"));
	buf_clear(&envelope);
	play_clear(&p);
}

static void
k7_an_epoch_with_a_wrong_box_blinds_nobody(void **state)
{
	static const struct expected x = { { "a1" }, { NULL } };
	static const uint8_t secret[DH_LEN] = { 9 };
	struct dh_key nobody;
	struct play p;
	struct epoch_forgery e;
	struct buf envelope;

	(void)state;
	play_make(&p);
	dh_key_from_secret(&nobody, secret);
	epoch_place(&p, EVE, &e);
	for (size_t i = 0; i < e.readers_len; i++)
		if (memcmp(e.readers[i].key, pk(&p, GIL), 32) == 0)
			memcpy(e.readers[i].box, nobody.pk, DH_LEN);
	epoch_seal(&p, EVE, &e, &envelope);
	bag_put(&p.news, buf_bytes(&envelope));
	for (int i = 0; i < GIL; i++)
		assert_int_equal(
		    give(&p.at[i], p.in[i], buf_bytes(&envelope)).what,
		    RECEIPT_REFUSED);
	assert_int_equal(give(&p.at[GIL], p.in[GIL], buf_bytes(&envelope)).what,
	    RECEIPT_WAITING);
	edit(&p.at[ANN], p.in[ANN], "a1", "goes on");
	tell(&p, ANN, CAST, true);
	everywhere(&p, &x);
	hear(&p, GIL);
	assert_same_state(&p, ANN, GIL);
	buf_clear(&envelope);
	play_clear(&p);
}

/* A share to somebody who lacks a key, its box made for this box key. */
static void
share_seal(struct play *p, int who, const struct shared_key *what,
    const uint8_t box_pk[static DH_LEN], struct buf *envelope)
{
	struct device *d = &p->at[who];
	uint8_t tag[LK_TOPIC_LEN], id[LK_ID_LEN], devices[1][ACCESS_KEY_LEN];
	struct share_box box;
	struct share_plan plan = { .boxes = &box, .boxes_len = 1 };
	struct access_op op = { .kind = OP_SHARE };
	struct docstate *ds;
	struct epoch epoch;
	struct forgery f;
	BUF_SCOPED section = { .max = KEYSECTION_MAX };

	box = (struct share_box){ .epoch = &epoch };
	memcpy(box.box, box_pk, DH_LEN);
	memcpy(box.key, what->key, ACCESS_KEY_LEN);
	forge_place(d, p->in[who], &f);
	device_begin(d);
	ok(docstate_get(d->r, p->in[who], &ds));
	ok(docstate_key(d->r, p->in[who], what->etag, &epoch));
	author_tag(tag, &ds->topic, pk(p, who));
	plan.place = (struct keysection_place){ ds->topic.id, tag, f.seq };
	ok(keysection_make_share(&section, &plan, devices, &op.share.keys_len));
	device_commit(d);
	op.share.keys = devices[0];
	f.key_section = buf_bytes(&section);
	f.body.ops[f.body.ops_len++] = op;
	forge_seal(d, p->in[who], &f, envelope, id);
}

/* Everything that one has. */
static void
pass(struct device *from, uint32_t in_from, struct device *to, uint32_t in_to)
{
	struct bag b = { .len = 0 };

	(void)bag_take(&b, from, in_from, 1);
	give_all(to, in_to, &b);
	bag_clear(&b);
}

static bool
heals(struct play *p, int who)
{
	struct device *d = &p->at[who];
	bool healed;

	device_begin(d);
	ok(replica_heal(d->r, p->in[who], &healed));
	device_commit(d);
	return healed;
}

/* fay rotates the key for eve's sake while ann adds zoe; max, who is no friend,
 * hands zoe a box that opens to nothing.  All can see that it does not. */
static uint32_t
wrong_share(struct play *p, struct device *zoe)
{
	static const uint8_t secret[DH_LEN] = { 9 };
	struct dh_key nobody;
	struct shared_key what;
	struct graph_reader reader;
	struct docstate *ds;
	struct buf envelope;
	uint32_t in_zoe;

	play_make(p);
	device_make(zoe, 9, "zoe");
	dh_key_from_secret(&nobody, secret);
	eve_goes(p);
	hear(p, FAY);
	edit(&p->at[FAY], p->in[FAY], "f1", "under another key");
	ok(share_try(&p->at[ANN], p->in[ANN], zoe, ROLE_READ));
	in_zoe = welcome(zoe, &p->at[ANN], p->in[ANN]);
	tell(p, ANN, CAST, true);
	tell(p, FAY, CAST, true);
	hear(p, MAX);
	hear(p, FAY);
	device_begin(&p->at[MAX]);
	ok(docstate_get(p->at[MAX].r, p->in[MAX], &ds));
	assert_true(graph_missing_share(ds->graph, &what, &reader));
	assert_memory_equal(what.key, zoe->identity.sign.pk, ACCESS_KEY_LEN);
	device_commit(&p->at[MAX]);
	share_seal(p, MAX, &what, nobody.pk, &envelope);
	assert_int_equal(
	    give(&p->at[MAX], p->in[MAX], buf_bytes(&envelope)).what,
	    RECEIPT_ACCEPTED);
	bag_put(&p->news, buf_bytes(&envelope));
	buf_clear(&envelope);
	hear(p, ANN);
	pass(&p->at[ANN], p->in[ANN], zoe, in_zoe);
	assert_false(shows(zoe, in_zoe, "f1"));
	return in_zoe;
}

static void
k7_a_share_that_opens_to_nothing_is_followed_by_a_right_one(void **state)
{
	struct play p;
	struct device zoe;
	uint32_t in_zoe;

	(void)state;
	in_zoe = wrong_share(&p, &zoe);
	/* Read from the store again it is as wrong. */
	device_reopen(&p.at[ANN]);
	assert_true(heals(&p, ANN));
	assert_false(heals(&p, ANN));
	pass(&p.at[ANN], p.in[ANN], &zoe, in_zoe);
	assert_true(shows(&zoe, in_zoe, "f1"));
	device_reopen(&zoe);
	assert_true(shows(&zoe, in_zoe, "f1"));
	/* One is enough, whoever else would give it. */
	pass(&p.at[ANN], p.in[ANN], &p.at[FAY], p.in[FAY]);
	assert_false(heals(&p, FAY));
	device_remove(&zoe);
	play_clear(&p);
}

static void
k7_a_share_that_opens_to_nothing_still_counts_for_what_is_clean(void **state)
{
	struct play p;
	struct device zoe;
	uint8_t etag[ETAG_LEN];
	struct docstate *ds;

	(void)state;
	(void)wrong_share(&p, &zoe);
	/* A device that read the box otherwise would take other changes. */
	evict(&p.at[ANN], p.in[ANN], zoe.identity.root_pk, ROLE_NONE);
	device_begin(&p.at[ANN]);
	ok(docstate_get(p.at[ANN].r, p.in[ANN], &ds));
	assert_int_equal(
	    graph_clean_epoch(ds->graph, etag).code, LK_E_NOTFOUND);
	device_commit(&p.at[ANN]);
	device_remove(&zoe);
	play_clear(&p);
}

/* Her next box key makes the next change one under a new epoch, whose links
 * lead to the old. */
static void
k7_who_was_handed_nothing_can_help_herself(void **state)
{
	struct play p;
	struct device zoe;
	struct identity next;
	uint32_t in_zoe;

	(void)state;
	in_zoe = wrong_share(&p, &zoe);
	next = zoe.identity;
	ok(identity_rotate(&next, &zoe.random));
	device_begin(&zoe);
	ok(person_rotate(zoe.r, &next));
	zoe.identity = next;
	ok(person_rekey_in(zoe.r, in_zoe));
	device_commit(&zoe);
	pass(&zoe, in_zoe, &p.at[ANN], p.in[ANN]);
	edit(&p.at[ANN], p.in[ANN], "a1", "under a third");
	pass(&p.at[ANN], p.in[ANN], &zoe, in_zoe);
	assert_true(shows(&zoe, in_zoe, "a1"));
	device_reopen(&zoe);
	assert_true(shows(&zoe, in_zoe, "f1"));
	device_remove(&zoe);
	play_clear(&p);
}

static void
k10_a_stolen_old_box_key_cannot_open_the_next_epoch(void **state)
{
	static const struct expected x = { { "f1" }, { NULL } };
	struct play p;
	struct device thief;
	struct identity next;

	(void)state;
	play_make(&p);
	device_close(&p.at[EVE]);
	thief = device_copy(&p.at[EVE]);
	device_open(&p.at[EVE]);
	device_open(&thief);
	next = p.at[EVE].identity;
	ok(identity_rotate(&next, &p.at[EVE].random));
	device_begin(&p.at[EVE]);
	ok(person_rotate(p.at[EVE].r, &next));
	p.at[EVE].identity = next;
	ok(person_rekey_in(p.at[EVE].r, p.in[EVE]));
	device_commit(&p.at[EVE]);
	tell(&p, EVE, FAY, true);
	edit(&p.at[FAY], p.in[FAY], "f1", "under the next epoch");
	tell(&p, FAY, CAST, true);
	everywhere(&p, &x);
	hear(&p, EVE);
	device_reopen(&p.at[EVE]);
	assert_true(shows(&p.at[EVE], p.in[EVE], "f1"));
	give_all(&thief, p.in[EVE], &p.news);
	device_reopen(&thief);
	assert_false(shows(&thief, p.in[EVE], "f1"));
	device_discard(&thief);
	play_clear(&p);
}

static void
k12_an_old_key_published_as_a_new_epoch_is_refused(void **state)
{
	struct play p;
	struct epoch_forgery e;
	struct buf envelope;
	struct docstate *ds;
	uint8_t etag[ETAG_LEN];

	(void)state;
	play_make(&p);
	epoch_place(&p, EVE, &e);
	device_begin(&p.at[EVE]);
	ok(docstate_get(p.at[EVE].r, p.in[EVE], &ds));
	graph_any_epoch(ds->graph, etag);
	ok(docstate_key(p.at[EVE].r, p.in[EVE], etag, &e.epoch));
	device_commit(&p.at[EVE]);
	epoch_seal(&p, EVE, &e, &envelope);
	refused_by_all(&p, &envelope, "A7 key seen before");
	buf_clear(&envelope);
	/* The same with a fresh key is taken. */
	epoch_place(&p, EVE, &e);
	epoch_seal(&p, EVE, &e, &envelope);
	for (int i = 0; i < CAST; i++)
		assert_int_equal(
		    give(&p.at[i], p.in[i], buf_bytes(&envelope)).what,
		    RECEIPT_ACCEPTED);
	assert_same_state(&p, ANN, GIL);
	buf_clear(&envelope);
	play_clear(&p);
}

/* Well signed, under the name of one epoch and with the key of the other, both
 * of which everybody holds: nobody tries another key than the one it names. */
static void
k11_what_opens_under_another_key_than_the_one_it_names_is_refused(void **state)
{
	struct play p;
	struct epoch_forgery e;
	struct epoch first, mixed;
	struct docstate *ds;
	struct forgery f;
	struct buf envelope;
	uint8_t etag[ETAG_LEN], id[LK_ID_LEN];

	(void)state;
	play_make(&p);
	device_begin(&p.at[EVE]);
	ok(docstate_get(p.at[EVE].r, p.in[EVE], &ds));
	graph_any_epoch(ds->graph, etag);
	ok(docstate_key(p.at[EVE].r, p.in[EVE], etag, &first));
	device_commit(&p.at[EVE]);
	epoch_place(&p, EVE, &e);
	epoch_seal(&p, EVE, &e, &envelope);
	for (int i = 0; i < CAST; i++)
		assert_int_equal(
		    give(&p.at[i], p.in[i], buf_bytes(&envelope)).what,
		    RECEIPT_ACCEPTED);
	buf_clear(&envelope);
	for (int other = 0; other < 2; other++) {
		mixed = other == 0 ? e.epoch : first;
		memcpy(mixed.content,
		    other == 0 ? first.content : e.epoch.content,
		    sizeof(mixed.content));
		forge_place(&p.at[MAX], p.in[MAX], &f);
		f.under = &mixed;
		f.body.ops[f.body.ops_len++].kind = OP_NO_EFFECT_MIN;
		forge_seal(&p.at[MAX], p.in[MAX], &f, &envelope, id);
		refused_by_all(&p, &envelope, NULL);
		buf_clear(&envelope);
	}
	assert_same_state(&p, ANN, GIL);
	play_clear(&p);
}

static void
t28_what_names_an_unknown_envelope_waits_and_is_never_applied(void **state)
{
	static const struct expected x = { { "e1", "f1" }, { NULL } };
	static const uint8_t unknown[LK_ID_LEN] = { 13 };
	struct play p;
	struct forgery f;
	struct buf envelope;
	struct received got;
	uint8_t id[LK_ID_LEN];

	(void)state;
	play_make(&p);
	forge_place(&p.at[MAX], p.in[MAX], &f);
	memcpy(f.deps[f.body.deps_len++], unknown, LK_ID_LEN);
	qsort(f.deps, f.body.deps_len, LK_ID_LEN, lk_id_compare);
	f.body.ops[f.body.ops_len++].kind = OP_NO_EFFECT_MIN;
	forge_seal(&p.at[MAX], p.in[MAX], &f, &envelope, id);
	got = give(&p.at[GIL], p.in[GIL], buf_bytes(&envelope));
	assert_int_equal(got.what, RECEIPT_WAITING);
	assert_memory_equal(got.missing, unknown, LK_ID_LEN);
	edit(&p.at[EVE], p.in[EVE], "e1", "before");
	tell(&p, EVE, FAY, true);
	edit(&p.at[FAY], p.in[FAY], "f1", "on top");
	tell(&p, FAY, CAST, true);
	/* In every order, and whether it ever came or not. */
	everywhere(&p, &x);
	bag_put(&p.news, buf_bytes(&envelope));
	everywhere(&p, &x);
	hear(&p, GIL);
	device_reopen(&p.at[GIL]);
	hear(&p, ANN);
	hear(&p, FAY);
	assert_same_state(&p, GIL, ANN);
	assert_same_state(&p, GIL, FAY);
	buf_clear(&envelope);
	play_clear(&p);
}

/* Sealed and signed once more, by somebody who is not its author. */
static void
t26_what_somebody_else_signs_again_is_refused(void **state)
{
	struct play p;
	struct forgery f;
	struct buf envelope;
	uint8_t id[LK_ID_LEN];

	(void)state;
	play_make(&p);
	forge_place(&p.at[EVE], p.in[EVE], &f);
	f.body.ops[f.body.ops_len++].kind = OP_NO_EFFECT_MIN;
	f.as = pk(&p, EVE);
	forge_seal(&p.at[FAY], p.in[FAY], &f, &envelope, id);
	refused_by_all(&p, &envelope, NULL);
	buf_clear(&envelope);
	/* In his own name it is not his place in a chain. */
	f.as = NULL;
	forge_seal(&p.at[FAY], p.in[FAY], &f, &envelope, id);
	refused_by_all(&p, &envelope, NULL);
	buf_clear(&envelope);
	play_clear(&p);
}

static void
t27_gaps_wrong_order_and_wrong_documents_are_refused_by_all(void **state)
{
	struct play p;
	struct forgery f;
	struct buf envelope;
	uint32_t other;
	uint8_t id[LK_ID_LEN], dep[LK_ID_LEN];

	(void)state;
	play_make(&p);
	edit(&p.at[EVE], p.in[EVE], "e1", "first");
	tell(&p, EVE, CAST, true);
	for (int i = 0; i < CAST; i++)
		hear(&p, i);
	/* A gap. */
	forge_place(&p.at[EVE], p.in[EVE], &f);
	f.seq++;
	f.body.ops[f.body.ops_len++].kind = OP_NO_EFFECT_MIN;
	forge_seal(&p.at[EVE], p.in[EVE], &f, &envelope, id);
	refused_by_all(&p, &envelope, "A3 seq");
	buf_clear(&envelope);
	/* Dependencies twice. */
	forge_place(&p.at[EVE], p.in[EVE], &f);
	envelope_name(&p.news.at[0], dep);
	memset(f.deps[0], 1, LK_ID_LEN);
	memset(f.deps[1], 1, LK_ID_LEN);
	f.body.deps_len = 2;
	f.body.ops[f.body.ops_len++].kind = OP_NO_EFFECT_MIN;
	forge_seal(&p.at[EVE], p.in[EVE], &f, &envelope, id);
	refused_by_all(&p, &envelope, NULL);
	buf_clear(&envelope);
	/* Of another document. */
	other = document(&p.at[EVE], "other");
	forge_place(&p.at[EVE], other, &f);
	f.body.ops[f.body.ops_len++].kind = OP_NO_EFFECT_MIN;
	forge_seal(&p.at[EVE], other, &f, &envelope, id);
	refused_by_all(&p, &envelope, NULL);
	buf_clear(&envelope);
	play_clear(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    t4_what_is_adopted_shows_until_who_adopted_it_goes),
		cmocka_unit_test(t26_what_somebody_else_signs_again_is_refused),
		cmocka_unit_test(
		    t27_gaps_wrong_order_and_wrong_documents_are_refused_by_all),
		cmocka_unit_test(
		    t28_what_names_an_unknown_envelope_waits_and_is_never_applied),
		cmocka_unit_test(
		    k1_a_removed_reader_cannot_open_what_is_written_by_who_knows),
		cmocka_unit_test(
		    k2_a_change_under_the_key_of_who_is_known_to_be_removed_is_refused),
		cmocka_unit_test(
		    k6_an_epoch_with_one_box_too_many_or_too_few_is_refused),
		cmocka_unit_test(k7_an_epoch_with_a_wrong_box_blinds_nobody),
		cmocka_unit_test(
		    k7_a_share_that_opens_to_nothing_is_followed_by_a_right_one),
		cmocka_unit_test(
		    k7_a_share_that_opens_to_nothing_still_counts_for_what_is_clean),
		cmocka_unit_test(k7_who_was_handed_nothing_can_help_herself),
		cmocka_unit_test(
		    k10_a_stolen_old_box_key_cannot_open_the_next_epoch),
		cmocka_unit_test(
		    k11_what_opens_under_another_key_than_the_one_it_names_is_refused),
		cmocka_unit_test(
		    k12_an_old_key_published_as_a_new_epoch_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
