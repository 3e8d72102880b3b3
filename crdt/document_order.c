#include <stdlib.h>
#include <string.h>

#include "crdt/document_write.h"

#define NO_OP UINT32_MAX
#define PREFIX_LEN 8

/* A row of a map, with the start of its key so that most comparisons need no
 * look elsewhere. */
struct map_row {
	uint64_t prefix;
	const uint8_t *key;
	uint32_t key_len;
	uint32_t number;
	size_t place; /* among the rows ascending by id */
};

struct orderer {
	const struct written_ops *w;
	uint32_t *order; /* rows in order so far */
	size_t len;
	/* Of elements: greatest child, next smaller sibling, first update.
	 * Of updates: `next` is the next one of the same element. */
	uint32_t *child, *next, *update;
	uint32_t *stack;
	struct map_row *map;
	size_t map_cap;
};

static uint64_t
obj_key(const void *ctx, uint32_t number)
{
	return document_row_obj(&((const struct document_row *)ctx)[number]);
}

static int
map_row_compare(const void *a, const void *b)
{
	const struct map_row *x = a, *y = b;
	int r;

	if (x->prefix != y->prefix)
		return x->prefix < y->prefix ? -1 : 1;
	r = bytes_compare(BYTES(x->key, x->key_len), BYTES(y->key, y->key_len));
	if (r != 0)
		return r;
	return x->place < y->place ? -1 : x->place > y->place;
}

static uint64_t
key_prefix(const struct document_row *r)
{
	uint64_t prefix = 0;

	for (size_t i = 0; i < PREFIX_LEN; i++)
		prefix = prefix << 8 | (i < r->text_len ? r->text[i] : 0);
	return prefix;
}

/* Rows of one map, given ascending by id. */
static lk_err
order_map(struct orderer *o, const uint32_t *numbers, size_t n)
{
	if (n > o->map_cap) {
		struct map_row *grown = reallocarray(o->map, n, sizeof(*grown));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "order of keys");
		o->map = grown;
		o->map_cap = n;
	}
	for (size_t i = 0; i < n; i++) {
		const struct document_row *r = &o->w->rows[numbers[i]];

		if (r->key_kind != KEY_MAP)
			return LK_ERR(LK_E_DATA, "key kinds of an object");
		o->map[i] = (struct map_row){ .prefix = key_prefix(r),
			.key = r->text,
			.key_len = r->text_len,
			.number = numbers[i],
			.place = i };
	}
	qsort(o->map, n, sizeof(*o->map), map_row_compare);
	for (size_t i = 0; i < n; i++)
		o->order[o->len++] = o->map[i].number;
	return LK_NONE;
}

/* The element that the row at a place among those of a sequence refers to:
 * while somebody types, the one before it. */
static lk_err
sequence_ref(
    const struct orderer *o, const uint32_t *numbers, size_t at, uint32_t *ref)
{
	const struct document_row *rows = o->w->rows, *r = &rows[numbers[at]];
	struct op_id id = { .ctr = r->elem_ctr, .actor = r->elem_actor };
	const struct document_row *e;

	if (at > 0 &&
	    document_row_id(&rows[numbers[at - 1]]) == document_row_elem(r))
		*ref = numbers[at - 1];
	else
		TRY(written_ops_find(o->w, id, ref));
	e = &rows[*ref];
	if (!e->insert || document_row_obj(e) != document_row_obj(r))
		return LK_ERR(LK_E_DATA, "an element is not in its object");
	return LK_NONE;
}

/*
 * Hangs each row below the element it refers to.  Ascending by id, each new
 * child becomes the first one, so that children end up descending; updates
 * are hung descending and end up ascending.
 */
static lk_err
sequence_link(
    struct orderer *o, const uint32_t *numbers, size_t n, uint32_t *head)
{
	const struct document_row *rows = o->w->rows;
	uint32_t ref;

