#include "daemon/change_json.h"

bool
change_counts(const struct change_info *info)
{
	return info->has_change || info->is_import;
}

static struct json_object *
kinds_json(uint32_t kinds)
{
	static const struct {
		enum op_kind kind;
		const char *name;
	} names[] = {
		{ OP_GENESIS, "genesis" },
		{ OP_GRANT, "grant" },
		{ OP_REVOKE, "revoke" },
		{ OP_LEAVE, "leave" },
		{ OP_CHANGE, "change" },
		{ OP_EPOCH, "epoch" },
		{ OP_SHARE, "share" },
		{ OP_IMPORT, "import" },
	};
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (kinds & UINT32_C(1) << names[i].kind)
			json_object_array_add(
			    list, json_object_new_string(names[i].name));
	return list;
}

struct json_object *
change_json(struct replica *replica, const struct change_info *info)
{
	struct json_object *o = json_object_new_object();
	char who[2 * LK_NAME_MAX + 8];

	/* First: the message is gone with the next call of the replica. */
	if (info->message.len > 0)
		json_add_bytes(o, "message", info->message);
	else
		json_object_object_add(o, "message", NULL);
	home_who(replica, info->author, who, sizeof(who));
	json_add_number(o, "cursor", info->lsn);
	json_add_id(o, "id", BYTES_OF(info->id));
	json_add_id(o, "hash", BYTES_OF(info->hash));
	json_add_id(o, "author", BYTES_OF(info->author));
	json_add_text(o, "who", who);
	json_add_number(o, "seq", info->seq);
	json_add_number(o, "ops", info->ops);
	json_add_time(o, "time", (struct wall){ info->time * 1000 });
	json_add_flag(o, "visible", info->visible);
	json_add_id(o, "voided_by", BYTES_OF(info->voided_by));
	json_add_flag(o, "import", info->is_import);
	json_object_object_add(o, "kinds", kinds_json(info->kinds));
	return o;
}
