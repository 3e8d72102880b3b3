#include "crdt/edit_at.h"
#include "crdt/edit_mark.h"
#include "crdt/edit_state.h"
#include "tests/twin/words.h"

/*
 * The words of an edit: OBJ is counter@actor or _root; PROP is k and a key in
 * hex, or i and an index; TYPE is map, list or text; VALUE is the type's number
 * and a colon, and then 16 digits of a number's bits, or bytes in hex.
 *
 *   put OBJ PROP VALUE      make OBJ PROP TYPE      del OBJ PROP
 *   ins OBJ INDEX VALUE     insmake OBJ INDEX TYPE  inc OBJ PROP BITS
 *   splice OBJ POS DEL TEXT
 *   mark OBJ START END NAME EXPAND VALUE    (0 none, 1 before, 2 after, 3 both)
 *   split OBJ POS           join OBJ POS            update OBJ POS
 */

void
words_clear(struct words *w)
{
	arena_clear(&w->arena);
}

const char *
words_next(struct words *w)
{
	const char *word = strsep(&w->left, " ");

	return word == NULL ? "" : word;
}

bool
words_more(const struct words *w)
{
	return w->left != NULL;
}

uint64_t
words_number(struct words *w)
{
	const char *bad = NULL;
	long long n = strtonum(words_next(w), 0, INT64_MAX, &bad);

	LK_ASSERT(bad == NULL);
	return (uint64_t)n;
}

static struct bytes
hex_bytes(struct words *w, const char *hex)
{
	size_t n = strcmp(hex, "-") == 0 ? 0 : strlen(hex) / 2;
	uint8_t *out;

	if (w->arena.max == 0)
		arena_init(&w->arena, DOCUMENT_BODY_MAX);
	out = arena_alloc(&w->arena, n + 1);
	LK_ASSERT(out != NULL);
	LK_ASSERT(n == 0 || hex_decode(out, n, hex));
	return BYTES(out, n);
}

struct bytes
words_hex(struct words *w)
{
	return hex_bytes(w, words_next(w));
}

struct twin *
words_twin(struct words *w, struct twins *s)
{
	uint64_t n = words_number(w);

	LK_ASSERT(n < TWINS_MAX);
	return &s->all[n];
}

static uint64_t
hex_bits(struct words *w, const char *hex)
{
	struct rd r = rd_over(hex_bytes(w, hex));

	return rd_u64(&r);
}

static struct prop
words_prop(struct words *w)
{
	const char *word = words_next(w), *bad = NULL;

	if (word[0] == 'k')
		return (struct prop){ .is_key = true,
			.key = hex_bytes(w, word + 1) };
	LK_ASSERT(word[0] == 'i');
	return (struct prop){ .index = (uint64_t)strtonum(
				  word + 1, 0, UINT32_MAX, &bad) };
}

static struct value
words_value(struct words *w)
{
	const char *word = words_next(w), *rest = strchr(word, ':');
	const char *bad = NULL;
	char type[4] = { 0 };
	struct value v = { 0 };

	LK_ASSERT(rest != NULL && rest - word < 3);
	memcpy(type, word, (size_t)(rest - word));
	v.type = (uint8_t)strtonum(type, 0, VALUE_UNKNOWN_MAX, &bad);
	LK_ASSERT(bad == NULL);
	if (v.type == VALUE_STR || v.type == VALUE_BYTES ||
	    v.type >= VALUE_UNKNOWN_MIN)
		v.bytes = hex_bytes(w, rest + 1);
	else if (v.type >= VALUE_UINT)
		v.u64 = hex_bits(w, rest + 1);
	return v;
}

static enum obj_type
words_type(struct words *w)
{
	const char *word = words_next(w);

	if (strcmp(word, "map") == 0)
		return OBJ_MAP;
	return strcmp(word, "list") == 0 ? OBJ_LIST : OBJ_TEXT;
}

lk_err
words_obj(struct words *w, struct doc *doc, struct op_id *id)
{
	const char *word = words_next(w), *at = strchr(word, '@');
	const char *bad = NULL;
	char ctr[24] = { 0 };

	*id = DOC_ROOT;
	if (strcmp(word, "_root") == 0)
		return LK_NONE;
	LK_ASSERT(at != NULL && at - word < (ptrdiff_t)sizeof(ctr));
	memcpy(ctr, word, (size_t)(at - word));
	id->ctr = (uint64_t)strtonum(ctr, 1, UINT32_MAX, &bad);
	LK_ASSERT(bad == NULL);
	return doc_actor_find(doc, hex_bytes(w, at + 1), &id->actor);
}

