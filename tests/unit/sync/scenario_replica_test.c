/* The scenarios of access.md section 12 that this version's ops can tell, on
 * real replicas: every order of delivery, the store opened again in between. */
#include "tests/unit/sync/play.h"

static void
t1_a_concurrent_edit_counts_only_if_it_was_seen(void **state)
{
	static const struct expected x = { { "e1" }, { "e2" } };
	struct play p;

	(void)state;
	play_make(&p);
	eve_goes(&p);
	edit(&p.at[EVE], p.in[EVE], "e2", "unseen");
	tell(&p, EVE, CAST, true);
	everywhere(&p, &x);
	play_clear(&p);
}

static void
t2_t3_what_is_signed_later_is_void_and_work_on_it_is_not(void **state)
{
	static const struct expected x = { { "e1", "f1" }, { "e9" } };
	struct play p;

	(void)state;
	play_make(&p);
	eve_goes(&p);
	/* She has not heard, or pretends; fay has not. */
	edit(&p.at[EVE], p.in[EVE], "e9", "late");
	tell(&p, EVE, FAY, true);
	edit(&p.at[FAY], p.in[FAY], "f1", "on top of e9");
	tell(&p, FAY, CAST, true);
	everywhere(&p, &x);
	play_clear(&p);
}

static void
t5_who_has_seen_his_revocation_is_refused(void **state)
{
	struct play p;
	struct forgery f;
	struct buf envelope;
	uint8_t id[LK_ID_LEN];

	(void)state;
	play_make(&p);
	edit(&p.at[EVE], p.in[EVE], "e1", "seen");
	tell(&p, EVE, ANN, true);
	evict(&p.at[ANN], p.in[ANN], root(&p, EVE), ROLE_NONE);
	tell(&p, ANN, EVE, true);
	assert_int_equal(
	    edit_try(&p.at[EVE], p.in[EVE], "e2", "no").code, LK_E_DENIED);
	forge_place(&p.at[EVE], p.in[EVE], &f);
	f.body.ops[f.body.ops_len++].kind = OP_NO_EFFECT_MIN;
	forge_seal(&p.at[EVE], p.in[EVE], &f, &envelope, id);
	for (int i = 0; i < CAST; i++) {
		give_all(&p.at[i], p.in[i], &p.news);
		assert_int_equal(
		    give(&p.at[i], p.in[i], buf_bytes(&envelope)).what,
		    RECEIPT_REFUSED);
		device_reopen(&p.at[i]);
		device_begin(&p.at[i]);
		assert_false(log_has(p.at[i].txn, id));
		device_commit(&p.at[i]);
	}
	buf_clear(&envelope);
	play_clear(&p);
}

/* One entry against the grant of a person's device. */
static void
forge_revoke(struct play *p, int who, int whom, struct buf *envelope)
{
	struct revoke_entry entry = { .level = ROLE_NONE };
	struct forgery f;
	struct docstate *ds;
	uint8_t id[LK_ID_LEN];

	forge_place(&p->at[who], p->in[who], &f);
	device_begin(&p->at[who]);
	ok(docstate_get(p->at[who].r, p->in[who], &ds));
	ok(graph_grant_for(ds->graph, pk(p, whom), ROLE_READ, &entry.target));
	device_commit(&p->at[who]);
	f.body.ops[f.body.ops_len++] = (struct access_op){ .kind = OP_REVOKE,
		.revoke = { .entries = &entry, .entries_len = 1 } };
	forge_seal(&p->at[who], p->in[who], &f, envelope, id);
}

static void
t7_a_junior_who_revokes_a_senior_is_refused(void **state)
{
	struct play p;
	struct buf envelope;

	(void)state;
	play_make(&p);
	forge_revoke(&p, MAX, ANN, &envelope);
	for (int i = 0; i < CAST; i++) {
		assert_int_equal(
		    give(&p.at[i], p.in[i], buf_bytes(&envelope)).what,
		    RECEIPT_REFUSED);
		assert_int_equal(
		    role_of(&p.at[i], p.in[i], pk(&p, ANN)), ROLE_ADMIN);
	}
	buf_clear(&envelope);
	play_clear(&p);
}

/* What gil's replica says of refused envelopes; returns how many kinds. */
static size_t
refusals_of(struct play *p, struct refusal *duel)
{
	struct refusal f;
	size_t n = 0;

	*duel = (struct refusal){ .count = 0 };
	for (; replica_refusal(p->at[GIL].r, n, &f); n++)
		if (f.duel)
			*duel = f;
	return n;
}

