#include "daemon/change_json.h"

#include <string.h>

bool
change_counts(const struct change_info *info)
{
	return info->has_change || info->is_import;
}

/* Authors may claim anything; what no calendar has is cut. */
static struct wall
claimed_time(int64_t seconds)
{
	const int64_t most = INT64_MAX / 1000;

	if (seconds > most || seconds < -most)
		return (struct wall){ seconds > 0 ? INT64_MAX : INT64_MIN };
	return (struct wall){ seconds * 1000 };
}

static bool
is_voided(const struct change_info *info)
{
	static const uint8_t none[LK_ID_LEN];

	return memcmp(info->voided_by, none, sizeof(none)) != 0;
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
	struct json_object *o = json_object_new_object(), *message = NULL;
	char who[2 * LK_NAME_MAX + 8];

	/* The next call of the replica ends it. */
	if (info->message.len > 0)
		message = json_object_new_string_len(
		    (const char *)info->message.ptr, (int)info->message.len);
	home_who(replica, info->author, who, sizeof(who));
	json_add_number(o, "cursor", info->lsn);
	json_add_id(o, "id", BYTES_OF(info->id));
	json_add_id(o, "hash", BYTES_OF(info->hash));
	json_add_id(o, "author", BYTES_OF(info->author));
	json_add_text(o, "who", who);
	json_add_number(o, "seq", info->seq);
	json_add_number(o, "ops", info->ops);
	json_add_time(o, "time", claimed_time(info->time));
	json_object_object_add(o, "message", message);
	/* Only content is void as such; the rest is unless it was revoked. */
	json_add_flag(o, "visible",
	    change_counts(info) ? info->visible : !is_voided(info));
	json_add_id(o, "voided_by", BYTES_OF(info->voided_by));
	json_add_flag(o, "import", info->is_import);
	json_object_object_add(o, "kinds", kinds_json(info->kinds));
	return o;
}
