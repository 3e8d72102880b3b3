#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/doc_state.h"
#include "crdt/document.h"
#include "tests/unit/crdt/data_file.h"
#include "tests/unit/crdt/doc_f64.h"
#include "tests/unit/crdt/doc_sample.h"
#include "tests/unit/crdt/json_tree.h"

static struct json_object *json_of_object(
    struct doc *, struct op_id, enum obj_type);

static struct json_object *
json_of_bytes(struct bytes b)
{
	return json_object_new_string_len((const char *)b.ptr, (int)b.len);
}

static struct json_object *
json_of_scalar(const struct value *v)
{
	double d;

	switch (v->type) {
	case VALUE_FALSE:
	case VALUE_TRUE:
		return json_object_new_boolean(v->type == VALUE_TRUE);
	case VALUE_UINT:
	case VALUE_INT:
		return json_object_new_int64(v->i64);
	case VALUE_F64:
		d = f64_get(v);
		return json_object_new_double(d);
	case VALUE_STR:
		return json_of_bytes(v->bytes);
	default:
		fail_msg("no vector has such a value in its spans");
		return NULL;
	}
}

struct json_of {
	struct doc *doc;
	struct json_object *into;
	bool in_map;
};

static lk_err
json_of_visit(void *ctx, const struct doc_visit *v)
{
	struct json_of *j = ctx;
	struct json_object *value = v->item.is_obj
	    ? json_of_object(j->doc, v->item.id, v->item.obj_type)
	    : json_of_scalar(&v->item.value);
	char key[64];

	(void)snprintf(key, sizeof(key), "%.*s", (int)v->key.len,
	    (const char *)v->key.ptr);
	if (j->in_map)
		(void)json_object_object_add(j->into, key, value);
	else
		(void)json_object_array_add(j->into, value);
	return LK_NONE;
}

static struct json_object *
json_of_object(struct doc *doc, struct op_id obj, enum obj_type type)
{
	struct json_of j = { .doc = doc, .in_map = type == OBJ_MAP };

	assert_int_not_equal(type, OBJ_TEXT);
	j.into = j.in_map ? json_object_new_object() : json_object_new_array();
	assert_ok(doc_each(doc, obj, json_of_visit, &j));
	return j.into;
}

static struct json_object *
json_of_marks(const struct span *s)
{
	struct json_object *marks = json_object_new_object();

	for (size_t i = 0; i < s->marks_len; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "%.*s",
		    (int)s->marks[i].name.len,
		    (const char *)s->marks[i].name.ptr);
		(void)json_object_object_add(
		    marks, name, json_of_scalar(&s->marks[i].value));
	}
	return marks;
}

static lk_err
json_of_span(void *ctx, const struct span *s)
{
	struct json_of *j = ctx;
	struct json_object *o = json_object_new_object();

	(void)json_object_object_add(
	    o, "type", json_object_new_string(s->is_block ? "block" : "text"));
	(void)json_object_object_add(o, "value",
	    s->is_block ? json_of_object(j->doc, s->block, OBJ_MAP)
			: json_of_bytes(s->text));
	if (!s->is_block && s->marks_len > 0)
		(void)json_object_object_add(o, "marks", json_of_marks(s));
	(void)json_object_array_add(j->into, o);
	return LK_NONE;
}

struct spans_check {
	const char *name;
	struct doc *doc;
	size_t texts, blocks;
};

static struct op_id
id_of_json(struct doc *doc, const char *id)
{
	const char *actor = strchr(id, '@') + 1;
	uint8_t bytes[ACTOR_LEN_MAX];
	size_t n = strlen(actor) / 2;
	uint32_t number;

	assert_true(hex_decode(bytes, n, actor));
	assert_ok(doc_actor_find(doc, BYTES(bytes, n), &number));
	return (struct op_id){ .ctr = strtoull(id, NULL, 10), .actor = number };
}

