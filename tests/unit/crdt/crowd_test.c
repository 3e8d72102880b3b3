/*
 * Documents that many took part in, which are made in few bytes.  Each of these
 * takes seconds at most: where a step costs what the square of their number
 * says, or the cube, it takes hours, and the time ctest gives it is over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/doc_view.h"
#include "crdt/export.h"
#include "tests/unit/crdt/doc_replica.h"

#define CROWD 2000

/* A document and the changes it is made of. */
struct crowd {
	struct changes all;
	struct kv kv;
	struct doc *doc;
	struct change_writer *writer;
};

static void
crowd_open(struct crowd *c)
{
	changes_init(&c->all);
	assert_ok(kv_memory_new(&c->kv, DOC_KV_MAX));
	assert_ok(doc_open(&c->doc, c->kv));
}

static void
crowd_close(struct crowd *c)
{
	doc_free(c->doc);
	kv_memory_free(&c->kv);
	changes_clear(&c->all);
}

/* Begins a change; deps: so many of the changes, from one of them on. */
static void
crowd_write(struct crowd *c, struct change_head *head, size_t from, size_t n)
{
	uint8_t *deps = malloc((n + 1) * LK_ID_LEN);

	for (size_t i = 0; i < n; i++)
		memcpy(
		    deps + i * LK_ID_LEN, c->all.all[from + i].hash, LK_ID_LEN);
	head->deps = deps;
	head->deps_len = n;
	assert_ok(change_writer_new(&c->writer, head));
	free(deps);
}

/* The same: the first one of an actor. */
static void
crowd_begin(
    struct crowd *c, size_t actor, uint64_t start, size_t from, size_t n)
{
	uint8_t id[2] = { (uint8_t)(actor >> 8), (uint8_t)actor };
	struct change_head head = {
		.actor = BYTES_OF(id), .seq = 1, .start_op = start
	};

	crowd_write(c, &head, from, n);
}

static void
crowd_end(struct crowd *c, bool visible)
{
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };

	assert_ok(change_writer_finish(c->writer, &body));
	change_writer_free(c->writer);
	assert_ok(changes_add(&c->all, buf_bytes(&body)));
	assert_ok(doc_apply(c->doc, &c->all.all[c->all.len - 1], visible));
}

/* What the first change put at a key is overwritten, or deleted. */
static void
crowd_op(struct crowd *c, uint8_t action, bool named)
{
	static const uint8_t first[2] = { 0, 0 };
	struct op_id pred = { .ctr = 1 };
	struct op op = { .key_kind = KEY_MAP,
		.key = BYTES_STR("k"),
		.action = action,
		.preds = &pred,
		.preds_len = named };

	if (named)
		assert_ok(change_writer_actor(
		    c->writer, BYTES_OF(first), &pred.actor));
	assert_ok(change_writer_add(c->writer, &op));
}

static void
a_crowd_deletes_and_one_assigns_as_often(void **state)
{
	struct crowd c;
	struct item item;

	(void)state;
	crowd_open(&c);
	crowd_begin(&c, 0, 1, 0, 0);
	crowd_op(&c, ACTION_SET, false);
	crowd_end(&c, true);
	for (size_t i = 1; i <= CROWD; i++) {
		crowd_begin(&c, i, 2, 0, 1);
		crowd_op(&c, ACTION_DELETE, true);
		crowd_end(&c, false);
	}
	crowd_begin(&c, CROWD + 1, 3, 1, CROWD);
	for (size_t i = 0; i < CROWD; i++)
		crowd_op(&c, ACTION_SET, false);
	crowd_end(&c, true);
	/* His first put took all the deletes away, and what they deleted. */
	assert_ok(doc_get(c.doc, DOC_ROOT, KEY("k"), &item));
	assert_int_equal(item.id.ctr, 2 + CROWD);
	for (size_t i = 1; i <= CROWD; i += 100)
		assert_ok(doc_set_visible(c.doc, c.all.all[i].hash, true));
	assert_ok(doc_get(c.doc, DOC_ROOT, KEY("k"), &item));
	assert_int_equal(item.id.ctr, 2 + CROWD);
	crowd_close(&c);
}

