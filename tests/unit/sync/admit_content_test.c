#include "crdt/change.h"
#include "tests/unit/sync/forge.h"

#define STRANGER "a foreign actor!"

struct group {
	struct device a, m, f;
	uint32_t in_a, in_m, in_f;
};

static const uint8_t *
pk(const struct device *d)
{
	return d->identity.sign.pk;
}

static void
carry(struct device *from, uint32_t in_from, struct device *to, uint32_t in_to)
{
	struct bag b = { .len = 0 };

	(void)bag_take(&b, from, in_from, 1);
	give_all(to, in_to, &b);
	bag_clear(&b);
}

/* A document of a, written by m too; f reads and writes. */
static void
group_make(struct group *g)
{
	device_make(&g->a, 1, "ann");
	device_make(&g->m, 2, "mal");
	device_make(&g->f, 3, "fay");
	g->in_a = document(&g->a, "plan");
	ok(share_try(&g->a, g->in_a, &g->m, ROLE_WRITE));
	ok(share_try(&g->a, g->in_a, &g->f, ROLE_WRITE));
	g->in_m = welcome(&g->m, &g->a, g->in_a);
	g->in_f = welcome(&g->f, &g->a, g->in_a);
	carry(&g->a, g->in_a, &g->m, g->in_m);
	carry(&g->a, g->in_a, &g->f, g->in_f);
	assert_int_equal(role_of(&g->m, g->in_m, pk(&g->m)), ROLE_WRITE);
}

static void
group_clear(struct group *g)
{
	device_remove(&g->a);
	device_remove(&g->m);
	device_remove(&g->f);
}

/* Appends a change of a stranger that sets `key` of object `obj`. */
static void
foreign_change(struct buf *file, uint64_t seq, const char *key, uint64_t obj,
    const uint8_t *dep, uint8_t hash[static LK_ID_LEN])
{
	struct change_head head = { .actor = BYTES_STR(STRANGER),
		.seq = seq,
		.start_op = dep == NULL ? seq : seq + 100,
		.deps = dep,
		.deps_len = dep != NULL };
	struct op op = { .action = ACTION_SET,
		.key_kind = KEY_MAP,
		.obj = { obj, 0 },
		.key = BYTES_STR(key),
		.value = { .type = VALUE_STR, .bytes = BYTES_STR("x") } };
	struct change_writer *w;
	ARENA_SCOPED arena = { .max = 1 << 20 };
	struct change c;
	BUF_SCOPED body = { .max = 1 << 20 };

	ok(change_writer_new(&w, &head));
	ok(change_writer_add(w, &op));
	ok(change_writer_finish(w, &body));
	change_writer_free(w);
	ok(change_decode(&c, &arena, buf_bytes(&body)));
	memcpy(hash, c.hash, LK_ID_LEN);
	chunk_write(file, CHUNK_CHANGE, buf_bytes(&body));
}

static void
import_op(struct forgery *f, struct bytes file)
{
	f->body.ops[f->body.ops_len++] = (struct access_op){ .kind = OP_IMPORT,
		.content = { .form = 1, .data = file } };
}

static void
nothing_of_a_refused_import_is_shown(void **state)
{
	struct group g;
	struct forgery f;
	uint8_t hash[LK_ID_LEN], second[LK_ID_LEN], id[LK_ID_LEN];
	struct buf envelope;
	BUF_SCOPED file = { .max = 1 << 20 };

	(void)state;
	group_make(&g);
	foreign_change(&file, 1, "smuggled", 0, NULL, hash);
	foreign_change(&file, 2, "broken", 1, hash, second);
	forge_place(&g.m, g.in_m, &f);
	import_op(&f, buf_bytes(&file));
	forge_seal(&g.m, g.in_m, &f, &envelope, id);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&envelope)).what, RECEIPT_REFUSED);
	assert_false(shows(&g.a, g.in_a, "smuggled"));
	device_reopen(&g.a);
	assert_false(shows(&g.a, g.in_a, "smuggled"));
	buf_clear(&envelope);
	group_clear(&g);
}

static void
what_one_member_signs_is_not_the_word_of_another(void **state)
{
	struct group g;
	struct forgery f;
	uint8_t hash[LK_ID_LEN], id[LK_ID_LEN];
	struct buf forged, honest;
	BUF_SCOPED file = { .max = 1 << 20 };

	(void)state;
	group_make(&g);
	carry(&g.a, g.in_a, &g.f, g.in_f);
	foreign_change(&file, 1, "said", 0, NULL, hash);
	forge_place(&g.a, g.in_a, &f);
	import_op(&f, buf_bytes(&file));
	forge_seal(&g.a, g.in_a, &f, &honest, id);
	f.as = g.a.identity.sign.pk;
	forge_seal(&g.m, g.in_m, &f, &forged, id);
	assert_int_equal(
	    give(&g.f, g.in_f, buf_bytes(&forged)).what, RECEIPT_REFUSED);
	assert_false(shows(&g.f, g.in_f, "said"));
	/* The same in the author's own hand. */
	assert_int_equal(
	    give(&g.f, g.in_f, buf_bytes(&honest)).what, RECEIPT_ACCEPTED);
	assert_true(shows(&g.f, g.in_f, "said"));
	buf_clear(&forged);
	buf_clear(&honest);
	group_clear(&g);
}

