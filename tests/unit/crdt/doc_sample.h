/*
 * doc_sample.h - for tests: a document with one of everything, and its records.
 */
#ifndef TESTS_DOC_SAMPLE_H
#define TESTS_DOC_SAMPLE_H

#include "crdt/edit_mark.h"
#include "tests/unit/crdt/doc_replica.h"

/* Every record, one after the other. */
static inline void
kv_dump(struct kv kv, struct buf *out)
{
	uint8_t at[KV_KEY_MAX] = { 0 };
	struct bytes from = BYTES(at, 1), key, value;

	buf_init(out, DOC_KV_MAX);
	while (kv_seek(kv, KV_FIRST_GE, from, &key, &value).code == LK_OK) {
		buf_counted(out, key);
		buf_counted(out, value);
		memcpy(at, key.ptr, key.len);
		at[key.len] = 0;
		from = BYTES(at, key.len + 1);
	}
	assert_false(out->failed);
}

/* A document with one of everything, by actor 1. */
struct sample {
	struct changes all;
	struct replica r;
	struct op_id list, text, map;
};

static inline void
sample_open(struct sample *s)
{
	struct mark_range mark = { .end = 1,
		.mark = { BYTES_STR("m"), INT(1) } };
	struct edit *e;

	changes_init(&s->all);
	replica_open(&s->r, &s->all, 1);
	replica_edit(&s->r);
	e = s->r.edit;
	assert_ok(edit_make(e, DOC_ROOT, KEY("list"), OBJ_LIST, &s->list));
	assert_ok(edit_make(e, DOC_ROOT, KEY("text"), OBJ_TEXT, &s->text));
	assert_ok(edit_make(e, DOC_ROOT, KEY("map"), OBJ_MAP, &s->map));
	assert_ok(edit_put(e, DOC_ROOT, KEY("n"), &COUNTER(1)));
	assert_ok(edit_put(e, DOC_ROOT, KEY("s"), &STR("value")));
	assert_ok(edit_insert(e, s->list, 0, &INT(1)));
	assert_ok(edit_insert(e, s->list, 1, &INT(2)));
	assert_ok(edit_splice(e, s->text, 0, 0, BYTES_STR("abc")));
	assert_true(replica_finish(&s->r));
	replica_edit(&s->r);
	e = s->r.edit;
	assert_ok(edit_increment(e, DOC_ROOT, KEY("n"), 4));
	assert_ok(edit_delete(e, DOC_ROOT, KEY("s")));
	assert_ok(edit_splice(e, s->text, 1, 1, BYTES_STR("")));
	assert_ok(edit_mark(e, s->text, &mark, EXPAND_BOTH));
	assert_true(replica_finish(&s->r));
}

/* Another device with the same key goes on after the first change, and a third
 * one builds on both; the sample takes it all. */
static inline void
sample_fork(struct sample *s)
{
	struct replica clone, other;

	replica_open(&clone, &s->all, 1);
	replica_open(&other, &s->all, 2);
	replica_take(&clone, 0, true);
	replica_edit(&clone);
	assert_ok(edit_put(clone.edit, DOC_ROOT, KEY("s"), &STR("clone")));
	assert_ok(edit_splice(clone.edit, s->text, 1, 0, BYTES_STR("xy")));
	assert_true(replica_finish(&clone));
	replica_pull(&s->r, &clone);
	replica_pull(&other, &s->r);
	replica_edit(&other);
	assert_ok(edit_put(other.edit, DOC_ROOT, KEY("s"), &STR("both")));
	assert_ok(edit_splice(other.edit, s->text, 2, 1, BYTES_STR("z")));
	assert_true(replica_finish(&other));
	replica_pull(&s->r, &other);
	replica_close(&clone);
	replica_close(&other);
}

static inline void
sample_close(struct sample *s)
{
	replica_close(&s->r);
	changes_clear(&s->all);
}

#endif