static void
refuse_from(struct play *p, const uint8_t *from, struct bytes envelope)
{
	struct received got;

	device_begin(&p->at[GIL]);
	ok(replica_receive(p->at[GIL].r, p->in[GIL], from, &envelope, 1, &got));
	device_commit(&p->at[GIL]);
	assert_int_equal(got.what, RECEIPT_REFUSED);
}

static void
who_tries_to_revoke_a_senior_is_counted_and_named(void **state)
{
	struct play p;
	struct buf envelope;
	struct refusal duel, news;
	size_t told = 0;

	(void)state;
	play_make(&p);
	forge_revoke(&p, MAX, ANN, &envelope);
	refuse_from(&p, pk(&p, MAX), buf_bytes(&envelope));
	refuse_from(&p, pk(&p, MAX), buf_bytes(&envelope));
	assert_int_equal(refusals_of(&p, &duel), 1);
	assert_int_equal(duel.count, 2);
	assert_int_equal(duel.docno, p.in[GIL]);
	assert_memory_equal(duel.from, pk(&p, MAX), 32);
	assert_memory_equal(duel.author, pk(&p, MAX), 32);
	assert_memory_equal(duel.target, pk(&p, ANN), 32);
	/* Nonsense from many does not push it out, and costs no more memory;
	 * each that is remembered is news once. */
	for (uint32_t i = 0; i < 3 * REFUSED_MAX; i++) {
		uint8_t from[32] = { (uint8_t)i, (uint8_t)(i >> 8), 1 };

		refuse_from(&p, from, BYTES_STR("nonsense"));
		while (replica_refusal_news(p.at[GIL].r, &news))
			told++;
	}
	assert_int_equal(told, 1 + 3 * REFUSED_MAX);
	assert_int_equal(refusals_of(&p, &duel), REFUSED_MAX);
	assert_int_equal(duel.count, 2);
	buf_clear(&envelope);
	play_clear(&p);
}

static void
t8_what_a_revoked_admin_did_unseen_has_no_effect(void **state)
{
	static const struct expected x = { { "e1" }, { "z1" } };
	struct play p;
	struct device z;
	uint32_t in_z;

	(void)state;
	play_make(&p);
	device_make(&z, 9, "zoe");
	evict(&p.at[ANN], p.in[ANN], root(&p, MAX), ROLE_NONE);
	tell(&p, ANN, CAST, true);
	evict(&p.at[MAX], p.in[MAX], root(&p, EVE), ROLE_NONE);
	ok(share_try(&p.at[MAX], p.in[MAX], &z, ROLE_WRITE));
	in_z = welcome(&z, &p.at[MAX], p.in[MAX]);
	{
		struct bag b = { .len = 0 };
		struct bag all = { .len = 0 };

		(void)bag_take(&b, &p.at[MAX], p.in[MAX], 1);
		give_all(&z, in_z, &b);
		edit(&z, in_z, "z1", "by a guest of nobody");
		(void)bag_take(&all, &z, in_z, 1);
		tell(&p, MAX, CAST, true);
		bag_put(&p.news, buf_bytes(&all.at[all.len - 1]));
		bag_clear(&b);
		bag_clear(&all);
	}
	edit(&p.at[EVE], p.in[EVE], "e1", "still a writer");
	tell(&p, EVE, CAST, true);
	everywhere(&p, &x);
	device_remove(&z);
	play_clear(&p);
}

static void
t13_added_again_one_writes_and_the_past_stays_void(void **state)
{
	static const struct expected x = { { "e1", "e3" }, { "e2" } };
	struct play p;

	(void)state;
	play_make(&p);
	eve_goes(&p);
	edit(&p.at[EVE], p.in[EVE], "e2", "unseen");
	tell(&p, EVE, CAST, true);
	ok(share_try(&p.at[ANN], p.in[ANN], &p.at[EVE], ROLE_WRITE));
	p.seen[ANN] = 1;
	{
		struct bag b = { .len = 0 };

		(void)bag_take(&b, &p.at[ANN], p.in[ANN], 1);
		give_all(&p.at[EVE], p.in[EVE], &b);
		bag_put(&p.news, buf_bytes(&b.at[b.len - 1]));
		bag_clear(&b);
	}
	{
		struct bag b = { .len = 0 };

		edit(&p.at[EVE], p.in[EVE], "e3", "back");
		(void)bag_take(&b, &p.at[EVE], p.in[EVE], 1);
		bag_put(&p.news, buf_bytes(&b.at[b.len - 1]));
		bag_clear(&b);
	}
	everywhere(&p, &x);
	play_clear(&p);
}