/* A counter of each, and one who adds to all of them again and again. */
static void
a_view_counts_a_crowd_once(void **state)
{
	struct op_id *preds = calloc(CROWD, sizeof(*preds));
	struct op op = { .key_kind = KEY_MAP,
		.key = BYTES_STR("k"),
		.action = ACTION_SET,
		.value = COUNTER(1) };
	uint8_t(*hashes)[LK_ID_LEN];
	const uint8_t(*many)[LK_ID_LEN];
	struct crowd c;
	struct doc *view;
	struct item item;

	(void)state;
	crowd_open(&c);
	for (size_t i = 0; i < CROWD; i++) {
		crowd_begin(&c, i, 1, 0, 0);
		assert_ok(change_writer_add(c.writer, &op));
		crowd_end(&c, true);
	}
	crowd_begin(&c, CROWD, 2, 0, CROWD);
	for (size_t i = 0; i < CROWD; i++) {
		preds[i].ctr = 1;
		assert_ok(change_writer_actor(
		    c.writer, c.all.all[i].actor, &preds[i].actor));
	}
	op.action = ACTION_INCREMENT;
	op.value = INT(1);
	op.preds = preds;
	op.preds_len = CROWD;
	for (size_t i = 0; i < 100; i++)
		assert_ok(change_writer_add(c.writer, &op));
	crowd_end(&c, true);
	assert_ok(doc_at(c.doc, (const uint8_t(*)[LK_ID_LEN])c.all.all[1].hash,
	    1, VIEW_JUDGED, &view));
	assert_ok(doc_get(view, DOC_ROOT, KEY("k"), &item));
	assert_int_equal(item.value.i64, 1);
	doc_free(view);
	hashes = calloc(CROWD, LK_ID_LEN);
	for (size_t i = 0; i < CROWD; i++)
		memcpy(hashes[i], c.all.all[i].hash, LK_ID_LEN);
	many = (const uint8_t(*)[LK_ID_LEN])hashes;
	assert_ok(doc_set_visible_all(c.doc, many, CROWD, false));
	assert_code(doc_get(c.doc, DOC_ROOT, KEY("k"), &item), LK_E_NOTFOUND);
	assert_ok(doc_set_visible_all(c.doc, many, CROWD, true));
	assert_ok(doc_get(c.doc, DOC_ROOT, KEY("k"), &item));
	assert_int_equal(item.value.i64, 101);
	free(hashes);
	assert_ok(doc_set_visible(c.doc, c.all.all[CROWD].hash, false));
	assert_ok(
	    doc_at(c.doc, (const uint8_t(*)[LK_ID_LEN])c.all.all[CROWD].hash, 1,
		VIEW_RAW, &view));
	assert_ok(doc_get(view, DOC_ROOT, KEY("k"), &item));
	assert_int_equal(item.value.i64, 101);
	doc_free(view);
	free(preds);
	crowd_close(&c);
}

static lk_err
name_sum(void *ctx, const struct doc_visit *v)
{
	struct doc *doc = ctx;
	BUF_SCOPED name = { .max = ACTOR_NAME_MAX };

	TRY(doc_op_actor(doc, v->item.id, &name));
	return name.len == 2 + LK_ID_LEN ? LK_NONE
					 : LK_ERR(LK_E_CORRUPT, "a name");
}

/* Every value of a conflict is called after its branch. */
static void
the_branches_of_one_who_forked_often_have_names(void **state)
{
	struct crowd c;
	uint64_t length;

	(void)state;
	crowd_open(&c);
	for (size_t i = 0; i < (size_t)3 * CROWD; i++) {
		struct op op = { .key_kind = KEY_MAP,
			.key = BYTES_STR("k"),
			.action = ACTION_SET,
			.value = INT((int64_t)i) };

		crowd_begin(&c, 0, 1, 0, 0);
		assert_ok(change_writer_add(c.writer, &op));
		crowd_end(&c, true);
	}
	assert_ok(doc_each(c.doc, DOC_ROOT, name_sum, c.doc));
	assert_ok(doc_length(c.doc, DOC_ROOT, &length));
	assert_int_equal(length, 1);
	crowd_close(&c);
}

