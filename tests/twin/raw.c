#include "tests/twin/twin.h"

#define KNOWN_MAX 16384
#define ACTORS_MAX 512
#define RAW_OPS_MAX 8
#define RAW_PREDS_MAX 32
#define NO_OP SIZE_MAX

/* An op in the past of the change that is made; actors are numbered here. */
struct known {
	struct op_id id, obj, slot; /* slot: the element; of a map: unused */
	struct bytes key;
	uint8_t action, type;
	bool in_map, insert;
	bool gone;        /* overwritten or deleted */
	bool incremented; /* which hides what is no counter */
};

struct raw {
	struct dice dice;
	struct twins *twins;
	struct change_writer *writer;
	struct bytes actors[ACTORS_MAX];
	size_t actors_len;
	struct known all[KNOWN_MAX];
	size_t len;
	uint64_t start_op;
	uint32_t author;
	bool loose; /* predecessors may be any, or missing */
};

static uint64_t
roll(struct raw *r, uint64_t sides)
{
	return dice_roll(&r->dice, sides);
}

static uint32_t
actor_number(struct raw *r, struct bytes actor)
{
	size_t i = 0;

	while (i < r->actors_len && !bytes_equal(r->actors[i], actor))
		i++;
	LK_ASSERT(i < ACTORS_MAX);
	if (i == r->actors_len)
		r->actors[r->actors_len++] = actor;
	return (uint32_t)i;
}

static bool
id_same(struct op_id a, struct op_id b)
{
	return a.ctr == b.ctr && (a.ctr == 0 || a.actor == b.actor);
}

static struct known *
known_find(struct raw *r, struct op_id id)
{
	for (size_t i = r->len; i > 0; i--)
		if (id_same(r->all[i - 1].id, id))
			return &r->all[i - 1];
	return NULL;
}

/* Adds an op whose ids have this program's actor numbers. */
static void
known_add(struct raw *r, struct op_id id, const struct op *op)
{
	struct known *k = &r->all[r->len++];

	LK_ASSERT(r->len < KNOWN_MAX);
	*k = (struct known){ .id = id,
		.obj = op->obj,
		.slot = op->insert ? id : op->elem,
		.key = op->key,
		.action = op->action,
		.type = op->value.type,
		.in_map = op->key_kind == KEY_MAP,
		.insert = op->insert };
	for (size_t i = 0; i < op->preds_len; i++) {
		struct known *p = known_find(r, op->preds[i]);

		LK_ASSERT(p != NULL);
		if (op->action == ACTION_INCREMENT)
			p->incremented = true;
		else
			p->gone = true;
	}
}

static struct op_id
renumber(struct raw *r, const struct change *c, struct op_id id)
{
	if (id.ctr > 0)
		id.actor = actor_number(r, change_actor(c, id.actor));
	return id;
}

static lk_err
known_of_change(struct raw *r, const struct change *c)
{
	struct op_reader *reader;
	uint32_t author = actor_number(r, c->actor);
	uint64_t ctr = c->start_op;
	struct op op;

	TRY(op_reader_new(&reader, c));
	while (op_reader_next(reader, &op)) {
		struct op_id *preds = calloc(op.preds_len + 1, sizeof(*preds));

		LK_ASSERT(preds != NULL);
		op.obj = renumber(r, c, op.obj);
		op.elem = renumber(r, c, op.elem);
		for (size_t i = 0; i < op.preds_len; i++)
			preds[i] = renumber(r, c, op.preds[i]);
		op.preds = preds;
		known_add(r, (struct op_id){ ctr++, author }, &op);
		free(preds);
	}
	op_reader_free(reader);
	return LK_NONE;
}

static bool
is_object(const struct known *k)
{
	return k->action == ACTION_MAKE_MAP || k->action == ACTION_MAKE_LIST ||
	    k->action == ACTION_MAKE_TEXT;
}

/* Any object there ever was, whether it is shown or not; NULL: the root. */
static struct known *
choose_object(struct raw *r)
{
	for (int tries = 0; r->len > 0 && tries < 20; tries++) {
		struct known *k = &r->all[roll(r, r->len)];

		if (is_object(k) && roll(r, 5) > 0)
			return k;
	}
	return NULL;
}

