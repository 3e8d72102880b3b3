#include <stdlib.h>

#include "crdt/doc_ghost.h"
#include "crdt/export_form.h"
#include "crdt/op_naming.h"
#include "crypto/digest.h"

#define SUFFIX_LEN 8
#define ACTOR_LEN 16

/* What became of a change, by its number. */
struct rewritten {
	uint8_t hash[LK_ID_LEN]; /* of the last one it was cut into */
	uint64_t max_op;         /* greatest counter of it and its ancestors */
	bool kept, has_user;
	/* Of one that is not: whose dependants follow what it followed. */
	uint32_t *deps; /* in the arena */
	size_t deps_len;
};

struct cleaning {
	struct doc *doc;
	struct arena arena;
	const struct present *present;
	struct rewritten *changes;
	struct renaming *renaming;
	uint32_t *latest;
	uint8_t suffix[SUFFIX_LEN];
	struct id_set objects;  /* made by visible changes only, all the way */
	struct id_set kept;     /* ops */
	struct id_set named;    /* ops that a kept one names */
	struct id_list fillers; /* elements that ghosts inserted */
	struct op_naming naming;
	struct change_bodies *out;
	/* Of the change at hand. */
	const struct change *change;
	uint32_t number;
	struct doc_change rec;
	uint32_t *deps;
	size_t deps_len;
	struct change_writer *writer; /* NULL: the next op starts one */
	uint64_t next_ctr;            /* that would go on in it */
	struct op_id *preds;
	size_t preds_cap;
};

static void
cleaning_clear(struct cleaning *c)
{
	change_writer_free(c->writer);
	op_naming_clear(&c->naming);
	arena_clear(&c->arena);
	free(c->changes);
	free(c->latest);
	free(c->deps);
	free(c->preds);
	id_set_clear(&c->objects);
	id_set_clear(&c->kept);
	id_set_clear(&c->named);
	id_list_clear(&c->fillers);
}

/* Other hashes under the same names would be a fork: so there are other names
 * for each set of ghosts. */
static void
suffix_make(struct cleaning *c)
{
	struct sha256_state s;
	uint8_t digest[SHA256_LEN];

	sha256_init(&s);
	sha256_add(&s, BYTES_STR("lk clean"));
	sha256_add(&s, buf_bytes(&c->present->ghosts));
	sha256_final(&s, digest);
	memcpy(c->suffix, digest, SUFFIX_LEN);
}

static lk_err
cleaning_open(struct cleaning *c)
{
	size_t changes = c->doc->head.changes, actors = c->doc->head.actors;

	c->changes = calloc(changes + 1, sizeof(*c->changes));
	c->latest = calloc(actors + 1, sizeof(*c->latest));
	c->deps = calloc(changes + 1, sizeof(*c->deps));
	if (c->changes == NULL || c->latest == NULL || c->deps == NULL)
		return LK_ERR(LK_E_NOMEM, "clean export");
	suffix_make(c);
	c->naming.doc = c->doc;
	c->naming.renaming = c->renaming;
	c->renaming->suffix = BYTES_OF(c->suffix);
	return LK_NONE;
}

/* Dependencies. */

static int
number_down(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x > y ? -1 : x < y;
}

/* Of c->deps, which may repeat itself, those that are no ancestor of another:
 * the later ones have pasts that hold the earlier ones. */
static lk_err
deps_reduce(struct cleaning *c)
{
	size_t actors = c->doc->head.actors, len = 0;

	if (c->deps_len > 1)
		qsort(c->deps, c->deps_len, sizeof(c->deps[0]), number_down);
	memset(c->latest, 0, actors * sizeof(c->latest[0]));
	for (size_t i = 0; i < c->deps_len; i++) {
		uint32_t n = c->deps[i];
		struct doc_change change;

		if (i > 0 && n == c->deps[i - 1])
			continue;
		TRY(doc_change_load(c->doc, n, &change));
		if (n < c->latest[change.actor])
			continue;
		TRY(past_join(c->doc, n, c->latest));
		c->deps[len++] = n;
	}
	c->deps_len = len;
	return LK_NONE;
}

