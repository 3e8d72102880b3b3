#include "crdt/doc_history.h"

#include <stdlib.h>

#include "crdt/opset.h"

lk_err
past_of_heads(struct doc *doc, const uint8_t (*heads)[LK_ID_LEN], size_t n,
    struct doc_past *out)
{
	uint32_t *numbers = calloc(n + 1, sizeof(*numbers));
	lk_err err = LK_NONE;

	if (numbers == NULL)
		return LK_ERR(LK_E_NOMEM, "heads");
	for (size_t i = 0; i < n && err.code == LK_OK; i++)
		err = doc_change_find(doc, heads[i], &numbers[i]);
	if (err.code == LK_OK)
		err = past_of_new(doc, DOC_NO_ACTOR, numbers, n, out);
	free(numbers);
	return err;
}

/* The numbers that changes in one past and not in another can have. */
static void
since_range(const struct clock *from, const struct clock *to, uint32_t *low,
    uint32_t *high)
{
	*low = UINT32_MAX;
	*high = 0;
	for (size_t i = 0; i < to->len; i++) {
		uint32_t had = i < from->len ? from->latest[i] : 0;

		if (to->latest[i] <= had)
			continue;
		if (*low > had)
			*low = had;
		if (*high < to->latest[i])
			*high = to->latest[i];
	}
}

lk_err
doc_since(struct doc *doc, const uint8_t (*from)[LK_ID_LEN], size_t from_len,
    const uint8_t (*to)[LK_ID_LEN], size_t to_len, doc_change_fn *each,
    void *ctx)
{
	PAST_SCOPED had = { 0 };
	PAST_SCOPED has = { 0 };
	uint32_t low, high;

	TRY(past_of_heads(doc, from, from_len, &had));
	TRY(past_of_heads(doc, to, to_len, &has));
	since_range(had.clock, has.clock, &low, &high);
	for (uint32_t n = low; n < high; n++) {
		struct doc_change_info info;
		struct doc_change c;

		TRY(doc_change_load(doc, n, &c));
		if (past_has(&had, c.actor, n) || !past_has(&has, c.actor, n))
			continue;
		change_info(&c, &info);
		TRY(each(ctx, &info));
	}
	return LK_NONE;
}

lk_err
doc_op_change(struct doc *doc, struct op_id id, struct doc_change_info *out)
{
	struct doc_change c;
	struct op_ref at;

	TRY(doc_trim(doc));
	if (id.ctr > OP_COUNTER_MAX)
		return LK_ERR(LK_E_NOTFOUND, "op");
	TRY(opset_find(doc, id_pack(id), &at));
	TRY(doc_change_load(doc, at.op->change, &c));
	change_info(&c, out);
	return LK_NONE;
}