/* Of two envelopes with one change a revocation keeps the first: the second,
 * void, must not take it away. */
static void
a_void_twin_does_not_hide_what_was_kept(void **state)
{
	struct group g;
	struct buf twin;

	(void)state;
	group_make(&g);
	edit(&g.m, g.in_m, "kept", "by all");
	carry(&g.m, g.in_m, &g.a, g.in_a);
	evict(&g.a, g.in_a, g.m.identity.root_pk, ROLE_NONE);
	assert_true(shows(&g.a, g.in_a, "kept"));
	forge_twin(&g.m, g.in_m, &twin);
	assert_int_not_equal(
	    give(&g.a, g.in_a, buf_bytes(&twin)).what, RECEIPT_ACCEPTED);
	assert_true(shows(&g.a, g.in_a, "kept"));
	device_reopen(&g.a);
	assert_true(shows(&g.a, g.in_a, "kept"));
	buf_clear(&twin);
	group_clear(&g);
}

/* Which branch comes first is chance. */
static void
both_branches_of_a_fork_are_shown(void **state)
{
	struct group g;
	struct bag one = { .len = 0 }, two = { .len = 0 };
	struct device copy;
	uint64_t lsn;
	char command[160];

	(void)state;
	group_make(&g);
	lsn = bag_take(&one, &g.m, g.in_m, 1);
	bag_clear(&one);
	copy = g.m;
	(void)snprintf(copy.dir, sizeof(copy.dir), "/tmp/lk-member-XXXXXX");
	assert_non_null(mkdtemp(copy.dir));
	(void)snprintf(
	    command, sizeof(command), "cp %s/* %s/", g.m.dir, copy.dir);
	device_close(&g.m);
	assert_int_equal(system(command), 0);
	device_open(&g.m);
	device_open(&copy);
	edit(&g.m, g.in_m, "one", "1");
	edit(&copy, g.in_m, "two", "2");
	(void)bag_take(&one, &g.m, g.in_m, lsn);
	(void)bag_take(&two, &copy, g.in_m, lsn);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&one.at[0])).what, RECEIPT_ACCEPTED);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&two.at[0])).what, RECEIPT_ACCEPTED);
	assert_int_equal(
	    give(&g.f, g.in_f, buf_bytes(&two.at[0])).what, RECEIPT_ACCEPTED);
	assert_int_equal(
	    give(&g.f, g.in_f, buf_bytes(&one.at[0])).what, RECEIPT_ACCEPTED);
	assert_true(shows(&g.a, g.in_a, "one") && shows(&g.a, g.in_a, "two"));
	assert_true(shows(&g.f, g.in_f, "one") && shows(&g.f, g.in_f, "two"));
	bag_clear(&one);
	bag_clear(&two);
	device_remove(&copy);
	group_clear(&g);
}

/* A reader may hand out many keys at once. */
static void
an_envelope_of_many_keys_is_kept_whole(void **state)
{
	enum { BOXES = 1024 };
	struct group g;
	struct forgery f;
	struct buf envelope;
	uint8_t id[LK_ID_LEN], etag[ETAG_LEN], *keys;
	struct docstate *ds;
	struct doc_summary before, after;
	BUF_SCOPED section = { .max = KEYSECTION_MAX };

	(void)state;
	group_make(&g);
	keys = calloc(BOXES, ACCESS_KEY_LEN);
	assert_non_null(keys);
	device_begin(&g.m);
	ok(docstate_get(g.m.r, g.in_m, &ds));
	graph_any_epoch(ds->graph, etag);
	device_commit(&g.m);
	buf_u8(&section, KEYS_SHARE);
	buf_mem(&section, g.m.identity.box.pk, DH_LEN);
	buf_u16(&section, BOXES);
	for (uint32_t i = 0; i < BOXES; i++) {
		uint8_t masked[32] = { 0 };

		buf_u32(&section, i);
		buf_mem(&section, masked, sizeof(masked));
		buf_mem(&section, etag, sizeof(etag));
		memcpy(keys + i * ACCESS_KEY_LEN, pk(&g.m), ACCESS_KEY_LEN);
	}
	buf_u8(&section, 0);
	forge_place(&g.m, g.in_m, &f);
	f.key_section = buf_bytes(&section);
	f.body.ops[f.body.ops_len++] = (struct access_op){ .kind = OP_SHARE,
		.share = { .keys = keys, .keys_len = BOXES } };
	forge_seal(&g.m, g.in_m, &f, &envelope, id);
	device_begin(&g.a);
	ok(replica_doc(g.a.r, g.in_a, &before));
	device_commit(&g.a);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&envelope)).what, RECEIPT_ACCEPTED);
	device_reopen(&g.a);
	device_begin(&g.a);
	assert_true(log_has(g.a.txn, id));
	ok(replica_doc(g.a.r, g.in_a, &after));
	device_commit(&g.a);
	assert_int_equal(before.envelopes + 1, after.envelopes);
	buf_clear(&envelope);
	free(keys);
	group_clear(&g);
}

