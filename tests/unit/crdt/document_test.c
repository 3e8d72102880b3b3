#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/document.h"
#include "crdt/document_read.h"
#include "tests/unit/crdt/data_file.h"

#define VECTORS 40
#define HEX_LEN (2 * LK_ID_LEN + 1)

static const char *const kinds[] = { ".automerge", ".raw.automerge",
	".changes" };

static void
read_ok(struct history *h, struct bytes file)
{
	lk_err err = history_read(h, file);

	assert_string_equal(err.code == LK_OK ? "" : err.what, "");
}

static const char *
json_text(struct json_object *o, const char *key)
{
	struct json_object *v = json_object_object_get(o, key);

	return v == NULL ? "" : json_object_get_string(v);
}

static uint64_t
json_number(struct json_object *o, const char *key)
{
	return (uint64_t)json_object_get_int64(json_object_object_get(o, key));
}

static void
check_bytes(struct bytes b, const char *text)
{
	assert_int_equal(b.len, strlen(text));
	if (b.len > 0)
		assert_memory_equal(b.ptr, text, b.len);
}

static void
check_hex(struct bytes b, const char *text)
{
	char *hex = malloc(2 * b.len + 1);

	assert_non_null(hex);
	hex_encode(hex, b);
	assert_string_equal(hex, text);
	free(hex);
}

static void
check_change(const struct change *c, struct json_object *expected)
{
	struct json_object *deps = json_object_object_get(expected, "deps");

	check_hex(c->actor, json_text(expected, "actor"));
	assert_int_equal(c->seq, json_number(expected, "seq"));
	assert_int_equal(c->start_op, json_number(expected, "startOp"));
	assert_int_equal(change_max_op(c), json_number(expected, "maxOp"));
	assert_int_equal((uint64_t)c->time, json_number(expected, "time"));
	check_bytes(c->message, json_text(expected, "message"));
	check_hex(c->extra, json_text(expected, "extraBytes"));
	assert_int_equal(c->deps_len, json_object_array_length(deps));
	for (size_t i = 0; i < c->deps_len; i++)
		check_hex(BYTES(c->deps + i * LK_ID_LEN, LK_ID_LEN),
		    json_object_get_string(json_object_array_get_idx(deps, i)));
}

static struct json_object *
json_change(struct json_object *json, const uint8_t *hash)
{
	struct json_object *all = json_object_object_get(json, "changes");
	char hex[HEX_LEN];

	hex_encode(hex, BYTES(hash, LK_ID_LEN));
	for (size_t i = 0; i < json_object_array_length(all); i++) {
		struct json_object *c = json_object_array_get_idx(all, i);

		if (strcmp(json_text(c, "hash"), hex) == 0)
			return c;
	}
	return NULL;
}

static void
check_hashes(struct json_object *expected, const uint8_t *at, size_t n)
{
	assert_int_equal(n, json_object_array_length(expected));
	for (size_t i = 0; i < n; i++)
		check_hex(BYTES(at + i * LK_ID_LEN, LK_ID_LEN),
		    json_object_get_string(
			json_object_array_get_idx(expected, i)));
}

static void
check_order(const struct history *h)
{
	for (size_t i = 0; i < h->changes_len; i++)
		for (size_t d = 0; d < h->changes[i].deps_len; d++) {
			const uint8_t *dep = h->changes[i].deps + d * LK_ID_LEN;
			size_t j = 0;

			while (j < i &&
			    memcmp(h->changes[j].hash, dep, LK_ID_LEN) != 0)
				j++;
			assert_true(j < i);
		}
}

static void
check_history(const struct history *h, struct json_object *json, bool orphans)
{
	struct json_object *o = json_object_object_get(json, "orphanHashes");
	struct json_object *changes = json_object_object_get(json, "changes");
	ARENA_SCOPED arena = { 0 };
	uint8_t *heads;
	size_t n;

	arena_init(&arena, DOCUMENT_BODY_MAX);
	assert_int_equal(h->changes_len, json_object_array_length(changes));
	for (size_t i = 0; i < h->changes_len; i++) {
		struct json_object *c = json_change(json, h->changes[i].hash);

		assert_non_null(c);
		check_change(&h->changes[i], c);
	}
	check_order(h);
	assert_int_equal(
	    history_heads(h->changes, h->changes_len, &arena, &heads, &n).code,
	    LK_OK);
	check_hashes(json_object_object_get(json, "heads"), heads, n);
	if (o != NULL && orphans)
		assert_int_equal(h->orphans_len, json_object_array_length(o));
	for (size_t i = 0; o != NULL && i < h->orphans_len; i++)
		check_hex(BYTES(h->orphans[i].hash, LK_ID_LEN),
		    json_object_get_string(json_object_array_get_idx(o, i)));
	if (o == NULL)
		assert_int_equal(h->orphans_len, 0);
}

