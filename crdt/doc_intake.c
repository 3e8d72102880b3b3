#include "crdt/doc_intake.h"

#include <stdlib.h>

#include "crdt/sequence.h"

/* What an id of the change refers to: an op stored, or one of its own. */
struct target {
	uint64_t obj, slot; /* slot: map slots have a number only if stored */
	const struct intake_op *own; /* NULL: stored */
	uint8_t action;
	bool insert;
};

void
intake_clear(struct intake *in)
{
	free(in->names);
	free(in->ops);
	branch_maps_clear(&in->maps);
	past_clear(&in->past);
	*in = (struct intake){ 0 };
}

static lk_err
refuse(const char *what)
{
	return LK_ERR(LK_E_MALFORMED, what);
}

/* An id of no op when the name stands for none with that counter. */
uint64_t
intake_id(const struct intake *in, struct op_id id)
{
	const struct intake_name *n = &in->names[id.actor];
	uint32_t chain = n->chain;

	if (id.ctr == 0)
		return 0;
	if (id.actor == 0 && id.ctr >= in->start_op)
		chain = in->author;
	else if (n->map != NULL)
		chain = branch_map_chain(n->map, n->stretch, id.ctr);
	return id.ctr << 32 | chain;
}

uint64_t
intake_own_id(const struct intake *in, size_t index)
{
	return (in->start_op + index) << 32 | in->author;
}

static lk_err
intake_deps(struct intake *in, const struct change_head *head, uint32_t *deps)
{
	for (size_t i = 0; i < head->deps_len; i++) {
		struct doc_change dep;
		lk_err err = doc_change_find(
		    in->doc, head->deps + i * LK_ID_LEN, &deps[i]);

		if (err.code == LK_E_NOTFOUND)
			return LK_ERR(LK_E_WAIT, "a dependency is missing");
		TRY(err);
		TRY(doc_change_load(in->doc, deps[i], &dep));
		if (dep.past_max_op > in->past_max_op)
			in->past_max_op = dep.past_max_op;
	}
	return LK_NONE;
}

static lk_err
intake_past(struct intake *in, const struct change_head *head, uint32_t first)
{
	uint32_t *deps = calloc(head->deps_len + 1, sizeof(*deps));
	lk_err err;

	if (deps == NULL)
		return LK_ERR(LK_E_NOMEM, "dependencies");
	err = intake_deps(in, head, deps);
	if (err.code == LK_OK)
		err = past_of_new(
		    in->doc, first, deps, head->deps_len, &in->past);
	free(deps);
	return err;
}

lk_err
intake_open(struct intake *in, struct doc *doc, const struct change_head *head)
{
	uint32_t first;
	lk_err err;

	in->doc = doc;
	in->start_op = head->start_op;
	err = doc_actor_find(doc, head->actor, &first);
	if (err.code == LK_E_NOTFOUND)
		first = DOC_NO_ACTOR;
	else
		TRY(err);
	TRY(intake_past(in, head, first));
	TRY(branch_place(doc, first, &in->past, &in->place));
	in->author = in->past.actor;
	if (head->seq != in->place.seq + 1)
		return refuse("seq");
	if (head->start_op <= in->past_max_op)
		return refuse("startOp is not above the ancestors' ops");
	return LK_NONE;
}

lk_err
intake_author(
    struct intake *in, struct bytes actor, const uint8_t hash[static LK_ID_LEN])
{
	if (in->author < in->doc->head.actors)
		return LK_NONE;
	if (in->place.parts)
		return branch_add(in->doc, &in->place, hash, &in->author);
	return doc_actor_add(in->doc, actor, &in->author);
}

/* What an actor's bytes alone stand for. */
static lk_err
name_plain(struct intake *in, uint32_t first, struct intake_name *out)
{
	struct doc_actor *a;

	out->chain = first;
	TRY(doc_actor_load(in->doc, first, &a));
	return a->link == 0
	    ? LK_NONE
	    : branch_map_get(in->doc, &in->past, first, &in->maps, &out->map);
}

/* What an actor's bytes with a hash behind stand for.  NOTFOUND. */
static lk_err
name_branch(struct intake *in, struct bytes name, struct intake_name *out)
{
	struct intake_name n = { 0 };
	uint32_t first;

	if (name.len <= LK_ID_LEN)
		return LK_ERR(LK_E_NOTFOUND, "branch");
	name.len -= LK_ID_LEN;
	TRY(doc_actor_find(in->doc, name, &first));
	TRY(name_plain(in, first, &n));
	if (n.map == NULL ||
	    !branch_map_find(n.map, name.ptr + name.len, &n.stretch))
		return LK_ERR(LK_E_NOTFOUND, "branch");
	*out = n;
	return LK_NONE;
}