static void
t19_what_is_signed_around_a_leave_is_void(void **state)
{
	static const struct expected x = { { "e1" }, { "e2" } };
	struct play p;
	struct bag stayed = { .len = 0 };
	struct device copy;

	(void)state;
	play_make(&p);
	edit(&p.at[EVE], p.in[EVE], "e1", "before");
	tell(&p, EVE, CAST, true);
	device_close(&p.at[EVE]);
	copy = device_copy(&p.at[EVE]);
	device_open(&p.at[EVE]);
	device_open(&copy);
	device_begin(&p.at[EVE]);
	ok(replica_leave(p.at[EVE].r, p.in[EVE]));
	device_commit(&p.at[EVE]);
	edit(&copy, p.in[EVE], "e2", "around it");
	(void)bag_take(&stayed, &copy, p.in[EVE], p.seen[EVE]);
	bag_put(&p.news, buf_bytes(&stayed.at[0]));
	tell(&p, EVE, CAST, true);
	everywhere(&p, &x);
	bag_clear(&stayed);
	device_discard(&copy);
	play_clear(&p);
}

/* Somebody who had himself granted a hundred times goes as a whole, with one
 * envelope. */
static void
who_is_granted_many_times_is_revoked_at_once(void **state)
{
	enum { GRANTS = 100, EACH = 10 };
	struct play p;
	struct forgery f;
	struct cert cert;
	size_t before;

	(void)state;
	play_make(&p);
	ok(cert_decode(&cert,
	    BYTES(p.at[MAX].identity.cert, p.at[MAX].identity.cert_len)));
	for (int i = 0; i < GRANTS; i += EACH) {
		struct buf envelope;
		uint8_t id[LK_ID_LEN];

		forge_place(&p.at[MAX], p.in[MAX], &f);
		for (int k = 0; k < EACH; k++) {
			struct access_op *op = &f.body.ops[f.body.ops_len++];

			op->kind = OP_GRANT;
			grant_own_device(&op->grant, &cert, ROLE_WRITE,
			    (uint16_t)(10000 + i + k));
			op->grant.flags = 0;
		}
		forge_seal(&p.at[MAX], p.in[MAX], &f, &envelope, id);
		assert_int_equal(
		    give(&p.at[MAX], p.in[MAX], buf_bytes(&envelope)).what,
		    RECEIPT_ACCEPTED);
		assert_int_equal(
		    give(&p.at[ANN], p.in[ANN], buf_bytes(&envelope)).what,
		    RECEIPT_ACCEPTED);
		buf_clear(&envelope);
	}
	before = graph_size(&p, ANN);
	evict(&p.at[ANN], p.in[ANN], pk(&p, MAX), ROLE_NONE);
	assert_int_equal(graph_size(&p, ANN), before + 1);
	assert_int_equal(
	    role_of(&p.at[ANN], p.in[ANN], pk(&p, MAX)), ROLE_NONE);
	play_clear(&p);
}

/* Nor does it help to fork: what a revocation keeps is bounded. */
static void
who_forks_without_end_is_revoked(void **state)
{
	enum { BRANCHES = 2 * REVOKE_KEEP_MAX };
	struct play p;
	struct forgery f;

	(void)state;
	play_make(&p);
	forge_place(&p.at[EVE], p.in[EVE], &f);
	f.body.ops[f.body.ops_len++].kind = OP_NO_EFFECT_MIN;
	for (int i = 0; i < BRANCHES; i++) {
		struct buf envelope;
		uint8_t id[LK_ID_LEN];

		f.random = (uint8_t)i;
		forge_seal(&p.at[EVE], p.in[EVE], &f, &envelope, id);
		assert_int_equal(
		    give(&p.at[ANN], p.in[ANN], buf_bytes(&envelope)).what,
		    RECEIPT_ACCEPTED);
		buf_clear(&envelope);
	}
	evict(&p.at[ANN], p.in[ANN], root(&p, EVE), ROLE_NONE);
	assert_int_equal(
	    role_of(&p.at[ANN], p.in[ANN], pk(&p, EVE)), ROLE_NONE);
	edit(&p.at[ANN], p.in[ANN], "a1", "goes on");
	play_clear(&p);
}