static void
check_vector(const char *name, void *ctx)
{
	struct json_object *json = data_json("vectors", name);

	(void)ctx;
	assert_non_null(json);
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		struct history h;
		BUF_SCOPED file = { 0 };

		assert_true(data_file(&file, "vectors", name, kinds[k]));
		read_ok(&h, buf_bytes(&file));
		check_history(&h, json, strcmp(kinds[k], ".automerge") == 0);
		history_clear(&h);
	}
	json_object_put(json);
}

static void
every_vector_holds_the_changes_it_should(void **state)
{
	(void)state;
	assert_int_equal(
	    data_each("vectors", ".changes", check_vector, NULL), VECTORS);
}

static void
check_same_set(const struct history *a, const struct history *b)
{
	assert_int_equal(a->changes_len, b->changes_len);
	for (size_t i = 0; i < a->changes_len; i++)
		assert_memory_equal(
		    a->changes[i].hash, b->changes[i].hash, LK_ID_LEN);
}

static void
check_written(const char *name, void *ctx)
{
	(void)ctx;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		struct history h, again;
		BUF_SCOPED file = { 0 };
		BUF_SCOPED once = { 0 };
		BUF_SCOPED twice = { 0 };

		buf_init(&once, DOCUMENT_BODY_MAX);
		buf_init(&twice, DOCUMENT_BODY_MAX);
		assert_true(data_file(&file, "vectors", name, kinds[k]));
		read_ok(&h, buf_bytes(&file));
		assert_int_equal(
		    history_write(&once, h.changes, h.changes_len).code, LK_OK);
		read_ok(&again, buf_bytes(&once));
		check_same_set(&h, &again);
		assert_int_equal(
		    history_write(&twice, again.changes, again.changes_len)
			.code,
		    LK_OK);
		assert_true(bytes_equal(buf_bytes(&once), buf_bytes(&twice)));
		history_clear(&h);
		history_clear(&again);
	}
}

static void
what_is_written_reads_as_the_same_changes_and_writes_the_same_bytes(
    void **state)
{
	(void)state;
	assert_int_equal(
	    data_each("vectors", ".changes", check_written, NULL), VECTORS);
}

static void
check_any_order(const char *name, void *ctx)
{
	struct history h;
	struct change *reversed;
	BUF_SCOPED file = { 0 };
	BUF_SCOPED once = { 0 };
	BUF_SCOPED twice = { 0 };

	(void)ctx;
	buf_init(&once, DOCUMENT_BODY_MAX);
	buf_init(&twice, DOCUMENT_BODY_MAX);
	assert_true(data_file(&file, "vectors", name, ".changes"));
	read_ok(&h, buf_bytes(&file));
	reversed = calloc(h.changes_len + 1, sizeof(*reversed));
	assert_non_null(reversed);
	for (size_t i = 0; i < h.changes_len; i++)
		reversed[i] = h.changes[h.changes_len - 1 - i];
	assert_int_equal(
	    history_write(&once, h.changes, h.changes_len).code, LK_OK);
	assert_int_equal(
	    history_write(&twice, reversed, h.changes_len).code, LK_OK);
	assert_true(bytes_equal(buf_bytes(&once), buf_bytes(&twice)));
	free(reversed);
	history_clear(&h);
}

static void
the_order_of_the_changes_given_does_not_matter(void **state)
{
	(void)state;
	assert_int_equal(
	    data_each("vectors", ".changes", check_any_order, NULL), VECTORS);
}

/* The body of a file that is one document chunk. */
static struct bytes
document_body(struct arena *arena, struct bytes file)
{
	struct rd r = rd_over(file);
	struct chunk chunk;

	assert_int_equal(chunk_next(&r, arena, &chunk).code, LK_OK);
	assert_int_equal(chunk.type, CHUNK_DOCUMENT);
	return chunk.body;
}