static lk_err
deps_add(struct cleaning *c, const uint32_t *deps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		/* Each fits once; what is there twice makes room. */
		if (c->deps_len == c->doc->head.changes)
			TRY(deps_reduce(c));
		c->deps[c->deps_len++] = deps[i];
	}
	return LK_NONE;
}

/* What the change at hand follows in the new history. */
static lk_err
deps_find(struct cleaning *c)
{
	c->deps_len = 0;
	for (size_t i = 0; i < c->change->deps_len; i++) {
		const struct rewritten *dep;
		uint32_t n;

		TRY(doc_change_find(
		    c->doc, c->change->deps + i * LK_ID_LEN, &n));
		dep = &c->changes[n];
		TRY(dep->kept ? deps_add(c, &n, 1)
			      : deps_add(c, dep->deps, dep->deps_len));
	}
	return deps_reduce(c);
}

/* Writing. */

/* The head of a change by `actor` that follows everything at c->deps. */
static lk_err
head_hashes(struct cleaning *c, struct buf *hashes, uint64_t *max_op)
{
	*max_op = 0;
	buf_init(hashes, (size_t)UINT32_MAX * LK_ID_LEN);
	for (size_t i = 0; i < c->deps_len; i++) {
		struct rewritten *dep = &c->changes[c->deps[i]];

		buf_mem(hashes, dep->hash, LK_ID_LEN);
		dep->has_user = true;
		if (*max_op < dep->max_op)
			*max_op = dep->max_op;
	}
	return buf_err(hashes, "dependencies");
}

/* Starts the next piece of the change at hand; start 0: it has no ops. */
static lk_err
piece_begin(struct cleaning *c, uint64_t start)
{
	struct rewritten *r = &c->changes[c->number];
	struct change_head head = { .start_op = start };
	BUF_SCOPED actor = { .max = SIZE_MAX };
	BUF_SCOPED deps = { .max = LK_ID_LEN };

	if (r->kept)
		buf_mem(&deps, r->hash, LK_ID_LEN);
	else
		TRY(head_hashes(c, &deps, &r->max_op));
	TRY(renaming_author(c->renaming, &c->rec, &actor));
	TRY(renaming_seq(c->renaming, &c->rec, &head.seq));
	head.actor = buf_bytes(&actor);
	head.deps = deps.ptr;
	head.deps_len = deps.len / LK_ID_LEN;
	if (start == 0)
		head.start_op = r->max_op + 1;
	/* Nothing that a ghost says. */
	if (c->rec.visible) {
		head.time = c->change->time;
		head.message = c->change->message;
		head.extra = c->change->extra;
	}
	TRY(change_writer_new(&c->writer, &head));
	op_naming_reset(&c->naming, c->writer);
	c->next_ctr = head.start_op;
	return LK_NONE;
}

static lk_err
piece_end(struct cleaning *c)
{
	struct rewritten *r = &c->changes[c->number];
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };

	TRY(change_writer_finish(c->writer, &body));
	change_writer_free(c->writer);
	c->writer = NULL;
	chunk_hash(r->hash, CHUNK_CHANGE, buf_bytes(&body));
	r->kept = true;
	if (r->max_op < c->next_ctr - 1)
		r->max_op = c->next_ctr - 1;
	return change_bodies_add(c->out, buf_bytes(&body));
}

static lk_err
preds_name(struct cleaning *c, const struct id_list *names)
{
	if (names->len > c->preds_cap) {
		struct op_id *preds =
		    reallocarray(c->preds, names->len, sizeof(*preds));

		if (preds == NULL)
			return LK_ERR(LK_E_NOMEM, "predecessors");
		c->preds = preds;
		c->preds_cap = names->len;
	}
	return op_naming_ids(&c->naming, names->ids, names->len, c->preds);
}

