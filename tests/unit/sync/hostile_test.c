#include "tests/unit/sync/device.h"

#include "sync/engine_state.h"
#include "sync/keysection.h"
#include "sync/person.h"

#define ADDRESS "192.0.2.7:4000"

/* A device under attack, with one document of its own. */
struct target {
	struct device d;
	struct engine *e;
	struct docstate *ds;
	uint32_t docno;
};

/* A stranger who holds a session, a certificate of his own making and, as a
 * former member would, the document's topic secret. */
struct attacker {
	struct identity identity;
	struct random_seeded seed;
	struct session *session;
	uint32_t body_max[SESSION_TYPES];
	struct buf out;
	uint8_t hash[SESSION_HASH_LEN];
	bool open;
};

static lk_err
put_nothing(void *ctx, struct edit *e, struct doc *doc)
{
	(void)ctx;
	(void)e;
	(void)doc;
	return LK_NONE;
}

static void
target_make(struct target *t, uint64_t seed)
{
	const struct engine_config config = { .listen_port = 1 };

	device_make(&t->d, seed);
	ok(engine_new(&t->e, t->d.r, &t->d.identity, t->d.random));
	device_begin(&t->d);
	ok(engine_configure(t->e, &config));
	ok(replica_create(t->d.r, "plan", "map", put_nothing, NULL, &t->docno));
	device_commit(&t->d);
	device_begin(&t->d);
	ok(docstate_get(t->d.r, t->docno, &t->ds));
}

static void
target_remove(struct target *t)
{
	device_commit(&t->d);
	engine_free(t->e);
	device_remove(&t->d);
}

/* A proof that is good: his own root certifies his own device. */
static void
attacker_proof(struct attacker *a, struct buf *out)
{
	static const uint8_t root_seed[32] = { 66 };
	struct proof proof = { .len = 1 };
	struct cert *c = &proof.certs[0];
	struct sign_key root;

	sign_key_from_seed(&root, root_seed);
	memcpy(c->root_pk, root.pk, sizeof(c->root_pk));
	c->rank = 1;
	device_block_make(&c->block, &a->identity.sign, a->identity.noise.pk,
	    a->identity.box.pk, 0);
	cert_sign(c, &root);
	proof_write(out, &proof);
}

/* Carries what the target says to the attacker, until it says no more. */
static void
attacker_listen(struct attacker *a, struct target *t)
{
	struct engine_output o;

	while (engine_take(t->e, &o)) {
		struct session_event ev = { .type = SESSION_MESSAGE };
		struct bytes in = buf_bytes(&o.bytes);

		while (o.what == ENGINE_SEND && ev.type != SESSION_NOTHING) {
			ok(session_step(a->session, &in, &a->out, &ev));
			if (ev.type == SESSION_ESTABLISHED) {
				memcpy(a->hash, ev.hash, sizeof(a->hash));
				a->open = true;
			}
		}
		if (o.what == ENGINE_SEND) {
			engine_pending(t->e, o.conn, 0);
			buf_clear(&o.bytes);
		}
	}
}

/* What the attacker has to say reaches the target. */
static void
attacker_speak(struct attacker *a, struct target *t)
{
	BUF_SCOPED said = a->out;

	buf_init(&a->out, (size_t)4 * MESSAGE_MAX);
	ok(engine_bytes(t->e, 1, buf_bytes(&said), t->d.now));
	attacker_listen(a, t);
}

static void
attacker_send(struct attacker *a, struct target *t, enum message_type type,
    struct bytes body)
{
	ok(session_send(a->session, &a->out, (uint8_t)type, body));
	attacker_speak(a, t);
}