static void
check_rows(const char *name, void *ctx)
{
	struct history h;
	struct document theirs, ours;
	BUF_SCOPED file = { 0 };
	BUF_SCOPED written = { 0 };
	ARENA_SCOPED arena = { 0 };

	(void)ctx;
	arena_init(&arena, DOCUMENT_BODY_MAX);
	buf_init(&written, DOCUMENT_BODY_MAX);
	assert_true(data_file(&file, "vectors", name, ".raw.automerge"));
	read_ok(&h, buf_bytes(&file));
	assert_int_equal(
	    history_write(&written, h.changes, h.changes_len).code, LK_OK);
	assert_int_equal(
	    document_parse(&theirs, document_body(&arena, buf_bytes(&file)))
		.code,
	    LK_OK);
	assert_int_equal(
	    document_parse(&ours, document_body(&arena, buf_bytes(&written)))
		.code,
	    LK_OK);
	assert_int_equal(theirs.actors_len, ours.actors_len);
	assert_int_equal(theirs.op_columns.len, ours.op_columns.len);
	for (size_t i = 0; i < ours.op_columns.len; i++) {
		assert_int_equal(
		    theirs.op_columns.at[i].spec, ours.op_columns.at[i].spec);
		assert_true(bytes_equal(
		    theirs.op_columns.at[i].data, ours.op_columns.at[i].data));
	}
	document_clear(&theirs);
	document_clear(&ours);
	history_clear(&h);
}

static void
the_rows_of_ops_are_those_automerge_writes(void **state)
{
	(void)state;
	assert_int_equal(
	    data_each("vectors", ".changes", check_rows, NULL), VECTORS);
}

/* Refused by doc_apply and not here: what it takes to see it are the ops that
 * other ops refer to. */
static const char *const needs_op_state[] = {
	"c23-pred-missing",
	"c24-obj-missing",
	"c25-map-key-in-list",
	"c43-mark-end-before-begin",
	"c68-startop-not-above-deps",
	"c71-missing-own-dep",
};

static bool
is_op_state(const char *name)
{
	for (size_t i = 0;
	     i < sizeof(needs_op_state) / sizeof(needs_op_state[0]); i++)
		if (strcmp(needs_op_state[i], name) == 0)
			return true;
	return false;
}

static void
check_verdict(const char *name, struct json_object *expected)
{
	bool accept = strcmp(json_text(expected, "verdict"), "accept") == 0;
	struct history h;
	BUF_SCOPED file = { 0 };
	lk_err err;

	assert_true(data_file(&file, "negative", name, ".automerge"));
	err = history_read(&h, buf_bytes(&file));
	if ((err.code == LK_OK) != (accept || is_op_state(name)))
		fail_msg(
		    "%s: %s", name, err.code == LK_OK ? "accepted" : err.what);
	if (err.code != LK_OK)
		return;
	if (accept)
		assert_int_equal(
		    h.orphans_len, json_number(expected, "orphans"));
	history_clear(&h);
}

static void
count_only(const char *name, void *ctx)
{
	(void)name;
	(void)ctx;
}

static void
malformed_files_are_refused_unless_only_the_ops_tell(void **state)
{
	struct json_object *verdicts = data_json("negative", "expected");
	size_t n = 0;

	(void)state;
	assert_non_null(verdicts);
	json_object_object_foreach(verdicts, name, expected)
	{
		check_verdict(name, expected);
		n++;
	}
	assert_int_equal(
	    n, data_each("negative", ".automerge", count_only, NULL));
	json_object_put(verdicts);
}

/* Either refused or, as far as the bytes go that still count, the same. */
static void
check_damaged(const struct history *whole, struct bytes damaged)
{
	uint8_t *copy = malloc(damaged.len == 0 ? 1 : damaged.len);
	struct history h;

	assert_non_null(copy);
	if (damaged.len > 0)
		memcpy(copy, damaged.ptr, damaged.len);
	if (history_read(&h, BYTES(copy, damaged.len)).code == LK_OK) {
		assert_true(h.changes_len <= whole->changes_len);
		history_clear(&h);
	}
	free(copy);
}