/* `op` has everything but ids; `stored` is what it was in the document. */
static lk_err
op_write(struct cleaning *c, const struct stored_op *stored, struct op *op,
    const struct id_list *names)
{
	uint64_t ctr = id_ctr(stored->id);
	uint64_t elem = stored->insert ? stored->ref : stored->slot;

	if (c->writer != NULL && ctr != c->next_ctr)
		TRY(piece_end(c));
	if (c->writer == NULL)
		TRY(piece_begin(c, ctr));
	TRY(op_naming_id(&c->naming, stored->obj, &op->obj));
	TRY(op_naming_id(&c->naming, stored->in_map ? 0 : elem, &op->elem));
	TRY(preds_name(c, names));
	op->preds = c->preds;
	op->preds_len = names->len;
	c->next_ctr = ctr + 1;
	return change_writer_add(c->writer, op);
}

/* Ops. */

static lk_err
covers_push(struct cleaning *c, struct op_ref at, struct id_list *stack)
{
	EDGES_SCOPED edges = { 0 };

	TRY(opset_edges(c->doc, at, &edges));
	for (size_t i = 0; i < edges.covers_len; i++)
		TRY(id_list_add(stack, edges.covers[i]));
	return LK_NONE;
}

/* What an op covers, directly or through ghosts; of an increment only what is
 * no ghost and which it names itself. */
static lk_err
covered_find(struct cleaning *c, struct op_ref op, struct id_list *out)
{
	bool counts = op.op->action == ACTION_INCREMENT;
	ID_LIST_SCOPED stack = { 0 };
	ID_SET_SCOPED seen = { 0 };

	TRY(covers_push(c, op, &stack));
	while (stack.len > 0) {
		uint64_t id = stack.ids[--stack.len];
		struct op_ref at;
		bool fresh;

		TRY(id_set_add(&seen, id, &fresh));
		if (!fresh)
			continue;
		TRY(opset_load(c->doc, id, &at));
		if (at.op->visible || !counts)
			TRY(id_list_add(out, id));
		if (!at.op->visible && !counts)
			TRY(covers_push(c, at, &stack));
	}
	return LK_NONE;
}

/* The values an op is to name in the new history. */
static lk_err
names_find(struct cleaning *c, struct op_ref op, struct id_list *names)
{
	ID_LIST_SCOPED all = { 0 };
	bool fresh;

	if (op.op->action == ACTION_INCREMENT)
		TRY(ghost_targets(c->doc, op, &all));
	TRY(covered_find(c, op, &all));
	for (size_t i = 0; i < all.len; i++) {
		if (!id_set_has(&c->kept, all.ids[i]))
			continue;
		TRY(id_list_add(names, all.ids[i]));
		TRY(id_set_add(&c->named, all.ids[i], &fresh));
	}
	return LK_NONE;
}

static lk_err
clean_op(struct cleaning *c, uint64_t id, struct op *op)
{
	ID_LIST_SCOPED names = { 0 };
	enum obj_type type;
	struct op_ref at;
	bool fresh, kills;

	TRY(doc_trim(c->doc));
	TRY(opset_load(c->doc, id, &at));
	if (at.op->obj != 0 && !id_set_has(&c->objects, at.op->obj))
		return LK_NONE;
	kills = op->action == ACTION_DELETE || op->action == ACTION_INCREMENT;
	if (c->rec.visible) {
		TRY(names_find(c, at, &names));
		if (kills && names.len == 0)
			return LK_NONE;
		if (object_of_action(op->action, &type))
			TRY(id_set_add(&c->objects, id, &fresh));
	} else {
		if (!op->insert)
			return LK_NONE;
		*op = (struct op){ .key_kind = op->key_kind,
			.insert = true,
			.action = ACTION_SET };
		TRY(id_list_add(&c->fillers, id));
	}
	if (!kills)
		TRY(id_set_add(&c->kept, id, &fresh));
	return op_write(c, at.op, op, &names);
}

/* A ghost that leaves nothing: its dependants follow what it followed. */
static lk_err
change_drop(struct cleaning *c)
{
	struct rewritten *r = &c->changes[c->number];

	r->deps_len = c->deps_len;
	r->deps = arena_alloc(&c->arena, c->deps_len * sizeof(*r->deps));
	if (r->deps == NULL)
		return LK_ERR(LK_E_LIMIT, "dependencies");
	if (c->deps_len > 0)
		memcpy(r->deps, c->deps, c->deps_len * sizeof(*r->deps));
	return LK_NONE;
}

