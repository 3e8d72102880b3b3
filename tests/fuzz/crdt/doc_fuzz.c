/*
 * Builds changes of the fuzzer's choosing, applies and flips them, and compares
 * the document with others built from nothing, in the same order and in another
 * one.  Changes may break every rule that needs a document to judge; then they
 * must leave no trace.  Authors fork, and ops are called by all sorts of names.
 */
#include "tests/unit/crdt/doc_changes.h"

#define ACTORS 4
#define CHANGES_LEN_MAX 40
#define OPS_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct plan {
	struct rd rd;
	struct changes changes;
	bool *is_void;
	struct kv kv;
	struct doc *doc;
};

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static uint32_t
choose(struct plan *p, uint32_t sides)
{
	return rd_u8(&p->rd) % sides;
}

/* The actor of a change: its bytes, or as a branch that begins with another. */
static uint32_t
choose_name(struct plan *p, struct change_writer *w, const struct change *c)
{
	uint32_t what = choose(p, 8), number;
	uint8_t name[1 + LK_ID_LEN];

	name[0] = c->actor.ptr[0];
	if (what > 2) {
		must(change_writer_actor(w, c->actor, &number).code == LK_OK);
		return number;
	}
	if (what > 0)
		c = &p->changes.all[choose(p, (uint32_t)p->changes.len)];
	memcpy(name + 1, c->hash, LK_ID_LEN);
	must(change_writer_actor(w, BYTES_OF(name), &number).code == LK_OK);
	return number;
}

/* Mostly an op that exists: of one of the changes, or of this one. */
static struct op_id
choose_id(
    struct plan *p, struct change_writer *w, const struct change_head *head)
{
	struct op_id id = { 0 };
	uint32_t at = choose(p, (uint32_t)p->changes.len + 1);
	const struct change *c;
	uint32_t back = choose(p, 16);

	if (at == p->changes.len) {
		id.ctr = head->start_op + change_writer_ops(w);
		id.ctr = id.ctr > back ? id.ctr - back : 1;
		return id;
	}
	c = &p->changes.all[at];
	id.ctr = c->start_op + back % (c->ops_len + 1);
	id.actor = choose_name(p, w, c);
	return id;
}

static const char *const fuzz_keys[] = { "a", "b", "" };

static bool
add_op(struct plan *p, struct change_writer *w, const struct change_head *head)
{
	static const uint8_t actions[] = { 0, 1, 1, 2, 3, 4, 5, 7 };
	struct op_id preds[3];
	const char *key;
	struct op op = { .action = actions[choose(p, 8)], .preds = preds };

	if (choose(p, 3) > 0)
		op.obj = choose_id(p, w, head);
	op.key_kind = (enum key_kind)choose(p, 3);
	key = fuzz_keys[choose(p, 3)];
	op.key = BYTES_STR(key);
	op.insert = op.key_kind != KEY_MAP && choose(p, 4) > 0;
	if (op.key_kind == KEY_HEAD)
		op.insert = true;
	if (op.key_kind == KEY_ELEM)
		op.elem = choose_id(p, w, head);
	if (!op.insert)
		op.preds_len = choose(p, 4);
	for (size_t i = 0; i < op.preds_len; i++)
		preds[i] = choose_id(p, w, head);
	if (op.action == ACTION_INCREMENT) {
		op.value =
		    (struct value){ .type = VALUE_INT, .i64 = choose(p, 9) };
	} else if (op.action == ACTION_SET) {
		op.value = (struct value){ .type = VALUE_COUNTER,
			.i64 = choose(p, 9) };
		if (choose(p, 2) == 0)
			op.value = (struct value){ .type = VALUE_STR,
				.bytes = BYTES_STR("xyz") };
	} else if (op.action == ACTION_MARK) {
		op.insert = true;
		op.preds_len = 0;
		op.has_mark_name = choose(p, 2);
		op.mark_name = BYTES_STR("m");
	}
	return change_writer_add(w, &op).code == LK_OK;
}

/* Heads of a set of changes that the fuzzer picks; marks their past. */
static size_t
choose_deps(
    struct plan *p, struct bytes actor, struct change_head *head, uint8_t *deps)
{
	bool past[CHANGES_LEN_MAX] = { false },
	     below[CHANGES_LEN_MAX] = { false };
	const struct changes *c = &p->changes;
	bool forks = choose(p, 4) == 0;
	uint64_t seq = 0, max = 0;
	size_t n = 0;