static void
damage_file(const char *name, const char *ext)
{
	struct history whole;
	BUF_SCOPED file = { 0 };
	size_t len;

	assert_true(data_file(&file, "vectors", name, ext));
	len = file.len;
	read_ok(&whole, buf_bytes(&file));
	for (size_t n = 0; n < len; n++)
		check_damaged(&whole, BYTES(file.ptr, n));
	for (size_t i = 0; i < len; i++) {
		file.ptr[i] ^= 0xff;
		check_damaged(&whole, buf_bytes(&file));
		file.ptr[i] ^= 0xff;
	}
	history_clear(&whole);
}

static void
a_damaged_file_is_refused_or_holds_no_other_changes(void **state)
{
	(void)state;
	damage_file("02-scalars", ".automerge");
	damage_file("12-counter-conflict-increment", ".raw.automerge");
	damage_file("20-marks-concurrent", ".automerge");
	damage_file("24-merge-dag", ".changes");
}

/* As above with the checksum made right, so that the tables are reached. */
static void
damage_document(const char *name)
{
	struct history whole;
	BUF_SCOPED file = { 0 };
	ARENA_SCOPED arena = { 0 };
	struct bytes body;
	uint8_t *copy;

	arena_init(&arena, DOCUMENT_BODY_MAX);
	assert_true(data_file(&file, "vectors", name, ".raw.automerge"));
	read_ok(&whole, buf_bytes(&file));
	body = document_body(&arena, buf_bytes(&file));
	copy = malloc(body.len);
	assert_non_null(copy);
	memcpy(copy, body.ptr, body.len);
	for (size_t i = 0; i < body.len * 8; i++) {
		struct history h;
		BUF_SCOPED damaged = { 0 };

		buf_init(&damaged, DOCUMENT_BODY_MAX);
		copy[i / 8] ^= (uint8_t)(1u << i % 8);
		chunk_write(&damaged, CHUNK_DOCUMENT, BYTES(copy, body.len));
		/* The heads are hashes over every change: whatever is still
		 * accepted has the same changes. */
		if (history_read(&h, buf_bytes(&damaged)).code == LK_OK) {
			check_same_set(&whole, &h);
			history_clear(&h);
		}
		copy[i / 8] = body.ptr[i / 8];
	}
	free(copy);
	history_clear(&whole);
}

static void
a_document_with_one_bit_flipped_is_refused_or_has_equal_hashes(void **state)
{
	(void)state;
	damage_document("06-list-ops");
	damage_document("12-counter-conflict-increment");
	damage_document("18-list-conflicts");
	damage_document("20-marks-concurrent");
	damage_document("24-merge-dag");
}

static void
files_in_pieces_and_with_repetitions_are_read_as_one(void **state)
{
	struct history h, whole;
	BUF_SCOPED file = { 0 };
	BUF_SCOPED changes = { 0 };

	(void)state;
	assert_true(data_file(&file, "vectors", "24-merge-dag", ".automerge"));
	assert_true(data_file(&changes, "vectors", "24-merge-dag", ".changes"));
	read_ok(&whole, buf_bytes(&file));
	buf_add(&file, buf_bytes(&changes));
	buf_clear(&changes);
	assert_true(
	    data_file(&changes, "vectors", "24-merge-dag", ".raw.automerge"));
	buf_add(&file, buf_bytes(&changes));
	assert_int_equal(buf_err(&file, "file").code, LK_OK);
	read_ok(&h, buf_bytes(&file));
	check_same_set(&whole, &h);
	assert_int_equal(h.orphans_len, 0);
	history_clear(&h);
	history_clear(&whole);
}

static void
without_its_first_change_a_history_is_all_orphans(void **state)
{
	struct bytes bodies[64];
	struct history h, part;
	BUF_SCOPED file = { 0 };
	size_t n = 0;

	(void)state;
	assert_true(data_file(&file, "vectors", "24-merge-dag", ".changes"));
	read_ok(&h, buf_bytes(&file));
	for (size_t i = 1; i < h.changes_len && n < 64; i++)
		bodies[n++] = h.changes[i].body;
	assert_int_equal(history_from_changes(&part, bodies, n).code, LK_OK);
	assert_int_equal(part.changes_len, 0);
	assert_int_equal(part.orphans_len, n);
	history_clear(&part);
	history_clear(&h);
}