/* A document of the exported changes shows what the document shows. */
static void
check_export(struct crowd *c, enum export_form form)
{
	struct change_bodies bodies;
	struct changes out;
	struct doc *doc;
	struct kv kv;
	BUF_SCOPED want = { .max = TREE_MAX };
	BUF_SCOPED got = { .max = TREE_MAX };

	change_bodies_init(&bodies, DOCUMENT_BODY_MAX);
	changes_init(&out);
	assert_ok(
	    export_changes(c->doc, c->all.all, c->all.len, form, &bodies));
	for (size_t i = 0; i < bodies.len; i++)
		assert_ok(changes_add(&out, bodies.at[i]));
	assert_ok(tree_of_doc(c->doc, false, &want));
	assert_ok(kv_memory_new(&kv, DOC_KV_MAX));
	assert_ok(doc_open(&doc, kv));
	for (size_t i = 0; i < out.len; i++)
		assert_ok(doc_apply(doc, &out.all[i], true));
	assert_ok(tree_of_doc(doc, false, &got));
	doc_free(doc);
	kv_memory_free(&kv);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.ptr, want.ptr, want.len);
	changes_clear(&out);
	change_bodies_clear(&bodies);
}

/* One forks at each of his changes: the hashes on the way to the last ones are
 * more than an actor has room for. */
static void
forks_on_forks_are_exported(void **state)
{
	static const uint8_t actor[] = { 1, 2, 3 };
	struct change_head head = { .actor = BYTES_OF(actor) };
	struct op op = { .key_kind = KEY_MAP, .action = ACTION_SET };
	const size_t levels = 100;
	struct crowd c;

	(void)state;
	crowd_open(&c);
	for (size_t i = 0; i < 2 * levels; i++) {
		size_t level = i % levels;

		head.seq = level + 1;
		head.start_op = 2 * level + 1;
		crowd_write(&c, &head, level - (level > 0), level > 0);
		op.key = BYTES_STR("k");
		op.value = INT((int64_t)i);
		assert_ok(change_writer_add(c.writer, &op));
		op.key = BYTES_STR("l");
		assert_ok(change_writer_add(c.writer, &op));
		crowd_end(&c, true);
	}
	check_export(&c, EXPORT_HISTORY);
	assert_ok(doc_set_visible(c.doc, c.all.all[1].hash, false));
	check_export(&c, EXPORT_HISTORY);
	check_export(&c, EXPORT_CLEAN);
	crowd_close(&c);
}

/* What stands behind an actor in a clean export is no part of the order: one's
 * bytes begin with another's here. */
static void
actors_that_begin_with_others_keep_their_order(void **state)
{
	static const uint8_t bytes[] = { 1, 0, 0, 1, 255 };
	struct op op = {
		.key_kind = KEY_MAP, .key = BYTES_STR("k"), .action = ACTION_SET
	};

	(void)state;
	/* Whichever ghost gives the suffix. */
	for (size_t round = 0; round < 8; round++) {
		struct crowd c;

		crowd_open(&c);
		for (size_t n = 1; n <= sizeof(bytes); n++) {
			struct change_head head = { .actor = BYTES(bytes, n),
				.seq = 1,
				.start_op = 1,
				.time = (int64_t)round };

			crowd_write(&c, &head, 0, 0);
			op.value = INT((int64_t)n);
			assert_ok(change_writer_add(c.writer, &op));
			crowd_end(&c, true);
		}
		crowd_begin(&c, 7, 2, 0, sizeof(bytes));
		op.key = BYTES_STR("other");
		assert_ok(change_writer_add(c.writer, &op));
		crowd_end(&c, false);
		crowd_begin(&c, 8 + round, 3, sizeof(bytes), 1);
		assert_ok(change_writer_add(c.writer, &op));
		crowd_end(&c, true);
		op.key = BYTES_STR("k");
		check_export(&c, EXPORT_CLEAN);
		check_export(&c, EXPORT_HISTORY);
		crowd_close(&c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crowd_deletes_and_one_assigns_as_often),
		cmocka_unit_test(a_view_counts_a_crowd_once),
		cmocka_unit_test(
		    the_branches_of_one_who_forked_often_have_names),
		cmocka_unit_test(forks_on_forks_are_exported),
		cmocka_unit_test(
		    actors_that_begin_with_others_keep_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