static const struct {
	const char *ptr;
	size_t len;
} raw_keys[] = { { "a", 1 }, { "b", 1 }, { "k1", 2 }, { "", 0 }, { "a\0b", 3 },
	{ "\xc3\xa4", 2 }, { "\xf0\x9f\x98\x80", 4 }, { "\xef\xbf\xbf", 3 } };

static const struct {
	const char *ptr;
	size_t len;
} raw_texts[] = { { "x", 1 }, { "y", 1 }, { "\xc3\xa9", 2 },
	{ "\xf0\x9f\x98\x80", 4 }, { "", 0 }, { "abc", 3 },
	{ "q\xf0\x9f\x98\x80z", 6 }, { "e\xcc\x81", 3 }, { "\0", 1 } };

static const int64_t raw_numbers[] = { 0, 1, -1, 63, 64, -64, -65, 8191, 8192,
	INT64_C(1) << 53, INT64_MAX, INT64_MIN, 1000 };

static struct bytes
choose_text(struct raw *r)
{
	size_t n = sizeof(raw_texts) / sizeof(raw_texts[0]);
	/* Mostly what an editor writes: one character. */
	size_t i = roll(r, roll(r, 4) > 0 ? 4 : n);

	return BYTES((const uint8_t *)raw_texts[i].ptr, raw_texts[i].len);
}

static struct value
choose_value(struct raw *r, bool text)
{
	static const uint8_t types[] = { VALUE_NULL, VALUE_FALSE, VALUE_TRUE,
		VALUE_UINT, VALUE_INT, VALUE_F64, VALUE_STR, VALUE_BYTES,
		VALUE_COUNTER, VALUE_COUNTER, VALUE_TIMESTAMP, 10, 15 };
	size_t n = sizeof(raw_numbers) / sizeof(raw_numbers[0]);
	struct value v = { .type = types[roll(r, sizeof(types))] };
	double d;

	if (text && roll(r, 6) > 0)
		v.type = VALUE_STR;
	switch (v.type) {
	case VALUE_NULL:
	case VALUE_FALSE:
	case VALUE_TRUE:
		break;
	case VALUE_UINT:
	case VALUE_INT:
	case VALUE_COUNTER:
		v.i64 = raw_numbers[roll(r, n)];
		break;
	case VALUE_TIMESTAMP:
		/* What a JavaScript date can hold. */
		v.i64 =
		    (int64_t)roll(r, UINT64_C(1) << 52) - (INT64_C(1) << 51);
		break;
	case VALUE_F64:
		/* Not 0: Automerge takes -0 for the same. */
		d = ((double)raw_numbers[roll(r, n)] + 0.5) / 3;
		f64_put(&v, d);
		break;
	default:
		v.bytes = choose_text(r);
		break;
	}
	return v;
}

/* An element of a sequence, shown or not; NO_OP when there is none. */
static size_t
choose_element(struct raw *r, struct op_id obj)
{
	size_t from = r->len == 0 ? 0 : roll(r, r->len);

	for (size_t n = 0; n < r->len; n++) {
		size_t i = (from + n) % r->len;

		if (r->all[i].insert && id_same(r->all[i].obj, obj))
			return i;
	}
	return NO_OP;
}

static bool
same_slot(const struct known *k, const struct op *op)
{
	if (!id_same(k->obj, op->obj) || k->in_map != (op->key_kind == KEY_MAP))
		return false;
	return k->in_map ? bytes_equal(k->key, op->key)
			 : id_same(k->slot, op->elem);
}

/* Whether an editor would name it: it is shown. */
static bool
is_shown(const struct known *k)
{
	if (k->action == ACTION_MARK || k->gone)
		return false;
	return !k->incremented ||
	    (k->action == ACTION_SET && k->type == VALUE_COUNTER);
}

/* Predecessors: what is shown, or some of all that ever was in the slot. */
static void
choose_preds(struct raw *r, struct op *op, struct op_id *preds)
{
	bool proper = !r->loose || roll(r, 3) > 0;

	for (size_t i = 0; i < r->len && op->preds_len < RAW_PREDS_MAX; i++) {
		struct known *k = &r->all[i];

		if (!same_slot(k, op) || k->action == ACTION_DELETE ||
		    k->action == ACTION_INCREMENT || k->action == ACTION_MARK)
			continue;
		if (proper ? is_shown(k) : roll(r, 3) == 0)
			preds[op->preds_len++] = k->id;
	}
	op->preds = preds;
}