/* An import whose author cannot have known the grant it collides with is not
 * refused by who knows it: another device may have taken it before. */
static void
an_import_beside_the_grant_it_copies_waits(void **state)
{
	struct group g;
	struct forgery f;
	struct buf envelope;
	struct docstate *ds;
	struct graph *graph;
	struct change_head head = { .seq = 1, .start_op = 9 };
	struct op op = { .action = ACTION_SET,
		.key_kind = KEY_MAP,
		.key = BYTES_STR("mine"),
		.value = { .type = VALUE_STR, .bytes = BYTES_STR("x") } };
	uint8_t actor[LK_TOPIC_LEN], id[LK_ID_LEN];
	struct device d;
	struct member last;
	struct change_writer *w;
	BUF_SCOPED body = { .max = 1 << 20 };
	BUF_SCOPED file = { .max = 1 << 20 };

	(void)state;
	group_make(&g);
	forge_place(&g.m, g.in_m, &f);
	device_make(&d, 4, "dan");
	ok(share_try(&g.a, g.in_a, &d, ROLE_WRITE));
	device_begin(&g.a);
	ok(docstate_get(g.a.r, g.in_a, &ds));
	ok(replica_graph(g.a.r, g.in_a, &graph));
	graph_member(graph, graph_members_len(graph) - 1, &last);
	actor_id(actor, &ds->topic, last.key, last.grant.env, last.grant.index);
	device_commit(&g.a);
	head.actor = BYTES_OF(actor);
	ok(change_writer_new(&w, &head));
	ok(change_writer_add(w, &op));
	ok(change_writer_finish(w, &body));
	change_writer_free(w);
	chunk_write(&file, CHUNK_CHANGE, buf_bytes(&body));
	import_op(&f, buf_bytes(&file));
	forge_seal(&g.m, g.in_m, &f, &envelope, id);
	assert_int_equal(
	    give(&g.f, g.in_f, buf_bytes(&envelope)).what, RECEIPT_ACCEPTED);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&envelope)).what, RECEIPT_WAITING);
	buf_clear(&envelope);
	device_remove(&d);
	group_clear(&g);
}

static void
import_by(struct device *d, uint32_t docno, struct bytes file, struct buf *out)
{
	struct forgery f;
	uint8_t id[LK_ID_LEN];

	forge_place(d, docno, &f);
	import_op(&f, file);
	forge_seal(d, docno, &f, out, id);
	assert_int_equal(give(d, docno, buf_bytes(out)).what, RECEIPT_ACCEPTED);
}

/* How many changes the newest one of a document depends on. */
static size_t
last_deps(struct device *d, uint32_t docno)
{
	ARENA_SCOPED arena = { .max = 1 << 20 };
	struct change_bodies bodies;
	struct docstate *ds;
	struct admission a;
	struct change c;

	device_begin(d);
	ok(docstate_get(d->r, docno, &ds));
	admission_begin(&a, d->r, ds);
	change_bodies_init(&bodies, 1 << 20);
	ok(content_changes(&a, graph_len(ds->graph) - 1, &bodies));
	assert_int_equal(bodies.len, 1);
	ok(change_decode(&c, &arena, bodies.at[0]));
	change_bodies_clear(&bodies);
	admission_drop(&a);
	device_commit(d);
	return c.deps_len;
}

/* Two imports, of which one holds all of the other: the next change depends on
 * the heads of both together only. */
static void
imports_that_overlap_are_one_history(void **state)
{
	struct group g;
	struct buf one, two;
	uint8_t hash[LK_ID_LEN], second[LK_ID_LEN];
	BUF_SCOPED file = { .max = 1 << 20 };

	(void)state;
	group_make(&g);
	foreign_change(&file, 1, "first", 0, NULL, hash);
	import_by(&g.m, g.in_m, buf_bytes(&file), &one);
	foreign_change(&file, 2, "second", 0, hash, second);
	import_by(&g.f, g.in_f, buf_bytes(&file), &two);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&one)).what, RECEIPT_ACCEPTED);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&two)).what, RECEIPT_ACCEPTED);
	edit(&g.a, g.in_a, "third", "3");
	/* The title, and the second change of the imports. */
	assert_int_equal(last_deps(&g.a, g.in_a), 2);
	assert_int_equal(
	    give(&g.f, g.in_f, buf_bytes(&one)).what, RECEIPT_ACCEPTED);
	carry(&g.a, g.in_a, &g.f, g.in_f);
	assert_true(shows(&g.f, g.in_f, "third"));
	group_clear(&g);
	buf_clear(&one);
	buf_clear(&two);
}

