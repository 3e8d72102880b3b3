#include "crdt/document.h"
#include "sync/admit.h"
#include "tests/unit/sync/device.h"

/* A change whose lean form, its extra bytes, is so long. */
static lk_err
pack_verdict(size_t lean_len)
{
	static const uint8_t actor[] = { 1 };
	uint8_t *extra = calloc(1, lean_len);
	struct change_head head = {
		.actor = BYTES_OF(actor), .seq = 1, .start_op = 1
	};
	struct op_content content;
	struct change_writer *w;
	struct change c;
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };
	BUF_SCOPED lean = { .max = CHANGE_BODY_MAX };
	ARENA_SCOPED arena = { 0 };
	lk_err err;

	assert_non_null(extra);
	arena_init(&arena, CHANGE_BODY_MAX);
	/* Of a change without ops, message and others, time and three counts
	 * are left. */
	head.extra = BYTES(extra, lean_len - 4);
	ok(change_writer_new(&w, &head));
	ok(change_writer_finish(w, &body));
	change_writer_free(w);
	free(extra);
	ok(change_decode(&c, &arena, buf_bytes(&body)));
	change_lean(&lean, &c);
	assert_int_equal(lean.len, lean_len);
	err = content_pack(&arena, buf_bytes(&body), &content);
	if (err.code == LK_OK)
		assert_true(content.data.len < lean_len);
	return err;
}

static void
one_change_is_so_long(void **state)
{
	(void)state;
	ok(pack_verdict(LEAN_INFLATED_MAX));
	assert_int_equal(pack_verdict(LEAN_INFLATED_MAX + 1).code, LK_E_LIMIT);
}

/* n changes, each of an actor of its own and on top of nothing. */
static void
wide_history(struct buf *file, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint8_t actor[] = { (uint8_t)(i >> 8), (uint8_t)i };
		struct change_head head = {
			.actor = BYTES_OF(actor), .seq = 1, .start_op = 1
		};
		struct op op = { .key_kind = KEY_MAP,
			.key = BYTES_STR("k"),
			.action = ACTION_SET };
		struct change_writer *w;
		BUF_SCOPED body = { .max = CHANGE_BODY_MAX };

		ok(change_writer_new(&w, &head));
		ok(change_writer_add(w, &op));
		ok(change_writer_finish(w, &body));
		change_writer_free(w);
		chunk_write(file, CHUNK_CHANGE, buf_bytes(&body));
	}
}

static lk_err
import_verdict(struct device *d, uint32_t heads)
{
	uint32_t docno;
	BUF_SCOPED file = { .max = DOCUMENT_BODY_MAX };
	BUF_SCOPED chunk = { .max = DOCUMENT_BODY_MAX };
	lk_err err;

	wide_history(&file, heads);
	ok(history_rewrite(&chunk, buf_bytes(&file)));
	device_begin(d);
	ok(replica_nest(d->r));
	err = replica_import(d->r, heads > IMPORT_HEADS_MAX ? "wider" : "wide",
	    buf_bytes(&chunk), &docno);
	ok(replica_unnest(d->r, err.code == LK_OK));
	device_commit(d);
	return err;
}

static void
an_import_has_so_many_heads(void **state)
{
	struct device d;

	(void)state;
	device_make(&d, 1);
	ok(import_verdict(&d, IMPORT_HEADS_MAX));
	assert_int_equal(
	    import_verdict(&d, IMPORT_HEADS_MAX + 1).code, LK_E_LIMIT);
	device_remove(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_change_is_so_long),
		cmocka_unit_test(an_import_has_so_many_heads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
