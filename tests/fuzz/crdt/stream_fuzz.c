/*
 * A stream of changes applied one after the other, with and without being
 * visible, flipped, and read again from the store.  What the document then
 * shows is what one built from nothing of the same changes shows.
 *
 * An entry: u8 flags, u8 what to flip, counted actor, u8 n and n times how many
 * entries back a dependency is, u16 the least startOp, u16 length, a lean
 * change.  Hashes and seq follow, so that a change may be mutated and those
 * built on it stay what they are.
 */
#include "tests/fuzz/crdt/few_rows.h"
#include "tests/fuzz/crdt/loose_mutate.h"
#include "tests/unit/crdt/doc_changes.h"

#define ENTRIES_MAX 48
#define DEPS_MAX 4
#define ROWS_MAX 4000

#define FLAG_VOID 1
#define FLAG_REOPEN 2
#define FLAG_FLIP 4
#define FLAG_SEQ 8 /* and 16: a wrong one */

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);
size_t LLVMFuzzerCustomMutator(uint8_t *, size_t, size_t, unsigned);

struct entry {
	uint8_t flags, flip;
	uint16_t start_op;
	struct bytes actor;
	uint8_t deps[DEPS_MAX];
	size_t deps_len;
	struct bytes lean;
};

static bool
entry_read(struct rd *r, struct entry *e)
{
	*e = (struct entry){ .flags = rd_u8(r), .flip = rd_u8(r) };
	e->actor = rd_counted(r);
	e->deps_len = rd_u8(r) % (DEPS_MAX + 1);
	for (size_t i = 0; i < e->deps_len; i++)
		e->deps[i] = rd_u8(r);
	e->start_op = rd_u16(r);
	e->lean = rd_take(r, rd_u16(r));
	return !r->failed;
}

static void
entry_write(struct buf *b, const struct entry *e)
{
	buf_u8(b, e->flags);
	buf_u8(b, e->flip);
	buf_counted(b, e->actor);
	buf_u8(b, (uint8_t)e->deps_len);
	buf_mem(b, e->deps, e->deps_len);
	buf_u16(b, e->start_op);
	buf_u16(b, (uint16_t)e->lean.len);
	buf_add(b, e->lean);
}

struct stream {
	struct changes changes; /* those applied */
	bool is_void[ENTRIES_MAX];
	size_t rows;
	/* By number of the entry: 1 + the number of its change; 0: none. */
	size_t number[ENTRIES_MAX], entries;
	struct kv kv;
	struct doc *doc;
};

/* The head that follows from an entry. */
static void
stream_head(struct stream *s, const struct entry *e, uint8_t *deps,
    struct change_head *head)
{
	*head = (struct change_head){
		.deps = deps, .actor = e->actor, .start_op = 1
	};
	for (size_t i = 0; i < e->deps_len; i++) {
		struct doc_change_info info;
		size_t back = 1 + e->deps[i], x;

		if (back > s->entries || s->number[s->entries - back] == 0)
			continue;
		x = s->number[s->entries - back] - 1;
		memcpy(deps + head->deps_len++ * LK_ID_LEN,
		    s->changes.all[x].hash, LK_ID_LEN);
		LK_ASSERT(
		    doc_change(s->doc, s->changes.all[x].hash, &info).code ==
		    LK_OK);
		if (info.past_max_op >= head->start_op)
			head->start_op = info.past_max_op + 1;
	}
	qsort(deps, head->deps_len, LK_ID_LEN, lk_id_compare);
	(void)!doc_actor_seq(s->doc, e->actor, &head->seq).code;
	head->seq += 1 + (e->flags / FLAG_SEQ) % 4;
	if (head->start_op < e->start_op)
		head->start_op = e->start_op;
}

static void
stream_apply(struct stream *s, const struct entry *e)
{
	uint8_t deps[DEPS_MAX * LK_ID_LEN];
	struct change_head head;
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };
	bool visible = (e->flags & FLAG_VOID) == 0;
	size_t x = s->changes.len;
	lk_err err;

	stream_head(s, e, deps, &head);
	s->number[s->entries++] = 0;
	if (change_unlean(&body, e->lean, &head).code != LK_OK ||
	    changes_add(&s->changes, buf_bytes(&body)).code != LK_OK)
		return;
	s->rows += s->changes.all[x].ops_len;
	err = s->rows > ROWS_MAX
	    ? LK_ERR(LK_E_LIMIT, "rows")
	    : doc_apply(s->doc, &s->changes.all[x], visible);
	if (err.code != LK_OK) {
		LK_ASSERT(err.code == LK_E_MALFORMED || err.code == LK_E_DATA ||
		    err.code == LK_E_EXISTS || err.code == LK_E_LIMIT);
		s->rows -= s->changes.all[x].ops_len;
		s->changes.len--;
		return;
	}
	s->is_void[x] = !visible;
	s->number[s->entries - 1] = x + 1;
}

