/*
 * doc_replica.h - for tests: documents that edit and exchange changes.
 */
#ifndef TESTS_DOC_REPLICA_H
#define TESTS_DOC_REPLICA_H

#include "tests/unit/crdt/doc_changes.h"

#define assert_ok(call)                                                        \
	do {                                                                   \
		lk_err ok_err_ = (call);                                       \
		if (ok_err_.code != LK_OK)                                     \
			fail_msg(                                              \
			    "%s: %s", lk_strcode(ok_err_.code), ok_err_.what); \
	} while (0)

#define assert_code(call, want)                                           \
	do {                                                              \
		lk_err code_err_ = (call);                                \
		if (code_err_.code != (want))                             \
			fail_msg("%s (%s), not %s",                       \
			    lk_strcode(code_err_.code),                   \
			    code_err_.what == NULL ? "" : code_err_.what, \
			    lk_strcode(want));                            \
	} while (0)

#define KEY(s) ((struct prop){ .is_key = true, .key = BYTES_STR(s) })
#define INDEX(i) ((struct prop){ .index = (i) })
#define STR(s) ((struct value){ .type = VALUE_STR, .bytes = BYTES_STR(s) })
#define INT(n) ((struct value){ .type = VALUE_INT, .i64 = (n) })
#define COUNTER(n) ((struct value){ .type = VALUE_COUNTER, .i64 = (n) })

/* Marks change x and its ancestors. */
static inline void
changes_mark_past(const struct changes *c, size_t x, bool *in)
{
	in[x] = true;
	for (size_t i = x + 1; i > 0; i--)
		for (size_t d = 0; in[i - 1] && d < c->all[i - 1].deps_len; d++)
			in[changes_find(
			    c, c->all[i - 1].deps + d * LK_ID_LEN)] = true;
}

#define REPLICA_ACTOR_LEN 4

/* One device: its document, and which of all changes it has. */
struct replica {
	struct changes *changes; /* of all devices together */
	struct kv kv;
	struct doc *doc;
	uint8_t actor[REPLICA_ACTOR_LEN];
	bool *has, *is_void;
	size_t room;
	struct edit *edit;
};

static inline void
replica_open(struct replica *r, struct changes *changes, uint8_t number)
{
	*r = (struct replica){ .changes = changes };
	memset(r->actor, number, sizeof(r->actor));
	assert_ok(kv_memory_new(&r->kv, DOC_KV_MAX));
	assert_ok(doc_open(&r->doc, r->kv));
}

static inline void
replica_close(struct replica *r)
{
	edit_free(r->edit);
	doc_free(r->doc);
	kv_memory_free(&r->kv);
	free(r->has);
	free(r->is_void);
}

static inline void
replica_room(struct replica *r)
{
	size_t room = r->changes->len + 1;

	if (room <= r->room)
		return;
	room *= 2;
	r->has = reallocarray(r->has, room, sizeof(*r->has));
	r->is_void = reallocarray(r->is_void, room, sizeof(*r->is_void));
	memset(r->has + r->room, 0, room - r->room);
	memset(r->is_void + r->room, 0, room - r->room);
	r->room = room;
}

/* Applies change x, if its dependencies are there. */
static inline void
replica_take(struct replica *r, size_t x, bool visible)
{
	replica_room(r);
	if (r->has[x] || !change_ready(r->changes, &r->changes->all[x], r->has))
		return;
	assert_ok(doc_apply(r->doc, &r->changes->all[x], visible));
	r->has[x] = true;
	r->is_void[x] = !visible;
}

static inline void
replica_set_void(struct replica *r, size_t x, bool is_void)
{
	replica_room(r);
	if (!r->has[x])
		return;
	assert_ok(doc_set_visible(r->doc, r->changes->all[x].hash, !is_void));
	r->is_void[x] = is_void;
}

/* Takes everything from another, as visible as it is there. */
static inline void
replica_pull(struct replica *r, struct replica *from)
{
	replica_room(from);
	for (size_t x = 0; x < r->changes->len; x++)
		if (from->has[x])
			replica_take(r, x, !from->is_void[x]);
}