static void
attacker_connect(struct attacker *a, struct target *t)
{
	static const uint8_t ephemeral[DH_LEN] = { 99 };
	struct random random = random_from_seed(&a->seed, 1000);
	struct hello hello = { .min = 1, .max = 1, .message_max = MESSAGE_MAX };
	struct topic_set set = { .count = 77 };
	struct session_config config = {
		.role = SESSION_INITIATOR,
		.noise = &a->identity.noise,
		.ephemeral = ephemeral,
		.body_max = a->body_max,
		.pattern = SESSION_XK,
		.remote = t->d.identity.noise.pk,
	};
	BUF_SCOPED proof = { .max = PROOF_LEN_MAX };
	BUF_SCOPED body = { .max = 64 };

	ok(identity_create(&a->identity, &random, "stranger"));
	attacker_proof(a, &proof);
	config.payload = buf_bytes(&proof);
	message_body_max(a->body_max);
	buf_init(&a->out, (size_t)4 * MESSAGE_MAX);
	ok(session_new(&a->session, &config, &a->out));
	ok(engine_accepted(t->e, 1, ADDRESS, t->d.now));
	while (!a->open || a->out.len > 0)
		attacker_speak(a, t);
	hello_encode(&body, &hello);
	attacker_send(a, t, MSG_HELLO, buf_bytes(&body));
	buf_reset(&body);
	topic_set_encode(&body, &set);
	attacker_send(a, t, MSG_SET, buf_bytes(&body));
	assert_int_equal(link_find(t->e, 1)->state, LINK_OPEN);
}

static void
attacker_free(struct attacker *a)
{
	session_free(a->session);
	buf_clear(&a->out);
	identity_clear(&a->identity);
}

/* An announcement that names the one document n times. */
static void
announce(struct attacker *a, struct target *t, size_t n)
{
	uint8_t proof[ANNOUNCE_LEN];
	BUF_SCOPED body = { .max = MESSAGE_MAX };

	announce_proof(proof, &t->ds->topic, a->hash, 1);
	buf_u8(&body, 1);
	for (size_t i = 0; i < n; i++)
		buf_mem(&body, proof, sizeof(proof));
	attacker_send(a, t, MSG_TOPICS, buf_bytes(&body));
}

static void
a_document_announced_again_gets_no_other_number(void **state)
{
	struct attacker a = { .open = false };
	struct target t;
	struct link *l;

	(void)state;
	target_make(&t, 10);
	attacker_connect(&a, &t);
	announce(&a, &t, 16);
	l = link_find(t.e, 1);
	for (int i = 0; i < 20 && l->state == LINK_OPEN; i++)
		announce(&a, &t, TOPIC_LIST_MAX);
	assert_true(l->numbers_len < 1024);
	attacker_free(&a);
	target_remove(&t);
}

/* A BATCH of n items that are no envelopes. */
static void
junk(struct attacker *a, struct target *t, size_t n)
{
	static const uint8_t tag[LK_TOPIC_LEN], salt[8];
	BUF_SCOPED body = { .max = MESSAGE_MAX };

	buf_u32(&body, 0);
	buf_u8(&body, 0);
	for (size_t i = 0; i < n; i++) {
		buf_u8(&body, 2 | 4);
		buf_uleb(&body, 0);
		buf_uleb(&body, 1);
		buf_mem(&body, tag, sizeof(tag));
		buf_mem(&body, salt, sizeof(salt));
		buf_uleb(&body, 0);
	}
	attacker_send(a, t, MSG_BATCH, buf_bytes(&body));
}

static void
what_was_refused_leaves_nothing_in_memory(void **state)
{
	struct attacker a = { .open = false };
	struct target t;
	static const uint8_t first[] = { 0, 0, 0, 0, 0, 7, 0 };
	BUF_SCOPED body = { .max = 256 };

	(void)state;
	target_make(&t, 11);
	attacker_connect(&a, &t);
	announce(&a, &t, 16);
	/* A new slot first. */
	buf_mem(&body, first, sizeof(first));
	(void)memset(buf_extend(&body, 16), 0, 16);
	buf_uleb(&body, 1);
	(void)memset(buf_extend(&body, 16 + 8), 0, 16 + 8);
	buf_uleb(&body, 0);
	attacker_send(&a, &t, MSG_BATCH, buf_bytes(&body));
	for (int i = 0; i < 20; i++)
		junk(&a, &t, 4000);
	assert_int_equal(link_find(t.e, 1)->state, LINK_OPEN);
	assert_true(t.e->origins_len < 100);
	attacker_free(&a);
	target_remove(&t);
}