static void
stream_step(struct stream *s, const struct entry *e)
{
	size_t x = e->flip;

	stream_apply(s, e);
	if ((e->flags & FLAG_FLIP) && s->changes.len > 0) {
		x %= s->changes.len;
		LK_ASSERT(doc_set_visible(
			      s->doc, s->changes.all[x].hash, s->is_void[x])
			      .code == LK_OK);
		s->is_void[x] = !s->is_void[x];
	}
	if (e->flags & FLAG_REOPEN)
		LK_ASSERT(doc_again(&s->doc, s->kv).code == LK_OK);
}

static void
stream_compare(struct stream *s)
{
	BUF_SCOPED got = { .max = TREE_MAX };
	BUF_SCOPED want = { .max = TREE_MAX };

	LK_ASSERT(tree_of_doc(s->doc, true, &got).code == LK_OK);
	LK_ASSERT(
	    changes_tree(&s->changes, NULL, s->is_void, &want).code == LK_OK);
	LK_ASSERT(bytes_equal(buf_bytes(&got), buf_bytes(&want)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rd r = rd_over(BYTES(data, len));
	struct stream s = { 0 };
	bool flipped = false;
	struct entry e;

	changes_init(&s.changes);
	LK_ASSERT(kv_memory_new(&s.kv, DOC_KV_MAX).code == LK_OK);
	LK_ASSERT(doc_open(&s.doc, s.kv).code == LK_OK);
	while (s.entries < ENTRIES_MAX && entry_read(&r, &e)) {
		stream_step(&s, &e);
		flipped |= (e.flags & (FLAG_FLIP | FLAG_REOPEN)) != 0;
	}
	/* Of what only was applied there is nothing to compare. */
	if (flipped)
		stream_compare(&s);
	doc_free(s.doc);
	kv_memory_free(&s.kv);
	changes_clear(&s.changes);
	return 0;
}

static void
mutate_entry(struct entry *e, uint64_t *random)
{
	size_t i = loose_roll(random, DEPS_MAX);

	switch (loose_roll(random, 4)) {
	case 0:
		e->flags ^= (uint8_t)(1u << loose_roll(random, 3));
		e->flip = (uint8_t)loose_roll(random, 256);
		break;
	case 1:
		e->flags ^= loose_roll(random, 4) == 0 ? FLAG_SEQ : 0;
		e->start_op = (uint16_t)loose_roll(random, 300);
		break;
	case 2:
		e->deps[i] = (uint8_t)loose_roll(random, 8);
		if (e->deps_len <= i)
			e->deps_len++;
		break;
	default:
		e->deps_len -= e->deps_len > 0;
		break;
	}
}

static void
mutate_entries(struct entry *all, size_t *len, uint64_t *random)
{
	size_t i = loose_roll(random, *len), k = loose_roll(random, *len);
	struct entry held = all[i];

	switch (loose_roll(random, 4)) {
	case 0:
		all[i] = all[k];
		all[k] = held;
		break;
	case 1:
		memmove(all + i, all + i + 1, (*len - i - 1) * sizeof(*all));
		(*len)--;
		break;
	case 2:
		if (*len < ENTRIES_MAX)
			all[(*len)++] = held;
		break;
	default: /* The author of another. */
		all[i].actor = all[k].actor;
		break;
	}
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max, unsigned seed)
{
	uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	struct rd r = rd_over(BYTES(data, len));
	struct entry all[ENTRIES_MAX];
	uint8_t lean[4096];
	size_t n = 0, i, choice = loose_roll(&random, 8);
	BUF_SCOPED out = { .max = max };

	while (n < ENTRIES_MAX && entry_read(&r, &all[n]))
		n++;
	if (n == 0 || loose_roll(&random, 32) == 0)
		return LLVMFuzzerMutate(data, len, max);
	i = loose_roll(&random, n);
	if (choice == 0) {
		mutate_entries(all, &n, &random);
	} else if (choice < 3) {
		mutate_entry(&all[i], &random);
	} else if (all[i].lean.len > 0 && all[i].lean.len <= sizeof(lean)) {
		memcpy(lean, all[i].lean.ptr, all[i].lean.len);
		all[i].lean = BYTES(lean,
		    loose_body_mutate(
			LOOSE_LEAN, lean, all[i].lean.len, sizeof(lean), seed));
	}
	for (i = 0; i < n; i++)
		entry_write(&out, &all[i]);
	if (out.failed || out.len == 0)
		return LLVMFuzzerMutate(data, len, max);
	memcpy(data, out.ptr, out.len);
	return out.len;
}