/*
 * Begins an edit: it depends on the heads of what is visible here, and on the
 * replica's own last change (ghosts 3.9).
 */
static inline void
replica_edit(struct replica *r)
{
	const struct changes *c = r->changes;
	bool *past = calloc(c->len + 1, sizeof(*past));
	bool *below = calloc(c->len + 1, sizeof(*below));
	uint8_t *deps = calloc(c->len + 1, LK_ID_LEN);
	struct change_head head = {
		.deps = deps,
		.actor = BYTES_OF(r->actor),
		.seq = 1,
		.start_op = 1,
	};
	size_t last = SIZE_MAX;

	replica_room(r);
	for (size_t x = 0; x < c->len; x++)
		if (r->has[x] && bytes_equal(c->all[x].actor, head.actor))
			last = x;
	if (last != SIZE_MAX)
		head.seq = c->all[last].seq + 1;
	for (size_t x = 0; x < c->len; x++)
		if (r->has[x] && (!r->is_void[x] || x == last))
			changes_mark_past(c, x, past);
	for (size_t x = 0; x < c->len; x++)
		for (size_t d = 0; past[x] && d < c->all[x].deps_len; d++)
			below[changes_find(c, c->all[x].deps + d * LK_ID_LEN)] =
			    true;
	for (size_t x = 0; x < c->len; x++) {
		struct doc_change_info info;

		if (!past[x] || below[x])
			continue;
		memcpy(deps + head.deps_len++ * LK_ID_LEN, c->all[x].hash,
		    LK_ID_LEN);
		assert_ok(doc_change(r->doc, c->all[x].hash, &info));
		if (info.past_max_op >= head.start_op)
			head.start_op = info.past_max_op + 1;
	}
	assert_ok(edit_new(&r->edit, r->doc, &head));
	free(past);
	free(below);
	free(deps);
}

/* Ends it; false: there was nothing to write. */
static inline bool
replica_finish(struct replica *r)
{
	uint8_t hash[LK_ID_LEN];
	struct buf body;
	bool written;

	buf_init(&body, CHANGE_BODY_MAX);
	assert_ok(edit_finish(r->edit, &body, hash));
	written = body.len > 0;
	assert_int_equal(written, edit_ops(r->edit) > 0);
	edit_free(r->edit);
	r->edit = NULL;
	if (written) {
		assert_ok(changes_add(r->changes, buf_bytes(&body)));
		assert_memory_equal(
		    r->changes->all[r->changes->len - 1].hash, hash, LK_ID_LEN);
		replica_room(r);
		r->has[r->changes->len - 1] = true;
	}
	buf_clear(&body);
	return written;
}

static inline void
replica_tree(struct replica *r, struct buf *out)
{
	buf_init(out, TREE_MAX);
	assert_ok(tree_of_doc(r->doc, true, out));
}

/* The document shows what one built from nothing of the same changes does. */
static inline void
replica_check(struct replica *r)
{
	struct buf got, want;

	replica_room(r);
	replica_tree(r, &got);
	buf_init(&want, TREE_MAX);
	assert_ok(changes_tree(r->changes, r->has, r->is_void, &want));
	if (!bytes_equal(buf_bytes(&got), buf_bytes(&want)))
		fail_msg("shows\n%.*s\nnot\n%.*s", (int)got.len,
		    (const char *)got.ptr, (int)want.len,
		    (const char *)want.ptr);
	buf_clear(&got);
	buf_clear(&want);
}

static inline struct op_id
make_at(
    struct replica *r, struct op_id obj, struct prop prop, enum obj_type type)
{
	struct op_id made;

	assert_ok(edit_make(r->edit, obj, prop, type, &made));
	return made;
}

static inline void
put_at(struct replica *r, struct op_id obj, struct prop prop, struct value v)
{
	assert_ok(edit_put(r->edit, obj, prop, &v));
}

#endif