	*head = NO_OP;
	for (size_t i = 0; i < n; i++) {
		const struct document_row *r = &rows[numbers[i]];
		uint32_t *first = head;

		if (r->key_kind == KEY_MAP)
			return LK_ERR(LK_E_DATA, "key kinds of an object");
		o->child[numbers[i]] = NO_OP;
		o->update[numbers[i]] = NO_OP;
		if (!r->insert)
			continue;
		if (r->key_kind == KEY_ELEM) {
			TRY(sequence_ref(o, numbers, i, &ref));
			first = &o->child[ref];
		}
		o->next[numbers[i]] = *first;
		*first = numbers[i];
	}
	for (size_t i = n; i > 0; i--) {
		uint32_t number = numbers[i - 1];

		if (rows[number].insert)
			continue;
		TRY(sequence_ref(o, numbers, i - 1, &ref));
		o->next[number] = o->update[ref];
		o->update[ref] = number;
	}
	return LK_NONE;
}

/* Rows of one list or text, given ascending by id: depth first. */
static lk_err
order_sequence(struct orderer *o, const uint32_t *numbers, size_t n)
{
	size_t depth = 0;
	uint32_t at;

	TRY(sequence_link(o, numbers, n, &at));
	while (at != NO_OP || depth > 0) {
		if (at == NO_OP) {
			at = o->stack[--depth];
			continue;
		}
		o->order[o->len++] = at;
		for (uint32_t u = o->update[at]; u != NO_OP; u = o->next[u])
			o->order[o->len++] = u;
		if (o->next[at] != NO_OP && o->child[at] != NO_OP)
			o->stack[depth++] = o->next[at];
		at = o->child[at] != NO_OP ? o->child[at] : o->next[at];
	}
	return LK_NONE;
}

static lk_err
order_objects(struct orderer *o, const uint32_t *numbers, size_t n)
{
	const struct document_row *rows = o->w->rows;

	for (size_t first = 0, end; first < n; first = end) {
		uint64_t obj = document_row_obj(&rows[numbers[first]]);

		for (end = first + 1; end < n; end++)
			if (document_row_obj(&rows[numbers[end]]) != obj)
				break;
		if (rows[numbers[first]].key_kind == KEY_MAP)
			TRY(order_map(o, numbers + first, end - first));
		else
			TRY(order_sequence(o, numbers + first, end - first));
	}
	return LK_NONE;
}

static lk_err
orderer_run(struct orderer *o, uint32_t *numbers)
{
	const struct written_ops *w = o->w;
	size_t n = 0;

	for (size_t i = 0; i < w->len; i++)
		if (w->rows[w->by_id[i]].action != ACTION_DELETE)
			numbers[n++] = w->by_id[i];
	order_by_key(numbers, o->stack, n, obj_key, w->rows);
	TRY(order_objects(o, numbers, n));
	/* Elements on a cycle, or below one, were never reached. */
	return o->len == n ? LK_NONE : LK_ERR(LK_E_DATA, "order of elements");
}

lk_err
document_order(const struct written_ops *w, uint32_t *order, size_t *n)
{
	struct orderer o = { .w = w, .order = order };
	uint32_t *numbers = calloc(w->len + 1, sizeof(*numbers));
	lk_err err = LK_ERR(LK_E_NOMEM, "order of rows");

	o.child = calloc(w->len + 1, sizeof(*o.child));
	o.next = calloc(w->len + 1, sizeof(*o.next));
	o.update = calloc(w->len + 1, sizeof(*o.update));
	o.stack = calloc(w->len + 1, sizeof(*o.stack));
	if (numbers != NULL && o.child != NULL && o.next != NULL &&
	    o.update != NULL && o.stack != NULL)
		err = orderer_run(&o, numbers);
	if (err.code == LK_OK)
		*n = o.len;
	free(numbers);
	free(o.child);
	free(o.next);
	free(o.update);
	free(o.stack);
	free(o.map);
	return err;
}
