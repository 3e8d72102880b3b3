/*
 * change_again.h - for tests: writes a decoded change anew, through op_reader
 * and change_writer, as an application would have made it.
 */
#ifndef TESTS_CHANGE_AGAIN_H
#define TESTS_CHANGE_AGAIN_H

#include <stdlib.h>

#include "crdt/change.h"

struct change_again {
	struct change_writer *writer;
	struct op_reader *reader;
	uint32_t *numbers; /* the writer's, by the change's */
	struct op_id *preds;
	size_t preds_cap;
};

static inline void
change_again_clear(struct change_again *a)
{
	change_writer_free(a->writer);
	op_reader_free(a->reader);
	free(a->numbers);
	free(a->preds);
}

/* Adds one op; predecessors in reverse, since the writer sorts them. */
static inline lk_err
change_again_op(struct change_again *a, const struct op *read)
{
	struct op op = *read;

	op.obj.actor = a->numbers[op.obj.actor];
	op.elem.actor = a->numbers[op.elem.actor];
	if (op.preds_len > a->preds_cap) {
		free(a->preds);
		a->preds = calloc(op.preds_len, sizeof(*a->preds));
		if (a->preds == NULL)
			return LK_ERR(LK_E_NOMEM, "predecessors");
		a->preds_cap = op.preds_len;
	}
	for (size_t i = 0; i < op.preds_len; i++) {
		a->preds[i] = read->preds[op.preds_len - 1 - i];
		a->preds[i].actor = a->numbers[a->preds[i].actor];
	}
	op.preds = a->preds;
	return change_writer_add(a->writer, &op);
}

static inline lk_err
change_again_run(
    struct change_again *a, const struct change *c, struct buf *body)
{
	struct change_head head = { .deps = c->deps,
		.deps_len = c->deps_len,
		.actor = c->actor,
		.seq = c->seq,
		.start_op = c->start_op,
		.time = c->time,
		.message = c->message,
		.extra = c->extra };
	struct op op;
	size_t n = 0;

	TRY(change_writer_new(&a->writer, &head));
	TRY(op_reader_new(&a->reader, c));
	a->numbers = calloc(c->others_len + 1, sizeof(*a->numbers));
	if (a->numbers == NULL)
		return LK_ERR(LK_E_NOMEM, "actors");
	/* Backwards, so that the writer has to sort and to renumber. */
	for (size_t i = c->others_len; i > 0; i--)
		TRY(change_writer_actor(
		    a->writer, change_actor(c, (uint32_t)i), &a->numbers[i]));
	while (op_reader_next(a->reader, &op)) {
		TRY(change_again_op(a, &op));
		n++;
	}
	if (n != c->ops_len)
		return LK_ERR(LK_E_DATA, "the reader lost an op");
	return change_writer_finish(a->writer, body);
}

static inline lk_err
change_again(const struct change *c, struct buf *body)
{
	struct change_again a = { 0 };
	lk_err err = change_again_run(&a, c, body);

	change_again_clear(&a);
	return err;
}

#endif
