#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/document.h"
#include "tests/unit/crdt/data_file.h"
#include "tests/unit/crdt/doc_sample.h"
#include "tests/unit/crdt/json_tree.h"

/* Reads a file into a fresh document, flushing and reopening on the way. */
static lk_err
doc_of_history(struct kv kv, const struct history *h)
{
	struct doc *doc;
	lk_err err = LK_NONE;

	for (size_t i = 0; i < h->changes_len && err.code == LK_OK; i++) {
		TRY(doc_open(&doc, kv));
		err = doc_apply(doc, &h->changes[i], true);
		if (err.code == LK_OK)
			err = doc_flush(doc);
		doc_free(doc);
	}
	return err;
}

static struct json_object *
vector_json(const char *name)
{
	struct buf b;
	struct json_object *o;

	assert_true(data_file(&b, "vectors", name, ".json"));
	o = json_read(buf_bytes(&b));
	assert_non_null(o);
	buf_clear(&b);
	return o;
}

static void
check_tree(const char *name, struct doc *doc, struct json_object *tree)
{
	struct buf got, want;

	buf_init(&got, TREE_MAX);
	buf_init(&want, TREE_MAX);
	assert_ok(tree_of_doc(doc, true, &got));
	tree_of_json(tree, true, &want);
	if (!bytes_equal(buf_bytes(&got), buf_bytes(&want)))
		fail_msg("%s: shows\n%.*s\nnot\n%.*s", name, (int)got.len,
		    got.ptr, (int)want.len, want.ptr);
	buf_clear(&got);
	buf_clear(&want);
}

static void
check_vector(const char *name, void *ctx)
{
	struct json_object *json = vector_json(name);
	struct history h;
	struct buf file;
	struct doc *doc;
	struct kv kv;

	(void)ctx;
	assert_true(data_file(&file, "vectors", name, ".automerge"));
	assert_ok(history_read(&h, buf_bytes(&file)));
	assert_ok(kv_memory_new(&kv, DOC_KV_MAX));
	assert_ok(doc_of_history(kv, &h));
	assert_ok(doc_open(&doc, kv));
	assert_int_equal(doc_changes(doc), h.changes_len);
	check_tree(name, doc, json_object_object_get(json, "tree"));
	doc_free(doc);
	kv_memory_free(&kv);
	history_clear(&h);
	buf_clear(&file);
	json_object_put(json);
}

static void
every_vector_shows_what_automerge_shows(void **state)
{
	(void)state;
	assert_int_equal(
	    data_each("vectors", ".changes", check_vector, NULL), 40);
}

static void
known_waiting_and_cloned_changes_have_their_codes(void **state)
{
	struct doc_change_info info;
	struct changes other;
	struct sample s, clone;
	struct replica empty, twin;
	uint64_t seq;
	uint8_t unknown[LK_ID_LEN] = { 1 };

	(void)state;
	sample_open(&s);
	sample_open(&clone);
	assert_code(doc_apply(s.r.doc, &s.all.all[0], true), LK_E_EXISTS);
	replica_open(&empty, &s.all, 9);
	assert_code(doc_apply(empty.doc, &s.all.all[1], true), LK_E_WAIT);
	assert_int_equal(doc_changes(empty.doc), 0);
	changes_init(&other);
	replica_open(&twin, &other, 1);
	replica_edit(&twin);
	assert_ok(edit_put(twin.edit, DOC_ROOT, KEY("k"), &INT(1)));
	assert_true(replica_finish(&twin));
	assert_ok(doc_apply(s.r.doc, &other.all[0], true));
	assert_code(doc_apply(s.r.doc, &other.all[0], true), LK_E_EXISTS);
	assert_ok(doc_change(s.r.doc, s.all.all[1].hash, &info));
	assert_int_equal(info.seq, 2);
	assert_int_equal(info.start_op, 11);
	assert_int_equal(info.max_op, 15);
	assert_int_equal(info.past_max_op, 15);
	assert_true(info.visible);
	assert_code(doc_change(s.r.doc, unknown, &info), LK_E_NOTFOUND);
	assert_code(doc_set_visible(s.r.doc, unknown, true), LK_E_NOTFOUND);
	assert_ok(doc_actor_seq(s.r.doc, BYTES_OF(s.r.actor), &seq));
	assert_int_equal(seq, 2);
	assert_code(
	    doc_actor_seq(s.r.doc, BYTES_OF(unknown), &seq), LK_E_NOTFOUND);
	replica_close(&empty);
	replica_close(&twin);
	changes_clear(&other);
	sample_close(&s);
	sample_close(&clone);
}