static void
shows_the_same(struct play *p, int a, int b)
{
	BUF_SCOPED x = { .max = 1 << 24 };
	BUF_SCOPED y = { .max = 1 << 24 };
	BUF_SCOPED heads = { .max = 1 << 20 };

	device_begin(&p->at[a]);
	ok(replica_export(p->at[a].r, p->in[a], EXPORT_CLEAN, &x, &heads));
	device_commit(&p->at[a]);
	heads.len = 0;
	device_begin(&p->at[b]);
	ok(replica_export(p->at[b].r, p->in[b], EXPORT_CLEAN, &y, &heads));
	device_commit(&p->at[b]);
	assert_int_equal(x.len, y.len);
	assert_memory_equal(x.ptr, y.ptr, x.len);
}

/* More heads than an envelope names: what is written meanwhile is the same
 * change for who wrote it and for all others. */
static void
an_edit_among_more_heads_than_it_names_is_one_change(void **state)
{
	enum { BRANCHES = 90 };
	struct play p;
	struct forgery f;

	(void)state;
	play_make(&p);
	edit(&p.at[MAX], p.in[MAX], "m1", "seen by fay");
	tell(&p, MAX, FAY, true);
	forge_place(&p.at[MAX], p.in[MAX], &f);
	f.body.ops[f.body.ops_len++].kind = OP_NO_EFFECT_MIN;
	edit(&p.at[MAX], p.in[MAX], "m2", "the branch with work in it");
	tell(&p, MAX, FAY, true);
	for (int i = 0; i < BRANCHES; i++) {
		struct buf envelope;
		uint8_t id[LK_ID_LEN];

		f.random = (uint8_t)i;
		forge_seal(&p.at[MAX], p.in[MAX], &f, &envelope, id);
		assert_int_equal(
		    give(&p.at[FAY], p.in[FAY], buf_bytes(&envelope)).what,
		    RECEIPT_ACCEPTED);
		bag_put(&p.news, buf_bytes(&envelope));
		buf_clear(&envelope);
	}
	edit(&p.at[FAY], p.in[FAY], "f1", "among them");
	tell(&p, FAY, CAST, true);
	evict(&p.at[ANN], p.in[ANN], root(&p, MAX), ROLE_NONE);
	tell(&p, ANN, FAY, true);
	edit(&p.at[FAY], p.in[FAY], "f2", "after it");
	tell(&p, FAY, CAST, true);
	give_all(&p.at[ANN], p.in[ANN], &p.news);
	give_all(&p.at[GIL], p.in[GIL], &p.news);
	shows_the_same(&p, ANN, GIL);
	shows_the_same(&p, ANN, FAY);
	play_clear(&p);
}

/* A grant that is void at the moment is named as well: what voids it may be
 * voided itself. */
static void
a_void_grant_does_not_come_back(void **state)
{
	struct play p;

	(void)state;
	play_make(&p);
	/* max grants eve once more; ann, who has seen it, throws max out and
	 * keeps that; max has not heard and takes his own grant back. */
	ok(share_try(&p.at[MAX], p.in[MAX], &p.at[EVE], ROLE_ADMIN));
	tell(&p, MAX, ANN, false);
	evict(&p.at[MAX], p.in[MAX], root(&p, EVE), ROLE_NONE);
	tell(&p, MAX, ANN, false);
	assert_int_equal(
	    role_of(&p.at[ANN], p.in[ANN], pk(&p, EVE)), ROLE_NONE);
	assert_int_equal(
	    share_try(&p.at[ANN], p.in[ANN], &p.at[EVE], ROLE_READ).code,
	    LK_OK);
	evict(&p.at[ANN], p.in[ANN], root(&p, EVE), ROLE_NONE);
	/* All four of her grants, root and void ones too, are named by ann. */
	{
		struct graph *g;
		struct member m;
		size_t named = 0;

		device_begin(&p.at[ANN]);
		ok(replica_graph(p.at[ANN].r, p.in[ANN], &g));
		for (size_t i = 0; i < graph_members_len(g); i++) {
			graph_member(g, i, &m);
			if (memcmp(m.key, root(&p, EVE), 32) != 0)
				continue;
			assert_int_equal(m.ended_by, graph_len(g) - 1);
			named++;
		}
		device_commit(&p.at[ANN]);
		assert_int_equal(named, 3);
	}
	play_clear(&p);
}

static void
t20_a_writer_cannot_grant(void **state)
{
	struct play p;

	(void)state;
	play_make(&p);
	assert_int_equal(
	    share_try(&p.at[EVE], p.in[EVE], &p.at[FAY], ROLE_ADMIN).code,
	    LK_E_DENIED);
	play_clear(&p);
}