/* One op of those that name a place in a map or a sequence. */
static lk_err
edit_at_prop(struct words *w, struct edit *e, const char *op, struct op_id obj)
{
	struct prop prop = words_prop(w);
	struct op_id made;
	struct value v;

	if (strcmp(op, "put") == 0) {
		v = words_value(w);
		return edit_put(e, obj, prop, &v);
	}
	if (strcmp(op, "make") == 0)
		return edit_make(e, obj, prop, words_type(w), &made);
	if (strcmp(op, "del") == 0)
		return edit_delete(e, obj, prop);
	LK_ASSERT(strcmp(op, "inc") == 0);
	return edit_increment(
	    e, obj, prop, (int64_t)hex_bits(w, words_next(w)));
}

static lk_err
edit_range(struct words *w, struct edit *e, struct op_id text)
{
	struct mark_range range = { 0 };
	uint64_t expand;

	range.start = words_number(w);
	range.end = words_number(w);
	range.mark.name = words_hex(w);
	expand = words_number(w);
	LK_ASSERT(expand <= EXPAND_BOTH);
	range.mark.value = words_value(w);
	return edit_mark(e, text, &range, (enum mark_expand)expand);
}

static lk_err
edit_block(struct words *w, struct edit *e, const char *op, struct op_id text)
{
	uint64_t pos = words_number(w);
	struct op_id made;

	if (strcmp(op, "join") == 0)
		return edit_block_join(e, text, pos);
	return strcmp(op, "split") == 0
	    ? edit_block_split(e, text, pos, &made)
	    : edit_block_update(e, text, pos, &made);
}

static lk_err
edit_one(struct words *w, struct doc *doc, struct edit *e)
{
	const char *op = words_next(w);
	struct op_id obj, made;
	struct value v;
	uint64_t at, del;

	TRY(words_obj(w, doc, &obj));
	if (strcmp(op, "mark") == 0)
		return edit_range(w, e, obj);
	if (strcmp(op, "split") == 0 || strcmp(op, "join") == 0 ||
	    strcmp(op, "update") == 0)
		return edit_block(w, e, op, obj);
	if (strcmp(op, "splice") == 0) {
		at = words_number(w);
		del = words_number(w);
		return edit_splice(e, obj, at, del, words_hex(w));
	}
	if (strncmp(op, "ins", 3) != 0)
		return edit_at_prop(w, e, op, obj);
	at = words_number(w);
	if (strcmp(op, "insmake") == 0)
		return edit_insert_obj(e, obj, at, words_type(w), &made);
	v = words_value(w);
	return edit_insert(e, obj, at, &v);
}

/* Makes the edits, and of them a change. */
static lk_err
edit_run(struct twins *s, struct twin *t, struct words *w, struct edit *e,
    struct buf *out)
{
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };
	BUF_SCOPED chunk = { .max = CHANGE_BODY_MAX };
	uint8_t hash[LK_ID_LEN];

	while (words_more(w))
		TRY(edit_one(w, e->doc, e));
	TRY(edit_finish(e, &body, hash));
	if (body.len > 0)
		TRY(twin_made(s, t, buf_bytes(&body), true, &chunk));
	tree_hex(out, buf_bytes(&chunk));
	return LK_NONE;
}

lk_err
run_edit(struct twins *s, struct words *w, struct buf *out)
{
	struct twin *t = words_twin(w, s);
	struct bytes actor = words_hex(w), message, deps;
	uint64_t time = words_number(w);
	struct edit *e = NULL;
	struct change_head head;
	lk_err err;

	message = words_hex(w);
	deps = words_hex(w);
	TRY(twin_head(t, deps, actor, &head));
	head.time = (int64_t)time;
	head.message = message;
	TRY(edit_new(&e, t->doc, &head));
	err = edit_run(s, t, w, e, out);
	edit_free(e);
	return err;
}

lk_err
run_old(struct twins *s, struct words *w, struct buf *out)
{
	struct twin *t = words_twin(w, s);
	struct change_head head = { .time = (int64_t)words_number(w) };
	struct bytes deps = words_hex(w);
	struct edit *e = NULL;
	struct edit_actor actor;
	lk_err err;

	head.deps = deps.ptr;
	head.deps_len = deps.len / LK_ID_LEN;
	TRY(edit_actor_at(t->doc, BYTES(t->actor, t->actor_len),
	    (const uint8_t(*)[LK_ID_LEN])(uintptr_t)deps.ptr, head.deps_len,
	    &actor));
	head.actor = BYTES(actor.id, actor.len);
	head.seq = actor.seq;
	head.start_op = 1;
	for (size_t x = 0; x < s->pool.len; x++)
		if (t->has[x] &&
		    change_max_op(&s->pool.all[x]) >= head.start_op)
			head.start_op = change_max_op(&s->pool.all[x]) + 1;
	TRY(edit_new_at(&e, t->doc, &head));
	err = edit_run(s, t, w, e, out);
	edit_free(e);
	return err;
}