static void
reading_says_what_is_there(void **state)
{
	struct op_id nobody = { .ctr = 77 };
	enum obj_type type;
	struct sample s;
	struct item item;
	uint64_t length;
	struct buf b;

	(void)state;
	sample_open(&s);
	assert_ok(doc_obj_type(s.r.doc, DOC_ROOT, &type));
	assert_int_equal(type, OBJ_MAP);
	assert_ok(doc_obj_type(s.r.doc, s.text, &type));
	assert_int_equal(type, OBJ_TEXT);
	assert_code(doc_obj_type(s.r.doc, nobody, &type), LK_E_NOTFOUND);
	assert_ok(doc_length(s.r.doc, DOC_ROOT, &length));
	assert_int_equal(length, 4);
	assert_ok(doc_length(s.r.doc, s.text, &length));
	assert_int_equal(length, 2);
	assert_ok(doc_get(s.r.doc, DOC_ROOT, KEY("n"), &item));
	assert_int_equal(item.value.i64, 5);
	assert_false(item.is_obj);
	assert_ok(doc_get(s.r.doc, DOC_ROOT, KEY("list"), &item));
	assert_true(item.is_obj && item.obj_type == OBJ_LIST);
	assert_ok(doc_get(s.r.doc, s.list, INDEX(1), &item));
	assert_int_equal(item.value.i64, 2);
	assert_ok(doc_get(s.r.doc, s.text, INDEX(1), &item));
	assert_true(bytes_equal(item.value.bytes, BYTES_STR("c")));
	assert_code(doc_get(s.r.doc, DOC_ROOT, KEY("s"), &item), LK_E_NOTFOUND);
	assert_code(
	    doc_get(s.r.doc, DOC_ROOT, KEY("none"), &item), LK_E_NOTFOUND);
	assert_code(doc_get(s.r.doc, s.list, INDEX(2), &item), LK_E_NOTFOUND);
	assert_code(doc_get(s.r.doc, s.list, KEY("k"), &item), LK_E_DATA);
	assert_code(doc_get(s.r.doc, DOC_ROOT, INDEX(0), &item), LK_E_DATA);
	buf_init(&b, TREE_MAX);
	assert_code(doc_text(s.r.doc, s.list, &b), LK_E_DATA);
	buf_clear(&b);
	sample_close(&s);
}

static lk_err
stop_at_once(void *ctx, const struct doc_visit *v)
{
	(void)v;
	++*(int *)ctx;
	return LK_ERR(LK_E_AGAIN, "stop");
}

static void
a_walk_stops_when_told(void **state)
{
	struct sample s;
	int calls = 0;

	(void)state;
	sample_open(&s);
	assert_code(
	    doc_each(s.r.doc, DOC_ROOT, stop_at_once, &calls), LK_E_AGAIN);
	assert_code(
	    doc_each(s.r.doc, s.list, stop_at_once, &calls), LK_E_AGAIN);
	assert_int_equal(calls, 2);
	sample_close(&s);
}

/* Values and keys of every length that is stored in another way. */
static const size_t lengths[] = { 0, 1, 127, 128, 129, 400, 401, 480, 32767,
	32768, 32769, 65536, 200000 };

static void
fill(struct buf *b, size_t len, uint8_t with)
{
	buf_init(b, TREE_MAX);
	for (size_t i = 0; i < len; i++)
		buf_u8(b, with);
}

static void
long_keys_and_values_come_back(void **state)
{
	struct changes all;
	struct replica r;
	struct item item;
	struct buf b, key;

	(void)state;
	changes_init(&all);
	replica_open(&r, &all, 1);
	replica_edit(&r);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct value v = { .type = VALUE_STR };

		fill(&b, lengths[i], 'v');
		fill(&key, lengths[i], 'k');
		v.bytes = buf_bytes(&b);
		assert_ok(edit_put(r.edit, DOC_ROOT,
		    (struct prop){ .is_key = true, .key = buf_bytes(&key) },
		    &v));
		/* As long, and the same at the beginning. */
		buf_u8(&key, 'a');
		assert_ok(edit_put(r.edit, DOC_ROOT,
		    (struct prop){ .is_key = true, .key = buf_bytes(&key) },
		    &INT((int64_t)i)));
		buf_clear(&b);
		buf_clear(&key);
	}
	assert_true(replica_finish(&r));
	assert_ok(doc_again(&r.doc, r.kv));
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		fill(&key, lengths[i], 'k');
		assert_ok(doc_get(r.doc, DOC_ROOT,
		    (struct prop){ .is_key = true, .key = buf_bytes(&key) },
		    &item));
		assert_int_equal(item.value.bytes.len, lengths[i]);
		for (size_t j = 0; j < lengths[i]; j++)
			assert_int_equal(item.value.bytes.ptr[j], 'v');
		buf_clear(&key);
	}
	replica_set_void(&r, 0, true);
	replica_set_void(&r, 0, false);
	replica_check(&r);
	replica_close(&r);
	changes_clear(&all);
}

