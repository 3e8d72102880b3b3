#include "daemon/change_json.h"

#include <string.h>

bool
change_counts(const struct change_info *info)
{
	return info->hashes.len > 0;
}

struct wall
change_time(int64_t seconds)
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
		{ OP_BAN, "ban" },
		{ OP_LEAVE, "leave" },
		{ OP_GUARD, "guard" },
		{ OP_CHANGE, "change" },
		{ OP_ADOPT, "adopt" },
		{ OP_EPOCH, "epoch" },
		{ OP_SHARE, "share" },
		{ OP_REKEY, "rekey" },
		{ OP_IMPORT, "import" },
	};
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (kinds & UINT32_C(1) << names[i].kind)
			json_object_array_add(
			    list, json_object_new_string(names[i].name));
	return list;
}

static bool
ref_equal(const struct grant_ref *a, const struct grant_ref *b)
{
	return a->index == b->index && memcmp(a->env, b->env, LK_ID_LEN) == 0;
}

/* Whether the grant that this one was issued under is in the same list: a
 * person is named once, not with each device. */
static bool
is_below(const struct graph *g, const struct member *m, uint32_t ended_by)
{
	struct member above;

	if (!(m->flags & GRANT_OWN))
		return false;
	if (ended_by == GRAPH_NONE)
		return memcmp(m->parent.env, m->grant.env, LK_ID_LEN) == 0;
	for (size_t i = 0; i < graph_members_len(g); i++) {
		graph_member(g, i, &above);
		if (ref_equal(&above.grant, &m->parent))
			return above.ended_by == ended_by;
	}
	return false;
}

/* Whom an envelope granted something, or (`ended`) took it from: who, key,
 * role, which for the latter is what remains. */
static struct json_object *
members_json(struct replica *replica, uint32_t docno,
    const struct change_info *info, bool ended)
{
	struct json_object *list = json_object_new_array();
	struct graph *g;
	struct member m;

	for (size_t i = 0;; i++) {
		char who[2 * LK_NAME_MAX + 8];
		struct json_object *o;
		uint32_t node;

		/* Naming people may read other documents meanwhile. */
		if (replica_graph(replica, docno, &g).code != LK_OK ||
		    i >= graph_members_len(g))
			return list;
		graph_member(g, i, &m);
		node = ended ? m.ended_by : m.node;
		if (node == GRAPH_NONE || node != graph_find(g, info->id) ||
		    is_below(g, &m, ended ? node : GRAPH_NONE))
			continue;
		home_who(replica, m.key, who, sizeof(who));
		o = json_object_new_object();
		json_object_array_add(list, o);
		json_add_text(o, "who", who);
		json_add_id(o, "key", BYTES_OF(m.key));
		json_add_text(o, "role", role_name(ended ? m.now : m.role));
	}
}

struct json_object *
change_json(
    struct replica *replica, uint32_t docno, const struct change_info *info)
{
	const uint32_t ends =
	    UINT32_C(1) << OP_REVOKE | UINT32_C(1) << OP_LEAVE;
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
	json_add_time(o, "time", change_time(info->time));
	json_add_time(o, "received", info->received);
	json_object_object_add(o, "message", message);
	/* Only content is void as such; the rest is unless it was revoked. */
	json_add_flag(o, "visible",
	    change_counts(info) ? info->visible : !is_voided(info));
	json_add_id(o, "voided_by", BYTES_OF(info->voided_by));
	if (info->damaged)
		json_add_flag(o, "damaged", true);
	json_add_flag(o, "import", info->is_import);
	json_object_object_add(o, "kinds", kinds_json(info->kinds));
	if (info->kinds & UINT32_C(1) << OP_GRANT)
		json_object_object_add(
		    o, "granted", members_json(replica, docno, info, false));
	if (info->kinds & ends)
		json_object_object_add(
		    o, "ended", members_json(replica, docno, info, true));
	return o;
}
