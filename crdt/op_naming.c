#include "crdt/op_naming.h"

#include <stdlib.h>

/* Room for every actor the document has by now. */
static lk_err
naming_grow(struct op_naming *n)
{
	size_t len = n->doc->head.actors;
	uint32_t *numbers = reallocarray(n->numbers, len, sizeof(*numbers));

	if (numbers == NULL)
		return LK_ERR(LK_E_NOMEM, "actors of a change");
	memset(numbers + n->numbers_len, 0,
	    (len - n->numbers_len) * sizeof(*numbers));
	n->numbers = numbers;
	n->numbers_len = len;
	return LK_NONE;
}

static lk_err
naming_actor(struct op_naming *n, uint32_t actor, uint32_t *number)
{
	struct doc_actor *a;
	BUF_SCOPED name = { .max = SIZE_MAX };

	TRY(doc_actor_load(n->doc, actor, &a));
	if (n->suffix.len == 0)
		return change_writer_actor(n->writer, a->id, number);
	buf_add(&name, a->id);
	buf_add(&name, n->suffix);
	TRY(buf_err(&name, "actors of a change"));
	return change_writer_actor(n->writer, buf_bytes(&name), number);
}

lk_err
op_naming_id(struct op_naming *n, uint64_t id, struct op_id *out)
{
	uint32_t actor = id_actor(id), number;

	*out = (struct op_id){ .ctr = id_ctr(id) };
	if (id == 0)
		return LK_NONE;
	if (actor >= n->numbers_len)
		TRY(naming_grow(n));
	if (n->numbers[actor] == 0) {
		TRY(naming_actor(n, actor, &number));
		n->numbers[actor] = number + 1;
	}
	out->actor = n->numbers[actor] - 1;
	return LK_NONE;
}

lk_err
op_naming_ids(
    struct op_naming *n, const uint64_t *ids, size_t len, struct op_id *out)
{
	for (size_t i = 0; i < len; i++)
		TRY(op_naming_id(n, ids[i], &out[i]));
	return LK_NONE;
}

void
op_naming_reset(struct op_naming *n, struct change_writer *writer)
{
	n->writer = writer;
	if (n->numbers_len > 0)
		memset(n->numbers, 0, n->numbers_len * sizeof(n->numbers[0]));
}

void
op_naming_clear(struct op_naming *n)
{
	free(n->numbers);
	n->numbers = NULL;
	n->numbers_len = 0;
}
