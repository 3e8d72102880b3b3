#include "crdt/op_naming.h"

#include "crdt/fork_rename.h"

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

/* What a branch is called; an actor may have those very bytes. */
static lk_err
naming_branch(struct op_naming *n, struct bytes actor,
    const uint8_t begins[static LK_ID_LEN], uint32_t *number)
{
	uint8_t name[ACTOR_NAME_MAX];
	struct bytes bytes = BYTES(name, actor.len + LK_ID_LEN);
	uint32_t first;
	lk_err err;

	memcpy(name, actor.ptr, actor.len);
	memcpy(name + actor.len, begins, LK_ID_LEN);
	err = branch_named(n->doc, &n->intake->past, bytes, &first);
	if (err.code == LK_OK)
		return LK_ERR(LK_E_DATA, "two things have one name");
	if (err.code != LK_E_NOTFOUND)
		return err;
	return change_writer_actor(n->writer, bytes, number);
}

/* The writer's number for an op of an actor who forked. */
static lk_err
naming_forked(struct op_naming *n, uint64_t id, const struct doc_actor *a,
    uint32_t *number)
{
	struct intake *in = n->intake;
	const struct branch_map *map;
	uint32_t stretch = BRANCH_PLAIN;

	if (id_actor(id) == in->author && id_ctr(id) >= in->start_op)
		return change_writer_actor(n->writer, a->id, number);
	TRY(branch_map_get(n->doc, &in->past, a->first, &in->maps, &map));
	if (!branch_map_stretch(map, id, &stretch))
		return LK_ERR(
		    LK_E_DATA, "the edit does not depend on what it names");
	if (stretch == BRANCH_PLAIN)
		return change_writer_actor(n->writer, a->id, number);
	return naming_branch(n, a->id, map->stretches[stretch].begins, number);
}

static lk_err
naming_renamed(struct op_naming *n, uint64_t id, uint32_t *number)
{
	BUF_SCOPED name = { .max = SIZE_MAX };

	TRY(renaming_op(n->renaming, id, &name));
	return change_writer_actor(n->writer, buf_bytes(&name), number);
}

/* The writer's number for everything of an actor of one chain. */
static lk_err
naming_whole(struct op_naming *n, uint64_t id, uint32_t *number)
{
	uint32_t actor = id_actor(id);
	struct doc_actor *a;

	if (actor >= n->numbers_len)
		TRY(naming_grow(n));
	if (n->numbers[actor] == 0) {
		TRY(doc_actor_load(n->doc, actor, &a));
		TRY(n->renaming != NULL
			? naming_renamed(n, id, number)
			: change_writer_actor(n->writer, a->id, number));
		n->numbers[actor] = *number + 1;
	}
	*number = n->numbers[actor] - 1;
	return LK_NONE;
}

lk_err
op_naming_id(struct op_naming *n, uint64_t id, struct op_id *out)
{
	struct doc_actor *a, *first;

	*out = (struct op_id){ .ctr = id_ctr(id) };
	if (id == 0)
		return LK_NONE;
	TRY(doc_actor_load(n->doc, id_actor(id), &a));
	TRY(doc_actor_load(n->doc, a->first, &first));
	if (first->link == 0)
		return naming_whole(n, id, &out->actor);
	return n->renaming != NULL ? naming_renamed(n, id, &out->actor)
				   : naming_forked(n, id, a, &out->actor);
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