/* Grants of a key to itself, each junior to the one it is made under. */
static void
grant_itself(struct play *p, int who, size_t count)
{
	struct device *d = &p->at[who];
	const struct identity *me = &d->identity;
	struct access_op ops[15];
	struct docstate *ds;
	size_t n = 0;

	for (size_t i = 0; i < 15; i++) {
		struct op_grant *g = &ops[i].grant;

		ops[i] = (struct access_op){ .kind = OP_GRANT };
		memcpy(g->key, me->sign.pk, ACCESS_KEY_LEN);
		memcpy(g->box, me->box.pk, ACCESS_KEY_LEN);
		box_statement_sign(g->box_sig, &me->sign, me->box.pk, 0);
		g->role = ROLE_WRITE;
		g->rank = UINT16_MAX;
	}
	device_begin(d);
	ok(docstate_get(d->r, p->in[who], &ds));
	for (; n < count; n += 15)
		ok(author_ops(d->r, ds, ops, 15, ROLE_ADMIN));
	device_commit(d);
}

static void
nobody_is_safe_by_having_many_grants(void **state)
{
	struct wall since = { 0 };
	struct play p;
	lk_err err;

	(void)state;
	for (int device = 0; device < 2; device++) {
		play_make(&p);
		grant_itself(&p, MAX, device ? 75 : 525);
		tell(&p, MAX, ANN, true);
		assert_int_equal(
		    role_of(&p.at[ANN], p.in[ANN], pk(&p, MAX)), ROLE_ADMIN);
		if (device) {
			device_begin(&p.at[ANN]);
			err = person_revoke_in(
			    p.at[ANN].r, p.in[ANN], pk(&p, MAX), since);
			device_commit(&p.at[ANN]);
			ok(err);
		} else {
			evict(&p.at[ANN], p.in[ANN], root(&p, MAX), ROLE_NONE);
			evict(&p.at[ANN], p.in[ANN], pk(&p, MAX), ROLE_NONE);
		}
		assert_int_equal(
		    role_of(&p.at[ANN], p.in[ANN], pk(&p, MAX)), ROLE_NONE);
		play_clear(&p);
	}
}

/* Each leave is of one grant. */
static void
who_was_given_another_role_and_leaves_has_none(void **state)
{
	struct play p;
	struct device *gil = &p.at[GIL];

	(void)state;
	play_make(&p);
	ok(share_try(&p.at[ANN], p.in[ANN], gil, ROLE_WRITE));
	tell(&p, ANN, GIL, true);
	edit(gil, p.in[GIL], "g1", "stays");
	assert_int_equal(role_of(gil, p.in[GIL], pk(&p, GIL)), ROLE_WRITE);
	device_begin(gil);
	ok(replica_leave(gil->r, p.in[GIL]));
	device_commit(gil);
	assert_int_equal(role_of(gil, p.in[GIL], pk(&p, GIL)), ROLE_NONE);
	tell(&p, GIL, ANN, true);
	assert_int_equal(
	    role_of(&p.at[ANN], p.in[ANN], pk(&p, GIL)), ROLE_NONE);
	assert_true(shows(&p.at[ANN], p.in[ANN], "g1"));
	play_clear(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_safe_by_having_many_grants),
		cmocka_unit_test(
		    who_was_given_another_role_and_leaves_has_none),
		cmocka_unit_test(
		    t1_a_concurrent_edit_counts_only_if_it_was_seen),
		cmocka_unit_test(
		    t2_t3_what_is_signed_later_is_void_and_work_on_it_is_not),
		cmocka_unit_test(t5_who_has_seen_his_revocation_is_refused),
		cmocka_unit_test(t7_a_junior_who_revokes_a_senior_is_refused),
		cmocka_unit_test(
		    who_tries_to_revoke_a_senior_is_counted_and_named),
		cmocka_unit_test(
		    t8_what_a_revoked_admin_did_unseen_has_no_effect),
		cmocka_unit_test(
		    t13_added_again_one_writes_and_the_past_stays_void),
		cmocka_unit_test(t19_what_is_signed_around_a_leave_is_void),
		cmocka_unit_test(t20_a_writer_cannot_grant),
		cmocka_unit_test(who_is_granted_many_times_is_revoked_at_once),
		cmocka_unit_test(who_forks_without_end_is_revoked),
		cmocka_unit_test(
		    an_edit_among_more_heads_than_it_names_is_one_change),
		cmocka_unit_test(a_void_grant_does_not_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
