#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "crdt/document.h"
#include "tests/unit/crdt/data_file.h"
#include "tests/unit/crdt/doc_replica.h"

/* What was handed out so far, beside all that the file has. */
struct handed {
	const struct history *all;
	uint8_t (*hashes)[LK_ID_LEN];
	size_t len;
};

static void
assert_ids_equal(struct op_id a, struct op_id b)
{
	assert_int_equal(a.ctr, b.ctr);
	assert_int_equal(a.actor, b.actor);
}

static void
assert_ops_equal(const struct op *a, const struct op *b)
{
	assert_ids_equal(a->obj, b->obj);
	assert_ids_equal(a->elem, b->elem);
	assert_int_equal(a->key_kind, b->key_kind);
	assert_true(bytes_equal(a->key, b->key));
	assert_int_equal(a->insert, b->insert);
	assert_int_equal(a->action, b->action);
	assert_true(value_equal(&a->value, &b->value));
	assert_int_equal(a->expand, b->expand);
	assert_int_equal(a->has_mark_name, b->has_mark_name);
	assert_true(bytes_equal(a->mark_name, b->mark_name));
	assert_int_equal(a->preds_len, b->preds_len);
	for (size_t i = 0; i < a->preds_len; i++)
		assert_ids_equal(a->preds[i], b->preds[i]);
}

/* The ops of a change are those that its body says. */
static void
assert_ops_of_body(const struct change *c)
{
	struct op_reader *given, *read;
	struct change decoded;
	struct op a, b;
	ARENA_SCOPED arena = { 0 };

	arena_init(&arena, DOCUMENT_BODY_MAX);
	assert_ok(change_decode(&decoded, &arena, c->body));
	assert_memory_equal(decoded.hash, c->hash, LK_ID_LEN);
	assert_int_equal(decoded.ops_len, c->ops_len);
	assert_ok(op_reader_new(&given, c));
	assert_ok(op_reader_new(&read, &decoded));
	while (op_reader_next(read, &b)) {
		assert_true(op_reader_next(given, &a));
		assert_ops_equal(&a, &b);
	}
	assert_false(op_reader_next(given, &a));
	op_reader_free(given);
	op_reader_free(read);
}

static bool
was_handed(const struct handed *h, const uint8_t *hash)
{
	for (size_t i = 0; i < h->len; i++)
		if (memcmp(h->hashes[i], hash, LK_ID_LEN) == 0)
			return true;
	return false;
}

static lk_err
take(void *ctx, const struct change *c)
{
	struct handed *h = ctx;
	bool known = false;

	assert_false(was_handed(h, c->hash));
	for (size_t i = 0; i < c->deps_len; i++)
		assert_true(was_handed(h, c->deps + i * LK_ID_LEN));
	for (size_t i = 0; i < h->all->changes_len && !known; i++)
		known =
		    memcmp(h->all->changes[i].hash, c->hash, LK_ID_LEN) == 0;
	assert_true(known);
	assert_ops_of_body(c);
	memcpy(h->hashes[h->len++], c->hash, LK_ID_LEN);
	return LK_NONE;
}

/* What it is rewritten as is what writing its changes makes, in any order. */
static void
check_rewritten(struct bytes file, const struct history *h)
{
	BUF_SCOPED written = { .max = DOCUMENT_BODY_MAX };
	BUF_SCOPED rewritten = { .max = DOCUMENT_BODY_MAX };
	BUF_SCOPED backwards = { .max = DOCUMENT_BODY_MAX };
	BUF_SCOPED heads = { .max = DOCUMENT_BODY_MAX };
	struct history_writer *w;

	assert_ok(history_rewrite(&rewritten, file));
	if (h->changes_len == 0) {
		assert_int_equal(rewritten.len, 0);
		return;
	}
	assert_ok(history_write(&written, h->changes, h->changes_len));
	assert_true(bytes_equal(buf_bytes(&written), buf_bytes(&rewritten)));
	assert_ok(history_writer_new(&w));
	for (size_t i = h->changes_len; i > 0; i--)
		assert_ok(history_writer_add(w, &h->changes[i - 1]));
	assert_ok(history_writer_finish(w, &backwards, &heads));
	history_writer_free(w);
	assert_true(bytes_equal(buf_bytes(&written), buf_bytes(&backwards)));
	assert_true(heads.len > 0 && heads.len % LK_ID_LEN == 0);
}