static lk_err
intake_name(struct intake *in, struct bytes bytes, struct intake_name *out)
{
	uint32_t first;
	lk_err err = branch_named(in->doc, &in->past, bytes, &first);

	if (err.code == LK_OK)
		return name_plain(in, first, out);
	if (err.code == LK_E_NOTFOUND)
		err = name_branch(in, bytes, out);
	/* It has no change here, so none in the past. */
	return err.code == LK_E_NOTFOUND ? refuse("an op of an unknown actor")
					 : err;
}

static lk_err
intake_names(struct intake *in)
{
	const struct change *c = in->change;

	in->names = calloc(c->others_len + 1, sizeof(*in->names));
	if (in->names == NULL)
		return LK_ERR(LK_E_NOMEM, "actors of a change");
	if (in->place.first != DOC_NO_ACTOR)
		TRY(name_plain(in, in->place.first, &in->names[0]));
	in->names[0].chain = in->place.parts ? in->place.chain : in->author;
	for (size_t i = 0; i < c->others_len; i++)
		TRY(intake_name(in, c->others[i], &in->names[i + 1]));
	return LK_NONE;
}

lk_err
intake_recall(
    struct intake *in, struct doc *doc, const struct change *c, uint32_t number)
{
	struct doc_actor *a;

	in->doc = doc;
	in->change = c;
	in->start_op = c->start_op;
	TRY(past_of_change(doc, number, false, &in->past));
	in->author = in->past.actor;
	TRY(doc_actor_load(doc, in->author, &a));
	in->place = (struct branch_place){
		.first = a->first, .chain = in->author, .prev = DOC_NO_CHANGE
	};
	return intake_names(in);
}

/* What id names, if the change's author can have known it; NOTFOUND. */
static lk_err
intake_target(struct intake *in, uint64_t id, struct target *out)
{
	uint64_t start = in->start_op;
	struct op_ref at;

	if (id_actor(id) == in->author && id_ctr(id) >= start) {
		uint64_t i = id_ctr(id) - start;
		const struct intake_op *own = &in->ops[i];

		if (i >= in->ops_len)
			return LK_ERR(LK_E_NOTFOUND, "op");
		*out = (struct target){ .own = own,
			.obj = own->obj,
			.slot = own->insert ? id : own->elem,
			.action = own->action,
			.insert = own->insert };
		return LK_NONE;
	}
	/* The author is new: it has no op stored. */
	if (id_actor(id) >= in->doc->head.actors)
		return LK_ERR(LK_E_NOTFOUND, "op");
	TRY(opset_find(in->doc, id, &at));
	if (!past_has(&in->past, id_actor(id), at.op->change))
		return LK_ERR(LK_E_NOTFOUND, "op");
	*out = (struct target){ .obj = at.op->obj,
		.slot = at.op->slot,
		.action = at.op->action,
		.insert = at.op->insert };
	return LK_NONE;
}

/* A missing op breaks a rule; other errors are passed on. */
static lk_err
intake_named(
    struct intake *in, uint64_t id, const char *rule, struct target *out)
{
	lk_err err = intake_target(in, id, out);

	return err.code == LK_E_NOTFOUND ? refuse(rule) : err;
}

static lk_err
check_object(struct intake *in, const struct op *op)
{
	enum obj_type type = OBJ_MAP;
	struct target t;

	if (op->obj.ctr > 0) {
		TRY(intake_named(
		    in, intake_id(in, op->obj), "object missing", &t));
		if (!object_of_action(t.action, &type))
			return refuse("object missing");
	}
	if ((type == OBJ_MAP) != (op->key_kind == KEY_MAP))
		return refuse("key kind");
	if (op->key_kind == KEY_MAP && op->insert)
		return refuse("insert on map");
	if (op->key_kind == KEY_HEAD && !op->insert)
		return refuse("set on HEAD");
	if (op->action == ACTION_MARK && (type != OBJ_TEXT || !op->insert))
		return refuse("mark place");
	return LK_NONE;
}

static lk_err
check_element(struct intake *in, const struct op *op)
{
	struct target t;

	if (op->key_kind != KEY_ELEM)
		return LK_NONE;
	TRY(intake_named(in, intake_id(in, op->elem), "element missing", &t));
	if (!t.insert || t.obj != intake_id(in, op->obj))
		return refuse("element missing");
	/* It would have to be shown, and no editor can mean it. */
	if (!op->insert && t.action == ACTION_MARK)
		return refuse("a mark is not an element");
	return LK_NONE;
}