static size_t
keys_count(struct target *t)
{
	struct kv kv = docstate_space(t->d.r, t->docno, SPACE_KEYS);
	uint8_t at[ETAG_LEN] = { 0 };
	struct bytes key, value;
	size_t n = 0;

	while (kv_seek(kv, KV_FIRST_GE, BYTES_OF(at), &key, &value).code ==
	    LK_OK) {
		n++;
		memcpy(at, key.ptr, sizeof(at));
		if (!bytes_next(at, sizeof(at)))
			break;
	}
	return n;
}

/* A share of `epoch` that gives the target n keys nobody has ever used. */
static void
forged_share(
    struct target *t, const struct epoch *epoch, size_t n, struct buf *out)
{
	struct sign_key author;
	static const uint8_t seed[32] = { 5 }, random[32] = { 6 };
	uint8_t prev[LK_ID_LEN] = { 1 }, tag[LK_TOPIC_LEN], id[LK_ID_LEN];
	struct epoch *fresh = calloc(n, sizeof(*fresh));
	struct share_box *boxes = calloc(n, sizeof(*boxes));
	uint8_t(*devices)[ACCESS_KEY_LEN] = calloc(n, sizeof(*devices));
	struct share_plan plan = {
		.place = { t->ds->topic.id, tag, 2 },
		.boxes = boxes,
		.boxes_len = n,
	};
	struct envelope_draft draft = {
		.author = &author,
		.topic = &t->ds->topic,
		.epoch = epoch,
		.docid = t->ds->docid,
		.seq = 2,
		.prev = prev,
		.random = random,
	};
	struct body body = { .has_grant = true, .deps_len = 1, .ops_len = 1 };
	BUF_SCOPED section = { .max = KEYSECTION_MAX };
	BUF_SCOPED plain = { .max = ENVELOPE_BODY_MAX };
	size_t len;

	sign_key_from_seed(&author, seed);
	author_tag(tag, &t->ds->topic, author.pk);
	for (size_t i = 0; i < n; i++) {
		uint8_t ladder[32] = { (uint8_t)i, (uint8_t)(i >> 8), 7 };

		epoch_derive(&fresh[i], ladder);
		boxes[i].epoch = &fresh[i];
		memcpy(boxes[i].box, t->d.identity.box.pk, DH_LEN);
		memcpy(boxes[i].key, t->d.identity.sign.pk, ACCESS_KEY_LEN);
	}
	ok(keysection_make_share(&section, &plan, devices, &len));
	assert_int_equal(len, n);
	/* Under the creator's grant, which is not the author's. */
	memcpy(body.grant.env, t->ds->docid, LK_ID_LEN);
	memcpy(prev, t->ds->docid, LK_ID_LEN);
	body.deps = t->ds->docid;
	body.ops[0].kind = OP_SHARE;
	body.ops[0].share.keys = devices[0];
	body.ops[0].share.keys_len = n;
	body_encode(&plain, &body);
	draft.body = buf_bytes(&plain);
	draft.key_section = buf_bytes(&section);
	ok(envelope_make(out, id, &draft));
	free(fresh);
	free(boxes);
	free(devices);
}

static void
keys_of_an_envelope_that_is_refused_are_not_kept(void **state)
{
	struct target t;
	struct received verdict;
	struct bytes envelope;
	struct epoch epoch;
	uint8_t etag[ETAG_LEN];
	size_t before;
	BUF_SCOPED out = { .max = ENVELOPE_MAX };

	(void)state;
	target_make(&t, 12);
	graph_any_epoch(t.ds->graph, etag);
	ok(docstate_key(t.d.r, t.docno, etag, &epoch));
	before = keys_count(&t);
	forged_share(&t, &epoch, 500, &out);
	envelope = buf_bytes(&out);
	ok(replica_receive(t.d.r, t.docno, NULL, &envelope, 1, &verdict));
	assert_int_equal(verdict.what, RECEIPT_REFUSED);
	assert_int_equal(keys_count(&t), before);
	target_remove(&t);
}

/* An envelope on top of those before it. */
struct place {
	const struct sign_key *author;
	uint64_t seq;
	uint8_t id[LK_ID_LEN]; /* the author's last one */
};