static void
check_file(struct bytes file)
{
	BUF_SCOPED none = { .max = DOCUMENT_BODY_MAX };
	struct handed handed = { 0 };
	struct history h;
	lk_err err = history_read(&h, file);

	if (err.code != LK_OK) {
		assert_code(history_each(file, take, &handed), err.code);
		return;
	}
	handed.all = &h;
	handed.hashes = calloc(h.changes_len + 1, LK_ID_LEN);
	if (h.orphans_len > 0) {
		assert_code(history_each(file, take, &handed), LK_E_WAIT);
		assert_int_equal(handed.len, 0);
		assert_code(history_rewrite(&none, file), LK_E_WAIT);
	} else {
		check_rewritten(file, &h);
		assert_ok(history_each(file, take, &handed));
		assert_int_equal(handed.len, h.changes_len);
	}
	free(handed.hashes);
	history_clear(&h);
}

static void
check_vector(const char *name, void *ctx)
{
	struct buf file;

	assert_true(data_file(&file, "vectors", name, ".automerge"));
	check_file(buf_bytes(&file));
	buf_clear(&file);
	++*(size_t *)ctx;
}

static void
every_change_is_handed_out_once_after_what_it_depends_on(void **state)
{
	size_t count = 0;

	(void)state;
	(void)data_each("vectors", ".automerge", check_vector, &count);
	assert_true(count >= 40);
}

static void
a_change_of_many_ops_is_handed_out_too(void **state)
{
	BUF_SCOPED file = { .max = DOCUMENT_BODY_MAX };
	struct changes all;
	struct replica r;
	struct op_id text;

	(void)state;
	changes_init(&all);
	replica_open(&r, &all, 1);
	replica_edit(&r);
	assert_ok(edit_make(r.edit, DOC_ROOT, KEY("t"), OBJ_TEXT, &text));
	for (uint64_t i = 0; i < 300; i++)
		assert_ok(edit_splice(
		    r.edit, text, i / 2, i % 3 == 2, BYTES_STR("xy")));
	assert_true(replica_finish(&r));
	assert_ok(history_write(&file, all.all, all.len));
	check_file(buf_bytes(&file));
	replica_close(&r);
	changes_clear(&all);
}

static void
a_document_has_every_change_once(void **state)
{
	BUF_SCOPED out = { .max = DOCUMENT_BODY_MAX };
	BUF_SCOPED heads = { .max = DOCUMENT_BODY_MAX };
	struct history_writer *w;
	struct history h;
	struct buf file;

	(void)state;
	assert_true(
	    data_file(&file, "vectors", "02-scalars", ".automerge"));
	assert_ok(history_read(&h, buf_bytes(&file)));
	assert_ok(history_writer_new(&w));
	for (size_t twice = 0; twice < 2; twice++)
		for (size_t i = 0; i < h.changes_len; i++)
			assert_ok(history_writer_add(w, &h.changes[i]));
	assert_code(history_writer_finish(w, &out, &heads), LK_E_DATA);
	history_writer_free(w);
	history_clear(&h);
	buf_clear(&file);
}

static lk_err
refuse(void *ctx, const struct change *c)
{
	(void)ctx, (void)c;
	return LK_ERR(LK_E_FULL, "no more");
}

static void
who_takes_them_may_end_it(void **state)
{
	struct buf file;

	(void)state;
	assert_true(
	    data_file(&file, "vectors", "02-scalars", ".automerge"));
	assert_code(history_each(buf_bytes(&file), refuse, NULL), LK_E_FULL);
	buf_clear(&file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    every_change_is_handed_out_once_after_what_it_depends_on),
		cmocka_unit_test(a_change_of_many_ops_is_handed_out_too),
		cmocka_unit_test(a_document_has_every_change_once),
		cmocka_unit_test(who_takes_them_may_end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