static lk_err
keys_ascend(void *ctx, const struct doc_visit *v)
{
	struct buf *last = ctx;

	assert_true(
	    last->ptr == NULL || bytes_compare(buf_bytes(last), v->key) < 0);
	buf_reset(last);
	buf_add(last, v->key);
	buf_u8(last, 0);
	last->len--;
	return LK_NONE;
}

static void
keys_come_in_the_order_of_their_bytes(void **state)
{
	struct dice dice = dice_of(3);
	struct changes all;
	struct replica r;
	struct buf key, last;
	uint64_t length;

	(void)state;
	changes_init(&all);
	replica_open(&r, &all, 1);
	replica_edit(&r);
	for (int i = 0; i < 200; i++) {
		fill(&key, 390 + dice_roll(&dice, 20), 'p');
		for (uint64_t n = dice_roll(&dice, 6); n > 0; n--)
			buf_u8(&key, (uint8_t)('a' + dice_roll(&dice, 26)));
		assert_ok(edit_put(r.edit, DOC_ROOT,
		    (struct prop){ .is_key = true, .key = buf_bytes(&key) },
		    &INT(i)));
		buf_clear(&key);
	}
	assert_true(replica_finish(&r));
	buf_init(&last, TREE_MAX);
	assert_ok(doc_each(r.doc, DOC_ROOT, keys_ascend, &last));
	assert_ok(doc_length(r.doc, DOC_ROOT, &length));
	assert_true(length > 100);
	buf_clear(&last);
	replica_check(&r);
	replica_close(&r);
	changes_clear(&all);
}

/* Forty devices set, delete and increment one key, not knowing of each other:
 * more values, edges and events than one record has room for. */
static void
a_slot_may_overflow_its_record(void **state)
{
	enum { DEVICES = 40 };
	struct replica r[DEVICES];
	struct changes all;
	struct item item;

	(void)state;
	changes_init(&all);
	for (uint8_t i = 0; i < DEVICES; i++) {
		replica_open(&r[i], &all, (uint8_t)(i + 1));
		replica_edit(&r[i]);
		assert_ok(edit_put(r[i].edit, DOC_ROOT, KEY("k"), &COUNTER(i)));
		assert_true(replica_finish(&r[i]));
	}
	for (uint8_t i = 1; i < DEVICES; i++)
		replica_pull(&r[0], &r[i]);
	replica_check(&r[0]);
	assert_ok(doc_get(r[0].doc, DOC_ROOT, KEY("k"), &item));
	assert_int_equal(item.value.i64, DEVICES - 1);
	for (uint8_t i = 1; i < DEVICES; i++)
		replica_pull(&r[i], &r[0]);
	for (uint8_t i = 0; i < DEVICES; i++) {
		replica_edit(&r[i]);
		if (i % 3 == 0)
			assert_ok(edit_delete(r[i].edit, DOC_ROOT, KEY("k")));
		else if (i % 3 == 1)
			assert_ok(
			    edit_increment(r[i].edit, DOC_ROOT, KEY("k"), 100));
		else
			assert_ok(
			    edit_put(r[i].edit, DOC_ROOT, KEY("k"), &INT(i)));
		assert_true(replica_finish(&r[i]));
	}
	for (uint8_t i = 1; i < DEVICES; i++)
		replica_pull(&r[0], &r[i]);
	replica_check(&r[0]);
	for (size_t x = 0; x < all.len; x += 3)
		replica_set_void(&r[0], x, true);
	replica_check(&r[0]);
	replica_edit(&r[0]);
	assert_ok(edit_put(r[0].edit, DOC_ROOT, KEY("k"), &INT(-1)));
	assert_true(replica_finish(&r[0]));
	replica_check(&r[0]);
	for (size_t x = 0; x < all.len; x++)
		replica_set_void(&r[0], x, false);
	replica_check(&r[0]);
	for (uint8_t i = 0; i < DEVICES; i++)
		replica_close(&r[i]);
	changes_clear(&all);
}

/* Devices that take turns and merge: ancestry as the dependencies say. */
static void
check_ancestry(struct replica *r, size_t stride)
{
	const struct changes *c = r->changes;

	for (size_t b = 0; b < c->len; b += stride) {
		bool *in = calloc(c->len, sizeof(*in));

		changes_mark_past(c, b, in);
		for (size_t a = 0; a < c->len; a += stride) {
			bool is;

			assert_ok(doc_is_ancestor(
			    r->doc, c->all[a].hash, c->all[b].hash, &is));
			assert_int_equal(is, in[a]);
		}
		free(in);
	}
}