/* The number of the op's map slot; 0: no op in the document has that key. */
static lk_err
map_slot_number(struct intake *in, const struct op *op, uint64_t *out)
{
	struct slot s;
	lk_err err =
	    slot_load_key(in->doc, intake_id(in, op->obj), op->key, false, &s);

	*out = err.code == LK_OK ? s.ref : 0;
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

static lk_err
check_preds(struct intake *in, const struct op *op)
{
	uint64_t obj = intake_id(in, op->obj), slot = 0;
	bool in_map = op->key_kind == KEY_MAP;

	if (op->preds_len == 0)
		return op->action == ACTION_DELETE ||
			op->action == ACTION_INCREMENT
		    ? refuse("delete or increment without pred")
		    : LK_NONE;
	if (op->insert)
		return refuse("insert with pred");
	if (in_map)
		TRY(map_slot_number(in, op, &slot));
	else
		slot = intake_id(in, op->elem);
	for (size_t i = 0; i < op->preds_len; i++) {
		struct target t;
		bool same;

		TRY(intake_named(
		    in, intake_id(in, op->preds[i]), "bad pred", &t));
		if (in_map && t.own != NULL)
			same = bytes_equal(t.own->key, op->key);
		else
			same = t.slot == slot;
		if (!same || t.obj != obj || t.action == ACTION_DELETE ||
		    t.action == ACTION_INCREMENT)
			return refuse("bad pred");
	}
	return LK_NONE;
}

static lk_err
intake_op(struct intake *in, const struct op *op)
{
	TRY(doc_trim(in->doc));
	TRY(check_object(in, op));
	TRY(check_element(in, op));
	TRY(check_preds(in, op));
	in->ops[in->ops_len++] = (struct intake_op){
		.obj = intake_id(in, op->obj),
		.elem = intake_id(in, op->elem),
		.key = op->key,
		.action = op->action,
		.insert = op->insert,
	};
	return LK_NONE;
}

static lk_err
intake_ops(struct intake *in)
{
	struct op_reader *r;
	struct op op;
	bool marks = false;
	lk_err err;

	in->ops = calloc(in->change->ops_len + 1, sizeof(*in->ops));
	if (in->ops == NULL)
		return LK_ERR(LK_E_NOMEM, "ops of a change");
	TRY(op_reader_new(&r, in->change));
	err = LK_NONE;
	while (err.code == LK_OK && op_reader_next(r, &op)) {
		err = intake_op(in, &op);
		marks |= op.action == ACTION_MARK;
	}
	op_reader_free(r);
	TRY(err);
	return marks ? intake_check_marks(in) : LK_NONE;
}

lk_err
intake_check(struct intake *in, struct doc *doc, const struct change *change)
{
	struct change_head head = { .deps = change->deps,
		.deps_len = change->deps_len,
		.actor = change->actor,
		.seq = change->seq,
		.start_op = change->start_op };
	uint32_t number;
	bool taken;
	lk_err found;

	/* One that is known has a seq that is known. */
	TRY(doc_has_seq(doc, change->actor, change->seq, &taken));
	if (taken) {
		found = doc_change_find(doc, change->hash, &number);
		if (found.code == LK_OK)
			return LK_ERR(LK_E_EXISTS, "the change is known");
		if (found.code != LK_E_NOTFOUND)
			return found;
	}
	TRY(intake_open(in, doc, &head));
	/* A document holds only its greatest op, which would be nobody's. */
	if (change->ops_len == 0 && change->start_op != in->past_max_op + 1)
		return refuse("startOp of a change without ops");
	in->change = change;
	TRY(intake_names(in));
	return intake_ops(in);
}

void
intake_place(const struct intake *in, size_t index, const struct op *op,
    uint64_t *preds, struct placed_op *out)
{
	for (size_t i = 0; i < op->preds_len; i++)
		preds[i] = intake_id(in, op->preds[i]);
	*out = (struct placed_op){ .id = intake_own_id(in, index),
		.obj = intake_id(in, op->obj),
		.elem = intake_id(in, op->elem),
		.in_map = op->key_kind == KEY_MAP,
		.insert = op->insert,
		.expand = op->expand,
		.has_name = op->has_mark_name,
		.action = op->action,
		.key = op->key,
		.value = op->value,
		.name = op->mark_name,
		.preds = preds,
		.preds_len = op->preds_len };
}