/* Writes, sends and expects a verdict. */
static void
forge(struct target *t, struct place *p, struct body *body, enum receipt wanted)
{
	uint8_t etag[ETAG_LEN];
	static uint8_t random[32];
	struct epoch epoch;
	struct envelope_draft draft = { .author = p->author,
		.topic = &t->ds->topic,
		.epoch = &epoch,
		.docid = t->ds->docid,
		.seq = ++p->seq,
		.prev = p->seq > 1 ? p->id : NULL,
		.random = random };
	struct received verdict;
	struct bytes envelope;
	BUF_SCOPED plain = { .max = ENVELOPE_BODY_MAX };
	BUF_SCOPED out = { .max = ENVELOPE_MAX };
	uint8_t id[LK_ID_LEN];

	random[0]++;
	graph_any_epoch(t->ds->graph, etag);
	ok(docstate_key(t->d.r, t->docno, etag, &epoch));
	body_encode(&plain, body);
	draft.body = buf_bytes(&plain);
	ok(envelope_make(&out, id, &draft));
	memcpy(p->id, id, sizeof(id));
	envelope = buf_bytes(&out);
	ok(replica_receive(t->d.r, t->docno, NULL, &envelope, 1, &verdict));
	if (verdict.what != wanted)
		fail_msg("%d: %s", verdict.what, verdict.why);
}

/* The creator's own place. */
static struct place
creator(struct target *t)
{
	struct place p = { .author = &t->d.identity.sign };
	bool forked;
	uint32_t tip = graph_tip(t->ds->graph, p.author->pk, &forked);

	p.seq = graph_seq(t->ds->graph, tip);
	graph_id(t->ds->graph, tip, p.id);
	return p;
}

static void
writer_grants(struct body *body, const struct sign_key *who)
{
	static const uint8_t secret[DH_LEN] = { 77 };
	struct dh_key box;

	dh_key_from_secret(&box, secret);
	body->ops_len = ENVELOPE_OPS_MAX;
	for (size_t i = 0; i < body->ops_len; i++) {
		struct op_grant *g = &body->ops[i].grant;

		body->ops[i].kind = OP_GRANT;
		memcpy(g->key, who->pk, sizeof(g->key));
		memcpy(g->box, box.pk, sizeof(g->box));
		box_statement_sign(g->box_sig, who, box.pk, 0);
		g->role = ROLE_WRITE;
		g->rank = 1001;
	}
}

/* Sixteen revocations of sixteen grants that keep sixteen envelopes each:
 * what is kept of such an envelope does not fit one record. */
static void
the_largest_revocation_is_kept_whole(void **state)
{
	struct target t;
	static const uint8_t seed[32] = { 44 };
	struct sign_key writer;
	struct place mine, his = { .author = &writer };
	struct body grants = { .ops_len = 0 };
	struct body nothing = { .has_grant = true,
		.deps_len = 1,
		.ops_len = 1,
		.ops = { { .kind = 200 } } };
	struct body revoke = { .deps_len = 1, .ops_len = ENVELOPE_OPS_MAX };
	struct revoke_entry entries[ENVELOPE_OPS_MAX];
	uint8_t keep[REVOKE_KEEP_MAX][LK_ID_LEN];
	uint32_t len;

	(void)state;
	target_make(&t, 13);
	sign_key_from_seed(&writer, seed);
	mine = creator(&t);
	writer_grants(&grants, &writer);
	forge(&t, &mine, &grants, RECEIPT_ACCEPTED);
	memcpy(nothing.grant.env, mine.id, LK_ID_LEN);
	nothing.deps = mine.id;
	for (size_t i = 0; i < REVOKE_KEEP_MAX; i++) {
		forge(&t, &his, &nothing, RECEIPT_ACCEPTED);
		memcpy(keep[i], his.id, LK_ID_LEN);
		nothing.deps_len = 0;
		nothing.has_grant = false;
	}
	qsort(keep, REVOKE_KEEP_MAX, LK_ID_LEN, lk_id_compare);
	for (size_t i = 0; i < ENVELOPE_OPS_MAX; i++) {
		entries[i] = (struct revoke_entry){ .level = ROLE_NONE,
			.keep = keep[0],
			.keep_len = REVOKE_KEEP_MAX };
		memcpy(entries[i].target.env, mine.id, LK_ID_LEN);
		entries[i].target.index = (uint8_t)i;
		revoke.ops[i].kind = OP_REVOKE;
		revoke.ops[i].revoke.entries = entries;
		revoke.ops[i].revoke.entries_len = ENVELOPE_OPS_MAX;
	}
	revoke.deps = his.id;
	forge(&t, &mine, &revoke, RECEIPT_ACCEPTED);
	/* And is there when the document is loaded again. */
	len = graph_len(t.ds->graph);
	device_commit(&t.d);
	replica_free(t.d.r);
	ok(replica_new(&t.d.r, &t.d.identity, t.d.random,
	    (struct verifier){ .run = verify_jobs_here }));
	device_begin(&t.d);
	ok(docstate_get(t.d.r, t.docno, &t.ds));
	assert_int_equal(graph_len(t.ds->graph), len);
	assert_int_equal(graph_role(t.ds->graph, writer.pk), ROLE_NONE);
	target_remove(&t);
}

