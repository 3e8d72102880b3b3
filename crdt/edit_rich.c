#include <string.h>

#include "crdt/edit_state.h"
#include "crdt/tree.h"

/* Makes the element at a place of a text, which shows as U+FFFC, the part that
 * is wanted there; NULL: just this character. */
static lk_err
part_fit(struct edit *e, struct op_id text, uint64_t place, struct tree *part)
{
	struct tree_place at = { .obj = text, .prop = { .index = place } };
	struct item item;
	bool string;

	TRY(doc_get(e->doc, text, at.prop, &item));
	string = !item.is_obj && item.value.type == VALUE_STR;
	if (part == NULL && string)
		return LK_NONE;
	if (part != NULL && !string && item.is_obj == (part->kind == TREE_MAP))
		return edit_tree(e, e->doc,
		    &(struct tree_change){
			.at = &at, .wanted = part, .detail = TREE_FULL });
	TRY(edit_splice(e, text, place, 1, BYTES_STR("")));
	if (part == NULL)
		return edit_splice(
		    e, text, place, 0, BYTES_STR("\xef\xbf\xbc"));
	at.insert = true;
	return edit_assign(e, &at, part);
}

lk_err
edit_rich(struct edit *e, struct op_id text, const struct tree *wanted)
{
	static const struct rich nothing;
	const struct rich *rich =
	    wanted->rich == NULL ? &nothing : wanted->rich;
	uint64_t place = 0;
	size_t part = 0, counted = 0;

	for (size_t at = text_object(wanted->text, 0); at < wanted->text.len;
	     at = text_object(wanted->text, at + 1)) {
		struct tree *tree = NULL;

		place +=
		    utf8_count(BYTES(wanted->text.ptr + counted, at - counted));
		counted = at;
		if (part < rich->parts_len && rich->parts[part].at == place)
			tree = &rich->parts[part++].tree;
		TRY(part_fit(e, text, place, tree));
	}
	return edit_mark_list(e, e->doc, text, &rich->marks);
}