	for (size_t x = 0; x < c->len; x++) {
		past[x] = !forks && bytes_equal(c->all[x].actor, actor);
		past[x] |= choose(p, 3) == 0;
	}
	for (size_t x = c->len; x > 0; x--)
		for (size_t d = 0; past[x - 1] && d < c->all[x - 1].deps_len;
		     d++) {
			size_t dep =
			    changes_find(c, c->all[x - 1].deps + d * LK_ID_LEN);

			past[dep] = below[dep] = true;
		}
	for (size_t x = 0; x < c->len; x++) {
		if (past[x] && change_max_op(&c->all[x]) > max)
			max = change_max_op(&c->all[x]);
		if (past[x] && c->all[x].seq > seq &&
		    bytes_equal(c->all[x].actor, actor))
			seq = c->all[x].seq;
		if (past[x] && !below[x])
			memcpy(
			    deps + n++ * LK_ID_LEN, c->all[x].hash, LK_ID_LEN);
	}
	head->seq = seq + 1;
	head->start_op = max + 1 + choose(p, 2);
	return n;
}

/* Writes a change; false when it is not even one. */
static bool
build(struct plan *p)
{
	uint8_t deps[CHANGES_LEN_MAX * LK_ID_LEN];
	uint8_t actor = (uint8_t)('A' + choose(p, ACTORS));
	struct change_head head = { .actor = BYTES(&actor, 1), .deps = deps };
	struct change_writer *w;
	struct buf body;
	bool well = true;

	head.deps_len = choose_deps(p, head.actor, &head, deps);
	must(change_writer_new(&w, &head).code == LK_OK);
	for (uint32_t n = choose(p, OPS_MAX) + 1; n > 0 && well; n--)
		well = add_op(p, w, &head);
	buf_init(&body, CHANGE_BODY_MAX);
	if (well)
		well = change_writer_finish(w, &body).code == LK_OK;
	change_writer_free(w);
	if (well)
		well = changes_add(&p->changes, buf_bytes(&body)).code == LK_OK;
	buf_clear(&body);
	return well;
}

/* The tree of a document that heard of everything in another order. */
static void
shuffled_tree(struct plan *p, struct buf *out)
{
	struct dice dice = dice_of(p->changes.len);
	size_t order[CHANGES_LEN_MAX];
	struct doc *doc;
	struct kv kv;

	changes_shuffle(&p->changes, &dice, order);
	must(kv_memory_new(&kv, DOC_KV_MAX).code == LK_OK);
	must(doc_open(&doc, kv).code == LK_OK);
	for (size_t i = 0; i < p->changes.len; i++)
		must(doc_apply(
			 doc, &p->changes.all[order[i]], !p->is_void[order[i]])
			 .code == LK_OK);
	must(tree_of_doc(doc, true, out).code == LK_OK);
	doc_free(doc);
	kv_memory_free(&kv);
}

static void
compare(struct plan *p)
{
	struct buf got, want;

	buf_init(&got, TREE_MAX);
	buf_init(&want, TREE_MAX);
	must(tree_of_doc(p->doc, true, &got).code == LK_OK);
	must(changes_tree(&p->changes, NULL, p->is_void, &want).code == LK_OK);
	must(bytes_equal(buf_bytes(&got), buf_bytes(&want)));
	buf_reset(&want);
	shuffled_tree(p, &want);
	must(bytes_equal(buf_bytes(&got), buf_bytes(&want)));
	buf_clear(&got);
	buf_clear(&want);
}

static void
take(struct plan *p)
{
	size_t x = p->changes.len;
	bool visible;
	lk_err err;

	if (x == CHANGES_LEN_MAX || !build(p))
		return;
	visible = choose(p, 3) > 0;
	err = doc_apply(p->doc, &p->changes.all[x], visible);
	if (err.code != LK_OK) {
		must(err.code == LK_E_MALFORMED || err.code == LK_E_EXISTS);
		p->changes.len--;
		compare(p);
		return;
	}
	p->is_void[x] = !visible;
}

static void
flip(struct plan *p)
{
	size_t x;

	if (p->changes.len == 0)
		return;
	x = choose(p, (uint32_t)p->changes.len);
	must(doc_set_visible(p->doc, p->changes.all[x].hash, p->is_void[x])
		 .code == LK_OK);
	p->is_void[x] = !p->is_void[x];
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	bool is_void[CHANGES_LEN_MAX] = { false };
	struct plan p = { .rd = rd_over(BYTES(data, len)), .is_void = is_void };

	changes_init(&p.changes);
	must(kv_memory_new(&p.kv, DOC_KV_MAX).code == LK_OK);
	must(doc_open(&p.doc, p.kv).code == LK_OK);
	while (p.rd.left.len > 0) {
		switch (choose(&p, 8)) {
		case 0:
		case 1:
			flip(&p);
			break;
		case 2:
			must(doc_again(&p.doc, p.kv).code == LK_OK);
			break;
		default:
			take(&p);
			break;
		}
	}
	compare(&p);
	doc_free(p.doc);
	kv_memory_free(&p.kv);
	changes_clear(&p.changes);
	return 0;
}