/* Two changes of one actor; the second names an object that is none. */
static void
bad_import(struct buf *file)
{
	static const uint8_t actor[] = { 1, 2, 3 };
	struct change_head head = {
		.actor = BYTES_OF(actor), .seq = 1, .start_op = 1
	};
	uint8_t first[LK_ID_LEN];

	for (int i = 0; i < 2; i++) {
		struct op op = { .key_kind = KEY_MAP,
			.key = BYTES_STR("smuggled"),
			.action = ACTION_SET,
			.value = { .type = VALUE_TRUE } };
		struct change_writer *w;
		uint32_t number;
		BUF_SCOPED body = { .max = 4096 };

		if (i == 1) {
			op.obj = (struct op_id){ .ctr = 1 };
			head.seq = 2;
			head.start_op = 2;
			head.deps = first;
			head.deps_len = 1;
		}
		ok(change_writer_new(&w, &head));
		ok(change_writer_actor(w, head.actor, &number));
		ok(change_writer_add(w, &op));
		ok(change_writer_finish(w, &body));
		change_writer_free(w);
		chunk_hash(first, CHUNK_CHANGE, buf_bytes(&body));
		chunk_write(file, CHUNK_CHANGE, buf_bytes(&body));
	}
}

static void
an_import_that_is_refused_leaves_nothing_in_the_document(void **state)
{
	struct prop smuggled = { .is_key = true, .key = BYTES_STR("smuggled") };
	struct body body = { .ops_len = 1 };
	struct target t;
	struct place mine;
	struct item item;
	struct doc *doc;
	BUF_SCOPED file = { .max = 4096 };

	(void)state;
	target_make(&t, 14);
	mine = creator(&t);
	bad_import(&file);
	body.ops[0].kind = OP_IMPORT;
	body.ops[0].content.form = 1;
	body.ops[0].content.data = buf_bytes(&file);
	forge(&t, &mine, &body, RECEIPT_REFUSED);
	ok(replica_open_doc(t.d.r, t.docno, &doc));
	assert_int_equal(
	    doc_get(doc, DOC_ROOT, smuggled, &item).code, LK_E_NOTFOUND);
	doc_free(doc);
	target_remove(&t);
}

static size_t
strangers(struct target *t)
{
	struct link *l;
	size_t n = 0;

	TAILQ_FOREACH (l, &t->e->links, next)
		n += l->state != LINK_CLOSED;
	return n;
}

static void
strangers_have_few_places_and_fewer_from_one_address(void **state)
{
	char address[64];
	struct target t;
	struct engine_output o;
	size_t closed = 0;

	(void)state;
	target_make(&t, 15);
	for (uint64_t i = 0; i < 100; i++) {
		(void)snprintf(address, sizeof(address),
		    "[2001:db8::%x:%x]:4000", (unsigned)i, (unsigned)i);
		ok(engine_accepted(t.e, 1 + i, address, t.d.now));
	}
	assert_int_equal(strangers(&t), PEERS_STRANGERS_HERE / 2);
	for (uint64_t i = 0; i < 100; i++) {
		(void)snprintf(
		    address, sizeof(address), "192.0.2.%u:4000", (unsigned)i);
		ok(engine_accepted(t.e, 1000 + i, address, t.d.now));
		/* There is always a place for the newest. */
		assert_int_equal(
		    link_find(t.e, 1000 + i)->state, LINK_HANDSHAKE);
	}
	assert_int_equal(strangers(&t), PEERS_STRANGERS_MAX / 2);
	while (engine_take(t.e, &o))
		closed += o.what == ENGINE_CLOSE;
	assert_int_equal(closed, 200 - PEERS_STRANGERS_MAX / 2);
	target_remove(&t);
}