static void
ancestry_is_what_the_dependencies_say(void **state)
{
	enum { DEVICES = 60 };
	struct replica r[DEVICES];
	struct dice dice = dice_of(5);
	struct changes all;

	(void)state;
	changes_init(&all);
	for (uint8_t i = 0; i < DEVICES; i++)
		replica_open(&r[i], &all, (uint8_t)(i + 1));
	for (int i = 0; i < 300; i++) {
		struct replica *at = &r[dice_roll(&dice, DEVICES)];

		replica_pull(at, &r[dice_roll(&dice, DEVICES)]);
		replica_edit(at);
		assert_ok(edit_put(at->edit, DOC_ROOT, KEY("k"), &INT(i)));
		assert_true(replica_finish(at));
	}
	for (uint8_t i = 1; i < DEVICES; i++)
		replica_pull(&r[0], &r[i]);
	check_ancestry(&r[0], 1);
	assert_ok(doc_again(&r[0].doc, r[0].kv));
	check_ancestry(&r[0], 3);
	replica_check(&r[0]);
	for (uint8_t i = 0; i < DEVICES; i++)
		replica_close(&r[i]);
	changes_clear(&all);
}

/* Each change by a new actor, on top of all before: clocks in many pieces. */
static void
thousands_of_actors_are_kept_apart(void **state)
{
	enum { ACTORS = 4200 };
	uint8_t hash[LK_ID_LEN], *hashes = calloc(ACTORS, LK_ID_LEN);
	struct change_head head = { .seq = 1, .start_op = 1 };
	struct doc *doc;
	struct kv kv;
	struct buf b;
	bool is;

	(void)state;
	assert_ok(kv_memory_new(&kv, DOC_KV_MAX));
	assert_ok(doc_open(&doc, kv));
	buf_init(&b, CHANGE_BODY_MAX);
	for (uint32_t i = 0; i < ACTORS; i++) {
		uint8_t actor[2] = { (uint8_t)(i >> 8), (uint8_t)i };
		struct edit *e;

		head.actor = BYTES_OF(actor);
		head.deps = hashes + (i == 0 ? 0 : i - 1) * LK_ID_LEN;
		head.deps_len = i > 0;
		assert_ok(edit_new(&e, doc, &head));
		assert_ok(edit_put(e, DOC_ROOT, KEY("k"), &INT(i)));
		buf_reset(&b);
		assert_ok(edit_finish(e, &b, hash));
		edit_free(e);
		memcpy(hashes + i * LK_ID_LEN, hash, LK_ID_LEN);
		head.start_op++;
	}
	assert_ok(doc_again(&doc, kv));
	for (size_t i = 0; i < ACTORS; i += 7) {
		assert_ok(doc_is_ancestor(doc, hashes + i * LK_ID_LEN,
		    hashes + (ACTORS - 1) * LK_ID_LEN, &is));
		assert_true(is);
		assert_ok(doc_is_ancestor(doc, hashes + i * LK_ID_LEN,
		    hashes + (ACTORS / 2) * LK_ID_LEN, &is));
		assert_int_equal(is, i <= ACTORS / 2);
	}
	doc_free(doc);
	kv_memory_free(&kv);
	buf_clear(&b);
	free(hashes);
}

static void
a_newer_header_asks_for_a_newer_lk(void **state)
{
	struct doc *doc;
	struct kv kv;

	(void)state;
	assert_ok(kv_memory_new(&kv, DOC_KV_MAX));
	assert_ok(kv_put(kv, BYTES_STR("H"), BYTES_STR("\x7f\x01")));
	assert_code(doc_open(&doc, kv), LK_E_VERSION);
	assert_ok(kv_put(kv, BYTES_STR("H"), BYTES_STR("\x02\x01")));
	assert_code(doc_open(&doc, kv), LK_E_CORRUPT);
	kv_memory_free(&kv);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_vector_shows_what_automerge_shows),
		cmocka_unit_test(
		    known_waiting_and_cloned_changes_have_their_codes),
		cmocka_unit_test(reading_says_what_is_there),
		cmocka_unit_test(a_walk_stops_when_told),
		cmocka_unit_test(long_keys_and_values_come_back),
		cmocka_unit_test(keys_come_in_the_order_of_their_bytes),
		cmocka_unit_test(a_slot_may_overflow_its_record),
		cmocka_unit_test(ancestry_is_what_the_dependencies_say),
		cmocka_unit_test(thousands_of_actors_are_kept_apart),
		cmocka_unit_test(a_newer_header_asks_for_a_newer_lk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