static void
check_text(struct spans_check *c, struct json_object *o)
{
	struct json_object *want = json_object_object_get(o, "spans");
	struct json_of got = { .doc = c->doc };

	got.into = json_object_new_array();
	assert_ok(doc_spans(c->doc, id_of_json(c->doc, json_text(o, "id")),
	    json_of_span, &got));
	if (!json_object_equal(want, got.into))
		fail_msg("%s: spans\n%s\nnot\n%s", c->name,
		    json_object_to_json_string(got.into),
		    json_object_to_json_string(want));
	c->texts++;
	for (size_t i = 0; i < json_object_array_length(want); i++)
		c->blocks +=
		    strcmp(
			json_text(json_object_array_get_idx(want, i), "type"),
			"block") == 0;
	json_object_put(got.into);
}

/* All the texts of a tree. */
static void
check_texts(struct spans_check *c, struct json_object *o)
{
	if (json_object_is_type(o, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(o); i++)
			check_texts(c, json_object_array_get_idx(o, i));
	} else if (json_object_is_type(o, json_type_object)) {
		if (json_object_object_get_ex(o, "spans", NULL)) {
			check_text(c, o);
			return;
		}
		json_object_object_foreach(o, key, value)
		{
			(void)key;
			check_texts(c, value);
		}
	}
}

static void
check_vector(const char *name, void *ctx)
{
	struct json_object *json = data_json("vectors", name);
	struct spans_check *c = ctx;
	struct history h;
	struct buf file;
	struct kv kv;

	assert_non_null(json);
	assert_true(data_file(&file, "vectors", name, ".automerge"));
	assert_ok(history_read(&h, buf_bytes(&file)));
	assert_ok(kv_memory_new(&kv, DOC_KV_MAX));
	assert_ok(doc_open(&c->doc, kv));
	c->name = name;
	for (size_t i = 0; i < h.changes_len; i++)
		assert_ok(doc_apply(c->doc, &h.changes[i], true));
	assert_ok(doc_again(&c->doc, kv));
	check_texts(c, json_object_object_get(json, "tree"));
	doc_free(c->doc);
	kv_memory_free(&kv);
	history_clear(&h);
	buf_clear(&file);
	json_object_put(json);
}

static void
every_vector_has_the_spans_automerge_has(void **state)
{
	struct spans_check c = { 0 };

	(void)state;
	assert_int_equal(
	    data_each("vectors", ".changes", check_vector, &c), 40);
	assert_int_equal(c.texts, 32);
	assert_int_equal(c.blocks, 2);
}

static lk_err
stop_span(void *ctx, const struct span *s)
{
	int *calls = ctx;

	(void)s;
	++*calls;
	return LK_ERR(LK_E_AGAIN, "enough");
}

static lk_err
stop_mark(void *ctx, const struct mark_range *r)
{
	(void)r;
	return stop_span(ctx, NULL);
}

static void
a_walk_stops_when_told_and_wants_a_text(void **state)
{
	struct op_id nobody = { .ctr = 77 };
	struct sample s;
	int calls = 0;

	(void)state;
	sample_open(&s);
	assert_code(doc_spans(s.r.doc, s.text, stop_span, &calls), LK_E_AGAIN);
	assert_int_equal(calls, 1);
	assert_code(doc_marks(s.r.doc, s.text, stop_mark, &calls), LK_E_AGAIN);
	assert_int_equal(calls, 2);
	assert_code(doc_spans(s.r.doc, s.list, stop_span, &calls), LK_E_DATA);
	assert_code(doc_marks(s.r.doc, s.map, stop_mark, &calls), LK_E_DATA);
	assert_code(
	    doc_spans(s.r.doc, nobody, stop_span, &calls), LK_E_NOTFOUND);
	assert_int_equal(calls, 2);
	sample_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_vector_has_the_spans_automerge_has),
		cmocka_unit_test(a_walk_stops_when_told_and_wants_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
