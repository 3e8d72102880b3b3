#include "daemon/stranded_json.h"

#include "crdt/doc_history.h"
#include "daemon/subject.h"

struct stranding {
	struct doc *doc;
	const struct doc_change_info *change;
	uint64_t ops;
	struct json_object *by; /* an object, by hash */
};

static lk_err
because_add(struct stranding *st, struct op_id ghost)
{
	char hex[2 * LK_ID_LEN + 1];
	struct doc_change_info info;

	TRY(doc_op_change(st->doc, ghost, &info));
	hex_encode(hex, BYTES_OF(info.hash));
	json_object_object_add(st->by, hex, NULL);
	return LK_NONE;
}

static lk_err
op_count(void *ctx, const struct doc_stranded *s)
{
	struct stranding *st = ctx;
	struct doc_change_info info;

	TRY(doc_op_change(st->doc, s->op, &info));
	if (info.number != st->change->number)
		return LK_NONE;
	st->ops++;
	for (size_t i = 0; i < s->because_len; i++)
		TRY(because_add(st, s->because[i]));
	return LK_NONE;
}

static void
stranding_tell(const struct stranding *st, struct json_object *o)
{
	struct json_object *list = json_object_new_array();

	json_add_number(o, "stranded", st->ops);
	json_object_object_add(o, "stranded_by", list);
	json_object_object_foreach(st->by, hash, none)
	{
		(void)none;
		json_object_array_add(list, json_object_new_string(hash));
	}
}

lk_err
json_add_stranded(struct json_object *o, struct doc *doc,
    const struct doc_change_info *change)
{
	struct stranding st = {
		.doc = doc, .change = change, .by = json_object_new_object()
	};
	lk_err err = doc_stranded(doc, op_count, &st);

	if (err.code == LK_E_LIMIT) {
		json_object_object_add(o, "stranded", NULL);
		err = LK_NONE;
	} else if (err.code == LK_OK && st.ops > 0) {
		stranding_tell(&st, o);
	}
	json_object_put(st.by);
	return err;
}