/* The hash of the newest change of a document. */
static void
last_hash(struct device *d, uint32_t docno, uint8_t hash[static LK_ID_LEN])
{
	struct docstate *ds;
	struct node node;

	device_begin(d);
	ok(docstate_get(d->r, docno, &ds));
	ok(node_get(d->r, docno, graph_len(ds->graph) - 1, &node));
	assert_int_equal(node.hashes.len, LK_ID_LEN);
	memcpy(hash, node.hashes.ptr, LK_ID_LEN);
	device_commit(d);
}

/* Not on what the judge knows besides: another one may not know it. */
static void
an_import_builds_on_its_own_past_only(void **state)
{
	struct group g;
	struct buf one;
	struct forgery f;
	uint8_t mine[LK_ID_LEN], theirs[LK_ID_LEN], hash[LK_ID_LEN];
	uint8_t id[LK_ID_LEN];
	struct buf two;
	BUF_SCOPED file = { .max = 1 << 20 };

	(void)state;
	group_make(&g);
	edit(&g.m, g.in_m, "mine", "1");
	last_hash(&g.m, g.in_m, mine);
	edit(&g.f, g.in_f, "theirs", "1");
	last_hash(&g.f, g.in_f, theirs);
	carry(&g.f, g.in_f, &g.a, g.in_a);
	carry(&g.m, g.in_m, &g.a, g.in_a);
	foreign_change(&file, 1, "on theirs", 0, theirs, hash);
	forge_place(&g.m, g.in_m, &f);
	import_op(&f, buf_bytes(&file));
	forge_seal(&g.m, g.in_m, &f, &two, id);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&two)).what, RECEIPT_REFUSED);
	buf_reset(&file);
	foreign_change(&file, 1, "on mine", 0, mine, hash);
	import_by(&g.m, g.in_m, buf_bytes(&file), &one);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&one)).what, RECEIPT_ACCEPTED);
	assert_true(shows(&g.a, g.in_a, "on mine"));
	/* The change of fay, and what was imported. */
	edit(&g.a, g.in_a, "then", "1");
	assert_int_equal(last_deps(&g.a, g.in_a), 2);
	buf_clear(&one);
	buf_clear(&two);
	group_clear(&g);
}

static void
a_void_import_hides_nothing_another_brought(void **state)
{
	struct group g;
	struct buf one, two;
	uint8_t hash[LK_ID_LEN], second[LK_ID_LEN];
	BUF_SCOPED file = { .max = 1 << 20 };

	(void)state;
	group_make(&g);
	foreign_change(&file, 1, "first", 0, NULL, hash);
	import_by(&g.m, g.in_m, buf_bytes(&file), &one);
	foreign_change(&file, 2, "second", 0, hash, second);
	import_by(&g.f, g.in_f, buf_bytes(&file), &two);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&one)).what, RECEIPT_ACCEPTED);
	evict(&g.a, g.in_a, g.f.identity.root_pk, ROLE_NONE);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&two)).what, RECEIPT_ACCEPTED);
	assert_true(shows(&g.a, g.in_a, "first"));
	assert_false(shows(&g.a, g.in_a, "second"));
	/* The other way round on another device. */
	assert_int_equal(
	    give(&g.m, g.in_m, buf_bytes(&two)).what, RECEIPT_ACCEPTED);
	assert_true(shows(&g.m, g.in_m, "second"));
	carry(&g.a, g.in_a, &g.m, g.in_m);
	assert_true(shows(&g.m, g.in_m, "first"));
	assert_false(shows(&g.m, g.in_m, "second"));
	group_clear(&g);
	buf_clear(&one);
	buf_clear(&two);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_one_member_signs_is_not_the_word_of_another),
		cmocka_unit_test(a_void_twin_does_not_hide_what_was_kept),
		cmocka_unit_test(both_branches_of_a_fork_are_shown),
		cmocka_unit_test(an_envelope_of_many_keys_is_kept_whole),
		cmocka_unit_test(an_import_beside_the_grant_it_copies_waits),
		cmocka_unit_test(imports_that_overlap_are_one_history),
		cmocka_unit_test(a_void_import_hides_nothing_another_brought),
		cmocka_unit_test(nothing_of_a_refused_import_is_shown),
		cmocka_unit_test(an_import_builds_on_its_own_past_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