/* Whether a predecessor is a counter. */
static bool
counts(struct raw *r, const struct op *op)
{
	for (size_t i = 0; i < op->preds_len; i++) {
		const struct known *k = known_find(r, op->preds[i]);

		if (k->action == ACTION_SET && k->type == VALUE_COUNTER)
			return true;
	}
	return false;
}

/* The writer's ids. */
static lk_err
written(struct raw *r, struct op_id *id)
{
	uint32_t number;

	if (id->ctr == 0)
		return LK_NONE;
	TRY(change_writer_actor(r->writer, r->actors[id->actor], &number));
	id->actor = number;
	return LK_NONE;
}

static lk_err
raw_write(struct raw *r, const struct op *op)
{
	struct op_id id = { r->start_op + change_writer_ops(r->writer),
		r->author };
	struct op_id preds[RAW_PREDS_MAX];
	struct op out = *op;

	TRY(written(r, &out.obj));
	TRY(written(r, &out.elem));
	for (size_t i = 0; i < op->preds_len; i++) {
		preds[i] = op->preds[i];
		TRY(written(r, &preds[i]));
	}
	out.preds = preds;
	TRY(change_writer_add(r->writer, &out));
	known_add(r, id, op);
	return LK_NONE;
}

/* Fills in where an op that inserts goes. */
static void
choose_reference(struct raw *r, struct op *op)
{
	size_t at = roll(r, 8) == 0 ? NO_OP : choose_element(r, op->obj);

	op->insert = true;
	op->key_kind = at == NO_OP ? KEY_HEAD : KEY_ELEM;
	if (at != NO_OP)
		op->elem = r->all[at].id;
}

static lk_err
raw_mark(struct raw *r, struct op_id text)
{
	static const char *const names[] = { "bold", "link", "" };
	const char *name = names[roll(r, 3)];
	struct op begin = { .obj = text, .action = ACTION_MARK };
	struct op end = { .obj = text, .action = ACTION_MARK };

	choose_reference(r, &begin);
	choose_reference(r, &end);
	begin.has_mark_name = true;
	begin.mark_name = BYTES_STR(name);
	begin.value = choose_value(r, true);
	begin.expand = roll(r, 2) == 0;
	end.expand = roll(r, 2) == 0;
	TRY(raw_write(r, &begin));
	return raw_write(r, &end);
}

static lk_err
raw_op(struct raw *r)
{
	static const uint8_t actions[] = { ACTION_SET, ACTION_SET, ACTION_SET,
		ACTION_SET, ACTION_MAKE_MAP, ACTION_MAKE_LIST, ACTION_MAKE_TEXT,
		ACTION_DELETE, ACTION_INCREMENT };
	struct known *obj = choose_object(r);
	struct op op = { .action = actions[roll(r, sizeof(actions))] };
	bool text = obj != NULL && obj->action == ACTION_MAKE_TEXT;
	struct op_id preds[RAW_PREDS_MAX];
	size_t key = roll(r, sizeof(raw_keys) / sizeof(raw_keys[0]));

	if (obj != NULL)
		op.obj = obj->id;
	if (text && roll(r, 6) == 0)
		return raw_mark(r, op.obj);
	if (obj == NULL || obj->action == ACTION_MAKE_MAP) {
		op.key_kind = KEY_MAP;
		op.key = BYTES(
		    (const uint8_t *)raw_keys[key].ptr, raw_keys[key].len);
	} else if (op.action != ACTION_DELETE &&
	    op.action != ACTION_INCREMENT && roll(r, 3) > 0) {
		choose_reference(r, &op);
	} else {
		size_t at = choose_element(r, op.obj);

		if (at == NO_OP)
			return LK_NONE;
		op.key_kind = KEY_ELEM;
		op.elem = r->all[at].id;
	}
	if (!op.insert &&
	    (!r->loose || op.action != ACTION_SET || roll(r, 8) > 0))
		choose_preds(r, &op, preds);
	if (op.preds_len == 0 &&
	    (op.action == ACTION_DELETE || op.action == ACTION_INCREMENT))
		return LK_NONE;
	/* Automerge 3.5.0 cannot read a text with a counter that was
	 * incremented. */
	if (op.action == ACTION_INCREMENT && !r->loose &&
	    (text || !counts(r, &op)))
		return LK_NONE;
	if (op.action == ACTION_SET)
		op.value = choose_value(r, text);
	if (op.action == ACTION_INCREMENT) {
		op.value = choose_value(r, false);
		op.value.type = roll(r, 4) == 0 ? VALUE_UINT : VALUE_INT;
		op.value.i64 = raw_numbers[roll(r, 10)];
	}
	return raw_write(r, &op);
}