static void
nothing_is_an_empty_history_and_writes_an_empty_document(void **state)
{
	static const uint8_t empty[] = { 0x85, 0x6f, 0x4a, 0x83, 0xb8, 0x1a,
		0x95, 0x44, 0, 4, 0, 0, 0, 0 };
	struct history h;
	BUF_SCOPED out = { 0 };

	(void)state;
	read_ok(&h, BYTES(NULL, 0));
	assert_int_equal(h.changes_len, 0);
	buf_init(&out, DOCUMENT_BODY_MAX);
	assert_int_equal(
	    history_write(&out, h.changes, h.changes_len).code, LK_OK);
	assert_true(bytes_equal(buf_bytes(&out), BYTES_OF(empty)));
	history_clear(&h);
	read_ok(&h, BYTES_OF(empty));
	assert_int_equal(h.changes_len, 0);
	history_clear(&h);
}

/* Rows of one list, as (id, reference); an id below its reference's updates
 * it. */
static struct document_row
element(uint32_t ctr, uint32_t ref)
{
	return (struct document_row){ .ctr = ctr,
		.obj_ctr = 1,
		.key_kind = ref == 0 ? KEY_HEAD : KEY_ELEM,
		.elem_ctr = ref,
		.action = ACTION_SET,
		.insert = true };
}

static enum lk_code
rows_verdict(const struct document_row *rows, size_t n)
{
	uint32_t stack[16];

	assert_true(n <= 16);
	return document_rows_check(rows, n, stack).code;
}

static void
elements_must_stand_in_rga_order(void **state)
{
	struct document_row rows[] = { element(7, 0), element(2, 0),
		element(6, 2), element(5, 2), element(8, 5), element(3, 2) };
	const size_t n = sizeof(rows) / sizeof(rows[0]);

	(void)state;
	assert_int_equal(rows_verdict(rows, n), LK_OK);
	for (size_t i = 0; i + 1 < n; i++) {
		struct document_row t = rows[i];

		rows[i] = rows[i + 1];
		rows[i + 1] = t;
		assert_int_equal(rows_verdict(rows, n), LK_E_MALFORMED);
		rows[i + 1] = rows[i];
		rows[i] = t;
	}
}

static void
rows_of_keys_and_objects_must_ascend(void **state)
{
	struct document_row rows[] = {
		{ .ctr = 4, .text = (const uint8_t *)"a", .text_len = 1 },
		{ .ctr = 3, .text = (const uint8_t *)"b", .text_len = 1 },
		{ .ctr = 5, .text = (const uint8_t *)"b", .text_len = 1 },
		{ .ctr = 6, .obj_ctr = 3 },
		{ .ctr = 7, .obj_ctr = 3, .obj_actor = 1 },
		{ .ctr = 8, .obj_ctr = 4 },
	};
	const size_t n = sizeof(rows) / sizeof(rows[0]);

	(void)state;
	assert_int_equal(rows_verdict(rows, n), LK_OK);
	for (size_t i = 0; i + 1 < n; i++) {
		struct document_row t = rows[i];

		rows[i] = rows[i + 1];
		rows[i + 1] = t;
		assert_int_equal(rows_verdict(rows, n), LK_E_MALFORMED);
		rows[i + 1] = rows[i];
		rows[i] = t;
	}
	rows[2].ctr = 3;
	assert_int_equal(rows_verdict(rows, n), LK_E_MALFORMED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_vector_holds_the_changes_it_should),
		cmocka_unit_test(
		    what_is_written_reads_as_the_same_changes_and_writes_the_same_bytes),
		cmocka_unit_test(
		    the_order_of_the_changes_given_does_not_matter),
		cmocka_unit_test(the_rows_of_ops_are_those_automerge_writes),
		cmocka_unit_test(
		    malformed_files_are_refused_unless_only_the_ops_tell),
		cmocka_unit_test(
		    a_damaged_file_is_refused_or_holds_no_other_changes),
		cmocka_unit_test(
		    a_document_with_one_bit_flipped_is_refused_or_has_equal_hashes),
		cmocka_unit_test(
		    files_in_pieces_and_with_repetitions_are_read_as_one),
		cmocka_unit_test(
		    without_its_first_change_a_history_is_all_orphans),
		cmocka_unit_test(
		    nothing_is_an_empty_history_and_writes_an_empty_document),
		cmocka_unit_test(elements_must_stand_in_rga_order),
		cmocka_unit_test(rows_of_keys_and_objects_must_ascend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