static lk_err
clean_ops(struct cleaning *c, struct op_reader *r)
{
	struct op op;

	for (uint64_t i = 0; op_reader_next(r, &op); i++)
		TRY(clean_op(
		    c, (c->change->start_op + i) << 32 | c->rec.actor, &op));
	return LK_NONE;
}

static lk_err
clean_change(struct cleaning *c, const struct change *change)
{
	struct op_reader *r;
	lk_err err;

	TRY(doc_change_find(c->doc, change->hash, &c->number));
	if (c->present->how[c->number] == PRESENT_NOT)
		return LK_NONE;
	TRY(doc_change_load(c->doc, c->number, &c->rec));
	c->change = change;
	TRY(deps_find(c));
	TRY(op_reader_new(&r, change));
	err = clean_ops(c, r);
	op_reader_free(r);
	TRY(err);
	if (c->writer != NULL)
		return piece_end(c);
	if (c->changes[c->number].kept)
		return LK_NONE;
	if (!c->rec.visible)
		return change_drop(c);
	TRY(piece_begin(c, 0));
	return piece_end(c);
}

/* The last change: it deletes the elements that stand for those of ghosts. */

static lk_err
filler_delete(struct cleaning *c, uint64_t id)
{
	struct op op = {
		.key_kind = KEY_ELEM, .action = ACTION_DELETE, .preds_len = 1
	};
	struct op_ref at;

	if (id_set_has(&c->named, id))
		return LK_NONE;
	TRY(doc_trim(c->doc));
	TRY(opset_load(c->doc, id, &at));
	TRY(op_naming_id(&c->naming, at.op->obj, &op.obj));
	TRY(op_naming_id(&c->naming, id, &op.elem));
	op.preds = &op.elem;
	return change_writer_add(c->writer, &op);
}

static lk_err
last_begin(struct cleaning *c)
{
	struct change_head head = { .seq = 1 };
	uint8_t digest[SHA256_LEN];
	struct sha256_state s;
	BUF_SCOPED deps = { 0 };

	c->deps_len = 0;
	for (uint32_t n = 0; n < c->doc->head.changes; n++)
		if (c->changes[n].kept && !c->changes[n].has_user)
			c->deps[c->deps_len++] = n;
	TRY(head_hashes(c, &deps, &head.start_op));
	head.start_op++;
	head.deps = deps.ptr;
	head.deps_len = c->deps_len;
	if (deps.len > 0)
		qsort(deps.ptr, c->deps_len, LK_ID_LEN, lk_id_compare);
	sha256_init(&s);
	sha256_add(&s, BYTES_STR("lk clean"));
	sha256_add(&s, buf_bytes(&deps));
	sha256_final(&s, digest);
	head.actor = BYTES(digest, ACTOR_LEN);
	TRY(change_writer_new(&c->writer, &head));
	op_naming_reset(&c->naming, c->writer);
	return LK_NONE;
}

static lk_err
last_change(struct cleaning *c)
{
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };

	if (c->fillers.len == 0)
		return LK_NONE;
	TRY(last_begin(c));
	for (size_t i = 0; i < c->fillers.len; i++)
		TRY(filler_delete(c, c->fillers.ids[i]));
	if (change_writer_ops(c->writer) == 0)
		return LK_NONE;
	TRY(change_writer_finish(c->writer, &body));
	return change_bodies_add(c->out, buf_bytes(&body));
}

static lk_err
clean_all(struct cleaning *c, const struct change *changes, size_t n)
{
	TRY(cleaning_open(c));
	for (size_t i = 0; i < n; i++)
		TRY(clean_change(c, &changes[i]));
	return last_change(c);
}

lk_err
export_clean(struct renaming *renaming, const struct present *present,
    const struct change *changes, size_t n, struct change_bodies *out)
{
	struct cleaning c = { .doc = renaming->doc,
		.renaming = renaming,
		.present = present,
		.out = out };
	lk_err err;

	arena_init(&c.arena, DOCUMENT_BODY_MAX);
	err = clean_all(&c, changes, n);
	cleaning_clear(&c);
	return err;
}