/* Any set of changes and all they depend on. */
static void
choose_past(struct raw *r, const struct twin *t, bool *in)
{
	const struct changes *c = &r->twins->pool;
	bool all = roll(r, 3) > 0;

	for (size_t x = 0; x < c->len; x++)
		in[x] = t->has[x] && (all || roll(r, 6) == 0);
	/* Dependencies were put into the pool in any order. */
	for (bool more = true; more;) {
		more = false;
		for (size_t x = 0; x < c->len; x++)
			for (size_t d = 0; in[x] && d < c->all[x].deps_len;
			     d++) {
				size_t dep = changes_find(
				    c, c->all[x].deps + d * LK_ID_LEN);

				more |= !in[dep];
				in[dep] = true;
			}
	}
}

/* The twin's own actor if all of its changes are in the past, else a new one
 * that nobody can have. */
static struct bytes
choose_actor(
    struct raw *r, const struct twin *t, const bool *in, uint8_t *fresh)
{
	const struct changes *c = &r->twins->pool;
	struct bytes own = BYTES(t->actor, t->actor_len);
	bool whole = roll(r, 3) > 0;
	size_t len = 1 + roll(r, 20);

	for (size_t x = 0; x < c->len; x++)
		if (bytes_equal(c->all[x].actor, own))
			whole &= in[x];
	if (whole)
		return own;
	len = len < 8 ? len + 8 : len;
	for (size_t i = 0; i < len; i++)
		fresh[i] = (uint8_t)roll(r, 256);
	return BYTES(fresh, len);
}

static lk_err
raw_in_order(struct raw *r, const bool *in)
{
	size_t order[POOL_MAX], n = twins_order(r->twins, in, order);

	for (size_t i = 0; i < n; i++)
		TRY(known_of_change(r, &r->twins->pool.all[order[i]]));
	return LK_NONE;
}

lk_err
twin_raw(struct twins *s, struct twin *t, uint64_t seed, bool loose,
    struct buf *chunk)
{
	struct raw *r = calloc(1, sizeof(*r));
	bool in[POOL_MAX] = { false };
	uint8_t fresh[ACTOR_LEN_MAX];
	struct change_head head;
	BUF_SCOPED deps = { .max = CHANGE_BODY_MAX };
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };
	lk_err err;

	if (r == NULL)
		return LK_ERR(LK_E_NOMEM, "raw change");
	r->dice = dice_of(seed);
	r->twins = s;
	r->loose = loose;
	choose_past(r, t, in);
	twin_heads(s, t, in, &deps);
	err = raw_in_order(r, in);
	if (err.code == LK_OK)
		err = twin_head(
		    t, buf_bytes(&deps), choose_actor(r, t, in, fresh), &head);
	if (err.code == LK_OK) {
		head.start_op += roll(r, 6) == 0 ? roll(r, 100) : 0;
		head.time = (int64_t)roll(r, 4) * 1000000000;
		r->author = actor_number(r, head.actor);
		r->start_op = head.start_op;
		err = change_writer_new(&r->writer, &head);
	}
	for (size_t n = 1 + roll(r, RAW_OPS_MAX); err.code == LK_OK && n > 0;
	     n--)
		err = raw_op(r);
	if (err.code == LK_OK)
		err = change_writer_finish(r->writer, &body);
	change_writer_free(r->writer);
	free(r);
	TRY(err);
	err = twin_made(s, t, buf_bytes(&body), false, chunk);
	/* Chance may have put the end of a mark before its begin. */
	return err.code == LK_E_MALFORMED ? LK_NONE : err;
}