/* Others say of a device that it is where nobody is. */
static void
mislead(struct target *t, const struct cert *cert, uint8_t round)
{
	struct addresses nowhere = { .len = PEER_ADDRESS_MAX };

	for (uint8_t i = 0; i < PEER_ADDRESS_MAX; i++)
		nowhere.at[i] = (struct address){ .type = ADDRESS_IPV4,
			.port = 9,
			.ip = { 198, 51, round, i } };
	ok(peers_learn(t->e, cert, NULL, &nowhere));
}

static void
nobody_else_makes_a_device_forget_where_it_met_a_peer(void **state)
{
	static const char *const met[] = { "192.0.2.1:1", "192.0.2.2:1" };
	struct cert cert = { .block.noise_pk = { 9 } };
	struct target t;
	struct peer *p;

	(void)state;
	target_make(&t, 16);
	cert.block.device_pk[0] = 7;
	mislead(&t, &cert, 0);
	for (size_t i = 0; i < 2; i++)
		ok(peers_address(t.e, cert.block.device_pk, met[i]));
	for (uint8_t i = 1; i < 4; i++)
		mislead(&t, &cert, i);
	ok(peers_address(t.e, cert.block.device_pk, met[0]));
	/* As in the store, too. */
	peers_free(t.e);
	t.e->peers_loaded = false;
	ok(peers_load(t.e));
	p = peers_find(t.e, cert.block.device_pk);
	assert_non_null(p);
	assert_int_equal(p->addresses_len, PEER_ADDRESS_MAX);
	assert_int_equal(p->met_len, 2);
	assert_string_equal(p->addresses[0], met[1]);
	assert_string_equal(p->addresses[1], met[0]);
	assert_string_equal(p->addresses[7], "198.51.3.7:9");
	/* Of many places where it was met the latest stay. */
	for (uint8_t i = 0; i < 2 * PEER_ADDRESS_MAX; i++) {
		char address[32];

		(void)snprintf(address, sizeof(address), "192.0.2.%u:2", i);
		ok(peers_address(t.e, cert.block.device_pk, address));
	}
	assert_int_equal(p->met_len, PEER_ADDRESS_MET_MAX);
	assert_string_equal(p->addresses[3], "192.0.2.15:2");
	assert_int_equal(p->addresses_len, PEER_ADDRESS_MAX);
	target_remove(&t);
}

/* Every list is a hash for each document: of nobody known there are few. */
static void
a_stranger_announces_a_few_times_and_no_more(void **state)
{
	uint8_t last[1] = { 1 };
	struct target t;
	struct attacker a = { .open = false };
	size_t taken = 0;

	(void)state;
	target_make(&t, 17);
	attacker_connect(&a, &t);
	for (int i = 0; i < 100; i++) {
		attacker_send(&a, &t, MSG_TOPICS, BYTES_OF(last));
		taken += link_find(t.e, 1)->state == LINK_OPEN;
	}
	assert_int_equal(taken, STRANGER_LISTS_MAX);
	assert_string_equal(link_find(t.e, 1)->why, "TOPICS of a stranger");
	attacker_free(&a);
	target_remove(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_document_announced_again_gets_no_other_number),
		cmocka_unit_test(what_was_refused_leaves_nothing_in_memory),
		cmocka_unit_test(
		    keys_of_an_envelope_that_is_refused_are_not_kept),
		cmocka_unit_test(
		    strangers_have_few_places_and_fewer_from_one_address),
		cmocka_unit_test(
		    nobody_else_makes_a_device_forget_where_it_met_a_peer),
		cmocka_unit_test(a_stranger_announces_a_few_times_and_no_more),
		cmocka_unit_test(the_largest_revocation_is_kept_whole),
		cmocka_unit_test(
		    an_import_that_is_refused_leaves_nothing_in_the_document),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
